"""Texts as people type them give the words that training saw."""

import random
import re
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imdb_rnn import Corpus, Vocabulary, tokenize
from imdb_rnn.corpora import tfds
from imdb_rnn.text.normalization import has_words, lacks_spaces, normalized_words, straighten_backticks
from imdb_rnn.text.tokens import OOV, START

KNOWN = Vocabulary(
    ["didn't", "like", "it", "great", "film", "good", "boring", "cliché", "'cause", "don't", "wonderful"]
)


def words_of(text: str, vocabulary: Vocabulary = KNOWN) -> list[str]:
    ids = vocabulary.encode_typed(text)
    assert ids[0] == START
    return [vocabulary.decode([i]) for i in ids[1:]]


@pytest.mark.parametrize("apostrophe", [*"'’‘ʼʹ´`‛′＇՚", "\x92"])
def test_an_apostrophe_of_any_shape_is_one(apostrophe: str) -> None:
    assert words_of(f"I didn{apostrophe}t like it") == ["�", "didn't", "like", "it"]


@pytest.mark.parametrize("mark", [*"“”„«»‹›…–—‒―−‐‑·•¡¿‽※、。！（）「」→€§¶", "\x85", "\x93", "\x96", "\ufffd"])
def test_marks_separate_words_and_are_no_words(mark: str) -> None:
    assert words_of(f"great{mark}film {mark} good") == ["great", "film", "good"]


@pytest.mark.parametrize(
    "space", list("\u00a0\u2000\u2002\u2003\u2007\u2009\u200a\u2028\u2029\u202f\u205f\u3000\x00\x1f")
)
def test_spaces_of_any_kind_separate_words(space: str) -> None:
    assert words_of(f"great{space}film") == ["great", "film"]


@pytest.mark.parametrize("character", list("\u00ad\u034f\u200b\u200c\u200d\u200e\u2060\ufeff\ufe0f\U000e0101"))
def test_invisible_characters_are_no_part_of_a_word(character: str) -> None:
    assert words_of(f"{character}won{character}derful film{character}") == ["wonderful", "film"]


@pytest.mark.parametrize(
    "text", ["cliché", "cliche\u0301", "CLICHÉ", "CLICHE\u0301", "ｃｌｉｃｈé", "𝐜𝐥𝐢𝐜𝐡é", "‘cliché’", "'cliché'"]
)
def test_a_word_is_known_in_every_case_width_and_composition(text: str) -> None:
    assert words_of(text) == ["cliché"]


def test_a_ligature_is_read_as_its_letters() -> None:
    assert words_of("ﬁlm") == ["film"]


@pytest.mark.parametrize("emoji", ["👍", "👍🏽", "❤️", "😀😀", "👩‍👩‍👧", "🇩🇪", "\U0001fae8", "™", "★★★☆"])
def test_an_unknown_symbol_is_passed_over(emoji: str) -> None:
    assert words_of(f"great{emoji} {emoji} film{emoji}{emoji}") == ["great", "film"]


def test_a_word_in_apostrophes_is_known_without_them_unless_it_is_known_with_them() -> None:
    assert words_of("'great' 'cause ‘good’ ’cause 'odd' ' '' good'") == [
        "great",
        "'cause",
        "good",
        "'cause",
        "�",
        "good",
    ]


def test_a_users_vocabulary_has_symbols_and_no_marks() -> None:
    texts = ["„Не ПОНРАВИЛОСЬ“ — не…понравилось! Мои\u0306", "'понравилось' мой 👍👍🏽", "Straße STRASSE don’t"]
    vocabulary = Vocabulary.from_texts(texts)
    assert vocabulary.words == ("понравилось", "strasse", "мой", "не", "👍", "don't")
    for text in texts:
        assert OOV not in vocabulary.encode_typed(text)


