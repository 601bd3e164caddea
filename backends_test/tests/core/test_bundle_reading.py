"""A saved folder is read whole or refused, with a message that says what was expected and what was there."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends_test.tests.saved_folder import Saved, rewrite_json
from imdb_rnn import BundleError, Classifier, Manifest
from imdb_rnn.inference.bundle import (
    CONFIG_FILE,
    HISTORY_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    read_bundle,
    read_manifest,
    read_part,
    save,
)


def refused(folder: Path) -> str:
    with pytest.raises(BundleError) as raised:
        read_bundle(folder)
    return str(raised.value)


@pytest.fixture
def by_tutorial(bundle: Path) -> Path:
    """The same folder as the tutorial's own program saves it: the model, and three settings."""
    rewrite_json(bundle / CONFIG_FILE, lambda config: config.pop("imdb_rnn"))
    for name in (MANIFEST_FILE, HISTORY_FILE):
        (bundle / name).unlink()
    return bundle


def test_a_folder_can_be_given_as_a_text(trained: Saved) -> None:
    folder = str(trained[0])
    assert read_bundle(folder).manifest == read_manifest(folder) == trained[1].manifest  # type: ignore[arg-type]
    assert read_part(folder, HISTORY_FILE) == trained[1].history  # type: ignore[arg-type]


def test_settings_and_words_are_those_of_the_file(trained: Saved) -> None:
    config = json.loads((trained[0] / CONFIG_FILE).read_bytes())
    found = read_bundle(trained[0])
    assert found.words == tuple(config["word_index"])
    assert found.vocabulary.words == found.words[:1_996]
    assert (found.preprocessing.num_words, found.preprocessing.max_len) == (2_000, 100)
    assert not found.preprocessing.windows


def test_windows_are_those_of_the_file(robust: Saved) -> None:
    assert read_bundle(robust[0]).preprocessing.windows


@pytest.mark.parametrize("name", ["none", "x" * 5_000, "a\0b", "file"])
def test_what_is_no_folder_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    assert refused(tmp_path / name) == (
        f"Cannot load {tmp_path / name}. Expected: a folder saved by `imdb-rnn train --out`. Received: no such folder."
    )


# --- The tutorial's own folders ---


def test_a_folder_of_the_tutorial_is_read_without_a_manifest(by_tutorial: Path, trained: Saved) -> None:
    found, ours = read_bundle(by_tutorial), read_bundle(trained[0])
    assert found.manifest == Manifest()
    assert (found.words, found.vocabulary, found.preprocessing) == (ours.words, ours.vocabulary, ours.preprocessing)
    for array, expected in zip(found.weights, ours.weights, strict=True):
        np.testing.assert_array_equal(array, expected)
    text = "A good film, and a very bad one."
    assert (
        Classifier.load(by_tutorial).predict_review(text).score
        == Classifier.load(trained[0]).predict_review(text).score
    )


def test_a_folder_without_a_manifest_and_with_settings_of_this_library_is_not_one_of_the_tutorial(bundle: Path) -> None:
    (bundle / MANIFEST_FILE).unlink()
    expected = f"Cannot read {bundle / MANIFEST_FILE}. Expected: a file saved by `imdb-rnn train --out`. Received: "
    assert refused(bundle).startswith(f"{expected}[Errno 2] No such file")
    rewrite_json(bundle / CONFIG_FILE, lambda config: config.update(windows=config.pop("imdb_rnn")["windows"]))
    assert refused(bundle).startswith(f"{expected}[Errno 2] No such file")


def test_words_of_a_folder_of_the_tutorial_have_ranks_from_1(by_tutorial: Path) -> None:
    rewrite_json(by_tutorial / CONFIG_FILE, lambda config: config.update(word_index={"the": 4, "film": 5}))
    assert refused(by_tutorial) == (
        f"Cannot load {by_tutorial}. Expected: `word_index`, word -> rank from 1, in {CONFIG_FILE}. "
        f"Received: dict of 2 entries."
    )


# --- Settings ---


def test_words_need_not_stand_in_the_order_of_their_numbers(earlier: Path) -> None:
    before = read_bundle(earlier)

    def reverse(config: dict[str, Any]) -> None:
        config["word_index"] = dict(reversed(config["word_index"].items()))

    rewrite_json(earlier / CONFIG_FILE, reverse)
    after = read_bundle(earlier)
    assert (after.words, after.vocabulary) == (before.words, before.vocabulary)


