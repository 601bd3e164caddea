"""Reads the arrays of an HDF5 file that Keras wrote and that may be malicious.

The HDF5 library trusts the sizes in a file: three changed bytes made it allocate 4 GB. Here every offset is checked
against the content, and the number of reads is limited.
"""

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# The HDF5 encoding of number types: class, flags, size, and bit positions.
_TYPES = {
    "float32": bytes([1, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0]),
    "int32": bytes([0, 8, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0]),
    "int64": bytes([0, 8, 0, 0, 8, 0, 0, 0, 0, 0, 64, 0]),
}


class Hdf5File:
    """An HDF5 file in h5py's default format: groups in symbol tables, arrays in contiguous storage.

    Args:
        content: the content of the file.

    Raises:
        ValueError: the content has another format. The methods raise it as well.

    Source: the HDF5 File Format Specification, version 3, for superblock 0.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        # A model has a few dozen groups and arrays.
        self._steps_left = 50_000
        # Superblock 0; offsets and lengths of 8 bytes, counted from the beginning of the file.
        mark = self._unpack("<8sB", 0), self._unpack("<BB", 13), self._number(24)
        if mark != ((b"\x89HDF\r\n\x1a\n", 0), (8, 8), 0):
            msg = "an HDF5 file in another format than Keras writes"
            raise ValueError(msg)
        self._root = self._number(64)

    def members(self, name: str) -> dict[str, int]:
        """Return the members of a group: name -> the position of its header."""
        table = self._message(self._find(name), 0x11)
        if table is None:
            msg = f"{name} is not a group"
            raise ValueError(msg)
        tree, heap = (self._number(table + 8 * i) for i in range(2))
        return self._members_of(tree, heap)

    def array(self, name: str, shape: tuple[int, ...], dtypes: Sequence[str]) -> npt.NDArray[Any]:
        """Copy an array, which must have the given shape and one of the given dtypes, and be finite."""
        header = self._find(name)
        places = [self._message(header, kind) for kind in (0x1, 0x3, 0x8)]
        if any(place is None for place in places) or self._message(header, 0x7) is not None:
            msg = f"{name} is not a plain array"
            raise ValueError(msg)
        space, kind, layout = (place for place in places if place is not None)
        version, rank = self._unpack("<BB", space)
        saved_shape = self._unpack(f"<{rank}Q", space + {1: 8, 2: 4}.get(version, 8))
        dtype = self._type(kind)
        if saved_shape != shape or dtype not in dtypes:
            msg = f"{name} of shape {saved_shape} and type {dtype}, not {shape} and {' or '.join(dtypes)}"
            raise ValueError(msg)
        version, layout_class, begin, size = self._unpack("<BBQQ", layout)
        # 1 is contiguous: no chunks, no filters, no external file.
        nbytes = math.prod(shape) * np.dtype(dtype).itemsize
        if version not in (3, 4) or layout_class != 1 or size != nbytes or begin + size > len(self._content):
            msg = f"{name} is not a plain array of {nbytes} bytes"
            raise ValueError(msg)
        array = np.frombuffer(self._content, np.dtype(dtype).newbyteorder("<"), math.prod(shape), begin)
        if not np.isfinite(array).all():
            msg = f"{name} with values that are not finite"
            raise ValueError(msg)
        return array.astype(dtype).reshape(shape)

    def _unpack(self, form: str, place: int) -> tuple[Any, ...]:
        self._steps_left -= 1
        if self._steps_left < 0 or place + struct.calcsize(form) > len(self._content):
            msg = "a damaged HDF5 file"
            raise ValueError(msg)
        return struct.unpack_from(form, self._content, place)

    def _number(self, place: int) -> int:
        number: int = self._unpack("<Q", place)[0]
        return number

    def _find(self, name: str) -> int:
        place = self._root
        for part in name.split("/"):
            table = self._message(place, 0x11)
            inside = {} if table is None else self._members_of(self._number(table), self._number(table + 8))
            if part not in inside:
                msg = f"no {name}"
                raise ValueError(msg)
            place = inside[part]
        return place

    def _message(self, header: int, kind: int) -> int | None:
        """Return the position of the content of an object's message of a kind; None if there is no such message."""
        version, count, length = self._unpack("<BxH4xI", header)
        if version != 1:
            msg = "an HDF5 file in another format than Keras writes"
            raise ValueError(msg)
        blocks = [(header + 16, length)]
        while blocks and count:
            place, left = blocks.pop(0)
            while left >= 8 and count:
                message_kind, size, flags = self._unpack("<HHB3x", place)
                if message_kind == kind and not flags & 2:  # 2: shared, stored elsewhere
                    self._unpack(f"<{size}x", place + 8)
                    return place + 8
                if message_kind == 0x10:
                    blocks.append(self._unpack("<QQ", place + 8))
                place, left, count = place + 8 + size, left - 8 - size, count - 1
        return None

    def _members_of(self, tree: int, heap: int) -> dict[str, int]:
        mark, names = self._unpack("<4s20xQ", heap)
        inside: dict[str, int] = {}
        nodes = [tree]
        while nodes:
            node = nodes.pop()
            kind = self._unpack("<4s", node)[0]
            if kind == b"TREE":
                count = self._unpack("<4xBBH", node)[2]
                nodes += [self._number(node + 32 + 16 * i) for i in range(count)]
            elif kind == b"SNOD":
                for i in range(self._unpack("<6xH", node)[0]):
                    name, place, link = self._unpack("<QQI", node + 8 + 40 * i)
                    if link != 2:  # 2: a symbolic link
                        inside[self._name(names + name)] = place
            else:
                mark = kind
        if mark != b"HEAP":
            msg = "a damaged HDF5 file"
            raise ValueError(msg)
        return inside

    def _name(self, place: int) -> str:
        end = self._content.find(b"\0", place, place + 256)
        if end < 0:
            msg = "a damaged HDF5 file"
            raise ValueError(msg)
        return self._content[place:end].decode("utf-8", "replace")

    def _type(self, place: int) -> str:
        """Return the name of a number type, or "unknown"."""
        version_and_class, *rest = self._unpack("<B19s", place)
        number = rest[0]
        for name, known in _TYPES.items():
            if version_and_class >> 4 in (1, 3) and version_and_class & 15 == known[0] and number.startswith(known[1:]):
                return name
        return "unknown"
