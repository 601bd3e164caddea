"""Models that Keras exports: a file gives the scores of the model, accelerated or not, for any reviews."""

from pathlib import Path

import keras
import numpy as np
import pytest

from imdb_rnn import Classifier, Training, accelerate, paths

BACKEND = keras.backend.backend()

pytestmark = [
    pytest.mark.skipif(BACKEND == "jax", reason="Keras exports from JAX by TensorFlow, which is not installed here"),
    pytest.mark.filterwarnings("ignore"),  # of exporters, with stock models as well
]


def scores_of_file(path: Path, x: np.ndarray) -> np.ndarray:
    """What ONNX Runtime computes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    return np.asarray(found)


@pytest.mark.parametrize("static", [False, True], ids=["any batch size", "a fixed batch size"])
def test_an_exported_classifier_gives_its_scores(trained: tuple[Path, Training], tmp_path: Path, static: bool) -> None:
    model = Classifier.load(trained[0]).model
    assert {found.path for found in paths(model).values()} == {"fast"}
    x = np.random.default_rng(0).integers(0, 10_000, (5, 100), np.int32)
    signature = {"input_signature": [keras.InputSpec(shape=x.shape, dtype="int32")]} if static else {}
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False, **signature)
    expected = model.predict(x, verbose=0)
    assert expected.std() > 0.01  # or one constant would pass
    np.testing.assert_allclose(scores_of_file(tmp_path / "model.onnx", x), expected, rtol=0, atol=2e-5)
    if not static:
        np.testing.assert_allclose(scores_of_file(tmp_path / "model.onnx", x[:2]), expected[:2], rtol=0, atol=2e-5)


def test_any_accelerated_model_is_exported_as_keras_would(tmp_path: Path) -> None:
    inputs = keras.Input((6, 3))
    states = keras.layers.SimpleRNN(4, return_sequences=True)(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, keras.layers.SimpleRNN(2)(states))
    accelerate(model)
    x = np.random.default_rng(0).normal(0, 1, (4, 6, 3)).astype(np.float32)
    expected = model.predict(x, verbose=0)
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    np.testing.assert_allclose(scores_of_file(tmp_path / "model.onnx", x), expected, rtol=0, atol=1e-5)
