"""The fourth noun: inductive bias, the bits that a hypothesis space must be given."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .._arguments import ArrayLike, as_array, as_float64
from ..laws.law import Law
from .trace import Trace


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
    at_least : bool or ndarray
        Whether ``bits`` is a lower limit: as many are needed, and nothing says how many more.
    trace : Trace or None
        How `splitting` came to the answer.
    """

    bits: float | np.ndarray
    target_error: float | np.ndarray
    law: Law | None = None
    interval: tuple[float | np.ndarray, float | np.ndarray] | None = None
    at_least: bool | np.ndarray = False
    trace: Trace | None = None

    @property
    def nats(self) -> float | np.ndarray:
        """The bias in natural units, bits · log 2."""
        return self.bits * math.log(2)

    def __repr__(self) -> str:
        """Say the answer, and how far to trust it, one line a target."""
        how = "exact" if self.law is not None and self.law.exact else "of a fitted law"
        at_least = np.broadcast_to(self.at_least, np.shape(self.bits))
        lines = []
        for i in np.ndindex(np.shape(self.bits)):
            line = f"{np.asarray(self.bits)[i]:.1f} bits at target error "
            line += f"{np.asarray(self.target_error)[i]:g}"
            if at_least[i]:
                why = "" if self.trace is None else f" ({self.trace.why_it_stopped})"
                lines.append(f"at least {line}{why}")
            elif self.interval is not None:
                low, high = (np.asarray(end)[i] for end in self.interval)
                lines.append(f"{line} (between {low:.1f} and {high:.1f})")
            else:
                lines.append(f"{line} ({how})")
        return "\n".join(lines)


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

    Raises
    ------
    ValueError
        If the target error is negative, NaN, or not a number, or law is not a law.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> law = ib.laws.GeneralizedChi2(weights=[0.5], dof=[2], noncentrality=[0])
    >>> ib.inductive_bias(law, target_error=0.001)
    10.0 bits at target error 0.001 (exact)
    """
    if not isinstance(law, Law):
        raise ValueError(
            f"law: found {type(law).__name__}; give a law, such as GaussianSpace.loss_law(task)."
        )
    target = as_array("target_error", target_error)
    bad = ~(target >= 0)
    if bad.any():
        raise ValueError(
            f"target_error: found {float(target[bad][0])!r}; a loss is never negative or NaN, so "
            "give values of at least 0."
        )
    bits = _bits(law.logcdf(target))
    limits = law.log_limits(as_float64("target_error", target))
    if limits is None:
        return InductiveBias(_plain(bits), _plain(target), law)
    most, least = (_bits(end.numpy()) for end in limits)
    unseen = np.isinf(bits)
    return InductiveBias(
        _plain(np.where(unseen, least, bits)),
        _plain(target),
        law,
        interval=(_plain(least), _plain(most)),
        at_least=_plain(unseen),
    )


def _bits(log_p: ArrayLike) -> np.ndarray | np.floating:
    return np.asarray(log_p) / -math.log(2) + 0.0  # + 0.0 turns -0.0 into 0.0


def _plain(a: np.ndarray | np.generic) -> np.ndarray | float | bool:
    return a.item() if a.ndim == 0 else a
