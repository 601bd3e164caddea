"""Times training and prediction in one process: the first step, steady steps, epochs, latency and throughput.

The clock stops after the weights have been read back, so that the device has finished. Blocks of steps are timed, not
single steps.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np

from benchmarks.inputs import Training
from benchmarks.trainer import BATCH_SIZE, Trainer
from imdb_rnn.text.batches import Arrays

Result = TypeVar("Result")

BLOCK = 78  # steps; four blocks and the smaller last batch are an epoch
PREDICTED_TOGETHER = (1, 8, 64, 512, 4_096)  # reviews per call
MIN_PREDICTION_SECONDS = 0.2  # of repeated predictions
MIN_TRAINING_SECONDS = 1.0  # of repeated epochs
SHUFFLE_SEED = 42


def timed(run: Callable[[], Result]) -> tuple[float, Result]:
    """Return the seconds of a call, and its result."""
    began = time.perf_counter()
    result = run()
    return time.perf_counter() - began, result


def seconds_of(run: Callable[[], object]) -> float:
    """Return the seconds of a call."""
    return timed(run)[0]


def step(trainer: Trainer, batches: list[Arrays]) -> None:
    """Train, and wait until the device has finished."""
    trainer.train(batches)
    trainer.weights()


def blocks_of(reviews: Arrays) -> list[list[Arrays]]:
    """Divide an epoch into blocks of 78 batches; the last block also holds the smaller batch that ends the epoch."""
    batches = [
        Arrays(reviews.x[i : i + BATCH_SIZE], reviews.y[i : i + BATCH_SIZE])
        for i in range(0, len(reviews.x), BATCH_SIZE)
    ]
    *whole, short = batches
    blocks = [whole[i : i + BLOCK] for i in range(0, len(whole), BLOCK)]
    blocks[-1].append(short)
    return blocks


def measure_training(trainer: Trainer, reviews: Arrays) -> dict[str, list[float]]:
    """Time the first step, and after warm-up an epoch of ready batches and one with shuffling and batching.

    Args:
        trainer: a new trainer.
        reviews: the reviews of the epoch.

    Returns:
        Seconds: "first step", "step" (per block: the mean of its steps), "epoch", "epoch with pipeline". All but the
        first are repeated for at least one second.
    """
    blocks = blocks_of(reviews)
    first = seconds_of(lambda: step(trainer, blocks[0][:1]))
    step(trainer, blocks[-1])  # warm-up for both sizes of batches
    epochs = repeat(lambda: [seconds_of(partial(step, trainer, block)) for block in blocks])
    trainer.train_epoch(Arrays(reviews.x[: BATCH_SIZE + 1], reviews.y[: BATCH_SIZE + 1]), SHUFFLE_SEED)

    def epoch() -> None:
        trainer.train_epoch(reviews, SHUFFLE_SEED)
        trainer.weights()

    return {
        "first step": [first],
        "step": [second / len(block) for seconds in epochs for second, block in zip(seconds, blocks, strict=True)],
        "epoch": [sum(seconds) for seconds in epochs],
        "epoch with pipeline": repeat(lambda: seconds_of(epoch)),
    }


def measure_prediction(trainer: Trainer, predicted: Arrays, calls: int) -> dict[str, list[float]]:
    """Time the prediction of one review, and of many reviews in one call.

    Args:
        trainer: a trainer, trained or not.
        predicted: the reviews; they are repeated if there are fewer than 4,096.
        calls: number of calls with one review.

    Returns:
        Seconds: "one review", one value per call; and "N reviews", the mean of calls during 0.2 s.
    """
    ids = predicted.x[np.resize(np.arange(len(predicted.x)), max(PREDICTED_TOGETHER))]
    one = ids[:1]
    for _ in range(3):
        trainer.predict(one)
    values = {"one review": [seconds_of(lambda: trainer.predict(one)) for _ in range(calls)]}
    for count in PREDICTED_TOGETHER:
        values[f"{count} reviews"] = [mean_seconds(partial(trainer.predict, ids[:count]))]
    return values


def repeat(measure: Callable[[], Result]) -> list[Result]:
    """Repeat a measurement for at least one second."""
    results, began = [measure()], time.perf_counter()
    while time.perf_counter() - began < MIN_TRAINING_SECONDS:
        results.append(measure())
    return results


def mean_seconds(run: Callable[[], object]) -> float:
    """Return the mean seconds of a call after warm-up, repeated for at least 0.2 s."""
    run()
    began, times = time.perf_counter(), 0
    while (seconds := time.perf_counter() - began) < MIN_PREDICTION_SECONDS:
        run()
        times += 1
    return seconds / times


def first_reviews(training: Training, batches: int) -> Arrays:
    """Return the reviews of the given number of batches, the last of which is half full."""
    count = batches * BATCH_SIZE - BATCH_SIZE // 2
    return Arrays(training.reviews.x[:count], training.reviews.y[:count])
