"""Writing a file whole or not at all, and telling a file by its content.

May import: the standard library.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
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


def sha256_of_files(*paths: Path) -> str:
    """SHA-256 of the contents of files, in the order given, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
