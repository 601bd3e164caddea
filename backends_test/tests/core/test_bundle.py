"""A saved folder: plain Keras and JSON, whole at any moment, and read back without being trusted."""

import hashlib
import io
import json
import random
import resource
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from backends_test.tests.saved_folder import (
    Change,
    Saved,
    replace_array,
    rewrite_json,
    rewrite_layers,
    rewrite_member,
    rewrite_weights,
)
from imdb_rnn import BundleError, Classifier, Corpus
from imdb_rnn.inference.bundle import (
    CONFIG_FILE,
    HISTORY_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    PLOT_FILE,
    exclusive_directory,
    read_bundle,
    read_part,
    save,
)
from imdb_rnn.inference.manifest import Manifest


def test_the_tutorials_settings_are_the_tutorials(trained: Saved, small_corpus: Corpus) -> None:
    text = (trained[0] / CONFIG_FILE).read_text(encoding="utf-8")
    config = json.loads(text)
    assert list(config) == ["max_len", "num_words", "word_index", "imdb_rnn"]
    assert (config["max_len"], config["num_words"]) == (100, 2_000)
    assert config["word_index"] == {word: rank for rank, word in enumerate(small_corpus.vocabulary.words, start=1)}
    assert text == json.dumps(config, ensure_ascii=False, indent=4)
    assert config["imdb_rnn"] == {"format": 2, "windows": False}


def test_a_folder_of_an_earlier_version_is_read_as_before(earlier: Path, trained: Saved) -> None:
    ours, before = Classifier.load(trained[0]), Classifier.load(earlier)
    assert before.vocabulary == ours.vocabulary
    assert before.manifest == ours.manifest
    text = "A good film, and a very bad one."
    assert before.predict_review(text).score == ours.predict_review(text).score


@pytest.mark.parametrize("name", [MODEL_FILE, CONFIG_FILE, MANIFEST_FILE])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=rf"Cannot read .*{name}\. Expected: .*No such file"):
        read_bundle(bundle)


@pytest.mark.parametrize("name", [MODEL_FILE, CONFIG_FILE, MANIFEST_FILE])
@pytest.mark.parametrize("keep", [0, 100, -100])
def test_a_truncated_file_is_named(bundle: Path, name: str, keep: int) -> None:
    (bundle / name).write_bytes((bundle / name).read_bytes()[:keep])
    with pytest.raises(BundleError, match=rf"Cannot read .*{name}\. Expected: "):
        read_bundle(bundle)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"Cannot load .*none\. .* Received: no such folder"):
        read_bundle(tmp_path / "none")


# --- Hashes ---


