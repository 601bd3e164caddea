"""When is a difference one? Holds each tensor of two backends against the noise of that very tensor.

The noise is measured: how far a tensor moves when inputs and weights move by one unit in the last place. A difference
up to `MULTIPLE` times the noise is rounding. The same tensors in float64 show a fault that is smaller than rounding,
and which backend is off.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np

from backends_test.any_model.arrays import Array, largest_difference, largest_value

Verdict = Literal["equal", "rounding", "disagrees", "unstable", "fails", "not run"]

# See docs/any-keras-model.md for how it was chosen.
MULTIPLE = 20.0
# Rounding of the result itself: a few units in the last place of the largest number.
UNIT = {"float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-23, "bfloat16": 2.0**-7}
# Rounding in float64 as a share of rounding in float32, 2**-29, with room.
FLOAT64_SHARE = 2.0**-26
# How far the differences in both precisions may be apart, relative to the one in float64.
SHOWN = 0.5
# Above this share of a tensor's largest number, `MULTIPLE` times the noise hides everything.
UNSTABLE = 0.1


class Observed(NamedTuple):
    """A tensor on one backend.

    Attributes:
        array: its values in the model's own precision.
        noise: how far they move with inputs and weights; 0 if they do not.
        array64: its values in float64, None where the backend cannot compute them.
        noise64: how far those move when inputs and weights move by a unit of float32.
    """

    array: Array
    noise: float
    array64: Array | None = None
    noise64: float = 0.0


class Row(NamedTuple):
    """The comparison of one tensor between two backends, or of a backend with itself.

    Attributes:
        stage: the stage, see `observation`.
        layer: the layer, or "".
        tensor: what is compared.
        pair: the two backends, or a backend twice.
        difference: the largest absolute difference; None if there is none to compute.
        noise: what rounding alone may differ by, before it is multiplied.
        verdict: see `Verdict`.
        off: the backend that is farther from the reference; "" if that cannot be told.
        reason: why it fails or was not run.
    """

    stage: str
    layer: str
    tensor: str
    pair: tuple[str, str]
    difference: float | None
    noise: float | None
    verdict: Verdict
    off: str = ""
    reason: str = ""


def judge(one: Observed, other: Observed) -> tuple[float, float, Verdict]:
    """Compare a tensor of two backends.

    Returns:
        The largest difference, the noise, and the verdict.
    """
    if one.array.shape != other.array.shape or type_of(one.array) != type_of(other.array):
        return np.inf, 0.0, "disagrees"
    difference = largest_difference(one.array, other.array)
    if difference == 0 and not _differs64(one, other):
        return 0.0, max(one.noise, other.noise), "equal"
    if one.array.dtype.kind in "biuU" and other.array.dtype.kind in "biuU":
        # Whole numbers have no rounding, but a float that is moved may reach another one.
        moved = max(one.noise, other.noise)
        return difference, moved, "disagrees" if difference > moved else "rounding"
    noise = max(one.noise, other.noise, UNIT.get(str(one.array.dtype), UNIT["float32"]) * _scale(one, other))
    if _differs64(one, other) or difference > MULTIPLE * noise:
        return difference, noise, "disagrees"
    return difference, noise, "unstable" if _is_unstable(one, other, noise) else "rounding"


def type_of(array: Array) -> str:
    """Return what must be the same in the dtypes of two backends.

    The width of whole numbers need not be: JAX has none of 64 bits unless it is told to.
    """
    return {"i": "whole", "u": "whole", "U": "text"}.get(array.dtype.kind, array.dtype.name)


def _scale(one: Observed, other: Observed) -> float:
    return max(largest_value(one.array), largest_value(other.array))


def _is_unstable(one: Observed, other: Observed, noise: float) -> bool:
    """Whether rounding alone moves a tensor so much that nothing can be concluded, in float64 either."""
    scale = _scale(one, other)
    if MULTIPLE * noise <= UNSTABLE * scale:
        return False
    exact = one.array64 is not None and other.array64 is not None
    return not exact or limit64(one, other) > UNSTABLE * scale


def limit64(one: Observed, other: Observed) -> float:
    """Return the largest difference in float64 that is no fault.

    Parts of Keras compute in float32 whatever the dtype of the model, so float64 is held against the noise that
    rounding to float32 would have. A sum whose parts cancel has the rounding of its parts; that is the last term.
    """
    scale = max(largest_value(x.array64) for x in (one, other) if x.array64 is not None)
    cancelled = max(one.noise, other.noise) * FLOAT64_SHARE
    return MULTIPLE * max(one.noise64, other.noise64, UNIT["float64"] * scale, cancelled)


def _differs64(one: Observed, other: Observed) -> bool:
    if one.array64 is None or other.array64 is None:
        return False
    if one.array64.shape != other.array64.shape or one.array64.dtype.kind in "biuU":
        return False
    a, b = one.array64.astype(np.float64), other.array64.astype(np.float64)
    with np.errstate(invalid="ignore"):
        # NaN on both, or the same infinity on both, is no difference.
        exact = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0, a - b)
        shown = np.nan_to_num(one.array.astype(np.float64) - other.array)
    if not np.isfinite(exact).all():
        return True
    if np.abs(exact).max(initial=0) <= limit64(one, other):
        return False
    # Some constants are rounded to float32 in float64 models only. What concerns the user shows in float32 as well.
    return bool(np.linalg.norm(shown - exact) < SHOWN * np.linalg.norm(exact))


def farthest(backends: Mapping[str, Observed]) -> str:
    """Return the backend that is off: the one farthest from what the others compute, best in float64.

    Args:
        backends: a tensor on each backend.

    Returns:
        "" if fewer than three backends have it and float64 does not decide.
    """
    exact = {name: x.array64 for name, x in backends.items() if x.array64 is not None}
    kinds = {name: f"{x.array.shape} {type_of(x.array)}" for name, x in backends.items()}
    if len(set(kinds.values())) > 1:
        return _odd_one(kinds)
    if len(exact) < len(backends) or len({array.shape for array in exact.values()}) > 1:
        return _outlier({name: x.array for name, x in backends.items()})
    if any(_differs64(one, other) for one, other in combinations(backends.values(), 2)):
        return _outlier(exact)
    # All agree in float64: each is held against what they agree on.
    reference = np.mean([array.astype(np.float64) for array in exact.values()], axis=0)
    return _most({name: largest_difference(x.array, reference) for name, x in backends.items()})


def saver_or_loader(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the backend that is off if models of these pairs, of a saver and a loader, changed on the way.

    It is the one that all pairs share. If they share both, it cannot be told whether the file was written or read
    wrongly, and the loader is named.
    """
    shared = set.intersection(*(set(pair) for pair in pairs))
    return shared.pop() if len(shared) == 1 else pairs[0][1] if shared else ""


def _outlier(arrays: Mapping[str, Array]) -> str:
    if len(arrays) < 3:
        return ""
    return _most(
        {
            name: min(largest_difference(array, other) for key, other in arrays.items() if key != name)
            for name, array in arrays.items()
        }
    )


def _most(distance: Mapping[str, float]) -> str:
    ordered = sorted(distance, key=lambda name: -distance[name])
    if len(ordered) > 1 and distance[ordered[0]] == distance[ordered[1]]:
        return ""
    return ordered[0]


def _odd_one(values: Mapping[str, str]) -> str:
    alone = [name for name, value in values.items() if list(values.values()).count(value) == 1]
    return alone[0] if len(alone) == 1 and len(values) > 2 else ""
