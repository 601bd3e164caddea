"""The trainers that use Keras: as in the tutorial, with the best stock settings, and with this library."""

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import groupby
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from backends_test.data import training_batches
from benchmarks.trainer import BATCH_SIZE, Trainer
from imdb_rnn import paths
from imdb_rnn.backends import keras_session, load_backend, load_training_backend
from imdb_rnn.inference.classifier import FEW_REVIEWS
from imdb_rnn.model.architecture import LOSS, OPTIMIZER, build_model, compile_model
from imdb_rnn.model.numpy_forward import logits_of, sigmoid
from imdb_rnn.text.batches import Arrays, blocks_of_epoch, steps_per_epoch
from imdb_rnn.threads import one_blas_thread
from imdb_rnn.training.loop import STEPS_PER_EXECUTION

REVIEWS_PER_CALL = 4_096  # reviews that are predicted at once


class Keras(Trainer):
    """Keras alone: its layers, its `fit`, batches from a generator.

    Args:
        weights: see `benchmarks.trainer.Trainer`; their shapes give the number of units.
        length: ids per review.
    """

    unroll = False

    def __init__(self, weights: Sequence[npt.NDArray[np.float32]], length: int = 100) -> None:
        config = build_model(max_len=length).get_config()
        (layer,) = (layer for layer in config["layers"] if layer["class_name"] == "SimpleRNN")
        layer["config"] |= {"units": len(weights[3]), "unroll": self.unroll}
        for layer in config["layers"]:
            layer.pop("build_config", None)  # holds shapes for 8 units
        self.model = keras.Sequential.from_config(config)
        self.model.set_weights(weights)
        self.compile()

    def compile(self) -> None:
        """Compile with optimizer, loss and metric."""
        self.model.compile(optimizer=OPTIMIZER, loss=LOSS, metrics=["accuracy"])
        load_backend().prepare_optimizer(self.model.optimizer)

    def train(self, batches: Sequence[Arrays]) -> None:
        """See `benchmarks.trainer.Trainer.train`."""
        # Plain tuples, as in an epoch: for named tuples Keras on JAX would compile a second time.
        self.model.fit((tuple(batch) for batch in batches), steps_per_epoch=len(batches), shuffle=False, verbose=0)

    def train_epoch(self, reviews: Arrays, seed: int, epoch: int = 0) -> None:
        """See `benchmarks.trainer.Trainer.train_epoch`."""
        batches = training_batches(reviews, BATCH_SIZE, seed, epoch)
        steps = steps_per_epoch(len(reviews.x), BATCH_SIZE)
        self.model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)

    def weights(self) -> list[npt.NDArray[np.float32]]:
        """See `benchmarks.trainer.Trainer.weights`."""
        return [np.asarray(array) for array in self.model.get_weights()]

    def predict(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """See `benchmarks.trainer.Trainer.predict`."""
        scores: npt.NDArray[np.float32] = self.model.predict(ids, batch_size=REVIEWS_PER_CALL, verbose=0)[:, 0]
        return scores

    def path(self) -> dict[str, str]:
        """See `benchmarks.trainer.Trainer.path`."""
        (recurrence,) = paths(self.model).values()
        return {
            "device": load_backend().device(),
            "recurrence": recurrence.path,
            "jit_compile": str(self.model.jit_compile),
            "steps_per_execution": str(self.model.steps_per_execution),
            "optimizer": f"{type(self.model.optimizer).__module__}.{type(self.model.optimizer).__name__}",
        }


class Tutorial(Keras):
    """Keras as in the tutorial: `compile` and `fit` on arrays. On TensorFlow its Adam computes another formula."""

    def compile(self) -> None:
        """Compile with optimizer, loss and metric."""
        self.model.compile(optimizer=OPTIMIZER, loss=LOSS, metrics=["accuracy"])

    def train(self, batches: Sequence[Arrays]) -> None:
        """See `benchmarks.trainer.Trainer.train`; only the last batch may be smaller."""
        x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        # Not shuffled, so that all trainers see the same batches.
        self.model.fit(x, y, batch_size=len(batches[0].x), shuffle=False, verbose=0)

    def train_epoch(self, reviews: Arrays, seed: int, epoch: int = 0) -> None:
        """See `benchmarks.trainer.Trainer.train_epoch`; Keras shuffles."""
        self.model.fit(*reviews, batch_size=BATCH_SIZE, verbose=0)


class Unrolled(Keras):
    """Stock Keras with the loop over time unrolled: the fastest stock setting on PyTorch."""

    unroll = True


class Compiled(Keras):
    """Stock Keras with XLA and 32 steps per call: the fastest stock settings on TensorFlow."""

    def compile(self) -> None:
        """Compile with optimizer, loss and metric."""
        settings: dict[str, Any] = {"jit_compile": True, "steps_per_execution": 32}
        self.model.compile(optimizer=OPTIMIZER, loss=LOSS, metrics=["accuracy"], **settings)
        load_backend().prepare_optimizer(self.model.optimizer)


class Library(Keras):
    """Keras with this library: its recurrence in Keras's layer, and its training steps."""

    def compile(self) -> None:
        """Compile with optimizer, loss and metric."""
        compile_model(self.model)
        self.steps = load_training_backend().compile_steps(self.model)

    def train(self, batches: Sequence[Arrays]) -> None:
        """See `benchmarks.trainer.Trainer.train`."""
        for _, alike in groupby(batches, lambda batch: batch.x.shape):
            x, y = zip(*alike, strict=True)
            with keras_session():  # as in `imdb_rnn.training.fit.fit`
                self.steps(np.stack(x), np.stack(y))

    def train_epoch(self, reviews: Arrays, seed: int, epoch: int = 0) -> None:
        """See `benchmarks.trainer.Trainer.train_epoch`."""
        with keras_session():
            for x, y in blocks_of_epoch(reviews, BATCH_SIZE, seed, epoch, STEPS_PER_EXECUTION):
                self.steps(x, y)

    def predict(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """See `benchmarks.trainer.Trainer.predict`."""
        with one_blas_thread() if len(ids) > FEW_REVIEWS else nullcontext():
            return sigmoid(logits_of(self.weights(), ids))

    def path(self) -> dict[str, str]:
        """See `benchmarks.trainer.Trainer.path`."""
        return super().path() | {"steps": self.steps.way}
