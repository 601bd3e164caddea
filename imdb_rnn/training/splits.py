"""The split of the training reviews into training and validation."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imdb_rnn.text.permutation import permuted
from imdb_rnn.text.reviews import EncodedReviews, Reviews

# As in the tutorial. The seed is fixed, so that the validation reviews of a saved model can be reproduced.
VALIDATION_SHARE = 0.2
VALIDATION_SEED = 42
# More would not change which epoch is the best, and would not fit in memory.
MAX_VALIDATION = 50_000


@dataclass(frozen=True)
class _Remaining:
    """The reviews of a large corpus that are not held out; implements `imdb_rnn.text.reviews.Reviews`."""

    reviews: Reviews
    held_out: int

    def __len__(self) -> int:
        return len(self.reviews) - self.held_out

    def take(self, order: npt.NDArray[np.int64]) -> EncodedReviews:
        """See `imdb_rnn.text.reviews.Reviews`."""
        return self.reviews.take(permuted(order + self.held_out, len(self.reviews), (VALIDATION_SEED,)))


def split_reviews(reviews: Reviews) -> tuple[Reviews, EncodedReviews]:
    """Split the training reviews of a corpus into 80 % for training and 20 % for validation.

    At most `MAX_VALIDATION` reviews are for validation. If there are more in 20 %, the others are for training, and
    are read only when they are taken.
    """
    held_out = math.ceil(VALIDATION_SHARE * len(reviews))
    if held_out > MAX_VALIDATION:
        first = permuted(np.arange(MAX_VALIDATION), len(reviews), (VALIDATION_SEED,))
        return _Remaining(reviews, MAX_VALIDATION), reviews.take(first)
    # As `sklearn.model_selection.train_test_split`, which takes seconds to import.
    order = np.random.RandomState(VALIDATION_SEED).permutation(len(reviews))
    return reviews.take(order[held_out:]), reviews.take(order[:held_out])
