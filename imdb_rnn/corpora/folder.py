"""Reviews in a folder of text files: `train/pos`, `train/neg`, `test/pos`, `test/neg`, one review a file.

This is how the Large Movie Review Dataset is distributed; a user's own reviews in this shape work as well. The
vocabulary is made from the training texts. A review without a letter or a digit teaches nothing, and is left out.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imdb_rnn.corpora.cache import cached
from imdb_rnn.corpora.corpus import (
    Corpus,
    LabelledTexts,
    check_classes,
    encode_texts,
    fingerprint_of_contents,
    fingerprint_of_texts,
)
from imdb_rnn.errors import DataError
from imdb_rnn.files import read_file
from imdb_rnn.printable import printable
from imdb_rnn.text.normalization import has_words
from imdb_rnn.text.text_files import decode
from imdb_rnn.text.tokens import Vocabulary

LABELS = {"pos": 1, "neg": 0}

# The most that is read. The Large Movie Review Dataset has 65 million bytes in 50,000 files, the largest of 13,704.
MAX_REVIEW_BYTES = 1_000_000
MAX_FOLDER_BYTES = 200_000_000
MAX_FILES = 200_000

# So many characters without a word are no review.
_BEGINNING = 10_000

# What Windows leaves in a folder. What other systems leave begins with a dot.
_DROPPINGS = {"thumbs.db", "desktop.ini"}

_log = logging.getLogger(__name__)


class _File(NamedTuple):
    split: str
    label: int
    path: Path


def load(path: Path, vocabulary: Vocabulary | None = None) -> Corpus:
    """Read a folder of reviews.

    Args:
        path: the folder that holds `train` and `test`.
        vocabulary: the words to encode with; None ranks the words of the training texts.

    Raises:
        DataError: the folder is not of this shape, is too large, has one class only, or a file is not text in UTF-8 or
            in UTF-16 with a byte order mark.
    """
    source = f"folder:{path}"
    files, others = _files(path)
    _check_size(path, files)
    wordless: list[_File] = []

    def contents() -> Iterator[tuple[int, bytes]]:
        for file, text in _texts(path, files):
            if has_words(text[:_BEGINNING]):
                yield file.label, text.encode()
            else:
                wordless.append(file)

    # Every file is read every time. Names, sizes and times can be equal for other contents, as archives set them.
    fingerprint = fingerprint_of_contents(contents())
    _tell(source, "are no .txt files", others)
    _tell(source, "have no word", [file.path for file in wordless])

    def make() -> Corpus:
        left_out = set(wordless)
        train, test = _splits(source, _texts(path, [file for file in files if file not in left_out]))
        if fingerprint_of_texts(train, test) != fingerprint:
            msg = f"Cannot read {source}. Expected: files that stay as they are. Received: some that change meanwhile."
            raise DataError(msg)
        return encode_texts(source, fingerprint, train, test, vocabulary)

    return cached(source, f"folder {fingerprint}", vocabulary, make)


def _tell(source: str, what: str, left_out: list[Path]) -> None:
    if left_out:
        example = printable(str(left_out[0]))
        _log.warning("%s: left out %d that %s, such as %s", printable(source), len(left_out), what, example)


def _splits(source: str, reviews: Iterable[tuple[_File, str]]) -> tuple[LabelledTexts, LabelledTexts]:
    texts: dict[str, list[str]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    for file, text in reviews:
        texts[file.split].append(text)
        labels[file.split].append(file.label)
    train, test = (LabelledTexts(texts[split], np.array(labels[split], np.int8)) for split in ("train", "test"))
    check_classes(source, train.labels, "train")
    check_classes(source, test.labels, "test")
    return train, test


def _texts(path: Path, files: list[_File]) -> Iterator[tuple[_File, str]]:
    """Read files, one at a time."""
    for file in files:
        try:
            text = decode(read_file(file.path, MAX_REVIEW_BYTES))
        except (OSError, ValueError) as error:
            msg = f"Cannot read {file.path}. Expected: text in UTF-8. Received: {error}"
            raise DataError(msg) from error
        yield file, text


def _check_size(path: Path, files: list[_File]) -> None:
    """Refuse a folder that is too large before any of it is read."""
    try:
        total = sum(file.path.stat().st_size for file in files)
    except OSError:
        return  # reading it says which file it is, and why
    if total > MAX_FOLDER_BYTES:
        msg = f"Cannot read folder:{path}. Expected: at most {MAX_FOLDER_BYTES:,} bytes of text. Received: {total:,}."
        raise DataError(msg)


def _files(path: Path) -> tuple[list[_File], list[Path]]:
    """The text files, of each split the positive ones first, in the order of their names; and what else is there."""
    files, others = [], []
    for split in ("train", "test"):
        for name, label in LABELS.items():
            for entry in _entries(path, split, name):
                if _is_text(entry.name):
                    files.append(_File(split, label, entry))
                else:
                    others.append(entry)
    return files, others


def _is_text(name: str) -> bool:
    return name.lower().endswith(".txt")


def _entries(path: Path, split: str, name: str) -> list[Path]:
    """What the folder of one class holds, in the order of the names, without what systems leave there."""
    folder = path / split / name
    names, count = [], 0
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries, start=1):
                if not entry.name.startswith(".") and entry.name.lower() not in _DROPPINGS:
                    names.append(entry.name)
                if count > MAX_FILES:
                    break
    except (FileNotFoundError, NotADirectoryError):
        count = -1
    found = any(map(_is_text, names))
    if count > MAX_FILES or not found:
        received = "is not there" if count < 0 else f"holds more than {MAX_FILES:,}" if found else "has no .txt file"
        msg = (
            f"Cannot read folder:{path}. Expected: text files in train/pos, train/neg, test/pos and test/neg. "
            f"Received: {split}/{name} {received}."
        )
        raise DataError(msg)
    return [folder / name for name in sorted(names)]
