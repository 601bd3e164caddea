"""The PyTorch backend. `imdb_rnn.backends.TrainingBackend` documents the functions."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import torch
from torch.optim.adam import adam

from imdb_rnn.backends import Steps
from imdb_rnn.backends.eligibility import unsupported_reason
from imdb_rnn.backends.keras_settings import EPSILON
from imdb_rnn.backends.recurrence.torch import one_minus_square, run_simple, run_simple_backward, supports, units_first

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
    logged = {""}

    def steps(x: Any, y: Any) -> None:
        reason = keras_step_reason(model)
        if reason not in logged:
            logged.add(reason)
            _log.info("%s is trained by Keras's own steps: %s", model.name, reason)
        if not reason:
            _run_hand_written_steps(model, x, y)
            return
        # As in `fit`. This also registers variables that a layer has created since it was built.
        model._symbolic_build(data_batch=(x[0], y[0]))
        model.make_train_function()
        model.train()
        for batch in zip(x, y, strict=True):
            model.train_function([batch])

    return Steps(steps, "of Keras" if keras_step_reason(model) else "by hand")


def keras_step_reason(model: Any) -> str:
    """Return why a model needs Keras's own step; "" if the hand-written one computes the same."""
    return unsupported_reason(model) or _hook_or_mode_reason(model)


def _hook_or_mode_reason(model: Any) -> str:
    """Return which hook or mode of PyTorch requires Keras's own step; "" if none does."""
    for part in (model, *model.layers, model.layers[1].cell):
        if reason := hook_of(part):
            return reason
    tensors = [variable.value for variable in model.weights]
    if any(tensor._backward_hooks or tensor._post_accumulate_grad_hooks for tensor in tensors):
        return "hooks are registered on its weights"
    return "" if supports(tensors, True) else "PyTorch does not run its operations eagerly and unchanged"


class Adam(NamedTuple):
    """The state of Adam, and its settings.

    Attributes:
        m: the momentum of each weight.
        v: the velocity of each weight.
        steps: the number of steps made.
        learning_rate: the learning rate.
        beta_1: the decay of m.
        beta_2: the decay of v.
        epsilon: what Keras adds to the root of v, before its bias correction.
    """

    m: list[torch.Tensor]
    v: list[torch.Tensor]
    steps: int
    learning_rate: float
    beta_1: float
    beta_2: float
    epsilon: float

    @classmethod
    def of(cls, optimizer: Any) -> Self:
        """Return the state of Keras's Adam; m and v are its own tensors."""
        iterations, learning_rate, *moments = optimizer.variables
        m, v = ([variable.value for variable in moments[i::2]] for i in range(2))
        numbers = (learning_rate.value, optimizer.beta_1, optimizer.beta_2, optimizer.epsilon)
        return cls(m, v, int(iterations.value), *map(float, numbers))


def _run_hand_written_steps(model: Any, x: Any, y: Any) -> None:
    """Run one step per batch of x, shape (steps, reviews, T), and y, shape (steps, reviews, 1)."""
    weights, state = [variable.value for variable in model.trainable_variables], Adam.of(model.optimizer)
    with torch.no_grad():
        # Not `zeros_like`, which keeps strides.
        gradients = [weight.new_zeros(weight.shape) for weight in weights]
        labels = torch.from_numpy(y).to(weights[0])
        scores = run_steps(weights, state, torch.from_numpy(x), labels, gradients)
    count_steps(model, labels, scores)


