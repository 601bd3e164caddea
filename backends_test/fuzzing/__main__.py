"""Fuzzes one target for some time; adds what was run and found to results/fuzzing.json and to docs/security.md.

    python -m backends_test.fuzzing TARGET SECONDS [FOLDER]
    python -m backends_test.fuzzing all SECONDS [FOLDER]         every target, one after the other

It needs what `tox -e core` has, and atheris, which exists for Linux and Python 3.11 to 3.13: `pip install atheris`.
FOLDER keeps the inputs that reached new lines, from which a later run goes on. A run ends at its first finding: the
input lies in FOLDER then, the exit status is 1, and the last line says what was raised.
"""

import json
import platform
import re
import resource
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from backends_test.environments import ROOT
from backends_test.fuzzing.page import PAGE, page_with
from backends_test.fuzzing.targets import TARGETS

RESULTS = ROOT / "backends_test" / "results" / "fuzzing.json"
# An input may take so long, and the process so much memory. Both are far above what the targets need.
SECONDS_PER_INPUT = 5
MEGABYTES = 1024
MOST_BYTES = 4096


class Run(NamedTuple):
    """What a run of one target did.

    Attributes:
        seconds: the processor time that it took.
        executions: how many inputs it tried.
        finding: the exception that ended it; "" if there was none.
    """

    seconds: float
    executions: int
    finding: str


def fuzz(name: str, seconds: int, folder: Path) -> Run:
    """Fuzz a target.

    Args:
        name: the name of the target.
        seconds: how long.
        folder: where the inputs are kept, in a folder of this name.
    """
    corpus, found = folder / name, folder / f"{name}-found"
    for place in (corpus, found):
        place.mkdir(parents=True, exist_ok=True)
    seeds = TARGETS[name].seeds()
    for number, content in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(content)
    # The names in JSON, which are not found by chance.
    names = sorted({part.decode() for content in seeds for part in re.findall(rb'"([\w ]{1,40})"', content)})
    dictionary = folder / f"{name}-names"
    dictionary.write_text("".join(f'"{part}"\n' for part in names), encoding="utf-8")
    options = [
        *([f"-dict={dictionary}"] if names else []),  # libFuzzer wants no empty one
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_PER_INPUT}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-max_len={max(MOST_BYTES, 2 * max(map(len, seeds)))}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
    ]
    begin = _used()
    worker = [sys.executable, "-m", "backends_test.fuzzing.worker", name, *options, str(corpus)]
    done = subprocess.run(worker, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, cwd=ROOT)
    said = done.stdout.decode("utf-8", "replace")
    executions = re.search(r"^stat::number_of_executed_units: +(\d+)", said, re.MULTILINE)
    if executions is None:
        raise SystemExit(said[-3000:])
    return Run(_used() - begin, int(executions[1]), _finding(said) if done.returncode else "")


def _used() -> float:
    """Return the seconds of processor time of all runs so far: beside other work, a run gets less than a whole core."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _finding(said: str) -> str:
    """Return in one line what ended a run."""
    if raised := re.search(r"=== Uncaught Python exception: ===\n(.+)", said):
        places = re.findall(r'File "[^"]*?((?:imdb_rnn|backends_test)/[^"]+)", line \d+, in (\w+)', said)
        return f"{raised[1][:300]} in {' > '.join(function for _, function in places[-3:])}"
    ended = re.search(r"ERROR: libFuzzer: (.+)", said)
    return ended[1][:300] if ended else "the process was killed"


def record(name: str, run: Run) -> None:
    """Add a run to the results."""
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"targets": {}}
    results["versions"] = {
        "python": platform.python_version(),
        **{part: version(part) for part in ("atheris", "numpy")},
    }
    before = results["targets"].get(name, {"seconds": 0, "executions": 0, "findings": []})
    results["targets"][name] = {
        "seconds": before["seconds"] + round(run.seconds),
        "executions": before["executions"] + run.executions,
        "findings": before["findings"] + ([run.finding] if run.finding else []),
    }
    results["targets"] = {key: results["targets"][key] for key in TARGETS if key in results["targets"]}
    RESULTS.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page_with(results, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def main() -> None:
    """Fuzz the targets of the command line."""
    if not 3 <= len(sys.argv) <= 4 or sys.argv[1] not in {"all", *TARGETS}:
        raise SystemExit(f"{__doc__}\nTargets: {', '.join(TARGETS)}")
    names = [*TARGETS] if sys.argv[1] == "all" else [sys.argv[1]]
    findings = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[3] if len(sys.argv) == 4 else temporary).resolve()
        for name in names:
            run = fuzz(name, int(sys.argv[2]), folder)
            record(name, run)
            findings += bool(run.finding)
            print(
                f"{name}: {run.executions:,} inputs in {run.seconds:.0f} s: {run.finding or 'nothing found'}",
                flush=True,
            )
        if findings and len(sys.argv) < 4:
            print("Give a FOLDER to keep the inputs that were found.", file=sys.stderr)
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
