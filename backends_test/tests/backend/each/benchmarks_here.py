"""The command line of the benchmarks, with every process in the environment that this one runs in."""

import sys
from pathlib import Path

import benchmarks.__main__ as command
from benchmarks import runner

runner.python_of = lambda backend: Path(sys.executable)
command.main()
