"""Runs one command and prints as JSON what it did and what it took.

A program of its own, because the peak memory of a process counts what the process that started it held at that moment.

    python measure.py SECONDS COMMAND ARGUMENT…
"""

import json
import resource
import subprocess
import sys

# A program that fails to refuse a file shall not take the machine down with it.
MAX_BYTES = 4 << 30


def main() -> None:
    seconds, *command = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=float(seconds))
        status, output, error = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        status, output, error = None, late.stdout or b"", late.stderr or b""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "status": status,  # None: it did not end in time
        "output": output.decode("utf-8", "backslashreplace"),
        "error": error.decode("utf-8", "backslashreplace"),
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "megabytes": used.ru_maxrss / 1024,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
