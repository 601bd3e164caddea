"""The IMDB reviews of TensorFlow Datasets (TFDS), read without TensorFlow.

TFDS has the raw texts. Encoded with Keras's word index and without unknown words, they are the same reviews as in
`imdb`, in another order. Only a prepared copy is read. Nothing is downloaded or prepared, because without a network
TFDS hangs for minutes, and the preparation needs TensorFlow.
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
# Size limits of the record files and of the metadata files, in bytes. IMDB has 21 million per split and 2,000.
MAX_RECORDS_BYTES = 100_000_000
MAX_NOTE_BYTES = 1_000_000


def load(vocabulary: Vocabulary | None = None) -> Corpus:
    """Load `imdb_reviews` from TFDS.

    Args:
        vocabulary: the words to encode with; unknown words become `OOV`. None uses Keras's word index and leaves out
            unknown words, as in `imdb`.

    Raises:
        DataError: there is no prepared copy, it is damaged, or tensorflow-datasets is not installed.
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
    """Return the SHA-256 of the records of a prepared copy, after a check of all files in the folder.

    TFDS opens these files itself, and would wait forever for a named pipe.

    Raises:
        DataError: the folder contains something that is not a regular file, or a file that is too large.
    """
    folder = data_dir / PREPARED
    records = sorted(folder.glob("*.array_record*"))
    try:
        for file in (data_dir / PREPARED.parts[0]).rglob("*"):
            if file not in records and not file.is_dir():
                read_file(file, MAX_NOTE_BYTES)
        return sha256_of_files(*records, limit=MAX_RECORDS_BYTES)
    except (OSError, ValueError) as error:
        msg = f"Cannot read tfds in {data_dir}. Expected: a complete copy of {NAME}. Received: {error}"
        raise DataError(msg) from error


def find_data_dir() -> Path:
    """Return the folder of a prepared copy in array_record format."""
    given, standard = imdb.given_folder(), expanded(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")
    places = (None if given is None else given / "tfds", standard)
    folders = [folder for folder in places if folder is not None]
    for folder in folders:
        if any((folder / PREPARED).glob("*.array_record*")):
            return folder
    msg = (
        f"Cannot read tfds. Expected: {PREPARED} in array_record format in "
        f"{' or '.join(map(str, folders)) or 'a folder TFDS_DATA_DIR'}. "
        f"Received: no such files. Prepare it once, where tensorflow is installed: {PREPARE}"
    )
    raise DataError(msg)


def read_texts(data_dir: Path, split: str) -> LabelledTexts:
    """Read the texts of a split, "train" or "test"."""
    try:
        from tensorflow_datasets import data_source
    except ImportError as error:
        msg = (
            f"Cannot read tfds. Expected: tensorflow-datasets. Received: {printable(str(error))}. "
            f'pip install "imdb_rnn[tfds]"'
        )
        raise DataError(msg) from error

    try:
        # Without download=True, which can hang; see the module docstring.
        dataset: Any = data_source(NAME, split=split, data_dir=data_dir, download=False)
        records = [
            record
            for start in range(0, len(dataset), BATCH)
            for record in dataset.__getitems__(list(range(start, min(start + BATCH, len(dataset)))))
        ]
        expected = dataset.dataset_info.splits[split].num_examples
    except (OSError, ValueError, AssertionError, NotImplementedError, RuntimeError, ImportError) as error:
        msg = f"Cannot read tfds in {data_dir}. Expected: a complete copy of {NAME}. Received: {printable(str(error))}"
        raise DataError(msg) from error
    # The preparation of some formats loses records silently.
    if len(records) != expected:
        msg = f"Cannot read tfds in {data_dir}. Expected: {expected} reviews in {split}. Received: {len(records)}."
        raise DataError(msg)
    labels = np.array([record["label"] for record in records], np.int8)
    check_classes("tfds", labels, split)
    return LabelledTexts([record["text"].decode("utf-8") for record in records], labels)
