"""Recurrent layers in PyTorch alone: `torch.nn.RNN`, `LSTM` and `GRU`, with a linear output."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

Floats = npt.NDArray[np.float32]
# Layer -> module, and where each gate of Keras is among PyTorch's. PyTorch has no GRU with reset_after=False.
MODULES: dict[str, tuple[type[nn.RNNBase], tuple[int, ...]]] = {
    "SimpleRNN": (nn.RNN, (0,)),
    "LSTM": (nn.LSTM, (0, 1, 2, 3)),
    "GRU": (nn.GRU, (1, 0, 2)),
    "Bidirectional(LSTM)": (nn.LSTM, (0, 1, 2, 3)),
}
MOMENTUM = 0.1  # Adam's 1 - β₁: after the first step the first moment is this times the gradient


def default_device() -> str:
    """Return the GPU if there is one, as Keras does."""
    return "cuda" if torch.cuda.is_available() else "cpu"


class NativeTorch:
    """A recurrent layer and a linear output, trained as in PyTorch's documentation.

    Args:
        layer: a key of `MODULES`.
        weights: the weights of the Keras model, in its order.
        x: inputs, float32, shape (batch, time, features).
        y: targets, float32, shape (batch, 1).
    """

    def __init__(self, layer: str, weights: Sequence[Floats], x: Floats, y: Floats) -> None:
        module, self.gates = MODULES[layer]
        self.device, self.x, self.y = default_device(), x, y
        torch.backends.cudnn.allow_tf32 = False
        units = weights[1].shape[0]
        both = layer.startswith("Bidirectional")
        self.rnn = module(x.shape[2], units, batch_first=True, bidirectional=both, device=self.device)
        self.dense = nn.Linear(units * (1 + both), 1, device=self.device)
        with torch.no_grad():
            for parameters, part in zip(self._directions(), self._split(weights[:-2]), strict=True):
                for parameter, value in zip(parameters, self._from_keras(*part), strict=True):
                    parameter.copy_(torch.tensor(value))
            self.dense.weight.copy_(torch.tensor(weights[-2].T))
            self.dense.bias.copy_(torch.tensor(weights[-1]))
        self.optimizer = torch.optim.Adam([*self.rnn.parameters(), *self.dense.parameters()])

    def train(self, steps: int) -> None:
        """Make training steps on the batch, and wait for the last."""
        loss = torch.zeros(())
        for _ in range(steps):
            self.optimizer.zero_grad()
            x, y = torch.from_numpy(self.x).to(self.device), torch.from_numpy(self.y).to(self.device)
            loss = functional.mse_loss(self.dense(self.last_output(x)), y)
            loss.backward()
            self.optimizer.step()
        loss.item()

    def last_output(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last output of the layer; that of the backward direction belongs to the first time step."""
        _, last = self.rnn(x)
        hidden = last[0] if isinstance(self.rnn, nn.LSTM) else last
        output: torch.Tensor = torch.cat(tuple(hidden), dim=-1)
        return output

    def parameters(self) -> list[nn.Parameter]:
        """Return the weights of the recurrent layer."""
        return list(self.rnn.parameters())

    def gradients(self) -> list[Floats]:
        """Return the gradients of the first training step, in the order and form of Keras's weights."""

        def gradient(parameter: torch.Tensor) -> Floats:
            moment: Floats = self.optimizer.state[parameter]["exp_avg"].cpu().numpy()
            return moment / np.float32(MOMENTUM)

        found: list[Floats] = []
        for parameters in self._directions():
            kernel, recurrent, bias, recurrent_bias = (self._blocks(gradient(one)) for one in parameters)
            biases = [bias, recurrent_bias] if isinstance(self.rnn, nn.GRU) else bias
            found += [kernel.T, recurrent.T, np.array(biases)]
        return [*found, gradient(self.dense.weight).T, gradient(self.dense.bias)]

    def _directions(self) -> list[list[nn.Parameter]]:
        """The four parameters of each direction."""
        parameters = list(self.rnn.parameters())
        return [parameters[start : start + 4] for start in range(0, len(parameters), 4)]

    def _split(self, weights: Sequence[Floats]) -> list[Sequence[Floats]]:
        return [weights[start : start + 3] for start in range(0, len(weights), 3)]

    def _blocks(self, array: Floats) -> Floats:
        """Bring the blocks of the gates, along the first axis, into the order of the other library."""
        parts = np.split(array, len(self.gates))
        return np.concatenate([parts[gate] for gate in self.gates])

    def _from_keras(self, kernel: Floats, recurrent: Floats, bias: Floats) -> list[Floats]:
        """Return weight_ih, weight_hh, bias_ih, bias_hh; only a GRU of Keras has both biases."""
        biases = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
        return [self._blocks(array) for array in (kernel.T, recurrent.T, *biases)]


def layer_alone(
    apply: Callable[[torch.Tensor], torch.Tensor], parameters: Sequence[torch.Tensor], x: Floats
) -> Callable[[int], None]:
    """Return a function that runs a layer forward and backward a number of times, without loss and optimizer.

    Args:
        apply: computes the last output of the layer.
        parameters: the weights of the layer.
        x: inputs, float32, shape (batch, time, features); their gradient is computed, too.
    """
    inputs = torch.tensor(x, device=default_device(), requires_grad=True)
    ones = torch.ones_like(apply(inputs))

    def run(times: int) -> None:
        for _ in range(times):
            for tensor in (inputs, *parameters):
                tensor.grad = None
            apply(inputs).backward(ones)
        assert inputs.grad is not None  # noqa: S101 (it was just computed)
        inputs.grad[0, 0, 0].item()

    return run
