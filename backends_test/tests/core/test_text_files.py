"""Files that people give to read: text is read line by line, and never taken for a table, nor a table for text."""

import pytest

from imdb_rnn.text.text_files import decode, read_reviews, split_lines

PROSE = [
    "Good, but long\nBad, and short",
    "Yes, no",
    "Yes,no\nNo,yes",
    "Good,but long\nBad,and short",
    "Good movie,bad ending\nBad movie,good ending\nDull movie,no ending",
    "Good movie,boring\nBad movie,fun\nDull movie,long",
    "Good movie,boring\nBad movie,2",
    "Good,bad\nVery good,very bad\nSo good,so bad",
    "good,good\nso dull,bad\nso long,poor",
    "slow,boring\nfunny,clever\nlong,dull",
    "Good; but long\nBad; and short",
    "Good film;\nBad film;\nDull film;",
    "Good\tbut long\nBad\tand short",
    "\tA good film\n\tA bad film",
    "A good film\t8",
    "Good film, 8\nBad film, 2\nDull film, 3",
    "8/10, good\n2/10, bad",
    "Budget 5,000\nGross 6,500",
    "1. Good\n2. Bad",
    "Good\n10\n2",
    '"Good, but long"\n"Bad, and short"',
    '"Good", he said\n"Bad", she said',
    '"Good\nBad, and "short"',
    "[Spoilers] Good, but long",
    "[1]\n[2]",
    '[]\n["Good"]',
    "{great} film",
    "{}",
    '["Good"] film\n["Bad"] film',
    '{"text": "Good"}\nA review of braces',
    "text\nA good film\nA bad film",
    "A good film: fun, nice, short\nA bad film: dull, poor, long",
    "[" * 100_000,
    '{"a":' * 100_000,
    'Good, "' + "but " * 50_000 + "\nBad",
]
TABLES = {
    "text,label\nA good film,1": "a table separated by commas with the columns text, label. ",
    "review,sentiment\nA good film,positive\nA bad film,negative": "with the columns review, sentiment. ",
    'review,sentiment\n"Good, but\nlong",positive\n\nBad,negative\n': "with the columns review, sentiment. ",
    '"text","label"\r\n"A good film","1"\r\n': "with the columns text, label. ",
    "\ufefftext,label\r\nA good film,1\r\n": "with the columns text, label. ",
    ",Clothing ID,Review Text,Rating\n0,767,Lovely,4\n1,1080,So soft,5": "with the columns Clothing ID, Review Text, ",
    "리뷰,감성\n좋은 영화,긍정\n나쁜 영화,부정": "with the columns 리뷰, 감성. ",
    "text;label\nGood, but long;1\nBad;0": "a table separated by semicolons with the columns text, label. ",
    "id\ttext\n1\tA good film": "a table separated by tabs with the columns id, text. ",
    "A very, very slow film \t0\nNot sure who was lost \t1": "a table separated by tabs. ",
    "id," + ",".join(f"feature_{i}" for i in range(30)) + ("\n1" + ",2" * 30) * 2: "feature_0, feature_1, ",
    '{"text": "Good", "label": 1}\n{"text": "Bad", "label": 0}\n': "JSON lines with the columns text, label. ",
    '{"text": "Good"}\n\n{"text": "Bad"}': "JSON lines with the columns text. ",
    '{\n "text": "Good"\n}\n{\n "text": "Bad"\n}': "JSON lines with the columns text. ",
    '["Good", 1]\n["Bad", 0]': "JSON. ",
    ' [\n {"text": "Good"},\n {"text": "Bad"}\n]\n': "a JSON document with the columns text. ",
    '{"text": {"0": "Good"}, "label": {"0": 1}}': "a JSON document with the columns text, label. ",
}


@pytest.mark.parametrize("text", PROSE, ids=lambda text: text[:30])
def test_prose_is_text_whatever_its_punctuation(text: str) -> None:
    assert read_reviews(text.encode()) == text.split("\n")


@pytest.mark.parametrize("text", TABLES, ids=lambda text: text[:30])
def test_a_table_is_recognised_by_its_content(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(a table|JSON|a JSON)") as raised:
        read_reviews(text.encode())
    assert TABLES[text] in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        (".csv", "a table separated by commas"),
        (".TSV", "a table separated by tabs"),
        (".json", "a JSON document"),
        (".jsonl", "JSON lines"),
        (".ndjson", "JSON lines"),
        (".parquet", "a Parquet file"),
        (".feather", "a Feather file"),
        (".XLSX", "an Excel file"),
        (".gz", "a compressed file"),
        (".zip", "a compressed file"),
    ],
)
def test_a_table_is_recognised_by_its_name(suffix: str, kind: str) -> None:
    with pytest.raises(ValueError, match=rf"^{kind}\. "):
        read_reviews(b"A good film\n", suffix)
    assert read_reviews(b"A good film\n", ".txt") == ["A good film"]


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (b"\x1f\x8b\x08", "compressed"),
        (b"PK\x03\x04\x14", "compressed"),
        (b"PAR1\x15", "Parquet"),
        (b"ARROW1\0", "Feather"),
    ],
)
def test_a_binary_table_is_recognised_by_its_first_bytes(beginning: bytes, kind: str) -> None:
    with pytest.raises(ValueError, match=f"^a {kind} file"):
        read_reviews(beginning + b"\xff\xff")


def test_only_the_last_line_end_begins_no_line() -> None:
    assert split_lines("") == []
    assert split_lines("\n") == [""]
    assert split_lines("a\n\n") == ["a", ""]
    assert split_lines("a\r\n\r\nb") == ["a", "", "b"]
    assert split_lines("a\r\rb\r") == ["a", "", "b"]
    assert split_lines("a\rb\nc") == ["a\rb", "c"]  # as other programs number the lines
    assert split_lines("a\x0b\x0c\x1c\x85\u2028\u2029b") == ["a\x0b\x0c\x1c\x85\u2028\u2029b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"caf\xe9", "a byte 0xe9 in line 1, which is not UTF-8"),
        (b"\xef\xbb\xbfgood\r\n\r\ncaf\xe9\r\n\xff", "a byte 0xe9 in line 3, which is not UTF-8"),
        (b"good\rbad\rcaf\xe9\r", "a byte 0xe9 in line 3, which is not UTF-8"),
        (b"go\rod\ncaf\xe9\n", "a byte 0xe9 in line 2, which is not UTF-8"),
        (b"go\rod caf\xe9\n", "a byte 0xe9 in line 1, which is not UTF-8"),
        ("good\nbad".encode("utf-16") + b"!", "a byte 0x21 in line 2, which is not UTF-16"),
    ],
)
def test_the_first_line_that_is_no_text_is_named(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        decode(content)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        mark = "\ufeff" if encoding.endswith("e") else ""
        assert decode((mark + "naïve 😀").encode(encoding)) == "naïve 😀"
