"""Attention layers: scores, masks, heads, sliding windows."""

from typing import Any

import keras
import numpy as np

from backends_test.keras_cases import data
from backends_test.keras_cases.case import Case, described
from backends_test.keras_cases.functional import Tensor, layer_case

QUERY = Tensor((5, 4))
VALUE = Tensor((7, 4))
IDS = Tensor((7,), "int32")

# Settings of the constructor, and of the call.
ATTENTION: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"use_scale": True}, {}),
    ({"score_mode": "concat"}, {}),
    ({"score_mode": "concat", "use_scale": True}, {}),
    ({"dropout": 0.4}, {}),
    ({"dtype": "float16"}, {}),
    ({}, {"use_causal_mask": True}),
    ({}, {"return_attention_scores": True}),
]
ADDITIVE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"use_scale": False}, {}),
    ({"dropout": 0.4}, {}),
    ({}, {"use_causal_mask": True}),
    ({}, {"return_attention_scores": True}),
]
HEADS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"use_bias": False}, {}),
    ({"dropout": 0.4}, {}),
    ({"flash_attention": False}, {}),
    ({"flash_attention": True}, {}),
    ({"use_gate": True}, {}),
    ({"sliding_window": 2}, {}),
    ({"sliding_window": 2}, {"use_causal_mask": True}),
    ({"kernel_regularizer": "l2"}, {}),
    ({"dtype": "float16"}, {}),
    ({"dtype": "mixed_bfloat16"}, {}),
    ({}, {"use_causal_mask": True}),
    ({"flash_attention": True}, {"use_causal_mask": True}),
    ({}, {"return_attention_scores": True}),
    ({"dropout": 0.4}, {"return_attention_scores": True}),
]
MULTI_HEAD: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *HEADS,
    ({"value_dim": 5}, {}),
    ({"output_shape": 6}, {}),
    ({"output_shape": (2, 3)}, {}),
    ({"num_heads": 1}, {}),
]


def _embedded(ids: Any) -> Any:
    return keras.layers.Embedding(10, 4, mask_zero=True)(ids)


def _of_list(subject: str, settings: dict[str, Any], call: dict[str, Any]) -> list[Case]:
    """Returns the cases of a layer that takes the list of query, value and key."""

    def masked(query: Any, value: Any) -> Any:
        return getattr(keras.layers, subject)(**settings)([_embedded(query), _embedded(value)], **call)

    name = described(subject, **settings, **call)
    return [
        layer_case(
            name, lambda *inputs: getattr(keras.layers, subject)(**settings)(list(inputs), **call), QUERY, VALUE
        ),
        layer_case(f"{name} with masks", masked, IDS, IDS, inputs=_two_padded),
    ]


def _of_heads(subject: str, common: dict[str, Any], settings: dict[str, Any], call: dict[str, Any]) -> Case:
    return layer_case(
        described(subject, **settings, **call),
        lambda query, value: getattr(keras.layers, subject)(**{**common, **settings})(query, value, **call),
        QUERY,
        VALUE,
    )


def _masked(subject: str, common: dict[str, Any], call: dict[str, Any]) -> Case:
    return layer_case(
        described(subject, **call) + " with masks",
        lambda query, value: getattr(keras.layers, subject)(**common)(_embedded(query), _embedded(value), **call),
        IDS,
        IDS,
        inputs=_two_padded,
    )


def _with_attention_mask(subject: str, common: dict[str, Any]) -> Case:
    return layer_case(
        f"{subject} with an attention mask",
        lambda query, value, mask: getattr(keras.layers, subject)(**common)(query, value, attention_mask=mask),
        QUERY,
        VALUE,
        Tensor((5, 7), "bool"),
        inputs=_attention_mask,
    )


def _two_padded() -> list[data.Array]:
    return [data.PADDED_IDS, data.PADDED_IDS[::-1].copy()]


def _attention_mask() -> list[data.Array]:
    """Query, value and mask. The first query of the first sequence may look at nothing."""
    mask = data.integers(0, 2, data.BATCH, 5, 7).astype(bool)
    mask[0, 0] = False
    return [data.normal(data.BATCH, 5, 4), data.normal(data.BATCH, 7, 4, seed=1), mask]


_MULTI_HEAD = {"num_heads": 2, "key_dim": 3}
_GROUPED = {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2}

CASES = [
    *(case for settings, call in ATTENTION for case in _of_list("Attention", settings, call)),
    *(case for settings, call in ADDITIVE for case in _of_list("AdditiveAttention", settings, call)),
    layer_case(
        "Attention with a key of its own",
        lambda *inputs: keras.layers.Attention()(list(inputs)),
        QUERY,
        VALUE,
        VALUE,
    ),
    *(_of_heads("MultiHeadAttention", _MULTI_HEAD, settings, call) for settings, call in MULTI_HEAD),
    *(_masked("MultiHeadAttention", _MULTI_HEAD, call) for call in ({}, {"use_causal_mask": True})),
    _with_attention_mask("MultiHeadAttention", _MULTI_HEAD),
    layer_case(
        "MultiHeadAttention with a key of its own",
        lambda query, value, key: keras.layers.MultiHeadAttention(2, 3)(query, value, key),
        QUERY,
        VALUE,
        VALUE,
    ),
    *(
        layer_case(
            f"MultiHeadAttention attention_axes={str(axes).replace(' ', '')}",
            lambda inputs, axes=axes: keras.layers.MultiHeadAttention(2, 3, attention_axes=axes)(inputs, inputs),
            Tensor((3, 4, 5)),
        )
        for axes in (1, 2, (1, 2))
    ),
    *(_of_heads("GroupQueryAttention", _GROUPED, settings, call) for settings, call in HEADS),
    *(
        _of_heads("GroupQueryAttention", _GROUPED, settings, {})
        for settings in ({"num_key_value_heads": 1}, {"num_key_value_heads": 4})
    ),
    *(_masked("GroupQueryAttention", _GROUPED, call) for call in ({}, {"use_causal_mask": True})),
    _with_attention_mask("GroupQueryAttention", _GROUPED),
    layer_case(
        "MultiHeadAttention of a sequence with itself that is all padding",
        lambda ids: keras.layers.MultiHeadAttention(2, 3)(embedded := _embedded(ids), embedded),
        IDS,
        inputs=lambda: np.where(np.arange(data.BATCH)[:, None] == 1, 0, data.PADDED_IDS).astype(np.int32),
    ),
]
