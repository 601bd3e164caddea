"""The comparison of any Keras model, in real processes of all three backends."""

import glob
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends_test.any_model.run import (
    ALL_STAGES,
    BACKENDS,
    Comparison,
    ComparisonError,
    Options,
    Session,
    compare_in,
)
from backends_test.environments import python_of

MODELS = Path(__file__).with_name("compared_models.py")
FAST = ("build", "weights", "forward")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    interpreters = {backend: python_of(backend) for backend in BACKENDS}
    with Session(interpreters, tmp_path_factory.mktemp("processes")) as opened:
        yield opened


def compared(session: Session, folder: Path, function: str, **options: object) -> Comparison:
    return compare_in(session, Options(f"{MODELS}:{function}", **options), folder / function)  # type: ignore[arg-type]


def test_a_model_agrees_at_every_stage(session: Session, tmp_path: Path) -> None:
    comparison = compared(session, tmp_path, "image_model")
    assert comparison.agree, comparison.first_disagreement
    assert comparison.first_disagreement is None
    assert {row.stage for row in comparison.rows} == set(ALL_STAGES)
    assert all(row.verdict in ("equal", "rounding", "unstable") for row in comparison.rows)
    # Every layer, and the states of the one that has some.
    forward = {row.layer for row in comparison.rows if row.stage == "forward"}
    assert {"conv2d", "batch_normalization", "dropout", "dense"} <= forward
    # So the layer is named that treats a single row in another way, or whose setting a file has lost.
    for stage in ("rows", "saved"):
        assert forward <= {row.layer for row in comparison.rows if row.stage == stage and row.tensor == "output"}
    assert {row.tensor for row in comparison.rows if row.stage == "states"} >= {"moving_mean", "moving_variance"}


def test_the_optimizer_that_is_wrong_on_tensorflow_is_found(session: Session, tmp_path: Path) -> None:
    comparison = compared(session, tmp_path, "text_model", stages=("weights", "forward", "gradients", "one step"))
    assert comparison.first_disagreement == {
        "layer": "embedding",
        "stage": "one step",
        "tensor": "change of embeddings",
        "backend": "tensorflow",
    }
    assert {row.verdict for row in comparison.rows if row.stage == "gradients"} <= {"equal", "rounding"}


def test_the_layer_that_is_wrong_is_named_and_not_the_one_after_it(session: Session, tmp_path: Path) -> None:
    comparison = compared(session, tmp_path, "wrong_on_torch", stages=(*FAST, "layer alone"))
    first = comparison.first_disagreement
    assert first is not None
    assert (first["layer"], first["stage"], first["backend"]) == ("wrong", "forward", "torch")
    alone = {row.layer for row in comparison.rows if row.stage == "layer alone" and row.verdict == "disagrees"}
    assert alone == {"wrong"}


def test_a_subclassed_model_is_compared_on_inputs_that_are_given(session: Session, tmp_path: Path) -> None:
    comparison = compared(session, tmp_path, "subclassed", inputs=f"{MODELS}:its_inputs", stages=(*FAST, "steps"))
    assert comparison.agree, comparison.first_disagreement
    assert {row.layer for row in comparison.rows if row.stage == "forward"} == {"dense", "dense_1", "subclassed"}


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("subclassed", {}, "--inputs"),
        ("subclassed", {"inputs": "no such file.npz"}, "no such file.npz"),
        ("image_model", {"inputs": f"{MODELS}:too_wide_inputs"}, "image_model|shape"),
        ("raises", {}, r"compared_models\.py, line \d+: ValueError: no such size"),
        ("returns_a_layer", {}, "keras.Model"),
        ("needs_an_argument", {}, "argument"),
        ("differs_from_call_to_call", {}, "different model each time"),
        ("there_is_none", {}, "there_is_none"),
    ],
)
def test_a_model_that_cannot_be_compared_is_one_clear_line(
    session: Session, tmp_path: Path, function: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(ComparisonError, match=message) as caught:
        compared(session, tmp_path, function, stages=FAST, **options)
    assert "\n" not in str(caught.value)


def test_a_backend_that_dies_leaves_the_results_of_the_others(session: Session, tmp_path: Path) -> None:
    comparison = compared(session, tmp_path, "dies_on_tensorflow", stages=FAST)
    assert comparison.first_disagreement == {"layer": "", "stage": "build", "tensor": "model", "backend": "tensorflow"}
    assert "exit status 3" in comparison.rows[0].reason
    assert {row.pair for row in comparison.rows if row.verdict in ("equal", "rounding")} == {("jax", "torch")}


def test_a_backend_that_hangs_is_ended(session: Session, tmp_path: Path) -> None:
    comparison = compared(session, tmp_path, "hangs_on_torch", stages=FAST, seconds=40)
    assert "no answer within 40 seconds" in comparison.rows[0].reason
    assert comparison.rows[0].off == "torch"


# A process that is started in the background of a shell ignores Ctrl-C, and so do its children.
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from backends_test.cli import main
main()
"""


def test_an_interruption_ends_at_once_and_keeps_what_is_there(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", INTERRUPTIBLE, "compare", f"{MODELS}:hangs_on_torch"]
    process = subprocess.Popen(
        [*command, "--stages", ",".join(FAST)],
        env=os.environ | {"BACKENDS_TEST_CACHE": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            # `Path.rglob` fails if a folder disappears meanwhile.
            while not glob.glob(f"{tmp_path}/**/jax/observe.done", recursive=True):  # noqa: PTH207
                assert process.poll() is None
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "The same command goes on from what has been computed." in errors
    assert list(tmp_path.rglob("jax/observe.done"))


def test_an_interrupted_comparison_goes_on_from_what_it_has(session: Session, tmp_path: Path) -> None:
    first = compared(session, tmp_path, "wrong_on_torch", stages=FAST)
    told: list[str] = []
    folder = tmp_path / "wrong_on_torch"
    (folder / "torch" / "observe.done").unlink()
    again = compare_in(session, Options(f"{MODELS}:wrong_on_torch", stages=FAST), folder, told.append)
    assert told == ["observe torch", "done observe torch"]
    assert again == first
