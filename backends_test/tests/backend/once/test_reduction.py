"""Models as plain values and as Python, and what is smaller than a model."""

import runpy
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from backends_test.any_model import reduction, shrunk_program
from backends_test.any_model.reduction import Candidate, Input, Node
from backends_test.any_model.verdicts import Row


def text_of(value: Any) -> str:
    return reduction.write(reduction.describe_object(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (keras.layers.Dense(3, activation="relu", name="first"), 'keras.layers.Dense(3, activation="relu")'),
        (keras.layers.Conv2D(4, 3, strides=2), "keras.layers.Conv2D(4, (3, 3), strides=(2, 2))"),
        (keras.layers.TimeDistributed(keras.layers.Dense(2)), "keras.layers.TimeDistributed(keras.layers.Dense(2))"),
        (keras.optimizers.Adam(0.01), "keras.optimizers.Adam(learning_rate=0.01)"),
        (keras.losses.BinaryCrossentropy(from_logits=True), "keras.losses.BinaryCrossentropy(from_logits=True)"),
    ],
)
def test_an_object_is_written_with_the_settings_that_are_not_the_default(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_what_no_configuration_describes_is_refused() -> None:
    with pytest.raises(reduction.UndescribableError, match="a Lambda cannot be written as Python"):
        reduction.describe_object(keras.layers.Lambda(lambda x: x))


def described(model: Any) -> Candidate:
    inputs, nodes = reduction.describe(model)["graph"]
    return Candidate(
        {number: Input(tuple(shape), dtype) for number, (shape, dtype) in inputs.items()},
        tuple(Node(layer, arguments, tuple(outputs)) for layer, arguments, outputs in nodes),
    )


def test_a_functional_model_is_written_as_it_is(tmp_path: Path) -> None:
    x, other = keras.Input((4, 2)), keras.Input((4, 2))
    y = keras.layers.Concatenate(axis=1)([keras.layers.Dense(3)(x), keras.layers.Dense(3)(other)])
    model = keras.Model([x, other], keras.ops.exp(y))
    model.compile("sgd", "mse")
    (tmp_path / "again.py").write_text(reduction.write_build(described(model)), encoding="utf-8")
    again = runpy.run_path(str(tmp_path / "again.py"))["build"]()
    arrays = [np.ones((2, 4, 2), "float32"), np.full((2, 4, 2), 2.0, "float32")]
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(arrays, verbose=0), model.predict(arrays, verbose=0))


def test_a_model_gets_simpler_in_every_way() -> None:
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dropout(0.5)])
    model.compile("sgd", "mse")
    candidate = described(model)
    texts = ["; ".join(reduction.write_model(one, with_batch=True)) for one in reduction.simplify(candidate)]
    assert any("keras.layers.Dense(4)," in text for text in texts)
    assert any('keras.layers.Dense(1, activation="relu")' in text for text in texts)
    assert any("keras.Input((1,))" in text for text in texts)
    assert any("batch_size=1" in text for text in texts)
    fewer = [reduction.write_model(one)[0] for one in reduction.without_node(candidate, 0, {})]
    assert fewer == ["model = keras.Sequential([keras.Input((6,)), keras.layers.Dropout(0.5)])"]


def test_the_program_finds_where_numbers_differ_most() -> None:
    place, share = shrunk_program.farthest(np.array([1.0, 2.0, 1e-9]), np.array([1.0, 2.2, 2e-9]))
    assert (place, round(share, 3)) == (1, 0.091)
    assert shrunk_program.farthest(np.array([np.nan, 1.0]), np.array([np.nan, np.nan]))[0] == 1


def test_an_issue_has_what_a_maintainer_asks_for() -> None:
    row = Row("forward", "up", "output", ("jax", "torch"), 0.1, 1e-7, "disagrees", "torch")
    versions = {"jax": {"keras": "3.15.1", "jax": "0.10.2"}}
    text = shrunk_program.Shrunk(
        row, "import keras\n", "A title", {"jax": "1.0", "torch": "1.1"}, "`1.0`", versions, 3, []
    ).issue
    assert text.startswith("# A title\n")
    assert "```python\nimport keras\n```" in text
    assert "| PyTorch | `1.1` |" in text
    assert "- JAX: keras 3.15.1, jax 0.10.2" in text
