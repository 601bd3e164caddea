"""The command `python -m backends_test.notebooks`; see the package."""

import argparse
import sys
import time
from pathlib import Path

import nbformat

from backends_test.notebooks import check, publish
from backends_test.notebooks.chapters import read, sources
from backends_test.notebooks.run import execute
from imdb_rnn.backends import training_backend_name

PUBLISHED_FROM = "jax"


def main() -> None:
    """Run the part that is named; the exit status is 1 if a chapter has a problem."""
    parser = argparse.ArgumentParser(prog="python -m backends_test.notebooks")
    parser.add_argument("part", choices=("run", "publish"))
    parser.add_argument("out", type=Path, help="the folder of the executed chapters")
    parser.add_argument("chapters", nargs="*", help="how the names of the chapters begin, such as 3 (all)")
    arguments = parser.parse_args()
    chosen = [source for source in sources() if source.name.startswith(tuple(arguments.chapters or [""]))]
    if arguments.part == "run":
        sys.exit(1 if run(arguments.out / training_backend_name(), chosen) else 0)
    for source in chosen:
        executed = arguments.out / PUBLISHED_FROM / f"{source.stem}.ipynb"
        publish.publish(source, nbformat.read(executed, as_version=4))


def run(out: Path, chosen: list[Path]) -> int:
    """Execute and check chapters under the backend of this environment.

    Args:
        out: the folder to write the executed chapters to.
        chosen: the files of the chapters.

    Returns:
        The number of chapters with a problem.
    """
    # Else the first chapter may show the message that Matplotlib looks for fonts.
    import matplotlib.font_manager  # noqa: F401

    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for source in chosen:
        begin, chapter = time.monotonic(), read(source)
        found = [*execute(chapter)]
        found += check.problems(chapter)
        nbformat.write(chapter, out / f"{source.stem}.ipynb")
        seconds = time.monotonic() - begin
        print(f"{source.name:<22} {out.name:<10} {seconds:4.0f} s  {'; '.join(found) or 'passed'}", flush=True)
        failed += bool(found)
    return failed


if __name__ == "__main__":
    main()
