"""Accelerated models against stock Keras, on models, settings and consumers that Hypothesis draws.

A case is a model with recurrent layers, a change that a program makes to it afterwards, and a consumer: somebody who
calls it, trains it, differentiates it, exports it, copies it. The consumer gets the stock model, and the same model
accelerated, and must find the same numbers; where it fails with stock Keras it may fail.

    KERAS_BACKEND=torch python backends_test/differential.py 2000

compares so many cases and writes to backends_test/results/differential how many there were of each consumer.
May import: keras, numpy, hypothesis, imdb_rnn; inside functions the backend that runs.
"""

import copy
import json
import logging
import pickle
import platform
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from imdb_rnn import accelerate, paths
from imdb_rnn.engine import backend_name, load_engine

RESULTS = Path(__file__).parent / "results" / "differential"
# float32, over few steps, up to third derivatives.
RELATIVE, ABSOLUTE = 2e-4, 2e-5


@dataclass(frozen=True)
class Case:
    """What is drawn.

    Attributes:
        layer: settings of the recurrent layer.
        structure: what holds the layer; see `STRUCTURES`.
        masked: whether time steps are masked.
        change: what is done to the model after it was accelerated; see `CHANGES`.
        consumer: who uses the model; see `CONSUMERS`.
        shape: of the input: sequences, steps, features.
        seed: of the weights and the input.
    """

    layer: tuple[tuple[str, Any], ...]
    structure: str
    masked: bool
    change: str
    consumer: str
    shape: tuple[int, int, int]
    seed: int


@keras.saving.register_keras_serializable("differential")
class Holder(keras.layers.Layer):
    """A layer of somebody's own that holds a recurrent one."""

    def __init__(self, inner: keras.layers.Layer) -> None:
        super().__init__()
        self.layers = 2  # a name that Keras gives a meaning to
        self.held = {"inner": [inner]}

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.held["inner"][0].build(shape)

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        return self.held["inner"][0](inputs, mask=mask, training=training)

    def get_config(self) -> dict[str, Any]:
        return {"inner": keras.saving.serialize_keras_object(self.held["inner"][0])}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Holder":
        return cls(keras.saving.deserialize_keras_object(config["inner"]))


def _cell_layer(layer: dict[str, Any]) -> keras.layers.Layer:
    of_layer = {name: layer.pop(name) for name in ("return_sequences", "go_backwards", "unroll", "stateful", "zero")}
    zero = of_layer.pop("zero")
    return keras.layers.RNN(keras.layers.SimpleRNNCell(**layer), zero_output_for_mask=zero, **of_layer)


def _simple(layer: dict[str, Any]) -> keras.layers.Layer:
    return keras.layers.SimpleRNN(zero_output_for_mask=layer.pop("zero"), **layer)


STRUCTURES: dict[str, Callable[[dict[str, Any]], list[keras.layers.Layer]]] = {
    "a layer": lambda layer: [_simple(layer)],
    "two layers": lambda layer: [
        _simple(layer | {"return_sequences": True, "name": "lower"}),
        _simple(layer | {"name": "upper"}),
    ],
    "RNN of a cell": lambda layer: [_cell_layer(layer)],
    "a bidirectional layer": lambda layer: [keras.layers.Bidirectional(_simple(layer | {"go_backwards": False}))],
    "a model in a model": lambda layer: [keras.Sequential([_simple(layer)])],
    "a layer of one's own": lambda layer: [Holder(_simple(layer))],
    "beside an LSTM": lambda layer: [_simple(layer | {"return_sequences": True}), keras.layers.LSTM(2)],
}


def _cells(model: keras.Model) -> list[Any]:
    return [layer.cell for layer in _layers(model)]


def _set(name: str, value: Any) -> Callable[[keras.Model], None]:
    def change(model: keras.Model) -> None:
        for cell in _cells(model):
            setattr(cell, name, value)

    return change


