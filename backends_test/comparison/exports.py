"""The rows of the report for exported files: the scores of each format's own runtime, held against the oracle.

The tests of each environment export the model that they have trained, and leave a file export-NAME.json in the folder
of their backend; the tests of the page leave one in the folder "core".
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from backends_test import oracle
from backends_test.comparison.stages import sources_fingerprint
from backends_test.environments import ROOT, TITLES
from backends_test.markdown import markdown_table
from imdb_rnn import Classifier, Corpus, EncodedReviews, Exported
from imdb_rnn.exporting.formats import FORMATS
from imdb_rnn.exporting.reference import BOUND
from imdb_rnn.text.preprocessing import make_preprocessing

REVIEWS = 1_000
# What is exported somewhere; a row that is missing in the report was not run.
ROWS = (
    ("ONNX", "torch"),
    ("ONNX", "tensorflow"),
    ("OpenVINO", "openvino"),
    ("SavedModel", "tensorflow"),
    ("torch.export", "torch"),
    ("LiteRT", "tensorflow"),
    ("HTML page", "core"),
)


@dataclass(frozen=True)
class ExportRow:
    """What was measured of an exported file.

    Attributes:
        title: the format.
        writer: the backend that wrote it, and its version.
        runtime: what computed the scores, and its version.
        reviews: the number of reviews.
        data: the source of the reviews.
        difference: the largest difference of a score from the oracle.
        bound: the largest difference allowed.
    """

    title: str
    writer: str
    runtime: str
    reviews: int
    data: str
    difference: float
    bound: float

    @classmethod
    def of(cls, exported: Exported, data: str) -> Self:
        """Return the row of an exported classifier; `data` is the source of the reviews it was checked with."""
        if exported.writer is None or exported.runtime is None or exported.difference is None:
            msg = f"Bad `exported`. Expected: a file that was checked. Received: {exported}."
            raise ValueError(msg)
        measured = (exported.writer, exported.runtime, exported.reviews, data, exported.difference, BOUND)
        return cls(FORMATS[exported.format].title, *measured)


def chosen_reviews(corpus: Corpus) -> EncodedReviews:
    """Return 1,000 test reviews of all lengths, the shortest and the longest among them."""
    reviews = corpus.test
    order = np.argsort(reviews.lengths, kind="stable")
    return reviews.take(order[np.linspace(0, len(order) - 1, min(REVIEWS, len(order))).round().astype(np.int64)])


def with_windows(classifier: Classifier) -> Classifier:
    """Return a classifier of the same weights that reads whole reviews in windows."""
    return Classifier(
        classifier.vocabulary,
        make_preprocessing(classifier.num_words, classifier.max_len, windows=True),
        classifier.manifest,
        weights=classifier.weights(),
    )


def oracle_scores(classifier: Classifier, rows: np.ndarray) -> np.ndarray:
    """Compute the scores of rows of ids with the oracle, float64, shape (n,)."""
    weights = oracle.Weights.of(classifier.weights())
    return oracle.forward(weights, rows).scores[:, 0]


def leave(folder: Path, row: ExportRow) -> None:
    """Write a row for the report to the folder of an environment."""
    folder.mkdir(parents=True, exist_ok=True)
    content = asdict(row) | {"sources": sources_fingerprint(ROOT / "imdb_rnn")}
    (folder / f"export-{row.title}.json").write_text(json.dumps(content), encoding="utf-8")


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Read the rows of all environments; one that is missing, or older than the sources, was not run."""
    rows: list[dict[str, Any]] = []
    for title, environment in ROWS:
        try:
            row = json.loads((folder / environment / f"export-{title}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            row = {"sources": None}
        current = row.pop("sources") == sources_fingerprint(ROOT / "imdb_rnn")
        rows.append(
            row if current else {"title": title, "writer": TITLES.get(environment, "imdb_rnn"), "difference": None}
        )
    return rows


def beyond(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Return a message for each row beyond its bound."""
    return [
        f"{row['title']} written by {row['writer']} differs from the oracle by {row['difference']:.1e}"
        for row in rows
        if row["difference"] is not None and not row["difference"] <= row["bound"]
    ]


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Format the rows as Markdown."""
    cells = []
    for row in rows:
        if row["difference"] is None:
            cells.append([row["title"], row["writer"], "not run"])
        else:
            reviews = f"{row['reviews']:,}, {row['data']}"
            measured = [f"{row['difference']:.1e}", f"{row['bound']:.1e}"]
            cells.append([row["title"], row["writer"], row["runtime"], reviews, *measured])
    return markdown_table(["exported file", "written by", "run by", "reviews", "largest difference", "allowed"], cells)
