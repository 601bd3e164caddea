"""What a model computes on the running backend, stage by stage.

Every stage is a function of an `Experiment` and yields named arrays. It leaves weights and states as it found them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backends_test.any_model.arrays import Array, Tensor
from backends_test.any_model.autodiff import gradients
from backends_test.any_model.random_numbers import DRAWS, SEED
from backends_test.any_model.recording import Call, decode, labels, recording, to_array

Arrays = Iterator[tuple[Tensor, Array]]
# What an optimizer adds to a weight is called by the name of the weight, with this before it.
CHANGE = "change of "
# In the names of the states of random generators.
SEED_STATE = "seed_generator_state"


class NotRun(Exception):  # noqa: N818 (not an error: the stage has nothing to say about this model)
    """A stage does not apply; the message says why."""


@dataclass
class Experiment:
    """A model and what it is given.

    Attributes:
        model: a built and compiled `keras.Model`.
        weights: an array per variable of `model.variables`, without those of the metrics.
        inputs: arrays in the structure of the model's inputs.
        targets: arrays in the structure of the model's outputs; None if the loss needs none.
        calls: the calls of the reference, for each layer alone: for inference and for training.
        steps: the number of optimizer steps.
        optimizer_state: the optimizer's variables before the first step.
        moved: moves an array by the unit by which weights and inputs are moved, if they are.
    """

    model: Any
    weights: list[Array]
    inputs: Any
    targets: Any
    calls: dict[bool, list[Call]] = field(default_factory=dict)
    steps: int = 5
    optimizer_state: list[Array] | None = None
    moved: Callable[[Array], Array] = lambda array: array

    def restore(self) -> None:
        """Set all weights and the optimizer to where they began."""
        set_weights(self.model, self.weights)
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            if not optimizer.built:
                optimizer.build(self.model.trainable_variables)
            if self.optimizer_state is None:
                self.optimizer_state = [to_array(variable.value) for variable in optimizer.variables]
            for variable, value in zip(optimizer.variables, self.optimizer_state, strict=True):
                variable.assign(value)

    def forward(self, training: bool, inputs: Any = None) -> Any:
        """Run the model without compilation, with the random numbers of a first forward pass."""
        DRAWS.restart()
        given = self.inputs if inputs is None else inputs
        tensors = tensors_of(given)
        return self.model(tensors, training=training) if self.model._call_has_training_arg else self.model(tensors)


def variables_of(model: Any) -> list[Any]:
    """Return the variables of a model that a comparison sets: weights, and the states of random generators."""
    return [*model.trainable_variables, *model.non_trainable_variables]


def set_weights(model: Any, weights: Sequence[Array]) -> None:
    """Set the variables of `variables_of`."""
    for variable, value in zip(variables_of(model), weights, strict=True):
        variable.assign(value)
    for layer in model._flatten_layers():
        # `Normalization` keeps tensors that it makes from its weights.
        if hasattr(layer, "finalize_state") and getattr(layer, "built", False):
            layer.finalize_state()
        # The states of a recurrent layer are no weights.
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()


def tensors_of(arrays: Any) -> Any:
    """Return arrays as tensors, in the float type that Keras is set to if they are floats."""
    import keras

    def convert(array: Any) -> Any:
        if not isinstance(array, np.ndarray):
            return array  # a tensor already, or None
        floats = array.dtype.kind == "f" and array.dtype.itemsize >= 4
        return keras.ops.convert_to_tensor(array, dtype=keras.config.floatx() if floats else None)

    return keras.tree.map_structure(convert, arrays)


def names_of(model: Any) -> list[Tensor]:
    """Return the layer and the name of each variable of `variables_of`."""
    label_of = labels(model)
    owner: dict[int, str] = {}
    for layer in [*model._flatten_layers(include_self=False), model]:
        # A loop is in the way of `RNN` and its cell, which share their variables; the inner one comes later.
        for variable in [*layer._trainable_variables, *layer._non_trainable_variables]:
            owner.setdefault(id(variable), label_of[id(layer)])
    found: list[Tensor] = []
    for variable in variables_of(model):
        name, number = variable.name, 2
        tensor = Tensor(owner.get(id(variable), ""), name)
        while tensor in found:
            tensor, number = Tensor(tensor.layer, f"{name} #{number}"), number + 1
        found.append(tensor)
    return found


def build(one: Experiment) -> Arrays:
    """The layers and what they say of their outputs; the weights; the number of parameters."""
    for tensor, variable in zip(names_of(one.model), variables_of(one.model), strict=True):
        yield Tensor(tensor.layer, f"shape of {tensor.name}"), np.array(variable.shape, np.int64)
        # The state of a random generator has the type that the backend's generator needs.
        if SEED_STATE not in tensor.name:
            yield Tensor(tensor.layer, f"dtype of {tensor.name}"), np.array(str(variable.dtype))
        yield Tensor(tensor.layer, f"whether {tensor.name} is trained"), np.array(bool(variable.trainable))
    label_of = labels(one.model)
    for layer in one.model._flatten_layers(include_self=False):
        yield Tensor(label_of[id(layer)], "class"), np.array(type(layer).__name__)
        # A functional model has a node for each call of a layer.
        symbols = [symbol for node in getattr(layer, "_inbound_nodes", ()) for symbol in node.outputs]
        for number, symbol in enumerate(symbols, 1):
            output = "output" if len(symbols) == 1 else f"output {number}"
            shape = [-1 if size is None else size for size in symbol.shape]
            yield Tensor(label_of[id(layer)], f"declared shape of {output}"), np.array(shape, np.int64)
            yield Tensor(label_of[id(layer)], f"declared dtype of {output}"), np.array(str(symbol.dtype))
    yield Tensor("", "parameters"), np.array(one.model.count_params())


def weights(one: Experiment) -> Arrays:
    """All weights, read back after they were set."""
    one.restore()
    for tensor, variable in zip(names_of(one.model), variables_of(one.model), strict=True):
        yield tensor, to_array(variable.value)


def record(one: Experiment, training: bool) -> list[Call]:
    """Return the call of each layer in one forward pass."""
    calls: list[Call] = []
    one.restore()
    with recording(one.model, calls.append):
        one.forward(training)
    return calls


def outputs_of(calls: Sequence[Call]) -> Arrays:
    """The outputs and masks of all calls."""
    for call in calls:
        again = f" of call {call.number + 1}" if call.number else ""
        for position, (output, mask) in enumerate(zip(call.outputs, call.masks, strict=True)):
            which = f" {position + 1}" if len(call.outputs) > 1 else ""
            yield Tensor(call.layer, f"output{which}{again}"), output
            if mask is not None:
                yield Tensor(call.layer, f"mask{which}{again}"), mask


def forward(one: Experiment) -> Arrays:
    """The output of every layer, in inference."""
    yield from outputs_of(record(one, training=False))


def training(one: Experiment) -> Arrays:
    """The output of every layer, in training."""
    yield from outputs_of(record(one, training=True))


def states(one: Experiment) -> Arrays:
    """What a forward pass in training changes: moving averages, and the states of stateful layers."""
    import keras

    one.restore()
    one.forward(training=True)
    count = len(one.model.trainable_variables)
    found = list(zip(names_of(one.model), variables_of(one.model), strict=True))[count:]
    label_of = labels(one.model)
    found += [
        (Tensor(label_of[id(layer)], f"state {number}"), variable)
        for layer in one.model._flatten_layers()
        if getattr(layer, "stateful", False)
        for number, variable in enumerate(keras.tree.flatten(getattr(layer, "states", None) or []), 1)
    ]
    for tensor, variable in found:
        yield tensor, to_array(variable.value)
    if not found:
        msg = "no layer has a state"
        raise NotRun(msg)


def layer_alone(one: Experiment) -> Arrays:
    """Each layer on the reference's inputs: outputs in inference and in training, and gradients."""
    import keras

    labelled = {label: identity for identity, label in labels(one.model).items()}
    layers = {id(layer): layer for layer in [*one.model._flatten_layers(), *one.model.__dict__.get("_operations", ())]}
    for training_, calls in one.calls.items():
        for call in calls:
            layer = layers.get(labelled.get(call.layer, 0))
            # A whole model is no single layer.
            if layer is None or call.arguments is None or isinstance(layer, keras.Model):
                continue
            again = f" of call {call.number + 1}" if call.number else ""
            one.restore()
            for name, array in _alone(one, layer, call, training_):
                yield Tensor(call.layer, f"{name}{again}"), array


