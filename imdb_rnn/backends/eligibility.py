"""Decides which models a hand-written training step supports: only the review classifier with Adam.

A hand-written step must compute the same as Keras's own step. Any Keras setting that it does not support, and any
change that a program has made to Keras's objects, is a reason to use Keras's step.
"""

from functools import cache
from typing import Any

from imdb_rnn.backends.keras_settings import ADAM_OPTIONS, EPSILON, LAYERS
from imdb_rnn.backends.modifications import modification_of

_LOSS = {"loss": "binary_crossentropy", "loss_weights": None}
# The methods that Keras's step calls. A program may have replaced them on the class.
_METHODS = {
    "Model": ("train_step", "compute_loss", "compute_metrics"),
    "Layer": ("__call__", "call"),
    "Optimizer": ("apply", "update_step"),
}


def unsupported_reason(model: Any) -> str:
    """Return why a hand-written step cannot train a compiled model.

    A model can change between two calls, so the result is not cached.

    Args:
        model: built and compiled. Its optimizer is built if necessary, as Keras does before the first step.

    Returns:
        The first reason; "" if there is none.
    """
    import keras

    if reason := unsupported_forward_reason(model):
        return reason
    if model.run_eagerly:
        return "it runs eagerly"
    for variable in model.weights:
        if not variable.trainable or variable.regularizer is not None or variable.constraint is not None:
            return f"{variable.path} is frozen, regularized or constrained"
    if reason := _difference("compile", model.get_compile_config() or {}, _LOSS):
        return reason
    # Keras computes losses in this type, whatever the dtype of the model is.
    if keras.config.floatx() != model.weights[0].dtype:
        return f"losses are computed in {keras.config.floatx()}"
    if keras.config.epsilon() != EPSILON:
        return f"keras.config.epsilon() is {keras.config.epsilon()}"
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return _unsupported_optimizer_reason(model) or modification_of(model, _METHODS["Model"])


def unsupported_forward_reason(model: Any) -> str:
    """Return why a model's forward pass differs from the review classifier's; "" if it does not."""
    import keras

    if type(model) is not keras.Sequential:
        return f"it is a {type(model).__name__}, not a Sequential"
    names = [type(layer).__name__ for layer in model.layers]
    if [type(layer) for layer in model.layers] != [getattr(keras.layers, name) for name in LAYERS]:
        return f"its layers are {', '.join(names)}, not Keras's {', '.join(LAYERS)}"
    for layer, wanted in zip(model.layers, LAYERS.values(), strict=True):
        if reason := _difference(layer.name, layer.get_config(), wanted):
            return reason
        if layer.activity_regularizer is not None:
            return f"{layer.name} has an activity regularizer"
    parts = [*model.layers, model.layers[1].cell]
    types = {str(variable.dtype) for variable in model.weights} | {part.compute_dtype for part in parts}
    if types not in ({"float32"}, {"float64"}):
        return f"it computes in {', '.join(sorted(types))}"
    for part in parts:
        if reason := modification_of(part, _METHODS["Layer"]):
            return f"of {part.name}, {reason}"
    return modification_of(model, _METHODS["Layer"])


@cache
def _adam() -> Any:
    import keras

    # On PyTorch, `keras.optimizers.Adam()` creates an object of a subclass.
    return type(keras.optimizers.Adam())


def _unsupported_optimizer_reason(model: Any) -> str:
    optimizer: Any = model.optimizer
    if type(optimizer) is not _adam():
        kind = type(model.optimizer)
        return f"its optimizer is {kind.__module__}.{kind.__name__}, not Keras's Adam"
    settings = optimizer.get_config()
    if not isinstance(settings["learning_rate"], float):
        return "its learning rate follows a schedule"
    built_for = [id(variable) for variable in optimizer._trainable_variables]
    if built_for != [id(variable) for variable in model.trainable_variables]:
        return "its optimizer was built for other weights"
    return _difference("Adam", settings, ADAM_OPTIONS) or modification_of(optimizer, _METHODS["Optimizer"])


def _difference(name: str, settings: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return the first setting that differs; "" if none does."""
    for setting, value in wanted.items():
        if settings.get(setting) != value:
            return f"{name} has {setting}={settings.get(setting)!r}"
    return ""
