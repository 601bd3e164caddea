"""Models of this project, compared by its own tool and its own plugin of pytest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends_test import oracle
from backends_test.any_model.run import BACKENDS, Options, Session, compare_in
from backends_test.comparison.oracle_participant import STAGES, compare_with_oracle
from backends_test.environments import ROOT, python_of
from backends_test.pytest_plugin import AssertBackendsAgree


def test_the_tutorials_model_agrees(assert_backends_agree: AssertBackendsAgree) -> None:
    # No step of the optimizer: stock Keras has another one on TensorFlow, see docs/keras-findings.md.
    stages = ("build", "weights", "forward", "training", "layer alone", "loss", "gradients")
    assert_backends_agree("imdb_rnn:build_model", stages=stages)


@pytest.mark.parametrize("question", ["digits", "dilated_convolution", "recurrent_graph"])
def test_what_people_asked_about_in_public_is_rounding(
    question: str, assert_backends_agree: AssertBackendsAgree
) -> None:
    model = f"{ROOT / 'examples' / 'public_questions.py'}:{question}"
    assert_backends_agree(model, stages=("build", "weights", "forward", "loss", "gradients", "one step"))


@pytest.mark.parametrize(
    ("optimizer", "reference", "wrong"),
    [
        ("sgd", oracle.SGD, set()),
        # It squares the gradients of repeated ids before it sums them, see docs/keras-findings.md.
        ("adam", oracle.Adam, {("change of embeddings", ("tensorflow", "oracle"))}),
    ],
)
def test_the_oracle_is_one_more_participant(
    optimizer: str, reference: Callable[[], Any], wrong: set[tuple[str, tuple[str, str]]], tmp_path: Path
) -> None:
    options = Options("imdb_rnn:build_model", optimizer=optimizer, loss="binary_crossentropy", stages=STAGES)
    with Session({backend: python_of(backend) for backend in BACKENDS}, tmp_path / "processes") as session:
        compare_in(session, options, tmp_path / "results")
    rows = compare_with_oracle(tmp_path / "results", list(BACKENDS), reference)
    assert {(row.stage, row.pair[0]) for row in rows} == {(stage, backend) for stage in STAGES for backend in BACKENDS}
    assert {row.verdict for row in rows if row.stage in ("weights", "forward", "loss", "gradients")} <= {
        "equal",
        "rounding",
    }
    steps = [row for row in rows if row.stage == "one step"]
    assert {(row.tensor, row.pair) for row in steps if row.verdict not in ("equal", "rounding")} == wrong
