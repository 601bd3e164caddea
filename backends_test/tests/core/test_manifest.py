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
