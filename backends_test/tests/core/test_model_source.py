"""Where a model comes from, and which `.keras` files are refused, without Keras."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends_test.any_model.errors import SourceError
from backends_test.any_model.model_file import check_file, read_config
from backends_test.any_model.source import ModelSource, load_inputs

DATA = Path(__file__).parents[1] / "data"
DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "dense"}, "registered_name": None}


def model_of(*layers: Any, **more: Any) -> dict[str, Any]:
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "model", "layers": layers}, **more}


def write(path: Path, config: Any, **members: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        archive.writestr("model.weights.h5", "")
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("text", "kind", "place", "function"),
    [
        ("model.keras", "file", "model.keras", ""),
        ("some/folder/model.keras", "file", "some/folder/model.keras", ""),
        ("package.module:build", "function", "package.module", "build"),
        ("folder/file.py:build", "function", "folder/file.py", "build"),
        ("module:Class.method", "function", "module", "Class.method"),
        ("hf://user/model", "file", "hf://user/model", ""),
        ("no such thing", "file", "no such thing", ""),
    ],
)
def test_a_model_is_a_file_or_a_function(text: str, kind: str, place: str, function: str) -> None:
    source = ModelSource.parse(text)
    assert (source.kind, source.place, source.function) == (kind, place, function)


@pytest.mark.parametrize("text", ["model.py", "model.py:"])
def test_a_python_file_without_a_function_is_refused_with_advice(text: str) -> None:
    with pytest.raises(SourceError, match=r"Expected: a \.keras file, .*Name a function in it: model\.py:build\.$"):
        ModelSource.parse(text)


@pytest.mark.parametrize("folder", ["tutorial", "robust"])
def test_a_file_that_keras_saved_is_accepted(folder: str) -> None:
    check_file(DATA / folder / "best-embedding-model.keras", trust=False)


@pytest.mark.parametrize(
    ("name", "content", "received"),
    [
        ("empty.keras", b"", "an empty file"),
        ("text.keras", b"a text that is long enough", "a file that is no zip archive"),
        ("old.h5", b"\x89HDF\r\n\x1a\n", r"an HDF5 file\. Convert it: .*load_model\('old\.h5'\)\.save\('old\.keras'\)"),
        ("model.weights.h5", b"\x89HDF\r\n\x1a\n", r"an HDF5 file\. It holds weights only"),
    ],
)
def test_other_files_are_refused_with_advice(tmp_path: Path, name: str, content: bytes, received: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=f"Expected: a .keras file. Received: {received}"):
        check_file(tmp_path / name, trust=True)


def test_a_missing_file_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").touch()
    for path, received in ((tmp_path / "none.keras", "no such file"), (tmp_path, "a folder with a SavedModel")):
        with pytest.raises(SourceError, match=received):
            check_file(path, trust=True)


def test_an_archive_without_its_members_is_refused(tmp_path: Path) -> None:
    for names, missing in ((("a",), r"config\.json"), (("config.json",), r"model\.weights\.h5")):
        with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
            for name in names:
                archive.writestr(name, "{}")
        with pytest.raises(SourceError, match=f"Expected: a zip archive with {missing}"):
            check_file(tmp_path / "model.keras", trust=True)


def test_an_archive_that_writes_outside_is_refused(tmp_path: Path) -> None:
    for name in ("assets/../../escaped", "/absolute", "C:\\windows"):
        with pytest.raises(SourceError, match="Expected: members inside the archive"):
            check_file(write(tmp_path / "model.keras", model_of(DENSE), **{name: ""}), trust=True)


@pytest.mark.parametrize("config", ["{", "[" * 100_000, "[]", '{"name": 1}'], ids=["cut", "deep", "list", "no model"])
def test_a_damaged_configuration_is_refused_in_one_line(tmp_path: Path, config: str) -> None:
    with pytest.raises(SourceError) as refused:
        read_config(write(tmp_path / "model.keras", config))
    assert "\n" not in str(refused.value)
    assert "Expected: a" in str(refused.value)


def test_a_huge_configuration_is_refused_before_it_is_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("config.json", "w") as member:
            for _ in range(51):
                member.write(b" " * 1_000_000)
        archive.writestr("model.weights.h5", "")
    (tmp_path / "model.keras").write_bytes(buffer.getvalue())
    with pytest.raises(SourceError, match=r"at most 50,000,000 bytes\. Received: 51,000,000 bytes"):
        check_file(tmp_path / "model.keras", trust=True)


def keras_object(module: str | None, name: str, config: Any = None, **more: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": {} if config is None else config, **more}


ALLOWED = {
    "operation": keras_object("keras.src.ops.numpy", "Add", registered_name="Add"),
    "functional": keras_object("keras.src.models.functional", "Functional", registered_name="Functional"),
    "policy": keras_object("keras", "DTypePolicy", {"name": "mixed_float16"}),
    "schedule": keras_object("keras.optimizers.schedules", "CosineDecay"),
    "torch optimizer": keras_object("keras.src.backend.torch.optimizers.torch_adam", "Adam", registered_name="Adam"),
    "loss function": keras_object("builtins", "function", "mean_squared_error", registered_name="function"),
    "activation": keras_object("keras.activations", "function", "relu", registered_name="relu"),
    "part of an application": keras_object(
        "keras.src.applications.convnext", "LayerScale", registered_name="LayerScale"
    ),
    "KerasHub": keras_object(
        "keras_hub.src.models.bert.bert_backbone", "BertBackbone", registered_name="keras_hub>BertBackbone"
    ),
    "function of KerasHub": keras_object(
        "builtins", "function", "keras_hub>gelu_approximate", registered_name="function"
    ),
    "tensor": {"class_name": "__keras_tensor__", "config": {"shape": [None, 1], "keras_history": ["a", 0, 0]}},
    "array": {"class_name": "__numpy__", "config": {"value": [1.0], "dtype": "float32"}},
    "vocabulary": keras_object("keras.layers", "StringLookup", {"vocabulary": ["a", "b"]}),
}

REFUSED = {
    "lambda": ({"class_name": "__lambda__", "config": {"value": "code"}}, "a Python lambda"),
    "Lambda": (keras_object("keras.layers", "Lambda"), "a Lambda layer"),
    "private Lambda": (keras_object("keras.src.layers.core.lambda_layer", "Lambda"), "a Lambda layer"),
    "Lambda of an old file": ({"class_name": "Lambda", "config": {}}, "a Lambda layer"),
    "class of an old file": ({"class_name": "Dense", "config": {}}, "a class without a module"),
    "saved model": (keras_object("keras.layers", "TFSMLayer"), "a TFSMLayer layer"),
    "pickled module": (keras_object("keras.layers", "TorchModuleWrapper"), "a TorchModuleWrapper layer"),
    "setting": (keras_object("keras.config", "function", "set_epsilon"), "the function keras.config.'set_epsilon'"),
    "download": (keras_object("keras.utils", "function", "get_file"), "the function keras.utils.'get_file'"),
    "lookup": (keras_object("keras.activations", "function", "deserialize"), "the function"),
    "function as a class": (keras_object("keras.layers", "deserialize"), "no class of a Keras model"),
    "function as a class of keras": (keras_object("keras.config", "set_epsilon"), "no class of a Keras model"),
    "registered": (keras_object("keras.layers", "Dense", registered_name="mine>Dense"), "the registered object"),
    "module of the user": (keras_object("my_layers", "Mine"), "my_layers.Mine"),
    "NumPy": (keras_object("numpy", "ndarray"), "numpy.ndarray"),
    "TensorFlow": ({**keras_object("tensorflow", "__typespec__"), "spec_name": "TensorSpec"}, "__typespec__"),
    "os": (keras_object("builtins", "function", "os.system"), "the function"),
    "class of builtins": (keras_object("builtins", "Exception"), "no class of a Keras model"),
    "test of Keras": (keras_object("keras.src.layers.layer_test", "Evil"), "no class of a Keras model"),
    "another part of Keras": (keras_object("keras.src.utils.torch_utils", "Wrapper"), "no class of a Keras model"),
    "vocabulary in a file": (
        keras_object("keras.layers", "StringLookup", {"vocabulary": "/etc/passwd"}),
        "another file",
    ),
    "tokenizer": (
        keras_object("keras_hub.src.tokenizers.x", "BytePairTokenizer", registered_name="keras_hub>BytePairTokenizer"),
        "reads other files",
    ),
    "function of KerasHub": (keras_object("builtins", "function", "keras_hub>upload_preset"), "the function"),
    "no name": (keras_object("keras.activations", "function", ["relu"]), "Received: "),
    "list for a class": ({"module": "keras.layers", "class_name": ["Lambda"], "config": {}}, "no class"),
}


def places(found: dict[str, Any]) -> list[dict[str, Any]]:
    """A model with an object as a layer, as an argument of a layer, of a call, and of `compile`."""
    inner = {**DENSE, "config": {"name": "dense", "activation": found}}
    called = {**DENSE, "inbound_nodes": [{"args": [found], "kwargs": {"mask": [[found]]}}]}
    wrapped = {**DENSE, "class_name": "TimeDistributed", "config": {"name": "outer", "layer": inner}}
    return [
        model_of(DENSE, found),
        model_of(inner),
        model_of(called),
        model_of(wrapped),
        model_of(DENSE, compile_config={"loss": {"dense": found}}),
        model_of(DENSE, build_config={"input_shape": [found]}),
    ]


@pytest.mark.parametrize("name", ALLOWED)
def test_what_keras_writes_is_accepted_anywhere(tmp_path: Path, name: str) -> None:
    for config in places(ALLOWED[name]):
        check_file(write(tmp_path / "model.keras", config), trust=False)


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_run_code_is_refused_anywhere_unless_it_is_trusted(tmp_path: Path, name: str) -> None:
    found, reason = REFUSED[name]
    for config in places(found):
        path = write(tmp_path / "model.keras", config)
        with pytest.raises(SourceError) as refused:
            check_file(path, trust=False)
        assert reason in str(refused.value)
        assert str(refused.value).endswith("add --trust, which runs it.")
        assert "\n" not in str(refused.value)
        check_file(path, trust=True)


def test_a_refusal_names_the_layer(tmp_path: Path) -> None:
    path = write(tmp_path / "model.keras", model_of(keras_object("keras.layers", "Lambda", {"name": "double"})))
    with pytest.raises(SourceError, match=r"Received: a Lambda layer, .* \(in 'double'\)\. If you trust"):
        check_file(path, trust=False)


def test_inputs_are_read_from_arrays_of_numpy(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(3))
    np.savez(tmp_path / "xy.npz", x=np.arange(3), y=np.ones(3))
    np.savez(tmp_path / "named.npz", a=np.arange(3), b=np.zeros(2))
    x, y = load_inputs(str(tmp_path / "x.npy"))
    assert x.tolist() == [0, 1, 2]
    assert y is None
    x, y = load_inputs(str(tmp_path / "xy.npz"))
    assert (x.tolist(), y.tolist()) == ([0, 1, 2], [1, 1, 1])
    x, y = load_inputs(str(tmp_path / "named.npz"))
    assert (list(x), y) == (["a", "b"], None)


def test_inputs_that_are_pickled_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(SourceError, match=r"Cannot read .*x\.npy\. Expected: arrays that np\.save"):
        load_inputs(str(tmp_path / "x.npy"))
