"""The exported page in the documentation: it is the one of today, and its times are those of the committed run."""

import json
import re

from backends_test.environments import ROOT
from backends_test.front_page import PAGE, without_model
from backends_test.markdown import replace_table
from backends_test.tests.core.conftest import DATA
from benchmarks import exported_page
from imdb_rnn import Classifier
from imdb_rnn.exporting.page import page_of

MEASURED = json.loads(exported_page.RESULTS.read_text(encoding="utf-8"))
RENEW = "run: KERAS_BACKEND=jax python -P -m backends_test.front_page"


def model_of(page: str) -> dict[str, object]:
    found = re.search(r'id="model">([^<]*)', page)
    assert found
    model: dict[str, object] = json.loads(found[1])
    return model


def test_the_committed_page_has_the_text_the_style_and_the_script_of_today() -> None:
    committed, today = PAGE.read_text(encoding="utf-8"), page_of(Classifier.load(DATA / "robust"))
    assert without_model(committed) == without_model(today), RENEW
    assert model_of(committed).keys() == model_of(today).keys(), RENEW
    assert model_of(committed)["samples"] == model_of(today)["samples"], RENEW


def test_the_front_page_embeds_it() -> None:
    assert f'src="{PAGE.name}"' in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")


def test_the_times_are_those_of_the_committed_run() -> None:
    text = exported_page.PAGE.read_text(encoding="utf-8")
    assert replace_table(text, "exported-page", exported_page.table(MEASURED)) == text


def test_a_thousand_words_were_explained_in_a_tenth_of_a_second() -> None:
    (milliseconds,) = (row["explain"] for row in MEASURED["milliseconds"] if row["words"] == 1_000)
    assert milliseconds < 100
    assert MEASURED["page_bytes"] < 2_000_000
