"""Everything that is timed, in the order of the report. May import: the standard library."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Configuration:
    """One thing that is timed.

    Attributes:
        name: of the configuration.
        backend: KERAS_BACKEND of the environment that it runs in.
        kind: "variant" of this model in Keras, or "peer" without it.
        what: for the report.
        make: the `Trainer`, as "module:class".
        same_model: it must compute what the oracle does, or it is not timed. Not so where it is what users run.
        needs: another thing that must be there, "compiler".
    """

    name: str
    backend: Literal["jax", "torch", "tensorflow"]
    kind: Literal["variant", "peer"]
    what: str
    make: str
    same_model: bool = True
    needs: str = ""


_TUTORIAL = "Keras, as in the tutorial: fit on arrays"
_LIBRARY = "Keras, as this library trains"

CONFIGURATIONS = (
    Configuration("jax-tutorial", "jax", "variant", _TUTORIAL, "benchmarks.variants:Tutorial"),
    Configuration("jax-library", "jax", "variant", _LIBRARY, "benchmarks.variants:Library"),
    Configuration(
        "jax-library-again",
        "jax",
        "variant",
        "the same once more: what differs is noise",
        "benchmarks.variants:Library",
    ),
    Configuration("jax-step", "jax", "peer", "JAX by hand, a jitted step", "benchmarks.peers.jax:StepJax"),
    Configuration("jax-epoch", "jax", "peer", "JAX by hand, a jitted epoch", "benchmarks.peers.jax:EpochJax"),
    Configuration("torch-tutorial", "torch", "variant", _TUTORIAL, "benchmarks.variants:Tutorial"),
    Configuration("torch-library", "torch", "variant", _LIBRARY, "benchmarks.variants:Library"),
    Configuration(
        "torch-best", "torch", "variant", "Keras, best stock settings: unrolled", "benchmarks.variants:BestStock"
    ),
    Configuration(
        "torch-idiomatic", "torch", "peer", "PyTorch by hand, as documented", "benchmarks.peers.torch:IdiomaticTorch"
    ),
    Configuration("torch-tuned", "torch", "peer", "PyTorch by hand, tuned", "benchmarks.peers.torch:TunedTorch"),
    Configuration(
        "tensorflow-tutorial",
        "tensorflow",
        "variant",
        f"{_TUTORIAL}; its Adam is another formula",
        "benchmarks.variants:Tutorial",
        same_model=False,
    ),
    Configuration("tensorflow-library", "tensorflow", "variant", _LIBRARY, "benchmarks.variants:Library"),
    Configuration(
        "tensorflow-best",
        "tensorflow",
        "variant",
        "Keras, best stock settings: XLA, 32 steps a call",
        "benchmarks.variants:BestStock",
    ),
    Configuration("numpy", "jax", "peer", "NumPy by hand", "benchmarks.peers.numpy:PlainNumpy"),
    Configuration("c", "jax", "peer", "C by hand, one core", "benchmarks.peers.c:CompiledC", needs="compiler"),
)
