"""Counts words while reviews are encoded, and then converts the reviews to the ids of the vocabulary.

The rank of a word is known only at the end. Until then each distinct word has a number, in the order of its first
occurrence, and reviews are sequences of these numbers.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn.text.normalization import straighten_backticks
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import INDEX_FROM, MAX_WORD_INDEX_BYTES, OOV, START, Vocabulary, tokenize, words_in

# The most distinct words that are counted, some 200 MB. Beyond it, the rarest half is forgotten, and is unknown.
MOST_COUNTED = 2_000_000
# The most words of a vocabulary. IMDB's has 88,584.
MOST_WORDS = 200_000
FIRST = INDEX_FROM + 1
_REMOVED = -1
# What a word takes in a word index in JSON beside its letters: quotation marks, a colon, its rank, a comma and spaces.
_BYTES_BESIDE_A_WORD = 12


class NumberedTexts(NamedTuple):
    """Texts as numbers of words.

    Attributes:
        words: the distinct words, in the order of their first occurrence.
        numbers: the number of each word of all texts, an index into `words`: int64, shape (total,).
        lengths: the number of words of each text: int64, shape (n,).
    """

    words: list[str]
    numbers: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]


class _Numbers(dict[str, int]):
    """Gives each new key the next number."""

    def __missing__(self, key: str) -> int:
        self[key] = number = len(self)
        return number


def number_words(texts: Iterable[str]) -> NumberedTexts:
    """Split texts as `Vocabulary.encode_typed` does, and number their words."""
    chunk_numbers = _Numbers()
    chunks: list[int] = []
    counts: list[int] = []
    for text in texts:
        found = tokenize(straighten_backticks(text))
        counts.append(len(found))
        chunks += map(chunk_numbers.__getitem__, found)
    # A chunk is usually one word, but some have several, or none.
    word_numbers = _Numbers()
    of_chunk = [[word_numbers[word] for word in words_in(chunk)] for chunk in chunk_numbers]
    flat = np.array([number for numbers in of_chunk for number in numbers], np.int64)
    sizes = np.array([len(numbers) for numbers in of_chunk], np.int64)
    firsts = np.cumsum(sizes) - sizes
    each = np.array(chunks, np.int64)
    repeats = sizes[each] if len(each) else each
    ends = np.cumsum(repeats)
    within = np.arange(repeats.sum()) - np.repeat(ends - repeats, repeats)
    numbers = flat[np.repeat(firsts[each], repeats) + within] if len(each) else each
    before = np.concatenate([[0], ends])[np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])]
    return NumberedTexts(list(word_numbers), numbers, np.diff(before))


@dataclass
class WordCounts:
    """The words so far.

    Attributes:
        numbers: the number of each word.
        counts: the occurrences of each number in training reviews: int64, at least as long as there are numbers.
        next: the next number.
        wanted: words that are not forgotten, however rare they are.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(1 << 16, np.int64))
    next: int = 0
    wanted: frozenset[str] = frozenset()

    def add(self, texts: NumberedTexts, counted: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Add texts.

        Args:
            texts: n texts.
            counted: whether the words of each text are counted, shape (n,).

        Returns:
            The number of each word of all texts, shape (total,).
        """
        numbers = self.numbers
        mapped = np.empty(len(texts.words), np.int64)
        for position, word in enumerate(texts.words):
            number = numbers.get(word)
            if number is None:
                numbers[word] = number = self.next
                self.next += 1
            mapped[position] = number
        if self.next > len(self.counts):
            self.counts = np.concatenate([self.counts, np.zeros(max(self.next, len(self.counts)), np.int64)])
        of_counted = texts.numbers[np.repeat(counted, texts.lengths)]
        self.counts[mapped] += np.bincount(of_counted, minlength=len(texts.words))
        if len(numbers) > MOST_COUNTED:
            self._forget()
        return mapped[texts.numbers] if len(texts.words) else texts.numbers

    def _forget(self) -> None:
        ranked = sorted(self.numbers, key=lambda word: (-self.counts[self.numbers[word]], word))
        for word in ranked[MOST_COUNTED // 2 :]:
            # Symbols are few, and one that is not in the vocabulary is removed, not unknown.
            if _is_symbol(word) or word in self.wanted or word.strip("'") in self.wanted:
                continue
            del self.numbers[word]

    def vocabulary(self) -> Vocabulary:
        """Return the most frequent words, ranked as by `Vocabulary.from_texts`."""
        counts: Counter[str] = Counter()
        for word, number in self.numbers.items():
            if stripped := word.strip("'"):
                counts[stripped] += int(self.counts[number])
        ranked = sorted(filter(counts.__getitem__, counts), key=lambda word: (-counts[word], word))
        sizes = np.cumsum([_bytes_of(word) for word in ranked[:MOST_WORDS]])
        return Vocabulary(ranked[: int(np.searchsorted(sizes, MAX_WORD_INDEX_BYTES))])

    def ids(self, vocabulary: Vocabulary) -> npt.NDArray[np.int32]:
        """Return the id of each number, to be given to `with_ids`.

        A word that is not in the vocabulary is `OOV`. A symbol that is not, such as an emoji, is removed. The rules are
        those of `Vocabulary.encode_typed`.
        """
        table = np.full(FIRST + self.next, OOV, np.int32)
        table[:FIRST] = np.arange(FIRST)
        index = vocabulary.word_index
        for word, number in self.numbers.items():
            missing = _REMOVED if _is_symbol(word) else OOV
            table[FIRST + number] = index.get(word) or index.get(word.strip("'")) or missing
        return table


def word_index_bytes(words: Iterable[str]) -> int:
    """Return about how many bytes the words of a vocabulary take in its file."""
    return sum(map(_bytes_of, words))


def _is_symbol(word: str) -> bool:
    return not any(map(str.isalnum, word))


def _bytes_of(word: str) -> int:
    return len(word.encode()) + _BYTES_BESIDE_A_WORD


def as_reviews(
    numbers: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], labels: npt.NDArray[np.int8]
) -> EncodedReviews:
    """Return texts whose ids are `FIRST` + number, each with `START` before it."""
    offsets = np.concatenate([[0], np.cumsum(lengths + 1)]).astype(np.int64)
    ids = np.full(offsets[-1], START, np.int32)
    is_word = np.ones(len(ids), np.bool_)
    is_word[offsets[:-1]] = False
    ids[is_word] = FIRST + numbers
    return EncodedReviews(ids, offsets, labels)


def with_ids(reviews: EncodedReviews, table: npt.NDArray[np.int32]) -> EncodedReviews:
    """Return reviews in the ids of `WordCounts.ids`, without the removed symbols."""
    ids = table[reviews.ids]
    kept = ids != _REMOVED
    before = np.concatenate([[0], np.cumsum(kept)])
    return EncodedReviews(ids[kept], before[reviews.offsets], reviews.labels)
