"""Splits and batches of a corpus as plain arrays, one after the other, for comparison with what the library does."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn import Corpus
from imdb_rnn.text.batches import Arrays, TrainingData, epoch_order, pad, targets
from imdb_rnn.training.splits import split_reviews


class Splits(NamedTuple):
    """The three parts of a corpus."""

    train: Arrays
    validation: Arrays
    test: Arrays


def split_corpus(corpus: Corpus, num_words: int, max_len: int) -> Splits:
    """Pad a corpus and set a fifth of its training reviews aside for validation.

    Args:
        corpus: the reviews.
        num_words: ids from here on become `OOV`.
        max_len: ids to keep of a review, its last ones.
    """
    parts = (*split_reviews(corpus.train), corpus.test)
    return Splits(*(Arrays(pad(part, num_words, max_len), targets(part)) for part in parts))


def training_batches(
    data: TrainingData, batch_size: int, seed: int, first_epoch: int = 0
) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]]:
    """Give the batches of one epoch after the other, without end.

    The order of an epoch follows from (seed, epoch) alone: not from a backend, nor from the epochs before it, so that
    an interrupted training can go on where it stopped.

    Args:
        data: the reviews to learn from.
        batch_size: reviews a batch; the last batch of an epoch holds what is left.
        seed: any non-negative integer.
        first_epoch: the epoch to begin with.

    Yields:
        x, shape (batch_size or less, max_len), and y, shape (batch_size or less, 1).
    """
    count = data.num_examples
    epoch = first_epoch
    while True:
        arrays, order = data.epoch(seed, epoch), epoch_order(count, seed, epoch)
        for start in range(0, count, batch_size):
            chosen = order[start : start + batch_size]
            yield arrays.x[chosen], arrays.y[chosen]
        epoch += 1
