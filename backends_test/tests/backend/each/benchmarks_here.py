"""The command line of the benchmarks, with every process in the environment that this one runs in."""

import sys
from pathlib import Path

from benchmarks import runner
from benchmarks.__main__ import app
from benchmarks.errors import run_app

runner.python_of = lambda backend: Path(sys.executable)
run_app(app)
