"""The comparison notices missing and old results, and names the first stage and tensor that disagree."""

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
    Artefacts,
    MissingArtefactError,
    compare,
    disagreements,
    horizons,
    label_disagreements,
    read_all,
)
from backends_test.comparison.stages import DTYPES, LADDER, Artefact, Stage, differences, sources_fingerprint
from backends_test.environments import ROOT
from imdb_rnn.backends import PREDICTING_BACKENDS, TRAINING_BACKENDS, is_installed


@pytest.fixture
def artefacts() -> Artefacts:
    """Equal results of all participants; backends that only predict have fewer stages."""
    artefacts: Artefacts = {dtype: {} for dtype in DTYPES}
    for dtype, name in [*product(DTYPES, MAIN), *product(["float32"], PREDICTING_BACKENDS)]:
        stages = [stage.name for stage in LADDER if name in MAIN or stage.name in PREDICTED]
        artefacts[dtype][name] = Artefact({}, {stage: {"one": np.zeros(3), "two": np.zeros(2)} for stage in stages})
    return artefacts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of all environments that `read_all` reads."""
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


def test_participants_that_computed_the_same_agree(artefacts: Artefacts) -> None:
    assert list(disagreements(compare(artefacts))) == []


def test_the_first_disagreement_names_stage_and_tensor(artefacts: Artefacts) -> None:
    for stage in ("gradients", "Adam", "fifty steps"):
        artefacts["float32"]["torch"].stages[stage]["two"] = np.array([0, 1e-3])
    first, *others = disagreements(compare(artefacts))
    assert first == (
        "oracle - torch disagree at 'gradients' in float32, tensor 'two': difference 0.001, tolerance 3.4e-07"
    )
    assert len(others) == 3 * 3 - 1  # three stages, each with the oracle and two other backends
    assert not any("jax - tensorflow" in message for message in others)


@pytest.mark.parametrize("stage", LADDER, ids=lambda stage: stage.name)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_difference_beyond_the_tolerance_is_noticed_at_every_stage(
    artefacts: Artefacts, stage: Stage, dtype: str
) -> None:
    if dtype not in stage.bounds:
        assert dtype == "float64"  # saved models are of float32
        return
    beyond = stage.bounds[dtype].tolerance * 1.1 + 1e-300
    artefacts[dtype]["jax"].stages[stage.name]["one"] = np.array([0, beyond, 0])
    assert all(
        f"disagree at '{stage.name}' in {dtype}, tensor 'one'" in message
        for message in disagreements(compare(artefacts))
    )
    assert len(list(disagreements(compare(artefacts)))) == 3


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


def test_a_stage_that_a_backend_left_out_is_no_agreement(artefacts: Artefacts) -> None:
    del artefacts["float32"]["jax"].stages["Adam"]
    del artefacts["float32"]["numpy"].stages["evaluate"]
    assert list(disagreements(compare(artefacts))) == [
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
    with pytest.raises(MissingArtefactError, match=r"Cannot read the float64 results of tensorflow\. .*: tox -e tf"):
        read_all(folder, "float64")


def test_a_backend_that_only_predicts_is_not_left_out_in_silence(folder: Path) -> None:
    (folder / "openvino" / "float32.json").unlink()
    with pytest.raises(
        MissingArtefactError, match=r"Cannot read the float32 results of openvino\. .*Run first: tox -e openvino"
    ):
        read_all(folder, "float32")


@pytest.mark.parametrize("name", ["float64.json", "model.json"])
def test_a_stale_artefact_is_an_error_that_says_what_to_run(folder: Path, name: str) -> None:
    change(folder / "torch" / name, sources="of yesterday")
    with pytest.raises(MissingArtefactError, match=r"The results of torch are older .* Run again: tox -e torch"):
        read_all(folder, "float64")


def test_the_fingerprint_follows_the_sources(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("one = 1\n")
    before = sources_fingerprint(tmp_path)
    (tmp_path / "model.py").write_text("one = 2\n")
    assert sources_fingerprint(tmp_path) != before


def test_environments_that_read_different_reviews_are_not_compared(folder: Path) -> None:
    change(folder / "jax" / "float32.json", data={"source": "imdb", "fingerprint": "1"})
    expected = r"The environments read different reviews: imdb \(1\), synthetic \(0\)"
    with pytest.raises(MissingArtefactError, match=expected):
        read_all(folder, "float32")


def test_the_horizon_is_the_first_step_that_has_parted() -> None:
    grown = {"float32": {"jax - torch": [0, 1e-7, 1e-3, 0, 1], "jax - tensorflow": [0, 1e-7, 9e-4, 0, 0]}}
    assert horizons(grown) == {"float32": {"jax - torch": 3, "jax - tensorflow": None}}


def test_every_pair_is_compared(artefacts: Artefacts) -> None:
    main = {f"{one} - {other}" for one, other in combinations(MAIN, 2)}
    for row in compare(artefacts):
        predicting = row["dtype"] == "float32" and row["stage"] in PREDICTED
        assert set(row["pairs"]) == main | (
            {f"oracle - {name}" for name in PREDICTING_BACKENDS} if predicting else set()
        )


def test_too_many_other_labels_under_openvino_are_a_parting() -> None:
    pair = {"saver": "jax", "loader": "openvino", "reviews": 25_000, "labels": 83}
    assert not list(label_disagreements([pair]))
    assert not list(
        label_disagreements([{**pair, "loader": "torch", "labels": 12_500}])
    )  # that row has its own tolerance
    assert list(label_disagreements([{**pair, "labels": 400}])) == [
        "openvino gives 400 of 25000 reviews another label than jax"
    ]


def test_this_environment_holds_no_backend() -> None:
    if os.environ.get("TOX_ENV_NAME") == "parity":
        assert not [name for name in (*TRAINING_BACKENDS, "openvino") if is_installed(name)]
    assert not {"jax", "torch", "tensorflow", "openvino", "keras"} & set(sys.modules)
