"""Faults of optimizers, of learning rates and of constraints."""

from typing import Any

import keras
from keras import layers, ops

# What follows has no public name.
from keras.src.optimizers import base_optimizer
from planting import Function, after, chain, during, output, override, planted, replace

ANY_STEP = ("one step", "steps")


def regression(optimizer: Any, *first: Any) -> keras.Model:
    """Return a small model, compiled with an optimizer."""
    hidden = layers.Dense(5, activation="tanh", name="hidden")
    model = chain(keras.Input((4,)), *first, hidden, layers.Dense(2, name="last"))
    model.compile(optimizer=optimizer, loss="mse")
    return model


def update_of() -> str:
    """Return the name of the method that updates weights, which is another one on PyTorch."""
    return "_parallel_update_step" if keras.config.backend() == "torch" else "update_step"


@planted("jax", ANY_STEP)
def adam_epsilon(fault: bool) -> keras.Model:
    """Adam has the epsilon 1e-8, as PyTorch's has by default, and not 1e-7. Gradients are of an ordinary size."""
    optimizer = keras.optimizers.Adam(0.01)
    if fault:
        during(type(optimizer), update_of(), epsilon=lambda _: 1e-8)
    return regression(optimizer)


@planted("tensorflow", ANY_STEP)
def adam_epsilon_with_small_gradients(fault: bool) -> keras.Model:
    """Adam has the epsilon 1e-8 and not 1e-7. Inputs in a large unit make the gradients of one layer about 1e-6."""
    optimizer = keras.optimizers.Adam(0.01)
    if fault:
        during(type(optimizer), update_of(), epsilon=lambda _: 1e-8)
    return regression(optimizer, layers.Rescaling(1e-6, name="unit"))


@planted("torch", ANY_STEP)
def adam_bias_not_corrected(fault: bool) -> keras.Model:
    """Adam does not correct the bias of its averages."""
    optimizer = keras.optimizers.Adam(0.01)

    def uncorrected(original: Function) -> Function:
        def update(self: Any, gradients: Any, variables: Any, learning_rate: Any) -> Any:
            step = ops.cast(self.iterations + 1, "float32")
            correction = ops.sqrt(1 - ops.power(self.beta_2, step)) / (1 - ops.power(self.beta_1, step))
            return original(self, gradients, variables, learning_rate / correction)

        return update

    if fault:
        replace(type(optimizer), update_of(), uncorrected)
    return regression(optimizer)


@planted("jax", ANY_STEP)
def adam_beta_2(fault: bool) -> keras.Model:
    """Adam has the `beta_2` 0.99 and not 0.999."""
    optimizer = keras.optimizers.Adam(0.01)
    if fault:
        during(type(optimizer), update_of(), beta_2=lambda _: 0.99)
    return regression(optimizer)


@planted("tensorflow", ANY_STEP)
def amsgrad_ignored(fault: bool) -> keras.Model:
    """Adam ignores `amsgrad`."""
    optimizer = keras.optimizers.Adam(0.01, amsgrad=True)
    if fault:
        during(type(optimizer), update_of(), amsgrad=lambda _: False)
    return regression(optimizer)


@planted("jax", ANY_STEP)
def nesterov_ignored(fault: bool) -> keras.Model:
    """SGD ignores `nesterov`."""
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    if fault:
        during(type(optimizer), update_of(), nesterov=lambda _: False)
    return regression(optimizer)


@planted("torch", ANY_STEP)
def rmsprop_rho(fault: bool) -> keras.Model:
    """RMSprop has the `rho` 0.99, as PyTorch's has by default, and not 0.9."""
    optimizer = keras.optimizers.RMSprop(0.01)
    if fault:
        during(type(optimizer), update_of(), rho=lambda _: 0.99)
    return regression(optimizer)


