"""Text to ids and back."""

import hashlib
import json
from pathlib import Path

import numpy as np
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


@pytest.mark.parametrize(
    ("words", "received"),
    [
        (["a", "b", "c", "b", "d", "d"], "'b' 2 times"),
        (["a", "b", "b", "b"], "'b' 3 times"),
        (["a", "", "b"], "''"),
        (["", ""], "'' 2 times"),
        (["a", "b\nc"], r"'b\nc'"),
        (["a", "\ud800b"], r"'\ud800b'"),
        (["naïve", "x" * 100 + "\n"], "'" + "x" * 59),
    ],
)
def test_the_first_word_that_is_none_is_named(words: list[str], received: str) -> None:
    with pytest.raises(DataError) as raised:
        Vocabulary(words)
    assert str(raised.value) == (f"Bad vocabulary. Expected: distinct, non-empty words of text. Received: {received}.")


def test_vocabularies_of_the_same_words_are_equal() -> None:
    first, same, other = Vocabulary(["a", "b"]), Vocabulary(iter(("a", "b"))), Vocabulary(["a", "c"])
    assert first == same
    assert hash(first) == hash(same) != hash(other)
    assert len({first, same, other}) == 2
    assert first != other
    assert first != ("a", "b")
    assert len(first) == 2


def test_a_vocabulary_is_shown_by_its_size_and_fingerprint() -> None:
    digest = hashlib.sha256(b"a\nna\xc3\xafve").hexdigest()
    vocabulary = Vocabulary(["a", "naïve"])
    assert vocabulary.fingerprint == digest
    assert repr(vocabulary) == f"Vocabulary(2 words, fingerprint {digest[:12]})"


def test_rare_words_can_be_left_out() -> None:
    texts = ["a b a", "a b c"]
    assert Vocabulary.from_texts(texts, 2).words == ("a", "b")
    assert Vocabulary.from_texts(texts, 3).words == ("a",)
    assert Vocabulary.from_texts(texts, least=1) == Vocabulary.from_texts(texts)


def test_a_word_index_need_not_be_in_order_and_may_hold_numbers_of_numpy() -> None:
    assert Vocabulary.from_word_index({"b": np.int64(2), "c": 3, "a": 1}).words == ("a", "b", "c")


@pytest.mark.parametrize(
    ("index", "received"),
    [
        ({}, "dict of 0 entries"),
        ({"a": 1, "b": 1}, "dict of 2 entries"),
        ({"a": 0, "b": 1}, "dict of 2 entries"),
        ({"a": 2, "b": 3, "c": 4}, "dict of 3 entries"),
        ({"a": 1.0}, "dict of 1 entries"),
        ({"a": True}, "dict of 1 entries"),
        (["a"], "list of 0 entries"),
        (None, "NoneType of 0 entries"),
    ],
)
def test_what_is_no_word_index_is_named(index: object, received: str) -> None:
    with pytest.raises(DataError) as raised:
        Vocabulary.from_word_index(index)
    assert str(raised.value) == f"Bad word index. Expected: words with the ranks 1, 2, 3, … Received: {received}."


def test_a_saved_vocabulary_is_text_in_utf_8(tmp_path: Path) -> None:
    Vocabulary(["the", "naïve"]).save(tmp_path / "index.json")
    assert (tmp_path / "index.json").read_bytes() == '{"the": 1, "naïve": 2}'.encode()


def test_a_word_index_with_more_words_than_that_of_imdb_is_read(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(200_002)]
    Vocabulary(words).save(tmp_path / "index.json")
    assert Vocabulary.load(tmp_path / "index.json").words == tuple(words)


def test_a_word_index_of_too_many_words_or_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(b'{"a": [' + b"1," * 250_001 + b"1]}")
    with pytest.raises(DataError, match=r"Received: more than 250,000 values"):
        Vocabulary.load(path)
    path.write_bytes(b" " * 4_000_001)
    with pytest.raises(DataError, match=r"Received: a file of 4,000,001 bytes; the limit is 4,000,000"):
        Vocabulary.load(path)


def test_what_is_wrong_with_a_file_is_told_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(b'{"a": 2}')
    with pytest.raises(DataError) as raised:
        Vocabulary.load(path)
    assert str(raised.value) == (
        f"Cannot read the word index {path}. Bad word index. Expected: words with the ranks 1, 2, 3, … "
        f"Received: dict of 1 entries."
    )
    path.write_bytes(b'{"a": 1, "a": 1}')
    with pytest.raises(DataError) as raised:
        Vocabulary.load(path)
    assert str(raised.value) == (
        f"Cannot read the word index {path}. Expected: JSON, word -> rank from 1. "
        f"Received: an object that has a key twice"
    )


@pytest.mark.parametrize(("num_words", "kept"), [(0, 0), (3, 0), (4, 0), (5, 1), (6, 2), (7, 3), (8, 3)])
def test_only_words_with_ids_below_the_limit_are_kept(num_words: int, kept: int) -> None:
    assert len(Vocabulary(["a", "good", "film"]).truncate(num_words)) == kept


def test_ids_at_both_ends_of_the_vocabulary_are_decoded() -> None:
    assert Vocabulary(["a", "good", "film"]).decode(np.array([0, 1, 4, 2, 6])) == "a � film"
