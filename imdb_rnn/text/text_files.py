"""Decodes text files, and detects tables and other files that are not text with one review per line."""

import codecs
import csv
import io
import json
import re
from typing import Any, Literal

_ENCODINGS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


# What cannot be read: suffix -> its name, and how to convert it.
_TO_CSV = "pandas.{}('FILE').to_csv('reviews.csv', index=False)"
_BY_PANDAS = 'Convert it to CSV: python -c "import pandas; ' + _TO_CSV + '"'
_EXCEL = f"an Excel file. {_BY_PANDAS.format('read_excel')}"
_FEATHER = f"a Feather file. {_BY_PANDAS.format('read_feather')}"
_JSON = (
    'a JSON document. Convert it to JSON lines: python -c "import json; '
    "[print(json.dumps(row)) for row in json.load(open('FILE', encoding='utf-8-sig'))]\" > reviews.jsonl"
)
_PACKED = "a compressed file. Unpack it first"
_SUFFIXES = {
    ".feather": _FEATHER,
    ".json": _JSON,
    ".xls": _EXCEL,
    ".xlsx": _EXCEL,
    **dict.fromkeys((".tgz", ".bz2", ".xz", ".zst", ".zip", ".7z"), _PACKED),
}
# The first bytes of binary files. No text begins with them, because each contains a control character.
_BEGINNINGS = {b"ARROW1\0": _FEATHER, b"PK\x03\x04": _PACKED, b"\x28\xb5\x2f\xfd": _PACKED, b"BZh": _PACKED}
# Delimiter -> the format of tables with it.
_DELIMITERS: dict[str, Literal["csv", "tsv"]] = {",": "csv", ";": "csv", "\t": "tsv"}

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


def unsupported(sample: bytes, suffix: str) -> str:
    """Return what a file is and how to convert it, if it is neither text nor a supported table; "" if it is.

    Args:
        sample: the beginning of the file.
        suffix: the suffix of its name, in lower case; "" if it has none.
    """
    by_content = (advice for beginning, advice in _BEGINNINGS.items() if sample.startswith(beginning))
    # The format of Excel is a zip archive.
    return _SUFFIXES.get(suffix) or next(by_content, "")


def table_in(text: str, truncated: bool = False) -> Literal["csv", "tsv", "jsonl"] | None:
    """Return the format of the table that a text is, although nothing says so; None if it is prose, one review a line.

    Args:
        text: the text, or its beginning.
        truncated: whether it is only the beginning.

    Raises:
        ValueError: the text is JSON, but not JSON lines; the message says how to convert it.
    """
    if truncated:
        text = text[: text.rfind(_line_end(text)) + 1]
    if values := _json_values(text):
        # An object may go over several lines; the rows of JSON lines do not.
        if isinstance(values[0], list) or len(values) != len([line for line in text.splitlines() if line.strip()]):
            raise ValueError(_JSON)
        return "jsonl"
    for delimiter, format_ in _DELIMITERS.items():
        records = _records(text, delimiter, truncated)
        # Only with tabs: in prose, numbers often follow commas ("1,000") but not tabs.
        if _has_names(records) or (delimiter == "\t" and _has_numbers(records)):
            return format_
    return None


def _line_end(text: str) -> str:
    return "\n" if "\n" in text else "\r"


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


def _records(text: str, delimiter: str, truncated: bool) -> list[list[str]]:
    """Return the records of a text if there are at least two, all with the same number of fields > 1; else []."""
    try:
        records = [record for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if record]
    except csv.Error:
        return []
    records = records[:-1] if truncated else records  # the last one may have lost its end
    equal = len(records) > 1 and len(records[0]) > 1 and all(len(record) == len(records[0]) for record in records)
    return records if equal else []


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
