"""A device that is asked for and is not there is told in one line."""

from pathlib import Path

import pytest

from backends_test.tests.backend.processes import COMMAND_LINE, TWICE, Run, assert_one_line_for, assert_said_twice

DEVICES = {"jax": "JAX_PLATFORMS", "torch": "KERAS_TORCH_DEVICE"}


@pytest.mark.parametrize("device", ["nonsense", "cuda"])
def test_a_device_that_is_not_there_is_one_line_that_names_the_variable(
    run: Run, packages: Path, backend: str, device: str
) -> None:
    if backend not in DEVICES:
        pytest.skip("TensorFlow has no variable that asks for a device which must be there")
    variable = DEVICES[backend]
    environment = {"KERAS_BACKEND": backend, variable: device}
    ran = run(TWICE, **environment)
    if device == "cuda" and ran.output == [f"runs on {backend}"] * 2:
        pytest.skip("there is such a device here")
    parts = (f"Expected: a device that {backend} can use. ", f"{variable}={device!r}")
    assert_said_twice(ran, *parts)
    ran = run(COMMAND_LINE, "train", "--data", "folder:none", "--out", "model", **environment)
    assert_one_line_for(ran, *parts)
    assert not any(packages.iterdir())
