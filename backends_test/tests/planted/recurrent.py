"""Faults of recurrent layers: gates, directions, masks and states."""

from typing import Any

import keras
from keras import layers, ops

# The functions of a backend have no public name.
from keras.src import backend
from planting import Function, chain, override, planted, replace


def tokens(*then: Any) -> keras.Model:
    """Return a model of integer tokens, some of which are padding, that applies layers to their embeddings."""
    embedding = layers.Embedding(5, 4, mask_zero=True, name="embedding")
    return chain(keras.Input((7,), dtype="int32"), embedding, *then)


@planted("tensorflow", "forward", "recurrent")
def lstm_gates_in_other_order(fault: bool) -> keras.Model:
    """LSTM takes the second quarter of its kernel for the candidate and the third one for the forget gate."""

    def swap(original: Function) -> Function:
        def fused(self: Any, z: Any, c_tm1: Any) -> Any:
            return original(self, (z[0], z[2], z[1], z[3]), c_tm1)

        return fused

    if fault:
        replace(layers.LSTMCell, "_compute_carry_and_output_fused", swap)
    return chain(keras.Input((6, 3)), layers.LSTM(4, name="recurrent"), layers.Dense(2))


@planted("jax", "forward", "recurrent")
def lstm_hard_sigmoid(fault: bool) -> keras.Model:
    """LSTM uses `hard_sigmoid` for its gates, as Keras once did."""

    def hard(original: Function) -> Function:
        def fused(self: Any, z: Any, c_tm1: Any) -> Any:
            i, f, o = (keras.activations.hard_sigmoid(z[place]) for place in (0, 1, 3))
            return f * c_tm1 + i * self.activation(z[2]), o

        return fused

    if fault:
        replace(layers.LSTMCell, "_compute_carry_and_output_fused", hard)
    return chain(keras.Input((6, 3)), layers.LSTM(4, name="recurrent"), layers.Dense(2))


@planted("torch", "forward", "recurrent")
def gru_update_gate_the_other_way_round(fault: bool) -> keras.Model:
    """GRU keeps the new state where its update gate says that the old one is kept."""

    def swap(original: Function) -> Function:
        def gru(*arguments: Any, **keywords: Any) -> Any:
            # 1 - sigmoid(z) = sigmoid(-z): the update gate is the first third of each weight.
            for name in ("kernel", "recurrent_kernel", "bias"):
                weight = ops.convert_to_tensor(keywords[name])
                third = weight.shape[-1] // 3
                keywords[name] = ops.concatenate([-weight[..., :third], weight[..., third:]], axis=-1)
            return original(*arguments, **keywords)

        return gru

    if fault:
        replace(backend, "gru", swap)
    return chain(keras.Input((6, 3)), layers.GRU(4, name="recurrent"), layers.Dense(2))


@planted("jax", "forward", "recurrent")
def gru_resets_before(fault: bool) -> keras.Model:
    """GRU applies its reset gate before the matrix product although `reset_after` is true."""

    def reset_before(original: Function) -> Function:
        def call(self: Any, inputs: Any, states: Any, training: bool = False) -> Any:
            before, units = states[0], self.units
            x_z, x_r, x_h = ops.split(ops.matmul(inputs, self.kernel) + self.bias[0], 3, axis=-1)
            inner = ops.matmul(before, self.recurrent_kernel[:, : 2 * units]) + self.bias[1][: 2 * units]
            z = self.recurrent_activation(x_z + inner[:, :units])
            r = self.recurrent_activation(x_r + inner[:, units:])
            candidate = ops.matmul(r * before, self.recurrent_kernel[:, 2 * units :]) + self.bias[1][2 * units :]
            h = z * before + (1 - z) * self.activation(x_h + candidate)
            return h, [h]

        return call

    def step_by_step(original: Function) -> Function:
        def gru(*arguments: Any, **keywords: Any) -> Any:
            raise NotImplementedError

        return gru

    if fault:
        replace(layers.GRUCell, "call", reset_before)
        # Keras then calls the cell at each step.
        replace(backend, "gru", step_by_step)
    return chain(keras.Input((6, 3)), layers.GRU(4, name="recurrent"), layers.Dense(2))


@planted("tensorflow", "forward", "recurrent")
def go_backwards_ignored(fault: bool) -> keras.Model:
    """SimpleRNN reads forwards although `go_backwards` is true."""
    if fault:
        override(backend, "rnn", go_backwards=False)
    return chain(keras.Input((6, 3)), layers.SimpleRNN(4, go_backwards=True, name="recurrent"), layers.Dense(2))


@planted("jax", "forward", "both")
def backward_outputs_not_reversed(fault: bool) -> keras.Model:
    """Bidirectional joins the last backward output to the first forward one."""

    def unreversed(original: Function) -> Function:
        def call(self: Any, *arguments: Any, **keywords: Any) -> Any:
            joined = original(self, *arguments, **keywords)
            units = self.forward_layer.units
            return ops.concatenate([joined[..., :units], ops.flip(joined[..., units:], axis=1)], axis=-1)

        return call

    if fault:
        replace(layers.Bidirectional, "call", unreversed)
    recurrent = layers.LSTM(3, return_sequences=True, name="inner")
    return chain(keras.Input((6, 3)), layers.Bidirectional(recurrent, name="both"), layers.Dense(2))


@planted("torch", "forward", "recurrent")
def lstm_mask_ignored(fault: bool) -> keras.Model:
    """LSTM reads masked steps."""
    if fault:
        override(layers.LSTM, "inner_loop", mask=None)
    return tokens(layers.LSTM(3, name="recurrent"), layers.Dense(2))


@planted("torch", "states", "recurrent")
def stateful_layer_forgets(fault: bool) -> keras.Model:
    """A stateful SimpleRNN does not keep its state for the next batch."""

    def forget(original: Function) -> Function:
        def call(self: Any, *arguments: Any, **keywords: Any) -> Any:
            before = [ops.copy(state) for state in self.states]
            result = original(self, *arguments, **keywords)
            for state, value in zip(self.states, before, strict=True):
                state.assign(value)
            return result

        return call

    if fault:
        replace(layers.SimpleRNN, "call", forget)
    first = keras.Input((5, 3), batch_size=4)
    return chain(first, layers.SimpleRNN(3, stateful=True, name="recurrent"), layers.Dense(2))


@planted("jax", "layer alone", "recurrent")
def lstm_gradient_truncated(fault: bool) -> keras.Model:
    """The gradient of LSTM does not flow through time. Its outputs are right."""

    def truncate(original: Function) -> Function:
        def call(self: Any, inputs: Any, states: Any, training: bool = False) -> Any:
            return original(self, inputs, [ops.stop_gradient(state) for state in states], training=training)

        return call

    if fault:
        replace(layers.LSTMCell, "call", truncate)
    return chain(keras.Input((6, 3)), layers.LSTM(4, name="recurrent"), layers.Dense(2))
