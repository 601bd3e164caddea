"""The tables of the report: what stands in them, and how figures are written; the page and Markdown share them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

NOTHING = "—"
REFUSED = "different model, not timed"
NO_DIFFERENCE = "no detectable difference"
TERMS = {
    "arithmetic": "floating-point operations over the peak of multiply-adds",
    "memory": "bytes over the bandwidth of a cache",
    "chain": "steps of the recurrence, each waiting for the one before",
}


@dataclass(frozen=True)
class Cell:
    """What a table shows in one place.

    Attributes:
        text: as people read it.
        value: what the column is sorted by; None comes last.
    """

    text: str
    value: float | str | None = None


@dataclass(frozen=True)
class Line:
    """A row of a table.

    Attributes:
        name: what the row is of, in bold.
        what: the name in words, or nothing.
        framework: for its colour, or nothing.
        kind: "variant" or "peer", for its mark, or nothing.
        cells: one for each column but the first; the only one of a refused row says why.
        different: it is another model, timed all the same.
    """

    name: str
    what: str
    framework: str
    kind: str
    cells: tuple[Cell, ...]
    different: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: short, for links.
        title: what it is of.
        note: what one must know to read it, or why it is empty.
        first: heads the column of names.
        columns: head the others.
        lines: the rows; none if a run holds nothing of it.
        prose: whether the cells are text, which is set to the left and may break.
    """

    name: str
    title: str
    note: str
    first: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    prose: bool = False


def significant(value: float) -> str:
    """Three significant digits, never as a power of ten."""
    return f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def seconds(value: float) -> str:
    """Seconds in the unit that fits."""
    unit, size = unit_of(value)
    return f"{significant(value / size)} {unit}"


def unit_of(value: float) -> tuple[str, float]:
    """The unit in which so many seconds are best read, and its size."""
    units = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
    return next((one for one in units if value >= one[1]), units[-1])


def spread_text(spread: dict[str, float]) -> str:
    """Seconds and their quartiles, in one unit."""
    _, size = unit_of(spread["median"])
    low, high = (significant(spread[end] / size) for end in ("low", "high"))
    return f"{seconds(spread['median'])} ({low} to {high})"


def bytes_of(value: float) -> str:
    """Bytes in the unit that fits."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20)):
        if value >= size:
            return f"{significant(value / size)} {unit}"
    return f"{significant(value / 2**10)} KiB"


def rate(value: float) -> str:
    """So many a second, shortened by thousands: 9.6 G."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{significant(value / size)} {unit}"
    return significant(value)


def is_no_difference(found: dict[str, float], floor: float | None) -> bool:
    """Whether the interval of a ratio touches the band in which the ratio of a configuration to itself lies."""
    margin = 1 + (floor or 0)
    return found["low"] <= margin and found["high"] >= 1 / margin


def interval(found: dict[str, float] | None, floor: float | None) -> str:
    """A ratio with its interval, as tables show it; what does not leave the noise floor is no difference."""
    if not found:
        return NOTHING
    if is_no_difference(found, floor):
        return NO_DIFFERENCE
    return f"{found['ratio']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def is_timed(row: dict[str, Any]) -> bool:
    """Whether a row of the report has figures: it computes this model, or is known not to."""
    return "epoch" in row


