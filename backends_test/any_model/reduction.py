"""A model as plain values: read from Keras, made smaller, and written as Python.

`describe` and `run` are called in the process of a backend. All other functions need no Keras.
"""

import inspect
import json
import math
import re
import runpy
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

# The examples that a comparison draws for a model that does not say how many; see `drawing`.
BATCH = 4
# An object of a class, or a name in a module, has these keys; anything else is a plain value. See `describe_object`.
Tree = Any
WHERE = ("layers", "initializers", "regularizers", "constraints", "optimizers", "optimizers.schedules", "losses")


class UndescribableError(Exception):
    """An object cannot be written as Python; the message says why."""


class Input(NamedTuple):
    """An input of a model.

    Attributes:
        shape: without the batch.
        dtype: of its elements.
    """

    shape: tuple[int, ...]
    dtype: str


class Node(NamedTuple):
    """A call of a layer.

    Attributes:
        layer: its class and settings, see `describe_object`.
        arguments: of the call, as `recording.encode` describes them; tensors are numbered over the whole model.
        outputs: the numbers of the tensors that it returns.
    """

    layer: Tree
    arguments: Any
    outputs: tuple[int, ...]


class Candidate(NamedTuple):
    """A model that may show a disagreement.

    Attributes:
        inputs: number of the tensor -> the input.
        nodes: the calls of layers, in order.
        optimizer: None if the model is not trained.
        loss: None if there is none.
        batch: the number of examples; None for as many as a comparison draws.
    """

    inputs: dict[int, Input]
    nodes: tuple[Node, ...]
    optimizer: Tree = None
    loss: Tree = None
    batch: int | None = None

    @property
    def outputs(self) -> list[int]:
        """The tensors that no layer takes."""
        used = {number for node in self.nodes for number in tensors_in(node.arguments)}
        return [number for node in self.nodes for number in node.outputs if number not in used]


def describe(model: Any) -> dict[str, Any]:
    """Describe a model in plain values.

    Args:
        model: a compiled `keras.Model`.

    Returns:
        "layers": label -> the layer, or {"error": reason}; "random": labels of layers that draw random numbers;
        "graph": inputs and nodes of a functional model, or None; "optimizer" and "loss".
    """
    from backends_test.any_model.recording import labels, operations

    label_of = labels(model)
    found: dict[str, Any] = {"layers": {}, "random": [], "graph": None}
    for layer in [*model._flatten_layers(include_self=False), *operations(model)]:
        found["layers"][label_of[id(layer)]] = _or_error(layer)
        parts = layer._flatten_layers() if hasattr(layer, "_flatten_layers") else [layer]
        if any(getattr(part, "_seed_generators", None) or hasattr(part, "seed_generator") for part in parts):
            found["random"].append(label_of[id(layer)])
    try:
        found["graph"] = _graph(model)
    except (UndescribableError, TypeError):
        found["graph"] = None
    losses = getattr(model, "_compile_loss", None)
    found["optimizer"] = _or_error(model.optimizer)
    found["loss"] = _or_error(losses._user_loss if losses is not None else None)
    return found


def _or_error(value: Any) -> Tree:
    try:
        return describe_object(value)
    except UndescribableError as error:
        return {"error": str(error)}


def describe_object(value: Any) -> Tree:
    """Describe a layer, an optimizer, or a value in their configurations.

    Returns:
        A plain value; {"class": name, "from": module, "settings": {...}, "required": [...]} with the settings that are
        not the default; or {"name": name, "from": module} for a function. "from" is "" for what Keras has.

    Raises:
        UndescribableError: it cannot be built from a configuration.
    """
    import keras

    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        # The optimizers keep their numbers in float32.
        return float(f"{value:.6g}")
    if isinstance(value, list | tuple):
        return [describe_object(part) for part in value]
    if isinstance(value, dict):
        if "class_name" not in value:
            return {"dict": {str(key): describe_object(part) for key, part in value.items()}}
        if value["class_name"].endswith("DTypePolicy"):
            return value["config"]["name"]
        value = keras.saving.deserialize_keras_object(value)
        return describe_object(value)
    if inspect.isfunction(value):
        if value.__module__.startswith("keras."):
            return value.__name__
        if value.__name__ == "<lambda>" or "<locals>" in value.__qualname__:
            msg = f"the function {value.__qualname__} cannot be imported from {value.__module__}"
            raise UndescribableError(msg)
        return {"name": value.__name__, "from": value.__module__}
    if not hasattr(value, "get_config") or isinstance(value, keras.Model | keras.layers.Lambda):
        msg = f"a {type(value).__name__} cannot be written as Python"
        raise UndescribableError(msg)
    return _describe_instance(value)


