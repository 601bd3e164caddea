"""Compares random cases, and writes to backends_test/results/differential how many there were for each consumer.

KERAS_BACKEND=torch python -m backends_test.differential 2000
"""

import json
import logging
import platform
import sys
import warnings
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from backends_test.differential.comparison import check
from imdb_rnn.backends import backend_name, load_backend

RESULTS = Path(__file__).parents[1] / "results" / "differential"


def main() -> None:
    """Compare the given number of cases, and write the counts after each hundred."""
    logging.getLogger("imdb_rnn").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    count, backend = int(sys.argv[1]), backend_name()
    target = RESULTS / f"{backend}.json"
    target.parent.mkdir(exist_ok=True)
    note: dict[str, Any] = {
        "backend": backend,
        "versions": {"python": platform.python_version(), "keras": version("keras"), backend: load_backend().version()},
        "differences": 0,
    }
    by_consumer: Counter[str] = Counter()
    by_path: Counter[str] = Counter()
    while sum(by_consumer.values()) < count:
        checked = check(100, random=True)
        by_consumer.update(checked["consumers"])
        by_path.update(checked["paths"])
        counts = {"cases": sum(by_consumer.values()), "paths": by_path, "consumers": dict(sorted(by_consumer.items()))}
        target.write_text(json.dumps(note | counts, indent=1) + "\n", encoding="utf-8")
        print(f"{counts['cases']} of {count} compared", file=sys.stderr)


if __name__ == "__main__":
    main()
