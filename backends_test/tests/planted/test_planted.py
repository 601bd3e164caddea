"""Does a comparison find each planted fault, and name its backend, its layer and its stage? An hour.

It needs the environments of all three backends, and Keras in the one that it runs in.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends_test.any_model.run import ALL_STAGES, BACKENDS, Comparison, Options, Session, compare_in
from backends_test.environments import python_of
from backends_test.tests.planted.faults import FAULTS, SWITCH

# Why a comparison does not find a fault.
MISSED = {
    "dropout_of_the_backend_not_scaled": "random functions are replaced, and not compared",
    "threshold_included": "no prediction of the batch is exactly 0.5",
    "one_class_less": "the few examples of the batch do not show it",
}

# Models about which Keras's own backends disagree, by the finding of docs/keras-findings.md.
DISAGREE = {
    "probabilities_clipped_early": "jax-and-pytorch-give-no-gradient-for-a-saturated-sigmoid",
    "nadam_is_adam": "on-jax-and-tensorflow-nadam-computes-one-minus-beta_2-in-float32",
}

each_fault = pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])


class Planted(Session):
    """A process of its own for the backend with a fault, which stays in its process. The others share theirs.

    Args:
        others: the processes of the other backends. They plant nothing, for each fault is for one backend only.
        backend: the one with the fault.
        folder: where logs lie.
    """

    def __init__(self, others: Session, backend: str, folder: Path) -> None:
        super().__init__(interpreters(), folder)
        self._others, self._planted = others, backend

    def do(self, backend: str, task: dict[str, Any], seconds: float) -> None:
        if backend == self._planted:
            super().do(backend, task, seconds)
        else:
            self._others.do(backend, task, seconds)


def interpreters() -> dict[str, Path]:
    return {backend: python_of(backend) for backend in BACKENDS}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """The processes of `Planted.others`."""
    with Session(interpreters(), tmp_path_factory.mktemp("others")) as session:
        yield session


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Processes that are started while nothing is planted."""
    with Session(interpreters(), tmp_path_factory.mktemp("sound")) as session:
        yield session


def compare(session: Session, fault: Any, folder: Path) -> Comparison:
    # Later stages are left out, because they cannot come first.
    last = max(ALL_STAGES.index(stage) for stage in fault.stages)
    return compare_in(session, Options(fault.model, stages=ALL_STAGES[: last + 1]), folder / "results")


@each_fault
def test_a_planted_fault_is_found_and_named(
    fault: Any, others: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if fault.name in MISSED:
        request.applymarker(pytest.mark.xfail(reason=MISSED[fault.name], strict=True))
    monkeypatch.delenv(SWITCH, raising=False)
    with Planted(others, fault.backend, tmp_path / "planted") as session:
        found = compare(session, fault, tmp_path)
    first = found.first_disagreement
    assert not found.agree, fault.description
    assert first is not None
    assert first["stage"] in fault.stages
    assert first["backend"] == fault.backend
    if fault.layer is not None:
        # A layer of another layer is named by a path.
        assert fault.layer in first["layer"].split("/")


@each_fault
def test_the_same_model_without_its_fault_agrees(
    fault: Any, sound: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if fault.name in DISAGREE:
        request.applymarker(pytest.mark.xfail(reason=DISAGREE[fault.name], strict=True))
    monkeypatch.setenv(SWITCH, "off")
    compared = compare(sound, fault, tmp_path)
    assert compared.agree, compared.first_disagreement


def test_names_are_unique_and_faults_are_on_every_backend() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert {fault.backend for fault in FAULTS} == set(BACKENDS)
    assert {stage for fault in FAULTS for stage in fault.stages} == set(ALL_STAGES)
