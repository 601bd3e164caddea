"""Times a training step of every recurrent layer: stock Keras, accelerated, and the framework's own loop.

    KERAS_BACKEND=torch python -P -m benchmarks.layers run OUT      # under eight minutes, on an idle machine
    python -P -m benchmarks.layers publish OUT                      # when all backends have been run

`run` works in the environment of a backend, on one core and in one thread, and writes OUT/BACKEND.json. An interrupted
run continues. `publish` copies these files to benchmarks/results/layers/, and renews the tables in docs/benchmarks.md.

A model is the layer and a dense output. All ways to train it run in one process, in rounds of random order, so that
their ratios do not depend on the moment. Before a way is timed, the gradients of its first step must be those of stock
Keras.
"""

import itertools
import json
import math
import platform
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import numpy.typing as npt
import typer

from backends_test.pages import write_json
from benchmarks.configurations import DeviceKind
from benchmarks.devices import NO_GPU, Device, expected_device, find_gpu, use_device
from benchmarks.errors import BenchmarkError, run_app
from benchmarks.layer_tables import page_tables, publish
from benchmarks.worker import FallbackError, versions
from imdb_rnn.backends import backend_name, load_backend
from imdb_rnn.processes import available_cores
from imdb_rnn.processor import processor

Floats = npt.NDArray[np.float32]

app = typer.Typer(help=__doc__, add_completion=False, no_args_is_help=True)
# Layer -> class and arguments in Keras; Bidirectional surrounds it with its wrapper.
LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SimpleRNN": ("SimpleRNN", {}),
    "LSTM": ("LSTM", {}),
    "GRU": ("GRU", {"reset_after": True}),
    "GRU(reset_after=False)": ("GRU", {"reset_after": False}),
    "Bidirectional(LSTM)": ("LSTM", {}),
}
# The largest difference of a gradient, relative to the largest entry of its array. Rounding leaves 4e-6 on a CPU; gates
# in another order, or a forgotten bias, more than 0.1.
TOLERANCE = 1e-4
# Steps per call at most: what remains is the fixed cost of a call of `fit`.
MAX_STEPS = 512


@dataclass(frozen=True)
class LayerPlan:
    """How much is measured.

    Attributes:
        layers: keys of `LAYERS`.
        sizes: numbers of units, which are also the numbers of features.
        length: time steps.
        batch: sequences per batch.
        rounds: timed calls of each way.
        seconds: of one timed call.
    """

    layers: tuple[str, ...] = tuple(LAYERS)
    sizes: tuple[int, ...] = (8, 64, 256)
    length: int = 100
    batch: int = 64
    rounds: int = 7
    seconds: float = 0.25


PLANS: dict[DeviceKind, LayerPlan] = {"cpu": LayerPlan(), "gpu": LayerPlan(layers=("LSTM", "GRU"), rounds=5)}


class Way(Protocol):
    """One way to train the model of a layer on a batch that stays the same."""

    def train(self, steps: int) -> None:
        """Make training steps, and wait for the last."""

    def gradients(self) -> list[Floats]:
        """Return the gradients of the first step, in the order of Keras's weights."""


class KerasWay:
    """A Keras model, trained by `fit`.

    Args:
        layer: a key of `LAYERS`.
        x: inputs, float32, shape (batch, time, features).
        y: targets, float32, shape (batch, 1).
        weights: the weights at the start; by default Keras's own.
        accelerated: whether `imdb_rnn.accelerate` is called.
        xla: whether TensorFlow compiles with XLA; by default Keras chooses.
    """

    def __init__(
        self,
        layer: str,
        x: Floats,
        y: Floats,
        weights: Sequence[Floats] | None = None,
        *,
        accelerated: bool = False,
        xla: bool = False,
    ) -> None:
        import keras

        from imdb_rnn import accelerate

        name, arguments = LAYERS[layer]
        self.layer = getattr(keras.layers, name)(x.shape[2], **arguments)
        if layer.startswith("Bidirectional"):
            self.layer = keras.layers.Bidirectional(self.layer)
        self.model = keras.Sequential([keras.Input(x.shape[1:]), self.layer, keras.layers.Dense(1)])
        if weights is not None:
            self.model.set_weights(weights)
        if accelerated:
            accelerate(self.model)
        self.model.compile(optimizer="adam", loss="mse", jit_compile=True if xla else "auto")
        self.x, self.y = x, y
        self.batches: Any = None

    def train(self, steps: int) -> None:
        """See `Way.train`."""
        import keras

        if keras.backend.backend() == "tensorflow":
            self._train_on_tensorflow(steps)
        else:
            # Keras takes a generator, but no other iterator.
            batches = (batch for batch in itertools.repeat((self.x, self.y), steps))
            self.model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)

    def _train_on_tensorflow(self, steps: int) -> None:
        """Call what `fit` calls for each step. The end of `fit` sometimes waits 0.2 s for the threads of tf.data."""
        import tensorflow as tf

        if self.batches is None:
            # A generator would copy every batch in Python.
            self.batches = iter(tf.data.Dataset.from_tensors((self.x, self.y)).repeat())
            self.model.fit(self.x, self.y, batch_size=len(self.x), verbose=0)
            steps -= 1
        for _ in range(steps):
            logs = self.model.train_function(self.batches)
        if steps:
            logs["loss"].numpy()

    def gradients(self) -> list[Floats]:
        """See `Way.gradients`: Adam's first moment is 1 - β₁ = 0.1 of them."""
        variables = self.model.optimizer.variables
        moments: list[Floats] = [np.asarray(one.numpy()) for one in variables if one.path.endswith("_momentum")]
        return [moment / np.float32(0.1) for moment in moments]


