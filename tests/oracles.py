"""Oracles that share no code with the package."""

from __future__ import annotations

import bisect
import itertools

import mpmath
import numpy as np
from flint import acb, arb, ctx


def log_tail_in_balls(
    w, k, delta, x, *, upper: bool = False, density: bool = False, offset: float = 0.0, bits=256
) -> arb:
    """Log P(L <= x), of P(L > x), or of the density, in ball arithmetic: a proved interval.

    L = offset + sum_i w_i chi2_{k_i}(delta_i). The inversion integral runs up a vertical line and
    on along a ray at 45 degrees, in pieces, each by Arb's adaptive quadrature with rigorous bounds;
    the piece left out beyond is smaller than 1e-30. The crossing point and the unit of length only
    have to be near the saddle, so they are found in plain floating point.
    """
    ctx.prec = bits
    t, unit = _near_saddle(w, k, delta, float(arb(x) - arb(offset)), upper)
    terms = [(arb(a), arb(b), arb(c)) for a, b, c in zip(w, k, delta, strict=True)]
    gap = arb(x) - arb(offset)

    def exponent(s: acb, analytic: bool) -> acb:
        out = s * gap
        for a, b, c in terms:
            v = 1 + 2 * a * s
            out -= b / 2 * v.log(analytic=analytic) + c / 2 * (1 - 1 / v)
        return out

    at_saddle = exponent(acb(t), False).real

    def integrand(z: acb, analytic: bool) -> acb:
        s = t + unit * z
        f = (exponent(s, analytic) - at_saddle).exp() * unit
        return f if density else f / s

    def integral(start: acb, direction: acb, a: float, b: float) -> acb:
        return acb.integral(
            lambda z, analytic: integrand(start + direction * z, analytic) * direction,
            acb(a),
            acb(b),
            rel_tol=arb(2) ** -120,
            abs_tol=arb(2) ** -120,
            eval_limit=30_000,
            deg_limit=60,
        )

    up, left_up = acb(0, 1), acb(-1, 1)
    total = sum((integral(acb(0), up, y / 2, y / 2 + 0.5) for y in range(24)), acb(0))
    a, b = 0.0, 0.5
    while float(abs(integrand(acb(0, 12) + left_up * acb(a), False)).mid()) * max(a, 1) > 1e-36:
        total += integral(acb(0, 12), left_up, a, b)
        a, b = b, 1.5 * b
    probability = total.imag / arb.pi() * (-1 if upper and not density else 1)
    return at_saddle + probability.log()


def _near_saddle(w, k, delta, gap: float, upper: bool) -> tuple[arb, arb]:
    """Minimise t gap + K(t) - log|t| by bisection on the sign of its slope."""

    def slope_and_curvature(t: float) -> tuple[float, float]:
        slope, curvature = gap - 1 / t, 1 / t**2
        for a, b, c in zip(w, k, delta, strict=True):
            v = 1 + 2 * a * t
            slope -= a * b / v + a * c / v**2
            curvature += 2 * a * a * b / v**2 + 4 * c * a * a / v**3
        return slope, curvature

    edge = -1 / (2 * max(w))
    low, high = (1e-30, 1 - 1e-12) if upper else (1e-12 / gap, 1e12 / gap)
    for _ in range(400):
        middle = (low * high) ** 0.5 if low * high > 0 else (low + high) / 2
        slope, curvature = slope_and_curvature(edge * middle if upper else middle)
        if (slope > 0) == upper:
            low = middle
        else:
            high = middle
    t = edge * middle if upper else middle
    return arb(t), arb(curvature**-0.5)


def log_chi2_in_balls(
    k: float, delta: float, x: float, *, upper: bool = False, density: bool = False, bits: int = 256
) -> arb:
    """Log of a tail, or of the density, of chi2_k(delta) at x > 0: a Poisson mixture of gammas."""
    ctx.prec = bits
    a, half, rate = arb(k) / 2, arb(x) / 2, arb(delta) / 2
    # By recurrence: Q(a + 1, z) = Q(a, z) + z^a exp(-z) / Gamma(a + 1).
    tail = half.gamma_upper(a, regularized=1)
    jump = (a * half.log() - half - (a + 1).lgamma()).exp()  # z^a exp(-z) / Gamma(a + 1)
    poisson, above, dense, j = (-rate).exp(), arb(0), arb(0), 0
    while True:
        above += poisson * tail
        dense += poisson * jump * (a + j) / (2 * half)
        tail, jump = tail + jump, jump * half / (a + j + 1)
        j += 1
        poisson *= rate / j
        if j > rate and poisson < arb(2) ** -160 and poisson * jump < dense * arb(2) ** -120:
            break
    return (dense if density else above if upper else 1 - above).log()


