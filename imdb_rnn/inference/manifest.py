"""The manifest: the settings, the data and the results of a training."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Manifest:
    """The description of a training; the content of `manifest.json`.

    Unknown values are None or empty, for example in a folder saved by the tutorial's own program.

    Attributes:
        complete: whether the training has finished.
        backend: the backend of the training.
        device: the kind of device of the training, such as "cpu".
        processor: the name of the processor of the training.
        workers: the largest number of workers that shared its batches; None is one.
        versions: package -> version.
        source: the source of the reviews, as in `imdb_rnn.load_reviews`.
        fingerprint: SHA-256 of the reviews.
        vocabulary: SHA-256 of the model's vocabulary.
        recipe: the settings of the training; see `imdb_rnn.Recipe`.
        parameters: layer name -> number of parameters.
        epochs: the number of epochs trained.
        best_epoch: the epoch with the lowest validation loss, counted from 1.
        val_loss: mean binary cross-entropy of the validation reviews, in nats.
        val_accuracy: accuracy on the validation reviews, 0 to 1.
        temperature: the divisor of the logits, from the calibration.
        test_loss: mean binary cross-entropy of the test reviews, in nats.
        test_accuracy: accuracy on the test reviews, 0 to 1.
        seconds: phase -> seconds.
        trained_further: whether the model was trained after the training described here.
        other: entries from other versions of this library.
    """

    complete: bool | None = None
    backend: str | None = None
    device: str | None = None
    processor: str | None = None
    workers: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    source: str = UNKNOWN
    fingerprint: str = UNKNOWN
    vocabulary: str | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, int] = field(default_factory=dict)
    epochs: int | None = None
    best_epoch: int | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    temperature: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    trained_further: bool | None = None
    other: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read the content of `manifest.json`.

        Raises:
            ValueError: an entry has the wrong type.
        """
        entries = dict(content)
        data = entries.pop("data", None)
        if not isinstance(data, Mapping) or not all(_is_text(data.get(name)) for name in ("source", "fingerprint")):
            msg = f"`data`, {_shown(data)}, not a source and its fingerprint"
            raise ValueError(msg)
        entries |= {name: data[name] for name in ("source", "fingerprint")}
        values: dict[str, Any] = {}
        for name, is_proper in _TYPES.items():
            value = entries.pop(name, None)
            if value is None:
                continue
            if not is_proper(value):
                msg = f"`{name}`, {_shown(value)}"
                raise ValueError(msg)
            values[name] = value
        return cls(**values, other=entries)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `manifest.json`, without unknown values."""
        known = {name: getattr(self, name) for name in _TYPES if name not in ("source", "fingerprint")}
        content = {name: value for name, value in known.items() if value is not None and value != {}}
        return content | {"data": {"source": self.source, "fingerprint": self.fingerprint}} | dict(self.other)

    def without_results(self) -> Self:
        """Return the manifest without the results that are valid only for the weights of that training."""
        return replace(self, val_loss=None, val_accuracy=None, temperature=None, test_loss=None, test_accuracy=None)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_whole_number(value: object) -> bool:
    return type(value) is int


def _is_number(value: object) -> bool:
    return type(value) is int or (isinstance(value, float) and math.isfinite(value))


def _is_mapping_of(is_proper: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, Mapping) and all(map(is_proper, value.values()))


def _shown(value: object) -> str:
    return f"{type(value).__name__} {value!r:.60}"


_TYPES: dict[str, Callable[[object], bool]] = {
    "complete": _is_bool,
    "backend": _is_text,
    "device": _is_text,
    "processor": _is_text,
    "workers": _is_whole_number,
    "versions": _is_mapping_of(_is_text),
    "source": _is_text,
    "fingerprint": _is_text,
    "vocabulary": _is_text,
    "recipe": lambda value: isinstance(value, Mapping),
    "parameters": _is_mapping_of(_is_whole_number),
    "epochs": _is_whole_number,
    "best_epoch": _is_whole_number,
    "val_loss": _is_number,
    "val_accuracy": _is_number,
    "temperature": _is_number,
    "test_loss": _is_number,
    "test_accuracy": _is_number,
    "seconds": _is_mapping_of(_is_number),
    "trained_further": _is_bool,
}
