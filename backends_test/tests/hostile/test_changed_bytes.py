"""A saved folder with one changed byte is refused, or gives the same scores to the last bit, words and labels.

In small folders every byte is changed, except of the model. Of the others, and of the folders of real trainings, places
are drawn with a fixed seed, as many within the structure of the model's file as within its numbers. To change every
byte of every folder, which takes an hour or two:

    IMDB_RNN_EVERY_BYTE=1 pytest backends_test/tests/hostile/test_changed_bytes.py
"""

import io
import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import pytest

from backends_test.tests.hostile import saved_folders
from imdb_rnn import BundleError, Classifier, ImdbRnnError, ReviewClassifier
from imdb_rnn.inference import bundle
from imdb_rnn.inference.bundle import CONFIG_FILE, ESTIMATOR_FILE, HISTORY_FILE, MANIFEST_FILE, MODEL_FILE, PLOT_FILE
from imdb_rnn.text.tokens import INDEX_FROM

DATA = Path(__file__).parents[1] / "data"
EVERY_BYTE = bool(os.environ.get("IMDB_RNN_EVERY_BYTE"))
# In a file of more bytes, so many places are drawn, and as many in the structure of a model's file.
SMALL, DRAWN = 2_000, 300
# The same for real trainings, where a comparison takes ten times as long.
SMALL_OF_TRAINED, DRAWN_OF_TRAINED = 0, 100
TEXTS = ("a good film", "the bad film was not good at all. " * 40)
MEMBER = "model.weights.h5"


# --- Folders ---------------------------------------------------------------------------------------------------------


def tutorial(folder: Path) -> None:
    """A folder that JAX has trained, by the recipe "tutorial"."""
    shutil.copytree(DATA / "tutorial", folder)


def robust(folder: Path) -> None:
    """The same by the recipe "robust"."""
    shutil.copytree(DATA / "robust", folder)


def estimator(folder: Path) -> None:
    """A folder of a `ReviewClassifier`."""
    folder.mkdir()
    saved_folders.save(folder)
    for file in (folder / "saved").iterdir():
        file.rename(folder / file.name)
    (folder / "saved").rmdir()


def interrupted(folder: Path) -> None:
    """A folder whose model was being replaced when the process was killed: its manifest tells of both states."""
    estimator(folder)
    before = json.loads((folder / MANIFEST_FILE).read_bytes())
    after = bundle._sealed({**saved_folders.manifest(), "epochs": 7}, {**before["files"], MODEL_FILE: "0" * 64}, before)
    (folder / MANIFEST_FILE).write_bytes(bundle.json_bytes(after))


def earlier(folder: Path) -> None:
    """A folder of an earlier version: ids from 4, and no hashes."""
    estimator(folder)
    (folder / ESTIMATOR_FILE).unlink()
    (folder / HISTORY_FILE).unlink()
    config = json.loads((folder / CONFIG_FILE).read_bytes())
    config["windows"] = config.pop(bundle.OURS)["windows"]
    config["word_index"] = {word: rank + INDEX_FROM for word, rank in config["word_index"].items()}
    (folder / CONFIG_FILE).write_text(json.dumps(config), encoding="utf-8")
    (folder / MANIFEST_FILE).write_text(json.dumps(saved_folders.manifest()), encoding="utf-8")


def tutorials_own(folder: Path) -> None:
    """A folder of the tutorial's own program, which has neither a manifest nor hashes."""
    earlier(folder)
    (folder / MANIFEST_FILE).unlink()
    config = {"max_len": saved_folders.MAX_LEN, "num_words": saved_folders.NUM_WORDS}
    ranks = {word: rank for rank, word in enumerate(saved_folders.WORDS, start=1)}
    (folder / CONFIG_FILE).write_text(json.dumps({**config, "word_index": ranks}), encoding="utf-8")


HASHED = {
    tutorial: (MANIFEST_FILE, CONFIG_FILE, MODEL_FILE, HISTORY_FILE, PLOT_FILE),
    robust: (MANIFEST_FILE, CONFIG_FILE, MODEL_FILE, HISTORY_FILE, PLOT_FILE),
    estimator: (MANIFEST_FILE, CONFIG_FILE, MODEL_FILE, HISTORY_FILE, ESTIMATOR_FILE),
    interrupted: (MANIFEST_FILE, CONFIG_FILE, MODEL_FILE, HISTORY_FILE, ESTIMATOR_FILE),
}
UNHASHED = {earlier: (MANIFEST_FILE, CONFIG_FILE, MODEL_FILE), tutorials_own: (MODEL_FILE,)}


# --- What is in a folder ---------------------------------------------------------------------------------------------


