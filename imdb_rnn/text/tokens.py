"""Text to ids and back: the one tokeniser and the one vocabulary, for training and for serving alike.

There are two ways to split a text. `tokenize` and `Vocabulary.encode` do it as Keras's IMDB index did, byte for byte:
that is for IMDB's own reviews. `Vocabulary.encode_typed` reads what people type.

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

# The largest word index that is read, in bytes and in words. IMDB's has 1.6 million bytes and 88,584 words.
MAX_WORD_INDEX_BYTES = 4_000_000
_MOST_WORDS = 250_000

# The original index was made on bytes: only ASCII letters were lower-cased ("Á" stayed "Á"), and the apostrophe was
# not a separator. Carriage returns and other line ends occur nowhere in IMDB, so that separating there changes nothing.
_SEPARATORS = "".join(c for c in string.punctuation if c != "'") + "\t\n\r\v\f"
_NORMALISE = str.maketrans(
    string.ascii_uppercase + _SEPARATORS,
    string.ascii_lowercase + " " * len(_SEPARATORS),
)


def tokenize(text: str) -> list[str]:
    """Split a text into words as Keras's IMDB index did.

    Args:
        text: any text; may be empty.

    Returns:
        The words in order, ASCII letters in lower case; punctuation is gone, but the apostrophe stays.

    Source: reproduces `keras.datasets.imdb` from the raw reviews of Maas et al. 2011, word for word.
    """
    # Not split(): that also breaks at U+0085 and U+00A0, which are parts of words in the index.
    return [word for word in text.translate(_NORMALISE).split(" ") if word]


def _is_plain(chunk: str) -> bool:
    """Whether a part of a text needs no normalization."""
    return chunk.isascii() and chunk.isprintable()


def _words_of(chunk: str) -> list[tuple[str, int, int]]:
    """The words of a part of a text that `tokenize` does not split; see `normalized_words`."""
    return [(chunk, 0, len(chunk))] if _is_plain(chunk) else normalized_words(chunk)


class Vocabulary:
    """The words a model can know, most frequent first.

    Args:
        words: distinct, non-empty words; the position is the rank minus one.

    Raises:
        DataError: a word is repeated, empty, holds a line end, or is not text.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words: tuple[str, ...] = tuple(words)
        self.word_index: dict[str, int] = {word: i for i, word in enumerate(self.words, start=INDEX_FROM + 1)}
        # A line end would make two words of one where words are stored one a line.
        proper = len(self.word_index) == len(self.words) and all(word and "\n" not in word for word in self.words)
        try:
            "".join(self.words).encode()
        except UnicodeEncodeError:
            proper = False
        if not proper:
            msg = "Bad vocabulary. Expected: distinct words of text, none empty. Received: some that are not."
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
        """SHA-256 of the words in order, as 64 hexadecimal digits."""
        return hashlib.sha256("\n".join(self.words).encode()).hexdigest()

    @classmethod
    def from_texts(cls, texts: Iterable[str], least: int = 1) -> Self:
        """Rank the words of a corpus by how often they occur, at least so often, ties in alphabetical order.

        The words are those that `encode_typed` looks up, without apostrophes at their ends.
        """
        chunks: Counter[str] = Counter()
        for text in texts:
            chunks.update(tokenize(straighten_backticks(text)))
        counts: Counter[str] = Counter()
        for chunk, count in chunks.items():
            for word, _, _ in _words_of(chunk):
                if stripped := word.strip("'"):
                    counts[stripped] += count
        return cls(sorted((word for word in counts if counts[word] >= least), key=lambda word: (-counts[word], word)))

    @classmethod
    def from_word_index(cls, word_index: Any) -> Self:
        """Make the vocabulary of a Keras word index.

        Args:
            word_index: word -> rank, the ranks being 1 to the number of words, as `imdb.get_word_index()` returns it.

        Raises:
            DataError: it is not such a mapping.
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
        """Read a word index file: JSON, word -> rank, the format of Keras's `imdb_word_index.json`.

        Raises:
            DataError: the file is missing, too large, names a word twice, or is not a word index.
        """
        try:
            content = read_file(Path(path), MAX_WORD_INDEX_BYTES)
            return cls.from_word_index(strict_json.parse(content, most_items=_MOST_WORDS))
        except DataError as error:
            msg = f"Cannot read the word index {path}. {error}"
            raise DataError(msg) from error
        except (OSError, ValueError, RecursionError) as error:
            msg = f"Cannot read the word index {path}. Expected: JSON, word -> rank from 1. Received: {error}"
            raise DataError(msg) from error

    def save(self, path: Path) -> None:
        """Write the words as a file that `load` reads, in the format of Keras's `imdb_word_index.json`."""
        ranks = {word: rank for rank, word in enumerate(self.words, start=1)}
        Path(path).write_text(json.dumps(ranks, ensure_ascii=False), encoding="utf-8")

    def truncate(self, num_words: int) -> "Vocabulary":
        """Keep the words whose id is below `num_words`: those that a model of this size can know."""
        return Vocabulary(self.words[: max(num_words - INDEX_FROM - 1, 0)])

    def encode(self, text: str, *, skip_unknown: bool = False) -> list[int]:
        """Turn a text into ids as Keras's IMDB data set was made.

        Args:
            text: any text; may be empty.
            skip_unknown: leave unknown words out, as Keras's `imdb.npz` does for its test split, instead of writing
                `OOV`.

        Returns:
            `START` and one id for each word.
        """
        ids = [self.word_index.get(word, OOV) for word in tokenize(text)]
        return [START, *(i for i in ids if i != OOV)] if skip_unknown else [START, *ids]

    def encode_typed(self, text: str) -> list[int]:
        """Turn a text that somebody typed into ids.

        Quotation marks, apostrophes, dashes, spaces, accents, ligatures and letters of other widths are read in
        whichever form they have. A word in apostrophes is read without them, if it is unknown with them. A symbol,
        such as an emoji, that is not in the vocabulary is passed over, as punctuation is.

        Args:
            text: any text; may be empty.

        Returns:
            `START` and one id for each word.
        """
        ids = [START]
        for chunk in tokenize(straighten_backticks(text)):
            known = self.word_index.get(chunk) if _is_plain(chunk) else None
            if known is None:
                ids += [i for i, _, _ in self._look_up(chunk)]
            else:
                ids.append(known)
        return ids

    def typed_spans(self, text: str) -> list[tuple[int, int]]:
        """Where in a text the words of `encode_typed` are: for each, its first character and the one after its last."""
        return [
            (match.start() + begin, match.start() + end)
            # Every character is translated to one other, so that places stay.
            for match in re.finditer("[^ ]+", straighten_backticks(text).translate(_NORMALISE))
            for _, begin, end in self._look_up(match.group())
        ]

    def _look_up(self, chunk: str) -> list[tuple[int, int, int]]:
        """Find the words in a part of a text that `tokenize` does not split.

        Returns:
            For each word its id, its first character and the one after its last.
        """
        found = []
        for word, begin, end in _words_of(chunk):
            known = self.word_index.get(word) or self.word_index.get(word.strip("'"))
            if known is not None or any(map(str.isalnum, word)):
                found.append((known or OOV, begin, end))
        return found

    def decode(self, ids: Sequence[int] | npt.NDArray[np.integer[Any]]) -> str:
        """Turn ids back into words, one space apart; padding and start vanish, an unknown word reads "�".

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
