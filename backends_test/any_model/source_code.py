"""What the source of a model says: the parts of Keras that it uses, and what runs on one backend only.

The source is parsed and never run.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from backends_test.any_model.findings_table import ALL_LAYERS, OPTIMIZERS, Facts, Use

# Package -> the backend that it runs on.
FRAMEWORKS = {
    "flax": "jax",
    "haiku": "jax",
    "jax": "jax",
    "optax": "jax",
    "tensorflow": "tensorflow",
    "tensorflow_addons": "tensorflow",
    "tensorflow_probability": "tensorflow",
    "torch": "torch",
    "torchaudio": "torch",
    "torchvision": "torch",
}
ALL = ("jax", "torch", "tensorflow", "numpy", "openvino")
TITLES = {"jax": "JAX", "torch": "PyTorch", "tensorflow": "TensorFlow"}
# Methods of one framework's tensors only -> that framework.
_METHODS = {"backward": "torch", "block_until_ready": "jax", "cpu": "torch", "cuda": "torch", "detach": "torch"}
# Methods of layers, losses and metrics that get tensors.
_TENSOR_METHODS = frozenset(
    {"__call__", "call", "compute_loss", "predict_step", "result", "test_step", "train_step", "update_state"}
)
# Parameters of these methods that are no tensors.
_FLAGS = frozenset({"cls", "mask", "self", "training"})
_LOSS_ARGUMENT, _OPTIMIZER_ARGUMENT = 1, 0
_OPTIMIZER_NAMES = {name.lower(): name for name in OPTIMIZERS}


class Remark(NamedTuple):
    """Something in the source that does not run, or not alike, on every backend.

    Attributes:
        subject: the line, or the lines.
        message: what happens, in one sentence.
        link: where more is said; "" if nowhere.
        backends: the backends that it concerns.
    """

    subject: str
    message: str
    link: str
    backends: tuple[str, ...]


def defined_names(text: str) -> set[str]:
    """Return the names that a module defines or imports at its top level.

    Raises:
        SyntaxError: it is no Python.
    """
    names: set[str] = set()
    for node in ast.parse(text).body:
        # Also within `if` and `try`.
        for inner in ast.walk(node) if isinstance(node, ast.If | ast.Try | ast.With) else (node,):
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(inner.name)
            elif isinstance(inner, ast.Import | ast.ImportFrom):
                names |= {alias.asname or alias.name.partition(".")[0] for alias in inner.names}
            elif isinstance(inner, ast.Assign | ast.AnnAssign):
                targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def facts_of(text: str) -> Facts:
    """Return what a source says of the model.

    Args:
        text: Python source.

    Raises:
        SyntaxError: it is no Python.
    """
    tree = ast.parse(text)
    uses: list[Use] = []
    names: dict[str, list[int]] = {}
    subclasses: list[tuple[str, str, int]] = []
    dtypes: list[tuple[str, str]] = []
    keras = _keras_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            names.setdefault(node.id if isinstance(node, ast.Name) else node.attr, []).append(node.lineno)
        elif isinstance(node, ast.FunctionDef):
            # A method that Keras calls is a name as well.
            names.setdefault(node.name, []).append(node.lineno)
        elif isinstance(node, ast.ClassDef):
            bases = [_dotted(base) for base in node.bases]
            subclasses += [
                (node.name, base.rpartition(".")[2], node.lineno) for base in bases if _is_layer(base, keras)
            ]
        elif isinstance(node, ast.Call):
            uses += _uses(node)
            dtypes += _dtypes(node)
    lines = {name: tuple(sorted(set(found))) for name, found in names.items()}
    return Facts(tuple(uses), lines, tuple(subclasses), tuple(dtypes))


def _keras_names(tree: ast.Module) -> dict[str, str]:
    """Return name in the source -> dotted name, for what is imported from Keras."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "keras":
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.asname or "keras": "keras" for alias in node.names if alias.name.split(".")[0] == "keras"}
    return found


def _is_layer(base: str, keras: Mapping[str, str]) -> bool:
    """Return whether the base of a class is a class of keras.layers."""
    root, dot, rest = base.partition(".")
    full = keras.get(root, root) + dot + rest
    return full.startswith("keras.layers.")


def _dotted(node: ast.expr) -> str:
    """Return the dotted name that an expression is; "" if it is something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (root := _dotted(node.value)):
        return f"{root}.{node.attr}"
    return ""


def _literal(node: ast.expr) -> Any:
    """Return a constant, or the last part of a name; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    return _dotted(node).rpartition(".")[2] or (_literal(node.func) if isinstance(node, ast.Call) else None)


def _uses(node: ast.Call) -> Iterator[Use]:
    parts = _dotted(node.func).split(".")
    name = parts[-1] or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
    subject = f"line {node.lineno}"
    settings = {str(place): _literal(value) for place, value in enumerate(node.args)}
    settings |= {keyword.arg: _literal(keyword.value) for keyword in node.keywords if keyword.arg}
    if name == "compile":
        optimizer = settings.get("optimizer", settings.get(str(_OPTIMIZER_ARGUMENT)))
        if isinstance(optimizer, str) and optimizer.lower() in _OPTIMIZER_NAMES:
            yield Use("optimizers", _OPTIMIZER_NAMES[optimizer.lower()], subject, {})
        loss = list(node.args[_LOSS_ARGUMENT:2])
        loss += [keyword.value for keyword in node.keywords if keyword.arg == "loss"]
        texts = (inner.value for value in loss for inner in ast.walk(value) if isinstance(inner, ast.Constant))
        for text in texts:
            if isinstance(text, str):
                yield Use("losses", text, subject, {})
    elif name:
        # keras.losses.BinaryCrossentropy and keras.metrics.BinaryCrossentropy have one name.
        yield Use(parts[-2] if len(parts) > 1 else "", name, subject, settings)