def test_the_manifest_has_the_hash_of_every_file(robust: Saved) -> None:
    files = {file.name: file.read_bytes() for file in robust[0].iterdir() if file.name != MANIFEST_FILE}
    manifest = json.loads((robust[0] / MANIFEST_FILE).read_text(encoding="utf-8"))
    assert manifest["format"] == 2
    assert manifest["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert set(files) == {CONFIG_FILE, MODEL_FILE, HISTORY_FILE, PLOT_FILE}


@pytest.mark.parametrize("name", [MANIFEST_FILE, CONFIG_FILE, HISTORY_FILE, MODEL_FILE])
def test_one_changed_byte_is_noticed_or_changes_nothing(bundle: Path, name: str) -> None:
    """Two hundred places drawn at random, and those of the JSON that stand for something rather than for space."""

    def found() -> list[Any]:
        content = read_bundle(bundle)
        arrays = [array.tobytes() for array in (*content.weights, *(content.optimizer or []))]
        settings = content.preprocessing, content.words, content.trainable
        return [*arrays, *settings, content.manifest, read_part(bundle, HISTORY_FILE)]

    before, original, chosen = found(), (bundle / name).read_bytes(), random.Random(name)  # noqa: S311
    refused = 0
    for _ in range(200):
        changed = bytearray(original)
        place = chosen.randrange(len(changed))
        changed[place] = (changed[place] + chosen.randrange(1, 256)) % 256
        (bundle / name).write_bytes(changed)
        try:
            assert found() == before, (place, original[place], changed[place])
        except BundleError:
            refused += 1
    assert refused >= 150


@pytest.mark.parametrize("name", ["format", "files", "sha256"])
def test_hashes_cannot_be_taken_out(bundle: Path, name: str) -> None:
    rewrite_json(bundle / MANIFEST_FILE, lambda manifest: manifest.pop(name))
    with pytest.raises(BundleError, match=r"manifest\.json\. Expected: an unchanged manifest of format 2\."):
        read_bundle(bundle)


def test_a_manifest_without_any_hash_does_not_do_for_settings_of_this_version(bundle: Path) -> None:
    rewrite_json(
        bundle / MANIFEST_FILE, lambda manifest: [manifest.pop(name) for name in ("format", "files", "sha256")]
    )
    with pytest.raises(BundleError, match=r"manifest\.json\. Expected: hashes of the files\. Received: no hashes"):
        read_bundle(bundle)


def test_a_folder_of_a_later_version_is_named_as_such(bundle: Path) -> None:
    rewrite_json(bundle / MANIFEST_FILE, lambda manifest: manifest.update(format=3))
    with pytest.raises(BundleError, match=r"Received: format 3, which needs a later version"):
        read_bundle(bundle)


def test_the_model_of_another_training_is_refused_and_the_way_to_save_one_is_named(bundle: Path, robust: Saved) -> None:
    shutil.copy(robust[0] / MODEL_FILE, bundle / MODEL_FILE)
    with pytest.raises(BundleError, match=r"Received: another one, or a damaged one\. .* use Classifier\.save\."):
        Classifier.load(bundle)


def test_settings_and_history_of_another_training_are_refused(bundle: Path, robust: Saved) -> None:
    for name in (CONFIG_FILE, HISTORY_FILE):
        shutil.copy(robust[0] / name, bundle / name)
    with pytest.raises(BundleError, match=rf"{CONFIG_FILE}\. Expected: the file that manifest\.json was saved with"):
        read_bundle(bundle)
    with pytest.raises(BundleError, match=rf"{HISTORY_FILE}\. Expected: the file that manifest\.json was saved with"):
        read_part(bundle, HISTORY_FILE)


# --- Folders whose parts do not fit, without hashes that would tell ---


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.update(max_len=200), r"Expected: `max_len` 100 .* Received: 200"),
        (lambda config: config.update(num_words=9_000), r"Expected: `num_words` 2000 .* Received: 9000"),
        (lambda config: config.update(max_len="100"), r"Expected: `max_len` .* from 1 to 10,000\. Received: '100'"),
        (lambda config: config.update(max_len=-1), r"from 1 to 10,000\. Received: -1"),
        (lambda config: config.update(max_len=10**9), r"from 1 to 10,000\. Received: 1000000000"),
        (lambda config: config.update(num_words=70_000_000), r"from 5 to 150,000\. Received: 70000000"),
        (lambda config: config.update(max_len=True), r"Expected: `max_len` .* Received: True"),
        (lambda config: config.pop("num_words"), r"Expected: `num_words` .* Received: None"),
        (lambda config: config.pop("word_index"), r"Expected: `word_index`, word -> id from 4"),
        (lambda config: config["word_index"].update(film="4"), r"Expected: `word_index`, word -> id from 4"),
        (lambda config: config["word_index"].update(film=4), r"Expected: `word_index`, word -> id from 4"),
        (lambda config: config["word_index"].popitem(), r"Expected: the `word_index` that the model was trained with"),
        (lambda config: config.update(word_index={"good": 4}), r"Received: another one, of 1 words"),
        (
            lambda config: config.update(word_index={"good\n": 4}),
            r"`word_index` in .* Expected: distinct, non-empty words",
        ),
    ],
)
def test_settings_that_do_not_fit_the_model_are_refused(earlier: Path, change: Change, message: str) -> None:
    rewrite_json(earlier / CONFIG_FILE, change)
    with pytest.raises(BundleError, match=message):
        read_bundle(earlier)


