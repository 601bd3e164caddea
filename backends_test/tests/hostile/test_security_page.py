"""docs/security.md says what the tests and the code are."""

import ast
import json
import re
from pathlib import Path

import pytest

from backends_test.environments import ROOT
from backends_test.fuzzing.page import KINDS, PAGE, table
from backends_test.fuzzing.targets import TARGETS
from backends_test.tests.hostile import cached_reviews, reviews, saved_folders
from imdb_rnn import strict_json
from imdb_rnn.corpora import folder, npz, pickled_lists
from imdb_rnn.inference import bundle, keras_file
from imdb_rnn.text import tokens
from imdb_rnn.validation import MAX_NUM_WORDS

TEXT = PAGE.read_text(encoding="utf-8")
RESULTS = json.loads((ROOT / "backends_test" / "results" / "fuzzing.json").read_text(encoding="utf-8"))
LIBRARY = sorted((ROOT / "imdb_rnn").rglob("*.py"))

# What has run code, or written files, when it was given a file of a stranger.
DANGEROUS = {
    *("load_model", "load_weights", "get_file", "from_config", "model_from_json", "model_from_yaml", "clone_model"),
    *("deserialize", "deserialize_keras_object", "enable_unsafe_deserialization", "load_checkpoint"),
    *("extract", "extractall", "unpack_archive", "unsafe_load", "eval", "exec", "system", "popen", "Popen"),
}
DANGEROUS_MODULES = {"dill", "h5py", "joblib", "marshal", "shelve", "tarfile", "yaml"}
# A pickle of nothing but opcodes that push numbers.
ALLOWED = {
    ("pickled_lists.py", "loads"),
    ("children.py", "Popen"),  # starts this interpreter with a module of this library
}


def dangers_of(source: str, name: str) -> list[str]:
    """The dangerous functions that a module calls, and the dangerous modules that it imports."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            owner = getattr(getattr(node.func, "value", None), "id", "")
            pickles = not any(one.arg == "allow_pickle" and ast.unparse(one.value) == "False" for one in node.keywords)
            pickled = (
                pickles and owner in ("pickle", "np", "numpy", "torch") and called in ("load", "loads", "Unpickler")
            )
            if (called in DANGEROUS or pickled) and (name, called) not in ALLOWED:
                found.append(f"{owner}.{called}")
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [part.name for part in node.names]
            found += [module for module in modules if module.partition(".")[0] in DANGEROUS_MODULES]
    return found


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_function_that_runs_or_unpacks_a_file_is_called(path: Path) -> None:
    assert dangers_of(path.read_text(encoding="utf-8"), path.name) == []


@pytest.mark.parametrize(
    "source",
    [
        "keras.models.load_model(path)",
        "from keras.saving import load_model as f; load_model(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=True)",
        "import pickle; pickle.load(file)",
        "import tarfile",
        "from h5py import File",
        "archive.extractall()",
        "eval(text)",
    ],
)
def test_such_a_function_would_be_found(source: str) -> None:
    assert dangers_of(source, "some.py")


def test_each_vulnerability_is_tried_by_a_file_or_test_that_exists() -> None:
    rows = re.findall(r"^\| ((?:CVE|GHSA)-[^|]+) \| [^|]+ \| ([^|]+) \|$", TEXT, re.MULTILINE)
    assert len(rows) == len(re.findall(r"^\| (?:CVE|GHSA)", TEXT, re.MULTILINE)) >= 15
    makers = [*saved_folders.MAKERS, *saved_folders.IGNORED, *reviews.MAKERS]
    known = {make.__name__ for make in makers} | {*globals()}
    for _, names in rows:
        tried = re.findall(r"`(\w+)`", names)
        assert tried
        assert {*tried} <= known


def test_the_limits_are_those_of_the_code() -> None:
    limits = {
        "model": (keras_file.MAX_MODEL_BYTES, [MAX_NUM_WORDS, 50_000]),
        "each JSON file of a saved folder": (
            bundle._MAX_JSON_BYTES,
            [strict_json._MAX_ITEMS, strict_json._MAX_CONTAINERS, strict_json._MAX_DEPTH],
        ),
        "word index": (tokens.MAX_WORD_INDEX_BYTES, [tokens._MAX_WORDS]),
        "`imdb.npz`": (npz.MAX_FILE_BYTES, [npz.MAX_REVIEWS, pickled_lists.MAX_WORD_IDS]),
        "text in a folder": (folder.MAX_REVIEW_BYTES, [folder.MAX_FILES, folder.MAX_FOLDER_BYTES]),
    }
    rows = re.findall(r"^\| ([^|]+) \| ([\d,]+) \| ([^|]*\d[^|]*) \|$", TEXT, re.MULTILINE)
    shown = {
        name: (int(most.replace(",", "")), [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", rest)])
        for name, most, rest in rows
    }
    assert shown == limits


def test_there_are_more_than_a_hundred_and_fifty_hostile_files() -> None:
    assert "more than 150 hostile files" in TEXT
    assert len([*saved_folders.MAKERS, *saved_folders.IGNORED, *reviews.MAKERS, *cached_reviews.MAKERS]) > 150


def test_the_table_of_what_was_fuzzed_is_that_of_the_committed_results() -> None:
    assert f"<!-- fuzzing -->\n{table(RESULTS)}\n<!-- end -->" in TEXT
    assert [*RESULTS["targets"]] == [*KINDS] == [*TARGETS]
    for name, result in RESULTS["targets"].items():
        assert result["seconds"] >= 60, name
        assert result["executions"] >= 10_000, name
