"""Folders in the user's home, also for users without one."""

import os
from pathlib import Path

import platformdirs


def expanded(*parts: str) -> Path | None:
    """Join the parts of a path and expand `~`; return None if the user has no home folder."""
    try:
        return Path(*parts).expanduser()
    except RuntimeError:
        return None


def cache_folder() -> Path | None:
    """Return the cache folder: `IMDB_RNN_CACHE`, else one in the user's cache; None for a user without a home."""
    try:
        return expanded(os.environ.get("IMDB_RNN_CACHE") or platformdirs.user_cache_dir("imdb_rnn"))
    except RuntimeError:  # raised by platformdirs for a user without a home
        return None
