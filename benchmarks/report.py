"""The report of a run: report.json, report.md, report.html, a page that needs nothing else, and epoch.png."""

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import jinja2

from backends_test.environments import ROOT, TITLES
from backends_test.markdown import in_readme
from benchmarks.figures import COLOURS, Picture, as_svg, pictures, save_png
from benchmarks.runner import EPOCH_BATCHES
from benchmarks.summary import summarize
from benchmarks.tables import (
    NO_DIFFERENCE,
    as_markdown,
    bytes_of,
    device_sentence,
    further_tables,
    limit_of,
    main_table,
    plan_sentence,
    readme_table,
    seconds,
)
from imdb_rnn.files import atomic_write

RESULTS = ROOT / "benchmarks" / "results" / "cpu"
README = ROOT / "README.md"
TEMPLATE = Path(__file__).parent / "report.html.jinja"


def write_report(folder: Path) -> dict[str, Any]:
    """Write report.json, report.md, report.html and epoch.png beside the raw runs they are made from."""
    report = summarize(folder)
    with atomic_write(folder / "report.json") as path:
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    write_pages(report, folder)
    return report


def write_pages(report: dict[str, Any], folder: Path) -> None:
    """Write report.md, report.html and epoch.png.

    Args:
        report: what `benchmarks.summary.summarize` returns.
        folder: where to; it must exist.
    """
    drawn = pictures(report)
    for name, text in {"report.md": as_text(report), "report.html": as_page(report, drawn)}.items():
        with atomic_write(folder / name) as path:
            path.write_text(text, encoding="utf-8")
    with atomic_write(folder / "epoch.png") as path:
        save_png(drawn[0], path)


def as_text(report: dict[str, Any]) -> str:
    """The whole report in Markdown."""
    parts = ["# Benchmarks", plan_sentence(report), noise_sentence(report), *method(report)]
    main = main_table(report)
    parts += [f"## {main.title}", main.note, as_markdown(main), "![Seconds of an epoch](epoch.png)"]
    for table in further_tables(report):
        parts += [f"## {table.title}", table.note, as_markdown(table) if table.lines else ""]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_page(report: dict[str, Any], drawn: list[Picture]) -> str:
    """The whole report as one page that needs nothing else."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"as_svg": as_svg}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    page = template.render(
        quick=report["plan"]["quick"],
        summary=plan_sentence(report),
        noise=noise_sentence(report),
        facts=facts(report),
        frameworks={name: title for name, title in names(report).items() if name in COLOURS},
        main=main_table(report),
        pictures=drawn,
        tables=further_tables(report),
        method=method(report),
        no_difference=NO_DIFFERENCE,
    )
    return page.replace("SCRIPT-HASH", script_hash(page))


def script_hash(page: str) -> str:
    """The hash by which the page's own rule lets its one script run, and no other."""
    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def names(report: dict[str, Any]) -> dict[str, str]:
    """The frameworks of a report, as people write them."""
    return {row["framework"]: (TITLES | {"c": "C"})[row["framework"]] for row in report["rows"]}


def facts(report: dict[str, Any]) -> dict[str, str]:
    """What was run, and on what: name -> value."""
    plan, device, limit = report["plan"], report["device"], limit_of(report)
    found = {"Plan": f"{'quick' if plan['quick'] else 'full'}, {plan['rounds']} rounds of {plan['batches']} steps"}
    if plan["whole_runs"]:
        found["Whole runs"] = f"{plan['whole_runs']}, of {plan['epochs']} epochs"
    if device["kind"] == "gpu":
        found["GPU"] = device["name"]
    found |= {
        "Processor": f"{report['processor']}, one of {report['cores']} cores",
        "Memory": bytes_of(report["host_memory"]),
        "System": report["system"],
        "Reviews": {"imdb": "IMDB"}.get(report["data"]["source"], report["data"]["source"]),
        "Date": report["date"],
        "Noise floor": f"{100 * report['noise_floor']:.1f} %" if report["noise_floor"] else "not measured",
        "Limit of an epoch": seconds(limit) if limit else "not known",
    }
    return found


def noise_sentence(report: dict[str, Any]) -> str:
    """How far a configuration differs from itself."""
    control = report["control"]
    if not control or not report["noise_floor"]:
        return "No configuration was run twice, so the noise floor is not known: only intervals tell."
    return (
        f"{control['pair'][0]} was run twice: its ratio to itself is {control['ratio']:.2f} ({control['low']:.2f} to "
        f"{control['high']:.2f}), so differences up to {100 * report['noise_floor']:.1f} % are noise."
    )


def method(report: dict[str, Any]) -> list[str]:
    """How it was measured, in a few paragraphs."""
    plan = report["plan"]
    scaled = (
        ""
        if plan["batches"] == EPOCH_BATCHES
        else f" {plan['batches']} steps were timed and scaled to {EPOCH_BATCHES}."
    )
    return [
        f"Each configuration runs in {plan['rounds']} fresh processes {device_sentence(report)}, one a round, and the "
        "order within a round is drawn anew, so that a drift of the machine hits all alike. What is "
        "compiled is compiled before the clock of the steady state starts, and the clock stops when the device has "
        f"finished.{scaled}",
        "A ratio is the median of the ratios within each round, with a 95 % bootstrap interval. One configuration runs "
        "twice under two names; how far it differs from itself is the noise floor. What does not leave it is called no "
        "detectable difference.",
        "Before it is timed, each must reach, from the same weights and the same reviews, the weights of an oracle in "
        "float64. What does not is another model, and is not timed. The tutorial's way on TensorFlow is the exception: "
        "its Adam is another formula, but it is what users run, so it is timed and labelled.",
    ]


def results_folder(report: dict[str, Any]) -> Path:
    """Where a run is committed: by what it ran on."""
    device = report["device"]
    if device["kind"] == "cpu":
        return RESULTS
    slug = re.sub(r"[^a-z0-9]+", "-", device["name"].lower()).strip("-")
    return RESULTS.parent / f"gpu-{slug}"


def publish(folder: Path) -> None:
    """Copy a run to where it is committed; if it ran on a CPU, put its table and its picture into the README, too."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    results = results_folder(report)
    shutil.rmtree(results, ignore_errors=True)
    shutil.copytree(folder, results, ignore=shutil.ignore_patterns("inputs"))
    if report["device"]["kind"] == "cpu":
        shutil.copy(results / "epoch.png", ROOT / "docs" / "benchmarks.png")
        text = README.read_text(encoding="utf-8")
        README.write_text(in_readme(text, "benchmarks", readme_table(report)), encoding="utf-8")
