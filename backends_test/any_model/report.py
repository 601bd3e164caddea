"""The report of a comparison: in sentences, as a table for a terminal, and as an HTML page that needs no other file."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import jinja2

from backends_test.any_model.run import ALL_STAGES, BAD, Comparison
from backends_test.any_model.verdicts import MULTIPLE, Row, Verdict
from imdb_rnn.backends.table import TABLE
from imdb_rnn.files import atomic_write

TEMPLATE = Path(__file__).parent / "report.html.jinja"
# From harmless to bad; "not run" says nothing.
ORDER: tuple[Verdict, ...] = ("not run", "equal", "rounding", "unstable", "disagrees", "fails")
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
# Rounds whose times are farther apart than this are noted.
UNSTEADY = 1.5
# What a stage of one backend is compared with.
BASES = {
    "compiled": "the outputs without compilation",
    "eager": "the step with compilation",
    "rows": "the outputs of the whole batch",
}
STAGES = {
    "build": "shapes and dtypes of all weights, and the number of parameters",
    "weights": "all weights, read back after they were set",
    "forward": "the outputs and masks of each layer, in inference",
    "training": "the outputs and masks of each layer, in training",
    "states": "the weights that a forward pass in training changes",
    "layer alone": "each layer with the inputs that it has on the first backend: outputs and gradients",
    "loss": "the loss and the metrics of the batch",
    "gradients": "the gradients of the loss by the weights and the inputs",
    "one step": "what one step of the optimizer adds to each weight, and the optimizer's variables",
    "steps": "what several steps add, and the loss of each",
    "compiled": "on one backend: the outputs with and without compilation",
    "eager": "on one backend: one step of the optimizer with and without compilation",
    "rows": "on one backend: the batch as a whole and one row at a time",
    "saved": "a trained model, saved on one backend and loaded on another",
}


class Cell(NamedTuple):
    """The rows of a stage and of a pair of backends, or of all pairs.

    Attributes:
        verdict: the worst of their verdicts.
        counts: verdict -> number of rows.
        worst: the largest difference in multiples of the noise; None if no row has both.
        row: of those with the worst verdict, the one with the largest difference.
    """

    verdict: Verdict
    counts: dict[Verdict, int]
    worst: float | None
    row: Row


def title(backend: str) -> str:
    """Return the name of a backend to display."""
    return TABLE[backend].title if backend in TABLE else backend


def ratio(row: Row) -> float | None:
    """Return the difference in multiples of the noise; infinite where there is no noise; None without a difference."""
    if row.difference is None or row.noise is None:
        return None
    if row.difference == 0:
        return 0.0
    return row.difference / row.noise if row.noise else math.inf


def number(value: float | None) -> str:
    """Format a number in few characters; "" without one."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    if math.isinf(value):
        return "∞"
    return f"{value:.2g}" if 0.01 <= value < 1000 else f"{value:.1e}"


def summary(rows: Sequence[Row]) -> Cell:
    """Summarize rows, of which there must be at least one."""
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS}
    verdict = max((row.verdict for row in rows), key=ORDER.index)
    worst = max((found for row in rows if (found := ratio(row)) is not None), default=None)
    return Cell(
        verdict, counts, worst, max((row for row in rows if row.verdict == verdict), key=lambda row: ratio(row) or 0)
    )


