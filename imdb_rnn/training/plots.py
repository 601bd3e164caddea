"""Plots of a training."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from imdb_rnn.files import atomic_write
from imdb_rnn.inference.manifest import Manifest


def plot_history(history: Mapping[str, Sequence[float]], manifest: Manifest, path: Path) -> None:
    """Plot training and validation loss and accuracy over the epochs, and mark the best epoch.

    Args:
        history: loss, accuracy, val_loss and val_accuracy -> one value per epoch.
        manifest: has the backend, the data and the best epoch.
        path: the PNG file to write.
    """
    # Not pyplot, which selects a window system and keeps every figure in memory.
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    epochs = range(1, len(history["loss"]) + 1)
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, list(map(float, history[name])), marker="o", label="training")
        axes.plot(epochs, list(map(float, history[f"val_{name}"])), marker="o", label="validation")
        axes.axvline(manifest.best_epoch, color="0.6", linestyle="--", zorder=0, label="best epoch")
        axes.set(xlabel="epoch", ylabel=f"{name} (binary cross-entropy)" if name == "loss" else name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    axes.legend()
    data, backend, accuracy = manifest.source, manifest.backend, manifest.val_accuracy
    figure.suptitle(
        f"Training on {data} with {backend}: validation accuracy {accuracy:.3f} at the best epoch", parse_math=False
    )
    with atomic_write(path) as temporary, warnings.catch_warnings():
        # Letters of a folder's name that the font lacks are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(temporary, format="png", dpi=120)
