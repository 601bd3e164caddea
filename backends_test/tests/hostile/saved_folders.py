"""Hostile saved folders: what `imdb-rnn predict` and its neighbours meet when a stranger hands on a model.

Each maker writes into an empty folder and returns the command line that meets what it wrote. `MAKERS` lists them all.
What `IGNORED` lists has harm in a place that is never looked at: it is read like a good folder.

Hashes in a manifest do not stop an attacker, who can compute them again. So all hashes are right in these folders,
except where the hashes are tested.
"""

import base64
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from backends_test.tests.hostile.archives import Member, archive, deflated, deflated_zeros, lying, stored, zip_of
from backends_test.tests.hostile.attacks import Attack, Maker, device, pipe, sparse
from backends_test.tests.hostile.reviews import Harmful
from imdb_rnn.inference import bundle
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.text.preprocessing import LastIds
from imdb_rnn.text.tokens import Vocabulary

MAKERS: list[Maker] = []
IGNORED: list[Maker] = []


def maker(function: Maker) -> Maker:
    MAKERS.append(function)
    return function


def ignored(function: Maker) -> Maker:
    IGNORED.append(function)
    return function


# --- A folder that is not hostile ------------------------------------------------------------------------------------

WORDS = ("good", "film", "bad", "the")
MAX_LEN, NUM_WORDS = 10, 40
WEIGHTS = "model.weights.h5"


def settings(**replaced: Any) -> bytes:
    """The content of `best-embedding-config.json`."""
    good = json.loads(bundle.config_bytes(WORDS, LastIds(NUM_WORDS, MAX_LEN)))
    return json.dumps({**good, **replaced}).encode()


def manifest(**replaced: Any) -> dict[str, Any]:
    return {
        "vocabulary": Vocabulary(WORDS).fingerprint,
        "recipe": {"max_len": MAX_LEN, "num_words": NUM_WORDS, "windows": False},
        "data": {"source": "synthetic", "fingerprint": "0" * 64},
        "backend": "jax",
        "best_epoch": 1,
        "val_accuracy": 0.5,
        **replaced,
    }


def layers(**replaced: Any) -> list[dict[str, Any]]:
    """The layers as Keras describes them; a keyword replaces settings of the recurrent one."""
    common = {"dtype": "float32", "trainable": True}
    recurrent = {
        **common,
        "units": 8,
        "activation": "tanh",
        "use_bias": True,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "return_sequences": False,
        "return_state": False,
        "go_backwards": False,
        "stateful": False,
        "unroll": False,
        **replaced,
    }
    embedding = {**common, "input_dim": NUM_WORDS + 3, "output_dim": 16, "mask_zero": False}
    dense = {**common, "units": 1, "activation": "sigmoid", "use_bias": True}
    return [
        {"module": "keras.layers", "class_name": name, "config": config, "registered_name": None}
        for name, config in (("Embedding", embedding), ("SimpleRNN", recurrent), ("Dense", dense))
    ]


def model_config(**replaced: Any) -> dict[str, Any]:
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "sequential", "layers": layers()},
        "build_config": {"input_shape": [None, MAX_LEN]},
        "compile_config": None,
        **replaced,
    }


SHAPES = {
    "layers/embedding/vars/0": (NUM_WORDS + 3, 16),
    "layers/simple_rnn/cell/vars/0": (16, 8),
    "layers/simple_rnn/cell/vars/1": (8, 8),
    "layers/simple_rnn/cell/vars/2": (8,),
    "layers/dense/vars/0": (8, 1),
    "layers/dense/vars/1": (1,),
}
EMBEDDING = "layers/embedding/vars/0"


def weights(change: Callable[[h5py.File], None] | None = None, **options: Any) -> bytes:
    """The content of `model.weights.h5`; `change` may replace what is in it."""
    content = io.BytesIO()
    random = np.random.default_rng(1)
    with h5py.File(content, "w", **options) as file:
        for name, shape in SHAPES.items():
            file[name] = random.normal(scale=0.1, size=shape).astype(np.float32)
        if change is not None:
            change(file)
    return content.getvalue()


def model(config: bytes | None = None, arrays: bytes | None = None) -> bytes:
    """A .keras file."""
    return zip_of(
        {
            "metadata.json": json.dumps({"keras_version": "3.15.0", "date_saved": "2026-01-01@00:00:00"}).encode(),
            "config.json": json.dumps(model_config()).encode() if config is None else config,
            WEIGHTS: weights() if arrays is None else arrays,
        }
    )