def _alone(one: Experiment, layer: Any, call: Call, training_: bool) -> Iterator[tuple[str, Array]]:
    import keras

    arrays = [keras.tree.flatten(tensors_of(array))[0] for array in call.arrays]
    floats = [i for i, array in enumerate(call.arrays) if array.dtype.kind == "f"]

    def run(tensors: list[Any]) -> list[Any]:
        given = list(arrays)
        for position, tensor in zip(floats, tensors, strict=True):
            given[position] = tensor
        args, kwargs = decode(call.arguments, given)
        DRAWS.restart()
        outputs = layer(*args, **kwargs)
        return [tensor for tensor in keras.tree.flatten(outputs) if keras.ops.is_tensor(tensor)]

    outputs = run([arrays[i] for i in floats])
    for position, output in enumerate(outputs):
        which = f" {position + 1}" if len(outputs) > 1 else ""
        yield f"output{which}, {'training' if training_ else 'inference'}", to_array(output)
    differentiable = [i for i, output in enumerate(outputs) if "float" in str(output.dtype)]
    if not (training_ and differentiable and _has_gradient(layer)):
        return
    generator = np.random.default_rng(SEED)
    # The gradient of a bias depends on nothing else.
    directions = [one.moved(generator.standard_normal(outputs[i].shape).astype(np.float32)) for i in differentiable]

    def scalar(tensors: list[Any]) -> Any:
        found = run(tensors)
        parts = [
            keras.ops.sum(found[i] * keras.ops.convert_to_tensor(direction, dtype=found[i].dtype))
            for i, direction in zip(differentiable, directions, strict=True)
        ]
        return sum(keras.ops.cast(part, keras.config.floatx()) for part in parts)

    trainable = list(getattr(layer, "trainable_variables", ()))
    inputs = [to_array(arrays[i]) for i in floats]
    _, by_inputs, by_weights = gradients(scalar, inputs, trainable)
    for number, gradient in enumerate(by_inputs, 1):
        yield f"gradient of input{f' {number}' if len(by_inputs) > 1 else ''}", gradient
    seen: dict[str, int] = {}
    for variable, gradient in zip(trainable, by_weights, strict=True):
        seen[variable.name] = seen.get(variable.name, 0) + 1
        yield f"gradient of {variable.name}{f' {seen[variable.name]}' if seen[variable.name] > 1 else ''}", gradient


