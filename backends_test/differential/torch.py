"""The consumers of a model on PyTorch."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch

from backends_test.differential.consumers import Consumer, loss_of
from backends_test.differential.models import layers_of


def tensors(model: keras.Model, x: np.ndarray) -> tuple[Any, list[Any]]:
    inputs = torch.from_numpy(x).requires_grad_()
    return inputs, [variable.value for variable in model.trainable_variables]


def gradient(model: keras.Model, x: np.ndarray) -> Any:
    inputs, weights = tensors(model, x)
    return torch.autograd.grad(loss_of(model, inputs), [inputs, *weights], allow_unused=True)


def penalty(model: keras.Model, x: np.ndarray) -> Any:
    inputs, weights = tensors(model, x)
    (first,) = torch.autograd.grad(loss_of(model, inputs), inputs, create_graph=True)
    return torch.autograd.grad((first**2).sum(), [inputs, *weights], allow_unused=True)


def third(model: keras.Model, x: np.ndarray) -> Any:
    inputs, weights = tensors(model, x)
    (first,) = torch.autograd.grad(loss_of(model, inputs), inputs, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), inputs, create_graph=True)
    return torch.autograd.grad((second**2).sum(), [inputs, *weights], allow_unused=True)


def of_function(transform: Callable[..., Any]) -> Consumer:
    return lambda model, x: transform(lambda inputs: loss_of(model, inputs))(torch.from_numpy(x))


def jvp(model: keras.Model, x: np.ndarray) -> Any:
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(torch.from_numpy(x), torch.ones(x.shape))
        return torch.autograd.forward_ad.unpack_dual(loss_of(model, dual)).tangent


def batched(model: keras.Model, x: np.ndarray) -> Any:
    inputs, weights = tensors(model, x)
    out = keras.tree.flatten(model(inputs))[0]
    seeds = torch.eye(out.numel()).reshape(-1, *out.shape)
    return torch.autograd.grad(out, [inputs, *weights], seeds, is_grads_batched=True, allow_unused=True)


def in_place(model: keras.Model, x: np.ndarray) -> Any:
    inputs, weights = tensors(model, x)
    out = keras.tree.flatten(model(inputs))[0]
    out += 1
    out.view(-1)
    return [out, *torch.autograd.grad((out**2).sum(), [inputs, *weights], allow_unused=True)]


def state_and_output(model: keras.Model, x: np.ndarray) -> Any:
    layer = layers_of(model)[0]
    layer.return_state = True
    with torch.no_grad():
        out, *states = layer(np.resize(x, (*x.shape[:2], layer.cell.kernel.shape[0])))
        before = [state.clone() for state in states]
        out.zero_()
    # Keras's own LSTM and GRU return the same tensor as output and as state.
    return states if type(layer.cell) is keras.layers.SimpleRNNCell else before


def twice(model: keras.Model, x: np.ndarray) -> Any:
    inputs, weights = tensors(model, x)
    loss = loss_of(model, inputs)
    first = torch.autograd.grad(loss, [inputs, *weights], retain_graph=True, allow_unused=True)
    return [*first, *torch.autograd.grad(loss, [inputs, *weights], allow_unused=True)]


def within(context: Callable[[], Any]) -> Consumer:
    def consumer(model: keras.Model, x: np.ndarray) -> Any:
        with context():
            return gradient(model, x) if torch.is_grad_enabled() else model(x)

    return consumer


def checkpoint(model: keras.Model, x: np.ndarray) -> Any:
    inputs, weights = tensors(model, x)
    loss = torch.utils.checkpoint.checkpoint(lambda given: loss_of(model, given), inputs, use_reentrant=False)
    return torch.autograd.grad(loss, [inputs, *weights], allow_unused=True)


def traced(model: keras.Model, x: np.ndarray) -> Any:
    return torch.jit.trace(model, torch.from_numpy(x), check_trace=False)(torch.from_numpy(2 * x))


def exported(model: keras.Model, x: np.ndarray) -> Any:
    program = torch.export.export(model, (torch.from_numpy(x),), strict=False)
    return program.module()(torch.from_numpy(2 * x))


def compiled(model: keras.Model, x: np.ndarray) -> Any:
    inputs, weights = tensors(model, x)
    loss = torch.compile(lambda given: loss_of(model, given), backend="aot_eager")(inputs)
    return torch.autograd.grad(loss, [inputs, *weights], allow_unused=True)


def symbolic(model: keras.Model, x: np.ndarray) -> Any:
    from torch.fx.experimental.proxy_tensor import make_fx

    return make_fx(lambda inputs: model(inputs))(torch.from_numpy(x))(torch.from_numpy(2 * x))


def halved(model: keras.Model, x: np.ndarray) -> Any:
    return model.half()(x.astype(np.float16))


def norms_of_states(model: keras.Model, x: np.ndarray) -> Any:
    """Differentiate the norms of the last states, of which one is zero and has no gradient."""
    layer = layers_of(model)[0]
    layer.return_state = True
    sequences = np.resize(x, (*x.shape[:2], layer.cell.kernel.shape[0]))
    mask = torch.ones(x.shape[:2], dtype=torch.bool)
    mask[0] = False
    _, *states = layer(torch.from_numpy(sequences), mask=mask)
    loss = sum((state**2).sum(1).sqrt().sum() for state in states)
    return torch.autograd.grad(loss, [variable.value for variable in layer.trainable_variables], allow_unused=True)


def vmap_of_a_head(model: keras.Model, x: np.ndarray) -> Any:
    inputs = torch.from_numpy(x)
    return torch.func.vmap(lambda factor: keras.tree.flatten(model(inputs))[0] * factor)(torch.arange(3.0))


class WithoutGradient(torch.autograd.Function):  # type: ignore[misc]  # untyped where it is checked
    """The identity, whose gradient is not defined."""

    @staticmethod
    def forward(context: Any, given: torch.Tensor) -> torch.Tensor:
        return given.clone()

    @staticmethod
    def backward(context: Any, d_result: torch.Tensor) -> None:
        return None


def without_gradient(model: keras.Model, x: np.ndarray) -> Any:
    inputs, weights = tensors(model, x)
    out = WithoutGradient.apply(keras.tree.flatten(model(inputs))[0])
    loss = out.sum() + sum((weight**2).sum() for weight in weights)
    return torch.autograd.grad(loss, weights)


class Doubling(torch.utils._python_dispatch.TorchDispatchMode):  # type: ignore[misc]  # untyped where it is checked
    """Doubles the results of tanh."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        return out * 2 if function is torch.ops.aten.tanh.default else out


