"""The device that is measured: which it is, what the environment must say, and how much of its memory is in use."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.configurations import Configuration, Cores, Kind

# What `Trainer.path` calls a GPU.
GPU_NAMES = {"jax": "gpu", "torch": "cuda", "tensorflow": "gpu"}
NO_GPU = "No GPU: nvidia-smi names none here. Leave --device out to measure the CPU"


@dataclass(frozen=True)
class Device:
    """What is measured.

    Attributes:
        kind: "cpu", of which one core is used, or "gpu".
        name: as the system calls it.
    """

    kind: Kind
    name: str


def processor() -> str:
    """What the system calls the processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "unknown")


def find_gpu() -> Device | None:
    """The first GPU that the driver names; None where there is none."""
    names = _ask_driver("--query-gpu=name")
    return Device("gpu", names[0]) if names else None


_ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


def environment_of(kind: Kind, configuration: Configuration) -> dict[str, str]:
    """The environment of a measured process."""
    threads = _ONE_THREAD if configuration.cores == "one" else {}
    inherited = {name: value for name, value in os.environ.items() if name not in _ONE_THREAD}
    return inherited | threads | _device_variables(kind, configuration.precision)


def _device_variables(kind: Kind, precision: str) -> dict[str, str]:
    if kind == "cpu":
        return {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    tf32 = precision == "tf32"
    return {
        "CUDA_VISIBLE_DEVICES": "0",
        "NVIDIA_TF32_OVERRIDE": "1" if tf32 else "0",
        "JAX_DEFAULT_MATMUL_PRECISION": "tensorfloat32" if tf32 else "highest",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1" if tf32 else "0",
        # Else JAX takes three quarters of the memory at its start, and the driver's figure says nothing.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }


def expected_device(kind: Kind, framework: str) -> str:
    """What `Trainer.path` must call the device."""
    return GPU_NAMES[framework] if kind == "gpu" else "cpu"


@contextmanager
def one_core(kind: Kind) -> Iterator[None]:
    """Keep the processes that are started inside on the last core, where a CPU is measured and the system can."""
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
    command: list[str], environment: dict[str, str], kind: Kind, cores: Cores, errors: int = subprocess.STDOUT
) -> Iterator[subprocess.Popen[str]]:
    """Start a process that is measured, and wait for its end when the block ends.

    Args:
        command: what to run.
        environment: its variables.
        kind: of the device.
        cores: see `Configuration.cores`.
        errors: where its standard error goes.
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
    """The most memory that this process has had in use, in bytes."""
    # Not getrusage: on Linux its peak begins with that of the process that has started this one.
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def allocator_peak(framework: str) -> int | None:
    """The most memory of the GPU that the framework has had in use, in bytes, if it can tell."""
    found: Any
    if framework == "jax":
        import jax

        found = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    elif framework == "torch":
        import torch

        found = torch.cuda.max_memory_allocated()
    else:
        import tensorflow as tf

        found = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return None if found is None else int(found)


def driver_memory() -> int | None:
    """What the driver says is in use on the first GPU, in bytes; of all processes, so nothing else may run there."""
    used = _ask_driver("--query-gpu=memory.used", "nounits")
    return int(used[0]) * 2**20 if used and used[0].isdigit() else None


def _ask_driver(query: str, *format_: str) -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, query, f"--format={','.join(('csv', 'noheader', *format_))}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [] if done.returncode else [line.strip() for line in done.stdout.splitlines() if line.strip()]
