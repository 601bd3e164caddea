"""What is fuzzed: for each kind of untrusted bytes, a function that reads them and says what must hold for any bytes.

A target raises nothing for bytes that the library refuses by its own error, or reads in a way that holds. Everything
else, including another exception, is a finding. The tests call the same functions with examples by Hypothesis.
"""

import functools
import io
import json
import pickle
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backends_test.fuzzing import seeds
from backends_test.tests.hostile.archives import zip_of
from imdb_rnn import (
    BundleError,
    Classifier,
    DataError,
    Manifest,
    ModelError,
    ReviewError,
    Vocabulary,
    strict_json,
    tokenize,
)
from imdb_rnn.corpora import npy, npz
from imdb_rnn.files import open_archive, read_member, sha256_of_files
from imdb_rnn.inference import bundle, keras_file
from imdb_rnn.inference.hdf5 import Hdf5File
from imdb_rnn.text import normalization, text_files
from imdb_rnn.text.tokens import OOV
from imdb_rnn.training.state import read_state

TEXTS = ("a good film", "bad the bad", "unknown good words 😀")
MOST_BYTES = 1_000_000


class Target(NamedTuple):
    """A kind of bytes that is fuzzed.

    Attributes:
        check: reads bytes, and returns whether they are accepted; raises an exception if something does not hold.
        seeds: returns bytes to begin with, the first of which are accepted.
    """

    check: Callable[[bytes], bool]
    seeds: Callable[[], list[bytes]]


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="imdb-rnn-fuzzing-")


def _place(name: str) -> Path:
    """Return the path of a file that the caller may write, in a folder that is removed at the end of the process."""
    return Path(_folder().name) / name


# --- Texts -----------------------------------------------------------------------------------------------------------

WORDS = Vocabulary([*seeds.WORDS, "don't", "'em", "caf\u00e9", "8½", "\u0130stanbul", "fi", "😀", "好"])


