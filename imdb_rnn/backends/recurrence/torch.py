"""The recurrences in PyTorch. `imdb_rnn.backends.recurrence` documents the functions.

On a CPU, every PyTorch operation has an overhead of one or two microseconds, and autograd adds its own to each. So the
loops here run few operations per time step, write into preallocated memory, and have backward passes of their own: all
that does not depend on the step after it is computed for all steps at once, before the loop. Arrays have the axes
(time, gates * units, batch), which is the fastest layout for the matrix products, and makes each gate contiguous.

An LSTM without a mask is left to oneDNN on a CPU, which is faster still.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.overrides import _get_current_function_mode_stack
from torch.utils._device import DeviceContext

from imdb_rnn.backends.recurrence import Cell, KerasPath, Weights

output_begins_at_zero = True


def _keys_of_plain_tensors() -> set[int]:
    """Return the dispatch keys of ordinary tensors on each device, with and without inference mode."""
    keys = set()
    for name in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for inference in (False, True):
            with torch.inference_mode(inference):
                keys.add(torch._C._dispatch_keys(torch.empty(0, device=name)).raw_repr())
    return keys


_plain_keys = _keys_of_plain_tensors()


def supports(tensors: Sequence[Any], training: bool) -> bool:
    """Return whether PyTorch runs operations on these tensors eagerly and unchanged.

    The recurrences write in place and have their own backward passes. Tracing, exporting, `vmap`, dispatch modes and
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
            # They cannot be saved for a backward pass.
            and not (torch.is_grad_enabled() and tensor.is_inference())
            for tensor in tensors
        )
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and forward_ad._current_level < 0
        # `vmap` and the like refuse these backward passes, also where no tensor depends on what they map.
        and not torch._C._are_functorch_transforms_active()
        and not torch._C._len_torch_dispatch_stack()
        # A default device is also a mode, but it does not change operations on existing tensors.
        and all(isinstance(mode, DeviceContext) for mode in _get_current_function_mode_stack())
    )


def computes_float64() -> bool:
    """Return whether Keras's `matmul` of float64 has that dtype. In Keras 3.15 it has float32."""
    from keras import ops

    one = ops.ones((1, 1), "float64")
    return bool(ops.matmul(one, one).dtype == torch.float64)


def cudnn_reason(cell: Cell, layer: Any, masked: bool) -> str:
    """Return why Keras's own layer uses cuDNN; "" if it does not."""
    from keras.layers import GRU, LSTM

    if not torch.cuda.is_available() or not torch.backends.cudnn.is_available():
        return ""
    if type(layer) not in (LSTM, GRU) or layer.use_cudnn is False or not layer.cell.use_bias or masked:
        return ""
    return "" if cell == "gru reset before" else "Keras calls cuDNN for this layer on a GPU where no step is masked"


def description(cell: Cell, dtype: str, masked: bool) -> str:
    """Describe how `run` works."""
    if _runs_on_onednn(cell, dtype, masked, "cuda" if torch.cuda.is_available() else "cpu"):
        return "oneDNN's LSTM, as in torch.nn.LSTM; where steps are masked, a loop with a backward pass of its own"
    return "one product for the inputs of all steps, then a loop of few operations with a backward pass of its own"


def keras_path(layer: Any, masked: bool, compiled: bool) -> tuple[KerasPath, str]:
    """Return "Python"."""
    return "Python", "on PyTorch Keras's loop runs in Python, an operation at a time"


def run(
    cell: Cell,
    sequences: Tensor,
    initial: tuple[Tensor, ...],
    weights: Weights,
    mask: Tensor | None,
    return_sequences: bool,
) -> tuple[Tensor | None, tuple[Tensor, ...]]:
    """Run one loop for the states, and one loop for the backward pass."""
    dtype = str(sequences.dtype).removeprefix("torch.")
    function = _OneDnnLstm if _runs_on_onednn(cell, dtype, mask is not None, sequences.device.type) else _Loop
    outputs, *last = function.apply(cell, return_sequences, sequences, *weights, mask, *initial)
    return outputs, tuple(last)


