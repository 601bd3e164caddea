"""PyTorch under Keras. See imdb_rnn.backends for what each function promises.

Every operation of PyTorch on a CPU takes a microsecond or two before it computes anything, and a step of this model is
a chain of two hundred times a few. So the loops here hold two operations a time step and no more, write into memory
that is there already, and keep time first, then units, then reviews, which is how the products are quickest.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import torch
from torch.autograd import forward_ad
from torch.optim.adam import adam
from torch.overrides import _get_current_function_mode_stack
from torch.utils._device import DeviceContext

from imdb_rnn.backends import Steps
from imdb_rnn.backends.eligibility import unsupported_reason
from imdb_rnn.backends.keras_settings import EPSILON

jit_compile = "auto"
output_begins_at_zero = True

_log = logging.getLogger(__name__)


def _keys_of_plain_tensors() -> set[int]:
    """The dispatch keys of tensors as PyTorch makes them, with and without autograd, on each device."""
    keys = set()
    for name in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for inference in (False, True):
            with torch.inference_mode(inference):
                keys.add(torch._C._dispatch_keys(torch.empty(0, device=name)).raw_repr())
    return keys


_plain_keys = _keys_of_plain_tensors()


def version() -> str:
    """The version of PyTorch."""
    return str(torch.__version__)


def device() -> str:
    """The kind of the device that Keras chooses, "cpu" or "cuda"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def one_thread() -> Iterator[None]:
    """Set the number of threads of operations to one, and back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def prepare_model(model: Any) -> None:
    """Nothing to do: Keras's own functions are fast."""


def prepare_optimizer(optimizer: Any) -> None:
    """Nothing to do: gradients of an embedding are dense in Keras on PyTorch."""


def supports_recurrence(tensors: Sequence[Any]) -> bool:
    """Whether PyTorch runs operations on these tensors eagerly and unchanged.

    The recurrence writes in place and has its own backward pass. Tracing, exporting, batching, rewriting and other ways
    of differentiating need Keras's operations.
    """
    return (
        all(
            type(tensor) in (torch.Tensor, torch.nn.Parameter)
            and tensor.device == tensors[0].device
            and tensor.dtype in (torch.float32, torch.float64, torch.bool)
            # Traced, batched, sparse, quantized and wrapped tensors have other dispatch keys.
            and torch._C._dispatch_keys(tensor).raw_repr() in _plain_keys
            and not torch.is_autocast_enabled(tensor.device.type)
            for tensor in tensors
        )
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and forward_ad._current_level < 0
        and not torch._C._len_torch_dispatch_stack()
        # A default device is a mode, too, but it does not change operations on existing tensors.
        and all(isinstance(mode, DeviceContext) for mode in _get_current_function_mode_stack())
    )


