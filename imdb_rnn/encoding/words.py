"""Counts words while reviews are encoded, and then converts the reviews to the ids of the vocabulary.

The rank of a word is known only at the end. Until then each distinct word has a provisional id, in the order of its
first occurrence, and reviews are sequences of these ids.
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

# The most distinct words that are counted, about 200 MB. Beyond it, the rarest half is forgotten, and is unknown.
MAX_COUNTED = 2_000_000
# The most words of a vocabulary. IMDB's has 88,584.
MAX_WORDS = 200_000
FIRST = INDEX_FROM + 1
_REMOVED = -1
# What a word takes in a word index in JSON beside its letters: quotation marks, a colon, its rank, a comma and spaces.
_BYTES_BESIDE_A_WORD = 12


class TokenizedTexts(NamedTuple):
    """Texts as sequences of words.

    Attributes:
        words: the distinct words, in the order of their first occurrence.
        indices: of each word of all texts, its index in `words`: int64, shape (total,).
        lengths: the number of words of each text: int64, shape (n,).
    """

    words: list[str]
    indices: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]


class _Index(dict[str, int]):
    """Gives each new key the next index."""

    def __missing__(self, key: str) -> int:
        self[key] = index = len(self)
        return index


def tokenize_texts(texts: Iterable[str]) -> TokenizedTexts:
    """Split texts into words as `Vocabulary.encode_typed` does."""
    chunk_index = _Index()
    chunks: list[int] = []
    counts: list[int] = []
    for text in texts:
        found = tokenize(straighten_backticks(text))
        counts.append(len(found))
        chunks += map(chunk_index.__getitem__, found)
    # A chunk is usually one word, but some have several, or none.
    word_index = _Index()
    of_chunk = [[word_index[word] for word in words_in(chunk)] for chunk in chunk_index]
    flat = np.array([index for indices in of_chunk for index in indices], np.int64)
    sizes = np.array([len(indices) for indices in of_chunk], np.int64)
    firsts = np.cumsum(sizes) - sizes
    each = np.array(chunks, np.int64)
    repeats = sizes[each] if len(each) else each
    ends = np.cumsum(repeats)
    within = np.arange(repeats.sum()) - np.repeat(ends - repeats, repeats)
    indices = flat[np.repeat(firsts[each], repeats) + within] if len(each) else each
    before = np.concatenate([[0], ends])[np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])]
    return TokenizedTexts(list(word_index), indices, np.diff(before))


@dataclass
class WordCounts:
    """The words so far.

    Attributes:
        ids: the provisional id of each word.
        counts: the occurrences of each id in training reviews: int64, at least `next_id` long.
        next_id: the id of the next new word.
        wanted: words that are not forgotten, however rare they are.
    """

    ids: dict[str, int] = field(default_factory=dict)
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(1 << 16, np.int64))
    next_id: int = 0
    wanted: frozenset[str] = frozenset()

    def add(self, texts: TokenizedTexts, counted: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Add texts.

        Args:
            texts: n texts.
            counted: whether the words of each text are counted, shape (n,).

        Returns:
            The provisional id of each word of all texts, shape (total,).
        """
        ids = self.ids
        id_of_index = np.empty(len(texts.words), np.int64)
        for index, word in enumerate(texts.words):
            word_id = ids.get(word)
            if word_id is None:
                ids[word] = word_id = self.next_id
                self.next_id += 1
            id_of_index[index] = word_id
        if self.next_id > len(self.counts):
            self.counts = np.concatenate([self.counts, np.zeros(max(self.next_id, len(self.counts)), np.int64)])
        of_counted = texts.indices[np.repeat(counted, texts.lengths)]
        self.counts[id_of_index] += np.bincount(of_counted, minlength=len(texts.words))
        if len(ids) > MAX_COUNTED:
            self._forget()
        return id_of_index[texts.indices] if len(texts.words) else texts.indices

    def any_wanted(self) -> bool:
        """Return whether one of the wanted words has occurred."""
        return any(word in self.wanted or word.strip("'") in self.wanted for word in self.ids)

    def _forget(self) -> None:
        ranked = sorted(self.ids, key=lambda word: (-self.counts[self.ids[word]], word))
        for word in ranked[MAX_COUNTED // 2 :]:
            # Symbols are few, and one that is not in the vocabulary is removed, not unknown.
            if _is_symbol(word) or word in self.wanted or word.strip("'") in self.wanted:
                continue
            del self.ids[word]

    def vocabulary(self) -> Vocabulary:
        """Return the most frequent words, ranked as by `Vocabulary.from_texts`."""
        counts: Counter[str] = Counter()
        for word, word_id in self.ids.items():
            if stripped := word.strip("'"):
                counts[stripped] += int(self.counts[word_id])
        ranked = sorted(filter(counts.__getitem__, counts), key=lambda word: (-counts[word], word))
        sizes = np.cumsum([_bytes_of(word) for word in ranked[:MAX_WORDS]])
        return Vocabulary(ranked[: int(np.searchsorted(sizes, MAX_WORD_INDEX_BYTES))])

    def final_ids(self, vocabulary: Vocabulary) -> npt.NDArray[np.int32]:
        """Return the id in a vocabulary of each provisional id, to be given to `with_ids`.

        A word that is not in the vocabulary is `OOV`. A symbol that is not, such as an emoji, is removed. The rules are
        those of `Vocabulary.encode_typed`.
        """
        table = np.full(FIRST + self.next_id, OOV, np.int32)
        table[:FIRST] = np.arange(FIRST)
        index = vocabulary.word_index
        for word, word_id in self.ids.items():
            missing = _REMOVED if _is_symbol(word) else OOV
            table[FIRST + word_id] = index.get(word) or index.get(word.strip("'")) or missing
        return table


def word_index_bytes(words: Iterable[str]) -> int:
    """Return about how many bytes the words of a vocabulary take in its file."""
    return sum(map(_bytes_of, words))


def _is_symbol(word: str) -> bool:
    return not any(map(str.isalnum, word))


def _bytes_of(word: str) -> int:
    return len(word.encode()) + _BYTES_BESIDE_A_WORD


def as_reviews(
    word_ids: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], labels: npt.NDArray[np.int8]
) -> EncodedReviews:
    """Return texts whose ids are `FIRST` + provisional id, each with `START` before it."""
    offsets = np.concatenate([[0], np.cumsum(lengths + 1)]).astype(np.int64)
    ids = np.full(offsets[-1], START, np.int32)
    is_word = np.ones(len(ids), np.bool_)
    is_word[offsets[:-1]] = False
    ids[is_word] = FIRST + word_ids
    return EncodedReviews(ids, offsets, labels)


def with_ids(reviews: EncodedReviews, table: npt.NDArray[np.int32]) -> EncodedReviews:
    """Return reviews in the ids of `WordCounts.final_ids`, without the removed symbols."""
    ids = table[reviews.ids]
    kept = ids != _REMOVED
    before = np.concatenate([[0], np.cumsum(kept)])
    return EncodedReviews(ids[kept], before[reviews.offsets], reviews.labels)
