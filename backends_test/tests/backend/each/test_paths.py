"""`paths` names the code that runs each recurrent layer, and that code does run.

So a new version of Keras, or of a backend, that loses a path fails here.
"""

from collections import Counter
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest

from imdb_rnn import accelerate, paths

BACKEND = keras.backend.backend()
LENGTH = 50
LAYERS = keras.layers
# The path of Keras's own layers in a model that is compiled with the defaults of Keras, on a CPU.
OF_KERAS = {"jax": "compiled", "torch": "Python", "tensorflow": "graph"}[BACKEND]


@pytest.mark.filterwarnings("ignore:Layer 'reshape:UserWarning")  # it does not pass the mask on
def test_every_recurrent_layer_of_a_model_has_a_path_and_a_reason() -> None:
    inputs = keras.Input((LENGTH, 4))
    x = LAYERS.Masking()(inputs)
    x = LAYERS.Bidirectional(LAYERS.LSTM(4, return_sequences=True, name="lstm"))(x)
    x = LAYERS.GRU(4, return_sequences=True, name="gru")(x)
    x = LAYERS.GRU(4, return_sequences=True, reset_after=False, name="gru_before")(x)
    x = LAYERS.SimpleRNN(4, activation="relu", return_sequences=True, name="relu")(x)
    x = LAYERS.RNN(LAYERS.LSTMCell(4), return_sequences=True, name="rnn_of_cell")(x)
    x = LAYERS.LSTM(4, recurrent_dropout=0.1, return_sequences=True, name="dropped")(x)
    x = LAYERS.RNN([LAYERS.GRUCell(4), LAYERS.GRUCell(4)], return_sequences=True, name="stacked")(x)
    x = LAYERS.ConvLSTM1D(2, 1, name="convolved")(LAYERS.Reshape((LENGTH, 4, 1))(x))
    model = keras.Model(inputs, LAYERS.Dense(1)(LAYERS.Flatten()(x)))
    accelerate(model)
    model.compile("sgd", "mse")
    found = paths(model)
    fast = {"forward_lstm", "backward_lstm", "gru", "gru_before", "relu", "rnn_of_cell"}
    assert {name: path.path for name, path in found.items()} == dict.fromkeys(fast, "fast") | dict.fromkeys(
        ("dropped", "stacked", "convolved"), OF_KERAS
    )
    assert found["dropped"].reason.startswith("it has recurrent dropout; ")
    assert found["stacked"].reason.startswith("its cell is a StackedRNNCells, which may compute something else; ")
    assert found["convolved"].reason.startswith("it is a ConvLSTM1D, which may compute something else; ")
    assert str(found["convolved"]) == f"{OF_KERAS}: {found['convolved'].reason}"
    # And it trains.
    loss = model.train_on_batch(np.ones((2, LENGTH, 4), np.float32), np.ones((2, 1), np.float32))
    assert np.isfinite(loss)


def test_a_layer_that_is_not_accelerated_is_said_not_to_be() -> None:
    layer = LAYERS.GRU(4, name="gru")
    assert paths(layer)["gru"].reason.startswith("it is not accelerated; ")


LSTM_AND_GRU = pytest.mark.parametrize("layer", [LAYERS.LSTM, LAYERS.GRU], ids=["LSTM", "GRU"])


def counted(layer: keras.layers.Layer, training: bool = False) -> Counter[str]:
    """How often each operation runs, or is compiled, in one call of a layer without a mask."""
    call, x = partial(layer, training=training), np.ones((2, LENGTH, 4), np.float32)
    call(x)
    if BACKEND == "torch":
        import torch

        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            call(x)
        return Counter({event.key: event.count for event in profile.key_averages()})
    if BACKEND == "jax":
        import jax

        return operations_of(jax.make_jaxpr(call)(x).jaxpr)
    import tensorflow as tf

    graph = tf.function(call, autograph=False).get_concrete_function(tf.constant(x)).graph
    operations = graph.get_operations()
    compiled = sum("_XlaMustCompile" in operation.node_def.attr for operation in operations)
    return Counter({"compiled": compiled}) + Counter(operation.type for operation in operations)


