"""The ladder: the stages that are compared, their tolerances, and the comparison of two participants."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# The modules outside the library on which an artefact depends, relative to this folder.
COMPUTING = ("artefact.py", "inputs.py", "recurrent.py", "../data.py")
DTYPES = ("float32", "float64")


class Bound(NamedTuple):
    """The largest difference allowed between two participants.

    Attributes:
        tolerance: the largest absolute difference allowed; 0 means equality.
        measured: the largest difference measured, on a CPU with Keras 3.15.1, JAX 0.10.2, PyTorch 2.13.0, TensorFlow
            2.21.0, OpenVINO 2026.4.1 and NumPy 2.4.6. A tolerance is at most four times as large. The ladder on
            GPUs has the same tolerances.
    """

    tolerance: float
    measured: float


EQUAL = Bound(0, 0)


@dataclass(frozen=True)
class Stage:
    """One stage of the ladder.

    Attributes:
        name: the name of the stage.
        compares: what its tensors are, in a few words.
        bounds: dtype -> bound, for the training backends and the oracle.
    """

    name: str
    compares: str
    bounds: Mapping[str, Bound]


# The stages of the tutorial's model.
MODEL_STAGES = (
    Stage("parameters", "number of parameters of each layer", {"float32": EQUAL, "float64": EQUAL}),
    Stage("initial weights", "drawn with seed 42", {"float32": EQUAL, "float64": EQUAL}),
    Stage("batches", "digests of the batches of three epochs", {"float32": EQUAL, "float64": EQUAL}),
    Stage(
        "forward",
        "scores of 1,000 reviews and of edge cases: only padding, one token, the highest id",
        {"float32": Bound(7e-7, 1.8e-7), "float64": Bound(1.3e-15, 3.3e-16)},
    ),
    Stage(
        "evaluate",
        "loss, accuracy, precision and recall; scikit-learn computes those of the oracle",
        # Equal in float64; the bound allows another order of summation, two units in the last place.
        {"float32": Bound(2.7e-7, 7e-8), "float64": Bound(2.2e-16, 1.1e-16)},
    ),
    Stage("loss", "loss of one batch", {"float32": Bound(2.4e-7, 6.0e-8), "float64": Bound(8.8e-16, 2.2e-16)}),
    Stage(
        "gradients",
        "gradients of the loss with respect to each weight",
        {"float32": Bound(3.4e-7, 8.6e-8), "float64": Bound(4e-16, 1e-16)},
    ),
    Stage("SGD", "weights after one step", {"float32": Bound(3.4e-7, 8.6e-8), "float64": Bound(4.4e-16, 1.1e-16)}),
    Stage("Adam", "weights after one step", {"float32": Bound(7e-7, 1.8e-7), "float64": Bound(1.3e-15, 3.3e-16)}),
    Stage("RMSprop", "weights after one step", {"float32": Bound(2.4e-7, 6e-8), "float64": Bound(3.3e-16, 8.3e-17)}),
    Stage(
        "clipvalue",
        "weights after one step of SGD",
        {"float32": Bound(1.2e-7, 3.1e-8), "float64": Bound(4.4e-16, 1.1e-16)},
    ),
    Stage(
        "clipnorm",
        "weights after one step of SGD",
        {"float32": Bound(1.2e-7, 3e-8), "float64": Bound(2.2e-16, 5.6e-17)},
    ),
    Stage(
        "global_clipnorm",
        "weights after one step of SGD",
        {"float32": Bound(2.4e-7, 6e-8), "float64": Bound(2.2e-16, 5.6e-17)},
    ),
    Stage(
        "fifty steps",
        "weights after fifty steps of Adam",
        {"float32": Bound(1.7e-5, 4.3e-6), "float64": Bound(1.1e-14, 2.8e-15)},
    ),
    Stage(
        "saved model",
        "scores of the test reviews by the model of each backend, loaded by this library",
        {"float32": Bound(1.7e-5, 4.3e-6)},
    ),
    Stage(
        "saved model, plain Keras",
        "scores of the test reviews by the model of each backend, loaded by keras.models.load_model",
        {"float32": Bound(1.7e-5, 4.3e-6)},
    ),
    Stage(
        "continued training",
        "losses and weights of twenty more steps of the saved models",
        {"float32": Bound(1.3e-5, 3.4e-6)},
    ),
)

# The stages of the model with another recurrent layer in place of its SimpleRNN: stage -> what its tensors are.
LAYER_STAGES = {
    "forward": "scores of 512 reviews and of edge cases: only padding, one token, the highest id",
    "gradients": "gradients of the loss with respect to each weight",
    "masked": "gradients of a batch of reviews of 1 to 100 ids, with the padding after them masked",
    "Adam": "weights after one step",
    "fifty steps": "weights after fifty steps of Adam",
}
# Layer -> stage -> the largest differences measured in float32 and in float64. The tolerances are four times as large.
LAYERS = {
    "LSTM": {
        "forward": (8.9e-8, 1.1e-16),
        "gradients": (2.8e-8, 2.8e-17),
        "masked": (1.5e-8, 5.6e-17),
        "Adam": (3.3e-8, 5.6e-17),
        "fifty steps": (1.1e-6, 3.6e-16),
    },
    "GRU": {
        "forward": (8.9e-8, 1.1e-16),
        "gradients": (3.0e-8, 2.8e-17),
        "masked": (2.2e-8, 2.1e-17),
        "Adam": (6.0e-8, 1.1e-16),
        "fifty steps": (6.7e-7, 5.0e-16),
    },
    "GRU, reset_after=False": {
        "forward": (1.2e-7, 2.2e-16),
        "gradients": (3.3e-8, 4.9e-17),
        "masked": (4.7e-8, 3.1e-17),
        "Adam": (3.6e-8, 5.6e-17),
        "fifty steps": (9.5e-7, 3.9e-16),
    },
    "SimpleRNN, relu": {
        "forward": (1.1e-7, 1.1e-16),
        "gradients": (1.6e-8, 3.1e-17),
        "masked": (4.1e-8, 3.1e-17),
        "Adam": (3.2e-8, 1.1e-16),
        "fifty steps": (1.2e-6, 2.2e-16),
    },
}


def stage_name(layer: str, stage: str) -> str:
    """Return the name of a stage of a layer, such as "LSTM: gradients"."""
    return f"{layer}: {stage}"


LADDER = (
    *MODEL_STAGES,
    *(
        Stage(
            stage_name(layer, stage),
            compares,
            {dtype: Bound(4 * value, value) for dtype, value in zip(DTYPES, measured[stage], strict=True)},
        )
        for layer, measured in LAYERS.items()
        for stage, compares in LAYER_STAGES.items()
    ),
)

# The stages that begin with saved models of other backends, and are therefore computed last.
EXCHANGED = ("saved model", "saved model, plain Keras", "continued training")

# Backends compute the loss of saturated scores by one of two conventions, with different values: each backend is
# compared with the oracle by its own convention, and backends are not compared with one another.
SATURATED = Stage(
    "saturated loss",
    "saturated loss and its derivative with respect to the logit",
    {"float32": Bound(5.5e-6, 1.4e-6), "float64": Bound(3.6e-13, 9.2e-14)},
)

# OpenVINO computes in the precision that is fastest on the processor, here bfloat16 with 8 bits of mantissa, and Keras
# has no setting for it. Stage -> bound in float32.
OPENVINO = {
    "forward": Bound(1.4e-2, 3.6e-3),
    "evaluate": Bound(1.6e-2, 4.2e-3),
    "saved model": Bound(4.8e-1, 1.2e-1),
    "saved model, plain Keras": Bound(4.8e-1, 1.2e-1),
}
# The largest difference of 25,000 scores says little about most of them, so labels are counted as well: the share of
# labels that may differ under OpenVINO.
OPENVINO_LABELS = Bound(1.3e-2, 3.3e-3)


class Artefact(NamedTuple):
    """The results of one participant.

    Attributes:
        note: backend, dtype, device, versions, data, sources; see `backends_test.comparison.artefact`.
        stages: stage -> tensor -> array.
    """

    note: dict[str, Any]
    stages: dict[str, dict[str, np.ndarray]]


def read_artefact(folder: Path, dtype: str) -> Artefact:
    """Read the files that `backends_test.comparison.artefact` has written.

    Raises:
        FileNotFoundError: there are none.
    """
    note = json.loads((folder / f"{dtype}.json").read_text(encoding="utf-8"))
    return Artefact(note, read_tensors(folder / f"{dtype}.npz"))


def read_tensors(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read arrays named "stage/tensor": stage -> tensor -> array."""
    stages: dict[str, dict[str, np.ndarray]] = {}
    with path.open("rb") as file, np.load(file) as arrays:
        for name in arrays.files:
            stage, tensor = name.split("/", 1)
            stages.setdefault(stage, {})[tensor] = arrays[name]
    return stages


def sources_fingerprint(library: Path) -> str:
    """Return a digest of the sources that an artefact depends on: the library, and the modules of `COMPUTING`."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in [*sorted(library.rglob("*.py")), *(here / name for name in COMPUTING)]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def tolerance(stage: Stage, dtype: str, *participants: str) -> float:
    """Return the largest difference allowed between these participants."""
    if "openvino" in participants and stage.name in OPENVINO:
        return OPENVINO[stage.name].tolerance
    return stage.bounds[dtype].tolerance


def differences(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the largest absolute difference of each tensor; infinite if it is missing, NaN, or of another shape."""
    largest = {}
    for tensor in [*one, *(name for name in other if name not in one)]:
        a, b = (np.asarray(side.get(tensor, np.nan), np.float64) for side in (one, other))
        difference = float(np.abs(a - b).max()) if a.shape == b.shape else np.inf
        largest[tensor] = np.inf if np.isnan(difference) else difference
    return largest
