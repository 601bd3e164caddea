"""The forward pass in NumPy gives what the formulas of the oracle give, and never a score that is no number."""

import numpy as np
import pytest

from backends_test import oracle
from imdb_rnn import ModelError
from imdb_rnn.model.numpy_forward import binary_crossentropy, check_logits, logits_of, sigmoid

TOO_LARGE = (
    "Cannot predict with this model. Expected: finite scores. Received: infinite or undefined ones, because the "
    "weights are too large. Train the model again."
)


@pytest.fixture
def weights() -> list[np.ndarray]:
    """A model of 12 ids whose weights are all far from 0, the biases too."""
    random = np.random.default_rng(0)
    shapes = [(12, 16), (16, 8), (8, 8), (8,), (8, 1), (1,)]
    return [random.normal(0.3, 0.4, shape).astype(np.float32) for shape in shapes]


def reviews(count: int, length: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 12, (count, length), np.int32)


@pytest.mark.parametrize(
    ("count", "length"), [(1, 1), (1, 5), (2, 3), (11, 1), (3, 4), (40, 6)], ids=lambda number: str(number)
)
def test_logits_are_those_of_the_formulas_for_few_reviews_and_for_many(
    weights: list[np.ndarray], count: int, length: int
) -> None:
    ids = reviews(count, length)
    found = logits_of(weights, ids)
    assert (found.shape, found.dtype) == ((count,), np.float32)
    expected = oracle.forward(oracle.Weights.of(weights), ids).logits[:, 0]
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize("count", [1, 40])
def test_without_an_embedding_a_word_selects_its_row_of_the_kernel(weights: list[np.ndarray], count: int) -> None:
    """The encoder "one_hot": its vectors are the rows of the identity matrix."""
    kernel = np.random.default_rng(2).normal(0.2, 0.4, (12, 8)).astype(np.float32)
    ids = reviews(count, 6)
    found = logits_of([kernel, *weights[2:]], ids)
    expected = oracle.forward(oracle.Weights.of([np.eye(12), kernel, *weights[2:]]), ids).logits[:, 0]
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_no_reviews_have_no_logits(weights: list[np.ndarray]) -> None:
    assert logits_of(weights, np.empty((0, 5), np.int32)).shape == (0,)


@pytest.mark.parametrize("count", [1, 40])
def test_weights_that_are_too_large_raise_an_error_and_no_warning(weights: list[np.ndarray], count: int) -> None:
    """The first step overflows to infinity, the second one adds infinity to minus infinity."""
    largest = np.float32(3e38)
    kernel, bias, recurrent_kernel = (np.full(shape, largest) for shape in ((12, 8), (8,), (8, 8)))
    with pytest.raises(ModelError) as raised:
        logits_of([kernel, -recurrent_kernel, bias, *weights[4:]], reviews(count, 3))
    assert str(raised.value) == TOO_LARGE


def test_a_model_is_refused_if_another_review_could_have_an_infinite_logit(weights: list[np.ndarray]) -> None:
    fine = np.zeros(3, np.float32)
    check_logits(fine, weights)
    for position, shape in ((4, (8, 1)), (5, (1,))):
        large = [*weights]
        large[position] = np.full(shape, 3e38, np.float32)
        large[9 - position] = np.full(weights[9 - position].shape, 3e38, np.float32)
        with pytest.raises(ModelError) as raised:
            check_logits(fine, large)
        assert str(raised.value) == TOO_LARGE
    # Weights before the last layer can be as large as they like: states lie between -1 and 1.
    check_logits(fine, [*(np.full(array.shape, 3e38, np.float32) for array in weights[:4]), *weights[4:]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_single_value_that_is_not_finite_is_refused(weights: list[np.ndarray], bad: float) -> None:
    with pytest.raises(ModelError, match="infinite or undefined"):
        check_logits(np.array([0.5, bad], np.float32), weights)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_the_logistic_function_of_logits_in_their_dtype(dtype: type) -> None:
    logits = np.array([-800, -30, -2, 0, 2, 30, 800], dtype)
    scores = sigmoid(logits)
    assert scores.dtype == dtype
    np.testing.assert_allclose(scores, oracle.sigmoid(logits), rtol=1e-6)
    assert scores[3] == 0.5
    assert (scores[0], scores[-1]) == (0, 1)


def test_the_loss_is_the_mean_of_the_formula_with_clipped_scores() -> None:
    logits, labels = np.array([-3.0, -0.5, 0.0, 2.0]), np.array([0, 1, 1, 0], np.int8)
    assert binary_crossentropy(logits, labels) == pytest.approx(oracle.binary_crossentropy(logits, labels), abs=1e-12)
    assert binary_crossentropy(np.array([30.0]), np.array([0], np.int8)) == pytest.approx(-np.log(1e-7))
    assert binary_crossentropy(np.array([-30.0]), np.array([1], np.int8)) == pytest.approx(-np.log(1e-7))
    assert binary_crossentropy(np.array([30.0]), np.array([1], np.int8)) == pytest.approx(1e-7, rel=1e-5)
