"""Any command line ends with one of the documented exit statuses, and an error is told in one line.

The arguments are those that exist, with values that are right, wrong or arbitrary texts. The examples are the same in
every run.
"""

import hashlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends_test.tests.command_line import Ran
from imdb_rnn.cli import app, main
from imdb_rnn.scoring.parts import is_pattern

COMMANDS: Any = typer.main.get_command(app)
# These need Keras, and build or train models where it is installed.
BUILDING = {"summary", "encoders"}
NAMES = sorted({*COMMANDS.commands} - (BUILDING if find_spec("keras") else set()))
# Given last, they count: other sources would be read, and trained on, for minutes; other numbers start processes.
NO_DATA = ["--data", "none"]
ONE = ["--workers", "1"]
LAST = {"data": ["none"], "train": NO_DATA, "evaluate": NO_DATA, "encoders": NO_DATA, "predict": ONE, "encode": ONE}

# No argument has a zero byte: the operating system ends each at it.
WORDS = st.one_of(
    st.sampled_from(["", " ", "-", "--", "-h", "--help", "--json", "a good film", "\udcff", "\x1b[2J", "😀"]),
    st.sampled_from(
        ["\n", "0", "-1", "1e9", "9" * 5_000, "nan", "x" * 5_000, "good " * 3_000, "ko", "'", "\\", "\u0085"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), max_size=8),
)


GOOD = st.sampled_from(["0", "1", "5", "robust", "tutorial", "en", "ko", "val", "test", "embedding", "one_hot", "text"])


def folder_digest(folder: Path) -> str:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return hashlib.sha256(b"".join(file.name.encode() + file.read_bytes() for file in files)).hexdigest()


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run(arguments: list[str], stdin: bytes) -> Ran:
    """Run the command line in this process, with streams of their own."""
    output, said = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    before = sys.argv, sys.stdin
    sys.argv, sys.stdin = ["imdb-rnn", *arguments], io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    try:
        with redirect_stdout(output), redirect_stderr(said), pytest.raises(SystemExit) as left:
            main()
    finally:
        sys.argv, sys.stdin = before
    assert left.value.code is None or isinstance(left.value.code, int), left.value.code
    output.seek(0)
    said.seek(0)
    return Ran(left.value.code or 0, output.read(), said.read())


def check(arguments: list[str], stdin: bytes = b"") -> Ran:
    """Run a command line, and check what holds for all."""
    ran = run(arguments, stdin)
    assert ran.status in (0, 1, 2), arguments
    if ran.status == 1:
        line = ran.said.removesuffix("\n").rpartition("\n")[2]
        assert line.startswith("imdb-rnn: "), (arguments, ran.said[:500])
        assert line.isprintable(), (arguments, line[:500])
        assert len(line) < 1_500 + 3 * sum(map(len, arguments)), (arguments, line[:500])
    if ran.status == 2:
        assert "Usage: imdb-rnn" in ran.said, (arguments, ran.said[:500])
    assert "Traceback" not in ran.said
    return ran


@st.composite
def command_lines(draw: st.DrawFn, saved: Path) -> list[str]:
    """A command with options and arguments of its own, in any order, with good and bad values."""
    name = draw(st.sampled_from(NAMES))
    values = st.one_of(
        WORDS, st.sampled_from([str(saved), str(saved), "reviews.txt", "empty.txt", "bytes.bin", ".", "new", "new.png"])
    )
    arguments: list[str] = [str(saved)] if draw(st.booleans()) else []
    params = [param for param in COMMANDS.commands[name].params if param.param_type_name == "option"]
    for _ in range(draw(st.integers(0, 4))):
        option = draw(st.sampled_from(params))
        arguments.append(draw(st.sampled_from(option.opts)))
        if not option.is_flag:
            arguments.append(draw(st.one_of(GOOD, values)))
    arguments += draw(st.lists(values, max_size=2))
    return [name, *arguments, *LAST.get(name, [])]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzzing")
    (folder / "reviews.txt").write_text("A good film\n\nnot bad at all\n", encoding="utf-8")
    (folder / "empty.txt").touch()
    (folder / "bytes.bin").write_bytes(bytes(range(256)))
    return folder


def test_any_arguments_of_a_command_end_with_a_documented_status(saved: Path, workplace: Path) -> None:
    before, statuses = folder_digest(saved), set()

    @settings(max_examples=150, derandomize=True, database=None, deadline=None, suppress_health_check=[*HealthCheck])
    @given(arguments=command_lines(saved), stdin=st.one_of(st.just(b""), st.binary(max_size=30)))
    def check_one(arguments: list[str], stdin: bytes) -> None:
        statuses.add(check(arguments, stdin).status)

    with working_in(workplace):
        check_one()
    assert folder_digest(saved) == before
    assert statuses == {0, 1, 2}


def test_any_texts_instead_of_a_command_end_with_a_documented_status(workplace: Path) -> None:
    @settings(max_examples=100, derandomize=True, database=None, deadline=None)
    @given(arguments=st.lists(WORDS, max_size=4))
    def check_one(arguments: list[str]) -> None:
        if arguments[:1] and arguments[0] not in COMMANDS.commands:
            check(arguments)

    with working_in(workplace):
        check_one()


def test_any_text_gets_a_score_or_a_reason(saved: Path, workplace: Path) -> None:
    @settings(max_examples=50, derandomize=True, database=None, deadline=None)
    @given(text=WORDS, lang=st.sampled_from(["en", "ko"]))
    def check_one(text: str, lang: str) -> None:
        ran = check(["predict", str(saved), f"--lang={lang}", "--", text])
        assert (ran.status == 0) == ("%" in ran.output)
        line = ran.output.removesuffix("\n")
        assert line.isprintable() or not line

    with working_in(workplace):
        check_one()


def test_any_text_instead_of_a_folder_or_file_is_refused_in_one_line(saved: Path, workplace: Path) -> None:
    @settings(max_examples=60, derandomize=True, database=None, deadline=None)
    @given(
        text=WORDS,
        line=st.sampled_from([["evaluate", "TEXT"], ["predict", "SAVED", "--file", "TEXT"], ["data", "TEXT"]]),
    )
    def check_one(text: str, line: list[str]) -> None:
        if not text.startswith("-") and text not in ("", "auto", "imdb", "tfds", "synthetic"):
            arguments = [{"TEXT": text, "SAVED": str(saved)}.get(argument, argument) for argument in line]
            # A pattern needs --out.
            wrong = line[0] == "predict" and is_pattern(Path(text))
            assert check(arguments).status == (2 if wrong else 1)

    with working_in(workplace):
        check_one()