def _has_gradient(layer: Any) -> bool:
    from keras.src.layers.preprocessing.data_layer import DataLayer

    # Layers that prepare data run outside the gradient.
    return not isinstance(layer, DataLayer)


def loss(one: Experiment) -> Arrays:
    """The loss and the metrics of a batch, in inference."""
    need_loss(one)
    one.restore()
    DRAWS.restart()
    _set_eager(one.model, True)
    try:
        logs = one.model.test_on_batch(tensors_of(one.inputs), tensors_of(one.targets), return_dict=True)
    finally:
        _set_eager(one.model, False)
    for name, value in _flat(logs):
        yield Tensor("", name), np.asarray(value, np.float64)


def need_loss(one: Experiment) -> None:
    """Raise `NotRun` if the model was not compiled with a loss."""
    if getattr(one.model, "_compile_loss", None) is None and not one.model.losses:
        msg = "the model has no loss"
        raise NotRun(msg)


def _flat(logs: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in logs.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name} ")
        else:
            yield prefix + name, value


def model_gradients(one: Experiment) -> Arrays:
    """The gradient of the loss by every trainable weight and every float input, in training."""
    import keras

    need_loss(one)
    one.restore()
    flat = keras.tree.flatten(one.inputs)
    floats = [i for i, array in enumerate(flat) if array.dtype.kind == "f"]
    targets = tensors_of(one.targets)

    def scalar(tensors: list[Any]) -> Any:
        given = keras.tree.flatten(tensors_of(one.inputs))
        for position, tensor in zip(floats, tensors, strict=True):
            given[position] = tensor
        return training_loss(one, keras.tree.pack_sequence_as(one.inputs, given), targets)

    inputs = [to_array(tensors_of(flat[i])) for i in floats]
    value, by_inputs, by_weights = gradients(scalar, inputs, one.model.trainable_variables)
    yield Tensor("", "loss in training"), value
    for tensor, gradient in zip(names_of(one.model), by_weights, strict=False):
        yield tensor, gradient
    for number, gradient in enumerate(by_inputs, 1):
        yield Tensor("", f"input{f' {number}' if len(by_inputs) > 1 else ''}"), gradient