def operations_of(jaxpr: Any) -> Counter[str]:
    """Count the operations of a JAX program, and of the programs in it."""
    import jax

    found: Counter[str] = Counter()
    for equation in jaxpr.eqns:
        found[equation.primitive.name] += 1
        for inner in jax.tree.leaves(equation.params, is_leaf=lambda part: hasattr(part, "eqns")):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                found += operations_of(inner)
    return found


@LSTM_AND_GRU
def test_the_fast_path_runs_what_its_reason_says(layer: Any) -> None:
    fast = layer(4)
    accelerate(fast)
    found = counted(fast, training=True)
    if BACKEND == "jax":
        assert found["custom_jvp_call"] >= 1
        assert found["scan"] == 1
    elif BACKEND == "tensorflow":
        assert found["compiled"] == 1
        assert found["StatelessWhile"] + found["While"] == 0  # they are in what is compiled
        assert counted(fast) == counted(layer(4))  # in prediction
    elif layer is LAYERS.LSTM and "oneDNN" in paths(fast)[fast.name].reason:
        assert found["aten::mkldnn_rnn_layer"] == 1
    else:
        # Two products per step, and one for the inputs of all steps.
        assert found["aten::addmm"] + found["aten::addmm_"] == 2 * LENGTH
        assert found["aten::baddbmm"] == 1


@LSTM_AND_GRU
def test_the_loop_of_keras_runs_as_its_path_says(layer: Any) -> None:
    stock = layer(4)
    found = counted(stock)
    path = paths(stock)[stock.name].path
    if BACKEND == "jax":
        assert (path, found["scan"]) == ("compiled", 1)
    elif BACKEND == "tensorflow":
        assert (path, found["StatelessWhile"] + found["While"]) == ("graph", 1)
    else:
        assert path == "Python"
        assert found["aten::tanh"] >= LENGTH


@pytest.mark.skipif(BACKEND == "jax", reason="on JAX, Keras has no GRU of cuDNN, and its LSTM is tested on a GPU")
@LSTM_AND_GRU
def test_keras_would_call_cudnn_for_its_layers_where_there_is_a_gpu(
    layer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layer asks its backend for cuDNN, and the backend's conditions hold for the defaults of the layer."""
    import importlib

    rnn = importlib.import_module(f"keras.src.backend.{BACKEND}.rnn")
    name = {"torch": "_is_cuda_cudnn_available", "tensorflow": "_is_gpu_available"}[BACKEND]
    monkeypatch.setattr(rnn, name, lambda: True)
    asked: list[bool] = []

    def ask(*args: Any, **named: Any) -> Any:
        conditions = {key: named[key] for key in ("activation", "recurrent_activation", "unroll")}
        if BACKEND == "tensorflow" and layer is LAYERS.GRU:
            conditions["reset_after"] = named["reset_after"]
        asked.append(rnn.cudnn_ok(**conditions, use_bias=named["bias"] is not None))
        raise NotImplementedError

    monkeypatch.setattr(f"keras.src.backend.{'lstm' if layer is LAYERS.LSTM else 'gru'}", ask)
    layer(4)(np.ones((2, LENGTH, 4), np.float32))
    assert asked == [True]


@LSTM_AND_GRU
def test_on_a_gpu_keras_calls_cudnn_and_so_does_an_accelerated_layer(
    layer: Any, request: pytest.FixtureRequest
) -> None:
    from imdb_rnn.backends import load_backend

    if load_backend().device() == "cpu":
        assert not request.config.getoption("--require-gpu"), "--require-gpu was given, but there is no GPU"
        pytest.skip("no GPU")
    accelerated = layer(4)
    accelerate(accelerated)
    expected = "fast" if BACKEND == "jax" and layer is LAYERS.GRU else "cuDNN"
    assert paths(accelerated)[accelerated.name].path == expected
    if expected == "cuDNN":
        assert any("cudnn" in name.lower() or "CudnnRNN" in name for name in counted(accelerated))
