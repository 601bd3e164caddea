"""The limit follows from its formulas, and the trainer in C agrees with the oracle."""

import math
from pathlib import Path

import numpy as np
import pytest

from backends_test import oracle
from backends_test.comparison import reference
from backends_test.comparison.inputs import STEPS, Inputs, make_inputs
from backends_test.comparison.stages import LADDER
from backends_test.oracle import Weights
from benchmarks import roofline
from benchmarks.baselines import c
from benchmarks.baselines.c import CompiledC
from benchmarks.roofline import Machine, Work, least_seconds, least_terms, measure_machine, work
from imdb_rnn import Corpus
from imdb_rnn.text.batches import Arrays

TOLERANCES = {stage.name: stage.bounds["float32"].tolerance for stage in LADDER}

compiled = pytest.mark.skipif(c.compiler() is None, reason=c.NO_COMPILER)


@pytest.fixture(scope="module")
def inputs(small_corpus: Corpus) -> Inputs:
    return make_inputs(small_corpus)


@pytest.fixture(scope="module")
def after_fifty(inputs: Inputs) -> list[np.ndarray]:
    """The oracle's weights after fifty steps of Adam."""
    return reference.steps(inputs.start, oracle.Adam(), inputs.batches[:STEPS]).arrays()


def worst(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    """The largest difference of any weight."""
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def test_the_work_of_the_default_is_what_was_written_down() -> None:
    places = 64 * 100
    assert roofline.weight_count(16, 8, 10_003) == 160_257
    assert roofline.forward_flops(64, 100, 16, 8) == places * (2 * 16 * 8 + 2 * 8 * 8) + 2 * 64 * 8 == 2_458_624
    assert roofline.backward_flops(64, 100, 16, 8) == 2 * 2_458_624 == 4_917_248
    assert roofline.elementwise_flops(64, 100, 8) == 10 * places * 8 == 512_000
    assert roofline.adam_flops(16, 8, 10_003) == 12 * 160_257 == 1_923_084
    assert work().flops == 2_458_624 + 4_917_248 + 512_000 + 1_923_084 == 9_810_956
    assert work().bytes == 6 * 4 * 160_257 + 4 * (places + 64) == 3_872_024
    assert work().chain == 200


def test_twice_the_batch_is_twice_the_products_and_the_same_adam_and_chain() -> None:
    assert roofline.forward_flops(128, 100, 16, 8) == 2 * roofline.forward_flops(64, 100, 16, 8)
    assert roofline.backward_flops(128, 100, 16, 8) == 2 * roofline.backward_flops(64, 100, 16, 8)
    assert work(batch=128).flops - work(batch=64).flops == work(batch=192).flops - work(batch=128).flops
    adam = 2 * work(batch=64).flops - work(batch=128).flops
    assert adam == roofline.adam_flops(16, 8, 10_003)
    assert work(batch=128).chain == work(batch=64).chain


def test_more_ids_are_more_for_adam_alone() -> None:
    more, less = work(ids=20_000), work(ids=10_000)
    assert more.flops - less.flops == 12 * 16 * 10_000
    assert more.bytes - less.bytes == 24 * 16 * 10_000


def test_twice_the_length_is_twice_the_chain() -> None:
    assert work(length=200).chain == 2 * work(length=100).chain == 400


@pytest.mark.parametrize(
    ("task", "binding", "seconds"),
    [
        (Work(flops=1_000, bytes=10, chain=1), "arithmetic", 10.0),
        (Work(flops=10, bytes=1_000, chain=1), "memory", 20.0),
        (Work(flops=10, bytes=10, chain=60), "chain", 30.0),
    ],
)
def test_the_slowest_of_the_three_binds(task: Work, binding: str, seconds: float) -> None:
    terms = least_terms(task, Machine(100.0, 10.0, 50.0, 0.5, "invented"))
    assert max(terms, key=lambda name: terms[name]) == binding
    assert least_seconds(task, Machine(100.0, 10.0, 50.0, 0.5, "invented")) == seconds


def test_what_was_not_measured_does_not_bind() -> None:
    task = Work(flops=10, bytes=10, chain=1_000_000)
    assert least_terms(task, Machine(10.0, 10.0, 5.0, None, "invented")) == {"arithmetic": 1.0, "memory": 2.0}
    assert least_seconds(task, Machine(None, None, None, None, "invented")) == 0


@compiled
def test_a_core_has_a_peak_two_bandwidths_and_a_latency() -> None:
    machine = measure_machine()
    figures = (machine.peak_flops, machine.copy_bandwidth, machine.cache_bandwidth, machine.recurrence_latency)
    assert all(figure is not None and math.isfinite(figure) and figure > 0 for figure in figures)
    assert machine.method.startswith("C, one thread; ")


@pytest.fixture
def no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a compiler."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(c, "load_kernel", c.load_kernel.__wrapped__)  # what is loaded already does not count


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_numpy_measures_what_it_can_and_says_so() -> None:
    machine = measure_machine()
    figures = (machine.peak_flops, machine.copy_bandwidth, machine.cache_bandwidth)
    assert all(figure is not None and math.isfinite(figure) and figure > 0 for figure in figures)
    assert machine.recurrence_latency is None
    assert machine.method.startswith("NumPy, approximately, because: no C compiler here.")
    assert "recurrence latency is not measured" in machine.method


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_the_program_says_why_it_cannot_run(inputs: Inputs) -> None:
    assert c.compiler() is None
    with pytest.raises(RuntimeError, match="no C compiler here"):
        CompiledC(inputs.start)


@compiled
def test_a_kernel_that_does_not_compile_shows_what_the_compiler_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "kernel.c"
    source.write_text("int train( { }\n", encoding="utf-8")
    monkeypatch.setattr(c, "SOURCE", source)
    with pytest.raises(RuntimeError, match=r"(?s)-O3 .*failed:\n.*error"):
        c.load_kernel.__wrapped__()


@compiled
def test_fifty_steps_in_c_are_those_of_the_oracle(inputs: Inputs, after_fifty: list[np.ndarray]) -> None:
    trainer = CompiledC(inputs.start)
    trainer.train(inputs.batches[:STEPS])
    weights = trainer.weights()
    assert [array.shape for array in weights] == [array.shape for array in inputs.start]
    assert {array.dtype for array in weights} == {np.dtype(np.float32)}
    difference = worst(weights, after_fifty)
    print(f"fifty steps: {difference:.1e}")
    assert difference <= TOLERANCES["fifty steps"]


@compiled
def test_another_epsilon_would_be_noticed(inputs: Inputs, after_fifty: list[np.ndarray]) -> None:
    trainer = CompiledC(inputs.start, epsilon=oracle.EPSILON / 10)
    trainer.train(inputs.batches[:STEPS])
    difference = worst(trainer.weights(), after_fifty)
    print(f"fifty steps, a tenth of epsilon: {difference:.1e}")
    assert difference > 10 * TOLERANCES["fifty steps"]


@compiled
def test_one_step_in_c_is_that_of_the_oracle(inputs: Inputs) -> None:
    """With the rows at the edges: all padding, one token, the highest id."""
    trainer = CompiledC(inputs.start)
    trainer.train(inputs.batches[:1])
    difference = worst(trainer.weights(), reference.steps(inputs.start, oracle.Adam(), inputs.batches[:1]).arrays())
    print(f"Adam: {difference:.1e}")
    assert difference <= TOLERANCES["Adam"]


@compiled
@pytest.mark.parametrize("left", [32, 7, 1])
def test_a_short_batch_does_not_disturb_those_after_it(inputs: Inputs, left: int) -> None:
    x, y = inputs.batches[1]
    batches = [inputs.batches[0], Arrays(x[:left], y[:left]), inputs.batches[2]]
    trainer = CompiledC(inputs.start)
    trainer.train(batches)
    expected = reference.steps(inputs.start, oracle.Adam(), batches).arrays()
    assert worst(trainer.weights(), expected) <= TOLERANCES["fifty steps"]


@compiled
def test_scores_in_c_are_those_of_the_oracle(inputs: Inputs) -> None:
    trainer = CompiledC(inputs.start)
    weights = Weights.of(inputs.start)
    for ids in (inputs.reviews.x[:331], inputs.batches[0].x):
        scores = trainer.predict(ids)
        assert (scores.shape, scores.dtype) == ((len(ids),), np.float32)
        difference = float(np.abs(scores - oracle.forward(weights, ids).scores[:, 0]).max())
        print(f"forward: {difference:.1e}")
        assert difference <= TOLERANCES["forward"]


@compiled
@pytest.mark.parametrize("logit", [30.0, -30.0])
def test_saturated_scores_have_no_gradient(inputs: Inputs, logit: float) -> None:
    start = [*inputs.start[:-1], np.full(1, logit, np.float32)]
    trainer = CompiledC(start)
    trainer.train(inputs.batches[:1])
    assert worst(trainer.weights(), start) == 0


@compiled
def test_given_weights_stay_as_they_are_and_those_returned_are_a_copy(inputs: Inputs) -> None:
    kept = [array.copy() for array in inputs.start]
    trainer = CompiledC(inputs.start)
    returned = trainer.weights()
    trainer.train(inputs.batches[:1])
    assert worst(inputs.start, kept) == 0
    assert worst(returned, kept) == 0


@compiled
@pytest.mark.parametrize("bad", [-1, 10_003])
def test_an_unknown_id_is_refused_and_nothing_changed(inputs: Inputs, bad: int) -> None:
    trainer = CompiledC(inputs.start)
    x = inputs.batches[0].x.copy()
    x[3, 5] = bad
    with pytest.raises(IndexError, match=r"Expected: from 0 to 10002\. Received: .*" + str(bad)):
        trainer.train([Arrays(x, inputs.batches[0].y)])
    with pytest.raises(IndexError, match=r"Expected: from 0 to 10002\. Received: .*" + str(bad)):
        trainer.predict(x)
    assert worst(trainer.weights(), inputs.start) == 0


@compiled
def test_weights_of_another_model_are_refused(inputs: Inputs) -> None:
    with pytest.raises(ValueError, match=r"Bad `weights`\. Expected: .*\(16, 8\).* Received: .*\(16, 4\)"):
        CompiledC([inputs.start[0], inputs.start[1][:, :4], *inputs.start[2:]])


@compiled
def test_tanh_in_c_is_accurate_also_near_zero() -> None:
    """Relative to the result, down to 1e-9: with exp(2a) - 1 rounded at one it would be wrong altogether."""
    near = np.geomspace(1e-9, 9.5, 4_000)
    values = np.concatenate([near, -near, [0.0, 20.0, -20.0, 1e30, -1e30, 13.0, -13.0, 1.0]]).astype(np.float32)
    results, no_weights = np.zeros_like(values), np.zeros(64, np.float32)
    for at in range(0, len(values), 8):
        state, term = np.zeros(8, np.float32), values[at : at + 8]
        c.load_kernel().recurrence(state.ctypes.data, term.ctypes.data, no_weights.ctypes.data, 1)
        results[at : at + 8] = state
    expected = np.tanh(values.astype(np.float64))
    np.testing.assert_allclose(results, expected, rtol=4e-7)  # worst seen: 2.6e-7, one thread of an AMD EPYC


@compiled
def test_other_code_of_the_process_keeps_its_denormal_numbers(inputs: Inputs) -> None:
    trainer = CompiledC(inputs.start)
    trainer.train(inputs.batches[:1])
    assert np.full(4, 1e-30, np.float32)[0] * np.float32(1e-10) > 0


@compiled
def test_the_program_says_what_compiled_it(inputs: Inputs) -> None:
    path = CompiledC(inputs.start).path()
    assert path["device"] == "cpu"
    assert path["threads"] == "1"
    assert path["compiler"]
    assert "-march=native" in path["flags"]
