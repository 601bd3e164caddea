"""What a review's score is made of, word by word: on a terminal, and as a page of its own.

Nothing is approximated. The score after a word is that of the review ending there; in a review of one window, that is
the hidden state read out at that word. A word's contribution is what the logit loses when the word is left out.
"""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn.errors import ReviewError
from imdb_rnn.files import atomic_write
from imdb_rnn.inference.classifier import Classifier, Prediction
from imdb_rnn.model.numpy_forward import sigmoid
from imdb_rnn.printable import printable
from imdb_rnn.text.reviews import EncodedReviews

if TYPE_CHECKING:
    from rich.console import Group

# Longer reviews take long, and nobody looks at so many words.
MAX_EXPLAINED_WORDS = 2_000
# A contribution of this many logits has the full colour.
STRONG = 1.0
GREEN, RED = (46, 160, 90), (220, 80, 60)
BARS = "▁▂▃▄▅▆▇█"
SHOWN_WORDS = 5
PAGE = b"<!doctype html>"


class Explanation(NamedTuple):
    """A prediction, word by word.

    Attributes:
        prediction: of the whole review.
        spans: n pairs: the first character of each word in the review, and the one after its last.
        scores: float64, shape (n,), 0 to 1: how positive the review is if it ends after this word.
        contributions: float64, shape (n,), in logits: above 0, the word makes the review more positive.
    """

    prediction: Prediction
    spans: list[tuple[int, int]]
    scores: npt.NDArray[np.float64]
    contributions: npt.NDArray[np.float64]

    @property
    def words(self) -> list[str]:
        """The words as they stand in the review."""
        return [self.prediction.text[begin:end] for begin, end in self.spans]


def explain(classifier: Classifier, text: str) -> Explanation:
    """Read a review as it grows, and without each of its words.

    Args:
        classifier: a trained model.
        text: a review of at most 2,000 words.

    Raises:
        ReviewError: it is longer, or see `Classifier.predict_reviews`.
    """
    prediction = classifier.predict_review(text)
    ids = np.array(classifier.vocabulary.encode_typed(text), np.int32)
    count = len(ids) - 1
    if count > MAX_EXPLAINED_WORDS:
        msg = f"Cannot explain the review. Expected: at most {MAX_EXPLAINED_WORDS:,} words. Received: {count:,}."
        raise ReviewError(msg)
    # Row by row the ids of a review to be read, START among them.
    growing = np.tri(count, count + 1, 1, dtype=bool)
    without = ~np.eye(count, count + 1, 1, dtype=bool)
    chosen = np.concatenate([growing, without])
    offsets = np.concatenate([[0], np.cumsum(chosen.sum(axis=1))])
    flat = np.broadcast_to(ids, chosen.shape)[chosen]
    logits = classifier.logits(EncodedReviews(flat, offsets))
    return Explanation(
        prediction, classifier.vocabulary.typed_spans(text), sigmoid(logits[:count]), logits[count - 1] - logits[count:]
    )


def strongest(explanation: Explanation) -> list[int]:
    """The positions of the words that contribute most, either way, most first; each word once."""
    order = np.argsort(-np.abs(explanation.contributions), kind="stable")
    seen: dict[str, int] = {}
    for position in order:
        seen.setdefault(explanation.words[position].lower(), int(position))
    return list(seen.values())[:SHOWN_WORDS]


def for_terminal(explanation: Explanation, width: int) -> "Group":
    """The review with its words coloured, the score as it goes, and the words that contribute most.

    Args:
        explanation: of a review.
        width: of the terminal, in columns.
    """
    from rich.console import Group
    from rich.text import Text

    review = Text(printable(explanation.prediction.text))
    for (begin, end), contribution in zip(explanation.spans, explanation.contributions, strict=True):
        red, green, blue = colour_of(contribution)
        review.stylize(f"black on rgb({red},{green},{blue})", begin, end)
    # No more bars than columns: of a longer review words at even distances, the last among them.
    shown = np.linspace(0, len(explanation.scores) - 1, min(len(explanation.scores), width)).round().astype(int)
    levels = np.minimum((explanation.scores[shown] * len(BARS)).astype(int), len(BARS) - 1)
    line = Text("".join(BARS[level] for level in levels))
    table = [
        f"{printable(explanation.words[position]):<20} {explanation.contributions[position]:+.2f}"
        for position in strongest(explanation)
    ]
    return Group(
        review,
        Text("\nHow positive it is after each word, ▁ not at all, █ wholly", style="dim"),
        line,
        Text("\nWhat the logit loses without the word, the strongest first", style="dim"),
        Text("\n".join(table)),
    )


def colour_of(contribution: float) -> tuple[int, int, int]:
    """White for nothing, towards green for more positive, towards red for less."""
    share = min(abs(float(contribution)) / STRONG, 1.0)
    full = GREEN if contribution > 0 else RED
    red, green, blue = (round(255 + share * (part - 255)) for part in full)
    return red, green, blue


def to_html(explanation: Explanation) -> str:
    """A page that needs nothing else: the review with its words coloured, and its score over the words."""
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
    """The same for machines, of what JSON knows."""
    words = zip(explanation.words, explanation.scores, explanation.contributions, strict=True)
    found = [{"word": word, "score_after": float(score), "contribution": float(by)} for word, score, by in words]
    return explanation.prediction._asdict() | {"words": found}


def write_page(explanation: Explanation, path: Path) -> None:
    """Write `to_html` to a file, whole or not at all; what is there already must be a page.

    Raises:
        OSError: it is something else, or cannot be written.
    """
    if path.exists() and not path.read_bytes().startswith(PAGE):
        msg = f"{path} is there already, and is no page"
        raise FileExistsError(msg)
    with atomic_write(path) as temporary:
        temporary.write_text(to_html(explanation), encoding="utf-8")
