"""Writes a model card: what a classifier is, how it was trained, what it gets wrong, and how it is used.

Everything in a manifest can come from a stranger. It is escaped, so that it is shown and does nothing.
"""

import json
import re
import string
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from imdb_rnn.hub import check_name
from imdb_rnn.inference.classifier import Classifier, Unscored
from imdb_rnn.inference.manifest import UNKNOWN, Manifest
from imdb_rnn.printable import printable
from imdb_rnn.samples import NEGATIVE, POSITIVE, SAMPLES

# Texts that small models often misread: what they try, the text, and the expected label.
PROBES = (
    ("negation", "This film is good.", POSITIVE),
    ("negation", "This film is not good.", NEGATIVE),
    ("negation", "I was bored.", NEGATIVE),
    ("negation", "I was not bored.", POSITIVE),
    ("irony", "Great, another two hours of my life that I will never get back.", NEGATIVE),
    ("irony", "A masterpiece, if you enjoy watching paint dry.", NEGATIVE),
    ("another language", "Ein wunderbarer Film, ich habe ihn geliebt.", POSITIVE),
    ("another language", "Una película terrible y aburrida.", NEGATIVE),
    ("another kind of text", "The battery lasts for two days, and the screen is sharp.", POSITIVE),
    ("another kind of text", "The parcel arrived broken, and nobody answers my mails.", NEGATIVE),
)
# Source of reviews -> the type and the name of a data set. A source with a path is the user's own.
_DATASETS = {
    "imdb": ("imdb", "IMDB large movie review dataset"),
    "tfds": ("imdb", "IMDB large movie review dataset"),
    "synthetic": ("synthetic", "Synthetic reviews of imdb_rnn"),
}
_OWN = ("own", "Reviews of the author's own")
_LAYERS = ("Embedding", "SimpleRNN", "Dense")
_MAX_CHARACTERS = 200
_MAX_ENTRIES = 30
# A manifest can have numbers that are too long to be shown.
_LARGEST = 10**15


class Agreement(NamedTuple):
    """How closely a model's float32 scores agree with NumPy in float64.

    Attributes:
        reviews: the number of reviews that were scored.
        rows: the number of rows of the model's input that these reviews have.
        differences: what computed the scores, with its version -> the largest difference of a score.
        not_measured: what could have computed the scores, and did not.
    """

    reviews: int
    rows: int
    differences: Mapping[str, float]
    not_measured: Sequence[str] = ()


