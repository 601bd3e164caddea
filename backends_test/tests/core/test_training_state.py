"""The state of a training is read back as it was written, or refused."""

from pathlib import Path

import numpy as np
import pytest

from imdb_rnn import BundleError
from imdb_rnn.inference.bundle import STATE_FILE
from imdb_rnn.training.state import TrainingState, read_state, write_state

TRAINING = {"epochs": 5, "learning_rate": 0.001, "data": "abc", "vocabulary": None}
WEIGHTS = [np.arange(12, dtype=np.float32).reshape(4, 3), np.array(2, np.float32), np.zeros((0, 2), np.float32)]
STATE = TrainingState(
    epochs=2,
    stopped=False,
    history={"loss": [0.1, 1 / 3], "val_loss": [0.7, 0.1 + 0.2]},
    best_epoch=1,
    best_loss=0.1 + 0.2,
    wait=0,
    weights=WEIGHTS,
    optimizer=[np.array(7, np.int64), np.array(0.001, np.float32), *WEIGHTS],
    best_weights=WEIGHTS[:2],
    recent=[WEIGHTS, WEIGHTS[::-1]],
)


def plain(state: TrainingState | None) -> object:
    """The state with arrays as bytes, so that two can be compared."""
    assert state is not None

    def content(value: object) -> object:
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tobytes()
        return [content(part) for part in value] if isinstance(value, list) else value

    return {name: content(value) for name, value in vars(state).items()}


def test_a_state_is_read_back_to_the_last_bit(tmp_path: Path) -> None:
    write_state(tmp_path, STATE, TRAINING)
    assert plain(read_state(tmp_path, TRAINING)) == plain(STATE)
    assert [file.name for file in tmp_path.iterdir()] == [STATE_FILE]


def test_a_folder_without_a_state_has_none(tmp_path: Path) -> None:
    assert read_state(tmp_path, TRAINING) is None


def test_the_state_of_a_training_before_its_first_epoch_has_no_best_weights(tmp_path: Path) -> None:
    first = TrainingState(0, False, {}, 0, None, 0, WEIGHTS, [], [], [])
    write_state(tmp_path, first, TRAINING)
    assert plain(read_state(tmp_path, TRAINING)) == plain(first)


def test_what_differs_from_the_training_is_named(tmp_path: Path) -> None:
    write_state(tmp_path, STATE, TRAINING)
    with pytest.raises(BundleError) as raised:
        read_state(tmp_path, TRAINING | {"epochs": 6, "data": "abd"})
    assert str(raised.value) == (
        f"Cannot resume the training in {tmp_path}. Expected: the same data and the same recipe. Received: a training "
        "with data 'abc', epochs 5. Give the same arguments, or choose another folder."
    )


def test_a_changed_byte_changes_no_number(tmp_path: Path) -> None:
    write_state(tmp_path, STATE, TRAINING)
    content = (tmp_path / STATE_FILE).read_bytes()
    refused = 0
    for position in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        (tmp_path / STATE_FILE).write_bytes(damaged)
        try:
            read = plain(read_state(tmp_path, TRAINING))
        except BundleError as error:
            assert str(error).startswith(f"Cannot resume the training in {tmp_path}. Expected:")
            refused += 1
        else:
            # For example, the date of a member of the archive.
            assert read == plain(STATE)
    assert refused > len(content) / 6


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_state_that_is_cut_off_is_refused(kept: int, tmp_path: Path) -> None:
    write_state(tmp_path, STATE, TRAINING)
    content = (tmp_path / STATE_FILE).read_bytes()
    (tmp_path / STATE_FILE).write_bytes(content[:kept])
    with pytest.raises(BundleError, match="Cannot resume the training"):
        read_state(tmp_path, TRAINING)


def test_a_state_of_another_version_or_with_objects_is_refused(tmp_path: Path) -> None:
    write_state(tmp_path, STATE, TRAINING)
    with np.load(tmp_path / STATE_FILE) as file:
        arrays = {name: file[name] for name in file.files}
    facts = arrays["facts"].tobytes().replace(b'"format": 1', b'"format": 2')
    np.savez(tmp_path / STATE_FILE, **(arrays | {"facts": np.frombuffer(facts, np.uint8)}))
    with pytest.raises(BundleError, match="a state of format 2, from another version of imdb_rnn"):
        read_state(tmp_path, TRAINING)
    np.savez(tmp_path / STATE_FILE, **(arrays | {"weights.0": np.array([{}], object)}))
    with pytest.raises(BundleError, match=r"an array of type \|O, not of numbers"):
        read_state(tmp_path, TRAINING)
