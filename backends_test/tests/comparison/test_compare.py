"""The comparison would notice: what is missing or stale, and the first stage and tensor that part."""

import json
import os
import sys
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from backends_test.comparison.compare import (
    MAIN,
    PREDICTED,
    MissingArtefactError,
    compare,
    horizons,
    label_partings,
    partings,
    read_all,
)
from backends_test.comparison.stages import DTYPES, LADDER, Artefact, Stage, differences, sources_fingerprint
from backends_test.environments import ROOT
from imdb_rnn.backends import PREDICTING_BACKENDS, TRAINING_BACKENDS, is_installed

Found = dict[str, dict[str, Artefact]]


@pytest.fixture
def found() -> Found:
    """Participants that all computed the same, those that only predict as far as they can."""
    found: Found = {dtype: {} for dtype in DTYPES}
    for dtype, name in [*product(DTYPES, MAIN), *product(["float32"], PREDICTING_BACKENDS)]:
        stages = [stage.name for stage in LADDER if name in MAIN or stage.name in PREDICTED]
        found[dtype][name] = Artefact({}, {stage: {"one": np.zeros(3), "two": np.zeros(2)} for stage in stages})
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the environments leave, as far as `read_all` looks at it."""
    note = {"sources": sources_fingerprint(ROOT / "imdb_rnn"), "data": {"source": "synthetic", "fingerprint": "0"}}
    for backend in (*TRAINING_BACKENDS, *PREDICTING_BACKENDS):
        (tmp_path / backend).mkdir()
        for name in ("float32.json", "float64.json", "model.json"):
            (tmp_path / backend / name).write_text(json.dumps(note))
        for dtype in DTYPES:
            np.savez(tmp_path / backend / f"{dtype}.npz", **{"forward/reviews": np.zeros(3)})
    return tmp_path


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_participants_that_computed_the_same_agree(found: Found) -> None:
    assert list(partings(compare(found))) == []


def test_the_first_stage_and_tensor_that_part_are_named_first(found: Found) -> None:
    for stage in ("gradients", "Adam", "fifty steps"):
        found["float32"]["torch"].stages[stage]["two"] = np.array([0, 1e-3])
    first, *others = partings(compare(found))
    assert first == ("oracle - torch part at 'gradients' in float32, tensor 'two': difference 0.001, tolerance 3.4e-07")
    assert len(others) == 3 * 3 - 1  # three stages, each with the oracle and two other backends
    assert not any("jax - tensorflow" in parting for parting in others)


@pytest.mark.parametrize("stage", LADDER, ids=lambda stage: stage.name)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_difference_beyond_the_tolerance_is_noticed_at_every_stage(found: Found, stage: Stage, dtype: str) -> None:
    if dtype not in stage.bounds:
        assert dtype == "float64"  # saved models are of float32
        return
    beyond = stage.bounds[dtype].tolerance * 1.1 + 1e-300
    found[dtype]["jax"].stages[stage.name]["one"] = np.array([0, beyond, 0])
    assert all(f"part at '{stage.name}' in {dtype}, tensor 'one'" in parting for parting in partings(compare(found)))
    assert len(list(partings(compare(found)))) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"one": np.zeros(3)},
        {"one": np.zeros(3), "two": np.zeros(3)},
        {"one": np.zeros(3), "two": np.array([0, np.nan])},
    ],
    ids=["without a tensor", "of another shape", "not a number"],
)
def test_what_cannot_be_compared_differs_without_bound(other: dict[str, np.ndarray]) -> None:
    assert differences({"one": np.zeros(3), "two": np.zeros(2)}, other) == {"one": 0, "two": np.inf}


def test_a_stage_that_a_backend_left_out_is_no_agreement(found: Found) -> None:
    del found["float32"]["jax"].stages["Adam"]
    del found["float32"]["numpy"].stages["evaluate"]
    assert list(partings(compare(found))) == [
        "'evaluate' in float32 was not computed for oracle - numpy",
        "'Adam' in float32 was not computed for oracle - jax, jax - torch, jax - tensorflow",
    ]


def test_what_all_have_left_is_read(folder: Path) -> None:
    assert list(read_all(folder, "float32")) == [*TRAINING_BACKENDS, *PREDICTING_BACKENDS]
    assert list(read_all(folder, "float64")) == list(TRAINING_BACKENDS)


@pytest.mark.parametrize("name", ["float64.json", "float64.npz", "model.json"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:20])])
def test_a_missing_or_damaged_artefact_is_an_error_that_says_what_to_run(
    folder: Path, name: str, damage: Callable[[Path], object]
) -> None:
    damage(folder / "tensorflow" / name)
    with pytest.raises(MissingArtefactError, match=r"Nothing usable from tensorflow in float64\. .*: tox -e tf"):
        read_all(folder, "float64")


def test_a_backend_that_only_predicts_is_not_left_out_in_silence(folder: Path) -> None:
    (folder / "openvino" / "float32.json").unlink()
    with pytest.raises(MissingArtefactError, match=r"Nothing usable from openvino .*Run first: tox -e openvino"):
        read_all(folder, "float32")


@pytest.mark.parametrize("name", ["float64.json", "model.json"])
def test_a_stale_artefact_is_an_error_that_says_what_to_run(folder: Path, name: str) -> None:
    change(folder / "torch" / name, sources="of yesterday")
    with pytest.raises(MissingArtefactError, match=r"What torch left is older .* Run again: tox -e torch"):
        read_all(folder, "float64")


def test_the_fingerprint_follows_the_sources(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("one = 1\n")
    before = sources_fingerprint(tmp_path)
    (tmp_path / "model.py").write_text("one = 2\n")
    assert sources_fingerprint(tmp_path) != before


def test_environments_that_read_different_reviews_are_not_compared(folder: Path) -> None:
    change(folder / "jax" / "float32.json", data={"source": "imdb", "fingerprint": "1"})
    expected = r"The environments read different reviews: synthetic \(0\), imdb \(1\)"
    with pytest.raises(MissingArtefactError, match=expected):
        read_all(folder, "float32")


def test_the_horizon_is_the_first_step_that_has_parted() -> None:
    grown = {"float32": {"jax - torch": [0, 1e-7, 1e-3, 0, 1], "jax - tensorflow": [0, 1e-7, 9e-4, 0, 0]}}
    assert horizons(grown) == {"float32": {"jax - torch": 3, "jax - tensorflow": None}}


def test_every_pair_is_compared(found: Found) -> None:
    main = {f"{one} - {other}" for one, other in combinations(MAIN, 2)}
    for row in compare(found):
        predicting = row["dtype"] == "float32" and row["stage"] in PREDICTED
        assert set(row["pairs"]) == main | (
            {f"oracle - {name}" for name in PREDICTING_BACKENDS} if predicting else set()
        )


def test_too_many_other_labels_under_openvino_are_a_parting() -> None:
    pair = {"saver": "jax", "loader": "openvino", "reviews": 25_000, "labels": 83}
    assert not list(label_partings([pair]))
    assert not list(label_partings([{**pair, "loader": "torch", "labels": 12_500}]))  # that row has its own tolerance
    assert list(label_partings([{**pair, "labels": 400}])) == [
        "openvino gives 400 of 25000 reviews another label than jax"
    ]


def test_this_environment_holds_no_backend() -> None:
    if os.environ.get("TOX_ENV_NAME") == "parity":
        assert not [name for name in (*TRAINING_BACKENDS, "openvino") if is_installed(name)]
    assert not {"jax", "torch", "tensorflow", "openvino", "keras"} & set(sys.modules)
