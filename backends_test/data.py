"""Splits and batches of a corpus as plain arrays, in the order in which the library trains on them."""

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn import Corpus
from imdb_rnn.text.batches import Arrays, TrainingData, blocks_of_epoch, pad, targets
from imdb_rnn.text.reviews import in_memory
from imdb_rnn.training.splits import split_reviews


class Splits(NamedTuple):
    """The three parts of a corpus."""

    train: Arrays
    validation: Arrays
    test: Arrays


def split_corpus(corpus: Corpus, num_words: int, max_len: int) -> Splits:
    """Pad the reviews of a corpus, and set a fifth of the training reviews aside for validation.

    Args:
        corpus: the reviews.
        num_words: ids of this value or above become `OOV`.
        max_len: number of ids kept per review, the last ones.
    """
    parts = map(in_memory, (*split_reviews(corpus.train), corpus.test))
    return Splits(*(Arrays(pad(part, num_words, max_len), targets(part)) for part in parts))


def training_batches(
    data: TrainingData, batch_size: int, seed: int, first_epoch: int = 0
) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]]:
    """Yield the batches of one epoch after the other, without end.

    The order of an epoch depends on (seed, epoch) alone: not on the backend, and not on earlier epochs, so that an
    interrupted training can be resumed.

    Args:
        data: the training reviews.
        batch_size: reviews per batch; the last batch of an epoch may be smaller.
        seed: any non-negative integer.
        first_epoch: the epoch to begin with.

    Yields:
        x, shape (batch_size or less, max_len), and y, shape (batch_size or less, 1).
    """
    for epoch in count(first_epoch):
        for x, y in blocks_of_epoch(data, batch_size, seed, epoch, steps=1):
            yield x[0], y[0]
