"""Callbacks of Keras, of other packages and of one's own, in a training and in one that goes on."""

from pathlib import Path
from typing import Any

import keras
import pytest

from backends_test.reliability.training import few_reviews
from imdb_rnn import Recipe, train

RECIPE = Recipe(epochs=4, averaged_epochs=2, teacher_share=0)
NAMES = {"loss", "accuracy", "val_loss", "val_accuracy"}


class Note(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes what it is told, and interrupts the training at the end of an epoch."""

    def __init__(self, last: int | None = None) -> None:
        super().__init__()
        self.last = last
        self.calls: list[str] = []
        self.epochs: dict[int, dict[str, float]] = {}
        self.batches: list[tuple[int, dict[str, float]]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.calls.append("training begins")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(f"epoch {epoch} begins")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches.append((batch, logs))

    def on_test_end(self, logs: Any = None) -> None:
        self.calls.append(f"validated: {sorted(logs)}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(f"epoch {epoch} ends")
        self.epochs[epoch] = dict(logs)
        if epoch == self.last:
            raise KeyboardInterrupt

    def on_train_end(self, logs: Any = None) -> None:
        self.calls.append("training ends")


def rows(history: dict[str, list[float]], first: int = 0) -> dict[int, dict[str, float]]:
    """The history as a callback sees it: epoch -> metric -> value."""
    epochs = range(first, len(history["loss"]))
    return {epoch: {name: values[epoch] for name, values in history.items()} for epoch in epochs}


def test_a_callback_of_ones_own_sees_every_epoch_with_its_results() -> None:
    note = Note()
    training = train(few_reviews(), None, RECIPE, callbacks=[note], progress=False)
    assert note.epochs == rows(training.history)
    assert set(note.epochs) == {0, 1, 2, 3}
    assert set(note.epochs[0]) == NAMES
    expected = ["training begins"]
    for epoch in range(4):
        expected += [f"epoch {epoch} begins", "validated: ['accuracy', 'loss']", f"epoch {epoch} ends"]
    assert note.calls == [*expected, "training ends"]


def test_the_batch_methods_get_the_means_of_the_epoch_so_far() -> None:
    note = Note()
    train(few_reviews(), None, RECIPE, callbacks=[note], progress=False)
    # Two blocks per epoch: the full batches, and the smaller last one.
    assert [batch for batch, _ in note.batches] == [92, 93] * 4
    for (_, before), (_, last), epoch in zip(note.batches[::2], note.batches[1::2], note.epochs.values(), strict=True):
        assert last == {name: epoch[name] for name in ("loss", "accuracy")}
        assert before != last
        assert before == pytest.approx(last, rel=0.05)


def test_after_a_resume_a_callback_sees_the_epochs_that_were_left(tmp_path: Path) -> None:
    whole = train(few_reviews(), None, RECIPE, progress=False)
    first, second = Note(last=1), Note()
    with pytest.raises(KeyboardInterrupt):
        train(few_reviews(), tmp_path / "model", RECIPE, callbacks=[first], progress=False)
    resumed = train(few_reviews(), tmp_path / "model", RECIPE, resume=True, callbacks=[second], progress=False)
    assert resumed.history == whole.history
    assert first.epochs | second.epochs == rows(whole.history)
    assert set(second.epochs) == {2, 3}


def test_a_callback_can_stop_the_training() -> None:
    def stop(epoch: int, logs: Any) -> None:
        callback.model.stop_training = epoch == 1

    callback = keras.callbacks.LambdaCallback(on_epoch_end=stop)
    assert train(few_reviews(), None, RECIPE, callbacks=[callback], progress=False).manifest.epochs == 2


def test_callbacks_that_only_look_do_not_change_the_model(tmp_path: Path) -> None:
    looking = [Note(), keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))]
    plain = train(few_reviews(), None, RECIPE, progress=False)
    watched = train(few_reviews(), None, RECIPE, callbacks=looking, progress=False)
    assert watched.history == plain.history
    for ours, theirs in zip(watched.classifier.weights(), plain.classifier.weights(), strict=True):
        assert ours.tobytes() == theirs.tobytes()
    assert len((tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()) == 5


@pytest.mark.parametrize("update", ["epoch", "batch"])
def test_tensorboard_gets_the_history(update: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="Keras's TensorBoard callback writes with TensorFlow on every backend")
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    board = keras.callbacks.TensorBoard(str(tmp_path), update_freq=update)
    history = train(few_reviews(), None, RECIPE, callbacks=[board], progress=False).history
    for part, prefix in (("train", ""), ("validation", "val_")):
        events = EventAccumulator(str(tmp_path / part))
        events.Reload()
        for name in ("loss", "accuracy"):
            written = [float(make_ndarray(event.tensor_proto)) for event in events.Tensors(f"epoch_{name}")]
            assert written == pytest.approx(history[prefix + name], rel=1e-6)  # written as float32


def test_mlflow_gets_the_history_and_the_optimizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("mlflow.keras")
    # Otherwise MLflow 3 wants a database, and logs nothing but a warning.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    with mlflow.start_run() as run:
        history = train(few_reviews(), None, RECIPE, callbacks=[mlflow.keras.MlflowCallback()], progress=False).history
    mlflow.flush_async_logging()
    client = mlflow.MlflowClient()
    for name, values in history.items():
        written = client.get_metric_history(run.info.run_id, name)
        assert [metric.value for metric in sorted(written, key=lambda metric: metric.step)] == values
    assert client.get_run(run.info.run_id).data.params["optimizer_name"] == "adam"
