"""Recurrent layers: directions, masks, states, cells and wrappers."""

import functools
from typing import Any

import keras

from backends_test.keras_cases import data
from backends_test.keras_cases.case import Case, described
from backends_test.keras_cases.functional import Table, Tensor, layer_case, layer_cases

SEQUENCE = Tensor((7, 3))
IDS = Tensor((7,), "int32")

COMMON: Table = [
    {},
    {"return_sequences": True},
    {"return_state": True},
    {"go_backwards": True},
    {"go_backwards": True, "return_sequences": True},
    {"unroll": True},
    {"use_bias": False},
    {"activation": "relu"},
    {"dropout": 0.4},
    {"recurrent_dropout": 0.4},
    {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 1},
    {"kernel_regularizer": "l2", "recurrent_regularizer": "l1", "bias_regularizer": "l2"},
    {"dtype": "float16"},
]
OWN: dict[str, Table] = {
    "SimpleRNN": [{"dtype": "float64"}],
    "GRU": [
        {"reset_after": False},
        {"reset_after": False, "use_bias": False},
        {"recurrent_activation": "hard_sigmoid"},
        {"use_cudnn": False},
    ],
    "LSTM": [
        {"unit_forget_bias": False},
        {"recurrent_activation": "hard_sigmoid"},
        {"use_cudnn": False},
        {"return_state": True, "return_sequences": True},
    ],
}
MASKED: Table = [
    {},
    {"return_sequences": True},
    {"go_backwards": True},
    {"go_backwards": True, "return_sequences": True},
    {"unroll": True},
    {"return_state": True},
]
CONV_LSTM: Table = [
    {},
    {"return_sequences": True},
    {"padding": "same"},
    {"strides": 2},
    {"strides": 2, "padding": "same"},
    {"dilation_rate": 2},
    {"go_backwards": True, "return_sequences": True},
    {"return_state": True},
    {"use_bias": False},
    {"dropout": 0.4, "recurrent_dropout": 0.4},
]


def _empty_sequence() -> data.Array:
    """The ids of `PADDED_IDS`, but the third sequence has padding only."""
    ids = data.PADDED_IDS.copy()
    ids[2] = 0
    return ids


def _layer(subject: str, **settings: Any) -> Any:
    return getattr(keras.layers, subject)(**settings)


def _embedded(ids: Any) -> Any:
    return keras.layers.Embedding(10, 3, mask_zero=True)(ids)


def _masked(subject: str, settings: dict[str, Any]) -> Case:
    return layer_case(
        described(subject, **settings) + " with a mask",
        lambda ids: _layer(subject, units=2, **settings)(_embedded(ids)),
        IDS,
        inputs=lambda: data.PADDED_IDS,
    )


def _of(subject: str) -> list[Case]:
    """Returns the cases that all three recurrent layers have."""
    return [
        *layer_cases(subject, SEQUENCE, {"units": 2}, COMMON + OWN[subject]),
        *layer_cases(subject, Tensor((7, 3), batch=4), {"units": 2}, [{"stateful": True}]),
        *layer_cases(subject, Tensor((1, 3)), {"units": 2}, suffix="of one time step"),
        *layer_cases(subject, Tensor((None, 3)), {"units": 2}, suffix="of an unknown length"),
        *layer_cases(subject, SEQUENCE, {"units": 1}, suffix="of one unit"),
        *(_masked(subject, settings) for settings in MASKED),
        layer_case(
            f"{subject} with a sequence that is all padding",
            lambda ids: _layer(subject, units=2, return_sequences=True)(_embedded(ids)),
            IDS,
            inputs=_empty_sequence,
        ),
        layer_case(
            f"{subject} after Masking",
            lambda inputs: _layer(subject, units=2)(keras.layers.Masking()(inputs)),
            SEQUENCE,
            inputs=functools.partial(data.padded, 3),
        ),
        layer_case(
            f"{subject} stacked, with a mask",
            lambda ids: _layer(subject, units=2)(_layer(subject, units=3, return_sequences=True)(_embedded(ids))),
            IDS,
            inputs=lambda: data.PADDED_IDS,
        ),
    ]


def _bidirectional(name: str, subject: str, masked: bool, merge_mode: str | None, **settings: Any) -> Case:
    def apply(inputs: Any) -> Any:
        layer = keras.layers.Bidirectional(_layer(subject, units=2, **settings), merge_mode=merge_mode)
        return layer(_embedded(inputs) if masked else inputs)

    inputs = (lambda: data.PADDED_IDS) if masked else None
    return layer_case(f"Bidirectional {subject} {name}", apply, IDS if masked else SEQUENCE, inputs=inputs)


def _initial_state(subject: str, states: int) -> Case:
    return layer_case(
        f"{subject} from an initial state",
        lambda inputs, *state: _layer(subject, units=2)(inputs, initial_state=list(state)),
        SEQUENCE,
        *[Tensor((2,))] * states,
    )


def _cell(name: str, make: Any, **settings: Any) -> Case:
    return layer_case(name, lambda inputs: keras.layers.RNN(make(), **settings)(inputs), SEQUENCE)


