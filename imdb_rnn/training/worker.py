"""Runs a worker process that a launcher has started: it computes its share of each batch."""

from typing import TYPE_CHECKING

from imdb_rnn.backends import workers
from imdb_rnn.model.architecture import build_model, compile_model, soft_label_accuracy
from imdb_rnn.training.recipe import Recipe

if TYPE_CHECKING:
    import keras


def run_worker(launched: workers.LaunchedProcess, recipe: Recipe) -> None:
    """Compute a share of each batch of the first process, until its training ends. Nothing is read or written.

    Args:
        launched: this process, from `imdb_rnn.backends.workers.launched_process`.
        recipe: the recipe of the first process.

    Raises:
        BackendError: the processes do not find each other, or one of them has ended before the training did.
    """

    def make_model() -> "keras.Model":
        model = build_model(recipe.num_words, recipe.max_len, encoder=recipe.encoder)
        compile_model(model, metrics=[soft_label_accuracy()])
        return model

    workers.run_worker(launched, make_model)
