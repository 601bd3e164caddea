"""Accelerated layers compute what Keras's own do, whatever their settings, or are left alone and said to be."""

import copy
import logging
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from backends_test.data import training_batches
from imdb_rnn import ModelError, accelerate, build_model, initial_weights, paths
from imdb_rnn.backends import load_training_backend
from imdb_rnn.backends.recurrence import load_recurrence
from imdb_rnn.model.architecture import compile_model
from imdb_rnn.text.batches import Arrays, blocks_of_epoch
from imdb_rnn.training.loop import train_epochs

REVIEWS, LENGTH, WIDTH = 6, 7, 5
# float32, over seven steps; worst seen: 2.4e-7.
TOLERANCE = 1e-6
MASK = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [0, 0, 1, 1, 1, 1, 1],
        [1, 1, 1, 0, 0, 0, 0],
        [0, 1, 0, 1, 0, 1, 0],
        [0] * 7,
        [0, 0, 0, 0, 0, 0, 1],
    ],
    bool,
)
SETTINGS: dict[str, dict[str, Any]] = {
    "as in this library": {},
    "one unit": {"units": 1},
    "thirty units": {"units": 30},
    "all states": {"return_sequences": True},
    "its last state, too": {"return_state": True},
    "all states and the last": {"return_sequences": True, "return_state": True},
    "backwards": {"go_backwards": True},
    "backwards, all states": {"go_backwards": True, "return_sequences": True},
    "without a bias": {"use_bias": False},
    "stateful": {"stateful": True},
    "a mask that gives out zeros": {"zero_output_for_mask": True, "return_sequences": True},
}
MASKED = ["as in this library", "all states", "all states and the last", "backwards", "a mask that gives out zeros"]
CASES = [(name, False) for name in SETTINGS] + [(name, True) for name in MASKED]
CELLS: dict[str, Callable[..., keras.layers.RNN]] = {
    "tanh": keras.layers.SimpleRNN,
    "relu": partial(keras.layers.SimpleRNN, activation="relu"),
    "LSTM": keras.layers.LSTM,
    "GRU": keras.layers.GRU,
    "GRU, reset before": partial(keras.layers.GRU, reset_after=False),
}
every_cell = pytest.mark.parametrize("cell", CELLS)
BEGINNING = ["as in this library", "all states and the last", "backwards", "a mask that gives out zeros"]
every_case = pytest.mark.parametrize(
    ("name", "masked"), CASES, ids=[f"{name}{', masked' if masked else ''}" for name, masked in CASES]
)


def layer_of(settings: dict[str, Any], cell: str = "tanh") -> keras.layers.RNN:
    """A built layer whose weights are the same every time."""
    layer = CELLS[cell](**({"units": 4} | settings))
    layer.build((REVIEWS, LENGTH, WIDTH))
    random = np.random.default_rng(0)
    layer.set_weights([random.normal(0, 0.7 / layer.units**0.5, weight.shape) for weight in layer.weights])
    return layer


def paths_of(model: keras.layers.Layer) -> dict[str, str]:
    return {name: found.path for name, found in paths(model).items()}


def arrays_of(result: Any) -> list[np.ndarray]:
    return [
        np.asarray(keras.ops.convert_to_numpy(part))
        for part in (result if isinstance(result, (list, tuple)) else [result])
    ]


@pytest.fixture
def sequences() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (REVIEWS, LENGTH, WIDTH)).astype(np.float32)


@every_cell
@every_case
def test_an_accelerated_layer_gives_out_what_keras_does(
    cell: str, name: str, masked: bool, sequences: np.ndarray
) -> None:
    settings = SETTINGS[name]
    initial = name in BEGINNING  # or from zero
    units = settings.get("units", 4)
    given: dict[str, Any] = {}
    if initial:
        random = np.random.default_rng(2)
        states = [random.normal(0, 1, (REVIEWS, units)).astype(np.float32) for _ in range(1 + (cell == "LSTM"))]
        given["initial_state"] = states if cell == "LSTM" else states[0]
    if masked:
        given["mask"] = keras.ops.convert_to_tensor(MASK)
    found = []
    for fast in (False, True):
        layer = layer_of(settings, cell)
        if fast:
            accelerate(layer)
            assert paths_of(layer) == {layer.name: "fast"}
        # More than once, or a state that is kept would not show.
        calls = [layer(sequences, training=training, **given) for training in (False, True, True)]
        found.append([arrays_of(call) for call in calls])
    for stock_call, fast_call in zip(*found, strict=True):
        assert len(stock_call) == len(fast_call)
        for stock, ours in zip(stock_call, fast_call, strict=True):
            assert (ours.shape, ours.dtype) == (stock.shape, stock.dtype)
            np.testing.assert_allclose(ours, stock, rtol=0, atol=TOLERANCE)


