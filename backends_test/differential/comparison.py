"""Compares one case with stock Keras and with this library, or many cases drawn by Hypothesis."""

from collections import Counter
from typing import Any

import keras
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from backends_test.differential.consumers import SLOW, consumers
from backends_test.differential.models import CELLS, CHANGES, STRUCTURES, Case, build
from imdb_rnn import paths

# For float32, few time steps, and up to third derivatives.
RELATIVE, ABSOLUTE = 2e-4, 2e-5

Arrays = list[np.ndarray]


def outcome(case: Case, fast: bool) -> tuple[Arrays | Exception, str]:
    """Return the arrays of the consumer, or its exception; and the execution path of the model's layers."""
    path = "left to Keras"
    try:
        model, x = build(case, fast)
        if any(found.path == "fast" for found in paths(model).values()):
            path = "fast"
        keras.utils.set_random_seed(case.seed)  # PyTorch draws dropout from its global generator
        results = keras.tree.flatten(consumers()[case.consumer](model, x))
        return [np.asarray(keras.ops.convert_to_numpy(part), np.float64) for part in results if part is not None], path
    except Exception as error:  # noqa: BLE001 (stock Keras may raise anything)
        return error, path


def compare(case: Case) -> tuple[str, str]:
    """Compare the accelerated model with the stock one.

    Returns:
        A description of the difference, "" if there is none; and "fast", "left to Keras" or "fails with stock Keras".
    """
    stock, _ = outcome(case, fast=False)
    if isinstance(stock, Exception):
        return "", "fails with stock Keras"
    ours, path = outcome(case, fast=True)
    if isinstance(ours, Exception):
        return f"fails: {type(ours).__name__}: {ours}", path
    if [part.shape for part in ours] != [part.shape for part in stock]:
        return f"other shapes: {[part.shape for part in ours]}, expected {[part.shape for part in stock]}", path
    for ours_part, stock_part in zip(ours, stock, strict=True):
        scale = np.abs(stock_part).max(initial=0)
        if not np.allclose(ours_part, stock_part, rtol=RELATIVE, atol=ABSOLUTE * max(1, scale), equal_nan=True):
            off = np.abs(ours_part - stock_part).max()
            return f"other numbers: difference {off:.2e}, largest number {scale:.2e}", path
    return "", path


def seldom(common: Any, *rare: Any) -> st.SearchStrategy[Any]:
    """Draw the first value in three of four cases, and otherwise one of the others."""
    return st.sampled_from([common] * (3 * len(rare)) + list(rare))


def cases() -> st.SearchStrategy[Case]:
    """Draw a model, a change and a consumer."""
    layer = st.fixed_dictionaries(
        {
            "cell": st.sampled_from(CELLS),
            "units": st.sampled_from([1, 3]),
            "activation": seldom("tanh", "relu", "linear"),
            "recurrent_activation": seldom("sigmoid", "hard_sigmoid"),
            "use_bias": st.booleans(),
            "return_sequences": st.booleans(),
            "go_backwards": st.booleans(),
            "unroll": seldom(False, True),
            "stateful": seldom(False, True),
            "zero": st.booleans(),
            "dropout": seldom(0.0, 0.5),
            "recurrent_dropout": seldom(0.0, 0.5),
            "seed": st.just(3),
            # The default of Keras is not implemented for every float type.
            "recurrent_initializer": st.just("glorot_uniform"),
            "dtype": seldom("float32", "float64", "bfloat16", "mixed_float16"),
        }
    )
    return st.builds(
        Case,
        layer=layer.map(lambda drawn: tuple(drawn.items())),
        structure=st.sampled_from(list(STRUCTURES)),
        masked=st.booleans(),
        change=st.one_of(st.just("nothing"), st.sampled_from(list(CHANGES))),
        consumer=st.sampled_from([name for name in consumers() for _ in range(1 if name in SLOW else 5)]),
        # Few shapes, so that compiled code is reused in other cases.
        shape=st.tuples(st.sampled_from([1, 3]), st.sampled_from([1, 2, 5]), st.sampled_from([1, 2])),
        seed=st.integers(0, 2**16),
    )


def check(count: int, *, random: bool) -> dict[str, Any]:
    """Compare random cases.

    Args:
        count: the number of cases.
        random: whether to draw other cases each time; otherwise they are always the same.

    Returns:
        The number of compared cases, the same by consumer, the number of cases on each path, and the number of
        accelerated cases of each cell.

    Raises:
        AssertionError: a case differs; the message shows its smallest form.
    """
    by_consumer: Counter[str] = Counter()
    by_path: Counter[str] = Counter()
    by_cell: Counter[str] = Counter()

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=not random,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def run(case: Case) -> None:
        difference, path = compare(case)
        assert not difference, f"{case}: {difference}"
        by_path[path] += 1
        if path != "fails with stock Keras":
            by_consumer[case.consumer] += 1
        if path == "fast":
            by_cell[dict(case.layer)["cell"]] += 1

    run()
    counts = {"paths": by_path, "cells": by_cell, "consumers": by_consumer}
    return {"cases": sum(by_consumer.values())} | {name: dict(sorted(one.items())) for name, one in counts.items()}
