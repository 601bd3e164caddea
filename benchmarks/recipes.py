"""Measures accuracy: of both recipes on the test reviews, and of each ingredient of "robust" on reviews set aside.

    python -m benchmarks.recipes train OUT     trains five seeds under one backend; with --ingredients all ingredients
    python -m benchmarks.recipes report OUT    renews docs/recipes.md, docs/recipes.png and results/recipes.json

`tox -e recipes` runs all of it on the IMDB reviews. Ingredients are chosen on training reviews that are set aside, of
other films than those trained on. The test reviews are used once, for the final models.
"""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from backends_test.environments import ROOT, TITLES
from backends_test.markdown import markdown_table, replace_table
from backends_test.oracle import sigmoid
from backends_test.pages import save_png, write_text
from benchmarks.errors import run_app
from benchmarks.reliability import reliability
from imdb_rnn import Classifier, Corpus, Recipe, load_reviews
from imdb_rnn.backends import TRAINING_BACKENDS
from imdb_rnn.corpora.npz import KERAS_SHUFFLE_SEED
from imdb_rnn.samples import SAMPLES
from imdb_rnn.text.reviews import EncodedReviews, in_memory
from imdb_rnn.training.splits import split_reviews

SEEDS = (1, 2, 3, 4, 5)
RESULTS = ROOT / "benchmarks" / "results" / "recipes.json"
PAGE = ROOT / "docs" / "recipes.md"
PICTURE = ROOT / "docs" / "recipes.png"
# Number of last words kept of each review; 99 are one window, None keeps all words.
LENGTHS = (None, 99, 50, 20, 10, 5)
FINAL = {"tutorial": Recipe.tutorial(), "robust": Recipe()}
# Each recipe adds one thing to the one before; the last one is "robust".
PLAIN: dict[str, Any] = {"teacher_share": 0.0, "recurrent_initializer": "orthogonal"}
INGREDIENTS = {
    "tutorial": FINAL["tutorial"],
    "windows, read whole": Recipe(**PLAIN, short_windows=0.0, averaged_epochs=1),
    "most of them short": Recipe(**PLAIN, end_windows=0.0, averaged_epochs=1),
    "some at the end": Recipe(**PLAIN, averaged_epochs=1),
    "averaged weights": Recipe(**PLAIN),
    "the identity to begin with": Recipe(teacher_share=0.0),
    "a teacher": FINAL["robust"],
}

app = typer.Typer(help=(__doc__ or "").partition("\n")[0], add_completion=False, no_args_is_help=True)


def last_words(reviews: EncodedReviews, count: int | None) -> EncodedReviews:
    """Keep the given number of last words of each review, and its START."""
    if count is None:
        return reviews
    cut = ([row[0], *row[1:][-count:]] for row in (reviews[i] for i in range(len(reviews))))
    return EncodedReviews.from_sequences(cut, reviews.labels)


def measure(classifier: Classifier, reviews: EncodedReviews) -> dict[str, Any]:
    """Compare the predictions of a trained model with labels.

    Returns:
        `accuracy`: words kept -> accuracy; `calibration`: the expected calibration error for whole reviews; `bins`:
        their reliability; `samples`: how many of the ten samples are right; `wrong`: the other samples.
    """
    accuracy = {}
    for count in LENGTHS:
        logits = classifier.logits(last_words(reviews, count))
        accuracy[str(count or "whole")] = float(np.mean((logits > 0) == (reviews.required_labels() == 1)))
    calibration = reliability(sigmoid(classifier.logits(reviews)), reviews.required_labels())
    predictions = classifier.predict_reviews([text for text, _ in SAMPLES])
    right = [one.label == label for one, (_, label) in zip(predictions, SAMPLES, strict=True)]
    return {
        "accuracy": accuracy,
        "calibration": calibration.error,
        "bins": [[float(value) for value in row] for row in calibration],
        "samples": sum(right),
        "wrong": [text for (text, _), good in zip(SAMPLES, right, strict=True) if not good],
    }


def split_films(reviews: EncodedReviews) -> tuple[EncodedReviews, EncodedReviews]:
    """Set a fifth of the IMDB training reviews aside, of other films.

    The data set numbers the reviews of each class film by film. Keras's file sorts them by number, as text, and Keras
    shuffles them. This function reverses the order, and sets the lowest numbers aside.

    Returns:
        The reviews to train on, and those set aside.
    """
    places = np.arange(len(reviews))
    np.random.RandomState(KERAS_SHUFFLE_SEED).shuffle(places)
    in_class = len(reviews) // 2
    numbers = np.array(sorted(range(in_class), key=lambda number: f"{number}_"))[places % in_class]
    aside = numbers < in_class // 5
    return reviews.take(np.flatnonzero(~aside)), reviews.take(np.flatnonzero(aside))


def train_one(corpus: Corpus, recipe: Recipe, test: bool) -> dict[str, Any]:
    """Train one model, and measure it on the test reviews or on the reviews set aside."""
    from imdb_rnn.training.fit import Source, WeightedReviews, fit

    learn, validation = split_reviews(corpus.train) if test else split_films(in_memory(corpus.train))
    began = time.perf_counter()
    training = fit(
        WeightedReviews(learn),
        WeightedReviews(validation),
        corpus.vocabulary.truncate(recipe.num_words),
        recipe,
        Source(corpus.source, corpus.fingerprint),
    )
    seconds = time.perf_counter() - began
    manifest = training.manifest
    assert manifest.parameters == {"embedding": 160_048, "simple_rnn": 200, "dense": 9}  # noqa: S101
    content = manifest.to_json()
    kept = {name: content[name] for name in ("backend", "versions", "data", "best_epoch", "epochs", "val_accuracy")}
    measured = measure(training.classifier, in_memory(corpus.test) if test else validation)
    return kept | {"recipe": asdict(recipe), "seed": recipe.seed, "seconds": round(seconds, 2)} | measured


