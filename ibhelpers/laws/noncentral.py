"""The paper's estimator: a scaled noncentral chi-squared law of the sampled losses."""

from __future__ import annotations

import math

import numpy as np

from .._arguments import ArrayLike, Values, as_array, finite, non_negative, positive
from .._typed import typed
from ._likelihood import STEP, Likelihood, parameters
from ._noncentral_density import log_density
from ._one_term import OneTerm
from .generalized_chi2 import GeneralizedChi2
from .profile import ProfileLikelihood
from .sampled_losses import checked_losses

_LEAST_SPREAD = 1e-12  # of losses, relative to their mean: float64 has four digits of it


class ScaledNoncentralChi2(OneTerm):
    r"""The paper's estimator: a scaled noncentral chi-squared law, loss = scale · χ²_df(nc).

    Parameters
    ----------
    df : float
        Degrees of freedom, above 0.
    nc : float
        Noncentrality, at least 0.
    scale : float
        In units of the loss, above 0.

    Notes
    -----
    The law has one weight, so that its tails are evaluated exactly, by `GeneralizedChi2`, where
    SciPy's ``ncx2.logcdf`` returns -inf. Exact evaluation does not make the fitted law right: far
    below the smallest loss its tail is an extrapolation.

    Source: A. Boopathy, W. Yue, J. Hwang, A. Iyer and I. Fiete, Towards Exact Computation of
    Inductive Bias, IJCAI 2024, arXiv:2406.15941.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> true = ib.laws.ScaledNoncentralChi2(df=12, nc=30, scale=0.01)
    >>> losses = true.sample(10_000, seed=0)
    >>> fitted = ib.laws.ScaledNoncentralChi2.fit(losses)
    >>> print(f"{fitted.log_likelihood:.1f} nats, above {true.logpdf(losses).sum():.1f}")
    7213.9 nats, above 7211.5
    """

    def __init__(self, df: float, nc: float, scale: float) -> None:
        self.df, self.nc = positive("df", df), non_negative("nc", nc)
        self.scale = positive("scale", scale)
        super().__init__(self.scale, self.df, self.nc)
        self._log_likelihood = math.nan
        self._profile: ProfileLikelihood | None = None

    def __repr__(self) -> str:
        """Say what the law is in one line."""
        return f"ScaledNoncentralChi2(df={self.df:.6g}, nc={self.nc:.6g}, scale={self.scale:.6g})"

    @property
    def log_likelihood(self) -> float:
        """Of the losses it was fitted to, in nats; NaN if it was not fitted."""
        return self._log_likelihood

    @property
    def profile(self) -> ProfileLikelihood:
        """How far df and nc can be traded for each other, and what that does to the bits.

        Raises
        ------
        ValueError
            If the law was not fitted by maximum likelihood.
        """
        if self._profile is None:
            raise ValueError(
                f"fitted: {self} was not fitted by maximum likelihood, so that it has no profile; "
                "take what ScaledNoncentralChi2.fit(losses) returns."
            )
        return self._profile

    @classmethod
    def fit(cls, losses: ArrayLike) -> ScaledNoncentralChi2:
        """The law of highest likelihood, with its location fixed at 0.

        Parameters
        ----------
        losses : array_like, shape (S,)
            At least 10 positive losses, not all equal.

        Raises
        ------
        ValueError
            If there are fewer than 10 losses, one is NaN, inf, zero or negative, or all are equal.

        Notes
        -----
        The losses may leave df and nc all but undetermined: see `profile`.
        ``scipy.stats.ncx2.fit(losses, floc=0)`` seeks the same maximum, but its general-purpose
        search may stop far from it: see `released_fit`.
        """
        x = checked_losses(losses)
        likelihood = Likelihood(x)
        if likelihood.log_r < 2 * math.log(_LEAST_SPREAD):
            raise ValueError(
                f"losses: they agree to {math.exp(likelihood.log_r / 2):.0e} of their mean, and "
                "rounding leaves too few digits of their differences to fit three parameters."
            )
        law, profile = cls._of_highest(likelihood)
        law._log_likelihood = law.log_likelihood_of(x)
        law._profile = profile
        return law

    @classmethod
    @typed
    def closest_to(cls, law: GeneralizedChi2) -> ScaledNoncentralChi2:
        r"""The law closest to a given one in Kullback-Leibler divergence.

        That is what `fit` converges to as losses of the given law are added without end. It
        maximises :math:`E[\log f(L)]` over the densities f, by Gauss-Legendre quadrature from
        where P(L <= x) to where P(L > x) is e^-40.

        Raises
        ------
        ValueError
            If the given law reaches below zero.
        """
        if law.lowest < 0:
            raise ValueError(
                f"law: losses go down to {law.lowest:g}; a noncentral chi-squared law has none "
                "below 0."
            )
        # Over log(x - lowest), because near the lowest loss the density is a power of that
        # distance; and with the law of the distance, because x itself may not show it.
        above = GeneralizedChi2(law.weights, law.df, law.nc)
        nodes, weights = np.polynomial.legendre.leggauss(400)
        nearest = max(above.ilogcdf(-40.0), 1e-200 * above.mean())
        low, high = np.log([nearest, above.icdf(1 - 2.0**-53)])
        distance = np.exp(low + (high - low) * (nodes + 1) / 2)
        x = law.lowest + distance
        probability = weights * distance * np.exp(above.logpdf(distance))
        return cls._of_highest(Likelihood(x, probability / probability.sum()))[0]

    @classmethod
    def from_moments(cls, mean: float, variance: float, skewness: float) -> ScaledNoncentralChi2:
        r"""The law of given mean and variance, and of the given skewness if it can have that.

        With r = Var/mean², f = nc/(df + nc) and df + nc = 2(1 + f)/r the skewness is

        .. math:: \gamma = 2 \sqrt{r} \, \frac{1 + 2f}{(1 + f)^2},

        between 1.5√r (f = 1) and 2√r (f = 0). Outside, the nearer end is taken (f = 0.9999 for 1).

        Raises
        ------
        ValueError
            If the mean or the variance is not positive, or the skewness is not a number.
        """
        mean, variance = positive("mean", mean), positive("variance", variance)
        skewness = finite("skewness", skewness)
        r = variance / mean / mean
        # (1 + 2f)/(1 + f)² = 1 - g² with g = f/(1 + f)
        g = math.sqrt(min(max(1 - skewness / (2 * math.sqrt(r)), 0.0), 0.25))
        return cls._from_shape(mean, math.log(r), min(g / (1 - g), ProfileLikelihood.MOST_SHARE))

    def wald_interval(self, target_error: ArrayLike) -> tuple[Values, Values]:
        r"""95 % limits of the bits from the curvature of the likelihood, by the delta method.

        .. math:: I \pm 1.96 \sqrt{g^T H^{-1} g}

        where H is the observed information on the mean, the squared coefficient of variation and
        the noncentral share, and g the derivative of the bits with respect to them.

        Parameters
        ----------
        target_error : float or array_like
            In units of the loss.

        Raises
        ------
        ValueError
            If the law was not fitted by maximum likelihood, or the theory does not hold for it:
            where the highest likelihood is at an end of the profile, or not curved in every
            direction.

        Notes
        -----
        Where the profile is flat the likelihood is no parabola, and the interval means little; see
        `ProfileLikelihood.bits_interval` then. Source: A. C. Davison, Statistical Models,
        Cambridge University Press 2003, section 4.4; B. Efron and D. V. Hinkley, Biometrika 65
        (1978) 457, for the observed information.
        """
        profile = self._profile
        if profile is None or not profile.is_regular:
            raise ValueError(
                f"fitted: the likelihood of {self} has no curved maximum to compute a standard "
                "error from: it was not fitted by maximum likelihood, or that lies at an end of "
                "the profile. Use fitted.profile.bits_interval, or the bootstrap."
            )
        target_error = as_array("target_error", target_error)
        at = np.array([0.0, *profile.best])
        mean = profile.likelihood.mean

        def bits(p: np.ndarray) -> Values:
            law = self._from_shape(mean * math.exp(p[0]), *p[1:])
            return -law.logcdf(target_error) / math.log(2)

        steps = np.eye(3) * STEP
        gradient = np.array([(bits(at + h) - bits(at - h)) / (2 * STEP) for h in steps])
        inverse = np.linalg.inv(profile.information())
        variance = np.einsum("i...,ij,j...", gradient, inverse, gradient)
        centre, margin = bits(at), 1.959964 * np.sqrt(variance)
        return centre - margin, centre + margin

    def log_likelihood_of(self, losses: ArrayLike) -> float:
        """Log-likelihood of losses under this law, in nats: the sum of `logpdf`, by a series."""
        x = checked_losses(losses)
        per_loss = log_density(x / self.scale, self.df, self.nc) - math.log(self.scale)
        return float(per_loss.sum())

    @classmethod
    def _of_highest(cls, likelihood: Likelihood) -> tuple[ScaledNoncentralChi2, ProfileLikelihood]:
        log_r, share, profile = likelihood.maximise()
        law = cls._from_shape(likelihood.mean, log_r, share)
        return law, ProfileLikelihood(likelihood, log_r, share, profile, cls._from_shape)

    @classmethod
    def _from_shape(cls, mean: float, log_r: float, share: float) -> ScaledNoncentralChi2:
        """The law of given mean, log of the squared coefficient of variation, and share."""
        df, nc = parameters(log_r, share)
        return cls(float(df), float(nc), float(mean / (df + nc)))