def history() -> bytes:
    return json.dumps({name: [0.5] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}).encode()


def estimator(**replaced: Any) -> bytes:
    """The content of `estimator.json`."""
    return json.dumps({"params": {"epochs": 3}, "classes": ["bad", "good"], "dtype": "<U4", **replaced}).encode()


def save(folder: Path, notes: Mapping[str, Any] | None = None, **files: bytes) -> Path:
    """Write a folder whose hashes are right; a keyword replaces a file: `model`, `config`, `history`, `estimator`."""
    contents = {"model": model(), "config": settings(), "history": history(), "estimator": estimator(), **files}
    names = {
        "model": bundle.MODEL_FILE,
        "config": bundle.CONFIG_FILE,
        "history": bundle.HISTORY_FILE,
        "estimator": bundle.ESTIMATOR_FILE,
    }
    (folder / "saved").mkdir()
    bundle.write(
        folder / "saved",
        Manifest(other=notes or manifest()),
        {names[name]: content for name, content in contents.items()},
    )
    return folder / "saved"


def predict(folder: Path) -> Attack:
    return Attack(["predict", str(folder / "saved"), "a good film"])


LOAD = """
import sys
from imdb_rnn import ImdbRnnError, ReviewClassifier
from imdb_rnn.printable import printable
try:
    print(ReviewClassifier.load(sys.argv[1]).predict(["a good film"]))
except ImdbRnnError as error:
    sys.exit(f"imdb-rnn: {printable(str(error))}")
"""


def load_estimator(folder: Path) -> Attack:
    return Attack([str(folder / "saved")], program=LOAD)


def attack_estimator(folder: Path, content: bytes) -> Attack:
    save(folder, estimator=content)
    return load_estimator(folder)


def attack(folder: Path, notes: Mapping[str, Any] | None = None, **files: bytes) -> Attack:
    save(folder, notes, **files)
    return predict(folder)


def attack_arrays(folder: Path, change: Callable[[h5py.File], None], **options: Any) -> Attack:
    """The arrays of the model are hostile."""
    return attack(folder, model=model(arrays=weights(change, **options)))


def attack_member(folder: Path, member: Member, *more: Member) -> Attack:
    """The arrays of the model are hostile as a member of its archive rather than by their content."""
    return attack(folder, model=archive(stored("config.json", json.dumps(model_config()).encode()), member, *more))


def attack_embedding(folder: Path, **options: Any) -> Attack:
    """The largest array is another data set."""

    def change(file: h5py.File) -> None:
        del file[EMBEDDING]
        file.create_dataset(EMBEDDING, **{"shape": SHAPES[EMBEDDING], "dtype": "float32", **options})

    return attack_arrays(folder, change)


# --- What is no file -------------------------------------------------------------------------------------------------


@maker
def model_that_is_a_device(folder: Path) -> Attack:
    device(save(folder) / bundle.MODEL_FILE)
    return predict(folder)


@maker
def model_that_is_a_pipe(folder: Path) -> Attack:
    pipe(save(folder) / bundle.MODEL_FILE)
    return predict(folder)


@maker
def model_of_five_gigabytes(folder: Path) -> Attack:
    sparse(save(folder) / bundle.MODEL_FILE)
    return predict(folder)


@maker
def settings_that_are_a_pipe(folder: Path) -> Attack:
    pipe(save(folder) / bundle.CONFIG_FILE)
    return predict(folder)


@maker
def manifest_that_is_a_pipe(folder: Path) -> Attack:
    pipe(save(folder) / bundle.MANIFEST_FILE)
    return predict(folder)


@maker
def settings_that_are_a_device(folder: Path) -> Attack:
    device(save(folder) / bundle.CONFIG_FILE)
    return predict(folder)


@maker
def manifest_that_is_a_device(folder: Path) -> Attack:
    device(save(folder) / bundle.MANIFEST_FILE)
    return predict(folder)


@maker
def manifest_that_is_a_link_to_itself(folder: Path) -> Attack:
    place = save(folder) / bundle.MANIFEST_FILE
    place.unlink()
    place.symlink_to(place.name)
    return predict(folder)


