"""What a caller gives as texts, to the classifier and to the estimator alike."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from imdb_rnn import ReviewError
from imdb_rnn.text.texts import as_texts

TEXTS = ["good film", "bad film"]


class Frame:
    """As much of a data frame as is looked at: columns, of which iterating gives the names."""

    def __init__(self, **columns: list[Any]) -> None:
        self.columns = list(columns)
        self._columns = columns

    def __iter__(self) -> Any:
        return iter(self.columns)

    def __getitem__(self, name: str) -> list[Any]:
        return self._columns[name]


@pytest.mark.parametrize(
    "make",
    [
        lambda: TEXTS,
        lambda: tuple(TEXTS),
        lambda: iter(TEXTS),
        lambda: (text for text in TEXTS),
        lambda: np.array(TEXTS),
        lambda: np.array(TEXTS, object),
        lambda: {"a": TEXTS[0], "b": TEXTS[1]}.values(),
        lambda: Frame(text=TEXTS)["text"],
    ],
    ids=["list", "tuple", "iterator", "generator", "array of str", "array of objects", "values of a dict", "column"],
)
def test_anything_that_has_an_order_is_a_list_of_texts(make: Callable[[], Any]) -> None:
    assert as_texts(make()) == TEXTS


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_column_of_a_data_frame_is_a_list_of_texts_and_the_frame_is_none(library: str) -> None:
    frames = pytest.importorskip(library, reason=f"{library} is not installed here")
    frame = frames.DataFrame({"number": [1, 2], "Review": TEXTS})
    assert as_texts(frame["Review"]) == TEXTS
    with pytest.raises(ReviewError, match=r"a DataFrame with the columns number, Review\. Give .*\['Review'\]"):
        as_texts(frame)
    with pytest.raises(ReviewError, match=r"Bad text 2 of 2\. .* a missing value"):
        as_texts(frames.Series(["good film", None]))


def problem_of(texts: object) -> str:
    with pytest.raises(ReviewError) as raised:
        as_texts(texts)
    return str(raised.value)


@pytest.mark.parametrize("text", ["good film", b"good film"])
def test_one_text_is_to_be_put_in_a_list(text: object) -> None:
    assert problem_of(text) == "Bad `texts`. Expected: a list of texts. Received: one text. Put it in a list."


@pytest.mark.parametrize(
    "name", ["text", "Texts", "review", "REVIEWS", "sentence", "comment", "content", "body"], ids=str.lower
)
def test_the_column_of_a_frame_with_a_usual_name_is_proposed(name: str) -> None:
    assert problem_of(Frame(number=[1], **{name: TEXTS}, label=[1])) == (
        f"Bad `texts`. Expected: a list of texts. Received: a Frame with the columns number, {name}, label. "
        f"Give one column, such as frame['{name}']."
    )


def test_the_first_column_of_a_frame_is_proposed_if_none_has_a_usual_name() -> None:
    assert problem_of(Frame(opinion=TEXTS, label=[1])).endswith(
        "Received: a Frame with the columns opinion, label. Give one column, such as frame['opinion']."
    )


def test_a_frame_without_columns_is_called_so() -> None:
    assert problem_of(Frame()).endswith("Received: a Frame with the columns (none).")


def test_only_the_first_columns_of_a_wide_frame_are_named() -> None:
    shown = problem_of(Frame(**{f"c{i}": [1] for i in range(9)}))
    assert "with the columns c0, c1, c2, c3, c4, c5, c6, c7. Give" in shown
    shown = problem_of(Frame(**{"x" * 150: [1], "y" * 150: [1]}))
    assert f"with the columns {'x' * 150}, {'y' * 48}. Give" in shown


def test_a_data_set_that_calls_its_columns_column_names_is_known_too() -> None:
    class Dataset:
        column_names = ("idx", "sentence")

    assert problem_of(Dataset()).endswith(
        "Received: a Dataset with the columns idx, sentence. Give one column, such as dataset['sentence']."
    )


def test_the_values_of_a_dict_are_asked_for() -> None:
    assert problem_of({"a": TEXTS[0], 2: TEXTS[1]}) == (
        "Bad `texts`. Expected: a list of texts. Received: a dict with the keys a, 2. "
        "Give list(texts.values()) or the value of one key."
    )
    assert "with the keys 0, 1, 2, 3, 4, 5, 6, 7. Give" in problem_of(dict.fromkeys(range(9), "good"))
    assert f"with the keys {'x' * 200}. Give" in problem_of({"x" * 300: "good"})


@pytest.mark.parametrize("kind", [set, frozenset])
def test_texts_without_an_order_are_refused(kind: type) -> None:
    assert problem_of(kind(TEXTS)) == (
        f"Bad `texts`. Expected: a list of texts. Received: a {kind.__name__}, which has no order. Give a list."
    )


@pytest.mark.parametrize("shape", [(2, 1), (1, 2), ()])
def test_an_array_that_is_no_list_is_refused_with_its_shape(shape: tuple[int, ...]) -> None:
    assert problem_of(np.full(shape, "good")) == (
        f"Bad `texts`. Expected: a list of texts. Received: an array of the shape {shape}. "
        f"Give one column, such as texts[:, 0], or texts.ravel()."
    )


@pytest.mark.parametrize(("texts", "kind"), [(7, "int"), (None, "NoneType"), (0.5, "float")])
def test_what_holds_no_texts_is_named(texts: object, kind: str) -> None:
    assert problem_of(texts) == f"Bad `texts`. Expected: a list of texts. Received: {kind}."


@pytest.mark.parametrize(
    ("value", "received"),
    [
        (None, "None, a missing value. Drop such rows, or fill them"),
        (float("nan"), "nan, a missing value. Drop such rows, or fill them"),
        (b"good", "bytes. Decode them, for example by value.decode()"),
        (0.5, "float"),
        (7, "int"),
        (["good"], "list"),
    ],
)
def test_a_value_that_is_no_text_is_named_with_its_number(value: object, received: str) -> None:
    assert problem_of([value]) == f"Bad text. Expected: a text (str). Received: {received}."
    assert problem_of(["good", "bad", value]) == f"Bad text 3 of 3. Expected: a text (str). Received: {received}."
    assert problem_of([value, "good"]) == f"Bad text 1 of 2. Expected: a text (str). Received: {received}."


def test_missing_values_of_pandas_are_called_missing() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed here")
    assert problem_of([pandas.NA]).endswith("Received: <NA>, a missing value. Drop such rows, or fill them.")
    assert problem_of([pandas.NaT]).endswith("Received: NaT, a missing value. Drop such rows, or fill them.")
