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
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("paths", "cells", "consumers")}
    cases = 0
    while cases < count:
        checked = check(100, random=True)
        cases += checked["cases"]
        for name, by_name in counts.items():
            by_name.update(checked[name])
        found = {"cases": cases} | {name: dict(sorted(by_name.items())) for name, by_name in counts.items()}
        target.write_text(json.dumps(note | found, indent=1) + "\n", encoding="utf-8")
        print(f"{cases} of {count} compared", file=sys.stderr)


if __name__ == "__main__":
    main()
