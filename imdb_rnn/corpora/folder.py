"""Reviews in a folder of text files: `train/pos`, `train/neg`, `test/pos`, `test/neg`, one review a file.

May import: numpy, the standard library, imdb_rnn.corpora, imdb_rnn.errors, imdb_rnn.files, imdb_rnn.tokens.

This is how the Large Movie Review Dataset is distributed; a user's own reviews in this shape work as well. The
vocabulary is made from the training texts.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imdb_rnn.corpora.cache import cached
from imdb_rnn.corpora.reviews import (
    Corpus,
    LabelledTexts,
    check_classes,
    encode_texts,
    fingerprint_of_contents,
    fingerprint_of_texts,
)
from imdb_rnn.errors import DataError
from imdb_rnn.files import read_file
from imdb_rnn.tokens import Vocabulary

LABELS = {"pos": 1, "neg": 0}

# The most that is read. The Large Movie Review Dataset has 65 million bytes in 50,000 files, the largest of 13,704.
LARGEST_REVIEW = 1_000_000
LARGEST_FOLDER = 200_000_000
MOST_FILES = 200_000


class _Review(NamedTuple):
    split: str
    label: int
    content: bytes  # UTF-8


def load(path: Path, vocabulary: Vocabulary | None = None) -> Corpus:
    """Read a folder of reviews.

    Args:
        path: the folder that holds `train` and `test`.
        vocabulary: the words to encode with; None ranks the words of the training texts.

    Raises:
        DataError: the folder is not of this shape, is too large, has one class only, or a file is not UTF-8 text.
    """
    source = f"folder:{path}"
    # Every file is read every time. Names, sizes and times can be equal for other contents, as archives set them.
    fingerprint = fingerprint_of_contents((review.label, review.content) for review in _reviews(path))

    def make() -> Corpus:
        train, test = _texts(source, path)
        if fingerprint_of_texts(train, test) != fingerprint:
            msg = f"Cannot read {source}. Expected: files that stay as they are. Received: some that change meanwhile."
            raise DataError(msg)
        return encode_texts(source, fingerprint, train, test, vocabulary)

    return cached(source, f"folder {fingerprint}", vocabulary, make)


def _texts(source: str, path: Path) -> tuple[LabelledTexts, LabelledTexts]:
    texts: dict[str, list[str]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    for review in _reviews(path):
        texts[review.split].append(review.content.decode("utf-8"))
        labels[review.split].append(review.label)
    train, test = (LabelledTexts(texts[split], np.array(labels[split], np.int8)) for split in ("train", "test"))
    check_classes(source, train.labels, "train")
    check_classes(source, test.labels, "test")
    return train, test


def _reviews(path: Path) -> Iterator[_Review]:
    """All reviews, one at a time: of each split the positive ones first, in the order of the files' names."""
    files = [
        (split, label, file)
        for split in ("train", "test")
        for name, label in LABELS.items()
        for file in _files(path, split, name)
    ]
    total = 0
    for split, label, file in files:
        try:
            content = read_file(file, LARGEST_REVIEW)
            content.decode("utf-8")
        except (OSError, ValueError) as error:
            msg = f"Cannot read {file}. Expected: text in UTF-8. Received: {error}"
            raise DataError(msg) from error
        total += len(content)
        if total > LARGEST_FOLDER:
            msg = f"Cannot read folder:{path}. Expected: at most {LARGEST_FOLDER:,} bytes of text. Received: more."
            raise DataError(msg)
        yield _Review(split, label, content)


def _files(path: Path, split: str, name: str) -> list[Path]:
    """The text files of one class in the order of their names."""
    folder = path / split / name
    names, count = [], 0
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries, start=1):
                if entry.name.endswith(".txt"):
                    names.append(entry.name)
                if count > MOST_FILES:
                    break
    except (FileNotFoundError, NotADirectoryError):
        count = -1
    if count > MOST_FILES or not names:
        received = "is not there" if count < 0 else f"holds more than {MOST_FILES:,}" if names else "has no .txt file"
        msg = (
            f"Cannot read folder:{path}. Expected: text files in train/pos, train/neg, test/pos and test/neg. "
            f"Received: {split}/{name} {received}."
        )
        raise DataError(msg)
    return [folder / name for name in sorted(names)]