def _describe_instance(value: Any) -> Tree:
    import keras

    kind = type(value)
    name, module = _public_name(kind)
    try:
        config = value.get_config()
    except Exception as error:
        msg = f"{kind.__name__} has no configuration: {str(error).strip().splitlines()[0]}"
        raise UndescribableError(msg) from error
    if not isinstance(value, keras.layers.Layer) and name.startswith("keras.ops."):
        settings = {key: describe_object(part) for key, part in config.items() if key != "name"}
        return {"class": name, "from": "", "settings": settings, "required": [], "op": True}
    parameters = [
        one
        for one in inspect.signature(kind.__init__).parameters.values()
        if one.name != "self" and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    required = [one.name for one in parameters if one.default is inspect.Parameter.empty]
    if missing := [one for one in required if one not in config]:
        msg = f"{kind.__name__} does not have {missing[0]!r} in its configuration"
        raise UndescribableError(msg)
    try:
        default = kind.from_config({key: config[key] for key in required}).get_config()
    except Exception:  # noqa: BLE001 (a class of the user may need more; then all settings are kept)
        default = {}
    settings = {
        key: describe_object(config[key])
        for key in config
        if key in required or (key not in ("name", "build_config") and not _same(config[key], default.get(key, config)))
    }
    return {"class": name, "from": module, "settings": settings, "required": required}


def _same(one: Any, other: Any) -> bool:
    def plain(value: Any) -> str:
        return json.dumps(value, default=str, sort_keys=True)

    return plain(one) == plain(other)


def _public_name(kind: type) -> tuple[str, str]:
    """Return the name of a class in Keras and "", or its own name and its module."""
    import keras
    from keras.src.utils.naming import to_snake_case

    if not kind.__module__.startswith("keras."):
        if "<locals>" in kind.__qualname__:
            msg = f"the class {kind.__qualname__} cannot be imported from {kind.__module__}"
            raise UndescribableError(msg)
        return kind.__qualname__, kind.__module__
    for where in WHERE:
        holder: Any = keras
        for part in where.split("."):
            holder = getattr(holder, part)
        # PyTorch has optimizers of its own behind the public names.
        if hasattr(holder, kind.__name__):
            return f"keras.{where}.{kind.__name__}", ""
    operation = to_snake_case(kind.__name__)
    for where in ("ops", "ops.nn", "ops.image", "ops.linalg"):
        if hasattr(getattr(keras.ops, where.removeprefix("ops."), keras.ops) if "." in where else keras.ops, operation):
            return f"keras.{where}.{operation}", ""
    msg = f"{kind.__module__}.{kind.__name__} has no public name"
    raise UndescribableError(msg)


def _graph(model: Any) -> Any:
    """Return [inputs, nodes, outputs] of a functional model."""
    functional = getattr(model, "_functional", None) or model
    if not hasattr(functional, "_nodes_by_depth"):
        msg = "the model is no functional model"
        raise UndescribableError(msg)
    numbers: dict[int, int] = {}
    inputs = {}
    for tensor in functional.inputs:
        number = numbers.setdefault(id(tensor), len(numbers))
        inputs[number] = [list(tensor.shape[1:]), str(tensor.dtype)]
    nodes = []
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            if node.is_input or not node.input_tensors:
                continue
            # `Sequential` passes `training` on.
            kwargs = {k: v for k, v in node.arguments.kwargs.items() if k != "training" and v is not None}
            arguments = _symbolic([list(node.arguments.args), kwargs], numbers)
            outputs = [numbers.setdefault(id(tensor), len(numbers)) for tensor in node.outputs]
            nodes.append([describe_object(node.operation), arguments, outputs])
    return [inputs, nodes]


def _symbolic(value: Any, numbers: dict[int, int]) -> Any:
    """Describe an argument like `recording.encode`, with the numbers of symbolic tensors."""
    if id(value) in numbers:
        return {"tensor": numbers[id(value)]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_symbolic(part, numbers) for part in value]}
    if isinstance(value, dict):
        return {"dict": {str(key): _symbolic(part, numbers) for key, part in value.items()}}
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    msg = f"an argument of the type {type(value).__name__}"
    raise UndescribableError(msg)


