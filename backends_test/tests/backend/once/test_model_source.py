"""A model is loaded from a `.keras` file or built by the user's function, and errors in the user's code are told."""

import json
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from backends_test.any_model.errors import SourceError
from backends_test.any_model.model_file import load_saved
from backends_test.any_model.source import load, load_inputs, same_model

Write = Callable[[str], str]

HEAD = "import keras\n\n\n"
MODEL = "    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"


@pytest.fixture
def user_file(tmp_path: Path, request: pytest.FixtureRequest) -> Write:
    """Write the user's Python file, with another name in each test, and name the function `build` in it."""

    def write(text: str) -> str:
        path = tmp_path / f"models_{abs(hash(request.node.name))}.py"
        path.write_text(text, encoding="utf-8")
        return f"{path}:build"

    return write


def dense() -> keras.Model:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    # Keras warns when it loads an optimizer without its state.
    model.optimizer.build(model.trainable_variables)
    return model


def test_a_function_builds_a_new_model_at_each_call(user_file: Write) -> None:
    loaded = load(user_file(f"{HEAD}def build():\n{MODEL}"))
    one, other = loaded(), loaded()
    assert one is not other
    assert same_model(one, other) is None
    assert loaded.notes == []


def test_a_file_is_loaded_compiled_and_a_note_tells_of_jit_compile(tmp_path: Path) -> None:
    model = dense()
    model.save(tmp_path / "model.keras")
    loaded = load(str(tmp_path / "model.keras"))
    again = loaded()
    assert [array.tolist() for array in again.get_weights()] == [array.tolist() for array in model.get_weights()]
    assert type(again.optimizer).__name__ == "Adam"
    assert [note for note in loaded.notes if "jit_compile" in note]


def functional() -> keras.Model:
    ids, image = keras.Input((8,), dtype="int32"), keras.Input((8, 8, 3))
    text = keras.layers.Embedding(9, 4, mask_zero=True, embeddings_regularizer="l2")(ids)
    text = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True, kernel_constraint="max_norm"))(text)
    text = keras.layers.MultiHeadAttention(2, 3)(text, text, use_causal_mask=True)
    text = keras.ops.mean(text * 2.0, axis=1)[:, ::2]
    picture = keras.layers.Conv2D(4, 3, activation="gelu", dtype="mixed_float16")(image)
    picture = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(picture))
    inner = keras.Sequential([keras.layers.Dense(4, kernel_initializer="orthogonal"), keras.layers.Dropout(0.5)])
    joined = keras.layers.Concatenate()([text, inner(picture)])
    model = keras.Model([ids, image], [keras.layers.Dense(1, activation="sigmoid")(joined), picture])
    model.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.1, 10), clipnorm=1.0),
        loss=[keras.losses.BinaryCrossentropy(label_smoothing=0.1), keras.losses.mean_squared_error],
        metrics=[["accuracy", keras.metrics.AUC()], [keras.metrics.mean_absolute_error]],
    )
    return model


def recurrent() -> keras.Model:
    cells = [keras.layers.GRUCell(3), keras.layers.SimpleRNNCell(2)]
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.RNN(cells), keras.layers.Discretization([0.0, 1.0])])
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.RMSprop()), "mae")
    return model


def quantized() -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model.quantize("int8")
    return model


def of_applications() -> keras.Model:
    return keras.applications.ConvNeXtTiny(weights=None, input_shape=(32, 32, 3), classes=2)


@pytest.mark.parametrize("build", [dense, functional, recurrent, quantized, of_applications])
# Keras warns that it loads no state of an optimizer that has none yet.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_ordinary_models_need_no_trust(tmp_path: Path, build: Callable[[], keras.Model]) -> None:
    model = build()
    model.save(tmp_path / "model.keras")
    assert same_model(load(str(tmp_path / "model.keras"))(), model) is None


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, change(content.decode()) if name == "config.json" else content)


def test_an_optimizer_of_pytorch_is_replaced_by_the_public_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # These tests run on PyTorch, which does have the class.
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    model = dense()
    model.save(tmp_path / "model.keras")

    def as_on_pytorch(text: str) -> str:
        config = json.loads(text)
        private = {"module": "keras.src.backend.torch.optimizers.torch_adam", "registered_name": "Adam"}
        config["compile_config"]["optimizer"] |= private
        return json.dumps(config)

    rewrite(tmp_path / "model.keras", as_on_pytorch)
    loaded = load(str(tmp_path / "model.keras"))
    assert isinstance(loaded().optimizer, keras.optimizers.Adam)
    assert any("keras.optimizers.Adam takes its place" in note for note in loaded.notes)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_model_whose_optimizer_does_not_load_is_loaded_without_compiling(tmp_path: Path) -> None:
    dense().save(tmp_path / "model.keras")
    rewrite(tmp_path / "model.keras", lambda text: text.replace('"beta_1"', '"beta_0"'))
    loaded = load(str(tmp_path / "model.keras"))
    assert not loaded().compiled
    assert loaded.notes[-1].startswith("The model is not compiled, because")