@pytest.mark.parametrize("data", [None, [], {}, {"source": ["x"], "fingerprint": "f"}, {"source": "imdb"}])
def test_a_manifest_that_does_not_name_its_data_is_refused(earlier: Path, data: object) -> None:
    rewrite_json(earlier / MANIFEST_FILE, lambda manifest: manifest.update(data=data))
    with pytest.raises(BundleError, match=r"manifest\.json\. Expected: .* Received: `data`, "):
        read_bundle(earlier)


def test_damage_in_an_archive_is_noticed(earlier: Path) -> None:
    content = bytearray((earlier / MODEL_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (earlier / MODEL_FILE).write_bytes(content)
    with pytest.raises(BundleError, match=r"Cannot read .*best-embedding-model\.keras"):
        read_bundle(earlier)


def test_damage_in_a_compressed_archive_is_noticed(earlier: Path) -> None:
    with zipfile.ZipFile(earlier / MODEL_FILE) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(earlier / MODEL_FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert read_bundle(earlier)
    damaged = bytearray((earlier / MODEL_FILE).read_bytes())
    damaged[len(damaged) // 2 : len(damaged) // 2 + 1000] = bytes(1000)
    (earlier / MODEL_FILE).write_bytes(damaged)
    with pytest.raises(BundleError, match=r"Cannot read .*best-embedding-model\.keras"):
        read_bundle(earlier)


def test_a_model_of_another_length_is_refused(earlier: Path) -> None:
    for name in (CONFIG_FILE, MANIFEST_FILE):
        rewrite_json(earlier / name, lambda content: content.get("recipe", content).update(max_len=50))
    with pytest.raises(BundleError, match=r"Received: a model that takes 100 ids, but .* says 50"):
        read_bundle(earlier)


def link(name: str, to: object) -> Callable[[h5py.File], None]:
    def change(weights: h5py.File) -> None:
        del weights[name]
        weights[name] = to

    return change


def never_written(weights: h5py.File) -> None:
    """The array is 100 GB large, and takes no room in the file."""
    del weights["layers/dense/vars/0"]
    weights.create_dataset("layers/dense/vars/0", (8, 1), np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replace_array("layers/dense/vars/0", np.zeros((9, 1), np.float32)), r"of shape \(9, 1\)"),
        (replace_array("layers/dense/vars/0", np.zeros((8, 1), np.float64)), "type unknown, not"),
        (replace_array("layers/dense/vars/0", np.zeros((8, 1), ">f4")), "type unknown, not"),
        (replace_array("layers/dense/vars/0", np.zeros((8, 1), np.int32)), "type int32, not"),
        (replace_array("layers/dense/vars/1", np.array([np.nan], np.float32)), "not finite"),
        (replace_array("layers/dense/vars/1", np.array([np.inf], np.float32)), "not finite"),
        (lambda weights: weights.pop("layers/simple_rnn"), "no layers/simple_rnn/cell/vars/0"),
        (lambda weights: weights.pop("layers/dense/vars/0"), "no layers/dense/vars/0"),
        (never_written, "layers/dense/vars/0 is not a plain array of 32 bytes"),
        (replace_array("layers/dense/vars/0", np.zeros((8, 1), np.float32), chunks=(8, 1)), "is not a plain array"),
        (
            replace_array("layers/dense/vars/0", np.zeros((8, 1), np.float32), compression="gzip"),
            "is not a plain array",
        ),
        (link("layers/dense/vars/0", h5py.SoftLink("/layers/dense/vars/1")), "no layers/dense/vars/0"),
        (link("layers/dense/vars/0", h5py.ExternalLink("other.h5", "/x")), "no layers/dense/vars/0"),
        (link("layers/dense/vars", h5py.SoftLink("/layers/embedding/vars")), "no layers/dense/vars/0"),
    ],
    ids=[
        *("shape", "double", "byte order", "integer", "not a number", "infinite", "no layer", "no array"),
        *("never written", "chunks", "filter", "link", "other file", "linked group"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    earlier: Path, change: Callable[[h5py.File], object], message: str
) -> None:
    rewrite_weights(earlier / MODEL_FILE, change)
    with pytest.raises(BundleError, match=message):
        read_bundle(earlier)


def test_weights_that_point_to_another_file_are_refused(earlier: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(np.ones(8, np.float32).tobytes())

    def point_outside(weights: h5py.File) -> None:
        del weights["layers/dense/vars/0"]
        weights.create_dataset("layers/dense/vars/0", (8, 1), np.float32, external=[(str(secret), 0, 32)])

    rewrite_weights(earlier / MODEL_FILE, point_outside)
    with pytest.raises(BundleError, match="not a plain array"):
        read_bundle(earlier)


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"way": 0}, {"way": 2}, {"size": 31}, {"size": 2**40}, {"begin": 2**64 - 1}, {"begin": 2**40}],
    ids=str,
)
def test_an_array_must_lie_in_the_file_in_one_piece(earlier: Path, change: dict[str, int]) -> None:
    """The message of HDF5 that says where an array lies: its version, in what way it is stored, its place, its size."""

    def rewrite(content: bytes) -> bytes:
        with h5py.File(io.BytesIO(content), "r") as file:
            begin = file["layers/dense/vars/0"].id.get_offset()
        layout = {"version": 3, "way": 1, "begin": begin, "size": 32}
        message, changed = (struct.pack("<BBQQ", *found.values()) for found in (layout, layout | change))
        assert content.count(message) == 1
        return content.replace(message, changed)

    rewrite_member(earlier / MODEL_FILE, "model.weights.h5", rewrite)
    with pytest.raises(BundleError, match=r"layers/dense/vars/0 is not a plain array of 32 bytes"):
        read_bundle(earlier)


def set_in(layer: int, **settings: Any) -> Callable[[list[dict[str, Any]]], object]:
    return lambda layers: layers[layer]["config"].update(settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in(1, mask_zero=True), "a layer Embedding with mask_zero=True, not False"),
        (set_in(2, activation="relu"), "a layer SimpleRNN with activation='relu', not 'tanh'"),
        (set_in(2, go_backwards=True), "a layer SimpleRNN with go_backwards=True"),
        (set_in(2, recurrent_dropout=0.5), "a layer SimpleRNN with recurrent_dropout=0.5"),
        (set_in(3, activation="linear"), "a layer Dense with activation='linear'"),
        (set_in(3, dtype="float16"), "a layer Dense that computes in 'float16'"),
        (set_in(1, trainable="no"), "a layer that is neither trainable nor frozen"),
        (lambda layers: layers[2].update(module="my_layers"), "a model of the layers"),
        (lambda layers: layers.append({"module": "os", "class_name": "system", "config": {}}), "a model of the layers"),
        (lambda layers: layers.pop(2), "a model of the layers"),
    ],
)
def test_a_model_that_would_compute_something_else_is_refused(
    earlier: Path, change: Callable[[list[dict[str, Any]]], object], message: str
) -> None:
    """Its arrays have the right shapes. No layer that the file names is looked up, let alone called."""
    rewrite_layers(earlier / MODEL_FILE, change)
    with pytest.raises(BundleError, match=message):
        read_bundle(earlier)