def trained(cell: str, settings: dict[str, Any], fast: bool, masked: bool, sequences: np.ndarray) -> list[np.ndarray]:
    """The weights after three steps of SGD of a model with such a layer."""
    inputs = keras.Input((LENGTH, WIDTH), batch_size=REVIEWS)
    layer = layer_of(settings, cell)
    if layer.stateful:
        # Otherwise Keras on PyTorch overwrites the state before the backward pass reads it, and fails.
        layer.use_cudnn = False
    read = keras.layers.Masking(0.0)(inputs) if masked else inputs
    outputs = layer(read)
    parts = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    model = keras.Model(inputs, parts)
    if fast:
        accelerate(model)
    model.compile(keras.optimizers.SGD(0.05), "mse")
    data = sequences * MASK[..., None] if masked else sequences
    for _ in range(3):
        model.train_on_batch(data, [np.ones(part.shape, np.float32) for part in parts])
    return [np.asarray(weight) for weight in model.get_weights()]


@every_cell
@pytest.mark.parametrize(
    ("name", "masked"),
    # On JAX, where every model is compiled, those of which the gradients differ.
    CASES if keras.backend.backend() != "jax" else [("as in this library", False), ("all states and the last", True)],
)
def test_an_accelerated_layer_learns_what_keras_does(cell: str, name: str, masked: bool, sequences: np.ndarray) -> None:
    pairs = zip(*(trained(cell, SETTINGS[name], fast, masked, sequences) for fast in (False, True)), strict=True)
    for stock, ours in pairs:
        np.testing.assert_allclose(ours, stock, rtol=0, atol=10 * TOLERANCE)


@every_cell
def test_dropout_is_drawn_once_for_all_steps_as_in_keras(cell: str, sequences: np.ndarray) -> None:
    found = []
    for fast in (False, True):
        layer = layer_of({"dropout": 0.5, "seed": 3}, cell)
        if fast:
            accelerate(layer)
        found.append([arrays_of(layer(sequences, training=training))[0] for training in (True, False)])
    for stock, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, stock, rtol=0, atol=TOLERANCE)
    assert np.abs(found[1][0] - found[1][1]).max() > 0.1


# Of a model that is not compiled.
OF_KERAS = {"jax": "compiled", "torch": "Python", "tensorflow": "graph"}[keras.backend.backend()]


class Doubled(keras.layers.SimpleRNN):
    """A custom layer."""

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        return 2 * super().call(sequences, initial_state, mask, training)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: keras.layers.SimpleRNN(4, activation="gelu"), "its activation is gelu, not tanh or relu"),
        (lambda: keras.layers.LSTM(4, activation="relu"), "its activation is relu, not tanh"),
        (
            lambda: keras.layers.GRU(4, recurrent_activation="hard_sigmoid"),
            "its recurrent activation is hard_sigmoid, not sigmoid",
        ),
        (lambda: keras.layers.SimpleRNN(4, recurrent_dropout=0.1), "it has recurrent dropout"),
        (lambda: keras.layers.GRU(4, unroll=True), "it is unrolled"),
        (lambda: keras.layers.SimpleRNN(4, dtype="float16"), "it computes in float16"),
        (lambda: Doubled(4), "it is a Doubled, which may compute something else"),
        (
            lambda: keras.layers.RNN(keras.layers.StackedRNNCells([keras.layers.GRUCell(4), keras.layers.GRUCell(4)])),
            "its cell is a StackedRNNCells, which may compute something else",
        ),
        (
            lambda: keras.layers.RNN(keras.layers.GRUCell(4, dropout=0.1, implementation=1)),
            "it has dropout with implementation=1, which drops other inputs for each gate",
        ),
        (lambda: keras.layers.LSTM(4, dropout=1.0), "its dropout is 1, which only some of Keras's cells apply"),
        (
            lambda: keras.layers.RNN(keras.layers.LSTMCell(4, activity_regularizer="l2")),
            "its cell has an activity regularizer",
        ),
    ],
    ids=[
        "activation",
        "LSTM",
        "recurrent-activation",
        "recurrent-dropout",
        "unroll",
        "float16",
        "subclass",
        "another-cell",
        "implementation",
        "dropout",
        "activity-regularizer",
    ],
)
def test_what_is_not_accelerated_is_said(layer: Any, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    model = keras.Sequential([keras.Input((LENGTH, WIDTH)), layer()])
    accelerate(model)
    name = model.layers[0].name
    assert paths(model)[name].path == OF_KERAS
    assert paths(model)[name].reason.startswith(f"{reason}; ")
    # A warning, which Python shows where nobody has set up logging.
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"{name} is left to Keras: {reason}")
    ]


