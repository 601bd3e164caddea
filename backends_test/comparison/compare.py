"""Reads the artefacts of all environments, and compares every pair of participants at every stage."""

import json
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from backends_test import oracle
from backends_test.comparison import recurrent, reference
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

# dtype -> participant -> its results.
Artefacts = dict[str, dict[str, Artefact]]
# dtype -> "one - other" -> difference of the losses at each step.
LossDifferences = dict[str, dict[str, list[float]]]
# Every pair of these is compared; the backends that only predict are compared with the oracle alone.
MAIN = ("oracle", *TRAINING_BACKENDS)
PAIRS = [*combinations(MAIN, 2), *(("oracle", name) for name in PREDICTING_BACKENDS)]
# The stages that backends without training compute.
PREDICTED = (
    "parameters",
    "initial weights",
    "batches",
    "forward",
    "evaluate",
    "saved model",
    "saved model, plain Keras",
)
# Two trainings have diverged when their losses differ by this much.
DIVERGED = 1e-3
# Scores of saved models are counted that differ by more than this.
SCORE_DIFFERENCE = 1e-6


class MissingArtefactError(Exception):
    """An artefact is missing, damaged, or older than the sources."""


def read_all(folder: Path, dtype: str) -> dict[str, Artefact]:
    """Read the artefacts of one dtype: backend -> artefact. Backends that only predict have none in float64.

    Raises:
        MissingArtefactError: an artefact is missing, damaged, or older than the sources, or the artefacts are of
            different reviews.
    """
    sources = sources_fingerprint(ROOT / "imdb_rnn")
    artefacts = {}
    for backend in (*TRAINING_BACKENDS, *(PREDICTING_BACKENDS if dtype == "float32" else ())):
        environment = TABLE[backend].environment
        try:
            artefacts[backend] = read_artefact(folder / backend, dtype)
            notes = [artefacts[backend].note]
            if backend in TRAINING_BACKENDS:
                notes.append(json.loads((folder / backend / "model.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            msg = f"Cannot read the {dtype} results of {backend}. Received: {error}. Run first: tox -e {environment}"
            raise MissingArtefactError(msg) from error
        if any(note["sources"] != sources for note in notes):
            msg = f"The results of {backend} are older than the sources. Run again: tox -e {environment}"
            raise MissingArtefactError(msg)
    reviews = {f"{note['data']['source']} ({note['data']['fingerprint'][:8]})" for note, _ in artefacts.values()}
    if len(reviews) > 1:
        msg = f"The environments read different reviews: {', '.join(sorted(reviews))}. Run all of them again."
        raise MissingArtefactError(msg)
    return artefacts


def oracle_of_saved_models(folder: Path) -> dict[str, reference.Tensors]:
    """Compute the stages of the saved models with the oracle, from the arrays in the files."""
    scores: reference.Tensors = {}
    continued: reference.Tensors = {}
    for saver in TRAINING_BACKENDS:
        bundle = read_bundle(folder / saver / "model")
        if bundle.optimizer is None:
            msg = f"The model of {saver} holds no optimizer. Run again: tox -e {TABLE[saver].environment}"
            raise MissingArtefactError(msg)
        weights = Weights.of(bundle.weights)
        scores[f"by {saver}"] = oracle.forward(weights, np.load(folder / saver / "ids.npy")).scores[:, 0]
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
        continued |= {f"by {saver}: {name}": array for name, array in tensors.items()}
    return {"saved model": scores, "saved model, plain Keras": scores, "continued training": continued}


def gather(folder: Path) -> Artefacts:
    """Collect everything that is compared: dtype -> participant -> artefact.

    Raises:
        MissingArtefactError: see `read_all`.
    """
    inputs = make_inputs(load_corpus())
    stages = reference.compute(inputs) | recurrent.compute(inputs) | oracle_of_saved_models(folder)
    stages["training"] = {"losses": reference.training_losses(inputs)}
    note = {"backend": "oracle", "dtype": "float64", "device": "cpu", "versions": {"numpy": np.__version__}}
    gathered: Artefacts = {}
    for dtype in DTYPES:
        artefacts = read_all(folder, dtype)
        received = artefacts["jax"].note["data"]
        if received != inputs.data:
            msg = f"Cannot compare results of other reviews. Expected: {inputs.data}. Received: {received}."
            raise MissingArtefactError(f"{msg} Run the environments again.")
        gathered[dtype] = {"oracle": Artefact(note | {"data": inputs.data}, stages), **artefacts}
    for backend, artefact in gathered["float32"].items():
        if backend != "oracle":
            artefact.stages.update(read_tensors(folder / backend / "exchange.npz"))
    return gathered


def compare(artefacts: Artefacts) -> list[dict[str, Any]]:
    """Compare every pair at every stage.

    Returns:
        One row per stage and dtype, in the order of the ladder: `stage`, `compares`, `dtype`, `tolerance` and `pairs`.
        `pairs` maps "one - other" to `difference` (the largest one), `tensor` (where it is), `tolerance` and `agrees`.
        A pair is missing if one of the two did not compute the stage.
    """
    rows = []
    for stage, dtype in product(LADDER, DTYPES):
        if dtype not in stage.bounds:
            continue
        tensors = {name: artefact.stages.get(stage.name) for name, artefact in artefacts[dtype].items()}
        pairs = {}
        for one, other in PAIRS:
            ours, theirs = tensors.get(one), tensors.get(other)
            if ours is None or theirs is None:
                continue
            by_tensor = differences(ours, theirs)
            tensor = max(by_tensor, key=lambda name: by_tensor[name])
            allowed = tolerance(stage, dtype, one, other)
            pairs[f"{one} - {other}"] = {
                "difference": by_tensor[tensor],
                "tensor": tensor,
                "tolerance": allowed,
                "agrees": by_tensor[tensor] <= allowed,
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


def compare_saved_models(artefacts: dict[str, Artefact]) -> list[dict[str, Any]]:
    """Compare the scores of each saved model under the backend that saved it with those under each other backend.

    Returns:
        One row per saver and loader: `saver`, `loader`, `reviews`, `largest` (difference of scores), `beyond` (number
        of scores that differ by more than 1e-6), `labels` (number of labels that differ).
    """
    rows = []
    for saver, loader in product(TRAINING_BACKENDS, (*TRAINING_BACKENDS, *PREDICTING_BACKENDS)):
        if saver == loader or loader not in artefacts:
            continue
        saved, loaded = (artefacts[name].stages["saved model"][f"by {saver}"] for name in (saver, loader))
        difference = np.abs(saved - loaded)
        rows.append(
            {
                "saver": saver,
                "loader": loader,
                "reviews": len(difference),
                "largest": float(difference.max()),
                "beyond": int((difference > SCORE_DIFFERENCE).sum()),
                "labels": int(((saved > 0.5) != (loaded > 0.5)).sum()),
            }
        )
    return rows


def disagreements(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Describe each disagreement, in the order of the ladder: the first one is where to look for the cause."""
    for row in rows:
        for pair, cell in row["pairs"].items():
            if not cell["agrees"]:
                yield (
                    f"{pair} disagree at {row['stage']!r} in {row['dtype']}, tensor {cell['tensor']!r}: "
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


def label_disagreements(saved_models: list[dict[str, Any]]) -> Iterator[str]:
    """Describe where OpenVINO gives too many reviews another label."""
    for pair in saved_models:
        if pair["loader"] == "openvino" and pair["labels"] > OPENVINO_LABELS.tolerance * pair["reviews"]:
            yield f"openvino gives {pair['labels']} of {pair['reviews']} reviews another label than {pair['saver']}"


def loss_differences(artefacts: Artefacts) -> LossDifferences:
    """Compute the differences of the losses of one training, step by step, for each pair."""
    by_dtype: LossDifferences = {}
    for dtype in DTYPES:
        losses = {name: artefacts[dtype][name].stages["training"]["losses"].astype(np.float64) for name in MAIN}
        by_dtype[dtype] = {
            f"{one} - {other}": np.abs(losses[one] - losses[other]).tolist() for one, other in combinations(MAIN, 2)
        }
    return by_dtype


def horizons(by_dtype: LossDifferences) -> dict[str, dict[str, int | None]]:
    """Find the first step, counted from 1, at which the losses of a pair differ by `DIVERGED`, or None."""
    return {
        dtype: {
            pair: next((step for step, difference in enumerate(by_step, 1) if difference >= DIVERGED), None)
            for pair, by_step in pairs.items()
        }
        for dtype, pairs in by_dtype.items()
    }
