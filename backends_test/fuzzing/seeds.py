"""Good files to begin with: those of the tests with hostile files, before the harm."""

import functools
import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np

from backends_test.tests.hostile import reviews as hostile_reviews
from backends_test.tests.hostile import saved_folders
from backends_test.tests.hostile.archives import archive, deflated, npy, stored, zip_of
from imdb_rnn.inference import bundle

WORDS = saved_folders.WORDS
NUM_WORDS, MAX_LEN = saved_folders.NUM_WORDS, saved_folders.MAX_LEN
FILES = (bundle.MODEL_FILE, bundle.CONFIG_FILE, bundle.HISTORY_FILE, bundle.ESTIMATOR_FILE)
weights = functools.cache(saved_folders.weights)


def save(folder: Path) -> None:
    """Write a saved folder of a classifier of four words."""
    folder.mkdir()
    saved_folders.save(folder).rename(folder.with_suffix(".new"))
    folder.rmdir()
    folder.with_suffix(".new").rename(folder)


def texts() -> list[bytes]:
    """Return texts whose words have to be brought into another form."""
    lines = (
        "A good film: not bad, 'the best' of 1999!",
        "It didn`t don’t DON'T «quoted» — “well”…",
        "8½ ﬁlms, ＦＵＬＬ ｗｉｄｔｈ, café cafe\u0301 İstanbul straße ΣΑΣ",
        "great👍 👍🏽 👨‍👩‍👧 \u200bzero\u00adwidth\ufeff \u0085 \u00a0 \x93smart\x94 \x80",
        "好電影 とても良い หนังดี \u115f\u3164 ''' '",
    )
    return [line.encode() for line in lines]


