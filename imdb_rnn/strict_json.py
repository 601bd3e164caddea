"""Parses JSON that a stranger may have made.

May import: the standard library.
"""

import json
import math
import re
import reprlib
from typing import Any

# Of a JSON file: a short text can stand for very many objects in memory.
_MOST_ITEMS = 200_000
_MOST_CONTAINERS = 10_000
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(content: bytes) -> Any:
    """Parse JSON that has no repeated keys, no NaN, no infinity and no half characters, and is not too large.

    Raises:
        ValueError: it is none, or has any of these.
        RecursionError: it is nested too deeply.
    """
    if content.count(b",") > _MOST_ITEMS or content.count(b"[") + content.count(b"{") > _MOST_CONTAINERS:
        msg = f"more than {_MOST_ITEMS:,} values, or {_MOST_CONTAINERS:,} lists and objects"
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
