"""From reviews to batches: as Keras's utilities would have it, and in an order that is the same everywhere."""

import itertools

import numpy as np
import pytest

from backends_test.data import split_corpus, training_batches
from imdb_rnn import Corpus
from imdb_rnn.text.batches import Arrays, pad, steps_per_epoch


def test_a_fifth_of_the_training_reviews_is_set_aside(small_corpus: Corpus) -> None:
    splits = split_corpus(small_corpus, 10_000, 100)
    assert [part.x.shape for part in splits] == [(1600, 100), (400, 100), (500, 100)]
    assert [part.y.shape for part in splits] == [(1600, 1), (400, 1), (500, 1)]
    assert splits.train.y.dtype == np.float32
    rows = {row.tobytes() for row in splits.train.x}
    assert sum(row.tobytes() in rows for row in splits.validation.x) < 4  # but for a few very short ones, new


def test_labels_stay_with_their_reviews(small_corpus: Corpus) -> None:
    whole = pad(small_corpus.train, 10_000, 100)
    label_of = {row.tobytes(): label for row, label in zip(whole, small_corpus.train.labels, strict=True)}
    splits = split_corpus(small_corpus, 10_000, 100)
    fitting = [label_of[x.tobytes()] == y[0] for part in splits[:2] for x, y in zip(part.x, part.y, strict=True)]
    assert np.mean(fitting) > 0.99  # short reviews may occur twice, with different labels


def arrays(count: int) -> Arrays:
    return Arrays(np.arange(count, dtype=np.int32)[:, None], np.arange(count, dtype=np.float32)[:, None])


def epochs_of(count: int, batch_size: int, seed: int, epochs: int, first_epoch: int = 0) -> list[np.ndarray]:
    steps = steps_per_epoch(count, batch_size)
    stream = training_batches(arrays(count), batch_size, seed, first_epoch)
    return [np.concatenate([x for x, _ in itertools.islice(stream, steps)])[:, 0] for _ in range(epochs)]


def test_every_review_comes_once_an_epoch_and_in_another_order_each_time() -> None:
    first, second = epochs_of(10, 4, 42, 2)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first.tolist() != second.tolist()


def test_the_last_batch_of_an_epoch_holds_what_is_left() -> None:
    stream = training_batches(arrays(10), 4, 42)
    assert [len(x) for x, _ in itertools.islice(stream, 6)] == [4, 4, 2, 4, 4, 2]


def test_the_order_follows_from_seed_and_epoch_alone() -> None:
    np.testing.assert_array_equal(epochs_of(50, 8, 7, 3)[2], epochs_of(50, 8, 7, 1, first_epoch=2)[0])
    assert epochs_of(50, 8, 7, 1)[0].tolist() != epochs_of(50, 8, 8, 1)[0].tolist()


def test_the_order_is_the_same_on_every_backend_and_machine() -> None:
    orders = [order.tolist() for order in epochs_of(8, 3, 42, 2)]
    assert orders == [[3, 4, 2, 7, 6, 1, 5, 0], [0, 4, 6, 1, 2, 7, 3, 5]]


@pytest.mark.parametrize(("count", "batch_size", "steps"), [(20_000, 64, 313), (64, 64, 1), (65, 64, 2), (1, 64, 1)])
def test_steps_count_the_short_batch(count: int, batch_size: int, steps: int) -> None:
    assert steps_per_epoch(count, batch_size) == steps
