"""Keras starts on the backend that is meant, or one line says why it does not."""

import json
import os
from pathlib import Path

import pytest

from backends_test.tests.backend.processes import COMMAND_LINE, TWICE, Run, assert_one_line_for, assert_said_twice
from imdb_rnn import Training
from imdb_rnn.backends import TRAINING_BACKENDS


def other_than(backend: str) -> str:
    return next(name for name in TRAINING_BACKENDS if name != backend)


def install(packages: Path, name: str, code: str = "") -> None:
    """Make a package that is found before any other of its name."""
    (packages / name).mkdir()
    (packages / name / "__init__.py").write_text(code, encoding="utf-8")


# --- Which backend ---------------------------------------------------------------------------------------------------


CHOSEN = """
import logging, os
import imdb_rnn
from imdb_rnn import backends
logging.basicConfig(format="%(message)s")
before = {name: os.environ.get(name) for name in ("KERAS_BACKEND", "KERAS_HOME")}
print(backends.backend_name(), backends.load_keras().backend.backend(), backends.backend_name())
print(before == {name: os.environ.get(name) for name in before}, "KERAS_BACKEND" in os.environ)
"""


def test_the_only_backend_that_is_installed_is_taken_and_named_once(run: Run, keras_home: Path, backend: str) -> None:
    first = run(CHOSEN)
    assert first.output == [f"{backend} {backend} {backend}", "True False"]
    told = f"Running on {backend}, the only backend that is installed. Set KERAS_BACKEND to choose another one."
    assert first.said.count(told) == 1
    # Keras has written its settings now, with a backend that nobody chose.
    assert json.loads((keras_home / "keras.json").read_text())["backend"] == "tensorflow"
    assert run(CHOSEN).output == first.output


def test_the_backend_in_keras_json_is_taken_where_several_are_installed(
    run: Run, packages: Path, keras_home: Path, backend: str
) -> None:
    install(packages, other_than(backend))
    for named in (backend, other_than(backend)):
        (keras_home / "keras.json").write_text(json.dumps({"backend": named}))
        ran = run("from imdb_rnn import backends\nprint(backends.backend_name())")
        assert (ran.output, ran.said) == ([named], [])


def test_a_keras_that_runs_already_is_taken_before_keras_json(run: Run, keras_home: Path, backend: str) -> None:
    (keras_home / "keras.json").write_text(json.dumps({"backend": "theano"}))
    code = f"import os\nos.environ['KERAS_BACKEND'] = {backend!r}\nimport keras\ndel os.environ['KERAS_BACKEND']\n"
    assert run(code + CHOSEN).output == [f"{backend} {backend} {backend}", "True False"]


def test_several_backends_and_none_chosen_is_an_error_that_says_what_to_type(
    run: Run, packages: Path, keras_home: Path, backend: str
) -> None:
    install(packages, other_than(backend))
    both = [name for name in TRAINING_BACKENDS if name in (backend, other_than(backend))]
    (left_out,) = {*TRAINING_BACKENDS} - {*both}
    ran = run(COMMAND_LINE, "summary")
    assert (ran.status, ran.output) == (1, [])
    (line,) = ran.said
    assert f"Received: not set. Installed here: {', '.join(both)}. Try: export KERAS_BACKEND={both[0]}" in line

    (keras_home / "keras.json").write_text(json.dumps({"backend": left_out}))
    (line,) = run(COMMAND_LINE, "summary").said
    assert f"not set, and '{left_out}' in {keras_home / 'keras.json'}, which is not installed. Installed" in line


@pytest.mark.parametrize("named", ["theano", "", 5, ["jax"]])
def test_an_unknown_backend_in_keras_json_is_an_error_that_names_the_file(
    run: Run, keras_home: Path, named: object
) -> None:
    (keras_home / "keras.json").write_text(json.dumps({"backend": named}))
    ran = run(COMMAND_LINE, "summary")
    assert (ran.status, ran.output) == (1, [])
    (line,) = ran.said
    assert line.startswith(f"imdb-rnn: Bad `backend` in {keras_home / 'keras.json'}. Expected: one of jax, torch,")
    assert f"Received: {named!r}. Installed here:" in line


def test_a_folder_of_the_name_of_a_backend_and_a_module_without_a_specification_are_no_backend(
    run: Run, packages: Path, backend: str
) -> None:
    other, third = sorted({*TRAINING_BACKENDS} - {backend})
    (packages / other).mkdir()  # where Python looks first
    code = (
        f"import sys, types\nsys.modules[{third!r}] = types.ModuleType({third!r})\n"
        "from imdb_rnn import backends\nprint(backends.installed_backends())"
    )
    assert run(code).output == [str([backend])]


def test_commands_that_need_no_backend_look_for_none(
    run: Run, keras_home: Path, trained: tuple[Path, Training], tmp_path: Path
) -> None:
    for place in ("train/pos", "train/neg", "test/pos", "test/neg"):
        (tmp_path / "mine" / place).mkdir(parents=True)
        (tmp_path / "mine" / place / "0.txt").write_text(f"a film of {place}", encoding="utf-8")
    (keras_home / "keras.json").mkdir()
    for arguments in (
        ("predict", trained[0], "good"),
        ("explain", trained[0], "good"),
        ("data", f"folder:{tmp_path / 'mine'}"),
    ):
        ran = run(COMMAND_LINE, *arguments, KERAS_BACKEND="theano")
        assert (ran.status, ran.said) == (0, [])


