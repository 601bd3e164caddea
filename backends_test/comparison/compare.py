"""All participants side by side: what each environment has left, and how far every pair is apart at every stage."""

import json
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from backends_test import oracle
from backends_test.comparison import reference
from backends_test.comparison.inputs import load_corpus, make_inputs, read_batches
from backends_test.comparison.stages import (
    DTYPES,
    LADDER,
    OPENVINO_LABELS,
    Artefact,
    differences,
    read_artefact,
    read_tensors,
    sources_fingerprint,
    tolerance,
)
from backends_test.environments import ROOT
from backends_test.oracle import Adam, Weights
from imdb_rnn.backends import PREDICTING_BACKENDS, TABLE, TRAINING_BACKENDS
from imdb_rnn.inference.bundle import read_bundle

# dtype -> participant -> what it computed.
Found = dict[str, dict[str, Artefact]]
# dtype -> "one - other" -> differences of the losses, step by step.
Growth = dict[str, dict[str, list[float]]]
# Between these, every pair is compared; the backends that only predict are compared with the oracle.
MAIN = ("oracle", *TRAINING_BACKENDS)
PAIRS = [*combinations(MAIN, 2), *(("oracle", name) for name in PREDICTING_BACKENDS)]
# The stages that need no training.
PREDICTED = (
    "parameters",
    "initial weights",
    "batches",
    "forward",
    "evaluate",
    "saved model",
    "saved model, plain Keras",
)
# Losses that differ by this have parted.
PARTED = 1e-3
# What the scores of nearly all reviews agree to.
NEARLY = 1e-6


class MissingArtefactError(Exception):
    """An environment has left nothing, or something older than the sources."""


