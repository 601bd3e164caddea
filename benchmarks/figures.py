"""The figures of the report, and their form in a page that may be light or dark.

A figure is drawn in the colours of a light page. In the page these colours become variables of its style sheet, so that
they change with it; text stays text. The same report gives the same bytes.
"""

import io
import math
import re
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from backends_test import pages
from benchmarks.tables import (
    Row,
    break_evens,
    epochs_text,
    is_repetition,
    is_tutorial,
    limit_of,
    only_in_full,
    pays_off_after,
    rate,
    seconds,
    significant,
    timed_rows,
)

# The palette of Okabe and Ito, darkened until text in it is readable on white.
COLOURS = {"jax": "#0069a8", "torch": "#b84a00", "tensorflow": "#00775a", "numpy": "#9a4580", "c": "#1b1d21"}
INK, MUTED, RULE, PAPER, BAND = "#1b1d21", "#5a606b", "#d8dbe0", "#ffffff", "#e9ebee"
# Colour -> its name in the style sheet of the page.
IN_PAGE = {
    **{colour: f"var(--{name})" for name, colour in COLOURS.items()},
    INK: "currentColor",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    PAPER: "var(--paper)",
    BAND: "var(--band)",
}
MARKERS = {"variant": "o", "baseline": "D"}
WIDTH = 9.6  # inches; a point is about 1.4 pixels on a wide page
SIZE = 8.5  # points, of text
LETTER = 0.6 * SIZE  # points, at least the width of a letter
GAP = 1.3 * SIZE  # points, between labels
DASHED = (0, (4, 3))
STYLE: dict[Any, Any] = {
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
        name: a short name for links.
        title: the heading.
        figure: the figure; None if the run has measured nothing for it.
        alt: a description for those who cannot see the figure.
        caption: what to look for, or why there is no figure.
    """

    name: str
    title: str
    figure: Figure | None
    alt: str
    caption: str


class Label(NamedTuple):
    """A text for the point (x, y)."""

    x: float
    y: float
    text: str
    colour: str


def pictures(report: dict[str, Any]) -> list[Picture]:
    """Draw all figures of the report, in order."""
    makers = (epochs, drift, break_even, roofline, prediction, scaling, accuracy)
    with rc_context(STYLE):
        return [maker(report) for maker in makers]


def as_svg(picture: Picture) -> str:
    """Convert a figure to an element of the page, without external references, with unique ids and the page's colours.

    Raises:
        ValueError: there is no figure.
    """
    if picture.figure is None:
        msg = f"Cannot draw {picture.name!r}. Expected: a figure. Received: none."
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
    text = re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1)
    text = text.replace("xlink:href", "href")
    text = re.sub(r" font-family: [^;\"]*;", "", text)
    for mark in (' id="', 'href="#', "url(#"):
        text = text.replace(mark, f"{mark}{picture.name}-")
    for colour, name in IN_PAGE.items():
        text = text.replace(colour, name)
    return text


def save_png(picture: Picture, path: Any) -> None:
    """Save a figure as a PNG on white."""
    if picture.figure is not None:
        with rc_context(STYLE):
            pages.save_png(picture.figure, path, facecolor=PAPER)


def shown_rows(report: dict[str, Any]) -> list[Row]:
    """Return the rows of crowded figures: those that repeat no other row."""
    return [row for row in timed_rows(report) if not is_repetition(report, row)]


def epochs(report: dict[str, Any]) -> Picture:
    """Draw the seconds of an epoch, and the ratio to the tutorial, for each configuration."""
    rows = timed_rows(report)[::-1]
    height = 1.0 + 0.27 * len(rows)
    figure = Figure(figsize=(WIDTH, height))
    bottom, top = 0.55 / height, 1 - 0.4 / height
    names = max((len(row["name"]) for row in rows), default=0)
    edge = (LETTER * names + 12) / (72 * WIDTH)
    left = figure.add_axes((edge, bottom, 0.645 - edge, top - bottom))
    right = figure.add_axes((0.69, bottom, 0.29, top - bottom), sharey=left)
    rough = ", fast run: rough" if report["plan"]["fast"] else ""
    left.set_title(f"Seconds per epoch of 20,000 reviews{rough}")
    right.set_title("Ratio to the tutorial")
    _epoch_panel(left, rows, limit_of(report))
    _ratio_panel(right, rows, report["noise_floor"])
    for axis in (left, right):
        axis.grid(visible=False, axis="y")
        for place in range(1, len(rows)):
            if rows[place]["framework"] != rows[place - 1]["framework"]:
                axis.axhline(place - 0.5, color=RULE, linewidth=0.6)
    caption = (
        "Circles train with Keras, diamonds are hand-written loops, hollow marks are a different model. Bars show "
        "quartiles over processes on the left, and on the right 95 % intervals of the ratio to Keras as the tutorial "
        "uses it, in the same framework"
    )
    caption += "; the grey band is noise: the ratios of a configuration to itself." if report["noise_floor"] else "."
    alt = "Dots with intervals on a logarithmic axis: the seconds per epoch of each configuration"
    fastest = min(rows, key=lambda row: row["epoch"]["median"], default=None)
    alt += f"; the fastest is {fastest['name']} with {seconds(fastest['epoch']['median'])}." if fastest else "."
    return Picture("epochs", "Seconds per epoch", figure, alt, caption)


def _epoch_panel(axis: Axes, rows: list[Row], limit: float | None) -> None:
    beside: dict[str, Any] = {"textcoords": "offset points", "va": "center", "color": INK}
    for place, row in enumerate(rows):
        epoch = row["epoch"]
        _interval(axis, row, place, epoch, epoch["median"])
        axis.annotate(seconds(epoch["median"]), (epoch["high"], place), (7, 0), **beside)
    values = [value for row in rows for value in (row["epoch"]["low"], row["epoch"]["high"])]
    if limit:
        values.append(limit)
        axis.axvline(limit, color=INK, linewidth=0.9, linestyle=DASHED)
        axis.annotate(f"limit: {seconds(limit)}", (limit, len(rows)), (5, 0), **beside)
    axis.set_yticks(range(len(rows)), [row["name"] for row in rows])
    for label, row in zip(axis.get_yticklabels(), rows, strict=True):
        label.set_color(COLOURS[row["framework"]])
    axis.set_ylim(-0.7, len(rows) + (0.5 if limit else -0.3))
    _log(axis, "x", values, seconds, after=2.2)


def _ratio_panel(axis: Axes, rows: list[Row], floor: float | None) -> None:
    values = [1.0]
    for place, row in enumerate(rows):
        ratio = row["to_tutorial"]
        if is_tutorial(row):
            _dot(axis, 1, place, row)
        elif ratio:
            _interval(axis, row, place, ratio, ratio["ratio"])
            values += [ratio["low"], ratio["high"]]
    if floor:
        axis.axvspan(1 / (1 + floor), 1 + floor, color=BAND, zorder=0.5)
    axis.axvline(1, color=MUTED, linewidth=0.8, zorder=1)
    axis.tick_params(labelleft=False)
    _log(axis, "x", values, lambda value: f"{value:g}")


def drift(report: dict[str, Any]) -> Picture:
    """Draw the epochs of all processes in the order of the run, relative to the median of their configuration."""
    title = "Drift of the machine"
    points: list[tuple[int, float, int, Row]] = []
    for row in timed_rows(report):
        if row["drift"]:
            middle = statistics.median(one["seconds"] for one in row["drift"])
            points += [(one["position"], one["seconds"] / middle, one["round"], row) for one in row["drift"]]
    if not points:
        return Picture("drift", title, None, "", "The order of the run is unknown.")
    points.sort(key=lambda point: point[0])
    figure = Figure(figsize=(WIDTH, 3.3))
    axis = figure.add_axes((0.07, 0.14, 0.9, 0.8))
    for place, value, _, row in points:
        _dot(axis, place, value, row, 4)
    middles = _running_median([value for _, value, _, _ in points], len({row["name"] for *_, row in points}))
    axis.plot([place for place, *_ in points], middles, color=INK, linewidth=1.4)
    last = points[-1][0]
    starts = {number: min(place for place, _, other, _ in points if other == number) for _, _, number, _ in points}
    axis.set_xticks([start - 0.5 for start in starts.values()], [f"round {number}" for number in starts], ha="left")
    axis.set_xlim(points[0][0] - 1, last + 1)
    axis.set_ylabel("epoch, relative to its median")
    axis.grid(visible=False, axis="y")
    axis.axhline(1, color=MUTED, linewidth=0.8, zorder=1)
    edge = 1.25 * max(0.02, *(abs(value - 1) for _, value, _, _ in points))
    axis.set_ylim(1 - edge, 1 + edge)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _percent(value)))
    for place, value, _, row in sorted(points, key=lambda point: -abs(point[1] - 1))[:3]:
        side, offset = ("right", -6) if place > last * 0.85 else ("left", 6)
        colour = COLOURS[row["framework"]]
        axis.annotate(
            row["name"], (place, value), (offset, 0), textcoords="offset points", va="center", ha=side, color=colour
        )
    drifted = 100 * (max(middles) / min(middles) - 1)
    caption = (
        "All processes in the order of the run, relative to the median of their configuration; the three farthest are "
        f"named. The line is the running median, which spans {drifted:.1f} %: it bends if the machine becomes slower "
        "or faster. Ratios are computed within rounds, so a slow drift does not affect them."
    )
    alt = f"Strip plot of {len(points)} processes in the order of the run; the running median spans {drifted:.1f} %."
    return Picture("drift", title, figure, alt, caption)


def break_even(report: dict[str, Any]) -> Picture:
    """Draw the first step against the epoch, and after how many epochs a slower first step pays off."""
    rows = shown_rows(report)
    figure = Figure(figsize=(WIDTH, 4.8))
    axis = figure.add_axes((0.1, 0.1, 0.76, 0.87))
    _log(axis, "x", [row["first_step"]["median"] for row in rows], seconds, before=1.5, after=1.8)
    _log(axis, "y", [row["epoch"]["median"] for row in rows], seconds, before=1.6, after=1.6)
    axis.set_xlabel("first step, including compilation")
    axis.set_ylabel("steady epoch")
    labels = []
    for row in rows:
        point = (row["first_step"]["median"], row["epoch"]["median"])
        _dot(axis, *point, row)
        labels.append(Label(*point, row["name"], COLOURS[row["framework"]]))
    for pair in break_evens(report):
        x, y = ([row[name]["median"] for row in pair] for name in ("first_step", "epoch"))
        colour = COLOURS[pair[0]["framework"]]
        axis.plot(x, y, color=colour, linewidth=1.1, linestyle=(0, (1, 1.5)))
        labels.append(Label(math.sqrt(x[0] * x[1]), math.sqrt(y[0] * y[1]), epochs_text(pays_off_after(*pair)), colour))
    _label_right(axis, labels)
    caption = (
        "A fast first step is on the left, a fast epoch at the bottom. A dotted line joins two configurations of a "
        "framework of which one starts faster and the other trains faster; its label is the number of epochs after "
        "which the slower start has paid off."
    )
    alt = "Scatter plot of the first step against the steady epoch, both logarithmic, with break-even epochs."
    return Picture("break-even", "First step and epoch", figure, alt, caption)


def roofline(report: dict[str, Any]) -> Picture:
    """Draw operations per second against operations per byte, below the limits of the machine."""
    title = "Roofline"
    machine = report["machine"]
    if limit_of(report) is None or not machine["peak_flops"] or not machine["cache_bandwidth"]:
        return Picture("roofline", title, None, "", f"The limits of this machine are unknown: {machine['method']}.")
    work, peak = report["limit"]["work"], machine["peak_flops"]
    intensity = work["flops"] / work["bytes"]
    low, high = intensity / 6, intensity * 12
    latency = machine["recurrence_latency"]
    chain = work["flops"] / (work["chain"] * latency) if latency else None
    rows = shown_rows(report)
    figure = Figure(figsize=(WIDTH, 4.8))
    axis = figure.add_axes((0.1, 0.1, 0.88, 0.87))
    values = [*(row["flops_per_second"] for row in rows), peak, *([chain] if chain else [])]
    _log(axis, "x", [low, high], lambda value: f"{value:g}", before=1, after=1)
    _log(axis, "y", values, lambda value: f"{rate(value)}FLOP/s", before=2, after=2)
    above: dict[str, Any] = {"textcoords": "offset points", "color": INK}
    for name, bandwidth in (("cache", machine["cache_bandwidth"]), ("memory", machine["copy_bandwidth"])):
        if bandwidth:
            axis.plot([low, peak / bandwidth], [low * bandwidth, peak], color=MUTED, linewidth=1.2)
            axis.annotate(f"{name}, {rate(bandwidth)}B/s", (low, low * bandwidth), (14, -4), va="center", **above)
    flat: list[tuple[str, float, float, Any]] = [("multiply-adds", peak, peak / machine["cache_bandwidth"], "-")]
    if chain:
        flat.append(("chain of the recurrence", chain, low, DASHED))
    for name, roof, start, line in flat:
        axis.plot([start, high], [roof, roof], color=MUTED, linewidth=1.2, linestyle=line)
        axis.annotate(f"{name}, {rate(roof)}FLOP/s", (high, roof), (-2, 4), ha="right", **above)
    axis.axvline(intensity, color=RULE, linewidth=0.9)
    labels = []
    for row in rows:
        flops = row["flops_per_second"]
        _dot(axis, intensity, flops, row)
        labels.append(Label(intensity, flops, f"{row['name']}  {rate(flops)}", COLOURS[row["framework"]]))
    _label_right(axis, labels)
    axis.set_xlabel("operations per byte")
    caption = (
        f"All configurations do the same work, {significant(intensity)} operations per byte in a step of 64 reviews, "
        "and so are on one line; the distance to the roof above is overhead."
    )
    if chain:
        caption += " The dashed roof is the recurrence: each step depends on the one before, on any number of cores."
    alt = "Operations per second of each configuration, below the roofs of cache, memory, arithmetic and recurrence."
    return Picture("roofline", title, figure, alt, caption)


def prediction(report: dict[str, Any]) -> Picture:
    """Draw predicted reviews per second by reviews per call."""
    figure = Figure(figsize=(WIDTH, 4.2))
    axis = figure.add_axes((0.08, 0.11, 0.72, 0.86))
    lines = [
        (row, [(one["batch"], one["reviews_per_second"]) for one in row["throughput"]]) for row in shown_rows(report)
    ]
    _curves(axis, lines, significant)
    axis.set_xlabel("reviews per call")
    axis.set_ylabel("predictions per second")
    caption = (
        "Predictions after warm-up. A straight, steep line means that a call takes the same time for more reviews."
    )
    alt = "Curves of predictions per second by the number of reviews per call, 1 to 4,096, both axes logarithmic."
    return Picture("prediction", "Prediction by batch size", figure, alt, caption)


def scaling(report: dict[str, Any]) -> Picture:
    """Draw times by batch size, length, units and number of reviews."""
    title = "Scaling"
    rows = [row for row in shown_rows(report) if row["scaling"]]
    if not rows:
        return Picture("scaling", title, None, "", only_in_full(report, "Scaling was not measured"))
    all_panels: tuple[tuple[str, str, str, Callable[[float], str]], ...] = (
        ("batch", "Training reviews per second, by batch size", "reviews_per_second", significant),
        ("length", "Step, by length of the reviews", "seconds", seconds),
        ("units", "Step, by recurrent units", "seconds", seconds),
        ("reviews", "Epoch, by number of reviews", "seconds", seconds),
    )
    panels = tuple(panel for panel in all_panels if any(row["scaling"].get(panel[0]) for row in rows))
    lines_of_panels = (len(panels) + 1) // 2
    figure = Figure(figsize=(WIDTH, 3.7 * lines_of_panels))
    for place, (name, heading, quantity, write) in enumerate(panels):
        bottom = 1 - (place // 2 + 1) * 0.99 / lines_of_panels + 0.08 / lines_of_panels
        axis = figure.add_axes((0.07 + 0.505 * (place % 2), bottom, 0.255, 0.82 / lines_of_panels))
        lines = [(row, [(one["value"], one[quantity]) for one in row["scaling"].get(name) or ()]) for row in rows]
        _curves(axis, [line for line in lines if line[1]], write)
        axis.set_title(heading)
    caption = (
        "One thing grows at a time; the others stay at batches of 64, 100 words and 8 units. A flat line is overhead "
        "that does not depend on the work; a line that rises with the grid is the work itself."
    )
    alt = f"Curves, with one line per configuration: {'; '.join(heading for _, heading, _, _ in panels)}."
    return Picture("scaling", title, figure, alt, caption)


def accuracy(report: dict[str, Any]) -> Picture:
    """Draw validation accuracy against the time since the process was started."""
    title = "Accuracy over time"
    rows = [row for row in shown_rows(report) if row["curves"]]
    if not rows:
        return Picture("accuracy", title, None, "", only_in_full(report, "Whole runs were not timed"))
    figure = Figure(figsize=(WIDTH, 4.9))
    axis = figure.add_axes((0.07, 0.1, 0.84, 0.64))
    every = [point for row in rows for curve in row["curves"] for point in curve]
    _log(axis, "x", [point["seconds"] for point in every], seconds, before=1.15, after=1.15)
    axis.axhline(0.8, color=INK, linewidth=0.9, linestyle=DASHED)
    axis.annotate(
        "0.80", (1, 0.8), (4, 0), xycoords=axis.get_yaxis_transform(), textcoords="offset points", va="center"
    )
    labels = []
    for row in rows:
        colour = COLOURS[row["framework"]]
        for curve in row["curves"]:
            times, reached = [point["seconds"] for point in curve], [point["accuracy"] for point in curve]
            axis.plot(times, reached, color=colour, linewidth=0.6, alpha=0.45)
        middle = _middle_curve(row["curves"])
        axis.plot([x for x, _ in middle], [y for _, y in middle], color=colour, linewidth=1.8)
        for x, y in middle:
            _dot(axis, x, y, row, 5)
        labels.append(Label(*middle[-1], row["name"], colour))
    axis.set_xlabel("since the start of the process, including imports and compilation")
    axis.set_ylabel("validation accuracy")
    _label_above(axis, labels)
    caption = (
        f"One mark per epoch: the median of {len(rows[0]['curves'])} seeds, each of which is a thin line. All learn "
        "the same; they differ in time. The dashed line is 0.80."
    )
    alt = "Curves of validation accuracy against time on a logarithmic axis, one for each configuration."
    return Picture("accuracy", title, figure, alt, caption)


def _percent(ratio: float) -> str:
    return "0" if abs(ratio - 1) < 1e-9 else f"{100 * (ratio - 1):+.3g} %"


def _middle_curve(curves: list[list[dict[str, float]]]) -> list[tuple[float, float]]:
    """The medians over seeds, for each epoch that all seeds have reached."""
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
    """Draw a mark: the colour shows the framework, the shape the kind, a hollow mark a different model."""
    colour, mark = COLOURS[row["framework"]], MARKERS[row["kind"]]
    fill = colour if row["same_model"] else PAPER
    axis.plot([x], [y], mark, color=colour, markerfacecolor=fill, markersize=size * (0.85 if mark == "D" else 1))


def _log(
    axis: Axes,
    which: str,
    values: Iterable[float],
    write: Callable[[float], str],
    before: float = 1.25,
    after: float = 1.25,
) -> None:
    """Make an axis logarithmic, with ticks that are formatted as numbers."""
    positive = [value for value in values if value > 0]
    low, high = min(positive) / before, max(positive) * after
    decades = math.log10(high / low)
    steps = (1, 2, 5) if decades < 2.6 else (1, 3) if decades < 3.3 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    axis.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    side = axis.xaxis if which == "x" else axis.yaxis
    side.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    side.set_minor_locator(NullLocator())
    side.set_major_formatter(FuncFormatter(lambda value, _: write(value)))


def _curves(axis: Axes, lines: list[tuple[Row, list[tuple[float, float]]]], write: Callable[[float], str]) -> None:
    """Draw one line per row, with its name at the right edge."""
    _log(axis, "x", [x for _, line in lines for x, _ in line], lambda value: f"{value:,.0f}", 1.1, 1.1)
    _log(axis, "y", [y for _, line in lines for _, y in line], write)
    places = sorted({x for _, line in lines for x, _ in line})
    axis.xaxis.set_major_locator(FixedLocator(_legible(places)))
    for row, line in lines:
        style = "-" if row["kind"] == "variant" else (0, (5, 1.5))
        x, y = zip(*line, strict=True)
        axis.plot(x, y, color=COLOURS[row["framework"]], linewidth=1.3, linestyle=style)
        for point in line:
            _dot(axis, *point, row, 4.5)
    edge = axis.get_xlim()[1]
    _label_right(axis, [Label(edge, line[-1][1], row["name"], COLOURS[row["framework"]]) for row, line in lines])


def _legible(places: list[float]) -> list[float]:
    """Drop ticks of a logarithmic axis that are too close to the next one; the last tick stays."""
    kept: list[float] = []
    for place in reversed(places):
        if not kept or math.log(kept[-1] / place) > 0.15 * math.log(places[-1] / places[0]):
            kept.append(place)
    return kept


def spread_out(places: list[float], gap: float) -> list[float]:
    """Move sorted places apart to keep a gap, with the least sum of squared moves (isotonic regression)."""
    groups: list[list[float]] = []  # sum and number of shifted places that are moved together
    for index, place in enumerate(places):
        groups.append([place - index * gap, 1])
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] > groups[-1][0] / groups[-1][1]:
            total, count = groups.pop()
            groups[-1][0] += total
            groups[-1][1] += count
    shifted = [total / count for total, count in groups for _ in range(int(count))]
    return [place + index * gap for index, place in enumerate(shifted)]


def _position(axis: Axes, x: float, y: float) -> tuple[float, float]:
    """The position of a data point, in points from the lower left corner of the figure."""
    scale = 72 / axis.get_figure(root=True).dpi  # type: ignore[union-attr]
    pixels = axis.transData.transform((x, y))
    return float(pixels[0] * scale), float(pixels[1] * scale)


def _label_right(axis: Axes, labels: list[Label]) -> None:
    """Write labels to the right of their points, moved apart vertically."""
    if not labels:
        return
    labels = sorted(labels, key=lambda label: label.y)
    floor = _position(axis, axis.get_xlim()[0], axis.get_ylim()[0])[1]
    heights = [_position(axis, label.x, label.y)[1] for label in labels]
    moved = spread_out(heights, GAP)
    ceiling = 72 * axis.get_figure(root=True).get_figheight() - SIZE  # type: ignore[union-attr]
    lift = max(0.0, floor - 4 - moved[0]) + min(0.0, ceiling - moved[-1])
    for label, height, place in zip(labels, heights, moved, strict=True):
        _label(axis, label, (22, place + lift - height), (0, 0.5), va="center")


def _label_above(axis: Axes, labels: list[Label]) -> None:
    """Write slanted labels above the axes, moved apart horizontally."""
    labels = sorted(labels, key=lambda label: label.x)
    # First, because it makes the limits final.
    top = _position(axis, axis.get_xlim()[1], axis.get_ylim()[1])[1]
    positions = [_position(axis, label.x, label.y) for label in labels]
    for label, (x, y), moved in zip(labels, positions, spread_out([x for x, _ in positions], 1.5 * GAP), strict=True):
        slanted = {"rotation": 50, "rotation_mode": "anchor", "ha": "left", "va": "center"}
        _label(axis, label, (moved - x, top - y + 11), (0, 0), **slanted)


def _label(axis: Axes, label: Label, offset: tuple[float, float], start: tuple[float, float], **options: Any) -> None:
    """Write a label at an offset in points from its point, joined by a thin line."""
    line = {"arrowstyle": "-", "color": label.colour, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 4, "relpos": start}
    axis.annotate(
        label.text,
        (label.x, label.y),
        offset,
        textcoords="offset points",
        color=label.colour,
        annotation_clip=False,
        arrowprops=line,
        **options,
    )
