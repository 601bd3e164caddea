"""Expands `~` in paths, also for users without a home folder."""

from pathlib import Path


def expanded(*parts: str) -> Path | None:
    """Join the parts of a path and expand `~`; return None if the user has no home folder."""
    try:
        return Path(*parts).expanduser()
    except RuntimeError:
        return None
