"""Converts reviews of any length to rows of ids: the last ids of each review, or windows that cover it."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from imdb_rnn.text.batches import Arrays, ExamplesInMemory, WeightedArrays, pad, targets
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.windows import DrawnWindows, Windows, last_windows, windows_of
from imdb_rnn.validation import true_or_false, whole_number


@dataclass(frozen=True)
class LastIds:
    """Uses only the last ids of a review, as the tutorial does.

    Attributes:
        num_words: ids from this number on become `OOV`.
        max_len: ids per row.
    """

    num_words: int
    max_len: int
    windows: ClassVar[bool] = False

    def rows(self, reviews: EncodedReviews) -> Windows:
        """Return one row per review: its last ids."""
        return Windows(self.last_rows(reviews), np.arange(len(reviews)))

    def last_rows(self, reviews: EncodedReviews) -> npt.NDArray[np.int32]:
        """Return the last row of each review: int32, shape (n, max_len)."""
        return pad(reviews, self.num_words, self.max_len)

    def training_data(
        self,
        reviews: EncodedReviews,
        weights: npt.NDArray[np.float64] | None,
        short_windows: float,
        end_windows: float,
    ) -> ExamplesInMemory:
        """Return the same rows for every epoch. The shares of windows have no effect; see `OverlappingWindows`."""
        arrays = Arrays(self.last_rows(reviews), targets(reviews))
        return arrays if weights is None else WeightedArrays(arrays, weights)


@dataclass(frozen=True)
class OverlappingWindows:
    """Uses the whole review, in overlapping windows.

    Attributes:
        num_words: ids from this number on become `OOV`.
        max_len: ids per window, at least 2.
    """

    num_words: int
    max_len: int
    windows: ClassVar[bool] = True

    def rows(self, reviews: EncodedReviews) -> Windows:
        """Return all windows of each review; see `windows_of`."""
        return windows_of(reviews, self.num_words, self.max_len)

    def last_rows(self, reviews: EncodedReviews) -> npt.NDArray[np.int32]:
        """Return the last window of each review: int32, shape (n, max_len)."""
        return last_windows(reviews, self.num_words, self.max_len)

    def training_data(
        self,
        reviews: EncodedReviews,
        weights: npt.NDArray[np.float64] | None,
        short_windows: float,
        end_windows: float,
    ) -> ExamplesInMemory:
        """Return windows that are drawn again for each epoch; see `DrawnWindows`.

        Args:
            reviews: n reviews with labels.
            weights: the weight of each review, shape (n,); None is 1 for each.
            short_windows: the share of short windows, 0 to 1.
            end_windows: the share of short windows that are the end of their review, 0 to 1.
        """
        return DrawnWindows(reviews, self.num_words, self.max_len, short_windows, end_windows, weights)


Preprocessing = LastIds | OverlappingWindows


def make_preprocessing(num_words: Any, max_len: Any, windows: Any) -> Preprocessing:
    """Return the preprocessing for these settings.

    Args:
        num_words: ids from this number on become `OOV`; at least 5.
        max_len: ids per row of the model's input, at least 1.
        windows: whether to read the whole review in windows; otherwise only its last ids are read.

    Raises:
        RecipeError: an argument is out of range.
    """
    kind = OverlappingWindows if true_or_false("windows", windows) else LastIds
    return kind(whole_number("num_words", num_words), whole_number("max_len", max_len))
