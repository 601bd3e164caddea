"""Weights, inputs and targets for a model, drawn in NumPy: the same bits for every backend."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from backends_test.any_model.arrays import Array

BATCH = 4
# The sizes of dimensions that a model leaves open.
STEPS, PIXELS = 8, 32


class InputsError(Exception):
    """Inputs or targets cannot be drawn, or the given ones do not fit the model."""


def draw_weights(variables: Iterable[Any], generator: np.random.Generator) -> list[Array]:
    """Draw values for variables, in the spread of their initial values.

    Constant initial values are replaced too: a bias of zeros would hide that it is not added. Variables that are not
    floats keep their values.

    Args:
        variables: the weights of a new model.
        generator: the source of random numbers.

    Returns:
        An array per variable, of the same shape and dtype.
    """
    import keras

    drawn = []
    for variable in variables:
        initial = np.array(keras.ops.convert_to_numpy(variable.value))
        if not keras.src.backend.is_float_dtype(keras.src.backend.standardize_dtype(variable.dtype)):
            drawn.append(initial)
            continue
        values = initial.astype(np.float64)
        center, spread = (values.mean(), values.std()) if values.size else (0.0, 1.0)
        if spread < 1e-6 * max(1.0, abs(center)):
            # Around zeros, and always positive around ones, which may be variances.
            new = (
                generator.normal(0, 0.1, values.shape)
                if center == 0
                else values * generator.uniform(0.5, 1.5, values.shape)
            )
        else:
            new = generator.normal(center, spread, values.shape)
        drawn.append(new.astype(initial.dtype))
    return drawn


def draw_inputs(model: Any, generator: np.random.Generator) -> Any:
    """Draw a batch of inputs.

    Args:
        model: a functional or sequential model.
        generator: the source of random numbers.

    Returns:
        Arrays in the structure of the model's inputs.

    Raises:
        InputsError: the model does not say what its inputs are, or takes texts.
    """
    import keras

    structure = getattr(model, "_inputs_struct", None)
    if structure is None and getattr(model, "_functional", None) is not None:
        structure = model._functional._inputs_struct
    if structure is None:
        msg = (
            "The model does not say which inputs it takes, as a functional model does. "
            "Give some: --inputs FILE.npz or --inputs FILE.py:function."
        )
        raise InputsError(msg)
    return keras.tree.map_structure(lambda tensor: _draw_input(model, tensor, generator), structure)


def _draw_input(model: Any, tensor: Any, generator: np.random.Generator) -> Array:
    open_size = STEPS if len(tensor.shape) <= 3 else PIXELS
    shape = tuple(size if size else (open_size if axis else BATCH) for axis, size in enumerate(tensor.shape))
    dtype = str(tensor.dtype)
    if dtype == "string":
        msg = f"The input {tensor.name} takes texts, which only TensorFlow has."
        raise InputsError(msg)
    if dtype == "bool":
        return _with_first(generator.random(shape) < 0.7, True)
    if "int" in dtype:
        bound = id_bound(model, tensor)
        if bound is None:  # a mask, flags
            return _with_first(generator.integers(0, 2, shape).astype(dtype), 1)
        return generator.integers(0, bound, shape).astype(dtype)
    return generator.standard_normal(shape).astype("float32" if dtype == "bfloat16" else dtype)


def _with_first(array: Array, value: Any) -> Array:
    # At least one step counts, or attention has nothing to attend to.
    if array.ndim > 1:
        array[:, 0] = value
    return array


def id_bound(model: Any, tensor: Any) -> int | None:
    """Return the number of different ids that an integer input may have: the smallest table it may be looked up in.

    Args:
        model: a functional model.
        tensor: one of its symbolic inputs.

    Returns:
        None if no layer that the input reaches says how many there are.
    """
    reached, bounds, operations = {id(tensor)}, [], getattr(model, "operations", None)
    if operations is None:
        operations = model._functional.operations
    for operation in operations:
        for node in operation._inbound_nodes:
            if any(id(source) in reached for source in node.input_tensors):
                # Behind a layer that makes floats of ids, there are no ids any more.
                reached |= {id(output) for output in node.output_tensors if "int" in str(output.dtype)}
                layers = operation._flatten_layers() if hasattr(operation, "_flatten_layers") else ()
                bounds += [size for layer in layers if (size := _table_size(layer))]
    return min(bounds) if bounds else None


def _table_size(layer: Any) -> int | None:
    for name in ("input_dim", "num_tokens", "vocabulary_size"):
        size = getattr(layer, name, None)
        if isinstance(size, int) and size > 0:
            return size
    return None


def draw_targets(model: Any, outputs: Any, generator: np.random.Generator) -> Any:
    """Draw targets that the compiled loss accepts.

    Args:
        model: a compiled model.
        outputs: the arrays that the model returns, in their structure.
        generator: the source of random numbers.

    Returns:
        Arrays in the same structure; None if the model has no loss that needs targets.
    """
    import keras

    losses = getattr(model, "_compile_loss", None)
    given = losses._user_loss if losses is not None else None
    if given is None:
        return None
    flat = keras.tree.flatten(outputs)
    if isinstance(given, dict) and isinstance(outputs, dict):
        names = [loss_name(given.get(name)) for name in sorted(outputs)]
    elif isinstance(given, dict):
        names = [loss_name(given.get(name)) for name in model.output_names]
    else:
        parts = list(given) if isinstance(given, list | tuple) else [given] * len(flat)
        names = [loss_name(part) for part in parts]
    drawn = [draw_target(name, array, generator) for name, array in zip(names, flat, strict=True)]
    return keras.tree.pack_sequence_as(outputs, drawn)


def loss_name(loss: Any) -> str:
    """Return the name of a loss, without capitals and underscores."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    return str(name).lower().replace("_", "")


def draw_target(loss: str, output: Array, generator: np.random.Generator) -> Array:
    """Draw a target for a loss: classes, labels of 0 and 1, counts, probabilities, or normal numbers."""
    shape, classes = output.shape, output.shape[-1] if output.ndim else 1
    if "sparsecategorical" in loss:
        return generator.integers(0, classes, shape[:-1]).astype(np.int32)
    if "categorical" in loss and "hinge" not in loss:
        return np.eye(classes, dtype=np.float32)[generator.integers(0, classes, shape[:-1])]
    if any(part in loss for part in ("binary", "dice", "tversky")):
        return generator.integers(0, 2, shape).astype(np.float32)
    if "categoricalhinge" in loss:
        return np.eye(classes, dtype=np.float32)[generator.integers(0, classes, shape[:-1])]
    if "hinge" in loss:
        return (2 * generator.integers(0, 2, shape) - 1).astype(np.float32)
    if "poisson" in loss:
        return generator.poisson(2, shape).astype(np.float32)
    if loss in ("kld", "kldivergence", "kullbackleiblerdivergence"):
        return (generator.dirichlet(np.ones(classes), shape[:-1])).astype(np.float32)
    if any(part in loss for part in ("logarithmic", "msle", "percentage", "mape")):
        return generator.uniform(0.5, 2, shape).astype(np.float32)
    return generator.standard_normal(shape).astype(np.float32)
