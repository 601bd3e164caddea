"""Writes the pages and the pictures of the documentation from executed chapters."""

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backends_test.notebooks.chapters import FOLDER, LANGUAGES, cells_in, fingerprint, read
from imdb_rnn.files import atomic_write

MARK = re.compile(r"<!-- made from (\S+) (\w{32}) (\w{32}) -->\n")
MAX_PICTURE_BYTES = 60_000
COLOURS = 256


class StaleError(Exception):
    """The code of a chapter is not the code that was executed."""


def publish(source: Path, executed: Any, folder: Path = FOLDER) -> None:
    """Write the pages of a chapter in all languages, and its pictures.

    The text is that of the source, and the outputs are those of the executed chapter.

    Args:
        source: the file of the chapter.
        executed: the executed chapter.
        folder: the folder to write to; its subfolders are `pictures` and one for each language.

    Raises:
        StaleError: the code of the source is not what was executed.
        ValueError: a picture is too large.
    """
    chapter = read(source)
    code, was_executed = ([cell for cell in book.cells if cell.cell_type == "code"] for book in (chapter, executed))
    if [cell.source for cell in code] != [cell.source for cell in was_executed]:
        msg = f"The code of {source.name} is not what was executed. Execute the chapters again."
        raise StaleError(msg)
    for cell, done in zip(code, was_executed, strict=True):
        cell.outputs = done.outputs
    pictures = {f"{source.name[0]}-{cell.metadata['picture']}.png": picture_of(cell) for cell in code if _draws(cell)}
    for name, content in pictures.items():
        if len(content) > MAX_PICTURE_BYTES:
            msg = f"Bad picture {name}. Expected: at most {MAX_PICTURE_BYTES:,} bytes. Received: {len(content):,}."
            raise ValueError(msg)
        _write(folder / "pictures" / name, content)
    for language in LANGUAGES:
        text = "\n\n".join(part for cell in cells_in(chapter, language) for part in _parts(cell, language, source))
        _write(folder / language / f"{source.stem}.md", with_mark(source, f"{text}\n", pictures).encode())


def with_mark(source: Path, text: str, pictures: dict[str, bytes]) -> str:
    """Return a page with the mark that tells from what it was made, and which text and pictures were written.

    Args:
        source: the file of the chapter.
        text: the page without a mark.
        pictures: name -> content of the pictures of the page.
    """
    made_from = fingerprint(source.read_text(encoding="utf-8"))
    written = fingerprint(text + "".join(f"{name} {sha256(content)}\n" for name, content in sorted(pictures.items())))
    return f"<!-- made from {source.name} {made_from} {written} -->\n{text}"


def page_problem(page: Path, folder: Path = FOLDER) -> str:
    """Return why a page is not what `publish` would write for the present source; "" if it is.

    Args:
        page: a page in a folder of a language.
        folder: the folder of the chapters.
    """
    text = page.read_text(encoding="utf-8")
    mark, source = MARK.match(text), folder / f"{page.stem}.py"
    if not mark or not source.exists():
        return f"{page.name} was not made from a chapter"
    names = {Path(target).name for target in re.findall(r"\]\((\.\./pictures/[^)]+)\)", text)}
    pictures = {name: (folder / "pictures" / name).read_bytes() for name in names}
    expected = with_mark(source, text[mark.end() :], pictures)
    if text == expected:
        return ""
    changed = MARK.match(expected)
    assert changed is not None
    return f"{page.name}: {'the chapter' if changed[2] != mark[2] else 'the page or a picture'} was changed afterwards"


def picture_of(cell: Any) -> bytes:
    """Return the PNG that a cell has drawn, with few colours, which halves its size."""
    # Matplotlib requires Pillow.
    from PIL import Image

    (encoded,) = (output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {}))
    content = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        picture.convert("RGB").quantize(COLOURS).save(content, "PNG", optimize=True)
    return content.getvalue()


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _draws(cell: Any) -> bool:
    return "picture" in cell.metadata


def _parts(cell: Any, language: str, source: Path) -> Iterator[str]:
    """Yield the parts of a page for a cell: text, or code and its outputs."""
    if cell.cell_type == "markdown":
        yield cell.source
        return
    yield f"```python\n{cell.source}\n```"
    written = "".join(
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
        if "image/png" not in output.get("data", {})
    )
    if written:
        yield f"```text\n{written.rstrip()}\n```"
    if _draws(cell):
        yield f"![{cell.metadata[language]}](../pictures/{source.name[0]}-{cell.metadata['picture']}.png)"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
