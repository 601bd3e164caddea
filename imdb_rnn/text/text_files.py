"""Reads text files of reviews: decodes them, splits lines, and detects tables that are passed by mistake."""

import codecs
import csv
import io
import json
import re
from typing import Any, NamedTuple

_ENCODINGS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_SHOWN_CHARACTERS = 100


class _Kind(NamedTuple):
    """A kind of file that does not have one review per line, and how to convert it."""

    name: str
    advice: str


def _table(name: str, module: str, rows: str) -> _Kind:
    """Return a kind of table with a Python program that writes one of its columns to a text file."""
    program = f"import {module}; [print(*row['COLUMN'].split()) for row in {rows}]"
    return _Kind(name, f'Write its column of reviews to a text file: python -c "{program}" > reviews.txt')


_OPEN = "open('FILE', encoding='utf-8-sig', newline='')"
_COMMA = _table("a table separated by commas", "csv", f"csv.DictReader({_OPEN})")
_SEMICOLON = _table("a table separated by semicolons", "csv", f"csv.DictReader({_OPEN}, delimiter=';')")
_TAB = _table("a table separated by tabs", "csv", rf"csv.DictReader({_OPEN}, delimiter='\t')")
_JSON_LINES = _table("JSON lines", "json", f"map(json.loads, {_OPEN})")
_JSON = _table("a JSON document", "json", f"json.load({_OPEN})")
_PARQUET = _table("a Parquet file", "pandas", "pandas.read_parquet('FILE').to_dict('records')")
_FEATHER = _table("a Feather file", "pandas", "pandas.read_feather('FILE').to_dict('records')")
_EXCEL = _table("an Excel file", "pandas", "pandas.read_excel('FILE').to_dict('records')")
_UNNAMED_TAB = _Kind("a table separated by tabs", "Write its column of reviews to a text file, one per line.")
_UNNAMED_JSON = _Kind("JSON", "Write its reviews to a text file, one per line.")
_PACKED = _Kind("a compressed file", "Unpack it first.")

_DELIMITERS = {",": _COMMA, ";": _SEMICOLON, "\t": _TAB}
_TEXT_SUFFIXES = {".csv": _COMMA, ".tsv": _TAB, ".json": _JSON, ".jsonl": _JSON_LINES, ".ndjson": _JSON_LINES}
_BINARY_SUFFIXES = {
    ".parquet": _PARQUET,
    ".feather": _FEATHER,
    ".xlsx": _EXCEL,
    ".xls": _EXCEL,
    **dict.fromkeys((".gz", ".tgz", ".bz2", ".xz", ".zst", ".zip", ".7z"), _PACKED),
}
# The first bytes of binary files. No text begins with them, because each contains a control character.
_BEGINNINGS = {b"PAR1\x15": _PARQUET, b"ARROW1\0": _FEATHER, b"\x1f\x8b": _PACKED, b"PK\x03\x04": _PACKED}

_NAME = re.compile(r"[^\W\d][\w ./:()-]{0,39}")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_BLANKS = re.compile(r"[ \t\r\n]*")


def decode(content: bytes) -> str:
    """Decode UTF-8, or UTF-16 that begins with a byte order mark. A byte order mark is removed.

    Raises:
        ValueError: `content` is neither; the message names the line of the first invalid byte.
    """
    mark = next((mark for mark in _ENCODINGS if content.startswith(mark)), b"")
    encoding, content = _ENCODINGS.get(mark, "utf-8"), content[len(mark) :]
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        end = _line_end(content.decode(encoding, "replace"))
        number = content[: error.start].decode(encoding, "replace").count(end) + 1
        msg = f"a byte {content[error.start]:#04x} in line {number:,}, which is not {encoding[:6].upper()}"
        raise ValueError(msg) from error


def split_lines(text: str) -> list[str]:
    r"""Split at "\n" and "\r\n", or at "\r" if the text has no "\n". A line end at the end starts no further line."""
    # Not splitlines(), which also splits at characters that occur within reviews.
    end = _line_end(text)
    return [line.removesuffix("\r") for line in text.removesuffix(end).split(end)] if text else []