# --- Settings, packages and devices that do not work -----------------------------------------------------------------


SETTINGS = {
    "a list": ("[1]", "'list' object"),
    "no float type": ('{"floatx": "int32"}', "floatx=int32"),
    "a number for a float type": ('{"floatx": 5}', "floatx=5"),
    "an unknown float type": ('{"floatx": "float8"}', "floatx=float8"),
    "an epsilon that is a text": ('{"epsilon": "x"}', "epsilon=x"),
    "an unknown format of images": ('{"image_data_format": "nonsense"}', "nonsense"),
    "too deep": ("[" * 100_000, "recursion"),
    "a folder": (None, "Is a directory"),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has other words for a folder that is opened as a file")
@pytest.mark.parametrize(("content", "cause"), SETTINGS.values(), ids=SETTINGS)
def test_settings_that_keras_refuses_are_one_line_that_names_the_file(
    run: Run, keras_home: Path, backend: str, content: str | None, cause: str
) -> None:
    file = keras_home / "keras.json"
    if content is None:
        file.mkdir()
    else:
        file.write_text(content)
    parts = ("Expected: settings that Keras accepts. ", cause, f"Correct or remove {file}.")
    assert_said_twice(run(TWICE, KERAS_BACKEND=backend), *parts)


def test_a_variable_that_keras_refuses_is_named(run: Run, backend: str) -> None:
    ran = run(COMMAND_LINE, "summary", KERAS_BACKEND=backend, KERAS_MAX_EPOCHS="many")
    assert_one_line_for(ran, "Expected: settings that Keras accepts. ", "or KERAS_MAX_EPOCHS='many'.")


def test_a_keras_json_that_is_no_json_is_passed_over_as_keras_does(run: Run, keras_home: Path, backend: str) -> None:
    (keras_home / "keras.json").write_text("{")
    assert run(TWICE).output == [f"runs on {backend}"] * 2


def test_settings_can_be_corrected_without_a_new_process(run: Run, keras_home: Path, backend: str) -> None:
    file = keras_home / "keras.json"
    file.write_text('{"floatx": 5}')
    code = f"{TWICE}\nopen({str(file)!r}, 'w').write('{{}}')\n{TWICE}\nimport os\nprint(os.environ['KERAS_BACKEND'])"
    ran = run(code, KERAS_BACKEND=backend)
    assert ran.output[2:] == [*[f"runs on {backend}"] * 2, backend]
    assert "floatx=5" in ran.output[1]
    assert not any("Running on" in line for line in ran.said)  # it was asked for


# A second import would say something else, as that of a framework that was half imported does.
BROKEN = """
import sys
if hasattr(sys, "half_imported"):
    raise RuntimeError("misleading")
sys.half_imported = True
raise {error}
"""
LIBRARY = "libmissing.so.1: cannot open shared object file: No such file or directory"


@pytest.mark.parametrize(
    ("error", "received"),
    [
        (f"ImportError({LIBRARY!r})", f"ImportError: {LIBRARY}. "),
        ("OSError('no driver\\nand a long story')", "OSError: no driver. "),
        ("RuntimeError", "RuntimeError. "),
        # As TensorFlow does.
        (f"ImportError('Traceback (most recent call last):\\n  File\\nImportError: {LIBRARY}\\n')", LIBRARY),
    ],
    ids=["a library is missing", "a driver is broken", "an error without words", "a traceback in the message"],
)
def test_a_framework_that_cannot_be_imported_is_one_line_also_the_second_time(
    run: Run, packages: Path, backend: str, error: str, received: str
) -> None:
    install(packages, backend, BROKEN.format(error=error))
    parts = (f"Expected: complete installations of keras and {backend}", f"Received: {received}", "Reinstall them")
    if "Traceback" in error:
        parts = (f"Received: ImportError: {LIBRARY}. ",)
    assert_said_twice(run(TWICE, KERAS_BACKEND=backend), *parts)
    assert_one_line_for(run(COMMAND_LINE, "summary", KERAS_BACKEND=backend), *parts)


def test_a_failed_import_of_keras_leaves_nothing_of_it_behind(run: Run, backend: str) -> None:
    """Its modules would be those of that backend, whatever is asked for next."""
    code = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == "keras.src.models":
            raise ImportError({LIBRARY!r})
sys.meta_path.insert(0, Missing())
{TWICE}
print([name for name in sys.modules if name.partition(".")[0] == "keras"])
sys.meta_path.pop(0)
{TWICE}
"""
    ran = run(code, KERAS_BACKEND=backend)
    first, second, left, *repaired = ran.output
    assert first == second
    assert f"Received: ImportError: {LIBRARY}. " in first
    assert left == "[]"
    assert repaired == [f"runs on {backend}"] * 2


def test_another_backend_can_be_chosen_after_one_that_failed(run: Run, packages: Path, backend: str) -> None:
    other = other_than(backend)
    install(packages, other, f"raise ImportError({LIBRARY!r})")
    code = f"{TWICE}\nimport os\nos.environ['KERAS_BACKEND'] = {backend!r}\n{TWICE}"
    ran = run(code, KERAS_BACKEND=other)
    assert ran.output[0].startswith(f"Cannot start Keras on {other}. ")
    assert ran.output[2:] == [f"runs on {backend}"] * 2