@app.command()
def train(
    out: Path,
    ingredients: Annotated[
        bool, typer.Option("--ingredients", help="Train all ingredients, on reviews set aside.")
    ] = False,
) -> None:
    """Train five seeds of each recipe under the backend of KERAS_BACKEND. Results in OUT are kept."""
    from imdb_rnn.backends import training_backend_name

    out.mkdir(parents=True, exist_ok=True)
    corpus, backend = load_reviews("imdb"), training_backend_name()
    kind, recipes = ("aside", INGREDIENTS) if ingredients else ("test", FINAL)
    for seed in SEEDS:
        for name, recipe in recipes.items():
            path = out / f"{kind}-{backend}-{name}-{seed}.json".replace(" ", "_")
            if not path.exists():
                result = train_one(corpus, Recipe(**asdict(recipe) | {"seed": seed}), test=not ingredients)
                write_text(path, json.dumps({"kind": kind, "name": name} | result))
                typer.echo(f"{path.stem}  whole {result['accuracy']['whole']:.4f}  {result['seconds']:.1f} s", err=True)


@app.command()
def report(out: Path) -> None:
    """Renew the committed results and docs/recipes.md from all results in OUT."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("*.json"))]
    write_text(RESULTS, "[\n" + ",\n".join(json.dumps(run) for run in runs) + "\n]\n")
    draw(runs)
    write_text(PAGE, renew(PAGE.read_text(encoding="utf-8"), runs))


def renew(page: str, runs: list[dict[str, Any]]) -> str:
    """Renew the tables in the text of docs/recipes.md."""
    page = replace_table(page, "recipes", recipes_table(runs))
    return replace_table(page, "ingredients", ingredients_table(runs))


def interval(values: list[float]) -> str:
    """Format the mean of shares and its 95 % interval, by Student's t, in percent."""
    from scipy.stats import t

    mean = np.mean(values)
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{100 * mean:.1f} ± {100 * half:.1f}"


def cells(runs: list[dict[str, Any]]) -> list[str]:
    """Format the columns of both tables for the seeds of one recipe."""
    parts = [interval([run["accuracy"][length] for run in runs]) for length in ("whole", "99", "20", "10")]
    calibration = f"{np.mean([run['calibration'] for run in runs]):.3f}"
    samples = f"{np.mean([run['samples'] for run in runs]):.1f}"
    return [*parts, calibration, samples, f"{np.median([run['seconds'] for run in runs]):.0f} s"]


COLUMNS = (
    "whole review",
    "last 99 words",
    "last 20",
    "last 10",
    "calibration error",
    "samples right, of ten",
    "training",
)


def recipes_table(runs: list[dict[str, Any]]) -> str:
    """Format the results of both recipes on each backend, on the test reviews."""
    rows = []
    for name in FINAL:
        for backend in TRAINING_BACKENDS:
            chosen = [run for run in runs if (run["kind"], run["name"], run["backend"]) == ("test", name, backend)]
            if chosen:
                rows.append([f"{name}, {TITLES[backend]}", *cells(chosen)])
    return markdown_table(["recipe, backend", *COLUMNS], rows)


def ingredients_table(runs: list[dict[str, Any]]) -> str:
    """Format the results of the ingredients, each added to those before, on reviews set aside."""
    rows = []
    for number, name in enumerate(INGREDIENTS):
        chosen = [run for run in runs if (run["kind"], run["name"]) == ("aside", name)]
        if chosen:
            rows.append([f"{'+ ' if number else ''}{name}", *cells(chosen)])
    return markdown_table(["recipe", *COLUMNS], rows)


def draw(runs: list[dict[str, Any]]) -> None:
    """Draw accuracy by length of the review, and the reliability of the scores, for both recipes on test reviews."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    lengths, scores = figure.subplots(1, 2)
    for name, colour in (("tutorial", "tab:orange"), ("robust", "tab:blue")):
        chosen = [run for run in runs if (run["kind"], run["name"]) == ("test", name)]
        if not chosen:
            continue
        labels = [str(length or "whole") for length in reversed(LENGTHS)]
        values = np.array([[100 * run["accuracy"][label] for label in labels] for run in chosen])
        lengths.plot(labels, values.mean(axis=0), marker="o", color=colour, label=name)
        lengths.fill_between(labels, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.2, linewidth=0)
        counts = np.array([run["bins"][2] for run in chosen]).sum(axis=0)
        sums = [np.nansum([np.multiply(run["bins"][i], run["bins"][2]) for run in chosen], axis=0) for i in range(2)]
        filled = counts > 0
        scores.plot(*(100 * one[filled] / counts[filled] for one in sums), marker="o", color=colour, label=name)
    lengths.set(xlabel="number of last words read", ylabel="test accuracy, %")
    scores.plot([0, 100], [0, 100], color="0.6", linestyle="--", label="perfect calibration")
    scores.set(xlabel="score, %", ylabel="share of positive reviews, %")
    for axes in (lengths, scores):
        axes.grid(alpha=0.3)
        axes.legend()
    save_png(figure, PICTURE)


if __name__ == "__main__":
    run_app(app)
