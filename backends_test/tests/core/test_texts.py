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
