"""Encodes a source of reviews into a folder of shards; see `imdb_rnn.corpora.shards` for its files.

The source is read once, in blocks. Several processes split the texts into words, and this process counts them. After
every `SHARD_REVIEWS` reviews, shards are written, and then a state to resume from. These shards have provisional ids of
words; when all words are counted, they are replaced one by one by shards with the ids of the vocabulary.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from imdb_rnn.corpora import load_reviews, shards
from imdb_rnn.corpora.corpus import Corpus, no_known_word
from imdb_rnn.corpora.shards import SPLITS, Shard, ShardList, write_shard
from imdb_rnn.encoding.sources import STREAMS, Stream, open_stream
from imdb_rnn.encoding.state import OTHER_RUN, STATE_FILE, State, read_state, write_state
from imdb_rnn.encoding.tokenizing import TokenizedBlock, tokenize_blocks
from imdb_rnn.encoding.words import WordCounts, as_reviews, with_ids, word_index_bytes
from imdb_rnn.errors import DataError
from imdb_rnn.files import atomic_write
from imdb_rnn.printable import encodable
from imdb_rnn.processes import available_cores
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.sharded_reviews import ShardedReviews, joined, opened
from imdb_rnn.text.tokens import MAX_WORD_INDEX_BYTES, Vocabulary

# A shard ends after this many reviews or ids, whichever comes first; it then has about 70 MB.
SHARD_REVIEWS = 65_536
SHARD_IDS = 1 << 24
LOCK_FILE = ".imdb-rnn-encode.lock"
# The folder of the shards with provisional ids.
PROVISIONAL = "provisional"
_SHOWN_SKIPPED = 3
# The names of shards, and of the temporary files of `imdb_rnn.files.atomic_write`. Other files are somebody else's.
_SHARD_NAME = re.compile(r"(train|test)-\d{5,}\.arrow")
_TEMPORARY_NAME = re.compile(r"\.((train|test)-\d{5,}-\w{8}\.arrow|state-\w{8}\.arrow|(shards|word_index)-\w{8}\.json)")
# The share of the work that is done when all reviews are read; the rest replaces provisional ids.
_READ = 0.9


class Encoded(NamedTuple):
    """What was encoded.

    Attributes:
        train: the number of training reviews.
        test: the number of test reviews.
        words: the number of words of the vocabulary.
        skipped: the number of rows that were left out.
        first_skipped: why the first of them were.
    """

    train: int
    test: int
    words: int
    skipped: int
    first_skipped: Sequence[str]


# Is called with the number of reviews so far, and the share of the work that is done, 0 to 1.
ProgressCallback = Callable[[int, float], None]


def encode(
    source: str,
    out: Path,
    *,
    test: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
    vocabulary: Vocabulary | None = None,
    workers: int | None = None,
    resume: bool = False,
    progress: ProgressCallback = lambda reviews, share: None,
) -> Encoded:
    """Encode a source of reviews into shards, in constant memory.

    Args:
        source: "files:PATTERN", "synthetic:COUNT", or a source of `imdb_rnn.load_reviews`, which is loaded.
        out: a new or empty folder.
        test: a pattern of files for the evaluation; None takes one row in ten for it.
        text_column: the column of the reviews in tables, by default "text".
        label_column: the column of the labels, by default "label"; see `imdb_rnn.encoding.sources`.
        encoding: the encoding of the tables, by default UTF-8.
        vocabulary: the words to encode with; None ranks the words of the training reviews.
        workers: the number of processes, by default that of the cores. The result is the same for any number.
        resume: whether `out` may be the folder of the same encoding, interrupted or complete, which is resumed.
        progress: is called after each block, and after each shard that is completed.

    Returns:
        The numbers of reviews.

    Raises:
        DataError: the source cannot be read, lacks a class, or has no word of the vocabulary; `test`, a column or
            `encoding` is given for a source without tables; or the folder cannot be written, or has something else.
        MissingPackageError: pyarrow is not installed.
    """
    of_tables = {"test": test, "text_column": text_column, "label_column": label_column, "encoding": encoding}
    named = [name for name, value in of_tables.items() if value is not None]
    if named and not source.startswith("files:"):
        msg = f"Cannot encode with {', '.join(named)}. Expected: tables, as files:PATTERN. Received: {source!r:.200}."
        raise DataError(msg)
    shards.check_pyarrow(f"write {out}")
    with _reserved(out, resume):
        given: Stream | Corpus
        if ":" in source and source.partition(":")[0] in STREAMS:
            given = open_stream(source, test, text_column=text_column, label_column=label_column, encoding=encoding)
            identity = given.identity
        else:
            given = load_reviews(source, vocabulary)
            identity = given.fingerprint
        words_given = "" if vocabulary is None else vocabulary.fingerprint
        run = hashlib.sha256(f"{SHARD_REVIEWS} {identity} {words_given}".encode("utf-8", "surrogateescape")).hexdigest()
        if (out / shards.SHARDS_FILE).exists():
            return _completed(run, out)
        state, words = read_state(out, run)
        if isinstance(given, Corpus):
            return _copy(given, source, out, state)
        words.wanted = frozenset(() if vocabulary is None else vocabulary.words)
        if not state.all_read:
            state = _write_provisional(given, out, state, words, workers or available_cores(), progress)
        used = words.vocabulary() if vocabulary is None else vocabulary
        return _write_final(source, out, state, words, used, progress)


@contextmanager
def _reserved(out: Path, resume: bool) -> Iterator[None]:
    """Reserve a folder for one encoding within a block.

    If there is nothing to resume at the end of the block, what was written and the new folders are removed.
    """
    try:
        missing = [folder for folder in (out, *out.parents) if not folder.exists()]
        out.mkdir(parents=True, exist_ok=True)
        _check_content(out, resume)
        try:
            with FileLock(out / LOCK_FILE, timeout=0):
                _check_content(out, resume)
                try:
                    for file in _leftovers(out):
                        file.unlink(missing_ok=True)
                    yield
                finally:
                    if not any((out / name).exists() for name in (STATE_FILE, shards.SHARDS_FILE)):
                        _remove_provisional(out)
                        for file in _shards_in(out):
                            file.unlink()
                    (out / LOCK_FILE).unlink(missing_ok=True)
        finally:
            with suppress(OSError):  # a folder that is not empty stays
                for folder in missing:
                    folder.rmdir()
    except Timeout as error:
        msg = f"Cannot write to {out}. Expected: a folder that nothing else writes to. Received: one that is in use."
        raise DataError(msg) from error
    except OSError as error:
        msg = f"Cannot write to {out}. Expected: a folder that can be written. Received: {error}"
        raise DataError(msg) from error


def _check_content(out: Path, resume: bool) -> None:
    """Raise `DataError` unless an encoding may write to a folder."""
    names = {entry.name for entry in out.iterdir()} - {LOCK_FILE} - {file.name for file in _leftovers(out)}
    begun = bool(names & {STATE_FILE, shards.SHARDS_FILE})
    # An encoding that was killed before its first state has only this folder, of shards.
    killed = names == {PROVISIONAL} and not {*(out / PROVISIONAL).iterdir()} - {
        *_shards_in(out / PROVISIONAL),
        *_leftovers(out),
    }
    if not names or killed or (resume and begun):
        return
    received = "one that is not empty. Choose another one"
    if begun:
        received = "one with an encoding. Resume it by --resume, or choose another one"
    msg = f"Cannot write to {out}. Expected: a new or an empty folder. Received: {received}; nothing in it was changed."
    raise DataError(msg)


def _shards_in(folder: Path) -> list[Path]:
    return [file for file in folder.glob("*.arrow") if _SHARD_NAME.fullmatch(file.name)]


def _remove_provisional(out: Path) -> None:
    for file in _shards_in(out / PROVISIONAL):
        file.unlink()
    with suppress(OSError):  # there is none, or it has something else
        (out / PROVISIONAL).rmdir()


def _leftovers(out: Path) -> list[Path]:
    """Return the temporary files of a process that was killed while it wrote."""
    found = (file for part in (out, out / PROVISIONAL) for file in part.glob(".*"))
    return [file for file in found if _TEMPORARY_NAME.fullmatch(file.name)]


def _completed(run: str, out: Path) -> Encoded:
    """Return what a complete folder has.

    Raises:
        DataError: it was written by another encoding.
    """
    content = shards.read_list(out)
    if content.run != run:
        raise DataError(OTHER_RUN.format(out))
    return _encoded(content, shards.read_words(out, content))


def _write_provisional(
    stream: Stream, out: Path, state: State, words: WordCounts, workers: int, progress: ProgressCallback
) -> State:
    """Write the reviews of a source that are not in shards yet, with provisional ids."""
    (out / PROVISIONAL).mkdir(exist_ok=True)
    waiting: list[EncodedReviews] = []
    are_test: list[npt.NDArray[np.bool_]] = []
    reviews = sum(shard.reviews for part in state.shards.values() for shard in part)
    after = state
    for block in tokenize_blocks(islice(stream.blocks, state.blocks, None), workers):
        waiting.append(as_reviews(words.add(block.texts, ~block.is_test), block.texts.lengths, block.labels))
        are_test.append(block.is_test)
        after = _after(after, block)
        reviews += len(block.labels)
        progress(reviews, _READ * stream.share_read())
        if sum(map(len, waiting)) >= SHARD_REVIEWS or sum(len(part.ids) for part in waiting) >= SHARD_IDS:
            after = _write(stream.source, out, after, words, joined(waiting), np.concatenate(are_test))
            waiting, are_test = [], []
    if waiting:
        after = _write(stream.source, out, after, words, joined(waiting), np.concatenate(are_test))
    for split in SPLITS:
        total, positive = sum(shard.reviews for shard in after.shards[split]), after.positive[split]
        if not 0 < positive < total:
            (out / STATE_FILE).unlink(missing_ok=True)  # so that `_reserved` removes the shards
            hint = " Name other files by --test." if split == "test" and stream.source.startswith("files:") else ""
            msg = (
                f"Cannot learn from {stream.source}. Expected: positive and negative reviews in its {split} split. "
                f"Received: {positive:,} positive, {total - positive:,} negative, and {after.skipped:,} rows that were "
                f"left out{_examples(after.first_skipped)}.{hint}"
            )
            raise DataError(msg)
    after = replace(after, all_read=True)
    write_state(out, after, words)
    return after


def _after(state: State, block: TokenizedBlock) -> State:
    """Return the state after a block, apart from its shards."""
    positive = {
        split: state.positive[split] + int(block.labels[block.is_test == (split == "test")].sum()) for split in SPLITS
    }
    return replace(
        state,
        blocks=state.blocks + 1,
        fingerprint=hashlib.sha256(f"{state.fingerprint} {block.fingerprint}".encode()).hexdigest(),
        positive=positive,
        skipped=state.skipped + len(block.skipped),
        first_skipped=[*state.first_skipped, *block.skipped][:_SHOWN_SKIPPED],
    )


def _write(
    source: str,
    out: Path,
    state: State,
    words: WordCounts,
    reviews: EncodedReviews,
    is_test: npt.NDArray[np.bool_],
) -> State:
    """Write one shard per split, and then the state.

    Raises:
        DataError: the given vocabulary has no word of the reviews.
    """
    if words.wanted and not words.any_wanted():
        raise no_known_word(source, len(words.wanted))
    for split in SPLITS:
        part = reviews.take(np.flatnonzero(is_test == (split == "test")))
        if len(part):
            written = state.shards[split]
            shard = write_shard(out / PROVISIONAL / f"{split}-{len(written):05}.arrow", part)
            state = replace(state, shards=state.shards | {split: [*written, shard]})
    write_state(out, state, words)
    return state


def _write_final(
    source: str, out: Path, state: State, words: WordCounts, vocabulary: Vocabulary, progress: ProgressCallback
) -> Encoded:
    """Replace the shards with provisional ids by those with the ids of the vocabulary, and complete the folder."""
    table = words.final_ids(vocabulary)
    done, total = 0, sum(shard.reviews for part in state.shards.values() for shard in part)
    final: dict[str, list[Shard]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for shard in state.shards[split]:
            provisional, file = out / PROVISIONAL / shard.name, out / shard.name
            if provisional.exists() or not file.exists():
                shards.check_shard(provisional, shard, words.next_id)
                with opened(provisional) as reviews:
                    final[split].append(write_shard(file, with_ids(reviews, table)))
                provisional.unlink()
            else:  # replaced before an interruption
                final[split].append(replace(shard, sha256=shards.sha256_of(file)))
            done += shard.reviews
            progress(total, _READ + (1 - _READ) * done / total)
    return _complete(out, source, state, vocabulary, final)


def _copy(corpus: Corpus, source: str, out: Path, state: State) -> Encoded:
    """Write the reviews of a source that was loaded as a whole; again from the beginning if it was interrupted.

    Raises:
        DataError: the vocabulary is too long for its file.
    """
    if (size := word_index_bytes(corpus.vocabulary.words)) > MAX_WORD_INDEX_BYTES:
        msg = (
            f"Cannot encode {source}. Expected: words of at most {MAX_WORD_INDEX_BYTES:,} bytes. Received: about "
            f"{size:,} bytes. Give a --vocabulary, or the reviews as files:PATTERN, of which the rarest words are "
            "left out."
        )
        raise DataError(msg)
    write_state(out, state, WordCounts())
    final: dict[str, list[Shard]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        reviews: EncodedReviews | ShardedReviews = getattr(corpus, split)
        for number, start in enumerate(range(0, len(reviews), SHARD_REVIEWS)):
            part = reviews.take(np.arange(start, min(start + SHARD_REVIEWS, len(reviews))))
            final[split].append(write_shard(out / f"{split}-{number:05}.arrow", part))
    return _complete(out, source, replace(state, fingerprint=corpus.fingerprint), corpus.vocabulary, final)


def _complete(out: Path, source: str, state: State, vocabulary: Vocabulary, final: dict[str, list[Shard]]) -> Encoded:
    """Write the files that say that a folder is complete, and remove those of the way there."""
    content = ShardList(
        encodable(source),
        state.fingerprint,
        vocabulary.fingerprint,
        state.run,
        state.skipped,
        state.first_skipped,
        **final,
    )
    with atomic_write(out / shards.WORDS_FILE) as temporary:
        vocabulary.save(temporary)
    shards.write_list(out, content)
    (out / STATE_FILE).unlink(missing_ok=True)
    _remove_provisional(out)
    return _encoded(content, vocabulary)


def _encoded(content: ShardList, vocabulary: Vocabulary) -> Encoded:
    train, test = (sum(shard.reviews for shard in part) for part in (content.train, content.test))
    return Encoded(train, test, len(vocabulary), content.skipped, content.first_skipped)


def _examples(skipped: Sequence[str]) -> str:
    return f", such as {skipped[0]}" if skipped else ""
