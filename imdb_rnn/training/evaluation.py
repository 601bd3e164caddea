"""Evaluates a saved model on a source of reviews."""

import logging
from pathlib import Path
from typing import Literal, NamedTuple

from imdb_rnn.corpora import load_reviews
from imdb_rnn.errors import BundleError
from imdb_rnn.inference.classifier import Classifier
from imdb_rnn.printable import printable
from imdb_rnn.training.splits import split_reviews

# The sources that are read without `data`. Paths in a manifest are not opened, because anybody may have written it.
KNOWN_SOURCES = ("imdb", "tfds", "synthetic")
# Old names of sources, from earlier versions.
_RENAMED = {"embedded": "synthetic"}

_log = logging.getLogger(__name__)


class SourceEvaluation(NamedTuple):
    """The evaluation of a model on a source of reviews.

    Attributes:
        source: the source that was read.
        fingerprint: SHA-256 of its reviews.
        split: "val" or "test".
        loss: mean binary cross-entropy, in nats.
        accuracy: the share of correct predictions, 0 to 1.
    """

    source: str
    fingerprint: str
    split: str
    loss: float
    accuracy: float


def evaluate(
    model: Classifier | Path | str, data: str | None = None, *, split: Literal["val", "test"] = "test"
) -> SourceEvaluation:
    """Evaluate a model on a source of reviews.

    A warning is logged if the split is "val", or `data` is None, and the reviews are not those of the training.

    Args:
        model: a classifier, or a folder saved by `train`.
        data: a source of reviews (see `imdb_rnn.load_reviews`); None uses the source of the training, which must not be
            a path.
        split: "test", or "val" for the training reviews that `train` sets aside.

    Raises:
        BackendError: see `imdb_rnn.backends.backend_name`.
        BundleError: the folder cannot be read, or `data` is None and the model was not trained on a known source.
        DataError: the reviews cannot be read.
        ModelError: see `imdb_rnn.Classifier.evaluate`.
    """
    classifier = model if isinstance(model, Classifier) else Classifier.load(model)
    source = data or trained_source(classifier)
    corpus = load_reviews(source)
    if corpus.vocabulary.truncate(classifier.num_words) != classifier.vocabulary:
        corpus = load_reviews(source, classifier.vocabulary)
    if (split == "val" or not data) and corpus.fingerprint != classifier.manifest.fingerprint:
        _log.warning("%s does not hold the reviews that the model was trained on.", printable(source))
    reviews = corpus.test if split == "test" else split_reviews(corpus.train)[1]
    evaluated = classifier.evaluate(reviews)
    return SourceEvaluation(corpus.source, corpus.fingerprint, split, evaluated.loss, evaluated.accuracy)


def trained_source(classifier: Classifier) -> str:
    """Return the source of the reviews that a model was trained on.

    Raises:
        BundleError: it is not one of `KNOWN_SOURCES`.
    """
    source = _RENAMED.get(classifier.manifest.source, classifier.manifest.source)
    if source not in KNOWN_SOURCES:
        msg = (
            f"Bad `data`. Expected: a source of reviews, because the model was not trained on one of "
            f"{', '.join(KNOWN_SOURCES)}. Received: None, and a model trained on {source!r:.300}."
        )
        raise BundleError(msg)
    return source
