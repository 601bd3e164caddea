"""Times a step while one thing grows: the batch, the length, the number of units; and an epoch of more reviews."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks.inputs import Training
from benchmarks.steady_state import SHUFFLE_SEED, seconds_of, step
from benchmarks.trainer import BATCH_SIZE, Trainer
from imdb_rnn.text.batches import Arrays

BATCHES = (64, 256, 1_024, 4_096)
GPU_BATCHES = (*BATCHES, 16_384)
LENGTHS = (50, 100, 200, 400, 800)
UNITS = (8, 16, 32, 64, 128, 256)
REVIEWS = (25_000, 100_000, 250_000, 1_000_000)
STEPS = 4
# Seconds; longer epochs are skipped, but the smallest one is always timed.
MAX_EPOCH_SECONDS = 12.0


def weights_of(initial: list[np.ndarray], units: int) -> list[np.ndarray]:
    """Draw weights for another number of units. Their values do not matter as long as the states do not saturate."""
    random = np.random.default_rng(units)
    width = initial[0].shape[1]
    shapes = [(width, units), (units, units), (units,), (units, 1), (1,)]
    return [initial[0], *(random.normal(0, 0.5 / units**0.5, shape).astype(np.float32) for shape in shapes)]


def batches_of(reviews: Arrays, size: int, length: int, count: int) -> list[Arrays]:
    """Make batches of any size and length, by repeating reviews and their ids."""
    rows = np.resize(np.arange(len(reviews.x)), size * count)
    ids = reviews.x[rows][:, np.resize(np.arange(reviews.x.shape[1]), length)]
    parts = zip(np.split(ids, count), np.split(reviews.y[rows], count), strict=True)
    return [Arrays(np.ascontiguousarray(x), y) for x, y in parts]


def measure_scaling(
    make: Callable[[list[np.ndarray], int], Trainer],
    training: Training,
    any_units: bool,
    batches: Sequence[int],
    batches_only: bool = False,
) -> Iterator[tuple[str, float]]:
    """Time a step while one thing grows, and an epoch while the corpus grows.

    Args:
        make: returns a trainer for the given weights and length of reviews.
        training: the reviews and the initial weights.
        any_units: whether the number of units can be changed.
        batches: the sizes of the batches.
        batches_only: whether only the batch grows.

    Yields:
        The name of a point, such as "batch 256", and its seconds: of one step, or for "reviews N" of one epoch.
    """

    def seconds_of_a_step(weights: list[np.ndarray], size: int, length: int) -> float:
        trainer = make(weights, length)
        batches = batches_of(training.reviews, size, length, STEPS)
        step(trainer, batches)  # compiles
        return seconds_of(lambda: step(trainer, batches)) / STEPS

    for size in batches:
        yield f"batch {size}", seconds_of_a_step(training.initial, size, 100)
    if batches_only:
        return
    for length in LENGTHS:
        yield f"length {length}", seconds_of_a_step(training.initial, BATCH_SIZE, length)
    for units in UNITS if any_units else ():
        yield f"units {units}", seconds_of_a_step(weights_of(training.initial, units), BATCH_SIZE, 100)

    trainer = make(training.initial, 100)
    trainer.train_epoch(Arrays(training.reviews.x[:5_000], training.reviews.y[:5_000]), SHUFFLE_SEED)
    seconds_per_review = 0.0
    for count in REVIEWS:
        if count * seconds_per_review > MAX_EPOCH_SECONDS:
            return
        rows = np.resize(np.arange(len(training.reviews.x)), count)
        reviews = Arrays(training.reviews.x[rows], training.reviews.y[rows])

        def epoch(reviews: Arrays = reviews) -> None:
            trainer.train_epoch(reviews, SHUFFLE_SEED)
            trainer.weights()

        seconds = seconds_of(epoch)
        seconds_per_review = seconds / count
        yield f"reviews {count}", seconds
