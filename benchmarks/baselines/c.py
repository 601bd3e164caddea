"""A training step in C, compiled on the machine that runs it: how close one core comes to its limit."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backends_test.oracle import EPSILON
from benchmarks.trainer import Trainer
from imdb_rnn.text.batches import Arrays

Floats = npt.NDArray[np.float32]

NO_COMPILER = "no C compiler here"
SOURCE = Path(__file__).parent / "kernel.c"
# Not -ffast-math: it is not faster here, it makes tanh wrong near zero because it adds 1 and subtracts it again, and
# GCC up to 12 links code that flushes denormal numbers to zero in the whole process. The flags below are the parts of
# it that let the compiler vectorize square roots and comparisons, and fuse products with sums.
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-shared", "-fPIC")
EMBEDDING, UNITS = 16, 8  # D and U in kernel.c
CHUNK = 64  # as in kernel.c

_array, _integer = ctypes.c_void_p, ctypes.c_int64
# Function -> type of the result, types of the arguments.
_FUNCTIONS = {
    "train": (ctypes.c_int, (_array, _array, _array, _integer, _integer, _array)),
    "predict": (ctypes.c_int, (_array, _array, _integer, _integer, _array, _array)),
    "multiply_add": (_integer, (_integer, _array)),
    "copy": (None, (_array, _array, _integer, _integer)),
    "recurrence": (None, (_array, _array, _array, _integer)),
}


def compiler() -> str | None:
    """Return the path of a C compiler: CC if it is set, otherwise cc, gcc or clang; None if there is none."""
    names = (os.environ.get("CC"), "cc", "gcc", "clang")
    return next((path for name in names if name and (path := shutil.which(name))), None)


def compiler_version() -> str:
    """Return the first line of the compiler's version."""
    path = compiler()
    if path is None:
        return NO_COMPILER
    output = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return output.partition("\n")[0] or path


@cache
def load_kernel() -> ctypes.CDLL:
    """Compile kernel.c for this machine and load it, once per process; this takes about a second.

    Raises:
        RuntimeError: there is no compiler, or it fails.
    """
    path = compiler()
    if path is None:
        raise RuntimeError(NO_COMPILER)
    # Not kept: code compiled for this processor may not run on another machine with the same home directory.
    with tempfile.TemporaryDirectory(prefix="imdb_rnn-", ignore_cleanup_errors=True) as folder:
        library = Path(folder) / "kernel.so"
        command = [path, *FLAGS, str(SOURCE), "-o", str(library), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            msg = f"{' '.join(command)} failed:\n{done.stderr}"
            raise RuntimeError(msg)
        kernel = ctypes.CDLL(str(library))
    for name, (returned, taken) in _FUNCTIONS.items():
        function = getattr(kernel, name)
        function.restype, function.argtypes = returned, taken
    return kernel


def aligned(size: int) -> Floats:
    """Return zeros aligned to a cache line: rows that cross two lines take up to twice as long."""
    line = 64
    array = np.zeros(size + line // 4, np.float32)
    begin = -array.ctypes.data % line // 4
    return array[begin : begin + size]


class _Model(ctypes.Structure):
    """`struct model` of kernel.c."""

    _fields_ = (
        *((name, _array) for name in ("weights", "gradient", "m", "v")),
        ("ids", _integer),
        ("steps", _integer),
        ("epsilon", ctypes.c_double),
    )


class CompiledC(Trainer):
    """A trainer in C, on one thread (`benchmarks.trainer.Trainer`).

    Args:
        weights: six arrays in the order of `model.get_weights()`; the number of ids is free.
        epsilon: Adam's ε.

    Raises:
        RuntimeError: there is no compiler, or it fails.
        ValueError: the weights have other shapes.
    """

    def __init__(self, weights: Sequence[Floats], epsilon: float = EPSILON) -> None:
        self._kernel = load_kernel()
        self._shapes = [array.shape for array in weights]
        ids = len(weights[0])
        expected = [(ids, EMBEDDING), (EMBEDDING, UNITS), (UNITS, UNITS), (UNITS,), (UNITS, 1), (1,)]
        if self._shapes != expected:
            msg = f"Bad `weights`. Expected: arrays of the shapes {expected}. Received: {self._shapes}."
            raise ValueError(msg)
        flat = np.concatenate([array.ravel() for array in weights])
        self._arrays = [aligned(len(flat)) for _ in range(4)]  # kept alive here: the kernel only holds their addresses
        self._weights = self._arrays[0]
        self._weights[:] = flat
        self._model = _Model(*(array.ctypes.data for array in self._arrays), ids, 0, epsilon)
        self._scratch = aligned(0)

    def train(self, batches: Sequence[Arrays]) -> None:
        """Make one step per batch, in order.

        Raises:
            IndexError: an id is negative, or not below the number of embeddings.
        """
        for x, y in batches:
            ids, labels = np.ascontiguousarray(x, np.int32), np.ascontiguousarray(y, np.float32)
            batch, length = ids.shape
            scratch = self._buffer((2 * length + 1) * batch * UNITS + batch)
            model = ctypes.addressof(self._model)
            valid = self._kernel.train(model, ids.ctypes.data, labels.ctypes.data, batch, length, scratch)
            self._check(valid, ids)

    def weights(self) -> list[Floats]:
        """Return copies of the weights, in the order in which they were given."""
        ends = np.cumsum([np.prod(shape, dtype=int) for shape in self._shapes])
        parts = np.split(self._weights.copy(), ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def predict(self, ids: npt.NDArray[np.int32]) -> Floats:
        """Return the scores, shape (n,), of ids of shape (n, T).

        Raises:
            IndexError: an id is negative, or not below the number of embeddings.
        """
        ids = np.ascontiguousarray(ids, np.int32)
        count, length = ids.shape
        scores = np.empty(count, np.float32)
        scratch = self._buffer((length + 1) * CHUNK * UNITS)
        model = ctypes.addressof(self._model)
        valid = self._kernel.predict(model, ids.ctypes.data, count, length, scratch, scores.ctypes.data)
        self._check(valid, ids)
        return scores

    def path(self) -> dict[str, str]:
        """Return the device, the number of threads, the compiler and its flags."""
        return {"device": "cpu", "threads": "1", "compiler": compiler_version(), "flags": " ".join(FLAGS)}

    def _buffer(self, size: int) -> int:
        """Return the address of a buffer of at least this many floats, kept for the next call."""
        if len(self._scratch) < size:
            self._scratch = aligned(size)
        return self._scratch.ctypes.data

    def _check(self, valid: int, ids: npt.NDArray[np.int32]) -> None:
        """Raise if the kernel has rejected ids, with which it would access memory outside its arrays."""
        if not valid:
            msg = f"Bad ids. Expected: from 0 to {self._model.ids - 1}. Received: {ids.min()} to {ids.max()}."
            raise IndexError(msg)
