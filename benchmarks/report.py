"""The report of a run: report.json, report.md, and report.html, a page that needs nothing else.

May import: jinja2, matplotlib, the standard library, imdb_rnn.files, benchmarks; of backends_test/, parity.
"""

import json
import shutil
import statistics
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from benchmarks.rounds import EPOCH_BATCHES
from benchmarks.summary import per_round, read_runs, summarize
from imdb_rnn.files import replacing
from parity.environments import ROOT
from parity.pictures import as_data_uri
from parity.readme import in_readme

RESULTS = ROOT / "benchmarks" / "results" / "cpu"
README = ROOT / "README.md"
COLOURS = {"jax": "tab:blue", "torch": "tab:orange", "tensorflow": "tab:green"}


def seconds(value: float) -> str:
    """Seconds in the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} µs"


def interval(found: dict[str, float] | None, floor: float | None) -> str:
    """A ratio with its interval, as tables show it; what does not leave the noise floor is no difference."""
    if not found:
        return "—"
    margin = 1 + (floor or 0)
    if found["low"] <= margin and found["high"] >= 1 / margin:
        return "no detectable difference"
    return f"{found['ratio']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def markdown_table(report: dict[str, Any]) -> str:
    """The one table: a row for each configuration."""
    lines = [
        "| what | epoch | to the tutorial's way | to the limit | first step | peak memory | one review, p50 / p99 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in report["rows"]:
        name = f"**{row['name']}**: {row['what']}"
        if "epoch" not in row:
            lines.append(f"| {name} | different model, not timed |  |  |  |  |  |")
            continue
        mark = "" if row["same_model"] else " (different model)"
        limit = f"{row['to_limit']:.1f}" if row["to_limit"] else "—"
        cells = [
            seconds(row["epoch"]["median"]) + mark,
            interval(row["to_tutorial"], report["noise_floor"]) if not row["name"].endswith("-tutorial") else "1",
            limit,
            seconds(row["first_step"]["median"]),
            f"{row['memory'] / 2**20:.0f} MiB",
            f"{seconds(row['latency_p50'])} / {seconds(row['latency_p99'])}",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def epoch_figure(report: dict[str, Any]) -> Figure:
    """The seconds of an epoch, a dot with quartiles for each configuration, and the limit."""
    rows = [row for row in report["rows"] if "epoch" in row][::-1]
    figure = Figure(figsize=(8.5, 0.6 + 0.32 * len(rows)), layout="constrained")
    axis = figure.subplots()
    for position, row in enumerate(rows):
        colour = COLOURS[row["backend"]] if row["name"].startswith(row["backend"]) else "black"
        spread = row["epoch"]
        axis.plot([spread["low"], spread["high"]], [position, position], color=colour, lw=2)
        axis.plot(spread["median"], position, "o" if row["kind"] == "variant" else "D", color=colour, markersize=6)
    axis.axvline(report["limit"]["epoch"], color="black", linestyle="--", linewidth=0.8)
    axis.text(report["limit"]["epoch"], len(rows) - 0.4, " the limit of this machine", fontsize=8, va="bottom")
    axis.set_yticks(range(len(rows)), [row["name"] for row in rows])
    axis.set_ylim(-0.6, len(rows) + 0.3)
    axis.set_xscale("log")
    axis.set_xlabel("seconds an epoch of 20,000 reviews, one core (○ Keras, ◇ by hand)")
    return figure


def drift_figure(folder: Path, report: dict[str, Any]) -> Figure:
    """Each process's figure by round, relative to the median of its configuration: drift of the machine would show."""
    figure = Figure(figsize=(8.5, 3), layout="constrained")
    axis = figure.subplots()
    runs = read_runs(folder)
    for row in report["rows"]:
        if "epoch" in row:
            values = per_round(runs[row["name"]])
            middle = statistics.median(values.values())
            shown = [value / middle for value in values.values()]
            axis.plot(list(values), shown, ".-", linewidth=0.6, label=row["name"])
    axis.set_xticks(range(1, report["plan"]["rounds"] + 1))
    axis.set_xlabel("round")
    axis.set_ylabel("epoch, relative to its median")
    axis.legend(fontsize=6, ncols=3)
    return figure


def write_report(folder: Path) -> dict[str, Any]:
    """Write report.json, report.md, report.html and epoch.png beside the raw runs they are made from."""
    report = summarize(folder)
    figure = epoch_figure(report)
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"seconds": seconds, "interval": interval}
    template = environment.from_string((Path(__file__).parent / "report.html.jinja").read_text(encoding="utf-8"))
    pictures = {"epochs": as_data_uri(figure), "drift": as_data_uri(drift_figure(folder, report))}
    pages = {
        "report.json": json.dumps(report, indent=1) + "\n",
        "report.md": f"# Benchmarks\n\n{readme_table(report)}\n",
        "report.html": template.render(report | pictures | {"introduction": introduction(report)}),
    }
    for name, text in pages.items():
        with replacing(folder / name) as path:
            path.write_text(text, encoding="utf-8")
    figure.savefig(folder / "epoch.png", dpi=120, metadata={"Software": None})
    return report


def publish(folder: Path) -> None:
    """Copy a run to where it is committed, and put its table into the README."""
    shutil.rmtree(RESULTS, ignore_errors=True)
    shutil.copytree(folder, RESULTS)
    report = json.loads((RESULTS / "report.json").read_text(encoding="utf-8"))
    shutil.copy(RESULTS / "epoch.png", ROOT / "docs" / "benchmarks.png")
    text = README.read_text(encoding="utf-8")
    README.write_text(in_readme(text, "benchmarks", readme_table(report)), encoding="utf-8")


def readme_table(report: dict[str, Any]) -> str:
    """What the README shows: the run in a few sentences, and the table."""
    return f"{introduction(report)}\n\n{markdown_table(report)}"


def introduction(report: dict[str, Any]) -> str:
    """What was run, in a few sentences."""
    plan, floor = report["plan"], report["noise_floor"]
    quick = "This is a quick run: few rounds, part of an epoch; its figures are rough. " if plan["quick"] else ""
    noise = f"One configuration run twice differs by up to {100 * floor:.0f} %. " if floor else ""
    return (
        f"{quick}{report['processor']}, one core, {report['date']}. {plan['rounds']} rounds in shuffled order, each "
        f"configuration in a fresh process: {plan['epochs']} times {plan['batches']} steps of 64 reviews, scaled to an "
        f"epoch of {EPOCH_BATCHES}. {noise}Before it is timed, each must reach the oracle's weights in fifty steps. "
        "The limit is what the core's arithmetic, its cache and the chain of the recurrence allow at best."
    )
