"""Parses JSON from untrusted sources."""

import json
import math
import re
import reprlib
from typing import Any

# A short text can create very many objects in memory.
_MAX_ITEMS = 200_000
_MAX_CONTAINERS = 10_000
# Python parses JSON that is nested more deeply than it can write or show it. What this library and Keras write has less
# than 20 levels.
_MAX_DEPTH = 100
# A whole number of so many digits may be too large for a float.
_LONG_NUMBER = re.compile(rb"(?<!\d)\d{309}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(content: bytes, most_items: int = _MAX_ITEMS) -> Any:
    """Parse JSON, and reject repeated keys, NaN, infinity, numbers too large for a float, and lone surrogates.

    Args:
        content: the JSON text in UTF-8.
        most_items: the maximum number of values.

    Raises:
        ValueError: the content is not valid, has too many values, or is nested too deeply.
    """
    containers = content.count(b"[") + content.count(b"{")
    if content.count(b",") > most_items or containers > _MAX_CONTAINERS:
        msg = f"more than {most_items:,} values, or {_MAX_CONTAINERS:,} lists and objects"
        raise ValueError(msg)
    try:
        parsed = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_distinct,
            parse_float=_finite,
            parse_constant=_finite,
            parse_int=_whole if _LONG_NUMBER.search(content) else None,  # slow
        )
    except RecursionError:
        too_deep = True
    else:
        too_deep = containers > _MAX_DEPTH and _is_deeper(parsed, _MAX_DEPTH)
    if too_deep:
        msg = f"a recursion: lists and objects in more than {_MAX_DEPTH} levels"
        raise ValueError(msg)
    if _SURROGATE.search(content):
        json.dumps(parsed, ensure_ascii=False).encode()  # raises an error for a lone surrogate
    return parsed


def _is_deeper(parsed: Any, depth: int) -> bool:
    """Return whether lists and objects are nested in more than `depth` levels."""
    level: list[list[Any] | dict[str, Any]] = [[parsed]]
    for _ in range(depth + 1):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, list | dict)
        ]
    return bool(level)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) != len(pairs):
        msg = "an object that has a key twice"
        raise ValueError(msg)
    return parsed


def _whole(text: str) -> int:
    number = int(text)
    _finite(text)
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        msg = f"the number {reprlib.repr(text)}"
        raise ValueError(msg)
    return number
