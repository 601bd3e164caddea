"""Recipes: the settings of a training, and the two named sets of settings, "robust" and "tutorial"."""

from dataclasses import dataclass
from typing import Any, Self

from imdb_rnn.errors import RecipeError
from imdb_rnn.model.architecture import ENCODERS, RECURRENT_INITIALIZERS, Encoder, RecurrentInitializer
from imdb_rnn.text.preprocessing import Preprocessing, make_preprocessing
from imdb_rnn.validation import MAX_MAX_LEN, MAX_NUM_WORDS, check_choice, share, true_or_false, whole_number

TUTORIAL: dict[str, Any] = {
    "windows": False,
    "teacher_share": 0.0,
    "recurrent_initializer": "orthogonal",
    "averaged_epochs": 1,
    "epochs": 100,
    "patience": 3,
}
NAMES = ("robust", "tutorial")


@dataclass(frozen=True)
class Recipe:
    """The settings of a training. Defaults are the `robust` recipe.

    Numbers can be Python or NumPy numbers; they are converted to Python numbers.

    Attributes:
        num_words: ids are below this number; rarer words become unknown.
        max_len: ids per row of the model's input.
        encoder: "embedding" or "one_hot"; see `build_model`.
        windows: whether to train on random windows of the reviews, drawn again for each epoch, and to predict from the
            whole review. Otherwise only the last `max_len` ids of a review are used.
        short_windows: the share of training windows that are shorter than `max_len`, 0 to 1.
        end_windows: the share of short windows that are the end of their review, 0 to 1.
        teacher_share: the weight of the teacher's soft label in the target of a window, 0 to 1; the rest is the label
            of the review. There is no teacher with 0 or without windows. See `imdb_rnn.training.teacher`.
        teacher_reviews: the maximum number of reviews that the teacher is fitted to.
        recurrent_initializer: "orthogonal" or "identity"; see `initial_weights`.
        averaged_epochs: the number of last epochs whose weights are averaged.
        epochs: the maximum number of epochs.
        batch_size: reviews per step.
        patience: the number of epochs without a lower validation loss after which training stops.
        seed: the seed of the initial weights, the shuffling and the windows.
    """

    num_words: int = 10_000
    max_len: int = 100
    encoder: Encoder = "embedding"
    windows: bool = True
    short_windows: float = 0.8
    end_windows: float = 0.3
    teacher_share: float = 0.7
    teacher_reviews: int = 50_000
    recurrent_initializer: RecurrentInitializer = "identity"
    averaged_epochs: int = 10
    epochs: int = 40
    batch_size: int = 64
    patience: int = 20
    seed: int = 42

    def __post_init__(self) -> None:
        # JSON has no NumPy numbers, and equal recipes must have equal manifests.
        for convert, names in (
            (
                whole_number,
                (
                    "num_words",
                    "max_len",
                    "averaged_epochs",
                    "epochs",
                    "batch_size",
                    "patience",
                    "seed",
                    "teacher_reviews",
                ),
            ),
            (share, ("short_windows", "end_windows", "teacher_share")),
            (true_or_false, ("windows",)),
        ):
            for name in names:
                object.__setattr__(self, name, convert(name, getattr(self, name)))
        for name, most in (("num_words", MAX_NUM_WORDS), ("max_len", MAX_MAX_LEN)):
            if getattr(self, name) > most:
                msg = f"Bad `{name}`. Expected: at most {most:,}. Received: {getattr(self, name):,}."
                raise RecipeError(msg)
        check_choice("encoder", self.encoder, ENCODERS)
        check_choice("recurrent_initializer", self.recurrent_initializer, RECURRENT_INITIALIZERS)

    @property
    def preprocessing(self) -> Preprocessing:
        """The conversion of reviews to the model's input."""
        return make_preprocessing(self.num_words, self.max_len, self.windows)

    @classmethod
    def tutorial(cls, **settings: Any) -> Self:
        """Return the `tutorial` recipe with the given settings changed."""
        return cls(**TUTORIAL | settings)

    @classmethod
    def named(cls, name: str, **settings: Any) -> Self:
        """Return the recipe "robust" or "tutorial" with the given settings changed.

        Raises:
            RecipeError: the name is unknown, or a setting is out of range.
        """
        if name not in NAMES:
            msg = f"Bad recipe. Expected: one of {', '.join(NAMES)}. Received: {name!r}."
            raise RecipeError(msg)
        return cls.tutorial(**settings) if name == "tutorial" else cls(**settings)
