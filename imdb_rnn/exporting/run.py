"""Runs an exported file with its own runtime, in a process of its own, without Keras and without this library's model.

    python -m imdb_rnn.exporting.run onnx model.onnx ROWS.npy SCORES.npy RESULT.json

ROWS.npy holds rows of ids, SCORES.npy receives their scores, and RESULT.json the runtime and its version.
"""

import json
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

# Rows per call. The last call has fewer, so that a file which takes only one number of rows is noticed.
ROWS = 256

Rows = npt.NDArray[np.int32]
Score = Callable[[Rows], Any]


class Runtime(NamedTuple):
    """A loaded file.

    Attributes:
        score: maps ids, int32, shape (n, max_len), to scores, float32, shape (n, 1).
        name: the runtime and its version.
    """

    score: Score
    name: str


def onnx(path: str) -> Runtime:
    """Load an ONNX file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return Runtime(lambda rows: session.run(None, {name: rows})[0], f"ONNX Runtime {onnxruntime.__version__}")


def openvino(path: str) -> Runtime:
    """Load an OpenVINO file, to compute in float32."""
    import openvino

    # Without the hint OpenVINO computes in bfloat16 where the processor can.
    model = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return Runtime(lambda rows: model(rows)[0], f"OpenVINO {version('openvino')}")


def saved_model(path: str) -> Runtime:
    """Load a SavedModel."""
    import tensorflow

    loaded = tensorflow.saved_model.load(path)
    return Runtime(lambda rows: loaded.serve(rows).numpy(), f"TensorFlow {tensorflow.__version__}")


def torch(path: str) -> Runtime:
    """Load a file of `torch.export`."""
    import torch

    module = torch.export.load(path).module()
    return Runtime(lambda rows: module(torch.from_numpy(rows)).detach().numpy(), f"PyTorch {torch.__version__}")


def litert(path: str) -> Runtime:
    """Load a LiteRT file, with LiteRT if it is installed, else with TensorFlow's interpreter."""
    try:
        from ai_edge_litert.interpreter import Interpreter

        interpreter, name = Interpreter(path), f"LiteRT {version('ai-edge-litert')}"
    except ModuleNotFoundError:
        import tensorflow

        interpreter, name = tensorflow.lite.Interpreter(path), f"TensorFlow {tensorflow.__version__}"
    index, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def score(rows: Rows) -> Any:
        interpreter.resize_tensor_input(index, rows.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(index, rows)
        interpreter.invoke()
        return interpreter.get_tensor(result)

    return Runtime(score, name)


RUNTIMES: dict[str, Callable[[str], Runtime]] = {
    "onnx": onnx,
    "openvino": openvino,
    "saved_model": saved_model,
    "torch": torch,
    "litert": litert,
}


def scores_of(score: Score, rows: Rows) -> npt.NDArray[np.float32]:
    """Return the scores of rows, shape (n,)."""

    def parts() -> Iterator[npt.NDArray[np.float32]]:
        for start in range(0, len(rows), ROWS):
            yield np.asarray(score(rows[start : start + ROWS]))[:, 0]

    return np.concatenate(list(parts()))


def main() -> None:
    """Run the file that the arguments name."""
    name, path, rows, scores, result = sys.argv[1:]
    runtime = RUNTIMES[name](path)
    np.save(scores, scores_of(runtime.score, np.load(rows, allow_pickle=False)))
    Path(result).write_text(json.dumps(runtime.name), encoding="utf-8")


if __name__ == "__main__":
    main()
