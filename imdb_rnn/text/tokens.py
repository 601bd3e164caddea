"""The tokenizer and the vocabulary, used for training and for prediction.

Texts are split in one of two ways. `tokenize` and `Vocabulary.encode` reproduce Keras's IMDB word index byte for byte
and are meant for IMDB's own reviews. `Vocabulary.encode_typed` reads texts that people type.

Ids follow `keras.datasets.imdb.load_data`: 0 is padding, 1 starts a review, 2 stands for an unknown word, and the word
of rank r (1 = the most frequent) has the id r + 3. The id 3 is never used.
"""

import hashlib
import json
import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from imdb_rnn import strict_json
from imdb_rnn.errors import DataError
from imdb_rnn.files import read_file
from imdb_rnn.text.normalization import normalized_words, straighten_backticks

PADDING = 0
START = 1
OOV = 2
INDEX_FROM = 3

# Limits of a word index in bytes and in words. IMDB's has 1.6 million bytes and 88,584 words.
MAX_WORD_INDEX_BYTES = 4_000_000
_MAX_WORDS = 250_000

# The original index was made from bytes: only ASCII letters were lower-cased ("Á" stayed "Á"), and the apostrophe was
# not a separator. IMDB contains no carriage returns or other line ends, so splitting at them does not affect it.
SEPARATORS = "".join(c for c in string.punctuation if c != "'") + "\t\n\r\v\f"
_NORMALISE = str.maketrans(
    string.ascii_uppercase + SEPARATORS,
    string.ascii_lowercase + " " * len(SEPARATORS),
)


def tokenize(text: str) -> list[str]:
    """Split a text into words as Keras's IMDB index did.

    Args:
        text: any text; may be empty.

    Returns:
        The words in order, with ASCII letters in lower case and without punctuation, except for apostrophes.

    Source: reproduces `keras.datasets.imdb` from the raw reviews of Maas et al. 2011, word for word.
    """
    # Not split(), which also splits at U+0085 and U+00A0; both are parts of words in the index.
    return [word for word in text.translate(_NORMALISE).split(" ") if word]


def _is_plain(chunk: str) -> bool:
    """Return whether a part of a text needs no normalization."""
    return chunk.isascii() and chunk.isprintable()


def _words_of(chunk: str) -> list[tuple[str, int, int]]:
    """Return the words in one item of `tokenize`; see `normalized_words`."""
    return [(chunk, 0, len(chunk))] if _is_plain(chunk) else normalized_words(chunk)


def words_in(chunk: str) -> list[str]:
    """Return the words in one item of `tokenize`, as `Vocabulary.encode_typed` looks them up."""
    return [word for word, _, _ in _words_of(chunk)]


def _first_bad_word(words: Sequence[str]) -> str:
    """Describe the first word that a vocabulary cannot hold."""
    word, count = next(
        (word, count)
        for word, count in Counter(words).items()
        if count > 1 or not word or "\n" in word or word.encode("utf-8", "replace").decode() != word
    )
    return f"{word!r:.60}{f' {count} times' if count > 1 else ''}"


