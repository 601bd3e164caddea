"""Scores blocks of rows in several processes, in order.

Each process has the model once. A block is scored as a whole by one process, so the scores are the same to the last bit
for any number of processes.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor
from itertools import chain, islice
from typing import Any, NamedTuple

from imdb_rnn.errors import ReviewError
from imdb_rnn.inference.classifier import Classifier, Unscored, Words
from imdb_rnn.processes import map_in_processes
from imdb_rnn.scoring.tables import Block

# Starting processes takes longer than scoring this many blocks.
_BLOCKS_WITHOUT_PROCESSES = 4


class Result(NamedTuple):
    """The result for a row: a score and a label, or the reason why there are none."""

    score: float | None
    label: str | None
    reason: str | None


class ScoredBlock(NamedTuple):
    """A block with its results.

    Attributes:
        block: the rows.
        results: one for each row.
        words: the words of the reviews that have scores.
    """

    block: Block
    results: list[Result]
    words: Words


def score_blocks(classifier: Classifier, blocks: Iterable[Block], workers: int) -> Iterator[ScoredBlock]:
    """Score blocks.

    Args:
        classifier: the model.
        blocks: the rows, of which only a few blocks are in memory at a time.
        workers: the number of processes; with 1, and for a few blocks, this process scores.

    Yields:
        The blocks with their results, in order.
    """
    iterator = iter(blocks)
    for block in islice(iterator, _BLOCKS_WITHOUT_PROCESSES if workers > 1 else None):
        yield ScoredBlock(block, *_score(classifier, block.texts, block.problems))
    yield from _score_in_processes(classifier, iterator, workers)


def _score_in_processes(classifier: Classifier, blocks: Iterator[Block], workers: int) -> Iterator[ScoredBlock]:
    first = next(blocks, None)
    if first is None:
        return
    sent: deque[Block] = deque()  # only what a process needs is sent to it

    def parts() -> Iterator[tuple[list[str], list[str]]]:
        for block in chain([first], blocks):
            sent.append(block)
            yield block.texts, block.problems

    try:
        for results, words in map_in_processes(_score_here, parts(), workers, _keep, (classifier,)):
            yield ScoredBlock(sent.popleft(), results, words)
    except BrokenExecutor as error:
        msg = f"Cannot score with {workers} processes. Expected: processes that run to their end. Received: {error} "
        raise ReviewError(f"{msg}Use fewer --workers.") from error


_classifier: Classifier


def _keep(classifier: Classifier) -> None:
    global _classifier
    _classifier = classifier


def _score_here(part: tuple[list[str], list[str]]) -> tuple[list[Result], Words]:
    return _score(_classifier, *part)


def _score(classifier: Classifier, texts: list[str], problems: list[str]) -> tuple[list[Result], Words]:
    predictions, words = classifier.predict_or_skip(
        [text for text, problem in zip(texts, problems, strict=True) if not problem]
    )
    rest: Iterator[Any] = iter(predictions)
    results = []
    for problem in problems:
        prediction = Unscored(None, problem) if problem else next(rest)
        results.append(Result(prediction.score, prediction.label, prediction.reason))
    return results, words
