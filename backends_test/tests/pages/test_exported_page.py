"""The page that holds a classifier, in a real browser: its words, scores and explanations are those of the library."""

import base64
import hashlib
import html
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends_test import oracle
from backends_test.comparison.exports import ExportRow, leave
from imdb_rnn import Classifier, DataError, ModelError, Vocabulary, __version__, explain
from imdb_rnn.corpora import imdb, tfds
from imdb_rnn.exporting.page import page_of
from imdb_rnn.inference.classifier import MAX_REVIEW_WORDS
from imdb_rnn.inference.explanation import MAX_EXPLAINED_WORDS, strongest
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.samples import SAMPLES
from imdb_rnn.text.preprocessing import make_preprocessing
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import START
from imdb_rnn.text.windows import combine

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DATA = Path(__file__).parents[1] / "data"
NUM_WORDS = 10_000
# Of scores and logits, in float64: the order of the sums is not the same everywhere.
TOLERANCE = 1e-12
# `imdb_rnn.explain` computes in float32.
FLOAT32_TOLERANCE = 1e-5
# WCAG 2.1: least contrast of text, and of marks, with their background.
TEXT_CONTRAST, MARK_CONTRAST = 4.5, 3.0
CHUNK = 2_000

# JavaScript: texts of JSON as the page has them. Playwright cannot pass half of a surrogate pair otherwise.
ENCODE = "texts => texts.map(text => imdbRnn.encode(text).join(' '))"
ENCODE_UNITS = "texts => texts.map(units => imdbRnn.encode(String.fromCharCode(...units)))"
SPANS = "texts => texts.map(text => imdbRnn.spans(text))"
SPANS_UNITS = "texts => texts.map(units => imdbRnn.spans(String.fromCharCode(...units)))"
LOGITS = "reviews => reviews.map(review => imdbRnn.score(review).logit)"
EXPLANATIONS = """texts => texts.map(text => {
  const { scores, contributions, found } = imdbRnn.explain(text);
  return { scores, contributions, spans: found.map(({ begin, end }) => [begin, end]) };
})"""
# The colours of all texts and of what they stand on, mixed where one is transparent: [text, colour, background].
COLOURS = """() => {
  const parts = (colour) => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const behind = (one) => {
    if (!one) return [255, 255, 255];
    const [r, g, b, a] = parts(getComputedStyle(one).backgroundColor);
    if (a === 1) return [r, g, b];
    const below = behind(one.parentElement);
    return [r, g, b].map((part, i) => a * part + (1 - a) * below[i]);
  };
  const shown = (one) => one.getClientRects().length && getComputedStyle(one).visibility === "visible";
  return [...document.body.querySelectorAll("*")]
    .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) || one.value)
    .filter((one) => shown(one) && !one.matches(".spoken, script, :disabled"))
    .map((one) => [one.textContent || one.value, parts(getComputedStyle(one).color).slice(0, 3), behind(one)]);
}"""
# The text that a reader of the page sees or hears in the language of the interface.
OWN_TEXTS = """() => {
  const texts = [document.title];
  const walk = (one) => {
    if (one.nodeType === 3) texts.push(one.data);
    if (one.nodeType !== 1 || one.matches("script, style, noscript, [lang]:not(html)")) return;
    if (one.hasAttribute("aria-label")) texts.push(one.getAttribute("aria-label"));
    one.childNodes.forEach(walk);
  };
  walk(document.documentElement);
  return texts.map((text) => text.trim()).filter(Boolean);
}"""
FOCUSED = """() => {
  const one = document.activeElement;
  const focus = getComputedStyle(one);
  return [one.id || one.textContent, focus.outlineStyle !== "none" && parseFloat(focus.outlineWidth) >= 2];
}"""

HOSTILE = [
    "<img src=x onerror='globalThis.ran = 1'> a good film",
    "a good </script><script>globalThis.ran = 1</script> film",
    "a good film </textarea><svg onload=globalThis.ran=1>",
    "a \u202egood\u202c \u2067film\u2069 \u200f!",
    "javascript:globalThis.ran=1 {{7*7}} ${7*7} a good film &lt;b&gt;",
    "a\x00good\x85film\u2028and\u2029it\x1b[31m is",
]
HARD = [
    "",
    " \t\r\n\v\f",
    "didn`t `quoted` a`b`c ``x`` é`é 1`2 _`_ `",
    "\x80\x85\x91it\x92s\x93 \x99 \x81\x8d\x9f a\x85b \x9fx",
    "great👍🏽 👨‍👩‍👧 🇰🇷 1️⃣ ☕︎ ❤️ 🫨 🪿",
    "ก็ดีมาก ภาพยนตร์ ຫນັງ ရုပ်ရှင်",
    "재미있는 영화 한글ㅋㅋㅋ ㅤ각 \u115f\u1160 \uffa0",
    "ＦＵＬＬ ｗｉｄｔｈ＇ｓ ｇｏｏｄ ￥１００",
    "ﬁlm ﬂaw ﬃ ﷺ ㎏ ㌔ Ⅷ ⅷ ① ㊗ ℡ ℌ",
    "Straße STRASSE ẞ İstanbul ıI ΌΔΟΣ ὈΔΥΣΣΕΎΣ ς σ ſ K Å",
    "8½ ½ 1⁄2 ¼cup 3¾'s ²x x² ٣ ४ Ⅳ",
    "cafe\u0301 e\u0301\u0323 ｶﾞ \u0344 \u0f73 ﬆ \u0345a a\u0345 ᾳ ᾼ",
    "’tis ‘tis' 'tis'' it´s it՚s itꞌs itʼs ʹx′ ‵ ❛q❜ `",
    "na\u00adive\u200b in\u2060visible \ufeffx a\u180eb \u034f \u200d ﻿",
    "\ufffc \ufffd a\ufffdb \ue000 \U000f0000 \U0010ffff \U000e0001 \u0378 \ufdd0",
    "ǅ ǆ Ǆ ᲀ Ა Ꭰ ꭰ 𐐀 𞤀 𝐀 𝒜 𝟘",
    "a" * 5_000,
    "...!!!???",
    "<br /><br />A film.It's so-so",
]


