"""From reviews to batches: as Keras's utilities would have it, and in an order that is the same everywhere."""

import itertools

import numpy as np
import pytest

from backends_test.data import split_corpus, training_batches
from imdb_rnn import Corpus, RecipeError
from imdb_rnn.text.batches import Arrays, WeightedArrays, blocks_of_epoch, draw_reviews, pad, steps_per_epoch, targets
from imdb_rnn.text.preprocessing import LastIds, OverlappingWindows, make_preprocessing
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.windows import DrawnWindows


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


@pytest.mark.parametrize(
    ("count", "steps", "shapes"),
    [
        (12, 2, [(2, 3), (2, 3)]),
        (12, 3, [(3, 3), (1, 3)]),
        (12, 99, [(4, 3)]),
        (13, 2, [(2, 3), (2, 3), (1, 1)]),
        (2, 2, [(1, 2)]),
        (0, 2, []),
    ],
)
def test_a_block_holds_full_batches_and_a_smaller_last_batch_is_a_block_of_its_own(
    count: int, steps: int, shapes: list[tuple[int, int]]
) -> None:
    blocks = list(blocks_of_epoch(arrays(count), 3, seed=1, epoch=0, steps=steps))
    assert [block.x.shape for block in blocks] == [(*shape, 1) for shape in shapes]
    assert [block.y.shape for block in blocks] == [(*shape, 1) for shape in shapes]
    assert sorted(int(i) for block in blocks for i in block.x.ravel()) == list(range(count))


# --- Rows ---

REVIEWS = EncodedReviews.from_sequences([[1, 4, 5, 6, 7], [1, 4], [1]], [1, 0, 1])


def test_a_row_is_the_end_of_a_review_padded_in_front_without_rare_words() -> None:
    rows = pad(REVIEWS, 7, 4)
    assert rows.tolist() == [[4, 5, 6, 2], [0, 0, 1, 4], [0, 0, 0, 1]]
    assert rows.dtype == np.int32
    assert pad(REVIEWS, 8, 1).tolist() == [[7], [4], [1]]
    assert pad(EncodedReviews.from_sequences([]), 7, 4).shape == (0, 4)


def test_labels_are_a_column_of_targets() -> None:
    assert targets(REVIEWS).tolist() == [[1.0], [0.0], [1.0]]
    assert targets(REVIEWS).dtype == np.float32


def test_the_last_ids_are_one_row_for_each_review() -> None:
    preprocessing = make_preprocessing(7, 4, False)
    assert preprocessing == LastIds(7, 4)
    assert not preprocessing.windows
    x, review = preprocessing.rows(REVIEWS)
    assert x.tolist() == preprocessing.last_rows(REVIEWS).tolist() == pad(REVIEWS, 7, 4).tolist()
    assert review.tolist() == [0, 1, 2]


def test_windows_are_as_many_rows_as_a_review_needs() -> None:
    preprocessing = make_preprocessing(7, 4, True)
    assert preprocessing == OverlappingWindows(7, 4)
    assert preprocessing.windows
    x, review = preprocessing.rows(REVIEWS)
    assert x.tolist() == [[1, 4, 5, 6], [1, 5, 6, 2], [0, 0, 1, 4], [0, 0, 0, 1]]
    assert review.tolist() == [0, 0, 1, 2]
    assert preprocessing.last_rows(REVIEWS).tolist() == [[1, 5, 6, 2], [0, 0, 1, 4], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, 4, True), "Bad `num_words`. Expected: a whole number of at least 5. Received: 4."),
        ((5, 0, True), "Bad `max_len`. Expected: a whole number of at least 1. Received: 0."),
        ((5, 4, 1), "Bad `windows`. Expected: True or False. Received: 1."),
    ],
)
def test_settings_out_of_range_are_named(arguments: tuple[object, object, object], message: str) -> None:
    with pytest.raises(RecipeError) as raised:
        make_preprocessing(*arguments)
    assert str(raised.value) == message


def test_the_last_ids_are_trained_on_in_every_epoch_alike() -> None:
    data = make_preprocessing(7, 4, False).training_data(REVIEWS, None, 0.8, 0.3)
    assert isinstance(data, Arrays)
    assert data.num_examples == 3
    for epoch in range(2):
        x, y = data.epoch(1, epoch)
        assert x.tolist() == pad(REVIEWS, 7, 4).tolist()
        assert y.tolist() == [[1.0], [0.0], [1.0]]


def test_weights_decide_how_often_a_row_is_trained_on() -> None:
    weights = np.array([0.0, 2.0, 1.0])
    data = make_preprocessing(7, 4, False).training_data(REVIEWS, weights, 0.8, 0.3)
    assert isinstance(data, WeightedArrays)
    assert data.num_examples == 3
    x, y = data.epoch(1, 0)
    assert x.tolist() == [[0, 0, 1, 4], [0, 0, 1, 4], [0, 0, 0, 1]]
    assert y.tolist() == [[0.0], [0.0], [1.0]]


def test_windows_are_trained_on_with_their_shares_and_weights() -> None:
    weights = np.array([0.0, 2.0, 1.0])
    data = make_preprocessing(7, 4, True).training_data(REVIEWS, weights, 0.8, 0.3)
    assert data == DrawnWindows(REVIEWS, 7, 4, 0.8, 0.3, weights)


# --- Draws ---


@pytest.mark.parametrize("seed", range(5))
def test_reviews_are_drawn_in_proportion_to_their_weights_as_evenly_as_possible(seed: int) -> None:
    weights = np.array([1.0, 0.0, 2.5, 0.5, 0.0])
    drawn = draw_reviews(weights, 1_000, np.random.default_rng(seed))
    assert (drawn.shape, drawn.dtype) == ((1_000,), np.int64)
    assert (np.diff(drawn) >= 0).all()
    counts = np.bincount(drawn, minlength=5)
    assert np.abs(counts - weights / weights.sum() * 1_000).max() < 1
    assert counts[1] == counts[4] == 0


@pytest.mark.parametrize("weight", [0.1, 1.0, 7.0])
def test_reviews_of_equal_weights_are_each_drawn_once(weight: float) -> None:
    drawn = draw_reviews(np.full(1_000, weight), 1_000, np.random.default_rng(3))
    assert drawn.tolist() == list(range(1_000))


def test_weighted_rows_are_drawn_anew_in_every_epoch_and_for_every_seed() -> None:
    data = WeightedArrays(arrays(50), np.linspace(1, 2, 50))
    first, second, other = data.epoch(1, 0), data.epoch(1, 1), data.epoch(2, 0)
    np.testing.assert_array_equal(first.x, data.epoch(1, 0).x)
    assert first.x.tolist() != second.x.tolist()
    assert first.x.tolist() != other.x.tolist()
    np.testing.assert_array_equal(first.x, first.y)
