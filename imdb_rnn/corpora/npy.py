"""Arrays of whole numbers in NumPy's own format, `.npy`, read without trusting the file.

`numpy.load` makes room for whatever shape a header declares. Here the header must be of the form that NumPy writes, and
the data exactly as long as the header says.
"""

import math
import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

# The magic bytes, a version, the length of the header (of 2 bytes in version 1, of 4 since), and the header. Python 2
# wrote an L after a whole number.
_HEADER = re.compile(
    rb"\x93NUMPY(?:\x01\x00(?P<short>..)|[\x02\x03]\x00(?P<long>....))"
    rb"(?P<text>\{'descr': '(?P<type>[<>|=]?[A-Za-z]\d{0,3})', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>(?:\d{1,10}L?(?:, ?|(?=\)))){0,4})\), \} {0,200}\n)",
    re.DOTALL,
)
_WHOLE_NUMBERS = re.compile(r"[<>=]?[iu][248]|[<>|=]?[iu]1|[<>|=]?b1")


class Header(NamedTuple):
    """What the header of a `.npy` file declares.

    Attributes:
        type: NumPy's code of the type: "<i8", "|O", …
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
        ValueError: it is not of the form that NumPy writes for an array without fields.
    """
    header = _HEADER.match(content)
    length = header and int.from_bytes(header["short"] or header["long"], "little")
    if header is None or len(header["text"]) != length:
        msg = "no header of a NumPy array without fields"
        raise ValueError(msg)
    shape = tuple(int(number) for number in re.findall(rb"\d+", header["shape"]))
    return Header(header["type"].decode(), header["fortran"] == b"True", shape, header.end())


def read_whole_numbers(content: bytes) -> npt.NDArray[Any]:
    """Read a `.npy` file that holds an array of integers or booleans.

    Returns:
        The array, a read-only view of `content`.

    Raises:
        ValueError: it holds something else, or more or fewer bytes than its header says.
    """
    header = read_header(content)
    if not _WHOLE_NUMBERS.fullmatch(header.type):
        msg = f"an array of type {header.type}, not of whole numbers"
        raise ValueError(msg)
    dtype = np.dtype(header.type)
    received, expected = len(content) - header.start, math.prod(header.shape) * dtype.itemsize
    if received != expected:
        msg = f"an array of shape {header.shape} and type {header.type} with {received:,} bytes instead of {expected:,}"
        raise ValueError(msg)
    flat: npt.NDArray[Any] = np.frombuffer(content, dtype, offset=header.start)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")