def _replace_call(model: keras.Model) -> None:
    for cell in _cells(model):
        call = cell.call
        cell.call = lambda *args, call=call, **named: keras.tree.map_structure(lambda x: x * 0.5, call(*args, **named))


def _hook(model: keras.Model) -> None:
    if backend_name() == "torch":
        for cell in _cells(model):
            cell.register_forward_hook(lambda module, given, out: keras.tree.map_structure(lambda x: x * 0.5, out))


def _change_direction(model: keras.Model) -> None:
    for layer in model._flatten_layers():
        if type(layer) is keras.layers.SimpleRNN:
            layer.go_backwards = not layer.go_backwards


CHANGES: dict[str, Callable[[keras.Model], None]] = {
    "nothing": lambda model: None,
    "another activation": _set("activation", keras.activations.relu),
    "no activation": _set("activation", None),
    "dropout": _set("dropout", 0.5),
    "recurrent dropout": _set("recurrent_dropout", 0.5),
    "the other direction": _change_direction,
    "another policy": _set("dtype_policy", "bfloat16"),
    "a frozen cell": _set("trainable", False),
    "a method of the cell replaced": _replace_call,
    "a hook on the cell": _hook,
}

Arrays = list[np.ndarray]
Consumer = Callable[[keras.Model, np.ndarray], Any]


def loss_of(model: keras.Model, x: Any, training: bool = False) -> Any:
    """Something that depends on every output, and not linearly."""
    return sum(keras.ops.sum(out * out) for out in keras.tree.flatten(model(x, training=training)))


def train(model: keras.Model, x: np.ndarray) -> Any:
    model.compile(keras.optimizers.SGD(0.05), "mse")
    for _ in range(2):
        model.train_on_batch(x, np.ones((len(x), *model.output.shape[1:]), np.float32))
    return model.get_weights()


def evaluate(model: keras.Model, x: np.ndarray) -> Any:
    model.compile(loss="mse")
    return model.evaluate(x, np.ones((len(x), *model.output.shape[1:]), np.float32), verbose=0)


def one_by_one(model: keras.Model, x: np.ndarray) -> Any:
    return keras.ops.vectorized_map(lambda row: model(row[None])[0], keras.ops.convert_to_tensor(x))


def saved(model: keras.Model, x: np.ndarray) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.keras")
        loaded = keras.models.load_model(Path(folder) / "model.keras")
    return loaded(x)


def cloned(model: keras.Model, x: np.ndarray) -> Any:
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone(x)


def _layers(model: keras.Model) -> list[Any]:
    return [layer for layer in model._flatten_layers() if type(layer) in (keras.layers.SimpleRNN, keras.layers.RNN)]


def with_state(model: keras.Model, x: np.ndarray) -> Any:
    """Of the first recurrent layer, with its last state: given an initial one as an array, a tensor and a variable."""
    layer, found = _layers(model)[0], []
    layer.return_state = True
    features = layer.cell.kernel.shape[0]
    sequences = np.resize(x, (*x.shape[:2], features))
    state = np.resize(np.linspace(-1, 1, 7, dtype=np.float32), (len(x), layer.units))
    for given_state in (state, keras.ops.convert_to_tensor(state), keras.Variable(state)):
        found += [layer(sequences, initial_state=given_state)]
    return found


def deep_mask(model: keras.Model, x: np.ndarray) -> Any:
    layer = _layers(model)[0]
    sequences = np.resize(x, (*x.shape[:2], layer.cell.kernel.shape[0]))
    mask = np.resize([True, False, True, True, False], (*x.shape[:2], 1))
    return layer(sequences, mask=keras.ops.convert_to_tensor(mask))


def quantized(model: keras.Model, x: np.ndarray) -> Any:
    model.quantize("int8")
    return model(x)


