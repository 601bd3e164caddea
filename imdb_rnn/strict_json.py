"""Parses JSON that a stranger may have made."""

import json
import math
import re
import reprlib
from typing import Any

# A short text can stand for very many objects in memory.
_MOST_ITEMS = 200_000
_MOST_CONTAINERS = 10_000
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(content: bytes, most_items: int = _MOST_ITEMS) -> Any:
    """Parse JSON without repeated keys, NaN, infinity and lone surrogates.

    Args:
        content: the JSON text in UTF-8.
        most_items: the largest number of values allowed.

    Raises:
        ValueError: the content is not such JSON, or has too many values.
        RecursionError: the content is nested too deeply.
    """
    if content.count(b",") > most_items or content.count(b"[") + content.count(b"{") > _MOST_CONTAINERS:
        msg = f"more than {most_items:,} values, or {_MOST_CONTAINERS:,} lists and objects"
        raise ValueError(msg)
    parsed = json.loads(
        content.decode("utf-8"), object_pairs_hook=_distinct, parse_float=_finite, parse_constant=_finite
    )
    if _SURROGATE.search(content):
        json.dumps(parsed, ensure_ascii=False).encode()  # half of a pair cannot be encoded
    return parsed


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "an object that has a key twice"
        raise ValueError(msg)
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        msg = f"the number {reprlib.repr(text)}"
        raise ValueError(msg)
    return number
