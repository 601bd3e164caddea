"""Files that are scored: every format, a row for every row, nothing lost after an interruption, in constant memory."""

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends_test.tests.command_line import PROGRAM, Run
from backends_test.tests.scored_parts import holder_of
from imdb_rnn import Classifier, ReviewError
from imdb_rnn.scoring.results import part_of, progress_of, result_names
from imdb_rnn.scoring.score import score_file
from imdb_rnn.scoring.tables import MAX_CHARACTERS, open_table
from imdb_rnn.scoring.workers import score_blocks

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

TEXTS = [
    "A good film, really.",
    'Good, but\nlong, and "loud".',
    "",
    "xyzzyx",
    "'Bad', they say; \"Good\",\tsay I.",
    "Naïve, but good 😀",
    "bad",
]
ROWS = [{"id": str(number), "text": text, "label": "pos"} for number, text in enumerate(TEXTS)]
REASONS = [None, None, "no word", "1 unknown word", None, None, None]


def separated(delimiter: str, rows: list[dict[str, Any]] = ROWS) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def json_lines(rows: list[dict[str, Any]] = ROWS) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def as_parquet(folder: Path) -> Path:
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), folder / "reviews.parquet")
    return folder / "reviews.parquet"


def as_file(name: str, content: str, encoding: str = "utf-8") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        content_ = content.encode(encoding)
        (folder / name).write_bytes(gzip.compress(content_) if name.endswith(".gz") else content_)
        return folder / name

    return write


INPUTS: dict[str, Callable[[Path], Path]] = {
    "csv": as_file("reviews.csv", separated(",")),
    "csv with a byte order mark": as_file("reviews.csv", separated(","), "utf-8-sig"),
    "csv with semicolons": as_file("reviews.CSV", separated(";")),
    "csv in UTF-16": as_file("reviews.csv", separated(","), "utf-16"),
    "csv with another name": as_file("reviews.dat", separated(",")),
    "compressed csv": as_file("reviews.csv.gz", separated(",")),
    "tsv": as_file("reviews.tsv", separated("\t")),
    "compressed tsv": as_file("reviews.tsv.gz", separated("\t")),
    "json lines": as_file("reviews.jsonl", json_lines()),
    "json lines with another name": as_file("reviews.txt", json_lines()),
    "compressed json lines": as_file("reviews.ndjson.gz", json_lines()),
    "parquet": as_parquet,
}


def read(out: Path) -> list[dict[str, Any]]:
    """The rows of a table, where an empty cell is None."""
    if out.suffix == ".parquet":
        rows: list[dict[str, Any]] = parquet.read_table(out).to_pylist()
        return rows
    content = out.read_bytes()
    text = (gzip.decompress(content) if out.suffix == ".gz" else content).decode()
    if ".jsonl" in out.name:
        return [json.loads(line) for line in text.split("\n")[:-1]]
    delimiter = "\t" if ".tsv" in out.name else ","
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def is_empty(value: object) -> bool:
    return value in ("", None)


@pytest.fixture(scope="module")
def classifier(saved: Path) -> Classifier:
    return Classifier.load(saved)


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".csv.gz", ".jsonl.gz", ".parquet"])
def test_every_row_has_its_row_with_its_columns_and_a_score_or_a_reason(
    classifier: Classifier, tmp_path: Path, kind: str, suffix: str
) -> None:
    out = tmp_path / f"scored{suffix}"
    scored = score_file(classifier, INPUTS[kind](tmp_path), out)
    assert (scored.rows, scored.unscored) == (7, 2)
    rows = read(out)
    expected = iter(classifier.predict_reviews([text for text, why in zip(TEXTS, REASONS, strict=True) if not why]))
    for row, given_, reason in zip(rows, ROWS, REASONS, strict=True):
        assert list(row) == ["id", "text", "label", "score", "predicted_label", "reason"]
        assert {name: row[name] or "" for name in given_} == given_
        if reason:
            assert is_empty(row["score"])
            assert is_empty(row["predicted_label"])
            assert row["reason"] == reason
        else:
            prediction = next(expected)
            assert float(row["score"]) == prediction.score
            assert row["predicted_label"] == prediction.label
            assert is_empty(row["reason"])
    assert not list(tmp_path.glob("scored*.*.*[!z]")), "only the table is left"


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_text_file_has_a_row_for_each_line(
    classifier: Classifier, tmp_path: Path, end: str, compressed: bool
) -> None:
    lines = ["A good film.", "", "Naïve, but not bad", "bad"]
    file = as_file("reviews.txt.gz" if compressed else "reviews.txt", "".join(line + end for line in lines))(tmp_path)
    score_file(classifier, file, tmp_path / "scored.csv")
    rows = read(tmp_path / "scored.csv")
    assert [row["text"] for row in rows] == lines
    assert [row["reason"] for row in rows] == ["", "no word", "", ""]