SHARED: dict[str, Consumer] = {
    "call": lambda model, x: model(x),
    "call twice": lambda model, x: [model(x), model(x)],
    "call in training": lambda model, x: model(x, training=True),
    "predict": lambda model, x: model.predict(x, verbose=0),
    "train": train,
    "evaluate": evaluate,
    "vectorized_map": one_by_one,
    "save and load": saved,
    "clone": cloned,
    "deepcopy": lambda model, x: copy.deepcopy(model)(x),
    "copy": lambda model, x: copy.copy(model)(x),
    "pickle": lambda model, x: pickle.loads(pickle.dumps(model))(x),
    "an initial state": with_state,
    "a mask of rank 3": deep_mask,
    "quantize": quantized,
    "float16 input": lambda model, x: model(x.astype(np.float16)),
    "float64 input": lambda model, x: model(x.astype(np.float64)),
}


def torch_consumers() -> dict[str, Consumer]:
    import torch

    def tensors(model: keras.Model, x: np.ndarray) -> tuple[Any, list[Any]]:
        inputs = torch.from_numpy(x).requires_grad_()
        return inputs, [variable.value for variable in model.trainable_variables]

    def gradient(model: keras.Model, x: np.ndarray) -> Any:
        inputs, weights = tensors(model, x)
        return torch.autograd.grad(loss_of(model, inputs), [inputs, *weights], allow_unused=True)

    def penalty(model: keras.Model, x: np.ndarray) -> Any:
        inputs, weights = tensors(model, x)
        (first,) = torch.autograd.grad(loss_of(model, inputs), inputs, create_graph=True)
        return torch.autograd.grad((first**2).sum(), [inputs, *weights], allow_unused=True)

    def third(model: keras.Model, x: np.ndarray) -> Any:
        inputs, weights = tensors(model, x)
        (first,) = torch.autograd.grad(loss_of(model, inputs), inputs, create_graph=True)
        (second,) = torch.autograd.grad((first**2).sum(), inputs, create_graph=True)
        return torch.autograd.grad((second**2).sum(), [inputs, *weights], allow_unused=True)

    def of_function(transform: Callable[..., Any]) -> Consumer:
        return lambda model, x: transform(lambda inputs: loss_of(model, inputs))(torch.from_numpy(x))

    def jvp(model: keras.Model, x: np.ndarray) -> Any:
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(torch.from_numpy(x), torch.ones(x.shape))
            return torch.autograd.forward_ad.unpack_dual(loss_of(model, dual)).tangent

    def batched(model: keras.Model, x: np.ndarray) -> Any:
        inputs, weights = tensors(model, x)
        out = keras.tree.flatten(model(inputs))[0]
        seeds = torch.eye(out.numel()).reshape(-1, *out.shape)
        return torch.autograd.grad(out, [inputs, *weights], seeds, is_grads_batched=True, allow_unused=True)

    def in_place(model: keras.Model, x: np.ndarray) -> Any:
        inputs, weights = tensors(model, x)
        out = keras.tree.flatten(model(inputs))[0]
        out += 1
        out.view(-1)
        return [out, *torch.autograd.grad((out**2).sum(), [inputs, *weights], allow_unused=True)]

    def state_and_output(model: keras.Model, x: np.ndarray) -> Any:
        layer = _layers(model)[0]
        layer.return_state = True
        with torch.no_grad():
            out, state = layer(np.resize(x, (*x.shape[:2], layer.cell.kernel.shape[0])))
            out.zero_()
        return state

    def twice(model: keras.Model, x: np.ndarray) -> Any:
        inputs, weights = tensors(model, x)
        loss = loss_of(model, inputs)
        first = torch.autograd.grad(loss, [inputs, *weights], retain_graph=True, allow_unused=True)
        return [*first, *torch.autograd.grad(loss, [inputs, *weights], allow_unused=True)]

    def within(context: Callable[[], Any]) -> Consumer:
        def consumer(model: keras.Model, x: np.ndarray) -> Any:
            with context():
                return gradient(model, x) if torch.is_grad_enabled() else model(x)

        return consumer

    def checkpoint(model: keras.Model, x: np.ndarray) -> Any:
        inputs, weights = tensors(model, x)
        loss = torch.utils.checkpoint.checkpoint(lambda given: loss_of(model, given), inputs, use_reentrant=False)
        return torch.autograd.grad(loss, [inputs, *weights], allow_unused=True)

    def traced(model: keras.Model, x: np.ndarray) -> Any:
        return torch.jit.trace(model, torch.from_numpy(x), check_trace=False)(torch.from_numpy(2 * x))

    def exported(model: keras.Model, x: np.ndarray) -> Any:
        program = torch.export.export(model, (torch.from_numpy(x),), strict=False)
        return program.module()(torch.from_numpy(2 * x))

    def compiled(model: keras.Model, x: np.ndarray) -> Any:
        inputs, weights = tensors(model, x)
        loss = torch.compile(lambda given: loss_of(model, given), backend="aot_eager")(inputs)
        return torch.autograd.grad(loss, [inputs, *weights], allow_unused=True)

    def symbolic(model: keras.Model, x: np.ndarray) -> Any:
        from torch.fx.experimental.proxy_tensor import make_fx

        return make_fx(lambda inputs: model(inputs))(torch.from_numpy(x))(torch.from_numpy(2 * x))

    def halved(model: keras.Model, x: np.ndarray) -> Any:
        return model.half()(x.astype(np.float16))

    class Doubling(torch.utils._python_dispatch.TorchDispatchMode):
        """Doubles what tanh returns."""

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = function(*args, **(kwargs or {}))
            return out * 2 if function is torch.ops.aten.tanh.default else out

    def hook_on_weights(model: keras.Model, x: np.ndarray) -> Any:
        _, weights = tensors(model, x)
        for weight in weights:
            weight.register_hook(lambda given: given * 2)
        return gradient(model, x)

    return {
        "gradient": gradient,
        "gradient penalty": penalty,
        "third derivative": third,
        "torch.func.grad": of_function(torch.func.grad),
        "torch.func.jacrev": of_function(torch.func.jacrev),
        "torch.func.jacfwd": of_function(torch.func.jacfwd),
        "torch.func.hessian": of_function(torch.func.hessian),
        "torch.func.vmap": lambda model, x: torch.func.vmap(lambda row: model(row[None])[0])(torch.from_numpy(x)),
        "forward-mode derivative": jvp,
        "batched gradients": batched,
        "written into the output": in_place,
        "output set to zero": state_and_output,
        "backward twice": twice,
        "no_grad": within(torch.no_grad),
        "inference_mode": within(torch.inference_mode),
        "autocast": within(lambda: torch.autocast("cpu", torch.bfloat16)),
        "a dispatch mode": within(Doubling),
        "tensors saved elsewhere": within(torch.autograd.graph.save_on_cpu),
        "a default device": within(lambda: torch.device("cpu")),
        "checkpoint": checkpoint,
        "torch.jit.trace": traced,
        "torch.export": exported,
        "torch.compile": compiled,
        "make_fx": symbolic,
        "half": halved,
        "hooks on weights": hook_on_weights,
    }


