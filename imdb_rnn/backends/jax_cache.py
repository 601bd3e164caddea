"""Keeps the programs that JAX compiles for this library, so that a second process does not compile them again.

JAX has such a cache, which is off by default. It is on while the library uses Keras, in the folder `jax` of the
library's cache, and off for all other JAX code of the process. A user's own cache is used as it is.
"""

import functools
import logging
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imdb_rnn.errors import BackendError
from imdb_rnn.home import cache_folder
from imdb_rnn.printable import printable

VARIABLE = "IMDB_RNN_JAX_CACHE"
# A training keeps about thirty programs of together half a million bytes. JAX removes those that were not used longest.
MAX_BYTES = 100_000_000

# JAX reads and writes entries under this lock, and writes the time of an entry after its content.
_LOCK, _CONTENT, _TIME = ".lockfile", "-cache", "-atime"

_log = logging.getLogger(__name__)


@contextmanager
def programs_kept() -> Iterator[None]:
    """Keep the programs that JAX compiles within a block, and use those that were kept before.

    Nothing happens if the user has a cache of their own or has turned off this one.

    Raises:
        BackendError: `IMDB_RNN_JAX_CACHE` is neither 0 nor 1.
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    wanted = os.environ.get(VARIABLE) or "1"
    if wanted not in ("0", "1"):
        msg = f"Bad {VARIABLE}. Expected: 0 or 1. Received: {wanted!r}. Correct or unset it."
        raise BackendError(msg)
    config = jax.config
    own = config.jax_compilation_cache_dir is None and config.jax_enable_compilation_cache
    folder = _prepared_folder() if wanted == "1" and own else None
    if folder is None:
        yield
        return
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_compilation_cache_max_size": MAX_BYTES,
        # A training compiles some thirty programs, most in 0.02 to 0.2 s. JAX by default keeps those that take 1 s.
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
        "jax_persistent_cache_enable_xla_caches": "none",  # XLA's own caches on a GPU have no bound
        "jax_raise_persistent_cache_errors": False,
    }
    before = {name: getattr(config, name) for name in settings}
    with warnings.catch_warnings():
        # What cannot be read is compiled, and what cannot be written is not kept.
        warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache entry")
        try:
            _configure(settings)
            compilation_cache.reset_cache()  # JAX opens its cache only once
            yield
        finally:
            _configure(before)
            compilation_cache.reset_cache()


def _configure(settings: dict[str, object]) -> None:
    import jax

    for name, value in settings.items():
        jax.config.update(name, value)


def _prepared_folder() -> Path | None:
    """Return the folder of the programs, which is made if it does not exist; None if it cannot be used."""
    from filelock import FileLock

    parent = cache_folder()
    if parent is None:
        _tell_once("the user has no home folder, and IMDB_RNN_CACHE is not set")
        return None
    folder = parent / "jax"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(folder)
        with FileLock(folder / _LOCK, timeout=1):
            _remove_half_written(folder)
    except (OSError, NotImplementedError) as error:
        _tell_once(str(error))
        return None
    return folder


def _check_owner(folder: Path) -> None:
    """Raise `PermissionError` if another user can write to a folder: JAX runs what is in it."""
    if os.name != "posix":
        return
    state = folder.stat()
    if state.st_uid != os.geteuid() or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        msg = f"other users can write to {folder}"
        raise PermissionError(msg)


def _remove_half_written(folder: Path) -> None:
    """Remove entries of processes that were killed, which JAX would neither use nor replace."""
    names = {path.name for path in folder.iterdir()}
    for name in names:
        base = name.removesuffix(_CONTENT).removesuffix(_TIME)
        if base != name and not {base + _CONTENT, base + _TIME} <= names:
            (folder / name).unlink(missing_ok=True)


@functools.cache
def _tell_once(reason: str) -> None:
    _log.info("compiled programs are not kept: %s", printable(reason))