def test_the_types_of_parquet_are_kept(classifier: Classifier, tmp_path: Path) -> None:
    columns = {
        "text": ["good", None, "bad"],
        "when": pyarrow.array([10**18 + 7, None, 5], pyarrow.timestamp("ns")),
        "tags": [["a"], [], None],
        "score": [0.5, float("nan"), None],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "reviews.parquet")
    score_file(classifier, tmp_path / "reviews.parquet", tmp_path / "scored.parquet")
    table = parquet.read_table(tmp_path / "scored.parquet")
    assert table.schema.names == [*columns, "predicted_score", "label", "reason"]
    assert table.select(list(columns)).drop_columns("score").equals(pyarrow.table(columns).drop_columns("score"))
    assert table["reason"].to_pylist() == [
        None,
        "no text, but None, a missing value. Drop such rows, or fill them",
        None,
    ]
    score_file(classifier, tmp_path / "reviews.parquet", tmp_path / "scored.jsonl")
    assert read(tmp_path / "scored.jsonl")[1]["score"] is None, "JSON has no NaN"


@pytest.mark.parametrize("type_", [pyarrow.string(), pyarrow.large_string()], ids=str)
def test_undecodable_rows_of_parquet_do_not_affect_the_others(
    classifier: Classifier, tmp_path: Path, type_: Any
) -> None:
    binary = pyarrow.binary() if type_ == pyarrow.string() else pyarrow.large_binary()
    column = pyarrow.array([b"good", b"caf\xe9", b"bad"], binary).view(type_)
    table = pyarrow.table({"text": column, "note": column, "number": [1, 2, 3]})
    parquet.write_table(table, tmp_path / "reviews.parquet")
    for suffix in (".jsonl", ".csv"):
        score_file(classifier, tmp_path / "reviews.parquet", tmp_path / f"scored{suffix}")
        first, second, third = read(tmp_path / f"scored{suffix}")
        assert (second["text"], second["note"], second["reason"]) == ("caf�", "caf�", "bytes that are not UTF-8")
        assert (first["text"], third["text"]) == ("good", "bad")
        assert first["score"] and third["score"]
    score_file(classifier, tmp_path / "reviews.parquet", tmp_path / "scored.parquet")
    kept = parquet.read_table(tmp_path / "scored.parquet").select(["text", "note"])
    assert kept.equals(table.select(["text", "note"])), "the bytes are kept"


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("write scored.parquet", ["reviews.csv", "--out", "scored.parquet"]),
        ("read reviews.parquet", ["reviews.parquet"]),
    ],
)
def test_parquet_without_pyarrow_is_told_with_the_extra_that_has_it(
    run_here: Run, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, arguments: list[str]
) -> None:
    files = [INPUTS["csv"](tmp_path), as_parquet(tmp_path)]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    status, output, said = run_here("predict", saved, "--file", *arguments)
    assert (status, output) == (1, "")
    assert said.startswith(f"imdb-rnn: Cannot {action}. Expected: pyarrow, for Parquet. Received: ")
    assert said.endswith('Run: pip install "imdb_rnn[parquet]"\n')
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_undecodable_rows_are_told_and_another_encoding_reads_them(run_here: Run, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_bytes('text\n"A good film, café “Bar”."\nbad\n'.encode("cp1252"))
    first, second = json.loads(run_here("predict", saved, "--file", "old.csv", "--json").output)
    assert (first["score"], first["reason"]) == (None, "bytes that are not UTF-8; see --encoding")
    assert first["text"] == "A good film, caf� �Bar�."
    assert second["score"] is not None
    completed = run_here("predict", saved, "--file", "old.csv", "--encoding", "cp1252", "--json")
    assert json.loads(completed.output)[0]["text"] == "A good film, café “Bar”."
    assert json.loads(completed.output)[0]["score"] is not None
    refused = run_here("predict", saved, "--file", "old.csv", "--encoding", "nonsense")
    assert refused.status == 1
    assert "Expected: an encoding that Python knows" in refused.said


def test_a_column_is_named_and_a_table_without_it_is_told_by_its_columns(
    run_here: Run, saved: Path, tmp_path: Path
) -> None:
    (tmp_path / "reviews.csv").write_text("id,Review Text\n1,good\n2,bad\n", encoding="utf-8")
    completed = run_here("predict", saved, "--file", "reviews.csv", "--text-column", "Review Text", "--json")
    assert [list(row) for row in json.loads(completed.output)] == [
        ["id", "Review Text", "score", "label", "reason"]
    ] * 2
    for more in ([], ["--text-column", "review"]):
        refused = run_here("predict", saved, "--file", "reviews.csv", *more)
        assert refused.status == 1
        assert "Received: one with the columns 'id', 'Review Text'. Name the column of reviews by --text-column." in (
            refused.said
        )
    (tmp_path / "twice.csv").write_text("text,id,id\ngood,1,2\n", encoding="utf-8")
    assert "Received: 'id' twice" in run_here("predict", saved, "--file", "twice.csv").said


def test_a_row_with_more_or_fewer_fields_has_a_reason_and_loses_nothing(classifier: Classifier, tmp_path: Path) -> None:
    file = as_file("reviews.csv", "text,id\nA bad film, really, 1\ngood,2\n\nbad\n")(tmp_path)
    score_file(classifier, file, tmp_path / "scored.csv")
    rows = read(tmp_path / "scored.csv")
    assert [row["reason"] for row in rows] == [
        "3 fields, where the header has 2",
        "",
        "1 fields, where the header has 2",
    ]
    assert [row["id"] for row in rows] == [" really, 1", "2", ""]
    assert [row["score"] == "" for row in rows] == [True, False, True]


def test_a_missing_quotation_mark_is_told_with_its_place(classifier: Classifier, tmp_path: Path) -> None:
    rows = "good,1\n" * 500
    file = as_file("reviews.csv", f'text,id\n{rows}"bad,2\n' + "good,1\n" * (MAX_CHARACTERS // 6))(tmp_path)
    with pytest.raises(ReviewError, match=r"at line [\d,]+\. .* Is a quotation mark missing in an earlier line\?"):
        score_file(classifier, file, tmp_path / "scored.csv")


def test_a_line_without_an_end_is_one_row_that_is_too_long(tmp_path: Path) -> None:
    file = as_file("reviews.txt", "good\n" + "x" * (2 * MAX_CHARACTERS + 5) + "\nbad\n")(tmp_path)
    with open_table(file) as table:
        (block,) = table.blocks
    assert block.texts == ["good", "", "bad"]
    assert block.problems == ["", f"more than {MAX_CHARACTERS:,} characters without a line end", ""]


def test_a_line_of_just_the_most_characters_takes_no_other_line_with_it(tmp_path: Path) -> None:
    for length in (MAX_CHARACTERS - 1, MAX_CHARACTERS):
        file = as_file("reviews.txt", "good\n" + "x" * length + "\nbad\n")(tmp_path)
        with open_table(file) as table:
            blocks = list(table.blocks)
        assert [text[:4] for block in blocks for text in block.texts][::2] == ["good", "bad"]
        assert [bool(one) for block in blocks for one in block.problems] == [False, length == MAX_CHARACTERS, False]


@pytest.mark.parametrize("name", ["reviews.jsonl", "reviews.parquet"])
def test_a_block_of_long_texts_has_few_rows(tmp_path: Path, name: str) -> None:
    texts = ["long " * 300_000] * 9
    if name.endswith("parquet"):
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pytest.importorskip("pyarrow").table({"text": texts}), tmp_path / name)
    else:
        (tmp_path / name).write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    with open_table(tmp_path / name) as table:
        blocks = list(table.blocks)
    assert [text for block in blocks for text in block.texts] == texts
    assert all(1 <= len(block.texts) <= 3 for block in blocks)


def test_of_a_parquet_file_only_some_rows_are_in_memory(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    random = np.random.default_rng(0)
    with parquet.ParquetWriter(tmp_path / "reviews.parquet", pyarrow.schema({"text": pyarrow.string()})) as writer:
        for _ in range(16):  # row groups of two megabytes
            texts = [random.bytes(1_000).hex() for _ in range(1_000)]
            writer.write_table(pyarrow.table({"text": texts}))
    before = pyarrow.total_allocated_bytes()
    with open_table(tmp_path / "reviews.parquet") as table:
        most = max(pyarrow.total_allocated_bytes() - before for _ in table.blocks)
    assert most < (tmp_path / "reviews.parquet").stat().st_size / 2


def test_a_line_of_json_that_is_too_long_is_one_row(tmp_path: Path) -> None:
    long = json.dumps({"text": "x" * (2 * MAX_CHARACTERS)})
    file = as_file("reviews.jsonl", f'{{"text": "good"}}\n{long}\n{{"text": "bad"}}\n')(tmp_path)
    with open_table(file) as table:
        (block,) = table.blocks
    assert block.texts == ["good", "", "bad"]
    assert [problem[:9] for problem in block.problems] == ["", "not JSON:", ""]


def test_rows_of_json_lines_may_differ(classifier: Classifier, tmp_path: Path) -> None:
    lines = ['{"text": "good", "n": 1}', "nonsense", '["good"]', '{"n": 2}', '{"text": 7}', '{"text": "bad", "m": {}}']
    file = as_file("reviews.jsonl", "\n".join(lines))(tmp_path)
    score_file(classifier, file, tmp_path / "scored.jsonl")
    rows = read(tmp_path / "scored.jsonl")
    reasons = [None, "not JSON: ", "not JSON with names", "no text", "no text, but int", None]
    for row, reason in zip(rows, reasons, strict=True):
        assert (row["reason"] or "").startswith(reason or "")
        assert (row["reason"] is None) == (reason is None) == (row["score"] is not None)
    assert [row.get("n") for row in rows] == [1, None, None, 2, None, None]
    score_file(classifier, file, tmp_path / "scored.csv")
    assert [row["m"] for row in read(tmp_path / "scored.csv")] == ["", "", "", "", "", "{}"]


def test_a_name_that_only_a_late_row_has_stops_a_table_of_fixed_columns(classifier: Classifier, tmp_path: Path) -> None:
    file = as_file("reviews.jsonl", '{"text": "good"}\n' * 100 + '{"text": "good", "late": 1}\n')(tmp_path)
    with pytest.raises(ReviewError, match=r"Received: one that also has late\. JSON lines can hold it"):
        score_file(classifier, file, tmp_path / "scored.csv")
    score_file(classifier, file, tmp_path / "scored.jsonl")
    assert read(tmp_path / "scored.jsonl")[-1]["late"] == 1


def test_columns_of_the_input_are_never_replaced() -> None:
    assert list(result_names(["text"]).values()) == ["score", "label", "reason"]
    taken = ["text", "score", "predicted_score", "label"]
    assert list(result_names(taken).values()) == ["predicted_predicted_score", "predicted_label", "reason"]


def test_printed_json_has_the_rows_of_a_file_of_json_lines(run_here: Run, saved: Path, tmp_path: Path) -> None:
    lines = ['{"text": "good"}', '{"text": "bad", "label": "mine", "n": NaN, "list": [{"n": -Infinity}, 1e999, "é"]}']
    (tmp_path / "reviews.jsonl").write_text("\n".join(lines), encoding="utf-8")
    printed = run_here("predict", saved, "--file", "reviews.jsonl", "--json").output
    assert printed.isascii()
    rows = json.loads(printed, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert run_here("predict", saved, "--file", "reviews.jsonl", "--out", "scored.jsonl").status == 0
    assert rows == read(tmp_path / "scored.jsonl")
    assert [[*row] for row in rows] == [
        ["text", "score", "predicted_label", "reason"],
        ["text", "label", "n", "list", "score", "predicted_label", "reason"],
    ]
    assert (rows[1]["label"], rows[1]["n"], rows[1]["list"]) == ("mine", None, [{"n": None}, None, "é"])


@pytest.mark.parametrize("more", [["--json"], ["--out", "scored.jsonl"]])
def test_a_late_row_with_a_column_of_the_results_is_told(
    run_here: Run, saved: Path, tmp_path: Path, more: list[str]
) -> None:
    late = '{"text": "good", "label": "mine"}\n'
    (tmp_path / "reviews.jsonl").write_text('{"text": "good"}\n' * 100 + late, encoding="utf-8")
    status, _, said = run_here("predict", saved, "--file", "reviews.jsonl", *more)
    assert status == 1
    assert "Expected: rows without label, as the first ones. Received: one with it. Rename it in the input." in said
    assert said.count("imdb-rnn: ") == 1


def test_a_table_without_rows_has_a_header(classifier: Classifier, tmp_path: Path) -> None:
    file = as_file("reviews.csv", "id,text\n")(tmp_path)
    for suffix in (".csv", ".csv.gz", ".jsonl", ".parquet"):
        assert score_file(classifier, file, tmp_path / f"scored{suffix}").rows == 0
        assert read(tmp_path / f"scored{suffix}") == []
    assert (tmp_path / "scored.csv").read_text(encoding="utf-8") == "id,text,score,label,reason\n"
    assert parquet.read_schema(tmp_path / "scored.parquet").names == ["id", "text", "score", "label", "reason"]


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {name: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) for name in ("text", "a")}
        ),
        min_size=1,
        max_size=5,
    ),
    delimiter=st.sampled_from(",;\t"),
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_whatever_is_in_a_table_comes_out_of_it(
    tmp_path_factory: pytest.TempPathFactory, classifier: Classifier, rows: list[dict[str, str]], delimiter: str
) -> None:
    folder = tmp_path_factory.mktemp("table")
    for name, content in (("a.csv", separated(delimiter, rows)), ("a.jsonl", json_lines(rows))):
        score_file(classifier, as_file(name, content)(folder), folder / f"scored-{name}")
        scored = read(folder / f"scored-{name}")
        assert [{name: row[name] for name in ("text", "a")} for row in scored] == rows
        assert all(is_empty(row["score"]) != is_empty(row["reason"]) for row in scored)


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08nonsense", b"PAR1nonsense", b"\xff\xfeg", b"", b"PK\x03\x04"])
@pytest.mark.parametrize("name", ["reviews.csv", "reviews.parquet", "reviews.jsonl.gz"])
def test_what_is_not_the_table_that_its_name_says_is_told_in_one_line(
    run_here: Run, saved: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    status, _, said = run_here("predict", saved, "--file", name, "--out", "scored.csv")
    if status:
        assert status == 1
        assert said.startswith("imdb-rnn: Cannot read ")
        assert said.count("\n") == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_a_truncated_archive_is_told_with_the_rows_before(classifier: Classifier, tmp_path: Path) -> None:
    content = gzip.compress(b"".join(b"good %s\n" % os.urandom(40).hex().encode() for _ in range(10_000)))
    (tmp_path / "reviews.txt.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ReviewError, match=r"Cannot read .* after row [\d,]+\. .* ended before"):
        score_file(classifier, tmp_path / "reviews.txt.gz", tmp_path / "scored.csv")


def test_strict_stops_at_the_first_row_that_cannot_be_scored(run_here: Run, saved: Path, tmp_path: Path) -> None:
    file = INPUTS["csv"](tmp_path)
    for more in ([], ["--out", "scored.csv"]):
        status, output, said = run_here("predict", saved, "--file", file.name, "--strict", *more)
        assert (status, output) == (1, "")
        assert said.startswith("imdb-rnn: Cannot read row 3 of reviews.csv. Expected: a review. Received: no word: ''.")
        assert [path.name for path in tmp_path.iterdir()] == ["reviews.csv"]


def test_the_command_says_what_it_has_written(run_here: Run, saved: Path, tmp_path: Path) -> None:
    INPUTS["csv"](tmp_path)
    completed = run_here("predict", saved, "--file", "reviews.csv", "--out", "scored.csv")
    said = "imdb-rnn: 2 of 7 rows could not be read and have no score.\n"
    assert completed == (0, "7 rows, saved in scored.csv\n", said)
    completed = run_here("predict", saved, "--file", "reviews.csv", "--out", "scored.jsonl", "--json")
    assert json.loads(completed.output) == {"rows": 7, "unscored": 2, "out": "scored.jsonl"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--file", "reviews.csv", "--out", "reviews.csv"), "Expected: a new file. Received: reviews.csv exists."),
        (("--file", "reviews.csv", "--out", "scored.xlsx"), "Expected: a name that ends with .csv, .tsv,"),
        (("--file", "reviews.csv", "--out", "scored"), "Expected: a name that ends with .csv, .tsv,"),
        (("--file", "reviews.csv", "--out", "none/scored.csv"), "Received: no folder none."),
        (("--file", "none.csv", "--out", "scored.csv"), "Cannot read none.csv."),
    ],
)
def test_a_file_that_cannot_be_written_is_told_and_nothing_changes(
    run_here: Run, saved: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    INPUTS["csv"](tmp_path)
    before = (tmp_path / "reviews.csv").read_bytes()
    status, output, said = run_here("predict", saved, *arguments)
    assert (status, output) == (1, "")
    assert message in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["reviews.csv"]
    assert (tmp_path / "reviews.csv").read_bytes() == before


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 20,000 rows, every ninth of which cannot be read."""
    rows = [
        {"id": number, "text": "😀" if number % 9 == 5 else f"A good, bad or dull film\nnumber {number}. " * 3}
        for number in range(20_000)
    ]
    path = tmp_path_factory.mktemp("many") / "many.csv"
    path.write_text(separated(",", rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def complete(many: Path, classifier: Classifier) -> Callable[[str], bytes]:
    """What an uninterrupted run writes."""

    def bytes_of(suffix: str) -> bytes:
        out = many.with_name(f"complete{suffix}")
        if not out.exists():
            score_file(classifier, many, out, workers=1)
        return out.read_bytes()

    return bytes_of


def test_several_processes_give_the_bits_of_one(
    run_process: Run, saved: Path, many: Path, tmp_path: Path, complete: Callable[[str], bytes]
) -> None:
    completed = run_process("predict", saved, "--file", many, "--out", "scored.csv", "--workers", "3")
    assert completed.status == 0, completed.said
    assert (tmp_path / "scored.csv").read_bytes() == complete(".csv")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl.gz", ".parquet"])
def test_a_killed_run_continues_without_losing_or_repeating_a_row(
    saved: Path, many: Path, tmp_path: Path, complete: Callable[[str], bytes], suffix: str
) -> None:
    out = tmp_path / f"scored{suffix}"
    command = [sys.executable, "-c", PROGRAM, "predict", str(saved), "--file", str(many), "--out", str(out), "--resume"]
    killed = 0
    for _ in range(2):
        with subprocess.Popen(command, start_new_session=True) as process:
            saved_at = progress_of(out).stat().st_mtime_ns if progress_of(out).exists() else 0
            # Until it has saved a new checkpoint, or has ended.
            while process.poll() is None:
                if progress_of(out).exists() and progress_of(out).stat().st_mtime_ns > saved_at:
                    os.killpg(process.pid, signal.SIGKILL)
                    killed += 1
                    break
                time.sleep(0.02)
    with part_of(out).open("ab") as file:  # a block that was written in part
        file.write(b'7,"half a')
    assert killed, "it ended before it could be killed"
    refused = subprocess.run(command[:-1], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "Received: one that was interrupted. To resume, run the same command with --resume. To" in refused.stderr
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == "imdb-rnn: 2,222 of 20,000 rows could not be read and have no score.\n"
    assert out.read_bytes() == complete(suffix)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def interrupted(classifier: Classifier, many: Path, out: Path) -> None:
    """Score a few blocks, and then be interrupted."""

    def interrupt(table: object, scored: Any) -> None:
        if scored.rows > 5_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_file(classifier, many, out, workers=1, progress=interrupt)


def test_what_was_scored_before_an_interruption_is_not_scored_again(
    classifier: Classifier, many: Path, tmp_path: Path, complete: Callable[[str], bytes]
) -> None:
    out = tmp_path / "scored.csv"
    interrupted(classifier, many, out)
    assert not out.exists()
    reports: list[int] = []
    score_file(
        classifier, many, out, resume=True, workers=1, progress=lambda table, scored: reports.append(scored.rows)
    )
    assert reports[0] == 6_064, "the first block after 5,064 rows"
    assert out.read_bytes() == complete(".csv")


def test_strict_does_not_resume_a_run_that_has_left_rows_without_a_score(
    classifier: Classifier, many: Path, tmp_path: Path, complete: Callable[[str], bytes]
) -> None:
    out = tmp_path / "scored.csv"
    interrupted(classifier, many, out)
    before = part_of(out).read_bytes()
    with pytest.raises(ReviewError, match=r"Cannot resume .* as --strict demands\. Received: \d+ rows without one\."):
        score_file(classifier, many, out, strict=True, resume=True, workers=1)
    assert part_of(out).read_bytes() == before
    score_file(classifier, many, out, resume=True, workers=1)
    assert out.read_bytes() == complete(".csv")


def test_a_run_is_continued_only_with_what_it_began_with(
    classifier: Classifier, robust: tuple[Path, Any], many: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scored.csv"
    interrupted(classifier, many, out)
    changed = tmp_path / "changed.csv"
    changed.write_bytes(many.read_bytes().replace(b"dull", b"fine", 1))
    before = part_of(out).read_bytes()
    for model, file, encoding, received in (
        (classifier, changed, None, "another input"),
        (Classifier.load(robust[0]), many, None, "another model"),
        (classifier, many, "cp1252", "another options"),
    ):
        with pytest.raises(ReviewError, match=rf"Received: {received}\. Give the same, or remove"):
            score_file(model, file, out, encoding=encoding, resume=True)
    progress_of(out).write_text("nonsense", encoding="utf-8")
    with pytest.raises(ReviewError, match=r"Expected: the checkpoint of an interrupted run\."):
        score_file(classifier, many, out, resume=True)
    assert part_of(out).read_bytes() == before


@pytest.mark.parametrize("name", ["scored.csv.part", "scored.csv.progress"])
def test_a_file_of_the_user_that_has_such_a_name_is_not_touched(
    classifier: Classifier, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("mine", encoding="utf-8")
    for resume in (False, True):
        with pytest.raises(ReviewError, match=rf"Received: {name} exists\. Remove it, or name another one\."):
            score_file(classifier, INPUTS["csv"](tmp_path), tmp_path / "scored.csv", resume=resume)
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"


def test_a_run_that_was_killed_just_before_its_end_is_complete(
    classifier: Classifier, many: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scored.csv"
    interrupted(classifier, many, out)
    part_of(out).replace(out)
    with pytest.raises(ReviewError, match=r"Received: scored\.csv exists\."):
        score_file(classifier, many, out, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["scored.csv"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux lists which files are open")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_is_closed_before_it_is_renamed_or_removed(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    file, seen = INPUTS["csv"](tmp_path), []

    def look(path: Path, *arguments: Any, **options: Any) -> None:
        if path.name.endswith(".part"):
            seen.append(holder_of(path))

    for name in ("unlink", "replace"):
        done = getattr(Path, name)
        monkeypatch.setattr(Path, name, lambda *them, done=done, **options: (look(*them), done(*them, **options))[1])
    score_file(classifier, file, tmp_path / f"scored{suffix}")
    with pytest.raises(ReviewError, match="Cannot read row 3"):
        score_file(classifier, file, tmp_path / f"strict{suffix}", strict=True)
    assert seen == [None, None]


def test_a_table_is_written_by_one_process_at_a_time(classifier: Classifier, many: Path, tmp_path: Path) -> None:
    def again(table: object, scored: Any) -> None:
        with pytest.raises(ReviewError, match=r"Expected: a file that nothing else writes\."):
            score_file(classifier, many, tmp_path / "scored.csv")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_file(classifier, many, tmp_path / "scored.csv", workers=1, progress=again)


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="this system has no limit of the size of a file")
def test_a_quota_that_is_reached_is_told_and_the_run_can_be_continued(
    run_process: Run, saved: Path, many: Path, tmp_path: Path, complete: Callable[[str], bytes]
) -> None:
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)); {PROGRAM}"
    command = [sys.executable, "-c", limited, "predict", saved, "--file", many, "--out", tmp_path / "scored.csv"]
    stopped = subprocess.run(command, capture_output=True, text=True, check=False)
    assert stopped.returncode == 1
    kept, error = stopped.stderr.splitlines()
    assert kept.startswith("What was scored is kept in ")
    assert error.startswith("imdb-rnn: I/O error: ")
    assert not (tmp_path / "scored.csv").exists()
    completed = run_process("predict", saved, "--file", many, "--out", "scored.csv", "--resume")
    assert completed.status == 0, completed.said
    assert (tmp_path / "scored.csv").read_bytes() == complete(".csv")


def test_a_reader_that_has_read_enough_ends_the_command_quietly(saved: Path, many: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, "predict", str(saved), "--file", str(many)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith(b"A good, bad or dull film")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("out", ["scored.csv", "scored.parquet"])
def test_closed_streams_and_names_that_are_no_text_change_nothing(saved: Path, tmp_path: Path, out: str) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    file = as_parquet(tmp_path).rename(folder / "reviews.parquet")
    expected = tmp_path / out
    score_file(Classifier.load(saved), file, expected)
    command = [sys.executable, "-c", PROGRAM, "predict", saved, "--file", file, "--out", folder / out]
    closed = ["bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash", *command]
    assert subprocess.run(closed, check=False).returncode == 0
    assert (folder / out).read_bytes() == expected.read_bytes()


def test_scores_of_a_pipe_come_before_it_ends(saved: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, "predict", str(saved)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"A good film\n" * 64)
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"A good film")
        process.stdin.write(b"bad")
        process.stdin.close()
        assert process.stdout.read().count(b"\n") == 64


def test_a_large_table_in_a_pipe_is_recognised(run_process: Run, saved: Path, many: Path) -> None:
    completed = run_process("predict", saved, "--json", "--workers", "1", stdin=many.read_bytes())
    assert completed.status == 0, completed.said
    records = json.loads(completed.output)
    assert [int(record["id"]) for record in records] == list(range(20_000))


@pytest.mark.parametrize("encoding", [None, "utf-16", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(
    classifier: Classifier, tmp_path: Path, encoding: str | None
) -> None:
    (tmp_path / "reviews.csv").write_bytes("\ufefftext,id\ngood,1\n".encode("utf-16-be"))
    score_file(classifier, tmp_path / "reviews.csv", tmp_path / "scored.csv", encoding=encoding)
    assert list(read(tmp_path / "scored.csv")[0]) == ["text", "id", "score", "label", "reason"]


def test_a_block_is_read_only_when_it_is_needed(classifier: Classifier, many: Path) -> None:
    with open_table(many) as table:
        read_: list[int] = []

        def watched() -> Iterator[Any]:
            for block in table.blocks:
                read_.append(len(block.texts))
                yield block

        assert len(next(score_blocks(classifier, watched(), 1)).results) == 64
        assert read_ == [64]


def test_memory_does_not_grow_with_the_file(saved: Path, tmp_path: Path) -> None:
    peaks = {}
    for count in (5_000, 100_000):
        (tmp_path / "many.txt").write_text("good film\n" * count, encoding="utf-8")
        program = (
            "import resource, sys; from pathlib import Path; from imdb_rnn import Classifier; "
            "from imdb_rnn.scoring.score import score_file; "
            f"score_file(Classifier.load(sys.argv[1]), Path('many.txt'), Path('scored-{count}.csv'), workers=1); "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        command = [sys.executable, "-c", program, str(saved)]
        peaks[count] = int(subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout)
    # The texts alone would be 6 MB more as Python's strings; what is allowed is noise of the allocator.
    assert peaks[100_000] < peaks[5_000] * 1.04, peaks