def run_steps(
    weights: list[torch.Tensor],
    state: Adam,
    x: torch.Tensor,
    labels: torch.Tensor,
    gradients: list[torch.Tensor],
    *,
    batch_size: int | None = None,
    sum_gradients: Callable[[], None] = lambda: None,
) -> torch.Tensor:
    """Run training steps of Embedding, SimpleRNN and Dense with binary cross-entropy and Adam.

    They compute what `backends_test.oracle` defines.

    Args:
        weights: the six weights of the model, in the order of `backends_test.oracle.Weights`; changed in place.
        state: the state of Adam; its tensors are changed in place.
        x: ids, shape (steps, reviews, T).
        labels: shape (steps, reviews, 1).
        gradients: receive the gradients of each step; contiguous arrays of the shapes of the weights.
        batch_size: the number of reviews in the whole batch, if these are only a share of it.
        sum_gradients: is called in each step, to add to the gradients those of the other shares of the batch.

    Returns:
        The scores of each step, computed before its update, shape (steps, reviews, 1).
    """
    for tensor in (*weights, *state.m, *state.v):
        # The fused Adam kernel ignores strides.
        if not tensor.is_contiguous():
            tensor.data = tensor.contiguous()
    # `index_add_` is several times slower with 32-bit indices.
    ids = x.to(weights[0].device, torch.int64)
    scores = torch.empty_like(labels)
    with torch.no_grad(), denormals_as_zero():
        buffers = Buffers.of(weights[1].new_zeros((x.shape[2] + 1, len(weights[2]), x.shape[1])))
        # `adam` increments them. On a GPU its fused kernel reads them there.
        counts = [weights[0].new_full((), state.steps, dtype=torch.float32) for _ in weights]
        for number in range(len(x)):
            if x.shape[1]:
                differentiate(weights, ids[number], labels[number], gradients, scores[number], buffers, batch_size)
            else:  # a worker's share of a batch that has fewer reviews than there are workers
                torch._foreach_zero_(gradients)
            sum_gradients()
            adam(
                weights,
                gradients,
                state.m,
                state.v,
                [],
                counts,
                fused=True,
                amsgrad=False,
                beta1=state.beta_1,
                beta2=state.beta_2,
                lr=state.learning_rate,
                weight_decay=0.0,
                # PyTorch adds ε after the bias correction of v, Keras before it.
                eps=state.epsilon / math.sqrt(1 - state.beta_2 ** (state.steps + number + 1)),
                maximize=False,
            )
    return scores


def count_steps(model: Any, labels: torch.Tensor, scores: torch.Tensor) -> None:
    """Add steps that were run to the optimizer's count and to Keras's metrics, once, with all their reviews.

    Args:
        model: the model.
        labels: shape (steps, reviews, 1).
        scores: shape (steps, reviews, 1).
    """
    with torch.no_grad():
        model.optimizer.iterations.assign(int(model.optimizer.iterations.value) + len(scores))
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
    batch_size: int | None = None,
) -> None:
    """Compute scores and gradients of a batch into existing arrays, as defined by `backends_test.oracle`.

    Args:
        weights: the six weights of the model, in the order of `backends_test.oracle.Weights`.
        ids: shape (reviews, T).
        labels: shape (reviews, 1).
        gradients: receive the gradients of the mean loss; arrays of the shapes of the weights.
        scores: receives the scores; shape (reviews, 1).
        buffers: receive the states and the gradients of the terms; h_0 is not changed.
        batch_size: the number of reviews that the loss is the mean of, if these are only some of them.
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
    d_logits = torch.where((scores < EPSILON) | (scores > 1 - EPSILON), 0, (scores - labels) / (batch_size or count))
    torch.mm(last, d_logits, out=d_out_kernel)
    torch.sum(d_logits, 0, out=d_out_bias)
    one_minus_square(states[1:], out=d_terms)
    run_simple_backward(step_d_terms, out_kernel @ d_logits.T, recurrent_kernel)
    flat_d_terms = units_first(d_terms)
    torch.mm(units_first(states[:-1]), flat_d_terms.T, out=d_recurrent_kernel)
    # Not embeddedᵀ @ flat_d_termsᵀ, which is equal but takes eight times as long.
    d_kernel.copy_((flat_d_terms @ embedded).T)
    torch.sum(flat_d_terms, 1, out=d_bias)
    d_embeddings.zero_().index_add_(0, ids, flat_d_terms.T @ kernel.T)
