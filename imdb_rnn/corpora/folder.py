"""Reviews in a folder of text files: `train/pos`, `train/neg`, `test/pos`, `test/neg`, one review a file.

May import: numpy, the standard library, imdb_rnn.corpora, imdb_rnn.errors, imdb_rnn.tokens.

This is how the Large Movie Review Dataset is distributed; a user's own reviews in this shape work as well. The
vocabulary is made from the training texts.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from imdb_rnn.corpora.cache import cached
from imdb_rnn.corpora.reviews import Corpus, LabelledTexts, check_classes, encode_texts, fingerprint_of_texts
from imdb_rnn.errors import DataError
from imdb_rnn.tokens import Vocabulary

LABELS = {"pos": 1, "neg": 0}


def load(path: Path, vocabulary: Vocabulary | None = None) -> Corpus:
    """Read a folder of reviews.

    Args:
        path: the folder that holds `train` and `test`.
        vocabulary: the words to encode with; None ranks the words of the training texts.

    Raises:
        DataError: the folder is not of this shape, has one class only, or a file is not UTF-8 text.
    """
    source = f"folder:{path}"
    # Reading 50,000 small files takes seconds, so names, sizes and times tell whether anything has changed; the
    # fingerprint that is reported and saved is of the contents.
    key = hashlib.sha256()
    for split in ("train", "test"):
        for name in LABELS:
            for file in _files(path, split, name):
                stat = file.stat()
                key.update(os.fsencode(f"{split}/{name}/{file.name}\n{stat.st_size} {stat.st_mtime_ns}\n"))

    def make() -> Corpus:
        train, test = _read(source, path, "train"), _read(source, path, "test")
        return encode_texts(source, fingerprint_of_texts(train, test), train, test, vocabulary)

    return cached(source, f"folder {key.hexdigest()}", vocabulary, make)


def _files(path: Path, split: str, name: str) -> list[Path]:
    """The text files of one class in the order of their names."""
    files = sorted((path / split / name).glob("*.txt"), key=lambda file: file.name)
    if not files:
        msg = (
            f"Cannot read folder:{path}. Expected: text files in train/pos, train/neg, test/pos and test/neg. "
            f"Received: {split}/{name} {'has no .txt file' if (path / split / name).is_dir() else 'is not there'}."
        )
        raise DataError(msg)
    return files


def _read(source: str, path: Path, split: str) -> LabelledTexts:
    texts, labels = [], []
    for name, label in LABELS.items():
        for file in _files(path, split, name):
            try:
                texts.append(file.read_bytes().decode("utf-8"))
            except (OSError, UnicodeDecodeError) as error:
                msg = f"Cannot read {file}. Expected: text in UTF-8. Received: {error}"
                raise DataError(msg) from error
            labels.append(label)
    array = np.array(labels, np.int8)
    check_classes(source, array, split)
    return LabelledTexts(texts, array)
