"""Which models an engine may train by steps written by hand: the review classifier with Adam, and nothing else.

May import: the standard library; inside functions keras.

An engine whose framework compiles Keras's own step has no use for this. PyTorch's does not, and there the step of the
oracle, operation by operation, is what is quick. What it computes must be what Keras would, so every setting of Keras
that it does not know is a reason to leave the model to Keras.
"""

from typing import Any

# What the oracle's Adam does not do, by its name in Keras's configuration, and the value that turns it off.
_OPTIMIZER = {
    "amsgrad": False,
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}
_RECURRENT: dict[str, Any] = {
    "activation": "tanh",
    "use_bias": True,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "return_sequences": False,
    "return_state": False,
    "go_backwards": False,
    "stateful": False,
}
_LAYERS: dict[str, dict[str, Any]] = {
    "Embedding": {"mask_zero": False},
    "SimpleRNN": _RECURRENT,
    "Dense": {"units": 1, "activation": "sigmoid", "use_bias": True},
}
_LOSS = {"loss": "binary_crossentropy", "loss_weights": None}


def why_not(model: Any) -> str:
    """Why a compiled model is not to be trained by hand.

    Args:
        model: built and compiled, its optimizer built.

    Returns:
        The first reason found; "" if there is none.
    """
    import keras

    if type(model) is not keras.Sequential:
        return f"it is a {type(model).__name__}, not a Sequential"
    names = [type(layer).__name__ for layer in model.layers]
    if names != list(_LAYERS) or any(not type(layer).__module__.startswith("keras.") for layer in model.layers):
        return f"its layers are {', '.join(names)}, not {', '.join(_LAYERS)}"
    for layer, wanted in zip(model.layers, _LAYERS.values(), strict=True):
        if reason := _differs(layer.name, layer.get_config(), wanted):
            return reason
        if layer.activity_regularizer is not None:
            return f"{layer.name} has an activity regularizer"
    for variable in model.weights:
        if not variable.trainable or variable.regularizer is not None or variable.constraint is not None:
            return f"{variable.path} is frozen, regularized or constrained"
    kinds = {str(variable.dtype) for variable in model.weights} | {layer.compute_dtype for layer in model.layers}
    if kinds not in ({"float32"}, {"float64"}):
        return f"it computes in {', '.join(sorted(kinds))}"
    if reason := _differs("compile", model.get_compile_config() or {}, _LOSS):
        return reason
    optimizer = model.optimizer
    if type(optimizer).__name__ != "Adam":
        return f"its optimizer is {type(optimizer).__name__}, not Adam"
    settings = optimizer.get_config()
    if not isinstance(settings["learning_rate"], float):
        return "its learning rate follows a schedule"
    return _differs("Adam", settings, _OPTIMIZER)


def _differs(name: str, settings: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The first setting that is not as wanted, in words."""
    for setting, value in wanted.items():
        if settings.get(setting) != value:
            return f"{name} has {setting}={settings.get(setting)!r}"
    return ""