def by_stage(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows of each stage, in the order of the stages."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.stage, []).append(row)
    return {stage: found[stage] for stage in ALL_STAGES if stage in found}


def columns(rows: Iterable[Row]) -> list[tuple[str, ...]]:
    """Return the pairs that a table has a column for: two backends in either order, then each backend with itself."""
    found = dict.fromkeys(column_of(row) for row in rows)
    return sorted(found, key=lambda backends: len(backends), reverse=True)


def column_of(row: Row) -> tuple[str, ...]:
    """Return the column of a row: its backends, in the order of the table of backends."""
    order = list(TABLE)
    return tuple(sorted(set(row.pair), key=lambda name: (order.index(name) if name in order else len(order), name)))


def sentence(row: Row) -> str:
    """Say what a row found, with its layer, its stage and, if that can be told, the backend that is off."""
    what = f"{row.layer}: {row.tensor}" if row.layer and row.tensor else row.layer or row.tensor
    place = f"at the stage {row.stage}" + (f" ({what})" if what else "")
    one, other = row.pair
    if row.verdict == "fails":
        return f"{title(row.off or one)} fails {place}: {row.reason}"
    if row.verdict == "not run":
        return f"The stage {row.stage} was not run on {_both(row)}: {row.reason}."
    subject = row.layer or "The model"
    if row.reason:  # a tensor that only some backends have
        reason = row.reason.replace(f"{row.off} does", f"{title(row.off)} does") if row.off else row.reason
        return f"{subject} is off on {title(row.off or one)} at the stage {row.stage}: {row.tensor}, {reason}."
    extent = f"{row.tensor} differs by {number(row.difference)}{_in_noise(row)}"
    if row.verdict != "disagrees":
        return f"{subject} on {_both(row)} at the stage {row.stage}: {extent}, {_MEANING[row.verdict]}."
    if row.stage == "saved":
        return f"{subject}, saved on {title(one)} and loaded on {title(other)}, is another model: {extent}."
    if one == other:
        base = BASES.get(row.stage, "itself")
        return f"{subject} is off on {title(one)} at the stage {row.stage}: {extent} from {base}."
    if row.off:
        against = title(other if row.off == one else one)
        return f"{subject} is off on {title(row.off)} at the stage {row.stage}: {extent} from {against}."
    return f"{subject} differs between {_both(row)} at the stage {row.stage}: {extent}."


_MEANING = {
    "equal": "which is no difference",
    "rounding": "which rounding explains",
    "unstable": "but rounding alone moves it so much that nothing can be concluded",
}


def _both(row: Row) -> str:
    return " and ".join(title(backend) for backend in dict.fromkeys(row.pair))


def _in_noise(row: Row) -> str:
    found = ratio(row)
    if found is None or math.isinf(found) or row.difference is None or math.isinf(row.difference):
        return ""
    if row.verdict == "disagrees" and found <= MULTIPLE:
        return f" ({number(found)} × the noise, but float64 shows that it is not rounding)"
    return f" ({number(found)} × the noise)"


def answer(comparison: Comparison) -> str:
    """Say in a sentence whether the backends agree, or what the first disagreement is."""
    bad = next((row for row in comparison.rows if row.verdict in BAD), None)
    if bad is not None:
        return sentence(bad)
    if not compared(comparison):
        return "Nothing was compared."
    unstable = sum(row.verdict == "unstable" for row in comparison.rows)
    if not unstable:
        return "The backends agree: rounding explains every difference."
    return (
        "The backends agree: rounding explains every difference. In "
        f"{counted(unstable, 'comparison')} it moves the tensor so much that nothing can be concluded."
    )


def compared(comparison: Comparison) -> bool:
    """Whether anything was compared at all."""
    return any(row.verdict != "not run" for row in comparison.rows)


def counted(count: int, noun: str) -> str:
    """Return a number and a noun in the singular or plural."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def as_text(comparison: Comparison) -> str:
    """Format a comparison for a terminal: a line per stage, the answer, what was timed, notes, versions."""
    parts = [_table([["stage", *VERDICTS, "worst"], *_stage_lines(comparison)]), answer(comparison)]
    if comparison.speed:
        parts += [_table([["time", *map(title, backends_timed(comparison.speed))], *speed_lines(comparison.speed)])]
        parts += ["\n".join(speed_answers(comparison.speed))]
    parts += ["\n".join(f"Note: {note}" for note in comparison.notes)]
    parts += ["\n".join(version_lines(comparison))]
    return "\n\n".join(part for part in parts if part)


def _stage_lines(comparison: Comparison) -> Iterator[list[str]]:
    for stage, rows in by_stage(comparison.rows).items():
        cell = summary(rows)
        worst = f"{number(cell.worst)} × noise" if cell.worst else ""
        yield [stage, *(str(cell.counts[verdict] or "") for verdict in VERDICTS), worst]


def _table(lines: Sequence[Sequence[str]]) -> str:
    """Align columns; the first to the left, the others to the right."""
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def version_lines(comparison: Comparison) -> list[str]:
    """Return a line per backend: its versions."""
    return [
        f"{title(backend)}: {', '.join(f'{package} {version}' for package, version in versions.items())}"
        for backend, versions in comparison.versions.items()
    ]


def backends_timed(speed: Mapping[str, Any]) -> list[str]:
    """Return the backends that were timed."""
    return list(dict.fromkeys(backend for row in speed["rows"] for backend in row["backends"]))


def speed_lines(speed: Mapping[str, Any]) -> list[list[str]]:
    """Return the cells of the table of times: the quantity, and for each backend its median and its ratio."""
    return [
        [
            row["quantity"],
            *(
                timed(row["backends"].get(backend), row["unit"], backend == row["fastest"])
                for backend in backends_timed(speed)
            ),
        ]
        for row in speed["rows"]
    ]


def timed(found: Mapping[str, Any] | None, unit: str, fastest: bool) -> str:
    """Format a median and its ratio to the fastest, with the interval."""
    if found is None:
        return "not run"
    shown = amount(found["median"], unit)
    if fastest:
        return f"{shown} (1)"
    return f"{shown} ({times(found['ratio'])}, {times(found['low'])} to {times(found['high'])})"


def times(value: float) -> str:
    """Format a ratio."""
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def amount(value: float, unit: str) -> str:
    """Format seconds or bytes with a unit that fits."""
    if unit == "byte":
        return f"{value / 2**20:,.0f} MiB"
    for scale, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= scale:
            return f"{value / scale:.3g} {name}"
    return f"{value / 1e-6:.3g} µs"


def speed_answers(speed: Mapping[str, Any]) -> list[str]:
    """Say which backend trains and predicts fastest, how far the others are, and what was not timed."""
    batch = speed["batch"]
    wanted = {"step": f"to train (a step of {batch} rows)", f"prediction of {batch}": f"to predict {batch} rows"}
    lines = []
    for row in speed["rows"]:
        if row["quantity"] in wanted and len(row["backends"]) > 1:
            first, others = row["fastest"], []
            for backend, found in row["backends"].items():
                if backend == first:
                    continue
                apart = found["low"] > 1
                others.append(
                    f"{title(backend)} takes {found['ratio']:.2f} times as long"
                    if apart
                    else f"{title(backend)} is even"
                )
            median = amount(row["backends"][first]["median"], row["unit"])
            lines.append(f"Fastest {wanted[row['quantity']]}: {title(first)}, {median}; {', '.join(others)}.")
    if (apart := farthest_rounds(speed)) > UNSTEADY:
        lines.append(
            f"The machine was busy, or not steady: rounds are up to {times(apart)} times apart. Repeat it when nothing "
            "else runs."
        )
    lines += [f"{title(backend)} could not be timed: {reason}" for backend, reason in speed["failed"].items()]
    lines += [f"Not timed on {title(backend)}: {reason}." for backend, reason in speed["left_out"].items()]
    return lines


def farthest_rounds(speed: Mapping[str, Any]) -> float:
    """Return the largest ratio of the times of a backend's steps, or predictions, in two rounds."""
    return max(
        (
            max(found["values"]) / min(found["values"])
            for row in speed["rows"]
            if row["quantity"].startswith(("step", "prediction"))
            for found in row["backends"].values()
        ),
        default=1.0,
    )


def as_html(comparison: Comparison, name: str) -> str:
    """Return the page.

    Args:
        comparison: the comparison.
        name: the title of the page, for example what was compared.
    """
    pairs = columns(comparison.rows)
    stages = by_stage(comparison.rows)
    cells = {
        stage: {pair: summary(found) for pair in pairs if (found := [row for row in rows if column_of(row) == pair])}
        for stage, rows in stages.items()
    }
    open_rows = [row for row in comparison.rows if row.verdict not in ("equal", "rounding", "not run")]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "title_of": title,
        "number": number,
        "ratio": ratio,
        "sentence": sentence,
        "heading": lambda pair: " and ".join(map(title, pair)) if len(pair) > 1 else f"{title(pair[0])} alone",
        "pair_of": lambda row: title(row.pair[0]) if row.pair[0] == row.pair[1] else _pair(row),
        "style": lambda verdict: verdict.replace(" ", "-"),
        "counted": counted,
    }
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        name=name,
        agree=comparison.agree and compared(comparison),
        answer=answer(comparison),
        bad=[row for row in comparison.rows if row.verdict in BAD],
        open_rows=open_rows,
        reasons=any(row.reason for row in open_rows),
        not_run=[row for row in comparison.rows if row.verdict == "not run"],
        pairs=pairs,
        stages=stages,
        cells=cells,
        meaning=STAGES,
        verdicts=VERDICTS,
        multiple=MULTIPLE,
        speed=comparison.speed,
        timed_backends=backends_timed(comparison.speed) if comparison.speed else [],
        speed_lines=speed_lines(comparison.speed) if comparison.speed else [],
        speed_answers=speed_answers(comparison.speed) if comparison.speed else [],
        versions=comparison.versions,
        notes=comparison.notes,
    )


def _pair(row: Row) -> str:
    join = " → " if row.stage == "saved" else " and "
    return join.join(map(title, row.pair))


def write_html(comparison: Comparison, path: Path, name: str) -> None:
    """Write the report as a page that needs no other file, whole or not at all.

    Args:
        comparison: the comparison.
        path: the file; its folder must exist.
        name: the title of the page.
    """
    text = as_html(comparison, name)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
