"""Trains the models that the tests without a backend read, and writes them to `data/`.

    KERAS_BACKEND=jax python -P backends_test/tests/make_data.py

The models need not be made again when the library changes: folders that were saved before must stay readable.
"""

import shutil
from pathlib import Path

from imdb_rnn import Recipe, train
from imdb_rnn.corpora.corpus import encode_texts
from imdb_rnn.corpora.synthetic import make_texts

DATA = Path(__file__).with_name("data")
# Few words, so that the files are small.
RECIPES = {
    "tutorial": Recipe.tutorial(epochs=2, patience=1, num_words=2_000),
    "robust": Recipe(epochs=2, num_words=2_000),
}

if __name__ == "__main__":
    train_texts, test_texts = make_texts(2_000, 500)
    corpus = encode_texts("synthetic", "small", train_texts, test_texts, None)
    for name, recipe in RECIPES.items():
        shutil.rmtree(DATA / name, ignore_errors=True)
        train(corpus, DATA / name, recipe, progress=False)
