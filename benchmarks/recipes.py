"""How good are the answers? Both recipes on the test reviews, every ingredient of "robust" on reviews set aside.

    python -m benchmarks.recipes train OUT      under each backend: five seeds; all ingredients only with --ingredients
    python -m benchmarks.recipes report OUT     docs/recipes.md, its picture, and benchmarks/results/recipes.json

`tox -e recipes` does it all, on the real IMDB reviews. What is chosen is chosen on reviews of other films than those learned from, which are set aside from the training
reviews. The test reviews are read once for each of the final models.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from backends_test.environments import ROOT, TITLES
from backends_test.markdown import in_readme
from backends_test.oracle import sigmoid
from benchmarks.reliability import reliability
from imdb_rnn import Classifier, Corpus, Recipe, load_reviews
from imdb_rnn.backends import TRAINING_BACKENDS
from imdb_rnn.corpora.npz import KERAS_SHUFFLE_SEED
from imdb_rnn.samples import SAMPLES
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.training.splits import split_reviews

SEEDS = (1, 2, 3, 4, 5)
RESULTS = ROOT / "benchmarks" / "results" / "recipes.json"
PAGE = ROOT / "docs" / "recipes.md"
PICTURE = ROOT / "docs" / "recipes.png"
# Words kept of each review, its last ones; 99 are one window, None is all.
LENGTHS = (None, 99, 50, 20, 10, 5)
FINAL = {"tutorial": Recipe.tutorial(), "robust": Recipe()}
# Each adds one thing to the one before; the last is the recipe "robust".
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
    """Keep the last words of each review, so many, and its START."""
    if count is None:
        return reviews
    cut = ([row[0], *row[1:][-count:]] for row in (reviews[i] for i in range(len(reviews))))
    return EncodedReviews.from_sequences(cut, reviews.labels)


def measure(classifier: Classifier, reviews: EncodedReviews) -> dict[str, Any]:
    """Compare a trained model's answers with labels.

    Returns:
        `accuracy`: words kept -> share of labels that are right; `calibration`: the expected error of the scores of
        whole reviews; `bins`: their reliability; `samples`: how many of the ten are right.
    """
    accuracy = {}
    for count in LENGTHS:
        logits = classifier.logits(last_words(reviews, count))
        accuracy[str(count or "whole")] = float(np.mean((logits > 0) == (reviews.required_labels() == 1)))
    found = reliability(sigmoid(classifier.logits(reviews)), reviews.required_labels())
    predictions = classifier.predict_reviews([text for text, _ in SAMPLES])
    right = [one.label == label for one, (_, label) in zip(predictions, SAMPLES, strict=True)]
    return {
        "accuracy": accuracy,
        "calibration": found.error,
        "bins": [[float(value) for value in row] for row in (found.scores, found.positive, found.counts)],
        "samples": sum(right),
        "wrong": [text for (text, _), good in zip(SAMPLES, right, strict=True) if not good],
    }


def split_films(reviews: EncodedReviews) -> tuple[EncodedReviews, EncodedReviews]:
    """Set a fifth of IMDB's training reviews aside, of other films: those to learn from, and those to choose by.

    The data set numbers the reviews of each class film by film. Keras's file has them by number, sorted as text, and
    Keras shuffles them. Here this is undone, and the lowest numbers are taken.
    """
    places = np.arange(len(reviews))
    np.random.RandomState(KERAS_SHUFFLE_SEED).shuffle(places)
    in_class = len(reviews) // 2
    numbers = np.array(sorted(range(in_class), key=lambda number: f"{number}_"))[places % in_class]
    aside = numbers < in_class // 5
    return reviews.take(np.flatnonzero(~aside)), reviews.take(np.flatnonzero(aside))


def train_one(corpus: Corpus, recipe: Recipe, test: bool) -> dict[str, Any]:
    """Train one model, and measure it on the test reviews or on those of films set aside."""
    from imdb_rnn.training.fit import Source, Weighted, fit

    learn, validation = split_reviews(corpus.train) if test else split_films(corpus.train)
    began = time.perf_counter()
    training = fit(
        Weighted(learn),
        Weighted(validation),
        corpus.vocabulary.truncate(recipe.num_words),
        recipe,
        Source(corpus.source, corpus.fingerprint),
    )
    seconds = time.perf_counter() - began
    manifest = training.manifest
    assert manifest.parameters == {"embedding": 160_048, "simple_rnn": 200, "dense": 9}  # noqa: S101
    content = manifest.to_json()
    kept = {name: content[name] for name in ("backend", "versions", "data", "best_epoch", "epochs", "val_accuracy")}
    found = measure(training.classifier, corpus.test if test else validation)
    return kept | {"recipe": asdict(recipe), "seed": recipe.seed, "seconds": round(seconds, 2)} | found


@app.command()
def train(
    out: Path,
    ingredients: Annotated[bool, typer.Option("--ingredients", help="All ingredients, on reviews set aside.")] = False,
) -> None:
    """Train five seeds of each recipe under the backend of KERAS_BACKEND; what is in OUT already is not done again."""
    from imdb_rnn.backends import training_backend_name

    out.mkdir(parents=True, exist_ok=True)
    corpus, backend = load_reviews("imdb"), training_backend_name()
    kind, recipes = ("aside", INGREDIENTS) if ingredients else ("test", FINAL)
    for seed in SEEDS:
        for name, recipe in recipes.items():
            path = out / f"{kind}-{backend}-{name}-{seed}.json".replace(" ", "_")
            if not path.exists():
                found = train_one(corpus, Recipe(**asdict(recipe) | {"seed": seed}), test=not ingredients)
                path.write_text(json.dumps({"kind": kind, "name": name} | found), encoding="utf-8")
                typer.echo(f"{path.stem}  whole {found['accuracy']['whole']:.4f}  {found['seconds']:.1f} s", err=True)


@app.command()
def report(out: Path) -> None:
    """Renew what is committed, of all that `train` has left."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("*.json"))]
    RESULTS.write_text("[\n" + ",\n".join(json.dumps(run) for run in runs) + "\n]\n", encoding="utf-8")
    draw(runs)
    for page, tables in TABLES.items():
        page.write_text(renew(page.read_text(encoding="utf-8"), runs, tables), encoding="utf-8")


