"""Trains one model per seed with the recipe "tutorial" on the IMDB reviews, under the running backend.

    KERAS_BACKEND=jax python -m backends_test.comparison.seeds FOLDER 0 1 2

writes the manifest of each training to FOLDER/<seed>.json. Files that exist are kept.
"""

import sys
from pathlib import Path

from backends_test.pages import write_json
from imdb_rnn import Recipe, load_reviews, train


def main() -> None:
    """Train the seeds that are missing."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    corpus = load_reviews("imdb")
    for seed in map(int, sys.argv[2:]):
        path = folder / f"{seed}.json"
        if not path.exists():
            manifest = train(corpus, recipe=Recipe.tutorial(seed=seed), progress=False).manifest
            write_json(path, manifest.to_json())
            print(manifest.backend, seed, manifest.test_accuracy, flush=True)


if __name__ == "__main__":
    main()
