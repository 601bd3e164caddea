"""What must hold of every chapter, besides the checks of its cells."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

# In Korean, letters follow a number without a space.
NUMBER = re.compile(r"(?<![A-Za-z\d.,])\d(?:[\d,_]*\d)?(?:\.\d+)?(?: ?%)?")
CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
LINK_TARGET = re.compile(r"\]\(([^)]+)\)")


def problems(chapter: Any) -> Iterator[str]:
    """Yield what is wrong with an executed chapter.

    Args:
        chapter: an executed notebook that holds both languages.
    """
    for number, cell in enumerate(chapter.cells):
        outputs = cell.get("outputs", [])
        for output in outputs:
            if output.output_type == "stream" and output.name == "stderr":
                yield f"cell {number} writes to standard error: {output.text}"
            if output.output_type == "execute_result":
                yield f"cell {number} shows the name of an object: {output.data['text/plain']}"
        pictures = sum("image/png" in output.get("data", {}) for output in outputs)
        expected = int("picture" in cell.metadata)
        if pictures != expected:
            yield f"cell {number} draws {pictures} pictures, expected {expected}"
    shown = {digits(found) for cell in chapter.cells for found in NUMBER.findall(text_of(cell))}
    for number, cell in enumerate(chapter.cells):
        if cell.cell_type == "markdown":
            for found in NUMBER.findall(cell.source):
                if is_precise(found) and digits(found) not in shown:
                    yield f"cell {number} speaks of {found}, which no cell computes or shows"


def text_of(cell: Any) -> str:
    """Return the code of a cell and the text that it has written; "" for a Markdown cell."""
    if cell.cell_type != "code":
        return ""
    written = (output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", []))
    return "\n".join([cell.source, *written])


def is_precise(number: str) -> bool:
    """Return whether a number has a decimal point, is a percentage, or has three digits or more."""
    return "." in number or "%" in number or len(digits(number)) >= 3


def digits(number: str) -> str:
    """Return a number without thousands separators and the sign for percent."""
    return re.sub(r"[,_ %]", "", number)


def differences(chapter: Any) -> Iterator[str]:
    """Yield where the two languages of a chapter differ, in order or in what needs no translation.

    Args:
        chapter: a notebook that holds both languages.
    """
    texts = [cell for cell in chapter.cells if cell.cell_type == "markdown"]
    languages = [cell.metadata.get("lang") for cell in texts]
    if languages != ["en", "ko"] * (len(texts) // 2):
        yield f"the languages of the Markdown cells are {languages}"
    positions = [number for number, cell in enumerate(chapter.cells) if cell.cell_type == "markdown"]
    for english, korean in zip(positions[::2], positions[1::2], strict=False):
        if korean != english + 1:
            yield f"cell {english} is not followed by its translation"
    for english, korean in zip(texts[::2], texts[1::2], strict=False):
        start = f"{english.source.splitlines()[0][:40]!r}: "
        yield from (start + difference for difference in _differences(english.source, korean.source))


def _differences(english: str, korean: str) -> Iterable[str]:
    if not re.search(r"[가-힣]", korean) or re.search(r"[가-힣]", CODE.sub("", english)):
        yield "not in these languages"
    for name, pattern in (
        ("headings", re.compile(r"^#+(?= )", re.MULTILINE)),
        ("items", re.compile(r"^ *(?:-|\d+\.)(?= )", re.MULTILINE)),
        ("rows", re.compile(r"^\|", re.MULTILINE)),
    ):
        one, other = pattern.findall(english), pattern.findall(korean)
        if one != other:
            yield f"other {name}: {one} and {other}"
    # The order of words differs between the languages.
    for name, pattern in (("code", CODE), ("links", LINK_TARGET)):
        one, other = (sorted(" ".join(found.split()) for found in pattern.findall(text)) for text in (english, korean))
        if one != other:
            yield f"other {name}: {one} and {other}"
    one, other = (sorted(map(digits, NUMBER.findall(CODE.sub("", text)))) for text in (english, korean))
    if one != other:
        yield f"other numbers: {one} and {other}"
