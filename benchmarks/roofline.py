"""What the machine could do at best: how much work a training step is, and how quick one core is.

No program that does this arithmetic can be quicker than the slowest of three, by what the machine at hand can do:

    seconds ≥ max(FLOPs / peak, bytes / bandwidth, 2 T τ)

For a batch of B reviews of T ids, N embeddings of D numbers, U units. The mathematics is that of backends_test.oracle.

**Floating-point operations.** A product of an (n, k) by a (k, m) matrix is 2 n k m: every multiplication, and its
addition to what is there already, so that a sum over time steps, or into a row of a gradient, costs nothing more.

    forward      E[x_t] W: 2 B D U    h_{t-1} U: 2 B U²    T times;    h_T v: 2 B U once
    backward     twice as many, one product by each side: dW, dE    dU, dh_{t-1};    dv, dh_T
    elementwise  10 for each of the B T U states. Forward 6: b added; tanh as (e - 1) / (e + 1) with e = exp(2a) is a
                 doubling, an exponential counted as one, and three more. Backward 4: 1 - h² two, times dh, the sum db
    Adam         12 for each of the N D + D U + U² + 2 U + 1 weights: m three (minus, times, plus), v four (g² too),
                 w five (root, plus ε, times the rate, divided, minus), whether a batch holds the id or not

For B = 64, T = 100, D = 16, U = 8, N = 10,003: 2.46 M forward, 4.92 M backward, 0.51 M elementwise, 1.92 M Adam, 9.81 M
in all. Left out: sigmoid and loss, some 20 B. Roots and divisions count one, though no processor is that quick at them.
On the other side, other arithmetic with the same result could do with less: E[x] W only once for an id that stands in
several places (dE too), and 7 instead of 12 for weights whose gradient is known to be zero.

**Bytes.** Adam reads and writes each weight and both its moments once: 2 · 3 · 4 bytes; ids and labels are read, 4
bytes each. 3.87 MB for the same. Left out, because a program could keep them in a cache or in registers: the states,
the gradient, and the embeddings that the forward pass reads before Adam does. Reading and writing count one each, in
the work as in the bandwidth. Weights and moments are 1.9 MB, which some caches hold from one step to the next:
therefore the bandwidth that is divided by is that of a cache, and the limit is one for caches that are large enough.

**The chain.** h_t waits for h_{t-1}, and on the way back dh_{t-1} for dh_t: 2 T steps that no number of cores shortens,
each taken to last τ, the latency of h ← tanh(a + h U). On the way back there is no tanh, so that 2 T τ is somewhat too
long; it only matters for small batches, or very many cores.

All of it is for one core. Several cores, or an accelerator, have another peak and another bandwidth; formulas and chain
remain.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.baselines import c

REPETITIONS = 5  # of each measurement; the best counts
SMALL = 96 * 2**10  # bytes: two of them fit any second-level cache, and not the first
LARGE = 128 * 2**20  # bytes: more than any core's share of the last cache


@dataclass(frozen=True)
class Work:
    """What a training step must do.

    Attributes:
        flops: floating-point operations.
        bytes: read and written.
        chain: recurrence steps, each waiting for the one before.
    """

    flops: int
    bytes: int
    chain: int


@dataclass(frozen=True)
class Machine:
    """What one core can do; None is not measured, see `method`.

    Attributes:
        peak_flops: multiply-adds of float32 a second, times two.
        copy_bandwidth: bytes read and written a second, by a copy far larger than the caches.
        cache_bandwidth: the same, by a copy that fits the second-level cache.
        recurrence_latency: seconds, of one step h ← tanh(a + h U) with 8 units.
        method: how it was measured, and what is missing or only approximate.
    """

    peak_flops: float | None
    copy_bandwidth: float | None
    cache_bandwidth: float | None
    recurrence_latency: float | None
    method: str


def weight_count(embedding: int, units: int, ids: int) -> int:
    """How many weights the model has."""
    return ids * embedding + embedding * units + units**2 + units + units + 1


def forward_flops(batch: int, length: int, embedding: int, units: int) -> int:
    """Products of the forward pass; see the module."""
    return length * (2 * batch * embedding * units + 2 * batch * units**2) + 2 * batch * units


def backward_flops(batch: int, length: int, embedding: int, units: int) -> int:
    """Products of the backward pass: for each of the forward pass one by each of its two sides."""
    return 2 * forward_flops(batch, length, embedding, units)


def elementwise_flops(batch: int, length: int, units: int) -> int:
    """What is done to each state besides products, forward and backward; see the module."""
    return 10 * batch * length * units


def adam_flops(embedding: int, units: int, ids: int) -> int:
    """Operations of Adam, over every weight."""
    return 12 * weight_count(embedding, units, ids)


def work(batch: int = 64, length: int = 100, embedding: int = 16, units: int = 8, ids: int = 10_003) -> Work:
    """What a training step must do; see the module for what is counted.

    Args:
        batch: reviews.
        length: ids a review.
        embedding: numbers an embedding.
        units: of the recurrent layer.
        ids: embeddings.
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
    """The seconds that each of the three takes at best, by name; without what was not measured."""
    terms = {}
    if machine.peak_flops:
        terms["arithmetic"] = task.flops / machine.peak_flops
    if machine.cache_bandwidth:
        terms["memory"] = task.bytes / machine.cache_bandwidth
    if machine.recurrence_latency:
        terms["chain"] = task.chain * machine.recurrence_latency
    return terms


def least_seconds(task: Work, machine: Machine) -> float:
    """The seconds that no program can beat: the slowest of `least_terms`."""
    return max(least_terms(task, machine).values(), default=0.0)


def measure_machine() -> Machine:
    """Measure one core, in about a second: in C where there is a compiler, else what NumPy can tell."""
    try:
        kernel = c.load_kernel()
    except RuntimeError as error:
        return _measure_with_numpy(str(error))
    rounds = 1_000_000
    numbers = np.array([0.999, 0.002, 0], np.float32)
    flops = kernel.multiply_add(rounds, numbers.ctypes.data)
    peak = flops / _best(lambda: kernel.multiply_add(rounds, numbers.ctypes.data))
    # Any numbers do, as long as the state neither dies out nor saturates.
    term, recurrent = np.split(np.random.default_rng(0).normal(0, 0.4, 72).astype(np.float32), [8])
    state, steps = np.zeros(8, np.float32), 100_000
    latency = _best(lambda: kernel.recurrence(state.ctypes.data, term.ctypes.data, recurrent.ctypes.data, steps))

    def bandwidth(size: int, times: int) -> float:
        to, source = c.aligned(size // 4), c.aligned(size // 4)
        source[:] = 1  # what was never written is not in memory yet, but one page of zeros
        return 2 * size * times / _best(lambda: kernel.copy(to.ctypes.data, source.ctypes.data, size, times))

    method = f"C, one thread; {c.compiler_version()}"
    return Machine(peak, bandwidth(LARGE, 1), bandwidth(SMALL, 2_000), latency / steps, method)


def _measure_with_numpy(reason: str) -> Machine:
    """What NumPy can tell, and why it had to."""
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
        f"NumPy, approximately, because: {reason.splitlines()[0]}. Peak is that of its matrix product, which may "
        "use several threads; recurrence latency is not measured: a step in NumPy is mostly Python"
    )
    return Machine(peak, bandwidth(LARGE, 1), bandwidth(SMALL, 2_000), None, method)


def _best(run: Callable[[], object]) -> float:
    """The seconds of the quickest of several runs, after one that does not count."""
    run()
    seconds = []
    for _ in range(REPETITIONS):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
