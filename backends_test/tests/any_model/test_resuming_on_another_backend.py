"""A training that one backend was killed in is resumed on another one, within the tolerance of fifty steps."""

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from backends_test.comparison.stages import LADDER
from backends_test.environments import ROOT, python_of
from imdb_rnn.inference.bundle import read_bundle

TOLERANCE = next(stage for stage in LADDER if stage.name == "fifty steps").bounds["float32"].tolerance


def run(backend: str, folder: Path, moment: int) -> subprocess.CompletedProcess[str]:
    """Run `killed_training` on a backend."""
    command = [python_of(backend), "-m", "backends_test.tests.backend.killed_training", folder, "tutorial", str(moment)]
    environment = os.environ | {"KERAS_BACKEND": backend}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(("first", "second"), [("jax", "torch"), ("torch", "tensorflow"), ("tensorflow", "jax")])
def test_a_training_goes_on_where_another_backend_was_killed(first: str, second: str, tmp_path: Path) -> None:
    whole = run(second, tmp_path / "whole", 0)
    assert whole.returncode == 0, whole.stderr
    moments = int(whole.stdout.split()[-1])
    assert run(first, tmp_path / "resumed", moments // 2).returncode == -signal.SIGKILL
    resumed = run(second, tmp_path / "resumed", 0)
    assert resumed.returncode == 0, resumed.stderr
    one, other = (read_bundle(tmp_path / name) for name in ("whole", "resumed"))
    assert other.manifest.backend == second
    assert (one.manifest.epochs, one.manifest.best_epoch) == (other.manifest.epochs, other.manifest.best_epoch)
    for expected, received in zip(one.weights, other.weights, strict=True):
        np.testing.assert_allclose(received, expected, rtol=0, atol=TOLERANCE)
