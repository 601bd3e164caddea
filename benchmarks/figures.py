"""The pictures of the report, and how they come into a page that may be light or dark.

A figure is drawn in the colours of a light page. In the page those colours become names that its style sheet knows, so
that they change with it; text stays text. Neither a date nor anything random is written: the same each time.
"""

import io
import math
import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from benchmarks.tables import (
    break_evens,
    epochs_of,
    is_extra,
    is_timed,
    is_tutorial,
    limit_of,
    only_in_full,
    pays_off_after,
    rate,
    seconds,
    significant,
)

# In the light page, and in the PNG. Okabe and Ito's palette, darkened until text in it can be read.
COLOURS = {"jax": "#0069a8", "torch": "#b84a00", "tensorflow": "#00775a", "numpy": "#9a4580", "c": "#1b1d21"}
INK, MUTED, RULE, PAPER, BAND = "#1b1d21", "#5a606b", "#d8dbe0", "#ffffff", "#e9ebee"
# What each of them is called in the page's style sheet.
IN_PAGE = {
    **{colour: f"var(--{name})" for name, colour in COLOURS.items()},
    INK: "currentColor",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    PAPER: "var(--paper)",
    BAND: "var(--band)",
}
MARKERS = {"variant": "o", "peer": "D"}
WIDTH = 9.6  # inches; a point is some 1.4 pixels in a wide page
SIZE = 8.5  # points, of text
LETTER = 0.6 * SIZE  # points, the width of a letter, on the safe side
GAP = 1.3 * SIZE  # points, between labels
STYLE = {
    "font.size": SIZE,
    "axes.labelsize": SIZE,
    "xtick.labelsize": SIZE,
    "ytick.labelsize": SIZE,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.edgecolor": RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": RULE,
    "axes.axisbelow": True,
    "grid.linewidth": 0.6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "svg.fonttype": "none",
}


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes:
        name: short, for links.
        title: above it.
        figure: itself; None where the run holds nothing of it.
        alt: what is to be seen, for who cannot see it.
        caption: what to look for, or why there is no figure.
    """

    name: str
    title: str
    figure: Figure | None
    alt: str
    caption: str


Row = dict[str, Any]
Point = tuple[float, float, Row]


def pictures(report: dict[str, Any]) -> list[Picture]:
    """Every picture of the report, in order."""
    makers = (epochs, drift, break_even, roofline, prediction, growth, accuracy)
    with rc_context(STYLE):
        return [maker(report) for maker in makers]


def as_svg(picture: Picture) -> str:
    """A figure as an element of a page: no outside names, ids of its own, colours by the page's names.

    Raises:
        ValueError: there is no figure.
    """
    if picture.figure is None:
        msg = f"Nothing to draw of {picture.name!r}. Expected: a figure. Received: none."
        raise ValueError(msg)
    buffer = io.StringIO()
    with rc_context(STYLE | {"svg.hashsalt": picture.name}):
        picture.figure.savefig(
            buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Type": None}
        )
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text[text.index("<svg") :], flags=re.DOTALL)
    (box,) = re.findall(r'viewBox="([^"]*)"', text)
    opening = f'<svg role="img" aria-label="{escape(picture.alt)}" viewBox="{box}">'
    text = re.sub(r"<svg[^>]*>", lambda found: opening, text, count=1)
    text = text.replace("xlink:href", "href")
    text = re.sub(r" font-family: [^;\"]*;", "", text)
    for mark in (' id="', 'href="#', "url(#"):
        text = text.replace(mark, f"{mark}{picture.name}-")
    for colour, name in IN_PAGE.items():
        text = text.replace(colour, name)
    return text


def save_png(picture: Picture, path: Any) -> None:
    """A figure on white, for where no page is."""
    if picture.figure is not None:
        with rc_context(STYLE):
            picture.figure.savefig(path, format="png", dpi=120, facecolor=PAPER, metadata={"Software": None})


def shown_rows(report: dict[str, Any]) -> list[Row]:
    """The rows that crowded figures show: not the one that is there a second time, nor those of another precision."""
    return [row for row in report["rows"] if is_timed(row) and not is_extra(report, row)]


def epochs(report: dict[str, Any]) -> Picture:
    """Seconds of an epoch with quartiles, and beside them the ratio to the tutorial's way with its interval."""
    rows = [row for row in report["rows"] if is_timed(row)][::-1]
    height = 1.0 + 0.27 * len(rows)
    figure = Figure(figsize=(WIDTH, height))
    bottom, top = 0.55 / height, 1 - 0.4 / height
    names = max((len(row["name"]) for row in rows), default=0)
    edge = (LETTER * names + 12) / (72 * WIDTH)
    left = figure.add_axes((edge, bottom, 0.645 - edge, top - bottom))
    right = figure.add_axes((0.69, bottom, 0.29, top - bottom), sharey=left)
    quick = ", quick run: rough" if report["plan"]["quick"] else ""
    left.set_title(f"Seconds an epoch of 20,000 reviews{quick}")
    right.set_title("Over the tutorial's way")
    for place, row in enumerate(rows):
        _interval(left, row, place, row["epoch"], row["epoch"]["median"])
        text = seconds(row["epoch"]["median"])
        left.annotate(text, (row["epoch"]["high"], place), (7, 0), textcoords="offset points", va="center", color=INK)
        if is_tutorial(row):
            _dot(right, 1, place, row)
        elif row["to_tutorial"]:
            _interval(right, row, place, row["to_tutorial"], row["to_tutorial"]["ratio"])
    limit = limit_of(report)
    if limit:
        left.axvline(limit, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        text = f"the limit, {seconds(limit)}"
        left.annotate(text, (limit, len(rows)), (5, 0), textcoords="offset points", va="center", color=INK)
    floor = report["noise_floor"]
    if floor:
        right.axvspan(1 / (1 + floor), 1 + floor, color=BAND, zorder=0.5)
    right.axvline(1, color=MUTED, linewidth=0.8, zorder=1)
    left.set_yticks(range(len(rows)), [row["name"] for row in rows])
    for label, row in zip(left.get_yticklabels(), rows, strict=True):
        label.set_color(COLOURS[row["framework"]])
    right.tick_params(labelleft=False)
    left.set_ylim(-0.7, len(rows) + (0.5 if limit else -0.3))
    known = [value for row in rows for value in (row["epoch"]["low"], row["epoch"]["high"])]
    _log(left, "x", [*known, *([limit] if limit else [])], seconds, after=2.2)
    ratios = [row["to_tutorial"][end] for row in rows if row["to_tutorial"] for end in ("low", "high")]
    _log(right, "x", [*ratios, 1.0], lambda value: f"{value:g}")
    for axis in (left, right):
        axis.grid(visible=False, axis="y")
        for place in range(1, len(rows)):
            if rows[place]["framework"] != rows[place - 1]["framework"]:
                axis.axhline(place - 0.5, color=RULE, linewidth=0.6)
    caption = (
        "Circles train through Keras, diamonds are loops written by hand; hollow is a different model. Bars are, on "
        "the left, quartiles over processes; on the right, 95 % intervals of the ratio to Keras as the tutorial uses "
        "it on the same framework"
    )
    caption += "; in the grey band lies what one configuration differs from itself." if floor else "."
    best = min(rows, key=lambda row: row["epoch"]["median"], default=None)
    alt = "Dots with intervals on a logarithmic axis: the seconds of an epoch of each configuration"
    alt += f"; the quickest is {best['name']} with {seconds(best['epoch']['median'])}." if best else "."
    return Picture("epochs", "How long an epoch takes", figure, alt, caption)


def drift(report: dict[str, Any]) -> Picture:
    """Every process in the order in which they ran, relative to the median of its configuration."""
    figure = Figure(figsize=(WIDTH, 3.3))
    axis = figure.add_axes((0.07, 0.14, 0.9, 0.8))
    points: list[tuple[int, float, int, Row]] = []
    for row in report["rows"]:
        if is_timed(row) and row["drift"]:
            middle = statistics.median(one["seconds"] for one in row["drift"])
            points += [(one["position"], one["seconds"] / middle, one["round"], row) for one in row["drift"]]
    if not points:
        return Picture("drift", "Did the machine drift?", None, "", "The order of the run is not known.")
    points.sort(key=lambda point: point[0])
    for place, value, _, row in points:
        _dot(axis, place, value, row, 4)
    middles = _running_median([value for _, value, _, _ in points], len({row["name"] for *_, row in points}))
    axis.plot([place for place, *_ in points], middles, color=INK, linewidth=1.4)
    last = points[-1][0]
    starts = {number: min(place for place, _, other, _ in points if other == number) for _, _, number, _ in points}
    axis.set_xticks([start - 0.5 for start in starts.values()], [f"round {number}" for number in starts], ha="left")
    axis.set_xlim(-1, last + 1)
    axis.set_ylabel("epoch over its median")
    axis.grid(visible=True, axis="x")
    axis.grid(visible=False, axis="y")
    axis.axhline(1, color=MUTED, linewidth=0.8, zorder=1)
    edge = 1.25 * max(0.02, *(abs(value - 1) for _, value, _, _ in points))
    axis.set_ylim(1 - edge, 1 + edge)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _percent(value)))
    farthest = sorted(points, key=lambda point: -abs(point[1] - 1))[:3]
    for place, value, _, row in farthest:
        right = place > last * 0.85
        text = axis.annotate(
            row["name"], (place, value), (-6 if right else 6, 0), textcoords="offset points", va="center"
        )
        text.set(ha="right" if right else "left", color=COLOURS[row["framework"]])
    drifted = max(middles) / min(middles) - 1
    caption = (
        "Every process in the order in which it ran, over the median of its configuration; the three farthest are "
        "named. The line is the running median. A machine that slows down bends it: here it spans "
        f"{100 * drifted:.1f} %. Ratios are paired within rounds, so that a slow drift does not reach them."
    )
    alt = f"Strip plot of {len(points)} processes in run order; the running median spans {100 * drifted:.1f} percent."
    return Picture("drift", "Did the machine drift?", figure, alt, caption)


