"""The process that fuzzes one target with atheris until it finds something or its time is over.

python -m backends_test.fuzzing.worker TARGET [OPTION OR FOLDER OF LIBFUZZER]…
"""

import logging
import sys
from importlib import import_module
from typing import Any

# What is guided by the lines that it reaches.
INSTRUMENTED = ["imdb_rnn", "zipfile", "json.decoder"]


def main() -> None:
    """Give random bytes to the target; an exception ends the process, and libFuzzer keeps the bytes."""
    name, *options = sys.argv[1:]
    atheris: Any = import_module("atheris")  # it has no types, and is not in the environments of the tests
    with atheris.instrument_imports(include=INSTRUMENTED):
        from backends_test.fuzzing.targets import TARGETS
    logging.disable(logging.CRITICAL)
    check = TARGETS[name].check

    def run(content: bytes) -> None:
        check(content)  # libFuzzer gives the returned number a meaning

    atheris.Setup([sys.argv[0], *options], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