@maker
def history_that_is_a_pipe(folder: Path) -> Attack:
    pipe(save(folder) / bundle.HISTORY_FILE)
    return Attack(["plot", str(folder / "saved"), "-o", str(folder / "picture.png")])


# --- Archives --------------------------------------------------------------------------------------------------------


@maker
def weights_that_unpack_to_gigabytes_and_say_a_thousand_bytes(folder: Path) -> Attack:
    return attack_member(folder, deflated_zeros(WEIGHTS, 2048, 1000))


@maker
def weights_that_say_gigabytes(folder: Path) -> Attack:
    return attack_member(folder, deflated_zeros(WEIGHTS, 2048, 1 << 31))


@maker
def weights_of_490_megabytes(folder: Path) -> Attack:
    return attack_member(folder, deflated_zeros(WEIGHTS, 490, 490 << 20))


@maker
def weights_of_38_megabytes_of_zeros(folder: Path) -> Attack:
    return attack_member(folder, deflated_zeros(WEIGHTS, 38, 38 << 20))


@maker
def weights_that_are_cut_off(folder: Path) -> Attack:
    whole = deflated(WEIGHTS, weights())
    return attack_member(folder, lying(whole, data=whole.data[:-100]))


@maker
def weights_of_two_members(folder: Path) -> Attack:
    return attack_member(folder, stored(WEIGHTS, weights()), stored(WEIGHTS, weights()))


@maker
def weights_of_bzip2(folder: Path) -> Attack:
    contents = {"config.json": json.dumps(model_config()).encode(), WEIGHTS: weights()}
    return attack(folder, model=zip_of(contents, zipfile.ZIP_BZIP2))


@maker
def model_of_hundreds_of_thousands_of_members(folder: Path) -> Attack:
    return attack(folder, model=archive(*(stored(f"{number}", b"") for number in range(200_000))))


@maker
def model_that_is_cut_off(folder: Path) -> Attack:
    return attack(folder, model=model()[:-200])


@maker
def model_that_is_a_pickle(folder: Path) -> Attack:
    return attack(folder, model=b"\x80\x04cos\nmkdir\n\x8c\x04harm\x85R.")


# --- Arrays ----------------------------------------------------------------------------------------------------------


def attack_of_words_never_written(folder: Path, words: int) -> Attack:
    """A file that declares the embeddings of so many words, and holds none."""
    trained = {"max_len": MAX_LEN, "num_words": words, "windows": False}

    def change(file: h5py.File) -> None:
        del file[EMBEDDING]
        file.create_dataset(EMBEDDING, shape=(words + 3, 16), dtype="float32")

    return attack(
        folder, manifest(recipe=trained), config=settings(num_words=words), model=model(arrays=weights(change))
    )


@maker
def arrays_of_seventy_million_words_that_were_never_written(folder: Path) -> Attack:
    return attack_of_words_never_written(folder, 70_000_000)


@maker
def arrays_of_the_most_words_that_were_never_written(folder: Path) -> Attack:
    return attack_of_words_never_written(folder, 200_000)


@maker
def array_whose_chunk_unpacks_to_more(folder: Path) -> Attack:
    return attack_embedding(folder, chunks=SHAPES[EMBEDDING], compression="gzip", fillvalue=1)


@maker
def array_with_a_chunk_of_gigabytes(folder: Path) -> Attack:
    return attack_embedding(folder, chunks=(8_000_000, 16), maxshape=(None, 16), compression="gzip")


@maker
def array_in_another_file(folder: Path) -> Attack:
    return attack_embedding(folder, external=[("/etc/passwd", 0, SHAPES[EMBEDDING][0] * 64)])


@maker
def array_behind_a_link_to_another_file(folder: Path) -> Attack:
    (folder / "other.h5").write_bytes(weights())

    def change(file: h5py.File) -> None:
        del file[EMBEDDING]
        file[EMBEDDING] = h5py.ExternalLink(str(folder / "other.h5"), EMBEDDING)

    return attack_arrays(folder, change)


@maker
def array_that_is_put_together_from_other_files(folder: Path) -> Attack:
    (folder / "other.h5").write_bytes(weights())

    def change(file: h5py.File) -> None:
        del file[EMBEDDING]
        layout = h5py.VirtualLayout(SHAPES[EMBEDDING], "float32")
        layout[:] = h5py.VirtualSource(str(folder / "other.h5"), EMBEDDING, SHAPES[EMBEDDING])
        file.create_virtual_dataset(EMBEDDING, layout)

    return attack_arrays(folder, change)