def log_exponentials_in_balls(w, x: float, *, upper=False, density=False, bits=1000) -> arb:
    """Log of a tail, or of the density, of terms of different weight and two degrees of freedom."""
    ctx.prec = bits  # the sum alternates and cancels
    w, above, dense = [arb(a) for a in w], arb(0), arb(0)
    for i, a in enumerate(w):
        share = (-arb(x) / (2 * a)).exp()
        for j, b in enumerate(w):
            share *= 1 if i == j else a / (a - b)
        above, dense = above + share, dense + share / (2 * a)
    return (dense if density else above if upper else 1 - above).log()


def rbf_posterior(task, amplitude=1.0, lengthscale=1.0, noise=0.0):
    """Mean and covariance under an RBF kernel: the textbook's formulae, in mpmath's precision."""
    ell, noise = mpmath.mpf(lengthscale), mpmath.mpf(noise)

    def covariance(a, b):
        square = sum((mpmath.mpf(x) - mpmath.mpf(z)) ** 2 for x, z in zip(a, b, strict=True))
        return amplitude * mpmath.exp(-square / (2 * ell**2))

    def K(A, B):
        return mpmath.matrix([[covariance(a, b) for b in B.tolist()] for a in A.tolist()])

    X, Z = task.X_train, task.X_test
    solve = K(Z, X) * mpmath.inverse(K(X, X) + noise * mpmath.eye(len(X)))
    return solve * mpmath.matrix(task.y_train.tolist()), K(Z, Z) - solve * K(X, Z)


def rbf_law(task, amplitude=1.0, lengthscale=1.0, noise=0.0) -> tuple[list, int, list]:
    """Weights, degrees of freedom and noncentralities of one output's loss under an RBF kernel.

    In mpmath's precision, up to its last 15 digits, which rounding errors have.
    """
    mean, covariance = rbf_posterior(task, amplitude, lengthscale, noise)
    variance, directions = mpmath.eigsy(covariance)
    residual = directions.T * (mean - mpmath.matrix(task.y_test.tolist()))
    free = [i for i, v in enumerate(variance) if v > mpmath.mpf(10) ** (15 - mpmath.mp.dps)]
    weights = [float(variance[i] / task.n_test) for i in free]
    return weights, 1, [float(residual[i] ** 2 / variance[i]) for i in free]


class Interpolated:
    """A smooth function of x > 0 by polynomials through Chebyshev points, for many x."""

    def __init__(self, function, edges: list[float], count: int = 18) -> None:
        self.edges, self.panels = edges, []
        self.low, self.high = edges[0], edges[-1]
        cosines = -np.cos(np.pi * (np.arange(count) + 0.5) / count)
        for low, high in itertools.pairwise(edges):
            centre, half = (low + high) / 2, (high - low) / 2
            nodes = centre + half * cosines
            y = np.array([float(function(float(a))) for a in nodes])
            t = (nodes - centre) / half  # as rounded, which matters where x has few digits to spare
            gaps = 2 * (t[:, None] - t)
            np.fill_diagonal(gaps, 1.0)
            self.panels.append((centre, half, t, y, 1 / gaps.prod(1)))

    @classmethod
    def between(cls, function, low: float, high: float, spread: float) -> Interpolated:
        """Panels no wider than half of `spread`, which is of x, and a quarter of x."""
        edges = [low]
        while edges[-1] < high:
            edges.append(edges[-1] + min(0.5 * spread, 0.25 * edges[-1]))
        return cls(function, edges)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x, which lie between the outermost edges."""
        which = np.array([min(bisect.bisect(self.edges, a), len(self.panels)) - 1 for a in x])
        out = np.empty(len(x))
        for i in np.unique(which):
            centre, half, t, y, weights = self.panels[i]
            rows = np.flatnonzero(which == i)
            gap = (x[rows, None] - centre) / half - t
            gap[gap == 0] = 1e-300
            share = weights / gap
            # Differences from the first value, so that rounding is relative to what changes.
            out[rows] = y[0] + (share @ (y - y[0])) / share.sum(1)
        return out
