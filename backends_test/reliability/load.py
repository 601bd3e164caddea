"""One classifier in eight threads, and the memory of a process that trains and predicts for long."""

import ctypes
import gc
import json
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from backends_test.reliability.training import few_reviews
from imdb_rnn import Classifier, Corpus, Recipe, train
from imdb_rnn.backends import backend_name, load_backend, load_keras
from imdb_rnn.text.reviews import in_memory

THREADS = 8
ROUNDS = 10
TRAININGS = 500
PREDICTIONS = 100_000
# Reviews per call of `predict_reviews`.
REVIEWS = 100
# Memory is measured at the beginning and after each tenth.
PARTS = 10
# One epoch, with windows and calibration. Without a teacher, which would take most of the time.
RECIPE = Recipe(epochs=1, teacher_share=0)
TEXTS = ("A good film, and not a bad one.", "The plot is a bore.", "I have never seen worse! " * 40, "<br />Fine")

Answer = TypeVar("Answer")


def at_once(work: Callable[[int], Answer], threads: int = THREADS) -> list[Answer]:
    """Do a piece of work in several threads, which begin at the same moment.

    Args:
        work: the work; gets the number of the thread.
        threads: the number of threads.

    Returns:
        What each thread returned.
    """
    begin = threading.Barrier(threads)

    def do(number: int) -> Answer:
        begin.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(do, range(threads)))


def answers(classifier: Classifier, corpus: Corpus, number: int = 0) -> list[Any]:
    """Use a classifier in every way that gives numbers.

    Args:
        classifier: the classifier.
        corpus: reviews for it.
        number: which use comes first, so that threads do not all do the same thing at the same time.

    Returns:
        Scores, probabilities, weights, the results of the Keras model in `classifier.model`, and those of `evaluate`.
    """
    ids = classifier.preprocessing.rows(in_memory(corpus.test)).x[:100]
    uses: list[Callable[[], Any]] = [
        lambda: np.asarray(load_keras().ops.convert_to_numpy(classifier.model(ids, training=False))).tobytes(),
        lambda: [classifier.predict_review(text).score for text in TEXTS],
        lambda: classifier.probabilities(ids).tobytes(),
        lambda: [array.tobytes() for array in classifier.model.get_weights()],
        lambda: classifier.evaluate(corpus.test),
    ]
    found = {}
    for place in range(len(uses)):
        use = (place + number) % len(uses)
        found[use] = uses[use]()
    return [found[use] for use in range(len(uses))]


def different_answers(folder: Path, corpus: Corpus, rounds: int) -> int:
    """Load a classifier again and again, and use each in eight threads at once, `classifier.model` first in some.

    Args:
        folder: a saved classifier.
        corpus: reviews for it.
        rounds: how many times it is loaded.

    Returns:
        The number of threads that got other bits than a single thread.
    """
    expected = answers(Classifier.load(folder), corpus)
    different = 0
    for _ in range(rounds):
        classifier = Classifier.load(folder)

        def use(number: int, classifier: Classifier = classifier) -> bool:
            return answers(classifier, corpus, number) != expected

        different += sum(at_once(use))
    return different


def resident_megabytes() -> float:
    """Return the resident memory of this process, after a collection of garbage.

    Where the C library can, it first gives back what it keeps for later, which varies by some 10 %.
    """
    gc.collect()
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def memory_over(
    count: int, work: Callable[[int], object], note: Callable[[dict[str, Any]], None] = lambda record: None
) -> dict[str, Any]:
    """Do a piece of work many times, and measure the memory of the process.

    Args:
        count: how many times, a multiple of `PARTS`.
        work: the work; gets its number.
        note: gets the record after each tenth.

    Returns:
        `count`, the number of times done; `megabytes`, before the first and after each tenth; `seconds`.
    """
    begin = time.monotonic()
    record: dict[str, Any] = {"count": 0, "megabytes": [resident_megabytes()], "seconds": 0.0}
    for part in range(PARTS):
        for number in range(part * count // PARTS, (part + 1) * count // PARTS):
            work(number)
        record["count"] = (part + 1) * count // PARTS
        record["megabytes"].append(resident_megabytes())
        record["seconds"] = round(time.monotonic() - begin, 1)
        note(record)
    return record


def run(out: Path, trainings: int, predictions: int) -> None:
    """Measure the current backend, and write what is found after each part.

    Args:
        out: the folder of the record.
        trainings: how many trainings.
        predictions: how many predictions.
    """
    out.mkdir(parents=True, exist_ok=True)
    backend = backend_name()
    target = out / f"load-{backend}.json"
    versions = {"python": platform.python_version(), "keras": version("keras"), backend: load_backend().version()}
    record: dict[str, Any] = {"backend": backend, "device": load_backend().device(), "versions": versions}
    corpus = few_reviews()

    def write(name: str, value: object) -> None:
        record[name] = value
        target.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {value}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model"
        classifier = train(corpus, saved, RECIPE, progress=False).classifier
        different = different_answers(saved, corpus, ROUNDS)
        write("threads", {"threads": THREADS, "rounds": ROUNDS, "different": different})

        def predict(number: int) -> object:
            return classifier.predict_reviews([f"{TEXTS[number % 2]} {number} {review}" for review in range(REVIEWS)])

        def train_again(number: int) -> object:
            return train(corpus, Path(folder) / str(number), RECIPE, progress=False).history

        def write_predictions(part: dict[str, Any]) -> None:
            write("predictions", part | {"count": part["count"] * REVIEWS})

        memory_over(predictions // REVIEWS, predict, write_predictions)
        memory_over(trainings, train_again, lambda part: write("trainings", part))