def model_card(classifier: Classifier, name: str, agreement: Agreement) -> str:
    """Return a model card, as Markdown with settings in YAML at its beginning.

    Args:
        classifier: the classifier, whose answers to some texts are shown.
        name: the name of the model on the hub, "OWNER/MODEL".
        agreement: what was measured with this classifier.

    Raises:
        BundleError: the name is not proper.
        ModelError: see `Classifier.predict_reviews`.
    """
    from jinja2 import Environment, StrictUndefined

    check_name(name)
    manifest = classifier.manifest
    scores = {
        field: _decimal(getattr(manifest, field), 1 if field.endswith("accuracy") else 100)
        for field in ("val_loss", "val_accuracy", "test_loss", "test_accuracy")
    }
    accuracy = scores["test_accuracy"]
    temperature = _decimal(manifest.temperature, 100)
    weights = classifier.weights()
    dataset = _DATASETS.get(manifest.source, _OWN)
    template = files("imdb_rnn.inference").joinpath("model_card.md.jinja").read_text(encoding="utf-8")
    environment = Environment(  # noqa: S701 (Markdown, which `escaped` escapes)
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    return str(
        environment.from_string(template).render(
            name=name,
            quoted_name=json.dumps(name),
            title=escaped(name),
            accuracy=None if accuracy == UNKNOWN else accuracy,
            dataset={"type": dataset[0], "name": json.dumps(dataset[1])},
            trained_further=manifest.trained_further,
            layers=_layers(classifier),
            parameters=f"{sum(array.size for array in weights):,}",
            words=f"{len(classifier.vocabulary):,}",
            windows=classifier.preprocessing.windows,
            interrupted=manifest.complete is False,
            max_len=classifier.max_len,
            training=_training(manifest),
            scores=scores,
            scores_known=UNKNOWN not in scores.values(),
            temperature=None if temperature == UNKNOWN else temperature,
            agreement={
                "reviews": f"{agreement.reviews:,}",
                "rows": f"{agreement.rows:,}",
                "differences": [(escaped(title), f"{value:.1e}") for title, value in agreement.differences.items()],
                "not_measured": [escaped(title) for title in agreement.not_measured],
            },
            samples=_answers(classifier, [("", text, label) for text, label in SAMPLES]),
            probes=_answers(classifier, PROBES),
        )
    )


def escaped(value: object) -> str:
    """Return text for a cell of a table in Markdown: as it is, in one line, without links, HTML or formatting."""
    text = " ".join(printable(str(value)).split())
    if len(text) > _MAX_CHARACTERS:
        text = f"{text[:_MAX_CHARACTERS]}…"
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # Of the points, only those within words: they could make a link of a name that looks like an address.
    parts = re.split(r"(&\w+;|(?<=\d)\.(?=\d)|\.(?!\S))", text)
    parts[::2] = [re.sub(f"([{re.escape(_SPECIAL)}])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


# All punctuation that Markdown lets one escape, but what means nothing within a line.
_SPECIAL = "".join(sorted({*string.punctuation} - {*",-+;%/'\"&"}))


def _decimal(value: float | None, most: float) -> str:
    """Return a number with four decimals; "unknown" if it is not one from 0 to `most`."""
    return UNKNOWN if value is None or not 0 <= value <= most else f"{value:.4f}"


def _whole(value: int | None) -> str:
    return UNKNOWN if value is None or not 0 <= value <= _LARGEST else f"{value:,}"


def _layers(classifier: Classifier) -> list[dict[str, str]]:
    """Return the layers and their numbers of parameters; a one-hot encoding has none."""
    *embedding, kernel, recurrent, bias, out_kernel, out_bias = classifier.weights()
    groups = [embedding, [kernel, recurrent, bias], [out_kernel, out_bias]]
    units = [group[-1].shape[-1] if group else classifier.num_words for group in groups]
    shapes = [f"{classifier.max_len} ids → {units[0]} each", f"→ {units[1]}", f"→ {units[2]}"]
    return [
        {"name": layer, "shape": shape, "parameters": f"{sum(array.size for array in group):,}"}
        for layer, shape, group in zip(_LAYERS, shapes, groups, strict=True)
    ]


def _training(manifest: Manifest) -> list[tuple[str, str]]:
    """Return what is known of the training, as pairs of a name and a value."""
    seconds = manifest.seconds.get("training")
    rows: list[tuple[str, object]] = [
        ("backend", manifest.backend),
        ("device", manifest.device),
        ("processor", manifest.processor),
        *((f"version of {package}", version) for package, version in _first(manifest.versions)),
        ("data", manifest.source),
        ("fingerprint of the data", manifest.fingerprint),
        *((f"recipe: {setting}", _shown(value)) for setting, value in _first(manifest.recipe)),
        ("epochs", _whole(manifest.epochs)),
        ("best epoch", _whole(manifest.best_epoch)),
        ("seconds", None if seconds is None or not 0 <= seconds <= _LARGEST else f"{seconds:.1f}"),
    ]
    return [(escaped(name), escaped(value) if value else UNKNOWN) for name, value in rows]


def _first(entries: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(entries.items())[:_MAX_ENTRIES]


def _shown(value: object) -> str:
    """Return a setting as text; "…" for a number or a list that is too long to be shown."""
    if isinstance(value, str | bool):
        return str(value)
    return f"{value}" if isinstance(value, int | float) and -_LARGEST <= value <= _LARGEST else "…"


def _answers(classifier: Classifier, texts: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """Return the answers to texts: kind, text and expected label."""
    rows: list[dict[str, Any]] = []
    for kind, text, expected in texts:
        [prediction], words = classifier.predict_or_skip([text])
        unscored = isinstance(prediction, Unscored)
        rows.append(
            {
                "kind": kind,
                "text": escaped(text),
                "expected": expected,
                "answer": "none" if unscored else prediction.label,
                "score": "" if unscored else f"{prediction.score:.1%}",
                "known": "none" if unscored else f"{words.known} of {words.all}",
                "right": prediction.label == expected,
            }
        )
    kinds = [
        {"name": kind, "right": sum(row["right"] for row in group), "all": len(group)}
        for kind in dict.fromkeys(row["kind"] for row in rows)
        for group in [[row for row in rows if row["kind"] == kind]]
    ]
    return {"rows": rows, "right": sum(row["right"] for row in rows), "kinds": kinds}
