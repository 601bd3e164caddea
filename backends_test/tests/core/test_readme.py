"""What the READMEs say is so: figures are those of committed runs, names and examples those of the library."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends_test.environments import ROOT
from benchmarks import recipes
from imdb_rnn import Corpus, Training
from imdb_rnn.backends import TRAINING_BACKENDS
from imdb_rnn.corpora import SOURCES
from imdb_rnn.inference.bundle import CONFIG_FILE, MODEL_FILE

READMES = [ROOT / "README.md", ROOT / "README.ko.md"]
NAMES = {"jax": "JAX", "torch": "PyTorch", "tensorflow": "TensorFlow"}


def committed(backend: str) -> dict[str, Any]:
    """The manifest of `KERAS_BACKEND=… imdb-rnn train --data imdb`, as committed."""
    content: dict[str, Any] = json.loads((ROOT / "backends_test" / "results" / f"imdb-{backend}.json").read_text())
    return content


@pytest.mark.parametrize("backend", TRAINING_BACKENDS)
@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_the_table_of_results_is_that_of_the_committed_runs(readme: Path, backend: str) -> None:
    run = committed(backend)
    assert run["complete"]
    assert run["data"]["source"] == "imdb"
    row = (
        f"| {NAMES[backend]} {run['versions'][backend]} | {run['val_accuracy']:.4f} | {run['test_accuracy']:.4f} "
        f"| {run['best_epoch']} / {run['epochs']} |"
    )
    assert row in readme.read_text(encoding="utf-8"), f"{readme.name} lacks the row {row}"


def test_every_source_is_in_the_table_of_sources() -> None:
    text = READMES[0].read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z:A-Z]+)` \|", text.split("Where reviews come from")[1], re.M)[: len(SOURCES)] == [
        *SOURCES
    ]


def test_every_command_is_shown() -> None:
    from imdb_rnn.cli import app

    text = READMES[0].read_text(encoding="utf-8")
    for command in app.registered_commands:
        name = command.name or command.callback.__name__  # type: ignore[union-attr]
        assert f"imdb-rnn {name}" in text


def test_the_readmes_own_loading_code_runs(
    trained: tuple[Path, Training], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"```python\n(import json\n.*?)```", READMES[0].read_text(encoding="utf-8"), re.S)
    assert MODEL_FILE in block
    assert CONFIG_FILE in block
    (tmp_path / "my-model").symlink_to(trained[0])
    monkeypatch.chdir(tmp_path)
    exec(block, {})  # noqa: S102 (our own README)
    assert re.search(r"\[\[0\.\d+\]\]", capsys.readouterr().out)


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_links_and_pictures_lead_somewhere(readme: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", readme.read_text(encoding="utf-8"))
    assert targets
    for target in targets:
        assert (ROOT / target).is_file(), target


def test_recipes_are_chosen_by_the_reviews_of_lowest_number(imdb: Corpus, imdb_data: Path) -> None:
    learn, aside = recipes.split_films(imdb.train)
    assert (len(learn), len(aside), aside.labels.sum()) == (20_000, 5_000, 2_500)
    chosen = {aside[i].tobytes() for i in range(len(aside))}
    with np.load(imdb_data / "imdb.npz", allow_pickle=True) as file:  # this folder's own file
        reviews = file["x_train"]
    # By number, sorted as text, a class begins with 0, 10000, …, 10009, 1000, and ends with 9999, 999, 99, 9.
    for place, is_chosen in {0: True, 1: False, 11: True, 12_496: False, 12_499: True, 12_500: True}.items():
        ids = np.array([1, *(rank + 3 for rank in reviews[place])], np.int32)
        assert (ids.tobytes() in chosen) is is_chosen


@pytest.mark.parametrize("page", recipes.TABLES, ids=lambda path: path.name)
def test_the_tables_of_recipes_are_those_of_the_committed_runs(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    runs = json.loads(recipes.RESULTS.read_text(encoding="utf-8"))
    assert recipes.renew(text, runs, recipes.TABLES[page]) == text
    assert "| robust, TensorFlow |" in text
    assert recipes.renew(text, [run for run in runs if run["backend"] != "tensorflow"], recipes.TABLES[page]) != text