@pytest.mark.parametrize("given", [None, [], "model", object(), keras.optimizers.Adam], ids=repr)
def test_what_is_not_a_keras_model_is_refused(given: Any) -> None:
    for function in (accelerate, paths):
        with pytest.raises(ModelError, match=r"Bad `model`\. Expected: a model or a layer of Keras .* Received: "):
            function(given)


def test_a_model_without_a_recurrent_layer_is_said_to_have_none(caplog: pytest.LogCaptureFixture) -> None:
    accelerate(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)], name="dense_only"))
    assert [record.getMessage() for record in caplog.records] == [
        "dense_only has no recurrent layer: nothing is accelerated"
    ]


def test_layers_inside_of_others_are_found(sequences: np.ndarray) -> None:
    inner = keras.Sequential([keras.Input((LENGTH, 4)), keras.layers.GRU(3, name="inner")])
    both = keras.layers.Bidirectional(keras.layers.LSTM(2, name="both", return_sequences=True))
    model = keras.Sequential([keras.Input((LENGTH, WIDTH)), both, inner])
    before = model.predict(sequences, verbose=0)
    assert paths_of(model) == {"forward_both": OF_KERAS, "backward_both": OF_KERAS, "inner": OF_KERAS}
    accelerate(model)
    assert set(paths_of(model).values()) == {"fast"}
    model.make_predict_function(force=True)
    np.testing.assert_allclose(model.predict(sequences, verbose=0), before, rtol=0, atol=TOLERANCE)


class Own(keras.layers.Layer):
    """A custom layer with attributes that have a meaning in other layers of Keras."""

    def __init__(self, *inner: keras.layers.Layer) -> None:
        super().__init__(name="own")
        self.layers = 2
        self.parts = {"inner": list(inner)}

    @property
    def layer(self) -> keras.layers.Layer:
        return self

    def build(self, shape: tuple[int | None, ...]) -> None:
        for layer in self.parts["inner"]:
            layer.build(shape)

    def call(self, inputs: Any) -> Any:
        return sum(layer(inputs) for layer in self.parts["inner"])


def test_a_layer_is_found_wherever_keras_finds_its_weights(sequences: np.ndarray) -> None:
    cell = keras.layers.RNN(keras.layers.LSTMCell(3), name="of_a_cell")
    model = keras.Sequential([keras.Input((LENGTH, WIDTH)), Own(keras.layers.SimpleRNN(3, name="held"), cell)])
    before = model.predict(sequences, verbose=0)
    accelerate(model)
    assert paths_of(model) == {"held": "fast", "of_a_cell": "fast"}
    model.make_predict_function(force=True)
    np.testing.assert_allclose(model.predict(sequences, verbose=0), before, rtol=0, atol=TOLERANCE)


def test_layers_of_one_name_are_told_apart() -> None:
    def encoder(name: str) -> keras.Sequential:
        return keras.Sequential([keras.layers.SimpleRNN(3, name="rnn", return_sequences=True)], name=name)

    model = keras.Sequential([keras.Input((LENGTH, WIDTH)), encoder("lower"), encoder("upper")])
    accelerate(model)
    assert paths_of(model) == {"lower/rnn": "fast", "upper/rnn": "fast"}


def test_copies_of_an_accelerated_model_are_plain_keras(sequences: np.ndarray) -> None:
    model = keras.Sequential([keras.Input((LENGTH, WIDTH)), keras.layers.SimpleRNN(4)])
    accelerate(model)
    for copied in (keras.models.clone_model(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert set(paths_of(copied).values()) == {OF_KERAS}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda cell: setattr(cell, "activation", keras.activations.gelu), "its activation is gelu, not tanh or relu"),
        (lambda cell: setattr(cell, "recurrent_dropout", 0.9), "it has recurrent dropout"),
        (lambda cell: setattr(cell, "dtype_policy", "bfloat16"), "it computes in bfloat16"),
        (lambda cell: setattr(cell, "call", lambda *args, **named: None), "its method call has been replaced"),
        (lambda cell: setattr(cell, "use_bias", False), "its use_bias was changed after it was built"),
        (
            lambda cell: setattr(cell, "activity_regularizer", keras.regularizers.L2()),
            "its cell has an activity regularizer",
        ),
    ],
    ids=["activation", "recurrent dropout", "dtype policy", "call", "use_bias", "activity regularizer"],
)
def test_a_layer_that_is_changed_afterwards_is_left_to_keras(change: Any, reason: str) -> None:
    layer = layer_of({})
    accelerate(layer)
    assert paths_of(layer) == {layer.name: "fast"}
    change(layer.cell)
    assert paths(layer)[layer.name].reason.startswith(f"{reason}; ")
    assert paths_of(layer) == {layer.name: OF_KERAS}


