"""How far the law is from its promise, densely around its mean: a million evaluations.

    python tests/benchmarks/scan_law.py [POINTS]

The worst error of `logcdf`, `logccdf` and `logpdf` is printed for every law, as a share of what is
promised: 1e-12 of the logarithm, or of 0.2 (density: of 1) where that is smaller. One term is held
against incomplete gamma functions and Poisson mixtures of them, several terms against sums of
exponentials and the inversion integral, all in ball arithmetic; between Chebyshev points these are
interpolated, which is checked at other points.
"""

import sys
import time

import numpy as np

import ibhelpers as ib
from tests.oracles import (
    Interpolated,
    log_chi2_in_balls,
    log_exponentials_in_balls,
    log_tail_in_balls,
)

CENTRAL = [
    0.2,
    0.5,
    1,
    1.5,
    2,
    3,
    5,
    10,
    30,
    100,
    300,
    1e3,
    3e3,
    5e3,
    1e4,
    3e4,
    1e5,
    3e5,
    1e6,
    3e6,
    1e7,
]
NONCENTRAL = [(1, 1.0), (1, 30.0), (10, 100.0), (100, 10.0), (1e4, 50.0), (0.5, 300.0)]
SPREADS = [(0.1, 2), (0.01, 5), (0.5, 20), (0.1, 40)]  # the smallest of n weights, the largest is 1
SEVERAL = [
    ([0.5, 1.0], [1.0, 3.0], [4.0, 1.0]),
    *((list(np.geomspace(low, 1, n)), [2.0] * n, [0.0] * n) for low, n in SPREADS),
]


def main(points: int) -> int:
    laws = [([1.0], [float(k)], [0.0]) for k in CENTRAL]
    laws += [([1.0], [float(k)], [delta]) for k, delta in NONCENTRAL] + SEVERAL
    rows = [(law, part) for law in laws for part in ("logcdf", "logccdf", "logpdf")]
    each, worst, begin = points // len(rows), 0.0, time.perf_counter()
    for parameters, part in rows:
        share, at = scan(parameters, part, each)
        worst = max(worst, share)
        terms = [
            a if len(a) < 4 else f"{len(a)} from {a[0]:.3g} to {a[-1]:.3g}" for a in parameters
        ]
        print(f"{share:8.4f} at {at!r}: {part}, w, k, delta: {terms}", flush=True)
    print(
        f"{each * len(rows):,} evaluations, worst {worst:.4f} of the promise, "
        f"{time.perf_counter() - begin:.0f} s"
    )
    return int(worst > 1)


def scan(parameters: tuple[list, list, list], part: str, points: int) -> tuple[float, float]:
    """The worst error as a share of the promise, and the x of it; x is regular, then jittered."""
    w, k, delta = (np.array(a) for a in parameters)
    law = ib.laws.GeneralizedChi2(w, k, delta)
    mean, sd = law.mean(), law.variance() ** 0.5
    kind = {"upper": part == "logccdf", "density": part == "logpdf"}

    def truth(x: float):
        if len(w) == 1:
            return log_chi2_in_balls(k[0], delta[0], x, **kind)
        if len(w) > 1 and (k == 2).all():
            return log_exponentials_in_balls(w, x, **kind)
        return log_tail_in_balls(w, k, delta, x, **kind)

    exact = Interpolated.between(truth, max(mean - 4 * sd, 0.02 * mean), mean + 4 * sd, sd)
    rng = np.random.default_rng(0)
    for x in rng.uniform(exact.low, exact.high, 5):
        assert abs(exact(np.array([x]))[0] - float(truth(x))) < 2e-14 * max(1, abs(float(truth(x))))
    x = np.linspace(exact.low, exact.high, points)
    x += rng.uniform(0, 0.5, points) * (x[1] - x[0])
    x = x[x < exact.high]
    true = exact(x)
    share = np.abs(getattr(law, part)(x) - true) / (
        1e-12 * np.maximum(np.abs(true), 1.0 if part == "logpdf" else 0.2)
    )
    return float(share.max()), float(x[share.argmax()])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10**6))
