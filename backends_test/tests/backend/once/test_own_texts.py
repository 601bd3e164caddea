"""ReviewClassifier learns from anybody's texts, however they are typed."""

import unicodedata
import warnings
from typing import Any

import numpy as np
import pytest

from imdb_rnn import ReviewClassifier

SETTINGS: dict[str, Any] = {"epochs": 3, "max_len": 12, "num_words": 200}
# A good word, a bad word, and words that say nothing.
WORDS = {
    "Russian": ("чудесный", "ужасный", ["фильм", "был", "мой", "ёлка", "который", "актёр"]),
    "French": ("génial", "raté", ["le", "film", "était", "très", "l'été", "naïf"]),
    "Korean": ("훌륭한", "지루한", ["영화", "배우", "그리고", "이야기", "정말", "너무"]),
    "emoji": ("👍", "👎", ["the", "film", "was", "what", "it", "was"]),
}


def make(language: str, count: int, seed: int = 0) -> tuple[list[str], list[int]]:
    """Texts that one word decides, plainly typed."""
    good, bad, fillers = WORDS[language]
    random = np.random.default_rng(seed)
    labels = [i % 2 for i in range(count)]
    texts = []
    for label in labels:
        words = list(random.choice(fillers, 5))
        words.insert(int(random.integers(0, 6)), good if label else bad)
        texts.append(" ".join(words))
    return texts, labels


def capitals(text: str) -> str:
    return text.upper()


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def quoted(text: str) -> str:
    return " ".join(f"«{word}»" if i % 2 else f"‘{word}’," for i, word in enumerate(text.split())).replace("'", "’")


def without_spaces(text: str) -> str:
    return "\u00a0".join(f"{word}…" for word in text.split())


@pytest.fixture(scope="module")
def fitted() -> dict[str, ReviewClassifier]:
    return {language: ReviewClassifier(**SETTINGS).fit(*make(language, 200)) for language in WORDS}


@pytest.mark.parametrize("typed", [capitals, decomposed, quoted, without_spaces])
@pytest.mark.parametrize("language", WORDS)
def test_a_text_means_the_same_however_it_is_typed(
    fitted: dict[str, ReviewClassifier], language: str, typed: Any
) -> None:
    texts, labels = make(language, 100, seed=1)
    assert fitted[language].score(texts, labels) >= 0.95
    scores = fitted[language].decision_function(texts)
    np.testing.assert_array_equal(fitted[language].decision_function([typed(text) for text in texts]), scores)


def test_an_emoji_at_a_word_is_a_word(fitted: dict[str, ReviewClassifier]) -> None:
    assert fitted["emoji"].predict(["the film👍🏽 was", "it was👎👎"]).tolist() == [1, 0]


def test_texts_without_spaces_between_words_are_learned_from_with_a_warning() -> None:
    texts = ["这部电影非常好看，我很喜欢", "这部电影太无聊了，我不喜欢"] * 10
    with pytest.warns(UserWarning, match="no spaces between words"):
        ReviewClassifier(recipe="tutorial", epochs=1).fit(texts, [1, 0] * 10)


def test_texts_of_which_hardly_a_word_is_known_are_predicted_with_a_warning(
    fitted: dict[str, ReviewClassifier],
) -> None:
    classifier = fitted["Russian"]
    for predict in (classifier.predict, classifier.predict_proba, classifier.decision_function):
        with pytest.warns(UserWarning, match=r"The model knows 0 of 3 words") as caught:
            predict(["a wonderful film"])
        assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.predict(["чудесный film with other words"])