def _runs_on_onednn(cell: Cell, dtype: str, masked: bool, device: str) -> bool:
    available = torch.backends.mkldnn.is_available() and bool(torch._C._get_mkldnn_enabled())
    return (cell, dtype, masked, device) == ("lstm", "float32", False, "cpu") and available


class _Loop(torch.autograd.Function):  # type: ignore[misc]
    """Runs a cell by one of the loops below."""

    @staticmethod
    def forward(
        context: Any,
        cell: Cell,
        return_sequences: bool,
        sequences: Tensor,
        kernel: Tensor,
        recurrent_kernel: Tensor,
        bias: Tensor | None,
        mask: Tensor | None,
        *initial: Tensor,
    ) -> tuple[Tensor | None, ...]:
        input_bias, recurrent_bias = _biases(cell, bias)
        # In one product for all steps. The kernel and the bias are expanded without a copy.
        length = sequences.shape[1]
        factors = kernel.T.expand(length, -1, -1), sequences.permute(1, 2, 0)
        terms = torch.bmm(*factors) if input_bias is None else torch.baddbmm(input_bias[:, None], *factors)
        states = [_allocate_states(state.T, length) for state in initial]
        saved = _LOOPS[cell].forward(terms, states, recurrent_kernel, recurrent_bias, _time_first(mask))
        context.cell, context.return_sequences, context.states = cell, return_sequences, len(states)
        context.save_for_backward(sequences, kernel, recurrent_kernel, bias, mask, *initial, *states, terms, *saved)
        context.set_materialize_grads(False)
        # Copied, because a caller may write into the output, and the backward pass needs the states.
        outputs = states[0][1:].permute(2, 0, 1).clone(memory_format=torch.contiguous_format)
        last = [state[-1].T.clone(memory_format=torch.contiguous_format) for state in states]
        return outputs if return_sequences else None, *last

    @staticmethod
    def backward(context: Any, d_outputs: Tensor | None, *d_last: Tensor | None) -> tuple[Tensor | None, ...]:
        tensors = context.saved_tensors  # once, as checkpoints require
        given, saved = tensors[: 5 + context.states], tensors[5 + context.states :]
        # With create_graph=True autograd differentiates this pass; with is_grads_batched=True it batches gradients.
        incoming = [grad for grad in (d_outputs, *d_last) if grad is not None]
        if not incoming:
            return (None,) * len(context.needs_input_grad)
        plain = torch.is_grad_enabled() or not supports([*incoming, saved[0]], True)
        # At masked steps the loops multiply by zero, which a gradient that is not finite survives.
        if plain or (given[4] is not None and not all(grad.isfinite().all() for grad in incoming)):
            return _differentiable_backward(context, given, (d_outputs, *d_last))
        sequences, kernel, recurrent_kernel, bias, mask, *_ = given
        states, (terms, *kept) = saved[: context.states], saved[context.states :]
        d_states = [
            torch.zeros_like(state[0]) if grad is None else grad.T.clone(memory_format=torch.contiguous_format)
            for state, grad in zip(states, d_last, strict=True)
        ]
        if d_outputs is not None:
            # The axes of the loops: (time, units, batch).
            d_outputs = d_outputs.permute(1, 2, 0).contiguous()
            d_states[0] += d_outputs[-1]
        grads = _LOOPS[context.cell].backward(
            terms, states, kept, recurrent_kernel, _time_first(mask), d_states, d_outputs
        )
        d_terms = units_first(grads.terms)
        d_kernel = d_sequences = d_bias = None
        flat = sequences.transpose(0, 1).reshape(-1, sequences.shape[2])
        if context.needs_input_grad[2]:
            d_sequences = (d_terms.T @ kernel.T).view(*sequences.transpose(0, 1).shape).transpose(0, 1)
        if context.needs_input_grad[3]:
            # Not flatᵀ @ d_termsᵀ, which is equal but takes several times as long.
            d_kernel = (d_terms @ flat).T
        if context.needs_input_grad[5]:
            d_bias = d_terms.sum(1)
            if bias.ndim == 2:
                d_bias = torch.stack([d_bias, grads.recurrent_bias])
        return None, None, d_sequences, d_kernel, grads.recurrent_kernel, d_bias, None, *(d.T for d in d_states)


