"""Where the error of the paper's estimator comes from."""

from __future__ import annotations

from dataclasses import dataclass

from ._arguments import number
from .genchi2 import GeneralizedChi2
from .law import ArrayLike, Values
from .tails import ScaledNoncentralChi2, released_code_nats
from .tails.losses import checked_losses


@dataclass(frozen=True)
class ErrorDecomposition:
    """The error of a figure for the bias, in nats, in four parts that add up to it.

    Attributes
    ----------
    target_error : float
        In units of the loss.
    exact : float
        -log P under the exact law, nats.
    model : float
        Of the family: its law closest to the exact one in Kullback-Leibler divergence, against the
        exact one. More samples do not lessen it.
    sample : float
        Of having finitely many losses: the law of highest likelihood against the closest one.
    search : float
        Of stopping elsewhere: the law given against the one of highest likelihood; 0 for that.
    approximation : float
        Of Sankaran's normal approximation, where the released code uses it: against the exact tail
        of the same law.
    closest, fitted, used : ScaledNoncentralChi2
        The law closest to the exact one, that of highest likelihood, and the one given.
    """

    target_error: float
    exact: float
    model: float
    sample: float
    search: float
    approximation: float
    closest: ScaledNoncentralChi2
    fitted: ScaledNoncentralChi2
    used: ScaledNoncentralChi2

    @property
    def total(self) -> float:
        """The released code's figure for the law used, against the exact one, nats."""
        return self.model + self.sample + self.search + self.approximation

    def __repr__(self) -> str:
        """Say the parts in one line."""
        return (
            f"exact {self.exact:.1f} nats at target error {self.target_error:g}; error "
            f"{self.total:+.1f} = model {self.model:+.1f}, sample {self.sample:+.1f}, "
            f"search {self.search:+.1f}, approximation {self.approximation:+.1f}"
        )


def error_decomposition(
    law: GeneralizedChi2,
    losses: ArrayLike,
    target_error: float,
    *,
    used: ScaledNoncentralChi2 | None = None,
) -> ErrorDecomposition:
    """The error of the paper's estimator of the bias, taken apart.

    Parameters
    ----------
    law : GeneralizedChi2
        The exact law of the loss.
    losses : array_like, shape (S,)
        Sampled from it.
    target_error : float
        Between the lowest loss and the mean of the law, in units of the loss.
    used : ScaledNoncentralChi2, optional
        The law whose tail is extrapolated: that of highest likelihood when not given;
        `released_code_fit` gives the one that the released code uses.

    Returns
    -------
    ErrorDecomposition
        In nats.

    Raises
    ------
    ValueError
        If the target is not between the lowest loss and the mean, or as
        `ScaledNoncentralChi2.fit` does.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> law = ib.GeneralizedChi2(weights=[1e-4, 3e-4], dof=[1000, 500], noncentrality=[200, 0])
    >>> losses = law.sample(10_000, seed=0)
    >>> ib.error_decomposition(law, losses, 0.05)
    exact 612.6 nats at target error 0.05; error -77.7 = model -70.0, sample -7.7, search +0.0,
    approximation +0.0
    """
    x, target = checked_losses(losses), number("target_error", target_error)
    if not law.lowest < target < law.mean():
        raise ValueError(
            f"target_error: found {target_error!r}; the lower tail of this law is between "
            f"{law.lowest:g} and its mean, {law.mean():g}."
        )
    closest, fitted = ScaledNoncentralChi2.closest_to(law), ScaledNoncentralChi2.fit(x)
    used = fitted if used is None else used

    def nats(of: GeneralizedChi2) -> Values:
        return -of.logcdf(target)

    return ErrorDecomposition(
        target,
        nats(law),
        model=nats(closest) - nats(law),
        sample=nats(fitted) - nats(closest),
        search=nats(used) - nats(fitted),
        approximation=float(released_code_nats(used, target)) - nats(used),
        closest=closest,
        fitted=fitted,
        used=used,
    )
