"""Digits of log P and time per value, beside other libraries; fits; splitting.

The laws are sums of 5, 200 and 2,000 terms w chi2_1, weights from 1 down to 1e-3, which every
library takes; log P is about -1.5 (easy), -30 (tail) and -1,000 (deep). Digits are those of log P
that agree with 40-digit arithmetic; "none" stands for 0, nan, an error, or a log P that is wrong by
its own size.
"""

import contextlib
import math
import time
import warnings
from collections.abc import Callable

import gx2
import momentchi2
import mpmath
import numpy as np
import torch
from scipy import stats

import ibhelpers as ib
from ibhelpers.tasks import mnist

DEPTHS = {"easy": -1.5, "tail": -30.0, "deep": -1000.0}
GX2_METHODS = ("auto", "imhof", "ray", "ruben", "ellipse", "pearson", "tail", "ifft")


def rows() -> list[dict]:
    """One row a measurement."""
    return [*digits(), *fits(), *split_75_nats()]


# --- digits and time per value -------------------------------------------------------------------


def digits() -> list[dict]:
    found = []
    for n in (5, 200, 2000):
        w = np.geomspace(1, 1e-3, n)
        law = ib.laws.GeneralizedChi2(w, 1.0, 0.0)
        x = {depth: law.ilogcdf(log_p) for depth, log_p in DEPTHS.items()}
        true = {depth: log_p_40_digits(w, x[depth]) for depth in x}
        for name, log_cdf in methods(law, w).items():
            notes, took = [], []
            for depth in DEPTHS:
                seconds, value = timed(log_cdf, x[depth])
                took.append(1000 * seconds)
                notes.append(f"{depth} {correct_digits(value, true[depth])}")
            found.append(
                {
                    "what": f"log P, {n} terms: {name}",
                    "value": float(np.median(took)),
                    "unit": "ms",
                    "note": "digits: " + ", ".join(notes),
                }
            )
    return found


def methods(law: ib.laws.GeneralizedChi2, w: np.ndarray) -> dict[str, Callable[[float], float]]:
    """What each library makes of log P(Q <= x)."""
    sampled = law.sample(10_000, seed=0)
    ours, scipys = ib.laws.ScaledNoncentralChi2.fit(sampled), ib.paper.released_fit(sampled)
    k, zero = np.ones(len(w)), np.zeros(len(w))

    def of_gx2(method: str) -> Callable[[float], float]:
        def log_cdf(
            x: float,
        ) -> float:  # gx2 returns log10 P, which is negative, where P underflows
            p = float(np.squeeze(gx2.cdf(x, w, k, zero, 0, 0, method=method)))
            return p * math.log(10) if p < 0 else log(p)

        return log_cdf

    found = {"ibhelpers": law.logcdf, "ibhelpers, saddlepoint": law.saddlepoint_logcdf}
    for method in GX2_METHODS:
        if method != "ifft" or len(w) == 5:  # it takes a minute for 200 terms, and 30 GB for 2,000
            found[f"gx2 {method}"] = of_gx2(method)
    for method in ("hbe", "sw", "wf"):  # lpb4 fails on NumPy 2
        of_moments = getattr(momentchi2, method)
        found[f"momentchi2 {method}"] = lambda x, f=of_moments: log(float(f(w, x)))
    found["10,000 samples, fitted, exact tail"] = ours.logcdf
    found["10,000 samples, SciPy's ncx2.fit and logcdf"] = lambda x: float(
        stats.ncx2.logcdf(x, scipys.df, scipys.nc, scale=scipys.scale)
    )
    return found


def log(p: float) -> float:
    return math.log(p) if p > 0 else math.nan


def timed(log_cdf: Callable[[float], float], x: float) -> tuple[float, float]:
    """Seconds of the better of two calls, and the value; nan where it fails."""
    seconds, value = math.inf, math.nan
    for _ in range(2):
        start = time.perf_counter()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            with contextlib.suppress(Exception):
                value = log_cdf(x)
        seconds = min(seconds, time.perf_counter() - start)
    return seconds, value


def correct_digits(found: float, true: mpmath.mpf) -> str:
    if not math.isfinite(found):
        return "none"
    error = abs((mpmath.mpf(found) - true) / true)
    count = 17.0 if error == 0 else -float(mpmath.log10(error))
    return f"{min(count, 16):.1f}" if count > 0 else "none"


