"""The tables of the report: their content, and the format of numbers. The page and the Markdown share them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from backends_test.markdown import markdown_table

Row = dict[str, Any]

NOTHING = "—"
NOT_TIMED = "different model, not timed"
NO_DIFFERENCE = "no detectable difference"
TERMS = {
    "arithmetic": "floating-point operations, divided by the peak rate",
    "memory": "bytes, divided by the bandwidth of a cache",
    "chain": "steps of the recurrence, each of which depends on the one before",
}


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: what is shown.
        value: what the column is sorted by; None comes last.
    """

    text: str
    value: float | str | None = None


@dataclass(frozen=True)
class Line:
    """One row of a table.

    Attributes:
        name: the first cell, in bold.
        description: an explanation of the name, or nothing.
        framework: for the colour, or nothing.
        kind: "variant" or "baseline", for the mark, or nothing.
        cells: one per column except the first; a row that was not timed has a single cell with the reason.
        different: whether it is another model, but timed.
    """

    name: str
    description: str
    framework: str
    kind: str
    cells: tuple[Cell, ...]
    different: bool = False


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: a short name for links.
        title: the heading.
        note: what a reader must know, or why the table is empty.
        first: the heading of the column of names.
        columns: the headings of the other columns.
        lines: the rows; none if the run has measured nothing for this table.
        prose: whether the cells hold text, which is left-aligned and may wrap.
    """

    name: str
    title: str
    note: str
    first: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    prose: bool = False


def significant(value: float) -> str:
    """Format with three significant digits, never as a power of ten."""
    return f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def seconds(value: float) -> str:
    """Format seconds in a suitable unit."""
    unit, size = unit_of(value)
    return f"{significant(value / size)} {unit}"


def unit_of(value: float) -> tuple[str, float]:
    """Return a suitable unit for a number of seconds, and its size in seconds."""
    units = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
    return next((one for one in units if value >= one[1]), units[-1])


def spread_text(spread: dict[str, float]) -> str:
    """Format seconds and their quartiles in one unit."""
    _, size = unit_of(spread["median"])
    low, high = (significant(spread[end] / size) for end in ("low", "high"))
    return f"{seconds(spread['median'])} ({low} to {high})"


def bytes_of(value: float) -> str:
    """Format bytes in a suitable unit."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20)):
        if value >= size:
            return f"{significant(value / size)} {unit}"
    return f"{significant(value / 2**10)} KiB"