def read_all(folder: Path, dtype: str) -> dict[str, Artefact]:
    """Read the artefacts of one dtype: backend -> artefact. In float64 there are none of backends that only predict.

    Raises:
        MissingArtefactError: one is missing, damaged, or older than the sources, or they are of different reviews.
    """
    sources = sources_fingerprint(ROOT / "imdb_rnn")
    found = {}
    for backend in (*TRAINING_BACKENDS, *(PREDICTING_BACKENDS if dtype == "float32" else ())):
        environment = TABLE[backend].environment
        try:
            found[backend] = read_artefact(folder / backend, dtype)
            notes = [found[backend].note]
            if backend in TRAINING_BACKENDS:
                notes.append(json.loads((folder / backend / "model.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            msg = f"Nothing usable from {backend} in {dtype}. Received: {error}. Run first: tox -e {environment}"
            raise MissingArtefactError(msg) from error
        if any(note["sources"] != sources for note in notes):
            msg = f"What {backend} left is older than the sources. Run again: tox -e {environment}"
            raise MissingArtefactError(msg)
    read = {f"{note['data']['source']} ({note['data']['fingerprint'][:8]})" for note, _ in found.values()}
    if len(read) > 1:
        msg = f"The environments read different reviews: {', '.join(sorted(read))}. Run them all again."
        raise MissingArtefactError(msg)
    return found


def oracle_of_saved_models(folder: Path) -> dict[str, reference.Tensors]:
    """The stages that begin with a saved model, as the oracle computes them from the arrays in the file."""
    stages: dict[str, reference.Tensors] = {"saved model": {}, "saved model, plain Keras": {}, "continued training": {}}
    for saver in TRAINING_BACKENDS:
        bundle = read_bundle(folder / saver / "model")
        weights = Weights.of(bundle.weights)
        scores = oracle.forward(weights, np.load(folder / saver / "ids.npy")).scores[:, 0]
        stages["saved model"][f"by {saver}"] = scores
        stages["saved model, plain Keras"][f"by {saver}"] = scores
        iteration, learning_rate, *moments = bundle.optimizer
        adam = Adam(float(learning_rate))
        adam.steps = int(iteration)
        adam.moments = [
            (m.astype(np.float64), v.astype(np.float64)) for m, v in zip(moments[::2], moments[1::2], strict=True)
        ]
        losses = []
        for x, y in read_batches(folder / saver / "continued.npz"):
            losses.append(oracle.binary_crossentropy(oracle.forward(weights, x).logits, y))
            adam.apply(weights, oracle.gradients(weights, x, y))
        tensors = {"losses": np.array(losses), **reference.named(weights.arrays())}
        stages["continued training"] |= {f"by {saver}: {name}": array for name, array in tensors.items()}
    return stages


def gather(folder: Path) -> Found:
    """Everything that is compared: dtype -> participant -> artefact.

    Raises:
        MissingArtefactError: see `read_all`.
    """
    inputs = make_inputs(load_corpus())
    stages = reference.compute(inputs) | oracle_of_saved_models(folder)
    stages["training"] = {"losses": reference.training_losses(inputs)}
    note = {"backend": "oracle", "dtype": "float64", "device": "cpu", "versions": {"numpy": np.__version__}}
    found: Found = {}
    for dtype in DTYPES:
        artefacts = read_all(folder, dtype)
        if artefacts["jax"].note["data"] != inputs.data:
            msg = f"The environments read {artefacts['jax'].note['data']}, and here are {inputs.data}. Run them again."
            raise MissingArtefactError(msg)
        found[dtype] = {"oracle": Artefact(note | {"data": inputs.data}, stages), **artefacts}
    for backend, artefact in found["float32"].items():
        if backend != "oracle":
            artefact.stages.update(read_tensors(folder / backend / "exchange.npz"))
    return found


def compare(found: Found) -> list[dict[str, Any]]:
    """Compare every pair at every stage.

    Returns:
        A row for each stage and dtype, in the order of the ladder: `stage`, `compares`, `dtype`, `tolerance`, and
        `pairs`, from "one - other" to `difference` (the largest), `tensor` (where), `tolerance` and `agrees`; a pair of
        which one has not run the stage is missing.
    """
    rows = []
    for stage, dtype in product(LADDER, DTYPES):
        if dtype not in stage.bounds:
            continue
        pairs = {}
        for one, other in PAIRS:
            tensors = [found[dtype].get(name, Artefact({}, {})).stages.get(stage.name) for name in (one, other)]
            if tensors[0] is None or tensors[1] is None:
                continue
            apart = differences(*tensors)
            tensor = max(apart, key=lambda name: apart[name])
            allowed = tolerance(stage, dtype, one, other)
            pairs[f"{one} - {other}"] = {
                "difference": apart[tensor],
                "tensor": tensor,
                "tolerance": allowed,
                "agrees": apart[tensor] <= allowed,
            }
        rows.append(
            {
                "stage": stage.name,
                "compares": stage.compares,
                "dtype": dtype,
                "tolerance": stage.bounds[dtype].tolerance,
                "pairs": pairs,
            }
        )
    return rows


def compare_saved_models(found: dict[str, Artefact]) -> list[dict[str, Any]]:
    """How the models that one backend saved read the test reviews under another, for every saver and loader.

    Returns:
        For each: `saver`, `loader`, `reviews`, `largest` (difference of scores), `beyond` (reviews whose scores differ
        by more than 1e-6), `labels` (that differ).
    """
    exchanged = []
    for saver, loader in product(TRAINING_BACKENDS, (*TRAINING_BACKENDS, *PREDICTING_BACKENDS)):
        if saver == loader or loader not in found:
            continue
        theirs, ours = (found[name].stages["saved model"][f"by {saver}"] for name in (saver, loader))
        apart = np.abs(theirs - ours)
        exchanged.append(
            {
                "saver": saver,
                "loader": loader,
                "reviews": len(apart),
                "largest": float(apart.max()),
                "beyond": int((apart > NEARLY).sum()),
                "labels": int(((theirs > 0.5) != (ours > 0.5)).sum()),
            }
        )
    return exchanged


def partings(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Say where pairs part, in the order of the ladder: the first is where to look."""
    for row in rows:
        for pair, cell in row["pairs"].items():
            if not cell["agrees"]:
                yield (
                    f"{pair} part at {row['stage']!r} in {row['dtype']}, tensor {cell['tensor']!r}: "
                    f"difference {cell['difference']:.2g}, tolerance {cell['tolerance']:.2g}"
                )
        missing = [
            f"{one} - {other}"
            for one, other in PAIRS
            if f"{one} - {other}" not in row["pairs"]
            and (other not in PREDICTING_BACKENDS or (row["dtype"] == "float32" and row["stage"] in PREDICTED))
        ]
        if missing:
            yield f"{row['stage']!r} in {row['dtype']} was not computed for {', '.join(missing)}"


def label_partings(saved_models: list[dict[str, Any]]) -> Iterator[str]:
    """Say where OpenVINO gives too many reviews another label."""
    for pair in saved_models:
        if pair["loader"] == "openvino" and pair["labels"] > OPENVINO_LABELS.tolerance * pair["reviews"]:
            yield f"openvino gives {pair['labels']} of {pair['reviews']} reviews another label than {pair['saver']}"


def growth(found: Found) -> Growth:
    """How far the losses of a training are apart, step by step: dtype -> "one - other" -> differences."""
    return {
        dtype: {
            f"{one} - {other}": np.abs(losses[one] - losses[other]).tolist() for one, other in combinations(MAIN, 2)
        }
        for dtype in DTYPES
        for losses in [{name: found[dtype][name].stages["training"]["losses"].astype(np.float64) for name in MAIN}]
    }


def horizons(grown: Growth) -> dict[str, dict[str, int | None]]:
    """The parity horizon: the first step whose losses differ by `PARTED`, counted from 1; None if none does."""
    return {
        dtype: {
            pair: next((step for step, difference in enumerate(apart, 1) if difference >= PARTED), None)
            for pair, apart in pairs.items()
        }
        for dtype, pairs in grown.items()
    }
