"""Everything that is timed, in the order of the report."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Backend = Literal["jax", "torch", "tensorflow"]
Kind = Literal["cpu", "gpu"]
Cores = Literal["one", "all", "busy"]


@dataclass(frozen=True)
class Configuration:
    """One thing that is timed.

    Attributes:
        name: of the configuration.
        backend: KERAS_BACKEND of the environment that it runs in.
        kind: "variant" of this model in Keras, or "peer" without it.
        what: for the report.
        make: the `Trainer`, as "module:class".
        framework: what does the work; that of the environment unless said otherwise.
        path: what `Trainer.path` must say; anything else is a silent fall-back, and an error.
        same_model: it must compute what the oracle does, or it is not timed. Not so where it is what users run.
        way: how a whole run goes, from a cold process to a saved model: the tutorial's "script", this library's
            "command", or a "loop" around the trainer; None leaves whole runs out.
        grows: whether larger batches, lengths, units and corpora are timed.
        any_units: whether it can have other units than 8.
        gpu: whether it runs on a GPU.
        precision: on a GPU, "tf32" allows TensorFloat-32.
        cores: those that a process has: "one", and one thread, as a comparison needs; "all", and no variable set, as a
            user has it; "busy", the same beside as many busy processes as there are cores.
    """

    name: str
    backend: Backend
    kind: Literal["variant", "peer"]
    what: str
    make: str
    framework: Literal["jax", "torch", "tensorflow", "numpy", "c"]
    path: Mapping[str, str] = field(default_factory=dict)
    same_model: bool = True
    way: Literal["script", "command", "loop"] | None = None
    grows: bool = False
    any_units: bool = True
    gpu: bool = True
    precision: Literal["float32", "tf32"] = "float32"
    cores: Cores = "one"


def _keras(backend: Backend, settings: str, what: str, make: str, jit: bool = False, **more: Any) -> Configuration:
    path = {"jit_compile": str(jit)}
    name, trainer = f"{backend}-{settings}", f"benchmarks.variants:{make}"
    return replace(Configuration(name, backend, "variant", what, trainer, backend, path), **more)


def _by_hand(backend: Backend, loop: str, what: str, make: str, **more: Any) -> Configuration:
    trainer = f"benchmarks.baselines.{backend}:{make}"
    return replace(Configuration(f"{backend}-{loop}", backend, "peer", what, trainer, backend), **more)


_TUTORIAL = "Keras, as in the tutorial: fit on arrays"
_LIBRARY = "Keras, as this library trains"
# Which steps an engine makes: Keras's own in one compiled call, or steps by hand.
_COMPILED = {"jit_compile": "True", "recurrence": "fast", "steps": "compiled"}
_STEPS_BY_HAND = {"jit_compile": "False", "recurrence": "fast", "steps": "by hand"}
_COMPILED_BY_HAND = _COMPILED | {"steps": "by hand"}
_AGAIN = "the same once more: what differs is noise"
_ALL_CORES = "the same as a user has it: nothing set, all cores"
_BUSY = "the same, nothing set, beside a busy process for each core"
_OTHER_ADAM = f"{_TUTORIAL}; its Adam is another formula"
_XLA = "Keras, best stock settings: XLA, 32 steps per call"

CONFIGURATIONS = (
    _keras("jax", "tutorial", _TUTORIAL, "Tutorial", jit=True, way="script"),
    _keras("jax", "library", _LIBRARY, "Library", path=_COMPILED, way="command", grows=True),
    _keras("jax", "library-again", _AGAIN, "Library", path=_COMPILED),
    _keras("jax", "all-cores", _ALL_CORES, "Library", path=_COMPILED, way="command", cores="all", gpu=False),
    _keras("jax", "busy", _BUSY, "Library", path=_COMPILED, way="command", cores="busy", gpu=False),
    _by_hand("jax", "step", "JAX by hand, a jitted step", "StepJax", path={"compiled": "each step"}),
    _by_hand("jax", "epoch", "JAX by hand, 78 steps per jitted call", "EpochJax", way="loop", grows=True),
    _keras("torch", "tutorial", _TUTORIAL, "Tutorial", way="script"),
    _keras("torch", "library", _LIBRARY, "Library", path=_STEPS_BY_HAND, way="command", grows=True),
    _keras("torch", "all-cores", _ALL_CORES, "Library", path=_STEPS_BY_HAND, way="command", cores="all", gpu=False),
    _keras("torch", "busy", _BUSY, "Library", path=_STEPS_BY_HAND, way="command", cores="busy", gpu=False),
    _keras("torch", "unrolled", "Keras, best stock settings: unrolled", "Unrolled"),
    _by_hand("torch", "idiomatic", "PyTorch by hand, as documented", "IdiomaticTorch", path={"optimizer": "default"}),
    _by_hand(
        "torch", "tuned", "PyTorch by hand, tuned", "TunedTorch", path={"optimizer": "fused"}, way="loop", grows=True
    ),
    _keras("tensorflow", "tutorial", _OTHER_ADAM, "Tutorial", same_model=False, way="script"),
    _keras("tensorflow", "library", _LIBRARY, "Library", path=_COMPILED_BY_HAND, way="command", grows=True),
    _keras(
        "tensorflow", "all-cores", _ALL_CORES, "Library", path=_COMPILED_BY_HAND, way="command", cores="all", gpu=False
    ),
    _keras("tensorflow", "busy", _BUSY, "Library", path=_COMPILED_BY_HAND, way="command", cores="busy", gpu=False),
    _keras("tensorflow", "compiled", _XLA, "Compiled", jit=True, grows=True),
    Configuration(
        "numpy",
        "jax",
        "peer",
        "NumPy by hand",
        "benchmarks.baselines.numpy:PlainNumpy",
        "numpy",
        way="loop",
        grows=True,
        gpu=False,
    ),
    Configuration(
        "c",
        "jax",
        "peer",
        "C by hand, one core",
        "benchmarks.baselines.c:CompiledC",
        "c",
        {"threads": "1"},
        way="loop",
        grows=True,
        any_units=False,
        gpu=False,
    ),
)


def configurations_on(kind: Kind) -> list[Configuration]:
    """What is timed on a kind of device: on a GPU everything that can run there, without TensorFloat-32 and with it."""
    if kind == "cpu":
        return list(CONFIGURATIONS)
    on_gpu = [one for one in CONFIGURATIONS if one.gpu]
    return [
        *on_gpu,
        *(
            replace(
                one, name=f"{one.name}-tf32", what=f"{one.what}; TensorFloat-32", precision="tf32", same_model=False
            )
            for one in on_gpu
            if not one.name.endswith("-again")
        ),
    ]
