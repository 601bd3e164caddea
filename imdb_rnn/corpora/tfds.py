"""The IMDB reviews of TensorFlow Datasets, read without TensorFlow.

TFDS holds raw texts. Encoded with Keras's word index, unknown words left out, they are the very reviews of `imdb`, in
another order. Only a prepared copy is read; nothing is downloaded or prepared here, because without a network TFDS
hangs for minutes, and preparing needs TensorFlow.
"""

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from imdb_rnn.corpora import imdb
from imdb_rnn.corpora.cache import cached
from imdb_rnn.corpora.corpus import Corpus, LabelledTexts, check_classes, encode_texts
from imdb_rnn.errors import DataError
from imdb_rnn.files import read_file, sha256_of_files
from imdb_rnn.home import expanded
from imdb_rnn.printable import printable
from imdb_rnn.text.tokens import Vocabulary

NAME = "imdb_reviews/plain_text:1.0.0"
PREPARED = Path("imdb_reviews/plain_text/1.0.0")
PREPARE = (
    "python -c \"import tensorflow_datasets as t; t.builder('imdb_reviews', file_format='array_record')"
    '.download_and_prepare()"'
)
BATCH = 1000
# The largest files of a copy that are read, in bytes: IMDB's records have 21 million for each split, all else 2,000.
MAX_RECORDS_BYTES = 100_000_000
MAX_NOTE_BYTES = 1_000_000


def load(vocabulary: Vocabulary | None = None) -> Corpus:
    """Read TFDS's `imdb_reviews`.

    Args:
        vocabulary: the words to encode with, unknown ones becoming `OOV`; None takes Keras's word index and leaves
            unknown words out, as `imdb` does.

    Raises:
        DataError: there is no prepared copy, or tensorflow-datasets is not installed.
    """
    data_dir = find_data_dir()
    fingerprint = _check_files(data_dir)
    words = vocabulary or Vocabulary.load(imdb.find(imdb.WORD_INDEX))

    def make() -> Corpus:
        train, test = (read_texts(data_dir, split) for split in ("train", "test"))
        encode = partial(Vocabulary.encode, skip_unknown=vocabulary is None)
        return encode_texts("tfds", fingerprint, train, test, words, encode=encode)

    return cached("tfds", f"tfds {fingerprint} skip unknown: {vocabulary is None}", words, make)


def _check_files(data_dir: Path) -> str:
    """SHA-256 of the records of a prepared copy.

    TFDS opens the files of its folder itself and would wait for a pipe without end.

    Raises:
        DataError: something in the folder is not a regular file, or is too large.
    """
    folder = data_dir / PREPARED
    records = sorted(folder.glob("*.array_record*"))
    try:
        for file in (data_dir / PREPARED.parts[0]).rglob("*"):
            if file not in records and not file.is_dir():
                read_file(file, MAX_NOTE_BYTES)
        return sha256_of_files(*records, limit=MAX_RECORDS_BYTES)
    except (OSError, ValueError) as error:
        msg = f"Cannot read tfds in {data_dir}. Expected: a whole copy of {NAME}. Received: {error}"
        raise DataError(msg) from error


def find_data_dir() -> Path:
    """The folder of a prepared copy in array_record form."""
    given, standard = imdb.given_folder(), expanded(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")
    places = (None if given is None else given / "tfds", standard)
    folders = [folder for folder in places if folder is not None]
    for folder in folders:
        if any((folder / PREPARED).glob("*.array_record*")):
            return folder
    msg = (
        f"Cannot read tfds. Expected: {PREPARED} prepared in array_record form in "
        f"{' or '.join(map(str, folders)) or 'a folder TFDS_DATA_DIR'}. "
        f"Received: none there. Prepare it once, where tensorflow is installed: {PREPARE}"
    )
    raise DataError(msg)


def read_texts(data_dir: Path, split: str) -> LabelledTexts:
    """Read the raw reviews of a split, "train" or "test"."""
    try:
        from tensorflow_datasets import data_source
    except ImportError as error:
        msg = (
            f"Cannot read tfds. Expected: tensorflow-datasets. Received: {printable(str(error))}. "
            f'pip install "imdb_rnn[tfds]"'
        )
        raise DataError(msg) from error

    try:
        # Never with download=True: see above.
        dataset: Any = data_source(NAME, split=split, data_dir=data_dir, download=False)
        records = [
            record
            for start in range(0, len(dataset), BATCH)
            for record in dataset.__getitems__(list(range(start, min(start + BATCH, len(dataset)))))
        ]
        expected = dataset.dataset_info.splits[split].num_examples
    except (OSError, ValueError, AssertionError, NotImplementedError, RuntimeError, ImportError) as error:
        msg = f"Cannot read tfds in {data_dir}. Expected: a whole copy of {NAME}. Received: {printable(str(error))}"
        raise DataError(msg) from error
    # Some formats lose records without a word when they are prepared.
    if len(records) != expected:
        msg = f"Cannot read tfds in {data_dir}. Expected: {expected} reviews in {split}. Received: {len(records)}."
        raise DataError(msg)
    labels = np.array([record["label"] for record in records], np.int8)
    check_classes("tfds", labels, split)
    return LabelledTexts([record["text"].decode("utf-8") for record in records], labels)
