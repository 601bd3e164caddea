"""What the processes of a training do that a launcher has started, except the first: they share its batches."""

from typing import TYPE_CHECKING

from imdb_rnn.backends import workers
from imdb_rnn.model.architecture import build_model, compile_model, soft_label_accuracy
from imdb_rnn.training.recipe import Recipe

if TYPE_CHECKING:
    import keras


def follow(place: workers.Place, recipe: Recipe) -> None:
    """Share the batches of the first process, until its training ends. Nothing is read or written.

    Args:
        place: the place of this process, from `imdb_rnn.backends.workers.launched_place`.
        recipe: the recipe of the first process.

    Raises:
        BackendError: the processes do not find each other, or one of them has ended before the training did.
    """

    def make_model() -> "keras.Model":
        model = build_model(recipe.num_words, recipe.max_len, encoder=recipe.encoder)
        compile_model(model, metrics=[soft_label_accuracy()])
        return model

    workers.follow(place, make_model)