def describe_given(task: dict[str, Any], result: str) -> Any:
    """Write the description of the model that is compared.

    Args:
        task: the fields of `participant.Task`.
        result: the JSON file to write.

    Returns:
        A small model, for the caller expects one.
    """
    from backends_test.any_model import participant

    one = participant.Task(**task)
    model = participant.new_model(one)
    if not model.built:
        participant.experiment(one, model, participant.read_given(Path(one.folder) / "given"))
    Path(result).write_text(json.dumps(describe(model)), encoding="utf-8")
    return _small()


def run(program: str, result: str) -> Any:
    """Run a program, and write what its variable `found` holds, or the exception that it raises.

    It is run once: not again if the result exists.

    Args:
        program: the file.
        result: the JSON file to write: {"found": a list of lists or texts} or {"error": "Type: message"}.

    Returns:
        A small model, for the caller expects one.
    """
    import keras

    if Path(result).exists():
        return _small()
    keras.backend.clear_session()
    try:
        values = keras.tree.flatten(runpy.run_path(program)["found"])
        found = [one if isinstance(one, str) else keras.ops.convert_to_numpy(one).ravel().tolist() for one in values]
        answer: dict[str, Any] = {"found": found}
    except Exception as error:  # noqa: BLE001 (what is shown may be that it raises)
        traceback.print_exc()
        answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    Path(result).write_text(json.dumps(answer), encoding="utf-8")
    return _small()


def _small() -> Any:
    import keras

    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])


def tensors_in(arguments: Any) -> Iterator[int]:
    """Yield the numbers of the tensors in the arguments of a call."""
    kind = next(key for key in arguments if key != "mask")
    content = arguments[kind]
    if kind == "tensor":
        yield content
    elif kind in ("list", "tuple"):
        for part in content:
            yield from tensors_in(part)
    elif kind == "dict":
        for part in content.values():
            yield from tensors_in(part)


def write(value: Tree) -> str:
    """Return a value, as `describe_object` returns it, as Python."""
    if isinstance(value, list):
        return f"({', '.join(write(part) for part in value)}{',' if len(value) == 1 else ''})"
    if not isinstance(value, dict):
        return json.dumps(value) if isinstance(value, str) else repr(value)
    if "dict" in value:
        return f"{{{', '.join(f'{key!r}: {write(part)}' for key, part in value['dict'].items())}}}"
    if "name" in value:
        return str(value["name"])
    return f"{value['class']}({', '.join(_settings(value))})"


def _settings(value: Tree) -> list[str]:
    """Return the arguments of a class; those that it requires have no name."""
    settings = value["settings"]
    positional = [write(settings[name]) for name in value["required"]]
    return positional + [f"{name}={write(part)}" for name, part in settings.items() if name not in value["required"]]


def imports(candidate: Candidate) -> list[str]:
    """Return the lines that import the user's own classes and functions."""
    found: dict[str, set[str]] = {}

    def look(value: Tree) -> None:
        if isinstance(value, list):
            for part in value:
                look(part)
        elif isinstance(value, dict):
            if value.get("from"):
                found.setdefault(value["from"], set()).add(str(value.get("class") or value["name"]).partition(".")[0])
            for part in value.values():
                look(part)

    look([[node.layer for node in candidate.nodes], candidate.optimizer, candidate.loss])
    return [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(found.items())]


