"""Files that people give to read: text is never taken for a table, nor a table for text."""

import pytest

from imdb_rnn.text.text_files import decode, table_in, unsupported

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
    "text,label\nA good film,1": "csv",
    "review,sentiment\nA good film,positive\nA bad film,negative": "csv",
    'review,sentiment\n"Good, but\nlong",positive\n\nBad,negative\n': "csv",
    '"text","label"\r\n"A good film","1"\r\n': "csv",
    ",Clothing ID,Review Text,Rating\n0,767,Lovely,4\n1,1080,So soft,5": "csv",
    "리뷰,감성\n좋은 영화,긍정\n나쁜 영화,부정": "csv",
    "text;label\nGood, but long;1\nBad;0": "csv",
    "id\ttext\n1\tA good film": "tsv",
    "A very, very slow film \t0\nNot sure who was lost \t1": "tsv",
    "id," + ",".join(f"feature_{i}" for i in range(30)) + ("\n1" + ",2" * 30) * 2: "csv",
    '{"text": "Good", "label": 1}\n{"text": "Bad", "label": 0}\n': "jsonl",
    '{"text": "Good"}\n\n{"text": "Bad"}': "jsonl",
    '{"text": {"0": "Good"}, "label": {"0": 1}}': "jsonl",
}
DOCUMENTS = [
    '{\n "text": "Good"\n}\n{\n "text": "Bad"\n}',
    '["Good", 1]\n["Bad", 0]',
    ' [\n {"text": "Good"},\n {"text": "Bad"}\n]\n',
]


@pytest.mark.parametrize("text", PROSE, ids=lambda text: text[:30])
def test_prose_is_text_whatever_its_punctuation(text: str) -> None:
    assert table_in(text) is None


@pytest.mark.parametrize("text", TABLES, ids=lambda text: text[:30])
def test_a_table_is_recognised_by_its_content(text: str) -> None:
    assert table_in(text) == TABLES[text]


@pytest.mark.parametrize("text", DOCUMENTS, ids=lambda text: text[:30])
def test_json_that_has_no_row_a_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a JSON document\. Convert it to JSON lines: python -c "):
        table_in(text)


def test_the_beginning_of_a_table_is_enough() -> None:
    tables = {"csv": "text,label\n" + '"Good, but\nlong",1\n' * 5, "jsonl": '{"text": "Good"}\n' * 5}
    for format_, text in tables.items():
        # Wherever it ends, after two rows.
        for end in range(len(text) // 2, len(text)):
            assert table_in(text[:end], truncated=True) == format_


@pytest.mark.parametrize(
    ("sample", "suffix", "kind"),
    [
        (b"A good film", ".json", "a JSON document"),
        (b"A good film", ".feather", "a Feather file"),
        (b"ARROW1\0\0", "", "a Feather file"),
        (b"PK\x03\x04\x14", ".xlsx", "an Excel file"),
        (b"PK\x03\x04\x14", "", "a compressed file"),
        (b"BZh91AY", "", "a compressed file"),
        (b"\x28\xb5\x2f\xfd", "", "a compressed file"),
        (b"A good film", ".7z", "a compressed file"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_kind(sample: bytes, suffix: str, kind: str) -> None:
    assert unsupported(sample, suffix).startswith(f"{kind}. ")


@pytest.mark.parametrize("suffix", ["", ".txt", ".csv", ".jsonl"])
def test_text_is_supported(suffix: str) -> None:
    assert unsupported(b"A good film", suffix) == ""


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