# --- JSON ---


@pytest.mark.parametrize("name", [CONFIG_FILE, MANIFEST_FILE])
@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"[1, 2]", "a list"),
        (b'{"max_len": NaN}', "the number 'NaN'"),
        (b'{"max_len": -Infinity}', "the number '-Infinity'"),
        (b'{"max_len": 1e999}', "the number '1e999'"),
        (b'{"max_len": 1, "max_len": 2}', "an object that has a key twice"),
        (b'{"word_index": {"a": 1, "a": 2}}', "an object that has a key twice"),
        (b'{"max_len": ' + b"1" * 1_000_000 + b"}", "Exceeds the limit"),
        (b'{"data": "\\ud800"}', "surrogates not allowed"),
        (b'{"a":' * 100_000, "more than .* 10,000 lists and objects"),
        (b'{"a":' + b"[" * 5_000, "recursion|Expecting value"),
        (b'{"a": [' + b"1," * 300_000 + b"1]}", "more than 200,000 values"),
        (b'{"a": "' + b"x" * 8_000_000 + b'"}', "the limit is 8,000,000"),
        (b"\xff\xfe", "can't decode"),
    ],
)
def test_json_that_we_never_write_is_refused(earlier: Path, name: str, content: bytes, received: str) -> None:
    (earlier / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"Cannot read .*{name}\. Expected: a .*Received: .*({received})") as error:
        read_bundle(earlier)
    assert len(str(error.value)) < 500