def _dtypes(node: ast.Call) -> Iterator[tuple[str, str]]:
    name = _dotted(node.func).rpartition(".")[2]
    if name in ("set_floatx", "set_dtype_policy") and node.args and isinstance(value := _literal(node.args[0]), str):
        yield f"line {node.lineno}, {ALL_LAYERS}", value
    # Of a layer, not of an array.
    elif name[:1].isupper():
        for keyword in node.keywords:
            if keyword.arg == "dtype" and isinstance(value := _literal(keyword.value), str):
                yield f"line {node.lineno}", value


def remarks(text: str) -> list[Remark]:
    """Return what in a source does not run, or not alike, on every backend, in the order of the lines.

    What is within `if keras.backend.backend() == ...` is taken to be meant for one backend, and left out.

    Args:
        text: Python source.

    Raises:
        SyntaxError: it is no Python.
    """
    reader = _Reader()
    reader.visit(ast.parse(text))
    grouped: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for line, message, backends in sorted(reader.found):
        grouped.setdefault((message, backends), []).append(line)
    return [Remark(_lines(lines), message, "", backends) for (message, backends), lines in grouped.items()]


def _lines(lines: list[int]) -> str:
    unique = list(dict.fromkeys(lines))
    return f"line {unique[0]}" if len(unique) == 1 else f"lines {', '.join(map(str, unique))}"


def _others(backend: str) -> tuple[str, ...]:
    return tuple(name for name in ALL if name != backend)


class _Reader(ast.NodeVisitor):
    """Collects (line, message, backends)."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str, tuple[str, ...]]] = []
        self._frameworks: dict[str, str] = {}  # name in the source -> dotted name
        self._numpy: set[str] = set()
        self._in_class = False
        self._tensors: set[str] = set()  # parameters of the method that is read

    def _add(self, node: ast.AST, message: str, backends: tuple[str, ...]) -> None:
        self.found.append((getattr(node, "lineno", 1), message, backends))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            root = alias.name.partition(".")[0]
            if root in FRAMEWORKS:
                self._frameworks[alias.asname or root] = alias.name if alias.asname else root
            elif root == "numpy":
                self._numpy.add(alias.asname or root)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        root = (node.module or "").partition(".")[0]
        if not node.level and root in FRAMEWORKS:
            for alias in node.names:
                self._frameworks[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                if alias.name == "keras" or ".keras" in f".{node.module}":
                    self._framework(node, f"{node.module}.{alias.name}")

    def visit_If(self, node: ast.If) -> None:
        if any(_dotted(inner).endswith("backend") for inner in ast.walk(node.test) if isinstance(inner, ast.expr)):
            return
        self._branch(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._branch(node.test)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self._in_class = self._in_class, True
        self.generic_visit(node)
        self._in_class = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer = self._tensors
        if self._in_class and node.name in _TENSOR_METHODS:
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            self._tensors = {argument.arg for argument in arguments} - _FLAGS
        self.generic_visit(node)
        self._tensors = outer

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = _dotted(node)
        root, _, rest = name.partition(".")
        if root in self._frameworks:
            self._framework(node, f"{self._frameworks[root]}.{rest}")
        else:
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self._frameworks:
            self._framework(node, self._frameworks[node.id])

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            self._method(node, node.func)
        self.generic_visit(node)

    def _framework(self, node: ast.AST, name: str) -> None:
        backend = FRAMEWORKS[name.partition(".")[0]]
        others = _others(backend)
        if name.startswith("tensorflow.keras"):
            self._add(node, f"{name} is the Keras of TensorFlow; import keras instead", others)
        elif name.startswith("tensorflow.data"):
            self._add(node, f"{name} needs TensorFlow installed beside the backend", others)
        elif name == "tensorflow.function":
            self._add(
                node, "tf.function compiles for TensorFlow only; compile(jit_compile=...) is for all backends", others
            )
        else:
            self._add(node, f"{name} runs on {TITLES[backend]} only; use keras.ops, or keras.random", others)

    def _method(self, node: ast.Call, function: ast.Attribute) -> None:
        root = _dotted(function).partition(".")[0]
        if function.attr in _METHODS and not node.args and root not in self._frameworks:
            backend = _METHODS[function.attr]
            self._add(node, f".{function.attr}() is a method of {TITLES[backend]}'s tensors only", _others(backend))
        elif function.attr == "numpy" and self._tensors and not node.args:
            message = ".numpy() on a tensor fails where the model is compiled, and JAX has no such method"
            self._add(node, message, ("jax", "tensorflow"))
        elif root in self._numpy and self._tensors & {inner.id for value in node.args for inner in _names(value)}:
            message = (
                f"{_dotted(function)} gets a tensor: it fails in a compiled model, and has no gradient; use keras.ops"
            )
            self._add(node, message, ALL)

    def _branch(self, test: ast.expr) -> None:
        """Report a comparison of a tensor in a condition; a comparison with None is none of its values."""
        if isinstance(test, ast.Compare) and not any(isinstance(one, ast.Is | ast.IsNot) for one in test.ops):
            compared = [test.left, *test.comparators]
            strings = any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in compared)
            if not strings and any(isinstance(one, ast.Name) and one.id in self._tensors for one in compared):
                message = "a condition on the values of a tensor fails in a compiled model; use keras.ops.where or cond"
                self._add(test, message, ("jax", "tensorflow"))


def _names(node: ast.expr) -> Iterator[ast.Name]:
    """Yield the names in an expression, but not those of which only the shape or the type is taken."""
    if isinstance(node, ast.Attribute) and node.attr in ("dtype", "ndim", "shape"):
        return
    if isinstance(node, ast.Name):
        yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from _names(child)
