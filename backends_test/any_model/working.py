"""The working folder of a comparison, which is found again if the comparison is interrupted."""

import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from backends_test.any_model.environments import Environment, cache_folder
from backends_test.any_model.errors import SourceError
from backends_test.any_model.run import Options
from backends_test.any_model.source import ModelSource

# What an interrupted comparison has left is removed after this time.
OLD_SECONDS = 7 * 24 * 3600


@contextmanager
def working_folder(options: Options, found: Mapping[str, Environment], keep: Path | None = None) -> Iterator[Path]:
    """Give a comparison its folder: the same one if it was interrupted and nothing has changed since.

    Args:
        options: what is compared.
        found: backend -> its environment.
        keep: a folder to use, which is kept; None for one in the user's cache, which is removed at the end.

    Yields:
        The folder. It stays if the comparison is interrupted.

    Raises:
        OSError: `keep` cannot be written.
    """
    name = digest(options, found)
    if keep is not None:
        # One folder may be given to different comparisons.
        folder = keep / name
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    cached = _in_cache(name)
    folder, lock = cached or (Path(tempfile.mkdtemp(prefix="backends-test-")), None)
    try:
        yield folder
    except BaseException as error:
        if cached is None or not isinstance(error, KeyboardInterrupt):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        if lock is not None:
            lock.close()


def _in_cache(name: str) -> tuple[Path, IO[str]] | None:
    """Return a folder in the user's cache and its lock; None if it cannot be written, or another process uses it."""
    cache = cache_folder()
    if cache is None:
        return None
    folder = cache / "comparisons" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for other in folder.parent.iterdir():
            if other.stat().st_mtime < time.time() - OLD_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
        # The system releases the lock when the process ends, however it ends.
        lock = (folder / "lock").open("w", encoding="utf-8")
    except OSError:
        return None
    if _locked(lock):
        return folder, lock
    lock.close()
    return None


def _locked(file: IO[str]) -> bool:
    """Lock a file; return False if another process has locked it."""
    if sys.platform == "win32":
        return True  # without a lock: the same comparison must not run twice at the same time
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def digest(options: Options, found: Mapping[str, Environment]) -> str:
    """Return what tells one comparison from another: 16 hexadecimal digits.

    It depends on the options, the interpreters and their versions, this tool, and the contents of the model's file, of
    the Python files beside it, and of the inputs.
    """
    # More time does not change results.
    parts = [json.dumps(options._replace(seconds=0)), str(Path.cwd())]
    parts += [json.dumps([str(part) for part in one]) for one in found.values()]
    whole = hashlib.sha256("\n".join(parts).encode())
    for path in sorted(_files(options)):
        whole.update(path.name.encode() + b"\0")
        # A file that cannot be read is reported when the comparison reads it.
        with suppress(OSError):
            whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


def _files(options: Options) -> set[Path]:
    files = set(Path(__file__).parent.glob("*.py"))
    for text in (options.model, options.inputs):
        with suppress(SourceError):
            source = ModelSource.parse(text)
            if source.kind == "file":
                files.add(Path(source.place))
                continue
            place = Path(source.place) if source.in_python_file else Path.cwd().joinpath(*source.place.split("."))
            files |= set(place.parent.glob("*.py"))
    return files
