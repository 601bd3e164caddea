"""The measured device: its name, the environment variables of a measured process, and the memory in use."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.configurations import Configuration, Cores, DeviceKind

# Framework -> name of a GPU in `Trainer.path`.
GPU_NAMES = {"jax": "gpu", "torch": "cuda", "tensorflow": "gpu"}
REHEARSAL = "IMDB_RNN_GPU_REHEARSAL"
NO_GPU = "No GPU: nvidia-smi lists none. Omit --device to measure the CPU."


@dataclass(frozen=True)
class Device:
    """A device.

    Attributes:
        kind: "cpu" or "gpu".
        name: the name that the system gives it.
    """

    kind: DeviceKind
    name: str


def find_gpu() -> Device | None:
    """Return the first GPU that the driver lists, or None."""
    names = _ask_driver("--query-gpu=name")
    return Device("gpu", names[0]) if names else None


_ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


# What tox sets for the tests, and a user does not: threads, precision on a GPU, a cache of what JAX has compiled.
_OF_TESTS = re.compile(
    r"(OMP|TF)_NUM_\w*THREADS|NVIDIA_TF32_OVERRIDE|JAX_(COMPILATION_CACHE|PERSISTENT_CACHE|DEFAULT_MATMUL)\w*"
)


def environment_of(kind: DeviceKind, configuration: Configuration) -> dict[str, str]:
    """Return the environment variables of a measured process."""
    threads = _ONE_THREAD if configuration.cores == "one" else {}
    inherited = {name: value for name, value in os.environ.items() if not _OF_TESTS.fullmatch(name)}
    return inherited | threads | _device_variables(kind, configuration.precision)


@contextmanager
def cache_of(configuration: Configuration, inputs: Path) -> Iterator[dict[str, str]]:
    """Yield the variable of this library's cache: filled before if that is what a user gets, and otherwise empty.

    Args:
        configuration: what is measured; only this library's command has a cache.
        inputs: the folder of benchmarks.inputs, which holds the filled cache.
    """
    if is_cached(configuration):
        yield {"IMDB_RNN_CACHE": str(inputs.absolute() / "cache" / configuration.backend)}
        return
    with tempfile.TemporaryDirectory(prefix="imdb_rnn-") as empty:
        yield {"IMDB_RNN_CACHE": empty}


def is_cached(configuration: Configuration) -> bool:
    """Whether a configuration is measured with a cache that was filled before."""
    return configuration.cores != "one" and configuration.whole_run == "command"


def _device_variables(kind: DeviceKind, precision: str) -> dict[str, str]:
    if kind == "cpu":
        return {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    tf32 = precision == "tf32"
    return {
        "CUDA_VISIBLE_DEVICES": "0",
        "NVIDIA_TF32_OVERRIDE": "1" if tf32 else "0",
        "JAX_DEFAULT_MATMUL_PRECISION": "tensorfloat32" if tf32 else "highest",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1" if tf32 else "0",
        # Otherwise JAX allocates three quarters of the memory when it starts, and the driver's figure is meaningless.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }


def use_device(kind: DeviceKind) -> None:
    """Measure in this process, which has loaded no framework yet: one thread, on a CPU the last core, no TF32."""
    os.environ.update(_ONE_THREAD | _device_variables(kind, "float32"))
    if kind == "cpu" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def expected_device(kind: DeviceKind, framework: str) -> str:
    """Return the name that `Trainer.path` must give the device."""
    return GPU_NAMES[framework] if kind == "gpu" and not is_rehearsal() else "cpu"


def is_rehearsal() -> bool:
    """Whether a CPU takes the place of the GPU, so that benchmarks/gpu.sh can be tried where there is none."""
    return os.environ.get(REHEARSAL) == "1"


@contextmanager
def one_core(kind: DeviceKind) -> Iterator[None]:
    """Bind processes started in the block to the last core, if a CPU is measured and the system supports it."""
    if kind == "gpu" or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def started(
    command: list[str], environment: dict[str, str], kind: DeviceKind, cores: Cores, errors: int = subprocess.STDOUT
) -> Iterator[subprocess.Popen[str]]:
    """Start a measured process, and wait for its end when the block ends.

    Args:
        command: the command and its arguments.
        environment: the environment variables.
        kind: the kind of device.
        cores: see `Configuration.cores`.
        errors: where standard error goes, as for `subprocess.Popen`.

    Yields:
        The process.
    """
    count = os.cpu_count() or 1 if cores == "busy" else 0
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        with one_core(kind) if cores == "one" else nullcontext():
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, cwd=Path.cwd().anchor
            )
        with process:
            yield process
    finally:
        for other in others:
            other.kill()
            other.wait()


def host_peak() -> int:
    """Return the peak memory of this process, in bytes."""
    # Not getrusage: on Linux its peak includes that of the parent process.
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def allocator_peak(framework: str) -> int | None:
    """Return the peak of the framework's GPU memory, in bytes; None if the framework does not report it."""
    peak: Any
    if is_rehearsal():
        return None
    if framework == "jax":
        import jax

        peak = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    elif framework == "torch":
        import torch

        peak = torch.cuda.max_memory_allocated()
    else:
        import tensorflow as tf

        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return None if peak is None else int(peak)


def driver_memory() -> int | None:
    """Return the memory of the first GPU that is in use, in bytes, by all processes: nothing else may run there."""
    used = _ask_driver("--query-gpu=memory.used", "nounits")
    return int(used[0]) * 2**20 if used and used[0].isdigit() else None


def _ask_driver(query: str, *format_: str) -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, query, f"--format={','.join(('csv', 'noheader', *format_))}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [] if done.returncode else [line.strip() for line in done.stdout.splitlines() if line.strip()]
