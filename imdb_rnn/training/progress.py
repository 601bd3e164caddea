"""The progress display on standard error during training."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from imdb_rnn.backends import load_keras
from imdb_rnn.terminal import stderr_is_terminal

if TYPE_CHECKING:
    import keras


@contextmanager
def progress_callbacks(shown: bool) -> Iterator[list["keras.callbacks.Callback"]]:
    """Show the progress of a training: one line per epoch and, on a terminal, a bar for the current epoch.

    Args:
        shown: whether to show anything.

    Yields:
        Keras callbacks to use within the block. At its end, even after an interruption, the terminal is restored.
    """
    if not shown:
        yield []
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not stderr_is_terminal()) as bar:
        yield [_show_epochs(bar)]


def waiting(shown: bool, reason: str) -> AbstractContextManager[object]:
    """Show a message on a terminal within a block."""
    return Console(stderr=True).status(reason) if shown else nullcontext()


def _show_epochs(bar: Progress) -> "keras.callbacks.Callback":
    keras = load_keras()

    class ShowEpochs(keras.callbacks.Callback):  # type: ignore[misc, name-defined]  # keras ships no types
        # Without this, Keras waits for the device after every batch on JAX and PyTorch.
        async_safe = True

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.task = bar.add_task(f"epoch {epoch + 1}", total=self.params["steps"])

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            bar.update(self.task, completed=batch + 1)

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            bar.remove_task(self.task)
            # The order of `logs` differs between backends.
            names = ("loss", "accuracy", "val_loss", "val_accuracy")
            values = "  ".join(f"{name} {logs[name]:.4f}" for name in names if logs and name in logs)
            bar.console.print(f"epoch {epoch + 1}  {values}")

    return ShowEpochs()
