"""The pictures of the parity report."""

import base64
import io
import math

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from backends_test.comparison.compare import PARTED, Growth
from backends_test.environments import TITLES

# Powers of ten at the ends of the colour scale: rounding of float64, and what is no agreement at all.
LEAST, MOST = -17, -1


def title_of(pair: str) -> str:
    """A pair as people read it: "jax - torch" is "JAX, PyTorch"."""
    return ", ".join(TITLES[name] for name in pair.split(" - "))


def growth_figure(grown: Growth, source: str) -> Figure:
    """How the losses of one training come apart on each pair, in float32 and in float64."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (dtype, pairs) in zip(axes, grown.items(), strict=True):
        for pair, apart in pairs.items():
            shown = np.where(np.array(apart) == 0, np.nan, apart)
            axis.plot(np.arange(1, len(apart) + 1), shown, ".", markersize=2, label=title_of(pair))
        axis.axhline(PARTED, color="black", linewidth=0.8, linestyle="--")
        axis.set_yscale("log")
        axis.set_title(dtype)
        axis.set_xlabel("step of Adam, 64 reviews each")
    axes[0].set_ylabel("difference of the losses")
    axes[0].text(5, 1.4 * PARTED, "parted", fontsize=8)
    axes[0].legend(markerscale=5, fontsize=8, loc="lower right")
    figure.suptitle(f"The same training on each pair: rounding grows ({source} reviews)", fontsize=11)
    return figure


def as_data_uri(figure: Figure) -> str:
    """A figure as the `src` of an image, to stand in a page that needs no other file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def heat(difference: float) -> str:
    """The CSS of a cell of the heat map: the darker, the farther apart, a shade for each power of ten."""
    if difference == 0:
        return "background:#fff;color:#000"
    power = MOST if math.isinf(difference) else min(max(math.floor(math.log10(difference)), LEAST), MOST)
    shade = 0.1 + 0.8 * (power - LEAST) / (MOST - LEAST)
    red, green, blue, _ = colormaps["YlOrRd"](shade, bytes=True)
    return f"background:rgb({red},{green},{blue});color:{'#fff' if shade > 0.7 else '#000'}"
