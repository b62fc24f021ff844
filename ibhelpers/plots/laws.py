"""Laws of the loss: their tails against samples, their bits, their quantiles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from .._arguments import ArrayLike, by_name, finite
from .._typed import typed
from ..bias.inductive_bias import InductiveBias
from ..laws import checked_losses
from ..laws.law import Law
from .style import COLOURS, MARKERS, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))  # colour is never the only sign


def show_tails(losses: ArrayLike, laws: Mapping[str, Law], target_error: float) -> Figure:
    """Draw how laws go on where the samples end: log2 P(loss <= x) down to the target.

    Above, the range of the samples, where the laws can be compared with them; below, all the way to
    the target, where they cannot.

    Parameters
    ----------
    losses : array_like, shape (S,)
        Sampled; drawn as the fraction at or below each.
    laws : mapping of str to Law
        What to draw under which name; at most five.
    target_error : float
        Below the smallest loss, in its units.

    Returns
    -------
    matplotlib.figure.Figure
        With ``alt_text``.

    Raises
    ------
    ValueError
        If there are no laws or more than five, or the target is not below all losses.
    """
    import matplotlib.pyplot as plt

    x = np.sort(checked_losses(losses, positive=False))
    _check_names("laws", laws, at_most=len(_LINES))
    target_error = finite("target_error", target_error)
    if not target_error < x[0]:
        raise ValueError(
            f"target_error: found {target_error}, and the smallest loss is {x[0]:g}; give a target "
            "below all losses, or use show_quantiles."
        )
    figure, (near, far) = plt.subplots(2, 1, figsize=(6, 7), layout="constrained")
    fraction = np.arange(1, len(x) + 1) / len(x)
    lower = fraction <= 0.5
    near.plot(x[lower], np.log2(fraction[lower]), ".", color="0.6", label=f"{len(x):,} samples")
    far.axvspan(x[0], x[-1], color="0.88", label="range of the samples")
    median = float(np.median(x))
    _draw_tails(near, laws, np.linspace(x[0] - 0.1 * (median - x[0]), median, 200))
    _draw_tails(far, laws, np.linspace(target_error, median, 400))
    near.set_ylim(np.log2(0.2 / len(x)), 0)
    far.axvline(target_error, color="0.3", linewidth=0.8)
    for ax, title in ((near, "where there are samples"), (far, "down to the target")):
        ax.set(xlabel="loss x [units of the loss]", ylabel="log₂ P(loss ≤ x) [bits]", title=title)
        ax.legend(fontsize="small")
    ends = (
        f"{name} {law.logcdf(float(target_error)) / math.log(2):,.0f}" for name, law in laws.items()
    )
    return describe(
        figure,
        "Two panels of the logarithm of P(loss at most x) against x. Above, the laws follow "
        f"{len(x):,} sampled losses, {x[0]:.3g} to {x[-1]:.3g}. Below they go on to the target "
        f"{target_error:g} and part; there they are, in bits: {'; '.join(ends)}.",
    )


def show_bias(biases: Mapping[str, InductiveBias | Sequence[InductiveBias]]) -> Figure:
    """Draw bits against target error, with a band or bars where the bits have an interval.

    Parameters
    ----------
    biases : mapping of str to InductiveBias, or to a sequence of them
        What to draw under which name; at most ten. One with an array of targets is a line, single
        ones are points. Where bits are only a lower limit, an arrow points upward.

    Returns
    -------
    matplotlib.figure.Figure
        With ``alt_text``.

    Raises
    ------
    ValueError
        If there is nothing to draw, or more than ten.

    Examples
    --------
    >>> import ibhelpers as ib, ibhelpers.plots, numpy as np
    >>> law = ib.laws.GeneralizedChi2(weights=[0.01], df=[100.0], nc=[0.0])
    >>> figure = ib.plots.show_bias({"exact": ib.inductive_bias(law, np.linspace(0.2, 1, 5))})
    >>> print(figure.alt_text)
    Inductive bias in bits against the target error: exact, 62.2 to 0.9 bits between 0.2 and 1.
    """
    import matplotlib.pyplot as plt

    _check_names("biases", biases, at_most=len(MARKERS))
    figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
    said = []
    for i, (name, bias) in enumerate(biases.items()):
        points = _Points.of(bias)
        style: dict[str, Any] = {
            "color": COLOURS[i % 10],
            "marker": MARKERS[i],
            "markersize": 5,
        }
        sure, limits = points.rows(~points.at_least), points.rows(points.at_least)
        if len(sure.target):
            if isinstance(bias, InductiveBias):
                _draw_line(ax, sure, label=name, linestyle=_LINES[i % 5], **style)
            else:
                bars = np.nan_to_num([sure.bits - sure.low, sure.high - sure.bits], posinf=0.0)
                ax.errorbar(sure.target, sure.bits, bars, label=name, linestyle="", **style)
        if len(limits.target):
            label = None if len(sure.target) else f"{name} (at least)"
            arrow: dict[str, Any] = {
                "yerr": 0.06 * points.bits.max(),
                "lolims": True,
                "linestyle": "",
            }
            ax.errorbar(limits.target, limits.bits, label=label, **arrow, **style)
        said.append(f"{name}, {points}")
    ax.set(xlabel="target error [units of the loss]", ylabel="inductive bias [bits]")
    ax.set_ylim(bottom=0)
    ax.legend(fontsize="small")
    text = f"Inductive bias in bits against the target error: {'; '.join(said)}."
    return describe(figure, text)


@typed
def show_quantiles(losses: ArrayLike, law: Law) -> Figure:
    """Draw the sorted losses against the quantiles that a law gives them.

    The band holds 95 % of samples of the law at each rank: the i-th smallest of S uniform numbers
    is Beta(i, S + 1 - i).

    Parameters
    ----------
    losses : array_like, shape (S,)
        Sampled; at most 500 of them, evenly spaced in rank and with both ends, are drawn.
    law : Law
        To compare them with.

    Returns
    -------
    matplotlib.figure.Figure
        With ``alt_text``.
    """
    import matplotlib.pyplot as plt

    x = np.sort(checked_losses(losses, positive=False))
    n = len(x)
    ends = np.arange(1, min(n, 25) + 1)
    rank = np.unique(np.r_[ends, np.linspace(1, n, min(n, 450)).round().astype(int), n + 1 - ends])
    expected = law.icdf((rank - 0.5) / n)
    low, high = (law.icdf(scipy.special.betaincinv(rank, n + 1 - rank, p)) for p in (0.025, 0.975))
    figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
    ax.fill_between(expected, low, high, color=COLOURS[0], alpha=0.2, label="95 % of samples")
    ax.plot(expected, expected, color="0.3", linewidth=0.8, label="the law")
    ax.plot(expected, x[rank - 1], ".", color=COLOURS[1], label=f"{n:,} losses")
    ax.set(xlabel="quantile of the law [units of the loss]", ylabel="loss [units of the loss]")
    ax.legend(fontsize="small")
    outside = np.mean((x[rank - 1] < low) | (x[rank - 1] > high))
    return describe(
        figure,
        f"Quantiles of {n:,} losses against those of {law}, near the diagonal where they agree; "
        f"{outside:.0%} of the points drawn lie outside the band that holds 95 % of samples.",
    )


def _draw_tails(ax: Axes, laws: Mapping[str, Law], x: np.ndarray) -> None:
    for (name, law), colour, line in zip(laws.items(), COLOURS, _LINES, strict=False):
        ax.plot(x, law.logcdf(x) / math.log(2), color=colour, linestyle=line, label=name)


def _draw_line(ax: Axes, points: _Points, **style: Any) -> None:
    ax.plot(points.target, points.bits, **style)
    band = points.rows(np.isfinite(points.high - points.low))
    if len(band.target):
        ax.fill_between(band.target, band.low, band.high, color=style["color"], alpha=0.2)


@dataclass(frozen=True)
class _Points:
    """Bits at targets, by increasing target; infinite bits are left out."""

    target: np.ndarray
    bits: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_least: np.ndarray

    @classmethod
    def of(cls, bias: InductiveBias | Sequence[InductiveBias]) -> _Points:
        rows = []
        if not isinstance(bias, InductiveBias) and len(bias) == 0:
            raise ValueError("biases: found a name without bits; leave it out.")
        for b in [bias] if isinstance(bias, InductiveBias) else bias:
            low, high = (math.nan, math.nan) if b.interval is None else b.interval
            columns = (b.target_error, b.bits, low, high, b.at_least)
            rows.append(np.broadcast_arrays(*map(np.atleast_1d, columns)))
        points = cls(*(np.concatenate(column) for column in zip(*rows, strict=True)))
        order = np.argsort(points.target)
        return points.rows(order[np.isfinite(points.bits[order])])

    def rows(self, which: np.ndarray) -> _Points:
        return _Points(*(getattr(self, f.name)[which] for f in fields(self)))

    def __str__(self) -> str:
        if len(self.bits) == 0:
            return "no finite bits"
        low, high = f"{self.bits.min():,.1f}", f"{self.bits.max():,.1f}"
        bits = high if low == high else f"{high} to {low}"
        return f"{bits} bits between {self.target.min():g} and {self.target.max():g}"


def _check_names(argument: str, named: Mapping, *, at_most: int) -> None:
    named = by_name(argument, named, "{'RBF': ...}")
    if not 1 <= len(named) <= at_most:
        raise ValueError(f"{argument}: found {len(named)} entries; give 1 to {at_most}.")