@given(st.text())
def test_every_word_of_a_text_is_known_to_the_vocabulary_of_the_text(text: str) -> None:
    vocabulary = Vocabulary.from_texts([text, "word"])
    assert OOV not in vocabulary.encode_typed(text)


@given(st.text(st.characters() | st.sampled_from("a'’´`é\u0301\u200d\xa0👍…\x96 ")))
def test_each_word_has_its_place_in_the_text(text: str) -> None:
    spans, ids = KNOWN.typed_spans(text), KNOWN.encode_typed(text)
    assert len(spans) == len(ids) - 1
    assert all(begin < end for begin, end in spans)
    assert all(end <= after for (_, end), (after, _) in pairwise(spans))
    assert KNOWN.encode_typed(" ".join(text[begin:end] for begin, end in spans)) == ids


def test_the_place_of_a_word_is_where_it_was_typed() -> None:
    text = "“Cliche\u0301”… won\u00adderful👍 ﬁlm"
    assert [text[begin:end] for begin, end in KNOWN.typed_spans(text)] == ["Cliche\u0301", "won\u00adderful", "ﬁlm"]


@given(st.text(st.characters(max_codepoint=0x7E, min_codepoint=0x20, exclude_characters="`")))
def test_plain_text_is_read_as_the_imdb_index_was_made(text: str) -> None:
    if all(word == word.strip("'") for word in tokenize(text)):
        assert KNOWN.encode_typed(text) == KNOWN.encode(text)


def as_typed(text: str, random: random.Random) -> str:
    """Rewrite a text as a word processor, a telephone or a web page might."""
    text = unicodedata.normalize(random.choice(["NFC", "NFD"]), text)
    text = re.sub(r"\.\.\.", "…", text)
    text = text.replace("--", "—").replace(" - ", random.choice([" – ", " — ", "\u2009–\u2009"]))
    text = re.sub(r'"([^"]*)"', random.choice(["“\\1”", "„\\1“", "«\u202f\\1\u202f»"]), text)
    text = text.replace("'", random.choice("’ʼ´"))
    text = text.replace("fi", "ﬁ").replace("fl", "ﬂ") if random.random() < 0.3 else text
    return re.sub(" ", lambda _: random.choice([" ", " ", "\u00a0", "\u2003", "\u202f", " \u200b"]), text)


def test_real_reviews_with_typographic_marks_have_the_ids_of_plain_ones(imdb: Corpus, imdb_data: Path) -> None:
    """2,000 reviews of the test split: the same ids, hence the same score and label, whichever the model."""
    pytest.importorskip("tensorflow_datasets", reason="the raw texts are read by tensorflow-datasets")
    known, draw = imdb.vocabulary.truncate(10_000), random.Random(0)  # noqa: S311 (nothing is encrypted)
    texts = tfds.read_texts(imdb_data / "tfds", "test").texts[:2_000]
    rewritten = [as_typed(text, draw) for text in texts]
    assert sum(new != old for new, old in zip(rewritten, texts, strict=True)) == 2_000
    changed = [
        new for new, old in zip(rewritten, texts, strict=True) if known.encode_typed(new) != known.encode_typed(old)
    ]
    assert not changed
    assert sum(known.encode(new) != known.encode(old) for new, old in zip(rewritten, texts, strict=True)) > 1_900


@pytest.mark.parametrize(
    "texts",
    [
        ["这部电影非常好看，我很喜欢"],
        ["很好", "不错", "喜欢"],
        ["この映画はとてもいいです"],
        ["ภาพยนตร์เรื่องนี้ดีมาก"],
        ["ရုပ်ရှင်ကောင်းတယ်"],
        ["film 这部电影非常好看，我很喜欢"],
    ],
    ids=["Chinese", "short Chinese texts", "Japanese", "Thai", "Burmese", "Chinese with a word of English"],
)
def test_texts_without_spaces_between_words_are_noticed(texts: list[str]) -> None:
    assert lacks_spaces(texts)


