"""The standard streams of the process, which may be closed."""

import os
import sys


def stderr_is_terminal() -> bool:
    """Return whether what is written to standard error is shown on a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


def discard_unwritable_output() -> None:
    """Discard buffered output that cannot be written, because Python would try to write it again at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
