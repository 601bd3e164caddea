"""The PyTorch backend. `imdb_rnn.backends.TrainingBackend` documents the functions.

On a CPU, every PyTorch operation has an overhead of one or two microseconds, and a training step of this model runs
several operations for each of 200 time steps (100 forward, 100 backward). Therefore the loops here run only two
operations per time step and write into preallocated memory. Arrays have the axes (time, units, reviews), which is the
fastest layout for the matrix products.
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
    """Return the dispatch keys of ordinary tensors on each device, with and without inference mode."""
    keys = set()
    for name in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for inference in (False, True):
            with torch.inference_mode(inference):
                keys.add(torch._C._dispatch_keys(torch.empty(0, device=name)).raw_repr())
    return keys


_plain_keys = _keys_of_plain_tensors()


def version() -> str:
    """Return the version of PyTorch."""
    return str(torch.__version__)


def device() -> str:
    """Return the kind of the device that Keras uses, "cpu" or "cuda"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit operations to one thread within a block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def prepare_model(model: Any) -> None:
    """Do nothing: Keras's own functions are fast."""


def prepare_optimizer(optimizer: Any) -> None:
    """Do nothing: the gradient of an embedding is dense in Keras on PyTorch."""


def supports_recurrence(tensors: Sequence[Any]) -> bool:
    """Return whether PyTorch runs operations on these tensors eagerly and unchanged.

    The recurrence writes in place and has its own backward pass. Tracing, exporting, `vmap`, dispatch modes and
    forward-mode differentiation need Keras's operations.
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
        # A default device is also a mode, but it does not change operations on existing tensors.
        and all(isinstance(mode, DeviceContext) for mode in _get_current_function_mode_stack())
    )


def hook_of(layer: Any) -> str:
    """Describe the hooks of a layer that run only if Keras calls the layer; "" if it has none."""
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
    """Run one loop for the states. The backward pass is one loop and one matrix product for the recurrent kernel."""
    states = _Recurrence.apply(
        inputs.transpose(1, 2), initial.T, recurrent_kernel, None if mask is None else mask.transpose(1, 2)
    )
    # Copied, because a caller may write into the output, and the backward pass needs the states.
    if return_sequences:
        return states[1:].transpose(1, 2).clone(memory_format=torch.contiguous_format)
    return states[-1].T.clone(memory_format=torch.contiguous_format)


class _Recurrence(torch.autograd.Function):  # type: ignore[misc]
    """Maps terms, shape (T, units, reviews), to the states h_0 … h_T, shape (T + 1, units, reviews)."""

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
        # With create_graph=True autograd differentiates this pass; with is_grads_batched=True it batches gradients.
        if torch.is_grad_enabled() or not supports_recurrence([grad_output, states]):
            return _differentiable_backward(states, recurrent_kernel, masks[0] if masks else None, grad_output)
        recurrent_kernel = recurrent_kernel.contiguous()
        d_terms = one_minus_square(states[1:])
        d_state = grad_output[-1].clone(memory_format=torch.contiguous_format)
        if masks:
            run_back_masked(d_terms, d_state, recurrent_kernel, grad_output, masks[0])
        else:
            run_back(d_terms.unbind(0), d_state, recurrent_kernel, grad_output)
        return d_terms, d_state, _product_over_time(states[:-1], d_terms), None


def _differentiable_backward(
    states: torch.Tensor, recurrent_kernel: torch.Tensor, mask: torch.Tensor | None, grad_output: torch.Tensor
) -> tuple[torch.Tensor | None, ...]:
    """Run the backward pass in operations that autograd can differentiate.

    Autograd knows how `states` depends on the inputs, because it is the output of the function.
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
    """Compute h_t = tanh(a_t + Uᵀ h_{t-1}) in place.

    Args:
        states: h_0 and the terms a_1 … a_T, each of shape (units, reviews). They are overwritten with h_0 … h_T.
        transposed: Uᵀ, shape (units, units).
    """
    state, *terms = states
    for term in terms:
        term.addmm_(transposed, state).tanh_()
        state = term


def run_masked(states: torch.Tensor, transposed: torch.Tensor, mask: torch.Tensor) -> None:
    """Compute the states like `run`, but keep the previous state where the mask, shape (T, 1, reviews), is false."""
    state, *terms = states.unbind(0)
    for term, step_mask in zip(terms, mask, strict=True):
        term.addmm_(transposed, state).tanh_()
        torch.where(step_mask, term, state, out=term)
        state = term