def break_even(report: dict[str, Any]) -> Picture:
    """The first step against the epoch, and after how many epochs a costlier first step pays off."""
    rows = shown_rows(report)
    figure = Figure(figsize=(WIDTH, 4.8))
    axis = figure.add_axes((0.1, 0.1, 0.88, 0.87))
    _log(axis, "x", [row["first_step"]["median"] for row in rows], seconds, before=1.5, after=3)
    _log(axis, "y", [row["epoch"]["median"] for row in rows], seconds, before=1.6, after=1.6)
    axis.set_xlabel("first step, with all that is compiled for it")
    axis.set_ylabel("steady epoch")
    points = [(row["first_step"]["median"], row["epoch"]["median"], row) for row in rows]
    boxes: list[tuple[float, float, float, float]] = []
    for cheap, costly in break_evens(report):
        one, other = ((row["first_step"]["median"], row["epoch"]["median"]) for row in (cheap, costly))
        colour = COLOURS[costly["framework"]]
        axis.plot(*zip(one, other, strict=True), color=colour, linewidth=1.1, linestyle=(0, (1, 1.5)))
        middle = (math.sqrt(one[0] * other[0]), math.sqrt(one[1] * other[1]))
        _free_label(axis, middle, f"after {epochs_of(pays_off_after(cheap, costly))}", colour, boxes, points, True)
    for x, y, row in points:
        _dot(axis, x, y, row)
        _free_label(axis, (x, y), row["name"], COLOURS[row["framework"]], boxes, points)
    caption = (
        "Left is a cheap first step, low is a quick epoch. A dotted line joins what is worth choosing within a "
        "framework, and says after how many epochs the costlier first step on its right has paid off."
    )
    alt = "Scatter plot of the first step against the steady epoch, both logarithmic, with break-even epochs."
    return Picture("break-even", "Compiling against running", figure, alt, caption)


