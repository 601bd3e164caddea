"""The teacher: it knows words and pairs of words, from other reviews than the one that it is asked about."""

import numpy as np
import pytest

from backends_test.oracle import sigmoid
from imdb_rnn import Corpus
from imdb_rnn.text.batches import TrainingData
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import START
from imdb_rnn.text.windows import DrawnWindows, WindowSpans
from imdb_rnn.training.teacher import SoftLabelWindows, with_soft_labels

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
