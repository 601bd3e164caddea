"""The oracle of the other recurrent layers is correct by itself: its gradients are those of its loss."""

import math

import numpy as np
import pytest

from backends_test import oracle, recurrent_oracle
from backends_test.oracle import Weights
from backends_test.recurrent_oracle import LAYERS, Layer

IDS = np.array([[0, 0, 1, 4, 4], [1, 5, 4, 11, 4], [0, 0, 0, 0, 0]])
LABELS = np.array([[1], [0], [1]])
# At the start, in the middle, at the end, everywhere.
MASK = np.array([[False, False, True, True, True], [True, False, True, True, False], [False] * 5])
# The columns of the weights of a layer, and the shape of its bias.
GATES = {
    "LSTM": (4, (32,)),
    "GRU": (3, (2, 24)),
    "GRU, reset_after=False": (3, (24,)),
    "SimpleRNN, relu": (1, (8,)),
}


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def draw(name: str) -> Weights:
    """A small model of 12 ids, with weights large enough that no derivative is lost in rounding."""
    random = np.random.default_rng(0)
    gates, bias = GATES[name]
    shapes = [(12, 16), (16, gates * 8), (8, gates * 8), bias, (8, 1), (1,)]
    return Weights.of(random.normal(0, 0.4, shape) for shape in shapes)


@pytest.fixture(params=LAYERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def layer(name: str) -> Layer:
    return LAYERS[name]


@pytest.fixture
def weights(name: str) -> Weights:
    return draw(name)


def loss(layer: Layer, weights: Weights, mask: np.ndarray | None) -> float:
    return oracle.binary_crossentropy(recurrent_oracle.forward(layer, weights, IDS, mask).logits, LABELS)


@pytest.mark.parametrize("position", range(6))
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_every_derivative_is_that_of_finite_differences(
    layer: Layer, weights: Weights, mask: np.ndarray | None, position: int
) -> None:
    gradients = recurrent_oracle.gradients(layer, weights, IDS, LABELS, mask).arrays()[position]
    array = weights.arrays()[position]
    assert gradients.shape == array.shape
    step = 1e-6
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = loss(layer, weights, mask)
        array[index] = kept - step
        below = loss(layer, weights, mask)
        array[index] = kept
        assert gradients[index] == pytest.approx((above - below) / (2 * step), abs=2e-9)


def test_few_derivatives_are_zero(layer: Layer, weights: Weights) -> None:
    """Or zero would be compared with zero. The relu of some units is closed."""
    for array in recurrent_oracle.gradients(layer, weights, IDS, LABELS).arrays()[1:]:
        assert np.count_nonzero(np.abs(array) > 1e-6) > 0.6 * array.size


def test_a_masked_step_is_as_if_it_were_not_there(layer: Layer, weights: Weights) -> None:
    masked = recurrent_oracle.forward(layer, weights, IDS, MASK).scores
    for review, read, score in zip(IDS, MASK, masked, strict=True):
        without = recurrent_oracle.forward(layer, weights, review[None, read]).scores
        np.testing.assert_allclose(without[0], score, rtol=1e-14)


def test_scores_that_keras_clips_have_no_derivative(layer: Layer, weights: Weights) -> None:
    weights.out_bias[:] = 30
    for array in recurrent_oracle.gradients(layer, weights, IDS, LABELS).arrays():
        assert not array.any()


def test_resetting_before_and_after_the_product_is_one_where_nothing_is_reset() -> None:
    """With r = 1 and without the second bias."""
    after = draw("GRU")
    after.bias[1] = 0
    after.bias[0, 8:16] = 50
    before = Weights.of([*after.arrays()[:3], after.bias[0], *after.arrays()[4:]])
    np.testing.assert_allclose(
        recurrent_oracle.forward(LAYERS["GRU"], after, IDS).scores,
        recurrent_oracle.forward(LAYERS["GRU, reset_after=False"], before, IDS).scores,
        rtol=1e-14,
    )


@pytest.mark.parametrize(
    ("name", "bias", "before", "after"),
    [
        # f C + i g = 0.2 · 2 + 0.9 · 0.5, and o tanh of it
        ("LSTM", [logit(0.9), logit(0.2), math.atanh(0.5), logit(0.3)], [0.5, 2.0], [0.3 * math.tanh(0.85), 0.85]),
        # z h + (1 - z) g = 0.9 · 0.5 + 0.1 · 0.4
        ("GRU, reset_after=False", [logit(0.9), logit(0.2), math.atanh(0.4)], [0.5], [0.49]),
        # The second row of the bias is reset, r (h U + b_1): the argument of the last tanh is 0.1 + 0.2 · 3.
        ("GRU", [[logit(0.9), logit(0.2), 0.1], [0, 0, 3.0]], [0.5], [0.45 + 0.1 * math.tanh(0.7)]),
        ("SimpleRNN, relu", [0.7], [0.5], [0.7]),
        ("SimpleRNN, relu", [-0.7], [0.5], [0.0]),
    ],
)
def test_a_step_of_one_unit_without_weights_is_what_its_biases_say(
    name: str, bias: list[float], before: list[float], after: list[float]
) -> None:
    """The gates are in Keras's order: i, f, c, o and z, r, h."""
    kernel = np.zeros((1, np.shape(bias)[-1]))
    weights = Weights.of([np.zeros((1, 1)), kernel, kernel, np.array(bias), np.zeros((1, 1)), np.zeros(1)])
    states, _ = LAYERS[name].step(weights, np.zeros((1, 1)), np.array(before).reshape(-1, 1, 1))
    np.testing.assert_allclose(states.ravel(), after, rtol=1e-12)
