"""Reviews as windows: those that are read cover every word, those that are learned from are drawn in NumPy alone."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends_test.data import training_batches
from imdb_rnn import Corpus
from imdb_rnn.text.batches import blocks_of_epoch
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import OOV, PADDING, START
from imdb_rnn.text.windows import (
    MIN_WINDOWS,
    MIN_WORDS,
    DrawnWindows,
    WindowSpans,
    combine,
    cut,
    last_windows,
    windows_of,
)

SHARES = (0.8, 0.3)
FIRST = 10  # the id of a review's first word; the next one has the next id


def counting(lengths: Sequence[int]) -> EncodedReviews:
    """Reviews of so many words, whose ids count them."""
    sequences = [[START, *range(FIRST, FIRST + length)] for length in lengths]
    return EncodedReviews.from_sequences(sequences, np.arange(len(lengths)) % 2)


def words_of(window: np.ndarray) -> list[int]:
    """The words of a window; what is around them must be as in every window."""
    (start,) = np.flatnonzero(window == START)
    assert (window[:start] == PADDING).all()
    return list(map(int, window[start + 1 :]))


@settings(deadline=None)
@given(lengths=st.lists(st.integers(0, 60), min_size=1, max_size=5), max_len=st.integers(2, 20))
def test_windows_cover_every_word_in_order_and_overlap_by_half(lengths: list[int], max_len: int) -> None:
    x, review = windows_of(counting(lengths), 10_000, max_len)
    assert x.dtype == np.int32
    assert x.shape == (len(review), max_len)
    for number, length in enumerate(lengths):
        windows = [words_of(window) for window in x[review == number]]
        assert windows[0] == list(range(FIRST, FIRST + min(length, max_len - 1)))
        assert windows[-1] == list(range(FIRST, FIRST + length))[-(max_len - 1) :]
        for one, following in pairwise(windows):
            assert following == list(range(following[0], following[0] + max_len - 1))
            assert 0 < following[0] - one[0] <= max((max_len - 1) // 2, 1)


def test_a_short_review_is_one_window_and_a_word_beyond_it_makes_two() -> None:
    _, review = windows_of(counting([0, 1, 99, 100, 149, 148]), 10_000, 100)
    assert np.bincount(review).tolist() == [1, 1, 1, 2, 3, 2]


def test_rare_words_are_unknown_in_a_window() -> None:
    (window,) = windows_of(counting([5]), FIRST + 3, 8).x
    assert words_of(window) == [FIRST, FIRST + 1, FIRST + 2, OOV, OOV]


def test_the_last_window_is_the_end_of_a_review() -> None:
    windows = last_windows(counting([3, 50]), 10_000, 8)
    assert words_of(windows[0]) == [FIRST, FIRST + 1, FIRST + 2]
    assert words_of(windows[1]) == list(range(FIRST + 43, FIRST + 50))


def test_the_logit_of_a_review_is_the_mean_of_its_windows() -> None:
    assert combine(np.array([1.0, 3.0, -2.0]), np.array([0, 0, 1])).tolist() == [2.0, -2.0]


def test_drawn_windows_are_pieces_of_reviews_most_of_them_short_and_some_their_end() -> None:
    lengths = [2, 30, 200, 5_000] * 2_000
    arrays = DrawnWindows(counting(lengths), 10_000, 100, *SHARES).epoch(seed=1, epoch=0)
    drawn = [words_of(window) for window in arrays.x]
    for length, words, label in zip(lengths, drawn, arrays.y[:, 0], strict=True):
        assert min(length, MIN_WORDS) <= len(words) <= min(length, 99)
        assert words == list(range(words[0], words[0] + len(words)))
        assert words[-1] < FIRST + length
        assert label == (length in (30, 5_000))
    long = [words for words, length in zip(drawn, lengths, strict=True) if length == 5_000]
    counts = np.array([len(words) for words in long])
    assert np.mean(counts == 99) == pytest.approx(1 - SHARES[0], abs=0.03)
    assert np.mean(counts[counts < 99] < 20) == pytest.approx(np.log(20 / 4) / np.log(100 / 4), abs=0.04)
    ends = np.array([words[-1] == FIRST + 4_999 for words in long])
    assert np.mean(ends[counts < 99]) == pytest.approx(SHARES[1], abs=0.04)
    assert np.mean(ends[counts == 99]) < 0.01
    assert np.mean([words[0] - FIRST for words, end in zip(long, ends, strict=True) if not end]) == pytest.approx(
        2_450, abs=150
    )


def test_drawn_windows_follow_from_seed_and_epoch_alone(small_corpus: Corpus) -> None:
    def draw(seed: int, epoch: int) -> np.ndarray:
        return DrawnWindows(small_corpus.train, 10_000, 100, *SHARES).epoch(seed, epoch).x

    np.testing.assert_array_equal(draw(1, 2), draw(1, 2))
    assert (draw(1, 2) != draw(1, 3)).any()
    assert (draw(1, 2) != draw(2, 2)).any()


def test_blocks_and_batches_of_drawn_windows_are_the_same(small_corpus: Corpus) -> None:
    drawn = DrawnWindows(small_corpus.train, 10_000, 100, *SHARES)
    batches = training_batches(drawn, 64, seed=3, first_epoch=1)
    for x, y in blocks_of_epoch(drawn, 64, seed=3, epoch=1, steps=7):
        for number in range(len(x)):
            expected = next(batches)
            np.testing.assert_array_equal(x[number], expected[0])
            np.testing.assert_array_equal(y[number], expected[1])


def times_drawn(weights: np.ndarray | None, count: int) -> np.ndarray:
    """How often each of so many reviews is drawn in an epoch."""
    reviews = EncodedReviews.from_sequences([[START, FIRST + i] for i in range(count)], np.zeros(count))
    x = DrawnWindows(reviews, 100_000, 2, *SHARES, weights).epoch(1, 0).x
    return np.bincount(x[:, -1] - FIRST, minlength=count)


def test_weights_say_how_often_a_review_is_drawn() -> None:
    weights = np.tile([0.0, 2.0, 4.0, 2.0], 2_000)
    np.testing.assert_array_equal(times_drawn(weights, 8_000), weights / 2)
    assert times_drawn(np.array([0.0, 0.0, 1.0, 0.0]), 4).tolist() == [0, 0, MIN_WINDOWS, 0]


def test_equal_weights_are_no_weights() -> None:
    np.testing.assert_array_equal(times_drawn(None, 8_000), np.ones(8_000))
    reviews = counting([5, 50, 500] * 700)
    plain, weighted = (
        DrawnWindows(reviews, 10_000, 100, *SHARES, weights).epoch(1, 0) for weights in (None, np.full(2_100, 0.3))
    )
    np.testing.assert_array_equal(plain.x, weighted.x)


def test_few_reviews_are_drawn_several_times_an_epoch() -> None:
    drawn = DrawnWindows(counting([50] * 70), 10_000, 100, *SHARES)
    assert drawn.num_examples == MIN_WINDOWS == len(drawn.epoch(1, 0).x)
    assert set(times_drawn(None, 70)) == {MIN_WINDOWS // 70, MIN_WINDOWS // 70 + 1}


@pytest.mark.parametrize(
    ("length", "max_len", "begins"),
    [
        (0, 4, [0]),
        (3, 4, [0]),
        (4, 4, [0, 1]),
        (5, 4, [0, 1, 2]),
        (12, 9, [0, 4]),
        (13, 9, [0, 2, 5]),
        (16, 9, [0, 4, 8]),
        (17, 9, [0, 3, 6, 9]),
        (3, 2, [0, 1, 2]),
    ],
)
def test_windows_begin_at_even_distances(length: int, max_len: int, begins: list[int]) -> None:
    x, review = windows_of(counting([2, length]), 10_000, max_len)
    assert [words_of(row)[0] - FIRST if length else 0 for row in x[review == 1]] == begins
    assert review.tolist() == [0] * (len(review) - len(begins)) + [1] * len(begins)
    assert review.dtype == np.int64


def test_spans_say_which_words_of_which_review_a_window_has() -> None:
    reviews = counting([3, 5])
    spans = WindowSpans(np.array([1, 0, 1]), np.array([2, 0, 0]), np.array([3, 2, 0]))
    begins, ends = spans.of_ids(reviews)
    assert (begins.tolist(), ends.tolist()) == ([7, 1, 5], [10, 3, 5])
    assert cut(reviews, spans, FIRST + 4, 5).tolist() == [
        [PADDING, START, FIRST + 2, FIRST + 3, OOV],
        [PADDING, PADDING, START, FIRST, FIRST + 1],
        [PADDING, PADDING, PADDING, PADDING, START],
    ]
    assert cut(reviews, spans, FIRST + 4, 5).dtype == np.int32


def test_drawn_windows_are_the_same_on_every_machine() -> None:
    lengths = [0, 1, 3, 8, 50, 400]
    drawn = DrawnWindows(counting(lengths), 10_000, 20, *SHARES)
    spans = drawn.spans(1, 0)
    every = slice(3, None, 500)
    assert spans.review[every].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert spans.begins[every].tolist() == [0, 0, 0, 0, 0, 0, 0, 3, 17, 39, 176, 274]
    assert spans.lengths[every].tolist() == [0, 0, 1, 1, 3, 3, 8, 4, 19, 11, 7, 18]
    again = drawn.spans(1, 1)
    assert (int(again.begins.sum()), int(again.lengths.sum())) == (266_009, 33_274)


@pytest.mark.parametrize(("short", "at_end"), [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])
def test_the_shares_of_windows_are_those_asked_for(short: float, at_end: float) -> None:
    spans = DrawnWindows(counting([100] * 6_000), 10_000, 21, short, at_end).spans(1, 0)
    assert spans.review.tolist() == list(range(6_000))
    assert (spans.lengths.dtype, spans.begins.dtype) == (np.int64, np.int64)
    if short:
        assert set(spans.lengths) == set(range(MIN_WORDS, 21))
    else:
        assert set(spans.lengths) == {20}
    ends = spans.begins + spans.lengths
    assert spans.begins.min() >= 0
    assert ends.max() == 100
    if short and at_end:
        assert set(ends) == {100}
    else:  # anywhere, the first and the last place included
        assert spans.begins.min() == 0
        assert np.mean(ends == 100) < 0.05
        assert spans.begins.mean() == pytest.approx((100 - spans.lengths).mean() / 2, rel=0.05)


def test_drawn_windows_have_the_labels_of_their_reviews() -> None:
    drawn = DrawnWindows(counting([50] * 6_001), 10_000, 21, *SHARES)
    assert drawn.num_examples == 6_001
    x, y = drawn.epoch(3, 0)
    assert (x.shape, y.shape, y.dtype) == ((6_001, 21), (6_001, 1), np.float32)
    np.testing.assert_array_equal(y[:, 0], np.arange(6_001) % 2)
    spans = drawn.spans(3, 0)
    np.testing.assert_array_equal(drawn.at(spans).x, x)
    np.testing.assert_array_equal(x[:, -1] - FIRST, spans.begins + spans.lengths - 1)
