"""Writes the inputs of a run (see inputs.py)."""

from pathlib import Path
from typing import Any

import numpy as np

from backends_test import oracle
from backends_test.comparison import reference
from backends_test.comparison.inputs import draw_initial, make_inputs
from backends_test.data import split_corpus
from benchmarks.inputs import CHECK, IMDB, STEPS, TRAINING
from imdb_rnn import load_reviews
from imdb_rnn.corpora import imdb
from imdb_rnn.files import atomic_write
from imdb_rnn.text.batches import Arrays

EPOCH_REVIEWS = 20_000


def local_imdb() -> dict[str, Path]:
    """Return the local files of the IMDB reviews by name, or nothing: a benchmark downloads none."""
    for folder in (imdb.given_folder(), imdb.keras_datasets()):
        if folder is not None:
            paths = {name: folder / name for name in imdb.HASHES}
            if all(path.is_file() for path in paths.values()):
                return paths
    return {}


def prepare(folder: Path) -> dict[str, str]:
    """Write the inputs of a run.

    Args:
        folder: where to write them.

    Returns:
        `source` of the reviews, "imdb" if there is a local copy and otherwise "synthetic", and their `fingerprint`.
    """
    files = local_imdb()
    corpus = load_reviews("imdb" if files else "synthetic")
    (folder / IMDB).mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        link = folder / IMDB / name
        link.unlink(missing_ok=True)
        link.symlink_to(path.resolve())
    splits = split_corpus(corpus, 10_000, 100)
    # There are fewer synthetic reviews: they are repeated, which is the same amount of work.
    repeated = np.resize(np.arange(len(splits.train.x)), EPOCH_REVIEWS)
    training = {
        "x": splits.train.x[repeated],
        "y": splits.train.y[repeated],
        "predicted_x": splits.validation.x,
        "predicted_y": splits.validation.y,
    }
    _save(folder / TRAINING, training | {f"weight_{i}": array for i, array in enumerate(draw_initial())})
    inputs = make_inputs(corpus)
    batches = inputs.batches[:STEPS]
    trained = reference.steps(inputs.start, oracle.Adam(), batches)
    check = {
        "losses": np.array([_loss(weights, inputs.reviews) for weights in (oracle.Weights.of(inputs.start), trained)]),
        "reviews_x": inputs.reviews.x,
        "reviews_y": inputs.reviews.y,
    }
    check |= {f"start_{i}": array for i, array in enumerate(inputs.start)}
    check |= {f"expected_{i}": array for i, array in enumerate(trained.arrays())}
    check |= {f"x_{i}": batch.x for i, batch in enumerate(batches)}
    check |= {f"y_{i}": batch.y for i, batch in enumerate(batches)}
    _save(folder / CHECK, check)
    return {"source": corpus.source, "fingerprint": corpus.fingerprint}


def _save(path: Path, arrays: dict[str, Any]) -> None:
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def _loss(weights: oracle.Weights, reviews: Arrays) -> float:
    return float(oracle.binary_crossentropy(oracle.forward(weights, reviews.x).logits, reviews.y))
