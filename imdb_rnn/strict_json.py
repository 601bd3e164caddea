"""Parses JSON from untrusted sources."""

import json
import math
import re
import reprlib
from typing import Any

# A short text can create very many objects in memory.
_MAX_ITEMS = 200_000
_MAX_CONTAINERS = 10_000
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(content: bytes, most_items: int = _MAX_ITEMS) -> Any:
    """Parse JSON, and reject repeated keys, NaN, infinity and lone surrogates.

    Args:
        content: the JSON text in UTF-8.
        most_items: the maximum number of values.

    Raises:
        ValueError: the content is not valid, or has too many values.
        RecursionError: the content is nested too deeply.
    """
    if content.count(b",") > most_items or content.count(b"[") + content.count(b"{") > _MAX_CONTAINERS:
        msg = f"more than {most_items:,} values, or {_MAX_CONTAINERS:,} lists and objects"
        raise ValueError(msg)
    parsed = json.loads(
        content.decode("utf-8"), object_pairs_hook=_distinct, parse_float=_finite, parse_constant=_finite
    )
    if _SURROGATE.search(content):
        json.dumps(parsed, ensure_ascii=False).encode()  # raises an error for a lone surrogate
    return parsed


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) != len(pairs):
        msg = "an object that has a key twice"
        raise ValueError(msg)
    return parsed


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        msg = f"the number {reprlib.repr(text)}"
        raise ValueError(msg)
    return number