def renew(text: str, runs: list[dict[str, Any]], tables: Sequence[str]) -> str:
    """Put tables of some runs into a page."""
    for name in tables:
        text = in_readme(text, name, MAKERS[name](runs))
    return text


def interval(values: list[float]) -> str:
    """The mean of some shares and a 95 % interval, by Student's t, in percent."""
    from scipy.stats import t

    mean = np.mean(values)
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{100 * mean:.1f} ± {100 * half:.1f}"


def cells(runs: list[dict[str, Any]]) -> str:
    """What both tables have of the seeds of one model."""
    parts = [interval([run["accuracy"][length] for run in runs]) for length in ("whole", "99", "20", "10")]
    calibration = f"{np.mean([run['calibration'] for run in runs]):.3f}"
    samples = f"{np.mean([run['samples'] for run in runs]):.1f}"
    return " | ".join([*parts, calibration, samples, f"{np.median([run['seconds'] for run in runs]):.0f} s"])


HEADER = (
    "whole review | last 99 words | last 20 | last 10 | calibration error | samples right, of ten | training |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def recipes_table(runs: list[dict[str, Any]]) -> str:
    """Both recipes on each backend, on the test reviews."""
    lines = [f"| recipe, backend | {HEADER}"]
    for name in FINAL:
        for backend in TRAINING_BACKENDS:
            chosen = [run for run in runs if (run["kind"], run["name"], run["backend"]) == ("test", name, backend)]
            if chosen:
                lines.append(f"| {name}, {TITLES[backend]} | {cells(chosen)} |")
    return "\n".join(lines)


def ingredients_table(runs: list[dict[str, Any]]) -> str:
    """Each ingredient added to those before, on reviews of films set aside."""
    lines = [f"| recipe | {HEADER}"]
    for number, name in enumerate(INGREDIENTS):
        chosen = [run for run in runs if (run["kind"], run["name"]) == ("aside", name)]
        if chosen:
            lines.append(f"| {'+ ' if number else ''}{name} | {cells(chosen)} |")
    return "\n".join(lines)


# The tables by their marks, and the pages that have them.
MAKERS = {"recipes": recipes_table, "ingredients": ingredients_table}
TABLES = {PAGE: ("recipes", "ingredients"), ROOT / "README.md": ("recipes",)}


def draw(runs: list[dict[str, Any]]) -> None:
    """Accuracy over the length of a review, and how reliable the scores are: both recipes, test reviews."""
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
    lengths.set(xlabel="words of a review that are read, its last ones", ylabel="test accuracy, %")
    scores.plot([0, 100], [0, 100], color="0.6", linestyle="--", label="as it should be")
    scores.set(xlabel="score, %", ylabel="reviews with it that are positive, %")
    for axes in (lengths, scores):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    app()
