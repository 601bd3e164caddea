"""Renews docs/page.html, which the documentation's front page embeds: a model trained on the synthetic reviews.

    KERAS_BACKEND=jax python -P -m backends_test.front_page

A test fails if the script, the style or the text of the page has changed since.
"""

import re

from backends_test.environments import ROOT
from imdb_rnn import Recipe, train

PAGE = ROOT / "docs" / "page.html"
# As many as the synthetic reviews have, and a smaller page.
NUM_WORDS = 3_000


def without_model(page: str) -> str:
    """Return the page without its model."""
    return re.sub(r'(<script type="application/json" id="model">)[^<]*', r"\1", page, count=1)


def main() -> None:
    """Train, and write the page."""
    train("synthetic", None, Recipe(num_words=NUM_WORDS)).classifier.export(PAGE, "html")


if __name__ == "__main__":
    main()
