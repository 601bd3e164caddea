"""Small Keras models, one per layer, setting, loss, metric, optimizer and kind of model.

Cases hold functions, not models, so that listing them builds nothing. Listing needs Keras; importing this package
does not.
"""

import importlib
from typing import Any

from backends_test.keras_cases.case import Case

__all__ = ["GROUPS", "Case", "absent", "case_named", "cases"]

GROUPS = ("layers", "activations", "losses", "metrics", "optimizers", "applications", "hub", "models")


def cases(group: str | None = None) -> list[Case]:
    """Lists the cases.

    Args:
        group: one of `GROUPS`, or `None` for all groups.

    Returns:
        The cases in a fixed order. No two have the same name.

    Raises:
        ValueError: there is no such group.
    """
    if group is None:
        return [case for name in GROUPS for case in cases(name)]
    return list(_module(group).CASES)


def case_named(name: str) -> Case:
    """Returns the case of this name.

    Raises:
        ValueError: there is no such case.
    """
    for case in cases():
        if case.name == name:
            return case
    msg = f"Bad `name`. Expected: the name of a case. Received: {name!r}. `cases()` lists them."
    raise ValueError(msg)


def absent(group: str) -> dict[str, str]:
    """Lists the public classes and functions that a group covers with no case.

    Args:
        group: one of `GROUPS`.

    Returns:
        Public Keras name -> the reason, one sentence.

    Raises:
        ValueError: there is no such group.
    """
    return dict(getattr(_module(group), "ABSENT", {}))


def _module(group: str) -> Any:
    if group not in GROUPS:
        msg = f"Bad `group`. Expected: one of {list(GROUPS)}. Received: {group!r}."
        raise ValueError(msg)
    return importlib.import_module(f"{__name__}.{group}")