def hook_of(layer: Any) -> str:
    """Tell of hooks that run only if Keras calls the layer; "" if there are none."""
    hooks = (layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    if any(hooks) or torch.nn.modules.module._has_any_global_hook():
        return f"hooks are registered on its {type(layer).__name__}"
    return ""


def recurrence(
    inputs: torch.Tensor,
    initial: torch.Tensor,
    recurrent_kernel: torch.Tensor,
    mask: torch.Tensor | None,
    return_sequences: bool,
) -> torch.Tensor:
    """One loop forward; the backward pass is one loop and one product for the recurrent kernel."""
    states = _Recurrence.apply(
        inputs.transpose(1, 2), initial.T, recurrent_kernel, None if mask is None else mask.transpose(1, 2)
    )
    # A copy, because users may write into an output, and the states are saved for the backward pass.
    if return_sequences:
        return states[1:].transpose(1, 2).clone(memory_format=torch.contiguous_format)
    return states[-1].T.clone(memory_format=torch.contiguous_format)


class _Recurrence(torch.autograd.Function):  # type: ignore[misc]
    """Terms of shape (T, units, reviews) -> states h_0 … h_T of shape (T + 1, units, reviews)."""

    @staticmethod
    def forward(
        context: Any,
        terms: torch.Tensor,
        initial: torch.Tensor,
        recurrent_kernel: torch.Tensor,
        mask: torch.Tensor | None,
    ) -> torch.Tensor:
        states = terms.new_empty((len(terms) + 1, *terms.shape[1:]))
        states[0] = initial
        states[1:] = terms
        if mask is None:
            run(states.unbind(0), recurrent_kernel.T.contiguous())
        else:
            run_masked(states, recurrent_kernel.T.contiguous(), mask)
        context.save_for_backward(states, recurrent_kernel, *([] if mask is None else [mask]))
        return states

    @staticmethod
    def backward(context: Any, grad_output: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        states, recurrent_kernel, *masks = context.saved_tensors
        # With create_graph=True the backward pass is differentiated as well, and gradients can be batched.
        if torch.is_grad_enabled() or not supports_recurrence([grad_output, states]):
            return _differentiable_backward(states, recurrent_kernel, masks[0] if masks else None, grad_output)
        recurrent_kernel = recurrent_kernel.contiguous()
        slopes = one_minus_square(states[1:])
        d_state = grad_output[-1].clone(memory_format=torch.contiguous_format)
        if masks:
            run_back_masked(slopes, d_state, recurrent_kernel, grad_output, masks[0])
        else:
            run_back(slopes.unbind(0), d_state, recurrent_kernel, grad_output)
        return slopes, d_state, _product_over_time(states[:-1], slopes), None


def _differentiable_backward(
    states: torch.Tensor, recurrent_kernel: torch.Tensor, mask: torch.Tensor | None, grad_output: torch.Tensor
) -> tuple[torch.Tensor | None, ...]:
    """The backward pass in operations that autograd can differentiate.

    `states` is the output of the function, so autograd knows how it depends on the inputs.
    """
    d_state, d_terms = grad_output[-1], []
    for position in range(len(states) - 1, 0, -1):
        d_term = d_state * (1 - states[position] ** 2)
        passed = grad_output[position - 1]
        if mask is not None:
            d_term = d_term * mask[position - 1]
            passed = passed + d_state * ~mask[position - 1]
        d_terms.append(d_term)
        d_state = passed + recurrent_kernel @ d_term
    stacked = torch.stack(d_terms[::-1])
    return stacked, d_state, (states[:-1] @ stacked.transpose(1, 2)).sum(0), None


def run(states: Sequence[torch.Tensor], transposed: torch.Tensor) -> None:
    """h_t ← tanh(a_t + Uᵀ h_{t-1}), in place.

    Args:
        states: h_0 and the terms a_1 … a_T, each of shape (units, reviews); become h_0 … h_T.
        transposed: Uᵀ, shape (units, units).
    """
    state, *terms = states
    for term in terms:
        term.addmm_(transposed, state).tanh_()
        state = term


def run_masked(states: torch.Tensor, transposed: torch.Tensor, mask: torch.Tensor) -> None:
    """As `run`, but the state stays as it is where the mask, shape (T, 1, reviews), is false."""
    state, *terms = states.unbind(0)
    for term, known in zip(terms, mask, strict=True):
        term.addmm_(transposed, state).tanh_()
        torch.where(known, term, state, out=term)
        state = term


def run_back(
    slopes: Sequence[torch.Tensor],
    d_state: torch.Tensor,
    recurrent_kernel: torch.Tensor,
    d_states: torch.Tensor | None = None,
) -> None:
    """da_t ← dh_t (1 - h_t²) and dh_{t-1} ← U da_t, in place.

    Args:
        slopes: 1 - h_t² for t = 1 … T, each of shape (units, reviews); become da_1 … da_T.
        d_state: dh_T, shape (units, reviews); becomes dh_0.
        recurrent_kernel: U, shape (units, units).
        d_states: what else the loss depends on: its derivatives by h_0 … h_T, shape (T + 1, units, reviews).
    """
    # Where the loss depends on the last state alone, autograd gives zeros for all others, and adding them takes time.
    if d_states is None or not d_states[:-1].any():
        for slope in reversed(slopes):
            torch.mm(recurrent_kernel, slope.mul_(d_state), out=d_state)
        return
    for slope, more in zip(reversed(slopes), reversed(d_states[:-1].unbind(0)), strict=True):
        torch.addmm(more, recurrent_kernel, slope.mul_(d_state), out=d_state)


def run_back_masked(
    slopes: torch.Tensor,
    d_state: torch.Tensor,
    recurrent_kernel: torch.Tensor,
    d_states: torch.Tensor,
    mask: torch.Tensor,
) -> None:
    """As `run_back`; where the mask is false, the term has no part in the state, and the state goes on as it is."""
    steps = zip(reversed(slopes.unbind(0)), reversed(mask.unbind(0)), reversed(d_states[:-1].unbind(0)), strict=True)
    for slope, known, more in steps:
        slope.mul_(d_state).mul_(known)
        torch.addmm(more + d_state * ~known, recurrent_kernel, slope, out=d_state)


def one_minus_square(states: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """The derivative of tanh by its argument, from its value."""
    return torch.addcmul(states.new_ones(()), states, states, value=-1, out=out)


def _product_over_time(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Σ_t one_t other_tᵀ, of shapes (T, units, reviews)."""
    return _side_by_side(one) @ _side_by_side(other).T


def _side_by_side(steps: torch.Tensor) -> torch.Tensor:
    """(T, units, reviews) -> (units, T reviews)."""
    return steps.transpose(0, 1).reshape(steps.shape[1], -1)


def compile_steps(model: Any) -> Steps:
    """Steps by hand for the review classifier with Adam, Keras's own for anything else.

    Each call decides which of them to use, because a callback may have changed the model.
    """
    by_hand, told = _StepsByHand(model), {""}

    def steps(x: Any, y: Any) -> None:
        reason = unsupported_reason(model) or _observer(model)
        if reason not in told:
            told.add(reason)
            _log.info("%s trains by Keras's own steps: %s", model.name, reason)
        if not reason:
            by_hand(x, y)
            return
        # As in `fit`. It also registers variables that a layer has created since it was built.
        model._symbolic_build(data_batch=(x[0], y[0]))
        model.make_train_function()
        model.train()
        for batch in zip(x, y, strict=True):
            model.train_function([batch])

    return Steps(steps, "of Keras" if unsupported_reason(model) or _observer(model) else "by hand")


def _observer(model: Any) -> str:
    """Find a reason why PyTorch needs to see Keras's own step; "" if there is none."""
    for part in (model, *model.layers, model.layers[1].cell):
        if reason := hook_of(part):
            return reason
    tensors = [variable.value for variable in model.weights]
    if any(tensor._backward_hooks or tensor._post_accumulate_grad_hooks for tensor in tensors):
        return "hooks are registered on its weights"
    return "" if supports_recurrence(tensors) else "PyTorch does not run its operations eagerly and as they are"


class _StepsByHand:
    """The steps of Embedding, SimpleRNN and Dense with binary cross-entropy and Adam: backends_test.oracle in PyTorch.

    Keras's metrics see all reviews of a call at once.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(self, x: Any, y: Any) -> None:
        """Make a step for each of the batches x, shape (steps, reviews, T), and y, shape (steps, reviews, 1)."""
        with torch.no_grad(), denormals_as_zero():
            self._make(x, y)

    def _make(self, x: Any, y: Any) -> None:
        model, optimizer = self.model, self.model.optimizer
        iterations, learning_rate, *moments = optimizer.variables
        weights = [variable.value for variable in model.trainable_variables]
        m, v = ([variable.value for variable in moments[i::2]] for i in range(2))
        for tensor in (*weights, *m, *v):
            # Adam's kernel takes the numbers as they lie.
            if not tensor.is_contiguous():
                tensor.data = tensor.contiguous()
        gradients = [torch.zeros_like(weight) for weight in weights]
        # Sums by index are several times slower with indices of 32 bits.
        ids = torch.from_numpy(x).to(weights[0].device, torch.int64)
        labels = torch.from_numpy(y).to(weights[0])
        scores = torch.empty_like(labels)
        room = Buffers.of(weights[1].new_zeros((x.shape[2] + 1, len(weights[2]), x.shape[1])))
        begun, rate = int(iterations.value), float(learning_rate.value)
        counts = [torch.tensor(float(begun)) for _ in weights]  # which Adam itself moves on
        beta_1, beta_2 = float(optimizer.beta_1), float(optimizer.beta_2)
        for number in range(len(x)):
            differentiate(weights, ids[number], labels[number], gradients, scores[number], room)
            adam(
                weights,
                gradients,
                m,
                v,
                [],
                counts,
                fused=True,
                amsgrad=False,
                beta1=beta_1,
                beta2=beta_2,
                lr=rate,
                weight_decay=0.0,
                # PyTorch adds ε after the bias correction of v, Keras before it.
                eps=optimizer.epsilon / math.sqrt(1 - beta_2 ** (begun + number + 1)),
                maximize=False,
            )
        iterations.assign(begun + len(x))
        scores, labels = scores.reshape(-1, 1), labels.reshape(-1, 1)
        loss = model.compute_loss(y=labels, y_pred=scores)
        model.metrics[0].update_state(loss, sample_weight=len(scores))
        model.compute_metrics(None, labels, scores)


class Buffers(NamedTuple):
    """Memory that every step writes into anew, and its parts, which are not cut again for every step.

    Attributes:
        states: h_0 … h_T, shape (T + 1, units, reviews).
        each_state: the same one by one.
        slopes: shape (T, units, reviews).
        each_slope: the same one by one.
    """

    states: torch.Tensor
    each_state: tuple[torch.Tensor, ...]
    slopes: torch.Tensor
    each_slope: tuple[torch.Tensor, ...]

    @classmethod
    def of(cls, states: torch.Tensor) -> Self:
        """For states that begin with an h_0."""
        slopes = torch.empty_like(states[1:])
        return cls(states, states.unbind(0), slopes, slopes.unbind(0))


@contextmanager
def denormals_as_zero() -> Iterator[None]:
    """Take numbers below 1e-38 for zero, as XLA does.

    The moment of an id that does not return shrinks by a tenth a step, and with such numbers many processors are many
    times slower.
    """
    before = bool(torch.tensor(1e-39) * 1 == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def differentiate(
    weights: list[torch.Tensor],
    ids: torch.Tensor,
    labels: torch.Tensor,
    gradients: list[torch.Tensor],
    scores: torch.Tensor,
    room: Buffers,
) -> None:
    """The oracle's `forward` and `gradients`, written into arrays that are there.

    Args:
        weights: the six of the model, in the order of `backends_test.oracle.Weights`.
        ids: shape (reviews, T).
        labels: shape (reviews, 1).
        gradients: for the derivatives of the mean loss; arrays of the shapes of the weights.
        scores: for the scores; shape (reviews, 1).
        room: for the states, after h_0, and their derivatives.
    """
    embeddings, kernel, recurrent_kernel, bias, out_kernel, out_bias = weights
    d_embeddings, d_kernel, d_recurrent_kernel, d_bias, d_out_kernel, d_out_bias = gradients
    count, length = ids.shape
    ids = ids.T.reshape(-1)
    embedded = embeddings.index_select(0, ids)
    terms = torch.addmm(bias[:, None], kernel.T, embedded.T)
    states, each_state, slopes, each_slope = room
    states[1:] = terms.view(-1, length, count).transpose(0, 1)
    run(each_state, recurrent_kernel.T.contiguous())
    last = states[-1]
    torch.sigmoid(torch.addmm(out_bias, last.T, out_kernel), out=scores)
    # Where Keras clips scores, the loss does not depend on them.
    d_logits = torch.where((scores < EPSILON) | (scores > 1 - EPSILON), 0, (scores - labels) / count)
    torch.mm(last, d_logits, out=d_out_kernel)
    torch.sum(d_logits, 0, out=d_out_bias)
    one_minus_square(states[1:], out=slopes)
    run_back(each_slope, out_kernel @ d_logits.T, recurrent_kernel)
    d_terms = _side_by_side(slopes)
    torch.mm(_side_by_side(states[:-1]), d_terms.T, out=d_recurrent_kernel)
    # Not embeddedᵀ d_termsᵀ, which is the same and takes eight times as long.
    d_kernel.copy_((d_terms @ embedded).T)
    torch.sum(d_terms, 1, out=d_bias)
    d_embeddings.zero_().index_add_(0, ids, d_terms.T @ kernel.T)
