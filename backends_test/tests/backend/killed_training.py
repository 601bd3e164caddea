"""A training of synthetic reviews that kills itself at a given moment, so that a test can resume it.

    python -m backends_test.tests.backend.killed_training FOLDER RECIPE MOMENT

Moments are counted: each epoch and block of steps that begins or ends, and each file before and after it gets its name.
With moment 0 the training runs to its end, from where an earlier one was killed, and the number of moments is printed.
"""

import os
import signal
import sys
from pathlib import Path

from imdb_rnn import Corpus, Recipe, train
from imdb_rnn.corpora.corpus import encode_texts
from imdb_rnn.corpora.synthetic import make_texts

EPOCHS = 5
REVIEWS = 300


def corpus() -> Corpus:
    """Reviews that are trained on in a second."""
    return encode_texts("synthetic", "few", *make_texts(REVIEWS, 100), None)


def recipe(name: str) -> Recipe:
    """A recipe that stops early, or averages its last epochs."""
    return Recipe.named(name, epochs=EPOCHS, patience=2)  # type: ignore[arg-type]  # a name from the command line


class Moments:
    """Counts moments, and kills the process at one of them.

    Args:
        last: the moment; 0 for none.
    """

    def __init__(self, last: int) -> None:
        self.count, self._last = 0, last

    def next(self) -> None:
        """Count a moment."""
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the training."""
    folder, name, last = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    moments = Moments(last)
    replace = Path.replace

    def replace_at_a_moment(self: Path, target: Path) -> Path:
        moments.next()
        found = replace(self, target)
        moments.next()
        return found

    Path.replace = replace_at_a_moment  # type: ignore[assignment, method-assign]

    import keras

    callback = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: moments.next(),
        on_epoch_end=lambda epoch, logs: moments.next(),
        on_train_batch_begin=lambda batch, logs: moments.next(),
        on_train_batch_end=lambda batch, logs: moments.next(),
    )
    train(corpus(), folder, recipe(name), resume=True, callbacks=[callback], progress=False)
    print(moments.count)


if __name__ == "__main__":
    main()