def roofline(report: dict[str, Any]) -> Picture:
    """Operations a second against operations a byte, under what the machine allows, the chain too."""
    title = "How far from the machine's limits"
    machine = report["machine"]
    if limit_of(report) is None or not machine["peak_flops"] or not machine["cache_bandwidth"]:
        return Picture("roofline", title, None, "", f"The limits of this machine are not known: {machine['method']}.")
    work = report["limit"]["work"]
    intensity = work["flops"] / work["bytes"]
    rows = shown_rows(report)
    low, high = intensity / 6, intensity * 12
    figure = Figure(figsize=(WIDTH, 4.8))
    axis = figure.add_axes((0.1, 0.1, 0.88, 0.87))
    roofs: list[tuple[str, float | None, bool]] = [
        ("cache", machine["cache_bandwidth"], True),
        ("memory", machine["copy_bandwidth"], True),
        ("multiply-adds", machine["peak_flops"], False),
        ("the chain of the recurrence", _chain_roof(work, machine), False),
    ]
    values = [row["flops_per_second"] for row in rows] + [roof for _, roof, slope in roofs if roof and not slope]
    _log(axis, "x", [low, high], lambda value: f"{value:g}", before=1, after=1)
    _log(axis, "y", values, lambda value: f"{rate(value)}FLOP/s", before=2, after=2)
    for name, roof, slope in roofs:
        if not roof:
            continue
        if slope:
            knee = machine["peak_flops"] / roof
            axis.plot([low, knee], [low * roof, machine["peak_flops"]], color=MUTED, linewidth=1.2)
            _along(axis, (low * 1.15, low * 1.15 * roof), f"{name}, {rate(roof)}B/s")
        else:
            dashes = (0, (4, 3)) if "chain" in name else "-"
            start = machine["peak_flops"] / machine["cache_bandwidth"] if dashes == "-" else low
            axis.plot([start, high], [roof, roof], color=MUTED, linewidth=1.2, linestyle=dashes)
            axis.annotate(
                f"{name}, {rate(roof)}FLOP/s", (high, roof), (-2, 4), textcoords="offset points", ha="right", color=INK
            )
    axis.axvline(intensity, color=RULE, linewidth=0.9)
    for row in rows:
        _dot(axis, intensity, row["flops_per_second"], row)
    _end_labels(axis, [(intensity, row["flops_per_second"], row) for row in rows], values=rate)
    axis.set_xlabel("operations a byte that must move")
    axis.set_ylim(top=max(values) * 2)
    caption = (
        f"All do the same work, {significant(intensity)} operations a byte in a step of 64 reviews, and so stand on "
        "one line; what is missing to the roof above is overhead."
    )
    if _chain_roof(work, machine):
        caption += (
            " The dashed roof is the recurrence: each step waits for the one before, however many cores there are."
        )
    alt = "Roofline: operations a second of each configuration below the roofs of cache, memory, arithmetic and chain."
    return Picture("roofline", title, figure, alt, caption)


