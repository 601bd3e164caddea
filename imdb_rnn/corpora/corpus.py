"""The corpus that every source returns: two splits of encoded reviews, their vocabulary and their origin."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn.errors import DataError
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.sharded_reviews import ShardedReviews
from imdb_rnn.text.tokens import OOV, Vocabulary


class LabelledTexts(NamedTuple):
    """Reviews as texts.

    Attributes:
        texts: n reviews.
        labels: int8, shape (n,): 1 is positive, 0 is negative.
    """

    texts: list[str]
    labels: npt.NDArray[np.int8]


def fingerprint_of_texts(*parts: LabelledTexts) -> str:
    """Return the SHA-256 of texts and labels in order, as 64 hexadecimal digits."""
    return fingerprint_of_contents(
        (int(label), text.encode()) for part in parts for text, label in zip(part.texts, part.labels, strict=True)
    )


def fingerprint_of_contents(contents: Iterable[tuple[int, bytes]]) -> str:
    """Return the fingerprint of (label, text in UTF-8) pairs; see `fingerprint_of_texts`."""
    digest = hashlib.sha256()
    for label, content in contents:
        digest.update(f"{label} {len(content)} ".encode() + content)
    return digest.hexdigest()


@dataclass(frozen=True)
class Corpus:
    """The encoded reviews of a source.

    Attributes:
        source: the name of the source as a user types it: "imdb", "folder:/my/reviews", …
        fingerprint: SHA-256 of the content, which shows whether two runs used the same data.
        vocabulary: the words of the ids.
        train: the reviews for training and validation.
        test: the reviews for the evaluation.
    """

    source: str
    fingerprint: str
    vocabulary: Vocabulary
    train: EncodedReviews | ShardedReviews
    test: EncodedReviews | ShardedReviews

    def with_vocabulary(self, vocabulary: Vocabulary) -> "Corpus":
        """Return the reviews in the ids of another vocabulary; words that are not in it become `OOV`.

        Raises:
            DataError: no word is in it.
        """
        table = np.arange(len(self.vocabulary) + 4, dtype=np.int32)
        table[4:] = [vocabulary.word_index.get(word, OOV) for word in self.vocabulary.words]
        if not (table[4:] != OOV).any():
            raise no_known_word(self.source, len(vocabulary))
        return Corpus(self.source, self.fingerprint, vocabulary, self.train.with_ids(table), self.test.with_ids(table))


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
        train: the reviews for training and validation.
        test: the reviews for the evaluation.
        vocabulary: the words to encode with; None ranks the words of the training texts.
        encode: converts a text to ids.

    Raises:
        DataError: the training texts have no words, or none of the vocabulary.
    """
    words = Vocabulary.from_texts(train.texts) if vocabulary is None else vocabulary
    if not len(words):
        msg = f"Cannot learn from {source}. Expected: words in its reviews. Received: none."
        raise DataError(msg)
    splits = [
        EncodedReviews.from_sequences([encode(words, text) for text in part.texts], part.labels)
        for part in (train, test)
    ]
    if not (splits[0].ids > OOV).any():
        raise no_known_word(source, len(words))
    return Corpus(source, fingerprint, words, *splits)


def no_known_word(source: str, words: int) -> DataError:
    """Return the error for a vocabulary without any word of the reviews, such as one of another language.

    Args:
        source: the name of the source.
        words: the number of words of the vocabulary.
    """
    return DataError(
        f"Cannot encode {source} with this vocabulary. Expected: words that occur in the reviews. Received: "
        f"{words:,} words, of which none does."
    )


def check_classes(source: str, labels: npt.NDArray[np.int8], split: str) -> None:
    """Raise `DataError` if a split lacks positive or negative reviews."""
    counts = {"positive": int(np.sum(labels == 1)), "negative": int(np.sum(labels == 0))}
    if not all(counts.values()):
        msg = (
            f"Cannot learn from {source}. Expected: positive and negative reviews in its {split} split. "
            f"Received: {counts['positive']} positive, {counts['negative']} negative."
        )
        raise DataError(msg)
