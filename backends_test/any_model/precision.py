"""Everything in float64, as a reference without visible rounding."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def float64() -> Iterator[None]:
    """Make Keras build and compute models in float64.

    Keras's table of type promotion turns 64 bits into 32 on all backends except TensorFlow, and no public setting
    changes it. JAX has a setting of its own besides.
    """
    import keras
    from keras.src.backend.common import dtypes

    table = dict(dtypes.BIT64_TO_BIT32_DTYPE)
    floatx = keras.config.floatx()
    policy = keras.config.dtype_policy()
    _set_jax(True)
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    _forget_promotions(dtypes)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
        dtypes.BIT64_TO_BIT32_DTYPE.update(table)
        _forget_promotions(dtypes)
        _set_jax(False)


def _set_jax(enabled: bool) -> None:
    import keras

    if keras.config.backend() == "jax":
        import jax

        jax.config.update("jax_enable_x64", enabled)


def _forget_promotions(dtypes: Any) -> None:
    # `result_type` keeps what it has been asked before.
    for function in vars(dtypes).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()


def with_float64(config: Any) -> Any:
    """Return a model's configuration with each float32 policy and dtype replaced by float64."""
    if isinstance(config, dict):
        return {
            key: "float64"
            if value == "float32" and (key == "dtype" or (key == "name" and set(config) == {"name"}))
            else with_float64(value)
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(with_float64(part) for part in config)
    return config
