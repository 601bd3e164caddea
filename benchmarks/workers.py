"""Times training steps whose batches several workers share, beside a model of what they should take.

    KERAS_BACKEND=torch python -P -m benchmarks.workers run OUT     # about five minutes, on an idle machine
    KERAS_BACKEND=torch python -P -m benchmarks.workers compare OUT # a few minutes, with the reviews of IMDB
    python -P -m benchmarks.workers publish OUT                     # when JAX and PyTorch have been run

`run` and `compare` work in the environment of a backend and write OUT/BACKEND.json and OUT/BACKEND-compared.json.
`publish` copies these files to benchmarks/results/workers/, and renews the tables in
docs/training-on-several-devices.md.

Each number of workers is measured in a process of its own, in rounds whose order is random. A timed call is a block of
the steps of an epoch of 20,000 reviews, as in a training, with the messages that a block needs. The model is

    t(N, B) = c(B / N) · max(1, N / cores) + latency + bytes / rate

c is the measured step of one worker with a batch of B / N. Latency and rate are measured: sums over the workers of
arrays of one number, and of as many numbers as there are gradients.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from backends_test.environments import ROOT, TITLES
from backends_test.markdown import markdown_table, replace_table
from backends_test.pages import write_json, write_text
from benchmarks.errors import run_app
from benchmarks.tables import seconds
from benchmarks.worker import versions
from imdb_rnn.backends import backend_name
from imdb_rnn.processes import available_cores
from imdb_rnn.processor import processor

RESULTS = ROOT / "benchmarks" / "results" / "workers"
PAGE = ROOT / "docs" / "training-on-several-devices.md"
BACKENDS = ("jax", "torch")
# Those of the model, as float32.
GRADIENT_BYTES = 4 * 160_257
LENGTH, NUM_WORDS = 100, 10_000
# The lengths of the trainings that are compared; the tutorial has ten epochs.
EPOCHS = (1, 10)
COMPARED_WORKERS = (1, 2, 3, 4)
# `imdb-rnn` with each initial weight moved to the next number: what rounding alone grows to.
MOVED_PROGRAM = """
import numpy as np, imdb_rnn.training.fit as fit
initial_weights = fit.initial_weights
fit.initial_weights = lambda *given: [np.nextafter(array, np.float32(np.inf)) for array in initial_weights(*given)]
from imdb_rnn.cli import main
main()
"""

app = typer.Typer(help=(__doc__ or "").partition("\n")[0], add_completion=False, no_args_is_help=True)


@dataclass(frozen=True)
class WorkersPlan:
    """How much is measured.

    Attributes:
        workers: numbers of workers; the first is 1.
        batches: batch sizes, divisible by all numbers of workers.
        reviews: reviews of a timed call, unless a batch is larger.
        rounds: timed calls of each batch size.
    """

    workers: tuple[int, ...] = (1, 2, 4)
    batches: tuple[int, ...] = (64, 256, 1_024, 4_096, 16_384)
    reviews: int = 20_000
    rounds: int = 7

    def batches_of(self, workers: int) -> list[int]:
        """Return the batch sizes to measure; for one worker also the shares of several."""
        if workers > 1:
            return list(self.batches)
        return sorted({batch // count for batch in self.batches for count in self.workers})


def measure(workers: int, plan: WorkersPlan) -> dict[str, Any]:
    """Time steps, and sums over workers, in this process.

    Returns:
        `step`: batch size -> seconds per step, one value per round; `sum`: bytes -> seconds of a sum, likewise.
    """
    from imdb_rnn.backends import keras_session, load_training_backend
    from imdb_rnn.backends.workers import start_workers
    from imdb_rnn.model.architecture import build_model, compile_model, initial_weights

    with start_workers(workers) as started, keras_session():
        model = build_model(NUM_WORDS, LENGTH)
        model.set_weights(initial_weights(model, 1))
        compile_model(model)
        make_steps = (started or load_training_backend()).compile_steps(model)
        random = np.random.default_rng(0)
        blocks = {}
        for batch in plan.batches_of(workers):
            shape = (max(1, plan.reviews // batch), batch)
            x = random.integers(0, NUM_WORDS, (*shape, LENGTH), np.int32)
            blocks[batch] = x, random.integers(0, 2, (*shape, 1)).astype(np.float32)

        def call(batch: int) -> float:
            began = time.perf_counter()
            make_steps(*blocks[batch])
            float(model.get_metrics_result()["loss"])  # waits for the device
            return (time.perf_counter() - began) / len(blocks[batch][0])

        step = interleave(call, list(blocks), plan.rounds)
    return {"step": step, "sum": time_sums(workers, plan) if workers > 1 else {}}


def interleave(call: Callable[[int], float], sizes: Sequence[int], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of a call with each size, one value per round of random order, after a warm-up."""
    for size in sizes:
        call(size)
    measured: dict[str, list[float]] = {str(size): [] for size in sizes}
    random = np.random.default_rng(1)
    for _ in range(rounds):
        for size in random.permutation(sizes):
            measured[str(size)].append(call(int(size)))
    return measured


