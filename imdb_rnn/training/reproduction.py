"""Repeats a training from its manifest, and compares the results.

On the same machine with the same versions the results are the same to the last bit. Elsewhere rounding differs. It is
amplified by training, so that weights may be far apart after thousands of steps; then the models must be equally good.
Both bounds are those of the comparison of backends: docs/agreement.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np

from imdb_rnn.backends import training_backend_name
from imdb_rnn.corpora import load_reviews
from imdb_rnn.errors import BundleError, RecipeError
from imdb_rnn.inference import bundle
from imdb_rnn.inference.classifier import Classifier
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.training.evaluation import trained_source
from imdb_rnn.training.fit import train
from imdb_rnn.training.recipe import Recipe

# Of the weights after fifty steps, and of the test accuracy of trained models.
WEIGHT_BOUND, ACCURACY_BOUND = 1.7e-5, 0.01
_RESULTS = ("epochs", "best_epoch", "val_loss", "val_accuracy", "temperature", "test_loss", "test_accuracy")

Verdict = Literal["identical", "equal up to rounding", "equally good", "different"]


@dataclass(frozen=True)
class Reproduction:
    """The result of a repeated training.

    Attributes:
        verdict: "identical" to the last bit: weights, history and results; "equal up to rounding": all weights are
            within 1.7e-5; "equally good": the test accuracy is within 0.01; or "different".
        changed: what is not as it was: name -> (before, now), such as the version of a package.
        results: name -> (before, now), of the results that differ, such as `test_accuracy`.
        weights: the largest difference of a weight.
    """

    verdict: Verdict
    changed: dict[str, tuple[object, object]]
    results: dict[str, tuple[object, object]]
    weights: float

    @property
    def succeeded(self) -> bool:
        """Whether the verdict is what can be expected: "identical" if nothing has changed."""
        return self.verdict == "identical" or (bool(self.changed) and self.verdict != "different")


def reproduce(
    directory: Path | str, data: str | None = None, *, out: Path | str | None = None, progress: bool = True
) -> Reproduction:
    """Train again as the manifest of a saved folder says, and compare with the folder.

    Args:
        directory: a folder saved by `train`.
        data: the source of the reviews; None is that of the training, unless it is a path.
        out: a new folder for the repeated training; None saves nothing.
        progress: whether to show progress on standard error.

    Raises:
        BackendError: see `imdb_rnn.backends.training_backend_name`.
        BundleError: the folder cannot be read, its training is not complete or was continued, or the reviews are not
            those of the training.
        DataError: the reviews cannot be read.
    """
    training_backend_name()
    before, saved = bundle.read_manifest(Path(directory)), Classifier.load(directory, strict=True)
    recipe = _recipe_of(before, directory)
    corpus = load_reviews(data or trained_source(saved))
    if corpus.fingerprint != before.fingerprint:
        msg = (
            f"Cannot reproduce {directory}. Expected: the reviews of its training, {before.source!r:.300} with the "
            f"fingerprint {before.fingerprint}. Received: {corpus.fingerprint}. Name their source by --data."
        )
        raise BundleError(msg)
    repeated = train(corpus, out, recipe, progress=progress)
    now = repeated.manifest
    pairs = list(zip(saved.weights(), repeated.classifier.weights(), strict=True))
    results = _different({name: (getattr(before, name), getattr(now, name)) for name in _RESULTS})
    history = bundle.read_part(Path(directory), bundle.HISTORY_FILE)
    if history != repeated.history:
        results["history"] = (history.get("val_loss"), repeated.history.get("val_loss"))
    largest = max(float(np.abs(one.astype(np.float64) - other).max()) for one, other in pairs)
    identical = not results and all(one.tobytes() == other.tobytes() for one, other in pairs)
    verdict: Verdict = "different"
    if identical:
        verdict = "identical"
    elif largest <= WEIGHT_BOUND:
        verdict = "equal up to rounding"
    elif abs((before.test_accuracy or 0) - (now.test_accuracy or 0)) <= ACCURACY_BOUND:
        verdict = "equally good"
    return Reproduction(verdict, _changed(before, now), results, largest)


def _recipe_of(manifest: Manifest, directory: Path | str) -> Recipe:
    """Return the recipe of a training.

    Raises:
        BundleError: the training cannot be repeated from its manifest.
    """
    problem = "" if manifest.recipe else "no recipe"
    if manifest.trained_further:
        problem = "a model that was trained further afterwards"
    settings = {name: value for name, value in manifest.recipe.items() if name not in ("optimizer", "loss")}
    known = {field.name for field in fields(Recipe)}
    if unknown := sorted(settings.keys() - known):
        problem = f"a recipe with {', '.join(unknown)}, from another version"
    if not problem:
        try:
            return Recipe(**settings)
        except RecipeError as error:
            problem = str(error)
    msg = f"Cannot reproduce {directory}. Expected: the manifest of a training. Received: {problem}."
    raise BundleError(msg)


def _changed(before: Manifest, now: Manifest) -> dict[str, tuple[object, object]]:
    """Return what may change a result and is not as it was. A folder of an earlier version does not say everything."""
    pairs: dict[str, tuple[object, object]] = {
        name: (getattr(before, name), getattr(now, name)) for name in ("backend", "device", "processor", "workers")
    }
    for name in before.versions.keys() | now.versions.keys():
        if before.backend == now.backend or name in before.versions.keys() & now.versions.keys():
            pairs[name] = (before.versions.get(name), now.versions.get(name))
    return _different(dict(sorted(pairs.items())))


def _different(pairs: Mapping[str, tuple[object, object]]) -> dict[str, tuple[object, object]]:
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
