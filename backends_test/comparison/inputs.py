"""The inputs of every stage: the same weights, batches and reviews for each backend and for the oracle."""

import hashlib
import os
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backends_test.data import split_corpus, training_batches
from imdb_rnn import Corpus, Recipe, load_reviews
from imdb_rnn.model.architecture import draw_weights
from imdb_rnn.text.batches import Arrays, steps_per_epoch
from imdb_rnn.text.reviews import in_memory
from imdb_rnn.text.windows import DrawnWindows
from imdb_rnn.training.splits import split_reviews
from imdb_rnn.training.teacher import with_soft_labels

SEED = 42
BATCH_SIZE = 64
STEPS = 50  # of Adam, in one stage
HORIZON = 450  # steps of Adam whose losses are compared
REVIEWS = 1_000
MORE_STEPS = 20  # of the continued training of a saved model
# The weights of the model, in the order of `model.get_weights()`.
SHAPES = {
    "embeddings": (10_003, 16),
    "kernel": (16, 8),
    "recurrent_kernel": (8, 8),
    "bias": (8,),
    "out_kernel": (8, 1),
    "out_bias": (1,),
}


class Inputs(NamedTuple):
    """The inputs of the stages.

    Attributes:
        data: the source of the reviews and their fingerprint.
        initial: the initial weights of a training, float32.
        start: weights for single steps, float32: the initial weights with non-zero biases, and with embeddings ten
            times as large, because tanh is nearly the identity at ±0.05 and would hide mistakes.
        batches: the batches of the first training steps; the first one also holds the edge cases.
        reviews: test reviews.
        order: a digest of every batch, uint8, shape (batches, 32): three epochs of the tutorial's reviews, and three
            of the windows of the recipe "robust", without and with its teacher.
    """

    data: dict[str, str]
    initial: list[np.ndarray]
    start: list[np.ndarray]
    batches: list[Arrays]
    reviews: Arrays
    order: np.ndarray


def load_corpus() -> Corpus:
    """Load the IMDB reviews if `IMDB_RNN_DATA` is set, otherwise the synthetic ones: the same in every environment.

    Not "auto": each environment would download for itself, and some downloads might fail.
    """
    return load_reviews("imdb" if os.environ.get("IMDB_RNN_DATA") else "synthetic")


def make_inputs(corpus: Corpus) -> Inputs:
    """Make the inputs from a corpus."""
    splits = split_corpus(corpus, 10_000, 100)
    batches = [Arrays(*batch) for batch in islice(training_batches(splits.train, BATCH_SIZE, SEED), HORIZON)]
    edges = np.zeros((3, 100), np.int32)  # all padding; one token; the highest id, a hundred times
    edges[1, -1] = 4
    edges[2] = 10_002
    edged = Arrays(np.concatenate([batches[0].x[:-3], edges]), batches[0].y)
    epochs = 3 * steps_per_epoch(len(splits.train.x), BATCH_SIZE)
    recipe = Recipe()
    learn = in_memory(split_reviews(corpus.train)[0])
    # A teacher of all reviews takes long to fit, and tests nothing more.
    drawn, few = (
        DrawnWindows(reviews, 10_000, 100, recipe.short_windows, recipe.end_windows)
        for reviews in (learn, learn.take(np.arange(min(1_000, len(learn)))))
    )
    digests = [
        hashlib.sha256(x.tobytes() + y.tobytes()).digest()
        for examples in (splits.train, drawn, with_soft_labels(few, recipe.teacher_share, SEED))
        for x, y in islice(training_batches(examples, BATCH_SIZE, SEED), epochs)
    ]
    return Inputs(
        {"source": corpus.source, "fingerprint": corpus.fingerprint},
        draw_initial(),
        draw_start(),
        [edged, *batches[1:]],
        Arrays(splits.test.x[:REVIEWS], splits.test.y[:REVIEWS]),
        np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32),
    )


def draw_initial(seed: int = SEED) -> list[np.ndarray]:
    """Draw the initial weights, without Keras."""
    return draw_weights([(name.removeprefix("out_"), shape) for name, shape in SHAPES.items()], seed)


def draw_start() -> list[np.ndarray]:
    """Draw the weights for single steps."""
    embeddings, kernel, recurrent_kernel, bias, out_kernel, out_bias = draw_initial()
    biases = np.random.default_rng(0).uniform(-0.3, 0.3, 9).astype(np.float32)
    return [embeddings * np.float32(10), kernel, recurrent_kernel, bias + biases[:8], out_kernel, out_bias + biases[8:]]


def read_batches(path: Path) -> list[Arrays]:
    """Read the batches of the continued training: arrays x, shape (20, 64, 100), and y, shape (20, 64, 1)."""
    with np.load(path) as arrays:
        return [Arrays(*batch) for batch in zip(arrays["x"], arrays["y"], strict=True)]