def log_p_40_digits(w: np.ndarray, x: float) -> mpmath.mpf:
    """By the trapezoid rule on a hyperbola, to at least 20 digits.

    Half the curve is enough; its other half is conjugate. t* is roughly the saddle.
    """
    t_star = 1 / x
    for _ in range(200):  # towards t with x t = 1 + sum w t / (1 + 2 w t)
        wt = w * t_star / (1 + 2 * w * t_star)
        slope, curvature = x * t_star - 1 - wt.sum(), 1 + 2 * (wt**2).sum()
        t_star *= max(1 - slope / curvature, 0.5)
    h = 0.05 / math.sqrt(curvature)
    with mpmath.workdps(40):
        weights, x, t_star, h = [mpmath.mpf(a) for a in w], *map(mpmath.mpf, (x, t_star, h))

        def exponent(t):
            return t * x - mpmath.fsum(mpmath.log(1 + 2 * a * t) for a in weights) / 2

        start, terms = exponent(t_star), []
        while not terms or abs(terms[-1]) > mpmath.mpf("1e-28"):
            c, s = mpmath.cosh(len(terms) * h), mpmath.sinh(len(terms) * h)
            t = t_star * (2 - c + 1j * s)
            terms.append((mpmath.exp(exponent(t) - start) * (c + 1j * s) * t_star / t).real)
        terms[0] /= 2
        fine, coarse = h * mpmath.fsum(terms), 2 * h * mpmath.fsum(terms[::2])
        if abs(fine - coarse) > mpmath.mpf("1e-11") * fine:  # halving the step squares the error
            raise ArithmeticError(f"the 40-digit value is uncertain: {fine} or {coarse}")
        return start + mpmath.log(fine / mpmath.pi)


# --- fits ----------------------------------------------------------------------------------------


def fits() -> list[dict]:
    losses = ib.laws.ScaledNoncentralChi2(2000, 2000, 1e-4).sample(10_000, seed=0)
    theirs_s, theirs = timed_once(lambda: ib.paper.released_fit(losses))
    ours_s, ours = min(
        timed_once(lambda: ib.laws.ScaledNoncentralChi2.fit(losses)) for _ in range(3)
    )
    lost = ours.log_likelihood - theirs.log_likelihood
    return [
        {
            "what": "maximum likelihood of 10,000 losses, against scipy.stats.ncx2.fit",
            "value": theirs_s / ours_s,
            "unit": "times",
            "target": 10,
            "note": f"{1000 * ours_s:.0f} ms; SciPy {theirs_s:.1f} s, and {lost:.0f} nats lower",
        },
        {
            "what": "estimate_bias of 10,000 losses, 5 laws, 200 resamples",
            "value": timed_once(lambda: ib.estimate_bias(losses, 0.2))[0],
            "unit": "s",
        },
    ]


def timed_once(call: Callable):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


# --- splitting -----------------------------------------------------------------------------------


def split_75_nats() -> list[dict]:
    images, labels = mnist.shipped()
    order = torch.randperm(5000, generator=torch.Generator().manual_seed(0)).numpy()
    train, test = order[:50], order[50:100]
    X, Y = images.reshape(5000, 784) / 255.0, np.eye(10)[labels]
    task = ib.Task(X[train], Y[train], X[test], Y[test])
    space = ib.GaussianSpace(ib.kernels.RBF(lengthscale=5.0))
    exact = -space.loss_law(task).logcdf(0.3)
    found = []
    for dtype in (torch.float64, torch.float32):
        seconds, bias = timed_once(
            lambda dtype=dtype: ib.rare_event_bias(
                space,
                task,
                loss="mse",
                target_error=0.3,
                method="splitting",
                dtype=dtype,
                progress=False,
                seed=0,
            )
        )
        found.append(
            {
                "what": f"splitting, 50 x 10 outputs, 1,000 particles, 10 moves, {dtype}",
                "value": seconds,
                "unit": "s",
                "target": 60,
                "note": f"{bias!r}; exactly {exact / math.log(2):.1f} bits",
            }
        )
    return found
