"""Times how fast the exported page scores and explains a review in Chromium.

    python -P -m benchmarks.exported_page    # a few seconds, on an idle machine

It renews benchmarks/results/exported-page.json and its table in docs/exporting.md. The model has the standard size and
random weights, on which the time does not depend.
"""

import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from backends_test.environments import ROOT
from backends_test.markdown import markdown_table, replace_table
from imdb_rnn import Classifier, Vocabulary
from imdb_rnn.exporting.page import page_of
from imdb_rnn.inference.bundle import json_bytes
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.processor import processor
from imdb_rnn.text.preprocessing import make_preprocessing

RESULTS = ROOT / "benchmarks" / "results" / "exported-page.json"
PAGE = ROOT / "docs" / "exporting.md"
NUM_WORDS, MAX_LEN = 10_000, 100
# 230 is the mean length of IMDB's reviews.
LENGTHS = (50, 230, 500, 1_000, 2_000)
REPEATS, WARM_UP = 20, 3
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# The clock of a browser is coarse: 0.1 ms. So a score is computed several times per measurement.
SCORES = 10
MEASURE = """([text, repeats, scores]) => {
  const measured = { explain: [], score: [] };
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    for (const [name, calls] of [["explain", 1], ["score", scores]]) {
      const begin = performance.now();
      for (let call = 0; call < calls; call += 1) imdbRnn[name](text);
      measured[name].push((performance.now() - begin) / calls);
    }
  }
  return measured;
}"""


def standard_classifier() -> Classifier:
    """Return a classifier of the standard size with random weights and invented words."""
    random = np.random.default_rng(0)
    shapes = ((NUM_WORDS + 3, 16), (16, 8), (8, 8), (8,), (8, 1), (1,))
    weights = [random.normal(0, 0.3, shape).astype(np.float32) for shape in shapes]
    words = Vocabulary(f"word{rank}" for rank in range(NUM_WORDS - 4))
    return Classifier(words, make_preprocessing(NUM_WORDS, MAX_LEN, windows=True), Manifest(), weights=weights)


def text_of(classifier: Classifier, words: int) -> str:
    """Return a text of a number of known words."""
    ranks = np.random.default_rng(words).integers(0, len(classifier.vocabulary), words)
    return " ".join(classifier.vocabulary.words[rank] for rank in ranks)


def measure(classifier: Classifier) -> dict[str, Any]:
    """Return the median times of texts of several lengths, in milliseconds."""
    page_text = page_of(classifier)
    playwright: Any = import_module("playwright.sync_api")  # it is installed only where pages are tested
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with playwright.sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(page_text, encoding="utf-8")
        browser = driver.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(file.as_uri())
        rows = []
        for words in LENGTHS:
            text = text_of(classifier, words)
            page.evaluate(MEASURE, [text, WARM_UP, SCORES])
            times = page.evaluate(MEASURE, [text, REPEATS, SCORES])
            medians = {name: round(float(np.median(values)), 3) for name, values in times.items()}
            rows.append({"words": words, **medians})
        version = browser.version
        browser.close()
    return {
        "milliseconds": rows,
        "page_bytes": len(page_text.encode()),
        "repeats": REPEATS,
        "browser": f"Chromium {version}",
        "processor": processor(),
    }


def table(results: dict[str, Any]) -> str:
    """Format the times as Markdown."""
    rows = [
        [f"{row['words']:,}", f"{row['score']:.2f} ms", f"{row['explain']:.1f} ms"] for row in results["milliseconds"]
    ]
    return markdown_table(["words", "score", "score and explanation"], rows)


def main() -> None:
    """Measure, and renew the results and the page."""
    results = measure(standard_classifier())
    RESULTS.write_bytes(json_bytes(results))
    PAGE.write_text(replace_table(PAGE.read_text(encoding="utf-8"), "exported-page", table(results)), encoding="utf-8")


if __name__ == "__main__":
    main()
