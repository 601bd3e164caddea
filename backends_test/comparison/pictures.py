"""The figure and the cell colours of the comparison's report."""

import math

import numpy as np
from matplotlib.figure import Figure

from backends_test.comparison.compare import DIVERGED, LossDifferences
from backends_test.environments import TITLES

# Opacity of a cell whose difference is as large as its tolerance.
MAX_OPACITY = 0.5


def title_of(pair: str) -> str:
    """Format a pair: "jax - torch" is "JAX, PyTorch"."""
    return ", ".join(TITLES[name] for name in pair.split(" - "))


def growth_figure(differences: LossDifferences, source: str) -> Figure:
    """Draw the differences of the losses of one training for each pair, in float32 and in float64."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (dtype, pairs) in zip(axes, differences.items(), strict=True):
        for pair, by_step in pairs.items():
            shown = np.where(np.array(by_step) == 0, np.nan, by_step)
            axis.plot(np.arange(1, len(by_step) + 1), shown, ".", markersize=2, label=title_of(pair))
        axis.axhline(DIVERGED, color="black", linewidth=0.8, linestyle="--")
        axis.set_yscale("log")
        axis.set_title(dtype)
        axis.set_xlabel("step of Adam, 64 reviews each")
    axes[0].set_ylabel("difference of the losses")
    axes[0].text(5, 1.4 * DIVERGED, "parted", fontsize=8)
    axes[0].legend(markerscale=5, fontsize=8, loc="lower right")
    figure.suptitle(f"The same training on each pair: rounding grows ({source} reviews)", fontsize=11)
    return figure


def used(difference: float, tolerance: float) -> float:
    """Return the share of its tolerance that a difference uses; infinite if no difference is allowed."""
    if difference == 0:
        return 0.0
    return difference / tolerance if tolerance else math.inf


def heat(difference: float, tolerance: float) -> str:
    """Return the CSS of a cell within its tolerance: a blue that is stronger the more of the tolerance is used.

    The colour is transparent, so that it suits a light and a dark page.
    """
    return f"background:rgb(70 130 180 / {MAX_OPACITY * min(used(difference, tolerance), 1):.2f})"
