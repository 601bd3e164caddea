"""Where reviews come from, one module a source; every source gives the same arrays."""

import logging
from pathlib import Path, PurePath

from imdb_rnn.corpora import folder, imdb, npz, synthetic, tfds
from imdb_rnn.corpora.corpus import Corpus, LabelledTexts
from imdb_rnn.errors import DataError, ImdbRnnError
from imdb_rnn.text.tokens import Vocabulary

__all__ = ["SOURCES", "Corpus", "LabelledTexts", "load_reviews"]

SOURCES = ("auto", "imdb", "tfds", "folder:PATH", "npz:PATH", "synthetic")

# Long enough for 17 MB on a good line, short enough for those who have no network.
AUTO_PATIENCE_SECONDS = 10

_log = logging.getLogger(__name__)


def load_reviews(source: str = "auto", vocabulary: Vocabulary | None = None) -> Corpus:
    """Read reviews.

    Args:
        source: one of `SOURCES`, "auto", "imdb", "tfds", "folder:PATH", "npz:PATH" or "synthetic".
        vocabulary: the words to encode with; None takes those of the source.

    Returns:
        The reviews as ids. Of "auto" the `source` is what was really read, "imdb" or "synthetic".

    Raises:
        DataError: the source is unknown, missing, damaged or not what it should be.
    """
    if not isinstance(source, str):
        raise _not_a_name(source)
    whole = {"auto": _load_auto, "imdb": imdb.load, "tfds": tfds.load, "synthetic": synthetic.load}
    kind, _, path = source.partition(":")
    try:
        if source in whole:
            return whole[source](vocabulary)
        if kind == "folder" and path:
            return folder.load(Path(path).expanduser().resolve(), vocabulary)
        if kind == "npz" and path:
            return npz.load_beside_its_words(Path(path).expanduser().resolve(), vocabulary)
    except ImdbRnnError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # a name too long, a folder that may not be read, …
        msg = f"Cannot read {source!r}. Expected: files that can be read. Received: {error}"
        raise DataError(msg) from error
    msg = f"Bad source of reviews. Expected: one of {', '.join(SOURCES)}. Received: {source!r:.200}."
    raise DataError(msg)


def _not_a_name(source: object) -> DataError:
    """The error for a source that is no text, which says what to write."""
    advice = 'For files of your own write "folder:PATH" or "npz:PATH".'
    if isinstance(source, PurePath):
        advice = f'Write "{"npz" if source.suffix == ".npz" else "folder"}:{source}".'
    return DataError(
        f"Bad source of reviews. Expected: a text, one of {', '.join(SOURCES)}. "
        f"Received: {type(source).__name__}. {advice}"
    )


def _load_auto(vocabulary: Vocabulary | None) -> Corpus:
    imdb.given_folder()  # outside the try: a wrong one is a mistake, and no reason to read something else
    try:
        files = imdb.find_files(AUTO_PATIENCE_SECONDS)
    except DataError as error:
        _log.warning(
            "No IMDB reviews here: training on the SYNTHETIC reviews instead, which this package makes itself. "
            "Figures from them are not IMDB figures. (%s)",
            error,
        )
        return synthetic.load(vocabulary)
    # Outside the try: a local copy that is damaged is reported, not silently passed over.
    return npz.load("imdb", *files, vocabulary)
