"""Writes what every measured process is given (see inputs.py), once for a run."""

from pathlib import Path

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
    """The files of the IMDB reviews by name, or nothing: a benchmark downloads none."""
    given = imdb.given_folder()
    for folder in (folder for folder in (given, imdb.keras_datasets()) if folder is not None):
        found = {name: folder / name for name in imdb.HASHES}
        if all(path.is_file() for path in found.values()):
            return found
    return {}


def prepare(folder: Path) -> dict[str, str]:
    """Write the inputs of a run.

    Args:
        folder: where to.

    Returns:
        `source` of the reviews, "imdb" where there is a local copy and else "synthetic", and their `fingerprint`.
    """
    files = local_imdb()
    corpus = load_reviews("imdb" if files else "synthetic")
    (folder / IMDB).mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        link = folder / IMDB / name
        link.unlink(missing_ok=True)
        link.symlink_to(path.resolve())
    splits = split_corpus(corpus, 10_000, 100)
    # The synthetic reviews are fewer: they are repeated, which is the same work.
    repeated = np.resize(np.arange(len(splits.train.x)), EPOCH_REVIEWS)
    weights = {f"weight_{i}": array for i, array in enumerate(draw_initial())}
    with atomic_write(folder / TRAINING) as path, path.open("wb") as file:
        np.savez(
            file,
            x=splits.train.x[repeated],
            y=splits.train.y[repeated],
            predicted_x=splits.validation.x,
            predicted_y=splits.validation.y,
            **weights,
        )
    inputs = make_inputs(corpus)
    batches = inputs.batches[:STEPS]
    after = reference.steps(inputs.start, oracle.Adam(), batches)
    losses = [_loss(weights, inputs.reviews) for weights in (oracle.Weights.of(inputs.start), after)]
    with atomic_write(folder / CHECK) as path, path.open("wb") as file:
        np.savez(
            file,
            losses=losses,
            reviews_x=inputs.reviews.x,
            reviews_y=inputs.reviews.y,
            **{f"start_{i}": array for i, array in enumerate(inputs.start)},
            **{f"expected_{i}": array for i, array in enumerate(after.arrays())},
            **{f"{axis}_{i}": getattr(batch, axis) for i, batch in enumerate(batches) for axis in "xy"},
        )
    return {"source": corpus.source, "fingerprint": corpus.fingerprint}


def _loss(weights: oracle.Weights, reviews: Arrays) -> float:
    return float(oracle.binary_crossentropy(oracle.forward(weights, reviews.x).logits, reviews.y))
