"""Reads the chapters of the tutorial.

The metadata of a cell stand in its first line:

    lang: the language of a Markdown cell, "en" or "ko"; every English cell is followed by the same in Korean.
    check: an expression, or a list of them, that is true in the kernel after the cell, under every backend.
    picture: the name of the picture that the cell draws; then `en` and `ko` describe it.

The documentation is built where neither Keras nor NumPy is installed, so this module imports Jupytext only.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext

FOLDER = Path(__file__).parents[2] / "docs" / "tutorial"
LANGUAGES = ("en", "ko")


def sources(folder: Path = FOLDER) -> list[Path]:
    """Return the files of the chapters in order."""
    return sorted(folder.glob("[0-9]*.py"))


def read(source: Path) -> Any:
    """Read a chapter as a notebook that holds both languages.

    Args:
        source: a file in the percent format.
    """
    return jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")


def cells_in(chapter: Any, language: str) -> Iterator[Any]:
    """Yield the code cells of a chapter, and the Markdown cells of one language.

    Args:
        chapter: a notebook that holds both languages.
        language: one of `LANGUAGES`.
    """
    for cell in chapter.cells:
        if cell.cell_type == "code" or cell.metadata.get("lang") == language:
            yield cell


def fingerprint(text: str) -> str:
    """Return the first half of the SHA-256 of a text, as 32 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
