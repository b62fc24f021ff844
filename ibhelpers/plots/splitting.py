"""How a splitting run went."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .._typed import typed
from ..bias.inductive_bias import InductiveBias
from ..bias.trace import ACCEPTANCE, Trace
from .style import COLOURS, describe

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@typed
def show_splitting(bias: InductiveBias) -> Figure:
    """Draw the trace of a splitting run: thresholds, acceptance and ancestors against the bits.

    What to look for: thresholds that fall steadily; an acceptance near the 30 % that the steps are
    adapted to; ancestors that do not die out, because few of them mean a wide interval.

    Parameters
    ----------
    bias : InductiveBias
        From ``rare_event_bias(..., method="splitting")``.

    Returns
    -------
    matplotlib.figure.Figure
        With ``alt_text``.

    Raises
    ------
    ValueError
        If the bias has no trace, or no level was passed.
    """
    import matplotlib.pyplot as plt

    trace = bias.trace
    if not isinstance(trace, Trace) or len(trace.nats) == 0:
        raise ValueError(
            f"bias: found {bias!r}, which has no levels to draw; give what "
            "rare_event_bias(..., method='splitting') returns."
        )
    bits = trace.nats / math.log(2)
    figure, axes = plt.subplots(
        3, 1, figsize=(6, 6), sharex=True, layout="constrained", height_ratios=(2, 1, 1)
    )
    axes[0].plot(bits, trace.threshold, "o-", markersize=3, color=COLOURS[0])
    axes[0].axhline(bias.target_error, color="0.3", linestyle="--", linewidth=1)
    axes[0].annotate(
        "target",
        (0, bias.target_error),
        xytext=(0, 3),
        textcoords="offset points",
        fontsize="small",
    )
    axes[0].set(ylabel="threshold\n[units of the loss]", title=repr(bias).replace(" (", "\n("))
    axes[1].plot(bits, 100 * trace.acceptance, "s-", markersize=3, color=COLOURS[1])
    axes[1].axhline(100 * ACCEPTANCE, color="0.3", linestyle="--", linewidth=1)
    axes[1].set(ylabel="accepted\nmoves [%]", ylim=(0, None))
    axes[2].plot(bits, trace.ancestors, "^-", markersize=3, color=COLOURS[2])
    axes[2].set(
        ylabel="ancestors left",
        yscale="log",
        xlabel="−log₂ of the product of fractions so far [bits]",
    )
    accepted = trace.acceptance[np.isfinite(trace.acceptance)]
    return describe(
        figure,
        f"A splitting run over {len(bits)} levels. The threshold falls from "
        f"{trace.threshold[0]:.3g} to {trace.threshold[-1]:.3g} within {bits[-1]:.1f} bits; "
        + (
            f"{accepted.min():.0%} to {accepted.max():.0%} of moves are accepted; "
            if len(accepted)
            else ""
        )
        + f"{trace.ancestors[-1]} of the first particles have descendants at the end.",
    )
