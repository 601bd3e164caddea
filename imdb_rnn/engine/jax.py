"""JAX under Keras. See imdb_rnn.engine for what each function promises.

May import: jax.
"""

from typing import Any

import jax


def version() -> str:
    """The version of JAX."""
    return str(jax.__version__)


def device() -> str:
    """The kind of the default device, "cpu" or "gpu"."""
    return str(jax.default_backend())


def prepare_optimizer(optimizer: Any) -> None:
    """Nothing to do: gradients of an embedding are dense in JAX."""