def write_model(candidate: Candidate, with_batch: bool = False) -> list[str]:
    """Return the lines that make a variable `model`."""

    def input_of(one: Input) -> str:
        dtype = "" if one.dtype == "float32" else f', dtype="{one.dtype}"'
        batch = f", batch_size={candidate.batch}" if with_batch and candidate.batch else ""
        return f"keras.Input({write(list(one.shape))}{batch}{dtype})"

    if _is_chain(candidate):
        parts = [input_of(one) for one in candidate.inputs.values()] + [write(node.layer) for node in candidate.nodes]
        line = f"model = keras.Sequential([{', '.join(parts)}])"
        return [line] if len(line) <= 110 else ["model = keras.Sequential()", *(f"model.add({part})" for part in parts)]
    names = {number: "x" if not i else f"x{i + 1}" for i, number in enumerate(candidate.inputs)}
    lines = [f"{names[number]} = {input_of(one)}" for number, one in candidate.inputs.items()]
    for node in candidate.nodes:
        for number in node.outputs:
            names[number] = f"y{len(names) - len(candidate.inputs) + 1}"
        target = ", ".join(names[number] for number in node.outputs)
        call = write_call(node, names)
        lines.append(f"{target} = {call}")
    outputs = [names[number] for number in candidate.outputs]
    shown = outputs[0] if len(outputs) == 1 else f"[{', '.join(outputs)}]"
    taken = list(names.values())[: len(candidate.inputs)]
    given = taken[0] if len(taken) == 1 else f"[{', '.join(taken)}]"
    return [*lines, f"model = keras.Model({given}, {shown})"]


def _is_chain(candidate: Candidate) -> bool:
    if len(candidate.inputs) != 1:
        return False
    last = next(iter(candidate.inputs))
    for node in candidate.nodes:
        if node.layer.get("op") or len(node.outputs) != 1 or node.arguments != alone(last):
            return False
        last = node.outputs[0]
    return True


def alone(number: int) -> Any:
    """Return the arguments of a call that is given one tensor."""
    return {"list": [{"list": [{"tensor": number}]}, {"dict": {}}]}


def write_call(node: Node, names: dict[int, str]) -> str:
    """Return the call of a layer as Python."""

    def argument(value: Any) -> str:
        if "tensor" in value:
            return names[value["tensor"]]
        for kind, left, right in (("list", "[", "]"), ("tuple", "(", ")")):
            if kind in value:
                comma = "," if kind == "tuple" and len(value[kind]) == 1 else ""
                return f"{left}{', '.join(argument(part) for part in value[kind])}{comma}{right}"
        if "dict" in value:
            return f"{{{', '.join(f'{key!r}: {argument(part)}' for key, part in value['dict'].items())}}}"
        return write(value["value"])

    args, kwargs = node.arguments["list"]
    given = [argument(part) for part in args["list"]]
    given += [f"{key}={argument(part)}" for key, part in kwargs["dict"].items()]
    if node.layer.get("op"):
        return f"{node.layer['class']}({', '.join([*given, *_settings(node.layer)])})"
    return f"{write(node.layer)}({', '.join(given)})"


def write_compile(candidate: Candidate, more: str = "") -> list[str]:
    """Return the line that compiles the model; none without an optimizer and a loss."""
    if candidate.optimizer is None and candidate.loss is None:
        return []
    parts = [
        f"{name}={write(value)}"
        for name, value in (("optimizer", candidate.optimizer), ("loss", candidate.loss))
        if value is not None
    ]
    return [f"model.compile({', '.join(parts)}{more})"]


def write_build(candidate: Candidate) -> str:
    """Return a module with a function `build` that returns the model."""
    body = [*write_model(candidate, with_batch=True), *write_compile(candidate), "return model"]
    lines = ["import keras", *imports(candidate), "", "", "def build():", *(f"    {line}" for line in body)]
    return "\n".join(lines) + "\n"


def without_node(candidate: Candidate, position: int, shapes: dict[int, Input]) -> Iterator[Candidate]:
    """Yield the model without a layer: its output becomes an input, or its input passes by, or it is cut off."""
    node = candidate.nodes[position]
    rest = (*candidate.nodes[:position], *candidate.nodes[position + 1 :])
    used = {number for other in rest for number in tensors_in(other.arguments)}
    if used.isdisjoint(node.outputs):
        yield _pruned(candidate._replace(nodes=rest))
        return
    if len(node.outputs) == 1 and node.outputs[0] in shapes:
        number = node.outputs[0]
        yield _pruned(candidate._replace(nodes=rest, inputs=candidate.inputs | {number: shapes[number]}))
    taken = list(tensors_in(node.arguments))
    if len(node.outputs) == 1 and len(taken) == 1:
        passed = tuple(
            other._replace(arguments=_renumbered(other.arguments, node.outputs[0], taken[0])) for other in rest
        )
        yield _pruned(candidate._replace(nodes=passed))


