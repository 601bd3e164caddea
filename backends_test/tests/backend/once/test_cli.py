"""The command line where Keras trains: what needs a backend, whichever it is."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from backends_test.tests.command_line import INTERRUPTIBLE, PROGRAM, Run, assert_refused
from imdb_rnn import Classifier, Corpus
from imdb_rnn.corpora.synthetic import make_texts
from imdb_rnn.training import evaluation


def test_train_says_where_everything_lies(run_process: Run, reviews_folder: Path, tmp_path: Path) -> None:
    completed = run_process("train", "--data", f"folder:{reviews_folder}", "--epochs", 1)
    assert completed.status == 0, completed.said
    assert (tmp_path / "imdb-model" / "manifest.json").is_file()
    for said in ("best epoch     1 of 1", "saved in       imdb-model", "best-embedding-model.keras", "history.png"):
        assert said in completed.output


def test_a_training_needs_no_open_streams(reviews_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, "train", "--data", f"folder:{reviews_folder}", "--epochs", "1"]
    closed = ["bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash", *command, "--out", "model"]
    assert subprocess.run(closed, cwd=tmp_path, check=False).returncode == 0
    assert (tmp_path / "model" / "manifest.json").is_file()


def test_a_model_can_be_evaluated_on_reviews_of_other_words(
    run_here: Run, saved: Path, reviews_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    completed = run_here("evaluate", saved, "--data", f"folder:{reviews_folder}", "--split", "val", "--json")
    assert completed.status == 0, completed.said
    assert 0 <= json.loads(completed.output)["accuracy"] <= 1
    assert "does not hold the reviews that the model was trained on" in caplog.text


def test_what_a_folder_was_trained_on_is_evaluated_where_it_has_a_known_place(
    run_here: Run, saved: Path, small_corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def load(source: str) -> Corpus:
        asked.append(source)
        return small_corpus

    monkeypatch.setattr(evaluation, "load_reviews", load)
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
        assert said.startswith("imdb-rnn: Cannot predict with this model. Expected: finite scores.")
        assert said.count("\n") == 1


def test_encoders_are_shown_side_by_side(run_here: Run, reviews_folder: Path) -> None:
    arguments = ("encoders", "--data", f"folder:{reviews_folder}", "--epochs", 1, "--num-words", 40)
    embedding, one_hot = json.loads(run_here(*arguments, "--json").output)
    assert (embedding["encoder"], one_hot["encoder"]) == ("embedding", "one_hot")
    assert embedding["parameters"] == (40 + 3) * 16 + 200 + 9
    assert one_hot["parameters"] == 40 * 8 + 64 + 8 + 9
    assert (embedding["bytes_per_sample"], one_hot["bytes_per_sample"]) == (100 * 16 * 4, 100 * 40 * 4)
    assert "16,000" in run_here(*arguments).output


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
    command = [sys.executable, "-c", INTERRUPTIBLE, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--data", "nowhere"), "Bad source of reviews. Expected: one of auto, imdb, tfds"),
        (("train", "--data", "npz:none.npz"), "none.npz. Received: no such file."),
        (("train", "--data", "folder:none"), "Received: train/pos does not exist."),
        (("train", "--data", "synthetic", "--epochs", "0"), "Bad `epochs`. Expected: a whole number of at least 1."),
        (("train", "--data", "synthetic", "--seed", "-1"), "Bad `seed`. Expected: a whole number of at least 0."),
        (("train", "--data", "synthetic", "--out", "filled"), "Expected: a new or an empty folder."),
        (("train", "--data", "synthetic", "--out", "filled/file.txt"), "Cannot save to filled/file.txt."),
        (("train", "--data", "synthetic", "--out", "/proc/none"), "Expected: a folder that can be written."),
        (("train", "--data", "synthetic", "--out", "x" * 300), "Cannot save to xxx"),
        (("train", "--data", "nowhere", "--out", "new/deep/model"), "Bad source of reviews."),
        (("summary", "--num-words", "1"), "Bad `num_words`. Expected: a whole number of at least 5. Received: 1."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_gives_one_line_and_changes_nothing(
    run_here: Run, saved: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert_refused(run_here, saved, tmp_path, arguments, message)


def test_plot_draws_the_history_again(run_here: Run, saved: Path, tmp_path: Path) -> None:
    completed = run_here("plot", saved, "-o", tmp_path / "curve.png", "--json")
    assert completed.status == 0, completed.said
    assert json.loads(completed.output) == {"picture": str(tmp_path / "curve.png")}
    assert (tmp_path / "curve.png").read_bytes() == (saved / "history.png").read_bytes()
