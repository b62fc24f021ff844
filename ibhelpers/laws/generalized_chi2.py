r"""The exact law of the test loss of a Gaussian hypothesis space: generalized chi-squared."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import scipy
import torch
from torch import Tensor

from .._arguments import ArrayLike, Values, as_float64, finite, generator_of, number, whole
from .._typed import typed
from ._contour import FAR, TailIntegralError, log_integral, promise
from ._double_double import two_sum
from ._normal_scores import ScoreQuantile
from ._saddle import approximate_quantile, find_saddle
from ._saddlepoint import lugannani_rice
from ._terms import Terms, exponent_at, times_power_of_two
from .law import Law, moment
from .quadrature import Quadrature
from .rounding import Rounding

_LEAST_OTHER_SIDE = math.log(3e-3)  # of P(L > x) that is found as 1 - P(L <= x)
# Of the integral itself, which is of order one, and of each number that is added to its exponent.
_INTEGRAL_ERROR, _SUMMAND_ERROR = 1e-13, 4 * torch.finfo(torch.float64).eps


class GeneralizedChi2(Law):
    r"""The law of an offset and a positive combination of noncentral chi-squared variables.

    .. math:: L = c + \sum_i w_i\, \chi^2_{k_i}(\delta_i), \qquad w_i > 0

    Parameters
    ----------
    weights : array_like or Tensor, shape (N,)
        w_i > 0, in units of the loss.
    df : array_like or Tensor, shape (N,) or ()
        Degrees of freedom k_i > 0, whole or not.
    nc : array_like or Tensor, shape (N,) or ()
        δ_i ≥ 0: the sum of the squared means of the k_i unit-variance normal variables.
    offset : float
        c, in units of the loss; no loss lies below it.
    rounding : Rounding, optional
        How far the parameters may be off, where they were computed; exact when not given.
    sharper : callable, optional
        Gives the same law from parameters with more digits, or None; asked at most once, and only
        where these parameters leave too few.

    Raises
    ------
    ValueError
        If a parameter is empty, negative, NaN or inf, or the lengths differ.
    TailIntegralError
        By the methods, instead of a number that would not be accurate.

    Notes
    -----
    Tail probabilities are contour integrals through the saddle point.
    log P has a relative error of at most 1e-12 (absolute 2e-13 where log P > −0.2), however small
    P is. Terms of equal weight are merged. Computations are in float64, on the device of the
    tensors given.

    Sources: J. P. Imhof, Biometrika 48 (1961) 419, for the inversion; S. O. Rice, SIAM J. Sci.
    Stat. Comput. 1 (1980) 438, for integrating through the saddle point.

    Examples
    --------
    With two degrees of freedom a single term is exponential, P(L <= x) = 1 - exp(-x/2w):

    >>> import ibhelpers as ib
    >>> law = ib.laws.GeneralizedChi2(weights=[0.5], df=[2], nc=[0])
    >>> print(f"{law.cdf(1.0):.12f}, {law.logcdf(1e-300):.9f}")
    0.632120558829, -690.775527898
    """

    exact = True

    def __init__(
        self,
        weights: ArrayLike,
        df: ArrayLike,
        nc: ArrayLike,
        offset: float = 0.0,
        *,
        rounding: Rounding | None = None,
        sharper: Callable[[], GeneralizedChi2 | None] | None = None,
    ) -> None:
        w, k, delta = _parameters(weights, df, nc)
        self.offset = finite("offset", offset)
        self.lowest, self.device = self.offset, w.device
        self._terms = Terms.merge(w, k, delta)
        self._rounding, self._sharper = rounding, sharper

    @property
    def weights(self) -> Tensor:
        """w, increasing, equal ones merged; shape (N,)."""
        return self._terms.weights.clone()

    @property
    def df(self) -> Tensor:
        """k, in the order of the weights; shape (N,)."""
        return self._terms.k.clone()

    @property
    def nc(self) -> Tensor:
        """δ, in the order of the weights; shape (N,)."""
        return self._terms.delta.clone()

    def __repr__(self) -> str:
        """Say what the law is in one line."""
        return f"GeneralizedChi2({self._terms}, offset {self.offset:.6g})"

    def mean(self) -> float:
        """E[L] = c + sum_i w_i (k_i + δ_i).

        Raises
        ------
        ArithmeticError
            If it is beyond float64.
        """
        return moment("mean", float(self._terms.mean_hi[-1]), self._terms.exponent) + self.offset

    def variance(self) -> float:
        """Var[L] = sum_i 2 w_i² (k_i + 2 δ_i).

        Raises
        ------
        ArithmeticError
            If it is beyond float64, as squares are of losses below 1e-154 or above 1e154.
        """
        return moment("variance", self._variance_in_units(), 2 * self._terms.exponent)

    def _variance_in_units(self) -> float:
        return float((2 * self._terms.w**2 * (self._terms.k + 2 * self._terms.delta)).sum())

    def _standard_deviation(self) -> float:
        return moment("deviation", math.sqrt(self._variance_in_units()), self._terms.exponent)

    def sample(self, n: int, *, seed: int) -> np.ndarray:
        """Draw n independent losses, shape (n,).

        The losses of more than 16 terms are quantiles of normal scores, by an interpolant of ten
        digits or more: the first draw from a law takes the time of 17 to 65 values of `cdf`, the
        next ones a fraction of it. Where the interpolant is not so good, terms are drawn and added.
        The first losses of a larger draw are those of a smaller one, to rounding.

        Raises
        ------
        ValueError
            If n is not a whole number of at least 1.
        ArithmeticError
            If a loss is larger than any float64.
        """
        n = whole("n", n, at_least=1)
        rng = generator_of(seed)
        if self._quantile is None:
            return self._sample_terms(n, rng)
        z = rng.standard_normal(n)
        out = self._quantile(z)
        beyond = np.isnan(out)
        if beyond.any():
            out[beyond] = self.ilogcdf(scipy.special.log_ndtr(z[beyond]))
        return out

    @functools.cached_property
    def _quantile(self) -> ScoreQuantile | None:
        if len(self._terms.k) <= 16:  # drawn as quickly one by one
            return None
        try:
            return ScoreQuantile.fit(self)
        except TailIntegralError:
            return None

    def _sample_terms(self, n: int, rng: np.random.Generator) -> np.ndarray:
        w, k, delta = (a.cpu().numpy() for a in (self.weights, self.df, self.nc))
        out = np.full(n, self.offset)
        rows = max(1, 2**20 // len(w))
        for start in range(0, n, rows):
            shape = (min(rows, n - start), len(w))
            with np.errstate(over="ignore"):  # which is told
                out[start : start + rows] += _noncentral_chi2(rng, k, delta, shape) @ w
        if not np.isfinite(out).all():
            raise ArithmeticError(
                "sample: a loss was drawn that is larger than any float64; give the losses in "
                "another unit."
            )
        return out

    def saddlepoint_logcdf(self, x: ArrayLike) -> Values:
        r"""Lugannani and Rice's approximation of log P(L <= x): no integral, a few digits.

        With the minimum φ of t (x - c) + K(t) at t̂, K(t) = log E exp(-t (L - c)), and Φ the normal
        distribution function with density Φ',

        .. math:: P(L \le x) \approx \Phi(\hat w)
                  + \Phi'(\hat w) \left(\frac1{\hat w} - \frac1{\hat u}\right), \qquad
                  \hat w = \mp\sqrt{-2 \varphi}, \quad \hat u = -\hat t \sqrt{K''(\hat t)}.

        The error is about 1e-4 nats at a thousand equal degrees of freedom, and more where few
        terms make the tail.

        Raises
        ------
        ValueError
            If x is NaN.
        TailIntegralError
            If the approximation is negative, as it can be for few degrees of freedom.

        Notes
        -----
        Source: R. Lugannani and S. O. Rice, Advances in Applied Probability 12 (1980) 475.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> law = ib.laws.GeneralizedChi2(weights=[0.5], df=[1000], nc=[0])
        >>> print(f"{law.saddlepoint_logcdf(100):.4f}, exactly {law.logcdf(100):.4f}")
        -408.5228, exactly -408.5228
        """
        return self._map(self._saddlepoint_logcdf, "x", x)

    @typed
    def quadrature(self, x: float, *, density: bool = False) -> Quadrature:
        """The contour integral of P(L <= x), or of the density at x, as nodes and weights.

        Laws whose cumulant function differs a little from this one's are sums over them: see
        `Quadrature.ratio`.

        Raises
        ------
        ValueError
            If x is not above the offset.

        Examples
        --------
        One term of weight 0.5 more, without noncentrality, divides exp(K) by sqrt(1 + t):

        >>> import torch
        >>> import ibhelpers as ib
        >>> w, k, nc = torch.full((20,), 0.5), torch.ones(20), torch.ones(20)
        >>> rule = ib.laws.GeneralizedChi2(w, k, nc).quadrature(8.0)
        >>> ratio, _ = rule.ratio(-0.5 * torch.log(1 + rule.nodes))
        >>> more = ib.laws.GeneralizedChi2([*w, 0.5], [*k, 1], [*nc, 0])
        >>> one = ib.laws.GeneralizedChi2(w, k, nc)
        >>> print(f"{float(ratio):.12f} {more.cdf(8.0) / one.cdf(8.0):.12f}")
        0.700918413867 0.700918413867
        """
        x = number("x", x)
        if not self.offset < x < math.inf:
            raise ValueError(f"x: found {x!r}; give a loss above the offset {self.offset:.6g}.")
        above = torch.ones(1, dtype=torch.bool, device=self.device)
        point = torch.tensor([x], dtype=torch.float64, device=self.device)
        ((_, (hi, lo, exponent), upper),) = self._sides(point, above)
        scale = -self._terms.exponent - exponent
        hi, lo = times_power_of_two(hi, scale), times_power_of_two(lo, scale)
        return Quadrature.of(self._terms, hi, lo, upper=upper and density, density=density)

    @property
    def sharpened(self) -> GeneralizedChi2 | None:
        """The same law from parameters with more digits, where they can be had."""
        return self._sharpened

    @property
    def doubt(self) -> str:
        """Whether noise was added, without which there is no law in float64."""
        if self._rounding is None or not self._rounding.jitter:
            return ""
        return f"{self._rounding.jitter:.1e} was added to the noise, which may decide it"

    @functools.cached_property
    def _sharpened(self) -> GeneralizedChi2 | None:
        return None if self._sharper is None else self._sharper()

    def log_errors(self, x: Tensor) -> Tensor:
        """Error to expect in log P(L <= x), of the shape of x: of the integral and of `rounding`.

        Infinite at and below an offset that is not certain.
        """
        x = as_float64("x", x)
        flat = x.reshape(-1)
        above = flat > self.offset
        out = torch.zeros_like(flat)
        if self._rounding is not None:
            out[~above & (flat >= self._rounding.floor) & (flat > 0)] = math.inf
        for part, distance, upper in self._sides(flat, above):
            error = self._errors_of_exponent(*distance, upper=upper)
            if upper:  # then the error is that of the other side, and log P = log(1 - exp(.))
                log_p = log_integral(self._terms, *distance, upper=True)
                tail = torch.exp(log_p)
                error = torch.where(tail > 0, error * tail / -torch.expm1(log_p), 0.0)
            out[part] = error
        return out.reshape(x.shape)

    def log_upper(self, x: Tensor) -> Tensor:
        """An upper limit of log P(L <= x), of the shape of x, that holds whatever was rounded."""
        x = as_float64("x", x)
        if self._rounding is None:
            return self._logcdf(x.reshape(-1)).reshape(x.shape)
        exponent = self._terms.exponent
        scaled = times_power_of_two(x.reshape(-1), -exponent)
        return self._rounding.in_units(exponent).log_upper(self._terms, scaled).reshape(x.shape)

    def _errors_of_exponent(
        self, x_hi: Tensor, x_lo: Tensor, exponent: int, *, upper: bool
    ) -> Tensor:
        """Error to expect in the log of the small tail at x above the offset, (X,)."""
        out = torch.empty_like(x_hi)
        for rows, terms, hi, lo in self._terms.by_unit(x_hi, x_lo, exponent):
            saddle = find_saddle(terms, hi.clamp(max=FAR), upper=upper)
            _, _, moduli = exponent_at(terms, saddle.t, saddle.one_plus_u, hi, lo)
            out[rows] = _INTEGRAL_ERROR + _SUMMAND_ERROR * moduli
            if self._rounding is not None:
                own = self._terms  # whose weights are not cut, as those in units of tiny x are
                t = times_power_of_two(saddle.t, own.exponent - terms.exponent)
                out[rows] += self._rounding.in_units(own.exponent).of_exponent(own, t)
        return out

    def _saddlepoint_logcdf(self, x: Tensor) -> Tensor:
        return self._tail(x, upper=False, tail_of=lugannani_rice)

    def _logcdf(self, x: Tensor) -> Tensor:
        return self._tail(x, upper=False)

    def _logccdf(self, x: Tensor) -> Tensor:
        return self._tail(x, upper=True)

    def _tail(
        self, x: Tensor, *, upper: bool, tail_of: Callable[..., Tensor] = log_integral
    ) -> Tensor:
        """The log-probability of one side, from the tail of whichever side is small."""
        above = x > self.offset
        everything = ~above if upper else x == math.inf
        out = torch.full_like(x, -math.inf).masked_fill_(everything, 0.0)
        for part, distance, tail_is_upper in self._sides(x, above):
            log_p = tail_of(self._terms, *distance, upper=tail_is_upper)
            if tail_is_upper != upper:
                log_p = _log_of_other_side(log_p)
                if upper:
                    self._refuse_lost_digits(x[part], log_p)
            out[part] = log_p
        return out

    def _refuse_lost_digits(self, x: Tensor, log_ccdf: Tensor) -> None:
        """Raise where P(L > x) is small although x is below the mean, and comes from 1 - P(L <= x).

        Next to no degrees of freedom of a large weight put the mean there.
        """
        lost = log_ccdf < _LEAST_OTHER_SIDE
        if bool(lost.any()):
            raise TailIntegralError(
                f"x: at {float(x[lost][0])!r}, below the mean, the law of {self._terms} has nearly "
                "no probability above, so that P(L > x) has no twelve digits. Leave out terms of "
                "next to no degrees of freedom, or ask for logcdf."
            )

    def _logpdf(self, x: Tensor) -> Tensor:
        out = torch.full_like(x, -math.inf)
        # At the offset itself the density is infinite, finite or zero as the degrees of freedom add
        # up to less than 2, to 2, or to more.
        df = float(self.df.sum())
        if df <= 2:
            at_offset = math.inf
            if df == 2:
                w, k, delta = self.weights, self.df, self.nc
                at_offset = float(-(k / 2 * (math.log(2) + torch.log(w)) + delta / 2).sum())
            out[x == self.offset] = at_offset
        for part, distance, upper in self._sides(x, x > self.offset):
            out[part] = log_integral(self._terms, *distance, upper=upper, density=True)
        return out

    def _sides(
        self, x: Tensor, above: Tensor
    ) -> list[tuple[Tensor, tuple[Tensor, Tensor, int], bool]]:
        """Which x > offset lie below the mean, which not, and how far they are above the offset.

        x - offset is an unevaluated sum: rounding it would cost digits near the offset.
        """
        inside = torch.nonzero(above & (x < math.inf))[:, 0]
        hi, lo = two_sum(x[inside], torch.full_like(x[inside], -self.offset))
        below = times_power_of_two(hi, -self._terms.exponent) < self._terms.mean_hi[-1]
        sides = []
        for part, upper in ((below, False), (~below, True)):
            if bool(part.any()):
                sides.append((inside[part], (hi[part], lo[part], 0), upper))
        return sides

    def _ilogcdf(self, logp: Tensor) -> Tensor:
        out = torch.empty_like(logp)
        out[logp == -math.inf], out[logp == 0] = self.offset, math.inf
        inside = (logp > -math.inf) & (logp < 0)
        # The sides meet at the mean, not at the median: between the two, the integral for the upper
        # tail need not have a saddle.
        terms = self._terms
        mean = terms.mean_hi[-1:], terms.mean_lo[-1:], terms.exponent
        lower = logp <= log_integral(terms, *mean, upper=False)
        for part, upper in ((inside & lower, False), (inside & ~lower, True)):
            if bool(part.any()):
                out[part] = self._solve(logp[part], upper=upper)
        beyond = inside & out.isinf()
        if bool(beyond.any()):
            raise ArithmeticError(
                f"logp: the loss at log P = {float(logp[beyond][0])!r} is larger than any float64; "
                "give the losses in another unit."
            )
        return out

    def _solve(self, log_p: Tensor, *, upper: bool) -> Tensor:
        """Newton's method for log P as a function of log(x - offset), from the saddlepoint's x.

        x - offset is q 2^e, which may be smaller than float64; then the answer is the offset.
        """
        target = _log_of_other_side(log_p) if upper else log_p
        log_mean = torch.log(self._terms.mean_hi[-1])
        limits = {"min": log_mean} if upper else {"max": log_mean}
        y = approximate_quantile(self._terms, target, upper=upper).clamp(**limits)
        e = torch.floor(y / math.log(2)).long()
        q = torch.exp(y - e * math.log(2))
        e = e + self._terms.exponent
        todo = torch.nonzero(e > -1076)[:, 0]  # elsewhere x - offset is less than any float64
        for _ in range(50):
            if len(todo) == 0:
                return self.offset + torch.where(e > -1076, times_power_of_two(q, e), 0.0)
            x = q[todo], torch.zeros_like(q[todo]), e[todo]
            log_tail = log_integral(self._terms, *x, upper=upper)
            log_density = log_integral(self._terms, *x, upper=upper, density=True)
            log_x = torch.log(x[0]) + e[todo] * math.log(2)
            inverse_slope = torch.exp(log_tail - log_density - log_x)  # d log x / d log P
            step = (target[todo] - log_tail) * inverse_slope
            q[todo] = x[0] * torch.exp((-step if upper else step).clamp(-2.0, 2.0))
            # The next step would be the square of a small one; no step can do better than log P.
            enough = (promise(target[todo]) / 8 * inverse_slope).clamp(min=1e-12)
            todo = todo[~(step.abs() < enough)]
        i = int(todo[0])
        raise TailIntegralError(
            f"logp: no x was found for log P = {float(log_p[i])!r} of the law of {self._terms}; "
            f"the last step in log(x - offset) was {float(step.abs().max()):.1e}. Please report it."
        )


def _log_of_other_side(log_p: Tensor) -> Tensor:
    """log(1 - exp(log_p)), without losing digits at either end."""
    return torch.where(log_p > -0.7, torch.log(-torch.expm1(log_p)), torch.log1p(-torch.exp(log_p)))


def _parameters(weights, df, nc) -> tuple[Tensor, Tensor, Tensor]:
    """Check the parameters and return them as float64 vectors on one device."""
    w = as_float64("weights", weights)
    if w.ndim != 1 or len(w) == 0:
        raise ValueError(
            f"weights: found shape {tuple(w.shape)}; give one weight a term, shape (N,), N >= 1."
        )
    parameters = [w]
    for name, value in (("df", df), ("nc", nc)):
        a = as_float64(name, value).to(w.device)
        if a.shape not in ((), w.shape):
            raise ValueError(
                f"{name}: found shape {tuple(a.shape)} for {len(w)} weights; give one value a "
                "term, or one number for all."
            )
        parameters.append(a.expand(w.shape))
    for name, a, positive in zip(
        ("weights", "df", "nc"), parameters, (True, True, False), strict=True
    ):
        bad = ~(torch.isfinite(a) & ((a > 0) if positive else (a >= 0)))
        if bool(bad.any()):
            i = int(torch.nonzero(bad)[0])
            hint = " Leave out a term of weight 0; it adds nothing." if name == "weights" else ""
            raise ValueError(
                f"{name}: found {float(a[i])!r} at position {i}; every value must be finite and "
                f"{'above 0' if positive else 'at least 0'}.{hint}"
            )
    return parameters[0], parameters[1], parameters[2]


def _noncentral_chi2(
    rng: np.random.Generator, k: np.ndarray, delta: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Draw noncentral chi-squared variables, one column for each of the parameters.

    NumPy's count of mixture components overflows from a noncentrality of 1e19. From 1e15 on they
    are (z + √δ)² and, to the last bit, the mean of the other degrees of freedom.
    """
    far = delta > 1e15
    drawn = rng.noncentral_chisquare(k, np.where(far, 0.0, delta), shape)
    if far.any():
        z = rng.standard_normal((shape[0], int(far.sum())))
        drawn[:, far] = (z + np.sqrt(delta[far])) ** 2 + (k[far] - 1)
    return drawn
