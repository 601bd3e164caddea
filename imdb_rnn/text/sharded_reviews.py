"""Reviews in files of Arrow's IPC format, which are mapped into memory only while reviews are taken from them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from imdb_rnn.text.reviews import EncodedReviews


@dataclass(frozen=True)
class ShardedReviews:
    """Reviews on disk; implements `imdb_rnn.text.reviews.Reviews`.

    Attributes:
        files: the shards.
        counts: the number of reviews of each shard.
        new_ids: the id to return for each id of the files; None returns the same.
    """

    files: Sequence[Path]
    counts: Sequence[int]
    new_ids: npt.NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return sum(self.counts)

    def __getitem__(self, index: int) -> npt.NDArray[np.int32]:
        return self.take(np.array([index]))[0]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """The number of ids of each review, `START` included: int64, shape (n,)."""
        return self._of_all(lambda reviews: reviews.lengths, np.int64)

    def required_labels(self) -> npt.NDArray[np.int8]:
        """Return the labels: int8, shape (n,)."""
        return self._of_all(EncodedReviews.required_labels, np.int8)

    def with_ids(self, new_ids: npt.NDArray[np.int32]) -> "ShardedReviews":
        """Return the reviews with `new_ids[i]` in the place of each id i."""
        return replace(self, new_ids=new_ids if self.new_ids is None else new_ids[self.new_ids])

    def take(self, order: npt.NDArray[np.integer[Any]]) -> EncodedReviews:
        """Read the reviews at the given positions, shape (m,), each file from beginning to end."""
        ends = np.array([*accumulate(self.counts)], np.int64)
        ascending = np.argsort(order, kind="stable")
        numbers, firsts = np.unique(np.searchsorted(ends, order[ascending], side="right"), return_index=True)
        parts = []
        for number, chosen in zip(numbers, np.split(order[ascending], firsts[1:]), strict=False):
            with opened(self.files[number]) as reviews:
                parts.append(reviews.take(chosen - (ends[number] - self.counts[number])))
        taken = joined(parts)
        if (ascending[1:] < ascending[:-1]).any():
            taken = taken.take(np.argsort(ascending))
        return taken if self.new_ids is None else taken.with_ids(self.new_ids)

    def _of_all(self, value_of: Callable[[EncodedReviews], npt.NDArray[Any]], dtype: Any) -> npt.NDArray[Any]:
        parts = [np.empty(0, dtype)]
        for file in self.files:
            with opened(file) as reviews:
                parts.append(np.array(value_of(reviews)))
        return np.concatenate(parts)


@contextmanager
def opened(file: Path) -> Iterator[EncodedReviews]:
    """Map a shard into memory within a block. Its arrays must not be used afterwards.

    Raises:
        ValueError: the file is damaged.
    """
    import pyarrow

    with pyarrow.memory_map(os.fsencode(file)) as source:
        batch = pyarrow.ipc.open_file(source).get_batch(0)
        batch.validate()
        ids = batch.column("ids")
        yield EncodedReviews(
            ids.values.to_numpy(zero_copy_only=True),
            ids.offsets.to_numpy().astype(np.int64),
            batch.column("label").to_numpy(zero_copy_only=True),
        )


def joined(parts: Sequence[EncodedReviews]) -> EncodedReviews:
    """Return reviews one after another."""
    if len(parts) == 1:
        return parts[0]
    lengths = np.concatenate([np.empty(0, np.int64), *(part.lengths for part in parts)])
    return EncodedReviews(
        np.concatenate([np.empty(0, np.int32), *(part.ids for part in parts)]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate([np.empty(0, np.int8), *(part.required_labels() for part in parts)]),
    )