def native_way(backend: str, layer: str, weights: Sequence[Floats], x: Floats, y: Floats) -> Way | None:
    """Return the framework's own loop; None if it has no such layer, or none is written."""
    if backend == "torch":
        from benchmarks.baselines.layers_torch import MODULES, NativeTorch

        return NativeTorch(layer, weights, x, y) if layer in MODULES else None
    if backend == "jax":
        from benchmarks.baselines.layers_jax import NativeJax

        return NativeJax(layer, weights, x, y)
    return None


def ways_of(backend: str, layer: str, x: Floats, y: Floats) -> dict[str, Way]:
    """Return all ways to train a layer on a backend, which start from the same weights; stock Keras comes first."""
    stock = KerasWay(layer, x, y)
    weights = stock.model.get_weights()
    ways: dict[str, Way] = {"stock": stock}
    if backend == "tensorflow":
        ways["stock, XLA"] = KerasWay(layer, x, y, weights, xla=True)
    ways["accelerated"] = KerasWay(layer, x, y, weights, accelerated=True)
    if backend == "tensorflow":
        ways["accelerated, XLA"] = KerasWay(layer, x, y, weights, accelerated=True, xla=True)
    native = native_way(backend, layer, weights, x, y)
    return ways | ({"native": native} if native else {})


def layers_alone(ways: Mapping[str, Way], x: Floats) -> dict[str, Callable[[int], None]]:
    """Return what runs each layer forward and backward on PyTorch, without loss and optimizer."""
    from benchmarks.baselines.layers_torch import NativeTorch, layer_alone

    runs = {}
    for name, way in ways.items():
        if isinstance(way, KerasWay):
            layer, weights = way.layer, [one.value for one in way.layer.trainable_weights]
            runs[name] = layer_alone(partial(layer, training=True), weights, x)
        elif isinstance(way, NativeTorch):
            runs[name] = layer_alone(way.last_output, way.parameters(), x)
    return runs


def path_of(way: Way) -> str:
    """Return which code runs the layer; see `imdb_rnn.paths`."""
    from imdb_rnn import paths

    return ", ".join(sorted({found.path for found in paths(way.model).values()})) if isinstance(way, KerasWay) else ""


def difference(gradients: Iterable[Floats], expected: Iterable[Floats]) -> float:
    """Return the largest difference of any array, relative to its largest entry."""
    pairs = zip(gradients, expected, strict=True)
    return max(float(np.abs(one - other).max() / np.abs(other).max()) for one, other in pairs)


def seconds_of(run: Callable[[int], None], steps: int) -> float:
    """Return the seconds per step of one call."""
    began = time.perf_counter()
    run(steps)
    return (time.perf_counter() - began) / steps


def steps_for(run: Callable[[int], None], seconds: float) -> int:
    """Return the number of steps that take as long as wanted, after warm-up."""
    run(1)
    steps = 1
    # Twice, because the first estimate includes the fixed cost of a call.
    for _ in range(2):
        steps = min(MAX_STEPS, max(1, math.ceil(seconds / seconds_of(run, steps))))
    return steps


def interleave(runs: Mapping[str, Callable[[int], None]], plan: LayerPlan) -> dict[str, list[float]]:
    """Return the seconds per step of each, one value per round."""
    steps = {name: steps_for(run, plan.seconds) for name, run in runs.items()}
    measured: dict[str, list[float]] = {name: [] for name in runs}
    random = np.random.default_rng(0)
    for _ in range(plan.rounds):
        for name in random.permutation(list(runs)):
            measured[name].append(seconds_of(runs[name], steps[name]))
    return measured


