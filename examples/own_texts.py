"""Train on a table of your own texts with two labels, and see how well it goes.

pip install ".[jax]"
KERAS_BACKEND=jax python examples/own_texts.py                      # examples/meals.csv: 400 made-up restaurant notes
KERAS_BACKEND=jax python examples/own_texts.py mine.csv TEXT LABEL  # your file, and the names of its two columns
"""

import csv
import sys
from pathlib import Path

from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split

from imdb_rnn import ReviewClassifier


def main(path: Path, text_column: str, label_column: str) -> None:
    """Train on three quarters of a file, and report on the rest."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    texts, labels = [row[text_column] for row in rows], [row[label_column] for row in rows]
    train_texts, test_texts, train_labels, test_labels = train_test_split(
        texts, labels, test_size=0.25, stratify=labels, random_state=0
    )
    classifier = ReviewClassifier().fit(train_texts, train_labels)
    print(f"{len(train_texts)} texts to learn from, {len(test_texts)} to test on")
    print(classification_report(test_labels, classifier.predict(test_texts), zero_division=0))


if __name__ == "__main__":
    given = sys.argv[1:] or [str(Path(__file__).with_name("meals.csv")), "text", "label"]
    if len(given) != 3:
        sys.exit("Usage: own_texts.py [FILE.csv TEXT_COLUMN LABEL_COLUMN]")
    main(Path(given[0]), *given[1:])
