"""What a score is made of, word by word: exactly what the model says of the review cut short, and without the word."""

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from imdb_rnn import Classifier, Explanation, ReviewError, Training, explain
from imdb_rnn.inference.explanation import MAX_EXPLAINED_WORDS, for_terminal, record_of, to_html, write_page

TEXT = "It wasn’t <b>good</b>, it was AWFUL & dull👎 — xyzzy!"
WORDS = ["It", "wasn’t", "b", "good", "b", "it", "was", "AWFUL", "dull", "xyzzy"]


@pytest.fixture(scope="module")
def classifier(trained: tuple[Path, Training]) -> Classifier:
    return Classifier.load(trained[0])


@pytest.fixture(scope="module")
def explanation(classifier: Classifier) -> Explanation:
    return explain(classifier, TEXT)


def logit(score: float) -> float:
    return float(np.log(score) - np.log1p(-score))


def test_words_are_those_of_the_review_as_they_were_typed(explanation: Explanation) -> None:
    assert explanation.words == WORDS


@pytest.mark.parametrize("length", [1, 2, 11, 150, 260])
def test_scores_are_those_of_the_review_cut_short_and_contributions_what_leaving_a_word_out_takes(
    classifier: Classifier, length: int
) -> None:
    words = ([*WORDS, "film"] * 30)[:length]
    found = explain(classifier, " ".join(words))
    for position in {0, length // 2, length - 1}:
        grown = classifier.predict_review(" ".join(words[: position + 1])).score
        assert found.scores[position] == pytest.approx(grown, abs=1e-6)
        if length > 1:
            without = classifier.predict_review(" ".join(words[:position] + words[position + 1 :])).score
            lost = logit(found.prediction.score) - logit(without)
            assert found.contributions[position] == pytest.approx(lost, abs=1e-5)
    assert found.scores[-1] == pytest.approx(found.prediction.score, abs=1e-6)


def test_too_many_words_to_explain_are_refused(classifier: Classifier) -> None:
    assert len(explain(classifier, "good " * MAX_EXPLAINED_WORDS).words) == MAX_EXPLAINED_WORDS
    with pytest.raises(ReviewError, match=r"Expected: at most 2,000 words\. Received: 2,001\."):
        explain(classifier, "good " * (MAX_EXPLAINED_WORDS + 1))


def test_the_page_holds_the_review_unchanged_and_needs_nothing_else(explanation: Explanation) -> None:
    class Reader(HTMLParser):
        text, inside = "", 0

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.inside = 1 if ("class", "review") in attrs else self.inside + bool(self.inside)
            assert tag not in ("script", "link", "img", "b")

        def handle_endtag(self, tag: str) -> None:
            self.inside = max(self.inside - 1, 0)

        def handle_data(self, data: str) -> None:
            self.text += data if self.inside else ""

    page = to_html(explanation)
    reader = Reader()
    reader.feed(page)
    assert reader.text == TEXT
    assert not re.search(r"https?:|src=|@import", page)
    assert page.count("positive after this word") == len(WORDS)


def test_a_terminal_shows_the_review_and_a_bar_for_each_word(explanation: Explanation) -> None:
    from rich.console import Console

    console = Console(width=200, record=True, file=io.StringIO())
    console.print(for_terminal(explanation, 200))
    shown = console.export_text()
    assert TEXT in shown
    assert re.search(rf"^[▁▂▃▄▅▆▇█]{{{len(WORDS)}}}$", shown, re.MULTILINE)


def test_no_more_bars_than_columns_are_shown(classifier: Classifier) -> None:
    group = for_terminal(explain(classifier, "good " * 300), 80)
    bars = [text for text in map(str, group.renderables) if set(text) <= set("▁▂▃▄▅▆▇█") and text]
    assert [len(text) for text in bars] == [80]


def test_json_says_the_same(explanation: Explanation) -> None:
    found = json.loads(json.dumps(record_of(explanation)))
    assert [word["word"] for word in found["words"]] == WORDS
    assert found["score"] == explanation.prediction.score
    assert found["words"][3]["contribution"] == explanation.contributions[3]


def test_a_page_is_written_anew_but_nothing_else_is_overwritten(explanation: Explanation, tmp_path: Path) -> None:
    write_page(explanation, tmp_path / "page.html")
    write_page(explanation, tmp_path / "page.html")
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"mine\.txt already exists and is not an HTML page"):
        write_page(explanation, tmp_path / "mine.txt")
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"