def is_extra(report: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a row is another one once more: to show the noise, with TensorFloat-32, or on a shared machine."""
    again = report["control"]["pair"][1] if report["control"] else None
    return bool(row["name"] == again or row["name"].endswith("-tf32") or row["cores"] != "one")


def limit_of(report: dict[str, Any]) -> float | None:
    """The least seconds of an epoch, or None where they are not known."""
    return (report["limit"] or {}).get("epoch") or None


def amount(value: float | None, write: Callable[[float], str]) -> Cell:
    """A cell of a figure that may be missing."""
    return Cell(NOTHING) if value is None else Cell(write(value), value)


def spread_cell(spread: dict[str, float] | None) -> Cell:
    """Seconds, and their quartiles."""
    if not spread:
        return Cell(NOTHING)
    return Cell(spread_text(spread), spread["median"])


def ratio_cell(found: dict[str, float] | None, floor: float | None, own: bool = False) -> Cell:
    """A ratio and its interval; that of a row to itself is 1."""
    if own:
        return Cell("1", 1.0)
    return Cell(interval(found, floor), found["ratio"] if found else None)


def to_tutorial(report: dict[str, Any], row: dict[str, Any]) -> Cell:
    """The ratio of a row to the tutorial's way on its framework."""
    return ratio_cell(row["to_tutorial"], report["noise_floor"], is_tutorial(row))


def is_tutorial(row: dict[str, Any]) -> bool:
    """Whether a row is the one that others of its framework are put in relation to."""
    return bool(row["name"] == f"{row['framework']}-tutorial")


def _line(row: dict[str, Any], *cells: Cell) -> Line:
    different = not row["same_model"] and is_timed(row)
    return Line(row["name"], "", row["framework"], row["kind"], cells, different)


def _timed(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in report["rows"] if is_timed(row)]


def whole_title(report: dict[str, Any]) -> str:
    """What heads the column of whole runs."""
    epochs = report["plan"]["epochs"]
    return f"whole run of {epochs} epochs" if epochs else "whole run"


def main_table(report: dict[str, Any]) -> Table:
    """The one table of the first page: a row for each configuration, refused ones too."""

    def cells(row: dict[str, Any]) -> tuple[Cell, ...]:
        if not is_timed(row):
            return (Cell(REFUSED),)
        epoch = row["epoch"]["median"]
        whole = row["whole"]["seconds"]["median"] if row["whole"] else None
        latency = row["latency"]
        return (
            Cell(seconds(epoch), epoch),
            to_tutorial(report, row),
            ratio_cell(row["to_native"], report["noise_floor"]),
            amount(row["to_limit"], significant),
            amount(row["first_step"]["median"], seconds),
            amount(whole, seconds),
            amount(row["memory"]["host"], bytes_of),
            Cell(f"{seconds(latency['p50'])} / {seconds(latency['p99'])}", latency["p50"]),
        )

    return Table(
        "main",
        "Every configuration",
        "Steady epoch: 20,000 reviews in batches of 64 that lie ready, the first step left out. Ratios are of steady "
        "epochs, with 95 % intervals: below 1 is quicker. Native is the quickest loop written by hand in the same "
        f"framework. A ratio whose interval touches the noise floor is “{NO_DIFFERENCE}”.",
        "what",
        (
            "steady epoch",
            "to the tutorial's way",
            "to native",
            "to the limit",
            "first step",
            whole_title(report),
            "peak memory",
            "one review, p50 / p99",
        ),
        tuple(replace(_line(row, *cells(row)), what=row["what"]) for row in report["rows"]),
    )


def steady_table(report: dict[str, Any]) -> Table:
    """What a training step and an epoch take, once all is compiled."""
    lines = [
        _line(
            row,
            spread_cell(row["step"]),
            amount(row["step"]["p95"], seconds),
            spread_cell(row["epoch"]),
            spread_cell(row["epoch_with_pipeline"]),
            amount(row["reviews_per_second"], significant),
            amount(row["flops_per_second"], rate),
            amount(row["bytes_per_second"], rate),
        )
        for row in _timed(report)
    ]
    return Table(
        "steady",
        "Steady state",
        "Medians and quartiles. FLOP and bytes are those that the mathematics of a step needs, not those that a "
        "program happens to do.",
        "what",
        ("step", "step, p95", "epoch, ready batches", "epoch with pipeline", "reviews/s", "FLOP/s", "bytes/s"),
        tuple(lines),
    )


def start_table(report: dict[str, Any]) -> Table:
    """What comes before the first epoch, and the memory that all of it takes; a GPU's where there is one."""
    names = ("import", "data", "build", "first_step")
    gpu = any(row["memory"]["allocator"] or row["memory"]["driver"] for row in _timed(report))
    memory = ("host", "allocator", "driver") if gpu else ("host",)
    lines = [
        _line(
            row,
            *(spread_cell(row[name]) for name in names),
            *(amount(row["memory"][name], bytes_of) for name in memory),
        )
        for row in _timed(report)
    ]
    note = (
        "Medians and quartiles over processes. The first step holds what the framework compiles or traces. Memory is "
        "the peak of the largest process: what is resident, with all that it imported"
    )
    note += "; on the GPU, what the framework's allocator handed out, and what the driver saw." if gpu else "."
    heads = ("memory, host", "GPU, by the allocator", "GPU, by the driver")[: len(memory)]
    columns = ("import", "data", "build", "first step", *heads)
    return Table("start", "Before the first epoch, and memory", note, "what", columns, tuple(lines))


def break_even_table(report: dict[str, Any]) -> Table:
    """After how many epochs a costlier first step pays off, within each framework."""
    lines = [
        Line(costly["name"], "", costly["framework"], costly["kind"], (Cell(cheap["name"], cheap["name"]), *figures))
        for cheap, costly in break_evens(report)
        if (
            figures := (
                amount(costly["first_step"]["median"] - cheap["first_step"]["median"], seconds),
                amount(cheap["epoch"]["median"] - costly["epoch"]["median"], seconds),
                amount(pays_off_after(cheap, costly), epochs_of),
            )
        )
    ]
    note = "Of each framework, the configurations that none beats both in the first step and in the epoch."
    return Table(
        "break-even",
        "Break-even",
        note if lines else f"{note} Here one is ahead in both everywhere, so nothing has to pay off.",
        "costlier first step",
        ("instead of", "costs more, once", "saves, each epoch", "pays off after"),
        tuple(lines),
    )


def break_evens(report: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of neighbours, the cheaper first step first, on the border of what is worth choosing in a framework."""
    pairs = []
    timed = [row for row in _timed(report) if row["same_model"] and not is_extra(report, row)]
    for framework in dict.fromkeys(row["framework"] for row in timed):
        border: list[dict[str, Any]] = []
        for row in sorted(timed, key=lambda row: (row["first_step"]["median"], row["epoch"]["median"])):
            if row["framework"] != framework:
                continue
            if not border or row["epoch"]["median"] < border[-1]["epoch"]["median"]:
                border.append(row)
        pairs += pairwise(border)
    return pairs


def pays_off_after(cheap: dict[str, Any], costly: dict[str, Any]) -> float:
    """Epochs after which a costlier first step and quicker epochs have taken as long as the other way about."""
    costs = costly["first_step"]["median"] - cheap["first_step"]["median"]
    saves = cheap["epoch"]["median"] - costly["epoch"]["median"]
    return float(costs / saves)


def epochs_of(value: float) -> str:
    """So many epochs."""
    if value < 0.1:
        return "less than 0.1 epochs"
    return "1 epoch" if significant(value) == "1" else f"{significant(value)} epochs"


def whole_table(report: dict[str, Any]) -> Table:
    """From a cold process to a saved model, its phases, and one cold prediction."""
    rows = [row for row in _timed(report) if row["whole"]]
    phases = list(dict.fromkeys(phase for row in rows for phase in row["whole"]["phases"]))
    lines = [
        _line(
            row,
            spread_cell(row["whole"]["seconds"]),
            *(amount(row["whole"]["phases"].get(phase), seconds) for phase in phases),
            spread_cell(row["whole"]["shell"]),
            reached_cell(row["to_080"]),
        )
        for row in rows
    ]
    note = (
        f"{report['plan']['epochs']} epochs, cold process to saved model; medians and quartiles, phases as medians. "
        "The shell's prediction is one command that loads the saved model and judges one review. Accuracy is that of "
        "validation, its time includes the cold start."
    )
    return Table(
        "whole",
        "Whole runs",
        note if lines else only_in_full(report, "Whole runs were not timed"),
        "what",
        ("whole run", *phases, "one prediction from the shell", "to 0.80 accuracy"),
        tuple(lines),
    )


def reached_cell(found: dict[str, Any] | None) -> Cell:
    """Seconds to an accuracy, and how many seeds got there."""
    if not found:
        return Cell(NOTHING)
    seeds = f"{found['reached']} of {found['runs']} seeds"
    if not found["seconds"]:
        return Cell(seeds)
    return Cell(f"{seconds(found['seconds']['median'])}, {seeds}", found["seconds"]["median"])


def only_in_full(report: dict[str, Any], what: str) -> str:
    """Why something is not there."""
    return f"{what} in this quick run; a full run has them." if report["plan"]["quick"] else f"{what} in this run."


def prediction_table(report: dict[str, Any]) -> Table:
    """Reviews a second that a warm model judges."""
    rows = _timed(report)
    sizes = sorted({one["batch"] for row in rows for one in row["throughput"]})
    lines = []
    for row in rows:
        found = {one["batch"]: one["reviews_per_second"] for one in row["throughput"]}
        latency = row["latency"]
        cells = [amount(latency["p50"], seconds), amount(latency["p99"], seconds)]
        lines.append(_line(row, *cells, *(amount(found.get(size), significant) for size in sizes)))
    return Table(
        "prediction",
        "Prediction",
        "One review at a time, and reviews a second by how many are judged in one call; all warm.",
        "what",
        ("one review, p50", "p99", *(f"{size:,} a call" for size in sizes)),
        tuple(lines),
    )


def path_table(report: dict[str, Any]) -> Table:
    """Which path ran, and that it computed the same."""

    def how(path: dict[str, str]) -> str:
        apart = ("device", "versions")
        return "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in path.items() if name not in apart)

    lines = [
        _line(
            row,
            Cell(row["path"].get("device", NOTHING), row["path"].get("device")),
            Cell(how(row["path"]) or NOTHING, how(row["path"])),
            Cell(verdict_of(row), verdict_of(row)),
            Cell(f"{row['difference']:.1e}", row["difference"]),
            Cell(f"{row['tolerance']:.1e}", row["tolerance"]),
        )
        for row in report["rows"]
    ]
    note = "As the processes found it, and how far the weights were from those of the float64 oracle before the timing."
    columns = ("device", "settings and kernels", "model", "difference", "allowed")
    return Table("paths", "Which path ran", note, "what", columns, tuple(lines), prose=True)


def verdict_of(row: dict[str, Any]) -> str:
    """What the check before the timing found."""
    if row["same_model"]:
        return "same"
    return "different, not timed" if row["expected_same_model"] else "different, timed all the same"


def versions_table(report: dict[str, Any]) -> Table:
    """Versions, once for the rows that share them."""
    groups: dict[str, list[str]] = {}
    for row in report["rows"]:
        groups.setdefault(row["path"].get("versions", NOTHING), []).append(row["name"])
    lines = [Line(", ".join(names), "", "", "", (Cell(text, text),)) for text, names in groups.items()]
    return Table("versions", "Versions", "", "rows", ("versions",), tuple(lines), prose=True)


def left_out_table(report: dict[str, Any]) -> Table:
    """What was not run or not timed, and why."""
    reasons = dict(report["left_out"]) | {row["name"]: REFUSED for row in report["rows"] if not is_timed(row)}
    plan = report["plan"]
    absent = [name for name, there in (("whole runs", plan["whole_runs"]), ("growth", plan["growth"])) if not there]
    if absent and plan["quick"]:
        reasons |= {", ".join(absent): "a quick run leaves them out; a full run has them"}
    lines = [Line(name, "", "", "", (Cell(why, why),)) for name, why in reasons.items()]
    note = "" if lines else "Nothing: all configurations were timed."
    return Table("left-out", "Left out, and why", note, "what", ("why",), tuple(lines), prose=True)


def limit_table(report: dict[str, Any]) -> Table:
    """The terms of the limit, the longest of which it is."""
    limit = limit_of(report)
    if limit is None:
        note = f"The limit of this machine is not known: {report['machine']['method']}."
        return Table("limit", "The limit", note, "term", (), ())
    work, machine = report["limit"]["work"], report["machine"]
    over = {
        "arithmetic": f"{rate(work['flops'])}FLOP a step at {rate(machine['peak_flops'] or 0)}FLOP/s",
        "memory": f"{rate(work['bytes'])}B a step at {rate(machine['cache_bandwidth'] or 0)}B/s",
        "chain": f"{work['chain']} steps in a row of {seconds(machine['recurrence_latency'] or 0)} each",
    }
    lines = [
        Line(name, TERMS.get(name, ""), "", "", (Cell(over.get(name, NOTHING)), amount(value, seconds)))
        for name, value in report["limit"]["terms"].items()
    ]
    missing = [name for name in TERMS if name not in report["limit"]["terms"]]
    note = (
        f"No program that does this arithmetic on one core can take less than the longest term: {seconds(limit)} an "
        f"epoch. Measured by {machine['method']}."
    )
    note += f" Not measured here: {', '.join(missing)}." if missing else ""
    return Table("limit", "The limit", note, "term", ("of what", "an epoch takes at least"), tuple(lines))


def further_tables(report: dict[str, Any]) -> list[Table]:
    """All tables below the plots, in order."""
    makers = (steady_table, start_table, break_even_table, whole_table, prediction_table)
    return [maker(report) for maker in (*makers, limit_table, path_table, versions_table, left_out_table)]


def as_markdown(table: Table) -> str:
    """A table in Markdown; a refused row says why in its second column."""
    head = (table.first, *table.columns)
    lines = [f"| {' | '.join(head)} |", f"| --- |{' --- |' * len(table.columns)}"]
    for line in table.lines:
        texts = [cell.text.replace("|", "\\|") for cell in line.cells]
        texts += [""] * (len(table.columns) - len(texts))
        name = f"**{line.name}**{' (different model)' if line.different else ''}{': ' if line.what else ''}{line.what}"
        lines.append(f"| {name} | {' | '.join(texts)} |")
    return "\n".join(lines)


def markdown_table(report: dict[str, Any]) -> str:
    """The table of the first page in Markdown."""
    return as_markdown(main_table(report))


def terminal_table(report: dict[str, Any]) -> str:
    """The table of the first page for a terminal: names without their explanation, columns under each other."""
    table = main_table(report)
    rows = [(table.first, *table.columns)]
    for line in table.lines:
        texts = [cell.text for cell in line.cells]
        name = f"{line.name} (different model)" if line.different else line.name
        rows.append((name, *texts, *[""] * (len(table.columns) - len(texts))))
    # What a refused row says may run on: nothing stands to its right.
    counted = [row for row in rows if row[2]]
    widths = [max(len(row[place]) for row in counted) for place in range(len(rows[0]))]
    widths[0] = max(len(row[0]) for row in rows)
    lines = (
        [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))]
        for row in rows
    )
    return "\n".join("  ".join(line).rstrip() for line in lines)


def device_sentence(report: dict[str, Any]) -> str:
    """What it ran on."""
    processor = f"one of {report['cores']} cores of {report['processor']}"
    device = report["device"]
    return f"on a GPU ({device['name']}), fed by {processor}" if device["kind"] == "gpu" else f"on {processor}"


def plan_sentence(report: dict[str, Any]) -> str:
    """How much was measured, on what, and when."""
    plan = report["plan"]
    run: Literal["quick run", "full run"] = "quick run" if plan["quick"] else "full run"
    rough = ", whose figures are rough" if plan["quick"] else ""
    return (
        f"A {run}{rough}: {plan['rounds']} rounds in shuffled order, each configuration in a fresh process, "
        f"{device_sentence(report)}, {report['date']}."
    )


def readme_table(report: dict[str, Any]) -> str:
    """What the README shows: the run in a sentence, and the table of the first page."""
    return f"{plan_sentence(report)}\n\n{markdown_table(report)}"
