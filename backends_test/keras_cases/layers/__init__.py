"""Cases of every public layer class."""

from backends_test.keras_cases.layers import (
    attention,
    convolution,
    core,
    images,
    merging,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    regularization,
    reshaping,
)

CASES = [
    *core.CASES,
    *convolution.CASES,
    *pooling.CASES,
    *recurrent.CASES,
    *attention.CASES,
    *normalization.CASES,
    *regularization.CASES,
    *merging.CASES,
    *reshaping.CASES,
    *preprocessing.CASES,
    *images.CASES,
]

# Public class -> why it has no case.
ABSENT = {
    "FlaxLayer": "It runs a Flax module, on JAX only.",
    "InputSpec": "It describes the input of a layer and computes nothing.",
    "JaxLayer": "It runs a JAX function, on JAX and TensorFlow only.",
    "StringLookup": "Its inputs are strings, which only TensorFlow has.",
    "TFSMLayer": "It runs a TensorFlow SavedModel, on TensorFlow and JAX only.",
    "TextVectorization": "Its inputs are strings, which only TensorFlow has.",
    "TorchModuleWrapper": "It runs a PyTorch module, on PyTorch only.",
}
