"""Faults of gradients only: all outputs, and the loss, are right."""

from typing import Any

import keras
from keras import layers, ops
from planting import Function, chain, output, planted, replace


def compiled(model: keras.Model) -> keras.Model:
    """Compile a model for regression."""
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    return model


@planted("jax", "layer alone", "hidden")
def gradient_of_inputs_stopped(fault: bool) -> keras.Model:
    """Dense passes no gradient on to its inputs."""

    def stop(original: Function) -> Function:
        def call(self: Any, inputs: Any, training: Any = None) -> Any:
            return original(self, ops.stop_gradient(inputs))

        return call

    if fault:
        replace(layers.Dense, "call", stop)
    return compiled(
        chain(
            keras.Input((4, 3)),
            layers.Conv1D(4, 2, name="first"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(2, name="hidden"),
        )
    )


@planted("torch", "layer alone", "hidden")
def gradient_of_bias_stopped(fault: bool) -> keras.Model:
    """The bias of Dense gets no gradient."""

    def stop(original: Function) -> Function:
        def call(self: Any, inputs: Any, training: Any = None) -> Any:
            return self.activation(ops.matmul(inputs, self.kernel) + ops.stop_gradient(self.bias))

        return call

    if fault:
        replace(layers.Dense, "call", stop)
    return compiled(chain(keras.Input((4,)), layers.Dense(3, activation="tanh", name="hidden")))


@planted("tensorflow", "layer alone", "activation")
def gradient_doubled(fault: bool) -> keras.Model:
    """The gradient of an activation is twice what it is."""
    if fault:
        output(layers.Activation, "call", lambda outputs: 2.0 * outputs - ops.stop_gradient(outputs))
    return compiled(
        chain(
            keras.Input((4,)),
            layers.Dense(3, name="first"),
            layers.Activation("softplus", name="activation"),
            layers.Dense(1, name="last"),
        )
    )


@planted("torch", "layer alone", "embedding")
def gradient_by_frequency(fault: bool) -> keras.Model:
    """The gradient of Embedding is divided by how often a token occurs, as PyTorch's `scale_grad_by_freq` does."""

    def by_frequency(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            from torch.nn.functional import embedding

            table = self.embeddings.value
            if str(table.device) == "meta" or str(inputs.device) == "meta":
                return original(self, inputs)
            return embedding(inputs.long(), table, scale_grad_by_freq=True)

        return call

    if fault:
        replace(layers.Embedding, "call", by_frequency)
    return compiled(
        chain(
            keras.Input((7,), dtype="int32"),
            layers.Embedding(5, 3, name="embedding"),
            layers.Flatten(),
            layers.Dense(1, name="last"),
        )
    )


@planted("tensorflow", "layer alone", "second")
def gradient_of_relu_at_zero(fault: bool) -> keras.Model:
    """The gradient of ReLU at exactly zero is 1 and not 0."""

    def from_zero(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            return ops.where(inputs >= 0, inputs, 0.0 * inputs)

        return call

    if fault:
        replace(layers.ReLU, "call", from_zero)
    # Half of what the second one gets is zero.
    return chain(keras.Input((6,)), layers.Activation("relu", name="first"), layers.ReLU(name="second"))


@planted("jax", "layer alone", "elu")
def gradient_not_a_number(fault: bool) -> keras.Model:
    """The gradient of ELU is NaN where the exponential overflows."""

    def where(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            # The output is right, but the gradient of the other branch is 0 * infinity.
            return ops.where(inputs > 0, inputs, self.alpha * (ops.exp(inputs) - 1))

        return call

    if fault:
        replace(layers.ELU, "call", where)
    return compiled(
        chain(
            keras.Input((8,)),
            layers.Rescaling(200.0),
            layers.ELU(name="elu"),
            layers.Rescaling(0.005),
            layers.Dense(1, name="last"),
        )
    )


@planted("torch", "layer alone", "norm")
def gradient_of_mean_stopped(fault: bool) -> keras.Model:
    """No gradient flows through the mean that LayerNormalization subtracts."""

    def stop(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            mean, variance = ops.moments(inputs, axes=self.axis, keepdims=True)
            centred = inputs - ops.stop_gradient(mean)
            return centred / ops.sqrt(variance + self.epsilon) * self.gamma + self.beta

        return call

    if fault:
        replace(layers.LayerNormalization, "call", stop)
    return compiled(
        chain(
            keras.Input((6,)),
            layers.Dense(5, name="first"),
            layers.LayerNormalization(name="norm"),
            layers.Dense(1, name="last"),
        )
    )


@planted("tensorflow", ("layer alone", "gradients"), "norm")
def gradient_of_batch_statistics_stopped(fault: bool) -> keras.Model:
    """BatchNormalization takes the statistics of the batch as constants in training."""
    if fault:
        output(layers.BatchNormalization, "_moments", lambda moments: tuple(map(ops.stop_gradient, moments)))
    return compiled(
        chain(
            keras.Input((5,)),
            layers.Dense(4, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(1, name="last"),
        )
    )


@planted("tensorflow", ("layer alone", "gradients"), "shared")
def second_use_not_counted(fault: bool) -> keras.Model:
    """The gradient of a layer that is used twice counts only one use."""

    def count_matrices(original: Function) -> Function:
        def call(self: Any, inputs: Any, training: Any = None) -> Any:
            kernel = self.kernel if len(inputs.shape) == 2 else ops.stop_gradient(self.kernel)
            return ops.matmul(inputs, kernel) + self.bias

        return call

    if fault:
        replace(layers.Dense, "call", count_matrices)
    first = keras.Input((3, 4))
    shared = layers.Dense(4, name="shared")
    return compiled(keras.Model(first, shared(layers.GlobalAveragePooling1D()(shared(first)))))


@planted("jax", "gradients")
def gradient_of_loss_doubled(fault: bool) -> keras.Model:
    """The gradient of the mean squared error is twice what it is. Its value is right."""
    if fault:
        output(keras.losses.MeanSquaredError, "__call__", lambda loss: 2.0 * loss - ops.stop_gradient(loss))
    model = chain(keras.Input((4,)), layers.Dense(3, activation="tanh", name="hidden"), layers.Dense(1, name="last"))
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=keras.losses.MeanSquaredError())
    return model


@planted("torch", "gradients")
def gradient_of_second_loss_missing(fault: bool) -> keras.Model:
    """Of two losses only the first has a gradient. The value of both is right."""
    if fault:
        output(keras.losses.MeanAbsoluteError, "__call__", ops.stop_gradient)
    inputs = keras.Input((4,))
    hidden = layers.Dense(3, activation="tanh", name="hidden")(inputs)
    model = keras.Model(inputs, [layers.Dense(1, name="first")(hidden), layers.Dense(2, name="second")(hidden)])
    losses = [keras.losses.MeanSquaredError(), keras.losses.MeanAbsoluteError()]
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=losses)
    return model


@planted("tensorflow", "gradients", "hidden")
def gradient_of_penalty_missing(fault: bool) -> keras.Model:
    """An L2 penalty is part of the loss, but not of the gradient."""
    if fault:
        output(keras.regularizers.L2, "__call__", ops.stop_gradient)
    penalty = keras.regularizers.L2(0.1)
    return compiled(
        chain(keras.Input((4,)), layers.Dense(3, kernel_regularizer=penalty, name="hidden"), layers.Dense(1))
    )