def test_a_loop_that_a_program_replaces_in_kerass_class_is_left_to_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = layer_of({}, "LSTM")
    accelerate(layer)
    monkeypatch.setattr(keras.layers.LSTM, "inner_loop", lambda *arguments, **named: None)
    assert paths(layer)[layer.name].reason.startswith("its method inner_loop has been replaced; ")


@every_cell
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")
def test_where_keras_computes_float64_in_float32_the_path_is_not_fast(
    cell: str, sequences: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = layer_of({"dtype": "float64"}, cell)
    accelerate(layer)
    recurrence, runs = load_recurrence(), list[Any]()
    run = recurrence.run
    monkeypatch.setattr(recurrence, "run", lambda *arguments: (runs.append(arguments), run(*arguments))[1])
    layer(keras.ops.convert_to_tensor(sequences, "float64"), training=True)
    assert paths_of(layer) == {layer.name: "fast" if runs else OF_KERAS}


# Calls that Keras does not document: name -> shape of the states, and the mask.
ODD_CALLS: dict[str, tuple[tuple[int, int], Any]] = {
    "one state for all": ((1, 4), None),
    "too many states": ((REVIEWS + 1, 4), None),
    "a state of fewer units": ((REVIEWS, 2), None),
    "a state of more units": ((REVIEWS, 9), None),
    "a mask in a list": ((REVIEWS, 4), [MASK]),
    "a mask of more steps": ((REVIEWS, 4), np.concatenate([MASK, MASK], axis=1)),
    "a mask of fewer steps": ((REVIEWS, 4), MASK[:, :-1]),
}


# On JAX, where every call is compiled, of one and of two states.
@pytest.mark.parametrize("cell", CELLS if keras.backend.backend() != "jax" else ["tanh", "LSTM"])
@pytest.mark.parametrize("name", ODD_CALLS)
def test_a_call_that_keras_does_not_document_ends_as_without_acceleration(
    cell: str, name: str, sequences: np.ndarray
) -> None:
    shape, mask = ODD_CALLS[name]
    states = [np.random.default_rng(2).normal(0, 1, shape).astype(np.float32) for _ in range(1 + (cell == "LSTM"))]
    given = {"initial_state": states if cell == "LSTM" else states[0]}
    if mask is not None:
        given["mask"] = keras.tree.map_structure(keras.ops.convert_to_tensor, mask)
    ends: list[Any] = []
    for fast in (False, True):
        layer = layer_of({"return_sequences": True}, cell)
        if fast:
            accelerate(layer)
        try:
            ends.append(arrays_of(layer(sequences, training=True, **given))[0])
        except Exception as error:  # noqa: BLE001 (each backend raises another)
            ends.append(type(error))
    stock, ours = ends
    if isinstance(stock, type):
        assert ours is stock
    else:
        np.testing.assert_allclose(ours, stock, rtol=0, atol=TOLERANCE)


@every_cell
@pytest.mark.skipif(keras.backend.backend() != "torch", reason="elsewhere, frameworks alone hold what gradients need")
def test_what_a_backward_pass_needs_is_freed_after_it(cell: str, sequences: np.ndarray) -> None:
    layer = layer_of({}, cell)
    accelerate(layer)
    output = layer(sequences, training=True)
    nodes, recurrent = [output.grad_fn], []
    while nodes:
        node = nodes.pop()
        recurrent += [node] if "needs_input_grad" in dir(node) else []
        nodes += [following for following, _ in node.next_functions if following is not None]
    (node,) = recurrent
    assert len(node.saved_tensors) > 4
    output.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        _ = node.saved_tensors
    assert not [name for name, value in vars(node).items() if not isinstance(value, (str, bool, int))]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="elsewhere no gradient is lost")
