"""The expected errors of the benchmarks, which their command lines print in one line."""

import sys
from collections.abc import Callable

from imdb_rnn.errors import ImdbRnnError


class BenchmarkError(Exception):
    """A configuration fails, or a run cannot continue, be compared or be measured here."""


def run_app(app: Callable[[], object]) -> None:
    """Run a command line; expected errors are printed in one line."""
    try:
        app()
    except (BenchmarkError, FileNotFoundError, ImdbRnnError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
