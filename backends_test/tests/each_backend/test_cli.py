"""The command line: results on standard output, one line for an error, no traceback, nothing of the user's lost."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from imdb_rnn import Classifier, Corpus, Training, __version__, corpora
from imdb_rnn.cli import main
from imdb_rnn.corpora.synthetic import make_texts
from imdb_rnn.inference.bundle import read_manifest, write
from imdb_rnn.samples import SAMPLES


class Ran(NamedTuple):
    """What a command did: its exit status, and what it wrote to standard output and to standard error."""

    status: int
    output: str
    said: str


Run = Callable[..., Ran]
PROGRAM = "from imdb_rnn.cli import main; main()"


@pytest.fixture(scope="module")
def reviews_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own folder of reviews: 60 to train on, 20 to test on."""
    folder = tmp_path_factory.mktemp("reviews")
    words = {"pos": ["good", "great", "fun"], "neg": ["bad", "poor", "dull"]}
    for split, count in (("train", 30), ("test", 10)):
        for label, choices in words.items():
            (folder / split / label).mkdir(parents=True)
            for number in range(count):
                text = f"This film number {number % 4} is {choices[number % 3]} and {choices[number // 3 % 3]}."
                (folder / split / label / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def run_process(tmp_path: Path) -> Run:
    """Run `imdb-rnn` as a user does; keywords set environment variables, None unsets one."""

    def run(*arguments: object, stdin: bytes = b"", **environment: str | None) -> Ran:
        settings = {**os.environ, "COLUMNS": "120", **environment}
        completed = subprocess.run(
            [sys.executable, "-c", PROGRAM, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env={name: value for name, value in settings.items() if value is not None},
            cwd=tmp_path,
            timeout=600,
            check=False,
        )
        return Ran(completed.returncode, completed.stdout.decode(), completed.stderr.decode())

    return run


@pytest.fixture
def run_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `imdb-rnn` in this process, which saves the start of one."""

    def run(*arguments: object, stdin: bytes = b"") -> Ran:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["imdb-rnn", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as left:
            main()
        assert isinstance(left.value.code, int)
        return Ran(left.value.code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def saved(trained: tuple[Path, Training]) -> Path:
    return trained[0]


def test_train_ends_with_one_json_object(run_process: Run, reviews_folder: Path, tmp_path: Path, backend: str) -> None:
    out = tmp_path / "model"
    completed = run_process(
        "train", "--data", f"folder:{reviews_folder}", "--out", out, "--epochs", 3, "--seed", 7, "--json"
    )
    assert completed.status == 0, completed.said
    result = json.loads(completed.output)
    assert completed.output.count("\n") == 1
    assert result["backend"] == backend
    assert result["parameters"] == {"embedding": 160048, "simple_rnn": 200, "dense": 9}
    assert result["data"]["source"] == f"folder:{reviews_folder}"
    assert len(result["data"]["fingerprint"]) == 64
    assert result["seed"] == 7
    assert 1 <= result["best_epoch"] <= 3
    assert {"val_loss", "val_accuracy", "test_loss", "test_accuracy", "seconds"} <= set(result)
    assert "epoch 1  loss 0." in completed.said  # plain lines, as standard error is no terminal
    assert "\x1b" not in completed.said

    again = run_process("evaluate", out, "--data", f"folder:{reviews_folder}", "--split", "val", "--json")
    assert json.loads(again.output)["loss"] == pytest.approx(result["val_loss"], abs=1e-5)
    in_words = run_process("evaluate", out, "--data", f"folder:{reviews_folder}")
    assert in_words.output == (
        f"folder:{reviews_folder}, test: loss {result['test_loss']:.4f}, accuracy {result['test_accuracy']:.4f}\n"
    )


def test_train_says_where_everything_lies(run_process: Run, reviews_folder: Path, tmp_path: Path) -> None:
    completed = run_process("train", "--data", f"folder:{reviews_folder}", "--epochs", 1)
    assert completed.status == 0, completed.said
    assert (tmp_path / "imdb-model" / "manifest.json").is_file()
    for said in ("best epoch     1 of 1", "saved in       imdb-model", "best-embedding-model.keras", "history.png"):
        assert said in completed.output


def test_a_model_can_be_evaluated_on_reviews_of_other_words(run_here: Run, saved: Path, reviews_folder: Path) -> None:
    completed = run_here("evaluate", saved, "--data", f"folder:{reviews_folder}", "--split", "val", "--json")
    assert completed.status == 0, completed.said
    assert 0 <= json.loads(completed.output)["accuracy"] <= 1
    assert "does not hold what the model was trained on" in completed.said


@pytest.mark.parametrize(
    "source", ["npz:/tmp/evil.npz", "folder:/etc", "auto", "", "imdb\n", "synthetic\x1b[31m", "unknown"]
)
def test_a_path_that_only_a_folder_names_is_not_opened(run_here: Run, saved: Path, tmp_path: Path, source: str) -> None:
    folder = shutil.copytree(saved, tmp_path / "model")
    manifest = read_manifest(folder)
    manifest["data"]["source"] = source
    write(folder, manifest, {})
    status, output, said = run_here("evaluate", folder)
    assert (status, output) == (1, "")
    assert said.count("\n") == 1
    assert "Expected: --data SOURCE, for a folder that names none of imdb, tfds, synthetic." in said
    assert f"a folder trained on {source!r}, which is not opened by itself" in said
    assert "\x1b" not in said


def test_what_a_folder_was_trained_on_is_evaluated_where_it_has_a_known_place(
    run_here: Run, saved: Path, small_corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def load(source: str) -> Corpus:
        asked.append(source)
        return small_corpus

    monkeypatch.setattr(corpora, "load_reviews", load)
    completed = run_here("evaluate", saved, "--json")
    assert completed.status == 0, completed.said
    assert json.loads(completed.output)["data"] == {"source": "synthetic", "fingerprint": "small"}
    assert asked == ["synthetic"]


def test_weights_that_overflow_are_one_line_and_never_a_score(
    run_here: Run, saved: Path, reviews_folder: Path, tmp_path: Path
) -> None:
    classifier = Classifier.load(saved)
    classifier.model.set_weights([np.full_like(array, 3e38) for array in classifier.weights()])
    classifier.save(tmp_path / "huge")
    for arguments in (
        ("predict", "good"),
        ("predict", "good", "--json"),
        ("predict", "--samples"),
        ("explain", "good"),
        ("explain", "good", "--json"),
        ("evaluate", "--data", f"folder:{reviews_folder}", "--json"),
    ):
        status, output, said = run_here(arguments[0], tmp_path / "huge", *arguments[1:])
        assert (status, output) == (1, "")
        assert said.startswith("imdb-rnn: Cannot read with this model. Expected: scores that are numbers.")
        assert said.count("\n") == 1


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


LINES = ["A good film.", "", "touché !", "😀", "A bad film.", "  ", "good " * 100_001, "good\0film and bad"]
UNREAD = [1, 2, 3, 5, 6]


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


NOTES = ["A good film.", "Good, but\nlong", "", "'Good', they say"]
TABLES = {
    "commas.dat": "id,text\n" + "".join(f'{number},"{note}"\n' for number, note in enumerate(NOTES)),
    "european.txt": "id;text\n" + "".join(f'{number};"{note}"\n' for number, note in enumerate(NOTES)),
    "tabs.tsv": "id\ttext\n" + "".join(f'{number}\t"{note}"\n' for number, note in enumerate(NOTES)),
    "lines.txt": "".join(json.dumps({"id": number, "text": note}) + "\n" for number, note in enumerate(NOTES)),
    "document.JSON": json.dumps([{"id": number, "text": note} for number, note in enumerate(NOTES)], indent=1),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_refused_with_a_command_that_makes_a_text_file_of_it(
    run_here: Run, saved: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text(TABLES[name], encoding="utf-8")
    status, output, said = run_here("predict", saved, "--file", name)
    assert (status, output) == (1, "")
    assert said.count("\n") == said.count("Expected: ") == 1, said
    assert " with the columns id, text. Write its column of reviews to a text file: python -c" in said
    piped = run_here("predict", saved, stdin=TABLES[name].encode())
    assert piped == (1, "", said.replace(name, "standard input"))
    command = said[said.index(" -c ") :].replace("FILE", name).replace("COLUMN", "text")
    subprocess.run(sys.executable + command, shell=True, cwd=tmp_path, check=True)  # noqa: S602 (our own command)
    records = json.loads(run_here("predict", saved, "--file", "reviews.txt", "--json").output)
    assert [record["text"] for record in records] == [" ".join(note.split()) for note in NOTES]


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


def test_summary_shows_layers_and_parameters(run_here: Run) -> None:
    assert json.loads(run_here("summary", "--json").output) == {"embedding": 160048, "simple_rnn": 200, "dense": 9}
    one_hot = run_here("summary", "--encoder", "one_hot", "--num-words", "500")
    assert "4,072" in one_hot.output
    assert "160,257" in run_here("summary").output


def test_plot_draws_the_history_again(run_here: Run, saved: Path, tmp_path: Path) -> None:
    completed = run_here("plot", saved, "-o", tmp_path / "curve.png", "--json")
    assert completed.status == 0, completed.said
    assert json.loads(completed.output) == {"picture": str(tmp_path / "curve.png")}
    assert (tmp_path / "curve.png").read_bytes() == (saved / "history.png").read_bytes()


def test_data_shows_what_a_source_holds(run_here: Run, reviews_folder: Path) -> None:
    found = json.loads(run_here("data", f"folder:{reviews_folder}", "--json").output)
    assert found["train"] == {"reviews": 60, "positive": 30, "mean_words": 8.0, "longest": 8}
    assert found["test"]["reviews"] == 20
    assert found["first_review"] == {"label": "positive", "text": "this film number 0 is good and good"}
    shown = run_here("data", f"folder:{reviews_folder}").output
    assert "60 reviews, 30 positive, 8.0 words on average, 8 in the longest" in shown
    assert found["fingerprint"] in shown


def test_encoders_are_shown_side_by_side(run_here: Run, reviews_folder: Path) -> None:
    arguments = ("encoders", "--data", f"folder:{reviews_folder}", "--epochs", 1, "--num-words", 40)
    embedding, one_hot = json.loads(run_here(*arguments, "--json").output)
    assert (embedding["encoder"], one_hot["encoder"]) == ("embedding", "one_hot")
    assert embedding["parameters"] == (40 + 3) * 16 + 200 + 9
    assert one_hot["parameters"] == 40 * 8 + 64 + 8 + 9
    assert (embedding["bytes_a_sample"], one_hot["bytes_a_sample"]) == (100 * 16 * 4, 100 * 40 * 4)
    assert "16,000" in run_here(*arguments).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--data", "nowhere"), "Bad source of reviews. Expected: one of auto, imdb, tfds"),
        (("train", "--data", "npz:none.npz"), "none.npz. Received: none there."),
        (("train", "--data", "folder:none"), "Received: train/pos is not there."),
        (("train", "--data", "synthetic", "--epochs", "0"), "Bad `epochs`. Expected: a whole number of at least 1."),
        (("train", "--data", "synthetic", "--seed", "-1"), "Bad `seed`. Expected: a whole number of at least 0."),
        (("train", "--data", "synthetic", "--out", "filled"), "Expected: a new or an empty folder."),
        (("train", "--data", "synthetic", "--out", "filled/file.txt"), "Cannot save to filled/file.txt."),
        (("train", "--data", "synthetic", "--out", "/proc/none"), "Expected: a folder that can be written."),
        (("evaluate", "none"), "Cannot load none. Expected: a folder saved by `imdb-rnn train --out`."),
        (("predict", "none", "good"), "Cannot load none."),
        (("predict", "filled", "good"), "Cannot read filled/best-embedding-config.json."),
        (("predict", "SAVED", ""), "Received: no word: ''."),
        (("predict", "SAVED", "😀"), "Received: no word: '😀'."),
        (("predict", "SAVED", "good", "😀"), "Bad review 2 of 2."),
        (("predict", "SAVED"), "Cannot read standard input. Expected: reviews, one a line. Received: none."),
        (("predict", "SAVED", "--file", "none.txt"), "Cannot read none.txt."),
        (
            ("predict", "SAVED", "--file", "bytes.txt"),
            "Expected: reviews in UTF-8, one a line. Received: a byte 0xe9 in line 3, which is not UTF-8",
        ),
        (
            ("predict", "SAVED", "--file", "prose.csv"),
            "Cannot read prose.csv. Expected: reviews in UTF-8, one a line. Re",
        ),
        (("predict", "SAVED", "good", "--samples"), "Received: more than one of them."),
        (("explain", "SAVED", ""), "Received: no word: ''."),
        (("explain", "SAVED", "good " * 2_001), "Expected: at most 2,000 words. Received: 2,001."),
        (("explain", "SAVED", "good", "--html", "filled/file.txt"), "file.txt is there already, and is no page"),
        (("explain", "SAVED", "good", "--html", "none/why.html"), "Cannot write the page none/why.html."),
        (("plot", "none", "-o", "curve.png"), "Cannot read none/history.json."),
        (("plot", "SAVED", "-o", "none/curve.png"), "Cannot draw"),
        (("plot", "SAVED", "-o", "filled"), "Cannot draw"),
        (("plot", "SAVED", "-o", "filled/file.txt"), "file.txt is there already, and is no picture"),
        (("train", "--data", "synthetic", "--out", "x" * 300), "Cannot save to xxx"),
        (("train", "--data", "nowhere", "--out", "new/deep/model"), "Bad source of reviews."),
        (("data", "folder:" + "x" * 300), "Cannot read 'folder:xxx"),
        (("data", "folder:~nosuchuser/reviews"), "Cannot read 'folder:~nosuchuser/reviews'."),
        (("predict", "x" * 300, "good"), "Received: no such folder."),
        (("predict", "SAVED", "--file", "filled"), "Cannot read filled."),
        (("data", "npz:bytes.txt"), "Received: none there."),
        (("summary", "--num-words", "1"), "Bad `num_words`. Expected: a whole number of at least 5. Received: 1."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_gives_one_line_and_changes_nothing(
    run_here: Run, saved: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled" / "file.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "prose.csv").write_text("A good film", encoding="utf-8")
    (tmp_path / "bytes.txt").write_bytes(b"good\n\ncaf\xe9\n\xe9")
    before = sorted(tmp_path.rglob("*"))
    status, output, said = run_here(*(saved if argument == "SAVED" else argument for argument in arguments))
    assert status == 1
    assert output == ""
    assert said.startswith("imdb-rnn: ")
    assert said.count("\n") == 1, said
    assert message in said
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "filled" / "file.txt").read_text(encoding="utf-8") == "mine"


def test_an_unknown_backend_is_an_error_of_every_command_that_needs_one_and_says_what_to_type(
    run_process: Run, saved: Path, backend: str
) -> None:
    for arguments in (("train", "--data", "synthetic"), ("evaluate", saved, "--data", "synthetic"), ("summary",)):
        completed = run_process(*arguments, KERAS_BACKEND="theano")
        assert completed.status == 1
        assert completed.output == ""
        assert completed.said.count("\n") == 1, completed.said
        assert "Expected: one of jax, torch, tensorflow, or to predict only numpy, openvino. " in completed.said
        assert f"Received: 'theano'. Installed here: {backend}." in completed.said


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


@pytest.fixture(scope="module")
def many_reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of reviews that takes every backend some seconds to learn."""
    folder = tmp_path_factory.mktemp("many")
    for split, part in zip(("train", "test"), make_texts(6_000, 200), strict=True):
        for label in ("neg", "pos"):
            (folder / split / label).mkdir(parents=True)
        for number, (text, positive) in enumerate(zip(*part, strict=True)):
            file = folder / split / ("pos" if positive else "neg") / f"{number}.txt"
            file.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_killed_training_leaves_a_folder_that_predicts(
    run_process: Run, many_reviews: Path, tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    out = tmp_path / "model"
    arguments = ["train", "--data", f"folder:{many_reviews}", "--out", str(out)]
    # What a shell starts in the background ignores interrupts, and so would its child.
    program = f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{PROGRAM}"
    with subprocess.Popen([sys.executable, "-c", program, *arguments], stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 300
        while not (out / "manifest.json").is_file() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(sent)
        _, said = process.communicate(timeout=120)
    assert process.returncode == status, said
    if sent == signal.SIGINT:
        assert f"The best model so far is in {out}." in said
        assert "Traceback" not in said
    completed = run_process("predict", out, "A good film.", "--json")
    assert completed.status == 0, completed.said
    assert not list(out.glob(".*")) or sent == signal.SIGKILL


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
        ("imdb-rnn --version ex", {"explain"}),
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
    assert completed.stderr.startswith("imdb-rnn: Cannot go on. Expected: files and streams that work.")
    assert completed.stderr.count("\n") == 1
