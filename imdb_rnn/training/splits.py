"""The split of the training reviews into training and validation."""

import math

import numpy as np

from imdb_rnn.text.reviews import EncodedReviews

# As in the tutorial. The seed is fixed, so that the validation reviews of a saved model can be reproduced.
VALIDATION_SHARE = 0.2
VALIDATION_SEED = 42


def split_reviews(reviews: EncodedReviews) -> tuple[EncodedReviews, EncodedReviews]:
    """Split the training reviews of a corpus into 80 % for training and 20 % for validation."""
    # As `sklearn.model_selection.train_test_split`, which takes seconds to import.
    order = np.random.RandomState(VALIDATION_SEED).permutation(len(reviews))
    held_out = math.ceil(VALIDATION_SHARE * len(reviews))
    return reviews.take(order[held_out:]), reviews.take(order[:held_out])
