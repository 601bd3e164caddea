"""The process of one backend: builds the model, and writes what it computes at each stage.

It is started by `backends_test.any_model.run` in the interpreter of a backend, where Keras, NumPy and the backend are
installed and nothing else has to be. It reads tasks from standard input, a JSON object a line, and answers each with a
line on standard output: `{"ok": true}`, or `{"ok": false, "error": "..."}`.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backends_test.any_model import drawing, model_file, observation, source, timing
from backends_test.any_model.arrays import (
    Array,
    ArrayFile,
    Tensor,
    largest_difference,
    largest_value,
    write_arrays,
)
from backends_test.any_model.errors import SourceError, one_line
from backends_test.any_model.observation import SELF, STAGES, Experiment, NotRun
from backends_test.any_model.precision import float64, with_float64
from backends_test.any_model.random_numbers import numpy_numbers
from backends_test.any_model.recording import Call, encode, to_array

# How often inputs and weights are moved by one unit in the last place, to measure the noise of each tensor.
MOVES = 3
MOVES64 = 2
# The relative size of such a unit.
UNITS = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23}
UNIT = UNITS["float32"]


class Given(NamedTuple):
    """What all backends are given.

    Attributes:
        weights: an array per variable.
        inputs: in the structure of the model's inputs.
        targets: in the structure of its outputs; None if there are none.
    """

    weights: list[Array]
    inputs: Any
    targets: Any


class Task(NamedTuple):
    """One task.

    Attributes:
        do: "prepare", "observe", "exchange" or "time".
        folder: the folder of the comparison; each backend has its own folder in it.
        model: where the model comes from, see `source`.
        trust: whether code in a model file may run.
        inputs: a file of inputs, or a function in a file; "" to draw them.
        optimizer: the name of an optimizer; "" for the model's own.
        loss: the name of a loss; "" for the model's own.
        steps: the number of optimizer steps.
        stages: the stages to run, in order.
        others: the backends whose saved models are loaded.
    """

    do: str
    folder: str
    model: str
    trust: bool = False
    inputs: str = ""
    optimizer: str = ""
    loss: str = ""
    steps: int = 5
    stages: list[str] = []  # noqa: RUF012 (read from JSON)
    others: list[str] = []  # noqa: RUF012


def main() -> None:
    """Read and do tasks until standard input ends."""
    # What Keras and the user's code print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            task = Task(**json.loads(line))
            {"prepare": prepare, "observe": observe, "exchange": exchange, "time": time_model}[task.do](task)
            answer: dict[str, Any] = {"ok": True}
        except SourceError as error:
            answer = {"ok": False, "error": str(error), "kind": "source"}
        except drawing.InputsError as error:
            answer = {"ok": False, "error": str(error), "kind": "inputs"}
        except Exception as error:  # noqa: BLE001 (the model may raise anything)
            traceback.print_exc()
            answer = {"ok": False, "error": one_line(error), "kind": "error"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def new_model(task: Task) -> Any:
    """Build the model, and compile it as the task says."""
    import keras

    keras.backend.clear_session()
    model = source.load(task.model, task.trust)()
    own = model.optimizer if getattr(model, "compiled", False) else None
    if own is None or task.optimizer or task.loss:
        model.compile(optimizer=task.optimizer or own or "adam", loss=task.loss or loss_of(model) or "mse")
    return model


def loss_of(model: Any) -> Any:
    """Return the loss that the model was compiled with, None without one."""
    losses = getattr(model, "_compile_loss", None)
    return losses._user_loss if losses is not None else None


def prepare(task: Task) -> None:
    """Draw what all backends are given, and record the layers of the reference."""
    import keras

    folder = Path(task.folder) / "given"
    folder.mkdir(parents=True, exist_ok=True)
    model = new_model(task)
    if not task.model.endswith(".keras") and (difference := source.same_model(model, new_model(task))):
        msg = f"{task.model} returns a different model each time: {difference}. It must always build the same one."
        raise SourceError(msg)
    generator = np.random.default_rng(20)
    arrays, targets = source.load_inputs(task.inputs) if task.inputs else (None, None)
    if arrays is None:
        arrays = drawing.draw_inputs(model, generator)
    if not model.built:
        model(observation.tensors_of(arrays))
    from_file = task.model.endswith(".keras")
    if from_file:
        weights = [to_array(variable.value) for variable in observation.variables_of(model)]
    else:
        weights = drawing.draw_weights(observation.variables_of(model), generator)
    one = Experiment(model, weights, arrays, targets, steps=task.steps)
    with numpy_numbers(model):
        one.restore()
        outputs = keras.tree.map_structure(to_array, one.forward(training=False))
        if targets is None:
            targets = drawing.draw_targets(model, outputs, generator)
        if "layer alone" in task.stages:
            for training in (False, True):
                write_calls(
                    folder / f"calls-{'training' if training else 'inference'}", observation.record(one, training)
                )
    write_structure(folder / "inputs", arrays)
    write_structure(folder / "targets", targets)
    names = observation.names_of(model)
    write_arrays(folder / "weights.npz", dict(zip(names, weights, strict=True)))


def observe(task: Task) -> None:
    """Run all stages in the model's own precision and in float64, with the noise of each tensor."""
    import keras

    given = read_given(Path(task.folder) / "given")
    out = Path(task.folder) / keras.config.backend()
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "versions.json", versions())
    model = new_model(task)
    one = experiment(task, model, given)
    if (unlike := other_weights(model, given)) is not None:
        # The stage "build" says which weight it is.
        run_stages(one, ["build"], out / "float32")
        write_json(out / "float32" / "not_run.json", dict.fromkeys(set(task.stages) - {"build"}, unlike))
        return
    with numpy_numbers(model):
        run_stages(one, task.stages, out / "float32")
        if "saved" in task.stages and getattr(model, "_compile_loss", None) is not None and model.trainable_variables:
            save_model(one, out)
    del one, model
    try:
        with float64():
            model = in_float64(new_model(task))
            one = experiment(task, model, given)
            with numpy_numbers(model):
                run_stages(
                    one, [stage for stage in task.stages if stage not in ("build", "weights", *SELF)], out / "float64"
                )
    except Exception as error:  # noqa: BLE001 (not every model can be computed in float64)
        traceback.print_exc()
        (out / "float64").mkdir(exist_ok=True)
        write_json(out / "float64" / "failed.json", one_line(error))
    finally:
        keras.backend.clear_session()


