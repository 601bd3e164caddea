"""How much longer a training takes with callbacks."""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from imdb_rnn import Recipe, train
from imdb_rnn.backends import backend_name, load_backend, load_keras
from imdb_rnn.corpora.corpus import encode_texts
from imdb_rnn.corpora.synthetic import make_texts

# As many reviews as the IMDB data has.
REVIEWS = 25_000
RECIPE = Recipe.tutorial(epochs=3)
ROUNDS = 5
NONE, OWN, TENSORBOARD, MLFLOW = "none", "one's own, called at every block", "`TensorBoard`", "`MlflowCallback`"
KINDS = (NONE, OWN, TENSORBOARD, MLFLOW)


def run(out: Path) -> None:
    """Time trainings of the current backend with each kind of callbacks in turn.

    Kinds whose package is not installed are left out.

    Args:
        out: the folder of the record.
    """
    out.mkdir(parents=True, exist_ok=True)
    backend = backend_name()
    load_keras()
    corpus = encode_texts("synthetic", "many", *make_texts(REVIEWS, 100), None)
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        makers = _makers(Path(folder))
        # The first round compiles, and is not counted.
        for number in range(ROUNDS + 1):
            for kind, make in makers.items():
                training = train(corpus, None, RECIPE, callbacks=make(), progress=False)
                if number:
                    seconds.setdefault(kind, []).append(training.manifest.seconds["training"])
                print(f"{kind}: {training.manifest.seconds['training']} s", file=sys.stderr, flush=True)
    record = {
        "backend": backend,
        "device": load_backend().device(),
        "versions": {"python": platform.python_version(), "keras": version("keras"), backend: load_backend().version()},
        "epochs": RECIPE.epochs,
        "reviews": REVIEWS,
        "seconds": seconds,
    }
    (out / f"callbacks-{backend}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _makers(folder: Path) -> dict[str, Callable[[], list[Any]]]:
    """Return kind -> a function that makes the callbacks."""
    keras = load_keras()

    class Means(keras.callbacks.Callback):  # type: ignore[misc, name-defined]  # keras ships no types
        def on_train_begin(self, logs: Any = None) -> None:
            self.means: list[dict[str, float]] = []

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.means.append(dict(logs))

    makers: dict[str, Callable[[], list[Any]]] = {NONE: list, OWN: lambda: [Means()]}
    if find_spec("tensorflow") and find_spec("tensorboard"):
        makers[TENSORBOARD] = lambda: [keras.callbacks.TensorBoard(str(folder / "board"))]
    if find_spec("mlflow"):
        # Otherwise MLflow 3 wants a database, and logs nothing but a warning.
        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
        mlflow = import_module("mlflow")  # not a requirement
        mlflow.set_tracking_uri((folder / "runs").as_uri())
        makers[MLFLOW] = lambda: [mlflow.keras.MlflowCallback()]
    return makers
