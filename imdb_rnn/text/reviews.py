"""Reviews as word ids."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from imdb_rnn.errors import DataError
from imdb_rnn.text.tokens import INDEX_FROM, START


class Reviews(Protocol):
    """Reviews in memory (`EncodedReviews`) or on disk (`imdb_rnn.text.sharded_reviews.ShardedReviews`)."""

    def __len__(self) -> int: ...

    def take(self, order: npt.NDArray[np.int64], /) -> "EncodedReviews":
        """Return the reviews at the given positions, shape (m,), in memory."""


@dataclass(frozen=True)
class EncodedReviews:
    """Reviews as word ids, concatenated in a flat array, which loads fast and without a pickle.

    Attributes:
        ids: int32, shape (total,): the ids of all reviews. Each review begins with `START`.
        offsets: int64, shape (n + 1,): review i is `ids[offsets[i]:offsets[i + 1]]`.
        labels: int8, shape (n,): 1 is positive, 0 is negative; None for reviews without labels.
    """

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int8] | None = None

    @classmethod
    def from_sequences(cls, sequences: Iterable[Iterable[int]], labels: npt.ArrayLike | None = None) -> Self:
        """Create reviews from sequences of ids.

        Args:
            sequences: n reviews, each a sequence of ids.
            labels: shape (n,), 0 or 1; None for reviews without labels.
        """
        rows = [list(sequence) for sequence in sequences]
        ids = np.fromiter(chain.from_iterable(rows), np.int32)
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
        return cls(ids, offsets.astype(np.int64), None if labels is None else np.asarray(labels, np.int8))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> npt.NDArray[np.int32]:
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """The number of ids of each review, `START` included: int64, shape (n,)."""
        return np.diff(self.offsets)

    def required_labels(self) -> npt.NDArray[np.int8]:
        """Return the labels.

        Raises:
            DataError: the reviews have no labels.
        """
        if self.labels is None:
            msg = "Bad `reviews`. Expected: reviews with labels. Received: reviews without labels."
            raise DataError(msg)
        return self.labels

    def with_ids(self, new_ids: npt.NDArray[np.int32]) -> "EncodedReviews":
        """Return the reviews with `new_ids[i]` in the place of each id i."""
        return EncodedReviews(new_ids[self.ids], self.offsets, self.labels)

    def take(self, order: npt.NDArray[np.integer[Any]]) -> "EncodedReviews":
        """Select or reorder reviews.

        Args:
            order: integers, shape (m,): the positions of the reviews to take.
        """
        lengths = self.lengths[order]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        sources = np.repeat(self.offsets[:-1][order] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return EncodedReviews(self.ids[sources], offsets, None if self.labels is None else self.labels[order])


def in_memory(reviews: Reviews) -> EncodedReviews:
    """Return reviews in memory; those on disk are loaded."""
    return reviews if isinstance(reviews, EncodedReviews) else reviews.take(np.arange(len(reviews)))


def check_reviews(reviews: EncodedReviews, num_words: int) -> None:
    """Check the arrays of labelled reviews from an untrusted file.

    Args:
        reviews: the reviews.
        num_words: the number of words in their vocabulary.

    Raises:
        ValueError: an array is not as described in `EncodedReviews`.
    """
    ids, offsets, labels = reviews.ids, reviews.offsets, reviews.required_labels()
    dtypes, shapes = [part.dtype for part in (ids, offsets, labels)], [part.shape for part in (ids, offsets, labels)]
    if dtypes != [np.int32, np.int64, np.int8] or [len(shape) for shape in shapes] != [1, 1, 1]:
        msg = f"arrays of the types {dtypes} and the shapes {shapes}"
        raise ValueError(msg)
    if len(offsets) != len(labels) + 1 or offsets[0] != 0 or offsets[-1] != len(ids):
        msg = f"{len(offsets)} offsets for {len(labels)} reviews of {len(ids)} ids"
        raise ValueError(msg)
    if not (offsets[1:] > offsets[:-1]).all():
        msg = "offsets that do not increase"
        raise ValueError(msg)
    if not np.isin(labels, (0, 1)).all():
        msg = "labels other than 0 and 1"
        raise ValueError(msg)
    if len(ids) and not (ids.min() >= 0 and ids.max() <= num_words + INDEX_FROM and (ids[offsets[:-1]] == START).all()):
        msg = f"ids outside a vocabulary of {num_words} words, or a review that does not begin with {START}"
        raise ValueError(msg)
