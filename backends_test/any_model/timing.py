"""Times a model in the process of its backend, from the import of Keras to the prediction of a batch; see `speed`.

May import at module level: the standard library, NumPy, and modules of this package that do the same.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from backends_test.any_model.arrays import Array

# The batch size of `fit` and `predict` if none is given.
BATCH = 32
# How long an epoch must take for its steps to be timed.
TRAINING_SECONDS = 0.3
# How long predictions are repeated, and how often at least.
PREDICTION_SECONDS = 0.2
PREDICTIONS = 3
# The steps of the shortest epoch, of the one that may follow it, and of the longest.
SHORT, NEXT, LONG = 2, 6, 1_026
# The largest size of an epoch's data, in bytes.
EPOCH_BYTES = 2**26


def measure(make: Callable[[], Any], inputs: Any, targets: Any) -> dict[str, Any]:
    """Time a model with `fit` and `predict_on_batch`.

    Args:
        make: returns a new, compiled model. Nothing may have imported Keras before.
        inputs: arrays in the structure of the model's inputs.
        targets: arrays in the structure of its outputs; None if the loss needs none.

    Returns:
        `seconds`: quantity -> seconds; `memory`: the peak of the process in bytes, None where it cannot be told;
        `batch`: rows per step; `left_out`: what was not timed, and why, "" if everything was.
    """
    seconds = {"import": seconds_of(_import_keras)}
    built: list[Any] = []
    seconds["build"] = seconds_of(lambda: built.append(make()))
    (model,) = built
    rows = rows_of(inputs)
    if rows is None:
        left_out = "training and prediction: the inputs do not have one row per example"
        return {"seconds": seconds, "memory": peak_memory(), "batch": 0, "left_out": left_out}
    fixed = _fixed_batch(model)
    batch = fixed or BATCH
    if not model.built:
        seconds["build"] += seconds_of(lambda: model(repeated(inputs, 1)))
    left_out = untrainable(model)
    if not left_out:

        def fit(steps: int) -> float:
            x, y = repeated(inputs, steps * batch), repeated(targets, steps * batch)
            return seconds_of(lambda: _fit(model, x, y, batch))

        seconds["first step"] = fit(1)
        size = sum(array.nbytes for array in _arrays((repeated(inputs, batch), repeated(targets, batch))))
        seconds["step"] = seconds_per_step(fit, max(NEXT, min(LONG, EPOCH_BYTES // max(size, 1))))
    for count in (batch,) if fixed else (1, batch):
        predicted = repeated(inputs, count)
        name = f"prediction of {count}"
        seconds[name] = repeat(lambda predicted=predicted: model.predict_on_batch(predicted))  # type: ignore[misc]
    return {"seconds": seconds, "memory": peak_memory(), "batch": batch, "left_out": left_out}


def seconds_of(run: Callable[[], object]) -> float:
    """Return the seconds of a call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def seconds_per_step(fit: Callable[[int], float], most: int) -> float:
    """Return the seconds of a steady step: what a long epoch takes longer than a short one, per step.

    Args:
        fit: trains for so many steps and returns the seconds. The first step has been done.
        most: the number of steps of the longest epoch, at least 6.
    """
    fit(SHORT)  # warm-up
    short = min(fit(SHORT), fit(SHORT))
    count = NEXT
    # Each epoch is twice as long as the one before, so that few steps are timed of a slow model and many of a fast one.
    while (long := fit(count)) - short < TRAINING_SECONDS and 2 * count <= most:
        count *= 2
    # On a busy machine, a short epoch can take longer than a long one.
    return (long - short) / (count - SHORT) if long > short else long / count


def repeat(run: Callable[[], object]) -> float:
    """Return the median seconds of a call that is repeated, after the first."""
    run()
    times: list[float] = []
    while len(times) < PREDICTIONS or sum(times) < PREDICTION_SECONDS:
        times.append(seconds_of(run))
    return float(np.median(times))


def rows_of(inputs: Any) -> int | None:
    """Return the number of rows of all inputs; None if they do not have the same."""
    counts = {array.shape[0] if array.ndim else -1 for array in _arrays(inputs)}
    return counts.pop() if len(counts) == 1 and -1 not in counts else None


def repeated(structure: Any, rows: int) -> Any:
    """Return arrays with so many rows: theirs, again and again."""
    import keras

    def resize(array: Any) -> Any:
        return array[np.arange(rows) % len(array)] if isinstance(array, np.ndarray) else array

    return keras.tree.map_structure(resize, structure)


def untrainable(model: Any) -> str:
    """Return why a model is not trained; "" if it is."""
    if getattr(model, "_compile_loss", None) is None and not model.losses:
        return "training: the model has no loss"
    return "" if model.trainable_variables else "training: no weight is trainable"


def peak_memory() -> int | None:
    """Return the peak memory of this process, in bytes; None where it cannot be told."""
    # Not getrusage: on Linux its peak includes that of the parent process.
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _import_keras() -> None:
    import keras

    # Keras imports some of a backend when it is first used.
    keras.ops.zeros(1)


def _fit(model: Any, x: Any, y: Any, batch: int) -> None:
    import keras

    model.fit(x, y, batch_size=batch, epochs=1, shuffle=False, verbose=0)
    # Read back, so that the device has finished.
    keras.ops.convert_to_numpy(model.trainable_variables[-1].value)


def _fixed_batch(model: Any) -> int | None:
    """Return the only number of rows that a model takes, None if it takes any."""
    sizes = {tensor.shape[0] for tensor in getattr(model, "inputs", None) or ()}
    return next((size for size in sizes if size is not None), None)


def _arrays(structure: Any) -> list[Array]:
    import keras

    return [array for array in keras.tree.flatten(structure) if isinstance(array, np.ndarray)]