def rate(value: float) -> str:
    """Format a number with a metric prefix: 9.6 G."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{significant(value / size)} {unit}"
    return significant(value)


def epochs_text(value: float) -> str:
    """Format a number of epochs."""
    if value < 0.1:
        return "less than 0.1 epochs"
    return "1 epoch" if significant(value) == "1" else f"{significant(value)} epochs"


def is_no_difference(ratio: dict[str, float], floor: float | None) -> bool:
    """Whether the interval of a ratio overlaps the noise: the ratios of a configuration to itself."""
    margin = 1 + (floor or 0)
    return ratio["low"] <= margin and ratio["high"] >= 1 / margin


def ratio_text(ratio: dict[str, float] | None) -> str:
    """Format a ratio with its interval."""
    return f"{ratio['ratio']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})" if ratio else NOTHING


def interval(ratio: dict[str, float] | None, floor: float | None) -> str:
    """Format a ratio with its interval, or as no difference if it overlaps the noise."""
    return NO_DIFFERENCE if ratio and is_no_difference(ratio, floor) else ratio_text(ratio)


def is_timed(row: Row) -> bool:
    """Whether a row of the report has times: rows of other models usually have none."""
    return "epoch" in row


def timed_rows(report: dict[str, Any]) -> list[Row]:
    """Return the rows that have times."""
    return [row for row in report["rows"] if is_timed(row)]


def is_repetition(report: dict[str, Any], row: Row) -> bool:
    """Whether a row repeats another one: as the control, with TensorFloat-32, or on all cores."""
    again = report["control"]["pair"][1] if report["control"] else None
    return bool(row["name"] == again or row["name"].endswith("-tf32") or row["cores"] != "one")


def is_tutorial(row: Row) -> bool:
    """Whether a row is Keras as in the tutorial, to which the others of its framework are compared."""
    return bool(row["name"].startswith(f"{row['framework']}-tutorial"))


def limit_of(report: dict[str, Any]) -> float | None:
    """Return the least seconds of an epoch, or None if they are unknown."""
    return (report["limit"] or {}).get("epoch") or None


def number_cell(value: float | None, write: Callable[[float], str]) -> Cell:
    """A cell of a number that may be missing."""
    return Cell(NOTHING) if value is None else Cell(write(value), value)


def spread_cell(spread: dict[str, float] | None) -> Cell:
    """A cell of seconds with their quartiles."""
    if not spread:
        return Cell(NOTHING)
    return Cell(spread_text(spread), spread["median"])


def ratio_cell(ratio: dict[str, float] | None, floor: float | None) -> Cell:
    """A cell of a ratio with its interval."""
    return Cell(interval(ratio, floor), ratio["ratio"] if ratio else None)


def _line(row: Row, *cells: Cell) -> Line:
    different = not row["same_model"] and is_timed(row)
    return Line(row["name"], "", row["framework"], row["kind"], cells, different)


def is_pinned(row: Row) -> bool:
    """Whether a row was measured on one core and in one thread, which makes it comparable."""
    return bool(row["cores"] == "one")


def latency_cell(row: Row) -> Cell:
    """A cell of the seconds of one review."""
    latency = row["latency"]
    return Cell(f"{seconds(latency['p50'])} / {seconds(latency['p99'])}", latency["p50"])


def whole_run_title(report: dict[str, Any]) -> str:
    """The heading of the column of whole runs."""
    epochs = report["plan"]["epochs"]
    return f"whole run of {epochs} epochs" if epochs else "whole run"


def users_table(report: dict[str, Any]) -> Table:
    """What a user gets: one row per configuration without any setting, also those that were not timed."""
    floor = report["noise_floor"]

    def cells(row: Row) -> tuple[Cell, ...]:
        if not is_timed(row):
            return (Cell(NOT_TIMED),)
        return (
            number_cell(row["epoch"]["median"], seconds),
            Cell("1", 1.0) if is_tutorial(row) else ratio_cell(row["to_tutorial"], floor),
            ratio_cell(row["to_alone"], floor),
            number_cell(row["first_step"]["median"], seconds),
            number_cell(row["whole"]["seconds"]["median"] if row["whole"] else None, seconds),
            number_cell(row["memory"]["host"], bytes_of),
            latency_cell(row),
        )

    rows = [row for row in report["rows"] if not is_pinned(row)]
    return Table(
        "users",
        "What a user gets",
        "With nothing set: no variables, all cores, and a library that has been used before, so that its cache is "
        "filled. “Tutorial” is Keras as the tutorial uses it, in the same conditions. “Alone” is the same without the "
        "busy processes: there, 2 is a fair share.",
        "configuration",
        (
            "steady epoch",
            "ratio to tutorial",
            "ratio to alone",
            "first step",
            whole_run_title(report),
            "peak memory",
            "one review, p50 / p99",
        ),
        tuple(replace(_line(row, *cells(row)), description=row["description"]) for row in rows),
    )


def main_table(report: dict[str, Any]) -> Table:
    """The main table: one row per configuration that is comparable, also those that were not timed."""
    floor = report["noise_floor"]

    def cells(row: Row) -> tuple[Cell, ...]:
        if not is_timed(row):
            return (Cell(NOT_TIMED),)
        return (
            number_cell(row["epoch"]["median"], seconds),
            Cell("1", 1.0) if is_tutorial(row) else ratio_cell(row["to_tutorial"], floor),
            ratio_cell(row["to_loop"], floor),
            number_cell(row["to_limit"], significant),
            number_cell(row["first_step"]["median"], seconds),
            number_cell(row["whole"]["seconds"]["median"] if row["whole"] else None, seconds),
            number_cell(row["memory"]["host"], bytes_of),
            latency_cell(row),
        )

    return Table(
        "main",
        "On one core",
        "One core and one thread, to compare formulas. Steady epoch: 20,000 reviews in ready batches of 64, without "
        "the first step. Ratios are those of steady epochs, with 95 % intervals; a ratio below 1 is faster. "
        "“Tutorial” is Keras as the tutorial uses it, “hand-written” the fastest hand-written loop, both in the same "
        f"framework. A ratio whose interval overlaps the noise is “{NO_DIFFERENCE}”.",
        "configuration",
        (
            "steady epoch",
            "ratio to tutorial",
            "ratio to hand-written",
            "ratio to limit",
            "first step",
            whole_run_title(report),
            "peak memory",
            "one review, p50 / p99",
        ),
        tuple(
            replace(_line(row, *cells(row)), description=row["description"]) for row in report["rows"] if is_pinned(row)
        ),
    )


def steady_table(report: dict[str, Any]) -> Table:
    """Times of steps and epochs after compilation."""
    lines = [
        _line(
            row,
            spread_cell(row["step"]),
            number_cell(row["step"]["p95"], seconds),
            spread_cell(row["epoch"]),
            spread_cell(row["epoch_with_pipeline"]),
            number_cell(row["reviews_per_second"], significant),
            number_cell(row["flops_per_second"], rate),
            number_cell(row["bytes_per_second"], rate),
        )
        for row in timed_rows(report)
    ]
    return Table(
        "steady",
        "Steady state",
        "Medians and quartiles. FLOP and bytes are those that the mathematics of a step needs, not those that a "
        "program performs.",
        "configuration",
        ("step", "step, p95", "epoch, ready batches", "epoch with pipeline", "reviews/s", "FLOP/s", "bytes/s"),
        tuple(lines),
    )


def start_table(report: dict[str, Any]) -> Table:
    """Times before the first epoch, and peak memory."""
    rows = timed_rows(report)
    gpu = any(row["memory"]["allocator"] or row["memory"]["driver"] for row in rows)
    memory = {"host": "memory, host"}
    note = (
        "Medians and quartiles over processes. The first step includes compilation and tracing. Memory is the peak of "
        "the largest process, including imported packages"
    )
    if gpu:
        memory |= {"allocator": "GPU, by the allocator", "driver": "GPU, by the driver"}
        note += "; on the GPU, the memory that the framework has allocated, and the memory that the driver reports"
    lines = [
        _line(
            row,
            *(spread_cell(row[name]) for name in ("import", "data", "build", "first_step")),
            *(number_cell(row["memory"][name], bytes_of) for name in memory),
        )
        for row in rows
    ]
    columns = ("import", "data", "build", "first step", *memory.values())
    return Table("start", "Start and memory", f"{note}.", "configuration", columns, tuple(lines))


def break_even_table(report: dict[str, Any]) -> Table:
    """The number of epochs after which a slower first step pays off, within each framework."""
    lines = [
        Line(
            slow_start["name"],
            "",
            slow_start["framework"],
            slow_start["kind"],
            (
                Cell(fast_start["name"], fast_start["name"]),
                number_cell(slow_start["first_step"]["median"] - fast_start["first_step"]["median"], seconds),
                number_cell(fast_start["epoch"]["median"] - slow_start["epoch"]["median"], seconds),
                number_cell(pays_off_after(fast_start, slow_start), epochs_text),
            ),
        )
        for fast_start, slow_start in break_evens(report)
    ]
    note = (
        "For each framework, the configurations for which no other one is faster in both the first step and the epoch."
    )
    return Table(
        "break-even",
        "Break-even",
        note if lines else f"{note} Here one configuration of each framework is faster in both.",
        "slower first step",
        ("instead of", "costs, once", "saves, per epoch", "pays off after"),
        tuple(lines),
    )


def break_evens(report: dict[str, Any]) -> list[tuple[Row, Row]]:
    """Return pairs of neighbours on the Pareto front of first step and epoch in each framework, fast start first."""
    pairs: list[tuple[Row, Row]] = []
    rows = [row for row in timed_rows(report) if row["same_model"] and not is_repetition(report, row)]
    rows.sort(key=lambda row: (row["first_step"]["median"], row["epoch"]["median"]))
    for framework in dict.fromkeys(row["framework"] for row in report["rows"]):
        front: list[Row] = []
        for row in rows:
            if row["framework"] == framework and (not front or row["epoch"]["median"] < front[-1]["epoch"]["median"]):
                front.append(row)
        pairs += pairwise(front)
    return pairs


def pays_off_after(fast_start: Row, slow_start: Row) -> float:
    """Return the number of epochs after which two configurations have taken the same time."""
    costs = slow_start["first_step"]["median"] - fast_start["first_step"]["median"]
    saves = fast_start["epoch"]["median"] - slow_start["epoch"]["median"]
    return float(costs / saves)


def whole_table(report: dict[str, Any]) -> Table:
    """Whole runs from a cold process to a saved model, their phases, and a cold prediction."""
    rows = [row for row in timed_rows(report) if row["whole"]]
    phases = list(dict.fromkeys(phase for row in rows for phase in row["whole"]["phases"]))
    lines = [
        _line(
            row,
            spread_cell(row["whole"]["seconds"]),
            *(number_cell(row["whole"]["phases"].get(phase), seconds) for phase in phases),
            spread_cell(row["whole"]["shell"]),
            reached_cell(row["to_080"]),
        )
        for row in rows
    ]
    note = (
        f"{report['plan']['epochs']} epochs, from a cold process to a saved model; medians and quartiles, for phases "
        "medians. The prediction from the shell is one command that loads the saved model and predicts one review. "
        "Accuracy is validation accuracy; its time includes the cold start."
    )
    return Table(
        "whole",
        "Whole runs",
        note if lines else only_in_full(report, "Whole runs were not timed"),
        "configuration",
        ("whole run", *phases, "one prediction from the shell", "to 0.80 accuracy"),
        tuple(lines),
    )


def reached_cell(reached: dict[str, Any] | None) -> Cell:
    """A cell of the seconds to an accuracy, and the number of seeds that reached it."""
    if not reached:
        return Cell(NOTHING)
    seeds = f"{reached['reached']} of {reached['runs']} seeds"
    if not reached["seconds"]:
        return Cell(seeds)
    return Cell(f"{seconds(reached['seconds']['median'])}, {seeds}", reached["seconds"]["median"])


def only_in_full(report: dict[str, Any], what: str) -> str:
    """Explain why something is missing."""
    return f"{what} in this fast run; a full run has them." if report["plan"]["fast"] else f"{what} in this run."


def prediction_table(report: dict[str, Any]) -> Table:
    """Latency and throughput of predictions."""
    rows = timed_rows(report)
    sizes = sorted({one["batch"] for row in rows for one in row["throughput"]})
    lines = []
    for row in rows:
        by_size = {one["batch"]: one["reviews_per_second"] for one in row["throughput"]}
        latency = [number_cell(row["latency"][name], seconds) for name in ("p50", "p99")]
        lines.append(_line(row, *latency, *(number_cell(by_size.get(size), significant) for size in sizes)))
    return Table(
        "prediction",
        "Prediction",
        "Seconds for one review, and reviews per second by the number of reviews per call; after warm-up.",
        "configuration",
        ("one review, p50", "p99", *(f"{size:,} per call" for size in sizes)),
        tuple(lines),
    )


def path_table(report: dict[str, Any]) -> Table:
    """The execution paths, and the result of the check against the oracle."""
    lines = []
    for row in report["rows"]:
        settings = "; ".join(
            f"{name.replace('_', ' ')}: {value}"
            for name, value in row["path"].items()
            if name not in ("device", "versions")
        )
        lines.append(
            _line(
                row,
                Cell(row["path"].get("device", NOTHING), row["path"].get("device")),
                Cell(settings or NOTHING, settings),
                Cell(verdict_of(row), verdict_of(row)),
                Cell(f"{row['difference']:.1e}", row["difference"]),
                Cell(f"{row['tolerance']:.1e}", row["tolerance"]),
            )
        )
    note = (
        "As reported by the processes; and the largest difference of the weights from those of the float64 oracle, "
        "checked before the timing."
    )
    columns = ("device", "settings and kernels", "model", "difference", "tolerance")
    return Table("paths", "Execution paths", note, "configuration", columns, tuple(lines), prose=True)


def verdict_of(row: Row) -> str:
    """Format the result of the check against the oracle."""
    if row["same_model"]:
        return "same"
    return "different, not timed" if row["expected_same_model"] else "different, but timed"


def versions_table(report: dict[str, Any]) -> Table:
    """Versions, once for all configurations that share them."""
    groups: dict[str, list[str]] = {}
    for row in report["rows"]:
        groups.setdefault(row["path"].get("versions", NOTHING), []).append(row["name"])
    lines = [Line(", ".join(names), "", "", "", (Cell(text, text),)) for text, names in groups.items()]
    return Table("versions", "Versions", "", "configurations", ("versions",), tuple(lines), prose=True)


def left_out_table(report: dict[str, Any]) -> Table:
    """What was not run or not timed, and why."""
    reasons = dict(report["left_out"]) | {row["name"]: NOT_TIMED for row in report["rows"] if not is_timed(row)}
    plan = report["plan"]
    absent = [name for name, there in (("whole runs", plan["whole_runs"]), ("scaling", plan["scaling"])) if not there]
    if absent and plan["fast"]:
        reasons |= {", ".join(absent): "not part of a fast run; a full run has them"}
    lines = [Line(name, "", "", "", (Cell(why, why),)) for name, why in reasons.items()]
    note = "" if lines else "Nothing: all configurations were timed."
    return Table("left-out", "Left out", note, "what", ("why",), tuple(lines), prose=True)


def limit_table(report: dict[str, Any]) -> Table:
    """The terms of the limit, which is the longest of them."""
    limit, machine = limit_of(report), report["machine"]
    title = "Limit of the machine"
    if limit is None:
        return Table("limit", title, f"The limit of this machine is unknown: {machine['method']}.", "term", (), ())
    work = report["limit"]["work"]
    calculations = {
        "arithmetic": f"{rate(work['flops'])}FLOP per step at {rate(machine['peak_flops'] or 0)}FLOP/s",
        "memory": f"{rate(work['bytes'])}B per step at {rate(machine['cache_bandwidth'] or 0)}B/s",
        "chain": f"{work['chain']} steps in a row of {seconds(machine['recurrence_latency'] or 0)} each",
    }
    lines = [
        Line(name, TERMS[name], "", "", (Cell(calculations[name]), number_cell(value, seconds)))
        for name, value in report["limit"]["terms"].items()
    ]
    missing = [name for name in TERMS if name not in report["limit"]["terms"]]
    note = (
        f"No program that does this arithmetic on one core can be faster than the longest term: {seconds(limit)} per "
        f"epoch. Measured by {machine['method']}."
    )
    note += f" Not measured here: {', '.join(missing)}." if missing else ""
    return Table("limit", title, note, "term", ("calculation", "least time of an epoch"), tuple(lines))


def further_tables(report: dict[str, Any]) -> list[Table]:
    """Return all tables below the figures, in order."""
    makers = (steady_table, start_table, break_even_table, whole_table, prediction_table)
    return [maker(report) for maker in (*makers, limit_table, path_table, versions_table, left_out_table)]


def as_markdown(table: Table) -> str:
    """Format a table as Markdown; a row that was not timed has the reason in its second column."""
    rows = []
    for line in table.lines:
        name = f"**{line.name}**{' (different model)' if line.different else ''}"
        if line.description:
            name += f": {line.description}"
        rows.append([name, *(cell.text for cell in line.cells)])
    return markdown_table([table.first, *table.columns], rows)


def terminal_tables(report: dict[str, Any]) -> str:
    """Format the first tables for a terminal, without descriptions."""
    tables = [table for table in (users_table(report), main_table(report)) if table.lines]
    return "\n\n".join(f"{table.title}\n{_for_terminal(table)}" for table in tables)


def _for_terminal(table: Table) -> str:
    rows = [(table.first, *table.columns)]
    for line in table.lines:
        name = f"{line.name} (different model)" if line.different else line.name
        rows.append((name, *(cell.text for cell in line.cells)))
    # The reason in a row that was not timed may be wider than its column.
    widths = [max(len(row[0]) for row in rows)]
    widths += [max(len(row[i]) for row in rows if len(row) > 2) for i in range(1, len(rows[0]))]
    lines = (
        [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=False))]
        for row in rows
    )
    return "\n".join("  ".join(line) for line in lines)


def device_sentence(report: dict[str, Any]) -> str:
    """Describe the machine."""
    processor, device = f"{report['cores']} cores of {report['processor']}", report["device"]
    return f"on a GPU ({device['name']}), with one of {processor}" if device["kind"] == "gpu" else f"on {processor}"


def plan_sentence(report: dict[str, Any]) -> str:
    """Describe the run: how much was measured, where, and when."""
    plan = report["plan"]
    run = "fast run with rough results" if plan["fast"] else "full run"
    return (
        f"A {run}: {plan['rounds']} rounds in random order, each configuration in a new process, "
        f"{device_sentence(report)}, {report['date']}."
    )


def page_table(report: dict[str, Any]) -> str:
    """Format what docs/benchmarks.md shows: the run in one sentence, and the first tables."""
    users, main = users_table(report), main_table(report)
    parts = [plan_sentence(report)]
    if users.lines:
        parts += [users.note, as_markdown(users), "One core and one thread, to compare formulas:"]
    return "\n\n".join([*parts, as_markdown(main)])