@planted("tensorflow", ANY_STEP)
def rmsprop_epsilon_outside(fault: bool) -> keras.Model:
    """RMSprop adds epsilon to the root and not under it, as PyTorch does."""
    optimizer = keras.optimizers.RMSprop(0.01)

    def outside(original: Function) -> Function:
        def update(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
            velocity = self._velocities[self._get_variable_index(variable)]
            self.assign(velocity, self.rho * velocity + (1 - self.rho) * ops.square(gradient))
            rate = ops.cast(learning_rate, variable.dtype)
            self.assign_sub(variable, rate * gradient / (ops.sqrt(velocity) + self.epsilon))

        return update

    if fault:
        replace(type(optimizer), update_of(), outside)
    return regression(optimizer)


@planted("jax", ("build", "weights", *ANY_STEP))
def adagrad_starts_at_zero(fault: bool) -> keras.Model:
    """Adagrad starts to sum squares at 0, as PyTorch does, and not at 0.1."""
    optimizer = keras.optimizers.Adagrad(0.01)
    if fault:
        during(type(optimizer), "build", initial_accumulator_value=lambda _: 0.0)
    return regression(optimizer)


@planted("jax", ANY_STEP)
def biases_decay(fault: bool) -> keras.Model:
    """AdamW decays the biases that are excluded from weight decay."""
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    if fault:
        output(type(optimizer), "_use_weight_decay", lambda _: True)
    return regression(optimizer)


@planted("tensorflow", ANY_STEP)
def decay_part_of_gradient(fault: bool) -> keras.Model:
    """Adam adds weight decay to the gradient and not to the step."""
    optimizer = keras.optimizers.Adam(0.01, weight_decay=0.1)

    def nothing(original: Function) -> Function:
        def apply(self: Any, variables: Any) -> None:
            pass

        return apply

    def with_decay(original: Function) -> Function:
        def update(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> Any:
            return original(self, gradient + self.weight_decay * variable, variable, learning_rate)

        return update

    if fault:
        replace(type(optimizer), "_apply_weight_decay", nothing)
        replace(type(optimizer), update_of(), with_decay)
    return regression(optimizer)


@planted("torch", ANY_STEP)
def clipped_by_value(fault: bool) -> keras.Model:
    """`clipnorm` clips each value of a gradient and not its norm."""
    optimizer = keras.optimizers.SGD(0.1, clipnorm=0.05)

    def by_value(original: Function) -> Function:
        def clip(self: Any, values: Any, axes: Any = None) -> Any:
            return ops.clip(values, -self.clipnorm, self.clipnorm)

        return clip

    if fault:
        replace(type(optimizer), "_clip_by_norm", by_value)
    return regression(optimizer)


@planted("jax", ANY_STEP)
def norms_summed(fault: bool) -> keras.Model:
    """`global_clipnorm` sums the norms of the gradients and not their squares."""
    optimizer = keras.optimizers.SGD(0.1, global_clipnorm=0.05)

    def sum_of_norms(original: Function) -> Function:
        def global_norm(values: Any) -> Any:
            return sum(ops.norm(ops.reshape(value, (-1,))) for value in values if value is not None)

        return global_norm

    if fault:
        replace(base_optimizer, "global_norm", sum_of_norms)
    return regression(optimizer)


@planted("torch", ANY_STEP)
def average_of_weights_faster(fault: bool) -> keras.Model:
    """The moving average of the weights has the momentum 0.9 and not 0.99."""
    optimizer = keras.optimizers.SGD(0.1, use_ema=True)
    if fault:
        during(type(optimizer), "_update_model_variables_moving_average", ema_momentum=lambda _: 0.9)
    return regression(optimizer)


@planted("tensorflow", ANY_STEP)
def accumulated_gradients_summed(fault: bool) -> keras.Model:
    """Accumulated gradients are summed and not averaged."""
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    if fault:
        output(type(optimizer), "_clip_gradients", lambda gradients: [2 * gradient for gradient in gradients])
    return regression(optimizer)


@planted("torch", ANY_STEP)
def schedule_one_step_ahead(fault: bool) -> keras.Model:
    """A learning rate schedule is asked for the next step."""

    def ahead(original: Function) -> Function:
        def call(self: Any, step: Any) -> Any:
            return original(self, step + 1)

        return call

    if fault:
        replace(keras.optimizers.schedules.ExponentialDecay, "__call__", ahead)
    return regression(keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)))


