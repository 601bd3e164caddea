"""The split of the training reviews into training and validation."""

import numpy as np

from imdb_rnn.text.reviews import EncodedReviews

# As in the tutorial. The seed is fixed, so that the validation reviews of a saved model can be reproduced.
VALIDATION_SHARE = 0.2
VALIDATION_SEED = 42


def split_reviews(reviews: EncodedReviews) -> tuple[EncodedReviews, EncodedReviews]:
    """Split the training reviews of a corpus into 80 % for training and 20 % for validation."""
    # scikit-learn takes a second to import.
    from sklearn.model_selection import train_test_split

    positions = train_test_split(np.arange(len(reviews)), test_size=VALIDATION_SHARE, random_state=VALIDATION_SEED)
    learned, validation = (reviews.take(part) for part in positions)
    return learned, validation