@pytest.mark.parametrize(
    ("word_index", "received"),
    [
        (None, "NoneType of 0 entries"),
        (["the"], "list of 0 entries"),
        ({}, "dict of 0 entries"),
        ({"the": 1}, "dict of 1 entries"),
        ({"the": 5}, "dict of 1 entries"),
        ({"the": 4, "film": 4}, "dict of 2 entries"),
        ({"the": 4, "film": 6}, "dict of 2 entries"),
        ({"the": 4, "film": "5"}, "dict of 2 entries"),
        ({"the": 4.0}, "dict of 1 entries"),
        ({"the": True}, "dict of 1 entries"),
    ],
)
def test_what_is_no_word_index_is_named(earlier: Path, word_index: object, received: str) -> None:
    rewrite_json(earlier / CONFIG_FILE, lambda config: config.update(word_index=word_index))
    assert refused(earlier) == (
        f"Cannot load {earlier}. Expected: `word_index`, word -> id from 4, in {CONFIG_FILE}. Received: {received}."
    )


def test_a_word_that_is_none_is_named(earlier: Path) -> None:
    rewrite_json(earlier / CONFIG_FILE, lambda config: config.update(word_index={"the": 4, "": 5}))
    assert refused(earlier) == (
        f"Cannot load {earlier}: `word_index` in {CONFIG_FILE}. Bad vocabulary. "
        f"Expected: distinct, non-empty words of text. Received: ''."
    )


@pytest.mark.parametrize(
    ("name", "bounds", "values"),
    [
        ("max_len", "from 1 to 10,000", [0, 10_001, "100", 100.0, None, True]),
        ("num_words", "from 5 to 150,000", [4, 150_001, "2000", 2_000.0, None]),
    ],
)
def test_a_number_out_of_its_bounds_is_named(earlier: Path, name: str, bounds: str, values: list[object]) -> None:
    for value in values:
        rewrite_json(earlier / CONFIG_FILE, lambda config, value=value: config.update({name: value}))
        assert refused(earlier) == (
            f"Cannot load {earlier}. Expected: `{name}` in {CONFIG_FILE}, a number {bounds}. Received: {value!r}."
        )


@pytest.mark.parametrize(
    ("name", "value", "saved"),
    [
        *(("max_len", 1, 100), ("max_len", 10_000, 100), ("num_words", 5, 2_000), ("num_words", 150_000, 2_000)),
        ("windows", True, False),
    ],
)
def test_settings_of_another_training_are_named(earlier: Path, name: str, value: object, saved: object) -> None:
    rewrite_json(earlier / CONFIG_FILE, lambda config: config.update({name: value}))
    assert refused(earlier) == (
        f"Cannot load {earlier}. Expected: `{name}` {saved} in {CONFIG_FILE}, as in the manifest. "
        f"Received: {value}. The files are not from the same training."
    )


def test_words_of_another_training_are_named(earlier: Path) -> None:
    rewrite_json(earlier / CONFIG_FILE, lambda config: config.update(word_index={"the": 4, "film": 5}))
    assert refused(earlier) == (
        f"Cannot load {earlier}. Expected: the `word_index` that the model was trained with. Received: another one, "
        f"of 2 words. The files are not from the same training."
    )


@pytest.mark.parametrize("windows", [None, 0, 1, "true", [True]])
def test_windows_are_true_or_false(earlier: Path, windows: object) -> None:
    rewrite_json(earlier / CONFIG_FILE, lambda config: config.update(windows=windows))
    assert refused(earlier) == (
        f"Cannot load {earlier}. Expected: `windows` in {CONFIG_FILE}, true or false. Received: {windows!r}."
    )


@pytest.mark.parametrize("ours", [7, [], "x", {"format": 2}, {"windows": "false"}])
def test_settings_of_this_library_need_hashes_whatever_they_are(earlier: Path, ours: object) -> None:
    rewrite_json(earlier / CONFIG_FILE, lambda config: config.update(imdb_rnn=ours))
    assert refused(earlier) == (
        f"Cannot read {earlier / MANIFEST_FILE}. Expected: hashes of the files. Received: no hashes."
    )


# --- Files ---


@pytest.mark.parametrize("name", [MODEL_FILE, CONFIG_FILE, MANIFEST_FILE])
def test_a_file_that_is_a_folder_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    (bundle / name).mkdir()
    assert refused(bundle) == (
        f"Cannot read {bundle / name}. Expected: a file saved by `imdb-rnn train --out`. Received: not a regular file"
    )


