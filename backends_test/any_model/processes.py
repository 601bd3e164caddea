"""The processes of the backends: started, given tasks one after the other, and ended when they take too long."""

import json
import os
import queue
import subprocess
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class ParticipantError(Exception):
    """A backend's process could not do a task.

    Attributes:
        kind: "source" or "inputs" if the model or the inputs are at fault, "error", "died" or "time" otherwise.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


def pack(path: Path, extra: Sequence[str] = ()) -> None:
    """Write the program that a backend's interpreter runs, as one file that needs no installation.

    Args:
        path: the file.
        extra: other packages of `backends_test` that the models need.
    """
    root = Path(__file__).parents[1]
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(root / "any_model" / "start.py", "__main__.py")
        archive.writestr("backends_test/__init__.py", "")
        # More than a backend needs; it imports what it uses.
        for package in ("any_model", *extra):
            for file in (root / package).rglob("*.py"):
                archive.write(file, f"backends_test/{file.relative_to(root)}")


class Participant:
    """The process of one backend.

    Args:
        backend: the value of `KERAS_BACKEND`.
        python: its interpreter.
        program: the file that `pack` has written.
        log: where its standard error goes.
        device: "cpu" or "gpu".
    """

    def __init__(self, backend: str, python: Path, program: Path, log: Path, device: str = "cpu") -> None:
        self.backend = backend
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [python, program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment(backend, device) | compilation_cache(program.parent / "jax"),
                text=True,
                encoding="utf-8",
            )
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def do(self, task: dict[str, Any], seconds: float) -> None:
        """Do a task.

        Args:
            task: the fields of `participant.Task`.
            seconds: how long it may take.

        Raises:
            ParticipantError: it fails, dies, or takes longer.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=seconds)
        except (BrokenPipeError, ValueError):
            line = ""
        except queue.Empty:
            self.close()
            msg = f"no answer within {seconds:.0f} seconds, the process was ended; give it more with --time-limit"
            raise ParticipantError(msg, "time") from None
        if not line:
            code = self._process.wait()
            how = f"by signal {-code}" if code < 0 else f"with exit status {code}"
            raise ParticipantError(f"the process ended {how}: {last_line(self._log)}", "died")
        answer = json.loads(line)
        if not answer["ok"]:
            raise ParticipantError(answer["error"], answer["kind"])

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue


def environment(backend: str, device: str) -> dict[str, str]:
    """Return the environment variables of a backend's process."""
    own = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
    # On a GPU, no TensorFloat-32.
    own |= {"NVIDIA_TF32_OVERRIDE": "0", "JAX_DEFAULT_MATMUL_PRECISION": "highest"}
    if device == "cpu":
        own |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    # All backends run side by side.
    return {"OMP_NUM_THREADS": "1"} | dict(os.environ) | own


def compilation_cache(folder: Path) -> dict[str, str]:
    """Return the environment variables with which JAX keeps what it has compiled.

    Keras gives a loop over time a new function in each call, so that JAX compiles it again in each call.
    """
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def last_line(log: Path) -> str:
    """Return the last line that a process has written to its log."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"
