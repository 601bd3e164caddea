"""What a backend of Keras does not have: operations, and settings of layers. Read from the sources of Keras 3.15.1.

A test reads the sources again, in an environment with Keras, and compares `MISSING` with them.
"""

import ast
from pathlib import Path
from typing import NamedTuple

BACKENDS = ("jax", "torch", "tensorflow", "numpy", "openvino")
# Operation -> the backends on which it only raises NotImplementedError. Keras's fast recurrences (`lstm`, `gru`) are
# not listed, because the layers compute step by step where there is none.
MISSING: dict[str, tuple[str, ...]] = {
    "eig": ("openvino",),
    "jvp": ("numpy", "openvino"),
    "lstsq": ("openvino",),
    "matrix_rank": ("openvino",),
    "pinv": ("openvino",),
    "sobel_edges": ("openvino",),
    "svd": ("openvino",),
}
_FAST_RECURRENCES = "rnn.py"


class Limit(NamedTuple):
    """A layer that not every backend has, or not with every setting.

    Attributes:
        names: the classes.
        setting: the argument; "" if the class itself is meant.
        values: the values of the argument that are meant.
        backends: the backends that refuse it.
        message: what it needs.
    """

    names: frozenset[str]
    setting: str
    values: tuple[object, ...]
    backends: tuple[str, ...]
    message: str


_NOT_TENSORFLOW = ("jax", "torch", "numpy", "openvino")
_LOOKUPS = frozenset({"HashedCrossing", "Hashing", "IntegerLookup", "StringLookup", "TextVectorization"})

LIMITS: tuple[Limit, ...] = (
    Limit(
        _LOOKUPS,
        "",
        (),
        _NOT_TENSORFLOW,
        "needs TensorFlow installed beside the backend, and computes outside of the compiled model",
    ),
    Limit(_LOOKUPS, "sparse", (True,), _NOT_TENSORFLOW, "returns sparse tensors on TensorFlow only"),
    Limit(_LOOKUPS, "ragged", (True,), _NOT_TENSORFLOW, "returns ragged tensors on TensorFlow only"),
    Limit(
        frozenset({"Input", "InputLayer"}),
        "sparse",
        (True,),
        ("torch", "numpy", "openvino"),
        "takes sparse tensors on JAX and TensorFlow only",
    ),
    Limit(
        frozenset({"Input", "InputLayer"}),
        "ragged",
        (True,),
        _NOT_TENSORFLOW,
        "takes ragged tensors on TensorFlow only",
    ),
    Limit(frozenset({"Input", "InputLayer"}), "dtype", ("string",), _NOT_TENSORFLOW, "takes texts on TensorFlow only"),
    Limit(
        frozenset({"BatchNormalization"}),
        "synchronized",
        (True,),
        _NOT_TENSORFLOW,
        "is synchronized between devices on TensorFlow only",
    ),
    Limit(frozenset({"TFSMLayer"}), "", (), _NOT_TENSORFLOW, "runs on TensorFlow only"),
    Limit(
        frozenset({"FlaxLayer", "JaxLayer"}),
        "",
        (),
        ("torch", "numpy", "openvino"),
        "runs on JAX, and on TensorFlow by jax2tf, only",
    ),
    Limit(
        frozenset({"TorchModuleWrapper"}),
        "",
        (),
        ("jax", "tensorflow", "numpy", "openvino"),
        "runs on PyTorch only",
    ),
)


def missing_operations(backends: Path) -> dict[str, tuple[str, ...]]:
    """Read which operations of Keras only raise NotImplementedError.

    Args:
        backends: the folder of Keras's backends, `keras/src/backend`.

    Returns:
        Operation -> the backends on which it does, in the order of `BACKENDS`.
    """
    missing: dict[str, list[str]] = {}
    for backend in BACKENDS:
        for path in sorted((backends / backend).glob("*.py")):
            if path.name == _FAST_RECURRENCES or path.name.endswith("_test.py"):
                continue
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name[0] != "_" and _only_raises(node):
                    missing.setdefault(node.name, []).append(backend)
    return {name: tuple(missing[name]) for name in sorted(missing)}


def _only_raises(function: ast.FunctionDef) -> bool:
    last = function.body[-1]
    plain = (ast.Expr, ast.Assign, ast.Import, ast.ImportFrom)
    return (
        isinstance(last, ast.Raise)
        and last.exc is not None
        and "NotImplementedError" in ast.unparse(last.exc)
        and all(isinstance(statement, plain) for statement in function.body[:-1])
    )
