"""An accelerated model gives the numbers of the stock model to every consumer. See backends_test/differential/.

The counts of the long runs are in backends_test/results/differential; `tox -e differential` renews them.
"""

import json

import pytest

from backends_test.differential.__main__ import RESULTS
from backends_test.differential.comparison import check, compare
from backends_test.differential.consumers import consumers
from backends_test.differential.models import CHANGES, Case
from imdb_rnn.backends import backend_name

# Some twenty seconds of cases.
CASES = {"jax": 20, "torch": 130, "tensorflow": 17}
LAYER = (
    ("units", 3),
    ("activation", "tanh"),
    ("use_bias", True),
    ("return_sequences", False),
    ("go_backwards", False),
    ("unroll", False),
    ("stateful", False),
    ("zero", False),
    ("dropout", 0.0),
    ("recurrent_dropout", 0.0),
    ("seed", 3),
    ("recurrent_initializer", "glorot_uniform"),
    ("dtype", "float32"),
)

# Exporters and Keras warn, with the stock model as well.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("consumer", consumers())
def test_every_consumer_gets_the_numbers_of_stock_keras(consumer: str) -> None:
    difference, path = compare(Case(LAYER, "a layer", True, "nothing", consumer, (3, 5, 2), 0))
    assert (difference, path) == ("", "fast")


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_that_was_changed_afterwards_predicts_as_stock_keras(change: str) -> None:
    for consumer in ("call in training", "predict"):
        difference, path = compare(Case(LAYER, "a layer", False, change, consumer, (3, 5, 2), 0))
        assert difference == ""
        # On JAX, Keras's own loop fails with a cell of another float type than its layer.
        assert path != "fails with stock Keras" or change == "another policy"


def test_models_changes_and_consumers_at_random_find_no_difference() -> None:
    """Always the same cases; `python -m backends_test.differential` draws others every time."""
    checked = check(CASES[backend_name()], random=False)
    print(checked)
    assert checked["paths"]["fast"] > checked["cases"] / 10


def test_a_wrong_recurrence_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from imdb_rnn.model import acceleration

    monkeypatch.setattr(acceleration, "unsupported_reason", lambda layer: "")
    difference, _ = compare(Case(LAYER, "a layer", False, "another activation", "call", (3, 5, 2), 0))
    assert difference.startswith("other numbers")


def test_a_long_run_found_no_difference_in_two_thousand_cases() -> None:
    run = json.loads((RESULTS / f"{backend_name()}.json").read_text(encoding="utf-8"))
    assert run["differences"] == 0
    assert sum(run["consumers"].values()) == run["cases"] >= 2_000
