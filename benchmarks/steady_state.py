"""One process's figures of training and prediction, apart from starting up: first step, steady steps, epochs, latency.

The clock is read only after the weights have been read back, so that no device is still at work. Blocks of steps are
timed, never single ones.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.inputs import Training
from benchmarks.trainer import BATCH_SIZE, Trainer
from imdb_rnn.text.batches import Arrays

BLOCK = 78  # steps; four of them and the short last batch are an epoch
TOGETHER = (1, 8, 64, 512, 4_096)  # reviews that are predicted in one call
LEAST_SECONDS = 0.2  # of repeated predictions
LEAST_TRAINING = 1.0  # seconds, of repeated epochs
SHUFFLE_SEED = 42


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """The seconds that a call takes, and what it gives."""
    began = time.perf_counter()
    result = run()
    return time.perf_counter() - began, result


def seconds_of(run: Callable[[], Any]) -> float:
    """The seconds that a call takes."""
    return timed(run)[0]


def step(trainer: Trainer, batches: list[Arrays]) -> None:
    """Train, and wait until it is done."""
    trainer.train(batches)
    trainer.weights()


def blocks_of(reviews: Arrays) -> list[list[Arrays]]:
    """An epoch of batches in blocks: 78 steps each, the last with the short batch that ends an epoch on top."""
    batches = [
        Arrays(reviews.x[i : i + BATCH_SIZE], reviews.y[i : i + BATCH_SIZE])
        for i in range(0, len(reviews.x), BATCH_SIZE)
    ]
    *whole, short = batches
    blocks = [whole[i : i + BLOCK] for i in range(0, len(whole), BLOCK)]
    blocks[-1].append(short)
    return blocks


def measure_training(trainer: Trainer, reviews: Arrays) -> dict[str, list[float]]:
    """Time the first step, then, warmed up, an epoch of ready batches, and one with shuffling and batching.

    Args:
        trainer: fresh.
        reviews: of the epoch.

    Returns:
        Seconds: "first step", "step" (one for each block: its mean), "epoch", "epoch with pipeline". All but the first
        are repeated for a second, where they take less.
    """
    blocks = blocks_of(reviews)
    first = seconds_of(lambda: step(trainer, blocks[0][:1]))
    step(trainer, blocks[-1])  # both shapes of a batch
    epochs = timed_again(lambda: [seconds_of(lambda block=block: step(trainer, block)) for block in blocks])
    trainer.train_epoch(Arrays(reviews.x[: BATCH_SIZE + 1], reviews.y[: BATCH_SIZE + 1]), SHUFFLE_SEED)

    def epoch() -> None:
        trainer.train_epoch(reviews, SHUFFLE_SEED)
        trainer.weights()

    return {
        "first step": [first],
        "step": [second / len(block) for seconds in epochs for second, block in zip(seconds, blocks, strict=True)],
        "epoch": [sum(seconds) for seconds in epochs],
        "epoch with pipeline": timed_again(lambda: seconds_of(epoch)),
    }


def measure_prediction(trainer: Trainer, predicted: Arrays, calls: int) -> dict[str, list[float]]:
    """Time the prediction of one review, call by call, and of many in one call.

    Args:
        trainer: trained or not.
        predicted: reviews; fewer than 4,096 are repeated.
        calls: for one review.

    Returns:
        Seconds: "one review", a value for each call; and "N reviews", the mean of calls that take a fifth of a second.
    """
    ids = predicted.x[np.resize(np.arange(len(predicted.x)), max(TOGETHER))]
    one = ids[:1]
    for _ in range(3):
        trainer.predict(one)
    found = {"one review": [seconds_of(lambda: trainer.predict(one)) for _ in range(calls)]}
    for count in TOGETHER:
        found[f"{count} reviews"] = [repeated(lambda count=count: trainer.predict(ids[:count]))]
    return found


def timed_again(measure: Callable[[], Any]) -> list[Any]:
    """What a measurement gives, made again until a second is over."""
    found, began = [measure()], time.perf_counter()
    while time.perf_counter() - began < LEAST_TRAINING:
        found.append(measure())
    return found


def repeated(run: Callable[[], Any]) -> float:
    """The mean seconds of a call, warmed up, over a fifth of a second."""
    run()
    began, times = time.perf_counter(), 0
    while (seconds := time.perf_counter() - began) < LEAST_SECONDS:
        run()
        times += 1
    return seconds / times


def first_reviews(training: Training, batches: int) -> Arrays:
    """The reviews that fill so many batches, the last of them half."""
    count = batches * BATCH_SIZE - BATCH_SIZE // 2
    return Arrays(training.reviews.x[:count], training.reviews.y[:count])
