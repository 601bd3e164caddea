"""A model trained under one backend is the same model under the others: all ordered pairs, in real processes.

Runs by `tox -e across`, after `tox -e jax,torch,tf`. Each of those leaves a saved folder, the ids of the test reviews
and its own scores for them in .tox/exchange (see `exchanged` in backends_test/conftest.py). Where they are missing or
older than the library's sources, these tests fail.
"""

import hashlib
import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EXCHANGE = Path(os.environ.get("IMDB_RNN_EXCHANGE", ROOT / ".tox" / "exchange"))
ENVIRONMENTS = {"jax": "jax", "torch": "torch", "tensorflow": "tf"}  # KERAS_BACKEND -> tox environment

# Rounding of float32 grows through 100 steps of a recurrent kernel whose spectral radius training has driven beyond
# 1.14. On the 25,000 IMDB test reviews the worst seen between two backends is 3.6e-6, and at its worst review each of
# them is 1.1e-6 to 3.5e-6 from the same model in float64; at most 38 reviews, 0.15 %, differ by more than 1e-6.
NEARLY_ALL = 1e-6
SHARE_BEYOND = 0.005
WORST = 1e-5

SCORE = """
import sys
from pathlib import Path
import keras
import numpy as np
from imdb_rnn import Classifier
from imdb_rnn.bundle import MODEL_FILE
into, *folders = map(Path, sys.argv[1:])
for folder in folders:
    ids = np.load(folder / "ids.npy")
    ours = Classifier.load(folder / "model").score(ids)
    plain = keras.models.load_model(folder / "model" / MODEL_FILE).predict(ids, batch_size=1000, verbose=0)[:, 0]
    np.savez(into / f"{folder.name}.npz", ours=ours, plain=plain)
"""


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """Scores of what `saver` trained, computed under `loader`: (saver, loader) -> by our loading and by plain Keras."""
    sources = hashlib.sha256()
    for path in sorted((ROOT / "imdb_rnn").rglob("*.py")):
        sources.update(path.read_bytes())
    for saver in ENVIRONMENTS:
        note = EXCHANGE / saver / "exchange.json"
        assert note.is_file(), f"nothing from {saver}: run tox -e {ENVIRONMENTS[saver]} first"
        left = json.loads(note.read_text(encoding="utf-8"))
        assert left["backend"] == saver
        assert left["sources"] == sources.hexdigest(), f"{note} is stale: run tox -e {ENVIRONMENTS[saver]} again"
    found = {}
    for loader, environment in ENVIRONMENTS.items():
        scripts = ROOT / ".tox" / environment / ("Scripts" if sys.platform == "win32" else "bin")
        into = tmp_path_factory.mktemp(loader)
        subprocess.run(
            [scripts / "python", "-c", SCORE, into, *(EXCHANGE / saver for saver in ENVIRONMENTS)],
            check=True,
            cwd=into,
            env={**os.environ, "KERAS_BACKEND": loader},
        )
        for saver in ENVIRONMENTS:
            with np.load(into / f"{saver}.npz") as arrays:
                found[saver, loader] = dict(arrays)
    return found


@pytest.mark.parametrize(("saver", "loader"), product(ENVIRONMENTS, repeat=2))
@pytest.mark.parametrize("way", ["ours", "plain"])
def test_a_saved_model_predicts_the_same_under_every_backend(
    scores: dict[tuple[str, str], dict[str, np.ndarray]], saver: str, loader: str, way: str
) -> None:
    expected = np.load(EXCHANGE / saver / "scores.npy")
    got = scores[saver, loader][way]
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    assert len(got) >= 1000
    difference = abs(got - expected)
    beyond = int((difference > NEARLY_ALL).sum())
    print(
        f"{saver} -> {loader} ({way}): {len(got)} reviews, largest difference {difference.max():.1e}, {beyond} > 1e-6"
    )
    assert difference.max() <= WORST
    assert beyond <= SHARE_BEYOND * len(got)
    decided = abs(expected - 0.5) > WORST
    np.testing.assert_array_equal((got > 0.5)[decided], (expected > 0.5)[decided])


def test_the_comparison_would_notice_another_model(scores: dict[tuple[str, str], dict[str, np.ndarray]]) -> None:
    """Models of different backends have the same beginnings, and are different models after an epoch of rounding."""
    one, other = scores["jax", "jax"]["ours"], scores["torch", "torch"]["ours"]
    assert abs(one - other).max() > 100 * WORST