def content_of(folder: Path, hashed: bool) -> list[Any]:
    """All that a user can get from a folder and that a wrong byte may change; equal only to the last bit."""
    classifier = Classifier.load(folder)
    found: list[Any] = [prediction[1:] for prediction in classifier.predict_reviews(TEXTS)]
    found += [array.tobytes() for array in classifier.weights()]
    found += [classifier.vocabulary.words, classifier.preprocessing]
    if hashed:
        found += [classifier.manifest, bundle.read_part(folder, HISTORY_FILE)]
    if (folder / ESTIMATOR_FILE).exists():
        model = ReviewClassifier.load(folder)
        found += [model.predict(TEXTS).tolist(), model.predict_proba(TEXTS).tobytes(), model.get_params()]
    return found


# --- Changes ---------------------------------------------------------------------------------------------------------


class Change(NamedTuple):
    place: int
    value: int


ALIKE = (b"0123456789", bytes(range(ord("a"), ord("z") + 1)), bytes(range(ord("A"), ord("Z") + 1)), b" \n\t\r", b",:;")


def changes(path: Path) -> Iterator[Change]:
    """The changes of one byte each: to any other byte; in JSON also to one of its kind, which leaves it valid."""
    content, chosen = path.read_bytes(), random.Random(f"{path.parent.name}/{path.name}")  # noqa: S311
    places: Sequence[int] = range(len(content))
    is_trained = path.parent.name in (tutorial.__name__, robust.__name__)
    small, drawn = (SMALL_OF_TRAINED, DRAWN_OF_TRAINED) if is_trained else (SMALL, DRAWN)
    if not EVERY_BYTE and len(content) > small:
        structure = structure_of(content) if path.suffix == ".keras" else []
        places = sorted({*chosen.sample(structure, min(drawn, len(structure))), *chosen.sample(places, drawn)})
    for place in places:
        yield Change(place, (content[place] + chosen.randrange(1, 256)) % 256)
        if path.suffix == ".json":
            kind = next((kind for kind in ALIKE if content[place] in kind), b"")
            if others := kind.replace(bytes([content[place]]), b""):
                yield Change(place, chosen.choice(others))


def structure_of(content: bytes) -> list[int]:
    """The places in a model's file that hold no number of the model: of the archive, the description and HDF5."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        info, arrays = archive.getinfo(MEMBER), archive.read(MEMBER)
    assert info.compress_type == zipfile.ZIP_STORED
    start = content.index(arrays, info.header_offset)
    numbers: set[int] = set()

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.id.get_offset() is not None:
            begin = start + item.id.get_offset()
            numbers.update(range(begin, begin + item.id.get_storage_size()))

    with h5py.File(io.BytesIO(arrays)) as file:
        file.visititems(collect)
    return [place for place in range(len(content)) if place not in numbers]


class Tried(NamedTuple):
    """What became of the changes of one file."""

    refused: int
    harmless: int
    silent: list[Change]


def try_changes(path: Path, hashed: bool) -> Tried:
    """Change one byte of a file at a time, and compare what is in its folder."""
    before, original = content_of(path.parent, hashed), path.read_bytes()
    refused, harmless, silent = 0, 0, []
    with path.open("r+b", buffering=0) as file:
        for change in changes(path):
            file.seek(change.place)
            file.write(bytes([change.value]))
            try:
                if content_of(path.parent, hashed) == before:
                    harmless += 1
                else:
                    silent.append(change)
            except ImdbRnnError as error:  # another exception fails the test
                assert isinstance(error, BundleError)
                refused += 1
            file.seek(change.place)
            file.write(original[change.place : change.place + 1])
    assert path.read_bytes() == original
    return Tried(refused, harmless, silent)


def cases(folders: dict[Callable[[Path], None], tuple[str, ...]]) -> list[Any]:
    return [pytest.param(make, name, id=f"{make.__name__}-{name}") for make, names in folders.items() for name in names]


@pytest.mark.parametrize(("make", "name"), cases(HASHED))
def test_a_changed_byte_is_detected_or_harmless(make: Callable[[Path], None], name: str, tmp_path: Path) -> None:
    folder = tmp_path / make.__name__
    make(folder)
    tried = try_changes(folder / name, hashed=True)
    assert tried.silent == []
    if name == PLOT_FILE:  # a picture for people, which nothing reads
        assert tried.refused == 0
    elif name == MANIFEST_FILE:  # space between its entries may be another
        assert tried.refused > 0.8 * (tried.refused + tried.harmless)
    else:
        assert tried.harmless == 0
    assert tried.refused + tried.harmless >= DRAWN_OF_TRAINED


@pytest.mark.parametrize(("make", "name"), cases(UNHASHED))
def test_a_changed_byte_of_a_folder_without_hashes_is_detected_or_changes_no_score(
    make: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    folder = tmp_path / make.__name__
    make(folder)
    tried = try_changes(folder / name, hashed=False)
    assert tried.silent == []
    assert tried.refused > 0.5 * (tried.refused + tried.harmless)


def test_more_than_ten_thousand_bytes_are_changed(tmp_path: Path) -> None:
    count = 0
    for make, names in {**HASHED, **UNHASHED}.items():
        make(tmp_path / make.__name__)
        count += sum(1 for name in names for _ in changes(tmp_path / make.__name__ / name))
    assert count > 10_000
