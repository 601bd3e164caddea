"""The name of the processor, which can influence the last bits of a result."""

import platform
from pathlib import Path


def processor() -> str:
    """Return the name of the processor, as the system gives it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or "unknown"
