"""The Dockerfile: its commands work as a script everywhere, and the image works where Docker does."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backends_test.environments import ROOT

LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
ENTRYPOINT = json.loads(next(line.removeprefix("ENTRYPOINT ") for line in LINES if line.startswith("ENTRYPOINT ")))
TEXT = "A wonderful film, I loved it."


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What `COPY . /src` copies: the files that .dockerignore names with an exclamation mark."""
    names = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / "src" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / "src" / name)
    return tmp_path / "src"


def assert_a_score(output: str) -> None:
    assert re.fullmatch(r"A wonderful film, I loved it\. +(😀 positive|💥 negative) \d+\.\d%\n", output)


def test_its_commands_install_what_predicts(source: Path, trained: tuple[Path, object], tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "image"], check=True)
    programs = tmp_path / "image" / "bin"
    installing = [line.removeprefix("RUN ").split() for line in LINES if line.startswith("RUN pip ")]
    assert installing
    for pip, *arguments in installing:
        words = [str(source) if word == "/src" else word for word in arguments]
        subprocess.run([programs / pip, *words, "--quiet"], check=True, timeout=300)
    installed = {path.name for path in (tmp_path / "image").glob("lib/*/site-packages/*")}
    assert {"numpy", "imdb_rnn"} <= installed
    assert not installed & {"keras", "jax", "torch", "tensorflow", "sklearn"}
    program, *arguments = ENTRYPOINT
    command = [programs / program, *arguments, trained[0], TEXT]
    ran = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, encoding="utf-8", check=True)
    assert ran.stderr == ""
    assert_a_score(ran.stdout)


def test_the_image_predicts(trained: tuple[Path, object]) -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:  # noqa: S607
        pytest.skip("Docker does not run here")
    subprocess.run(["docker", "build", "--tag", "imdb-rnn-test", ROOT], check=True)  # noqa: S607
    command = ["docker", "run", "--rm", "--volume", f"{trained[0]}:/model:ro", "imdb-rnn-test", "/model", TEXT]
    assert_a_score(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
