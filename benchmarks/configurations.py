"""The configurations: everything that is timed, in the order of the report."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Backend = Literal["jax", "torch", "tensorflow"]
DeviceKind = Literal["cpu", "gpu"]
Cores = Literal["one", "all", "busy"]


@dataclass(frozen=True)
class Configuration:
    """One program that is timed.

    Attributes:
        name: the name of the configuration.
        backend: KERAS_BACKEND of the environment that it runs in.
        kind: "variant" if it trains with Keras, "baseline" if it does not.
        description: one line for the report.
        trainer: the `Trainer`, as "module:class".
        framework: the package that computes; by default that of the environment.
        path: entries that `Trainer.path` must have; anything else is a silent fallback, and an error.
        same_model: whether it must agree with the oracle to be timed. False for baselines that users run although they
            differ from the oracle.
        whole_run: the program of a whole run, from a cold process to a saved model: the tutorial's "script", the
            "command" of this library, or a "loop" around the trainer; None for no whole runs.
        scales: whether larger batches, lengths, units and corpora are timed.
        any_units: whether the number of units can be changed.
        gpu: whether it runs on a GPU.
        precision: on a GPU, "tf32" allows TensorFloat-32.
        cores: "one" core and one thread, which makes configurations comparable; "all" cores without any setting, as
            users run it; "busy", the same beside one busy process per core.
        fast: whether it is part of a fast run.
    """

    name: str
    backend: Backend
    kind: Literal["variant", "baseline"]
    description: str
    trainer: str
    framework: Literal["jax", "torch", "tensorflow", "numpy", "c"]
    path: Mapping[str, str] = field(default_factory=dict)
    same_model: bool = True
    whole_run: Literal["script", "command", "loop"] | None = None
    scales: bool = False
    any_units: bool = True
    gpu: bool = True
    precision: Literal["float32", "tf32"] = "float32"
    cores: Cores = "one"
    fast: bool = True


def _keras(backend: Backend, settings: str, what: str, trainer: str, jit: bool = False, **more: Any) -> Configuration:
    configuration = Configuration(
        f"{backend}-{settings}",
        backend,
        "variant",
        what,
        f"benchmarks.variants:{trainer}",
        backend,
        {"jit_compile": str(jit)},
    )
    return replace(configuration, **more)


def _without_settings(backend: Backend, path: Mapping[str, str], tutorial: Configuration) -> tuple[Configuration, ...]:
    """What a user gets: the tutorial and this library on all cores, alone and beside busy processes."""
    library = _keras(backend, "library", _LIBRARY, "Library", path=path, whole_run="command", gpu=False)
    tutorial = replace(tutorial, gpu=False)
    return (
        replace(tutorial, name=f"{backend}-tutorial-all-cores", cores="all"),
        replace(library, name=f"{backend}-all-cores", cores="all"),
        replace(
            tutorial,
            name=f"{backend}-tutorial-busy",
            description=f"{tutorial.description}{_BESIDE}",
            cores="busy",
            whole_run=None,
        ),
        replace(library, name=f"{backend}-busy", description=f"{library.description}{_BESIDE}", cores="busy"),
    )


def _loop(backend: Backend, loop: str, what: str, trainer: str, **more: Any) -> Configuration:
    configuration = Configuration(
        f"{backend}-{loop}", backend, "baseline", what, f"benchmarks.baselines.{backend}:{trainer}", backend
    )
    return replace(configuration, **more)


_TUTORIAL = "Keras as in the tutorial: fit on arrays"
_LIBRARY = "Keras as this library trains"
# The training steps of a backend: Keras's own step, several per compiled call, or a hand-written step.
_COMPILED = {"jit_compile": "True", "recurrence": "fast", "steps": "compiled"}
_HAND_WRITTEN = {"jit_compile": "False", "recurrence": "fast", "steps": "by hand"}
_COMPILED_HAND_WRITTEN = _COMPILED | {"steps": "by hand"}
_AGAIN = "the same again: the difference is noise"
_BESIDE = "; beside one busy process per core"
_OTHER_ADAM = f"{_TUTORIAL}; its Adam computes another formula"
_XLA = "Keras, best stock settings: XLA, 32 steps per call"

_TUTORIALS = {
    "jax": _keras("jax", "tutorial", _TUTORIAL, "Tutorial", jit=True, whole_run="script"),
    "torch": _keras("torch", "tutorial", _TUTORIAL, "Tutorial", whole_run="script"),
    "tensorflow": _keras("tensorflow", "tutorial", _OTHER_ADAM, "Tutorial", same_model=False, whole_run="script"),
}

CONFIGURATIONS = (
    *_without_settings("jax", _COMPILED, _TUTORIALS["jax"]),
    *_without_settings("torch", _HAND_WRITTEN, _TUTORIALS["torch"]),
    *_without_settings("tensorflow", _COMPILED_HAND_WRITTEN, _TUTORIALS["tensorflow"]),
    _TUTORIALS["jax"],
    _keras("jax", "library", _LIBRARY, "Library", path=_COMPILED, whole_run="command", scales=True),
    _keras("jax", "library-again", _AGAIN, "Library", path=_COMPILED, gpu=False),
    _loop(
        "jax",
        "step",
        "hand-written in JAX, one step per compiled call",
        "StepJax",
        path={"compiled": "each step"},
        gpu=False,
        fast=False,
    ),
    _loop("jax", "epoch", "hand-written in JAX, 78 steps per compiled call", "EpochJax", whole_run="loop", scales=True),
    _TUTORIALS["torch"],
    _keras("torch", "library", _LIBRARY, "Library", path=_HAND_WRITTEN, whole_run="command", scales=True),
    _keras("torch", "unrolled", "Keras, best stock settings: unrolled", "Unrolled", gpu=False, fast=False),
    _loop(
        "torch",
        "idiomatic",
        "hand-written in PyTorch, as documented",
        "IdiomaticTorch",
        path={"optimizer": "default"},
        gpu=False,
        fast=False,
    ),
    _loop(
        "torch",
        "tuned",
        "hand-written in PyTorch, tuned",
        "TunedTorch",
        path={"optimizer": "fused"},
        whole_run="loop",
        scales=True,
    ),
    _TUTORIALS["tensorflow"],
    _keras("tensorflow", "library", _LIBRARY, "Library", path=_COMPILED_HAND_WRITTEN, whole_run="command", scales=True),
    _keras("tensorflow", "compiled", _XLA, "Compiled", jit=True, scales=True, gpu=False),
    Configuration(
        "numpy",
        "jax",
        "baseline",
        "hand-written in NumPy",
        "benchmarks.baselines.numpy:PlainNumpy",
        "numpy",
        whole_run="loop",
        scales=True,
        gpu=False,
    ),
    Configuration(
        "c",
        "jax",
        "baseline",
        "hand-written in C, one core",
        "benchmarks.baselines.c:CompiledC",
        "c",
        {"threads": "1"},
        whole_run="loop",
        scales=True,
        any_units=False,
        gpu=False,
    ),
)


def configurations_on(device: DeviceKind) -> list[Configuration]:
    """Return the configurations of a kind of device; on a GPU the main ones also run with TensorFloat-32."""
    if device == "cpu":
        return list(CONFIGURATIONS)
    on_gpu = [_on_gpu(one) for one in CONFIGURATIONS if one.gpu]
    with_tf32 = [
        replace(
            one,
            name=f"{one.name}-tf32",
            description=f"{one.description}; TensorFloat-32",
            precision="tf32",
            same_model=False,
            scales=False,
        )
        for one in on_gpu
        if one.whole_run in ("command", "loop")
    ]
    return [*on_gpu, *with_tf32]


def _on_gpu(one: Configuration) -> Configuration:
    # The recurrence of cuDNN, which the loops in PyTorch use there, is further from the oracle than the tolerance.
    one = replace(one, scales=True, same_model=one.same_model and (one.kind, one.framework) != ("baseline", "torch"))
    # Whether Keras compiles with XLA is its own choice there.
    return replace(one, path={}) if one.name == "tensorflow-tutorial" else one
