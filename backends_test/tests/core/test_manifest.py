"""The manifest of a training comes back from JSON as it was, and nothing of another type is taken for it."""

import json
from pathlib import Path

import pytest

from imdb_rnn import Manifest, Training
from imdb_rnn.inference.bundle import MANIFEST_FILE

FULL = {
    "complete": True,
    "backend": "jax",
    "device": "cpu",
    "versions": {"keras": "3"},
    "data": {"source": "imdb", "fingerprint": "f"},
    "vocabulary": "v",
    "recipe": {"epochs": 2},
    "parameters": {"dense": 9},
    "epochs": 2,
    "best_epoch": 1,
    "val_loss": 0.5,
    "val_accuracy": 0.75,
    "temperature": 1.5,
    "test_loss": 0,
    "test_accuracy": 0.5,
    "seconds": {"training": 1.5},
    "trained_further": True,
}


def test_every_entry_comes_back() -> None:
    manifest = Manifest.from_json(FULL)
    assert (manifest.source, manifest.fingerprint) == ("imdb", "f")
    assert manifest.to_json() == FULL
    assert manifest.other == {}


def test_a_saved_manifest_is_that_of_the_training(trained: tuple[Path, Training]) -> None:
    content = json.loads((trained[0] / MANIFEST_FILE).read_text(encoding="utf-8"))
    assert trained[1].manifest.to_json().items() <= content.items()
    assert set(content) - set(trained[1].manifest.to_json()) == {"format", "files", "sha256"}


def test_what_is_unknown_is_left_out_and_what_is_false_is_not() -> None:
    assert Manifest().to_json() == {"data": {"source": "unknown", "fingerprint": "unknown"}}
    assert Manifest(complete=False, test_loss=0.0).to_json()["complete"] is False
    assert Manifest(complete=False, test_loss=0.0).to_json()["test_loss"] == 0


def test_entries_of_other_versions_are_kept() -> None:
    content = {**FULL, "seed": 42}
    assert Manifest.from_json(content).other == {"seed": 42}
    assert Manifest.from_json(content).to_json() == content


def test_results_can_be_left_out() -> None:
    results = {"val_loss", "val_accuracy", "temperature", "test_loss", "test_accuracy"}
    left = Manifest.from_json(FULL).without_results().to_json()
    assert left == {name: value for name, value in FULL.items() if name not in results}


@pytest.mark.parametrize("name", FULL)
def test_an_entry_of_another_type_is_named(name: str) -> None:
    wrong = [] if name not in ("versions", "parameters", "seconds") else {"a": []}
    with pytest.raises(ValueError, match=f"^`{name}`, (list|dict) "):
        Manifest.from_json({**FULL, name: wrong})


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("complete", 1, "int 1"),
        ("trained_further", "yes", "str 'yes'"),
        ("backend", 7, "int 7"),
        ("device", True, "bool True"),
        ("vocabulary", b"v", "bytes b'v'"),
        ("versions", {"keras": 3}, "dict {'keras': 3}"),
        ("versions", "3", "str '3'"),
        ("recipe", "robust", "str 'robust'"),
        ("parameters", {"dense": 9.0}, "dict {'dense': 9.0}"),
        ("parameters", {"dense": True}, "dict {'dense': True}"),
        ("epochs", 2.0, "float 2.0"),
        ("epochs", True, "bool True"),
        ("best_epoch", "1", "str '1'"),
        ("val_loss", float("nan"), "float nan"),
        ("val_accuracy", float("inf"), "float inf"),
        ("temperature", True, "bool True"),
        ("test_loss", "0.5", "str '0.5'"),
        ("test_accuracy", [0.5], "list [0.5]"),
        ("seconds", {"training": float("nan")}, "dict {'training': nan}"),
        ("backend", ["x" * 100], "list ['" + "x" * 58),
    ],
)
def test_a_value_of_another_type_is_shown(name: str, value: object, shown: str) -> None:
    with pytest.raises(ValueError) as raised:
        Manifest.from_json({**FULL, name: value})
    assert str(raised.value) == f"`{name}`, {shown}"


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (None, "NoneType None"),
        ([], "list []"),
        ({"source": "imdb"}, "dict {'source': 'imdb'}"),
        ({"source": 1, "fingerprint": "f"}, "dict {'source': 1, 'fingerprint': 'f'}"),
        ({"source": "imdb", "fingerprint": None}, "dict {'source': 'imdb', 'fingerprint': None}"),
    ],
)
def test_data_that_do_not_name_their_source_are_shown(data: object, shown: str) -> None:
    with pytest.raises(ValueError) as raised:
        Manifest.from_json({**FULL, "data": data})
    assert str(raised.value) == f"`data`, {shown}, not a source and its fingerprint"


def test_a_manifest_without_data_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^`data`, NoneType None, not a source and its fingerprint$"):
        Manifest.from_json({"complete": True})


@pytest.mark.parametrize("name", ["val_loss", "val_accuracy", "temperature", "test_loss", "test_accuracy"])
def test_a_result_may_be_a_whole_number_or_a_fraction(name: str) -> None:
    for value in (1, 0.25):
        assert getattr(Manifest.from_json({**FULL, name: value}), name) == value


def test_an_entry_without_a_value_is_unknown() -> None:
    manifest = Manifest.from_json({**dict.fromkeys(FULL), "data": FULL["data"]})
    assert manifest == Manifest(source="imdb", fingerprint="f")
    assert manifest.to_json() == {"data": FULL["data"]}


def test_reading_a_manifest_does_not_change_what_was_read() -> None:
    content = dict(FULL)
    Manifest.from_json(content)
    assert content == FULL


def test_results_that_are_left_out_do_not_take_the_rest_along() -> None:
    manifest = Manifest.from_json({**FULL, "seed": 42})
    assert manifest.without_results().other == {"seed": 42}
    assert manifest.without_results().epochs == 2
    assert manifest.val_loss == 0.5
