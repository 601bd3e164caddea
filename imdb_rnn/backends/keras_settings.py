"""The settings of Keras's layers and of Adam that define the review classifier and its training."""

from typing import Any

# Class name of each layer -> its settings, as in `get_config()`.
LAYERS: dict[str, dict[str, Any]] = {
    "Embedding": {"mask_zero": False},
    "SimpleRNN": {
        "activation": "tanh",
        "use_bias": True,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "return_sequences": False,
        "return_state": False,
        "go_backwards": False,
        "stateful": False,
    },
    "Dense": {"units": 1, "activation": "sigmoid", "use_bias": True},
}
# The options of Adam with the values that turn them off.
ADAM_OPTIONS: dict[str, Any] = {
    "amsgrad": False,
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}
# Keras's defaults: the float type, and the epsilon by which scores are clipped to [epsilon, 1 - epsilon].
FLOATX, EPSILON = "float32", 1e-7
