"""The page that the documentation's front page embeds is the one that `imdb-rnn export` writes today."""

import json
import re

from backends_test.environments import ROOT
from backends_test.front_page import PAGE, without_model
from backends_test.tests.core.conftest import DATA
from imdb_rnn import Classifier
from imdb_rnn.exporting.page import page_of

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
