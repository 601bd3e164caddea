"""Early stopping, a checkpoint of the best model in memory and in a folder, and the state to resume a training from."""

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imdb_rnn.backends import load_keras
from imdb_rnn.errors import BundleError, ModelError
from imdb_rnn.inference import bundle, keras_file
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.text.tokens import Vocabulary
from imdb_rnn.training.averaging import average_weights
from imdb_rnn.training.plots import plot_history
from imdb_rnn.training.recipe import Recipe
from imdb_rnn.training.state import TrainingState, read_state, training_of, write_state

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
        resume: whether to go on from the state in the folder, if there is one.

    Raises:
        BundleError: the state is damaged, or that of another training.

    Attributes:
        manifest: the current manifest.
        history: metric name -> one value per epoch.
    """

    def __init__(
        self, folder: Path | None, manifest: Manifest, vocabulary: Vocabulary, recipe: Recipe, *, resume: bool = False
    ) -> None:
        self.manifest = manifest
        self.history: dict[str, list[float]] = {}
        self._folder = folder
        self._vocabulary = vocabulary
        self._recipe = recipe
        self._training = training_of(manifest)
        self._state = read_state(folder, self._training) if folder is not None and resume else None

    @property
    def first_epoch(self) -> int:
        """The number of epochs that have already been trained."""
        return 0 if self._state is None else self._state.epochs

    def callbacks(self) -> list["keras.callbacks.Callback"]:
        """Return the Keras callbacks, in the order in which they must run."""
        callbacks = load_keras().callbacks
        self._averaging = average_weights(self._recipe.averaged_epochs) if self._recipe.averaged_epochs > 1 else None
        self._early_stopping = callbacks.EarlyStopping(patience=self._recipe.patience, restore_best_weights=True)
        own = callbacks.LambdaCallback(
            on_train_begin=lambda logs: self._on_train_begin(), on_epoch_end=self._on_epoch_end
        )
        return [*([] if self._averaging is None else [self._averaging]), self._early_stopping, own]

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
            (self._folder / bundle.STATE_FILE).unlink(missing_ok=True)

    def _on_train_begin(self) -> None:
        """Go on from the state, or write the first one: a training can be resumed as soon as it has a file."""
        optimizer = self._early_stopping.model.optimizer
        if not optimizer.built:
            optimizer.build(self._early_stopping.model.trainable_variables)
        if self._state is None:
            self._write_state()
            return
        state, model, stopping = self._state, self._early_stopping.model, self._early_stopping
        try:
            _check_consistency(state, [array.shape for array in model.get_weights()])
            model.set_weights(state.weights)
            for variable, array in zip(optimizer.variables, state.optimizer, strict=True):
                variable.assign(array)
        except ValueError as error:
            msg = (
                f"Cannot resume the training in {self._folder}. Expected: a history, and the weights and the optimizer "
                f"of its model. Received: {error!s:.300}"
            )
            raise BundleError(msg) from error
        model.stop_training = state.stopped
        stopping.best, stopping.best_epoch, stopping.wait = state.best_loss, state.best_epoch, state.wait
        stopping.best_weights = list(state.best_weights) or None
        if self._averaging is not None:
            self._averaging.last.extend(list(weights) for weights in state.recent)
        self.history = {name: list(values) for name, values in state.history.items()}
        if state.epochs:
            # Rounding depends on it, so a training that had several workers for a while is not that of a single one.
            workers = max(filter(None, (state.workers, self.manifest.workers)), default=None)
            self.manifest = replace(self.manifest, workers=workers)
            self._describe(state.epochs, state.best_epoch)

    def _write_state(self) -> None:
        if self._folder is None:
            return
        stopping, model = self._early_stopping, self._early_stopping.model
        state = TrainingState(
            epochs=len(self.history.get("loss", ())),
            stopped=model.stop_training,
            history=self.history,
            best_epoch=stopping.best_epoch,
            best_loss=stopping.best,
            wait=stopping.wait,
            weights=model.get_weights(),
            optimizer=[load_keras().ops.convert_to_numpy(variable.value) for variable in model.optimizer.variables],
            best_weights=stopping.best_weights or [],
            recent=[] if self._averaging is None else list(self._averaging.last),
            workers=self.manifest.workers,
        )
        with bundle.disk_errors_as_bundle_errors(self._folder):
            write_state(self._folder, state, self._training)

    def _describe(self, epochs: int, best_epoch: int) -> None:
        """Put the results of the epochs so far into the manifest."""
        self.manifest = replace(
            self.manifest,
            epochs=epochs,
            best_epoch=best_epoch + 1,
            val_loss=self.history["val_loss"][best_epoch],
            val_accuracy=self.history["val_accuracy"][best_epoch],
        )

    def _on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        if not all(math.isfinite(value) for value in logs.values()):
            received = ", ".join(f"{name} {value}" for name, value in logs.items())
            msg = f"Cannot continue training after epoch {epoch + 1}. Expected: finite losses. Received: {received}."
            raise ModelError(msg)
        best = self._early_stopping.best_epoch == epoch
        self._describe(epoch + 1, self._early_stopping.best_epoch)
        if self._folder is not None:
            with bundle.disk_errors_as_bundle_errors(self._folder):
                files = {bundle.HISTORY_FILE: bundle.json_bytes(self.history)}
                if best:
                    files |= self._settings_file() | self._model_file(self._early_stopping.model)
                bundle.write(self._folder, self.manifest, files)
        # After the model, so that a training that is resumed from here finds the model of its best epoch in the folder.
        self._write_state()

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


def _check_consistency(state: TrainingState, shapes: Sequence[tuple[int, ...]]) -> None:
    """Raise `ValueError` if a state contradicts itself, or does not belong to a model with weights of these shapes."""
    begun = state.epochs > 0
    best = [state.best_weights] if begun else []
    if any([array.shape for array in weights] != list(shapes) for weights in (state.weights, *best, *state.recent)):
        msg = "weights of other shapes"
        raise ValueError(msg)
    lengths = {len(values) for values in state.history.values()}
    names = {"val_loss", "val_accuracy"} if begun else set()
    if lengths - {state.epochs} or not names <= state.history.keys():
        msg = f"a history that is not that of {state.epochs} epochs"
        raise ValueError(msg)
    if begun == (state.best_loss is None) or not 0 <= state.best_epoch < max(state.epochs, 1) or state.wait < 0:
        msg = f"the best epoch {state.best_epoch + 1} of {state.epochs}, with the loss {state.best_loss}"
        raise ValueError(msg)
