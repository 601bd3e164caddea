"""Zip archives and NumPy files written by hand, so that they can lie."""

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Member:
    """A member of an archive, with every statement about it as its own field.

    Attributes:
        name: its name.
        data: the bytes as they lie in the archive.
        size: the declared size of its content.
        crc: the declared checksum of its content.
        method: 0 is stored, 8 is DEFLATE.
        flags: 1 is encrypted.
        extra: what follows its name in the list of members.
    """

    name: bytes
    data: bytes
    size: int
    crc: int
    method: int = 0
    flags: int = 0
    extra: bytes = b""


def stored(name: str, content: bytes) -> Member:
    return Member(name.encode(), content, len(content), zlib.crc32(content))


def deflated(name: str, content: bytes) -> Member:
    return Member(name.encode(), deflate(content), len(content), zlib.crc32(content), method=8)


def deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


def deflated_zeros(name: str, megabytes: int, size: int) -> Member:
    """A member that inflates to so many megabytes of zeros, whatever size it declares; made in no time."""
    packer = zlib.compressobj(wbits=-15)
    part = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return Member(name.encode(), part * megabytes + deflate(b""), size, zlib.crc32(bytes(min(size, 1 << 26))), method=8)


def archive(*members: Member, offsets: dict[int, int] | None = None, tail: bytes = b"") -> bytes:
    """A zip archive.

    Args:
        members: what it holds.
        offsets: for the number of a member the place that the list declares for it instead of its own.
        tail: written between the list and the end.
    """
    body, listing = io.BytesIO(), io.BytesIO()
    for number, member in enumerate(members):
        offset = (offsets or {}).get(number, body.tell())
        common = struct.pack(
            "<5H3L2H",
            20,
            member.flags,
            member.method,
            0,
            0x21,
            member.crc,
            len(member.data) & 0xFFFFFFFF,
            member.size & 0xFFFFFFFF,
            len(member.name),
            0,
        )
        body.write(b"PK\3\4" + common + member.name + member.data)
        listed = common[:-2] + struct.pack("<H", len(member.extra))
        listing.write(b"PK\1\2" + struct.pack("<H", 20) + listed + struct.pack("<3H2L", 0, 0, 0, 0, offset))
        listing.write(member.name + member.extra)
    start, length = body.tell(), listing.tell()
    count = min(len(members), 0xFFFF)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, length, start, 0)
    return body.getvalue() + listing.getvalue() + tail + end


def lying(member: Member, **fields: int | bytes) -> Member:
    """The same member with other statements."""
    return replace(member, **fields)  # type: ignore[arg-type]


def npy(kind: str, shape: str, data: bytes = b"") -> bytes:
    """A .npy file with this type and shape in its header, both as they stand there."""
    return npy_with_header(f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}", data)


def npy_with_header(header: str, data: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    if len(text) < 1 << 16:
        return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + data
    return b"\x93NUMPY\2\0" + struct.pack("<L", len(text)) + text + data


def zip_of(contents: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """An honest archive, the same bytes at any time."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        for name, content in contents.items():
            file.writestr(zipfile.ZipInfo(name), content, method)
    return target.getvalue()
