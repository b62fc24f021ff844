"""The parts of a difference as a waterfall: from one number to another, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .._arguments import by_name, finite, number, several
from .._typed import typed
from .style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@typed
def draw_waterfall(
    ax: Axes, start: tuple[str, float], steps: Mapping[str, float], end: str
) -> None:
    """Draw a number, what is added to it and taken from it, and what is left.

    The steps hang from where the last one ended, and every bar says its number.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        To draw into; its axis of values keeps its label.
    start : (str, float)
        Name and value of the first bar.
    steps : mapping of str to float
        What is added, in this order; negative where something is taken away.
    end : str
        Name of the last bar, whose value is the sum.

    Raises
    ------
    ValueError
        If there are no steps, or a number is not finite.
    """
    if len(first := several("start", start, "a name and a number")) != 2:
        raise ValueError(f"start: found {len(first)} entries; give a name and a number.")
    name, value = first[0], finite("start", first[1])
    steps = by_name("steps", steps, "{'model': -1.0, 'sample': 2.0}")
    sizes = np.array([number("steps", size) for size in steps.values()])
    if not len(sizes) or not np.isfinite(sizes).all():
        raise ValueError(f"steps: found {steps}; give finite numbers, one or more.")
    after = value + np.concatenate([[0.0], sizes.cumsum()])
    begin, stop = [0.0, *after[:-1], 0.0], [value, *after[1:], after[-1]]
    low, top = np.minimum(begin, stop), np.maximum(begin, stop)
    signs = [COLOURS[3] if size < 0 else COLOURS[2] for size in sizes]
    x = np.arange(len(low))
    ax.bar(x, top - low, bottom=low, color=[COLOURS[0], *signs, COLOURS[0]], width=0.7)
    ax.hlines(after, x[:-1] - 0.35, x[1:] + 0.35, color="0.4", linewidth=0.8)
    changes = ("0" if abs(size) < 0.5 else f"{size:+,.0f}" for size in sizes)
    said = [f"{value:,.0f}", *changes, f"{stop[-1]:,.0f}"]
    for at, height, text in zip(x, top, said, strict=True):
        text = text.replace("-", "\N{MINUS SIGN}")
        ax.annotate(
            text, (at, height), (0, 2), textcoords="offset points", ha="center", va="bottom"
        )
    ax.set_xticks(x, [name, *steps, end])
    ax.margins(y=0.1)
