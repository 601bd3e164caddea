"""Text to ids and back."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imdb_rnn import DataError, Vocabulary, tokenize
from imdb_rnn.text.tokens import OOV, START


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\r\n ", []),
        ("Not a GOOD film!", ["not", "a", "good", "film"]),
        ("It's so-so...<br /><br />Really", ["it's", "so", "so", "br", "br", "really"]),
        ("(10/10) #1 _best_ `film`", ["10", "10", "1", "best", "film"]),
        ("Á Ça Émile", ["Á", "Ça", "Émile"]),
        ("most\x85and 1\xa0000", ["most\x85and", "1\xa0000"]),
        ("first\r\nsecond", ["first", "second"]),
    ],
    ids=["empty", "blank", "capitals", "markup", "punctuation", "not ASCII", "not a separator", "line ends"],
)
def test_text_is_split_as_in_the_original_index(text: str, words: list[str]) -> None:
    assert tokenize(text) == words


@given(st.text())
def test_words_are_their_own_tokens(text: str) -> None:
    words = tokenize(text)
    assert tokenize(" ".join(words)) == words


def test_words_are_ranked_by_frequency_and_ties_by_the_alphabet() -> None:
    vocabulary = Vocabulary.from_texts(["b a c a", "d a b"])
    assert vocabulary.words == ("a", "b", "c", "d")
    assert vocabulary.word_index == {"a": 4, "b": 5, "c": 6, "d": 7}


def test_an_unknown_word_becomes_oov_or_is_left_out() -> None:
    vocabulary = Vocabulary(["a", "good", "film"])
    assert vocabulary.encode("A surprisingly good film") == [START, 4, OOV, 5, 6]
    assert vocabulary.encode("A surprisingly good film", skip_unknown=True) == [START, 4, 5, 6]


def test_known_words_survive_encoding_and_decoding() -> None:
    vocabulary = Vocabulary(["a", "good", "film"])
    assert vocabulary.decode([0, 0, *vocabulary.encode("A good, odd film.")]) == "a good � film"


@pytest.mark.parametrize("bad", [-1, 3, 7, 10**9])
def test_an_id_outside_the_vocabulary_is_refused(bad: int) -> None:
    with pytest.raises(DataError, match=rf"Bad id\. Expected: 0, 1, 2 or 4 to 6\. Received: {bad}\."):
        Vocabulary(["a", "good", "film"]).decode([1, bad])


def test_a_vocabulary_is_cut_where_the_ids_of_a_model_end() -> None:
    vocabulary = Vocabulary(f"w{i}" for i in range(100))
    kept = vocabulary.truncate(10)
    assert list(kept.word_index.values()) == [4, 5, 6, 7, 8, 9]
    assert kept.words == vocabulary.words[:6]


def test_a_saved_vocabulary_is_a_keras_word_index_and_loads_again(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["the", "naïve", "most\x85and", "it's"])
    vocabulary.save(tmp_path / "index.json")
    assert json.loads((tmp_path / "index.json").read_text(encoding="utf-8"))["naïve"] == 2
    assert Vocabulary.load(tmp_path / "index.json") == vocabulary


def test_the_fingerprint_tells_vocabularies_apart() -> None:
    first, second = Vocabulary(["a", "b"]), Vocabulary(["b", "a"])
    assert first.fingerprint != second.fingerprint
    assert first.fingerprint == Vocabulary(["a", "b"]).fingerprint


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1, 2]", "{}", '{"a": 1, "b": 3}', '{"a": 0}', '{"a": "1"}', '{"a": true}', '{"": 1}', '"a"'],
)
def test_a_file_that_is_no_word_index_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "index.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"Cannot read the word index .*index\.json\..* Expected: "):
        Vocabulary.load(path)


def test_a_missing_word_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json.* Expected: JSON, word -> rank from 1\. Received: .*No such file"):
        Vocabulary.load(tmp_path / "none.json")


@pytest.mark.parametrize("words", [["a", "b", "a"], ["a", ""], ["a\nb"], ["\ud800"]])
def test_words_that_are_none_are_refused(words: list[str]) -> None:
    with pytest.raises(DataError, match="Expected: distinct, non-empty words of text"):
        Vocabulary(words)