@maker
def array_behind_a_link_to_itself(folder: Path) -> Attack:
    def change(file: h5py.File) -> None:
        del file[EMBEDDING]
        file[EMBEDDING] = h5py.SoftLink(f"/{EMBEDDING}")

    return attack_arrays(folder, change)


@maker
def array_of_values_that_are_not_finite(folder: Path) -> Attack:
    def change(file: h5py.File) -> None:
        file[EMBEDDING][3, 4] = np.nan

    return attack_arrays(folder, change)


@maker
def array_of_another_type(folder: Path) -> Attack:
    return attack_embedding(folder, dtype="float64")


@maker
def array_of_texts(folder: Path) -> Attack:
    return attack_embedding(folder, dtype=h5py.string_dtype())


@maker
def array_of_another_shape(folder: Path) -> Attack:
    return attack_embedding(folder, shape=(16, NUM_WORDS + 3))


@maker
def arrays_whose_places_are_far_away(folder: Path) -> Attack:
    content = bytearray(weights())
    for place in range(24, 96, 8):  # in the superblock
        content[place : place + 8] = struct.pack("<Q", 1 << 62)
    return attack(folder, model=model(arrays=bytes(content)))


@maker
def arrays_whose_groups_go_in_circles(folder: Path) -> Attack:
    content = weights()
    # Every node of a tree of names leads back to the root's.
    first = content.index(b"TREE")
    pointed = content.replace(struct.pack("<Q", content.index(b"SNOD")), struct.pack("<Q", first))
    return attack(folder, model=model(arrays=pointed))


@maker
def arrays_of_a_later_kind_of_file(folder: Path) -> Attack:
    return attack_arrays(folder, lambda file: None, libver="latest")


# --- The description of the model ------------------------------------------------------------------------------------


@maker
def description_within_brackets(folder: Path) -> Attack:
    return attack(folder, model=model(config=b"[" * 900_000))


@maker
def description_with_code(folder: Path) -> Attack:
    harm = "import os; os.mkdir('harm')"
    code = {"class_name": "__lambda__", "config": {"code": harm}}
    called = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": code}, "registered_name": None}
    return attack(folder, model=model(json.dumps(model_config(config={"layers": [called, *layers()]})).encode()))


def attack_layers(folder: Path, *first: dict[str, Any]) -> Attack:
    """The description of the model begins with other layers."""
    described = model_config(config={"name": "sequential", "layers": [*first, *layers()]})
    return attack(folder, model=model(json.dumps(described).encode()))


