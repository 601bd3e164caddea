"""Arbitrary bytes are read as they should be, or refused by an error of this library; see `backends_test.fuzzing`.

The examples are the same in every run. `python -m backends_test.fuzzing` looks for others.
"""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends_test.fuzzing import targets
from backends_test.fuzzing.targets import TARGETS
from backends_test.tests.hostile.archives import archive, lying, stored
from imdb_rnn import RecipeError, strict_json
from imdb_rnn.files import open_archive, read_member
from imdb_rnn.text.preprocessing import make_preprocessing

SLOW = {"settings", "manifest", "estimator", "state", "model", "npz"}


def same_every_time(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,  # a shared machine may stop at any moment
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


# --- Files with a few changes ----------------------------------------------------------------------------------------

# What means something in one of the files.
PARTS = [
    *(b"\0", b"\xff", b"\n", b"\r\n", b'"', b"'", b",", b"[", b"]", b"{", b"}", b"-1", b"0", b"1", b"1e999", b"NaN"),
    *(b"true", b"null", b'"a": ', rb"\ud800", b"\xef\xbb\xbf", b"\xff\xfe", b"PK\1\2", b"PK\5\6", b"TREE", b"SNOD"),
    *(b"\xff\xff\xff\xff", b"\0\0\0\0\0\0\0\x80", b"'<i8'", b"'|O'", b"(4,)", b"(0,)", b"\x80\4", b"\x95", b"\x94"),
    *(b"(", b"e", b"a", b"K\1", b"R", b"b", b".", b"cos\nsystem\n", b"\xc2\x85", "’".encode(), "👍".encode()),
]


@st.composite
def changed(draw: st.DrawFn, files: list[bytes]) -> bytes:
    """One of the files, changed in up to three places: bytes are replaced, left out, put in, repeated or cut off."""
    content = draw(st.sampled_from(files))
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.integers(0, len(content)))
        end = begin + draw(st.sampled_from([0, 1, 1, 2, 4, 8, 50]))
        new = draw(st.one_of(st.sampled_from(PARTS), st.binary(max_size=8), st.just(content[begin:end] * 2)))
        if draw(st.booleans()):  # so that everything else stays in its place
            end = begin + len(new)
        content = content[:begin] + new + (content[end:] if draw(st.integers(0, 20)) < 20 else b"")
    return content


FILES = {name: target.seeds() for name, target in TARGETS.items()}


@pytest.mark.parametrize("name", TARGETS)
def test_a_good_file_is_accepted_and_no_file_at_all_is_refused(name: str) -> None:
    first, *others = FILES[name]
    assert TARGETS[name].check(first)
    for content in others:
        TARGETS[name].check(content)
    assert TARGETS[name].check(b"") is (name in ("tokens", "text-file"))


@pytest.mark.parametrize("name", TARGETS)
def test_changed_files_are_read_right_or_refused(name: str) -> None:
    @same_every_time(100 if name in SLOW else 300)
    @given(content=st.one_of(changed(FILES[name]), changed(FILES[name]), st.binary(max_size=200)))
    def check(content: bytes) -> None:
        accepted.add(TARGETS[name].check(content))

    accepted: set[bool] = set()
    check()
    assert accepted == ({True} if name == "tokens" else {False, True})


def test_an_encrypted_member_without_a_name_is_refused() -> None:
    content = archive(lying(stored("", b"content"), flags=1))
    with open_archive(io.BytesIO(content)) as opened, pytest.raises(ValueError, match=r"^ cannot be read: "):
        read_member(opened, "", 100)


# --- Texts -----------------------------------------------------------------------------------------------------------

# Characters that words are split at, or that are brought into another form.
TYPED = (
    "aZß'’`´-–—.,!?½ﬁＡéé\u0301\u0130\u0131Σς\u200b\u00ad\ufeff\u0085\u00a0\x80\x93👍🏽\u200d好と\u0e2b\u3164\udcff\0"
)


@same_every_time(300)
@given(text=st.one_of(st.text(TYPED), st.text(), st.text(st.characters(categories=["L", "M", "N", "S", "Cf", "Cs"]))))
def test_any_text_is_split_into_words_that_lie_in_it(text: str) -> None:
    targets.check_tokens(text.encode("utf-8", "surrogatepass"))


# --- JSON with the right names and wrong values ----------------------------------------------------------------------