def in_float64(model: Any) -> Any:
    """Return the model in float64: built so, or from a configuration that says so.

    Raises:
        NotRun: it keeps another precision.
    """
    import keras

    def precisions(one: Any) -> set[str]:
        policies = {layer.compute_dtype for layer in one._flatten_layers()}
        return {str(policy) for policy in policies if "float" in str(policy)}

    if precisions(model) <= {"float64"}:
        return model
    config = with_float64(keras.saving.serialize_keras_object(model))
    found = keras.saving.deserialize_keras_object(config, safe_mode=False)
    if getattr(model, "compiled", False) and not getattr(found, "compiled", False):
        optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
        found.compile(optimizer=optimizer, loss=loss_of(model))
    if not precisions(found) <= {"float64"}:
        msg = f"layers keep their own precision: {', '.join(sorted(precisions(found)))}"
        raise NotRun(msg)
    return found


def experiment(task: Task, model: Any, given: Given) -> Experiment:
    """Return the experiment of a new model."""
    if not model.built:
        model(observation.tensors_of(given.inputs))
    weights = [
        weight.astype(np.float64) if weight.dtype.kind == "f" and _is64() else weight for weight in given.weights
    ]
    folder = Path(task.folder) / "given"
    calls = {}
    if "layer alone" in task.stages:
        calls = {
            training: read_calls(folder / f"calls-{name}")
            for training, name in ((False, "inference"), (True, "training"))
        }
    return Experiment(model, weights, given.inputs, given.targets, calls, task.steps)


def other_weights(model: Any, given: Given) -> str | None:
    """Return in what a model's weights are not those that were drawn; None if they are."""
    expected = [array.shape for array in given.weights]
    received = [tuple(variable.shape) for variable in observation.variables_of(model)]
    if expected == received:
        return None
    return f"the model has weights of the shapes {received}, and on the first backend {expected}"[:300]


def _is64() -> bool:
    import keras

    return bool(keras.config.floatx() == "float64")