def text_files() -> list[bytes]:
    """Return text files of several encodings and line ends."""
    text = "A good film\r\nnot bad\n\nthe best\n"
    encoded = [text.encode(name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1")]
    return [*encoded, b"one\rtwo\r", b"caf\xe9", b"\xff\xfea", b'text,label\n"a, b",1\n', b'{"text": "good"}\n']


def word_index() -> bytes:
    """Return the word index of the reviews."""
    return json.dumps(hostile_reviews.WORDS).encode()


def word_indexes() -> list[bytes]:
    """Return word indexes."""
    return [
        word_index(),
        json.dumps({"caf\u00e9": 2, "\u0085": 1}, ensure_ascii=False).encode(),
        rb'{"\ud83d\ude00": 1, "\ud800": 2}',
        b'{"a": 1, "a": 2}',
        b'{"a": 1.0, "b": NaN, "c": true, "d": null}',
        b"[" * 200 + b"]" * 200,
    ]


def settings() -> list[bytes]:
    """Return settings of a saved folder."""
    tutorial = {"max_len": MAX_LEN, "num_words": NUM_WORDS, "word_index": {"good": 1, "film": 2}}
    earlier = {**tutorial, "windows": False, "word_index": {"good": 4, "film": 5}}
    return [*(json.dumps(content).encode() for content in (tutorial, earlier)), saved_folders.settings()]


def manifests() -> list[bytes]:
    """Return manifests, also one of an interrupted write."""
    full = {
        "complete": False,
        "versions": {"keras": "3"},
        "parameters": {"dense": 9},
        "epochs": 2,
        "val_loss": 0.5,
        "temperature": 1.5,
        "seconds": {"training": 1.5},
        "trained_further": True,
        **saved_folders.manifest(),
    }
    return [json.dumps(content).encode() for content in (full, saved_folders.manifest(), {**full, "previous": full})]


def estimators() -> list[bytes]:
    """Return labels of several types, with the parameters of estimators."""
    weights_of_labels = [["bad", 0.5], ["good", 2]]
    params = {"recipe": "tutorial", "epochs": 3, "class_weight": weights_of_labels, "validation_fraction": 0.2}
    return [
        saved_folders.estimator(),
        saved_folders.estimator(params=params),
        saved_folders.estimator(classes=[0, 1], dtype="int64"),
        saved_folders.estimator(classes=[False, True], dtype="bool"),
        saved_folders.estimator(classes=[-0.5, 1.5], dtype="float32"),
        saved_folders.estimator(classes=["a", "b"], dtype="object"),
    ]


TRAINING = {"epochs": 5, "data": "abc"}


def facts() -> list[bytes]:
    """Return the facts in the state of a training."""
    first = {"format": 1, "training": TRAINING, "epochs": 0, "stopped": False, "history": {}, "best_epoch": 0}
    first |= {"best_loss": None, "wait": 0, "lengths": {"weights": 2, "optimizer": 1, "best": 0}}
    later = {**first, "epochs": 2, "best_loss": 0.5, "history": {"loss": [0.7, 0.6], "val_loss": [0.6, 0.5]}}
    later["lengths"] = {"weights": 2, "optimizer": 1, "best": 2, "recent.0": 2}
    return [json.dumps(content).encode() for content in (first, later)]


def state(content: bytes) -> bytes:
    """Return the state of a training with these facts."""
    arrays = {f"{group}.{i}": np.zeros(2, np.float32) for group in ("weights", "best", "recent.0") for i in range(2)}
    arrays["optimizer.0"] = np.array(3, np.int32)
    target = io.BytesIO()
    np.savez(target, facts=np.frombuffer(content, np.uint8), **arrays)  # type: ignore[arg-type]
    return target.getvalue()


def models() -> list[bytes]:
    """Return descriptions of models, as Keras writes them."""
    adam = {
        "module": "keras.optimizers",
        "class_name": "Adam",
        "config": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    }
    compiled = saved_folders.model_config(compile_config={"optimizer": adam, "loss": "binary_crossentropy"})
    named = {"module": "os", "class_name": "mkdir", "config": {"path": "harm"}, "registered_name": "mkdir"}
    other = saved_folders.model_config(config={"layers": [named, *saved_folders.layers()]})
    return [json.dumps(content).encode() for content in (saved_folders.model_config(), compiled, other)]


def hdf5_files() -> list[bytes]:
    """Return the arrays of a model, and of one with the state of Adam."""

    def with_optimizer(file: h5py.File) -> None:
        file["optimizer/vars/0"] = np.int32(3)
        file["optimizer/vars/1"] = np.float32(0.001)

    return [weights(), saved_folders.weights(with_optimizer)]


def archives() -> list[bytes]:
    """Return zip archives."""
    contents = {"a": b"some content", "b/c.txt": b"more " * 100}
    return [
        zip_of(contents),
        zip_of(contents, zipfile.ZIP_DEFLATED),
        archive(stored("a", b"first"), deflated("b", b"second " * 50)),
        archive(stored("a", b"first"), stored("a", b"second")),
    ]


def npy_files() -> list[bytes]:
    """Return arrays of numbers."""
    return [
        npy("'<i8'", "(4,)", struct.pack("<4q", 1, 1, 0, 0)),
        npy("'<f4'", "(2, 3)", bytes(24)),
        npy("'|b1'", "()", b"\1"),
        npy("'>u2'", "(0, 5)"),
        npy("'|O'", "(1,)", pickle.dumps([1])),
    ]


def arrays_of_reviews() -> list[bytes]:
    """Return what the member `x_train` of a file of reviews holds: pickled lists of every protocol, and tables."""
    rows = np.empty(4, object)
    rows[:] = hostile_reviews.ROWS
    arrays = np.empty(4, object)
    arrays[:] = [np.array(row, np.int32) for row in hostile_reviews.ROWS]
    pickled = [pickle.dumps(part, protocol) for part in (rows, arrays) for protocol in (2, 3, 4, 5)]
    table = npy("'<i4'", "(4, 2)", struct.pack("<8i", 1, 2, 3, 4, 5, 1, 2, 3))
    padded = npy("'|u1'", "(4, 2)", bytes([0, 2, 0, 4, 5, 1, 0, 3]))
    return [*(npy("'|O'", "(4,)", program) for program in pickled), table, padded]


def reviews(x_train: bytes) -> bytes:
    """Return a file of reviews with a member `x_train` of these bytes."""
    return zip_of({f"{name}.npy": content for name, content in hostile_reviews.members(x_train=x_train).items()})
