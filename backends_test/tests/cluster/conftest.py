"""A saved model, files to score, and a cluster of Ray: two machines with one core each, on this one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends_test.environments import ROOT
from imdb_rnn import Classifier, score_parts

SAVED = ROOT / "backends_test" / "tests" / "data" / "tutorial"
PARTS, ROWS = 6, 12_000
# The least that Ray takes; its default is more than the shared memory of a container.
OBJECT_STORE_BYTES = 80 << 20


@pytest.fixture(scope="session")
def saved() -> Path:
    return SAVED


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Files whose scoring takes a second each; every ninth row cannot be read."""
    import pyarrow
    from pyarrow import parquet

    folder = tmp_path_factory.mktemp("parts")
    for part in range(PARTS):
        texts = ["😀" if row % 9 == 5 else f"A good, bad or dull film, {part} {row}. " * 3 for row in range(ROWS)]
        parquet.write_table(pyarrow.table({"id": range(ROWS), "text": texts}), folder / f"part-{part}.parquet")
    return str(folder / "part-*.parquet")


@pytest.fixture(scope="session")
def complete(pattern: str, saved: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process writes."""
    out = tmp_path_factory.mktemp("complete")
    score_parts(Classifier.load(saved), pattern, out, workers=1)
    return {path.name: path.read_bytes() for path in out.glob("part-*")}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": OBJECT_STORE_BYTES}
    started = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    started.add_node(**node)
    yield started
    started.shutdown()
