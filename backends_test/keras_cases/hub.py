"""Cases of the backbones of KerasHub, tiny and without trained weights. They need the package `keras-hub`."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from backends_test.keras_cases import data
from backends_test.keras_cases.case import Case, described

VOCABULARY = 20
LENGTH = data.PADDED_IDS.shape[1]

_TEXT = {"vocabulary_size": VOCABULARY, "num_layers": 2, "hidden_dim": 8, "intermediate_dim": 16}
_HEADS = _TEXT | {"num_heads": 2}
_ENCODER = _HEADS | {"max_sequence_length": LENGTH}
_GROUPED = _TEXT | {"num_query_heads": 4, "num_key_value_heads": 2, "hidden_dim": 16}
_IMAGE = {"image_shape": (32, 32, 3)}
_VISION = _IMAGE | {"num_layers": 2, "num_heads": 2, "hidden_dim": 8}


def _tokens() -> dict[str, data.Array]:
    """Returns token ids and the mask of what is no padding, shape (4, 7)."""
    return {"token_ids": data.PADDED_IDS, "padding_mask": (data.PADDED_IDS != 0).astype(np.int32)}


def _tokens_and_segments() -> dict[str, data.Array]:
    segments = (np.arange(LENGTH) > LENGTH // 2).astype(np.int32)
    return {**_tokens(), "segment_ids": np.tile(segments, (data.BATCH, 1))}


def _segments_without_mask() -> dict[str, data.Array]:
    inputs = _tokens_and_segments()
    del inputs["padding_mask"]
    return inputs


def _both_sides() -> dict[str, data.Array]:
    """Returns the inputs of an encoder and of a decoder."""
    return {f"{side}_{name}": values for side in ("encoder", "decoder") for name, values in _tokens().items()}


def _spoken() -> dict[str, data.Array]:
    """Returns spectrograms for the encoder, shape (4, 12, 6), and ids for the decoder."""
    decoder = {f"decoder_{name}": values for name, values in _tokens().items()}
    return {"encoder_features": data.normal(data.BATCH, 12, 6), **decoder}


def _images() -> data.Array:
    return data.normal(data.BATCH, 32, 32, 3)


# Backbone, inputs, sizes, further settings.
TABLE: list[tuple[str, Callable[[], Any], dict[str, Any], list[dict[str, Any]]]] = [
    ("AlbertBackbone", _tokens_and_segments, _ENCODER | {"embedding_dim": 4}, [{}, {"num_inner_repetitions": 2}]),
    ("BartBackbone", _both_sides, _ENCODER, [{}]),
    ("BertBackbone", _tokens_and_segments, _ENCODER, [{}, {"dtype": "bfloat16"}]),
    ("BloomBackbone", _tokens, _HEADS, [{}]),
    ("DebertaV3Backbone", _tokens, _ENCODER | {"bucket_size": 4}, [{}]),
    ("DistilBertBackbone", _tokens, _ENCODER, [{}]),
    (
        "ElectraBackbone",
        _tokens_and_segments,
        {name: size for name, size in _ENCODER.items() if name != "vocabulary_size"}
        | {"vocab_size": VOCABULARY, "embedding_dim": 4},
        [{}],
    ),
    ("ESM2Backbone", _tokens, _ENCODER, [{}]),
    (
        "FNetBackbone",
        _segments_without_mask,
        _TEXT | {"max_sequence_length": LENGTH},
        [{}],
    ),
    ("FalconBackbone", _tokens, _TEXT | {"num_attention_heads": 2}, [{}]),
    ("GPT2Backbone", _tokens, _ENCODER, [{}]),
    ("GPTNeoXBackbone", _tokens, _ENCODER | {"rotary_percentage": 0.5}, [{}]),
    (
        "GemmaBackbone",
        _tokens,
        _GROUPED | {"head_dim": 4},
        [
            {},
            {
                "use_post_ffw_norm": True,
                "attention_logit_soft_cap": 5.0,
                "final_logit_soft_cap": 3.0,
                "use_sliding_window_attention": True,
                "sliding_window_size": 3,
            },
        ],
    ),
    ("LlamaBackbone", _tokens, _GROUPED, [{}, {"tie_word_embeddings": True}]),
    ("MistralBackbone", _tokens, _GROUPED, [{"sliding_window": 3}]),
    ("MixtralBackbone", _tokens, _GROUPED, [{"num_experts": 3}]),
    ("OPTBackbone", _tokens, _ENCODER, [{}]),
    ("Phi3Backbone", _tokens, _GROUPED, [{}]),
    ("Qwen3Backbone", _tokens, _GROUPED | {"head_dim": 4}, [{}]),
    ("RobertaBackbone", _tokens, _ENCODER, [{}]),
    ("T5Backbone", _both_sides, _HEADS, [{}, {"use_gated_activation": False}]),
    (
        "WhisperBackbone",
        _spoken,
        _HEADS | {"num_mels": 6, "max_encoder_sequence_length": 12, "max_decoder_sequence_length": LENGTH},
        [{}],
    ),
    ("XLNetBackbone", _tokens_and_segments, _HEADS, [{}]),
    (
        "CSPNetBackbone",
        _images,
        _IMAGE
        | {
            "stem_filters": 4,
            "stem_kernel_size": 3,
            "stem_strides": 1,
            "stackwise_depth": [1, 1],
            "stackwise_strides": [1, 2],
            "stackwise_num_filters": [4, 8],
            "block_type": "dark_block",
            "stage_type": "dark",
        },
        [{}],
    ),
    ("DenseNetBackbone", _images, _IMAGE | {"stackwise_num_repeats": [1, 2], "growth_rate": 4}, [{}]),
    (
        "DINOV2Backbone",
        _images,
        _VISION | {"patch_size": 8, "intermediate_dim": 16, "position_embedding_shape": (48, 48)},
        [{"num_register_tokens": 2}],
    ),
    (
        "MiTBackbone",
        _images,
        _IMAGE
        | {
            "layerwise_depths": [1, 1],
            "num_layers": 2,
            "layerwise_num_heads": [1, 2],
            "layerwise_sr_ratios": [2, 1],
            "max_drop_path_rate": 0.1,
            "layerwise_patch_sizes": [7, 3],
            "layerwise_strides": [4, 2],
            "hidden_dims": [4, 8],
        },
        [{}],
    ),
    (
        "ResNetBackbone",
        _images,
        _IMAGE
        | {
            "input_conv_filters": [64],
            "input_conv_kernel_sizes": [7],
            "stackwise_num_filters": [64, 64],
            "stackwise_num_blocks": [1, 2],
            "stackwise_num_strides": [1, 2],
        },
        [
            {"block_type": "basic_block"},
            {"block_type": "bottleneck_block", "use_pre_activation": True},
            {"block_type": "basic_block_vd"},
        ],
    ),
    (
        "SwinTransformerBackbone",
        _images,
        _IMAGE | {"embed_dim": 4, "depths": (2, 2), "num_heads": (1, 2), "window_size": 4},
        [{}],
    ),
    ("VGGBackbone", _images, _IMAGE | {"stackwise_num_repeats": [1, 2], "stackwise_num_filters": [4, 8]}, [{}]),
    ("ViTBackbone", _images, _VISION | {"patch_size": 8, "mlp_dim": 16}, [{}, {"use_class_token": False}]),
]


def _build(subject: str, settings: dict[str, Any]) -> keras.Model:
    # Imported here, so that the other groups need no KerasHub.
    backbones = importlib.import_module("keras_hub.models")
    return getattr(backbones, subject)(**settings)


CASES = [
    Case(
        described(subject, **settings),
        functools.partial(_build, subject, {**sizes, **settings}),
        "hub",
        subject,
        inputs,
    )
    for subject, inputs, sizes, table in TABLE
    for settings in table
]