def read_reviews(content: bytes, suffix: str = "") -> list[str]:
    """Read a text file with one review per line.

    Args:
        content: the content of the file.
        suffix: the suffix of its name; "" if it has none.

    Returns:
        All lines, including blank ones.

    Raises:
        ValueError: the content is not UTF-8 or UTF-16, or is a table; the message says how to convert it.
    """
    kind = _BINARY_SUFFIXES.get(suffix.lower()) or next(
        (kind for beginning, kind in _BEGINNINGS.items() if content.startswith(beginning)), None
    )
    if kind is not None:
        raise _refusal(kind, [])
    text = decode(content)
    kind, columns = _table_in(text)
    kind = kind or _TEXT_SUFFIXES.get(suffix.lower())
    if kind is not None:
        raise _refusal(kind, columns)
    return split_lines(text)


def _line_end(text: str) -> str:
    return "\n" if "\n" in text else "\r"


def _refusal(kind: _Kind, columns: list[str]) -> ValueError:
    names = ", ".join(filter(None, columns))
    shown = names if len(names) <= _SHOWN_CHARACTERS else names[:_SHOWN_CHARACTERS] + "…"
    return ValueError(f"{kind.name}{' with the columns ' + shown if shown else ''}. {kind.advice}")


def _table_in(text: str) -> tuple[_Kind | None, list[str]]:
    """Return the kind of table that a text is, or None, and the names of its columns, if any."""
    if values := _json_values(text):
        is_list = isinstance(values[0], list)
        first = values[0][0] if is_list else values[0]
        if not isinstance(first, dict):
            return _UNNAMED_JSON, []
        return (_JSON if is_list or len(values) == 1 else _JSON_LINES), list(first)
    for delimiter, kind in _DELIMITERS.items():
        records = _records(text, delimiter)
        if _has_names(records):
            return kind, records[0]
        # Only with tabs: in prose, numbers often follow commas ("1,000") but not tabs.
        if delimiter == "\t" and _has_numbers(records):
            return _UNNAMED_TAB, []
    return None, []


def _json_values(text: str) -> list[Any]:
    """Return the values of a text that consists of JSON objects and arrays and has a quotation mark; else []."""
    values: list[Any] = []
    decoder, place = json.JSONDecoder(), _end_of_blanks(text, 0)
    try:
        while place < len(text):
            value, place = decoder.raw_decode(text, place)
            if not value or not isinstance(value, dict | list):
                return []
            values.append(value)
            place = _end_of_blanks(text, place)
    except (ValueError, RecursionError):
        return []
    return values if '"' in text else []


def _end_of_blanks(text: str, start: int) -> int:
    blanks = _BLANKS.match(text, start)
    return blanks.end() if blanks else start


def _records(text: str, delimiter: str) -> list[list[str]]:
    """Return the records of a text if there are at least two, all with the same number of fields > 1; else []."""
    records: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if not record:  # a blank line
                continue
            records.append(record)
            if len(record) == 1 or len(record) != len(records[0]):
                return []
    except csv.Error:
        return []
    return records if len(records) > 1 else []


def _has_names(records: list[list[str]]) -> bool:
    """Return whether the first record consists of column names.

    Prose can look like names ("Good,but long"). Therefore a column must also contain only numbers, or only single words
    (such as labels) beside a column of prose.
    """
    if not records:
        return False
    names, rows = records[0], records[1:]
    named = names[1:] if names[0] == "" else names  # the index column of a data frame has no name
    if len(set(names)) < len(names) or not all(map(_NAME.fullmatch, named)):
        return False
    plain = not any(map(_has_space, names))
    if len(rows) == 1:
        return plain and _has_numbers(rows)
    return _has_numbers(rows) or (plain and _has_single_words(rows) and _has_prose(rows))


def _has_numbers(rows: list[list[str]]) -> bool:
    """Return whether a column contains only numbers."""
    return any(all(map(_NUMBER.fullmatch, column)) for column in zip(*rows, strict=True))


def _has_single_words(rows: list[list[str]]) -> bool:
    """Return whether a column contains only single words."""
    return any(not any(map(_has_space, column)) for column in zip(*rows, strict=True))


def _has_prose(rows: list[list[str]]) -> bool:
    """Return whether a field contains several words."""
    return any(any(map(_has_space, row)) for row in rows)


def _has_space(text: str) -> bool:
    return " " in text