@dataclass
class Opened:
    """A page in the browser, its console messages, and its requests."""

    page: "Page"
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


Open = Callable[..., Opened]


@pytest.fixture(scope="session")
def opened(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Write the page of a classifier, open it, and record messages and requests."""

    def visit(classifier: Classifier | str, width: int = 1280, scheme: Any = "light", locale: str = "en-US") -> Opened:
        text = classifier if isinstance(classifier, str) else page_of(classifier)
        path = tmp_path_factory.mktemp("page") / "page.html"
        path.write_text(text, encoding="utf-8")
        one = Opened(
            browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, locale=locale),
        )
        one.page.on("console", lambda message: one.complaints.append(message.text))
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        one.page.on("request", lambda request: one.requests.append(request.url))
        # Time is what a test makes of it: see `write`.
        one.page.clock.install(time=0)
        one.page.goto(path.as_uri())
        return one

    yield visit


@pytest.fixture(scope="session")
def robust() -> Classifier:
    """A trained model that reads windows."""
    return Classifier.load(DATA / "robust")


@pytest.fixture(scope="session")
def tutorial() -> Classifier:
    """A trained model that reads the last ids."""
    return Classifier.load(DATA / "tutorial")


@pytest.fixture(scope="session")
def page(opened: Open, robust: Classifier) -> "Page":
    """The page of `robust`, for tests that only call its functions."""
    return opened(robust).page


@pytest.fixture(scope="session")
def imdb_words() -> Vocabulary:
    """The words of a model of IMDB."""
    if not os.environ.get("IMDB_RNN_DATA"):
        pytest.skip("IMDB_RNN_DATA is not set")
    return Vocabulary.load(imdb.find(imdb.WORD_INDEX)).truncate(NUM_WORDS)


@pytest.fixture(scope="session")
def raw_reviews(imdb_words: Vocabulary) -> list[str]:
    """The 50,000 texts of IMDB."""
    try:
        folder = tfds.find_data_dir()
        return [text for split in ("train", "test") for text in tfds.read_texts(folder, split).texts]
    except DataError as error:
        pytest.skip(str(error))


def of_words(vocabulary: Vocabulary, max_len: int = 100, windows: bool = True, num_words: int = 0) -> Classifier:
    """A classifier with weights of the size of trained ones."""
    count = num_words or len(vocabulary) + START + 3
    random = np.random.default_rng(20)
    shapes = [((count + 3, 16), 0.4), ((16, 8), 0.4), ((8, 8), 0.35), ((8,), 0.2), ((8, 1), 1.0), ((1,), 0.2)]
    weights = [random.normal(0, scale, shape).astype(np.float32) for shape, scale in shapes]
    return Classifier(vocabulary, make_preprocessing(count, max_len, windows), Manifest(), weights=weights)


def as_read(classifier: Classifier, max_len: int, windows: bool) -> Classifier:
    """The same weights, with another way to cut rows."""
    preprocessing = make_preprocessing(classifier.num_words, max_len, windows)
    return Classifier(classifier.vocabulary, preprocessing, Manifest(), weights=classifier.weights())


def logits_of(classifier: Classifier, sequences: Iterable[Sequence[int]]) -> npt.NDArray[np.float64]:
    """The logits of ids by the oracle."""
    x, review = classifier.preprocessing.rows(EncodedReviews.from_sequences(sequences))
    logits = oracle.forward(oracle.Weights.of(classifier.weights()), x).logits[:, 0]
    return combine(logits, review)


def units_of(text: str) -> list[int]:
    """The UTF-16 units of a text."""
    return np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16).tolist()


def in_units(text: str, spans: list[tuple[int, int]]) -> list[list[int]]:
    """Positions counted in UTF-16 units."""
    before = np.concatenate([[0], np.cumsum([1 + (ord(character) > 0xFFFF) for character in text], dtype=int)])
    return [[int(before[begin]), int(before[end])] for begin, end in spans]


def contrast(one: list[float], other: list[float]) -> float:
    """The contrast of two colours, 1 to 21, as defined in WCAG 2.1."""

    def luminance(colour: list[float]) -> float:
        parts = [part / 255 for part in colour]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def percent(score: float) -> str:
    return f"{score:.1%}"


def write(page: "Page", text: str) -> None:
    """Write a review, and let the time pass in which the page shows it and tells of it."""
    page.locator("#review").fill(text)
    page.clock.run_for(2_000)


# ----------------------------------------------------------------------------------------------------------- the words


def assert_same_words(page: "Page", vocabulary: Vocabulary, texts: list[str]) -> None:
    units = [units_of(text) for text in texts]
    ids, spans = page.evaluate(ENCODE_UNITS, units), page.evaluate(SPANS_UNITS, units)
    for text, some_ids, some_spans in zip(texts, ids, spans, strict=True):
        assert some_ids == vocabulary.encode_typed(text), repr(text)
        assert some_spans == in_units(text, vocabulary.typed_spans(text)), repr(text)


@pytest.mark.parametrize("text", HARD + HOSTILE)
def test_texts_as_people_type_them_have_the_words_that_the_library_finds(
    page: "Page", robust: Classifier, text: str
) -> None:
    assert_same_words(page, robust.vocabulary, [text, f"a {text} film", f"good{text}good", text[::-1]])


def test_half_of_a_surrogate_pair_separates_words_as_in_the_library(page: "Page", robust: Classifier) -> None:
    texts = ["\ud800", "good\udc00film", "a\ud83dgood film", "`\ud800`", "a`\udc00 \ud800`a", "\U00010400`a"]
    assert_same_words(page, robust.vocabulary, texts)


ODD = sorted({character for text in HARD for character in text} - {" "})
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(ODD), st.sampled_from(" ' ` -"), st.characters(), st.sampled_from(["good", "Film", "it's"])
    ),
    max_size=25,
).map("".join)


@settings(max_examples=500, deadline=None)
@given(text=TEXTS)
def test_any_text_has_the_words_that_the_library_finds(page: "Page", robust: Classifier, text: str) -> None:
    assert_same_words(page, robust.vocabulary, [text])


def test_each_character_of_unicode_is_read_as_in_the_library(opened: Open) -> None:
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    # Of the ideographs and of the planes without assigned characters, a few suffice.
    characters = [one for one in characters if ord(one) < 0x20000 or ord(one) % 97 == 0 or one.casefold() != one]
    characters += map(chr, [*range(0x2F800, 0x2FA20), *range(0xE0000, 0xE0200)])
    # A word of one character is known, so that its normal form is seen, too.
    vocabulary = Vocabulary.from_texts([" ".join(characters)])
    one = opened(of_words(vocabulary)).page
    chunks = [characters[start : start + CHUNK] for start in range(0, len(characters), CHUNK)]
    texts = [" ".join(f"{each} x{each}'" for each in chunk) for chunk in chunks]
    for text in texts:
        expected = vocabulary.encode_typed(text)
        assert one.evaluate(ENCODE, [text]) == [" ".join(map(str, expected))]
        assert one.evaluate(SPANS, [text]) == [in_units(text, vocabulary.typed_spans(text))]


def test_the_words_of_all_imdb_reviews_are_those_of_the_library(
    opened: Open, imdb_words: Vocabulary, raw_reviews: list[str]
) -> None:
    one = opened(of_words(imdb_words)).page
    assert len(raw_reviews) == 50_000
    for start in range(0, len(raw_reviews), CHUNK):
        texts = raw_reviews[start : start + CHUNK]
        expected = [" ".join(map(str, imdb_words.encode_typed(text))) for text in texts]
        assert one.evaluate(ENCODE, texts) == expected
    texts = raw_reviews[::25]
    expected_spans = [in_units(text, imdb_words.typed_spans(text)) for text in texts]
    assert one.evaluate(SPANS, texts) == expected_spans


def test_a_vocabulary_of_any_words_is_read_as_it_is(opened: Open) -> None:
    words = ["</script>", "<!--<script>", "\u2028", "\r", "\x00", "한국어", "naïve", "👍", "😀", "\x85most", '"', "\\n"]
    words += [
        "</script ",
        "<!--<script ",
        "8½",
        "81⁄2",
        "café½",
        "strasse",
        "it's",
        "'",
        "__proto__",
        "constructor",
        "ß",
        "good",
        " ",
        "a b",
    ]
    classifier = of_words(Vocabulary(words))
    one = opened(classifier)
    texts = ["Cafe\u0301½ 8½ 8\u0301½ good 한국어 NAÏVE 👍🏽😀 Straße it’s ' __proto__ constructor", *HARD, *words]
    assert_same_words(one.page, classifier.vocabulary, texts)
    assert one.complaints == []


# ---------------------------------------------------------------------------------------------------------- the scores


def texts_of(classifier: Classifier, lengths: Sequence[int]) -> list[str]:
    """Texts of known and unknown words, of the given lengths."""
    random = np.random.default_rng(7)
    words = [*classifier.vocabulary.words[:300], "zxqv", "blorptown"]
    return [" ".join(["good", *random.choice(words, count - 1)]) for count in lengths]


@pytest.mark.parametrize("max_len", [1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize("windows", [True, False], ids=["windows", "last ids"])
def test_scores_are_those_of_the_oracle(opened: Open, robust: Classifier, max_len: int, windows: bool) -> None:
    classifier = as_read(robust, max_len, windows)
    one = opened(classifier).page
    texts = texts_of(classifier, [1, 2, 3, 4, 5, 6, 7, 98, 99, 100, 101, 147, 148, 149, 197, 198, 199, 700])
    expected = logits_of(classifier, map(classifier.vocabulary.encode_typed, texts))
    assert np.abs(np.array(one.evaluate(LOGITS, texts)) - expected).max() < TOLERANCE
    scores = one.evaluate("texts => texts.map(text => imdbRnn.score(text).score)", texts)
    predictions = classifier.predict_reviews(texts)
    assert np.allclose(scores, [prediction.score for prediction in predictions], rtol=0, atol=FLOAT32_TOLERANCE)
    ids = classifier.vocabulary.encode_typed(texts[-1])
    assert one.evaluate(LOGITS, [ids]) == one.evaluate(LOGITS, texts[-1:])
    one.close()


@pytest.mark.parametrize("windows", [True, False], ids=["windows", "last ids"])
def test_scores_of_imdb_reviews_are_those_of_the_oracle(
    opened: Open, browser: "Browser", imdb_words: Vocabulary, raw_reviews: list[str], tmp_path: Path, windows: bool
) -> None:
    classifier = of_words(imdb_words, windows=windows, num_words=NUM_WORDS)
    ordered = sorted(raw_reviews, key=len)
    texts = [*ordered[:20], *ordered[-20:], *raw_reviews[::47]]
    assert len(texts) > 1_000
    expected = logits_of(classifier, map(imdb_words.encode_typed, texts))
    assert expected.std() > 0.3  # otherwise, a mistake could be missed
    found = np.array(opened(classifier).page.evaluate(LOGITS, texts))
    assert np.abs(found - expected).max() < TOLERANCE
    if windows:
        difference = float(np.abs(oracle.sigmoid(found) - oracle.sigmoid(expected)).max())
        chromium = f"Chromium {browser.version}"
        row = ExportRow("HTML page", f"imdb_rnn {__version__}", chromium, len(texts), "imdb", difference, 1e-6)
        leave(Path(os.environ.get("IMDB_RNN_ARTEFACTS", tmp_path)) / "core", row)


def test_ids_that_the_model_does_not_have_are_read_as_unknown(opened: Open, robust: Classifier) -> None:
    preprocessing = make_preprocessing(50, 100, True)
    weights = [robust.weights()[0][:53], *robust.weights()[1:]]
    classifier = Classifier(robust.vocabulary, preprocessing, Manifest(), weights=weights)
    text = " ".join(robust.vocabulary.words[:100])
    one = opened(classifier).page
    expected = logits_of(classifier, [robust.vocabulary.encode_typed(text)])
    assert one.evaluate(LOGITS, [text]) == pytest.approx(expected, abs=TOLERANCE)
    assert one.evaluate("text => imdbRnn.score(text).known", text) == 100


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        ("", "noWord", 0),
        ("... 👍", "noWord", 0),
        ("재미있는 영화", "unknown", 2),
        ("a " * (MAX_REVIEW_WORDS + 1), "long", MAX_REVIEW_WORDS + 1),
    ],
    ids=["nothing", "no word", "unknown words", "too long"],
)
def test_a_text_without_a_score_has_a_reason(
    page: "Page", robust: Classifier, text: str, reason: str, words: int
) -> None:
    (unscored,) = robust.predict_reviews([text], on_error="skip")
    assert unscored.score is None
    result = page.evaluate("text => imdbRnn.score(text)", text)
    assert (result["reason"], result["words"]) == (reason, words)
    assert result["score"] is result["label"] is result["logit"] is None
    assert page.evaluate("text => imdbRnn.explain(text).scores", text) is None


def test_the_longest_text_that_is_read_has_the_score_of_the_library(page: "Page", robust: Classifier) -> None:
    text = "good film " * (MAX_REVIEW_WORDS // 2)
    prediction = robust.predict_review(text)
    assert page.evaluate("text => imdbRnn.score(text).score", text) == pytest.approx(prediction.score, abs=1e-5)


# ---------------------------------------------------------------------------------------------------- the explanations


def naive(classifier: Classifier, text: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The score after each word, and the contributions, each computed separately by the oracle."""
    ids = classifier.vocabulary.encode_typed(text)
    beginnings = logits_of(classifier, [ids[: stop + 1] for stop in range(1, len(ids))])
    without = logits_of(classifier, [ids[:left_out] + ids[left_out + 1 :] for left_out in range(1, len(ids))])
    return oracle.sigmoid(beginnings), beginnings[-1] - without


@pytest.mark.parametrize("max_len", [1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize("windows", [True, False], ids=["windows", "last ids"])
def test_explanations_are_those_of_the_library(opened: Open, robust: Classifier, max_len: int, windows: bool) -> None:
    classifier = as_read(robust, max_len, windows)
    one = opened(classifier).page
    texts = texts_of(classifier, [1, 2, 3, 4, 5, 6, 7, 11, 60, 98, 99, 100, 101, 102, 260])
    largest = 0.0
    for text, found in zip(texts, one.evaluate(EXPLANATIONS, texts), strict=True):
        scores, contributions = naive(classifier, text)
        assert np.abs(scores - found["scores"]).max() < TOLERANCE
        largest = max(largest, float(np.abs(contributions - found["contributions"]).max()))
        assert largest < TOLERANCE
        by_library = explain(classifier, text)
        assert found["spans"] == in_units(text, by_library.spans)
        assert np.allclose(found["scores"], by_library.scores, rtol=0, atol=FLOAT32_TOLERANCE)
        assert np.allclose(found["contributions"], by_library.contributions, rtol=0, atol=FLOAT32_TOLERANCE)
    print(f"largest difference of contributions with {max_len} ids per row: {largest:.1e}")
    one.close()


def test_the_tutorials_model_is_explained_as_by_the_library(opened: Open, tutorial: Classifier) -> None:
    texts = [*(text for text, _ in SAMPLES), *texts_of(tutorial, [150])]
    for text, found in zip(texts, opened(tutorial).page.evaluate(EXPLANATIONS, texts), strict=True):
        scores, contributions = naive(tutorial, text)
        assert np.abs(scores - found["scores"]).max() < TOLERANCE
        assert np.abs(contributions - found["contributions"]).max() < TOLERANCE


# ---------------------------------------------------------------------------------------------------------- no network


def test_the_page_asks_for_nothing_and_complains_of_nothing(opened: Open, robust: Classifier) -> None:
    one = opened(robust)
    write(one.page, "A terrible film.")
    one.page.get_by_role("button", name="한국어").click()
    one.page.clock.run_for(2_000)
    one.page.wait_for_load_state("networkidle")
    assert one.requests == [one.page.url]
    assert one.complaints == []
    stored = "() => [document.cookie, localStorage.length, sessionStorage.length]"
    assert one.page.evaluate(stored) == ["", 0, 0]


def test_the_policy_permits_exactly_the_script_and_the_style_of_the_page(robust: Classifier) -> None:
    text = page_of(robust)
    policy = html.unescape(re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1])
    hashes = {}
    for name in ("script", "style"):
        (content,) = re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        hashes[name] = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        f"script-src 'sha256-{hashes['script']}'",
        f"style-src 'sha256-{hashes['style']}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert text.index("Content-Security-Policy") < text.index("<style")
    (script,) = re.findall("<script>(.*?)</script>", text, re.DOTALL)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|\bFunction\b", script)
    assert not re.search(
        r"""\s(on\w+|style)=|<(link|img|iframe|form)\b(?! rel="icon" href="data:,")""", text.split("<script")[0]
    )


INJECT = """async () => {
  document.body.insertAdjacentHTML("beforeend", "<img src='data:,' onerror='globalThis.ran = 1'>");
  const script = document.createElement("script");
  script.textContent = "globalThis.ranScript = 1";
  document.body.append(script);
  document.body.insertAdjacentHTML("beforeend", "<i id='styled' style='color: rgb(1, 2, 3)'>x</i>");
  const asked = await fetch("data:,x").then(() => true, () => false);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const colour = getComputedStyle(document.getElementById("styled")).color;
  return [globalThis.ran === 1, globalThis.ranScript === 1, colour === "rgb(1, 2, 3)", asked];
}"""


def test_injected_code_runs_only_without_the_policy(opened: Open, robust: Classifier) -> None:
    text = page_of(robust)
    without = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    assert opened(without).page.evaluate(INJECT) == [True, True, True, True]
    assert opened(text).page.evaluate(INJECT) == [False, False, False, False]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_shown_as_text(opened: Open, robust: Classifier, text: str) -> None:
    one = opened(robust)
    write(one.page, text)
    assert one.page.locator("#words").evaluate("one => one.textContent") == text
    assert set(one.page.locator("#words *").evaluate_all("all => all.map(one => one.className.split(' ')[0])")) == {
        "word"
    }
    assert one.page.evaluate("globalThis.ran") is None
    assert one.complaints == []
    one.page.close()


def test_half_of_a_surrogate_pair_in_the_box_does_no_harm(opened: Open, robust: Classifier) -> None:
    one = opened(robust)
    one.page.evaluate(
        "() => { const box = document.querySelector('#review'); box.value = 'a good \\ud800 film \\udc00';"
        " box.dispatchEvent(new Event('input')); }"
    )
    one.page.clock.run_for(2_000)
    assert one.page.locator(".word").all_text_contents() == ["a", "good", "film"]
    assert one.complaints == []


def test_a_source_with_markup_is_shown_as_text(opened: Open, robust: Classifier) -> None:
    manifest = Manifest(source="</script><b id=bold>x</b>", test_accuracy=0.871)
    classifier = Classifier(robust.vocabulary, robust.preprocessing, manifest, weights=robust.weights())
    one = opened(classifier)
    assert "It was trained on “</script><b id=bold>x</b>”." in one.page.locator("#facts").inner_text()
    assert "It judges 87.1% of the test reviews correctly." in one.page.locator("#facts").inner_text()
    assert one.page.locator("#bold").count() == 0
    assert one.complaints == []


# ------------------------------------------------------------------------------------------------------- the interface


def test_the_verdict_follows_the_text(opened: Open, robust: Classifier) -> None:
    one = opened(robust).page
    for text, _ in SAMPLES:
        write(one, text)
        prediction = robust.predict_review(text)
        positive = prediction.label == "positive"
        probability = prediction.score if positive else 1 - prediction.score
        face = "😀" if positive else "💥"
        assert one.locator("#verdict").inner_text().split() == [face, prediction.label, percent(probability)]
        expected = explain(robust, text)
        assert one.locator(".word").all_text_contents() == expected.words
        rows = one.locator("#strongest tr th").all_text_contents()
        assert rows == [expected.words[position] for position in strongest(expected)]


def test_what_one_types_is_scored_without_a_button(opened: Open, robust: Classifier) -> None:
    one = opened(robust).page
    one.get_by_role("button", name="Clear").click()
    assert "Write a few words" in one.locator("#reason").inner_text()
    assert not one.get_by_role("heading", name="Word by word").is_visible()
    one.keyboard.type("terrible and boring")
    one.clock.run_for(500)
    assert one.locator(".word").count() == 3
    assert one.locator("#verdict").get_attribute("data-label") == "negative"
    assert one.locator("#count").inner_text() == "3 words"


def test_a_page_that_is_loaded_again_shows_what_is_in_its_box(opened: Open, robust: Classifier) -> None:
    one = opened(robust).page
    write(one, "terrible")
    one.reload()
    one.clock.run_for(2_000)
    assert one.locator("#words").inner_text() == one.locator("#review").input_value() == SAMPLES[0][0]


def test_unknown_words_are_marked_and_counted(opened: Open, robust: Classifier) -> None:
    one = opened(robust).page
    write(one, "a Zxqv good film by blorptown")
    assert one.locator(".word.unknown").all_text_contents() == ["Zxqv", "blorptown"]
    assert one.locator("#count").inner_text() == "6 words, 2 of them unknown to the model"
    write(one, "a " + "zxqv " * 20)
    assert "The model knows only 1 of the 21 words" in one.locator("#reason").inner_text()


def test_a_text_without_a_score_is_told_why(opened: Open, robust: Classifier) -> None:
    one = opened(robust).page
    for text, expected in [
        ("재미있는 영화", "No score: the model knows none of the 2 words. It reads English."),
        ("영화", "No score: the model does not know this word. It reads English."),
        ("a " * (MAX_REVIEW_WORDS + 1), "No score: the text has 100,001 words. At most 100,000 can be read."),
    ]:
        write(one, text)
        assert one.locator("#reason").inner_text() == expected
        assert one.locator("#verdict").inner_text().strip() == "…"
        assert not one.locator("#explanation").is_visible()


def test_a_long_text_is_scored_but_not_explained(opened: Open, robust: Classifier) -> None:
    one = opened(robust).page
    write(one, "good " * (MAX_EXPLAINED_WORDS + 1))
    assert one.locator("#too-long").inner_text() == "A text of more than 2,000 words is scored, but not explained."
    assert one.locator("#verdict").get_attribute("data-label") == "positive"
    assert not one.locator("#words").is_visible()
    write(one, "good " * MAX_EXPLAINED_WORDS)
    assert one.locator(".word").count() == MAX_EXPLAINED_WORDS
    assert one.locator("#too-long").inner_text() == ""


def test_everything_is_reached_by_keyboard_and_the_focus_is_seen(opened: Open, robust: Classifier) -> None:
    one = opened(robust).page
    seen = []
    for _ in range(14):
        one.keyboard.press("Tab")
        name, visible = one.evaluate(FOCUSED)
        assert visible, name
        seen.append(name)
    assert seen == ["language", "review", "clear", *(text for text, _ in SAMPLES), "A"]
    one.keyboard.press("Shift+Tab")
    one.keyboard.press("Enter")
    assert one.locator("#review").input_value() == SAMPLES[-1][0]
    one.keyboard.press("Tab")
    one.evaluate("addEventListener('keydown', (event) => { globalThis.scrolls = !event.defaultPrevented; })")
    one.keyboard.press("ArrowRight")
    one.keyboard.press("ArrowDown")
    assert one.evaluate("scrolls") is False
    assert one.evaluate(FOCUSED) == ["it", True]
    expected = explain(robust, SAMPLES[-1][0])
    sign = "−" if expected.contributions[2] < 0 else "+"
    assert one.locator("#detail").inner_text() == (
        f"“it” contributes {sign}{abs(expected.contributions[2]):.2f}. "
        f"After it, the review is {expected.scores[2]:.0%} positive."
    )
    assert one.get_by_role("option", selected=True).all_text_contents() == ["it"]
    one.keyboard.press("End")
    assert one.evaluate(FOCUSED)[0] == "it"
    assert one.locator(".word[tabindex='0']").count() == 1
    one.keyboard.press("Home")
    assert one.evaluate(FOCUSED)[0] == "I"
    one.keyboard.press("ArrowLeft")
    assert one.evaluate(FOCUSED)[0] == "I"
    one.keyboard.press("Tab")
    assert one.evaluate("document.activeElement.className") != "word"


def test_everything_has_a_role_and_a_name(opened: Open, robust: Classifier) -> None:
    one = opened(robust).page
    write(one, "A good film.")
    for role, name in [
        ("textbox", "Your review"),
        ("button", "Clear"),
        ("button", "한국어"),
        ("button", SAMPLES[3][0]),
        ("heading", "Did they like the film?"),
        ("heading", "Verdict"),
        ("heading", "Sample reviews"),
        ("heading", "Word by word"),
        ("region", "Verdict"),
        ("region", "Sample reviews"),
        ("region", "Word by word"),
        ("listbox", "Word by word"),
        ("table", "The strongest words"),
        ("rowheader", "good"),
    ]:
        assert one.get_by_role(role, name=name, exact=True).count() == 1, (role, name)
    for role in ("banner", "main", "contentinfo", "status"):
        assert one.get_by_role(role).count() == 1, role
    curve = one.get_by_role("img").get_attribute("aria-label")
    assert re.fullmatch(
        r"The score after each of 3 words\. It is between \d+% and \d+% positive, and ends at \d+%\.", curve
    )
    assert one.locator("h1").count() == 1


def test_a_screen_reader_hears_the_verdict_once_after_a_pause(opened: Open, robust: Classifier) -> None:
    one = opened(robust).page
    one.get_by_role("button", name="Clear").click()
    one.clock.pause_at(1_000_000)
    one.clock.run_for(2_000)
    assert one.get_by_role("status").inner_text() == "Write a few words, or choose a sample."
    one.evaluate(
        "() => { globalThis.heard = []; const status = document.querySelector('#status');"
        " new MutationObserver(() => heard.push(status.textContent)).observe(status, { childList: true }); }"
    )
    for letter in "what a terrible film":
        one.keyboard.type(letter)
        one.clock.run_for(500)
    assert one.evaluate("heard") == []
    one.clock.run_for(2_000)
    prediction = robust.predict_review("what a terrible film")
    assert one.evaluate("heard") == [f"negative, {percent(1 - prediction.score)}."]


def test_both_languages_have_the_same_strings(page: "Page") -> None:
    strings = page.evaluate("imdbRnn.strings")
    assert list(strings) == ["en", "ko"]
    assert list(strings["en"]) == list(strings["ko"])
    for key, english in strings["en"].items():
        korean = strings["ko"][key]
        assert english.strip() and korean.strip()
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", korean)), key
        assert re.search("[가-힣]", korean) or key in ("other", "spoken"), key


@pytest.mark.parametrize("text", ["A Zxqv film that I enjoyed.", "영화", "재미있는 영화", "", "a " * 2_001])
def test_the_button_switches_every_text(opened: Open, robust: Classifier, text: str) -> None:
    one = opened(robust).page
    write(one, text)
    assert one.evaluate("document.documentElement.lang") == "en"
    english = one.evaluate(OWN_TEXTS)
    assert not [own for own in english if re.search("[가-힣]", own)]
    one.get_by_role("button", name="한국어").click()
    assert one.evaluate("document.documentElement.lang") == "ko"
    korean = one.evaluate(OWN_TEXTS)
    assert len(korean) == len(english) > 15
    assert not [own for own in korean if re.search("[A-Za-z]{2}", own.replace("IMDB", ""))]
    one.get_by_role("button", name="English").click()
    assert one.evaluate(OWN_TEXTS) == english
    one.close()


def test_the_chosen_word_is_told_in_korean(opened: Open, robust: Classifier) -> None:
    one = opened(robust, locale="ko-KR").page
    assert one.evaluate("document.documentElement.lang") == "ko"
    assert one.title() == "영화가 마음에 들었을까요?"
    one.locator(".word").first.focus()
    assert re.match(r"“A”의 기여도는 [+−]\d\.\d\d입니다\.", one.locator("#detail").inner_text())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_background(opened: Open, robust: Classifier, scheme: str) -> None:
    one = opened(robust, scheme=scheme).page
    backgrounds = set()
    for text in ("Terrible boring awful mess, zxqv. " + SAMPLES[0][0], "영화"):
        write(one, text)
        for found, colour, background in one.evaluate(COLOURS):
            assert contrast(colour, background) >= TEXT_CONTRAST, (found, colour, background)
            backgrounds.add(tuple(background))
    assert len(backgrounds) > 5  # those of coloured words among them
    # At its strongest, a colour is still one on which text can be read.
    write(one, SAMPLES[0][0])
    one.evaluate("() => document.querySelectorAll('.word').forEach((word) => word.style.setProperty('--share', 1))")
    words = {found: (colour, background) for found, colour, background in one.evaluate(COLOURS)}
    assert contrast(*words["enjoyed"]) >= TEXT_CONTRAST


def test_colour_is_not_all_that_tells_words_apart(opened: Open, robust: Classifier) -> None:
    one = opened(robust).page
    write(one, "terrible mess, but I enjoyed it, zxqv")
    lines = {
        kind: one.locator(f".word.{kind}").first.evaluate("one => getComputedStyle(one).textDecorationStyle")
        for kind in ("positive", "negative")
    }
    assert lines == {"positive": "solid", "negative": "wavy"}
    unknown = one.locator(".word.unknown").first
    assert unknown.evaluate("one => getComputedStyle(one).borderBottomStyle") == "dotted"


@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_nothing_is_wider_than_a_phone(opened: Open, robust: Classifier, locale: str) -> None:
    one = opened(robust, width=360, locale=locale).page
    for text in (SAMPLES[0][0], "good " + "x" * 400, "good " + "👍" * 200 + " film", "영화" * 50):
        write(one, text)
        assert one.evaluate("document.documentElement.scrollWidth") == 360
        for name in ("#words", "#detail", "#strongest", "#verdict", "#reason"):
            wide = one.locator(name).evaluate("one => one.scrollWidth - one.clientWidth")
            assert wide <= 0, (name, text[:10])


def test_the_page_works_in_a_frame_without_rights(opened: Open, robust: Classifier) -> None:
    escaped = html.escape(page_of(robust))
    host = f"<!doctype html><iframe sandbox='allow-scripts' width=500 height=800 srcdoc=\"{escaped}\"></iframe>"
    one = opened(host)
    (frame,) = one.page.main_frame.child_frames
    frame.wait_for_selector(".word")
    frame.locator("#review").fill(SAMPLES[5][0])
    one.page.clock.run_for(2_000)
    assert frame.locator("#verdict").get_attribute("data-label") == robust.predict_review(SAMPLES[5][0]).label
    assert one.complaints == []


def test_the_motion_stops_where_the_reader_wants_none(browser: "Browser", tmp_path: Path, robust: Classifier) -> None:
    path = tmp_path / "page.html"
    path.write_text(page_of(robust), encoding="utf-8")
    durations = []
    for motion in ("no-preference", "reduce"):
        one = browser.new_page(reduced_motion=motion)
        one.goto(path.as_uri())
        durations.append(
            one.locator("body *").evaluate_all(
                "all => Math.max(...all.map(one => parseFloat(getComputedStyle(one).transitionDuration)))"
            )
        )
    assert durations[0] > 0
    assert durations[1] == 0


# ------------------------------------------------------------------------------------------------------------ the file


def test_the_page_of_the_standard_model_is_small(imdb_words: Vocabulary) -> None:
    size = len(page_of(of_words(imdb_words, num_words=NUM_WORDS)).encode())
    print(f"{size:,} bytes")
    assert 1_000_000 < size < 2_000_000


def test_a_page_of_the_same_model_is_the_same(robust: Classifier) -> None:
    assert page_of(robust) == page_of(Classifier.load(DATA / "robust"))


def test_a_model_without_an_embedding_is_refused(robust: Classifier) -> None:
    weights = robust.weights()
    one_hot = [np.zeros((robust.num_words + 3, 8), np.float32), *weights[2:]]
    classifier = Classifier(robust.vocabulary, robust.preprocessing, Manifest(), weights=one_hot)
    with pytest.raises(ModelError, match=r"Expected: a model with an embedding\. Received: one without\."):
        page_of(classifier)


@pytest.mark.parametrize("position", range(6))
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(robust: Classifier, position: int, bad: float) -> None:
    weights = [array.copy() for array in robust.weights()]
    weights[position].flat[0] = bad
    classifier = Classifier(robust.vocabulary, robust.preprocessing, Manifest(), weights=weights)
    with pytest.raises(ModelError, match=r"Expected: finite"):
        page_of(classifier)


def test_weights_with_which_the_library_does_not_predict_are_refused(robust: Classifier) -> None:
    *others, out_kernel, out_bias = robust.weights()
    weights = [*others, np.full_like(out_kernel, 3e38), out_bias]
    classifier = Classifier(robust.vocabulary, robust.preprocessing, Manifest(), weights=weights)
    with pytest.raises(ModelError, match=r"Expected: finite scores\."):
        page_of(classifier)


def test_the_results_of_a_training_are_told_only_of_its_weights(opened: Open, robust: Classifier) -> None:
    assert robust.manifest.test_accuracy is not None
    told = opened(robust).page.locator("#facts").inner_text()
    assert f"It judges {robust.manifest.test_accuracy:.1%} of the test reviews correctly." in told
    assert "trained further" not in told
    further = Classifier.load(DATA / "robust")
    # As after a training with `further.model`, which needs Keras.
    further._weights = [array * np.float32(0.5) for array in robust.weights()]
    told = opened(further).page.locator("#facts").inner_text()
    assert "It has been trained further since." in told
    assert "test reviews" not in told


def test_an_interrupted_training_is_told(opened: Open, robust: Classifier) -> None:
    manifest = Manifest(source="imdb", complete=False)
    classifier = Classifier(robust.vocabulary, robust.preprocessing, manifest, weights=robust.weights())
    told = opened(classifier).page.locator("#facts").inner_text()
    assert "It was trained on film reviews from IMDB. Its training was interrupted, so its scores are prelim" in told