def _stacked() -> keras.layers.Layer:
    return keras.layers.StackedRNNCells([keras.layers.LSTMCell(3), keras.layers.GRUCell(2)])


CASES = [
    *(case for subject in ("SimpleRNN", "GRU", "LSTM") for case in _of(subject)),
    _initial_state("SimpleRNN", 1),
    _initial_state("GRU", 1),
    _initial_state("LSTM", 2),
    *(
        _bidirectional(f"merge_mode={mode}", "LSTM", masked=False, merge_mode=mode)
        for mode in ("concat", "sum", "mul", "ave", None)
    ),
    _bidirectional("return_sequences=True", "GRU", masked=False, merge_mode="concat", return_sequences=True),
    _bidirectional("return_state=True", "SimpleRNN", masked=False, merge_mode="concat", return_state=True),
    *(
        _bidirectional(f"with a mask and return_sequences={every}", subject, True, "concat", return_sequences=every)
        for subject in ("SimpleRNN", "GRU", "LSTM")
        for every in (False, True)
    ),
    layer_case(
        "Bidirectional with two different layers",
        lambda inputs: keras.layers.Bidirectional(
            keras.layers.LSTM(2), backward_layer=keras.layers.LSTM(2, go_backwards=True, activation="relu")
        )(inputs),
        SEQUENCE,
    ),
    _cell("SimpleRNNCell in RNN", lambda: keras.layers.SimpleRNNCell(2)),
    _cell("SimpleRNNCell dropout=0.4", lambda: keras.layers.SimpleRNNCell(2, dropout=0.4)),
    _cell("GRUCell in RNN", lambda: keras.layers.GRUCell(2), return_sequences=True),
    _cell("GRUCell reset_after=False", lambda: keras.layers.GRUCell(2, reset_after=False)),
    _cell("LSTMCell in RNN", lambda: keras.layers.LSTMCell(2), return_state=True),
    _cell("StackedRNNCells of LSTM and GRU", _stacked),
    _cell("StackedRNNCells return_sequences=True", _stacked, return_sequences=True),
    _cell("RNN go_backwards=True", lambda: keras.layers.GRUCell(2), go_backwards=True),
    layer_case(
        "RNN zero_output_for_mask=True",
        lambda ids: keras.layers.RNN(keras.layers.GRUCell(2), return_sequences=True, zero_output_for_mask=True)(
            _embedded(ids)
        ),
        IDS,
        inputs=lambda: data.PADDED_IDS,
    ),
    layer_case(
        "RNN of a list of cells, with a mask",
        lambda ids: keras.layers.RNN([keras.layers.LSTMCell(3), keras.layers.LSTMCell(2)])(_embedded(ids)),
        IDS,
        inputs=lambda: data.PADDED_IDS,
    ),
    layer_case(
        "SimpleRNNCell alone",
        lambda inputs, state: keras.layers.SimpleRNNCell(2)(inputs, state)[0],
        Tensor((3,)),
        Tensor((2,)),
    ),
    layer_case(
        "TimeDistributed dense layer",
        lambda inputs: keras.layers.TimeDistributed(keras.layers.Dense(2))(inputs),
        SEQUENCE,
    ),
    layer_case(
        "TimeDistributed convolution",
        lambda inputs: keras.layers.TimeDistributed(keras.layers.Conv2D(2, 3))(inputs),
        Tensor((3, 5, 6, 2)),
    ),
    layer_case(
        "TimeDistributed batch normalization",
        lambda inputs: keras.layers.TimeDistributed(keras.layers.BatchNormalization())(inputs),
        SEQUENCE,
    ),
    layer_case(
        "TimeDistributed with a mask",
        lambda ids: keras.layers.LSTM(2)(keras.layers.TimeDistributed(keras.layers.Dense(3))(_embedded(ids))),
        IDS,
        inputs=lambda: data.PADDED_IDS,
    ),
    *layer_cases("ConvLSTM1D", Tensor((4, 7, 2)), {"filters": 3, "kernel_size": 3}, CONV_LSTM),
    *layer_cases("ConvLSTM2D", Tensor((3, 5, 6, 2)), {"filters": 2, "kernel_size": 3}, CONV_LSTM),
    *layer_cases(
        "ConvLSTM2D",
        Tensor((3, 2, 5, 6)),
        {"filters": 2, "kernel_size": 3, "data_format": "channels_first"},
        suffix="channels first",
    ),
    *layer_cases("ConvLSTM2D", Tensor((3, 5, 6, 2), batch=4), {"filters": 2, "kernel_size": 3}, [{"stateful": True}]),
    *layer_cases(
        "ConvLSTM3D",
        Tensor((2, 4, 5, 3, 2)),
        {"filters": 2, "kernel_size": 2},
        [{}, {"padding": "same", "return_sequences": True}],
    ),
    layer_case(
        "ConvLSTM2D with a mask",
        lambda inputs, mask: keras.layers.ConvLSTM2D(2, 3, return_sequences=True)(inputs, mask=mask),
        Tensor((7, 5, 5, 1)),
        Tensor((7,), "bool"),
        inputs=lambda: [data.normal(data.BATCH, 7, 5, 5, 1), data.PADDED_IDS != 0],
    ),
]
