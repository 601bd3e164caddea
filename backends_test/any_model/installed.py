"""Prints as JSON which packages the running interpreter finds, and imports none of them.

    python installed.py keras torch

It is run as a file, by interpreters in which this project is not installed.
"""

import importlib.metadata
import importlib.util
import json
import sys


def version(package: str) -> str | None:
    """Return the version of a package; "" if it cannot be told, None if the package is not found.

    Args:
        package: the name under which it is imported.
    """
    spec = importlib.util.find_spec(package)
    # A folder of that name without an __init__.py is found too, but it has no origin.
    if spec is None or spec.origin is None:
        return None
    for name in importlib.metadata.packages_distributions().get(package, [package]):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


if __name__ == "__main__":
    print(json.dumps({package: version(package) for package in sys.argv[1:]}))
