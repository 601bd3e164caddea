"""What every source of reviews delivers: two splits of encoded reviews, their vocabulary and where they came from.

May import: numpy, the standard library, imdb_rnn.errors, imdb_rnn.tokens.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from imdb_rnn.errors import DataError
from imdb_rnn.tokens import INDEX_FROM, OOV, START, Vocabulary


class LabelledTexts(NamedTuple):
    """Reviews as a person wrote them.

    Attributes:
        texts: n reviews.
        labels: int8, shape (n,): 1 is positive, 0 is negative.
    """

    texts: list[str]
    labels: npt.NDArray[np.int8]


def fingerprint_of_texts(*parts: LabelledTexts) -> str:
    """SHA-256 of texts and labels in their order, as 64 hexadecimal digits."""
    return fingerprint_of_contents(
        (int(label), text.encode()) for part in parts for text, label in zip(part.texts, part.labels, strict=True)
    )


def fingerprint_of_contents(contents: Iterable[tuple[int, bytes]]) -> str:
    """The same of labels and texts in UTF-8, one at a time."""
    digest = hashlib.sha256()
    for label, content in contents:
        digest.update(f"{label} {len(content)} ".encode() + content)
    return digest.hexdigest()


@dataclass(frozen=True)
class EncodedReviews:
    """Reviews as ids, one after the other in a flat array, so that they need no pickle and load at once.

    Attributes:
        ids: int32, shape (total,): the reviews' ids, each review beginning with `START`.
        offsets: int64, shape (n + 1,): review i is `ids[offsets[i]:offsets[i + 1]]`.
        labels: int8, shape (n,): 1 is positive, 0 is negative.
    """

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int8]

    @classmethod
    def from_sequences(cls, sequences: Iterable[Iterable[int]], labels: npt.ArrayLike) -> Self:
        """Lay reviews of ids one after the other."""
        rows = [list(sequence) for sequence in sequences]
        ids = np.fromiter(chain.from_iterable(rows), np.int32)
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
        return cls(ids, offsets.astype(np.int64), np.asarray(labels, np.int8))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> npt.NDArray[np.int32]:
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """How many ids each review has, its `START` included: int64, shape (n,)."""
        return np.diff(self.offsets)

    def take(self, order: npt.NDArray[np.integer[Any]]) -> "EncodedReviews":
        """Select or reorder reviews.

        Args:
            order: integers, shape (m,): the positions of the reviews wanted.
        """
        lengths = self.lengths[order]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        sources = np.repeat(self.offsets[:-1][order] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return EncodedReviews(self.ids[sources], offsets, self.labels[order])


def check_reviews(reviews: EncodedReviews, words: int) -> None:
    """Raise `ValueError` unless reviews are what `EncodedReviews` promises.

    Args:
        reviews: arrays that may come from anywhere.
        words: the number of words in their vocabulary.
    """
    ids, offsets, labels = reviews.ids, reviews.offsets, reviews.labels
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
    if len(ids) and not (ids.min() >= 0 and ids.max() <= words + INDEX_FROM and (ids[offsets[:-1]] == START).all()):
        msg = f"ids outside a vocabulary of {words} words, or a review that does not begin with {START}"
        raise ValueError(msg)


@dataclass(frozen=True)
class Corpus:
    """A source of reviews, read.

    Attributes:
        source: its name, as a user would type it: "imdb", "folder:/my/reviews", …
        fingerprint: SHA-256 of its content, so that two runs can be told to have had the same data.
        vocabulary: the words behind the ids.
        train: the reviews to learn from (and to validate on).
        test: the reviews that are only evaluated.
    """

    source: str
    fingerprint: str
    vocabulary: Vocabulary
    train: EncodedReviews
    test: EncodedReviews

    def with_vocabulary(self, vocabulary: Vocabulary) -> "Corpus":
        """Write the same reviews in the ids of another vocabulary; its unknown words become `OOV`."""
        table = np.arange(len(self.vocabulary) + 4, dtype=np.int32)
        table[4:] = [vocabulary.word_index.get(word, OOV) for word in self.vocabulary.words]
        train, test = (EncodedReviews(table[part.ids], part.offsets, part.labels) for part in (self.train, self.test))
        return Corpus(self.source, self.fingerprint, vocabulary, train, test)


def encode_texts(
    source: str,
    fingerprint: str,
    train: LabelledTexts,
    test: LabelledTexts,
    vocabulary: Vocabulary | None,
    *,
    encode: Callable[[Vocabulary, str], list[int]] = Vocabulary.encode_typed,
) -> Corpus:
    """Encode the texts of a source.

    Args:
        source: the name of the source.
        fingerprint: SHA-256 of the content.
        train: reviews to learn from.
        test: reviews to evaluate.
        vocabulary: the words to use; None ranks the words of the training texts.
        encode: turns a text into ids.
    """
    words = Vocabulary.from_texts(train.texts) if vocabulary is None else vocabulary
    if not len(words):
        msg = f"Cannot learn from {source}. Expected: words in its reviews. Received: none."
        raise DataError(msg)
    splits = [
        EncodedReviews.from_sequences([encode(words, text) for text in part.texts], part.labels)
        for part in (train, test)
    ]
    return Corpus(source, fingerprint, words, *splits)


def check_classes(source: str, labels: npt.NDArray[np.int8], split: str) -> None:
    """Raise `DataError` unless a split has reviews of both classes."""
    counts = {"positive": int(np.sum(labels == 1)), "negative": int(np.sum(labels == 0))}
    if not all(counts.values()):
        msg = (
            f"Cannot learn from {source}. Expected: positive and negative reviews in its {split} split. "
            f"Received: {counts['positive']} positive, {counts['negative']} negative."
        )
        raise DataError(msg)