class _OneDnnLstm(torch.autograd.Function):  # type: ignore[misc]
    """Runs an LSTM by `torch._VF.lstm`, as `torch.nn.LSTM` does, whose backward pass cannot be differentiated."""

    @staticmethod
    def forward(
        context: Any,
        cell: Cell,
        return_sequences: bool,
        sequences: Tensor,
        kernel: Tensor,
        recurrent_kernel: Tensor,
        bias: Tensor | None,
        mask: None,
        *initial: Tensor,
    ) -> tuple[Tensor | None, ...]:
        differentiable = any(context.needs_input_grad)
        inputs, results = _run_onednn(
            sequences, kernel, recurrent_kernel, bias, *initial, differentiable=differentiable
        )
        outputs, last_h, last_c = results
        context.cell, context.return_sequences = cell, return_sequences
        # With the graph that led to the results, which is freed when autograd frees what is saved.
        graph = (*inputs, *results) if differentiable else ()
        context.save_for_backward(sequences, kernel, recurrent_kernel, bias, None, *initial, *graph)
        context.set_materialize_grads(False)
        # Copied, because a caller may write into the output, and the backward pass needs the states.
        return outputs.detach().clone() if return_sequences else None, *(
            s.detach()[0].clone() for s in (last_h, last_c)
        )

    @staticmethod
    def backward(context: Any, d_outputs: Tensor | None, *d_last: Tensor | None) -> tuple[Tensor | None, ...]:
        saved = context.saved_tensors  # once, as checkpoints require
        given, inputs, results = saved[:7], saved[7:13], saved[13:]
        incoming = [grad for grad in (d_outputs, *d_last) if grad is not None]
        if not incoming:
            return (None,) * len(context.needs_input_grad)
        if torch.is_grad_enabled() or not supports([*incoming, given[0]], True):
            return _differentiable_backward(context, given, (d_outputs, *d_last))
        if results[0].grad_fn is None:  # checkpoints, and others that save tensors elsewhere, lose the graph
            sequences, kernel, recurrent_kernel, bias, _, *initial = given
            inputs, results = _run_onednn(sequences, kernel, recurrent_kernel, bias, *initial, differentiable=True)
        d_h, d_c = (None if grad is None else grad[None] for grad in d_last)
        pairs = [
            (result, grad) for result, grad in zip(results, (d_outputs, d_h, d_c), strict=True) if grad is not None
        ]
        wanted = [part for part in inputs if part is not None]
        outputs, d_results = zip(*pairs, strict=True)
        # The graph is kept: the caller's own retain_graph decides whether this pass can run twice.
        grads = iter(torch.autograd.grad(outputs, wanted, d_results, retain_graph=True))
        d_x, d_w, d_u, d_b, *d_initial = (None if part is None else next(grads) for part in inputs)
        return None, None, d_x, d_w, d_u, d_b, None, *d_initial


def _run_onednn(
    sequences: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None,
    *initial: Tensor,
    differentiable: bool,
) -> tuple[Sequence[Any], tuple[Tensor, ...]]:
    """Run oneDNN's LSTM with a graph of its own.

    Returns:
        The inputs that its results are differentiated with respect to, and the results: the states of all steps, the
        last state, and the last memory.
    """
    with torch.set_grad_enabled(differentiable):
        given = (sequences, kernel, recurrent_kernel, bias, *initial)
        inputs: list[Any] = [None if part is None else part.detach().requires_grad_(differentiable) for part in given]
        x, w, u, b, h, c = inputs
        parameters = [w.T, u.T, *([] if b is None else [b, torch.zeros_like(b)])]
        results = torch._VF.lstm(x, (h[None], c[None]), parameters, b is not None, 1, 0.0, differentiable, False, True)
    return inputs, results


def _differentiable_backward(
    context: Any, given: Sequence[Tensor | None], d_results: tuple[Tensor | None, ...]
) -> tuple[Tensor | None, ...]:
    """Compute the gradients by the recurrence in plain operations, so that autograd can differentiate them."""
    with torch.enable_grad():
        # Aliases, so that a tensor that depends on another one of them is not differentiated twice.
        aliases = [None if tensor is None else tensor.view_as(tensor) for tensor in given]
        results = _plain(context.cell, context.return_sequences, *aliases)
    needed = context.needs_input_grad[2:]
    wanted = [alias for alias, needs in zip(aliases, needed, strict=True) if needs]
    pairs = [(result, grad) for result, grad in zip(results, d_results, strict=True) if grad is not None]
    outputs, incoming = zip(*pairs, strict=True)
    grads = iter(
        torch.autograd.grad(outputs, wanted, incoming, create_graph=torch.is_grad_enabled(), allow_unused=True)
    )
    return None, None, *(next(grads) if needs else None for needs in needed)


