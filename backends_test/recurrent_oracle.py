"""The other recurrent layers of the ladder in NumPy and float64: LSTM, GRU and SimpleRNN with relu.

It shares no code with Keras or with the library. The model is that of `backends_test.oracle`, Embedding → recurrent
layer → Dense(1, sigmoid) with binary cross-entropy, and so are the loss, the last layer and the names: x_t is the
embedding of the id at step t, h_{t-1} the state before it, W, U and b the kernel, the recurrent kernel and the bias, ⊙
the product of elements, and dA the derivative of the loss with respect to A. The columns of W, U and b are those of the
gates, in Keras's order, and the subscript of a gate chooses its columns.

LSTM, with the gates i, f, c, o, and the cell state C:

    a = x_t W + h_{t-1} U + b
    i = sigmoid(a_i)   f = sigmoid(a_f)   g = tanh(a_c)   o = sigmoid(a_o)
    C_t = f ⊙ C_{t-1} + i ⊙ g
    h_t = o ⊙ tanh(C_t)

    dC_t  += dh_t ⊙ o ⊙ (1 - tanh²(C_t))
    da_i   = dC_t ⊙ g ⊙ i(1 - i)            da_f = dC_t ⊙ C_{t-1} ⊙ f(1 - f)
    da_c   = dC_t ⊙ i ⊙ (1 - g²)            da_o = dh_t ⊙ tanh(C_t) ⊙ o(1 - o)
    dh_{t-1} = da Uᵀ                        dC_{t-1} = dC_t ⊙ f

GRU with reset_after=True, with the gates z, r, h, and the rows b_0 and b_1 of the bias:

    s = x_t W + b_0   q = h_{t-1} U + b_1
    z = sigmoid(s_z + q_z)   r = sigmoid(s_r + q_r)   g = tanh(s_h + r ⊙ q_h)
    h_t = z ⊙ h_{t-1} + (1 - z) ⊙ g

    ds_z = dh_t ⊙ (h_{t-1} - g) ⊙ z(1 - z)  dq_z = ds_z
    ds_h = dh_t ⊙ (1 - z) ⊙ (1 - g²)        dq_h = ds_h ⊙ r
    ds_r = ds_h ⊙ q_h ⊙ r(1 - r)            dq_r = ds_r
    dh_{t-1} = dq Uᵀ + dh_t ⊙ z

GRU with reset_after=False, which resets the state before the product, and has one bias:

    s = x_t W + b
    z = sigmoid(s_z + h_{t-1} U_z)   r = sigmoid(s_r + h_{t-1} U_r)
    p = r ⊙ h_{t-1}   g = tanh(s_h + p U_h)
    h_t = z ⊙ h_{t-1} + (1 - z) ⊙ g

    ds_z and ds_h as above                  dp = ds_h U_hᵀ
    ds_r = dp ⊙ h_{t-1} ⊙ r(1 - r)
    dh_{t-1} = ds_z U_zᵀ + ds_r U_rᵀ + dp ⊙ r + dh_t ⊙ z

SimpleRNN with relu:

    h_t = max(a, 0),  a as that of the LSTM
    da  = dh_t where h_t > 0, else 0        dh_{t-1} = da Uᵀ

The derivatives of the weights are sums over all steps: dW of x_tᵀ ds, dU of h_{t-1}ᵀ dq (of pᵀ ds_h for U_h where the
state is reset before the product), db_0 of Σ_B ds, db_1 of Σ_B dq, with ds = dq = da in the layers that have only a. A
step that is masked leaves the states, and their derivatives, as they are.

Sources: Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000; Cho et al. 2014,
arXiv:1406.1078 (version 3 resets the state before the product, version 1 and cuDNN after it); `keras.layers`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from backends_test.oracle import EPSILON, Array, Weights, sigmoid

# The states of a layer, float64, shape (states, B, units): h, and C for the LSTM.
States = Array


class Derivatives(NamedTuple):
    """The derivatives of a time step.

    Attributes:
        states: those of the states before the step.
        inputs: ds, shape (B, units * gates).
        recurrent_kernel: the share of the step in dU, of the shape of U.
        bias: the share of the step in db, of the shape of b.
    """

    states: States
    inputs: Array
    recurrent_kernel: Array
    bias: Array


# From the derivatives of the states after a step to those before it.
Backward = Callable[[States], Derivatives]
# A time step: (weights, x_t of shape (B, 16), states) → the states after it, and its backward pass.
Step = Callable[[Weights, Array, States], tuple[States, Backward]]


class Layer(NamedTuple):
    """A recurrent layer.

    Attributes:
        states: the number of its states.
        step: its time step.
    """

    states: int
    step: Step


def lstm(weights: Weights, inputs: Array, states: States) -> tuple[States, Backward]:
    """Compute a step of an LSTM."""
    h, cell = states
    a = inputs @ weights.kernel + h @ weights.recurrent_kernel + weights.bias
    a_i, a_f, a_c, a_o = np.split(a, 4, axis=1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_c), sigmoid(a_o)
    new_cell = f * cell + i * g
    squashed = np.tanh(new_cell)

    def backward(d_states: States) -> Derivatives:
        d_h, d_cell = d_states
        d_cell = d_cell + d_h * o * (1 - squashed**2)
        d_gates = (
            d_cell * g * i * (1 - i),
            d_cell * cell * f * (1 - f),
            d_cell * i * (1 - g**2),
            d_h * squashed * o * (1 - o),
        )
        d_a = np.concatenate(d_gates, axis=1)
        d_before = np.stack([d_a @ weights.recurrent_kernel.T, d_cell * f])
        return Derivatives(d_before, d_a, h.T @ d_a, d_a.sum(axis=0))

    return np.stack([o * squashed, new_cell]), backward


def gru(weights: Weights, inputs: Array, states: States) -> tuple[States, Backward]:
    """Compute a step of a GRU with reset_after=True."""
    (h,) = states
    s_z, s_r, s_h = np.split(inputs @ weights.kernel + weights.bias[0], 3, axis=1)
    q_z, q_r, q_h = np.split(h @ weights.recurrent_kernel + weights.bias[1], 3, axis=1)
    z, r = sigmoid(s_z + q_z), sigmoid(s_r + q_r)
    g = np.tanh(s_h + r * q_h)

    def backward(d_states: States) -> Derivatives:
        (d_h,) = d_states
        d_z = d_h * (h - g) * z * (1 - z)
        d_g = d_h * (1 - z) * (1 - g**2)
        d_r = d_g * q_h * r * (1 - r)
        d_s = np.concatenate([d_z, d_r, d_g], axis=1)
        d_q = np.concatenate([d_z, d_r, d_g * r], axis=1)
        d_before = (d_q @ weights.recurrent_kernel.T + d_h * z)[None]
        return Derivatives(d_before, d_s, h.T @ d_q, np.stack([d_s.sum(axis=0), d_q.sum(axis=0)]))

    return (z * h + (1 - z) * g)[None], backward


def gru_reset_before(weights: Weights, inputs: Array, states: States) -> tuple[States, Backward]:
    """Compute a step of a GRU with reset_after=False."""
    (h,) = states
    u_z, u_r, u_h = np.split(weights.recurrent_kernel, 3, axis=1)
    s_z, s_r, s_h = np.split(inputs @ weights.kernel + weights.bias, 3, axis=1)
    z, r = sigmoid(s_z + h @ u_z), sigmoid(s_r + h @ u_r)
    p = r * h
    g = np.tanh(s_h + p @ u_h)

    def backward(d_states: States) -> Derivatives:
        (d_h,) = d_states
        d_z = d_h * (h - g) * z * (1 - z)
        d_g = d_h * (1 - z) * (1 - g**2)
        d_p = d_g @ u_h.T
        d_r = d_p * h * r * (1 - r)
        d_s = np.concatenate([d_z, d_r, d_g], axis=1)
        d_before = (d_z @ u_z.T + d_r @ u_r.T + d_p * r + d_h * z)[None]
        d_recurrent = np.concatenate([h.T @ d_z, h.T @ d_r, p.T @ d_g], axis=1)
        return Derivatives(d_before, d_s, d_recurrent, d_s.sum(axis=0))

    return (z * h + (1 - z) * g)[None], backward


def relu_rnn(weights: Weights, inputs: Array, states: States) -> tuple[States, Backward]:
    """Compute a step of a SimpleRNN with relu."""
    (h,) = states
    new = np.maximum(inputs @ weights.kernel + h @ weights.recurrent_kernel + weights.bias, 0)

    def backward(d_states: States) -> Derivatives:
        d_a = np.where(new > 0, d_states[0], 0)
        return Derivatives((d_a @ weights.recurrent_kernel.T)[None], d_a, h.T @ d_a, d_a.sum(axis=0))

    return new[None], backward


LAYERS = {
    "LSTM": Layer(2, lstm),
    "GRU": Layer(1, gru),
    "GRU, reset_after=False": Layer(1, gru_reset_before),
    "SimpleRNN, relu": Layer(1, relu_rnn),
}


class Forward(NamedTuple):
    """The results of the forward pass.

    Attributes:
        states: the states after the last step.
        steps: the backward passes of all steps, in the order of time.
        logits: float64, shape (B, 1).
        scores: float64, shape (B, 1).
    """

    states: States
    steps: list[Backward]
    logits: Array
    scores: Array


def forward(
    layer: Layer, weights: Weights, ids: npt.NDArray[np.integer[Any]], mask: npt.NDArray[np.bool_] | None = None
) -> Forward:
    """Compute the scores of a batch of reviews.

    Args:
        layer: one of `LAYERS`.
        weights: the model, in the order of `model.get_weights()`; see `Weights`. The recurrent layer has the shapes
            (16, 8 * gates), (8, 8 * gates) and (8 * gates,), or (2, 8 * gates) for the bias of a GRU that resets after
            the product.
        ids: integers, shape (B, T), below the number of embeddings.
        mask: shape (B, T); False where a step is masked. None masks nothing.
    """
    batch, length = ids.shape
    states = np.zeros((layer.states, batch, len(weights.recurrent_kernel)))
    steps = []
    for step in range(length):
        new, backward = layer.step(weights, weights.embeddings[ids[:, step]], states)
        states = new if mask is None else np.where(mask[:, step, None], new, states)
        steps.append(backward)
    logits = states[0] @ weights.out_kernel + weights.out_bias
    return Forward(states, steps, logits, sigmoid(logits))


def gradients(
    layer: Layer,
    weights: Weights,
    ids: npt.NDArray[np.integer[Any]],
    labels: npt.ArrayLike,
    mask: npt.NDArray[np.bool_] | None = None,
) -> Weights:
    """Return the gradients of the loss of a batch, by backpropagation through time.

    Args:
        layer: one of `LAYERS`.
        weights: see `forward`.
        ids: integers, shape (B, T).
        labels: 0 or 1, shape (B, 1).
        mask: see `forward`.

    Returns:
        The derivatives, with the shapes of the weights; zero for scores that Keras clips.
    """
    states, steps, _, scores = forward(layer, weights, ids, mask)
    d_logits = (scores - np.asarray(labels, np.float64)) / len(ids)
    d_logits = np.where((scores < EPSILON) | (scores > 1 - EPSILON), 0, d_logits)
    result = Weights.of(np.zeros_like(array) for array in weights.arrays())
    result.out_kernel = states[0].T @ d_logits
    result.out_bias = d_logits.sum(axis=0)
    d_states = np.zeros_like(states)
    d_states[0] = d_logits @ weights.out_kernel.T
    for step in reversed(range(ids.shape[1])):
        taken = np.ones((len(ids), 1)) if mask is None else mask[:, step, None].astype(np.float64)
        derivatives = steps[step](d_states * taken)
        result.kernel += weights.embeddings[ids[:, step]].T @ derivatives.inputs
        result.recurrent_kernel += derivatives.recurrent_kernel
        result.bias += derivatives.bias
        np.add.at(result.embeddings, ids[:, step], derivatives.inputs @ weights.kernel.T)
        d_states = derivatives.states + d_states * (1 - taken)
    return result
