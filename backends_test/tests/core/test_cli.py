"""The command line without a backend: results on standard output, one line for an error, nothing of the user's lost."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from backends_test.tests.command_line import PROGRAM, Run, assert_refused
from imdb_rnn import __version__
from imdb_rnn.inference.bundle import read_manifest, write
from imdb_rnn.samples import SAMPLES

LINES = ["A good film.", "", "touché !", "😀", "A bad film.", "  ", "good " * 100_001, "good\0film and bad"]


UNREAD = [1, 2, 3, 5, 6]


NOTES = ["A good film.", "Good, but\nlong", "", "'Good', they say"]


@pytest.mark.parametrize(
    "source", ["npz:/tmp/evil.npz", "folder:/etc", "auto", "", "imdb\n", "synthetic\x1b[31m", "unknown"]
)
def test_a_path_that_only_a_folder_names_is_not_opened(run_here: Run, saved: Path, tmp_path: Path, source: str) -> None:
    folder = shutil.copytree(saved, tmp_path / "model")
    write(folder, replace(read_manifest(folder), source=source), {})
    status, output, said = run_here("evaluate", folder)
    assert (status, output) == (1, "")
    assert said.count("\n") == 1
    assert (
        "Bad `data`. Expected: a source of reviews, because the model was not trained on one of imdb, tfds, synthetic."
        in said
    )
    assert f"Received: None, and a model trained on {source!r}." in said
    assert "\x1b" not in said


def test_predict_gives_json_for_machines(run_here: Run, saved: Path) -> None:
    completed = run_here("predict", saved, "A good film.", "A bad film. 😀", "--json")
    assert completed.status == 0, completed.said
    first, second = json.loads(completed.output)
    assert list(first) == list(second) == ["text", "score", "label", "reason"]
    assert first["reason"] is None
    assert (first["text"], second["text"]) == ("A good film.", "A bad film. 😀")
    assert isinstance(first["score"], float)
    assert first["label"] in ("positive", "negative")


def test_predict_shows_a_line_a_review_in_the_form_of_the_tutorial(run_here: Run, saved: Path) -> None:
    text = "A wonderful film that everyone should see, and soon."
    score = json.loads(run_here("predict", saved, text, "--json").output)[0]["score"]
    face, english, korean = ("😀", "positive", "긍정") if score > 0.5 else ("💥", "negative", "부정")
    sure = f"{max(score, 1 - score):.1%}"
    assert run_here("predict", saved, text).output == f"A wonderful film that everyone…  {face} {english} {sure}\n"
    assert run_here("predict", saved, text, "--lang", "ko").output.endswith(f"{face} {korean} {sure}\n")


def test_every_line_of_the_input_has_its_row_in_order(run_here: Run, saved: Path) -> None:
    completed = run_here("predict", saved, "--json", stdin=("\n".join(LINES) + "\n").encode())
    assert completed.status == 0
    records = json.loads(completed.output)
    assert [record["text"] for record in records] == LINES
    assert [number for number, record in enumerate(records) if record["score"] is None] == UNREAD
    assert completed.said == "imdb-rnn: 5 of 8 lines could not be read and have no score.\n"
    for number, record in enumerate(records):
        assert list(record) == ["text", "score", "label", "reason"]
        if number in UNREAD:
            assert record["label"] is None
            assert isinstance(record["reason"], str)
        else:  # as if it were alone
            assert record["reason"] is None
            (alone,) = json.loads(run_here("predict", saved, "--json", stdin=LINES[number].encode()).output)
            assert record == {**alone, "score": pytest.approx(alone["score"], abs=1e-6)}


def test_a_line_that_cannot_be_read_has_a_row_in_words_too(run_process: Run, saved: Path) -> None:
    for lang, unread in (("en", "no score"), ("ko", "점수 없음")):
        completed = run_process("predict", saved, "--lang", lang, stdin="A good film.\n\n😀\n".encode())
        assert completed.status == 0
        read, *others = completed.output.splitlines()
        assert others == [f"{'':<31}  {unread}: no word", f"{'😀':<31}  {unread}: no word"]
        assert read[:33] == f"{'A good film.':<31}  "
        assert read.endswith("%")
        assert completed.said.count("\n") == 1


def test_lines_can_be_all_that_cannot_be_read(run_here: Run, saved: Path) -> None:
    status, output, said = run_here("predict", saved, "--json", stdin=b"\n\n")
    assert status == 0
    assert [(record["text"], record["score"]) for record in json.loads(output)] == [("", None), ("", None)]
    assert said == "imdb-rnn: 2 of 2 lines could not be read and have no score.\n"


def test_a_strict_prediction_stops_at_the_first_line_that_cannot_be_read(run_process: Run, saved: Path) -> None:
    for more in ([], ["--json"]):
        status, output, said = run_process("predict", saved, "--strict", *more, stdin="good\nbad\n😀\n\n".encode())
        assert (status, output) == (1, "")
        assert said.startswith(
            "imdb-rnn: Cannot read line 3 of standard input. Expected: a review. Received: no word: "
        )
        assert said.count("\n") == 1
    assert run_process("predict", saved, "--strict", stdin=b"good\nbad\n").status == 0


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_a_text_file_of_any_system_is_read_by_lines(
    run_here: Run, saved: Path, tmp_path: Path, end: str, encoding: str
) -> None:
    lines = ["A good film.", "", "Naïve, but not bad", "bad"]
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "reviews.txt").write_bytes((mark + "".join(line + end for line in lines)).encode(encoding))
    expected = json.loads(run_here("predict", saved, "--json", stdin="\n".join(lines).encode()).output)
    assert [record["text"] for record in expected] == lines
    from_file = run_here("predict", saved, "--file", tmp_path / "reviews.txt", "--json")
    assert json.loads(from_file.output) == expected


TABLES = {
    "commas.dat": "id,text\n" + "".join(f'{number},"{note}"\n' for number, note in enumerate(NOTES)),
    "european.txt": "id;text\n" + "".join(f'{number};"{note}"\n' for number, note in enumerate(NOTES)),
    "tabs.tsv": "id\ttext\n" + "".join(f'{number}\t"{note}"\n' for number, note in enumerate(NOTES)),
    "lines.txt": "".join(json.dumps({"id": number, "text": note}) + "\n" for number, note in enumerate(NOTES)),
    "document.JSON": json.dumps([{"id": number, "text": note} for number, note in enumerate(NOTES)], indent=1),
}


@pytest.mark.parametrize("name", [name for name in TABLES if name != "document.JSON"])
def test_a_table_is_read_as_one_whatever_its_name(run_here: Run, saved: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TABLES[name], encoding="utf-8")
    records = json.loads(run_here("predict", saved, "--file", name, "--json").output)
    assert [(int(record["id"]), record["text"]) for record in records] == list(enumerate(NOTES))
    assert [record["score"] is None for record in records] == [note == "" for note in NOTES]
    assert json.loads(run_here("predict", saved, "--json", stdin=TABLES[name].encode()).output) == records


def test_a_json_document_is_refused_with_a_command_that_makes_json_lines_of_it(
    run_here: Run, saved: Path, tmp_path: Path
) -> None:
    (tmp_path / "document.JSON").write_text(TABLES["document.JSON"], encoding="utf-8")
    status, output, said = run_here("predict", saved, "--file", "document.JSON")
    assert (status, output) == (1, "")
    assert said.count("\n") == said.count("Expected: ") == 1, said
    piped = run_here("predict", saved, stdin=TABLES["document.JSON"].encode())
    assert piped == (1, "", said.replace("document.JSON", "standard input"))
    command = said[said.index(" -c ") :].replace("FILE", "document.JSON")
    subprocess.run(sys.executable + command, shell=True, cwd=tmp_path, check=True)  # noqa: S602 (our own command)
    records = json.loads(run_here("predict", saved, "--file", "reviews.jsonl", "--json").output)
    assert [record["text"] for record in records] == NOTES


def test_samples_are_shown_beside_what_is_expected(run_here: Run, saved: Path) -> None:
    records = json.loads(run_here("predict", saved, "--samples", "--json").output)
    assert [(record["text"], record["expected"]) for record in records] == list(SAMPLES)
    assert {tuple(record) for record in records} == {("text", "score", "label", "reason", "expected")}
    shown = run_here("predict", saved, "--samples").output.splitlines()
    assert len(shown) == len(SAMPLES) + 1 == 11
    right = sum(record["label"] == record["expected"] for record in records)
    assert shown[-1] == f"{right}/10 as expected"
    assert sum(line.endswith("✗") for line in shown) == 10 - right


def test_control_characters_of_a_review_do_not_reach_the_terminal(run_here: Run, saved: Path) -> None:
    completed = run_here("predict", saved, "good\x1b[31m film")
    assert completed.status == 0, completed.said
    assert "\x1b" not in completed.output
    assert completed.output.startswith("good [31m film")


def test_explain_shows_every_word_and_writes_a_page(run_here: Run, saved: Path, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    found = json.loads(run_here("explain", saved, "A good\x1b[31m film.", "--html", page, "--json").output)
    assert [word["word"] for word in found["words"]] == ["A", "good", "31m", "film"]
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    shown = run_here("explain", saved, "A good\x1b[31m film.").output
    assert "A good [31m film." in shown
    assert "\x1b" not in shown


def test_data_shows_what_a_source_holds(run_here: Run, reviews_folder: Path) -> None:
    found = json.loads(run_here("data", f"folder:{reviews_folder}", "--json").output)
    assert found["train"] == {"reviews": 60, "positive": 30, "mean_words": 8.0, "longest": 8}
    assert found["test"]["reviews"] == 20
    assert found["first_review"] == {"label": "positive", "text": "this film number 0 is good and good"}
    shown = run_here("data", f"folder:{reviews_folder}").output
    assert "60 reviews, 30 positive, 8.0 words on average, 8 in the longest" in shown
    assert found["fingerprint"] in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate", "none"), "Cannot load none. Expected: a folder saved by `imdb-rnn train --out`."),
        (("predict", "none", "good"), "Cannot load none."),
        (("predict", "filled", "good"), "Cannot read filled/best-embedding-config.json."),
        (("predict", "SAVED", ""), "Received: no word: ''."),
        (("predict", "SAVED", "😀"), "Received: no word: '😀'."),
        (("predict", "SAVED", "good", "😀"), "Bad review 2 of 2."),
        (("predict", "SAVED"), "Cannot read standard input. Expected: reviews, one per line. Received: none."),
        (("predict", "SAVED", "--file", "none.txt"), "Cannot read none.txt."),
        (
            ("predict", "SAVED", "--file", "bytes.txt", "--strict"),
            "Cannot read line 2 of bytes.txt. Expected: a review. Received: no word: ''.",
        ),
        (("predict", "SAVED", "--file", "prose.csv"), "Expected: a table with the column 'text'. Received: one with"),
        (("explain", "SAVED", ""), "Received: no word: ''."),
        (("explain", "SAVED", "good " * 2_001), "Expected: at most 2,000 words. Received: 2,001."),
        (("explain", "SAVED", "good", "--html", "filled/file.txt"), "file.txt already exists and is not an HTML page"),
        (("explain", "SAVED", "good", "--html", "none/why.html"), "Cannot write the page none/why.html."),
        (("plot", "none", "-o", "curve.png"), "Cannot read none/history.json."),
        (("plot", "SAVED", "-o", "none/curve.png"), "Cannot draw"),
        (("plot", "SAVED", "-o", "filled"), "Cannot draw"),
        (("plot", "SAVED", "-o", "filled/file.txt"), "file.txt already exists and is not a PNG picture"),
        (("data", "folder:" + "x" * 300), "Cannot read 'folder:xxx"),
        (("data", "folder:~nosuchuser/reviews"), "Cannot read 'folder:~nosuchuser/reviews'."),
        (("predict", "x" * 300, "good"), "Received: no such folder."),
        (("predict", "SAVED", "--file", "filled"), "Cannot read filled."),
        (("data", "npz:bytes.txt"), "Received: no such file."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_gives_one_line_and_changes_nothing(
    run_here: Run, saved: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert_refused(run_here, saved, tmp_path, arguments, message)


def test_a_saved_model_predicts_without_a_backend(run_process: Run, saved: Path) -> None:
    completed = run_process("predict", saved, "good", KERAS_BACKEND=None)
    assert completed.status == 0
    assert completed.said == ""


@pytest.mark.parametrize(
    "arguments", [("fly",), ("train", "--speed", "9"), ("predict",), ("evaluate", ".", "--split", "x")]
)
def test_a_command_that_is_not_understood_exits_with_2(run_here: Run, arguments: tuple[str, ...]) -> None:
    status, output, said = run_here(*arguments)
    assert (status, output) == (2, "")
    assert "Usage: " in said


def test_help_needs_no_backend(run_process: Run) -> None:
    completed = run_process("train", "--help", KERAS_BACKEND=None)
    assert completed.status == 0
    assert "--batch-size" in completed.output


def loaded(said: str) -> set[str]:
    """The packages that a process imported, as PYTHONPROFILEIMPORTTIME=1 makes it write to standard error."""
    return {line.rpartition("|")[2].strip().split(".")[0] for line in said.splitlines()}


def test_the_version_is_said_without_keras_and_numpy(run_process: Run) -> None:
    completed = run_process("--version", KERAS_BACKEND=None, PYTHONPROFILEIMPORTTIME="1")
    assert (completed.status, completed.output) == (0, f"imdb-rnn {__version__}\n")
    assert "typer" in loaded(completed.said)
    assert not {"keras", "numpy"} & loaded(completed.said)
    assert run_process("--version").said == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("imdb-rnn tr", {"train"}),
        ("imdb-rnn --v", {"--version"}),
        ("imdb-rnn --version ex", {"explain", "export"}),
        ("imdb-rnn train --e", {"--epochs"}),
        ("imdb-rnn train --", {"--data", "--out", "--recipe", "--epochs", "--help"}),
        ("imdb-rnn train --recipe ", {"robust", "tutorial"}),
        ("imdb-rnn train --recipe r", {"robust"}),
    ],
)
def test_shells_complete_a_line_without_keras_and_numpy(
    run_process: Run, shell: str, line: str, words: set[str]
) -> None:
    completed = run_process(
        KERAS_BACKEND=None,
        PYTHONPROFILEIMPORTTIME="1",
        _IMDB_RNN_COMPLETE=f"complete_{shell}",
        # for bash
        COMP_WORDS=line,
        COMP_CWORD=str(line.count(" ")),
        # for zsh and fish
        _TYPER_COMPLETE_ARGS=line,
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )
    assert completed.status == 0, completed.said
    # A word a line; zsh puts a command before the first, and all but bash what it means behind each.
    found = re.findall(r"^(?:_arguments '\*: :\(\()?\"?([\w-]+)", completed.output, re.M)
    assert words <= set(found) if line.endswith("--") else words == set(found)
    assert not {"keras", "numpy"} & loaded(completed.said)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_once_completion_is_installed(tmp_path: Path) -> None:
    program = tmp_path / "imdb-rnn"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{PROGRAM}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = (
        "imdb-rnn --install-completion >&2; source ~/.bashrc; complete -p imdb-rnn >&2; "
        'COMP_WORDS=(imdb-rnn train --recipe t); COMP_CWORD=3; _imdb_rnn_completion imdb-rnn; echo "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    completed = subprocess.run(
        ["bash", "--norc", "-c", script],  # noqa: S607
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert completed.stdout == "tutorial\n", completed.stderr
    assert "-F _imdb_rnn_completion imdb-rnn" in completed.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("train", "--help"), ("data", "FOLDER")])
def test_output_that_cannot_be_written_is_one_line(reviews_folder: Path, arguments: tuple[str, ...]) -> None:
    source = f"folder:{reviews_folder}"
    with Path("/dev/full").open("w") as full:
        completed = subprocess.run(
            [sys.executable, "-c", PROGRAM, *(source if argument == "FOLDER" else argument for argument in arguments)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
            timeout=120,
            check=False,
        )
    assert completed.returncode == 1
    assert completed.stderr.startswith("imdb-rnn: I/O error: ")
    assert completed.stderr.count("\n") == 1