def test_a_file_of_another_training_is_named(bundle: Path, robust: Saved) -> None:
    (bundle / CONFIG_FILE).write_bytes((robust[0] / CONFIG_FILE).read_bytes())
    assert refused(bundle) == (
        f"Cannot read {bundle / CONFIG_FILE}. Expected: the file that manifest.json was saved with. "
        f"Received: another file, or a changed one."
    )
    (bundle / MODEL_FILE).write_bytes((robust[0] / MODEL_FILE).read_bytes())
    assert refused(bundle) == (
        f"Cannot read {bundle / MODEL_FILE}. Expected: the model that manifest.json was saved with. "
        f"Received: another one, or a damaged one. To save a model after further training, use Classifier.save."
    )


def test_a_part_that_the_manifest_does_not_name_is_refused(bundle: Path) -> None:
    (bundle / "other.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BundleError, match=r"other\.json\. Expected: the file that manifest\.json was saved with"):
        read_part(bundle, "other.json")


def test_parts_of_an_earlier_version_are_read_without_hashes(earlier: Path) -> None:
    (earlier / HISTORY_FILE).write_text('{"loss": [1]}', encoding="utf-8")
    assert read_part(earlier, HISTORY_FILE) == {"loss": [1]}


def test_a_part_that_is_no_json_is_named(earlier: Path) -> None:
    (earlier / HISTORY_FILE).write_bytes(b"[1]")
    with pytest.raises(BundleError) as raised:
        read_part(earlier, HISTORY_FILE)
    assert str(raised.value) == (
        f"Cannot read {earlier / HISTORY_FILE}. Expected: a JSON object saved by `imdb-rnn train --out`. "
        f"Received: a list"
    )


@pytest.mark.parametrize(("content", "received"), [(b"[]", "a list"), (b"7", "a int"), (b'"x"', "a str")])
def test_json_that_is_no_object_is_named(earlier: Path, content: bytes, received: str) -> None:
    (earlier / CONFIG_FILE).write_bytes(content)
    assert refused(earlier) == (
        f"Cannot read {earlier / CONFIG_FILE}. Expected: a JSON object saved by `imdb-rnn train --out`. "
        f"Received: {received}"
    )


def test_a_manifest_whose_entry_has_another_type_is_named(earlier: Path) -> None:
    rewrite_json(earlier / MANIFEST_FILE, lambda manifest: manifest.update(epochs="two"))
    assert refused(earlier) == (
        f"Cannot read {earlier / MANIFEST_FILE}. Expected: what `imdb-rnn train` writes. Received: `epochs`, str 'two'."
    )


def test_a_manifest_with_hashes_may_still_be_none(tmp_path: Path) -> None:
    save(tmp_path / "model", Manifest(epochs="two"), {MODEL_FILE: b"model"})  # type: ignore[arg-type]
    with pytest.raises(BundleError) as raised:
        read_manifest(tmp_path / "model")
    assert str(raised.value) == (
        f"Cannot read {tmp_path / 'model' / MANIFEST_FILE}. Expected: what `imdb-rnn train` writes. "
        f"Received: `epochs`, str 'two'."
    )


@pytest.mark.parametrize("ours", [7, [], {}, {"windows": None}])
def test_settings_of_this_library_say_whether_to_read_windows(bundle: Path, tmp_path: Path, ours: object) -> None:
    files = {name: (bundle / name).read_bytes() for name in (CONFIG_FILE, MODEL_FILE)}
    files[CONFIG_FILE] = json.dumps(json.loads(files[CONFIG_FILE]) | {"imdb_rnn": ours}).encode()
    save(tmp_path / "model", read_manifest(bundle), files)
    assert refused(tmp_path / "model") == (
        f"Cannot load {tmp_path / 'model'}. Expected: `windows` in {CONFIG_FILE}, true or false. Received: None."
    )


@pytest.mark.parametrize("entry", [{"files": []}, {"files": {"a": 1}}, {"previous": {}}, {"previous": []}], ids=str)
def test_a_manifest_with_hashes_of_another_form_is_refused(bundle: Path, entry: dict[str, object]) -> None:
    rewrite_json(bundle / MANIFEST_FILE, lambda manifest: manifest.update(entry))
    assert refused(bundle) == (
        f"Cannot read {bundle / MANIFEST_FILE}. Expected: an unchanged manifest of format 2. "
        f"Received: one that was changed, or one without hashes."
    )


@pytest.mark.parametrize("version", [3, 10])
def test_a_later_version_is_named(bundle: Path, version: int) -> None:
    rewrite_json(bundle / MANIFEST_FILE, lambda manifest: manifest.update(format=version))
    assert refused(bundle) == (
        f"Cannot read {bundle / MANIFEST_FILE}. Expected: an unchanged manifest of format 2. "
        f"Received: format {version}, which needs a later version of imdb_rnn."
    )
