"""What is written to a saved folder: byte for byte, and readable even if the process is killed between two files."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from backends_test.tests.saved_folder import replace_array, rewrite_json, rewrite_weights
from imdb_rnn import BundleError, Manifest
from imdb_rnn.inference.bundle import (
    CONFIG_FILE,
    ESTIMATOR_FILE,
    FILES,
    HISTORY_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    PLOT_FILE,
    config_bytes,
    exclusive_directory,
    json_bytes,
    read_bundle,
    read_manifest,
    read_part,
    save,
    write,
)
from imdb_rnn.text.preprocessing import make_preprocessing

LATER = Manifest(backend="torch", source="étoile", fingerprint="f", epochs=3, trained_further=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def other_model(saved: Path, tmp_path: Path) -> bytes:
    """The model of the saved folder with another bias of its last layer."""
    path = Path(shutil.copy(saved / MODEL_FILE, tmp_path / "other.keras"))
    rewrite_weights(path, replace_array("layers/dense/vars/1", np.array([0.75], np.float32)))
    return path.read_bytes()


def later(folder: Path) -> Manifest:
    """A manifest for the model of a folder after further training."""
    manifest = read_manifest(folder)
    return Manifest.from_json(manifest.to_json() | {"trained_further": True, "other": "é"})


def bias_in(folder: Path) -> float:
    return float(read_bundle(folder).weights[-1][0])


# --- The form of the files ---


def test_json_is_readable_for_people_and_ends_with_a_line_end() -> None:
    assert json_bytes({"a": "é", "b": [1, 0.5]}) == '{\n "a": "é",\n "b": [\n  1,\n  0.5\n ]\n}\n'.encode()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_have_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_bytes({"loss": number})


def test_the_settings_hold_all_words_and_not_only_those_that_the_model_knows() -> None:
    content = config_bytes(["the", "naïve", "film"], make_preprocessing(5, 100, True))
    assert content.decode("utf-8") == (
        "{\n"
        '    "max_len": 100,\n'
        '    "num_words": 5,\n'
        '    "word_index": {\n'
        '        "the": 1,\n'
        '        "naïve": 2,\n'
        '        "film": 3\n'
        "    },\n"
        '    "imdb_rnn": {\n'
        '        "format": 2,\n'
        '        "windows": true\n'
        "    }\n"
        "}"
    )


def test_no_more_words_are_saved_than_a_model_can_know() -> None:
    content = config_bytes([f"w{i}" for i in range(150_007)], make_preprocessing(5, 100, False))
    assert list(json.loads(content)["word_index"].items())[-1] == ("w149999", 150_000)


def test_words_that_are_too_long_to_be_read_again_are_not_saved() -> None:
    preprocessing = make_preprocessing(5, 100, False)
    room = 8_000_000 - len(config_bytes([""], preprocessing))
    assert len(config_bytes(["x" * room], preprocessing)) == 8_000_000
    with pytest.raises(BundleError) as raised:
        config_bytes(["x" * (room + 1)], preprocessing)
    assert str(raised.value) == (
        "Cannot save the vocabulary. Expected: words of at most 8,000,000 bytes in total. "
        "Received: 8,000,001 bytes for 1 words."
    )


def test_a_new_folder_holds_the_files_and_a_manifest_with_their_hashes(tmp_path: Path) -> None:
    files = {MODEL_FILE: b"model", HISTORY_FILE: b"{}"}
    save(tmp_path / "new" / "deep", LATER, files)
    found = contents(tmp_path / "new" / "deep")
    manifest = found.pop(MANIFEST_FILE)
    assert found == files
    content = json.loads(manifest)
    assert manifest == json_bytes(content)
    own = content.pop("sha256")
    assert content == LATER.to_json() | {
        "format": 2,
        "files": {MODEL_FILE: sha256(b"model"), HISTORY_FILE: sha256(b"{}")},
    }
    assert list(content["files"]) == sorted(files)
    # The hash of the manifest itself does not depend on the order and the layout of its entries.
    assert own == sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


# --- A folder of the same classifier ---


def test_saving_again_replaces_the_model_and_keeps_all_else(bundle: Path, other_model: bytes) -> None:
    before = contents(bundle)
    manifest = later(bundle)
    save(bundle, manifest, {CONFIG_FILE: before[CONFIG_FILE], MODEL_FILE: other_model})
    after = contents(bundle)
    assert after[MODEL_FILE] == other_model
    assert {name for name in after if after[name] != before[name]} == {MODEL_FILE, MANIFEST_FILE}
    assert set(after) == set(before)
    assert bias_in(bundle) == 0.75
    assert read_manifest(bundle) == manifest
    content = json.loads(after.pop(MANIFEST_FILE))
    assert content["files"] == {name: sha256(part) for name, part in after.items()}
    assert set(content) == {*manifest.to_json(), "format", "files", "sha256"}


def test_settings_of_the_same_classifier_are_not_written_again(bundle: Path, other_model: bytes) -> None:
    config = bundle / CONFIG_FILE
    before = config.stat()
    save(bundle, later(bundle), {CONFIG_FILE: config.read_bytes(), MODEL_FILE: other_model})
    assert (config.stat().st_ino, config.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_folder_with_every_file_that_is_ever_saved_can_be_saved_to(tmp_path: Path, saved: Path) -> None:
    files = {file.name: file.read_bytes() for file in saved.iterdir()} | {ESTIMATOR_FILE: b"{}"}
    manifest = later(saved)
    del files[MANIFEST_FILE]
    save(tmp_path / "model", manifest, files)
    assert set(contents(tmp_path / "model")) == FILES
    save(tmp_path / "model", LATER, files)
    assert read_manifest(tmp_path / "model") == LATER


@pytest.mark.parametrize("name", [CONFIG_FILE, ESTIMATOR_FILE])
def test_a_folder_of_another_classifier_is_refused(tmp_path: Path, saved: Path, name: str) -> None:
    files = {file.name: file.read_bytes() for file in saved.iterdir()} | {ESTIMATOR_FILE: b"{}"}
    del files[MANIFEST_FILE]
    folder = tmp_path / "model"
    save(folder, read_manifest(saved), files)
    before = contents(folder)
    with pytest.raises(BundleError) as raised:
        save(folder, LATER, files | {name: b'{"other": 1}', MODEL_FILE: b"other"})
    assert str(raised.value) == (
        f"Cannot save to {folder}. Expected: a new or an empty folder, or that of this classifier. "
        f"Received: one with another {name}. Choose another one; nothing in it was changed."
    )
    assert contents(folder) == before


@pytest.mark.parametrize("change", ["a strange file", "no settings", "no manifest"])
def test_a_folder_that_is_not_just_a_saved_one_is_refused(bundle: Path, other_model: bytes, change: str) -> None:
    config = (bundle / CONFIG_FILE).read_bytes()
    manifest = later(bundle)
    if change == "a strange file":
        (bundle / "thesis.txt").write_text("mine", encoding="utf-8")
    else:
        (bundle / {"no settings": CONFIG_FILE, "no manifest": MANIFEST_FILE}[change]).unlink()
    before = contents(bundle)
    with pytest.raises(BundleError) as raised:
        save(bundle, manifest, {CONFIG_FILE: config, MODEL_FILE: other_model})
    assert str(raised.value) == (
        f"Cannot save to {bundle}. Expected: a new or an empty folder. Received: one that is not empty. "
        f"Choose another one; nothing in it was changed."
    )
    assert contents(bundle) == before


def test_a_folder_that_has_lost_its_model_is_called_damaged(bundle: Path, other_model: bytes) -> None:
    manifest, config = later(bundle), (bundle / CONFIG_FILE).read_bytes()
    for name in (MODEL_FILE, HISTORY_FILE, PLOT_FILE):
        (bundle / name).unlink()
    with pytest.raises(BundleError, match=rf"^Cannot read .*{MODEL_FILE}\. Expected: a file saved by"):
        save(bundle, manifest, {CONFIG_FILE: config, MODEL_FILE: other_model})


def test_a_folder_without_hashes_is_not_written_to(earlier: Path, other_model: bytes) -> None:
    before = contents(earlier)
    with pytest.raises(BundleError) as raised:
        save(earlier, LATER, {CONFIG_FILE: before[CONFIG_FILE], MODEL_FILE: other_model})
    assert str(raised.value) == (f"Cannot write to {earlier}. Expected: a manifest with hashes. Received: one without.")
    assert contents(earlier) == before


def test_a_folder_that_a_training_writes_to_is_not_written_to(bundle: Path, other_model: bytes) -> None:
    config, manifest = (bundle / CONFIG_FILE).read_bytes(), later(bundle)
    before = contents(bundle)
    refused = pytest.raises(BundleError, match=rf"^Cannot save to {bundle}\. .* that a training writes to")
    with exclusive_directory(bundle, resume=True), refused:
        save(bundle, manifest, {CONFIG_FILE: config, MODEL_FILE: other_model})
    assert contents(bundle) == before


@pytest.mark.parametrize("name", [".training", ".manifest-abcd1234.json", ".best-embedding-model-x_y.keras"])
def test_what_a_killed_process_has_left_is_not_in_the_way(bundle: Path, other_model: bytes, name: str) -> None:
    (bundle / name).touch()
    save(bundle, later(bundle), {CONFIG_FILE: (bundle / CONFIG_FILE).read_bytes(), MODEL_FILE: other_model})
    assert not (bundle / name).exists()


def test_no_mark_of_a_training_is_left_behind(bundle: Path, other_model: bytes) -> None:
    save(bundle, later(bundle), {CONFIG_FILE: (bundle / CONFIG_FILE).read_bytes(), MODEL_FILE: other_model})
    assert not (bundle / ".training").exists()


# --- Interrupted ---


def block(folder: Path, name: str) -> None:
    """Put a folder where a file will be written, so that writing stops there."""
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()


def interrupt(folder: Path, manifest: Manifest, files: dict[str, bytes]) -> None:
    """Write files up to `PLOT_FILE`, where writing fails."""
    block(folder, PLOT_FILE)
    with pytest.raises(OSError):
        write(folder, manifest, files)


def test_until_the_new_model_is_there_the_folder_is_read_as_before(bundle: Path, other_model: bytes) -> None:
    before, bias = read_manifest(bundle), bias_in(bundle)
    interrupt(bundle, later(bundle), {PLOT_FILE: b"png", MODEL_FILE: other_model})
    assert bias_in(bundle) == bias != 0.75
    assert read_manifest(bundle) == before


def test_from_the_new_model_on_the_folder_is_read_as_the_new_one(bundle: Path, other_model: bytes) -> None:
    manifest = later(bundle)
    interrupt(bundle, manifest, {MODEL_FILE: other_model, PLOT_FILE: b"png"})
    assert bias_in(bundle) == 0.75
    assert read_manifest(bundle) == manifest
    with_both = json.loads((bundle / MANIFEST_FILE).read_bytes())
    assert set(with_both) == {*manifest.to_json(), "format", "files", "previous", "sha256"}
    assert with_both["files"][MODEL_FILE] == sha256(other_model) != with_both["previous"]["files"][MODEL_FILE]


@pytest.mark.parametrize("history", ["old", "new"])
def test_the_history_of_either_state_is_read_in_between(bundle: Path, other_model: bytes, history: str) -> None:
    new = json_bytes({"loss": [0.5]})
    files = {HISTORY_FILE: new, PLOT_FILE: b"png", MODEL_FILE: other_model}
    expected = {"loss": [0.5]} if history == "new" else read_part(bundle, HISTORY_FILE)
    if history == "old":
        files = {PLOT_FILE: b"png", HISTORY_FILE: new, MODEL_FILE: other_model}
    interrupt(bundle, later(bundle), files)
    assert read_part(bundle, HISTORY_FILE) == expected
    with pytest.raises(BundleError, match="Received: another file, or a changed one"):
        (bundle / HISTORY_FILE).write_bytes(b"{}")
        read_part(bundle, HISTORY_FILE)


@pytest.mark.parametrize("done", [False, True])
def test_an_interrupted_folder_can_be_saved_to_again(bundle: Path, other_model: bytes, done: bool) -> None:
    """Whether the model was replaced or not, the new history was, and its hash is kept."""
    manifest, config = later(bundle), (bundle / CONFIG_FILE).read_bytes()
    old_model, plot = (bundle / MODEL_FILE).read_bytes(), (bundle / PLOT_FILE).read_bytes()
    history = json_bytes({"loss": [0.5]})
    first = {HISTORY_FILE: history} | ({MODEL_FILE: other_model} if done else {})
    interrupt(bundle, manifest, first | {PLOT_FILE: b"png", MODEL_FILE: other_model})
    (bundle / PLOT_FILE).rmdir()
    (bundle / PLOT_FILE).write_bytes(plot)
    save(bundle, manifest, {CONFIG_FILE: config, MODEL_FILE: old_model})
    after = contents(bundle)
    content = json.loads(after.pop(MANIFEST_FILE))
    assert "previous" not in content
    assert content["files"] == {name: sha256(part) for name, part in after.items()}
    assert read_part(bundle, HISTORY_FILE) == {"loss": [0.5]}
    assert (bundle / MODEL_FILE).read_bytes() == old_model


def test_a_missing_or_damaged_file_does_not_keep_a_model_from_being_saved(bundle: Path, other_model: bytes) -> None:
    manifest, before = later(bundle), json.loads((bundle / MANIFEST_FILE).read_bytes())["files"]
    config = (bundle / CONFIG_FILE).read_bytes()
    (bundle / PLOT_FILE).unlink()
    (bundle / HISTORY_FILE).write_bytes(b"damaged")
    save(bundle, manifest, {CONFIG_FILE: config, MODEL_FILE: other_model})
    files = json.loads((bundle / MANIFEST_FILE).read_bytes())["files"]
    assert files == before | {MODEL_FILE: sha256(other_model)}
    with pytest.raises(BundleError, match=HISTORY_FILE):
        read_part(bundle, HISTORY_FILE)


def test_a_folder_whose_disk_fails_is_named_when_a_model_is_replaced(bundle: Path, other_model: bytes) -> None:
    block(bundle, PLOT_FILE)
    config = (bundle / CONFIG_FILE).read_bytes()
    with pytest.raises(BundleError, match=rf"^Cannot save to {bundle}\. Expected: a folder that can be written\. "):
        save(bundle, later(bundle), {CONFIG_FILE: config, PLOT_FILE: b"png", MODEL_FILE: other_model})
    assert not (bundle / ".training").exists()


def test_a_new_folder_that_cannot_be_filled_is_named_and_taken_away(tmp_path: Path) -> None:
    with pytest.raises(
        BundleError, match=rf"^Cannot save to {tmp_path / 'new'}\. Expected: a folder that can be written"
    ):
        save(tmp_path / "new", LATER, {MODEL_FILE: b"model", "none/history.json": b"{}"})
    assert list(tmp_path.iterdir()) == []


# --- A folder of its own ---


def test_a_training_marks_its_folder_while_it_runs(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "deep"
    with exclusive_directory(folder):
        assert [file.name for file in folder.iterdir()] == [".training"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_before_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with exclusive_directory(tmp_path / "mine" / "model"):
        (tmp_path / "mine" / "model" / CONFIG_FILE).write_text("{}", encoding="utf-8")
    assert list((tmp_path / "mine").iterdir()) == []


def test_files_of_others_stay_when_a_training_fails(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with exclusive_directory(folder):
        (folder / CONFIG_FILE).write_text("{}", encoding="utf-8")
        (folder / "notes.txt").write_text("mine", encoding="utf-8")
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]


def test_a_place_that_cannot_be_a_folder_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BundleError) as raised:
        save(tmp_path / "file" / "below", LATER, {})
    assert str(raised.value) == (
        f"Cannot save to {tmp_path / 'file' / 'below'}. Expected: a folder that can be written. "
        f"Received: [Errno 20] Not a directory: '{tmp_path / 'file' / 'below'}'"
    )


@pytest.mark.parametrize("version", [1, 2.5, "3", True, None])
def test_a_manifest_with_another_format_is_not_taken_for_that_of_a_later_version(bundle: Path, version: object) -> None:
    rewrite_json(bundle / MANIFEST_FILE, lambda manifest: manifest.update(format=version))
    with pytest.raises(BundleError) as raised:
        read_manifest(bundle)
    assert str(raised.value) == (
        f"Cannot read {bundle / MANIFEST_FILE}. Expected: an unchanged manifest of format 2. "
        f"Received: one that was changed, or one without hashes."
    )
