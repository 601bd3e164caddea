"""docs/keras-3.md says what the committed results say."""

import json
from pathlib import Path

import pytest

from backends_test.findings import findings
from backends_test.keras_cases.explained import EXPLAINED, explanation
from backends_test.keras_cases.publish import PAGE, RESULTS, gather, page


def test_the_page_is_that_of_the_committed_results() -> None:
    committed = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8") == page(committed)
    assert page(committed | {"cases": committed["cases"][1:]}) != page(committed)


def test_every_disagreement_has_a_cause_and_every_cause_a_finding() -> None:
    slugs = {finding.slug for finding in findings()}
    committed = json.loads(RESULTS.read_text(encoding="utf-8"))
    for case in committed["cases"]:
        assert bool(case["off"]) == bool(case["explanation"]), case
    assert {why for *_, why in EXPLAINED if " " not in why} <= slugs


def test_a_disagreement_without_a_cause_is_not_published(tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    row = ["forward", "dense", "output", ["jax", "torch"], 1.0, 0.1, "disagrees", "torch", ""]
    case = {"group": "layers", "name": "Dense", "subject": "Dense", "rows": [row]}
    (tmp_path / "cases" / "dense.json").write_text(json.dumps(case), encoding="utf-8")
    with pytest.raises(SystemExit, match="Received: none for layers: Dense"):
        gather(tmp_path)


def test_a_cause_belongs_to_a_group_and_to_names_that_begin_with_its_pattern() -> None:
    assert explanation("optimizers", "Nadam on Dense").startswith("on-jax-and-tensorflow-nadam")
    assert explanation("layers", "Nadam on Dense") == ""
    assert explanation("optimizers", "SGD before Nadam") == ""
