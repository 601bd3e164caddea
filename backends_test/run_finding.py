"""Runs a program whose exceptions are told in one line, "type: message", as the last line on standard error."""

import runpy
import sys
from types import TracebackType


def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an exception in one line."""
    sys.stderr.write(f"{kind.__name__}: {' '.join(str(error).split())}\n")


if __name__ == "__main__":
    sys.excepthook = tell
    runpy.run_path(sys.argv[1], run_name="__main__")
