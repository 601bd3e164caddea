"""Each disagreement that docs/keras-findings.md tells of is still there, and is the one that it tells of.

Where the page says that a program fails, it must end with the exception named there: that is an expected failure, and
a strict one, so that the suite says when Keras has mended it. Where the page says that it holds, it must end in peace.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from backends_test.environments import ROOT
from imdb_rnn.backends import PREDICTING_BACKENDS, TRAINING_BACKENDS, backend_name

HERE = backend_name()
HEAD, *SECTIONS = (ROOT / "docs" / "keras-findings.md").read_text("utf-8").split("\n## ")
SECTION = re.compile(
    r"(?s)(?P<title>[^\n]+)\n\nHolds under: (?P<holds>[a-z, ]+)\. Fails under: (?P<fails>[a-z, ]+) "
    r"\((?P<exception>\w+)\)\.\n\n.+\n\n```python\n(?P<program>.+)```\n\nWhat this project does: .+"
)
# Ends with one line "type: message", however long the message and whatever the backend prints behind it.
RUNNER = """import runpy, sys
sys.excepthook = lambda kind, error, trace: print(kind.__name__ + ":", *str(error).split(), file=sys.stderr)
runpy.run_path(sys.argv[1], run_name="__main__")"""


class DisagreementError(Exception):
    """A program ended with the exception that the page names."""


def parts(section: str) -> dict[str, str]:
    match = SECTION.fullmatch(section.rstrip())
    assert match, f"a section that is not of the form of the others: {section}"
    return match.groupdict() | {"slug": re.sub(r"[^\w -]", "", match["title"].lower()).replace(" ", "-")}


FINDINGS = [parts(section) for section in SECTIONS]
CONCERNED = [finding for finding in FINDINGS if HERE in finding["holds"] + finding["fails"]]


def run(program: str, exception: str, folder: Path) -> None:
    """Run a program in a fresh process; raise `DisagreementError` if it ends with the exception of that name."""
    (folder / "program.py").write_text(program, "utf-8")
    own = {"KERAS_BACKEND": HERE, "KERAS_HOME": str(folder), "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", RUNNER, "program.py"]
    child = subprocess.run(command, cwd=folder, env=os.environ | own, capture_output=True, text=True, timeout=300)
    if child.returncode:
        end = f"exit {child.returncode}\n{child.stderr}".strip().splitlines()[-1]
        raise (DisagreementError if end.partition(":")[0] == exception else AssertionError)(end)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Future[None]]:
    with ThreadPoolExecutor(2) as pool:
        return [pool.submit(run, one["program"], one["exception"], tmp_path_factory.mktemp("f")) for one in CONCERNED]


def promised(position: int, finding: dict[str, str]) -> pytest.ParameterSet:
    fails = pytest.mark.xfail(strict=True, raises=DisagreementError, reason=finding["title"])
    return pytest.param(position, id=finding["slug"], marks=[fails] if HERE in finding["fails"] else [])


@pytest.mark.parametrize("position", map(promised, range(len(CONCERNED)), CONCERNED))
def test_a_program_ends_as_the_page_says(position: int, runs: list[Future[None]]) -> None:
    runs[position].result()


def test_no_other_end_is_taken_for_the_expected_one(tmp_path: Path) -> None:
    with pytest.raises(DisagreementError, match=r"^TypeError: a b$"):
        run("raise TypeError('a\\nb')", "TypeError", tmp_path)
    for program in ("raise ValueError('TypeError:')", "raise SystemExit(3)", "raise KeyboardInterrupt", "1 +"):
        with pytest.raises(AssertionError):
            run(program, "TypeError", tmp_path)
    run("import sys; sys.stderr.write('TypeError: but it ends well')", "TypeError", tmp_path)


@pytest.mark.parametrize("section", SECTIONS, ids=[finding["slug"] for finding in FINDINGS])
def test_a_section_has_one_outcome_one_program_and_what_the_project_does(section: str) -> None:
    assert [section.count(part) for part in ("Holds under:", "```python", "What this project does:")] == [1, 1, 1]
    named = f"{parts(section)['holds']}, {parts(section)['fails']}".split(", ")
    known = {*TRAINING_BACKENDS, *PREDICTING_BACKENDS, "none"}
    assert sorted(named) == sorted({*named} & known), "a backend is unknown or named twice"


def test_the_head_names_the_versions_and_lists_every_finding() -> None:
    assert re.search(r"Keras 3\.\S+ on JAX \d\S+, PyTorch \d\S+ and TensorFlow \d\S+, on a CPU", HEAD)
    rows = re.findall(r"^\| \[(.+)\]\(#(.+)\) \| ([a-z, ]+) \| .+ \|$", HEAD, re.MULTILINE)
    assert rows == [(finding["title"], finding["slug"], finding["fails"]) for finding in FINDINGS]
