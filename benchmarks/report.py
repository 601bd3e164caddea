"""Writes the report of a run: report.json, report.md, report.html, which needs no other file, and epoch.png."""

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

from backends_test.environments import ROOT, TITLES
from backends_test.markdown import replace_table
from backends_test.pages import render, write_json, write_text
from benchmarks.figures import COLOURS, Picture, as_svg, pictures, save_png
from benchmarks.plan import EPOCH_BATCHES
from benchmarks.summary import summarize
from benchmarks.tables import (
    NO_DIFFERENCE,
    Table,
    as_markdown,
    bytes_of,
    device_sentence,
    further_tables,
    limit_of,
    main_table,
    page_table,
    plan_sentence,
    ratio_text,
    seconds,
    users_table,
)
from imdb_rnn.files import atomic_write

RESULTS = ROOT / "benchmarks" / "results" / "cpu"
PAGE = ROOT / "docs" / "benchmarks.md"
# Kind of device -> its table on that page.
TABLES = {"cpu": "benchmarks", "gpu": "benchmarks-gpu"}
PICTURE = ROOT / "docs" / "benchmarks.png"
TEMPLATE = Path(__file__).parent / "report.html.jinja"


def write_report(folder: Path) -> dict[str, Any]:
    """Write the report of a run beside its raw measurements, and return its content."""
    report = summarize(folder)
    write_json(folder / "report.json", report)
    write_pages(report, folder)
    return report


def write_pages(report: dict[str, Any], folder: Path) -> None:
    """Write report.md, report.html and epoch.png.

    Args:
        report: the result of `benchmarks.summary.summarize`.
        folder: an existing folder.
    """
    drawn = pictures(report)
    write_text(folder / "report.md", as_text(report))
    write_text(folder / "report.html", as_page(report, drawn))
    with atomic_write(folder / "epoch.png") as path:
        save_png(drawn[0], path)


def as_text(report: dict[str, Any]) -> str:
    """Format the whole report as Markdown."""
    parts = ["# Benchmarks", plan_sentence(report), noise_sentence(report), *method(report)]
    for table in first_tables(report):
        parts += [f"## {table.title}", table.note, as_markdown(table)]
    parts.append("![Seconds per epoch](epoch.png)")
    for table in further_tables(report):
        parts += [f"## {table.title}", table.note, as_markdown(table) if table.lines else ""]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_page(report: dict[str, Any], drawn: list[Picture]) -> str:
    """Format the whole report as one page that needs no other file."""
    page = render(
        TEMPLATE,
        {"as_svg": as_svg},
        fast=report["plan"]["fast"],
        summary=plan_sentence(report),
        noise=noise_sentence(report),
        facts=facts(report),
        frameworks={name: title for name, title in names(report).items() if name in COLOURS},
        first_tables=first_tables(report),
        pictures=drawn,
        tables=further_tables(report),
        method=method(report),
        no_difference=NO_DIFFERENCE,
    )
    return page.replace("SCRIPT-HASH", script_hash(page))


def first_tables(report: dict[str, Any]) -> list[Table]:
    """Return the tables above the figures: what a user gets, if it was measured, and one core."""
    users, main = users_table(report), main_table(report)
    return [users, main] if users.lines else [main]


def script_hash(page: str) -> str:
    """Return the hash that allows the page's only script in its Content Security Policy."""
    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def names(report: dict[str, Any]) -> dict[str, str]:
    """Return the titles of the frameworks in a report."""
    return {row["framework"]: (TITLES | {"c": "C"})[row["framework"]] for row in report["rows"]}


def facts(report: dict[str, Any]) -> dict[str, str]:
    """Return what was run, and where: name -> value."""
    plan, device, limit = report["plan"], report["device"], limit_of(report)
    size = "fast" if plan["fast"] else "full"
    described = {"Plan": f"{size}, {plan['rounds']} rounds of {plan['batches']} steps"}
    if plan["whole_runs"]:
        described["Whole runs"] = f"{plan['whole_runs']}, of {plan['epochs']} epochs"
    if device["kind"] == "gpu":
        described["GPU"] = device["name"]
    return described | {
        "Processor": f"{report['processor']}, one of {report['cores']} cores",
        "Memory": bytes_of(report["host_memory"]),
        "System": report["system"],
        "Reviews": {"imdb": "IMDB"}.get(report["data"]["source"], report["data"]["source"]),
        "Date": report["date"],
        "Noise": f"{100 * report['noise_floor']:.1f} %" if report["noise_floor"] else "not measured",
        "Limit of an epoch": seconds(limit) if limit else "unknown",
    }


def noise_sentence(report: dict[str, Any]) -> str:
    """Describe the ratio of a configuration to itself."""
    control = report["control"]
    if not control or not report["noise_floor"]:
        return "No configuration was run twice, so the noise is unknown, and only the intervals show it."
    return (
        f"{control['pair'][0]} was run twice: its ratio to itself is {ratio_text(control)}, so differences up to "
        f"{100 * report['noise_floor']:.1f} % are noise."
    )


def method(report: dict[str, Any]) -> list[str]:
    """Describe the method, in a few paragraphs."""
    plan = report["plan"]
    scaled = (
        ""
        if plan["batches"] == EPOCH_BATCHES
        else f" {plan['batches']} steps were timed and scaled to the {EPOCH_BATCHES} steps of an epoch."
    )
    return [
        f"Each configuration runs in {plan['rounds']} new processes {device_sentence(report)}, one per round. The "
        "order within each round is random, so that drift of the machine affects all configurations alike. Compilation "
        f"ends before the clock of the steady state starts, and the clock stops when the device has finished.{scaled}",
        "A ratio is the median of the ratios within each round, with a 95 % bootstrap interval. One configuration runs "
        "twice under two names; how much its ratio to itself differs from 1 is the noise. A ratio whose interval "
        f"overlaps the noise is called “{NO_DIFFERENCE}”.",
        "Before a configuration is timed, it must train from the same weights on the same reviews to the weights of an "
        "oracle in float64. Otherwise it is another model and is not timed. The exception is Keras as in the tutorial "
        "on TensorFlow: its Adam computes another formula, but users run it, so it is timed and labelled.",
    ]


def results_folder(report: dict[str, Any]) -> Path:
    """Return the folder where a run is committed, by device."""
    device = report["device"]
    if device["kind"] == "cpu":
        return RESULTS
    slug = re.sub(r"[^a-z0-9]+", "-", device["name"].lower()).strip("-")
    return RESULTS.parent / f"gpu-{slug}"


def publish(folder: Path) -> None:
    """Copy a run to where it is committed, and renew its table in docs/benchmarks.md; for a CPU also the picture."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    results = results_folder(report)
    if folder.resolve() != results.resolve():
        shutil.rmtree(results, ignore_errors=True)
        shutil.copytree(folder, results, ignore=shutil.ignore_patterns("inputs"))
    if report["device"]["kind"] == "cpu":
        shutil.copy(results / "epoch.png", PICTURE)
    name = TABLES[report["device"]["kind"]]
    write_text(PAGE, replace_table(PAGE.read_text(encoding="utf-8"), name, page_table(report)))
