"""The law of the loss by Lanczos' recurrence from random signs: its limits hold the exact law."""

import mpmath
import numpy as np
import pytest
import torch

import ibhelpers as ib
from ibhelpers.kernels import RBF, Matern
from ibhelpers.laws import GeneralizedChi2, ProbedChi2, Resolution
from ibhelpers.spaces import _conditioning, _refusals, _tiles
from tests.examples import a_task
from tests.largest import Largest

SPECTRA = {
    "flat": lambda m: np.linspace(0.1, 1.0, m),
    "decaying": lambda m: np.arange(1.0, m + 1) ** -1.5,
    "two values": lambda m: np.where(np.arange(m) < m // 2, 1.0, 1e-3),
    "one large": lambda m: np.where(np.arange(m) < 1, 100.0, 0.01),
    "one huge": lambda m: np.where(np.arange(m) < 1, 1000.0, 0.001),
}


def given(name, m=120, k=2, seed=0, missed=0.3):
    """A covariance, residuals, and the exact law, by way of the directions that it is made of."""
    rng = np.random.default_rng(seed)
    U, variance = np.linalg.qr(rng.normal(size=(m, m)))[0], SPECTRA[name](m)
    R = missed * rng.normal(size=(m, k))
    exact = GeneralizedChi2(variance / (m * k), float(k), ((U.T @ R) ** 2).sum(1) / variance)
    return torch.tensor(U * variance @ U.T), torch.tensor(R), exact


def probed(C, R, seed, probes=16, steps=40, **resolution):
    return ProbedChi2(
        lambda V: C @ V,
        R,
        generator=torch.Generator().manual_seed(seed),
        probes=probes,
        steps=steps,
        resolution=Resolution(**resolution),
    )


@pytest.mark.parametrize("name", SPECTRA)
def test_limits_hold_the_exact_law_as_often_as_they_say(name):
    """95 of 100; of 12 runs, whose targets share their probes, 8 or fewer has odds of 2e-3."""
    C, R, exact = given(name, m=60)
    x = torch.tensor([0.3, 0.9]) * exact.mean()
    truth, held = exact.logcdf(x), torch.zeros(2)
    for seed in range(12):
        low, high = probed(C, R, seed, steps=20).log_limits(x)
        held += (low <= truth) & (truth <= high)
    assert (held >= 9).all(), held


def test_limits_hold_where_one_direction_has_nearly_all_variance():
    """What the probes see of it is chi-squared, and skew; 8 of them are the fewest.

    Limits at the same distance above and below held 84 of 100. Of 120, 107 or fewer has odds of
    7e-3 at 95 of 100; more has odds of 4e-2 at 84.
    """
    C, R, exact = given("one huge", m=20, k=1, missed=0.0)
    x = torch.tensor([0.3 * exact.mean()])
    truth, held = exact.logcdf(x), 0
    for seed in range(120):
        low, high = probed(C, R, seed, probes=8, steps=4).log_limits(x)
        held += bool((low <= truth) & (truth <= high))
    assert held > 107, held


def test_more_probes_make_narrower_limits():
    C, R, exact = given("flat")
    x = torch.tensor([0.5 * exact.mean()])
    widths = []
    for probes in (16, 96):
        low, high = probed(C, R, 0, probes=probes).log_limits(x)
        widths.append(float(high - low))
    assert 1.4 < widths[0] / widths[1] < 4.5  # 2.4 times, but for the scatter of scatters


def test_probes_of_a_diagonal_covariance_have_no_scatter():
    """z' f(C) z is the trace for every z of signs; what is left is the rule, and rounding."""
    m, k = 30, 3
    variance = torch.linspace(0.5, 2.0, m, dtype=torch.float64)
    R = torch.tensor(np.random.default_rng(0).normal(size=(m, k)))
    law = probed(variance.diag(), R, 0, steps=30)
    exact = GeneralizedChi2(variance / (m * k), float(k), R.square().sum(1) / variance)
    for share in (0.2, 0.6, 1.0, 1.5):
        x = share * exact.mean()
        assert law.logcdf(x) == pytest.approx(exact.logcdf(x), rel=1e-7)
        assert law.logccdf(x) == pytest.approx(exact.logccdf(x), rel=1e-7)
    assert law.mean() == pytest.approx(exact.mean(), rel=1e-9)
    assert law.variance() == pytest.approx(exact.variance(), rel=1e-8)
    assert law.ilogcdf(law.logcdf(0.5)) == pytest.approx(0.5, rel=1e-10)


def test_the_exponent_is_that_of_forty_digits():
    """K(t) at the saddle, from a dense determinant and inverse; every sign pattern is a probe."""
    m, k, t = 4, 2, 3.0
    rng = np.random.default_rng(1)
    A, R = rng.normal(size=(m, m)), rng.normal(size=(m, k))
    C = A @ A.T
    patterns = [[1 - 2 * (i >> j & 1) for j in range(m)] for i in range(2**m)]
    law = probed(torch.tensor(C), torch.tensor(R), 0, probes=2**m, steps=4)
    start = torch.cat([torch.tensor(patterns, dtype=torch.float64).T, torch.tensor(R)], dim=1)
    law._squares = start.square().sum(0)
    law._diagonal, law._beside = ib.laws.probed._lanczos(lambda V: torch.tensor(C) @ V, start, 4)
    made = law._made(torch.ones(2**m, dtype=torch.bool), 4)
    w, df, nc = made.weights, made.df, made.nc
    found = -0.5 * (df * torch.log1p(2 * w * t)).sum() - (nc * w * t / (1 + 2 * w * t)).sum()
    with mpmath.workdps(40):
        S = mpmath.matrix(R.tolist())
        G = mpmath.eye(m) + 2 * t / (m * k) * mpmath.matrix(C.tolist())
        exact = -mpmath.mpf(k) / 2 * mpmath.log(mpmath.det(G))
        exact -= t / mpmath.mpf(m * k) * sum((S.T * mpmath.inverse(G) * S)[o, o] for o in range(k))
        assert float(found) == pytest.approx(float(exact), rel=1e-9)


def test_too_few_steps_are_refused():
    C, R, exact = given("decaying", m=300)
    law = probed(C, R, 0, probes=256, steps=4)
    with pytest.raises(ValueError, match=r"x: at .* the last quarter of the 4 steps changes log P"):
        ib.inductive_bias(law, exact.mean() / 100)


def test_a_covariance_without_variance_is_refused():
    with pytest.raises(ValueError, match="no variance at the 5 test points"):
        probed(torch.zeros(5, 5, dtype=torch.float64), torch.ones(5, 1, dtype=torch.float64), 0)


# --- of a space -----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["memory", "disk"])
@pytest.mark.parametrize(
    ("n", "m", "k", "noise"), [(1, 70, 1, 0.1), (90, 150, 3, 0.1), (70, 65, 2, 0.0)]
)
def test_the_law_of_a_space(place, n, m, k, noise, tmp_path, monkeypatch):
    monkeypatch.setattr(_tiles, "_WIDTHS", (32, 32))
    task, kernel = a_task(n, m, k, d=6), Matern(1.0)
    folder = {"out_of_core": tmp_path} if place == "disk" else {}
    space = ib.GaussianSpace(kernel, noise=noise, **folder)
    exact = space.loss_law(task)
    target = exact.mean() * np.array([0.5, 0.8, 1.0])
    found = ib.inductive_bias(space.probed_law(task, seed=0), target)
    bits, (low, high) = ib.inductive_bias(exact, target).bits, found.interval
    assert ((low <= bits) & (bits <= high)).all()
    assert ((high - low) < 0.5 * bits + 2).all()
    again = ib.inductive_bias(space.probed_law(task, seed=0), target)
    np.testing.assert_allclose(again.bits, found.bits, rtol=1e-12)


def test_the_law_of_two_thousand_test_examples():
    task = a_task(200, 2000, 10, d=8)
    space = ib.GaussianSpace(RBF(2.0), noise=0.01)
    exact, law = space.loss_law(task), space.probed_law(task, seed=0, probes=24, steps=48)
    target = exact.mean() * np.array([0.3, 0.7, 1.0])
    bits, found = ib.inductive_bias(exact, target).bits, ib.inductive_bias(law, target)
    low, high = found.interval
    assert ((low <= bits) & (bits <= high)).all()
    assert (high - low)[0] < 0.04 * bits[0]


def test_no_covariance_of_all_test_examples_is_made(monkeypatch):
    monkeypatch.setitem(_conditioning._WORKSPACE, "cpu", 2**16)  # bytes for rows of the kernel
    task, space = a_task(20, 1000), ib.GaussianSpace(RBF(1.0), noise=0.1)
    with Largest(torch.empty(0)) as largest:
        space.probed_law(task, seed=0, probes=8, steps=4)
    assert 0 < largest.numel < 1000 * 60


def test_memory_is_asked_for_without_the_covariance(monkeypatch):
    task, space = a_task(20, 5000, d=2), ib.GaussianSpace(RBF(1.0), noise=0.1)
    monkeypatch.setattr(_refusals, "free_memory", lambda device, **_: 2**29)
    assert space.memory_needed(task) > 2**29
    space.probed_law(task, seed=0, probes=8, steps=4)


@pytest.mark.parametrize(("given", "least"), [({"probes": 7}, 8), ({"steps": 3}, 4)])
def test_too_few_of_anything_is_named(given, least):
    (name,) = given
    with pytest.raises(
        ValueError, match=f"{name}: found .*; give a whole number of at least {least}"
    ):
        ib.GaussianSpace(RBF(1.0), noise=0.1).probed_law(a_task(), seed=0, **given)
