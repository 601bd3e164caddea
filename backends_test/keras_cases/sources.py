"""Names the cases as models that `backends-test` can load: `backends_test.keras_cases.sources:case_0` and so on."""

from collections.abc import Callable
from functools import cache
from typing import Any

from backends_test.keras_cases import Case, cases


@cache
def _all() -> list[Case]:
    return cases()


def __getattr__(name: str) -> Callable[[], Any]:
    kind, _, number = name.rpartition("_")
    if kind not in ("case", "data") or not number.isdigit() or int(number) >= len(_all()):
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    case = _all()[int(number)]
    if kind == "case":
        return lambda: case.build()
    return lambda: (case.inputs() if case.inputs else None, case.targets() if case.targets else None)