def run_stages(one: Experiment, stages: list[str], out: Path) -> None:
    """Run the stages, and again with inputs and weights moved by one unit, and write arrays and noise."""
    out.mkdir(parents=True, exist_ok=True)
    functions: dict[str, Callable[[Experiment], observation.Arrays]] = {"whole": observation.whole} | STAGES
    functions |= {name: function for name, (function, _) in SELF.items()}
    noise: dict[str, list[tuple[str, str, float]]] = {}
    failed: dict[str, str] = {}
    not_run: dict[str, str] = {}
    wanted = [stage for stage in functions if stage in stages or (stage == "whole" and set(stages) & set(SELF))]
    for stage in wanted:
        start = time.perf_counter()
        try:
            found = dict(functions[stage](one))
        except NotRun as reason:
            not_run[stage] = str(reason)
            continue
        except Exception as error:  # noqa: BLE001 (the model may raise anything)
            traceback.print_exc()
            failed[stage] = one_line(error)
            continue
        write_arrays(out / f"{stage}.npz", found)
        if stage not in ("build", "weights", *SELF):
            noise[stage] = noise_of(functions[stage], one, found)
        sys.stderr.write(f"{out.name} {stage}: {time.perf_counter() - start:.1f} s\n")
    write_json(out / "noise.json", noise)
    write_json(out / "failed.json", failed)
    write_json(out / "not_run.json", not_run)


def noise_of(
    stage: Callable[[Experiment], observation.Arrays], one: Experiment, found: dict[Tensor, Array]
) -> list[tuple[str, str, float]]:
    """Return layer, name and noise of each tensor.

    The noise is how far it moves when inputs and weights move by one unit in the last place; see `unit_of`.
    """
    largest = dict.fromkeys(found, 0.0)
    for number in range(MOVES64 if _is64() else MOVES):
        try:
            moved = dict(stage(move(one, number)))
        except Exception:  # noqa: BLE001, S112 (a moved input may be out of range)
            continue
        for tensor, array in found.items():
            other = moved.get(tensor)
            if other is not None and other.shape == array.shape:
                largest[tensor] = max(largest[tensor], largest_difference(array, other))
    least = {} if _is64() else rounding(one, found)
    return [(*tensor, max(size, least.get(tensor, 0.0))) for tensor, size in largest.items()]


def rounding(one: Experiment, found: dict[Tensor, Array]) -> dict[Tensor, float]:
    """Return the rounding of the tensors themselves, where it is not known to `verdicts.judge`.

    That of the change of a weight is the rounding of the weight, however small its change is. If layers compute in less
    than float32, it is that of their type, because arrays are written as float32 then.
    """
    unit = unit_of(one.model)
    sizes = {
        tensor: unit * largest_value(array)
        for tensor, array in found.items()
        if unit > UNIT and array.dtype.kind == "f" and not tensor.name.startswith(observation.CHANGE)
    }
    variables = observation.variables_of(one.model)
    for tensor, variable, weight in zip(observation.names_of(one.model), variables, one.weights, strict=True):
        change = Tensor(tensor.layer, observation.CHANGE + tensor.name)
        sizes[change] = UNITS.get(str(variable.dtype), UNIT) * largest_value(weight)
    return sizes


def unit_of(model: Any) -> float:
    """Return the relative size of a unit in the last place of the least precise type that a layer computes in."""
    return max((UNITS.get(layer.compute_dtype, UNIT) for layer in model._flatten_layers()), default=UNIT)


def move(one: Experiment, number: int) -> Experiment:
    """Return the experiment with float inputs and weights moved up or down by one unit, at random."""
    import keras

    generator = np.random.default_rng([3, number])
    unit = unit_of(one.model)

    def moved(array: Any) -> Any:
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            return array
        signs = generator.integers(-1, 2, array.shape)
        exact = array.astype(np.float64) * (1 + unit * signs)
        return exact if _is64() else exact.astype(array.dtype)

    calls = {
        training: [call._replace(arrays=[moved(array) for array in call.arrays]) for call in found]
        for training, found in one.calls.items()
    }
    return Experiment(
        one.model,
        [moved(weight) for weight in one.weights],
        keras.tree.map_structure(moved, one.inputs),
        one.targets,
        calls,
        one.steps,
        one.optimizer_state,
        moved,
    )


