"""The tutorial's script, as a user of Keras writes it: train, save the best model, predict a review.

    KERAS_BACKEND=jax python tutorial.py train FOLDER SEED EPOCHS
    KERAS_BACKEND=jax python tutorial.py predict FOLDER "a review"

It is timed as a whole, from a cold process on. It uses Keras and scikit-learn, and nothing of this project. Output that
begins with -- marks the end of a phase for the benchmark. Keras reads its files from IMDB_RNN_DATA.
"""

import os
import sys
from pathlib import Path

import keras
from keras.src.datasets import imdb
from sklearn.model_selection import train_test_split

# No downloads: Keras would download again a file whose hash it does not know, and there may be no network.
imdb.get_file = lambda fname, *_, **__: str(Path(os.environ["IMDB_RNN_DATA"]) / fname)

WORDS, LENGTH = 10_000, 100
LOWEST_ID = 3  # added to the rank of a word, after the ids of padding, start and unknown


def train(folder: Path, seed: int, epochs: int) -> None:
    """Train on the IMDB reviews, keep the best epoch, and evaluate it."""
    print("-- import", flush=True)
    keras.utils.set_random_seed(seed)
    (x, y), (x_test, y_test) = keras.datasets.imdb.load_data(num_words=WORDS)
    x_train, x_validation, y_train, y_validation = train_test_split(x, y, test_size=0.2, random_state=42)
    x_train, x_validation, x_test = (
        keras.utils.pad_sequences(part, maxlen=LENGTH) for part in (x_train, x_validation, x_test)
    )
    print("-- data", flush=True)
    model = keras.Sequential(
        [
            keras.Input((LENGTH,)),
            keras.layers.Embedding(WORDS + LOWEST_ID, 16),
            keras.layers.SimpleRNN(8),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    print("-- build", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    callbacks = [
        keras.callbacks.ModelCheckpoint(str(folder / "model.keras"), save_best_only=True),
        keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True),
    ]
    model.fit(
        x_train,
        y_train,
        epochs=epochs,
        batch_size=64,
        validation_data=(x_validation, y_validation),
        callbacks=callbacks,
        verbose=2,
    )
    print("-- training", flush=True)
    model.evaluate(x_test, y_test, verbose=2)
    print("-- evaluation", flush=True)


def predict(folder: Path, review: str) -> None:
    """Print the score of a review."""
    model = keras.models.load_model(folder / "model.keras")
    word_index = keras.datasets.imdb.get_word_index()
    ids = [word_index.get(word, 0) + LOWEST_ID for word in review.lower().split()]
    ids = [number if number < WORDS else 2 for number in ids]
    print(float(model.predict(keras.utils.pad_sequences([ids], maxlen=LENGTH), verbose=0)[0, 0]))


if __name__ == "__main__":
    if sys.argv[1] == "train":
        train(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        predict(Path(sys.argv[2]), sys.argv[3])
