"""Faults of embeddings, masks and attention."""

from typing import Any

import keras
from keras import layers, ops

# The functions of a backend have no public name.
from keras.src import backend
from planting import Function, chain, output, override, planted, replace
from recurrent import tokens


@planted("tensorflow", "forward", "embedding")
def last_token_off_by_one(fault: bool) -> keras.Model:
    """Embedding gives the last token the row of the one before."""

    def clip(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            return original(self, ops.minimum(inputs, self.input_dim - 2))

        return call

    if fault:
        replace(layers.Embedding, "call", clip)
    return chain(keras.Input((7,), dtype="int32"), layers.Embedding(5, 4, name="embedding"), layers.Dense(2))


@planted("torch", "forward", "embedding")
def mask_inverted(fault: bool) -> keras.Model:
    """The mask of Embedding keeps padding and hides tokens. Its output is right."""
    if fault:
        output(layers.Embedding, "compute_mask", ops.logical_not)
    return tokens(layers.Dense(3, name="hidden"), layers.LSTM(2, name="last"))


@planted("jax", "forward", "masking")
def masking_where_any_is_equal(fault: bool) -> keras.Model:
    """Masking hides a step if one of its values is equal to `mask_value`, not only if all are."""

    def kept(self: Any, inputs: Any) -> Any:
        return ops.all(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(original: Function) -> Function:
        def changed(self: Any, inputs: Any) -> Any:
            outputs = ops.where(kept(self, inputs)[..., None], inputs, 0)
            backend.set_keras_mask(outputs, mask=kept(self, inputs))
            return outputs

        return changed

    def compute_mask(original: Function) -> Function:
        def changed(self: Any, inputs: Any, mask: Any = None) -> Any:
            return kept(self, inputs)

        return changed

    if fault:
        replace(layers.Masking, "call", call)
        replace(layers.Masking, "compute_mask", compute_mask)
    return chain(
        keras.Input((6, 3)), layers.ReLU(), layers.Masking(name="masking"), layers.SimpleRNN(2, name="recurrent")
    )


@planted("tensorflow", "forward", "activation")
def mask_not_passed_on(fault: bool) -> keras.Model:
    """Activation does not pass on the mask of its input."""
    if fault:
        output(layers.Activation, "compute_mask", lambda _: None)

        def without_mask(original: Function) -> Function:
            def call(self: Any, inputs: Any) -> Any:
                # A new tensor, because the same one would still hold the mask.
                return original(self, inputs) + 0.0

            return call

        replace(layers.Activation, "call", without_mask)
    return tokens(layers.Activation("linear", name="activation"), layers.SimpleRNN(3, name="last"))


@planted("jax", "forward", "average")
def average_of_masked_steps(fault: bool) -> keras.Model:
    """GlobalAveragePooling1D takes the average of masked steps, too."""
    if fault:
        override(layers.GlobalAveragePooling1D, "call", mask=None)
    return tokens(layers.GlobalAveragePooling1D(name="average"), layers.Dense(2))


@planted("jax", "forward", "attention")
def attention_not_scaled(fault: bool) -> keras.Model:
    """MultiHeadAttention does not divide its scores by the root of `key_dim`."""
    if fault:
        override(backend.nn, "dot_product_attention", scale=1.0)
    first = keras.Input((5, 4))
    attended = layers.MultiHeadAttention(2, 3, name="attention")(first, first)
    return keras.Model(first, layers.Dense(2)(attended))


@planted("tensorflow", "forward", "attention")
def causal_mask_off_by_one(fault: bool) -> keras.Model:
    """MultiHeadAttention with a causal mask sees one step of the future."""

    def one_more(original: Function) -> Function:
        def attention(query: Any, key: Any, value: Any, **keywords: Any) -> Any:
            seen = ops.tril(ops.ones((query.shape[1], key.shape[1]), "bool"), k=1)
            return original(query, key, value, **{**keywords, "mask": seen[None, None], "is_causal": False})

        return attention

    if fault:
        replace(backend.nn, "dot_product_attention", one_more)
    first = keras.Input((5, 4))
    attended = layers.MultiHeadAttention(2, 3, name="attention")(first, first, use_causal_mask=True)
    return keras.Model(first, layers.Dense(2)(attended))


@planted("torch", "forward", "attention")
def attention_softmax_over_queries(fault: bool) -> keras.Model:
    """Attention normalizes its scores over the queries and not over the keys."""
    if fault:
        override(backend.nn, "softmax", axis=1)
    first = keras.Input((5, 4))
    attended = layers.Attention(name="attention")([first, layers.Dense(4, name="value")(first)])
    return keras.Model(first, layers.Dense(2)(attended))


@planted("torch", "forward", "attention")
def attention_ignores_mask(fault: bool) -> keras.Model:
    """MultiHeadAttention attends to masked steps."""
    if fault:
        output(layers.MultiHeadAttention, "_compute_attention_mask", lambda _: None)
    first = keras.Input((6,), dtype="int32")
    embedded = layers.Embedding(5, 4, mask_zero=True, name="embedding")(first)
    attended = layers.MultiHeadAttention(2, 3, name="attention")(embedded, embedded)
    return keras.Model(first, layers.GlobalAveragePooling1D(name="average")(attended))