def jax_consumers() -> dict[str, Consumer]:
    import jax

    def function_of(model: keras.Model) -> Callable[[Any, Any], Any]:
        fixed = [variable.value for variable in model.non_trainable_variables]

        def function(weights: Any, x: Any) -> Any:
            out, _ = model.stateless_call(weights, fixed, x)
            return sum((part**2).sum() for part in keras.tree.flatten(out))

        return function

    def transformed(transform: Callable[[Callable[[Any, Any], Any], Any, Any], Any], jit: bool = True) -> Consumer:
        def consumer(model: keras.Model, x: np.ndarray) -> Any:
            weights = [variable.value for variable in model.trainable_variables]
            function = function_of(model)

            def found(weights: Any, x: Any) -> Any:
                return transform(function, weights, x)

            # Operation by operation it takes many times as long.
            return jax.tree.leaves((jax.jit(found) if jit else found)(weights, x))

        return consumer

    def penalty(f: Callable[[Any, Any], Any], weights: Any, x: Any) -> Any:
        return jax.grad(lambda *both: (jax.grad(f, 1)(*both) ** 2).sum(), (0, 1))(weights, x)

    def third(f: Callable[[Any, Any], Any], weights: Any, x: Any) -> Any:
        def second(*both: Any) -> Any:
            return (jax.grad(lambda *more: (jax.grad(f, 1)(*more) ** 2).sum(), 1)(*both) ** 2).sum()

        return jax.grad(second, (0, 1))(weights, x)

    def tangent(f: Callable[[Any, Any], Any], weights: Any, x: Any) -> Any:
        ones = jax.tree.map(jax.numpy.ones_like, (weights, x))
        return [jax.jvp(f, (weights, x), ones), jax.linearize(f, weights, x)[1](*ones)]

    def forward_over_reverse(f: Callable[[Any, Any], Any], weights: Any, x: Any) -> Any:
        return jax.jvp(jax.grad(f, (0, 1)), (weights, x), jax.tree.map(jax.numpy.ones_like, (weights, x)))

    return {
        "grad": transformed(lambda f, weights, x: jax.grad(f, (0, 1))(weights, x)),
        "grad without jit": transformed(lambda f, weights, x: jax.grad(f, (0, 1))(weights, x), jit=False),
        "gradient penalty": transformed(penalty),
        "third derivative": transformed(third),
        "jvp and linearize": transformed(tangent),
        "forward over reverse": transformed(forward_over_reverse),
        "jacfwd": transformed(lambda f, weights, x: jax.jacfwd(f, (0, 1))(weights, x)),
        "jacrev": transformed(lambda f, weights, x: jax.jacrev(f, (0, 1))(weights, x)),
        "hessian": transformed(lambda f, weights, x: jax.hessian(f, 1)(weights, x)),
        "vmap": transformed(lambda f, weights, x: jax.vmap(lambda row: f(weights, row[None]))(x)),
        "vmap of grad": transformed(lambda f, weights, x: jax.vmap(lambda row: jax.grad(f)(weights, row[None]))(x)),
        "checkpoint": transformed(lambda f, weights, x: jax.grad(jax.checkpoint(f), (0, 1))(weights, x)),
        "jax.export": transformed(
            lambda f, weights, x: jax.export.export(jax.jit(lambda given: f(weights, given)))(x).call(2 * x), jit=False
        ),
    }


