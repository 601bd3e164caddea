"""The limit of the machine: the work of a training step, and the speed of one core.

No program that does this arithmetic can be faster than the slowest of three terms:

    seconds ≥ max(FLOPs / peak, bytes / bandwidth, 2 T τ)

for a batch of B reviews of T ids, N embeddings of D numbers, and U units. The mathematics is that of
backends_test.oracle.

**Floating-point operations.** The product of an (n, k) and a (k, m) matrix takes 2 n k m operations: multiplications
and additions to an accumulator, so that a sum over time steps, or into a row of a gradient, costs nothing more.

    forward      E[x_t] W: 2 B D U    h_{t-1} U: 2 B U²    T times;    h_T v: 2 B U once
    backward     twice as many, one product for each factor: dW, dE    dU, dh_{t-1};    dv, dh_T
    elementwise  10 for each of the B T U states. Forward 6: one for b; tanh as (e - 1) / (e + 1) with e = exp(2a) is
                 a doubling, an exponential counted as one, and three more. Backward 4: two for 1 - h², one for the
                 product with dh, one for the sum db
    Adam         12 for each of the N D + D U + U² + 2 U + 1 weights, whether the batch holds the id or not: three for
                 m (minus, times, plus), four for v (also g²), five for w (root, plus ε, times the rate, divided, minus)

For B = 64, T = 100, D = 16, U = 8, N = 10,003: 2.46 M forward, 4.92 M backward, 0.51 M elementwise, 1.92 M Adam, 9.81 M
in total. Not counted: sigmoid and loss, some 20 B. Roots and divisions count as one operation, though every processor
is slower at them. Other arithmetic with the same result could need less: E[x] W only once for an id that occurs several
times (and so for dE), and 7 instead of 12 operations for weights whose gradient is zero.

**Bytes.** Adam reads and writes each weight and both its moments once: 2 · 3 · 4 bytes; ids and labels are read, 4
bytes each. This is 3.87 MB for the same sizes. Not counted, because a program could keep them in a cache or in
registers: the states, the gradient, and the embeddings that the forward pass reads before Adam does. A read and a write
count as one each, in the work as in the bandwidth. Weights and moments are 1.9 MB, which some caches hold from one step
to the next: therefore the bandwidth is that of a cache, and the limit holds for caches that are large enough.

**The chain.** h_t depends on h_{t-1}, and in the backward pass dh_{t-1} on dh_t: 2 T steps that more cores cannot
shorten. Each is taken to last τ, the latency of h ← tanh(a + h U). The backward pass has no tanh, so 2 T τ is somewhat
too long; this only matters for small batches or very many cores.

All of this is for one core. Several cores, or an accelerator, have another peak and another bandwidth; the formulas and
the chain remain the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.baselines import c

REPETITIONS = 5  # per measurement; the best one counts
SMALL = 96 * 2**10  # bytes; two such buffers fit in any second-level cache, but not in the first-level cache
LARGE = 128 * 2**20  # bytes; more than one core's share of any last-level cache


@dataclass(frozen=True)
class Work:
    """The work of a training step.

    Attributes:
        flops: floating-point operations.
        bytes: bytes read and written.
        chain: recurrence steps, each of which depends on the one before.
    """

    flops: int
    bytes: int
    chain: int


@dataclass(frozen=True)
class Machine:
    """The speed of one core. None was not measured, see `method`.

    Attributes:
        peak_flops: floating-point operations per second, two per multiply-add, in float32.
        copy_bandwidth: bytes read and written per second, by a copy far larger than the caches.
        cache_bandwidth: the same, by a copy that fits in the second-level cache.
        recurrence_latency: seconds of one step h ← tanh(a + h U) with 8 units.
        method: how it was measured, and what is missing or approximate.
    """

    peak_flops: float | None
    copy_bandwidth: float | None
    cache_bandwidth: float | None
    recurrence_latency: float | None
    method: str


def weight_count(embedding: int, units: int, ids: int) -> int:
    """Return the number of weights of the model."""
    return ids * embedding + embedding * units + units**2 + units + units + 1


def forward_flops(batch: int, length: int, embedding: int, units: int) -> int:
    """Return the operations of the products in the forward pass; see the module."""
    return length * (2 * batch * embedding * units + 2 * batch * units**2) + 2 * batch * units


def backward_flops(batch: int, length: int, embedding: int, units: int) -> int:
    """Return the operations of the products in the backward pass: two products for each of the forward pass."""
    return 2 * forward_flops(batch, length, embedding, units)


def elementwise_flops(batch: int, length: int, units: int) -> int:
    """Return the elementwise operations on states, forward and backward; see the module."""
    return 10 * batch * length * units


def adam_flops(embedding: int, units: int, ids: int) -> int:
    """Return the operations of Adam."""
    return 12 * weight_count(embedding, units, ids)


def work(batch: int = 64, length: int = 100, embedding: int = 16, units: int = 8, ids: int = 10_003) -> Work:
    """Return the work of a training step; see the module for what is counted.

    Args:
        batch: reviews per batch.
        length: ids per review.
        embedding: numbers per embedding.
        units: units of the recurrent layer.
        ids: number of embeddings.
    """
    flops = (
        forward_flops(batch, length, embedding, units)
        + backward_flops(batch, length, embedding, units)
        + elementwise_flops(batch, length, units)
        + adam_flops(embedding, units, ids)
    )
    traffic = 4 * (6 * weight_count(embedding, units, ids) + batch * length + batch)
    return Work(flops, traffic, 2 * length)


def least_terms(task: Work, machine: Machine) -> dict[str, float]:
    """Return the least seconds of each term, without the terms that were not measured."""
    terms = {}
    if machine.peak_flops:
        terms["arithmetic"] = task.flops / machine.peak_flops
    if machine.cache_bandwidth:
        terms["memory"] = task.bytes / machine.cache_bandwidth
    if machine.recurrence_latency:
        terms["chain"] = task.chain * machine.recurrence_latency
    return terms


def least_seconds(task: Work, machine: Machine) -> float:
    """Return the limit in seconds: the slowest of `least_terms`."""
    return max(least_terms(task, machine).values(), default=0.0)


def measure_machine() -> Machine:
    """Measure one core, in about a second: in C if there is a compiler, otherwise approximately in NumPy."""
    try:
        kernel = c.load_kernel()
    except RuntimeError as error:
        return _measure_with_numpy(str(error))
    rounds = 1_000_000
    numbers = np.array([0.999, 0.002, 0], np.float32)
    flops = kernel.multiply_add(rounds, numbers.ctypes.data)
    peak = flops / _best(lambda: kernel.multiply_add(rounds, numbers.ctypes.data))
    # Any numbers are fine with which the state neither vanishes nor saturates.
    term, recurrent = np.split(np.random.default_rng(0).normal(0, 0.4, 72).astype(np.float32), [8])
    state, steps = np.zeros(8, np.float32), 100_000
    latency = _best(lambda: kernel.recurrence(state.ctypes.data, term.ctypes.data, recurrent.ctypes.data, steps))

    def bandwidth(size: int, times: int) -> float:
        to, source = c.aligned(size // 4), c.aligned(size // 4)
        source[:] = 1  # memory that was never written is one shared page of zeros
        return 2 * size * times / _best(lambda: kernel.copy(to.ctypes.data, source.ctypes.data, size, times))

    method = f"C, one thread; {c.compiler_version()}"
    return Machine(peak, bandwidth(LARGE, 1), bandwidth(SMALL, 2_000), latency / steps, method)


def _measure_with_numpy(reason: str) -> Machine:
    """Measure approximately in NumPy, for the given reason."""
    size = 1_024
    matrix = np.ones((size, size), np.float32)
    product = np.empty_like(matrix)
    peak = 2 * size**3 / _best(lambda: np.matmul(matrix, matrix, out=product))

    def bandwidth(size: int, times: int) -> float:
        to, source = np.zeros(size // 4, np.float32), np.ones(size // 4, np.float32)

        def copy() -> None:
            for _ in range(times):
                np.copyto(to, source)

        return 2 * size * times / _best(copy)

    method = (
        f"NumPy, approximately, because: {reason.splitlines()[0]}. The peak is that of its matrix product, which may "
        "use several threads; the recurrence latency is not measured, because a step in NumPy is mostly Python"
    )
    return Machine(peak, bandwidth(LARGE, 1), bandwidth(SMALL, 2_000), None, method)


def _best(run: Callable[[], object]) -> float:
    """Return the seconds of the fastest of several runs, after a warm-up."""
    run()
    seconds = []
    for _ in range(REPETITIONS):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
