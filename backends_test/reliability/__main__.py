"""The command `python -m backends_test.reliability`; see the package."""

import argparse
from pathlib import Path

from backends_test.reliability import callbacks, load, moments, publish


def main() -> None:
    """Run the part that is named."""
    parser = argparse.ArgumentParser(prog="python -m backends_test.reliability")
    parser.add_argument("part", choices=("moments", "load", "callbacks", "publish"))
    parser.add_argument("out", type=Path, help="the folder of the records")
    parser.add_argument("--count", type=int, default=50, help="moments: how many trainings are killed (50)")
    parser.add_argument("--trainings", type=int, default=load.TRAININGS, help="load: how many trainings (500)")
    parser.add_argument("--predictions", type=int, default=load.PREDICTIONS, help="load: how many (100000)")
    arguments = parser.parse_args()
    if arguments.part == "moments":
        moments.run(arguments.out, arguments.count)
    elif arguments.part == "load":
        load.run(arguments.out, arguments.trainings, arguments.predictions)
    elif arguments.part == "callbacks":
        callbacks.run(arguments.out)
    else:
        publish.run(arguments.out)


if __name__ == "__main__":
    main()
