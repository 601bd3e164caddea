"""Numbers the words of blocks of reviews, in several processes."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn.corpora.corpus import LabelledTexts, fingerprint_of_texts
from imdb_rnn.encoding.sources import Block
from imdb_rnn.encoding.words import NumberedTexts, number_words
from imdb_rnn.errors import DataError
from imdb_rnn.processes import map_in_processes


class NumberedBlock(NamedTuple):
    """A block of reviews as numbers of words.

    Attributes:
        texts: n reviews.
        labels: see `imdb_rnn.encoding.sources.Labelled`.
        is_test: the same.
        skipped: the same.
        fingerprint: SHA-256 of the reviews, and of which of them are for the evaluation.
    """

    texts: NumberedTexts
    labels: npt.NDArray[np.int8]
    is_test: npt.NDArray[np.bool_]
    skipped: list[str]
    fingerprint: str


def number_blocks(blocks: Iterable[Block], workers: int) -> Iterator[NumberedBlock]:
    """Number the words of each block.

    Raises:
        DataError: a process was killed.
    """
    if workers == 1:
        yield from map(_number, blocks)
        return
    try:
        yield from map_in_processes(_number, blocks, workers)
    except BrokenExecutor as error:
        msg = f"Cannot encode with {workers} processes. Expected: processes that run to their end. Received: {error}. "
        raise DataError(f"{msg.replace('..', '.')}Go on by --resume, with fewer --workers.") from error


def _number(block: Block) -> NumberedBlock:
    texts, labels, is_test, skipped = block()
    fingerprint = fingerprint_of_texts(LabelledTexts(texts, labels)) + hashlib.sha256(is_test.tobytes()).hexdigest()
    return NumberedBlock(number_words(texts), labels, is_test, skipped, fingerprint)
