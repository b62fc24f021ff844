"""How a bridge got to its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._typed import typed
from ..bias.inductive_bias import InductiveBias
from ..bias.trace import BridgeTrace
from .style import COLOURS, describe

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@typed
def show_bridge(bias: InductiveBias) -> Figure:
    """Draw the trace of a bridge: losses against their bits, sweeps and families step by step.

    What to look for: a band around the bits that stays narrow; sweeps that do not reach the 64 at
    which a pilot gives up; families that do not die out, because the hypotheses of few families are
    alike.

    Parameters
    ----------
    bias : InductiveBias
        From `rare_event_bias`, if its ``trace.method`` is "bridge".

    Returns
    -------
    matplotlib.figure.Figure
        With ``alt_text``.

    Raises
    ------
    ValueError
        If the bias has no trace of a bridge.
    """
    import matplotlib.pyplot as plt

    trace = bias.trace
    if not isinstance(trace, BridgeTrace):
        raise ValueError(
            f"bias: found {bias!r}, which walked over no bridge; give what "
            "rare_event_bias(..., method='bridge') returns."
        )
    figure, axes = plt.subplots(3, 1, figsize=(6, 6), layout="constrained", height_ratios=(2, 1, 1))
    axes[0].fill_betweenx(trace.threshold, trace.low, trace.high, color=COLOURS[0], alpha=0.3)
    axes[0].plot(trace.bits, trace.threshold, "o-", markersize=3, color=COLOURS[0])
    axes[0].set(
        xlabel="inductive bias [bits], with 95 % limits", ylabel="target error\n[units of the loss]"
    )
    steps = np.arange(len(trace.s))
    axes[1].bar(steps, trace.sweeps, color=COLOURS[1])
    axes[1].set(ylabel="sweeps\nof moves")
    axes[2].plot(steps, trace.families, "^-", markersize=3, color=COLOURS[2])
    axes[2].set(ylabel="families left", xlabel="step of the bridge", ylim=(0, None))
    axes[2].sharex(axes[1])
    return describe(
        figure,
        f"A bridge of {len(steps)} steps. The target error falls from {trace.threshold[0]:.3g} to "
        f"{trace.threshold[-1]:.3g} within {trace.bits[-1]:.1f} bits; steps take up to "
        f"{trace.sweeps.max()} sweeps of moves; at least {trace.families.min()} of the "
        f"{trace.particles} families of a run have descendants at the end.",
    )
