"""Converts the texts that a caller passes (a list, an array or a column of a data frame) to a list of strings."""

from collections.abc import Iterable, Mapping
from math import isnan
from typing import Any

import numpy as np

from imdb_rnn.errors import ReviewError

# Usual names of a column of texts.
_USUAL_NAMES = ("text", "texts", "review", "reviews", "sentence", "comment", "content", "body")
_SHOWN_NAMES = 8


def as_texts(texts: Any) -> list[str]:
    """Return texts as a list of strings.

    Args:
        texts: an ordered iterable of strings: a list, a one-dimensional array, a column of a pandas or polars data
            frame, a generator.

    Raises:
        ReviewError: `texts` is something else, such as a whole data frame, or contains something other than strings.
    """
    strings = as_list(texts)
    for number, text in enumerate(strings, start=1):
        if not isinstance(text, str):
            which = f"text {number} of {len(strings)}" if len(strings) > 1 else "text"
            msg = f"Bad {which}. Expected: a text (str). Received: {described(text)}."
            raise ReviewError(msg)
    return strings


def as_list(texts: Any) -> list[Any]:
    """Return texts as a list, whatever its items are.

    Args:
        texts: as for `as_texts`.

    Raises:
        ReviewError: `texts` is something else.
    """
    if problem := _problem_of(texts):
        msg = f"Bad `texts`. Expected: a list of texts. Received: {problem}"
        raise ReviewError(msg)
    return list(texts)


def _problem_of(texts: Any) -> str:
    """Return why `texts` cannot be an ordered iterable of strings, with advice; "" if it can."""
    if isinstance(texts, (str, bytes)):
        return "one text. Put it in a list."
    columns = getattr(texts, "column_names", getattr(texts, "columns", None))
    kind = type(texts).__name__
    if columns is not None:
        names = [str(name) for name in columns]
        usual = [name for name in names if name.lower() in _USUAL_NAMES]
        advice = f" Give one column, such as {kind.lower()}[{(usual or names)[0]!r}]." if names else ""
        return f"a {kind} with the columns {', '.join(names[:_SHOWN_NAMES])[:200] or '(none)'}.{advice}"
    if isinstance(texts, Mapping):
        names = [str(name) for name in list(texts)[:_SHOWN_NAMES]]
        return f"a {kind} with the keys {', '.join(names)[:200]}. Give list(texts.values()) or the value of one key."
    if isinstance(texts, (set, frozenset)):
        return f"a {kind}, which has no order. Give a list."
    if isinstance(texts, np.ndarray) and texts.ndim != 1:
        return f"an array of the shape {texts.shape}. Give one column, such as texts[:, 0], or texts.ravel()."
    return "" if isinstance(texts, Iterable) else f"{kind}."


def described(value: Any) -> str:
    """Describe a value that is not a string, with advice."""
    if value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and isnan(value)):
        return f"{value}, a missing value. Drop such rows, or fill them"
    if isinstance(value, bytes):
        return "bytes. Decode them, for example by value.decode()"
    return type(value).__name__
