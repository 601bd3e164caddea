"""Each program of docs/keras-findings.md ended as the page says when `tox -e findings` last ran them."""

import json
import re

import pytest

from backends_test.findings import RESULTS, end_of, findings, sections
from imdb_rnn.backends import PREDICTING_BACKENDS, TRAINING_BACKENDS

HEAD, *SECTIONS = sections()
FINDINGS = findings()


@pytest.mark.parametrize("backend", [*TRAINING_BACKENDS, *PREDICTING_BACKENDS])
def test_the_programs_ended_as_the_page_says(backend: str) -> None:
    committed = json.loads(RESULTS.read_text(encoding="utf-8"))[backend]
    assert f"Keras {committed['keras']} on JAX" in HEAD
    assert committed["ends"] == {
        finding.slug: {"program": finding.digest, "end": finding.expected_end(backend)}
        for finding in FINDINGS
        if backend in (*finding.holds, *finding.fails)
    }


@pytest.mark.parametrize(
    ("program", "end"),
    [
        ("raise TypeError('a\\nb')", "TypeError"),
        ("raise ValueError('TypeError:')", "ValueError"),
        ("raise SystemExit(3)", "exit 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("1 +", "SyntaxError"),
        ("import sys; sys.stderr.write('TypeError: but it ends well')", ""),
    ],
)
def test_how_a_program_ends_is_told(program: str, end: str) -> None:
    assert end_of(program) == end


@pytest.mark.parametrize("section", SECTIONS, ids=[finding.slug for finding in FINDINGS])
def test_a_section_has_one_outcome_one_program_and_what_the_project_does(section: str) -> None:
    assert [section.count(part) for part in ("Holds under:", "```python", "What this project does:")] == [1, 1, 1]


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.slug)
def test_a_finding_names_each_backend_once(finding: tuple[str, ...]) -> None:
    named = [*finding.holds, *finding.fails]  # type: ignore[attr-defined]
    assert len(named) == len(set(named))
    assert set(named) <= {*TRAINING_BACKENDS, *PREDICTING_BACKENDS}


def test_the_head_names_the_versions_and_lists_every_finding() -> None:
    assert re.search(r"Keras 3\.\S+ on JAX \d\S+, PyTorch \d\S+ and TensorFlow \d\S+, on a CPU", HEAD)
    rows = re.findall(r"^\| \[(.+)\]\(#(.+)\) \| ([a-z, ]+) \| .+ \|$", HEAD, re.MULTILINE)
    assert rows == [(finding.title, finding.slug, ", ".join(finding.fails)) for finding in FINDINGS]