ANY_VALUE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([0, 1, 4, 5, 10, 40, 10**18, 10**400, -1]),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=5),
    ),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=5,
)


@st.composite
def renamed(draw: st.DrawFn, files: list[bytes]) -> bytes:
    """The content of a JSON file, with a few entries at any depth replaced, left out or added."""
    content = json.loads(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(0, 3))):
        place = content
        while place:
            inner = [value for value in (place.values() if isinstance(place, dict) else place) if value]
            inner = [value for value in inner if isinstance(value, dict | list)]
            if not inner or not draw(st.integers(0, 2)):
                break
            place = draw(st.sampled_from(inner))
        if not place:
            continue
        key = draw(st.sampled_from([*place] if isinstance(place, dict) else [*range(len(place))]))
        if isinstance(place, dict) and not draw(st.integers(0, 3)):
            value = place.pop(key)
            if draw(st.booleans()):
                place[draw(st.text(max_size=4))] = value
        else:
            place[key] = draw(ANY_VALUE)
    return json.dumps(content, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("name", ["vocabulary", "settings", "manifest", "estimator", "state", "model"])
def test_json_with_any_values_is_read_right_or_refused(name: str) -> None:
    @same_every_time(150)
    @given(content=renamed([content for content in FILES[name] if content.startswith(b"{")]))
    def check(content: bytes) -> None:
        accepted.add(TARGETS[name].check(content))

    accepted: set[bool] = set()
    check()
    assert accepted == {False, True}


@pytest.mark.parametrize("brackets", [b"[]", b'{"a": 1}'])
def test_json_of_more_than_a_hundred_levels_is_refused(brackets: bytes) -> None:
    def nested(levels: int) -> bytes:
        return brackets[:-1].replace(b" 1", b"") * (levels - 1) + brackets + brackets[-1:] * (levels - 1)

    assert strict_json.parse(nested(100)) == json.loads(nested(100))
    for levels in (101, 400, 5_000):
        with pytest.raises(ValueError, match=r"lists and objects in more than 100 levels"):
            strict_json.parse(nested(levels))
    assert strict_json.parse(b'"' + b"[" * 500 + b'"') == "[" * 500


def test_a_manifest_nested_as_deeply_as_python_can_parse_is_refused() -> None:
    """Python parses what is nested almost as deeply as it can, and then fails to write or to show it."""
    for levels in range(940, 1000):
        for name in (b"backend", b"other"):
            targets.check_manifest(
                FILES["manifest"][1][:-1] + b', "%b": ' % name + b"[" * levels + b"]" * levels + b"}"
            )


@pytest.mark.parametrize("number", ["1" + "0" * 309, "-" + "9" * 309, "1e309", "NaN", "Infinity", "9" * 5_000])
def test_a_number_too_large_for_a_float_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match=r"number|digits"):
        strict_json.parse(f'{{"a": [1, {number}]}}'.encode())
    assert strict_json.parse(f'{{"{number}": 1}}'.encode()) == {number: 1}
    assert strict_json.parse(b"[" + b"9" * 308 + b", 5]") == [int("9" * 308), 5]


@same_every_time(300)
@given(
    words=st.lists(st.one_of(st.text(TYPED, max_size=4), st.text(max_size=4)), max_size=8),
    ranks=st.one_of(st.permutations(range(1, 9)), st.lists(st.integers(0, 9), min_size=8, max_size=8)),
)
def test_a_word_index_of_any_words_comes_back_or_is_refused(words: list[str], ranks: list[int]) -> None:
    index = dict(zip(words, ranks, strict=False))
    targets.check_vocabulary(json.dumps(index).encode())
    targets.check_vocabulary(json.dumps(index, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@same_every_time(200)
@given(num_words=ANY_VALUE, max_len=ANY_VALUE, windows=ANY_VALUE)
def test_preprocessing_takes_whole_numbers_and_refuses_everything_else(
    num_words: Any, max_len: Any, windows: Any
) -> None:
    proper = type(num_words) is type(max_len) is int and num_words >= 5 and max_len >= 1 and type(windows) is bool
    try:
        made = make_preprocessing(num_words, max_len, windows)
    except RecipeError as error:
        assert not proper
        assert "Expected: " in str(error)
    else:
        assert proper
        assert (made.num_words, made.max_len, made.windows) == (num_words, max_len, windows)