def save_model(one: Experiment, out: Path) -> None:
    """Train and save the model, and write what it gives afterwards."""
    try:
        observation.save(one, out / "saved.keras")
        trained = observation.as_it_is(one.model, one)
        found = dict(observation.resumed(trained))
        write_arrays(out / "after saving.npz", found)
        write_json(out / "after saving.json", noise_of(observation.resumed, trained, found))
    except Exception as error:  # noqa: BLE001 (the model may not be serializable)
        traceback.print_exc()
        write_json(out / "saved.json", one_line(error))


def exchange(task: Task) -> None:
    """Load the models that other backends have saved, and write what they give."""
    import keras

    given = read_given(Path(task.folder) / "given")
    own = keras.config.backend()
    for other in task.others:
        out = Path(task.folder) / own
        path = Path(task.folder) / other / "saved.keras"
        if not path.is_file():
            continue
        keras.backend.clear_session()
        try:
            model, note = model_file.load_saved(path)
            # The file keeps what "auto" meant on the other backend.
            model.jit_compile = model._resolve_auto_jit_compile()
            given_to = Experiment(model, [], given.inputs, given.targets, steps=task.steps)
            with numpy_numbers(model):
                loaded = observation.as_it_is(model, given_to)
                write_arrays(out / f"saved by {other}.npz", dict(observation.resumed(loaded)))
            if note:
                write_json(out / f"saved by {other}.note.json", note)
        except Exception as error:  # noqa: BLE001 (the file may not load here)
            traceback.print_exc()
            write_json(out / f"saved by {other}.json", one_line(error))


def time_model(task: Task) -> None:
    """Time the model, in a process that has done nothing before."""
    given = read_given(Path(task.folder) / "given")
    timed = timing.measure(lambda: new_model(task), given.inputs, given.targets)
    # Keras is imported by now.
    import keras

    write_json(Path(task.folder) / keras.config.backend() / "timed.json", timed)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.replace(path)


def write_structure(path: Path, structure: Any) -> None:
    """Write nested arrays: the arrays in one file, the structure in another."""
    arrays: list[Array] = []
    write_json(path.with_suffix(".json"), encode(structure, arrays))
    write_arrays(path.with_suffix(".npz"), {Tensor("", str(i)): array for i, array in enumerate(arrays)})


def read_structure(path: Path) -> Any:
    """Read what `write_structure` has written."""
    arrays = ArrayFile(path.with_suffix(".npz"))
    description = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))

    def value(part: Any) -> Any:
        if "tensor" in part:
            return arrays[Tensor("", str(part["tensor"]))]
        if "dict" in part:
            return {name: value(inner) for name, inner in part["dict"].items()}
        for kind, make in (("list", list), ("tuple", tuple)):
            if kind in part:
                return make(value(inner) for inner in part[kind])
        return part["value"]

    return value(description)


def write_calls(path: Path, calls: list[Call]) -> None:
    """Write the layers' calls, without their outputs."""
    arrays: dict[Tensor, Array] = {}
    descriptions = []
    for position, call in enumerate(calls):
        if call.arguments is not None:
            arrays |= {Tensor(str(position), str(i)): array for i, array in enumerate(call.arrays)}
            descriptions.append([position, call.layer, call.number, call.arguments, len(call.arrays)])
    write_arrays(path.with_suffix(".npz"), arrays)
    write_json(path.with_suffix(".json"), descriptions)


def read_calls(path: Path) -> list[Call]:
    """Read what `write_calls` has written."""
    arrays = ArrayFile(path.with_suffix(".npz"))
    return [
        Call(layer, number, arguments, [arrays[Tensor(str(position), str(i))] for i in range(count)], [], [])
        for position, layer, number, arguments, count in json.loads(
            path.with_suffix(".json").read_text(encoding="utf-8")
        )
    ]


def read_given(folder: Path) -> Given:
    """Read what the first backend has drawn."""
    weights = ArrayFile(folder / "weights.npz")
    return Given(
        [weights[tensor] for tensor in weights], read_structure(folder / "inputs"), read_structure(folder / "targets")
    )


def versions() -> dict[str, str]:
    """Return the versions of Python, Keras, NumPy and the backend."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import keras

    found = {"python": platform.python_version(), "keras": keras.__version__, "numpy": np.__version__}
    backend = keras.config.backend()
    for package in (backend, f"{backend}-cpu"):
        try:
            found[backend] = version(package)
        except PackageNotFoundError:
            continue
    return found
