"""Names the cases as models that `backends-test` can load: `backends_test.keras_cases.sources:case_...`.

The dots stand for the checksum of the case's name, see `number_of`.
"""

from collections.abc import Callable
from functools import cache
from typing import Any
from zlib import crc32

from backends_test.keras_cases import Case, cases


def number_of(case: Case) -> int:
    """Return the number by which a case is named here."""
    return crc32(case.name.encode())


@cache
def _by_number() -> dict[str, Case]:
    return {str(number_of(case)): case for case in cases()}


def __getattr__(name: str) -> Callable[[], Any]:
    kind, _, number = name.rpartition("_")
    case = _by_number().get(number) if kind in ("case", "data") else None
    if case is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    if kind == "case":
        return lambda: case.build()
    return lambda: (case.inputs() if case.inputs else None, case.targets() if case.targets else None)
