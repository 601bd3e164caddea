"""A pseudo-random permutation of any size in constant memory, for corpora whose order does not fit in memory."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_ROUNDS = 6


def permuted(positions: npt.NDArray[np.int64], count: int, seed: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return where a pseudo-random permutation takes positions.

    Args:
        positions: in [0, count), shape (m,).
        count: the number of items, at least 1.
        seed: non-negative integers; each seed has its own permutation.

    Returns:
        int64, shape (m,): distinct for distinct positions, in [0, count).

    Source: Black & Rogaway 2002: a Feistel network permutes the smallest 2 ** (2 * bits) >= count numbers; a number
        outside [0, count) is permuted again until it is inside.
    """
    bits = np.uint64(max(((count - 1).bit_length() + 1) // 2, 1))
    mask = np.uint64((1 << int(bits)) - 1)
    keys = np.random.SeedSequence(seed).generate_state(_ROUNDS, np.uint64)

    def permute(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        left, right = numbers >> bits, numbers & mask
        for key in keys:
            left, right = right, left ^ (mixed(right ^ key) & mask)
        return (left << bits) | right

    numbers = permute(positions.astype(np.uint64))
    outside = np.flatnonzero(numbers >= count)
    while len(outside):
        numbers[outside] = permute(numbers[outside])
        outside = outside[numbers[outside] >= count]
    return numbers.astype(np.int64)


def mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return numbers of which every bit depends on every bit of the given ones.

    Source: the finalizer of SplitMix64 (Steele, Lea & Flood 2014).
    """
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
