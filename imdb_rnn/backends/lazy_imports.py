"""Puts off what Keras imports at its start and few programs use, until it is used.

With scikit-learn, matplotlib and PyTorch's compiler, Keras takes up to twice as long to import. They are still imported
at the first use, so a program sees no difference.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

# Keras's wrappers for scikit-learn, which import it; and what Keras draws with.
_MODULES = ("keras.wrappers", "keras._tf_keras.keras.wrappers", "matplotlib.pyplot")
# The compiler of PyTorch, of which Keras uses only a decorator.
_COMPILER = "torch._dynamo"


@contextmanager
def lazy_imports() -> Iterator[None]:
    """Import Keras lazily within a block."""
    finder, compiler = _LazyFinder(), ModuleType(_COMPILER)
    vars(compiler)["disable"] = _disable
    sys.meta_path.insert(0, finder)
    sys.modules.setdefault(_COMPILER, compiler)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        if sys.modules[_COMPILER] is compiler:
            del sys.modules[_COMPILER]


class _LazyFinder(MetaPathFinder):
    """Finds the modules of `_MODULES`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname in _MODULES else None
        if spec is not None and spec.loader is not None:
            spec.loader = _LazyLoader(spec.loader)
        return spec


class _LazyLoader(Loader):
    """Runs a module when one of its names is first used.

    `importlib.util.LazyLoader` also runs it when somebody asks for its file, as TensorFlow does of all modules.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        lock, names = threading.RLock(), vars(module)
        running = False

        def run() -> None:
            nonlocal running
            with lock:  # another thread waits until all names are there
                if running or names.get("__getattr__") is not missing:
                    return
                running = True
                try:
                    self._loader.exec_module(module)
                finally:
                    running = False
                for name, own in (("__getattr__", missing), ("__dir__", listed)):
                    if names.get(name) is own:  # the module may have one itself
                        del names[name]

        def missing(name: str) -> Any:
            if name.startswith("__") and name != "__all__":
                raise AttributeError(name)
            run()
            if name in names:
                return names[name]
            msg = f"module {module.__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)

        def listed() -> list[str]:
            run()
            return sorted(names)

        names["__getattr__"], names["__dir__"] = missing, listed


def _disable() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that does the same as `torch._dynamo.disable()`.

    As long as nobody has imported the compiler, nothing is being compiled, and there is nothing to disable.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        disabled: list[Callable[..., Any]] = []

        @wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            if not disabled and _COMPILER in sys.modules:
                disabled.append(sys.modules[_COMPILER].disable(function))
            return (disabled[0] if disabled else function)(*args, **kwargs)

        return inner

    return decorate
