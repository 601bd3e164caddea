"""What a person sees on standard error while a model trains."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from imdb_rnn.backends import load_keras

if TYPE_CHECKING:
    import keras


@contextmanager
def progress_callbacks(shown: bool) -> Iterator[list["keras.callbacks.Callback"]]:
    """Show how training goes: a bar an epoch on a terminal, and a line an epoch everywhere.

    Args:
        shown: whether to show anything at all.

    Yields:
        The Keras callbacks that do it, to be used inside the block; leaving it, also by an interruption, gives the
        terminal back as it was.
    """
    if not shown:
        yield []
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        yield [_show_epochs(bar)]


def waiting(shown: bool, reason: str) -> AbstractContextManager[object]:
    """Say on a terminal, for as long as a block takes, what is waited for."""
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
            # Backends report them in different orders.
            names = ("loss", "accuracy", "val_loss", "val_accuracy")
            values = "  ".join(f"{name} {logs[name]:.4f}" for name in names if logs and name in logs)
            bar.console.print(f"epoch {epoch + 1}  {values}")

    return ShowEpochs()
