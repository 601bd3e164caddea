"""Reviews in a folder of text files: `train/pos`, `train/neg`, `test/pos`, `test/neg`, one review per file.

The Large Movie Review Dataset is distributed in this layout, and users can arrange their own reviews in it. The
vocabulary is made from the training texts. Reviews without any letter, digit or symbol are left out.
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

# Limits. The Large Movie Review Dataset has 65 million bytes in 50,000 files, the largest with 13,704 bytes.
MAX_REVIEW_BYTES = 1_000_000
MAX_FOLDER_BYTES = 200_000_000
MAX_FILES = 200_000

# A review must have a word within so many characters.
_SEARCHED_CHARACTERS = 10_000

# Files that Windows creates in folders. The names of such files of other systems begin with a dot.
_SYSTEM_FILES = {"thumbs.db", "desktop.ini"}

_log = logging.getLogger(__name__)


class _File(NamedTuple):
    split: str
    label: int
    path: Path


def load(path: Path, vocabulary: Vocabulary | None = None) -> Corpus:
    """Load the reviews of a folder.

    Args:
        path: the folder that contains `train` and `test`.
        vocabulary: the words to encode with; None ranks the words of the training texts.

    Raises:
        DataError: the folder does not have this layout, is too large, lacks a class, or a file is not text in UTF-8 or
            in UTF-16 with a byte order mark.
    """
    source = f"folder:{path}"
    files, others = _files(path)
    _check_size(path, files)
    wordless: list[_File] = []

    def contents() -> Iterator[tuple[int, bytes]]:
        for file, text in _texts(path, files):
            if has_words(text[:_SEARCHED_CHARACTERS]):
                yield file.label, text.encode()
            else:
                wordless.append(file)

    # All files are read each time, because names, sizes and times (which archives set) do not identify the content.
    fingerprint = fingerprint_of_contents(contents())
    _warn_of_skipped(source, "are not .txt files", others)
    _warn_of_skipped(source, "have no words", [file.path for file in wordless])

    def make() -> Corpus:
        left_out = set(wordless)
        train, test = _splits(source, _texts(path, [file for file in files if file not in left_out]))
        if fingerprint_of_texts(train, test) != fingerprint:
            msg = f"Cannot read {source}. Expected: files that do not change. Received: files that changed meanwhile."
            raise DataError(msg)
        return encode_texts(source, fingerprint, train, test, vocabulary)

    return cached(source, f"folder {fingerprint}", vocabulary, make)


def _warn_of_skipped(source: str, reason: str, skipped: list[Path]) -> None:
    if skipped:
        example = printable(str(skipped[0]))
        _log.warning("%s: skipped %d files that %s, such as %s", printable(source), len(skipped), reason, example)


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
    """Yield files and their texts, one at a time."""
    for file in files:
        try:
            text = decode(read_file(file.path, MAX_REVIEW_BYTES))
        except (OSError, ValueError) as error:
            msg = f"Cannot read {file.path}. Expected: text in UTF-8. Received: {error}"
            raise DataError(msg) from error
        yield file, text


def _check_size(path: Path, files: list[_File]) -> None:
    """Raise `DataError` if the files are too large, before any is read."""
    try:
        total = sum(file.path.stat().st_size for file in files)
    except OSError:
        return  # reading the file raises an error that names it
    if total > MAX_FOLDER_BYTES:
        msg = f"Cannot read folder:{path}. Expected: at most {MAX_FOLDER_BYTES:,} bytes of text. Received: {total:,}."
        raise DataError(msg)


def _files(path: Path) -> tuple[list[_File], list[Path]]:
    """Return the text files (train before test, positive before negative, sorted by name) and all other files."""
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
    """Return the files in the folder of one class, sorted by name, without system files."""
    folder = path / split / name
    names, count = [], 0
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries, start=1):
                if not entry.name.startswith(".") and entry.name.lower() not in _SYSTEM_FILES:
                    names.append(entry.name)
                if count > MAX_FILES:
                    break
    except (FileNotFoundError, NotADirectoryError):
        count = -1
    has_text = any(map(_is_text, names))
    if count > MAX_FILES or not has_text:
        too_many = f"has more than {MAX_FILES:,} files"
        received = "does not exist" if count < 0 else too_many if has_text else "has no .txt file"
        msg = (
            f"Cannot read folder:{path}. Expected: text files in train/pos, train/neg, test/pos and test/neg. "
            f"Received: {split}/{name} {received}."
        )
        raise DataError(msg)
    return [folder / name for name in sorted(names)]
