"""What JAX compiles for the library is kept, within bounds, and changes no result; the user's own JAX is left alone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imdb_rnn.backends import backend_name, jax_cache

pytestmark = pytest.mark.skipif(backend_name() != "jax", reason="only JAX has a cache of compiled programs")

# Trains, and prints what came of it. The argument is a program to run before.
TRAINING = """
import hashlib, json, logging, sys
import jax
logging.basicConfig(format="%(message)s")
logging.getLogger("imdb_rnn").setLevel(logging.INFO)
counted = dict.fromkeys(["compiled", "found", "written"], 0)
NAMES = {
    "/jax/core/compile/backend_compile_duration": "compiled",  # or found
    "/jax/compilation_cache/cache_hits": "found",
    "/jax/compilation_cache/cache_misses": "written",
}
def count(event, *_, **__):
    if event in NAMES:
        counted[NAMES[event]] += 1
jax.monitoring.register_event_listener(count)
jax.monitoring.register_event_duration_secs_listener(count)
exec(sys.argv[1])

import imdb_rnn
from imdb_rnn.corpora.corpus import encode_texts
from imdb_rnn.corpora.synthetic import make_texts
corpus = encode_texts("synthetic", "few", *make_texts(200, 50), None)
training = imdb_rnn.train(corpus, recipe=imdb_rnn.Recipe.tutorial(epochs=2), progress=False)
weights = b"".join(array.tobytes() for array in training.classifier.model.get_weights())
history = {name: [value.hex() for value in values] for name, values in training.history.items()}
print(json.dumps({"result": [hashlib.sha256(weights).hexdigest(), history], **counted}))
"""


def train(cache: Path, before: str = "", **environment: str) -> dict[str, Any]:
    """Train in a process of its own, with the library's cache in a folder; return what it counted and said."""
    settings = {name: value for name, value in os.environ.items() if "JAX" not in name or "CACHE" not in name}
    completed = subprocess.run(
        [sys.executable, "-P", "-W", "error::UserWarning", "-c", TRAINING, before],
        env={**settings, "IMDB_RNN_CACHE": str(cache), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert completed.returncode == 0, completed.stderr
    return {**json.loads(completed.stdout), "said": completed.stderr.splitlines()}


def entries(cache: Path) -> list[Path]:
    return sorted((cache / "jax").glob("*-cache"))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A cache, and the training that filled it."""
    cache = tmp_path_factory.mktemp("first")
    return cache, train(cache)


@pytest.fixture
def filled(first: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """A copy of that cache."""
    return Path(shutil.copytree(first[0], tmp_path / "filled"))


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A training that keeps nothing."""
    cache = tmp_path_factory.mktemp("without")
    trained = train(cache, IMDB_RNN_JAX_CACHE="0")
    assert not any(cache.iterdir())
    assert (trained["found"], trained["written"], trained["said"]) == (0, 0, [])
    return trained


def test_a_second_process_compiles_nothing_and_has_the_result_of_one_without_the_cache(
    first: tuple[Path, dict[str, Any]], without: dict[str, Any]
) -> None:
    cache, filled = first
    assert filled["written"] == len(entries(cache)) > 10
    kept = entries(cache)
    again = train(cache)
    assert again["compiled"] == again["found"] > 10
    assert again["written"] == 0
    assert entries(cache) == kept
    assert filled["said"] == again["said"] == []
    assert without["result"] == filled["result"] == again["result"]


def test_the_programs_of_the_user_are_not_kept(first: tuple[Path, dict[str, Any]]) -> None:
    cache, _ = first
    own = """
import atexit
def own():
    before = dict(counted)
    jax.jit(lambda x: x * 3 + 0.123)(1.0)
    assert counted["compiled"] > before["compiled"]
    assert counted["written"] == before["written"]
    assert counted["found"] == before["found"]
    assert jax.config.jax_compilation_cache_dir is None
    assert jax.config.jax_compilation_cache_max_size == -1
    assert jax.config.jax_persistent_cache_min_compile_time_secs == 1.0
    print("checked", file=sys.stderr)
own()
atexit.register(own)  # after the training
"""
    assert train(cache, own)["said"] == ["checked", "checked"]


@pytest.mark.parametrize("way", ["variable", "setting", "off"])
def test_a_user_who_has_set_the_cache_of_jax_keeps_that_setting(tmp_path: Path, way: str) -> None:
    (tmp_path / "own").mkdir()
    variables = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "own")} if way == "variable" else {}
    setting = f"jax.config.update('jax_compilation_cache_dir', {str(tmp_path / 'own')!r})"
    before = {"setting": setting, "off": "jax.config.update('jax_enable_compilation_cache', False)"}.get(way, "")
    variables["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    trained = train(tmp_path / "library", before, **variables)
    assert (trained["written"] > 0) == any((tmp_path / "own").iterdir()) == (way != "off")
    assert not (tmp_path / "library").exists()


def test_the_cache_has_a_bound(first: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    assert jax_cache.MAX_BYTES <= 100_000_000
    size = sum(path.stat().st_size for path in entries(first[0]))
    bound = size // 3
    trained = train(tmp_path, f"from imdb_rnn.backends import jax_cache\njax_cache.MAX_BYTES = {bound}")
    kept = sum(path.stat().st_size for path in entries(tmp_path))
    assert 0 < kept <= bound < size
    assert trained["result"] == first[1]["result"]


def test_damaged_entries_are_compiled_again_without_a_word(first: tuple[Path, dict[str, Any]], filled: Path) -> None:
    for number, path in enumerate(entries(filled)):
        content = path.read_bytes()
        damaged = content[: len(content) // 2] if number % 2 else content[:40] + b"damage" + content[46:]
        path.write_bytes(damaged)
    trained = train(filled)
    assert trained["found"] == 0
    assert trained["said"] == []
    assert trained["result"] == first[1]["result"]


def test_what_a_killed_process_wrote_in_part_is_replaced(filled: Path) -> None:
    """JAX writes the content of an entry first, and its time when the content is complete."""
    torn = entries(filled)[0]
    torn.write_bytes(torn.read_bytes()[:100])
    torn.with_name(torn.name.replace("-cache", "-atime")).unlink()
    assert train(filled)["written"] == 1
    assert len(torn.read_bytes()) > 100


FULL_DISK = """
import pathlib
write = pathlib.Path.write_bytes
def full(self, content):
    write(self, content[: len(content) // 2])
    raise OSError(28, "No space left on device")
pathlib.Path.write_bytes = full
"""


@pytest.mark.parametrize("obstacle", ["a file", "open to others", "full"])
def test_a_folder_that_cannot_be_used_does_not_stop_a_training(
    first: tuple[Path, dict[str, Any]], tmp_path: Path, obstacle: str
) -> None:
    if obstacle == "a file":
        (tmp_path / "jax").write_text("mine")
    if obstacle == "open to others":
        if os.name != "posix":
            pytest.skip("this system has no such permissions")
        (tmp_path / "jax").mkdir()
        (tmp_path / "jax").chmod(0o777)
    trained = train(tmp_path, FULL_DISK if obstacle == "full" else "")
    assert trained["result"] == first[1]["result"]
    assert trained["found"] == 0
    said = trained["said"]
    assert len(said) == (obstacle != "full")
    assert all(line.startswith("compiled programs are not kept: ") for line in said)
    if obstacle == "open to others":
        assert "other users can write to" in said[0]
        assert entries(tmp_path) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="for root, no folder is read-only")
def test_a_read_only_folder_does_not_stop_a_training(first: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    trained = train(tmp_path)
    tmp_path.chmod(0o700)
    assert trained["result"] == first[1]["result"]
    assert len(trained["said"]) == 1


def test_two_processes_at_once_fill_one_cache(first: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as threads:
        trained = list(threads.map(lambda _: train(tmp_path), range(2)))
    assert [one["result"] for one in trained] == [first[1]["result"]] * 2
    assert [one["said"] for one in trained] == [[], []]
    assert [path.name for path in entries(tmp_path)] == [path.name for path in entries(first[0])]


def test_another_value_of_the_variable_is_an_error(tmp_path: Path) -> None:
    code = """
import imdb_rnn
for _ in range(2):
    try:
        imdb_rnn.build_model()
    except imdb_rnn.BackendError as error:
        print(error)
"""
    settings = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    completed = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**settings, "IMDB_RNN_CACHE": str(tmp_path), "IMDB_RNN_JAX_CACHE": "off"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    message = "Bad IMDB_RNN_JAX_CACHE. Expected: 0 or 1. Received: 'off'. Correct or unset it."
    assert completed.stdout.splitlines() == [message] * 2
    assert not any(tmp_path.iterdir())
