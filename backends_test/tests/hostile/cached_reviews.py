"""Hostile entries in the cache of reviews: they are not refused but made again, from the reviews themselves.

Each maker writes into an empty folder good reviews and a hostile entry for them, and returns the command line that
reads them. `MAKERS` lists them all.
"""

import functools
import hashlib
import pickle
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from backends_test.tests.hostile import reviews
from backends_test.tests.hostile.archives import MEGABYTE, archive, deflated_zeros, stored
from backends_test.tests.hostile.attacks import Attack, Maker, device, pipe, sparse
from imdb_rnn.corpora import cache

MAKERS: list[Maker] = []


def maker(function: Maker) -> Maker:
    MAKERS.append(function)
    return function


@functools.cache
def example(rows: bytes) -> tuple[str, bytes, str]:
    """What the command line leaves in an empty cache for good reviews: name and content; and what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        attack = reviews.attack_array(Path(folder), x_train=rows)
        done = subprocess.run(
            attack.command(), env=attack.variables(Path(folder)), capture_output=True, check=True, text=True
        )
        (entry,) = (Path(folder) / "cache").iterdir()
        return entry.name, entry.read_bytes(), done.stdout.replace(folder, "FOLDER")


def filled(folder: Path) -> tuple[Path, Attack]:
    """Good reviews in a cache that holds nothing else: the entry, and the command line that reads it."""
    name, content, output = example(reviews.lists(reviews.ROWS))
    (folder / "cache").mkdir()
    (folder / "cache" / name).write_bytes(content)
    attack = reviews.attack_array(folder)
    return folder / "cache" / name, replace(attack, expected=output.replace("FOLDER", str(folder)))


def attack_arrays(folder: Path, change: Callable[[dict[str, Any]], object]) -> Attack:
    """The entry holds other arrays, with a checksum that is right."""
    entry, attack = filled(folder)
    with np.load(entry) as file:
        arrays = dict(file)
    change(arrays)
    sources = b"".join(
        hashlib.sha256((folder / name).read_bytes()).digest() for name in ("reviews.npz", "reviews_word_index.json")
    )
    key = f"{cache.FORMAT} npz {hashlib.sha256(sources).hexdigest()} own"
    assert entry.stem == hashlib.sha256(key.encode()).hexdigest()[:32]
    np.savez(entry, **{**arrays, "checksum": cache._checksum(key, arrays)})
    return attack


@maker
def entry_with_a_label_turned_round(folder: Path) -> Attack:
    entry, attack = filled(folder)
    content = entry.read_bytes()
    with np.load(entry) as file:
        labels = file["train_labels"].tobytes()
    entry.write_bytes(content.replace(labels, bytes(1 - label for label in labels)))
    return attack


@maker
def entry_of_other_reviews(folder: Path) -> Attack:
    entry, attack = filled(folder)
    _, content, _ = example(reviews.lists([[4], [4], [4], [4]]))
    entry.write_bytes(content)
    return attack


@maker
def entry_with_ids_of_two_billion(folder: Path) -> Attack:
    return attack_arrays(folder, lambda arrays: np.put(arrays["test_ids"], 1, 2**31 - 1))


@maker
def entry_with_a_fingerprint_that_steers_the_terminal(folder: Path) -> Attack:
    return attack_arrays(folder, lambda arrays: arrays.update(fingerprint=np.frombuffer(b"\x1b[2J" * 16, np.uint8)))


@maker
def entry_that_is_a_pickle(folder: Path) -> Attack:
    entry, attack = filled(folder)
    entry.write_bytes(pickle.dumps(reviews.Harmful(folder / "harm")))
    return attack


@maker
def entry_with_a_pickle_for_ids(folder: Path) -> Attack:
    entry, attack = filled(folder)
    with np.load(entry) as file:
        arrays = dict(file)
    harmful = np.array([reviews.Harmful(folder / "harm")], object)
    np.savez(entry, **{**arrays, "train_ids": harmful})
    return attack


@maker
def entry_that_unpacks_to_gigabytes(folder: Path) -> Attack:
    entry, attack = filled(folder)
    entry.write_bytes(archive(deflated_zeros("checksum.npy", 2048, 100 * MEGABYTE)))
    return attack


@maker
def entry_of_thousands_of_members(folder: Path) -> Attack:
    entry, attack = filled(folder)
    entry.write_bytes(archive(*(stored(f"{number}", b"") for number in range(100_000))))
    return attack


@maker
def entry_that_is_cut_off(folder: Path) -> Attack:
    entry, attack = filled(folder)
    entry.write_bytes(entry.read_bytes()[:-50])
    return attack


@maker
def entry_of_five_gigabytes(folder: Path) -> Attack:
    entry, attack = filled(folder)
    sparse(entry)
    return attack


@maker
def entry_just_below_the_limit(folder: Path) -> Attack:
    ids = np.ones((cache.MAX_ENTRY_BYTES - 100_000) // 4, np.int32)
    return attack_arrays(folder, lambda arrays: arrays.update(train_ids=ids))


@maker
def entry_that_is_a_device(folder: Path) -> Attack:
    entry, attack = filled(folder)
    device(entry)
    return attack


@maker
def entry_that_is_a_pipe(folder: Path) -> Attack:
    entry, attack = filled(folder)
    pipe(entry)
    return attack
