"""Evaluates a saved model on a source of reviews."""

import logging
from pathlib import Path
from typing import Literal, NamedTuple

from imdb_rnn.corpora import load_reviews
from imdb_rnn.errors import BundleError
from imdb_rnn.inference.classifier import Classifier
from imdb_rnn.printable import printable
from imdb_rnn.training.splits import split_reviews

# The sources that a manifest may name. A path is never opened because a folder names it: anybody could have written it.
KNOWN_SOURCES = ("imdb", "tfds", "synthetic")
# The names of sources in earlier versions.
_RENAMED = {"embedded": "synthetic"}

_log = logging.getLogger(__name__)


class SourceEvaluation(NamedTuple):
    """How well the scores of a model fit the labels of a source of reviews.

    Attributes:
        source: the source that was read.
        fingerprint: SHA-256 of its reviews.
        split: "val" or "test".
        loss: mean binary cross-entropy, in nats.
        accuracy: the share of correct labels, 0 to 1.
    """

    source: str
    fingerprint: str
    split: str
    loss: float
    accuracy: float


def evaluate(
    model: Classifier | Path | str, data: str | None = None, *, split: Literal["val", "test"] = "test"
) -> SourceEvaluation:
    """Compare the scores of a model with the labels of reviews.

    A warning is logged if the reviews are not those of the training, where they should be: for the split "val", and
    without `data`.

    Args:
        model: a classifier, or a folder saved by `train`.
        data: a source of reviews (see `imdb_rnn.load_reviews`); None is the source that the model was trained on, unless
            that is a path.
        split: "test", or "val" for the training reviews that `train` sets aside.

    Raises:
        BackendError: see `imdb_rnn.backends.backend_name`.
        BundleError: the folder cannot be read, or `data` is None and the model does not name a known source.
        DataError: the reviews cannot be read.
        ModelError: see `imdb_rnn.Classifier.evaluate`.
    """
    classifier = model if isinstance(model, Classifier) else Classifier.load(model)
    source = data or _trained_source(classifier)
    corpus = load_reviews(source)
    if corpus.vocabulary.truncate(classifier.num_words) != classifier.vocabulary:
        corpus = load_reviews(source, classifier.vocabulary)
    if (split == "val" or not data) and corpus.fingerprint != classifier.manifest.fingerprint:
        _log.warning("%s does not hold the reviews that the model was trained on.", printable(source))
    reviews = corpus.test if split == "test" else split_reviews(corpus.train)[1]
    evaluated = classifier.evaluate(reviews)
    return SourceEvaluation(corpus.source, corpus.fingerprint, split, evaluated.loss, evaluated.accuracy)


def _trained_source(classifier: Classifier) -> str:
    source = _RENAMED.get(classifier.manifest.source, classifier.manifest.source)
    if source not in KNOWN_SOURCES:
        msg = (
            f"Bad `data`. Expected: a source of reviews, for a model that was trained on none of "
            f"{', '.join(KNOWN_SOURCES)}. Received: None, and a model trained on {source!r:.300}."
        )
        raise BundleError(msg)
    return source