def measure(backend: str, layer: str, size: int, plan: LayerPlan) -> dict[str, Any]:
    """Check and time a layer.

    Returns:
        `layer`, `size`, `path` (of the accelerated layer, see `imdb_rnn.paths`), `difference` (way -> difference of its
        gradients from those of stock Keras), `first` (way -> seconds of the first step, with compilation), `step` and
        `alone` (way -> seconds, one value per round). What computes something else is not timed.
    """
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(size)
    x = random.normal(size=(plan.batch, plan.length, size)).astype(np.float32)
    y = random.normal(size=(plan.batch, 1)).astype(np.float32)
    ways = ways_of(backend, layer, x, y)
    first = {name: seconds_of(way.train, 1) for name, way in ways.items()}
    expected = ways["stock"].gradients()
    differences = {name: difference(way.gradients(), expected) for name, way in ways.items()}
    right = {name: way for name, way in ways.items() if differences[name] <= TOLERANCE}
    row = {
        "layer": layer,
        "size": size,
        "path": path_of(ways["accelerated"]),
        "difference": differences,
        "first": first,
    }
    row["step"] = interleave({name: way.train for name, way in right.items()}, plan)
    row["alone"] = interleave(layers_alone(right, x), plan) if backend == "torch" else {}
    return row


def run(out: Path, plan: LayerPlan, kind: DeviceKind) -> Path:
    """Measure what has not been measured yet, under the backend of this process.

    Returns:
        The file of the results.

    Raises:
        BenchmarkError: there is no GPU to be measured.
        FallbackError: Keras runs on another device than the one to be measured.
    """
    device = Device("cpu", processor()) if kind == "cpu" else find_gpu()
    if device is None:
        raise BenchmarkError(NO_GPU)
    backend = backend_name()
    same = {
        "backend": backend,
        "device": asdict(device),
        "processor": processor(),
        "cores": available_cores(),
        "system": platform.system(),
        "versions": versions(),
        "plan": json.loads(json.dumps(asdict(plan))),
    }
    path = out / f"{backend}.json"
    results: dict[str, Any] = {}
    with suppress(FileNotFoundError):
        results = json.loads(path.read_text(encoding="utf-8"))
    if not same.items() <= results.items():
        results = same | {"date": datetime.now(UTC).date().isoformat(), "rows": []}
    done = {(row["layer"], row["size"]) for row in results["rows"]}
    missing = [one for one in itertools.product(plan.layers, plan.sizes) if one not in done]
    if missing:
        use_device(kind)
    for layer, size in missing:
        check_device(kind, backend)
        row = measure(backend, layer, size, plan)
        results["rows"].append(row)
        write_json(path, results)
        medians = {name: f"{1e3 * float(np.median(times)):.2f} ms" for name, times in row["step"].items()}
        sys.stderr.write(f"{backend}, {layer}, {size} units: {medians}\n")
    return path


def check_device(kind: DeviceKind, backend: str) -> None:
    """Raise `FallbackError` if Keras runs on another device than the one to be measured."""
    if (received := load_backend().device()) != (expected := expected_device(kind, backend)):
        msg = f"Keras fell back. Expected: device {expected}. Received: {received}."
        raise FallbackError(msg)


@app.command("run")
def run_command(
    out: Path,
    kind: Annotated[DeviceKind, typer.Option("--device", help="Device to measure.")] = "cpu",
    layer: Annotated[list[str] | None, typer.Option(help="Only this layer; can be repeated.")] = None,
    size: Annotated[list[int] | None, typer.Option(help="Only this number of units; can be repeated.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Timed calls of each way.")] = None,
) -> None:
    """Measure under the backend of this environment. An interrupted run continues."""
    plan = PLANS[kind]
    plan = replace(
        plan,
        layers=tuple(layer or plan.layers),
        sizes=tuple(size or plan.sizes),
        rounds=rounds or plan.rounds,
    )
    out.mkdir(parents=True, exist_ok=True)
    typer.echo(run(out, plan, kind))


@app.command("show")
def show_command(out: Path) -> None:
    """Print the tables."""
    typer.echo(page_tables(out))


@app.command("publish")
def publish_command(out: Path) -> None:
    """Renew what is committed: benchmarks/results/layers/ and the tables in docs/benchmarks.md."""
    publish(out)


if __name__ == "__main__":
    run_app(app)
