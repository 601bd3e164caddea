"""The ways to train the model with Keras that are timed: the tutorial's, this library's, the best stock settings.

May import: keras, numpy, imdb_rnn.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from imdb_rnn.batches import Arrays
from imdb_rnn.engine import backend_name, load_engine
from imdb_rnn.model import LOSS, OPTIMIZER, build_model, compile_model


class Tutorial:
    """The tutorial's script: `compile` and `fit` on arrays, nothing else. On TensorFlow its Adam is another one."""

    def __init__(self, weights: Sequence[npt.NDArray[np.float32]]) -> None:
        self.model = build_model()
        self.model.set_weights(weights)
        self.model.compile(optimizer=OPTIMIZER, loss=LOSS, metrics=["accuracy"])

    def train(self, batches: Sequence[Arrays]) -> None:
        """See `benchmarks.trainer.Trainer.train`; the last batch may be short, and only the last."""
        x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        # Not shuffled, or it would see other batches than the others do; the shuffle itself costs next to nothing.
        self.model.fit(x, y, batch_size=len(batches[0].x), epochs=1, shuffle=False, verbose=0)

    def weights(self) -> list[npt.NDArray[np.float32]]:
        """See `benchmarks.trainer.Trainer.weights`."""
        return [np.asarray(array) for array in self.model.get_weights()]

    def predict(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """See `benchmarks.trainer.Trainer.predict`."""
        scores: npt.NDArray[np.float32] = self.model.predict(ids, batch_size=1000, verbose=0)[:, 0]
        return scores

    def path(self) -> dict[str, str]:
        """See `benchmarks.trainer.Trainer.path`."""
        return {
            "device": load_engine().device(),
            "jit_compile": str(self.model.jit_compile),
            "optimizer": f"{type(self.model.optimizer).__module__}.{type(self.model.optimizer).__name__}",
        }


class Library(Tutorial):
    """This library's way: Keras's own formulas on every backend, batches from a generator."""

    def __init__(self, weights: Sequence[npt.NDArray[np.float32]]) -> None:
        self.model = build_model()
        self.model.set_weights(weights)
        compile_model(self.model)

    def train(self, batches: Sequence[Arrays]) -> None:
        """See `benchmarks.trainer.Trainer.train`."""
        self.model.fit((batch for batch in batches), steps_per_epoch=len(batches), epochs=1, shuffle=False, verbose=0)


class BestStock(Library):
    """Stock Keras with the settings that were found quickest, where any are quicker than the defaults.

    TensorFlow: XLA, and 32 steps for each call. PyTorch: the time loop unrolled.
    """

    def __init__(self, weights: Sequence[npt.NDArray[np.float32]]) -> None:
        settings: dict[str, Any] = {}
        self.model = build_model()
        if backend_name() == "torch":
            config = self.model.get_config()
            (layer,) = (layer for layer in config["layers"] if layer["class_name"] == "SimpleRNN")
            layer["config"]["unroll"] = True
            self.model = keras.Sequential.from_config(config)
        if backend_name() == "tensorflow":
            settings = {"jit_compile": True, "steps_per_execution": 32}
        self.model.set_weights(weights)
        self.model.compile(optimizer=OPTIMIZER, loss=LOSS, metrics=["accuracy"], **settings)
        load_engine().prepare_optimizer(self.model.optimizer)
