"""What a score is made of, word by word: exactly what the model says of the review cut short, and without the word."""

import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from imdb_rnn import Classifier, Explanation, Prediction, ReviewError, Training, explain
from imdb_rnn.inference.explanation import (
    MAX_EXPLAINED_WORDS,
    colour_of,
    for_terminal,
    record_of,
    strongest,
    to_html,
    write_page,
)

TEXT = "It wasn’t <b>good</b>, it was AWFUL & dull👎 — xyzzy!"
WORDS = ["It", "wasn’t", "b", "good", "b", "it", "was", "AWFUL", "dull", "xyzzy"]


@pytest.fixture(scope="module")
def classifier(trained: tuple[Path, Training]) -> Classifier:
    return Classifier.load(trained[0])


@pytest.fixture(scope="module")
def explanation(classifier: Classifier) -> Explanation:
    return explain(classifier, TEXT)


def explained(text: str, scores: list[float], contributions: list[float]) -> Explanation:
    """An explanation with given numbers, so that what is shown can be written out here."""
    spans = [match.span() for match in re.finditer(r"[\w\xad]+", text)]
    prediction = Prediction(text, scores[-1], "positive" if scores[-1] > 0.5 else "negative")
    return Explanation(prediction, spans, np.array(scores), np.array(contributions))


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


# --- Colours ---


def test_no_contribution_is_white_a_positive_one_green_a_negative_one_red() -> None:
    assert colour_of(0.0) == (255, 255, 255)
    assert colour_of(1.0) == (46, 160, 90)
    assert colour_of(-1.0) == (220, 80, 60)


def test_a_contribution_of_more_than_one_logit_has_the_full_colour() -> None:
    assert colour_of(7.5) == colour_of(1.0)
    assert colour_of(-7.5) == colour_of(-1.0)


@pytest.mark.parametrize(("sign", "full"), [(1, (46, 160, 90)), (-1, (220, 80, 60))])
@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.8])
def test_the_colour_grows_evenly_with_the_contribution(sign: int, full: tuple[int, int, int], share: float) -> None:
    for shade, end in zip(colour_of(sign * share), full, strict=True):
        assert shade == pytest.approx(255 * (1 - share) + end * share, abs=0.5)


# --- The strongest words ---


def test_the_strongest_words_are_those_that_contribute_most_in_either_direction() -> None:
    found = explained("the good but awful end", [0.5] * 5, [0.1, 0.7, -0.2, -1.5, 0.0])
    assert [found.words[position] for position in strongest(found)] == ["awful", "good", "but", "the", "end"]


def test_no_more_than_five_words_are_named() -> None:
    assert strongest(explained("a b c d e f g", [0.5] * 7, [1, 2, 3, 4, 5, 6, 7])) == [6, 5, 4, 3, 2]


def test_a_word_that_occurs_several_times_is_named_once_where_it_is_strongest() -> None:
    found = explained("Good bad GOOD film good", [0.5] * 5, [0.3, -0.2, 0.9, 0.1, -0.8])
    assert strongest(found) == [2, 1, 3]


def test_words_that_contribute_equally_are_named_in_their_order() -> None:
    words = [f"w{i}" for i in range(60)]
    assert strongest(explained(" ".join(words), [0.5] * 60, [0.5, -0.4] * 30)) == [0, 2, 4, 6, 8]


# --- In a terminal ---


def in_terminal(found: Explanation, width: int = 60) -> str:
    from rich.console import Console

    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(for_terminal(found, width))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.split("\n"))


def test_all_that_a_terminal_shows() -> None:
    found = explained(
        "A good film, but\nan AWFUL\x1bend.", [0.4, 0.99, 1.0, 0.6, 0.51, 0.2, 0], [0, 2, 0.05, 0, 0, -1.504, 0]
    )
    assert in_terminal(found) == (
        "A good film, but an AWFUL end.\n"
        "\n"
        "Score after each word, from ▁ (negative) to █ (positive)\n"
        "▄██▅▅▂▁\n"
        "\n"
        "Contribution of the strongest words, in logits\n"
        "good                 +2.00\n"
        "AWFUL                -1.50\n"
        "film                 +0.05\n"
        "A                    +0.00\n"
        "but                  +0.00\n"
    )


