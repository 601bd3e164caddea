"""What a person sees on standard error while a model trains.

May import: rich, the standard library, imdb_rnn.engine (which loads Keras).
"""

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from imdb_rnn.engine import load_keras

if TYPE_CHECKING:
    import keras


def progress_callback() -> "keras.callbacks.Callback":
    """Make the Keras callback that shows how training goes.

    Returns:
        One that draws a bar an epoch on a terminal, and writes a line an epoch, with loss and accuracy, everywhere.
    """
    keras = load_keras()
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    class ShowProgress(keras.callbacks.Callback):  # type: ignore[misc, name-defined]  # keras ships no types
        # Without this, Keras waits for the device after every batch on JAX and PyTorch.
        async_safe = True

        def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            self.bar = Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())
            self.bar.start()

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.task = self.bar.add_task(f"epoch {epoch + 1}", total=self.params["steps"])

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            self.bar.update(self.task, completed=batch + 1)

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.bar.remove_task(self.task)
            # Backends report them in different orders.
            names = ("loss", "accuracy", "val_loss", "val_accuracy")
            values = "  ".join(f"{name} {logs[name]:.4f}" for name in names if logs and name in logs)
            console.print(f"epoch {epoch + 1}  {values}")

        def on_train_end(self, logs: dict[str, float] | None = None) -> None:
            self.bar.stop()

    return ShowProgress()
