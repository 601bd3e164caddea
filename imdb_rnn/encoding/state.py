"""The state of an encoding after each group of shards, stored in its folder so that it can be resumed.

The file is in Arrow's IPC format: the words with their provisional ids and counts, and the rest as JSON in its
metadata.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from imdb_rnn import strict_json
from imdb_rnn.corpora.shards import SPLITS, Shard, shard_of
from imdb_rnn.encoding.words import WordCounts
from imdb_rnn.errors import DataError
from imdb_rnn.files import atomic_write

STATE_FILE = "state.arrow"
OTHER_RUN = (
    "Cannot resume in {}. Expected: the same files, columns and vocabulary. Received: others. Give the same arguments, "
    "or encode into another folder."
)
_FACTS = b"facts"


@dataclass(frozen=True)
class State:
    """Where an encoding can be resumed.

    Attributes:
        run: what must be the same for that.
        blocks: the number of blocks of the source that the shards have.
        fingerprint: SHA-256 of their reviews.
        shards: the shards of each split.
        positive: positive reviews of each split.
        skipped: rows that were left out.
        first_skipped: why the first of them were.
        all_read: whether all reviews are in shards.
    """

    run: str
    blocks: int = 0
    fingerprint: str = ""
    shards: dict[str, list[Shard]] = field(default_factory=lambda: {"train": [], "test": []})
    positive: dict[str, int] = field(default_factory=lambda: {"train": 0, "test": 0})
    skipped: int = 0
    first_skipped: list[str] = field(default_factory=list)
    all_read: bool = False


def write_state(folder: Path, state: State, words: WordCounts) -> None:
    """Write the state of an encoding to its folder."""
    import pyarrow

    ids = np.fromiter(words.ids.values(), np.int64, len(words.ids))
    columns = {"word": pyarrow.array(list(words.ids), pyarrow.string()), "id": pyarrow.array(ids)}
    columns["count"] = pyarrow.array(words.counts[ids])
    facts = json.dumps(asdict(state) | {"next_id": words.next_id})
    batch = pyarrow.RecordBatch.from_pydict(columns, metadata={_FACTS: facts})
    with (
        atomic_write(folder / STATE_FILE) as temporary,
        pyarrow.OSFile(os.fsencode(temporary), "wb") as file,
        pyarrow.ipc.new_file(file, batch.schema) as writer,
    ):
        writer.write_batch(batch)


def read_state(folder: Path, run: str) -> tuple[State, WordCounts]:
    """Read the state of an encoding; that of one that has not begun if there is none.

    Args:
        folder: its folder.
        run: what the encoding that is resumed is.

    Raises:
        DataError: the file is damaged, or it is the state of another encoding.
    """
    import pyarrow

    file = folder / STATE_FILE
    if not file.exists():
        return State(run), WordCounts()
    try:
        with pyarrow.OSFile(os.fsencode(file)) as source:
            batch = pyarrow.ipc.open_file(source).get_batch(0)
        facts = strict_json.parse(batch.schema.metadata[_FACTS])
        next_id = int(facts.pop("next_id"))
        facts["shards"] = {split: [shard_of(one) for one in facts["shards"][split]] for split in SPLITS}
        state = State(**facts)
        ids = batch.column("id").to_numpy()
        counts = np.zeros(max(next_id, 1 << 16), np.int64)
        counts[ids] = batch.column("count").to_numpy()
        words = WordCounts(dict(zip(batch.column("word").to_pylist(), ids.tolist(), strict=True)), counts, next_id)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        msg = (
            f"Cannot resume in {folder}. Expected: the state of an encoding in {STATE_FILE}. Received: {error!s:.300}."
        )
        raise DataError(f"{msg} Encode into another folder.") from error
    if state.run != run:
        raise DataError(OTHER_RUN.format(folder))
    return state, words
