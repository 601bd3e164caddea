"""Writes files atomically, and reads files from untrusted sources."""

import errno
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

# The maximum length of the central directory of an archive, in bytes; enough for some hundred members.
MAX_MEMBER_LIST_BYTES = 1 << 16

# The end record of a zip archive, and the header before each member.
_END = struct.Struct("<4s4H2LH")
_LOCATOR_SIZE = 20  # the size of the locator that precedes the end record of a ZIP64 archive
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_CHUNK = 1 << 16
# The beginning of every page that this library writes.
_HTML = b"<!doctype html>"


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file so that a reader always sees either the old or the new content.

    This holds if the process is killed, and also after a power failure: the content reaches the disk before the name.

    Args:
        path: the file to write; its folder must exist.

    Yields:
        A temporary path in the same folder, with the same suffix, to write to. It replaces `path` at the end of the
        block, and is removed if the block raises an error.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # the usual permissions, because mkstemp allows only the owner to read
        move(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_html(path: Path, page: str) -> None:
    """Write an HTML page atomically. An existing file is replaced only if it is an HTML page.

    Raises:
        OSError: the file exists and is not an HTML page, or it cannot be written.
    """
    if path.exists() and not path.read_bytes().startswith(_HTML):
        msg = f"{path} already exists and is not an HTML page"
        raise FileExistsError(msg)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def move(source: Path, target: Path) -> None:
    """Rename a file within a file system, once its content is on the disk; a target that exists is replaced."""
    _reach_disk(source, os.O_RDWR)
    source.replace(target)
    if os.name == "posix":  # elsewhere, folders cannot be opened
        _reach_disk(target.parent, os.O_RDONLY)


def _reach_disk(path: Path, mode: int) -> None:
    """Wait until a file, or the list of names of a folder, is on the disk."""
    descriptor = os.open(path, mode | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot do this for a folder
            raise
    finally:
        os.close(descriptor)


def open_file(path: Path) -> BinaryIO:
    """Open a regular file, or a link to one, for reading in binary mode.

    Raises:
        OSError: the file cannot be opened.
        ValueError: `path` is a folder, a device, a pipe or a socket.
    """
    # Without O_NONBLOCK, opening a named pipe blocks until another process writes to it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        msg = "not a regular file"
        raise ValueError(msg)
    return os.fdopen(descriptor, "rb")


def read_file(path: Path, limit: int) -> bytes:
    """Read a regular file, or a link to one, of at most `limit` bytes.

    Raises:
        OSError: the file cannot be read.
        ValueError: `path` is a folder, a device, a pipe or a socket, or the file has more than `limit` bytes or grows.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        _check_size(size, limit)
        content = file.read(size + 1) or b""  # None if reading would block
    if len(content) > size:
        msg = f"a file that has more than its declared {size:,} bytes"
        raise ValueError(msg)
    return content


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip archive with a short list of members, such as NumPy and Keras write.

    `zipfile.ZipFile` reads the whole list at once, trusts its declared length, and needs much more time and memory than
    the list has bytes.

    Args:
        file: the archive, open for reading; `io.BytesIO(content)` if it is in memory.

    Raises:
        ValueError: `file` is not a zip archive, is damaged, has a comment or 64-bit sizes, contains a member twice, or
            its list of members is longer than `MAX_MEMBER_LIST_BYTES` bytes.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(max(end - _END.size - _LOCATOR_SIZE, 0))
    tail = file.read(_END.size + _LOCATOR_SIZE)
    if len(tail) < _END.size or not tail[-_END.size :].startswith(b"PK\5\6"):
        msg = "not a zip archive, or one that is truncated or has a comment"
        raise ValueError(msg)
    *_, length, _, comment_length = _END.unpack(tail[-_END.size :])
    if comment_length or tail[: -_END.size].startswith(b"PK\6\7") or length > MAX_MEMBER_LIST_BYTES:
        msg = (
            f"a zip archive with a comment, with 64-bit sizes, or with a list of members above "
            f"{MAX_MEMBER_LIST_BYTES:,} bytes"
        )
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
    """Read a member of a zip archive, and decompress at most `limit` bytes.

    `zipfile` itself silently truncates a member at its declared size.

    Args:
        archive: an archive from `open_archive`.
        name: the name of the member.
        limit: the maximum size of the member, in bytes.

    Raises:
        KeyError: there is no such member.
        ValueError: the member is larger than `limit`, does not have its declared size, is damaged or encrypted, or is
            compressed by another method than DEFLATE.
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
        # Checks the member's header: its name, that it is not encrypted, and that it does not overlap another member.
        archive.open(member).close()
        file.seek(member.header_offset)
        *_, name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        file.seek(name_length + extra_length, os.SEEK_CUR)
        for part in _inflated(file, member):
            content.write(part)
            if content.tell() > member.file_size:
                break
    # An IndexError if the member has no name and is encrypted.
    except (zipfile.BadZipFile, zlib.error, struct.error, IndexError, OverflowError, RuntimeError, OSError) as error:
        msg = f"{name} cannot be read: {str(error)[:200]}"
        raise ValueError(msg) from error
    # `getbuffer` is a view, which avoids a copy.
    if content.tell() != member.file_size or zlib.crc32(content.getbuffer()) != member.CRC:
        msg = f"{name} is damaged: not the {member.file_size:,} bytes that it declares"
        raise ValueError(msg)
    return content.getvalue()


def _inflated(file: IO[bytes], member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the content of a member in parts of at most `_CHUNK` bytes; the file is at the compressed data.

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
        msg = "its compressed data does not have the declared size"
        raise zipfile.BadZipFile(msg)


def sha256_of_files(*paths: Path, limit: int = 1 << 28) -> str:
    """Return the SHA-256 of the contents of regular files, in the given order, as 64 hexadecimal digits.

    Raises:
        OSError: a file cannot be read.
        ValueError: a path is not a regular file, or a file has more than `limit` bytes.
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
