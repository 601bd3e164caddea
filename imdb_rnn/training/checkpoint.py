"""Early stopping, and a checkpoint of the best model in memory and in a folder."""

import math
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imdb_rnn.backends import load_keras
from imdb_rnn.errors import ModelError
from imdb_rnn.inference import bundle, keras_file
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.text.tokens import Vocabulary
from imdb_rnn.training.plots import plot_history
from imdb_rnn.training.recipe import Recipe

if TYPE_CHECKING:
    import keras


class Checkpoint:
    """Stops the training when the validation loss no longer falls, and saves each new best model.

    Keras's EarlyStopping determines the best epoch. Keras's ModelCheckpoint is not used: it does not write atomically,
    and some of its files can be opened only on the backend that wrote them (see `keras_file.model_bytes`).

    Args:
        folder: the folder to save to; None saves nothing.
        manifest: the manifest before the first epoch.
        vocabulary: all words of the corpus.
        recipe: the settings of the training.

    Attributes:
        manifest: the current manifest.
        history: metric name -> one value per epoch.
    """

    def __init__(self, folder: Path | None, manifest: Manifest, vocabulary: Vocabulary, recipe: Recipe) -> None:
        self.manifest = manifest
        self.history: dict[str, list[float]] = {}
        self._folder = folder
        self._vocabulary = vocabulary
        self._recipe = recipe

    def callbacks(self) -> list["keras.callbacks.Callback"]:
        """Return the Keras callbacks, in the order in which they must run."""
        callbacks = load_keras().callbacks
        self._early_stopping = callbacks.EarlyStopping(patience=self._recipe.patience, restore_best_weights=True)
        return [self._early_stopping, callbacks.LambdaCallback(on_epoch_end=self._on_epoch_end)]

    def finish(self, changed: "keras.Model | None", **results: Any) -> None:
        """Write the final results.

        Args:
            changed: the model, if its weights have changed since the best epoch was saved; None keeps the saved file
                with the optimizer's state of that epoch.
            results: entries of the manifest.
        """
        self.manifest = replace(self.manifest, **results, complete=True)
        if self._folder is None:
            return
        with bundle.disk_errors_as_bundle_errors(self._folder):
            bundle.write(self._folder, self.manifest, {} if changed is None else self._model_file(changed))
            # The plot is written last, because it can be drawn again.
            with tempfile.TemporaryDirectory() as scratch:
                picture = Path(scratch) / bundle.PLOT_FILE
                plot_history(self.history, self.manifest, picture)
                bundle.write(self._folder, self.manifest, {bundle.PLOT_FILE: picture.read_bytes()})

    def _on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        if not all(math.isfinite(value) for value in logs.values()):
            received = ", ".join(f"{name} {value}" for name, value in logs.items())
            msg = f"Cannot continue training after epoch {epoch + 1}. Expected: finite losses. Received: {received}."
            raise ModelError(msg)
        self.manifest = replace(self.manifest, epochs=epoch + 1)
        best = self._early_stopping.best_epoch == epoch
        if best:
            self.manifest = replace(
                self.manifest,
                best_epoch=epoch + 1,
                val_loss=float(logs["val_loss"]),
                val_accuracy=float(logs["val_accuracy"]),
            )
        if self._folder is not None:
            with bundle.disk_errors_as_bundle_errors(self._folder):
                files = {bundle.HISTORY_FILE: bundle.json_bytes(self.history)}
                if best:
                    files |= self._settings_file() | self._model_file(self._early_stopping.model)
                bundle.write(self._folder, self.manifest, files)

    def _settings_file(self) -> dict[str, bytes]:
        """Return the settings file, unless it has already been written."""
        if self._folder is None or (self._folder / bundle.CONFIG_FILE).exists():
            return {}
        return {bundle.CONFIG_FILE: bundle.config_bytes(self._vocabulary.words, self._recipe.preprocessing)}

    def _model_file(self, model: "keras.Model") -> dict[str, bytes]:
        # During training, the model has a metric for soft labels, which Keras cannot load.
        compiled = {"metrics": ["accuracy"]}
        recipe = self._recipe
        return {bundle.MODEL_FILE: keras_file.model_bytes(model, recipe.num_words, recipe.max_len, compiled)}