def tensorflow_consumers() -> dict[str, Consumer]:
    import tensorflow as tf

    def gradient(model: keras.Model, x: Any, order: int = 1) -> Any:
        x = tf.convert_to_tensor(x)
        weights = [variable.value for variable in model.trainable_variables]
        with tf.GradientTape() as outer:
            outer.watch(x)
            loss = loss_of(model, x)
            for _ in range(order - 1):
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    loss = loss_of(model, x)
                loss = tf.reduce_sum(inner.gradient(loss, x) ** 2)
        return outer.gradient(loss, [x, *weights])

    def tangent(model: keras.Model, x: Any) -> Any:
        x = tf.convert_to_tensor(x)
        with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
            loss = loss_of(model, x)
        return accumulator.jvp(loss)

    def forward_over_reverse(model: keras.Model, x: Any) -> Any:
        x = tf.convert_to_tensor(x)
        with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
            (first, *_) = gradient(model, x)
        return accumulator.jvp(first)

    def jacobian(model: keras.Model, x: Any) -> Any:
        x = tf.convert_to_tensor(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = keras.tree.flatten(model(x))[0]
        return tape.jacobian(out, x)

    def recomputed(model: keras.Model, x: Any) -> Any:
        x = tf.convert_to_tensor(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.recompute_grad(lambda given: loss_of(model, given))(x)
        return tape.gradient(loss, x)

    def in_function(consumer: Consumer, **options: Any) -> Consumer:
        def outer(model: keras.Model, x: Any) -> Any:
            return tf.function(lambda given: consumer(model, given), autograph=False, **options)(tf.constant(x))

        return outer

    def saved_model(model: keras.Model, x: Any) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            model.export(folder, format="tf_saved_model", verbose=False)
            loaded = tf.saved_model.load(folder)
            x = tf.constant(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                out = loaded.serve(x)
            return [out, tape.gradient(out, x)]

    def mapped(model: keras.Model, x: Any) -> Any:
        return tf.map_fn(lambda row: model(row[None])[0], tf.constant(x))

    return {
        "gradient": gradient,
        "gradient penalty": lambda model, x: gradient(model, x, 2),
        "gradient in a function": in_function(gradient),
        "gradient in a compiled function": in_function(gradient, jit_compile=True),
        "gradient penalty in a function": in_function(lambda model, x: gradient(model, x, 2)),
        "forward-mode derivative": tangent,
        "forward over reverse": forward_over_reverse,
        "jacobian": jacobian,
        "recompute_grad": recomputed,
        "a function": in_function(lambda model, x: model(x)),
        "a function of a free batch size": lambda model, x: tf.function(
            lambda given: model(given), autograph=False, input_signature=[tf.TensorSpec((None, *x.shape[1:]))]
        )(x),
        "map_fn": mapped,
        "a saved model": saved_model,
    }


# Drawn less often than the others: each takes seconds.
SLOW = {
    "train",
    "evaluate",
    "save and load",
    "quantize",
    "torch.compile",
    "torch.export",
    "third derivative",
    "forward over reverse",
    "gradient in a compiled function",
    "gradient penalty in a function",
    "a saved model",
}


def consumers() -> dict[str, Consumer]:
    """Those that there are on the backend that runs."""
    of_backend = {"jax": jax_consumers, "torch": torch_consumers, "tensorflow": tensorflow_consumers}
    return SHARED | of_backend[backend_name()]()


def build(case: Case, fast: bool) -> tuple[keras.Model, np.ndarray]:
    """The model of a case, and an input for it."""
    random = np.random.default_rng(case.seed)
    settings_ = dict(case.layer)
    inputs = keras.Input(batch_shape=(case.shape[0] if settings_["stateful"] else None, *case.shape[1:]))
    out = keras.layers.Masking()(inputs) if case.masked else inputs
    for layer in STRUCTURES[case.structure](settings_):
        out = layer(out)
    model = keras.Model(inputs, keras.layers.Dense(2)(out))
    for weight in model.weights:
        weight.assign(random.normal(0, 0.6, weight.shape))
    for position, cell in enumerate(_cells(model)):
        # A bidirectional layer draws seeds by itself.
        cell.seed_generator.state.assign(np.array([position, 0], np.uint32))
    if fast:
        accelerate(model)
    CHANGES[case.change](model)
    x = random.normal(0, 1, case.shape).astype(np.float32)
    if case.masked:
        x[random.random(case.shape[:2]) < 0.4] = 0
    return model, x


def outcome(case: Case, fast: bool) -> tuple[Arrays | Exception, str]:
    """What the consumer finds, or how it fails; and the path of the model's layers."""
    path = "left to Keras"
    try:
        model, x = build(case, fast)
        if "fast" in paths(model).values():
            path = "fast"
        keras.utils.set_random_seed(case.seed)  # PyTorch draws dropout from its global generator
        found = keras.tree.flatten(consumers()[case.consumer](model, x))
        return [np.asarray(keras.ops.convert_to_numpy(part), np.float64) for part in found if part is not None], path
    except Exception as error:  # noqa: BLE001 (whatever stock Keras raises here)
        return error, path


def compare(case: Case) -> tuple[str, str]:
    """How the accelerated model differs from the stock one for this consumer, "" if it does not; and how it was made.

    Returns:
        The difference; and "fast", "left to Keras", or "fails with stock Keras".
    """
    stock, _ = outcome(case, fast=False)
    if isinstance(stock, Exception):
        return "", "fails with stock Keras"
    ours, path = outcome(case, fast=True)
    if isinstance(ours, Exception):
        return f"fails: {type(ours).__name__}: {ours}", path
    if [part.shape for part in ours] != [part.shape for part in stock]:
        return f"other shapes: {[part.shape for part in ours]}, not {[part.shape for part in stock]}", path
    for ours_part, stock_part in zip(ours, stock, strict=True):
        scale = np.abs(stock_part).max(initial=0)
        if not np.allclose(ours_part, stock_part, rtol=RELATIVE, atol=ABSOLUTE * max(1, scale), equal_nan=True):
            off = np.abs(ours_part - stock_part).max()
            return f"other numbers: off by {off:.2e} where the largest is {scale:.2e}", path
    return "", path


def seldom(common: Any, *rare: Any) -> st.SearchStrategy[Any]:
    """Mostly the first."""
    return st.sampled_from([common] * (3 * len(rare)) + list(rare))


def cases() -> st.SearchStrategy[Case]:
    """Models, changes and consumers."""
    layer = st.fixed_dictionaries(
        {
            "units": st.sampled_from([1, 3]),
            "activation": seldom("tanh", "relu", "linear"),
            "use_bias": st.booleans(),
            "return_sequences": st.booleans(),
            "go_backwards": st.booleans(),
            "unroll": seldom(False, True),
            "stateful": seldom(False, True),
            "zero": st.booleans(),
            "dropout": seldom(0.0, 0.5),
            "recurrent_dropout": seldom(0.0, 0.5),
            "seed": st.just(3),
            # Keras's default is not implemented in every float type.
            "recurrent_initializer": st.just("glorot_uniform"),
            "dtype": seldom("float32", "float64", "bfloat16", "mixed_float16"),
        }
    )
    return st.builds(
        Case,
        layer=layer.map(lambda drawn: tuple(drawn.items())),
        structure=st.sampled_from(list(STRUCTURES)),
        masked=st.booleans(),
        change=st.one_of(st.just("nothing"), st.sampled_from(list(CHANGES))),
        consumer=st.sampled_from([name for name in consumers() for _ in range(1 if name in SLOW else 5)]),
        # Few, because what is compiled for one case then serves others.
        shape=st.tuples(st.sampled_from([1, 3]), st.sampled_from([1, 2, 5]), st.sampled_from([1, 2])),
        seed=st.integers(0, 2**16),
    )


def check(count: int, *, random: bool) -> dict[str, Any]:
    """Run cases until one differs.

    Args:
        count: how many.
        random: draw others every time; else always the same.

    Returns:
        How many cases were compared, by consumer, and how many there were on each path.

    Raises:
        AssertionError: a case differs; it is shown in its smallest form.
    """
    by_consumer: Counter[str] = Counter()
    by_path: Counter[str] = Counter()

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=not random,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def run(case: Case) -> None:
        found, path = compare(case)
        assert not found, f"{case}: {found}"
        by_path[path] += 1
        if path != "fails with stock Keras":
            by_consumer[case.consumer] += 1

    run()
    return {"cases": sum(by_consumer.values()), "paths": dict(by_path), "consumers": dict(sorted(by_consumer.items()))}


def main() -> None:
    """Run cases until so many have been compared; write the counts after every hundred or so."""
    logging.getLogger("imdb_rnn").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    count, backend = int(sys.argv[1]), backend_name()
    target = RESULTS / f"{backend}.json"
    target.parent.mkdir(exist_ok=True)
    note: dict[str, Any] = {
        "backend": backend,
        "versions": {"python": platform.python_version(), "keras": version("keras"), backend: load_engine().version()},
        "differences": 0,
    }
    by_consumer: Counter[str] = Counter()
    by_path: Counter[str] = Counter()
    while sum(by_consumer.values()) < count:
        found = check(100, random=True)
        by_consumer.update(found["consumers"])
        by_path.update(found["paths"])
        counts = {"cases": sum(by_consumer.values()), "paths": by_path, "consumers": dict(sorted(by_consumer.items()))}
        target.write_text(json.dumps(note | counts, indent=1) + "\n")
        print(f"{counts['cases']} of {count} compared", file=sys.stderr)


if __name__ == "__main__":
    main()
