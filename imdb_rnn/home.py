"""Paths that begin with `~`, for users who may have no home."""

from pathlib import Path


def expanded(*parts: str) -> Path | None:
    """Join the parts of a path, `~` standing for the user's home; None if there is no such home."""
    try:
        return Path(*parts).expanduser()
    except RuntimeError:
        return None
