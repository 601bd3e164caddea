"""The `.keras` file is read as Keras reads it, without Keras: its weights, the state of Adam, and nothing else."""

import copy
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from backends_test.tests.saved_folder import rewrite_layers, rewrite_member, rewrite_weights
from imdb_rnn import BundleError
from imdb_rnn.inference.bundle import CONFIG_FILE, MODEL_FILE
from imdb_rnn.inference.keras_file import (
    MAX_MODEL_BYTES,
    SavedModel,
    is_plain_adam,
    read_model,
    shapes_of,
    trainable_of,
    unsupported_layers_reason,
)

NUM_WORDS, MAX_LEN = 2_000, 100
Layers = list[dict[str, Any]]


@pytest.fixture
def model(bundle: Path) -> Path:
    """A copy of a saved model, to be changed."""
    return bundle / MODEL_FILE


@pytest.fixture
def config(model: Path) -> dict[str, Any]:
    """The configuration of the model."""
    with zipfile.ZipFile(model) as archive:
        content: dict[str, Any] = json.loads(archive.read("config.json"))
    return content


@pytest.fixture
def layers(config: dict[str, Any]) -> Layers:
    found: Layers = config["config"]["layers"]
    return found


def read(path: Path, num_words: int = NUM_WORDS, max_len: int = MAX_LEN) -> SavedModel:
    return read_model(path, path.read_bytes(), num_words, max_len)


