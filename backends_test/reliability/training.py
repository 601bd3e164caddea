"""A short training with everything that an interruption could change, as a process of its own.

    KERAS_BACKEND=torch python -m backends_test.reliability.training FOLDER

It has random windows, averaged weights, early stopping and calibration. It goes on from where an earlier one in the
same folder was killed. It prints a line before the training begins and another one after its end, for others to know.
"""

import sys
from pathlib import Path

from imdb_rnn import Corpus, Recipe, train
from imdb_rnn.backends import load_keras
from imdb_rnn.corpora.corpus import encode_texts
from imdb_rnn.corpora.synthetic import make_texts

REVIEWS = 300
# The validation loss of so few reviews soon rises: the training stops long before thirty epochs. There is no teacher,
# which is fitted before the first file is written and would take most of the time.
RECIPE = Recipe(epochs=30, patience=5, averaged_epochs=3, teacher_share=0)
BEGINS, ENDS = "begins", "ends"


def few_reviews() -> Corpus:
    """Return reviews that are trained on in a second."""
    return encode_texts("synthetic", "few", *make_texts(REVIEWS, 100), None)


def main() -> None:
    """Train, or go on with a training."""
    load_keras()
    corpus = few_reviews()
    print(BEGINS, flush=True)
    train(corpus, Path(sys.argv[1]), RECIPE, resume=True, progress=False)
    print(ENDS, flush=True)


if __name__ == "__main__":
    main()
