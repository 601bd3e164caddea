"""Writes the reports of the comparison and of the benchmarks: HTML pages that need no other file, figures, JSON."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from imdb_rnn.files import atomic_write

DPI = 120


def render(template: Path, filters: dict[str, Callable[..., Any]], **values: Any) -> str:
    """Render a Jinja template, with HTML escaped.

    Args:
        template: the file.
        filters: functions that the template may call, by name.
        **values: what the template shows.
    """
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= filters
    return environment.from_string(template.read_text(encoding="utf-8")).render(values)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def save_png(figure: Figure, file: Any, **options: Any) -> None:
    """Save a figure as a PNG that depends on nothing but the figure: without the version of Matplotlib.

    Args:
        figure: the figure.
        file: a path or a binary file.
        **options: more options of `Figure.savefig`.
    """
    figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None}, **options)


def data_uri(figure: Figure) -> str:
    """A figure as the `src` of an image element."""
    buffer = io.BytesIO()
    save_png(figure, buffer)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
