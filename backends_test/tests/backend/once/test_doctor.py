"""The doctor's table of operations is that of the installed Keras, and it reads what Keras saves."""

from collections.abc import Callable
from pathlib import Path

import keras
import pytest

from backends_test.any_model.doctor import diagnose, examine
from backends_test.any_model.findings_table import EMBEDDINGS, OPTIMIZERS, RECURRENT, SQUARING
from backends_test.any_model.model_file import read_config
from backends_test.any_model.operations_table import BACKENDS, LIMITS, MISSING, missing_operations


def test_the_operations_that_a_backend_lacks_are_those_of_the_sources() -> None:
    assert missing_operations(Path(keras.__file__).parent / "src" / "backend") == MISSING


def test_the_tables_name_layers_and_optimizers_of_keras() -> None:
    # The last one is KerasHub's.
    layers = {*RECURRENT, *EMBEDDINGS, *(name for limit in LIMITS for name in limit.names)} - {
        "TokenAndPositionEmbedding"
    }
    assert [name for name in sorted(layers) if not hasattr(keras.layers, name)] == []
    own = {name for name in dir(keras.optimizers) if name[0].isupper()}
    # These three hold other optimizers, and the first is the base of all.
    assert own - {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"} == OPTIMIZERS


def test_the_optimizers_that_square_gradients_are_those_of_the_sources() -> None:
    folder = Path(keras.__file__).parent / "src" / "optimizers"
    squaring = set()
    for name in OPTIMIZERS:
        source = folder / {"ScheduleFreeAdamW": "schedule_free_adamw.py"}.get(name, f"{name.lower()}.py")
        text = source.read_text(encoding="utf-8")
        # AdamW extends Adam.
        if "ops.square(grad)" in text or "ops.square(gradient)" in text or "(adam.Adam)" in text:
            squaring.add(name)
    assert squaring == SQUARING


def embedding() -> keras.Model:
    layers = [keras.layers.Embedding(3, 2), keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((4,), dtype="int32"), *layers])
    model.compile("adam", "binary_crossentropy")
    return model


def singular_values() -> keras.Model:
    x = keras.Input((3, 3))
    return keras.Model(x, keras.ops.svd(x, compute_uv=False))


def mixed() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, dtype="mixed_bfloat16")])


def own_function() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), keras.layers.Lambda(keras.ops.relu)])


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (embedding, {"TensorFlow squares the gradient", "binary cross-entropy has no gradient", "the file sets"}),
        (singular_values, {"keras.ops.svd is not implemented"}),
        (mixed, {"mixed_bfloat16 rounds"}),
        (own_function, {"holds a Lambda layer"}),
        (lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]), set()),
    ],
    ids=["embedding", "svd", "mixed", "Lambda", "plain"],
)
def test_a_saved_model_is_examined(tmp_path: Path, build: Callable[[], keras.Model], expected: set[str]) -> None:
    path = tmp_path / "model.keras"
    build().save(path)
    found = [one for one in examine(str(path), BACKENDS) if "needs PyTorch" not in one.message]
    for start in expected:
        assert any(one.message.startswith(start) for one in found), start
    assert len(found) == len(expected), found


def test_the_configuration_of_a_built_model_is_diagnosed_like_its_file(tmp_path: Path) -> None:
    model = embedding()
    model.save(tmp_path / "model.keras")
    built = keras.saving.serialize_keras_object(model)
    assert diagnose(built, None, BACKENDS) == diagnose(read_config(tmp_path / "model.keras"), None, BACKENDS)
