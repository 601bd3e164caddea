"""Writes docs/keras-3.md and results/keras-3.json from the results of `backends_test.keras_cases.run`.

python -P -m backends_test.keras_cases.publish OUT
python -P -m backends_test.keras_cases.publish --check    is the page that of the committed results?
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from backends_test.environments import ROOT
from backends_test.keras_cases.explained import explanation
from backends_test.markdown import markdown_table
from backends_test.pages import write_json, write_text
from imdb_rnn.backends.table import TABLE, TRAINING_BACKENDS

RESULTS = ROOT / "backends_test" / "results" / "keras-3.json"
PAGE = ROOT / "docs" / "keras-3.md"
TITLES = {
    "layers": "Layers",
    "activations": "Activations",
    "losses": "Losses",
    "metrics": "Metrics",
    "optimizers": "Optimizers",
    "applications": "keras.applications",
    "hub": "KerasHub",
    "models": "Whole models",
}
HEAD = """# Does Keras 3 compute the same on every backend?

Small models, each around one layer, activation, loss, metric or optimizer with one setting, compared by
[`backends-test`](any-keras-model.md) on JAX, PyTorch and TensorFlow, with the same weights, inputs and random numbers.
Look up what you use. This page is made from `backends_test/results/keras-3.json` by one command (below).

{versions}

{total}

A cell says in how many of the cases a backend is off: it computes something else than the two others, beyond what
rounding explains, or it fails. "Unclear" counts the cases in which no two backends agree. The last column names
the cause: an entry in [Keras findings](keras-findings.md), or a reason. Some augmentations do several things, and their
cause was read from Keras's code rather than measured.
"""
FOOT = """
## How to renew this page

In a checkout with the environments of all backends:

```console
$ tox -e keras-3
```

It may be interrupted and given again. Cases are taken breadth first: the first case of every subject,
then the second, and so on. {left}
"""


def gather(folder: Path) -> dict[str, Any]:
    """Read the results of a run.

    Returns:
        `versions`, and `cases`: what the page needs of each.

    Raises:
        SystemExit: a disagreement has no explanation.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "cases").glob("*.json"))]
    versions: dict[str, dict[str, str]] = {}
    for case in found:
        versions |= case.get("versions", {})
    unexplained = [
        f"{case['group']}: {case['name']}"
        for case in found
        if offs(case) and not explanation(case["group"], case["name"])
    ]
    if unexplained:
        msg = "Not published. Expected: an entry of keras_cases/explained.py for each disagreement. Received: none for "
        raise SystemExit(msg + "; ".join(unexplained))
    kept = [
        {
            "name": case["name"],
            "group": case["group"],
            "subject": case["subject"],
            "off": offs(case),
            "explanation": explanation(case["group"], case["name"]) if offs(case) else "",
            "first": case.get("first_disagreement"),
            "largest_rounding": round(case.get("largest rounding", 0.0), 2),
            "tensors": sum(case.get("verdicts", {}).values()),
            "rounding": case.get("verdicts", {}).get("rounding", 0),
            "unstable": case.get("verdicts", {}).get("unstable", 0),
        }
        for case in found
    ]
    return {"versions": versions, "cases": kept}


def offs(case: dict[str, Any]) -> list[str]:
    """Return the backends that are off in a case; "unclear" if it disagrees and none can be named."""
    if "error" in case:
        return ["all"]
    bad = [row for row in case["rows"] if row[6] in ("disagrees", "fails")]
    named = sorted({row[7] for row in bad if row[7]})
    return named or (["unclear"] if bad else [])


def page(results: dict[str, Any]) -> str:
    """Return the page."""
    cases = results["cases"]
    parts = [HEAD.format(versions=_versions(results["versions"]), total=_total(cases))]
    for group, title in TITLES.items():
        ours = [case for case in cases if case["group"] == group]
        if ours:
            parts.append(f"\n## {title}\n\n{_table(ours)}\n")
    absent = sorted(set(TITLES) - {case["group"] for case in cases})
    left = f"Not run yet: {', '.join(absent)}." if absent else ""
    return "".join(parts) + FOOT.format(left=left).rstrip() + "\n"


def _versions(versions: dict[str, dict[str, str]]) -> str:
    keras = {entry["keras"] for entry in versions.values()}
    backends = [f"{TABLE[name].title} {entry[name]}" for name, entry in sorted(versions.items())]
    return f"Measured with Keras {', '.join(sorted(keras))} on {', '.join(backends)}, on a CPU."


def _total(cases: list[dict[str, Any]]) -> str:
    off = [case for case in cases if case["off"]]
    tensors = sum(case["tensors"] for case in cases)
    rounding = sorted(case["largest_rounding"] for case in cases)
    below = {limit: sum(value < limit for value in rounding) for limit in (5, 10)}
    return (
        f"{len(cases)} cases, {tensors:,} comparisons of a tensor between two backends. {len(cases) - len(off)} cases "
        f"agree, {len(off)} do not, each for a cause other than rounding.\n\nFrom 20 times its noise on, a difference "
        f"is a disagreement. The largest difference below that is less than 5 times its noise in {below[5]} cases, "
        f"less than 10 times in {below[10]}, and {rounding[-1]:.1f} times in the last one."
    )


def _table(cases: list[dict[str, Any]]) -> str:
    subjects: dict[str, list[dict[str, Any]]] = {}
    for case in cases:
        subjects.setdefault(case["subject"], []).append(case)
    header = ["subject", "cases", *(TABLE[name].title for name in TRAINING_BACKENDS), "where", "cause"]
    return markdown_table(header, (_row(subject, ours) for subject, ours in sorted(subjects.items())))


def _row(subject: str, cases: list[dict[str, Any]]) -> list[str]:
    count = Counter(name for case in cases for name in case["off"])
    every = count["all"]
    cells = [_cell(count[name] + every) for name in TRAINING_BACKENDS]
    unclear = [f"unclear in {count['unclear']}"] if count["unclear"] else []
    stages = sorted({case["first"]["stage"] for case in cases if case["first"]})
    causes = sorted({_cause(case["explanation"]) for case in cases if case["off"]})
    return [f"`{subject}`", str(len(cases)), *cells, "; ".join([*unclear, *stages]), "; ".join(causes)]


def _cause(explanation: str) -> str:
    """Return a link to a finding, or a reason in words as it is."""
    return explanation if " " in explanation else f"[finding](keras-findings.md#{explanation})"


def _cell(count: int) -> str:
    return f"off in {count}" if count else "✓"


def main(arguments: list[str]) -> None:
    """Write the results and the page, or check the page."""
    if arguments == ["--check"]:
        committed = json.loads(RESULTS.read_text(encoding="utf-8"))
        if PAGE.read_text(encoding="utf-8") != page(committed):
            raise SystemExit("docs/keras-3.md is not that of backends_test/results/keras-3.json. Renew it.")
        return
    results = gather(Path(arguments[0]))
    write_json(RESULTS, results)
    write_text(PAGE, page(results))


if __name__ == "__main__":
    main(sys.argv[1:])