def time_sums(workers: int, plan: WorkersPlan) -> dict[str, list[float]]:
    """Return bytes -> seconds of a sum over the workers, one value per round."""
    return {"jax": _sums_of_jax, "torch": _sums_of_torch}[backend_name()](workers, plan)


SUMS = 100  # per timed call


def _sums_of_jax(workers: int, plan: WorkersPlan) -> dict[str, list[float]]:
    import jax
    from jax import lax

    spec = jax.sharding.PartitionSpec
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:workers]), ("workers",))

    def sums(array: jax.Array) -> jax.Array:
        # Divided, so that the numbers stay finite; and one sum needs the one before.
        return lax.fori_loop(0, SUMS, lambda _, a: lax.psum(a, "workers") / workers, array)

    # Unchecked, because each iteration ends with an array that is the same on all devices, and begins with any.
    run = jax.jit(jax.shard_map(sums, mesh=mesh, in_specs=spec("workers"), out_specs=spec("workers"), check_vma=False))
    arrays = {size: jax.numpy.ones(size // 4 * workers, "float32") for size in (4, GRADIENT_BYTES)}

    def call(size: int) -> float:
        began = time.perf_counter()
        run(arrays[size]).block_until_ready()
        return (time.perf_counter() - began) / SUMS

    return interleave(call, list(arrays), plan.rounds)


def _sums_of_torch(workers: int, plan: WorkersPlan) -> dict[str, list[float]]:
    import torch.multiprocessing

    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_sum_in_process, (folder, workers, plan.rounds), workers)
        found: dict[str, list[float]] = json.loads((Path(folder) / "found.json").read_text(encoding="utf-8"))
    return found


def _sum_in_process(worker: int, folder: str, workers: int, rounds: int) -> None:
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", store=dist.FileStore(f"{folder}/store", workers), rank=worker, world_size=workers)
    arrays = {size: torch.ones(size // 4) for size in (4, GRADIENT_BYTES)}

    def call(size: int) -> float:
        dist.barrier()
        began = time.perf_counter()
        for _ in range(SUMS):
            dist.all_reduce(arrays[size])
            arrays[size].div_(workers)
        return (time.perf_counter() - began) / SUMS

    found = interleave(call, list(arrays), rounds)
    if worker == 0:
        (Path(folder) / "found.json").write_text(json.dumps(found), encoding="utf-8")
    dist.destroy_process_group()


@app.command("measure", hidden=True)
def measure_command(workers: int, plan: str) -> None:
    """Measure one number of workers in this process, and print the results as JSON."""
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(plan).items()
    }
    typer.echo(json.dumps(measure(workers, WorkersPlan(**settings))))


@app.command("run")
def run_command(
    out: Path,
    workers: Annotated[list[int] | None, typer.Option(help="Numbers of workers; can be repeated.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Batch sizes; can be repeated.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timed calls.")] = WorkersPlan.rounds,
) -> None:
    """Measure under the backend of this environment."""
    default = WorkersPlan()
    plan = WorkersPlan(tuple(workers or default.workers), tuple(batch or default.batches), default.reviews, rounds)
    results: dict[str, Any] = {
        "backend": backend_name(),
        "processor": processor(),
        "cores": available_cores(),
        "versions": versions(),
        "date": datetime.now(UTC).date().isoformat(),
        "plan": asdict(plan),
        "workers": {},
    }
    for count in plan.workers:
        command = [sys.executable, "-P", "-m", "benchmarks.workers", "measure", str(count), json.dumps(asdict(plan))]
        # JAX needs to know the number of its devices before it starts.
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        results["workers"][str(count)] = json.loads(ran.stdout)
        typer.echo(f"{results['backend']}, {count} workers: done", err=True)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / f"{results['backend']}.json", results)
    typer.echo(table(results))


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return float(np.median(values))


def predicted(results: dict[str, Any], workers: int, batch: int) -> tuple[float, float]:
    """Return the seconds that the model predicts for a step: computing, and the sum over the workers."""
    alone = median(results["workers"]["1"]["step"][str(batch // workers)])
    computing = alone * max(1.0, workers / results["cores"])
    sums = results["workers"][str(workers)]["sum"]
    return computing, median(sums[str(GRADIENT_BYTES)])


def table(results: dict[str, Any]) -> str:
    """Return the table of a backend, with sentences on how it was measured."""
    rows = []
    sums = []
    for workers in results["plan"]["workers"][1:]:
        found = results["workers"][str(workers)]["sum"]
        latency, whole = median(found["4"]), median(found[str(GRADIENT_BYTES)])
        rate = f"{GRADIENT_BYTES / max(whole - latency, 1e-9) / 1e9:.2f} GB/s"
        sums.append(f"{seconds(latency)} and {rate} for {workers} workers")
    for batch in results["plan"]["batches"]:
        one = median(results["workers"]["1"]["step"][str(batch)])
        for workers in results["plan"]["workers"][1:]:
            several = median(results["workers"][str(workers)]["step"][str(batch)])
            computing, summing = predicted(results, workers, batch)
            cells = [one, several, computing, summing, computing + summing]
            rows.append([f"{batch:,}", str(workers), *map(seconds, cells), f"{one / several:.2f}"])
    names = ", ".join(one for one in results["versions"].split(", ") if not one.startswith(("python", "numpy")))
    sentence = (
        f"{TITLES[results['backend']]} on {results['cores']} cores of {results['processor']}; {names}, "
        f"{results['date']}. Medians of {results['plan']['rounds']} rounds. Latency and rate of a sum: "
        f"{'; '.join(sums)}."
    )
    header = ["batch", "workers", "one worker", "measured", "computing", "sum", "predicted", "speed-up"]
    return f"{sentence}\n\n{markdown_table(header, rows)}"


def page_tables(folder: Path) -> str:
    """Return what the page shows: one table for each backend that has been run."""
    paths = [folder / f"{backend}.json" for backend in BACKENDS]
    found = [table(json.loads(path.read_text(encoding="utf-8"))) for path in paths if path.is_file()]
    return "\n\n".join(found) or "Not measured yet."


@app.command("compare")
def compare_command(
    out: Path,
    data: Annotated[str, typer.Option(help="Source of the reviews.")] = "imdb",
    epochs: Annotated[list[int] | None, typer.Option(help="Lengths of the trainings; can be repeated.")] = None,
) -> None:
    """Train the tutorial with one to four workers, and with one worker and moved weights, and compare the models."""
    from imdb_rnn.inference.bundle import read_bundle

    results: dict[str, Any] = {
        "backend": backend_name(),
        "data": data,
        "versions": versions(),
        "date": datetime.now(UTC).date().isoformat(),
        "trainings": [],
    }
    for number in epochs or EPOCHS:
        weights: list[Any] = []
        for workers, moved in [*((count, False) for count in COMPARED_WORKERS), (1, True)]:
            program = ("-c", MOVED_PROGRAM) if moved else ("-m", "imdb_rnn")
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-P", *program, "train"]
                command += ["--recipe", "tutorial", "--data", data, "--epochs", str(number), "--out", f"{folder}/model"]
                subprocess.run([*command, "--workers", str(workers)], stdout=subprocess.DEVNULL, check=True)
                bundle = read_bundle(Path(folder, "model"))
            weights = weights or bundle.weights
            results["trainings"].append(
                {
                    "epochs": number,
                    "workers": workers,
                    "moved": moved,
                    "best_epoch": bundle.manifest.best_epoch,
                    "difference": max(
                        float(np.abs(one - several).max()) for one, several in zip(weights, bundle.weights, strict=True)
                    ),
                    "test_accuracy": bundle.manifest.test_accuracy,
                }
            )
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / f"{results['backend']}-compared.json", results)
    typer.echo(compared_table(out))


def compared_table(folder: Path) -> str:
    """Return the table of the trainings that are compared, of all backends."""
    rows = []
    for backend in BACKENDS:
        path = folder / f"{backend}-compared.json"
        if not path.is_file():
            continue
        for one in json.loads(path.read_text(encoding="utf-8"))["trainings"]:
            workers = "1, moved" if one["moved"] else str(one["workers"])
            difference = "" if workers == "1" else f"{one['difference']:.1e}"
            cells = [str(one["epochs"]), workers, difference, f"{one['test_accuracy']:.4f}"]
            rows.append([TITLES[backend], *cells])
    header = ["backend", "epochs", "workers", "largest difference of a weight", "test accuracy"]
    return markdown_table(header, rows) if rows else "Not run yet."


@app.command("publish")
def publish_command(out: Path) -> None:
    """Renew what is committed: benchmarks/results/workers/ and the tables on the page."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for path in (out / f"{backend}{kind}.json" for backend in BACKENDS for kind in ("", "-compared")):
        if path.is_file() and path.resolve() != (RESULTS / path.name).resolve():
            shutil.copy(path, RESULTS)
    text = replace_table(PAGE.read_text(encoding="utf-8"), "workers", page_tables(RESULTS))
    write_text(PAGE, replace_table(text, "workers-compared", compared_table(RESULTS)))


if __name__ == "__main__":
    run_app(app)
