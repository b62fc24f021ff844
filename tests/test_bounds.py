"""The earlier bound against published figures, whole-number binomials, simulated extremes."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.special import binom, gammaln
from sklearn.metrics import pairwise_distances

import ibhelpers as ib
from ibhelpers import bounds
from ibhelpers.bounds.estimation import closest_between_classes, extrapolate_smallest
from ibhelpers.tasks import Task

MNIST = dict(
    n=60000,
    max_norm=17.179045827183984,
    intrinsic_dim=14,
    n_classes=10,
    resolution=2.3987084824335305,
    target_error=0.001,
)
IMAGENET = dict(
    n=1280901, max_norm=943.5923, intrinsic_dim=48, n_classes=1000, resolution=65, target_error=0.1
)
OMNIGLOT = dict(
    n=1e40,
    max_norm=49.4064773081425,
    within_dim=22,
    across_dim=29,
    resolution=5.477225575051661,
    target_error=0.01,
)


@pytest.mark.parametrize(
    ("task", "published"), [(MNIST, 1.484803747935555e16), (IMAGENET, 3.583252793803963e41)]
)
def test_published_figures(task, published):
    # Both were printed by float64 code, which errs by 1.8e-15 and 1.9e-15 here.
    assert bounds.model_agnostic(**task).bits == pytest.approx(published, rel=2e-15)
    assert bounds.model_agnostic(**task).log2_bits == pytest.approx(math.log2(published), rel=1e-15)


def test_published_cart_pole():
    assert bounds.cart_pole(n_observations=1).bits == pytest.approx(4414675128.088124, rel=5e-16)
    assert bounds.cart_pole(n_observations=1).log2_bits == math.log2(4414675128.088124)


def in_logarithms(n, max_norm, m, resolution, target_error, n_discrete, ln_out_dim, out_bound):
    """ln of dimensions, and bits for each, by log-gamma functions in float64."""
    M = 2 * math.pi * max_norm / resolution
    K = (math.sqrt((m - 1) ** 2 + 4 * M**2) - (m - 1)) / 2
    ln_binomial = gammaln(m + K + 1) - gammaln(m + 1) - gammaln(K + 1)
    ln_E = ln_binomial + math.log1p(K / (m + K))
    ln_W = (
        0.5 * math.log(m / 6)
        + math.log(max_norm)
        + (math.log(2 * n_discrete / n) + (m + 1) / 2 * math.log(math.pi) - gammaln((m + 1) / 2))
        / m
    )
    ln_L = math.log(K / max_norm) + 0.5 * ln_out_dim
    ln_radius = 0.5 * (ln_out_dim + math.log(n_discrete)) + math.log(out_bound) + ln_L + ln_W
    ln_all = math.log(2 * n_discrete) + ln_E
    ln_dimensions = ln_out_dim + ln_all + math.log1p(-math.exp(math.log(n) - ln_all))
    return ln_dimensions, (ln_radius - math.log(target_error)) / math.log(2), ln_E


def test_random_parameters_in_logarithms():
    rng = np.random.default_rng(0)
    for _ in range(200):
        n, R = 10 ** rng.uniform(0, 4), 10 ** rng.uniform(-1, 3)
        m, delta = rng.uniform(3, 60), R / rng.uniform(5, 500)
        epsilon, discrete = 10 ** rng.uniform(-6, -1), float(rng.integers(1, 50))
        outputs, B = rng.uniform(1, 100), 10 ** rng.uniform(-1, 2)
        task = dict(n=n, max_norm=R, intrinsic_dim=m, resolution=delta, target_error=epsilon)
        task |= dict(n_discrete=discrete, out_dim=outputs, out_bound=B)
        ln_dimensions, each, _ = in_logarithms(
            n, R, m, delta, epsilon, discrete, math.log(outputs), B
        )
        bits = math.exp(ln_dimensions) * each
        assert bounds.model_agnostic(**task).bits == pytest.approx(bits, rel=1e-10)
        assert bounds.model_agnostic(**task).log2_bits == pytest.approx(math.log2(bits), rel=1e-12)


@pytest.mark.parametrize(("m", "K"), [(1, 7), (2, 30), (14, 38), (48, 71), (300, 500)])
def test_whole_degrees_count_exactly(m, K):
    """K is whole when M = √(K (K + m − 1)); then E is a sum of two whole binomials."""
    R = 3.0
    E = math.comb(m + K, m) + math.comb(m + K - 1, m)
    task = dict(max_norm=R, resolution=2 * math.pi * R / math.sqrt(K * (K + m - 1)))
    task |= dict(intrinsic_dim=m, n_discrete=1, out_dim=1)
    # The bits for each dimension cancel between target errors that differ by a factor of two.
    one, other = (
        bounds.model_agnostic(n=1, target_error=e, **task).log2_bits for e in (2**-9, 2**-8)
    )
    _, each, _ = in_logarithms(1, R, m, task["resolution"], 2**-9, 1, 0.0, 1.0)
    ln_each = math.log2(each)
    assert one == pytest.approx(math.log2(Fraction(2 * E - 1)) + ln_each, rel=1e-12)
    assert 2.0**one - 2.0**other == pytest.approx(2 * E - 1, rel=1e-10) or one > 1000


def test_bits_cost_one_more_for_half_the_error():
    """Bits are linear in log2 of the target error; the slope is the number of dimensions."""
    bits = [bounds.model_agnostic(**MNIST | dict(target_error=2.0**-i)).bits for i in (8, 9, 10)]
    M = 2 * math.pi * MNIST["max_norm"] / MNIST["resolution"]
    K = (math.sqrt(13**2 + 4 * M**2) - 13) / 2
    dimensions = 9 * (2 * 10 * (binom(14 + K, 14) + binom(13 + K, 14)) - 60000)
    np.testing.assert_allclose(np.diff(bits), dimensions, rtol=1e-11)


def test_few_shot_is_the_general_measure():
    ways, m0, m1 = 20, OMNIGLOT["within_dim"], OMNIGLOT["across_dim"]
    R, delta = OMNIGLOT["max_norm"], OMNIGLOT["resolution"]
    *_, ln_E = in_logarithms(1, R, m0, delta, 0.01, 1, 0.0, 1.0)
    ln_out_dim = math.log(2 * ways * (ways - 1)) + ln_E
    ln_dimensions, each, _ = in_logarithms(
        1e40, R * math.sqrt(ways), m1 + 19 * m0, delta, 0.01, 1, ln_out_dim, math.sqrt(ways * 19)
    )
    log2_bits = ln_dimensions / math.log(2) + math.log2(each)
    assert bounds.few_shot(**OMNIGLOT).log2_bits == pytest.approx(log2_bits, rel=1e-12)
    assert bounds.few_shot(**OMNIGLOT).bits == pytest.approx(2.0**log2_bits, rel=1e-10)
    fewer = bounds.few_shot(**OMNIGLOT | dict(n=1.0), n_ways=5).log2_bits
    assert fewer < log2_bits


@pytest.mark.parametrize("T", [2, 5, 60])
def test_cart_pole_with_more_observations(T):
    ln_dimensions = math.log(2) + 2 * T * math.log(2000 * math.pi) + T * math.log(math.pi)
    ln_dimensions -= math.lgamma(T + 1)
    each = math.log2(4 * math.pi**2 / math.sqrt(3)) + 0.5 * math.log2(T)
    each += math.log2(1000) - math.log2(1e4) / (2 * T) + math.log2(1000)
    log2_bits = ln_dimensions / math.log(2) + math.log2(each)
    assert bounds.cart_pole(n_observations=T).log2_bits == pytest.approx(log2_bits, rel=1e-13)


def test_nothing_overflows():
    wider = MNIST | dict(intrinsic_dim=3000, resolution=1e-3)
    ln_dimensions, each, _ = in_logarithms(
        60000, wider["max_norm"], 3000, 1e-3, 0.001, 10, math.log(9), 1.0
    )
    log2_bits = ln_dimensions / math.log(2) + math.log2(each)
    assert log2_bits > 2000
    assert bounds.model_agnostic(**wider).log2_bits == pytest.approx(log2_bits, rel=1e-12)
    with pytest.raises(ValueError, match=r"bits: found 2\^\d+\.\d, more than the largest float"):
        _ = bounds.model_agnostic(**wider).bits


def test_nothing_left_to_specify_is_zero_bits():
    plenty = MNIST | dict(n=1e20)  # examples fix all dimensions
    easy = MNIST | dict(target_error=1e9)  # no hypothesis misses the target
    for task in (plenty, easy, plenty | easy):  # two negative factors do not make bits
        assert bounds.model_agnostic(**task).bits == 0.0
        assert bounds.model_agnostic(**task).log2_bits == -math.inf


# --- Parameters from data -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return ib.tasks.load("digits", n_train=400, n_test=50, seed=1)


def test_estimates_are_those_of_all_pairs(digits):
    found = bounds.estimate(digits, n_resamples=20)
    D = pairwise_distances(digits.X_train)
    different = digits.labels_train[:, None] != digits.labels_train
    assert (found.n, found.n_classes, found.n_total) == (400, 10, 400)
    assert found.max_norm.value == pytest.approx(np.linalg.norm(digits.X_train, axis=1).max())
    assert found.resolution.value == pytest.approx(D[different].min(), rel=1e-12)
    dimension = ib.tasks.intrinsic_dimension(digits.X_train, k=5)
    assert found.intrinsic_dim.value == dimension.dimension
    assert found.intrinsic_dim.spread == dimension.standard_error
    assert found == bounds.estimate(digits, n_resamples=20)


def test_estimates_go_into_the_measure(digits):
    found = bounds.estimate(digits, n_total=1600, n_resamples=20)
    assert found.resolution_extrapolated.value < found.resolution.value
    bits = bounds.model_agnostic(
        n=found.n,
        max_norm=found.max_norm.value,
        intrinsic_dim=found.intrinsic_dim.value,
        n_classes=found.n_classes,
        resolution=found.resolution.value,
        target_error=0.01,
    ).bits
    assert 1e6 < bits < 1e12


def test_extrapolation_reaches_a_larger_set(digits):
    """From 400 digits to 1600: within three spreads of what 1600 digits have."""
    larger = ib.tasks.load("digits", n_train=1600, n_test=50, seed=1)
    observed = bounds.estimate(larger, n_resamples=2).resolution.value
    found = bounds.estimate(digits, n_total=1600).resolution_extrapolated
    assert abs(found.value - observed) < 3 * found.spread
    assert 0.0 < found.spread < 0.5 * found.value


def test_spread_of_the_largest_norm_is_that_of_a_bootstrap(digits):
    """Against the exact law of a resample's maximum: the i-th largest is the maximum with
    probability (1 − (i − 1)/n)ⁿ − (1 − i/n)ⁿ. 2000 resamples give the spread within 10%."""
    norms = np.sort(np.linalg.norm(digits.X_train, axis=1))[::-1]
    n, rank = len(norms), np.arange(len(norms))
    p = (1 - rank / n) ** n - (1 - (rank + 1) / n) ** n
    spread = math.sqrt(p @ norms**2 - (p @ norms) ** 2)
    found = bounds.estimate(digits, n_resamples=2000).max_norm.spread
    assert found == pytest.approx(spread, rel=0.1)


def test_closest_pairs(monkeypatch):
    import torch

    from ibhelpers.bounds import estimation

    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(60, 3)), rng.integers(0, 4, size=60)
    D = pairwise_distances(X)
    i, j = np.nonzero(np.tril(labels[:, None] != labels))
    order = np.argsort(D[i, j])[:50]
    for rows in (2048, 7):
        monkeypatch.setattr(estimation, "_ROWS", rows)
        distances, found_i, found_j = closest_between_classes(torch.tensor(X), labels, 50)
        np.testing.assert_allclose(distances, D[i, j][order], rtol=1e-12)
        assert set(zip(found_i, found_j, strict=True)) == set(zip(i[order], j[order], strict=True))


@pytest.mark.parametrize(
    "quantile", [lambda p: p ** (1 / 8), lambda p: 0.3 + np.sqrt(p), lambda p: 1 / (1 - np.log(p))]
)
def test_extrapolation_of_known_laws(quantile):
    """Inverse distances with heavy, bounded and exponential tails: the mean of 100 estimates lies
    within 4 standard errors, or 5%, of the quantile a hundred times further out."""
    rng = np.random.default_rng(0)
    n, k = 20_000, 300
    found = [
        extrapolate_smallest(np.sort(quantile(rng.random(n)))[: k + 1], n, 100 * n)
        for _ in range(100)
    ]
    standard_error = np.std(found) / 10
    expected = quantile(1 / (100 * n))
    assert abs(np.mean(found) - expected) < max(4 * standard_error, 0.05 * expected)


def test_extrapolation_of_equal_distances():
    assert extrapolate_smallest(np.ones(21), 1000, 1e6) == 1.0


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(n=0), "n: found 0.0; give a finite number of at least 1"),
        (dict(max_norm=0.0), "max_norm: found 0.0; give a positive"),
        (dict(max_norm=math.nan), "max_norm: found nan"),
        (dict(intrinsic_dim=0.5), "intrinsic_dim: found 0.5"),
        (dict(n_classes=1), "n_classes: found 1; give a whole number of at least 2"),
        (dict(resolution=-1.0), "resolution: found -1.0"),
        (dict(target_error=0.0), "target_error: found 0.0"),
        (dict(target_error=math.inf), "target_error: found inf"),
        (dict(out_bound=0.0), "out_bound: found 0.0"),
        (dict(out_dim=3), "n_classes: found 10 with n_discrete=None, out_dim=3; give n_classes"),
        (dict(n_classes=None), "n_classes: found None with"),
        (dict(n_classes=None, n_discrete=0, out_dim=1), "n_discrete: found 0.0"),
        (dict(n_classes=None, n_discrete=1, out_dim=-1), "out_dim: found -1.0"),
    ],
)
def test_bad_parameters(change, message):
    for measure in (bounds.model_agnostic, bounds.model_agnostic):
        with pytest.raises(ValueError, match=message):
            measure(**MNIST | change)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bounds.few_shot(**OMNIGLOT, n_ways=1).bits, "n_ways: found 1"),
        (lambda: bounds.few_shot(**OMNIGLOT | dict(within_dim=0)).bits, "within_dim: found 0.0"),
        (lambda: bounds.few_shot(**OMNIGLOT | dict(max_norm=-1)).bits, "max_norm: found -1.0"),
        (lambda: bounds.cart_pole(n_observations=0).bits, "n_observations: found 0"),
        (lambda: bounds.cart_pole(n_observations=1, n=0).bits, "n: found 0.0"),
        (lambda: bounds.cart_pole(n_observations=1, resolution=0.0).bits, "resolution: found 0.0"),
    ],
)
def test_bad_parameters_of_other_tasks(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_tasks_that_have_no_resolution():
    rng = np.random.default_rng(0)
    X, y, labels = rng.normal(size=(40, 3)), np.zeros((40, 2)), np.arange(40) % 2

    def task(X, labels):
        return Task(X, y[: len(X)], X, y[: len(X)], labels_train=labels)

    with pytest.raises(ValueError, match="task: found no labels_train"):
        bounds.estimate(task(X, None))
    with pytest.raises(ValueError, match="task: found 0 pairs of training examples of different"):
        bounds.estimate(task(X, np.zeros(40, dtype=int)))
    X[7] = X[4]
    with pytest.raises(ValueError, match="X_train: rows 7 and 4 are identical but of different"):
        bounds.estimate(task(X, labels))
    with pytest.raises(ValueError, match="n_resamples: found 1"):
        bounds.estimate(task(X, labels), n_resamples=1)


def test_resamples_without_the_example_that_is_in_all_of_the_closest_pairs():
    """One example, at 0, is nearer to all others than they are to each other."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 40))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    X[0] = 0.0
    labels = np.arange(80) % 2
    task = Task(X, np.eye(2)[labels], X[:1], np.eye(2)[:1], labels_train=labels)
    found = bounds.estimate(task, k=2, n_resamples=60, seed=3)
    distances = pairwise_distances(X) + np.where(labels[:, None] == labels, np.inf, 0.0)
    smallest = []
    for counts in np.random.default_rng(3).multinomial(80, np.full(80, 1 / 80), size=60):
        there = np.flatnonzero(counts)
        smallest.append(distances[np.ix_(there, there)].min())
    assert np.unique(np.round(smallest, 9)).size > 1
    assert found.resolution.spread == pytest.approx(np.std(smallest, ddof=1), rel=1e-9)
    assert found.resolution.value == pytest.approx(distances.min(), rel=1e-12)


