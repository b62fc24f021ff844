"""Probabilities of signs, against closed forms, an integral over one factor, SciPy, and itself."""

import itertools
import math

import numpy as np
import pytest
from scipy import special, stats

import ibhelpers as ib
from ibhelpers.laws import orthant


def random_covariance(m, rng):
    A = rng.standard_normal((m, m + 2))
    return A @ A.T


def of_one_factor(a, mean, signs):
    """log P of the signs of m + a z + e, with z and the e standard normal: one integral."""
    z = np.linspace(-20, 20, 4001)
    inside = signs * (mean + np.outer(z, a))
    log_density = stats.norm.logpdf(z) + stats.norm.logcdf(inside).sum(1)
    return special.logsumexp(log_density) + math.log(z[1] - z[0])


@pytest.mark.parametrize("seed", range(10))
def test_two_and_three_variables_have_closed_forms(seed):
    rng = np.random.default_rng(seed)
    for m in (2, 3):
        C, s = random_covariance(m, rng), rng.choice([-1, 1], m)
        R = C / np.sqrt(np.outer(np.diag(C), np.diag(C)))
        angles = sum(s[i] * s[j] * math.asin(R[i, j]) for i in range(m) for j in range(i))
        exact = 2.0**-m + angles / (2 ** (m - 1) * math.pi)
        found = orthant(C, s, 4000, seed=seed)
        assert abs(found.log_p - math.log(exact)) < 5 * found.standard_error + 1e-9
    half = stats.norm.cdf(0.7)
    assert orthant([[4.0]], [1], mean=[1.4], seed=seed).log_p == pytest.approx(math.log(half))


@pytest.mark.parametrize("seed", range(30))
def test_one_factor_is_one_integral_however_rare(seed):
    rng = np.random.default_rng(seed)
    m = int(rng.integers(2, 60))
    a, mean = 2 * rng.standard_normal(m), rng.standard_normal(m) * rng.choice([0, 1, 4])
    signs = rng.choice([-1, 1], m)
    found = orthant(np.outer(a, a) + np.eye(m), signs, 4000, mean=mean, seed=seed)
    exact = of_one_factor(a, mean, signs)
    assert abs(found.log_p - exact) < 5 * found.standard_error + 1e-9
    assert found.ceiling > exact - 1e-9
    assert found.bits == pytest.approx(-found.log_p / math.log(2))
    assert found.interval[0] <= found.bits <= found.interval[1]


def test_independent_variables_need_no_draws():
    scale = np.arange(1.0, 301.0)
    found = orthant(np.diag(scale), mean=np.sqrt(scale), n=100, seed=0)
    assert found.log_p == pytest.approx(300 * stats.norm.logcdf(1.0), rel=1e-12)
    assert found.standard_error < 1e-12


def test_all_signs_together_are_certain():
    rng = np.random.default_rng(3)
    C, mean = random_covariance(6, rng), rng.standard_normal(6)
    found = [orthant(C, s, 400, mean=mean, seed=1) for s in itertools.product([-1, 1], repeat=6)]
    p = np.exp([f.log_p for f in found])
    error = math.sqrt(sum((x * f.standard_error) ** 2 for x, f in zip(p, found, strict=True)))
    assert abs(p.sum() - 1) < 5 * error and error < 0.02


def test_the_signs_of_infinite_networks_are_as_scipy_has_them():
    X = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
    C = ib.kernels.NNGP(2)(X).numpy()
    for f in (X[:, 0], X.prod(1)):
        turned = C * np.outer(np.sign(f), np.sign(f))
        exact = stats.multivariate_normal(
            np.zeros(8), turned, seed=0, abseps=0, releps=1e-2, maxpts=40_000
        )
        found = orthant(C, f, seed=0)
        assert abs(found.log_p - exact.logcdf(np.zeros(8))) < 5 * found.standard_error + 0.02


def test_standard_errors_are_what_they_say():
    X = np.array(list(itertools.product([-1.0, 1.0], repeat=4)))
    C = ib.kernels.NNGP(1, bias_variance=0.1)(X).numpy()
    runs = [orthant(C, X[:, 0], 500, seed=seed) for seed in range(40)]
    best = orthant(C, X[:, 0], 40_000, seed=99).log_p
    z = [(run.log_p - best) / run.standard_error for run in runs]
    assert abs(np.mean(z)) < 0.8 and 0.65 < np.std(z) < 1.5


def test_neither_order_nor_scale_matters_and_seeds_do():
    rng = np.random.default_rng(5)
    C, mean, s = random_covariance(9, rng), rng.standard_normal(9), rng.choice([-1, 1], 9)
    first = orthant(C, s, mean=mean, seed=0)
    p, scale = rng.permutation(9), 10.0 ** rng.uniform(-6, 6, 9)
    other = orthant(
        C[np.ix_(p, p)] * np.outer(scale, scale), s[p] * scale, mean=mean[p] * scale, seed=0
    )
    assert other.log_p == pytest.approx(first.log_p, abs=1e-6)
    assert orthant(C, s, mean=mean, seed=0) == first != orthant(C, s, mean=mean, seed=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((2, 3)),), "covariance: found shape"),
        ((np.ones((2, 2)),), "covariance: found a smallest eigenvalue"),
        (([[1.0, 2.0], [2.0, 1.0]],), "covariance: found an eigenvalue of -1"),
        (([[1.0, 0.5], [0.4, 1.0]],), "covariance: found a matrix that is not symmetric"),
        (([[1.0, math.nan], [math.nan, 1.0]],), "covariance: found entries"),
        (([[1.0, 0.0], [0.0, 0.0]],), "covariance: found entries"),
        ((np.eye(2), [1, 0]), "signs: found 0 or NaN"),
        ((np.eye(2), [1, math.nan]), "signs: found 0 or NaN"),
        ((np.eye(2), [1, 1, 1]), "signs: found shape"),
        ((np.eye(2), [1, 1], 10), "n: found 10"),
    ],
)
def test_what_it_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        orthant(*arguments, seed=0)
    with pytest.raises(ValueError, match="mean: found shape"):
        orthant(np.eye(2), mean=[1.0], seed=0)


def test_too_few_draws_give_no_number():
    X = np.array(list(itertools.product([-1.0, 1.0], repeat=6)))
    C = ib.kernels.NNGP(1, bias_variance=0.1)(X).numpy()
    with pytest.raises(ArithmeticError, match="n: 100 draws leave a standard error"):
        orthant(C, X.sum(1) + 0.5, 100, seed=0)