def _renumbered(arguments: Any, old: int, new: int) -> Any:
    text = re.sub(rf'("tensor": ){old}(?=[,}}])', rf"\g<1>{new}", json.dumps(arguments))
    return json.loads(text)


def _pruned(candidate: Candidate) -> Candidate:
    """Return the model without inputs that nothing takes, and without layers that lead to none of them."""
    known, nodes = set(candidate.inputs), []
    for node in candidate.nodes:
        if known.issuperset(tensors_in(node.arguments)):
            nodes.append(node)
            known.update(node.outputs)
    used = {number for node in nodes for number in tensors_in(node.arguments)}
    inputs = {number: one for number, one in candidate.inputs.items() if number in used}
    return candidate._replace(inputs=inputs, nodes=tuple(nodes))


def simpler_values(value: Tree) -> Iterator[Tree]:
    """Yield an object with one setting less, or with one that is simpler."""
    if not isinstance(value, dict) or "settings" not in value:
        return
    settings, required = value["settings"], value["required"]
    optional = [name for name in settings if name not in required]
    if len(optional) > 1:
        yield value | {"settings": {name: settings[name] for name in required}}
    for name in optional:
        yield value | {"settings": {key: part for key, part in settings.items() if key != name}}
    for name, part in settings.items():
        for simpler in _simpler(part):
            yield value | {"settings": settings | {name: simpler}}


def _simpler(part: Tree) -> Iterator[Tree]:
    if isinstance(part, bool | str) or part is None:
        return
    if isinstance(part, int):
        yield from smaller(part)
    elif isinstance(part, list):
        if part and all(type(one) is int for one in part):
            yield from ([size] * len(part) for size in smaller(max(part)))
        for position, one in enumerate(part):
            yield from ([*part[:position], other, *part[position + 1 :]] for other in _simpler(one))
    else:
        yield from simpler_values(part)


def smaller(size: int) -> Iterator[int]:
    """Yield sizes to try instead: small ones, and the half."""
    yield from sorted({other for other in (1, 2, 3, size // 2) if 0 < other < size})


def simplify(candidate: Candidate) -> Iterator[Candidate]:
    """Yield models with simpler settings, with a smaller shape, or with a smaller batch."""
    for position, node in enumerate(candidate.nodes):
        for layer in simpler_values(node.layer):
            nodes = (*candidate.nodes[:position], node._replace(layer=layer), *candidate.nodes[position + 1 :])
            yield candidate._replace(nodes=nodes)
    for optimizer in simpler_values(candidate.optimizer):
        yield candidate._replace(optimizer=optimizer)
    for loss in simpler_values(candidate.loss):
        yield candidate._replace(loss=loss)
    for batch in smaller(candidate.batch or BATCH):
        yield candidate._replace(batch=batch)
    for number, one in candidate.inputs.items():
        for axis, size in enumerate(one.shape):
            for other in smaller(size):
                shape = (*one.shape[:axis], other, *one.shape[axis + 1 :])
                yield candidate._replace(inputs=candidate.inputs | {number: one._replace(shape=shape)})


def as_weights(candidate: Candidate) -> Candidate | None:
    """Return the model with its input as the weights of an `Embedding`, so that a step of SGD shows their gradient.

    Returns:
        None if there is not exactly one input of floats.
    """
    if len(candidate.inputs) != 1:
        return None
    ((number, one),) = candidate.inputs.items()
    if "float" not in one.dtype:
        return None
    rows, size = candidate.batch or BATCH, math.prod(one.shape)
    first = 1 + max([number, *(output for node in candidate.nodes for output in node.outputs)])
    table = {"class": "keras.layers.Embedding", "from": "", "required": ["input_dim", "output_dim"]}
    shape = {"class": "keras.layers.Reshape", "from": "", "required": ["target_shape"]}
    added = (
        Node(table | {"settings": {"input_dim": rows, "output_dim": size}}, alone(first), (first + 1,)),
        Node(shape | {"settings": {"target_shape": list(one.shape)}}, alone(first + 1), (number,)),
    )
    return candidate._replace(inputs={first: Input((1,), "int32")}, nodes=(*added, *candidate.nodes))
