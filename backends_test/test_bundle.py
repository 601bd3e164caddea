"""What a training leaves behind: plain Keras and JSON, whole at any moment, and read back without trusting it."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from imdb_rnn import BundleError, Classifier, Corpus, Training
from imdb_rnn.batches import split_corpus
from imdb_rnn.bundle import CONFIG_FILE, MANIFEST_FILE, MODEL_FILE, claimed, read_bundle

Saved = tuple[Path, Training]


@pytest.fixture
def bundle(trained: Saved, tmp_path: Path) -> Path:
    """A copy of a saved folder, to be damaged."""
    return Path(shutil.copytree(trained[0], tmp_path / "bundle"))


def rewrite_json(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def rewrite_member(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = change(members[name])
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def rewrite_weights(path: Path, change: Callable[[h5py.File], None]) -> None:
    def rewrite(content: bytes) -> bytes:
        file = io.BytesIO(content)
        with h5py.File(file, "r+") as weights:
            change(weights)
        return file.getvalue()

    rewrite_member(path, "model.weights.h5", rewrite)


def replace_array(name: str, array: np.ndarray, **options: Any) -> Callable[[h5py.File], None]:
    def replace(weights: h5py.File) -> None:
        del weights[name]
        weights.create_dataset(name, data=array, **options)

    return replace


def test_the_loading_code_of_the_tutorial_runs_unchanged(trained: Saved, small_corpus: Corpus) -> None:
    folder, training = trained
    model = keras.models.load_model(folder / "best-embedding-model.keras")
    with (folder / "best-embedding-config.json").open(encoding="utf-8") as file:
        config = json.load(file)
    words = ["this", "is", "a", "very", "good", "film"]
    ids = [config["word_index"].get(word, 0) for word in words]
    padded = keras.utils.pad_sequences([ids], maxlen=config["max_len"])
    score = model.predict(padded, verbose=0)
    assert score.shape == (1, 1)
    assert 0 < score[0, 0] < 1
    assert max(config["word_index"].values()) < config["num_words"] == 10_000
    # Scores of the loaded model are those of the trained one, and it is compiled.
    test = split_corpus(small_corpus, 10_000, 100).test
    np.testing.assert_allclose(model.predict(test.x, verbose=0)[:, 0], training.classifier.score(test.x), atol=1e-6)
    assert model.evaluate(test.x, test.y, verbose=0)[1] == pytest.approx(training.manifest["test_accuracy"], abs=1e-6)


def test_the_config_spells_its_ids_as_the_vocabulary_does(trained: Saved, small_corpus: Corpus) -> None:
    config = json.loads((trained[0] / CONFIG_FILE).read_text(encoding="utf-8"))
    text = "A film that is good"
    ours = small_corpus.vocabulary.encode(text)[1:]
    assert [config["word_index"][word] for word in text.lower().split()] == ours


def test_the_model_file_names_no_backend(trained: Saved) -> None:
    with zipfile.ZipFile(trained[0] / MODEL_FILE) as archive:
        config = archive.read("config.json").decode()
    assert "keras.src" not in config
    assert all(name not in config for name in ("torch", "tensorflow", "jax"))
    compile_config = json.loads(config)["compile_config"]
    assert compile_config["jit_compile"] == "auto"
    assert compile_config["optimizer"]["module"] == "keras.optimizers"
    assert compile_config["optimizer"]["class_name"].lower() == "adam"


def test_the_optimizers_state_is_saved_so_that_training_can_go_on(trained: Saved, small_corpus: Corpus) -> None:
    model = keras.models.load_model(trained[0] / MODEL_FILE)
    steps = trained[1].manifest["best_epoch"] * 25  # 1,600 reviews, 64 a step
    assert int(model.optimizer.iterations) == steps
    splits = split_corpus(small_corpus, 10_000, 100)
    model.fit(splits.train.x[:64], splits.train.y[:64], batch_size=64, verbose=0)
    assert int(model.optimizer.iterations) == steps + 1


def test_loading_gives_the_very_weights_that_were_trained(trained: Saved) -> None:
    folder, training = trained
    for ours, theirs in zip(read_bundle(folder).weights, training.classifier.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


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


def test_a_flipped_bit_in_the_model_is_noticed(bundle: Path) -> None:
    content = bytearray((bundle / MODEL_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / MODEL_FILE).write_bytes(content)
    with pytest.raises(BundleError, match=r"Received: Bad CRC-32"):
        read_bundle(bundle)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"Cannot load .*none\. .* Received: no such folder"):
        read_bundle(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.update(max_len=200), r"Expected: `max_len` 100 .* Received: 200"),
        (lambda config: config.update(num_words=500), r"Expected: `num_words` 10000 .* Received: 500"),
        (lambda config: config.update(max_len="100"), r"Expected: `max_len` .*a number above 0\. Received: '100'"),
        (lambda config: config.update(max_len=-1), r"a number above 0\. Received: -1"),
        (lambda config: config.pop("num_words"), r"Expected: `num_words` .* Received: None"),
        (lambda config: config.pop("word_index"), r"Expected: `word_index`, word -> id from 4"),
        (lambda config: config["word_index"].update(film="4"), r"Expected: `word_index`, word -> id from 4"),
        (lambda config: config["word_index"].popitem(), r"Expected: the `word_index` that the model was trained with"),
        (lambda config: config.update(word_index={"good": 4}), r"Received: another one, of 1 words"),
    ],
)
def test_settings_that_do_not_fit_the_model_are_refused(
    bundle: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    rewrite_json(bundle / CONFIG_FILE, change)
    with pytest.raises(BundleError, match=message):
        read_bundle(bundle)


@pytest.mark.parametrize("data", [None, [], {}, {"source": ["x"], "fingerprint": "f"}, {"source": "imdb"}])
def test_a_manifest_that_does_not_name_its_data_is_refused(bundle: Path, data: object) -> None:
    rewrite_json(bundle / MANIFEST_FILE, lambda manifest: manifest.update(data=data))
    with pytest.raises(BundleError, match=r"Expected: `data` in manifest\.json, source and fingerprint"):
        read_bundle(bundle)


def test_damage_in_a_compressed_archive_is_noticed(bundle: Path) -> None:
    with zipfile.ZipFile(bundle / MODEL_FILE) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(bundle / MODEL_FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    damaged = bytearray((bundle / MODEL_FILE).read_bytes())
    damaged[len(damaged) // 2 : len(damaged) // 2 + 1000] = bytes(1000)
    (bundle / MODEL_FILE).write_bytes(damaged)
    with pytest.raises(BundleError, match=r"Cannot read .*best-embedding-model\.keras"):
        read_bundle(bundle)


def test_a_model_of_another_length_is_refused(bundle: Path) -> None:
    for name in (CONFIG_FILE, MANIFEST_FILE):
        rewrite_json(bundle / name, lambda content: content.get("recipe", content).update(max_len=50))
    with pytest.raises(BundleError, match=r"Received: a model that takes 100 ids, where .* says 50"):
        read_bundle(bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replace_array("layers/dense/vars/0", np.zeros((9, 1), np.float32)), r"of shape \(9, 1\)"),
        (replace_array("layers/dense/vars/0", np.zeros((8, 1), np.float64)), "type float64"),
        (replace_array("layers/dense/vars/1", np.array([np.nan], np.float32)), "not finite"),
        (lambda weights: weights.pop("layers/simple_rnn"), "no layers/simple_rnn/cell/vars/0"),
        (lambda weights: weights.pop("layers/dense/vars/0"), "no layers/dense/vars/0"),
        (lambda weights: weights.pop("optimizer"), "no optimizer/vars/0"),
        (replace_array("optimizer/vars/0", np.array(1.0, np.float32)), "type float32, not .* and int32 or int64"),
        (replace_array("optimizer/vars/3", np.zeros((3, 16), np.float32)), r"of shape \(3, 16\)"),
    ],
    ids=["shape", "dtype", "not a number", "no layer", "no array", "no optimizer", "step count", "moment"],
)
def test_weights_that_do_not_fit_are_refused(bundle: Path, change: Callable[[h5py.File], None], message: str) -> None:
    rewrite_weights(bundle / MODEL_FILE, change)
    with pytest.raises(BundleError, match=message):
        read_bundle(bundle)


def test_weights_that_point_to_another_file_are_refused(bundle: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(np.ones(8, np.float32).tobytes())

    def point_outside(weights: h5py.File) -> None:
        del weights["layers/dense/vars/0"]
        weights.create_dataset("layers/dense/vars/0", (8, 1), np.float32, external=[(str(secret), 0, 32)])

    rewrite_weights(bundle / MODEL_FILE, point_outside)
    with pytest.raises(BundleError, match="not a plain array"):
        read_bundle(bundle)


def test_what_a_strangers_file_asks_keras_to_do_is_not_done(bundle: Path) -> None:
    """Keras would build whatever layers the file names; here only its arrays count."""

    def ask(content: bytes) -> bytes:
        config = json.loads(content)
        config["config"]["layers"].append({"module": "os", "class_name": "system", "config": {"command": "false"}})
        return json.dumps(config).encode()

    rewrite_member(bundle / MODEL_FILE, "config.json", ask)
    assert [layer.name for layer in Classifier.load(bundle).model.layers] == ["embedding", "simple_rnn", "dense"]


def test_only_a_new_or_an_empty_folder_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with claimed(tmp_path / "empty"):
        pass
    assert (tmp_path / "empty").is_dir()
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled" / "thesis.txt").write_text("mine", encoding="utf-8")
    with (
        pytest.raises(BundleError, match=r"Expected: a new or an empty folder\. Received: one that holds something"),
        claimed(tmp_path / "filled"),
    ):
        pytest.fail("not claimed")
    assert [file.name for file in (tmp_path / "filled").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("path", ["file", "file/below", "/proc/none"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(BundleError, match=r"Cannot save to .*Expected: a folder that can be written"),
        claimed(tmp_path / path),
    ):
        pytest.fail("not claimed")


def test_a_folder_that_came_to_hold_no_bundle_is_taken_away_with_its_parents(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), claimed(tmp_path / "new" / "deep"):
        (tmp_path / "new" / "deep" / CONFIG_FILE).write_text("{}", encoding="utf-8")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_two_trainings_cannot_save_to_one_folder(tmp_path: Path) -> None:
    with claimed(tmp_path / "model"):
        with pytest.raises(BundleError, match="one that holds something"), claimed(tmp_path / "model"):
            pytest.fail("claimed twice")
        (tmp_path / "model" / MANIFEST_FILE).write_text("{}", encoding="utf-8")
    assert [file.name for file in (tmp_path / "model").iterdir()] == [MANIFEST_FILE]
