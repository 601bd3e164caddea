"""Checks of settings, and the limits of a model."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from imdb_rnn.errors import RecipeError

# The minimum of each setting whose minimum is not 1. The first four ids are not words, so a model needs a fifth.
MINIMUM = {"num_words": 5, "seed": 0}
# The largest model that can be saved, so that the memory for loading a folder is limited.
MAX_NUM_WORDS = 150_000
MAX_MAX_LEN = 10_000


def plain_number(value: Any) -> Any:
    """Convert a NumPy scalar, or an array without dimensions, to a Python number; return other values unchanged."""
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf":
        return float(value) if value.dtype.kind == "f" else int(value)
    return value


def whole_number(name: str, value: object) -> int:
    """Return a setting as an int.

    Raises:
        RecipeError: `value` is not a whole number, or is below the minimum of the setting.
    """
    minimum, number = MINIMUM.get(name, 1), plain_number(value)
    if type(number) is not int or number < minimum:
        msg = f"Bad `{name}`. Expected: a whole number of at least {minimum}. Received: {value!r}."
        raise RecipeError(msg)
    return number


def share(name: str, value: object) -> float:
    """Return a setting as a float.

    Raises:
        RecipeError: `value` is not a number from 0 to 1.
    """
    number = plain_number(value)
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number <= 1:
        msg = f"Bad `{name}`. Expected: a number from 0 to 1. Received: {value!r}."
        raise RecipeError(msg)
    return float(number)


def true_or_false(name: str, value: object) -> bool:
    """Return a setting as a bool.

    Raises:
        RecipeError: `value` is not a bool.
    """
    if not isinstance(value, bool | np.bool_):
        msg = f"Bad `{name}`. Expected: True or False. Received: {value!r}."
        raise RecipeError(msg)
    return bool(value)


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise `RecipeError` if a setting is not one of its choices."""
    if value not in choices:
        msg = f"Bad `{name}`. Expected: one of {', '.join(choices)}. Received: {value!r}."
        raise RecipeError(msg)
