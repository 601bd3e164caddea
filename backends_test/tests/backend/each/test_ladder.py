"""The backend against the oracle, stage by stage, in float32 and float64, on the CPU and on a GPU if there is one.

The stages, their tolerances and the measured differences are in backends_test/comparison/stages.py. `python -m
backends_test.comparison.artefact` computes them in a process of its own: with this library, which is kept for the
comparison of all pairs, and in float32 also with Keras alone. Each mistake at the end must break its stage. On a
machine that must have a GPU, and a build of the backend that uses it:

    KERAS_BACKEND=jax pytest backends_test/tests/backend/each/test_ladder.py --require-gpu
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

from backends_test import oracle, recurrent_oracle
from backends_test.comparison import recurrent, reference
from backends_test.comparison.inputs import STEPS, Inputs, load_corpus, make_inputs
from backends_test.comparison.reference import LEARNING_RATE, Tensors, named
from backends_test.comparison.stages import (
    DTYPES,
    EXCHANGED,
    LADDER,
    LAYERS,
    OPENVINO,
    OPENVINO_LABELS,
    SATURATED,
    Artefact,
    Stage,
    differences,
    read_artefact,
    stage_name,
)
from backends_test.oracle import Weights
from backends_test.recurrent_oracle import Backward, Derivatives
from imdb_rnn import build_model
from imdb_rnn.backends import load_backend
from imdb_rnn.text.batches import Arrays

COMPUTED = [stage for stage in LADDER if stage.name not in EXCHANGED]
# What keeps a process off the GPU, and what makes it exact there: no TensorFloat-32.
CPU_ONLY = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
NO_TF32 = {
    "NVIDIA_TF32_OVERRIDE": "0",
    "JAX_DEFAULT_MATMUL_PRECISION": "highest",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # the process of these tests holds the GPU as well
}


@pytest.fixture(scope="session")
def inputs() -> Inputs:
    return make_inputs(load_corpus())


@pytest.fixture(scope="session")
def expected(inputs: Inputs) -> dict[str, Tensors]:
    return reference.compute(inputs) | recurrent.compute(inputs)


@pytest.fixture(scope="session", params=DTYPES)
def dtype(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session", params=["cpu", "gpu"])
def device(request: pytest.FixtureRequest) -> str:
    actual = load_backend().device()
    if request.param == "gpu" and actual == "cpu":
        reason = f"no GPU: {keras.backend.backend()} runs on the {actual} here"
        if request.config.getoption("--require-gpu"):
            pytest.fail(f"{reason}, and --require-gpu was given")
        pytest.skip(reason)
    return str(request.param)


@cache
def computed(folder: Path, dtype: str, *, gpu: bool, way: str = "fast") -> Artefact:
    """What this backend computes, on this device and in this dtype, in a fresh process."""
    variables = (NO_TF32 if gpu else CPU_ONLY) | {"JAX_ENABLE_X64": "1" if dtype == "float64" else "0"}
    command = [sys.executable, "-P", "-m", "backends_test.comparison.artefact", folder, dtype, way]
    completed = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables})
    assert completed.returncode == 0, completed.stderr[-3000:]
    return read_artefact(folder, dtype)


@pytest.fixture(scope="session")
def artefact(artefacts: Path, device: str, dtype: str) -> Artefact:
    """What this backend computes. That on a CPU is left for the pairwise report."""
    gpu = device == "gpu"
    return computed(artefacts.with_name(f"{artefacts.name}-gpu") if gpu else artefacts, dtype, gpu=gpu)


@pytest.fixture(scope="session")
def single(artefacts: Path) -> Artefact:
    """What this backend computes in float32 on the CPU."""
    return computed(artefacts, "float32", gpu=False)


def check(stage: str, dtype: str, ours: Tensors, theirs: Tensors) -> None:
    """Fail if tensors differ by more than the tolerance of the stage."""
    (bound,) = (step.bounds[dtype] for step in [*LADDER, SATURATED] if step.name == stage)
    apart = differences(ours, theirs)
    print(f"{stage}, {dtype}: {max(apart.values()):.2e}")
    for tensor, difference in apart.items():
        assert difference <= bound.tolerance, f"{stage}: {tensor} in {dtype}"


@pytest.mark.parametrize("stage", COMPUTED, ids=lambda stage: stage.name.replace(" ", "-"))
def test_each_stage_is_that_of_the_oracle(
    artefact: Artefact, expected: dict[str, Tensors], stage: Stage, dtype: str
) -> None:
    check(stage.name, dtype, artefact.stages[stage.name], expected[stage.name])


@pytest.mark.parametrize("stage", COMPUTED, ids=lambda stage: stage.name.replace(" ", "-"))
def test_each_stage_of_keras_alone_is_that_of_the_oracle_too(
    artefacts: Path, expected: dict[str, Tensors], stage: Stage
) -> None:
    """Its own layers, its own steps; of ours only what makes optimizers compute one formula. On the CPU, in float32."""
    stock = computed(artefacts.with_name(f"{artefacts.name}-stock"), "float32", gpu=False, way="stock")
    check(stage.name, "float32", stock.stages[stage.name], expected[stage.name])


def test_an_artefact_says_what_made_it(
    artefact: Artefact, inputs: Inputs, backend: str, device: str, dtype: str
) -> None:
    note = artefact.note
    assert (note["backend"], note["dtype"]) == (backend, dtype)
    assert (note["device"] == "cpu") == (device == "cpu")
    assert note["versions"][backend] == load_backend().version()
    assert note["versions"]["keras"] == keras.__version__
    assert isinstance(note["jit_compile"], bool)
    assert note["data"] == inputs.data
    scores = artefact.stages["forward"]["reviews"]
    assert (scores.shape, scores.dtype) == ((1000, 1), np.dtype(dtype))
    assert all(array.dtype == np.dtype(dtype) for array in artefact.stages["fifty steps"].values())


def test_what_keras_evaluates_is_what_scikit_learn_makes_of_the_same_scores(
    artefact: Artefact, inputs: Inputs, dtype: str
) -> None:
    """Loss, accuracy, precision and recall, over batches of which the last is short."""
    scores = artefact.stages["forward"]["reviews"]
    check("evaluate", dtype, artefact.stages["evaluate"], reference.evaluate(scores, inputs.reviews.y))


@pytest.mark.parametrize("stage", [*LADDER, SATURATED], ids=lambda stage: stage.name.replace(" ", "-"))
def test_no_tolerance_is_wider_than_four_times_what_was_measured(stage: Stage) -> None:
    special = [OPENVINO[stage.name], OPENVINO_LABELS] if stage.name in OPENVINO else []
    for bound in [*stage.bounds.values(), *special]:
        assert bound.measured <= bound.tolerance <= 4 * bound.measured


def test_the_tokens_of_a_batch_repeat(inputs: Inputs) -> None:
    """Or gradients that are not summed before they are squared would not show in Adam and RMSprop."""
    assert len(np.unique(inputs.batches[0].x)) < inputs.batches[0].x.size / 2


def compiled(start: list[np.ndarray], optimizer: keras.optimizers.Optimizer, prepared: bool = True) -> keras.Model:
    model = build_model()
    model.set_weights(start)
    model.compile(optimizer=optimizer, loss="binary_crossentropy")
    if prepared:
        load_backend().prepare_optimizer(model.optimizer)
    return model


def test_a_saturated_loss_is_that_of_the_oracle_by_the_convention_of_the_backend(
    artefact: Artefact, inputs: Inputs, dtype: str, backend: str
) -> None:
    """Keras clips scores on JAX and PyTorch, and recovers the logits on TensorFlow: with a logit of 30 for a negative
    review the loss is about 16 without a derivative there, and 30 with one here."""
    clipped = backend != "tensorflow"
    expected = reference.saturated(inputs, dtype, clipped)
    check("saturated loss", dtype, artefact.stages["saturated loss"], expected)
    other = reference.saturated(inputs, dtype, not clipped)
    with pytest.raises(AssertionError, match="saturated loss: loss"):
        check("saturated loss", dtype, artefact.stages["saturated loss"], other)


# The mistakes. Each is made in the oracle, and the backend must then differ from it.


def unsummed_adam(start: list[np.ndarray], batch: Arrays) -> Weights:
    """One step of Adam as it would be with the squares of an id's gradients summed instead of the square of their sum.

    A model with an id of its own for each place in the batch has the gradients of the places apart.
    """
    x, y = batch
    weights = Weights.of(start)
    gradients = oracle.gradients(weights, x, y)
    places = oracle.gradients(
        Weights.of([weights.embeddings[x.ravel()], *weights.arrays()[1:]]), np.arange(x.size).reshape(x.shape), y
    )
    squares = np.zeros_like(weights.embeddings)
    np.add.at(squares, x.ravel(), places.embeddings**2)
    before = weights.embeddings.copy()
    oracle.Adam().apply(weights, gradients)
    rate = LEARNING_RATE * np.sqrt(1 - 0.999) / (1 - 0.9)
    weights.embeddings[:] = before - rate * 0.1 * gradients.embeddings / (np.sqrt(0.001 * squares) + oracle.EPSILON)
    return weights


@pytest.mark.parametrize("mistake", ["a transposed recurrent kernel", "a dropped bias", "padding shifted by one"])
def test_a_mistake_in_the_forward_pass_would_be_noticed(single: Artefact, inputs: Inputs, mistake: str) -> None:
    start, x = inputs.start, inputs.reviews.x
    mistaken, read = {
        "a transposed recurrent kernel": ([*start[:2], start[2].T, *start[3:]], x),
        "a dropped bias": ([*start[:3], 0 * start[3], *start[4:]], x),
        "padding shifted by one": (start, np.roll(x, -1, axis=1)),
    }[mistake]
    scores = oracle.forward(Weights.of(mistaken), read).scores
    with pytest.raises(AssertionError, match="forward: reviews"):
        check("forward", "float32", {"reviews": single.stages["forward"]["reviews"]}, {"reviews": scores})


@pytest.mark.parametrize("mistake", ["squares summed by id", "another epsilon", "Adam without bias correction"])
def test_a_mistake_in_adam_would_be_noticed(single: Artefact, inputs: Inputs, mistake: str) -> None:
    start, first = inputs.start, inputs.batches[:1]
    mistaken = {
        "squares summed by id": lambda: unsummed_adam(start, first[0]),
        "another epsilon": lambda: reference.steps(start, oracle.Adam(epsilon=1e-8), first),
        "Adam without bias correction": lambda: reference.steps(start, oracle.RMSprop(rho=0.999), first),
    }[mistake]()
    with pytest.raises(AssertionError, match="Adam: embeddings"):
        check("Adam", "float32", single.stages["Adam"], named(mistaken.arrays()))


def test_a_swapped_batch_would_be_noticed(single: Artefact, inputs: Inputs) -> None:
    swapped = [inputs.batches[1], inputs.batches[0], *inputs.batches[2:STEPS]]
    mistaken = reference.steps(inputs.start, oracle.Adam(), swapped)
    with pytest.raises(AssertionError, match="fifty steps: embeddings"):
        check("fifty steps", "float32", single.stages["fifty steps"], named(mistaken.arrays()))


@pytest.mark.parametrize(
    ("layer", "mistake"),
    [
        ("LSTM", "gates f and c swapped"),
        ("GRU", "gates z and r swapped"),
        ("GRU", "reset before the product"),
        ("GRU, reset_after=False", "gates z and r swapped"),
        ("SimpleRNN, relu", "tanh"),
    ],
)
def test_a_mistake_in_another_layer_would_be_noticed(
    single: Artefact, inputs: Inputs, layer: str, mistake: str
) -> None:
    start = recurrent.draw_start(layer)
    embeddings, kernel, recurrent_kernel, bias, *out = start
    x = inputs.reviews.x[: recurrent.REVIEWS]
    order = {
        "gates f and c swapped": np.r_[:8, 16:24, 8:16, 24:32],
        "gates z and r swapped": np.r_[8:16, :8, 16:24],
    }
    if mistake in order:
        swapped = [array[..., order[mistake]] for array in (kernel, recurrent_kernel, bias)]
        forward = recurrent_oracle.forward(
            recurrent_oracle.LAYERS[layer], Weights.of([embeddings, *swapped, *out]), x
        ).scores
    elif mistake == "tanh":
        forward = oracle.forward(Weights.of(start), x).scores
    else:
        before = Weights.of([embeddings, kernel, recurrent_kernel, bias.sum(axis=0), *out])
        forward = recurrent_oracle.forward(recurrent_oracle.LAYERS["GRU, reset_after=False"], before, x).scores
    name = stage_name(layer, "forward")
    with pytest.raises(AssertionError, match=f"{name}: reviews"):
        check(name, "float32", {"reviews": single.stages[name]["reviews"]}, {"reviews": forward})


def lstm_without_carry(weights: Weights, x: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, Backward]:
    """A step of an LSTM whose cell state passes no derivative on to the step before."""
    after, backward = recurrent_oracle.lstm(weights, x, states)

    def cut(d_states: np.ndarray) -> Derivatives:
        derivatives = backward(d_states)
        return derivatives._replace(states=derivatives.states * [[[1]], [[0]]])

    return after, cut


def test_a_derivative_that_is_not_carried_would_be_noticed(single: Artefact, inputs: Inputs) -> None:
    mistaken = recurrent_oracle.Layer(2, lstm_without_carry)
    gradients = recurrent_oracle.gradients(mistaken, Weights.of(recurrent.draw_start("LSTM")), *inputs.batches[0])
    with pytest.raises(AssertionError, match="LSTM: gradients: embeddings"):
        check("LSTM: gradients", "float32", single.stages["LSTM: gradients"], named(gradients.arrays()))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_mask_that_is_ignored_would_be_noticed(single: Artefact, inputs: Inputs, layer: str) -> None:
    batch = recurrent.masked_batch(inputs)
    weights = Weights.of(recurrent.draw_start(layer))
    gradients = recurrent_oracle.gradients(recurrent_oracle.LAYERS[layer], weights, *batch)
    name = stage_name(layer, "masked")
    with pytest.raises(AssertionError, match=f"{name}: embeddings"):
        check(name, "float32", single.stages[name], named(gradients.arrays()))


def test_without_preparation_tensorflow_would_sum_squares(inputs: Inputs, backend: str) -> None:
    """Why backends/tensorflow.py prepares the optimizer; the other backends need no preparation."""
    model = compiled(inputs.start, keras.optimizers.Adam(LEARNING_RATE), prepared=False)
    model.train_on_batch(*inputs.batches[0])
    weights = (
        unsummed_adam(inputs.start, inputs.batches[0])
        if backend == "tensorflow"
        else reference.steps(inputs.start, oracle.Adam(), inputs.batches[:1])
    )
    check("Adam", "float32", named(np.asarray(array) for array in model.get_weights()), named(weights.arrays()))
