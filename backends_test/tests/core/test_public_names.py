"""What a library user can rely on: the names, written out in full, and the words of the package about itself."""

import ast
import configparser
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import imdb_rnn
from backends_test.environments import ROOT
from imdb_rnn.backends import TABLE, TRAINING_BACKENDS


def test_the_public_names_are_these() -> None:
    assert imdb_rnn.__all__ == [
        "BackendError",
        "BundleError",
        "Classifier",
        "Corpus",
        "DataError",
        "EncodedReviews",
        "Evaluation",
        "ExecutionPath",
        "Explanation",
        "ExportError",
        "Exported",
        "ImdbRnnError",
        "Manifest",
        "MissingPackageError",
        "ModelError",
        "Prediction",
        "Recipe",
        "RecipeError",
        "Reproduction",
        "ReviewClassifier",
        "ReviewError",
        "Scored",
        "SourceEvaluation",
        "Training",
        "Unscored",
        "Vocabulary",
        "accelerate",
        "build_model",
        "evaluate",
        "explain",
        "initial_weights",
        "load_reviews",
        "paths",
        "reproduce",
        "score_file",
        "score_parts",
        "tokenize",
        "train",
    ]
    for name in imdb_rnn.__all__:
        assert getattr(imdb_rnn, name).__doc__, name
    assert set(imdb_rnn.__all__) <= set(dir(imdb_rnn))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fly'"):
        imdb_rnn.fly  # noqa: B018


def test_the_version_is_the_one_that_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert imdb_rnn.__version__ == project["version"]
    assert "__version__" in dir(imdb_rnn)


def test_a_source_tree_that_is_not_installed_can_be_imported(tmp_path: Path) -> None:
    shutil.copytree(Path(imdb_rnn.__file__).parent, tmp_path / "imdb_rnn")
    program = "import imdb_rnn; print(imdb_rnn.__version__)"
    # Without the packages that are installed, and so without what is known of this one.
    command = [sys.executable, "-E", "-s", "-S", "-c", program]
    completed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert completed.stdout == "unknown\n", completed.stderr


def test_every_error_is_an_imdb_rnn_error() -> None:
    errors = [getattr(imdb_rnn, name) for name in imdb_rnn.__all__ if name.endswith("Error")]
    assert len(errors) == 9
    assert all(issubclass(error, imdb_rnn.ImdbRnnError) for error in errors)


def test_tox_tests_every_backend() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    settings = [line.partition(": ") for line in tox["testenv"]["set_env"].splitlines() if "KERAS_BACKEND" in line]
    chosen = {environment: setting.split("=")[1].strip() for environment, _, setting in settings}
    assert chosen == {entry.environment: name for name, entry in TABLE.items()}
    assert chosen.keys() < set(tox["tox"]["env_list"].split(", "))
    assert chosen.keys() | {"core"} == set(tox["testenv:parity"]["depends"].split(", "))


def test_every_backend_that_trains_has_an_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name in (*TRAINING_BACKENDS, "openvino"):
        packages = [requirement.split(">=")[0] for requirement in project["optional-dependencies"][name]]
        assert TABLE[name].package in packages


def test_only_the_backends_package_imports_a_backend() -> None:
    """Nothing else in the library imports one, at any level; but for two programs that write and run exported files."""
    programs = {ROOT / "imdb_rnn" / "exporting" / name for name in ("run.py", "write.py")}
    for path in {*(ROOT / "imdb_rnn").rglob("*.py")} - programs:
        if ROOT / "imdb_rnn" / "backends" in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {name.split(".")[0] for name in names} & {*TRAINING_BACKENDS, "openvino"}, path