def training_loss(one: Experiment, inputs: Any, targets: Any) -> Any:
    """The loss in training, as Keras's own training step computes it."""
    import keras

    model = one.model
    if keras.config.backend() != "jax":
        outputs = one.forward(training=True, inputs=inputs)
        return model.compute_loss(x=inputs, y=targets, y_pred=outputs, sample_weight=None, training=True)
    # On JAX, losses that layers add in a stateless scope are collected by `stateless_call`.
    DRAWS.restart()
    scope_values = [variable.value for variable in model.trainable_variables]
    value, _ = model.compute_loss_and_updates(
        scope_values,
        [variable.value for variable in model.non_trainable_variables],
        [variable.value for variable in model.metrics_variables],
        inputs,
        targets,
        None,
        training=True,
        optimizer_variables=[variable.value for variable in model.optimizer.variables] if model.optimizer else [],
    )
    return value


def train(one: Experiment, count: int) -> list[dict[str, Any]]:
    """Train on the batch, then on random rows of it, and return the logs of each step."""
    logs = []
    for step in range(count):
        DRAWS.restart()
        inputs, targets = (tensors_of(part) for part in _rows_of_step(one, step))
        logs.append(dict(_flat(one.model.train_on_batch(inputs, targets, return_dict=True))))
    return logs


def _rows_of_step(one: Experiment, step: int) -> tuple[Any, Any]:
    """Return the inputs and targets of a step; every step has the same number of rows."""
    import keras

    flat = [part for part in keras.tree.flatten((one.inputs, one.targets)) if part is not None]
    counts = {part.shape[:1] for part in flat}
    if step == 0 or len(counts) != 1 or () in counts:
        return one.inputs, one.targets
    count = len(flat[0])
    rows = np.random.default_rng([SEED, step]).integers(0, count, count)
    inputs, targets = keras.tree.map_structure(
        lambda part: None if part is None else part[rows], (one.inputs, one.targets)
    )
    return inputs, targets


def one_step(one: Experiment) -> Arrays:
    """What one step of the optimizer adds to the weights."""
    yield from _steps(one, 1)


def steps(one: Experiment) -> Arrays:
    """What several steps of the optimizer add to the weights, the optimizer's own variables, and the losses."""
    yield from _steps(one, one.steps)


def _steps(one: Experiment, count: int) -> Arrays:
    import keras

    need_loss(one)
    if not one.model.trainable_variables:
        msg = "no weight is trainable"
        raise NotRun(msg)
    one.restore()
    before = [to_array(variable.value) for variable in variables_of(one.model)]
    logs = train(one, count)
    for tensor, variable, start in zip(names_of(one.model), variables_of(one.model), before, strict=True):
        after = to_array(variable.value)
        yield Tensor(tensor.layer, CHANGE + tensor.name), after - start if after.dtype.kind == "f" else after
    optimizer = one.model.optimizer
    seen: dict[str, int] = {}
    for variable in optimizer.variables:
        # PyTorch and the others name the same slot by the same path, but counters in names differ.
        name = "/".join(variable.path.split("/")[1:]) or variable.name
        seen[name] = seen.get(name, 0) + 1
        label = f"{name} {seen[name]}" if seen[name] > 1 else name
        yield Tensor(keras.src.utils.naming.to_snake_case(type(optimizer).__name__), label), to_array(variable.value)
    for name in logs[-1]:
        yield Tensor("", name), np.asarray([entry[name] for entry in logs], np.float64)


def eager(one: Experiment) -> Arrays:
    """One step of the optimizer without compilation."""
    _set_eager(one.model, True)
    try:
        yield from ((tensor, array) for tensor, array in one_step(one) if tensor.name.startswith(CHANGE))
    finally:
        _set_eager(one.model, False)


def compiled(one: Experiment) -> Arrays:
    """The outputs as compiled code; all other stages run forward passes without compilation."""
    one.restore()
    DRAWS.restart()
    for name, array in _numbered("output", one.model.predict_on_batch(tensors_of(one.inputs))):
        yield Tensor("", name), array


