"""Files in the format of `imdb.npz`, and what a corpus read from one holds."""

from pathlib import Path
from typing import Any

import numpy as np

from imdb_rnn import Corpus, Vocabulary


def save(path: Path, arrays: dict[str, Any]) -> Path:
    np.savez(path, **arrays)
    Vocabulary([f"w{rank}" for rank in range(1, 51)]).save(path.with_name(f"{path.stem}_word_index.json"))
    return path


def content(corpus: Corpus, split: str) -> list[tuple[list[int], int]]:
    part = getattr(corpus, split)
    return sorted((part[i].tolist(), int(part.labels[i])) for i in range(len(part)))