def _plain(
    cell: Cell,
    return_sequences: bool,
    sequences: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    *states: Tensor,
) -> tuple[Tensor | None, ...]:
    """Compute what `_Loop` does, in operations that autograd knows."""
    input_bias, recurrent_bias = _biases(cell, bias)
    terms, outputs = sequences @ kernel, []
    if input_bias is not None:
        terms = terms + input_bias
    for t, term in enumerate(terms.unbind(1)):
        new = _plain_step(cell, term, states, recurrent_kernel, recurrent_bias)
        if mask is not None:
            new = tuple(torch.where(mask[:, t, None], a, b) for a, b in zip(new, states, strict=True))
        states = new
        outputs.append(states[0])
    return torch.stack(outputs, 1) if return_sequences else None, *states


def _plain_step(
    cell: Cell, term: Tensor, states: tuple[Tensor, ...], recurrent_kernel: Tensor, recurrent_bias: Tensor | None
) -> tuple[Tensor, ...]:
    state, units = states[0], len(recurrent_kernel)
    if cell == "tanh":
        return (torch.tanh(term + state @ recurrent_kernel),)
    if cell == "relu":
        return (torch.relu(term + state @ recurrent_kernel),)
    if cell == "lstm":
        i, f, g, o = (term + state @ recurrent_kernel).chunk(4, 1)
        memory = f.sigmoid() * states[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * memory.tanh(), memory
    gate_kernel, inner_kernel = recurrent_kernel.tensor_split([2 * units], 1)
    z, r = (term[:, : 2 * units] + state @ gate_kernel).sigmoid().chunk(2, 1)
    if cell == "gru":
        inner = state @ inner_kernel
        inner = r * (inner if recurrent_bias is None else inner + recurrent_bias)
    else:
        inner = (r * state) @ inner_kernel
    return (z * state + (1 - z) * torch.tanh(term[:, 2 * units :] + inner),)


class _Grads(NamedTuple):
    """The gradients that a loop computes; the others follow from that of the terms.

    Attributes:
        terms: shape (T, gates * units, batch).
        recurrent_kernel: shape (units, gates * units).
        recurrent_bias: of "gru", shape (3 * units,).
    """

    terms: Tensor
    recurrent_kernel: Tensor
    recurrent_bias: Tensor | None = None


class _CellLoop(NamedTuple):
    """The two loops of a cell.

    Attributes:
        forward: takes the terms (x_t W + b of all steps, overwritten with the values of the gates), memory for the
            states, whose first is the initial one, the recurrent kernel and bias, and the mask, shape (T, 1, batch).
            Returns other tensors that the backward pass needs.
        backward: takes the values of the gates, the states, those other tensors, the recurrent kernel, the mask, the
            gradients of the last states (overwritten with those of the initial ones), and those of all outputs, shape
            (T, units, batch), or None. Nothing else is overwritten, because a backward pass can run twice.
    """

    forward: Callable[[Tensor, list[Tensor], Tensor, Tensor | None, Tensor | None], list[Tensor]]
    backward: Callable[
        [Tensor, Sequence[Tensor], Sequence[Tensor], Tensor, Tensor | None, list[Tensor], Tensor | None], _Grads
    ]


def run_simple(
    states: Sequence[Tensor],
    transposed: Tensor,
    mask: Tensor | None = None,
    activate: Callable[[Tensor], Tensor] = Tensor.tanh_,
) -> None:
    """Compute h_t = φ(a_t + Uᵀ h_{t-1}) in place.

    Args:
        states: h_0 and the terms a_1 … a_T, each of shape (units, batch). They are overwritten with h_0 … h_T.
        transposed: Uᵀ, shape (units, units).
        mask: shape (T, 1, batch); where it is false, the state stays as it is.
        activate: φ, in place.
    """
    state, *terms = states
    for term, step_mask in zip(terms, _steps_of(mask, len(terms)), strict=True):
        activate(term.addmm_(transposed, state))
        if step_mask is not None:
            torch.where(step_mask, term, state, out=term)
        state = term


def run_simple_backward(
    derivatives: Sequence[Tensor],
    d_state: Tensor,
    recurrent_kernel: Tensor,
    carry: Tensor | None = None,
    d_outputs: Tensor | None = None,
) -> None:
    """Compute da_t = dh_t φ' and dh_{t-1} = U da_t, in place.

    Args:
        derivatives: φ' for t = 1 … T, each of shape (units, batch). They are overwritten with da_1 … da_T.
        d_state: dh_T, shape (units, batch). It is overwritten with dh_0.
        recurrent_kernel: U, shape (units, units).
        carry: see `_backpropagate_state`, for all steps.
        d_outputs: the incoming gradients of h_1 … h_T, shape (T, units, batch); d_state includes that of h_T.
    """
    if carry is None and d_outputs is None:
        for derivative in reversed(derivatives):
            torch.mm(recurrent_kernel, derivative.mul_(d_state), out=d_state)
        return
    steps = zip(reversed(derivatives), *_reversed_steps(carry, d_outputs, len(derivatives)), strict=True)
    for derivative, step_carry, d_output in steps:
        _backpropagate_state(d_state, recurrent_kernel, derivative.mul_(d_state), step_carry, d_output)


def one_minus_square(states: Tensor, out: Tensor | None = None) -> Tensor:
    """Return the derivative of tanh from its value: 1 - h²."""
    return torch.addcmul(states.new_ones(()), states, states, value=-1, out=out)


def _simple(activate: Callable[[Tensor], Tensor], derivative_of: Callable[[Tensor], Tensor]) -> _CellLoop:
    def forward(
        terms: Tensor,
        states: list[Tensor],
        recurrent_kernel: Tensor,
        recurrent_bias: Tensor | None,
        mask: Tensor | None,
    ) -> list[Tensor]:
        states[0][1:] = terms
        run_simple(states[0].unbind(0), recurrent_kernel.T.contiguous(), mask, activate)
        return []

    def backward(
        terms: Tensor,
        states: Sequence[Tensor],
        kept: Sequence[Tensor],
        recurrent_kernel: Tensor,
        mask: Tensor | None,
        d_states: list[Tensor],
        d_outputs: Tensor | None,
    ) -> _Grads:
        d_terms = derivative_of(states[0][1:])
        carry = None
        if mask is not None:
            d_terms.masked_fill_(~mask, 0)
            carry = (~mask).to(d_terms.dtype)
        run_simple_backward(d_terms.unbind(0), d_states[0], recurrent_kernel.contiguous(), carry, d_outputs)
        return _Grads(d_terms, _over_time(states[0][:-1], d_terms))

    return _CellLoop(forward, backward)


def _lstm_forward(
    terms: Tensor, states: list[Tensor], recurrent_kernel: Tensor, recurrent_bias: Tensor | None, mask: Tensor | None
) -> list[Tensor]:
    transposed, gates = recurrent_kernel.T.contiguous(), terms.unflatten(1, (4, -1))
    h, c = (state[0] for state in states)
    tanh_c = torch.empty_like(states[1][1:])
    steps = zip(
        terms.unbind(0),
        gates[:, :2].unbind(0),
        *(gate.unbind(0) for gate in gates.unbind(1)),
        states[1][1:].unbind(0),
        tanh_c.unbind(0),
        states[0][1:].unbind(0),
        _steps_of(mask, len(terms)),
        strict=True,
    )
    for term, i_and_f, i, f, g, o, new_c, new_tanh, new_h, step_mask in steps:
        term.addmm_(transposed, h)
        i_and_f.sigmoid_()
        g.tanh_()
        o.sigmoid_()
        torch.mul(f, c, out=new_c).addcmul_(i, g)
        torch.tanh(new_c, out=new_tanh)
        torch.mul(o, new_tanh, out=new_h)
        if step_mask is not None:
            torch.where(step_mask, new_c, c, out=new_c)
            torch.where(step_mask, new_h, h, out=new_h)
        h, c = new_h, new_c
    return [tanh_c]


def _lstm_backward(
    terms: Tensor,
    states: Sequence[Tensor],
    kept: Sequence[Tensor],
    recurrent_kernel: Tensor,
    mask: Tensor | None,
    d_states: list[Tensor],
    d_outputs: Tensor | None,
) -> _Grads:
    i, f, g, o = terms.unflatten(1, (4, -1)).unbind(1)
    (tanh_c,), (d_h, d_c), recurrent_kernel = kept, d_states, recurrent_kernel.contiguous()
    d_terms = torch.empty_like(terms)
    d_gates = d_terms.unflatten(1, (4, -1))
    # The factors of dc for i, f and g, and of dh for o and c.
    torch.mul(_sigmoid_derivative(i), g, out=d_gates[:, 0])
    torch.mul(_sigmoid_derivative(f), states[1][:-1], out=d_gates[:, 1])
    torch.mul(one_minus_square(g), i, out=d_gates[:, 2])
    torch.mul(_sigmoid_derivative(o), tanh_c, out=d_gates[:, 3])
    through_tanh, carry = one_minus_square(tanh_c).mul_(o), None
    if mask is not None:
        masked = ~mask
        d_terms.masked_fill_(masked, 0)
        through_tanh.masked_fill_(masked, 0)
        f, carry = f.masked_fill(masked, 1), masked.to(f.dtype)
    steps = zip(
        reversed(d_terms.unbind(0)),
        reversed(d_gates[:, :3].unbind(0)),
        reversed(d_gates[:, 3].unbind(0)),
        reversed(through_tanh.unbind(0)),
        reversed(f.unbind(0)),
        *_reversed_steps(carry, d_outputs, len(terms)),
        strict=True,
    )
    for d_term, d_ifg, d_o, step_tanh, step_f, step_carry, d_output in steps:
        d_c.addcmul_(d_h, step_tanh)
        d_ifg.mul_(d_c)
        d_o.mul_(d_h)
        d_c.mul_(step_f)
        _backpropagate_state(d_h, recurrent_kernel, d_term, step_carry, d_output)
    return _Grads(d_terms, _over_time(states[0][:-1], d_terms))


def _gru_forward(
    terms: Tensor, states: list[Tensor], recurrent_kernel: Tensor, recurrent_bias: Tensor | None, mask: Tensor | None
) -> list[Tensor]:
    (state,), units = states, len(recurrent_kernel)
    transposed, inner_transposed = (part.T.contiguous() for part in recurrent_kernel.tensor_split([2 * units], 1))
    inner_bias = None if recurrent_bias is None else recurrent_bias[:, None].expand_as(state[0]).contiguous()
    inner = torch.empty_like(state[1:])
    h = state[0]
    for zr, z, r, g, step_inner, new_h, step_mask in _gru_steps(terms, inner, state, mask):
        zr.addmm_(transposed, h).sigmoid_()
        if inner_bias is None:
            torch.mm(inner_transposed, h, out=step_inner)
        else:
            torch.addmm(inner_bias, inner_transposed, h, out=step_inner)
        g.addcmul_(r, step_inner).tanh_()
        torch.lerp(g, h, z, out=new_h)
        if step_mask is not None:
            torch.where(step_mask, new_h, h, out=new_h)
        h = new_h
    return [inner]


def _gru_backward(
    terms: Tensor,
    states: Sequence[Tensor],
    kept: Sequence[Tensor],
    recurrent_kernel: Tensor,
    mask: Tensor | None,
    d_states: list[Tensor],
    d_outputs: Tensor | None,
) -> _Grads:
    z, r, g = terms.unflatten(1, (3, -1)).unbind(1)
    (inner,), (d_h,), before, units = kept, d_states, states[0][:-1], len(recurrent_kernel)
    # The gradients of r's product, z, r and g, in this order: the first three go to U, the last three to the terms.
    grads = terms.new_empty((len(terms), 4, *z.shape[1:]))
    d_inner, d_z, d_r, d_g = grads.unbind(1)
    # Each is a factor of dh.
    torch.mul(one_minus_square(g), 1 - z, out=d_g)
    torch.mul(d_g, r, out=d_inner)
    torch.mul(_sigmoid_derivative(z), before - g, out=d_z)
    torch.mul(_sigmoid_derivative(r), inner, out=d_r).mul_(d_g)
    if mask is not None:
        grads.masked_fill_(~mask[:, None], 0)
        z = z.masked_fill(~mask, 1)
    to_recurrent = grads[:, :3].flatten(1, 2)
    reordered = torch.cat([recurrent_kernel[:, 2 * units :], recurrent_kernel[:, : 2 * units]], 1)
    steps = zip(
        reversed(grads.unbind(0)),
        reversed(to_recurrent.unbind(0)),
        *_reversed_steps(z, d_outputs, len(terms)),
        strict=True,
    )
    for step_grads, d_recurrent, step_z, d_output in steps:
        step_grads.mul_(d_h)
        _backpropagate_state(d_h, reordered, d_recurrent, step_z, d_output)
    d_recurrent_kernel, d_recurrent_bias = _over_time(before, to_recurrent), to_recurrent.sum((0, 2))
    return _Grads(grads[:, 1:].flatten(1, 2), d_recurrent_kernel.roll(-units, 1), d_recurrent_bias.roll(-units))


def _gru_before_forward(
    terms: Tensor, states: list[Tensor], recurrent_kernel: Tensor, recurrent_bias: Tensor | None, mask: Tensor | None
) -> list[Tensor]:
    (state,), units = states, len(recurrent_kernel)
    transposed, inner_transposed = (part.T.contiguous() for part in recurrent_kernel.tensor_split([2 * units], 1))
    reset = torch.empty_like(state[1:])
    h = state[0]
    for zr, z, r, g, step_reset, new_h, step_mask in _gru_steps(terms, reset, state, mask):
        zr.addmm_(transposed, h).sigmoid_()
        g.addmm_(inner_transposed, torch.mul(r, h, out=step_reset)).tanh_()
        torch.lerp(g, h, z, out=new_h)
        if step_mask is not None:
            torch.where(step_mask, new_h, h, out=new_h)
        h = new_h
    return [reset]


def _gru_before_backward(
    terms: Tensor,
    states: Sequence[Tensor],
    kept: Sequence[Tensor],
    recurrent_kernel: Tensor,
    mask: Tensor | None,
    d_states: list[Tensor],
    d_outputs: Tensor | None,
) -> _Grads:
    z, r, g = terms.unflatten(1, (3, -1)).unbind(1)
    (reset,), (d_h,), before, units = kept, d_states, states[0][:-1], len(recurrent_kernel)
    gate_kernel, inner_kernel = (part.contiguous() for part in recurrent_kernel.tensor_split([2 * units], 1))
    d_terms = torch.empty_like(terms)
    d_z, d_r, d_g = d_terms.unflatten(1, (3, -1)).unbind(1)
    # The factors of dh for z and g, and of the gradient of r ∘ h for r.
    torch.mul(_sigmoid_derivative(z), before - g, out=d_z)
    torch.mul(_sigmoid_derivative(r), before, out=d_r)
    torch.mul(one_minus_square(g), 1 - z, out=d_g)
    if mask is not None:
        d_terms.masked_fill_(~mask, 0)
        z = z.masked_fill(~mask, 1)
    steps = zip(
        *(reversed(part.unbind(0)) for part in (d_terms[:, : 2 * units], d_z, d_r, d_g, r)),
        *_reversed_steps(z, d_outputs, len(terms)),
        strict=True,
    )
    d_reset = torch.empty_like(d_h)
    for d_gates, step_d_z, step_d_r, step_d_g, step_r, step_z, d_output in steps:
        torch.mm(inner_kernel, step_d_g.mul_(d_h), out=d_reset)
        step_d_z.mul_(d_h)
        step_d_r.mul_(d_reset)
        _backpropagate_state(d_h, gate_kernel, d_gates, step_z, d_output)
        d_h.addcmul_(d_reset, step_r)
    d_recurrent_kernels = _over_time(before, d_terms[:, : 2 * units]), _over_time(reset, d_g)
    return _Grads(d_terms, torch.cat(d_recurrent_kernels, 1))


_LOOPS: dict[Cell, _CellLoop] = {
    "tanh": _simple(Tensor.tanh_, one_minus_square),
    "relu": _simple(Tensor.relu_, lambda states: (states <= 0).logical_not_().to(states.dtype)),
    "lstm": _CellLoop(_lstm_forward, _lstm_backward),
    "gru": _CellLoop(_gru_forward, _gru_backward),
    "gru reset before": _CellLoop(_gru_before_forward, _gru_before_backward),
}


def _backpropagate_state(
    d_state: Tensor, recurrent_kernel: Tensor, d_terms: Tensor, carry: Tensor | None, d_output: Tensor | None
) -> None:
    """Overwrite dh_t with dh_{t-1} = U da_t + dh_t ∘ carry + d_output.

    Args:
        d_state: dh_t, shape (units, batch).
        recurrent_kernel: U, shape (units, gates * units).
        d_terms: da_t, shape (gates * units, batch).
        carry: the share of h_{t-1} that h_t takes over, broadcast to (units, batch); None for nothing.
        d_output: the incoming gradient of h_{t-1}, or None.
    """
    if carry is None and d_output is None:
        torch.mm(recurrent_kernel, d_terms, out=d_state)
    elif carry is None:
        torch.addmm(d_output, recurrent_kernel, d_terms, out=d_state)
    elif d_output is None:
        d_state.mul_(carry).addmm_(recurrent_kernel, d_terms)
    else:
        torch.addcmul(d_output, d_state, carry, out=d_state).addmm_(recurrent_kernel, d_terms)


def _reversed_steps(carry: Tensor | None, d_outputs: Tensor | None, length: int) -> tuple[Iterator[Any], Iterator[Any]]:
    """Return `carry` of steps T … 1, and the incoming gradients of h_{T-1} … h_0; None for each that is missing."""
    earlier = [None] * length if d_outputs is None else [None, *d_outputs[:-1].unbind(0)]
    return reversed(_steps_of(carry, length)), reversed(earlier)


def _steps_of(steps: Tensor | None, length: int) -> Sequence[Tensor | None]:
    return [None] * length if steps is None else steps.unbind(0)


def _gru_steps(terms: Tensor, kept: Tensor, state: Tensor, mask: Tensor | None) -> Iterator[tuple[Any, ...]]:
    """Return for each step: z and r together, z, r, g, a part of `kept`, memory for the new state, and the mask."""
    gates = terms.unflatten(1, (3, -1))
    z_and_r, each = terms[:, : 2 * state.shape[1]], gates.unbind(1)
    parts = (part.unbind(0) for part in (z_and_r, *each, kept, state[1:]))
    return zip(*parts, _steps_of(mask, len(terms)), strict=True)


def _biases(cell: Cell, bias: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Return the bias of the terms, and that of the product of "gru" that is multiplied by r, shape (units,)."""
    if cell != "gru" or bias is None:
        return bias, None
    units = bias.shape[1] // 3
    # What is added to z and r can be added before the loop.
    return torch.cat([bias[0, : 2 * units] + bias[1, : 2 * units], bias[0, 2 * units :]]), bias[1, 2 * units :]


def _allocate_states(initial: Tensor, length: int) -> Tensor:
    """Allocate h_0 … h_T, shape (T + 1, units, batch), and set h_0."""
    states = initial.new_empty((length + 1, *initial.shape))
    states[0] = initial
    return states


def _time_first(mask: Tensor | None) -> Tensor | None:
    """Transpose a mask, shape (batch, T), to (T, 1, batch)."""
    return None if mask is None else mask.T[:, None].contiguous()


def _sigmoid_derivative(values: Tensor) -> Tensor:
    """Return the derivative of the sigmoid from its value: s - s²."""
    return torch.addcmul(values, values, values, value=-1)


def _over_time(left: Tensor, right: Tensor) -> Tensor:
    """Compute Σ_t left_t right_tᵀ; both have the axes (time, units, batch)."""
    return units_first(left) @ units_first(right).T


def units_first(steps: Tensor) -> Tensor:
    """Reshape (time, units, batch) to (units, time * batch)."""
    return steps.transpose(0, 1).reshape(steps.shape[1], -1)
