"""The page for a browser: one HTML file that holds a classifier and scores what one types, without a server.

The script computes in float64 and splits texts exactly as `Vocabulary.encode_typed`. So that it does not depend on the
browser's version of Unicode, the page holds tables of what Python knows of each character.
"""

import base64
import hashlib
import json
import sys
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

import numpy as np

from imdb_rnn.errors import ModelError
from imdb_rnn.inference.classifier import MAX_REVIEW_WORDS, Classifier
from imdb_rnn.inference.explanation import MAX_EXPLAINED_WORDS
from imdb_rnn.inference.manifest import UNKNOWN
from imdb_rnn.model.numpy_forward import check_logits
from imdb_rnn.samples import SAMPLES
from imdb_rnn.text import normalization, tokens

# The number of weights of a model with an embedding.
_WEIGHTS = 6
# As in page.js: the kind of a character, and two flags.
_KINDS = {"separator": 0, "part": 1, "symbol": 2, "invisible": 3}
_ALPHANUMERIC, _LETTER = 4, 8


def page_of(classifier: Classifier) -> str:
    """Return a self-contained HTML page that scores and explains reviews as one types them.

    The page needs no network, and its Content-Security-Policy permits none.

    Args:
        classifier: a trained classifier with an embedding.

    Returns:
        The HTML text, to be written as UTF-8.

    Raises:
        ModelError: the classifier has no embedding, or its weights are not finite; or see `Classifier.weights`.
    """
    from jinja2 import Environment

    model = _as_script(_model(classifier))
    folder = files("imdb_rnn.exporting")
    template, script, style = (
        folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.html.jinja", "page.js", "page.css")
    )
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    page: str = (
        Environment(autoescape=True)
        .from_string(template)
        .render(policy=policy, model=model, script=script, style=style)
    )
    return page


def _hash(text: str) -> str:
    """Return the source expression of a Content-Security-Policy that permits exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _as_script(content: dict[str, Any]) -> str:
    """Return JSON that an HTML parser leaves alone inside of a script element: ASCII, without angle brackets."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _model(classifier: Classifier) -> dict[str, Any]:
    """Return what the script reads: the words, the weights, the tables of characters, and the facts that are shown."""
    weights, preprocessing = classifier.weights(), classifier.preprocessing
    if len(weights) != _WEIGHTS:
        msg = "Cannot make the page. Expected: a model with an embedding. Received: one without."
        raise ModelError(msg)
    check_logits(np.zeros(1, np.float32), weights)
    if not all(np.isfinite(array).all() for array in weights):
        msg = "Cannot make the page. Expected: finite weights. Received: infinite or undefined ones."
        raise ModelError(msg)
    parameters = sum(array.size for array in weights)
    # Ids from `num_words` on are never looked up.
    used = [weights[0][: preprocessing.num_words], *weights[1:]]
    inputs, units = weights[1].shape
    words = classifier.vocabulary.words
    manifest = classifier.current_manifest(weights)
    return {
        "words": "\n".join(words),
        "weights": base64.b64encode(b"".join(array.astype("<f4").tobytes() for array in used)).decode(),
        "shape": {"inputs": inputs, "units": units},
        "preprocessing": {
            "numWords": preprocessing.num_words,
            "maxLen": preprocessing.max_len,
            "windows": preprocessing.windows,
        },
        "limits": {"maxReviewWords": MAX_REVIEW_WORDS, "maxExplainedWords": MAX_EXPLAINED_WORDS},
        "tokens": _tables(),
        "samples": [text for text, _ in SAMPLES],
        "facts": {
            "parameters": parameters,
            "vocabulary": min(len(words), max(preprocessing.num_words - tokens.INDEX_FROM - 1, 0)),
            "source": "" if manifest.source == UNKNOWN else manifest.source,
            "accuracy": manifest.test_accuracy,
            "further": bool(manifest.trained_further),
            "interrupted": manifest.complete is False,
        },
    }


@cache
def _tables() -> dict[str, Any]:
    """Return what the tokenizer must know of characters.

    `classes` is a list of runs over all code points: the length of a run, and the class of its characters. The other
    tables are characters, and what they become.
    """
    characters = [chr(code) for code in range(sys.maxunicode + 1)]
    runs = [(len(list(run)), kind) for kind, run in groupby(map(_class_of, characters))]
    folds = {character: character.casefold() for character in characters if character.casefold() != character}
    windows_1252 = {chr(code): character for code, character in normalization.WINDOWS_1252.items()}
    return {
        "separators": tokens.SEPARATORS + " ",
        "apostrophes": normalization.APOSTROPHES,
        "classes": [number for run in runs for number in run],
        "folds": _as_pairs(folds),
        "windows1252": _as_pairs(windows_1252),
    }


def _class_of(character: str) -> int:
    """Return the kind of a character and its flags as one number."""
    kind = _KINDS[normalization.kind_of(character)]
    return kind + _ALPHANUMERIC * character.isalnum() + _LETTER * character.isalpha()


def _as_pairs(table: dict[str, str]) -> list[str]:
    return ["".join(table), " ".join(table.values())]
