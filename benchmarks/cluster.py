"""Times the scoring of many files: in processes, on Ray, and by a loop of Ray Data as a user would write it.

    python -P -m benchmarks.cluster run OUT       # ten minutes, in the environment "cluster", on an idle machine
    python -P -m benchmarks.cluster publish OUT

`run` scores 100,000 IMDB reviews in twenty Parquet files in every way, in rounds of random order, and writes
OUT/cluster.json. An interrupted run continues. `publish` copies it to benchmarks/results/, and renews the table in
docs/scoring-on-a-cluster.md.

Ray runs all the time, with room for more tasks than the machine has cores: the loop reads and writes in other processes
than it scores in, which must not wait for a place. All ways must give the same scores.
"""

import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from backends_test.environments import ROOT
from backends_test.markdown import markdown_table, replace_table
from backends_test.pages import write_json, write_text
from benchmarks.errors import BenchmarkError, run_app
from benchmarks.summary import ratio
from benchmarks.tables import ratio_text
from imdb_rnn import Classifier, load_reviews, score_parts
from imdb_rnn.processes import available_cores
from imdb_rnn.processor import processor

MODEL = ROOT / "backends_test" / "tests" / "data" / "robust"
RESULTS = ROOT / "benchmarks" / "results" / "cluster.json"
PAGE = ROOT / "docs" / "scoring-on-a-cluster.md"
PARTS = 20
# The loop hands other batches to the model than a file has blocks, which changes the rounding.
TOLERANCE = 1e-6
NAMES = {
    "local 1": "`--workers 1`",
    "local 2": "`--workers 2`",
    "ray 1": "`--engine ray --workers 1`",
    "ray 2": "`--engine ray --workers 2`",
    "loop 1": "loop of Ray Data, one worker",
    "loop 2": "loop of Ray Data, two workers",
}

app = typer.Typer(help=__doc__, add_completion=False, no_args_is_help=True)