def test_a_gradient_that_tensorflow_loses_is_an_error_and_not_zero(sequences: np.ndarray) -> None:
    import tensorflow as tf

    layer = layer_of({})
    accelerate(layer)
    function = tf.function(lambda row: layer(row[None], training=True)[0])
    with pytest.raises(LookupError, match="the gradient of an accelerated layer is lost here"):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.vectorized_map(function, tf.constant(sequences)))
        tape.gradient(loss, [variable.value for variable in layer.trainable_variables])


def test_an_accelerated_model_is_saved_as_plain_keras(tmp_path: Path, sequences: np.ndarray) -> None:
    model = keras.Sequential([keras.Input((LENGTH, WIDTH)), keras.layers.SimpleRNN(4)])
    accelerate(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert OF_KERAS in paths_of(loaded).values() or "compiled" in paths_of(loaded).values()
    np.testing.assert_allclose(
        loaded.predict(sequences, verbose=0), model.predict(sequences, verbose=0), rtol=0, atol=TOLERANCE
    )


def classifier_model() -> keras.Sequential:
    """The model of the library, small enough for a quick test."""
    model = build_model(num_words=50, max_len=12)
    model.set_weights(initial_weights(model, seed=7))
    return model


@pytest.fixture
def reviews() -> Arrays:
    random = np.random.default_rng(3)
    return Arrays(random.integers(0, 50, (150, 12), np.int32), random.integers(0, 2, (150, 1)).astype(np.float32))


OTHERS: dict[str, Any] = {
    "Adam": lambda: keras.optimizers.Adam(0.01),
    "Adam with a clipped norm": lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.1),
    "Adam with AMSGrad": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
    "Adam with a schedule": lambda: keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)),
    "SGD with momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
}


@pytest.mark.parametrize("optimizer", OTHERS)
def test_many_steps_in_one_call_are_those_of_fit(optimizer: str, reviews: Arrays) -> None:
    """Weights, the optimizer's state, loss and accuracy, after two epochs of which the last batch is short."""
    found = []
    for fast in (False, True):
        model = classifier_model()
        compile_model(model, OTHERS[optimizer]())
        if fast:
            train_epochs(model, reviews, batch_size=32, seed=1, epochs=2)
            logs = model.get_metrics_result()
        else:
            batches = training_batches(reviews, 32, seed=1)
            history = model.fit(batches, steps_per_epoch=5, epochs=2, shuffle=False, verbose=0).history
            logs = {name: values[-1] for name, values in history.items()}
        state = [*model.get_weights(), *(keras.ops.convert_to_numpy(v) for v in model.optimizer.variables)]
        found.append(([np.asarray(array) for array in state], {name: float(value) for name, value in logs.items()}))
    (stock, stock_logs), (ours, our_logs) = found
    assert our_logs == pytest.approx(stock_logs, abs=1e-5)
    for one, other in zip(stock, ours, strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=2e-5)


def test_blocks_hold_the_batches_of_an_epoch_in_their_order(reviews: Arrays) -> None:
    one_by_one = training_batches(reviews, 32, seed=1, first_epoch=3)
    blocks = list(blocks_of_epoch(reviews, 32, seed=1, epoch=3, steps=3))
    assert [block.x.shape for block in blocks] == [(3, 32, 12), (1, 32, 12), (1, 22, 12)]
    for block in blocks:
        for x, y in zip(*block, strict=True):
            expected_x, expected_y = next(one_by_one)
            np.testing.assert_array_equal(x, expected_x)
            np.testing.assert_array_equal(y, expected_y)


