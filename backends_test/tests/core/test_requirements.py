"""Without extras, the package reads files, predicts and explains, and says what else to install in one line.

Each process finds the packages of the extras missing, whether they are installed here or not.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from backends_test.tests.command_line import PROGRAM
from imdb_rnn import Training

WITHOUT_EXTRAS = """
import sys
for name in ("keras", "jax", "torch", "tensorflow", "openvino", "h5py", "matplotlib", "scipy", "sklearn", "pandas"):
    sys.modules[name] = None
"""


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_EXTRAS + program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "SAVED", "A good film.", "--json"),
        ("predict", "SAVED", "--samples"),
        ("explain", "SAVED", "A good film."),
        ("data", "FOLDER"),
        ("--help",),
        ("train", "--help"),
    ],
    ids=" ".join,
)
def test_commands_that_do_not_train_need_no_extra(
    trained: tuple[Path, Training], reviews_folder: Path, arguments: tuple[str, ...]
) -> None:
    places = {"SAVED": trained[0], "FOLDER": f"folder:{reviews_folder}"}
    completed = run(PROGRAM, *(places.get(argument, argument) for argument in arguments))
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == ""


def test_a_page_that_explains_a_review_needs_no_extra(trained: tuple[Path, Training], tmp_path: Path) -> None:
    completed = run(PROGRAM, "explain", trained[0], "A good film.", "--html", tmp_path / "why.html")
    assert completed.returncode == 0, completed.stderr
    assert (tmp_path / "why.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [(("train", "--data", "FOLDER"), "scipy"), (("plot", "SAVED", "-o", "curve.png"), "matplotlib")],
    ids=["train", "plot"],
)
def test_a_command_that_needs_an_extra_says_so_in_one_line(
    trained: tuple[Path, Training], reviews_folder: Path, tmp_path: Path, arguments: tuple[str, ...], missing: str
) -> None:
    places = {"SAVED": trained[0], "FOLDER": f"folder:{reviews_folder}", "curve.png": tmp_path / "curve.png"}
    completed = run(PROGRAM, *(places.get(argument, argument) for argument in arguments))
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr.count("\n") == 1
    assert f"Cannot import {missing}" in completed.stderr
    assert 'pip install "imdb_rnn[jax]"' in completed.stderr


@pytest.mark.parametrize(("name", "missing"), [("ReviewClassifier", "sklearn"), ("train", "scipy")])
def test_a_name_that_needs_an_extra_says_so(name: str, missing: str) -> None:
    completed = run(
        f"import imdb_rnn\ntry:\n    imdb_rnn.{name}\nexcept imdb_rnn.MissingPackageError as e:\n    print(e)"
    )
    assert completed.stdout.startswith(f"Cannot import {missing}. Expected: the packages of an extra of imdb_rnn.")
