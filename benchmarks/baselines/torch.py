"""The model in PyTorch alone: the loop of every tutorial, and the fastest one without a compiler.

`torch.nn.RNN` has two biases where the model has one: the second stays zero and is not trained. `torch.optim.Adam`
adds epsilon after the bias correction, Keras before it: at step t, Keras's epsilon is PyTorch's times √(1 - β₂ᵗ).
"""

import math
import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from backends_test.oracle import EPSILON
from benchmarks.trainer import Trainer
from imdb_rnn.text.batches import Arrays

# Reviews that are predicted at once; the embedding of each of their tokens takes memory.
REVIEWS_PER_CALL = 1_000


class IdiomaticTorch(Trainer):
    """Trains with layers, loss and optimizer as in PyTorch's documentation.

    Args:
        weights: see `benchmarks.trainer.Trainer`.
        epsilon: Adam's ε.
        device: "cpu" or "cuda"; None is the GPU if there is one.
    """

    # Changed by the tuned loop. None leaves the choice to PyTorch.
    batch_first = True
    fused: bool | None = None

    def __init__(
        self, weights: Sequence[npt.NDArray[np.float32]], epsilon: float = EPSILON, device: str | None = None
    ) -> None:
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        # PyTorch allows TensorFloat-32 in cuDNN, though not in matrix products.
        torch.backends.cudnn.allow_tf32 = os.environ.get("NVIDIA_TF32_OVERRIDE") != "0"
        (count, width), units = weights[0].shape, len(weights[3])
        self.embedding = nn.Embedding(count, width, device=device)
        self.rnn = nn.RNN(width, units, batch_first=self.batch_first, device=device)
        self.dense = nn.Linear(units, 1, device=device)
        nn.init.zeros_(self.rnn.bias_hh_l0).requires_grad_(False)
        with torch.no_grad():
            for parameter, weight in zip(self._keras_order(), weights, strict=True):
                parameter.copy_(torch.tensor(weight))
        trained = [*self.embedding.parameters(), *self.rnn.parameters(), *self.dense.parameters()]
        self.optimizer = torch.optim.Adam([p for p in trained if p.requires_grad], fused=self.fused)
        self.device, self.epsilon, self.steps = device, epsilon, 0

    def train(self, batches: Sequence[Arrays]) -> None:
        """See `benchmarks.trainer.Trainer.train`."""
        for x, y in batches:
            self._place_epsilon()
            self.optimizer.zero_grad()
            logits = self._logits(torch.from_numpy(x).to(self.device))
            loss = functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(y).to(self.device))
            loss.backward()
            self.optimizer.step()

    def weights(self) -> list[npt.NDArray[np.float32]]:
        """See `benchmarks.trainer.Trainer.weights`."""
        return [weight.detach().cpu().numpy().copy() for weight in self._keras_order()]

    def predict(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """See `benchmarks.trainer.Trainer.predict`."""
        with torch.inference_mode():
            parts = torch.from_numpy(ids).to(self.device).split(REVIEWS_PER_CALL)
            scores = torch.cat([self._logits(part) for part in parts]).sigmoid()
        array: npt.NDArray[np.float32] = scores[:, 0].cpu().numpy()
        return array

    def path(self) -> dict[str, str]:
        """See `benchmarks.trainer.Trainer.path`."""
        return {
            "device": self.embedding.weight.device.type,
            "rnn": "cudnn" if torch.backends.cudnn.is_acceptable(self.embedding.weight) else "aten",
            "optimizer": "fused" if self.fused else "default",
            "threads": str(torch.get_num_threads()),
        }

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits, shape (n, 1), of ids of shape (n, T)."""
        _, last = self.rnn(self._embed(x))
        logits: torch.Tensor = self.dense(last[0])
        return logits

    def _embed(self, x: torch.Tensor) -> torch.Tensor:
        """Return the embedding of each id, with the axes in the order of the recurrence."""
        embedded: torch.Tensor = self.embedding(x)
        return embedded

    def _place_epsilon(self) -> None:
        """Before each step, set PyTorch's epsilon so that it has the effect of Keras's."""
        self.steps += 1
        for group in self.optimizer.param_groups:
            group["eps"] = self.epsilon / math.sqrt(1 - group["betas"][1] ** self.steps)

    def _keras_order(self) -> list[torch.Tensor]:
        """Return views of the weights, in the order and with the shapes of Keras."""
        recurrent = [self.rnn.weight_ih_l0.T, self.rnn.weight_hh_l0.T, self.rnn.bias_ih_l0]
        return [self.embedding.weight, *recurrent, self.dense.weight.T, self.dense.bias]


class TunedTorch(IdiomaticTorch):
    """Trains with time as the first axis, a faster gradient of the embeddings, and fused Adam."""

    batch_first = False
    fused = True

    def _embed(self, x: torch.Tensor) -> torch.Tensor:
        table = self.embedding.weight
        # On a CPU, the gradient of `gather` is summed by sorted ids, that of torch.nn.Embedding token by token.
        rows = x.T.reshape(-1, 1).long().expand(-1, table.shape[1])
        return table.gather(0, rows).view(*x.T.shape, -1)
