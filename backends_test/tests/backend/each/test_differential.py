"""An accelerated model gives the numbers of the stock model to every consumer. See backends_test/differential/.

The counts of the long runs are in backends_test/results/differential; `tox -e differential` renews them.
"""

import itertools
import json

import pytest

from backends_test.differential.__main__ import RESULTS
from backends_test.differential.comparison import check, compare
from backends_test.differential.consumers import consumers
from backends_test.differential.models import CELLS, CHANGES, Case
from imdb_rnn.backends import backend_name

# Some twenty seconds of cases.
CASES = {"jax": 20, "torch": 130, "tensorflow": 17}
LAYER = (
    ("units", 3),
    ("activation", "tanh"),
    ("recurrent_activation", "sigmoid"),
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


def cases_of_consumers() -> list[tuple[str, str, bool]]:
    """Each consumer with each cell, masked, and with an LSTM that is not.

    Where every case is compiled, with SimpleRNN and another one in turn.
    """
    kinds = [*((cell, True) for cell in CELLS), ("LSTM", False)]
    if backend_name() == "torch":
        return [(consumer, *kind) for consumer in consumers() for kind in kinds]
    others = itertools.cycle(kinds[1:])
    cases = [(consumer, *kind) for consumer in consumers() for kind in (kinds[0], next(others))]
    # The only cell with two states, whose second derivatives once failed with a mask.
    return list(dict.fromkeys([*cases, ("gradient penalty", "LSTM", True)]))


@pytest.mark.parametrize(("consumer", "cell", "masked"), cases_of_consumers())
def test_every_consumer_gets_the_numbers_of_stock_keras(consumer: str, cell: str, masked: bool) -> None:
    difference, path = compare(Case((*LAYER, ("cell", cell)), "a layer", masked, "nothing", consumer, (3, 5, 2), 0))
    assert (difference, path) == ("", "fast")


@pytest.mark.parametrize("cell", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_model_that_was_changed_afterwards_predicts_as_stock_keras(change: str, cell: str) -> None:
    for consumer in ("call in training", "predict"):
        difference, path = compare(Case((*LAYER, ("cell", cell)), "a layer", False, change, consumer, (3, 5, 2), 0))
        assert difference == ""
        # Keras's own loops fail without an activation; on JAX with a cell of another float type than its layer.
        assert path != "fails with stock Keras" or change in ("another policy", "the other reset", "no activation")


def test_models_changes_and_consumers_at_random_find_no_difference() -> None:
    """Always the same cases; `python -m backends_test.differential` draws others every time."""
    checked = check(CASES[backend_name()], random=False)
    print(checked)
    assert checked["paths"]["fast"] > checked["cases"] / 10


def test_a_wrong_recurrence_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from imdb_rnn.model import acceleration

    monkeypatch.setattr(acceleration, "unsupported_reason", lambda layer: "")
    difference, _ = compare(
        Case((*LAYER, ("cell", "SimpleRNN")), "a layer", False, "no activation", "call in training", (3, 5, 2), 0)
    )
    assert difference.startswith("other numbers")


def test_a_long_run_found_no_difference_in_any_cell() -> None:
    run = json.loads((RESULTS / f"{backend_name()}.json").read_text(encoding="utf-8"))
    assert run["differences"] == 0
    assert sum(run["consumers"].values()) == run["cases"] >= 1_500
    assert min(run["cells"][cell] for cell in CELLS) >= 80  # on the fast path
