"""The same random numbers on every backend: Keras's random functions draw from NumPy while they are replaced.

Each backend has its own generator, so that the masks of dropout or the noise of `GaussianNoise` would differ. Within
`numpy_numbers`, the functions of `keras.random` draw from NumPy instead. The numbers depend only on how many draws
there have been since `Draws.restart`, which the caller does at the beginning of each forward pass.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

SEED = 20


class Draws:
    """Counts the draws of a forward pass.

    Attributes:
        count: the number of draws so far.
    """

    def __init__(self) -> None:
        self.count = 0

    def restart(self) -> None:
        """Begin a new forward pass: the numbers are those of the first draw again."""
        self.count = 0

    def generator(self) -> np.random.Generator:
        """Return the generator of the next draw."""
        self.count += 1
        return np.random.default_rng([SEED, self.count])


DRAWS = Draws()


def _shape(shape: Sequence[Any]) -> tuple[int, ...]:
    return tuple(int(size) for size in shape)


def _float(values: Any, dtype: str | None) -> Any:
    import keras

    # Drawn in float32 whatever the dtype, so that the values are the same in float64.
    return keras.ops.convert_to_tensor(np.asarray(values, np.float32), dtype=dtype or keras.config.floatx())


def _numpy(value: Any) -> Any:
    import keras

    return keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(value))


def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """`keras.random.normal`."""
    return _float(DRAWS.generator().standard_normal(_shape(shape)), dtype) * stddev + mean


def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """`keras.random.truncated_normal`."""
    generator = DRAWS.generator()
    values = generator.standard_normal(_shape(shape))
    while (outside := np.abs(values) > 2).any():
        values = np.where(outside, generator.standard_normal(values.shape), values)
    return _float(values, dtype) * stddev + mean


def uniform(shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """`keras.random.uniform`."""
    return _float(DRAWS.generator().random(_shape(shape), np.float32), dtype) * (maxval - minval) + minval


def randint(shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> Any:
    """`keras.random.randint`."""
    import keras

    drawn = DRAWS.generator().integers(_numpy(minval), _numpy(maxval), _shape(shape))
    return keras.ops.convert_to_tensor(drawn, dtype=dtype)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """`keras.random.categorical`, by the largest of logits with Gumbel noise."""
    import keras

    batch, classes = _shape(keras.ops.shape(logits))
    noise = _float(DRAWS.generator().gumbel(size=(batch, num_samples, classes)), logits.dtype)
    return keras.ops.cast(keras.ops.argmax(logits[:, None, :] + noise, axis=-1), dtype)


def dropout(inputs: Any, rate: Any, noise_shape: Any = None, seed: Any = None) -> Any:
    """`keras.random.dropout`."""
    import keras

    shape = _shape(keras.ops.shape(inputs))
    if noise_shape is not None:
        shape = tuple(size if given is None else int(given) for size, given in zip(shape, noise_shape, strict=True))
    kept = keras.ops.convert_to_tensor(DRAWS.generator().random(shape) >= rate)
    # The product, not `where` alone, for the mask may have to be broadcast.
    return inputs * keras.ops.cast(kept, inputs.dtype) / (1.0 - rate) if rate < 1 else keras.ops.zeros_like(inputs)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """`keras.random.shuffle`."""
    import keras

    order = DRAWS.generator().permutation(int(x.shape[axis])).astype(np.int32)
    return keras.ops.take(x, keras.ops.convert_to_tensor(order), axis=axis)


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """`keras.random.gamma`."""
    return _float(DRAWS.generator().gamma(_numpy(alpha), size=_shape(shape)), dtype)


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> Any:
    """`keras.random.binomial`."""
    drawn = DRAWS.generator().binomial(_numpy(counts).astype(np.int64), _numpy(probabilities), size=_shape(shape))
    return _float(drawn, dtype)


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """`keras.random.beta`."""
    return _float(DRAWS.generator().beta(_numpy(alpha), _numpy(beta), size=_shape(shape)), dtype)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        normal,
        truncated_normal,
        uniform,
        randint,
        categorical,
        dropout,
        shuffle,
        gamma,
        binomial,
        beta,
    )
}


@contextmanager
def numpy_numbers(model: Any) -> Iterator[Draws]:
    """Replace the random functions of the running backend.

    Args:
        model: each call of it is the beginning of a forward pass. TensorFlow may trace a training step several times.
    """
    import keras

    module = import_module(f"keras.src.backend.{keras.config.backend()}.random")
    before = {name: getattr(module, name) for name in FUNCTIONS}
    # A training step calls the model by the second one on JAX.
    calls = {name: getattr(keras.layers.Layer, name) for name in ("__call__", "stateless_call")}

    def restarting(call: Callable[..., Any]) -> Callable[..., Any]:
        def restarting_call(self: Any, *args: Any, **kwargs: Any) -> Any:
            if self is model:
                DRAWS.restart()
            return call(self, *args, **kwargs)

        return restarting_call

    for name, function in FUNCTIONS.items():
        setattr(module, name, function)
    for name, call in calls.items():
        setattr(keras.layers.Layer, name, restarting(call))
    try:
        yield DRAWS
    finally:
        for name, call in calls.items():
            setattr(keras.layers.Layer, name, call)
        for name, function in before.items():
            setattr(module, name, function)
