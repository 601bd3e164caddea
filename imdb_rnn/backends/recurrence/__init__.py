"""The loops over time of Keras's recurrent layers, faster than Keras's own, in one module per backend that can train.

With x_t the input of step t, W the kernel, U the recurrent kernel, b the bias, s the sigmoid, and ∘ the product of
elements, the cells are:

    "tanh", "relu"      h_t = φ(x_t W + h_{t-1} U + b), φ = tanh or relu; `keras.layers.SimpleRNN`

    "lstm"              i, f, o = s(a), g = tanh(a), where a is the gate's part of x_t W + h_{t-1} U + b
                        c_t = f ∘ c_{t-1} + i ∘ g
                        h_t = o ∘ tanh(c_t); Hochreiter and Schmidhuber 1997; `keras.layers.LSTM`

    "gru"               z, r = s(x_t W + b_0 + h_{t-1} U + b_1), each with its part of the weights
                        g = tanh(x_t W + b_0 + r ∘ (h_{t-1} U + b_1))
                        h_t = z ∘ h_{t-1} + (1 - z) ∘ g; `keras.layers.GRU` with `reset_after=True`, as in cuDNN

    "gru reset before"  the same with g = tanh(x_t W + b + (r ∘ h_{t-1}) U); Cho et al. 2014; `reset_after=False`

The gates have Keras's order: i, f, g, o for the LSTM, and z, r, g for the GRU. Where a mask is false, the states stay
as they are.
"""

import importlib
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol, cast

from imdb_rnn.backends.choice import training_backend_name
from imdb_rnn.backends.start import load_keras

Cell = Literal["tanh", "relu", "lstm", "gru", "gru reset before"]
KerasPath = Literal["compiled", "graph", "Python"]


class Weights(NamedTuple):
    """The weights of a cell, as tensors of the backend.

    Attributes:
        kernel: W, shape (features, gates * units).
        recurrent_kernel: U, shape (units, gates * units).
        bias: b, shape (gates * units,); for "gru" b_0 and b_1, shape (2, 3 * units); None without a bias.
    """

    kernel: Any
    recurrent_kernel: Any
    bias: Any | None


class Recurrence(Protocol):
    """The interface of a module `backends/recurrence/<backend>.py`.

    Attributes:
        output_begins_at_zero: whether Keras's layer outputs zeros before the first unmasked step; otherwise it outputs
            its initial state.
    """

    output_begins_at_zero: bool

    def supports(self, tensors: Sequence[Any], training: bool) -> bool:
        """Return whether `run` supports these tensors and the current caller.

        Args:
            tensors: all tensors that the layer computes with, the sequences first.
            training: whether the layer is called with `training=True`.
        """

    def computes_float64(self) -> bool:
        """Return whether the products of Keras's layers with `dtype="float64"` have that dtype."""

    def run(
        self,
        cell: Cell,
        sequences: Any,
        initial: tuple[Any, ...],
        weights: Weights,
        mask: Any | None,
        return_sequences: bool,
    ) -> tuple[Any | None, tuple[Any, ...]]:
        """Run a cell over all steps. It is differentiable.

        Args:
            cell: see above.
            sequences: x_1 … x_T, shape (batch, T, features).
            initial: h_0, and c_0 of an LSTM, shape (batch, units) each.
            weights: of the dtype of the sequences and the states.
            mask: bool, shape (batch, T), or None.
            return_sequences: whether to return all outputs.

        Returns:
            h_1 … h_T, shape (batch, T, units), or None; and the last states, shape (batch, units) each.
        """

    def description(self, cell: Cell, dtype: str, masked: bool) -> str:
        """Describe in one sentence how `run` works.

        Args:
            cell: see above.
            dtype: the dtype of the weights.
            masked: whether there is a mask.
        """

    def keras_path(self, layer: Any, masked: bool, compiled: bool) -> tuple[KerasPath, str]:
        """Return which code runs a layer without this library, unless it is cuDNN, and what that is in one sentence.

        Args:
            layer: any recurrent layer of Keras.
            masked: whether it is called with a mask.
            compiled: whether the model is compiled with `jit_compile=True`.
        """

    def cudnn_reason(self, cell: Cell, layer: Any, masked: bool) -> str:
        """Return why Keras's own layer uses cuDNN on the current device; "" if it does not.

        Args:
            cell: the cell of the layer.
            layer: a recurrent layer of Keras.
            masked: whether it is called with a mask.
        """


def load_recurrence() -> Recurrence:
    """Import the module of the backend that Keras runs on, which must be able to train.

    Raises:
        BackendError: see `training_backend_name` and `load_keras`.
    """
    training_backend_name()
    return cast(Recurrence, importlib.import_module(f"{__name__}.{load_keras().backend.backend()}"))
