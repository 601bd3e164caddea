"""Times the scoring of files, beside what a user would otherwise do, and a long file in constant memory.

    python -P -m benchmarks.scoring compare    # about five minutes, in the environment of a backend, on an idle machine
    python -P -m benchmarks.scoring long       # ten million rows, about ten minutes

Both renew benchmarks/results/scoring.json and its table in docs/benchmarks.md.
"""

import csv
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from backends_test.environments import ROOT
from backends_test.markdown import replace_table
from backends_test.pages import write_json, write_text
from imdb_rnn import Classifier, load_reviews, score_file
from imdb_rnn.processes import available_cores
from imdb_rnn.processor import processor

MODEL = ROOT / "backends_test" / "tests" / "data" / "robust"
RESULTS = ROOT / "benchmarks" / "results" / "scoring.json"
PAGE = ROOT / "docs" / "benchmarks.md"
REVIEWS, ROUNDS, LONG = 100_000, 3, 10_000_000
PREDICT = (sys.executable, "-P", "-m", "imdb_rnn", "predict", str(MODEL))
NAMES = {
    "batch": "`predict_reviews`, one list of texts, one core",
    "one": "`score_file` from CSV to CSV, `workers=1`",
    "all": "`score_file` from CSV to CSV, all cores",
    "keras": "the same model by Keras's `predict` over encoded texts",
    "scikit-learn": "scikit-learn: `CountVectorizer` and `LogisticRegression`",
}


def write_table(path: Path, texts: list[str]) -> None:
    """Write a CSV table with a column of texts."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["id", "text"], *enumerate(texts)])


def compare() -> dict[str, Any]:
    """Time all ways on the same reviews, in rounds of random order."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from imdb_rnn.estimator import encode

    corpus = load_reviews("imdb")
    reviews = [corpus.vocabulary.decode(corpus.test[number]) for number in range(len(corpus.test))]
    texts = list(islice(cycle(reviews), REVIEWS))
    learned = [corpus.vocabulary.decode(corpus.train[number]) for number in range(5_000)]
    classifier = Classifier.load(MODEL)
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression(max_iter=1_000))
    pipeline.fit(learned, corpus.train.required_labels()[:5_000])
    with tempfile.TemporaryDirectory() as temporary:
        table, number = Path(temporary) / "reviews.csv", iter(range(1_000))
        write_table(table, texts)

        def to_file(workers: int) -> None:
            score_file(classifier, table, Path(temporary) / f"{next(number)}.csv", workers=workers)

        def by_keras() -> None:
            rows, _ = classifier.preprocessing.rows(encode(classifier.vocabulary, texts))
            classifier.model.predict(rows, batch_size=1_000, verbose=0)

        ways: dict[str, Callable[[], object]] = {
            "batch": lambda: classifier.predict_reviews(texts),
            "one": lambda: to_file(1),
            "all": lambda: to_file(available_cores()),
            "keras": by_keras,
            "scikit-learn": lambda: pipeline.predict_proba(texts),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        by_keras()  # compiles
        random = np.random.default_rng(0)
        for _ in range(ROUNDS):
            for name in random.permutation(list(ways)):
                began = time.perf_counter()
                ways[name]()
                seconds[name].append(time.perf_counter() - began)
                sys.stderr.write(f"{name}: {REVIEWS / seconds[name][-1]:,.0f} reviews per second\n")
    return {"reviews": REVIEWS, "seconds": seconds}


def long() -> dict[str, Any]:
    """Score ten million short rows from the shell."""
    texts = [f"A {adjective} film {number}" for number in range(250) for adjective in ("good", "bad", "dull", "great")]
    with tempfile.TemporaryDirectory() as temporary:
        table, out = Path(temporary) / "reviews.csv", Path(temporary) / "scored.csv"
        with table.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("id", "text")])
            csv.writer(file).writerows(enumerate(islice(cycle(texts), LONG)))
        first = first_output(table)
        began = time.perf_counter()
        command = [*PREDICT, "--file", str(table), "--out", str(out)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            peak = 0
            while process.poll() is None:
                peak = max(peak, memory_of(process.pid))
                time.sleep(0.5)
        seconds = time.perf_counter() - began
        with out.open("rb") as scored:
            rows = sum(chunk.count(b"\n") for chunk in iter(lambda: scored.read(1 << 24), b"")) - 1
    return {"rows": rows, "seconds": seconds, "first_output": first, "peak_bytes": peak}


def first_output(table: Path) -> float:
    """Return the seconds from the start of the command to the first score."""
    began = time.perf_counter()
    command = [*PREDICT, "--file", str(table)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout  # noqa: S101 (it is a pipe)
        process.stdout.readline()
        seconds = time.perf_counter() - began
        process.stdout.close()
    return seconds


def memory_of(process: int) -> int:
    """Return the memory of a process and of those that it has started, in bytes; what they share counts once."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            if process in (int(folder.name), int(status[1])):
                lines = (folder / "smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        except (OSError, ValueError):  # it has ended
            continue
    return total


def page_table(results: dict[str, Any]) -> str:
    """Format the results for docs/benchmarks.md."""
    text, compared = io.StringIO(), results.get("compare")
    if compared:
        batch = np.array(compared["seconds"]["batch"])
        text.write(
            f"{compared['reviews']:,} rows of IMDB reviews, {ROUNDS} rounds in random order, on {results['cores']} "
            f"cores of {results['processor']}. A ratio above 1 is faster.\n\n"
            "| way | reviews per second | ratio to one list |\n| --- | --- | --- |\n"
        )
        for name, title in NAMES.items():
            seconds = np.array(compared["seconds"][name])
            rate, ratios = compared["reviews"] / np.median(seconds), batch / seconds
            text.write(
                f"| {title} | {rate:,.0f} | {np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |\n"
            )
    if measured := results.get("long"):
        text.write(
            f"\n{measured['rows']:,} short rows took {measured['seconds'] / 60:.1f} minutes with all cores, and all "
            f"processes together {measured['peak_bytes'] / 1e6:.0f} MB. The first score was there after "
            f"{measured['first_output']:.2f} s.\n"
        )
    return text.getvalue().strip()


def main() -> None:
    """Run the command line."""
    ways = {"compare": compare, "long": long}
    if len(sys.argv) != 2 or sys.argv[1] not in ways:
        sys.exit(__doc__)
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    results |= {"processor": processor(), "cores": available_cores(), sys.argv[1]: ways[sys.argv[1]]()}
    write_json(RESULTS, results)
    write_text(PAGE, replace_table(PAGE.read_text(encoding="utf-8"), "scoring", page_table(results)))


if __name__ == "__main__":
    main()