# --- Sizes ---


def keras_file(path: Path, arrays: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    """A .keras file with other arrays."""
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json")
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", arrays)


def test_three_bytes_that_make_the_hdf5_library_take_gigabytes_take_nothing_here(earlier: Path) -> None:
    """Sizes everywhere in the structure of the file are made enormous, one after the other."""

    def places(content: bytes) -> Iterator[int]:
        for mark in (b"HEAP", b"TREE", b"SNOD"):
            begin = content.find(mark)
            while begin >= 0:
                yield from range(begin + 4, begin + 40, 8)
                begin = content.find(mark, begin + 1)

    with zipfile.ZipFile(earlier / MODEL_FILE) as archive:
        content = archive.read("model.weights.h5")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chosen = list(places(content))[::7]
    assert len(chosen) > 20
    for place in chosen:
        changed = bytearray(content)
        changed[place : place + 8] = (10**11).to_bytes(8, "little")
        keras_file(earlier / MODEL_FILE, bytes(changed))
        try:
            read_bundle(earlier)
        except BundleError as error:
            assert "\n" not in str(error)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 100e6


# --- Writing ---


def test_only_a_new_or_an_empty_folder_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with exclusive_directory(tmp_path / "empty"):
        pass
    assert not (tmp_path / "empty" / ".training").exists()
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled" / "thesis.txt").write_text("mine", encoding="utf-8")
    with (
        pytest.raises(BundleError, match=r"Expected: a new or an empty folder\. Received: one that is not empty"),
        exclusive_directory(tmp_path / "filled"),
    ):
        pytest.fail("not claimed")
    assert [file.name for file in (tmp_path / "filled").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("path", ["file", "file/below", "/proc/none"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(BundleError, match=r"Cannot save to .*Expected: a folder that can be written"),
        exclusive_directory(tmp_path / path),
    ):
        pytest.fail("not claimed")


def test_a_folder_that_came_to_hold_no_bundle_is_taken_away_with_its_parents(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), exclusive_directory(tmp_path / "new" / "deep"):
        (tmp_path / "new" / "deep" / CONFIG_FILE).write_text("{}", encoding="utf-8")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_two_trainings_cannot_save_to_one_folder(tmp_path: Path) -> None:
    with exclusive_directory(tmp_path / "model"):
        with pytest.raises(BundleError, match="that a training writes to"), exclusive_directory(tmp_path / "model"):
            pytest.fail("claimed twice")
        (tmp_path / "model" / MANIFEST_FILE).write_text("{}", encoding="utf-8")
    assert [file.name for file in (tmp_path / "model").iterdir()] == [MANIFEST_FILE]


def test_numbers_that_are_none_are_not_written(bundle: Path) -> None:
    with pytest.raises(BundleError, match=r"Cannot save to .*not JSON compliant"):
        save(bundle, Manifest(val_loss=float("nan")), {CONFIG_FILE: (bundle / CONFIG_FILE).read_bytes()})
    assert read_bundle(bundle)