def test_a_damaged_model_is_told_in_one_line(tmp_path: Path) -> None:
    dense().save(tmp_path / "model.keras")
    rewrite(tmp_path / "model.keras", lambda text: text.replace('"units"', '"unit"'))
    with pytest.raises(
        SourceError, match=r"^Cannot load .*\. Expected: a model that Keras can load here\. Received: .+$"
    ):
        load(str(tmp_path / "model.keras"))()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def build():\n    return 1\n", r"a function that returns a keras\.Model\. Received: an object of int\.$"),
        ("def build():\n    pass\n", r"Received: None\. Does it return the model\?$"),
        ("def build(units):\n    pass\n", r"without required arguments\. Received: .*'units'"),
        ("build = 3\n", r"a function that returns a new model\. Received: an object of int"),
        (f"{HEAD}build = keras.Sequential([])\n", r"Received: an object of keras\..*Sequential\. Put what builds it"),
        (
            "def other():\n    pass\n",
            r"Expected: a function 'build' in .* Received: a module with the functions other\.",
        ),
        ("def build():\n    return 1 / 0\n", r"\.py, line 2: ZeroDivisionError: division by zero$"),
        ("import no_such_module\n", r"\.py, line 1: ModuleNotFoundError: No module named 'no_such_module'$"),
        ("\n\nraise SystemExit(2)\n", r"\.py, line 3: SystemExit: 2$"),
        ("def build(:\n", r"\.py, line 1: SyntaxError: "),
        (
            f"{HEAD}def build():\n    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(-1)])\n",
            r"\.py, line 5: ValueError: ",
        ),
    ],
    ids=["int", "None", "arguments", "value", "model", "other", "raises", "import", "exit", "syntax", "in Keras"],
)
def test_what_is_wrong_with_a_function_is_told_in_one_line_with_its_place(
    user_file: Write, text: str, message: str
) -> None:
    with pytest.raises(SourceError, match=message) as refused:
        load(user_file(text))()
    assert "\n" not in str(refused.value)


def test_a_missing_module_and_a_missing_file_are_told() -> None:
    with pytest.raises(
        SourceError, match=r"Cannot import no_such_package\.model\. Expected: a module that is installed"
    ):
        load("no_such_package.model:build")
    with pytest.raises(SourceError, match=r"Cannot read nowhere\.py\. Expected: a Python file"):
        load("nowhere.py:build")


def test_a_file_imports_what_lies_beside_it_but_hides_no_package(
    tmp_path: Path, user_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    path = [*sys.path]
    (tmp_path / "beside_the_model.py").write_text("UNITS = 3\n", encoding="utf-8")
    (tmp_path / "h5py.py").write_text("raise AssertionError\n", encoding="utf-8")
    text = (
        f"import beside_the_model\nimport h5py\n{HEAD}def build():\n{MODEL.replace('(1)', '(beside_the_model.UNITS)')}"
    )
    assert load(user_file(text))().output_shape == (None, 3)
    assert sys.path == path


def test_a_file_with_the_name_of_a_package_does_not_replace_it(tmp_path: Path) -> None:
    (tmp_path / "keras.py").write_text(f"{HEAD}def build():\n{MODEL}", encoding="utf-8")
    before = sys.modules["keras"]
    assert load(f"{tmp_path / 'keras.py'}:build")().output_shape == (None, 1)
    assert sys.modules["keras"] is before


def test_a_module_is_found_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "package_of_the_user").mkdir()
    (tmp_path / "package_of_the_user" / "model.py").write_text(f"{HEAD}def build():\n{MODEL}", encoding="utf-8")
    assert load("package_of_the_user.model:build")().output_shape == (None, 1)


def test_a_saved_model_of_the_users_own_layers_is_loaded(tmp_path: Path, user_file: Write) -> None:
    text = (
        f"{HEAD}class Twice(keras.layers.Layer):\n    def call(self, x):\n        return 2 * x\n\n\n"
        "def build():\n    return keras.Sequential([keras.Input((2,)), Twice()])\n"
    )
    model = load(user_file(text))()
    model.save(tmp_path / "model.keras")
    again, note = load_saved(tmp_path / "model.keras")
    assert again(np.ones((1, 2))).shape == (1, 2)
    assert note is None


def test_a_function_gives_inputs_and_targets(user_file: Write) -> None:
    inputs, targets = load_inputs(user_file("def build():\n    return [1], 2\n"))
    assert (inputs, targets) == ([1], 2)


def test_a_function_gives_inputs_without_targets(user_file: Write) -> None:
    assert load_inputs(user_file("def build():\n    return [1]\n")) == ([1], None)


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ([keras.layers.Dense(1)], [keras.layers.ReLU()], "layer 1 is Dense in one and ReLU in the other"),
        (
            [keras.layers.Dense(1)],
            [keras.layers.Dense(2)],
            r"weight 1 is kernel \(2, 1\) float32 in one and kernel \(2, 2\)",
        ),
        ([keras.layers.Dense(1)], [], "1 layers in one and 0 in the other"),
        (
            [keras.layers.Dense(1)],
            [keras.layers.Dense(1, dtype="float16")],
            r"weight 1 is kernel \(2, 1\) float32 in one and kernel \(2, 1\) float16",
        ),
    ],
    ids=["class", "shape", "number", "type"],
)
def test_models_that_differ_from_call_to_call_are_noticed(
    one: list[keras.Layer], other: list[keras.Layer], difference: str
) -> None:
    found = same_model(*(keras.Sequential([keras.Input((2,)), *layers]) for layers in (one, other)))
    assert found is not None
    assert re.search(difference, found), found