def check_tokens(content: bytes) -> bool:
    """Any text is split into words that lie in it, and a vocabulary knows all words of the text it is made from."""
    text = content.decode("utf-8", "surrogateescape")  # as on the command line
    words = tokenize(text)
    assert tokenize(" ".join(words)) == words
    assert len(WORDS.encode(text)) == 1 + len(words)
    ids, spans = WORDS.encode_typed(text), WORDS.typed_spans(text)
    assert len(ids) == 1 + len(spans)
    assert all(0 < i < 4 + len(WORDS) for i in ids)
    assert all(0 <= begin < end <= len(text) for begin, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert isinstance(normalization.lacks_spaces([text]), bool)
    if normalization.has_words(text):
        assert words
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        own = Vocabulary.from_texts([text])
        assert OOV not in own.encode_typed(text)
        assert WORDS.decode(ids).count(" ") == max(len(ids) - 2, 0)
    return True


def check_text_file(content: bytes) -> bool:
    """A text file is decoded without loss, or refused with the number of the line that is no text."""
    assert isinstance(text_files.unsupported(content, ".txt"), str)
    try:
        text = text_files.decode(content)
    except ValueError as error:
        assert "which is not UTF-" in str(error)
        return False
    assert content.endswith((text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")))
    assert len(content) <= 2 * len(text.encode("utf-16-le")) + 3
    with suppress(ValueError):  # a table that is named and not read
        assert text_files.table_in(text) in (None, "csv", "tsv", "jsonl")
    return True


def check_vocabulary(content: bytes) -> bool:
    """A word index is read as JSON reads it, and comes back after it is saved; or is refused."""
    path = _place("word_index.json")
    path.write_bytes(content)
    try:
        vocabulary = Vocabulary.load(path)
    except DataError:
        return False
    ranks = json.loads(content)
    assert vocabulary.words == tuple(sorted(ranks, key=ranks.__getitem__))
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary
    return True


# --- A saved folder --------------------------------------------------------------------------------------------------


@functools.cache
def _saved(name: str) -> Path:
    """Return a saved folder; the tutorial's own has no manifest."""
    folder = _place(name)
    seeds.save(folder)
    if name == "tutorial":
        (folder / bundle.MANIFEST_FILE).unlink()
        config = json.loads((folder / bundle.CONFIG_FILE).read_bytes())
        del config[bundle.OURS]
        (folder / bundle.CONFIG_FILE).write_text(json.dumps(config), encoding="utf-8")
    return folder


def check_manifest(content: bytes) -> bool:
    """A manifest is refused or comes back as it was, also if an attacker has set its hashes right."""
    folder = _saved("sealed")
    contents, accepted = [content], False
    try:
        parsed = strict_json.parse(content)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict):
        hashes = {name: bundle._sha256((folder / name).read_bytes()) for name in seeds.FILES}
        previous = parsed.pop("previous", None)
        sealed = bundle._sealed(parsed, hashes, previous if isinstance(previous, dict) else None)
        contents.append(bundle.json_bytes(sealed))
    for written in contents:
        (folder / bundle.MANIFEST_FILE).write_bytes(written)
        try:
            manifest = bundle.read_manifest(folder)
            _check_scores(Classifier.load(folder))
        except BundleError:
            continue
        assert Manifest.from_json(manifest.to_json()) == manifest
        bundle.json_bytes(manifest.to_json())
        accepted = True
    return accepted


def check_settings(content: bytes) -> bool:
    """Settings without a manifest, as the tutorial saves them, are refused or give scores."""
    folder = _saved("tutorial")
    (folder / bundle.CONFIG_FILE).write_bytes(content)
    try:
        classifier = Classifier.load(folder)
    except BundleError:
        return False
    _check_scores(classifier)
    return True


def check_estimator(content: bytes) -> bool:
    """The labels and parameters of an estimator are refused, or it predicts one of two and can be saved again."""
    from imdb_rnn.estimator import ReviewClassifier, record_of_labels  # loads scikit-learn

    folder = _saved("estimator")
    (folder / bundle.ESTIMATOR_FILE).write_bytes(content)
    hashes = {name: bundle._sha256((folder / name).read_bytes()) for name in seeds.FILES}
    sealed = bundle._sealed(strict_json.parse(seeds.manifests()[1]), hashes)
    (folder / bundle.MANIFEST_FILE).write_bytes(bundle.json_bytes(sealed))
    try:
        estimator = ReviewClassifier.load(folder)
    except BundleError:
        return False
    assert {*estimator.predict(TEXTS).tolist()} <= {*estimator.classes_.tolist()}
    assert len({*estimator.classes_.tolist()}) == 2
    bundle.json_bytes({"params": estimator._params(), **record_of_labels(estimator.classes_)})
    return True


def check_state(content: bytes) -> bool:
    """The facts in the state of a training are refused, or read with the types that they were written with."""
    folder = _place("state")
    folder.mkdir(exist_ok=True)
    (folder / bundle.STATE_FILE).write_bytes(seeds.state(content))
    try:
        state = read_state(folder, seeds.TRAINING)
    except BundleError:
        return False
    assert state is not None
    assert type(state.epochs) is type(state.best_epoch) is type(state.wait) is int
    assert type(state.stopped) is bool
    assert all(type(value) is float for values in state.history.values() for value in values)
    return True


def _check_scores(classifier: Classifier) -> None:
    try:
        scores = [prediction.score for prediction in classifier.predict_reviews([*TEXTS, "good"])]
    except (ModelError, ReviewError) as error:  # too large to be finite, or no word is known
        assert str(error).count("Expected: ") == 1
        return
    assert all(0 <= score <= 1 for score in scores)


def check_hdf5(content: bytes) -> bool:
    """Arrays are read from the bytes of the file, with the shape and type asked for, or a `ValueError` is raised."""
    shapes = keras_file.shapes_of(seeds.NUM_WORDS)
    try:
        file = Hdf5File(content)
        for group in ("layers", "layers/dense/vars"):
            assert all(place >= 0 for place in file.members(group).values())
        arrays = [file.array(name, shape, ("float32",)) for name, shape in shapes.items()]
    except ValueError:
        return False
    for array, shape in zip(arrays, shapes.values(), strict=True):
        assert array.shape == shape
        assert array.dtype == np.float32
        assert array.tobytes() in content
        assert np.isfinite(array).all()
    return True


def check_model(content: bytes) -> bool:
    """The description of a model is refused, or is one of the layers that are built here."""
    archive = zip_of({"config.json": content, "model.weights.h5": seeds.weights()})
    try:
        model = keras_file.read_model(Path("model.keras"), archive, seeds.NUM_WORDS, seeds.MAX_LEN)
    except BundleError:
        return False
    layers = json.loads(content)["config"]["layers"]
    names = [layer["class_name"] for layer in layers if layer["class_name"] != "InputLayer"]
    assert names == ["Embedding", "SimpleRNN", "Dense"]
    assert all(type(flag) is bool for flag in model.trainable)
    assert [array.shape for array in model.weights] == [*keras_file.shapes_of(seeds.NUM_WORDS).values()]
    return True


# --- Archives and arrays ---------------------------------------------------------------------------------------------


def check_archive(content: bytes) -> bool:
    """The members of an archive are read as Python's `zipfile` reads them, or refused."""
    try:
        archive = open_archive(io.BytesIO(content))
    except ValueError:
        return False
    accepted = False
    with archive:
        for name in archive.namelist()[:10]:
            try:
                member = read_member(archive, name, MOST_BYTES)
            except (KeyError, ValueError):
                continue
            assert len(member) <= MOST_BYTES
            assert zlib.crc32(member) == archive.getinfo(name).CRC
            with zipfile.ZipFile(io.BytesIO(content)) as other:
                assert member == other.read(name)
            accepted = True
    return accepted


def check_npy(content: bytes) -> bool:
    """An array of numbers is read as NumPy reads it, or refused."""
    try:
        array = npy.read_numbers(content)
    except ValueError:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # files of Python 2 can be read, but NumPy would rather not
        expected = np.load(io.BytesIO(content), allow_pickle=False)
    assert (array.shape, array.dtype) == (expected.shape, expected.dtype)
    assert array.tobytes() == expected.tobytes()
    return True


def check_npz(content: bytes) -> bool:
    """Reviews are read as NumPy reads them, without unpickling, or refused."""
    path, index = _place("reviews.npz"), _place("reviews_word_index.json")
    path.write_bytes(seeds.reviews(content))
    if not index.exists():
        index.write_bytes(seeds.word_index())
    with suppress(DataError):
        npz._read("npz", path, index, sha256_of_files(path, index))
    try:
        header = npy.read_header(content)
        count = header.shape[0] if header.shape else 0
        numbers, lengths = npz._read_reviews(content, count)
    except ValueError:
        return False
    assert len(lengths) == count
    assert lengths.sum() == len(numbers)
    if header.type == "|O":
        _compare_with_pickle(content[header.start :], numbers.tolist(), lengths.tolist())
    return True


def _compare_with_pickle(program: bytes, numbers: list[int], lengths: list[int]) -> None:
    """Unpickle what was accepted, which is harmless because only NumPy's own functions are accepted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's names have moved
        rows = pickle.loads(program, encoding="latin-1")
    assert [len(row) for row in rows] == lengths
    assert [number for row in rows for number in row] == numbers


TARGETS = {
    "tokens": Target(check_tokens, seeds.texts),
    "text-file": Target(check_text_file, seeds.text_files),
    "vocabulary": Target(check_vocabulary, seeds.word_indexes),
    "settings": Target(check_settings, seeds.settings),
    "manifest": Target(check_manifest, seeds.manifests),
    "estimator": Target(check_estimator, seeds.estimators),
    "state": Target(check_state, seeds.facts),
    "model": Target(check_model, seeds.models),
    "hdf5": Target(check_hdf5, seeds.hdf5_files),
    "archive": Target(check_archive, seeds.archives),
    "npy": Target(check_npy, seeds.npy_files),
    "npz": Target(check_npz, seeds.arrays_of_reviews),
}
