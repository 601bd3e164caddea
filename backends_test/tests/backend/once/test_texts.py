"""What a caller gives as texts is refused alike by the classifier and by the estimator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imdb_rnn import Classifier, ReviewClassifier, ReviewError, Training

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
    ("texts", "received"),
    [
        ("good film", "one text"),
        (b"good film", "one text"),
        (Frame(id=[1, 2], text=TEXTS), r"a Frame with the columns id, text\. Give one column, such as frame\['text'\]"),
        ({"text": TEXTS}, "a dict with the keys text"),
        (set(TEXTS), "a set, which has no order"),
        (np.array([TEXTS]), r"an array of the shape \(1, 2\)"),
        (np.array("good film"), r"an array of the shape \(\)"),
        (None, "NoneType"),
        (3, "int"),
        ([*TEXTS, None], r"None, a missing value"),
        ([*TEXTS, float("nan")], r"nan, a missing value"),
        ([*TEXTS, b"good"], "bytes"),
        ([*TEXTS, 3], "int"),
        ([TEXTS], "list"),
    ],
    ids=[
        "str",
        "bytes",
        "data frame",
        "dict",
        "set",
        "table",
        "array without dimensions",
        "None",
        "number",
        "None in a list",
        "NaN in a list",
        "bytes in a list",
        "number in a list",
        "list in a list",
    ],
)
@pytest.mark.parametrize("reader", ["classifier", "fit", "predict"])
def test_anything_else_is_refused_with_what_came(
    trained: tuple[Path, Training], fitted: ReviewClassifier, reader: str, texts: Any, received: str
) -> None:
    readers: dict[str, Callable[[Any], Any]] = {
        "classifier": Classifier.load(trained[0]).predict_reviews,
        "fit": lambda texts: ReviewClassifier(epochs=1).fit(texts, [0, 1]),
        "predict": fitted.predict,
    }
    with pytest.raises(ReviewError, match=rf"^Bad .*Expected: .*Received: .*{received}"):
        readers[reader](texts)


@pytest.fixture(scope="module")
def fitted() -> ReviewClassifier:
    return ReviewClassifier(recipe="tutorial", epochs=1).fit(TEXTS * 10, [1, 0] * 10)
