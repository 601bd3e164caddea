"""Plants a fault into Keras on one backend, and says what a comparison has to report of it.

A fault is a function that builds a model. On the planted backend it changes Keras first, in this process only. All
other backends run Keras as it is, so that a comparison must disagree. `SWITCH` set to "off" plants nothing: the same
models must agree then.
"""

import functools
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

SWITCH = "PLANTED_FAULTS"

Function = Callable[..., Any]
Builder = Callable[[], keras.Model]


@dataclass(frozen=True)
class PlantedFault:
    """A fault and what must be reported of it.

    Attributes:
        name: of the function that builds the model.
        backend: the value of `KERAS_BACKEND` that the fault is planted on.
        stage: the first stage at which it must be noticed, or several where more than one is right.
        layer: the name of the layer that must be named; None where only a stage can be named.
        build: builds the model.
        description: what is wrong, in one sentence.
        file: where the function stands.
    """

    name: str
    backend: str
    stage: str | tuple[str, ...]
    layer: str | None
    build: Builder
    description: str
    file: Path

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that are right."""
        return (self.stage,) if isinstance(self.stage, str) else self.stage

    @property
    def model(self) -> str:
        """The model as the command line names it."""
        return f"{self.file}:{self.name}"


# Every fault of the modules imported so far; `faults.FAULTS` holds them all.
DECLARED: list[PlantedFault] = []


def planted(
    backend: str, stage: str | tuple[str, ...], layer: str | None = None
) -> Callable[[Callable[[bool], keras.Model]], Builder]:
    """Declare a fault.

    Args:
        backend: see `PlantedFault`.
        stage: see `PlantedFault`.
        layer: see `PlantedFault`.

    Returns:
        A decorator of a function that builds the model, with the fault if its argument is true. The decorated function
        takes no arguments.
    """

    def declare(build: Callable[[bool], keras.Model]) -> Builder:
        def build_here() -> keras.Model:
            return build(keras.config.backend() == backend and os.environ.get(SWITCH) != "off")

        # `functools.wraps` would pass on the signature as well, and this function takes no arguments.
        build_here.__name__ = build_here.__qualname__ = build.__name__
        build_here.__module__, build_here.__doc__ = build.__module__, build.__doc__
        description = (build.__doc__ or "").strip()
        file = Path(inspect.getfile(build))
        DECLARED.append(PlantedFault(build.__name__, backend, stage, layer, build_here, description, file))
        return build_here

    return declare


def replace(owner: Any, name: str, change: Callable[[Function], Function]) -> None:
    """Replace a function of a class or module. A second call in the same process changes nothing.

    Args:
        owner: the class or module.
        name: of the function.
        change: takes the original and returns what replaces it.
    """
    original = getattr(owner, name)
    if not hasattr(original, "planted"):
        replacement: Any = functools.wraps(original)(change(original))
        if name == "__init__":
            # Keras reads the arguments of a layer without a look at `__wrapped__`.
            replacement.__signature__ = inspect.signature(original)
        replacement.planted = True
        setattr(owner, name, replacement)


def override(owner: Any, name: str, **values: Any) -> None:
    """Have a function called with other values of some arguments, whatever the caller passes.

    Args:
        owner: the class or module.
        name: of the function.
        **values: argument -> value.
    """

    def change(original: Function) -> Function:
        signature = inspect.signature(original)

        def changed(*arguments: Any, **keywords: Any) -> Any:
            bound = signature.bind(*arguments, **keywords)
            bound.arguments.update(values)
            return original(*bound.args, **bound.kwargs)

        return changed

    replace(owner, name, change)


def during(owner: Any, name: str, **changes: Function) -> None:
    """Have attributes of an object hold other values while one of its methods runs.

    Outside of it they keep their values, so that the configuration of a layer does not show the fault.

    Args:
        owner: the class.
        name: of the method.
        **changes: attribute -> function of its value that returns the other value.
    """

    def change(original: Function) -> Function:
        def changed(self: Any, *arguments: Any, **keywords: Any) -> Any:
            before = {attribute: getattr(self, attribute) for attribute in changes}
            for attribute, value in changes.items():
                setattr(self, attribute, value(before[attribute]))
            try:
                return original(self, *arguments, **keywords)
            finally:
                for attribute, value in before.items():
                    setattr(self, attribute, value)

        return changed

    replace(owner, name, change)


def after(owner: Any, name: str, do: Function) -> None:
    """Do something else each time after a method has run.

    Args:
        owner: the class.
        name: of the method.
        do: is called with the object; what it returns is ignored.
    """

    def change(original: Function) -> Function:
        def changed(self: Any, *arguments: Any, **keywords: Any) -> Any:
            result = original(self, *arguments, **keywords)
            do(self)
            return result

        return changed

    replace(owner, name, change)


def output(owner: Any, name: str, change_output: Function) -> None:
    """Have what a function returns changed.

    Args:
        owner: the class or module.
        name: of the function.
        change_output: takes what the function returns, and returns the other value.
    """

    def change(original: Function) -> Function:
        def changed(*arguments: Any, **keywords: Any) -> Any:
            return change_output(original(*arguments, **keywords))

        return changed

    replace(owner, name, change)


def chain(first: Any, *layers: Any) -> keras.Model:
    """Return a functional model that applies layers one after the other.

    Args:
        first: what `keras.Input` returns.
        *layers: layers or functions of a tensor.
    """
    tensor = first
    for layer in layers:
        tensor = layer(tensor)
    return keras.Model(first, tensor)
