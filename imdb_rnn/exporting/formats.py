"""The formats that a model is exported to: what can write each, and what reads it."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from imdb_rnn.backends import TABLE, backend_name, is_installed
from imdb_rnn.errors import BackendError, MissingPackageError

FormatName = Literal["onnx", "openvino", "saved_model", "torch", "litert", "html"]
FORMAT_NAMES: tuple[FormatName, ...] = get_args(FormatName)


class Format(NamedTuple):
    """A format of a model.

    Attributes:
        title: the name to display.
        file: the name of the file, or of the folder, that holds the model.
        writers: the backends from which Keras writes the format -> the packages that it needs besides. The first is
            preferred. From JAX, Keras writes only with TensorFlow, so TensorFlow itself can be used.
        readers: the packages that can run the file; the first that is installed does.
    """

    title: str
    file: str
    writers: Mapping[str, tuple[str, ...]]
    readers: tuple[str, ...]


FORMATS: dict[str, Format] = {
    "onnx": Format(
        "ONNX", "model.onnx", {"torch": ("onnx", "onnxscript"), "tensorflow": ("tf2onnx",)}, ("onnxruntime",)
    ),
    # What runs it is a backend of Keras, too.
    "openvino": Format("OpenVINO", "model.xml", {"openvino": ()}, ("openvino",)),
    "saved_model": Format("SavedModel", "saved_model", {"tensorflow": ()}, ("tensorflow",)),
    "torch": Format("torch.export", "model.pt2", {"torch": ()}, ("torch",)),
    # TensorFlow contains the interpreter that LiteRT was made from.
    "litert": Format("LiteRT", "model.tflite", {"tensorflow": ()}, ("ai_edge_litert", "tensorflow")),
}


def reader_of(name: str) -> str | None:
    """Return the installed package that runs the files of a format; None if there is none."""
    return next(filter(is_installed, FORMATS[name].readers), None)


def writer_of(name: str) -> str:
    """Return the backend that writes a format: the one that Keras runs on if it can, else the first that is installed.

    Raises:
        MissingPackageError: no backend is installed with all packages that the format needs, or nothing that runs it.
    """
    form = FORMATS[name]
    lacks = {
        backend: [package for package in (TABLE[backend].package, *packages) if not is_installed(package)]
        for backend, packages in form.writers.items()
    }
    able = [backend for backend, missing in lacks.items() if not missing]
    missing = [] if able else min(lacks.values(), key=lambda packages: len(packages))
    if reader_of(name) is None and form.readers[0] not in missing:
        missing.append(form.readers[0])
    if missing:
        writers = [" with ".join([TABLE[backend].title, *packages]) for backend, packages in form.writers.items()]
        msg = (
            f"Cannot export to {name}. Expected: {' or '.join(writers)}, which writes it, and "
            f"{' or '.join(form.readers)}, which runs it. Received: an environment without {', '.join(missing)}. "
            f"Run: pip install {' '.join(missing)}"
        )
        raise MissingPackageError(msg)
    preferred = _running_backend()
    return preferred if preferred in able else able[0]


def _running_backend() -> str | None:
    """Return the backend that Keras runs on, or will run on; None if none is chosen."""
    try:
        return backend_name()
    except BackendError:
        return None