@pytest.mark.parametrize(
    "texts",
    [
        ["这 部 电影 非常 好看 ， 我 很 喜欢"],
        ["この 映画 は とても いい です"],
        ["ภาพยนตร์ เรื่อง นี้ ดี มาก"],
        ["영화가 아주 좋았다"],
        ["Donaudampfschifffahrtsgesellschaft"],
        ["The title is 英雄"],
        ["", "👍"],
        [],
    ],
    ids=["Chinese", "Japanese", "Thai", "Korean", "a long word", "a word of Chinese", "no letters", "no texts"],
)
def test_texts_with_spaces_between_words_are_not(texts: list[str]) -> None:
    assert not lacks_spaces(texts)


def test_texts_of_which_half_the_letters_need_no_spaces_count_as_unspaced() -> None:
    assert lacks_spaces(["这部 ab"])
    assert lacks_spaces(["这部", "ab", "12 ,."])
    assert not lacks_spaces(["这部 abc"])


def test_one_letter_of_such_a_script_is_enough() -> None:
    assert lacks_spaces(["好"])


def test_words_of_ten_letters_are_still_words_between_spaces() -> None:
    assert not lacks_spaces(["一二三四五 六七八九十"])
    assert lacks_spaces(["一二三四五 六七八九十一"])
    assert lacks_spaces(["一二三四五", "六七八九十"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("…", []),
        ("good", [("good", 0, 4)]),
        ("GOOD", [("good", 0, 4)]),
        ("Don’t stop…", [("don't", 0, 5), ("stop", 6, 10)]),
        ("…good—film", [("good", 1, 5), ("film", 6, 10)]),
        ("'tis ''", [("'tis", 0, 4), ("''", 5, 7)]),
        ("a👍b", [("a", 0, 1), ("👍", 1, 2), ("b", 2, 3)]),
        ("👍👎", [("👍", 0, 1), ("👎", 1, 2)]),
        ("\ue000", [("\ue000", 0, 1)]),
        ("\ufffd\ufffc", []),
        ("won\xadder", [("wonder", 0, 7)]),
        ("\u200bgood\u200b", [("good", 1, 5)]),
        ("\u3164\ufe0f", []),
        ("ﬁlm Ｆｉｌｍ", [("film", 0, 3), ("film", 4, 8)]),
        ("cafe\u0301", [("café", 0, 5)]),
        ("8½ 10", [("8½", 0, 2), ("10", 3, 5)]),
        ("Straße", [("strasse", 0, 6)]),
        ("ｉｔ’ｓ Ｆｉｌｍ１０", [("it's", 0, 4), ("film10", 5, 11)]),
        ("good\uffff", [("good", 0, 4), ("\uffff", 4, 5)]),  # never assigned
        ("\x93good\x94 don\x92t\x85 \x80", [("good", 1, 5), ("don't", 7, 12)]),
        ("\x81good\x8dfilm", [("good", 1, 5), ("film", 6, 10)]),
        ("a_b", [("a", 0, 1), ("b", 2, 3)]),
    ],
)
def test_a_text_is_split_into_normalized_words_with_their_places(text: str, words: list[tuple[str, int, int]]) -> None:
    assert normalized_words(text) == words


def test_a_backtick_between_letters_is_an_apostrophe_and_any_other_is_not() -> None:
    assert straighten_backticks("I didn`t see `it` at 5`6 or x`_") == "I didn't see `it` at 5'6 or x`_"
    assert straighten_backticks("plain") == "plain"


@pytest.mark.parametrize("text", ["good", "…7", "👍", "é", "  ½", "\ue000", "...!good"])
def test_a_letter_a_digit_or_a_symbol_makes_words(text: str) -> None:
    assert has_words(text)


@pytest.mark.parametrize("text", ["", " \t\n", "?!…—", "\u200b\ufe0f", "\ufffd"])
def test_spaces_and_marks_make_no_words(text: str) -> None:
    assert not has_words(text)
