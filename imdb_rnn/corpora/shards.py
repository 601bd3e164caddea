"""Encoded reviews in a folder of files that need not fit in memory, as `imdb-rnn encode` writes it.

    shards.json         the source, its fingerprint, and the size and SHA-256 of each shard; written last
    word_index.json     the vocabulary, in the format of Keras's `imdb_word_index.json`
    train-00000.arrow   reviews for training: the columns `ids`, a list of int32, and `label`, an int8
    test-00000.arrow    reviews for the evaluation, the same way

A shard is a file in Arrow's IPC format of one record batch, which pandas, polars and others can read.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imdb_rnn import strict_json
from imdb_rnn.corpora.corpus import Corpus
from imdb_rnn.errors import DataError, MissingPackageError
from imdb_rnn.files import atomic_write, open_file, read_file
from imdb_rnn.text.reviews import EncodedReviews, check_reviews
from imdb_rnn.text.sharded_reviews import ShardedReviews, opened
from imdb_rnn.text.tokens import Vocabulary

SHARDS_FILE = "shards.json"
WORDS_FILE = "word_index.json"
SPLITS = ("train", "test")
# Changes whenever an older folder cannot be read.
FORMAT = 1
_MAX_LIST_BYTES = 100_000_000
_CHUNK = 1 << 20
NO_PYARROW = 'Cannot {}. Expected: pyarrow. Received: {}. Run: pip install "imdb_rnn[parquet]"'


@dataclass(frozen=True)
class Shard:
    """A file of reviews.

    Attributes:
        name: its name.
        reviews: the number of reviews.
        sha256: the SHA-256 of the file, as hexadecimal digits.
    """

    name: str
    reviews: int
    sha256: str


@dataclass(frozen=True)
class ShardList:
    """The content of shards.json.

    Attributes:
        source: the source that was encoded.
        fingerprint: SHA-256 of its reviews.
        vocabulary: the fingerprint of its vocabulary.
        run: what identifies the encoding, to resume it.
        skipped: the number of rows of the source that were left out.
        first_skipped: why the first of them were.
        train: the shards of the training reviews.
        test: the shards of the test reviews.
    """

    source: str
    fingerprint: str
    vocabulary: str
    run: str
    skipped: int
    first_skipped: Sequence[str]
    train: Sequence[Shard]
    test: Sequence[Shard]


def load(path: Path, vocabulary: Vocabulary | None = None) -> Corpus:
    """Open a folder of shards, and check that no file was damaged.

    Args:
        path: the folder.
        vocabulary: the words of the ids; None uses those of the folder.

    Raises:
        DataError: the folder is not complete, or a file is damaged.
        MissingPackageError: pyarrow is not installed.
    """
    check_pyarrow(f"read {path}")
    shards = read_list(path)
    words = read_words(path, shards)
    splits = []
    for split in (shards.train, shards.test):
        for shard in split:
            check_shard(path / shard.name, shard, len(words))
        splits.append(ShardedReviews([path / shard.name for shard in split], [shard.reviews for shard in split]))
    corpus = Corpus(f"shards:{path}", shards.fingerprint, words, *splits)
    return corpus if vocabulary is None else corpus.with_vocabulary(vocabulary)


def read_list(path: Path) -> ShardList:
    """Read shards.json.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        content = strict_json.parse(read_file(path / SHARDS_FILE, _MAX_LIST_BYTES))
        if content.pop("format") != FORMAT:
            msg = "a folder of another version of imdb_rnn"
            raise ValueError(msg)
        for split in SPLITS:
            content[split] = [shard_of(one) for one in content[split]]
        content["skipped"] = int(content["skipped"])
        content["first_skipped"] = list(map(str, content["first_skipped"]))
        return ShardList(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = (
            f"Cannot read {path}. Expected: a folder that `imdb-rnn encode` has completed, with {SHARDS_FILE}. "
            f"Received: {error!s:.300}"
        )
        raise DataError(msg) from error


def shard_of(record: Any) -> Shard:
    """Return the shard that an object of JSON describes.

    Raises:
        KeyError, TypeError, ValueError: the object describes none.
    """
    shard = Shard(str(record["name"]), int(record["reviews"]), str(record["sha256"]))
    if Path(shard.name).name != shard.name or shard.reviews < 1:
        msg = "a shard with a path in its name, or without reviews"
        raise ValueError(msg)
    return shard


def read_words(path: Path, shards: ShardList) -> Vocabulary:
    """Read word_index.json.

    Raises:
        DataError: it is missing or damaged.
    """
    words = Vocabulary.load(path / WORDS_FILE)
    if words.fingerprint != shards.vocabulary:
        msg = f"Cannot read {path / WORDS_FILE}. Expected: the words that `imdb-rnn encode` wrote. Received: others. "
        raise DataError(f"{msg}Encode the source again.")
    return words


def write_list(path: Path, shards: ShardList) -> None:
    """Write shards.json, which completes a folder."""
    with atomic_write(path / SHARDS_FILE) as temporary:
        temporary.write_text(json.dumps({"format": FORMAT} | asdict(shards), indent=1), encoding="utf-8")


def write_shard(path: Path, reviews: EncodedReviews) -> Shard:
    """Write a shard of at least one review with a label.

    Raises:
        DataError: the reviews have more ids than one file can have.
    """
    import pyarrow

    if reviews.offsets[-1] > np.iinfo(np.int32).max:
        msg = f"Cannot write {path}. Expected: fewer than 2**31 words in {len(reviews):,} reviews. Received: more."
        raise DataError(msg)
    ids = pyarrow.ListArray.from_arrays(pyarrow.array(reviews.offsets.astype(np.int32)), pyarrow.array(reviews.ids))
    columns = {"ids": ids, "label": pyarrow.array(reviews.required_labels())}
    batch = pyarrow.RecordBatch.from_pydict(columns)
    with atomic_write(path) as temporary:
        # As bytes, because pyarrow encodes text in UTF-8, whatever the encoding of the file system is.
        with (
            pyarrow.OSFile(os.fsencode(temporary), "wb") as file,
            pyarrow.ipc.new_file(file, batch.schema) as writer,
        ):
            writer.write_batch(batch)
        return Shard(path.name, len(reviews), sha256_of(temporary))


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file of any size, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open_file(file) as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def check_pyarrow(action: str) -> None:
    """Raise `MissingPackageError` if pyarrow is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingPackageError(NO_PYARROW.format(action, error)) from error


def check_shard(file: Path, shard: Shard, num_words: int) -> None:
    """Raise `DataError` if a shard is not as it was written.

    Args:
        file: the shard.
        shard: what it was when it was written.
        num_words: ids are below `INDEX_FROM + 1` + this number.
    """
    try:
        if (found := sha256_of(file)) != shard.sha256:
            msg = f"a file with the SHA-256 {found[:12]}… instead of {shard.sha256[:12]}…"
            raise ValueError(msg)
        with opened(file) as reviews:
            check_reviews(reviews, num_words)
            if len(reviews) != shard.reviews:
                msg = f"{len(reviews)} reviews instead of {shard.reviews}"
                raise ValueError(msg)
    except (OSError, ValueError, KeyError, AttributeError, IndexError) as error:
        msg = f"Cannot read {file}. Expected: the reviews that `imdb-rnn encode` wrote. Received: {error!s:.300}. "
        raise DataError(f"{msg}Encode the source again.") from error
