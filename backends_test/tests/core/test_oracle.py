"""The oracle is correct by itself: its gradients are those of its loss, its steps follow the formulas."""

import numpy as np
import pytest

from backends_test import oracle
from backends_test.oracle import SGD, Adam, RMSprop, Weights


@pytest.fixture
def weights() -> Weights:
    """A small model of 12 ids, with weights large enough that no derivative is lost in rounding."""
    random = np.random.default_rng(0)
    shapes = [(12, 16), (16, 8), (8, 8), (8,), (8, 1), (1,)]
    return Weights.of(random.normal(0, 0.4, shape) for shape in shapes)


IDS = np.array([[0, 0, 1, 4, 4], [1, 5, 4, 11, 4], [0, 0, 0, 0, 0]])
LABELS = np.array([[1], [0], [1]])


def loss(weights: Weights, epsilon: float | None = oracle.EPSILON) -> float:
    return oracle.binary_crossentropy(oracle.forward(weights, IDS).logits, LABELS, epsilon)


@pytest.mark.parametrize("position", range(6))
def test_every_derivative_is_that_of_finite_differences(weights: Weights, position: int) -> None:
    gradients = oracle.gradients(weights, IDS, LABELS).arrays()[position]
    array = weights.arrays()[position]
    step = 1e-6
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = loss(weights)
        array[index] = kept - step
        below = loss(weights)
        array[index] = kept
        assert gradients[index] == pytest.approx((above - below) / (2 * step), abs=1e-9)


def test_an_id_that_no_review_holds_has_no_derivative(weights: Weights) -> None:
    gradients = oracle.gradients(weights, IDS, LABELS).embeddings
    assert {int(i) for i in np.flatnonzero(gradients.any(axis=1))} == {0, 1, 4, 5, 11}


def test_scores_do_not_overflow() -> None:
    logits = np.array([-800.0, -30.0, 0.0, 30.0, 800.0])
    np.testing.assert_allclose(oracle.sigmoid(logits), [0, 9.357622968839299e-14, 0.5, 1 - 9.357622968839299e-14, 1])


def test_a_saturated_score_is_clipped_or_not() -> None:
    """A logit of 30 for a negative review: 16.1 and no derivative where Keras clips scores, 30 where it does not."""
    logits, labels = np.array([[30.0]]), np.array([[0]])
    assert oracle.binary_crossentropy(logits, labels) == pytest.approx(-np.log(1e-7))
    assert oracle.binary_crossentropy(logits, labels, None) == pytest.approx(30.0)


def test_both_losses_agree_where_nothing_is_saturated(weights: Weights) -> None:
    assert loss(weights) == pytest.approx(loss(weights, None), abs=1e-12)


def test_the_first_step_of_adam_is_the_learning_rate(weights: Weights) -> None:
    before = [array.copy() for array in weights.arrays()]
    gradients = oracle.gradients(weights, IDS, LABELS)
    Adam(0.001).apply(weights, gradients)
    for old, new, gradient in zip(before, weights.arrays(), gradients.arrays(), strict=True):
        moved = np.abs(gradient) > 1e-3
        np.testing.assert_allclose((old - new)[moved], 0.001 * np.sign(gradient[moved]), rtol=4e-3)


@pytest.mark.parametrize(
    "optimizer", [SGD(0.1), Adam(0.01), RMSprop(0.01)], ids=lambda optimizer: type(optimizer).__name__
)
def test_every_optimizer_lowers_the_loss(weights: Weights, optimizer: SGD | Adam | RMSprop) -> None:
    before = loss(weights)
    for _ in range(20):
        optimizer.apply(weights, oracle.gradients(weights, IDS, LABELS))
    assert loss(weights) < before


def test_clipping_bounds_values_and_norms(weights: Weights) -> None:
    gradients = oracle.gradients(weights, IDS, LABELS)
    assert max(np.abs(array).max() for array in oracle.clip_by_value(gradients, 0.01).arrays()) == 0.01
    assert all(np.linalg.norm(array) <= 0.05 + 1e-12 for array in oracle.clip_by_norm(gradients, 0.05).arrays())
    together = oracle.clip_by_global_norm(gradients, 0.05).arrays()
    assert np.sqrt(sum(np.sum(array**2) for array in together)) == pytest.approx(0.05)
