"""A disagreement is made small, in the processes of two backends."""

from pathlib import Path

import pytest

from backends_test.any_model import shrink
from backends_test.any_model.environments import Environment, Missing, find
from backends_test.any_model.run import Options

# The layer of the user adds something on PyTorch only.
MODELS = """\
import keras


class Odd(keras.layers.Layer):
    def __init__(self, units, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.scale = units, scale
        self.dense = keras.layers.Dense(units)

    def call(self, x):
        y = self.dense(x) * self.scale
        return y + 0.5 if keras.config.backend() == "torch" else y


def build():
    layers = [keras.layers.Dense(4, activation="relu"), Odd(6, scale=3.0, name="odd"), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((5,)), *layers])
"""


@pytest.fixture(scope="module")
def interpreters() -> dict[str, Path]:
    """This backend and another one."""
    found = find(("torch", "jax", "tensorflow"))
    have = {name: one.python for name, one in found.items() if isinstance(one, Environment)}
    if len(have) < 2:
        missing = [one.message for one in found.values() if isinstance(one, Missing)]
        pytest.skip(f"fewer than two backends here. {' '.join(missing)}")
    return dict(list(have.items())[:2])


def test_a_layer_is_found_and_made_small(interpreters: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(MODELS, encoding="utf-8")
    options = Options(f"{tmp_path / 'models.py'}:build", stages=("forward", "layer alone"))
    found = shrink.shrink(interpreters, options)
    assert found is not None
    assert (found.row.layer, found.row.stage) == ("odd", "forward")
    lines = found.program.splitlines()
    assert len(lines) <= shrink.LINES
    # The user's file may have the name of a package.
    assert any(line.startswith("from models") and line.endswith("import Odd") for line in lines)
    assert "model = keras.Sequential([keras.Input((1,)), Odd(1)])" in lines
    assert found.observed["torch"] != found.observed[next(name for name in interpreters if name != "torch")]
    assert "It imports your own code" in found.issue


def test_a_model_that_agrees_is_not_made_smaller(interpreters: dict[str, Path], tmp_path: Path) -> None:
    text = MODELS.replace("y + 0.5", "y")
    (tmp_path / "same.py").write_text(text, encoding="utf-8")
    options = Options(f"{tmp_path / 'same.py'}:build", stages=("forward",))
    assert shrink.shrink(interpreters, options) is None