def _chain_roof(work: dict[str, float], machine: dict[str, float | None]) -> float | None:
    latency = machine["recurrence_latency"]
    return work["flops"] / (work["chain"] * latency) if latency else None


def prediction(report: dict[str, Any]) -> Picture:
    """Reviews a second by how many are judged at once."""
    figure = Figure(figsize=(WIDTH, 4.2))
    axis = figure.add_axes((0.08, 0.11, 0.72, 0.86))
    lines = [
        (row, [(one["batch"], one["reviews_per_second"]) for one in row["throughput"]]) for row in shown_rows(report)
    ]
    _curves(axis, lines, significant)
    axis.set_xlabel("reviews in one call")
    axis.set_ylabel("predictions a second")
    caption = (
        "A warm model judges reviews. Where a line is straight and steep, a call costs the same whatever is in it."
    )
    alt = "Curves of predictions a second by the size of a call, from 1 to 4,096, both axes logarithmic."
    return Picture("prediction", "Prediction by batch size", figure, alt, caption)


def growth(report: dict[str, Any]) -> Picture:
    """What grows with the batch, the length, the units, the reviews."""
    title = "How time grows"
    grown = [row for row in shown_rows(report) if row["growth"]]
    if not grown:
        return Picture("growth", title, None, "", only_in_full(report, "Growth curves were not measured"))
    figure = Figure(figsize=(WIDTH, 7.4))
    panels = (
        ("batch", "Reviews a second by batch, training", "reviews_per_second", significant),
        ("length", "A step by length of the reviews", "seconds", seconds),
        ("units", "A step by recurrent units", "seconds", seconds),
        ("reviews", "An epoch by number of reviews", "seconds", seconds),
    )
    for place, (name, heading, quantity, write) in enumerate(panels):
        axis = figure.add_axes((0.07 + 0.505 * (place % 2), 0.55 - 0.495 * (place // 2), 0.255, 0.41))
        lines = [(row, [(one["value"], one[quantity]) for one in row["growth"].get(name) or ()]) for row in grown]
        _curves(axis, [line for line in lines if line[1]], write)
        axis.set_title(heading)
    caption = (
        "One thing grows at a time, all others stay as in the model: batches of 64, 100 words, 8 units. A flat line is "
        "overhead that does not depend on the work; a line that climbs with the grid is work itself."
    )
    alt = "Four panels of curves: throughput by batch, and seconds by length, by units and by number of reviews."
    return Picture("growth", title, figure, alt, caption)


def accuracy(report: dict[str, Any]) -> Picture:
    """Validation accuracy by the time since the process began."""
    title = "Accuracy against wall time"
    rows = [row for row in shown_rows(report) if row["curves"]]
    if not rows:
        return Picture("accuracy", title, None, "", only_in_full(report, "Whole runs were not timed"))
    figure = Figure(figsize=(WIDTH, 4.9))
    axis = figure.add_axes((0.07, 0.1, 0.84, 0.64))
    every = [point for row in rows for curve in row["curves"] for point in curve]
    _log(axis, "x", [point["seconds"] for point in every], seconds, before=1.15, after=1.15)
    axis.axhline(0.8, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    axis.annotate(
        "0.80", (1, 0.8), (4, 0), xycoords=axis.get_yaxis_transform(), textcoords="offset points", va="center"
    )
    ends = []
    for row in rows:
        colour = COLOURS[row["framework"]]
        for curve in row["curves"]:
            times, reached = [point["seconds"] for point in curve], [point["accuracy"] for point in curve]
            axis.plot(times, reached, color=colour, linewidth=0.6, alpha=0.45)
        middle = _middle_curve(row["curves"])
        axis.plot([x for x, _ in middle], [y for _, y in middle], color=colour, linewidth=1.8)
        for x, y in middle:
            _dot(axis, x, y, row, 5)
        ends.append((*middle[-1], row))
    axis.set_xlabel("since the process began, its imports and its compiling included")
    axis.set_ylabel("validation accuracy")
    _top_labels(axis, ends)
    caption = (
        f"A mark for each epoch: the median of {len(rows[0]['curves'])} seeds, each of which is a thin line. All learn "
        "the same; what differs is when. The dashed line is 0.80."
    )
    alt = "Curves of validation accuracy against wall time on a logarithmic axis, one for each configuration."
    return Picture("accuracy", title, figure, alt, caption)


def _percent(value: float) -> str:
    """A ratio as what it is above or below 1."""
    return "0" if abs(value - 1) < 1e-9 else f"{100 * (value - 1):+.2g} %"


def _middle_curve(curves: list[list[dict[str, float]]]) -> list[tuple[float, float]]:
    """The median seed at each epoch that all have reached."""
    return [
        (statistics.median(one["seconds"] for one in epoch), statistics.median(one["accuracy"] for one in epoch))
        for epoch in zip(*curves, strict=False)
    ]


def _running_median(values: list[float], width: int) -> list[float]:
    half = max(1, width // 2)
    return [statistics.median(values[max(0, i - half) : i + half + 1]) for i in range(len(values))]


def _interval(axis: Axes, row: Row, place: float, ends: dict[str, float], middle: float) -> None:
    axis.plot([ends["low"], ends["high"]], [place, place], color=COLOURS[row["framework"]], linewidth=2.2)
    _dot(axis, middle, place, row)


def _dot(axis: Axes, x: float, y: float, row: Row, size: float = 6.5) -> None:
    """A mark: colour by framework, shape by kind, hollow where the model is another one."""
    colour, mark = COLOURS[row["framework"]], MARKERS[row["kind"]]
    fill = colour if row["same_model"] else PAPER
    axis.plot([x], [y], mark, color=colour, markerfacecolor=fill, markersize=size * (0.85 if mark == "D" else 1))


def _log(
    axis: Axes, which: str, values: Iterable[float], write: Any, before: float = 1.25, after: float = 1.25
) -> None:
    """A logarithmic axis around values, with ticks that read as numbers."""
    known = [value for value in values if value > 0]
    low, high = min(known) / before, max(known) * after
    decades = math.log10(high / low)
    steps = (1, 2, 5) if decades < 2.6 else (1, 3) if decades < 3.3 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    (axis.set_xscale if which == "x" else axis.set_yscale)("log")
    (axis.set_xlim if which == "x" else axis.set_ylim)(low, high)
    side = axis.xaxis if which == "x" else axis.yaxis
    side.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    side.set_minor_locator(NullLocator())
    side.set_major_formatter(FuncFormatter(lambda value, _: write(value)))


def _curves(axis: Axes, lines: list[tuple[Row, list[tuple[float, float]]]], write: Any) -> None:
    """A line for each row, named at its end."""
    _log(axis, "x", [x for _, line in lines for x, _ in line], lambda value: f"{value:,.0f}", 1.1, 1.1)
    _log(axis, "y", [y for _, line in lines for _, y in line], write)
    places = sorted({x for _, line in lines for x, _ in line})
    axis.xaxis.set_major_locator(FixedLocator(_apart(places)))
    for row, line in lines:
        style = "-" if row["kind"] == "variant" else (0, (5, 1.5))
        axis.plot(
            [x for x, _ in line], [y for _, y in line], color=COLOURS[row["framework"]], linewidth=1.3, linestyle=style
        )
        for x, y in line:
            _dot(axis, x, y, row, 4.5)
    _end_labels(axis, [(*line[-1], row) for row, line in lines], at_edge=True)


def _apart(places: list[float]) -> list[float]:
    """Those that leave room for a number between them, on a logarithmic axis; the last of all among them."""
    kept: list[float] = []
    for place in reversed(places):
        if not kept or math.log(kept[-1] / place) > 0.15 * math.log(places[-1] / places[0]):
            kept.append(place)
    return kept


def spread_out(places: list[float], gap: float) -> list[float]:
    """Move sorted places apart until neighbours keep a gap, as little as possible in the sum of squares."""
    groups: list[list[float]] = []  # the sum of shifted places, and how many
    for index, place in enumerate(places):
        groups.append([place - index * gap, 1])
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] > groups[-1][0] / groups[-1][1]:
            total, count = groups.pop()
            groups[-1][0] += total
            groups[-1][1] += count
    shifted = [total / count for total, count in groups for _ in range(int(count))]
    return [place + index * gap for index, place in enumerate(shifted)]


def _points(axis: Axes, x: float, y: float) -> tuple[float, float]:
    """Where data lies, in points from the lower left corner of the figure."""
    scale = 72 / axis.get_figure(root=True).dpi  # type: ignore[union-attr]
    pixels = axis.transData.transform((x, y))
    return float(pixels[0] * scale), float(pixels[1] * scale)


def _end_labels(axis: Axes, ends: list[Point], at_edge: bool = False, values: Any = None) -> None:
    """Name points on their right, moved apart up and down, each with a thin line to its point."""
    ordered = sorted(ends, key=lambda end: end[1])
    heights = [_points(axis, x, y)[1] for x, y, _ in ordered]
    floor = _points(axis, *(limits[0] for limits in (axis.get_xlim(), axis.get_ylim())))[1]
    moved = spread_out(heights, GAP)
    ceiling = 72 * axis.get_figure(root=True).get_figheight() - SIZE  # type: ignore[union-attr]
    lift = max(0.0, floor - 4 - moved[0]) + min(0.0, ceiling - moved[-1]) if moved else 0.0
    right = axis.get_xlim()[1]
    for (x, y, row), height, place in zip(ordered, heights, moved, strict=True):
        start = right if at_edge else x
        colour = COLOURS[row["framework"]]
        text = f"{row['name']}  {values(y)}" if values else row["name"]
        axis.annotate(
            text,
            (start, y),
            (22, place + lift - height),
            textcoords="offset points",
            va="center",
            color=colour,
            annotation_clip=False,
            arrowprops=_leader(colour) | {"shrinkB": 4, "relpos": (0, 0.5)},
        )


def _leader(colour: str) -> dict[str, Any]:
    """The thin line from a label to what it names."""
    return {"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 3}


def _top_labels(axis: Axes, ends: list[Point]) -> None:
    """Name points above the panel, slanted, moved apart left and right, each with a thin line to its point."""
    ordered = sorted(ends, key=lambda end: end[0])
    across = [_points(axis, x, y)[0] for x, y, _ in ordered]
    top = _points(axis, *(limits[1] for limits in (axis.get_xlim(), axis.get_ylim())))[1]
    for (x, y, row), place, moved in zip(ordered, across, spread_out(across, 1.5 * GAP), strict=True):
        colour = COLOURS[row["framework"]]
        above = top - _points(axis, x, y)[1] + 8
        near = {"textcoords": "offset points", "annotation_clip": False}
        axis.annotate("", (x, y), (moved - place, above), arrowprops=_leader(colour) | {"shrinkB": 4}, **near)
        slant = {"rotation": 50, "rotation_mode": "anchor", "ha": "left", "va": "center"}
        axis.annotate(row["name"], (x, y), (moved - place, above + 3), color=colour, **near, **slant)


def _along(axis: Axes, start: tuple[float, float], text: str) -> None:
    """Write along a line of slope one in a panel that is logarithmic in both directions."""
    one, other = _points(axis, *start), _points(axis, 10 * start[0], 10 * start[1])
    angle = math.degrees(math.atan2(other[1] - one[1], other[0] - one[0]))
    axis.annotate(text, start, (-3, 4), textcoords="offset points", rotation=angle, rotation_mode="anchor", color=INK)


def _free_label(
    axis: Axes,
    point: tuple[float, float],
    text: str,
    colour: str,
    boxes: list[tuple[float, float, float, float]],
    points: list[Point],
    italic: bool = False,
) -> None:
    """Write beside a point where neither another label nor another point is; note the place that it takes."""
    x, y = _points(axis, *point)
    left, right = _points(axis, axis.get_xlim()[0], point[1])[0], 72 * WIDTH
    width, half = LETTER * len(text), 0.55 * SIZE
    marks = [_points(axis, *other[:2]) for other in points if other[:2] != point]
    taken = [*boxes, *((a - 4, b - 4, a + 4, b + 4) for a, b in marks)]
    places = [(dx, dy) for far in (0, 11, 20, 30, 42) for dy in (far, -far) for dx in (8, -8 - width)]
    for dx, dy in places:
        box = (x + dx, y + dy - half, x + dx + width, y + dy + half)
        if left < box[0] and box[2] < right and not any(_overlap(box, other) for other in taken):
            break
    else:
        dx, dy = places[0]
        box = (x + dx, y + dy - half, x + dx + width, y + dy + half)
    boxes.append(box)
    line = _leader(colour) if abs(dy) > 12 else None
    style = {"style": "italic"} if italic else {}
    axis.annotate(
        text, point, (dx, dy), textcoords="offset points", va="center", color=colour, arrowprops=line, **style
    )


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
