"""The oracle as one more participant of a comparison of the tutorial's model by `backends_test.any_model`.

It writes what it computes where a backend's process would, from the weights, ids and labels that all backends were
given. It has no layers inside its layers, no metrics and no variables of an optimizer.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from backends_test import oracle
from backends_test.any_model.arrays import Array, ArrayFile, Tensor, write_arrays
from backends_test.any_model.observation import SEED_STATE
from backends_test.any_model.run import Options, gather
from backends_test.any_model.verdicts import Row
from backends_test.oracle import Weights

NAME = "oracle"
LOSS = Tensor("", "loss")
STEPS = 5
# In float64 TensorFlow rounds the constants of an optimizer, see docs/keras-findings.md.
ONLY_FLOAT32 = ("one step", "steps")
STAGES = ("weights", "forward", "loss", "gradients", "one step", "steps")


def compare_with_oracle(folder: Path, backends: list[str], optimizer: Callable[[], Any]) -> list[Row]:
    """Compare the tutorial's model with the oracle.

    Args:
        folder: the results of `compare_in`, of the model compiled with binary cross-entropy.
        backends: the backends that have written there.
        optimizer: makes the oracle's optimizer, which has to be that of the model.

    Returns:
        The rows of the oracle and each backend, for each tensor that both have.
    """
    given = ArrayFile(folder / "given" / "weights.npz")
    ids, labels = (ArrayFile(folder / "given" / f"{name}.npz")[Tensor("", "0")] for name in ("inputs", "targets"))
    out = folder / NAME
    for precision in ("float32", "float64"):
        (out / precision).mkdir(parents=True, exist_ok=True)
        for stage, arrays in computed(given, ids, labels, optimizer()).items():
            if precision == "float64" and stage in ONLY_FLOAT32:
                continue
            # What Keras reports to the user, it reports in Python's own precision.
            typed = {t: np.asarray(array, "float64" if t == LOSS else precision) for t, array in arrays.items()}
            write_arrays(out / precision / f"{stage}.npz", typed)
        (out / precision / "noise.json").write_text(json.dumps({}), encoding="utf-8")
    rows = gather(folder, [*backends, NAME], Options("", stages=STAGES), {}).rows
    return [row for row in rows if NAME in row.pair and len(set(row.pair)) == 2]


def computed(given: ArrayFile, ids: Array, labels: Array, optimizer: Any) -> dict[str, dict[Tensor, Any]]:
    """Compute every stage in float64.

    Args:
        given: the weights by layer and name, in the order of `model.get_weights()`.
        ids: integers, shape (batch, length).
        labels: 0 or 1, shape (batch, 1).
        optimizer: one of the oracle's.
    """
    # The last one is the state of a random generator, which `SimpleRNN` has for dropout.
    names = [tensor for tensor in given if tensor.name != SEED_STATE]
    start = Weights.of(given[tensor] for tensor in names)
    first = oracle.forward(start, ids)
    after, losses = Weights.of(start.arrays()), []
    changes: dict[int, dict[Tensor, Array]] = {}
    for step in range(1, STEPS + 1):
        losses.append(oracle.binary_crossentropy(oracle.forward(after, ids).logits, labels))
        optimizer.apply(after, oracle.gradients(after, ids, labels))
        changes[step] = {
            Tensor(tensor.layer, f"change of {tensor.name}"): new - old
            for tensor, new, old in zip(names, after.arrays(), start.arrays(), strict=True)
        }
    return {
        "weights": dict(zip(names, start.arrays(), strict=True)),
        "forward": {
            Tensor("embedding", "output"): start.embeddings[ids],
            Tensor("simple_rnn", "output"): first.states[-1],
            Tensor("dense", "output"): first.scores,
        },
        "loss": {LOSS: losses[0]},
        "gradients": {Tensor("", "loss in training"): losses[0]}
        | dict(zip(names, oracle.gradients(start, ids, labels).arrays(), strict=True)),
        "one step": changes[1] | {LOSS: losses[:1]},
        "steps": changes[STEPS] | {LOSS: losses},
    }