def keras_layer(name: str, **config: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": name, "config": {"name": "harm", **config}, "registered_name": None}


def keras_function(module: str, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


def calling(function: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """A layer that calls a function when Keras loads it; so several vulnerabilities of Keras did their harm."""
    called = keras_layer("Lambda", function=function, arguments=arguments)
    return {**called, "inbound_nodes": [{"args": [], "kwargs": {"inputs": "harm"}}]}


HARMFUL = {"module": "os", "class_name": "mkdir", "config": {"path": "harm"}, "registered_name": "mkdir"}


@maker
def description_that_names_a_function(folder: Path) -> Attack:
    return attack_layers(folder, HARMFUL)


@maker
def description_that_turns_the_safe_mode_off(folder: Path) -> Attack:
    code = {"class_name": "__lambda__", "config": {"code": "import os; os.mkdir('harm')"}}
    unsafe = keras_function("keras.config", "enable_unsafe_deserialization")
    return attack_layers(folder, calling(unsafe), keras_layer("Lambda", function=code))


@maker
def description_that_loads_another_model(folder: Path) -> Attack:
    return attack_layers(folder, calling(keras_function("keras.models", "load_model"), safe_mode=False))


@maker
def description_that_downloads_a_file(folder: Path) -> Attack:
    download = keras_function("keras.utils", "get_file")
    return attack_layers(folder, calling(download, origin=f"file://{folder}/evil.tar", extract=True, cache_dir="."))


@maker
def description_with_a_pickled_module(folder: Path) -> Attack:
    pickled = base64.b64encode(pickle.dumps(Harmful(folder / "harm"))).decode()
    return attack_layers(folder, keras_layer("TorchModuleWrapper", module=pickled))


@maker
def description_of_a_model_elsewhere(folder: Path) -> Attack:
    return attack_layers(folder, keras_layer("TFSMLayer", filepath=str(folder / "evil"), call_endpoint="serve"))


@maker
def description_that_reads_a_file_as_a_vocabulary(folder: Path) -> Attack:
    return attack_layers(folder, keras_layer("StringLookup", vocabulary="/etc/passwd"))


@maker
def description_of_a_layer_registered_by_a_stranger(folder: Path) -> Attack:
    return attack_layers(folder, {**keras_layer("Dense"), "module": "harm", "registered_name": "harm>Dense"})


@ignored
def description_whose_initializer_names_a_function(folder: Path) -> Attack:
    described = layers(kernel_initializer=HARMFUL, activity_regularizer=calling(HARMFUL))
    return attack(folder, model=model(json.dumps(model_config(config={"layers": described})).encode()))


@ignored
def description_whose_loss_names_a_function(folder: Path) -> Attack:
    compiled = {"optimizer": HARMFUL, "loss": HARMFUL, "metrics": [HARMFUL]}
    return attack(folder, model=model(json.dumps(model_config(compile_config=compiled)).encode()))


@ignored
def description_whose_layer_is_named_like_a_path(folder: Path) -> Attack:
    described = layers(name="../../../harm")
    return attack(folder, model=model(json.dumps(model_config(config={"layers": described})).encode()))


@ignored
def model_with_a_member_outside_of_the_folder(folder: Path) -> Attack:
    described = stored("config.json", json.dumps(model_config()).encode())
    outside = [stored(name, b"harm") for name in ("../../harm", str(folder / "harm"), "_layer_checkpoint/../../harm")]
    return attack(folder, model=archive(*outside, described, stored(WEIGHTS, weights())))


@maker
def model_in_the_older_format(folder: Path) -> Attack:
    """A file of HDF5 alone; in this format Keras has run code without asking."""
    code = {"class_name": "Lambda", "config": {"function": ["import os; os.mkdir('harm')", None, None]}}

    def change(file: h5py.File) -> None:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": [code]}})

    return attack(folder, model=weights(change))


@maker
def description_of_another_model(folder: Path) -> Attack:
    return attack(folder, model=model(json.dumps(model_config(config={"layers": layers(go_backwards=True)})).encode()))


@maker
def description_without_layers(folder: Path) -> Attack:
    return attack(folder, model=model(json.dumps(model_config(config={"layers": 5})).encode()))


@maker
def description_of_thirty_megabytes(folder: Path) -> Attack:
    return attack(folder, model=model(b'{"a": "' + b"a" * 30_000_000 + b'"}'))


# --- Settings --------------------------------------------------------------------------------------------------------


@maker
def settings_within_brackets(folder: Path) -> Attack:
    return attack(folder, config=b'{"a":' * 1_000_000)


@maker
def settings_of_a_million_empty_lists(folder: Path) -> Attack:
    return attack(folder, config=b'{"word_index": [' + b"[]," * 2_000_000 + b"[]]}")


@maker
def settings_of_sixty_megabytes(folder: Path) -> Attack:
    return attack(folder, config=settings(more="a" * 60_000_000))


@maker
def settings_of_a_billion_words_to_read(folder: Path) -> Attack:
    trained = {"max_len": 10**9, "num_words": NUM_WORDS, "windows": False}
    described = json.dumps(model_config(build_config={"input_shape": [None, 10**9]})).encode()
    return attack(folder, manifest(recipe=trained), config=settings(max_len=10**9), model=model(described))


@maker
def settings_of_no_number(folder: Path) -> Attack:
    return attack(folder, config=settings(max_len=float("nan")))


@maker
def settings_of_a_number_of_a_million_digits(folder: Path) -> Attack:
    return attack(folder, config=settings().replace(b'"max_len": 10', b'"max_len": 1' + b"0" * 1_000_000))


@maker
def settings_of_thousands_of_numbers_of_hundreds_of_digits(folder: Path) -> Attack:
    return attack(folder, config=b'{"a": [' + b",".join([b"9" * 308] * 25_000) + b"]}")


@maker
def settings_with_one_word_twice(folder: Path) -> Attack:
    return attack(folder, config=settings().replace(b'"good": 1', b'"good": 9, "good": 1'))


@maker
def settings_with_half_a_character(folder: Path) -> Attack:
    return attack(folder, config=settings().replace(b'"film"', rb'"\ud800"'))


@maker
def settings_whose_word_steers_the_terminal(folder: Path) -> Attack:
    return attack(folder, config=settings(max_len="\x1b[2J\x07\n" * 10))


@maker
def settings_of_the_tutorial_with_a_hostile_model(folder: Path) -> Attack:
    (folder / "saved").mkdir()
    tutorial = {"max_len": MAX_LEN, "num_words": NUM_WORDS, "word_index": {"good": 1, "film": 2}}
    (folder / "saved" / bundle.CONFIG_FILE).write_text(json.dumps(tutorial))
    described = stored("config.json", json.dumps(model_config()).encode())
    hostile = archive(described, deflated_zeros(WEIGHTS, 2048, 1000))
    (folder / "saved" / bundle.MODEL_FILE).write_bytes(hostile)
    return predict(folder)


# --- Manifests -------------------------------------------------------------------------------------------------------


@maker
def manifest_of_sixty_megabytes(folder: Path) -> Attack:
    return attack(folder, manifest(more="a" * 60_000_000))


@maker
def manifest_within_brackets(folder: Path) -> Attack:
    (save(folder) / bundle.MANIFEST_FILE).write_bytes(b"[" * 7_000_000)
    return predict(folder)


@maker
def manifest_of_lists_within_lists(folder: Path) -> Attack:
    return attack(folder, manifest(more=json.loads("[" * 800 + "]" * 800)))


@maker
def manifest_with_one_digit_changed(folder: Path) -> Attack:
    place = save(folder) / bundle.MANIFEST_FILE
    place.write_bytes(place.read_bytes().replace(b'"val_accuracy": 0.5', b'"val_accuracy": 0.9'))
    return predict(folder)


@maker
def manifest_without_hashes(folder: Path) -> Attack:
    (save(folder) / bundle.MANIFEST_FILE).write_text(json.dumps(manifest()))
    return predict(folder)


@maker
def manifest_that_hashes_another_model(folder: Path) -> Attack:
    (save(folder) / bundle.MODEL_FILE).write_bytes(model(arrays=weights(lambda file: file.__delitem__(EMBEDDING))))
    return predict(folder)


@maker
def manifest_whose_hashes_are_no_texts(folder: Path) -> Attack:
    place = save(folder) / bundle.MANIFEST_FILE
    sealed = json.loads(place.read_bytes())
    place.write_text(json.dumps({**sealed, "files": [sealed["files"]], "previous": {"previous": []}}))
    return predict(folder)


@maker
def manifest_that_names_a_path(folder: Path) -> Attack:
    pipe(folder / "evil.npz")
    named = manifest(data={"source": f"npz:{folder / 'evil.npz'}", "fingerprint": "0" * 64})
    save(folder, named)
    return Attack(["evaluate", str(folder / "saved")])


@maker
def manifest_that_names_a_path_of_megabytes(folder: Path) -> Attack:
    save(folder, manifest(data={"source": "folder:/\x1b[2J" + "a" * 5_000_000, "fingerprint": "0" * 64}))
    return Attack(["evaluate", str(folder / "saved")])


@maker
def folder_that_is_a_link_to_itself(folder: Path) -> Attack:
    (folder / "saved").symlink_to("saved")
    return predict(folder)


@maker
def folder_that_is_a_pipe(folder: Path) -> Attack:
    os.mkfifo(folder / "saved")
    return predict(folder)


# --- Estimators ------------------------------------------------------------------------------------------------------


@maker
def estimator_that_is_a_pipe(folder: Path) -> Attack:
    pipe(save(folder) / bundle.ESTIMATOR_FILE)
    return load_estimator(folder)


@maker
def estimator_with_its_labels_exchanged(folder: Path) -> Attack:
    place = save(folder) / bundle.ESTIMATOR_FILE
    place.write_bytes(estimator(classes=["good", "bad"]))
    return load_estimator(folder)


@maker
def estimator_with_labels_of_gigabytes(folder: Path) -> Attack:
    return attack_estimator(folder, estimator(dtype="<U999999999"))


@maker
def estimator_with_a_parameter_of_megabytes(folder: Path) -> Attack:
    return attack_estimator(folder, estimator(params={"a" * 5_000_000: 1}))
