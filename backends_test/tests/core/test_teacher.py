"""The teacher: it knows words and pairs of words, from other reviews than the one that it is asked about."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from backends_test.oracle import sigmoid
from imdb_rnn import Corpus
from imdb_rnn.text.batches import TrainingData
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import START
from imdb_rnn.text.windows import DrawnWindows, WindowSpans
from imdb_rnn.training.calibration import fit_temperature
from imdb_rnn.training.teacher import REGULARIZATION, TOLERANCE, SoftLabelWindows, Teacher, with_soft_labels

GOOD, BAD, NOT, FIRST = 4, 5, 6, 10


def drawn(sequences: list[list[int]], labels: list[int]) -> DrawnWindows:
    reviews = EncodedReviews.from_sequences([[START, *ids] for ids in sequences], labels)
    return DrawnWindows(reviews, 10_000, 100, 0.8, 0.3)


def with_teacher(windows: DrawnWindows, share: float = 0.7) -> SoftLabelWindows:
    found = with_soft_labels(windows, share, seed=1)
    assert isinstance(found, SoftLabelWindows)
    return found


def filler(random: np.random.Generator, count: int) -> list[int]:
    """Words that say nothing."""
    return list(map(int, random.integers(FIRST, 200, count)))


def test_a_window_that_speaks_against_its_review_is_taught_as_what_it_says() -> None:
    random = np.random.default_rng(0)
    # A review has five words of its own class and one of the other.
    labels = [i % 2 for i in range(2_000)]
    sequences = []
    for label in labels:
        words = [GOOD] * 5 + [BAD] if label else [BAD] * 5 + [GOOD]
        sequences.append([word for one in random.permutation(words) for word in (*filler(random, 3), int(one))])
    windows = drawn(sequences, labels)
    x, y = with_teacher(windows).epoch(1, 0)
    label = windows.epoch(1, 0).y[:, 0]
    good, bad = (np.sum(x == word, axis=1) for word in (GOOD, BAD))
    against = np.where(label == 1, (bad == 1) & (good == 0), (good == 1) & (bad == 0))
    towards = np.where(label == 1, (good == 1) & (bad == 0), (bad == 1) & (good == 0))
    target = np.where(label == 1, y[:, 0], 1 - y[:, 0])
    assert min(against.sum(), towards.sum()) > 100
    # The word alone is right about five reviews in six; of the targets it makes up seven tenths.
    assert target[towards].mean() > 0.8
    assert target[against].mean() < 0.5
    assert np.mean(target[against] < 0.5) > 0.9


def test_the_teacher_knows_pairs_of_words() -> None:
    """That one word follows the other is all that tells these reviews apart: both are in all of them."""
    random = np.random.default_rng(0)
    labels = [i % 2 for i in range(600)]
    sequences = [[*filler(random, 3), *([NOT, BAD] if label else [BAD, NOT]), *filler(random, 3)] for label in labels]
    windows = drawn(sequences, labels)
    found = with_teacher(windows)
    whole = WindowSpans(np.arange(600), np.zeros(600, np.int64), np.full(600, 8))
    assert np.mean((found.teacher.logits(windows, whole) > 0) == (np.array(labels) == 1)) > 0.95
    # A window that ends between the two has neither pair.
    between = WindowSpans(np.arange(600), np.zeros(600, np.int64), np.full(600, 4))
    logits = found.teacher.logits(windows, between)
    assert abs(logits[::2].mean() + logits[1::2].mean()) < 0.5 * abs(logits[::2].mean() - logits[1::2].mean())


def test_what_only_one_review_has_says_nothing_of_it() -> None:
    """No review of these shares a word with another, so that its own label would be all there is to learn from."""
    sequences = [list(range(FIRST + 40 * i, FIRST + 40 * i + 40)) for i in range(200)]
    windows = drawn(sequences, [i % 2 for i in range(200)])
    found = with_teacher(windows)
    spans = windows.spans(1, 0)
    probabilities = sigmoid(found.teacher.logits(windows, spans) / found.temperature)
    labels = windows.source.labels[spans.review]
    assert abs(probabilities[labels == 1].mean() - probabilities[labels == 0].mean()) < 0.02


def test_targets_are_the_teachers_and_the_labels_in_their_shares(small_corpus: Corpus) -> None:
    windows = DrawnWindows(small_corpus.train, 10_000, 100, 0.8, 0.3)
    x, y = windows.epoch(3, 2)
    for share in (0.0, 0.25, 1.0):
        found = with_teacher(windows, share)
        logits = found.teacher.logits(windows, windows.spans(3, 2)) / found.temperature
        arrays = found.epoch(3, 2)
        np.testing.assert_array_equal(arrays.x, x)
        assert (arrays.y.shape, arrays.y.dtype) == (y.shape, np.float32)
        np.testing.assert_allclose(arrays.y, share * sigmoid(logits)[:, None] + (1 - share) * y, atol=0.0051)
        np.testing.assert_allclose(arrays.y * 100, np.round(arrays.y * 100), atol=1e-4)


def test_a_seed_gives_the_same_targets_again(small_corpus: Corpus) -> None:
    windows = DrawnWindows(small_corpus.train.take(np.arange(300)), 10_000, 100, 0.8, 0.3)
    first, again, other = (with_soft_labels(windows, 0.7, seed).epoch(1, 1).y for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("labels", [[1, 0, 0, 0], [1, 1, 1]])
def test_too_few_reviews_for_two_halves_are_learned_from_without_a_teacher(labels: list[int]) -> None:
    windows = drawn([[FIRST, FIRST + 1]] * len(labels), labels)
    found: TrainingData = with_soft_labels(windows, 0.7, seed=1)
    assert found is windows


def test_a_review_without_weight_teaches_nothing(small_corpus: Corpus) -> None:
    """Reviews with the opposite labels and no weight are as good as absent."""
    reviews = small_corpus.train.take(np.tile(np.arange(300), 2))
    labels = np.concatenate([reviews.labels[:300], 1 - reviews.labels[300:]])
    weights = np.repeat([1.0, 0.0], 300)
    both = EncodedReviews(reviews.ids, reviews.offsets, labels)
    windows = DrawnWindows(both, 10_000, 100, 0.8, 0.3, weights)
    found = with_teacher(windows)
    spans = windows.spans(1, 0)
    assert spans.review.max() < 300
    right = (found.teacher.logits(windows, spans) > 0) == (labels[spans.review] == 1)
    assert right.mean() > 0.6


def test_the_logit_of_a_window_is_the_sum_over_its_words_and_pairs_and_the_intercept_of_its_review() -> None:
    """Each word and each pair has its own power of ten or of two, so that a sum says which are in it."""
    windows = drawn([[10, 11, 12], [13, 14]], [0, 1])
    words = np.array([0, 1, 10, 100, 0, 1_000, 10_000])  # at each position in the ids, with the starts of reviews
    pairs = np.array([0.5, 0.25, 0.125, 0.5, 0.5, 0.0625, 0.5])  # of each word with the next one
    sums = tuple(np.concatenate([[0.0], np.cumsum(values)]) for values in (words, pairs))
    teacher = Teacher(sums, np.array([0.001, 0.002]))
    spans = WindowSpans(np.array([0, 0, 0, 1, 0]), np.array([0, 1, 2, 0, 1]), np.array([3, 2, 1, 2, 0]))
    found = teacher.logits(windows, spans)
    np.testing.assert_allclose(found, [111.376, 110.126, 100.001, 11000.0645, 0.001])


def test_the_targets_of_a_given_teacher_are_what_its_logits_and_the_labels_give() -> None:
    windows = drawn([[GOOD] * 8, [BAD] * 8] * 20, [1, 0] * 20)
    total = len(windows.source.ids)
    teacher = Teacher((np.zeros(total + 1),), np.where(np.arange(40) % 2 == 0, 2.0, -1.0))
    taught = SoftLabelWindows(windows, teacher, 2.0, 0.75)
    assert taught.num_examples == windows.num_examples == 6_000
    x, y = taught.epoch(5, 1)
    plain = windows.epoch(5, 1)
    np.testing.assert_array_equal(x, plain.x)
    # sigmoid(2 / 2) = 0.731, sigmoid(-1 / 2) = 0.378
    expected = np.where(plain.y == 1, 0.75 * 0.7311 + 0.25, 0.75 * 0.3775).round(2)
    np.testing.assert_allclose(y, expected, atol=1e-6)
    assert y.dtype == np.float32


def features_of(ids: np.ndarray) -> Counter[tuple[int, ...]]:
    """How often each word and each pair of words is in a window."""
    words = [int(i) for i in ids if i > START]
    return Counter([(word,) for word in words]) + Counter(pairwise(words))


def test_the_teacher_is_a_regression_on_the_words_and_pairs_of_the_other_half() -> None:
    """Fitted here again, without hashing, to whether a window has a word; its logit counts how often it has it."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(3)
    labels = [i % 2 for i in range(24)]
    sequences = [[int(i) for i in random.integers(4 + 2 * label, 14 + label, 6)] for label in labels]
    reviews = EncodedReviews.from_sequences([[START, *ids] for ids in sequences], labels)
    windows = DrawnWindows(reviews, 14, 100, 0.8, 0.3)  # the id 14 is that of a rare word, which is unknown
    found = with_teacher(windows)
    intercepts = found.teacher.intercepts
    halves = [np.flatnonzero(intercepts == value) for value in np.unique(intercepts)]
    assert [len(half) for half in halves] == [12, 12]
    for half in halves:  # as many of each class in both
        assert sum(labels[i] for i in half) == 6
    spans = WindowSpans(
        *(np.concatenate(parts) for parts in zip(*(windows.spans(1, e) for e in range(10)), strict=True))
    )
    x, y = windows.at(spans)
    x = np.where(x == 2, 14, x)
    features = [features_of(row) for row in x]
    column = {name: number for number, name in enumerate(sorted(set().union(*features)))}
    counts = np.zeros((len(x), len(column)), np.float32)
    for row, counted in enumerate(features):
        counts[row, [column[name] for name in counted]] = list(counted.values())
    present = csr_matrix(np.minimum(counts, 1))
    logits = found.teacher.logits(windows, spans)
    for half in halves:
        inside = np.isin(spans.review, half)
        other = LogisticRegression(C=1 / REGULARIZATION, tol=TOLERANCE).fit(present[~inside], y[~inside, 0])
        np.testing.assert_allclose(logits[inside], other.decision_function(counts[inside]), atol=0.02)
        assert intercepts[half] == pytest.approx(other.intercept_[0], abs=0.02)