@planted("tensorflow", ANY_STEP)
def lion_betas_swapped(fault: bool) -> keras.Model:
    """Lion takes `beta_1` for `beta_2` and the other way round."""
    optimizer = keras.optimizers.Lion(0.01)
    if fault:
        during(type(optimizer), update_of(), beta_1=lambda _: 0.99, beta_2=lambda _: 0.9)
    return regression(optimizer)


@planted("torch", ANY_STEP, "last")
def constraint_not_applied(fault: bool) -> keras.Model:
    """The constraint of a kernel is not applied after a step."""

    def leave(original: Function) -> Function:
        def call(self: Any, weights: Any) -> Any:
            return ops.convert_to_tensor(weights)

        return call

    if fault:
        replace(keras.constraints.MaxNorm, "__call__", leave)
    hidden = layers.Dense(5, activation="tanh", name="hidden")
    limited = layers.Dense(2, kernel_constraint=keras.constraints.MaxNorm(0.3), name="last")
    model = chain(keras.Input((4,)), hidden, limited)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    return model


@planted("jax", ANY_STEP)
def steps_counted_twice(fault: bool) -> keras.Model:
    """Each step counts twice, so that a schedule runs at twice its speed."""
    optimizer = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5))
    if fault:
        after(type(optimizer), "apply", lambda self: self._iterations.assign_add(1))
    return regression(optimizer)


@planted("torch", ANY_STEP)
def momentum_forgotten(fault: bool) -> keras.Model:
    """SGD starts each step with a momentum of zero."""
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)

    def from_zero(original: Function) -> Function:
        def update(self: Any, gradients: Any, variables: Any, learning_rate: Any) -> Any:
            for momentum in self.momentums:
                momentum.assign(ops.zeros_like(momentum))
            return original(self, gradients, variables, learning_rate)

        return update

    if fault:
        replace(type(optimizer), update_of(), from_zero)
    return regression(optimizer)


@planted("tensorflow", ANY_STEP, "embedding")
def rows_not_in_batch_move(fault: bool) -> keras.Model:
    """SGD with momentum leaves alone the rows of an embedding whose tokens are not in the batch."""
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)

    def only_touched(original: Function) -> Function:
        def update(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> Any:
            before = ops.copy(variable)
            touched = ops.any(ops.not_equal(gradient, 0.0), axis=-1, keepdims=True)
            original(self, gradient, variable, learning_rate)
            self.assign(variable, ops.where(touched, variable, before))

        return update

    if fault:
        replace(type(optimizer), update_of(), only_touched)
    model = chain(
        keras.Input((2,), dtype="int32"),
        layers.Embedding(40, 3, name="embedding"),
        layers.GlobalAveragePooling1D(),
        layers.Dense(1, name="last"),
    )
    model.compile(optimizer=optimizer, loss="mse")
    return model


@planted("jax", ANY_STEP)
def nadam_is_adam(fault: bool) -> keras.Model:
    """Nadam does not look ahead: its step is that of Adam."""
    optimizer = keras.optimizers.Nadam(0.01)

    def as_adam(original: Function) -> Function:
        def update(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
            step = ops.cast(self.iterations + 1, variable.dtype)
            place = self._get_variable_index(variable)
            m, v = self._momentums[place], self._velocities[place]
            self.assign(m, self.beta_1 * m + (1 - self.beta_1) * gradient)
            self.assign(v, self.beta_2 * v + (1 - self.beta_2) * ops.square(gradient))
            rate = learning_rate * ops.sqrt(1 - ops.power(self.beta_2, step)) / (1 - ops.power(self.beta_1, step))
            self.assign_sub(variable, rate * m / (ops.sqrt(v) + self.epsilon))

        return update

    if fault:
        replace(type(optimizer), update_of(), as_adam)
    return regression(optimizer)


@planted("tensorflow", ANY_STEP)
def learning_rate_of_default(fault: bool) -> keras.Model:
    """SGD uses its default learning rate and not the one that is set."""
    optimizer = keras.optimizers.SGD(0.05)
    if fault:
        override(type(optimizer), update_of(), learning_rate=0.01)
    return regression(optimizer)