def test_resamples_without_the_only_example_of_a_class():
    X = np.random.default_rng(0).normal(size=(60, 3))
    labels = (np.arange(60) == 7).astype(int)
    task = Task(X, np.eye(2)[labels], X[:1], np.eye(2)[:1], labels_train=labels)
    found = bounds.estimate(task)
    assert all(np.isfinite([e.value, e.spread]).all() for e in (found.resolution, found.max_norm))
    assert found.resolution_extrapolated.spread > 0


def test_cifar10_of_125_examples():
    task = ib.tasks.load("cifar10", n_train=125, n_test=1, seed=1)
    assert bounds.estimate(task).resolution_extrapolated.spread > 0


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e160, 1e300])
def test_estimates_have_the_unit_of_the_inputs(digits, size):
    found = bounds.estimate(digits, n_resamples=5)
    scaled = bounds.estimate(
        dataclasses.replace(digits, X_train=digits.X_train * size), n_resamples=5
    )
    for name in ("max_norm", "resolution", "resolution_extrapolated"):
        expected, estimate = getattr(found, name), getattr(scaled, name)
        assert estimate.value == pytest.approx(expected.value * size, rel=1e-12)
        assert estimate.spread == pytest.approx(expected.spread * size, rel=1e-9)
    assert scaled.intrinsic_dim.value == pytest.approx(found.intrinsic_dim.value, rel=1e-9)


def test_an_extrapolation_to_fewer_examples_is_none(digits):
    with pytest.raises(ValueError, match="n_total: found 10; give a whole number of at least 400"):
        bounds.estimate(digits, n_total=10)
