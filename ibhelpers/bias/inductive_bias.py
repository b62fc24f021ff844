"""The fourth noun: inductive bias, the bits that a hypothesis space must be given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .._arguments import ArrayLike, Values, as_array, as_float64
from .._typed import typed
from ..laws import Law, TailIntegralError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_READABLE = 1e12  # more bits than this are printed with an exponent
_MOST_DIGITS = 16.0  # of a float64
_SHARPENED_BELOW = 6.0  # digits with which a law is asked for better parameters
_ENOUGH_DIGITS = 4.0  # with fewer, the answer says so
_FIRST_DIGIT = 0.5  # an error of a third; with fewer, the answer is what is certain


@dataclass(frozen=True, eq=False)
class InductiveBias:
    r"""How many bits single out a hypothesis that is good enough.

    .. math:: I(\varepsilon) = -\log_2 P_{h \sim p_h}[\,\mathrm{loss}(h) \le \varepsilon\,]

    Attributes
    ----------
    bits : float or ndarray
        I(ε); infinite where no hypothesis reaches the target.
    target_error : float or ndarray
        ε, in units of the loss; of the same shape.
    law : Law or None
        The law of the test loss it was computed from.
    interval : tuple of two floats or ndarrays, or None
        Lower and upper limit of the bits at 95 % confidence, where they are an estimate; None when
        exact, or when nothing is known of their error.
    digits : float or ndarray, or None
        How many decimal digits of the bits are free of rounding errors; None where nothing is known
        of them. Where none is left, ``bits`` is a lower limit that rounding cannot touch.
    at_least : bool or ndarray
        Whether ``bits`` is a lower limit: as many are needed, and nothing says how many more.
    trace : Trace or BridgeTrace or RunsTrace or None
        How `rare_event_bias` came to the answer.
    doubt : str or ndarray of str
        Why the answer is not to be trusted, though it is the best there is; empty where nothing
        speaks against it. No interval goes with a doubt.
    """

    bits: Values
    target_error: Values
    law: Law | None = None
    interval: Values = None
    digits: Values | None = None
    at_least: Values = False
    trace: Any = None
    doubt: str | np.ndarray = ""

    @property
    def nats(self) -> Values:
        """The bias in natural units, bits · log 2."""
        return self.bits * math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """The numbers by their names: a row of a table, or columns where there are many targets.

        ``target_error``, ``bits``, ``lower`` and ``upper`` (of the interval, NaN without one),
        ``digits`` (NaN where nothing is known), ``at_least`` and ``doubt``.
        """
        nothing = self.bits * math.nan
        lower, upper = (nothing, nothing) if self.interval is None else self.interval
        return {
            "target_error": self.target_error,
            "bits": self.bits,
            "lower": lower,
            "upper": upper,
            "digits": nothing if self.digits is None else self.digits,
            "at_least": self.at_least,
            "doubt": self.doubt,
        }

    def to_frame(self) -> pd.DataFrame:
        """The numbers of `to_dict` as a pandas DataFrame, one row a target.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> law = ib.laws.GeneralizedChi2(weights=[0.5], df=[2], nc=[0])
        >>> ib.inductive_bias(law, [0.1, 0.001]).to_frame()[["target_error", "bits"]].round(1)
           target_error  bits
        0           0.1   3.4
        1           0.0  10.0
        """
        import pandas as pd

        columns = {name: np.ravel(value) for name, value in self.to_dict().items()}
        rows = max(map(len, columns.values()))
        return pd.DataFrame({name: np.resize(v, rows) for name, v in columns.items()})

    def plot(self, ax: Axes | None = None, **style: Any) -> Axes:
        """Draw the bits against the target error, with the interval as a band; return the axes.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            The current ones when not given.
        **style
            For matplotlib's ``plot``, such as ``label`` and ``color``.
        """
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        table = self.to_frame().sort_values("target_error")
        (line,) = ax.plot(table.target_error, table.bits, **({"marker": "o"} | style))
        if self.interval is not None:
            ax.fill_between(
                table.target_error, table.lower, table.upper, color=line.get_color(), alpha=0.2
            )
        ax.set(xlabel="target error [units of the loss]", ylabel="inductive bias [bits]")
        return ax

    def __repr__(self) -> str:
        """Say the answer, and how far to trust it, one line a target."""
        return "\n".join(self._in_words(i) for i in np.ndindex(np.shape(self.bits)))

    def _in_words(self, i: tuple[int, ...]) -> str:
        """One line, of one target."""
        bits, target = np.asarray(self.bits)[i], np.asarray(self.target_error)[i]
        at, digits = f"bits at target error {target:g}", math.inf
        if self.digits is not None:
            digits = float(np.asarray(self.digits)[i])
        if np.broadcast_to(self.at_least, np.shape(self.bits))[i]:
            if self.trace is not None:
                return f"at least {bits:.1f} {at} ({self.trace.why_it_stopped})"
            if digits < _FIRST_DIGIT:
                return f"at least {_rounded_down(bits)} {at} (rounding hides how many more)"
            return f"at least {bits:.1f} {at}"
        if doubt := np.broadcast_to(self.doubt, np.shape(self.bits))[i]:
            return f"about {bits:.1f} {at} (not reliable: {doubt})"
        if self.interval is not None:
            low, high = (np.asarray(end)[i] for end in self.interval)
            return f"{bits:.1f} {at} (between {low:.1f} and {high:.1f})"
        if digits < _ENOUGH_DIGITS:
            left = max(1, math.floor(digits))
            plural = "" if left == 1 else "s"
            number = f"{bits:.{left}g}" if bits >= 1 else f"{bits:.1f}"
            return f"{number} {at} (rounding errors leave {left} digit{plural})"
        number = f"{bits:.1f}" if bits < _READABLE else f"{bits:.6g}"
        if self.law is None:
            return f"{number} {at}"
        return f"{number} {at} ({'exact' if self.law.exact else 'of a fitted law'})"


@typed
def inductive_bias(law: Law, target_error: ArrayLike) -> InductiveBias:
    """The inductive bias required to reach a target error under a law of the test loss.

    Parameters
    ----------
    law : Law
        The law of the test loss, such as `GaussianSpace.loss_law` gives.
    target_error : float or array_like
        ε ≥ 0, in units of the loss; an array gives arrays of the same shape.

    Returns
    -------
    InductiveBias
        With ``bits`` = -log2 P(loss <= target_error). Where the law knows limits of its
        probabilities, as `Empirical` does, they give ``interval``, and where P is 0 only because
        no loss so small was sampled, ``bits`` is what the samples certify and ``at_least`` is true.
        Where the law knows how far it was rounded, as that of a `GaussianSpace` does, ``digits``
        says what is left; with none left, ``bits`` is what is certain and ``at_least`` is true.

    Raises
    ------
    ValueError
        If the target error is negative, NaN, or not a number, or law is not a law.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> law = ib.laws.GeneralizedChi2(weights=[0.5], df=[2], nc=[0])
    >>> ib.inductive_bias(law, target_error=0.001)
    10.0 bits at target error 0.001 (exact)
    """
    target = as_array("target_error", target_error)
    bad = ~(target >= 0)
    if bad.any():
        raise ValueError(
            f"target_error: found {float(target[bad][0])!r}; a loss is never negative or NaN, so "
            "give values of at least 0."
        )
    log_p, x = law.logcdf(target), as_float64("target_error", target).to(law.device)
    limits, errors = law.log_limits(x), law.log_errors(x)
    if limits is not None:
        return _within(log_p, *limits, target, law)
    if errors is not None:
        return _rounded(log_p, errors, x, target, law)
    return InductiveBias(_plain(_bits(log_p)), _plain(target), law)


def _within(
    log_p: ArrayLike, most_p: Tensor, least_p: Tensor, target: np.ndarray, law: Law
) -> InductiveBias:
    """The bias under a law that knows confidence limits."""
    bits, most, least = _bits(log_p), _bits(most_p.cpu()), _bits(least_p.cpu())
    unseen = np.isinf(bits)
    return InductiveBias(
        _plain(np.where(unseen, least, bits)),
        _plain(target),
        law,
        interval=(_plain(least), _plain(most)),
        at_least=_plain(unseen),
    )


def _rounded(
    log_p: ArrayLike, errors: Tensor, x: Tensor, target: np.ndarray, law: Law
) -> InductiveBias:
    """The bias under a law that knows its rounding errors, or is asked for more digits."""
    log_p, digits = np.array(log_p), _digits(np.asarray(log_p), errors)
    few = np.asarray(digits < _SHARPENED_BELOW)
    sharp = law.sharpened if few.any() else None
    if sharp is not None:
        log_p[few], digits[few] = _with_digits(sharp, x[torch.from_numpy(few)])
    bits, none_left = _bits(log_p), digits < _FIRST_DIGIT
    if none_left.any():
        most = (law if sharp is None else sharp).log_upper(x).cpu()
        bits = np.where(none_left, _bits(most), bits)
    return InductiveBias(
        _plain(bits),
        _plain(target),
        law,
        digits=_plain(digits),
        at_least=_plain(none_left),
        doubt=law.doubt,
    )


def _with_digits(law: Law, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Log P(L <= x) of a vector and its digits; no digit where the integral has none."""
    log_p, digits = np.full(len(x), -math.inf), np.zeros(len(x))
    for i, one in enumerate(x):
        try:
            log_p[i] = law.logcdf(float(one))
        except TailIntegralError:
            continue
        errors = law.log_errors(one)
        assert errors is not None  # a law that is sharper knows its errors
        digits[i] = _digits(np.asarray(log_p[i]), errors)
    return log_p, digits


def _digits(log_p: np.ndarray, errors: Tensor) -> np.ndarray:
    """Decimal digits of log P that are free of rounding errors."""
    error = errors.cpu().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(error == 0, 0.0, np.where(np.isinf(error), 1.0, error / -log_p))
        return np.array(np.clip(-np.log10(share), 0.0, _MOST_DIGITS))


def _bits(log_p: ArrayLike) -> np.ndarray | np.floating:
    return np.asarray(log_p) / -math.log(2) + 0.0  # + 0.0 turns -0.0 into 0.0


def _rounded_down(bits: float) -> str:
    """A lower limit in few digits, none of which says too much."""
    if bits < 1e6 or math.isinf(bits):
        return f"{math.floor(10 * bits) / 10 if math.isfinite(bits) else bits:.1f}"
    unit = 10.0 ** (math.floor(math.log10(bits)) - 2)
    return f"{math.floor(bits / unit) * unit:.3g}"


def _plain(a: np.ndarray | np.generic) -> Values:
    return a.item() if a.ndim == 0 else a
