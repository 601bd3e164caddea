"""Times one configuration, once, in a fresh process in the environment of its backend; prints what it found as JSON.

May import: numpy, the standard library, imdb_rnn, benchmarks; parity (backends_test/) for the oracle's steps.

    python -m benchmarks.worker NAME BATCHES EPOCHS CALLS

trains EPOCHS times on the first BATCHES batches of an epoch, the last one short as in a whole epoch, and predicts one
review CALLS times. The clock is read
only after the weights have been read back, so that no device is still at work.
"""

import importlib
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from benchmarks.configurations import CONFIGURATIONS
from benchmarks.trainer import Trainer

# After so many steps the weights are compared with the oracle's.
STEPS = 50


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """The seconds that a call takes, and what it gives."""
    began = time.perf_counter()
    result = run()
    return time.perf_counter() - began, result


def use_one_core() -> None:
    """Keep this process, and every thread that it will start, on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def time_configuration(name: str, batches: int, epochs: int, calls: int) -> dict[str, Any]:
    """Time one configuration.

    Args:
        name: of the configuration.
        batches: of 64 reviews, but for the last one of 32, in what is timed as one.
        epochs: how often that is timed, after once that is not.
        calls: single predictions.

    Returns:
        Seconds by phase: `import`, `data`, `build`, `first_step`, `warm_up`, `epochs` (a list); `latency`: the seconds
        of single predictions, a list; `throughput`: reviews a second; `memory`: the peak, in bytes; `path`; and
        `difference`: how far the weights are from the oracle's after fifty steps, with the `tolerance` of that.
    """
    (configuration,) = (one for one in CONFIGURATIONS if one.name == name)
    module, _, maker = configuration.make.partition(":")
    seconds: dict[str, Any] = {}
    seconds["import"], make = timed(lambda: getattr(importlib.import_module(module), maker))
    seconds["data"], (inputs, parts) = timed(lambda: read_batches(batches))
    seconds["build"], trainer = timed(lambda: make(inputs.initial))
    seconds["first_step"], _ = timed(lambda: step(trainer, parts[:1]))
    seconds["warm_up"], _ = timed(lambda: step(trainer, parts))
    seconds["epochs"] = [timed(lambda: step(trainer, parts))[0] for _ in range(epochs)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    one = inputs.reviews.x[:1]
    trainer.predict(one)
    latency = [timed(lambda: trainer.predict(one))[0] for _ in range(calls)]
    trainer.predict(inputs.reviews.x)
    throughput = len(inputs.reviews.x) / timed(lambda: trainer.predict(inputs.reviews.x))[0]
    found = seconds | {
        "latency": latency,
        "throughput": throughput,
        "memory": memory,
        "path": trainer.path() | {"versions": versions()},
    }
    return found | compare_with_oracle(make(inputs.start), inputs)


def versions() -> str:
    """What is installed here of what a figure may depend on."""
    found = []
    for name in ("python", "keras", "numpy", "jax", "torch", "tensorflow", "tensorflow-cpu"):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {platform.python_version() if name == 'python' else version(name)}")
    return ", ".join(found)


def step(trainer: Trainer, parts: list[Any]) -> None:
    """Train, and wait until it is done."""
    trainer.train(parts)
    trainer.weights()


def read_batches(batches: int) -> tuple[Any, list[Any]]:
    """The inputs of the ladder, and batches as an epoch of 20,000 reviews has them: all of 64, and one of 32."""
    from imdb_rnn.batches import Arrays
    from parity.inputs import load_corpus, make_inputs

    inputs = make_inputs(load_corpus())
    *whole, last = inputs.batches[1 : batches + 1]
    return inputs, [*whole, Arrays(last.x[:32], last.y[:32])]


def compare_with_oracle(trainer: Trainer, inputs: Any) -> dict[str, float]:
    """How far a trainer is from the oracle after fifty steps from the same weights."""
    from imdb_rnn import oracle
    from parity import reference
    from parity.stages import LADDER

    trainer.train(inputs.batches[:STEPS])
    expected = reference.steps(inputs.start, oracle.Adam(), inputs.batches[:STEPS]).arrays()
    worst = max(float(np.abs(a - b).max()) for a, b in zip(trainer.weights(), expected, strict=True))
    (bound,) = (stage.bounds["float32"] for stage in LADDER if stage.name == "fifty steps")
    return {"difference": worst, "tolerance": bound.tolerance}


def main() -> None:
    """Time what the command line names."""
    name, *counts = sys.argv[1:]
    use_one_core()
    print(json.dumps(time_configuration(name, *map(int, counts))))


if __name__ == "__main__":
    main()
