"""Reads arrays of numbers from `.npy` files that may be malicious.

`numpy.load` allocates memory for any shape that a header declares. Here the header must have the form that NumPy
writes, and the data must have exactly the declared length.
"""

import math
import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

# The magic bytes, the version, the length of the header (2 bytes in version 1, else 4 bytes) and the header. Python 2
# wrote an L after integers.
_HEADER = re.compile(
    rb"\x93NUMPY(?:\x01\x00(?P<short>..)|[\x02\x03]\x00(?P<long>....))"
    rb"(?P<text>\{'descr': '(?P<type>[<>|=]?[A-Za-z]\d{0,3})', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>(?:%(n)s, ?(?:%(n)s(?:, ?%(n)s){0,2})?)?)\), \} {0,200}\n)"
    % {b"n": rb"(?:0|[1-9]\d{0,9})L?"},
    re.DOTALL,
)
_INTEGER_TYPE = re.compile(r"[<>=]?[iu][248]|[<>|=]?[iu]1|[<>|=]?b1")
_NUMBER_TYPE = re.compile(rf"{_INTEGER_TYPE.pattern}|[<>=]?f[48]")


class Header(NamedTuple):
    """The header of a `.npy` file.

    Attributes:
        type: NumPy's type code: "<i8", "|O", …
        fortran: whether the first axis varies fastest.
        shape: the length of each axis.
        start: the position of the data.
    """

    type: str
    fortran: bool
    shape: tuple[int, ...]
    start: int


def read_header(content: bytes) -> Header:
    """Read the header of a `.npy` file.

    Raises:
        ValueError: the header does not have the form that NumPy writes for an array without fields.
    """
    header = _HEADER.match(content)
    length = header and int.from_bytes(header["short"] or header["long"], "little")
    if header is None or len(header["text"]) != length:
        msg = "no header of a NumPy array without fields"
        raise ValueError(msg)
    shape = tuple(int(number) for number in re.findall(rb"\d+", header["shape"]))
    return Header(header["type"].decode(), header["fortran"] == b"True", shape, header.end())


def read_whole_numbers(content: bytes) -> npt.NDArray[Any]:
    """Read a `.npy` file with an array of integers or booleans.

    Returns:
        The array, a read-only view of `content`.

    Raises:
        ValueError: the array has another type, or the data does not have the declared length.
    """
    return _read(content, _INTEGER_TYPE, "whole numbers")


def read_numbers(content: bytes) -> npt.NDArray[Any]:
    """Read a `.npy` file with an array of integers, booleans, float32 or float64.

    Returns:
        The array, a read-only view of `content`.

    Raises:
        ValueError: the array has another type, or the data does not have the declared length.
    """
    return _read(content, _NUMBER_TYPE, "numbers")


def _read(content: bytes, types: re.Pattern[str], expected: str) -> npt.NDArray[Any]:
    header = read_header(content)
    if not types.fullmatch(header.type):
        msg = f"an array of type {header.type}, not of {expected}"
        raise ValueError(msg)
    dtype = np.dtype(header.type)
    received, declared = len(content) - header.start, math.prod(header.shape) * dtype.itemsize
    if received != declared:
        msg = f"an array of shape {header.shape} and type {header.type} with {received:,} bytes instead of {declared:,}"
        raise ValueError(msg)
    flat: npt.NDArray[Any] = np.frombuffer(content, dtype, offset=header.start)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")
