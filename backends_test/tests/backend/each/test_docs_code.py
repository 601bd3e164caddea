"""Code in the documentation that needs Keras runs, and prints what the page shows."""

import re
from pathlib import Path

import pytest

from backends_test.environments import ROOT
from imdb_rnn import Training
from imdb_rnn.inference.bundle import CONFIG_FILE, MODEL_FILE


def block(page: str, start: str, language: str = "python") -> str:
    """The block of a page that begins with a text."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    (code,) = re.findall(rf"```{language}\n({re.escape(start)}.*?)```", text, re.DOTALL)
    return str(code)


def test_a_saved_folder_is_read_by_keras_alone(
    trained: tuple[Path, Training], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = block("saved-folder.md", "import json\n")
    assert MODEL_FILE in code
    assert CONFIG_FILE in code
    (tmp_path / "my-model").symlink_to(trained[0])
    monkeypatch.chdir(tmp_path)
    exec(code, {})  # noqa: S102 (our own page)
    assert re.search(r"\[\[0\.\d+\]\]", capsys.readouterr().out)


def test_a_keras_model_is_accelerated(
    backend: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = block("own-keras-model.md", "import os\n").replace('"jax"', repr(backend))
    monkeypatch.setenv("KERAS_BACKEND", backend)
    exec(code, {})  # noqa: S102 (our own page)
    printed, shown = capsys.readouterr().out, block("own-keras-model.md", "forward_lstm", "text")
    if backend == "jax":
        assert printed == shown
    else:
        # The page shows JAX; the reasons, and the names of Keras's paths, are those of the backend.
        names, paths = zip(*(line.split(": ")[0].split(" is ") for line in printed.splitlines()), strict=True)
        assert names == tuple(line.split(" is ")[0] for line in shown.splitlines())
        assert paths[:2] == ("fast", "fast")
        assert paths[2] != "fast"
