"""The PyTorch backend. `imdb_rnn.backends.TrainingBackend` documents the functions."""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import torch
from torch.optim.adam import adam

from imdb_rnn.backends import Steps
from imdb_rnn.backends.eligibility import unsupported_reason
from imdb_rnn.backends.keras_settings import EPSILON
from imdb_rnn.backends.recurrence.torch import one_minus_square, run_back_simple, run_simple, supports, units_first

jit_compile = "auto"

_log = logging.getLogger(__name__)


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


def hook_of(layer: Any) -> str:
    """Describe the hooks of a layer that run only if Keras calls the layer; "" if it has none."""
    hooks = (layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    if any(hooks) or torch.nn.modules.module._has_any_global_hook():
        return f"hooks are registered on its {type(layer).__name__}"
    return ""


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
    return "" if supports(tensors, True) else "PyTorch does not run its operations eagerly and unchanged"


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
    run_simple(step_states, recurrent_kernel.T.contiguous())
    last = states[-1]
    torch.sigmoid(torch.addmm(out_bias, last.T, out_kernel), out=scores)
    # The gradient is zero where Keras clips the scores.
    d_logits = torch.where((scores < EPSILON) | (scores > 1 - EPSILON), 0, (scores - labels) / count)
    torch.mm(last, d_logits, out=d_out_kernel)
    torch.sum(d_logits, 0, out=d_out_bias)
    one_minus_square(states[1:], out=d_terms)
    run_back_simple(step_d_terms, out_kernel @ d_logits.T, recurrent_kernel)
    flat_d_terms = units_first(d_terms)
    torch.mm(units_first(states[:-1]), flat_d_terms.T, out=d_recurrent_kernel)
    # Not embeddedᵀ @ flat_d_termsᵀ, which is equal but takes eight times as long.
    d_kernel.copy_((flat_d_terms @ embedded).T)
    torch.sum(flat_d_terms, 1, out=d_bias)
    d_embeddings.zero_().index_add_(0, ids, flat_d_terms.T @ kernel.T)
