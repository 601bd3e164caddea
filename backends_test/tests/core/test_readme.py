"""Both READMEs show the figures of committed runs, and say the same."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from backends_test.environments import ROOT
from backends_test.markdown import replace_table
from benchmarks import readme, recipes
from imdb_rnn import Corpus

ENGLISH, KOREAN = (path.read_text(encoding="utf-8") for path in (ROOT / "README.md", ROOT / "README.ko.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def code_of(text: str) -> list[tuple[str, str]]:
    """The language and the code of each block, without comments and `--lang ko`."""
    return [
        (language, re.sub(r"( +# .*| --lang ko)$", "", code, flags=re.MULTILINE))
        for language, code in BLOCK.findall(text)
    ]


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda path: path.name)
def test_the_table_of_results_is_that_of_the_committed_runs(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert replace_table(text, "results", readme.table(page)) == text, "run: python -P -m benchmarks.readme"


def test_both_readmes_show_the_same_code() -> None:
    korean = [
        (language, code.replace("긍정", "positive").replace("부정", "negative")) for language, code in code_of(KOREAN)
    ]
    assert code_of(ENGLISH) == korean
    assert len(korean) > 5


def test_both_readmes_have_the_same_sections_links_and_figures() -> None:
    for pattern in (r"^(#+) ", r"\]\(([^)]+)\)", r"^\| .*\|$"):
        english, korean = (re.findall(pattern, text, re.MULTILINE) for text in (ENGLISH, KOREAN))
        assert len(english) == len(korean) > 5
    links = [
        re.findall(r"\]\(([^)]+)\)", text)[1:] for text in (ENGLISH, KOREAN)
    ]  # the first leads to the other README
    assert links[0] == links[1]
    prose = (BLOCK.sub("", text) for text in (ENGLISH, KOREAN))
    english_figures, korean_figures = (sorted(re.findall(r"\d[\d.,]*\d|\d", text)) for text in prose)
    assert [figure for figure in english_figures if figure not in korean_figures] == []
    assert [figure for figure in korean_figures if figure not in english_figures] == []


def test_every_command_is_shown() -> None:
    from imdb_rnn.cli import app

    for command in app.registered_commands:
        name = command.name or command.callback.__name__  # type: ignore[union-attr]
        assert f"imdb-rnn {name}" in ENGLISH


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


def test_the_tables_of_recipes_are_those_of_the_committed_runs() -> None:
    text = recipes.PAGE.read_text(encoding="utf-8")
    runs = json.loads(recipes.RESULTS.read_text(encoding="utf-8"))
    assert recipes.renew(text, runs) == text
    assert "| robust, TensorFlow |" in text
    assert recipes.renew(text, [run for run in runs if run["backend"] != "tensorflow"]) != text