def test_a_callback_can_stop_a_training_and_hears_of_every_epoch(reviews: Arrays) -> None:
    class StopsAfterTwo(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.heard: list[tuple[int, set[str]]] = []

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.heard.append((epoch, set(logs or {})))
            self.model.stop_training = epoch == 1

    model = classifier_model()
    compile_model(model)
    callback = StopsAfterTwo()
    train_epochs(model, reviews, batch_size=32, seed=1, epochs=5, validation=reviews, callbacks=[callback])
    names = {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert callback.heard == [(0, names), (1, names)]


def test_an_engine_trains_the_library_model_by_its_fastest_way(
    reviews: Arrays, caplog: pytest.LogCaptureFixture
) -> None:
    model = classifier_model()
    compile_model(model)
    assert set(paths_of(model).values()) == {"fast"}
    with caplog.at_level(logging.INFO, logger="imdb_rnn"):
        load_training_backend().compile_steps(model)
    assert not caplog.records


class Adam(keras.optimizers.Adam):
    """Another optimizer of this name."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        super().update_step(gradient * 0, variable, learning_rate)


def triple_loss(model: keras.Sequential) -> None:
    compute_loss = model.compute_loss
    model.compute_loss = lambda *args, **named: 3 * compute_loss(*args, **named)


def learn_nothing(model: keras.Sequential) -> None:
    model.optimizer.apply = lambda *args: None


def hook_on_weights(model: keras.Sequential) -> None:
    model.weights[1].value.register_hook(lambda gradient: gradient * 0)


def hook_on_layer(model: keras.Sequential) -> None:
    model.layers[2].register_forward_hook(lambda layer, args, out: out * 0.5)


def clip_scores(model: keras.Sequential) -> None:
    keras.config.set_epsilon(0.45)


def train_low_rank(model: keras.Sequential) -> None:
    model.layers[0].enable_lora(2)
    model.layers[0].lora_embeddings_a.assign(np.full((53, 2), 0.1))
    compile_model(model)


UNUSUAL: dict[str, Callable[[keras.Sequential], Any]] = {
    "a loss of its own": triple_loss,
    "an optimizer's method replaced": learn_nothing,
    "another optimizer of this name": lambda model: compile_model(model, Adam(0.001)),
    "another activation": lambda model: setattr(model.layers[1].cell, "activation", keras.activations.relu),
    "a frozen layer": lambda model: setattr(model.layers[0], "trainable", False),
    "gradients accumulated": lambda model: setattr(model.optimizer, "gradient_accumulation_steps", 2),
    "low-rank weights": train_low_rank,
    "a constraint": lambda model: setattr(model.layers[2].kernel, "constraint", keras.constraints.MaxNorm(0.05)),
    "a regularizer": lambda model: setattr(model.layers[2].kernel, "regularizer", keras.regularizers.L2(1.0)),
    "an activity regularizer": lambda model: setattr(
        model.layers[1], "activity_regularizer", keras.regularizers.L2(0.5)
    ),
}
UNUSUAL_ON_TORCH: dict[str, Callable[[keras.Sequential], Any]] = {
    "a hook on weights": hook_on_weights,
    "a hook on a layer": hook_on_layer,
}


def unusual() -> dict[str, Callable[[keras.Sequential], Any]]:
    """Those that mean something on this backend: PyTorch alone has hooks, TensorFlow does not clip scores."""
    backend = keras.backend.backend()
    clipped = {} if backend == "tensorflow" else {"another epsilon": clip_scores}
    return UNUSUAL | clipped | (UNUSUAL_ON_TORCH if backend == "torch" else {})


@pytest.fixture
def usual_epsilon() -> Iterator[None]:
    yield
    keras.config.set_epsilon(1e-7)


@pytest.mark.usefixtures("usual_epsilon")
@pytest.mark.parametrize("name", unusual())
def test_what_a_program_has_changed_is_noticed_by_the_training(name: str, reviews: Arrays) -> None:
    """Weights after two epochs are those of Keras's `fit`, and not those of an unchanged model."""
    found = {}
    for way in ("stock", "fast", "unchanged"):
        model = classifier_model()
        compile_model(model)
        if way != "unchanged":
            unusual()[name](model)
        if way == "stock":
            model.layers[1].__dict__.pop("inner_loop")
            batches = training_batches(reviews, 32, seed=1)
            model.fit(batches, steps_per_epoch=5, epochs=2, shuffle=False, verbose=0)
        else:
            train_epochs(model, reviews, batch_size=32, seed=1, epochs=2)
        found[way] = [np.asarray(array) for array in model.get_weights()]
        keras.config.set_epsilon(1e-7)
    for stock, fast in zip(found["stock"], found["fast"], strict=True):
        np.testing.assert_allclose(fast, stock, rtol=0, atol=2e-5)
    changed = [
        np.abs(stock - unchanged).max()
        for stock, unchanged in zip(found["stock"], found["unchanged"], strict=False)
        if stock.shape == unchanged.shape
    ]
    assert max(changed) > 1e-4


@pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="on JAX, Keras compiles a training step once as well, and later changes have no effect",
)
def test_a_callback_that_changes_the_model_is_noticed(reviews: Arrays) -> None:
    class Replace(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            learn_nothing(self.model)

    found = []
    for epochs, callbacks in ((1, []), (3, [Replace()])):
        model = classifier_model()
        compile_model(model)
        train_epochs(model, reviews, batch_size=32, seed=1, epochs=epochs, callbacks=callbacks)
        found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
