"""A training from files on the disk is the training of the same reviews in memory, to the last bit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imdb_rnn import Corpus, Recipe, Training, evaluate, train
from imdb_rnn.corpora import shards
from imdb_rnn.encoding import encode as encoding
from imdb_rnn.inference import classifier
from imdb_rnn.text import batches
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.sharded_reviews import ShardedReviews
from imdb_rnn.training import fit, splits

ROBUST = Recipe(epochs=3, averaged_epochs=2, teacher_reviews=400)
TUTORIAL = Recipe.tutorial(epochs=2)


def on_disk(corpus: Corpus, folder: Path) -> Corpus:
    """Write a corpus to shards of 700 reviews."""
    parts = []
    for name, part in (("train", corpus.train), ("test", corpus.test)):
        starts = range(0, len(part), 700)
        files = [folder / f"{name}-{start}.arrow" for start in starts]
        for start, file in zip(starts, files, strict=True):
            shards.write_shard(file, part.take(np.arange(start, min(start + 700, len(part)))))
        parts.append(ShardedReviews(files, [min(700, len(part) - start) for start in starts]))
    return replace(corpus, train=parts[0], test=parts[1])


def assert_same(one: Training, other: Training) -> None:
    for first, second in zip(one.classifier.weights(), other.classifier.weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert one.history == other.history
    for name in ("val_loss", "val_accuracy", "test_loss", "test_accuracy", "temperature"):
        assert getattr(one.manifest, name) == getattr(other.manifest, name)


@pytest.mark.parametrize("recipe", [ROBUST, TUTORIAL], ids=["robust", "tutorial"])
@pytest.mark.parametrize("small_parts", [True, False], ids=["in parts", "at once"])
def test_training_from_disk_is_training_in_memory(
    small_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe, small_parts: bool
) -> None:
    if small_parts:
        for module, name, value in (
            (batches, "PART", 600),
            (fit, "PART", 600),
            (splits, "MAX_VALIDATION", 150),
            (classifier, "EVALUATED_AT_ONCE", 200),
        ):
            monkeypatch.setattr(module, name, value)
    found = train(on_disk(small_corpus, tmp_path), None, recipe, progress=False)
    assert_same(found, train(small_corpus, None, recipe, progress=False))
    assert found.manifest.epochs == recipe.epochs


def test_a_model_learns_from_an_encoded_source_and_is_evaluated_on_it(tmp_path: Path) -> None:
    encoding.encode("synthetic:3000", tmp_path / "encoded", workers=1)
    source = f"shards:{tmp_path / 'encoded'}"
    settings: dict[str, Any] = {"epochs": 12, "averaged_epochs": 3}
    trained = train(source, tmp_path / "model", Recipe(**settings), progress=False)
    assert trained.manifest.source == source
    assert trained.manifest.test_accuracy > 0.6
    result = evaluate(tmp_path / "model", source)
    assert result.accuracy == pytest.approx(trained.manifest.test_accuracy, abs=1e-6)
    assert result.fingerprint == trained.manifest.fingerprint


def test_a_corpus_in_memory_is_still_one_part(small_corpus: Corpus) -> None:
    assert isinstance(small_corpus.train, EncodedReviews)
    data = fit._training_data(fit.WeightedReviews(small_corpus.train), TUTORIAL)
    assert isinstance(data, batches.Arrays)
