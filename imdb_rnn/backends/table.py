"""The table of backends: everything else derives their names from it or is checked against it."""

from typing import NamedTuple


class BackendEntry(NamedTuple):
    """A backend of Keras.

    Attributes:
        name: the value of `KERAS_BACKEND`.
        title: the name to display.
        package: the Python package that must be installed to use it.
        environment: the tox environment whose tests use it.
        trains: whether it can train; otherwise it only predicts.
    """

    name: str
    title: str
    package: str
    environment: str
    trains: bool


TABLE = {
    entry.name: entry
    for entry in (
        BackendEntry("jax", "JAX", "jax", "jax", trains=True),
        BackendEntry("torch", "PyTorch", "torch", "torch", trains=True),
        BackendEntry("tensorflow", "TensorFlow", "tensorflow", "tf", trains=True),
        # Keras's NumPy backend imports JAX.
        BackendEntry("numpy", "NumPy", "jax", "numpy", trains=False),
        BackendEntry("openvino", "OpenVINO", "openvino", "openvino", trains=False),
    )
}
TRAINING_BACKENDS = tuple(entry.name for entry in TABLE.values() if entry.trains)
PREDICTING_BACKENDS = tuple(entry.name for entry in TABLE.values() if not entry.trains)