def test_the_halves_are_those_of_the_seed() -> None:
    windows = drawn([[GOOD, FIRST + i, BAD] for i in range(20)], [i % 2 for i in range(20)])
    first, again, other = (with_soft_labels(windows, 0.7, seed) for seed in (1, 1, 2))
    assert isinstance(first, SoftLabelWindows)
    assert isinstance(again, SoftLabelWindows)
    assert isinstance(other, SoftLabelWindows)
    side = first.teacher.intercepts > np.mean(np.unique(first.teacher.intercepts))
    np.testing.assert_array_equal(side, again.teacher.intercepts > np.mean(np.unique(again.teacher.intercepts)))
    assert side.sum() == 10
    moved = other.teacher.intercepts > np.mean(np.unique(other.teacher.intercepts))
    assert len(set(map(tuple, (side, ~side, moved)))) == 3


def test_the_temperature_calibrates_the_teacher() -> None:
    random = np.random.default_rng(0)
    labels = [i % 2 for i in range(300)]
    sequences = [[*filler(random, 4), GOOD if random.random() < 0.2 + 0.6 * label else BAD] for label in labels]
    windows = drawn(sequences, labels)
    found = with_teacher(windows)
    drawings = [windows.spans(1, epoch) for epoch in range(10)]
    spans = WindowSpans(*(np.concatenate(parts) for parts in zip(*drawings, strict=True)))
    logits = found.teacher.logits(windows, spans)
    assert found.temperature == pytest.approx(fit_temperature(logits, windows.source.labels[spans.review]), rel=1e-3)
    assert found.share == 0.7
    assert found.windows is windows