def run_back(
    tanh_derivatives: Sequence[torch.Tensor],
    d_state: torch.Tensor,
    recurrent_kernel: torch.Tensor,
    grad_output: torch.Tensor | None = None,
) -> None:
    """Compute da_t = dh_t (1 - h_t²) and dh_{t-1} = U da_t, in place.

    Args:
        tanh_derivatives: 1 - h_t² for t = 1 … T, each of shape (units, reviews). They are overwritten with da_1 … da_T.
        d_state: dh_T, shape (units, reviews). It is overwritten with dh_0.
        recurrent_kernel: U, shape (units, units).
        grad_output: the incoming gradient for h_0 … h_T, shape (T + 1, units, reviews); None if only h_T has one.
    """
    # If the loss depends only on the last state, autograd passes zeros for all others, and adding them takes time.
    if grad_output is None or not grad_output[:-1].any():
        for tanh_derivative in reversed(tanh_derivatives):
            torch.mm(recurrent_kernel, tanh_derivative.mul_(d_state), out=d_state)
        return
    steps = zip(reversed(tanh_derivatives), reversed(grad_output[:-1].unbind(0)), strict=True)
    for tanh_derivative, step_grad in steps:
        torch.addmm(step_grad, recurrent_kernel, tanh_derivative.mul_(d_state), out=d_state)


def run_back_masked(
    tanh_derivatives: torch.Tensor,
    d_state: torch.Tensor,
    recurrent_kernel: torch.Tensor,
    grad_output: torch.Tensor,
    mask: torch.Tensor,
) -> None:
    """Compute the gradients like `run_back`; where the mask is false, pass the state's gradient on unchanged."""
    steps = zip(
        reversed(tanh_derivatives.unbind(0)),
        reversed(mask.unbind(0)),
        reversed(grad_output[:-1].unbind(0)),
        strict=True,
    )
    for tanh_derivative, step_mask, step_grad in steps:
        tanh_derivative.mul_(d_state).mul_(step_mask)
        torch.addmm(step_grad + d_state * ~step_mask, recurrent_kernel, tanh_derivative, out=d_state)


