"""What every source of reviews delivers: two splits of encoded reviews, their vocabulary and where they came from."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn.errors import DataError
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import OOV, Vocabulary


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