class Vocabulary:
    """The words that a model can know, most frequent first.

    Args:
        words: distinct, non-empty words; the position is the rank minus one.

    Raises:
        DataError: a word is repeated, is empty, contains a line end, or cannot be encoded in UTF-8.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words: tuple[str, ...] = tuple(words)
        self.word_index: dict[str, int] = {word: i for i, word in enumerate(self.words, start=INDEX_FROM + 1)}
        # A line end would split a word in two where words are stored one per line.
        proper = len(self.word_index) == len(self.words) and all(word and "\n" not in word for word in self.words)
        try:
            "".join(self.words).encode()
        except UnicodeEncodeError:
            proper = False
        if not proper:
            received = _first_bad_word(self.words)
            msg = f"Bad vocabulary. Expected: distinct, non-empty words of text. Received: {received}."
            raise DataError(msg)

    def __len__(self) -> int:
        return len(self.words)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.words == other.words

    def __hash__(self) -> int:
        return hash(self.words)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} words, fingerprint {self.fingerprint[:12]})"

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the words in order, as 64 hexadecimal digits."""
        return hashlib.sha256("\n".join(self.words).encode()).hexdigest()

    @classmethod
    def from_texts(cls, texts: Iterable[str], least: int = 1) -> Self:
        """Rank the words of texts by frequency, ties in alphabetical order.

        The texts are split as by `encode_typed`. Apostrophes at the ends of words are removed.

        Args:
            texts: the texts.
            least: the smallest number of occurrences of a word.
        """
        chunks: Counter[str] = Counter()
        for text in texts:
            chunks.update(tokenize(straighten_backticks(text)))
        counts: Counter[str] = Counter()
        for chunk, count in chunks.items():
            for word in words_in(chunk):
                if stripped := word.strip("'"):
                    counts[stripped] += count
        return cls(sorted((word for word in counts if counts[word] >= least), key=lambda word: (-counts[word], word)))

    @classmethod
    def from_word_index(cls, word_index: Any) -> Self:
        """Create the vocabulary of a Keras word index.

        Args:
            word_index: word -> rank, with the ranks 1, 2, 3, …, as returned by `keras.datasets.imdb.get_word_index()`.

        Raises:
            DataError: `word_index` is not such a mapping.
        """
        ranks = list(word_index.values()) if isinstance(word_index, dict) else []
        whole = all(isinstance(rank, int | np.integer) and not isinstance(rank, bool) for rank in ranks)
        if not ranks or not whole or sorted(ranks) != list(range(1, len(ranks) + 1)):
            kind = type(word_index).__name__
            msg = f"Bad word index. Expected: words with the ranks 1, 2, 3, … Received: {kind} of {len(ranks)} entries."
            raise DataError(msg)
        return cls(sorted(word_index, key=word_index.__getitem__))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a word index file in the format of Keras's `imdb_word_index.json`: a JSON object, word -> rank.

        Raises:
            DataError: the file is missing or too large, contains a word twice, or is not a word index.
        """
        try:
            content = read_file(Path(path), MAX_WORD_INDEX_BYTES)
            return cls.from_word_index(strict_json.parse(content, most_items=_MAX_WORDS))
        except DataError as error:
            msg = f"Cannot read the word index {path}. {error}"
            raise DataError(msg) from error
        except (OSError, ValueError, RecursionError) as error:
            msg = f"Cannot read the word index {path}. Expected: JSON, word -> rank from 1. Received: {error}"
            raise DataError(msg) from error

    def save(self, path: Path) -> None:
        """Write a file that `load` can read, in the format of Keras's `imdb_word_index.json`."""
        ranks = {word: rank for rank, word in enumerate(self.words, start=1)}
        Path(path).write_text(json.dumps(ranks, ensure_ascii=False), encoding="utf-8")

    def truncate(self, num_words: int) -> "Vocabulary":
        """Return the vocabulary of the words whose ids are below `num_words`."""
        return Vocabulary(self.words[: max(num_words - INDEX_FROM - 1, 0)])

    def encode(self, text: str, *, skip_unknown: bool = False) -> list[int]:
        """Convert a text to ids in the same way as Keras's IMDB dataset.

        Args:
            text: any text; may be empty.
            skip_unknown: whether to leave out unknown words, as in the test split of Keras's `imdb.npz`, instead of
                encoding them as `OOV`.

        Returns:
            `START`, followed by one id per word.
        """
        ids = [self.word_index.get(word, OOV) for word in tokenize(text)]
        return [START, *(i for i in ids if i != OOV)] if skip_unknown else [START, *ids]

    def encode_typed(self, text: str) -> list[int]:
        """Convert a text as people type it to ids.

        All typographic forms of quotation marks, apostrophes, dashes, spaces, accents, ligatures and full-width letters
        are accepted. If a word in apostrophes is unknown, it is looked up without them. A symbol that is not in the
        vocabulary, such as an emoji, is ignored like punctuation.

        Args:
            text: any text; may be empty.

        Returns:
            `START`, followed by one id per word.
        """
        ids = [START]
        for chunk in tokenize(straighten_backticks(text)):
            word_id = self.word_index.get(chunk) if _is_plain(chunk) else None
            if word_id is None:
                ids += [i for i, _, _ in self._look_up(chunk)]
            else:
                ids.append(word_id)
        return ids

    def typed_spans(self, text: str) -> list[tuple[int, int]]:
        """Return the position of each word of `encode_typed` in a text, as (start, end); `end` is exclusive."""
        return [
            (match.start() + begin, match.start() + end)
            # Both translations map one character to one character, so positions do not change.
            for match in re.finditer("[^ ]+", straighten_backticks(text).translate(_NORMALISE))
            for _, begin, end in self._look_up(match.group())
        ]

    def _look_up(self, chunk: str) -> list[tuple[int, int, int]]:
        """Return (id, start, end) for each word in one item of `tokenize`; `end` is exclusive."""
        words = []
        for word, begin, end in _words_of(chunk):
            word_id = self.word_index.get(word) or self.word_index.get(word.strip("'"))
            if word_id is not None or any(map(str.isalnum, word)):
                words.append((word_id or OOV, begin, end))
        return words

    def decode(self, ids: Sequence[int] | npt.NDArray[np.integer[Any]]) -> str:
        """Convert ids back to words, separated by spaces.

        Padding and `START` are left out; `OOV` becomes "�".

        Raises:
            DataError: an id is outside the vocabulary.
        """
        first = INDEX_FROM + 1
        words = []
        for i in map(int, ids):
            if i in (PADDING, START):
                continue
            if i != OOV and not first <= i < first + len(self):
                msg = (
                    f"Bad id. Expected: {PADDING}, {START}, {OOV} or {first} to {first + len(self) - 1}. Received: {i}."
                )
                raise DataError(msg)
            words.append("�" if i == OOV else self.words[i - first])
        return " ".join(words)