def arrays_in(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a model, as h5py reads them."""
    found: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def rewrite_config(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    def rewrite(content: bytes) -> bytes:
        config = json.loads(content)
        change(config)
        return json.dumps(config).encode()

    rewrite_member(path, "config.json", rewrite)


def refused(path: Path, **arguments: int) -> str:
    with pytest.raises(BundleError) as raised:
        read(path, **arguments)
    message = str(raised.value)
    beginning = f"Cannot read {path}. Expected: the model saved with {CONFIG_FILE}. Received: "
    assert message.startswith(beginning)
    return message.removeprefix(beginning)


# --- Weights ---


def test_the_weights_have_the_shapes_of_the_architecture() -> None:
    assert list(shapes_of(10_000).items()) == [
        ("layers/embedding/vars/0", (10_003, 16)),
        ("layers/simple_rnn/cell/vars/0", (16, 8)),
        ("layers/simple_rnn/cell/vars/1", (8, 8)),
        ("layers/simple_rnn/cell/vars/2", (8,)),
        ("layers/dense/vars/0", (8, 1)),
        ("layers/dense/vars/1", (1,)),
    ]


def test_weights_and_state_are_those_that_h5py_finds(model: Path) -> None:
    found, expected = read(model), arrays_in(model)
    assert found.trainable == (True, True, True)
    assert len(found.weights) == 6
    for array, name in zip(found.weights, shapes_of(NUM_WORDS), strict=True):
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, expected[name])
    assert found.optimizer is not None
    assert len(found.optimizer) == 14
    for number, array in enumerate(found.optimizer):
        np.testing.assert_array_equal(array, expected[f"optimizer/vars/{number}"])
        assert array.dtype == expected[f"optimizer/vars/{number}"].dtype


def test_another_number_of_words_does_not_fit(model: Path) -> None:
    assert refused(model, num_words=1_999) == (
        "layers/embedding/vars/0 of shape (2003, 16) and type float32, not (2002, 16) and float32"
    )


def test_another_length_does_not_fit(model: Path) -> None:
    assert refused(model, max_len=99) == f"a model that takes 100 ids, but {CONFIG_FILE} says 99"


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_a_file_without_one_of_its_members_is_named(model: Path, member: str) -> None:
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != member}
    with zipfile.ZipFile(model, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert refused(model) == f"There is no item named '{member}' in the archive"


@pytest.mark.parametrize("name", ["config", "build_config"])
def test_a_configuration_without_one_of_its_entries_is_named(model: Path, name: str) -> None:
    rewrite_config(model, lambda config: config.pop(name))
    assert refused(model) == name


def test_a_configuration_that_is_no_text_is_refused_with_the_whole_reason(model: Path) -> None:
    rewrite_member(model, "config.json", lambda _: b"\xff")
    assert refused(model) == "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"


def test_what_is_no_archive_is_named(model: Path) -> None:
    model.write_bytes(b"model")
    assert refused(model) == "not a zip archive, or one that is truncated or has a comment"


def test_a_configuration_or_weights_that_are_too_large_are_refused(model: Path) -> None:
    rewrite_member(model, "config.json", lambda content: content + b" " * (1_000_000 - len(content)))
    assert read(model).weights
    rewrite_member(model, "config.json", lambda content: content + b" ")
    assert refused(model) == "config.json declares 1,000,001 bytes; the limit is 1,000,000"
    rewrite_member(model, "config.json", lambda content: content.strip())
    rewrite_member(model, "model.weights.h5", lambda content: content + bytes(MAX_MODEL_BYTES - len(content)))
    assert read(model).weights
    rewrite_member(model, "model.weights.h5", lambda content: content + b"\0")
    assert refused(model) == "model.weights.h5 declares 30,000,001 bytes; the limit is 30,000,000"


def test_a_long_reason_is_cut(model: Path) -> None:
    rewrite_config(model, lambda config: config["build_config"].update(input_shape=[None, "x" * 1_000]))
    assert len(refused(model)) < 100
    rewrite_member(model, "config.json", lambda _: b'{"config": {}, "' + b"x" * 1_000 + b'": 1e999}')
    assert len(refused(model)) <= 300


# --- Layers ---


def test_the_layers_of_a_saved_model_are_supported(layers: Layers) -> None:
    assert unsupported_layers_reason(layers) == ""
    assert trainable_of(layers) == (True, True, True)


def test_layers_named_by_their_dtype_alone_are_supported_too(layers: Layers) -> None:
    for layer in layers:
        layer["config"]["dtype"] = "float32"
    assert unsupported_layers_reason(layers) == ""


@pytest.mark.parametrize(
    ("layer", "setting", "value", "reason"),
    [
        (1, "mask_zero", True, "a layer Embedding with mask_zero=True, not False"),
        (2, "activation", "relu", "a layer SimpleRNN with activation='relu', not 'tanh'"),
        (2, "use_bias", False, "a layer SimpleRNN with use_bias=False, not True"),
        (2, "dropout", 0.5, "a layer SimpleRNN with dropout=0.5, not 0.0"),
        (2, "recurrent_dropout", 0.5, "a layer SimpleRNN with recurrent_dropout=0.5, not 0.0"),
        (2, "return_sequences", True, "a layer SimpleRNN with return_sequences=True, not False"),
        (2, "return_state", True, "a layer SimpleRNN with return_state=True, not False"),
        (2, "go_backwards", True, "a layer SimpleRNN with go_backwards=True, not False"),
        (2, "stateful", True, "a layer SimpleRNN with stateful=True, not False"),
        (3, "units", 2, "a layer Dense with units=2, not 1"),
        (3, "activation", "linear", "a layer Dense with activation='linear', not 'sigmoid'"),
        (3, "use_bias", False, "a layer Dense with use_bias=False, not True"),
        (1, "dtype", "float16", "a layer Embedding that computes in 'float16', not in float32"),
        (3, "dtype", {"config": {"name": "bfloat16"}}, "a layer Dense that computes in 'bfloat16', not in float32"),
    ],
)
def test_a_setting_that_changes_what_is_computed_is_named(
    layers: Layers, layer: int, setting: str, value: object, reason: str
) -> None:
    layers[layer]["config"][setting] = value
    assert unsupported_layers_reason(layers) == reason


def test_a_model_of_other_layers_is_named_by_them(layers: Layers) -> None:
    layers[2]["class_name"] = "LSTM"
    assert unsupported_layers_reason(layers) == "a model of the layers ['Embedding', 'LSTM', 'Dense']"
    del layers[2]
    assert unsupported_layers_reason(layers) == "a model of the layers ['Embedding', 'Dense']"


@pytest.mark.parametrize("position", [1, 2, 3])
def test_a_layer_of_another_module_is_not_taken_for_that_of_keras(layers: Layers, position: int) -> None:
    layers[position]["module"] = "my_layers"
    assert unsupported_layers_reason(layers) == "a model of the layers ['Embedding', 'SimpleRNN', 'Dense']"


def test_a_one_hot_encoding_is_supported_only_where_it_is_expected(layers: Layers) -> None:
    layers[1]["class_name"] = "CategoryEncoding"
    assert unsupported_layers_reason(layers, "one_hot") == ""
    assert unsupported_layers_reason(layers) == "a model of the layers ['CategoryEncoding', 'SimpleRNN', 'Dense']"
    layers[1]["class_name"] = "Embedding"
    assert unsupported_layers_reason(layers, "one_hot").startswith("a model of the layers")


def test_a_model_whose_layers_compute_something_else_is_refused(model: Path) -> None:
    rewrite_layers(model, lambda layers: layers[3]["config"].update(activation="tanh"))
    assert refused(model) == "a layer Dense with activation='tanh', not 'sigmoid'"


@pytest.mark.parametrize("position", [1, 2, 3])
def test_a_frozen_layer_is_frozen(layers: Layers, position: int) -> None:
    layers[position]["config"]["trainable"] = False
    assert trainable_of(layers) == tuple(number != position for number in (1, 2, 3))


def test_a_layer_that_is_neither_trainable_nor_frozen_is_refused(layers: Layers) -> None:
    layers[1]["config"]["trainable"] = 1
    with pytest.raises(ValueError, match=r"^a layer that is neither trainable nor frozen$"):
        trainable_of(layers)


# --- The state of Adam ---

ADAM: dict[str, Any] = {
    "module": "keras.optimizers",
    "class_name": "Adam",
    "config": {
        "learning_rate": 0.001,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-7,
        "amsgrad": False,
        **dict.fromkeys(("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "loss_scale_factor")),
        "gradient_accumulation_steps": None,
        "use_ema": False,
        "ema_momentum": 0.99,
        "name": "adam",
    },
}


def test_adam_with_any_learning_rate_is_the_adam_of_this_library() -> None:
    assert is_plain_adam(ADAM)
    assert is_plain_adam(ADAM | {"config": ADAM["config"] | {"learning_rate": 0.1}})
    assert is_plain_adam(ADAM | {"module": "keras.src.optimizers.adam", "class_name": "adam"})
    assert is_plain_adam(ADAM | {"config": {"learning_rate": 0.1}})  # what is not named has its default


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("beta_1", 0.8),
        ("beta_2", 0.99),
        ("epsilon", 1e-8),
        ("amsgrad", True),
        ("weight_decay", 0.01),
        ("clipnorm", 1.0),
        ("clipvalue", 1.0),
        ("global_clipnorm", 1.0),
        ("use_ema", True),
        ("loss_scale_factor", 2.0),
        ("gradient_accumulation_steps", 2),
        ("learning_rate", 1),
        ("learning_rate", None),
        ("learning_rate", {"class_name": "ExponentialDecay"}),
    ],
)
def test_adam_with_another_setting_is_another_optimizer(setting: str, value: object) -> None:
    assert not is_plain_adam(ADAM | {"config": ADAM["config"] | {setting: value}})


@pytest.mark.parametrize(
    "optimizer",
    [
        None,
        "adam",
        {},
        ADAM | {"class_name": "SGD"},
        ADAM | {"class_name": "AdamW"},
        ADAM | {"module": "my_optimizers"},
        ADAM | {"module": "my.keras."},
        ADAM | {"module": None},
        ADAM | {"config": None},
        ADAM | {"config": []},
    ],
    ids=str,
)
def test_another_optimizer_is_not_adam(optimizer: object) -> None:
    assert not is_plain_adam(optimizer)


def replace_state(number: int, array: np.ndarray | None) -> Callable[[h5py.File], None]:
    def replace(weights: h5py.File) -> None:
        del weights[f"optimizer/vars/{number}"]
        if array is not None:
            weights[f"optimizer/vars/{number}"] = array

    return replace


def test_the_count_of_steps_may_be_that_of_tensorflow(model: Path) -> None:
    rewrite_weights(model, replace_state(0, np.array(7, np.int64)))
    found = read(model).optimizer
    assert found is not None
    assert (found[0].dtype, int(found[0])) == (np.int64, 7)


@pytest.mark.parametrize(
    "change",
    [
        replace_state(0, np.array(7, np.float32)),
        replace_state(1, np.array(7, np.int32)),
        replace_state(13, np.array([7], np.int64)),
        replace_state(13, np.array([np.nan], np.float32)),
        replace_state(5, np.zeros((8, 16), np.float32)),
        replace_state(13, None),
        lambda weights: weights.create_dataset("optimizer/vars/14", data=np.float32(1)),
        lambda weights: weights.pop("optimizer"),
    ],
    ids=["steps", "learning rate", "type", "not a number", "shape", "one too few", "one too many", "none"],
)
def test_a_state_that_is_not_that_of_adam_is_left_out(model: Path, change: Callable[[h5py.File], object]) -> None:
    """Training can start with a new Adam."""
    before = read(model)
    rewrite_weights(model, change)
    after = read(model)
    assert before.optimizer is not None
    assert after.optimizer is None
    assert [array.tobytes() for array in after.weights] == [array.tobytes() for array in before.weights]


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.pop("compile_config"),
        lambda config: config.update(compile_config=None),
        lambda config: config.update(compile_config=[]),
        lambda config: config["compile_config"].pop("optimizer"),
        lambda config: config["compile_config"]["optimizer"].update(class_name="SGD"),
    ],
    ids=["not compiled", "None", "a list", "no optimizer", "SGD"],
)
def test_a_model_without_adam_has_no_state(model: Path, change: Callable[[dict[str, Any]], object]) -> None:
    rewrite_config(model, change)
    assert read(model).optimizer is None


def test_a_frozen_layer_has_no_state(model: Path) -> None:
    """Keras saves the state of the weights that training changes, with the numbers 2, 3, …"""
    before = arrays_in(model)

    def leave_out_the_embedding(weights: h5py.File) -> None:
        for number in range(4, 14):
            del weights[f"optimizer/vars/{number - 2}"]
            weights[f"optimizer/vars/{number - 2}"] = before[f"optimizer/vars/{number}"]
        del weights["optimizer/vars/12"], weights["optimizer/vars/13"]

    rewrite_layers(model, lambda layers: layers[1]["config"].update(trainable=False))
    assert read(model).optimizer is None  # the state is that of a model without a frozen layer
    rewrite_weights(model, leave_out_the_embedding)
    found = read(model)
    assert found.trainable == (False, True, True)
    assert found.optimizer is not None
    expected = [before[f"optimizer/vars/{number}"] for number in (0, 1, *range(4, 14))]
    for array, saved in zip(found.optimizer, expected, strict=True):
        np.testing.assert_array_equal(array, saved)


def test_reading_changes_no_configuration(layers: Layers) -> None:
    before = copy.deepcopy(layers)
    unsupported_layers_reason(layers)
    trainable_of(layers)
    assert layers == before
