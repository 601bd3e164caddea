"""How a model is made: the settings of a training, and the two sets of them that have a name."""

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
    """How a model is made. What is said of no setting is that of the recipe "robust".

    Numbers may be Python's or NumPy's; a recipe keeps Python's.

    Attributes:
        num_words: ids are below this number; rarer words become unknown.
        max_len: ids that the model takes.
        encoder: see `build_model`.
        windows: learn from a random window of each review, another in each epoch, and read reviews whole; else learn
            from the last `max_len` ids of each, and read only those.
        short_windows: of the windows to learn from, the share that is shorter than it could be, 0 to 1.
        end_windows: of the short windows, the share that is the end of its review, 0 to 1.
        teacher_share: of the target of a window, what a teacher makes of its words and pairs of words, 0 to 1; the rest
            is the label of its review. Without windows, and with 0, there is no teacher. See `imdb_rnn.training.teacher`.
        recurrent_initializer: see `initial_weights`.
        averaged_epochs: the model is the mean of the weights after so many epochs, the last ones.
        epochs: the most epochs to train.
        batch_size: reviews a step.
        patience: stop after so many epochs without a lower validation loss.
        seed: of the initial weights, and of the order and the windows of the reviews.
    """

    num_words: int = 10_000
    max_len: int = 100
    encoder: Encoder = "embedding"
    windows: bool = True
    short_windows: float = 0.8
    end_windows: float = 0.3
    teacher_share: float = 0.7
    recurrent_initializer: RecurrentInitializer = "identity"
    averaged_epochs: int = 10
    epochs: int = 40
    batch_size: int = 64
    patience: int = 20
    seed: int = 42

    def __post_init__(self) -> None:
        # JSON knows no numbers of NumPy, and equal recipes must have equal manifests.
        for convert, names in (
            (whole_number, ("num_words", "max_len", "averaged_epochs", "epochs", "batch_size", "patience", "seed")),
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
        """How a model of this recipe reads reviews."""
        return make_preprocessing(self.num_words, self.max_len, self.windows)

    @classmethod
    def tutorial(cls, **settings: Any) -> Self:
        """The tutorial's way, but for the settings given."""
        return cls(**TUTORIAL | settings)

    @classmethod
    def named(cls, name: str, **settings: Any) -> Self:
        """The recipe of that name, but for the settings given.

        Raises:
            RecipeError: there is none, or a setting is out of range.
        """
        if name not in NAMES:
            msg = f"Bad recipe. Expected: one of {', '.join(NAMES)}. Received: {name!r}."
            raise RecipeError(msg)
        return cls.tutorial(**settings) if name == "tutorial" else cls(**settings)
