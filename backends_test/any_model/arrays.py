"""Files of named arrays: what one stage of a model gave on one backend."""

import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Tensor(NamedTuple):
    """What an array belongs to.

    Attributes:
        layer: the name of a layer, an optimizer or a loss; "" if the array belongs to the whole model.
        name: what the array is, for example "output" or "gradient of kernel".
    """

    layer: str
    name: str


def write_arrays(path: Path, arrays: Mapping[Tensor, Array]) -> None:
    """Write named arrays, whole or not at all."""
    names = np.array([list(tensor) for tensor in arrays] or np.empty((0, 2)), dtype=np.str_)
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        contents: dict[str, Any] = {str(i): storable(array) for i, array in enumerate(arrays.values())}
        np.savez(file, names=names, **contents)
    temporary.replace(path)


def storable(array: Array) -> Array:
    """Return the array in a type that NumPy can store: its bfloat16 and float8 types come from another package."""
    return array.astype(np.float32) if array.dtype.kind == "V" or array.dtype.name.startswith("bfloat") else array


class ArrayFile:
    """The arrays of a file, read one at a time when they are asked for.

    Args:
        path: a file that `write_arrays` has written.
    """

    def __init__(self, path: Path) -> None:
        self._arrays = np.load(path, allow_pickle=False)
        weakref.finalize(self, self._arrays.close)
        names = self._arrays["names"]
        self._index = {Tensor(str(layer), str(name)): str(i) for i, (layer, name) in enumerate(names)}

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._index)

    def __contains__(self, tensor: object) -> bool:
        return tensor in self._index

    def __getitem__(self, tensor: Tensor) -> Array:
        array: Array = self._arrays[self._index[tensor]]
        return array


def largest_difference(one: Array, other: Array) -> float:
    """Return the largest absolute difference of two arrays of the same shape; infinite where only one is finite.

    Texts differ by infinity. Elements that are NaN in both, or the same infinity in both, do not differ.
    """
    if not one.size:
        return 0.0
    if one.dtype.kind == "U" or other.dtype.kind == "U":
        return 0.0 if (one == other).all() else float("inf")
    if one.dtype.kind in "biu" and other.dtype.kind in "biu":
        return float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max())
    a, b = (x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) for x in (one, other))
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(a - b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    difference = np.where(same, 0, difference)
    return float(np.where(np.isnan(difference), np.inf, difference).max())


def largest_value(array: Array) -> float:
    """Return the largest finite absolute value of an array; 0 if there is none."""
    if array.dtype.kind in "USO" or not array.size:
        return 0.0
    values = np.abs(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64))
    return float(np.where(np.isfinite(values), values, 0).max())
