"""Oracles that share no code with the package."""

from __future__ import annotations

from flint import acb, arb, ctx


def log_tail_in_balls(
    w, k, delta, x, *, upper: bool = False, offset: float = 0.0, bits: int = 256
) -> arb:
    """Log P(L <= x), or of P(L > x), in ball arithmetic: an interval that is proved to hold it.

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
        return (exponent(s, analytic) - at_saddle).exp() * unit / s

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
    probability = total.imag / arb.pi() * (-1 if upper else 1)
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