class Predictor:
    """The class that a user would give to `map_batches`."""

    def __init__(self) -> None:
        self.classifier = Classifier.load(MODEL)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Score a batch of rows."""
        predictions = self.classifier.predict_reviews(batch["text"], on_error="skip")
        return batch | {
            name: [getattr(prediction, name) for prediction in predictions] for name in ("score", "label", "reason")
        }


def loop(folder: Path, out: Path, workers: int) -> None:
    """Score the files of a folder by Ray Data alone."""
    import ray

    reviews = ray.data.read_parquet(str(folder))
    reviews.map_batches(
        Predictor, batch_size=1_000, compute=ray.data.ActorPoolStrategy(size=workers), num_cpus=1
    ).write_parquet(str(out))


def write_parts(folder: Path, reviews: int) -> None:
    """Write IMDB reviews, over and over if there are not enough, to Parquet files."""
    import pyarrow
    from pyarrow import parquet

    corpus = load_reviews("imdb")
    texts = [corpus.vocabulary.decode(corpus.test[number]) for number in range(min(reviews, len(corpus.test)))]
    rows = enumerate(islice(cycle(texts), reviews))
    for part in range(PARTS):
        ids, column = zip(*islice(rows, reviews // PARTS), strict=True)
        parquet.write_table(pyarrow.table({"id": ids, "text": column}), folder / f"part-{part:02}.parquet")


def scores_in(out: Path) -> npt.NDArray[np.float64]:
    """Return the scores of a folder of outputs, in the order of the ids."""
    from pyarrow import parquet

    table = parquet.read_table(out, columns=["id", "score"])
    scores: npt.NDArray[np.float64] = table["score"].to_numpy()[np.argsort(table["id"].to_numpy())]
    return scores


@app.command()
def run(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the result.")],
    reviews: Annotated[int, typer.Option("--reviews", min=PARTS, help="How many reviews; a multiple of 20.")] = 100_000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="How often each way is timed.")] = 5,
) -> None:
    """Time all ways."""
    if reviews % PARTS:
        msg = f"Bad --reviews. Expected: a multiple of {PARTS}. Received: {reviews}."
        raise BenchmarkError(msg)
    out.mkdir(parents=True, exist_ok=True)
    file = out / "cluster.json"
    results: dict[str, Any] = {
        "processor": processor(),
        "cores": available_cores(),
        "ray": version("ray"),
        "date": datetime.now(UTC).date().isoformat(),
        "reviews": reviews,
        "rounds": [],
    }
    if file.is_file():
        before = json.loads(file.read_text(encoding="utf-8"))
        if any(before[name] != results[name] for name in ("processor", "cores", "ray", "reviews")):
            msg = f"Cannot continue {file}. Expected: the same machine, Ray and reviews. Received: others. Remove it."
            raise BenchmarkError(msg)
        results = before
    import ray

    ray.init(num_cpus=6, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    classifier = Classifier.load(MODEL)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "reviews"
        folder.mkdir()
        write_parts(folder, reviews)
        expected: npt.NDArray[np.float64] | None = None

        def by_command(target: Path, engine: Any, workers: int) -> None:
            score_parts(classifier, str(folder / "*.parquet"), target, engine=engine, workers=workers)

        ways: dict[str, Callable[[Path], None]] = {}
        for workers in (1, 2):
            for engine in ("local", "ray"):
                ways[f"{engine} {workers}"] = partial(by_command, engine=engine, workers=workers)
            ways[f"loop {workers}"] = partial(loop, folder, workers=workers)
        random = np.random.default_rng(len(results["rounds"]))
        while len(results["rounds"]) < rounds:
            seconds = {}
            for name in random.permutation(list(ways)).tolist():
                target = Path(temporary) / "out"
                began = time.perf_counter()
                ways[name](target)
                seconds[name] = time.perf_counter() - began
                scores = scores_in(target)
                expected = scores if expected is None else expected
                if not np.allclose(scores, expected, rtol=0, atol=TOLERANCE, equal_nan=True):
                    msg = f"Cannot compare {name}. Expected: the scores of the other ways. Received: other scores."
                    raise BenchmarkError(msg)
                shutil.rmtree(target)
                sys.stderr.write(f"{name}: {reviews / seconds[name]:,.0f} reviews per second\n")
            results["rounds"].append({name: seconds[name] for name in NAMES})
            write_json(file, results)


def page_table(results: dict[str, Any]) -> str:
    """Format the results for docs/scoring-on-a-cluster.md."""
    times = {name: {number: one[name] for number, one in enumerate(results["rounds"])} for name in NAMES}
    rows = []
    for name, title in NAMES.items():
        rate = results["reviews"] / float(np.median(list(times[name].values())))
        to_one = ratio(times[name], times["local 1"])
        to_loop = ratio(times[name], times[name.replace("ray", "loop")]) if name.startswith("ray") else None
        rows.append([title, f"{rate:,.0f}", ratio_text(to_one), ratio_text(to_loop)])
    header = ["way", "reviews per second", "time, ratio to `--workers 1`", "time, ratio to the loop"]
    return (
        f"{results['reviews']:,} IMDB reviews in {PARTS} Parquet files, {len(results['rounds'])} rounds in random "
        f"order on {results['cores']} cores of {results['processor']}; Ray {results['ray']}, {results['date']}. "
        "Ray was running before; the command takes some seconds to start it. A ratio below 1 is faster.\n\n"
        + markdown_table(header, rows)
    )


@app.command()
def publish(out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of `run`.")]) -> None:
    """Copy the result to where it is committed, and renew the table."""
    results = json.loads((out / "cluster.json").read_text(encoding="utf-8"))
    write_json(RESULTS, results)
    write_text(PAGE, replace_table(PAGE.read_text(encoding="utf-8"), "cluster", page_table(results)))


if __name__ == "__main__":
    run_app(app)
