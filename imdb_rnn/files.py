"""Writing a file whole or not at all, and reading one that a stranger may have made."""

import hashlib
import io
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

# The longest list of members that an archive may have, in bytes: some hundreds of members.
MAX_MEMBER_LIST_BYTES = 1 << 16

# The end of a zip archive, which tells where its list of members is, and what stands before each member.
_END = struct.Struct("<4s4H2LH")
_LOCATOR_SIZE = 20  # of what precedes the end where sizes have 64 bits
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_CHUNK = 1 << 16


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file so that a reader, or a kill at any moment, sees the old content or the new one, never half of it.

    Args:
        path: the file to write; its folder must exist.

    Yields:
        A path beside it, of the same suffix, to write to. It takes the place of `path` when the block ends well, and
        is removed when it does not.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp lets only its owner read; a saved model is as readable as any file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def open_file(path: Path) -> BinaryIO:
    """Open a regular file to read it in binary; a link to one is followed.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is a folder, a device, a pipe or a socket.
    """
    # Without O_NONBLOCK, opening a named pipe waits until somebody writes to it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        msg = "not a regular file"
        raise ValueError(msg)
    return os.fdopen(descriptor, "rb")


def read_file(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; a link to one is followed.

    Raises:
        OSError: it cannot be read.
        ValueError: it is a folder, a device, a pipe or a socket, holds more than `limit` bytes, or grows meanwhile.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        _check_size(size, limit)
        content = file.read(size + 1) or b""  # None where reading would have to wait
    if len(content) > size:
        msg = f"a file that has more than the {size:,} bytes that it says"
        raise ValueError(msg)
    return content


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip archive whose list of members is short, as in every archive that NumPy or Keras writes.

    `zipfile.ZipFile` reads the whole list at once, takes its length from the archive, and needs much more time and
    memory than the list has bytes.

    Args:
        file: the archive, open to read; `io.BytesIO(content)` where it is in memory.

    Raises:
        ValueError: it is no zip archive, is damaged, has a comment or 64-bit sizes, names a member twice, or its list
            of members is longer than `MAX_MEMBER_LIST_BYTES` bytes.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(max(end - _END.size - _LOCATOR_SIZE, 0))
    tail = file.read(_END.size + _LOCATOR_SIZE)
    if len(tail) < _END.size or not tail[-_END.size :].startswith(b"PK\5\6"):
        msg = "no zip archive, or one that is cut off or has a comment"
        raise ValueError(msg)
    *_, length, _, comment_length = _END.unpack(tail[-_END.size :])
    if comment_length or tail[: -_END.size].startswith(b"PK\6\7") or length > MAX_MEMBER_LIST_BYTES:
        msg = f"a zip archive with a comment, with 64-bit sizes, or with a list of members above {MAX_MEMBER_LIST_BYTES:,} bytes"
        raise ValueError(msg)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, OverflowError, struct.error) as error:
        msg = f"a damaged zip archive: {str(error)[:200]}"
        raise ValueError(msg) from error
    if len(archive.NameToInfo) != len(archive.filelist):
        archive.close()
        msg = "a zip archive that names a member twice"
        raise ValueError(msg)
    return archive


def read_member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Read a member of a zip archive, inflating at most `limit` bytes, whatever size it declares.

    `zipfile` itself ends a member silently where its declared size ends.

    Args:
        archive: see `open_archive`.
        name: the name of the member.
        limit: the most bytes that it may have.

    Raises:
        KeyError: there is no such member.
        ValueError: it is larger than `limit`, not of the size that it declares, damaged, encrypted, or compressed
            otherwise than by DEFLATE.
    """
    member = archive.getinfo(name)
    if member.file_size > limit:
        msg = f"{name} declares {member.file_size:,} bytes; the limit is {limit:,}"
        raise ValueError(msg)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        msg = f"{name} is compressed by the method {member.compress_type}, not by DEFLATE"
        raise ValueError(msg)
    file = archive.fp
    if file is None:
        msg = "a closed archive"
        raise ValueError(msg)
    content = io.BytesIO()
    try:
        # Checks what stands before the data: the name, that it is not encrypted, that no other member begins inside it.
        archive.open(member).close()
        file.seek(member.header_offset)
        *_, name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        file.seek(name_length + extra_length, os.SEEK_CUR)
        for part in _inflated(file, member):
            content.write(part)
            if content.tell() > member.file_size:
                break
    except (zipfile.BadZipFile, zlib.error, struct.error, OverflowError, RuntimeError, OSError) as error:
        msg = f"{name} cannot be read: {str(error)[:200]}"
        raise ValueError(msg) from error
    # A view, so that there is no second copy.
    if content.tell() != member.file_size or zlib.crc32(content.getbuffer()) != member.CRC:
        msg = f"{name} is damaged: not the {member.file_size:,} bytes that it declares"
        raise ValueError(msg)
    return content.getvalue()


def _inflated(file: IO[bytes], member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The content of a member, at most `_CHUNK` bytes at a time; the file stands at its compressed data.

    Raises:
        zipfile.BadZipFile: the compressed data is longer or shorter than declared.
    """
    left = member.compress_size
    inflate = zlib.decompressobj(-zlib.MAX_WBITS) if member.compress_type == zipfile.ZIP_DEFLATED else None
    while left and (chunk := file.read(min(left, _CHUNK))):
        left -= len(chunk)
        if inflate is None:
            yield chunk
            continue
        while part := inflate.decompress(chunk, _CHUNK):
            yield part
            chunk = inflate.unconsumed_tail
        if inflate.eof:
            left += len(inflate.unused_data)
            break
    if left or (inflate is not None and not inflate.eof):
        msg = "its compressed data is not of the size that it declares"
        raise zipfile.BadZipFile(msg)


def sha256_of_files(*paths: Path, limit: int = 1 << 28) -> str:
    """SHA-256 of the contents of regular files, in the order given, as 64 hexadecimal digits.

    Raises:
        OSError: one cannot be read.
        ValueError: one is not a regular file, or holds more than `limit` bytes.
    """
    digest = hashlib.sha256()
    for path in paths:
        with open_file(path) as file:
            _check_size(os.fstat(file.fileno()).st_size, limit)
            content, left = hashlib.sha256(), limit
            while left >= 0 and (chunk := file.read(_CHUNK)):
                content.update(chunk)
                left -= len(chunk)
            _check_size(limit - left, limit)
            digest.update(content.digest())
    return digest.hexdigest()


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        msg = f"a file of {size:,} bytes; the limit is {limit:,}"
        raise ValueError(msg)
