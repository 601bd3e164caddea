"""Sources of reviews, one module per source. All sources return a `Corpus`."""

import logging
from pathlib import Path, PurePath

from imdb_rnn.corpora import folder, imdb, npz, shards, synthetic, tfds
from imdb_rnn.corpora.corpus import Corpus, LabelledTexts
from imdb_rnn.errors import DataError, ImdbRnnError
from imdb_rnn.text.tokens import Vocabulary

__all__ = ["SOURCES", "Corpus", "LabelledTexts", "load_reviews"]

SOURCES = ("auto", "imdb", "tfds", "folder:PATH", "npz:PATH", "shards:PATH", "synthetic")

# Long enough to download 17 MB, short enough for users without a network.
AUTO_PATIENCE_SECONDS = 10

_log = logging.getLogger(__name__)


def load_reviews(source: str = "auto", vocabulary: Vocabulary | None = None) -> Corpus:
    """Load the reviews of a source.

    Args:
        source: "auto", "imdb", "tfds", "folder:PATH", "npz:PATH", "shards:PATH" or "synthetic". "auto" is "imdb" if its
            files are available, else "synthetic". The reviews of shards stay on the disk until they are taken.
        vocabulary: the words to encode with; None uses the vocabulary of the source.

    Returns:
        The reviews as ids. For "auto", its `source` is "imdb" or "synthetic", whichever was read.

    Raises:
        DataError: the source is unknown, missing, damaged or in the wrong format, or has no word of the vocabulary.
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
        if kind == "shards" and path:
            return shards.load(Path(path).expanduser().resolve(), vocabulary)
    except ImdbRnnError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # a name too long, a folder that may not be read, …
        msg = f"Cannot read {source!r}. Expected: files that can be read. Received: {error}"
        raise DataError(msg) from error
    msg = f"Bad source of reviews. Expected: one of {', '.join(SOURCES)}. Received: {source!r:.200}."
    if kind == "files":
        msg += " Encode it first, by `imdb-rnn encode`, and name what that has written: shards:OUT."
    raise DataError(msg)


def _not_a_name(source: object) -> DataError:
    """Return the error for a source that is not a string, with advice."""
    advice = 'For your own files, pass "folder:PATH" or "npz:PATH".'
    if isinstance(source, PurePath):
        advice = f'Pass "{"npz" if source.suffix == ".npz" else "folder"}:{source}".'
    return DataError(
        f"Bad source of reviews. Expected: a text, one of {', '.join(SOURCES)}. "
        f"Received: {type(source).__name__}. {advice}"
    )


def _load_auto(vocabulary: Vocabulary | None) -> Corpus:
    imdb.given_folder()  # outside the try: a wrong folder is the user's mistake, so it must not lead to other reviews
    try:
        files = imdb.find_files(AUTO_PATIENCE_SECONDS)
    except DataError as error:
        _log.warning(
            "The IMDB reviews are not available. Using the SYNTHETIC reviews that this package generates. "
            "Results with them are not IMDB results. (%s)",
            error,
        )
        return synthetic.load(vocabulary)
    # Outside the try: a damaged local copy must be reported, not ignored.
    return npz.load("imdb", *files, vocabulary)
