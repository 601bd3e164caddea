"""The state of a training after an epoch, stored beside the model so that an interrupted training can be resumed."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from imdb_rnn import strict_json
from imdb_rnn.corpora.npy import read_numbers
from imdb_rnn.errors import BundleError
from imdb_rnn.files import atomic_write, open_archive, read_file, read_member
from imdb_rnn.inference.bundle import STATE_FILE
from imdb_rnn.inference.manifest import Manifest

Array = npt.NDArray[Any]

# Changes whenever an older state cannot be resumed.
FORMAT = 1
# A state of a model of `imdb_rnn.validation.MAX_NUM_WORDS` words has some 80 million bytes.
MAX_BYTES = 200_000_000
_FACTS = "facts"


@dataclass(frozen=True)
class TrainingState:
    """What a training needs to go on after an epoch as if it had not been interrupted.

    Attributes:
        epochs: the number of epochs trained.
        stopped: whether the training has ended, because the validation loss no longer fell.
        history: metric name -> one value per epoch.
        best_epoch: the epoch with the lowest validation loss, counted from 0.
        best_loss: its validation loss; None before the first epoch.
        wait: the number of epochs since then.
        weights: the weights of the model.
        optimizer: the variables of its optimizer.
        best_weights: the weights of the best epoch; empty before the first epoch.
        recent: the weights after each of the last epochs, which are averaged.
        workers: the largest number of workers so far; None is one.
    """

    epochs: int
    stopped: bool
    history: Mapping[str, Sequence[float]]
    best_epoch: int
    best_loss: float | None
    wait: int
    weights: Sequence[Array]
    optimizer: Sequence[Array]
    best_weights: Sequence[Array]
    recent: Sequence[Sequence[Array]]
    workers: int | None = None


def training_of(manifest: Manifest) -> dict[str, Any]:
    """Return what must be the same when a training is resumed: its recipe and its data."""
    return {**manifest.recipe, "data": manifest.fingerprint, "vocabulary": manifest.vocabulary}


def write_state(folder: Path, state: TrainingState, training: Mapping[str, Any]) -> None:
    """Write the state of a training to its folder.

    Args:
        folder: the folder that the training saves to.
        state: the state.
        training: what the training is; see `training_of`.

    Raises:
        OSError: the folder cannot be written.
    """
    groups = {"weights": state.weights, "optimizer": state.optimizer, "best": state.best_weights}
    groups |= {f"recent.{number}": weights for number, weights in enumerate(state.recent)}
    arrays = {f"{group}.{number}": array for group, part in groups.items() for number, array in enumerate(part)}
    facts = {
        "format": FORMAT,
        "training": training,
        "epochs": state.epochs,
        "stopped": state.stopped,
        "history": state.history,
        "best_epoch": state.best_epoch,
        "best_loss": state.best_loss,
        "wait": state.wait,
        "workers": state.workers,
        "lengths": {group: len(part) for group, part in groups.items()},
    }
    arrays[_FACTS] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    with atomic_write(folder / STATE_FILE) as temporary:
        np.savez(temporary, **arrays)  # type: ignore[arg-type]  # its other argument, a bool, has another name


def read_state(folder: Path, training: Mapping[str, Any]) -> TrainingState | None:
    """Read the state of an interrupted training.

    Args:
        folder: the folder that the training saved to.
        training: what the training that goes on is; see `training_of`.

    Returns:
        The state; None if the folder has none.

    Raises:
        BundleError: the file is damaged, or it is the state of another training.
    """
    path = folder / STATE_FILE
    if not path.exists():
        return None
    try:
        with open_archive(io.BytesIO(read_file(path, MAX_BYTES))) as archive:
            facts = strict_json.parse(read_numbers(read_member(archive, f"{_FACTS}.npy", MAX_BYTES)).tobytes())
            if facts["format"] != FORMAT:
                msg = f"a state of format {facts['format']}, from another version of imdb_rnn"
                raise ValueError(msg)
            groups = {
                group: [
                    read_numbers(read_member(archive, f"{group}.{number}.npy", MAX_BYTES)).copy()
                    for number in range(length)
                ]
                for group, length in facts["lengths"].items()
            }
            state = TrainingState(
                epochs=int(facts["epochs"]),
                stopped=bool(facts["stopped"]),
                history={name: list(map(float, values)) for name, values in facts["history"].items()},
                best_epoch=int(facts["best_epoch"]),
                best_loss=None if facts["best_loss"] is None else float(facts["best_loss"]),
                wait=int(facts["wait"]),
                weights=groups.pop("weights"),
                optimizer=groups.pop("optimizer"),
                best_weights=groups.pop("best"),
                recent=[groups[f"recent.{number}"] for number in range(len(groups))],
                workers=None if facts.get("workers") is None else int(facts["workers"]),
            )
            other = facts["training"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"Cannot resume the training in {folder}. Expected: its state in {STATE_FILE}. Received: {error!s:.300}"
        raise BundleError(msg) from error
    check_same_training(folder, json.loads(json.dumps(training)), other)
    return state


def check_same_training(folder: Path, training: Mapping[str, Any], other: Any) -> None:
    """Check that a folder was written by the training that is to be resumed.

    Args:
        folder: the folder.
        training: what the training that goes on is.
        other: what the training was that wrote the folder.

    Raises:
        BundleError: they differ; the message names each difference.
    """
    other = other if isinstance(other, dict) else {}
    different = [
        f"{name} {other.get(name)!r:.80}"
        for name in sorted({*training, *other})
        if training.get(name) != other.get(name)
    ]
    if different:
        msg = (
            f"Cannot resume the training in {folder}. Expected: the same data and the same recipe. "
            f"Received: a training with {', '.join(different)}. Give the same arguments, or choose another folder."
        )
        raise BundleError(msg)