def hook_on_weights(model: keras.Model, x: np.ndarray) -> Any:
    _, weights = tensors(model, x)
    for weight in weights:
        weight.register_hook(lambda given: given * 2)
    return gradient(model, x)


CONSUMERS: dict[str, Consumer] = {
    "gradient": gradient,
    "gradient penalty": penalty,
    "third derivative": third,
    "torch.func.grad": of_function(torch.func.grad),
    "torch.func.jacrev": of_function(torch.func.jacrev),
    "torch.func.jacfwd": of_function(torch.func.jacfwd),
    "torch.func.hessian": of_function(torch.func.hessian),
    "torch.func.vmap": lambda model, x: torch.func.vmap(lambda row: model(row[None])[0])(torch.from_numpy(x)),
    "forward-mode derivative": jvp,
    "batched gradients": batched,
    "written into the output": in_place,
    "output set to zero": state_and_output,
    "backward twice": twice,
    "no_grad": within(torch.no_grad),
    "inference_mode": within(torch.inference_mode),
    "autocast": within(lambda: torch.autocast("cpu", torch.bfloat16)),
    "a dispatch mode": within(Doubling),
    "tensors saved elsewhere": within(torch.autograd.graph.save_on_cpu),
    "a default device": within(lambda: torch.device("cpu")),
    "checkpoint": checkpoint,
    "torch.jit.trace": traced,
    "torch.export": exported,
    "torch.compile": compiled,
    "make_fx": symbolic,
    "half": halved,
    "norms of states": norms_of_states,
    "vmap of a head": vmap_of_a_head,
    "no gradient": without_gradient,
    "hooks on weights": hook_on_weights,
}
