"""Splits blocks of reviews into words, in several processes."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn.corpora.corpus import LabelledTexts, fingerprint_of_texts
from imdb_rnn.encoding.sources import Block
from imdb_rnn.encoding.words import TokenizedTexts, tokenize_texts
from imdb_rnn.errors import DataError
from imdb_rnn.processes import map_in_processes


class TokenizedBlock(NamedTuple):
    """A block of reviews as words.

    Attributes:
        texts: n reviews.
        labels: see `imdb_rnn.encoding.sources.Labelled`.
        is_test: the same.
        skipped: the same.
        fingerprint: SHA-256 of the reviews, and of which of them are for the evaluation.
    """

    texts: TokenizedTexts
    labels: npt.NDArray[np.int8]
    is_test: npt.NDArray[np.bool_]
    skipped: list[str]
    fingerprint: str


def tokenize_blocks(blocks: Iterable[Block], workers: int) -> Iterator[TokenizedBlock]:
    """Split the reviews of each block into words.

    Raises:
        DataError: a process was killed.
    """
    if workers == 1:
        yield from map(_tokenize, blocks)
        return
    try:
        yield from map_in_processes(_tokenize, blocks, workers)
    except BrokenExecutor as error:
        msg = f"Cannot encode with {workers} processes. Expected: processes that run to their end. Received: "
        resume = "To resume, run the same command with --resume and fewer --workers."
        raise DataError(f"{msg}{str(error).rstrip('.')}. {resume}") from error


def _tokenize(block: Block) -> TokenizedBlock:
    texts, labels, is_test, skipped = block()
    fingerprint = fingerprint_of_texts(LabelledTexts(texts, labels)) + hashlib.sha256(is_test.tobytes()).hexdigest()
    return TokenizedBlock(tokenize_texts(texts), labels, is_test, skipped, fingerprint)
