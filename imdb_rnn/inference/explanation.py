"""Explains the score of a review word by word, for a terminal or as an HTML page.

The values are exact. The score after a word is the score of the review if it ends there; in a review of one window, it
is the output for the hidden state at that word. The contribution of a word is the decrease of the logit when the word
is left out.
"""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn.errors import ReviewError
from imdb_rnn.files import write_html
from imdb_rnn.inference.classifier import Classifier, Prediction
from imdb_rnn.model.numpy_forward import sigmoid
from imdb_rnn.printable import printable
from imdb_rnn.text.reviews import EncodedReviews

if TYPE_CHECKING:
    from rich.console import Group

# The time grows with the square of the length, and nobody reads an explanation of so many words.
MAX_EXPLAINED_WORDS = 2_000
# A contribution of so many logits has the full colour.
STRONG = 1.0
GREEN, RED = (46, 160, 90), (220, 80, 60)
BARS = "▁▂▃▄▅▆▇█"
SHOWN_WORDS = 5


class Explanation(NamedTuple):
    """An explanation of a prediction, word by word.

    Attributes:
        prediction: the prediction for the whole review.
        spans: the position of each word in the review as (start, end); `end` is exclusive.
        scores: float64, shape (n,), 0 to 1: the score of the review if it ends after this word.
        contributions: float64, shape (n,), in logits: positive if the word makes the review more positive.
    """

    prediction: Prediction
    spans: list[tuple[int, int]]
    scores: npt.NDArray[np.float64]
    contributions: npt.NDArray[np.float64]

    @property
    def words(self) -> list[str]:
        """The words as written in the review."""
        return [self.prediction.text[begin:end] for begin, end in self.spans]


def explain(classifier: Classifier, text: str) -> Explanation:
    """Explain the score of a review.

    Args:
        classifier: a trained classifier.
        text: a review of at most 2,000 words.

    Raises:
        ReviewError: the review is longer, or see `Classifier.predict_reviews`.
    """
    prediction = classifier.predict_review(text)
    ids = np.array(classifier.vocabulary.encode_typed(text), np.int32)
    count = len(ids) - 1
    if count > MAX_EXPLAINED_WORDS:
        msg = f"Cannot explain the review. Expected: at most {MAX_EXPLAINED_WORDS:,} words. Received: {count:,}."
        raise ReviewError(msg)
    # Each row selects the ids of a review: first the beginnings of the text, then the text without one word.
    beginnings = np.tri(count, count + 1, 1, dtype=bool)
    without = ~np.eye(count, count + 1, 1, dtype=bool)
    chosen = np.concatenate([beginnings, without])
    offsets = np.concatenate([[0], np.cumsum(chosen.sum(axis=1))])
    flat = np.broadcast_to(ids, chosen.shape)[chosen]
    logits = classifier.logits(EncodedReviews(flat, offsets))
    return Explanation(
        prediction, classifier.vocabulary.typed_spans(text), sigmoid(logits[:count]), logits[count - 1] - logits[count:]
    )


def strongest(explanation: Explanation) -> list[int]:
    """Return the positions of the words with the largest contributions, in descending order; each word once."""
    order = np.argsort(-np.abs(explanation.contributions), kind="stable")
    seen: dict[str, int] = {}
    for position in order:
        seen.setdefault(explanation.words[position].lower(), int(position))
    return list(seen.values())[:SHOWN_WORDS]


def for_terminal(explanation: Explanation, width: int) -> "Group":
    """Return the coloured review, the score after each word, and the strongest words, for a terminal.

    Args:
        explanation: the explanation of a review.
        width: the width of the terminal, in columns.
    """
    from rich.console import Group
    from rich.text import Text

    review = Text(printable(explanation.prediction.text))
    for (begin, end), contribution in zip(explanation.spans, explanation.contributions, strict=True):
        red, green, blue = colour_of(contribution)
        review.stylize(f"black on rgb({red},{green},{blue})", begin, end)
    # At most one bar per column. A longer review shows evenly spaced words, including the last one.
    shown = np.linspace(0, len(explanation.scores) - 1, min(len(explanation.scores), width)).round().astype(int)
    levels = np.minimum((explanation.scores[shown] * len(BARS)).astype(int), len(BARS) - 1)
    line = Text("".join(BARS[level] for level in levels))
    table = [
        f"{printable(explanation.words[position]):<20} {explanation.contributions[position]:+.2f}"
        for position in strongest(explanation)
    ]
    return Group(
        review,
        Text("\nScore after each word, from ▁ (negative) to █ (positive)", style="dim"),
        line,
        Text("\nContribution of the strongest words, in logits", style="dim"),
        Text("\n".join(table)),
    )


def colour_of(contribution: float) -> tuple[int, int, int]:
    """Return the RGB colour of a contribution: white for 0, green for positive, red for negative."""
    share = min(abs(float(contribution)) / STRONG, 1.0)
    full = GREEN if contribution > 0 else RED
    red, green, blue = (round(255 + share * (part - 255)) for part in full)
    return red, green, blue


def to_html(explanation: Explanation) -> str:
    """Return a self-contained HTML page: the coloured review, the score after each word, and the strongest words."""
    from jinja2 import Environment

    text, begin = explanation.prediction.text, 0
    parts = []
    for (first, after), score, contribution in zip(
        explanation.spans, explanation.scores, explanation.contributions, strict=True
    ):
        parts.append({"between": text[begin:first], "word": text[first:after], "score": score, "by": contribution})
        parts[-1]["colour"] = "rgb({}, {}, {})".format(*colour_of(contribution))
        begin = after
    template = files("imdb_rnn.inference").joinpath("explanation.html.jinja").read_text(encoding="utf-8")
    words = explanation.words
    page: str = (
        Environment(autoescape=True)
        .from_string(template)
        .render(
            prediction=explanation.prediction,
            parts=parts,
            rest=text[begin:],
            strongest=[(words[i], explanation.contributions[i]) for i in strongest(explanation)],
            points=[(i + 0.5, 1 - score) for i, score in enumerate(explanation.scores)],
        )
    )
    return page


def record_of(explanation: Explanation) -> dict[str, Any]:
    """Convert an explanation to JSON values."""
    rows = zip(explanation.words, explanation.scores, explanation.contributions, strict=True)
    words = [{"word": word, "score_after": float(score), "contribution": float(by)} for word, score, by in rows]
    return explanation.prediction._asdict() | {"words": words}


def write_page(explanation: Explanation, path: Path) -> None:
    """Write `to_html` to a file; see `write_html`."""
    write_html(path, to_html(explanation))
