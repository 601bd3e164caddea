"""PyTorch under Keras. See imdb_rnn.engine for what each function promises.

May import: torch.
"""

from typing import Any

import torch


def version() -> str:
    """The version of PyTorch."""
    return str(torch.__version__)


def device() -> str:
    """The kind of the device that Keras chooses, "cpu" or "cuda"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def prepare_optimizer(optimizer: Any) -> None:
    """Nothing to do: gradients of an embedding are dense in Keras on PyTorch."""
