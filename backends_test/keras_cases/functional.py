"""Cases from tables: a layer, its settings and the shape of its inputs."""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from backends_test.keras_cases.case import Case, described

# The arguments of a layer, one dictionary per case.
Table = list[dict[str, Any]]


@dataclass(frozen=True)
class Tensor:
    """An input of a model.

    Attributes:
        shape: the shape without the batch.
        dtype: the dtype.
        batch: the size of the batch if the model fixes it.
    """

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    batch: int | None = None


def functional(apply: Callable[..., Any], *tensors: Tensor) -> keras.Model:
    """Returns a functional model.

    Args:
        apply: gets one symbolic tensor per input and returns the outputs.
        tensors: the inputs. A model with one input takes an array, a model with several takes a list.
    """
    inputs = [keras.Input(tensor.shape, batch_size=tensor.batch, dtype=tensor.dtype) for tensor in tensors]
    return keras.Model(inputs[0] if len(inputs) == 1 else inputs, apply(*inputs))


def layer_case(
    name: str,
    apply: Callable[..., Any],
    *tensors: Tensor,
    inputs: Callable[[], Any] | None = None,
) -> Case:
    """Returns a case of a layer that a table cannot describe.

    Args:
        name: the name of the case. Its first word is the public name of the layer.
        apply: gets one symbolic tensor per input and returns the outputs.
        tensors: the inputs.
        inputs: see `Case`.
    """
    return Case(name, functools.partial(functional, apply, *tensors), "layers", name.split()[0], inputs)


def layer_cases(
    subject: str,
    tensors: Tensor | list[Tensor],
    common: Mapping[str, Any],
    table: Iterable[Mapping[str, Any]] = ({},),
    *,
    suffix: str = "",
    inputs: Callable[[], Any] | None = None,
) -> list[Case]:
    """Returns one case per row of a table of settings.

    Args:
        subject: the public name of the layer.
        tensors: the input of the layer, or a list if it takes a list of inputs.
        common: arguments of all rows. They are no part of the name.
        table: the arguments of each row. They replace those of `common`.
        suffix: the end of each name, to tell two tables of one layer apart.
        inputs: see `Case`.
    """
    cases = []
    for row in table:
        name = f"{described(subject, **row)} {suffix}".rstrip()
        apply = functools.partial(_apply, subject, {**common, **row}, isinstance(tensors, list))
        cases.append(layer_case(name, apply, *(tensors if isinstance(tensors, list) else [tensors]), inputs=inputs))
    return cases


def _apply(subject: str, settings: Mapping[str, Any], as_list: bool, *inputs: Any) -> Any:
    layer = getattr(keras.layers, subject)(**settings)
    return layer(list(inputs)) if as_list else layer(inputs[0])
