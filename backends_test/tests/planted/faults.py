"""All planted faults."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent
# A module comes after those that it imports.
MODULES = (
    "structure",
    "elementwise",
    "convolution",
    "normalization",
    "recurrent",
    "masks",
    "randomness",
    "gradients",
    "losses",
    "optimizers",
    "modes",
    "saving",
)


def _import(name: str) -> ModuleType:
    """Import a file of this folder by its name alone.

    A comparison imports a user's file that way, and so these files import each other by their names alone.
    """
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


planting = _import("planting")
for _name in MODULES:
    _import(_name)

SWITCH: str = planting.SWITCH
# Each is a `planting.PlantedFault`.
FAULTS = list(planting.DECLARED)
