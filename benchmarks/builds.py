"""Prints which build of a framework an environment holds, and which device it finds.

python -P -m benchmarks.builds torch
"""

import importlib
import sys
from typing import Any

from benchmarks.worker import versions


def build_of(backend: str) -> dict[str, Any]:
    """Return the devices that a framework finds, and the CUDA and cuDNN that it was built for."""
    framework: Any = importlib.import_module(backend)
    if backend == "jax":
        devices = framework.devices()
        return {
            "devices": [str(one.device_kind) for one in devices],
            "runtime": devices[0].client.platform_version.replace("\n", " "),
        }
    if backend == "torch":
        count = framework.cuda.device_count()
        return {
            "devices": [framework.cuda.get_device_name(number) for number in range(count)],
            "cuda": framework.version.cuda,
            "cudnn": framework.backends.cudnn.version(),
        }
    built = framework.sysconfig.get_build_info()
    return {
        "devices": [one.name for one in framework.config.list_physical_devices("GPU")],
        "cuda": built.get("cuda_version"),
        "cudnn": built.get("cudnn_version"),
    }


def main() -> None:
    """Run the command line."""
    (backend,) = sys.argv[1:]
    sys.stdout.write(f"{backend}: {versions()}; {build_of(backend)}\n")


if __name__ == "__main__":
    main()