def _set_eager(model: Any, run_eagerly: bool) -> None:
    # Not `compile`, which would make new metrics and a new optimizer.
    model.run_eagerly = run_eagerly
    model.train_function = model.test_function = model.predict_function = None


def _numbered(name: str, structure: Any) -> Iterator[tuple[str, Array]]:
    import keras

    flat = keras.tree.flatten(structure)
    for number, part in enumerate(flat, 1):
        yield name if len(flat) == 1 else f"{name} {number}", np.array(part)


def rows(one: Experiment) -> Arrays:
    """The outputs of every layer for the rows of the batch, one at a time."""
    import keras

    flat = keras.tree.flatten(one.inputs)
    if len({len(array) for array in flat}) != 1:
        msg = "the inputs do not have one row per example"
        raise NotRun(msg)
    if any(layer for layer in one.model._flatten_layers() if getattr(layer, "stateful", False)):
        msg = "a layer is stateful: rows depend on those before"
        raise NotRun(msg)
    parts: dict[Tensor, list[Array]] = {}
    for row in range(len(flat[0])):
        calls: list[Call] = []
        one.restore()
        with recording(one.model, calls.append):
            outputs = one.forward(
                False, keras.tree.map_structure(lambda array, row=row: array[row : row + 1], one.inputs)
            )
        if DRAWS.count:
            msg = "the model draws random numbers in inference: a row does not get those that it gets in the batch"
            raise NotRun(msg)
        for tensor, array in [*outputs_of(calls), *_named("output", outputs)]:
            parts.setdefault(tensor, []).append(array)
    for tensor, arrays in parts.items():
        # Not every layer has a row for each example.
        if len(arrays) == len(flat[0]) and all(array.ndim for array in arrays):
            yield tensor, np.concatenate(arrays)


def whole(one: Experiment) -> Arrays:
    """The outputs of the batch, to hold `compiled` and `rows` against."""
    one.restore()
    yield from _outputs(one)


def _outputs(one: Experiment) -> Arrays:
    yield from _named("output", one.forward(training=False))


def _named(name: str, outputs: Any) -> Arrays:
    import keras

    for numbered, array in _numbered(name, keras.tree.map_structure(to_array, outputs)):
        yield Tensor("", numbered), array


def save(one: Experiment, path: Path) -> None:
    """Train, and save the model with its optimizer."""
    one.restore()
    train(one, one.steps)
    one.model.save(path)


def as_it_is(model: Any, one: Experiment) -> Experiment:
    """Return the experiment of a model that keeps its weights and its optimizer, trained or loaded from a file."""
    weights = [to_array(variable.value) for variable in variables_of(model)]
    return Experiment(model, weights, one.inputs, one.targets, steps=one.steps)


def resumed(one: Experiment) -> Arrays:
    """The weights of a saved model, its outputs, its optimizer's variables, and what a further step adds."""
    one.restore()
    names = names_of(one.model)
    for tensor, variable in zip(names, variables_of(one.model), strict=True):
        # Some layers do not save the state of their random generator; here it is not used.
        if SEED_STATE not in tensor.name:
            yield tensor, to_array(variable.value)
    yield from outputs_of(record(one, training=False))
    if one.model.optimizer is not None:
        # A loaded optimizer names its variables in another way.
        for number, variable in enumerate(one.model.optimizer.variables):
            yield Tensor("optimizer", f"variable {number}"), to_array(variable.value)
    before = [to_array(variable.value) for variable in one.model.trainable_variables]
    train(one, 1)
    for tensor, variable, start in zip(names, one.model.trainable_variables, before, strict=False):
        yield Tensor(tensor.layer, CHANGE + tensor.name), to_array(variable.value) - start


# The stages that are compared between backends, in the order in which a fault shows.
STAGES: dict[str, Callable[[Experiment], Arrays]] = {
    "build": build,
    "weights": weights,
    "forward": forward,
    "training": training,
    "states": states,
    "layer alone": layer_alone,
    "loss": loss,
    "gradients": model_gradients,
    "one step": one_step,
    "steps": steps,
}
# The stages of one backend with itself. Each is compared with other stages of that backend.
SELF: dict[str, tuple[Callable[[Experiment], Arrays], tuple[str, ...]]] = {
    "compiled": (compiled, ("whole",)),
    "eager": (eager, ("one step",)),
    "rows": (rows, ("forward", "whole")),
}