def one_minus_square(states: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Return the derivative of tanh from its value: 1 - h²."""
    return torch.addcmul(states.new_ones(()), states, states, value=-1, out=out)


def _product_over_time(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Compute Σ_t left_t right_tᵀ; both have the shape (T, units, reviews)."""
    return _units_first(left) @ _units_first(right).T


def _units_first(steps: torch.Tensor) -> torch.Tensor:
    """Reshape (T, units, reviews) to (units, T * reviews)."""
    return steps.transpose(0, 1).reshape(steps.shape[1], -1)


def compile_steps(model: Any) -> Steps:
    """Return hand-written steps for the review classifier with Adam, and Keras's own steps for any other model.

    Each call decides which of the two to use, because a callback may have changed the model.
    """
    hand_written_steps, logged = _HandWrittenSteps(model), {""}

    def steps(x: Any, y: Any) -> None:
        reason = unsupported_reason(model) or _hook_or_mode_reason(model)
        if reason not in logged:
            logged.add(reason)
            _log.info("%s is trained by Keras's own steps: %s", model.name, reason)
        if not reason:
            hand_written_steps(x, y)
            return
        # As in `fit`. This also registers variables that a layer has created since it was built.
        model._symbolic_build(data_batch=(x[0], y[0]))
        model.make_train_function()
        model.train()
        for batch in zip(x, y, strict=True):
            model.train_function([batch])

    return Steps(steps, "of Keras" if unsupported_reason(model) or _hook_or_mode_reason(model) else "by hand")


def _hook_or_mode_reason(model: Any) -> str:
    """Return which hook or mode of PyTorch requires Keras's own step; "" if none does."""
    for part in (model, *model.layers, model.layers[1].cell):
        if reason := hook_of(part):
            return reason
    tensors = [variable.value for variable in model.weights]
    if any(tensor._backward_hooks or tensor._post_accumulate_grad_hooks for tensor in tensors):
        return "hooks are registered on its weights"
    return "" if supports_recurrence(tensors) else "PyTorch does not run its operations eagerly and unchanged"


class _HandWrittenSteps:
    """Training steps of Embedding, SimpleRNN and Dense with binary cross-entropy and Adam.

    They compute what `backends_test.oracle` defines. Keras's metrics are updated once per call, with all its reviews.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(self, x: Any, y: Any) -> None:
        """Run one step per batch of x, shape (steps, reviews, T), and y, shape (steps, reviews, 1)."""
        with torch.no_grad(), denormals_as_zero():
            self._make(x, y)

    def _make(self, x: Any, y: Any) -> None:
        model, optimizer = self.model, self.model.optimizer
        iterations, learning_rate, *moments = optimizer.variables
        weights = [variable.value for variable in model.trainable_variables]
        m, v = ([variable.value for variable in moments[i::2]] for i in range(2))
        for tensor in (*weights, *m, *v):
            # The fused Adam kernel ignores strides.
            if not tensor.is_contiguous():
                tensor.data = tensor.contiguous()
        gradients = [torch.zeros_like(weight) for weight in weights]
        # `index_add_` is several times slower with 32-bit indices.
        ids = torch.from_numpy(x).to(weights[0].device, torch.int64)
        labels = torch.from_numpy(y).to(weights[0])
        scores = torch.empty_like(labels)
        buffers = Buffers.of(weights[1].new_zeros((x.shape[2] + 1, len(weights[2]), x.shape[1])))
        steps_before, rate = int(iterations.value), float(learning_rate.value)
        # `adam` increments them. On a GPU its fused kernel reads them there.
        counts = [weights[0].new_full((), steps_before, dtype=torch.float32) for _ in weights]
        beta_1, beta_2 = float(optimizer.beta_1), float(optimizer.beta_2)
        for number in range(len(x)):
            differentiate(weights, ids[number], labels[number], gradients, scores[number], buffers)
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
                eps=optimizer.epsilon / math.sqrt(1 - beta_2 ** (steps_before + number + 1)),
                maximize=False,
            )
        iterations.assign(steps_before + len(x))
        scores, labels = scores.reshape(-1, 1), labels.reshape(-1, 1)
        loss = model.compute_loss(y=labels, y_pred=scores)
        model.metrics[0].update_state(loss, sample_weight=len(scores))
        model.compute_metrics(None, labels, scores)


class Buffers(NamedTuple):
    """Memory that every step reuses, and views of it, which are created only once.

    Attributes:
        states: h_0 … h_T, shape (T + 1, units, reviews).
        step_states: the view of each h_t.
        d_terms: da_1 … da_T, shape (T, units, reviews).
        step_d_terms: the view of each da_t.
    """

    states: torch.Tensor
    step_states: tuple[torch.Tensor, ...]
    d_terms: torch.Tensor
    step_d_terms: tuple[torch.Tensor, ...]

    @classmethod
    def of(cls, states: torch.Tensor) -> Self:
        """Allocate the buffers for states that begin with h_0."""
        d_terms = torch.empty_like(states[1:])
        return cls(states, states.unbind(0), d_terms, d_terms.unbind(0))


@contextmanager
def denormals_as_zero() -> Iterator[None]:
    """Flush denormal numbers (below about 1e-38) to zero within a block, as XLA does.

    Adam's momentum of an id that no longer occurs shrinks by a tenth per step until it is denormal, and many processors
    are many times slower with denormal numbers.
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
    buffers: Buffers,
) -> None:
    """Compute scores and gradients of a batch into existing arrays, as defined by `backends_test.oracle`.

    Args:
        weights: the six weights of the model, in the order of `backends_test.oracle.Weights`.
        ids: shape (reviews, T).
        labels: shape (reviews, 1).
        gradients: receive the gradients of the mean loss; arrays of the shapes of the weights.
        scores: receives the scores; shape (reviews, 1).
        buffers: receive the states and the gradients of the terms; h_0 is not changed.
    """
    embeddings, kernel, recurrent_kernel, bias, out_kernel, out_bias = weights
    d_embeddings, d_kernel, d_recurrent_kernel, d_bias, d_out_kernel, d_out_bias = gradients
    count, length = ids.shape
    ids = ids.T.reshape(-1)
    embedded = embeddings.index_select(0, ids)
    terms = torch.addmm(bias[:, None], kernel.T, embedded.T)
    states, step_states, d_terms, step_d_terms = buffers
    states[1:] = terms.view(-1, length, count).transpose(0, 1)
    run(step_states, recurrent_kernel.T.contiguous())
    last = states[-1]
    torch.sigmoid(torch.addmm(out_bias, last.T, out_kernel), out=scores)
    # The gradient is zero where Keras clips the scores.
    d_logits = torch.where((scores < EPSILON) | (scores > 1 - EPSILON), 0, (scores - labels) / count)
    torch.mm(last, d_logits, out=d_out_kernel)
    torch.sum(d_logits, 0, out=d_out_bias)
    one_minus_square(states[1:], out=d_terms)
    run_back(step_d_terms, out_kernel @ d_logits.T, recurrent_kernel)
    flat_d_terms = _units_first(d_terms)
    torch.mm(_units_first(states[:-1]), flat_d_terms.T, out=d_recurrent_kernel)
    # Not embeddedᵀ @ flat_d_termsᵀ, which is equal but takes eight times as long.
    d_kernel.copy_((flat_d_terms @ embedded).T)
    torch.sum(flat_d_terms, 1, out=d_bias)
    d_embeddings.zero_().index_add_(0, ids, flat_d_terms.T @ kernel.T)
