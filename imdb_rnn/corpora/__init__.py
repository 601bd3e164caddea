"""Where reviews come from, one module a source; every source gives the same arrays.

May import: the standard library, imdb_rnn.corpora.*, imdb_rnn.errors, imdb_rnn.tokens.
"""

import logging
from pathlib import Path

from imdb_rnn.corpora import embedded, folder, imdb, npz, tfds
from imdb_rnn.corpora.reviews import Corpus, EncodedReviews, LabelledTexts
from imdb_rnn.errors import DataError
from imdb_rnn.tokens import Vocabulary

__all__ = ["SOURCES", "Corpus", "EncodedReviews", "LabelledTexts", "load_reviews"]

SOURCES = {
    "auto": "imdb where it is at hand or quickly downloaded, else embedded",
    "imdb": "Keras's imdb.npz: from IMDB_RNN_DATA, Keras's cache, or the network",
    "tfds": "imdb_reviews of TensorFlow Datasets, a prepared copy",
    "folder:PATH": "train/{pos,neg} and test/{pos,neg}, one review a text file",
    "npz:PATH": "a file of Keras's format, with NAME_word_index.json beside NAME.npz",
    "embedded": "reviews that this package makes itself",
}

# Long enough for 17 MB on a good line, short enough for those who have no network.
AUTO_PATIENCE_SECONDS = 10

_log = logging.getLogger(__name__)


def load_reviews(source: str = "auto", vocabulary: Vocabulary | None = None) -> Corpus:
    """Read reviews.

    Args:
        source: one of `SOURCES`, "auto", "imdb", "tfds", "folder:PATH", "npz:PATH" or "embedded".
        vocabulary: the words to encode with; None takes those of the source.

    Returns:
        The reviews as ids. Of "auto" the `source` is what was really read, "imdb" or "embedded".

    Raises:
        DataError: the source is unknown, missing, damaged or not what it should be.
    """
    kind, colon, path = source.partition(":")
    match kind, bool(colon), bool(path):
        case "auto", False, False:
            return _load_auto(vocabulary)
        case "imdb", False, False:
            return imdb.load(vocabulary)
        case "tfds", False, False:
            return tfds.load(vocabulary)
        case "embedded", False, False:
            return embedded.load(vocabulary)
        case "folder", True, True:
            return folder.load(source, Path(path).expanduser(), vocabulary)
        case "npz", True, True:
            file = Path(path).expanduser()
            return npz.load(source, file, npz.word_index_beside(file), vocabulary)
    msg = f"Bad source of reviews. Expected: one of {', '.join(SOURCES)}. Received: {source!r}."
    raise DataError(msg)


def _load_auto(vocabulary: Vocabulary | None) -> Corpus:
    try:
        for name in (imdb.REVIEWS, imdb.WORD_INDEX):
            imdb.find(name, AUTO_PATIENCE_SECONDS)
    except DataError as error:
        _log.warning(
            "No IMDB reviews here: training on the EMBEDDED reviews instead, which this package makes itself. "
            "Figures from them are not IMDB figures. (%s)",
            error,
        )
        return embedded.load(vocabulary)
    # Outside the try: a local copy that is damaged is reported, not silently passed over.
    return imdb.load(vocabulary)