def test_each_word_in_a_terminal_has_the_colour_of_its_contribution_and_nothing_else_has() -> None:
    from rich.console import Console

    console = Console(width=60, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(for_terminal(explained("good, bad", [0.9, 0.5], [1.5, -1.5]), 60))
    lines = console.file.getvalue().split("\n")  # type: ignore[attr-defined]
    assert lines[0] == "\x1b[30;48;2;46;160;90mgood\x1b[0m, \x1b[30;48;2;220;80;60mbad\x1b[0m"
    dim = [line for line in lines if "\x1b[2m" in line]
    assert [re.sub(r"\x1b\[\d*m", "", line).split(",")[0] for line in dim] == [
        "Score after each word",
        "Contribution of the strongest words",
    ]
    assert all("\x1b" not in line for line in lines[1:] if line not in dim)


def test_the_bars_stand_for_eighths_of_the_score() -> None:
    scores = [0.0, 0.124, 0.126, 0.26, 0.4, 0.55, 0.7, 0.8, 0.874, 0.876, 1.0]
    found = explained(" ".join(f"w{i}" for i in range(11)), scores, [0.0] * 11)
    assert in_terminal(found).split("\n")[3] == "▁▁▂▃▄▅▆▇▇██"


def test_a_long_review_shows_the_score_after_evenly_spaced_words_with_the_first_and_the_last() -> None:
    scores = [0.0, 1.0, 1.0, 0.2, 1.0, 1.0, 1.0, 0.45, 1.0, 1.0, 0.7]
    found = explained(" ".join(f"w{i}" for i in range(11)), scores, [0.0] * 11)
    (bars,) = [text for text in map(str, for_terminal(found, 4).renderables) if text and set(text) <= set("▁▂▃▄▅▆▇█")]
    assert bars == "▁▂▄▆"


def test_characters_that_control_a_terminal_are_shown_as_spaces() -> None:
    shown = in_terminal(explained("won\xadderful \x1b[31m film\x07", [0.9, 0.9, 0.9], [0.5, 0.1, 0.2]))
    assert "won derful           +0.50" in shown
    assert not {"\x1b", "\x07", "\xad"} & set(shown)


# --- As a page ---


def test_the_page_colours_each_word_and_says_what_it_contributes() -> None:
    page = to_html(explained("A <good> film & end", [0.4, 0.975, 0.6, 0.25], [0, 2, 0.05, -1.5]))
    spans = re.findall(r'<span style="background: (.*?)" title="(.*?)">(.*?)</span>', page)
    assert spans == [
        ("rgb(255, 255, 255)", "+0.00; 40 % positive after this word", "A"),
        ("rgb(46, 160, 90)", "+2.00; 98 % positive after this word", "good"),
        ("rgb(245, 250, 247)", "+0.05; 60 % positive after this word", "film"),
        ("rgb(220, 80, 60)", "-1.50; 25 % positive after this word", "end"),
    ]
    assert "<title>negative, 25.0 % positive</title>" in page
    assert "<h1>negative: 25.0 % positive</h1>" in page


def test_a_page_begins_and_ends_with_what_the_review_begins_and_ends_with() -> None:
    page = to_html(explained("“Good”, he said …", [0.4, 0.5, 0.6], [0, 2, -3]))
    (review,) = re.findall(r'<div class="review">(.*)</div>', page)
    assert re.sub(r"<.*?>", "", review) == "“Good”, he said …"


def test_the_page_draws_the_score_after_each_word_from_the_top() -> None:
    """SVG counts downwards, so that a score of 1 has the height 0."""
    page = to_html(explained("A good film", [0.4, 1.0, 0.0], [0, 2, -3]))
    (points,) = re.findall(r'points="(.*?) ?"', page)
    assert points.split() == ["0.5,0.6000", "1.5,0.0000", "2.5,1.0000"]
    assert '<svg viewBox="0 0 3 1"' in page
    assert 'aria-label="The score after each word; it ends at 0 %"' in page


def test_the_page_lists_the_strongest_words() -> None:
    page = to_html(explained("A good film, A bad end", [0.5] * 6, [0.04, 2, 0.1, 0.03, -1.5, 0.2]))
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td></tr>", page)
    assert rows == [("good", "+2.00"), ("bad", "-1.50"), ("end", "+0.20"), ("film", "+0.10"), ("A", "+0.04")]


def test_a_written_page_is_the_page_in_utf_8(explanation: Explanation, tmp_path: Path) -> None:
    write_page(explanation, tmp_path / "page.html")
    content = (tmp_path / "page.html").read_bytes()
    assert content.decode("utf-8") == to_html(explanation)
    assert content.startswith(b"<!doctype html>")
    assert "👎".encode() in content


# --- As JSON ---


def test_all_that_json_says() -> None:
    found = explained("A good film", [0.5, 0.75, 0.625], [0, 1.5, -0.25])
    assert record_of(found) == {
        "text": "A good film",
        "score": 0.625,
        "label": "positive",
        "words": [
            {"word": "A", "score_after": 0.5, "contribution": 0.0},
            {"word": "good", "score_after": 0.75, "contribution": 1.5},
            {"word": "film", "score_after": 0.625, "contribution": -0.25},
        ],
    }


@pytest.mark.parametrize("show", [lambda found: for_terminal(found, 80), to_html, record_of])
def test_an_explanation_with_a_number_too_few_is_not_shown(show: Callable[[Explanation], object]) -> None:
    whole = explained("A good film", [0.5, 0.75, 0.625], [0, 1.5, -0.25])
    with pytest.raises(ValueError, match="shorter"):
        show(whole._replace(contributions=whole.contributions[:2]))
