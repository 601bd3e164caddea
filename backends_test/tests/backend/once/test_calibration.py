"""The calibration divides the logits of the trained model, and nothing else of it."""

import numpy as np
import pytest

from imdb_rnn import Corpus, Recipe, train
from imdb_rnn.training import fit


def test_the_whole_logit_is_divided_by_the_temperature(small_corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = []
    for temperature in (1.0, 2.0):
        monkeypatch.setattr(fit, "fit_temperature", lambda *arguments, fixed=temperature: fixed)
        training = train(small_corpus, None, Recipe(epochs=1, num_words=500), progress=False)
        assert training.manifest.temperature == temperature
        weights.append(training.classifier.weights())
    *before, kernel, bias = weights[0]
    *same, half_kernel, half_bias = weights[1]
    assert all(np.array_equal(one, other) for one, other in zip(before, same, strict=True))
    assert np.abs(bias).max() > 0
    np.testing.assert_array_equal(half_kernel, kernel / np.float32(2))
    np.testing.assert_array_equal(half_bias, bias / np.float32(2))
