"""The exact law, against 40-digit values, ball arithmetic, closed forms, SciPy, simulation."""

import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import ibhelpers as ib
from ibhelpers.laws import _contour
from ibhelpers.laws._curve import Curve
from ibhelpers.laws._saddle import find_saddle
from ibhelpers.laws._terms import exponent_at
from tests.oracles import Interpolated, log_chi2_in_balls, log_tail_in_balls

GOLDEN = json.loads((Path(__file__).parent / "golden" / "generalized_chi2_logcdf.json").read_text())


def relative_error(found: float, true) -> float:
    """Of log P; against 0.1 where |log P| is smaller, as the law promises."""
    return float(abs(mpmath.mpf(found) - true) / max(abs(true), mpmath.mpf("0.1")))


# --- high-precision values ---------------------------------------------------------------------


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{len(case['w'])} terms")
def test_logcdf_agrees_with_40_digit_values(case):
    law = ib.laws.GeneralizedChi2(case["w"], case["k"], case["lam"])
    assert relative_error(law.logcdf(case["x"]), mpmath.mpf(case["logcdf"])) < 1e-14


def random_law(seed: int):
    """Parameters over the whole promised range, and an x anywhere between the far tails."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([1, 2, 3, 8, 20]))
    w = 10 ** rng.uniform(-rng.choice([0.1, 1, 5, 25]), 0, n) * 10 ** rng.uniform(-6, 6)
    k = rng.choice([np.ones(n), np.full(n, 10.0), np.round(10 ** rng.uniform(0, 4, n))])
    delta = rng.choice([np.zeros(n), 10 ** rng.uniform(-3, 7, n), rng.uniform(0, 5, n)])
    mean, sd = (w * (k + delta)).sum(), math.sqrt((2 * w**2 * (k + 2 * delta)).sum())
    t = 10 ** rng.uniform(-3, 12) / w.max()
    x = rng.choice(
        [
            mean * 10 ** rng.uniform(-8, 0),
            mean + sd * rng.uniform(-5, 8),
            (w * k / (1 + 2 * w * t) + w * delta / (1 + 2 * w * t) ** 2).sum(),
        ]
    )
    return w, k, delta, float(abs(x))


@pytest.mark.parametrize("seed", range(40))
def test_both_tails_lie_in_proved_intervals(seed):
    w, k, delta, x = random_law(seed)
    law = ib.laws.GeneralizedChi2(w, k, delta)
    upper = x > law.mean()
    ball = log_tail_in_balls(w, k, delta, x, upper=upper)
    assert float(ball.rad()) < 1e-20 * max(1, abs(float(ball.mid())))
    small = mpmath.mpf(ball.mid().str(40, radius=False))
    large = mpmath.log1p(-mpmath.exp(small))
    lower_log, upper_log = (large, small) if upper else (small, large)
    assert relative_error(law.logcdf(x), lower_log) < 1e-13
    assert relative_error(law.logccdf(x), upper_log) < 1e-13


def test_x_close_to_the_offset_keeps_its_digits():
    w, k, delta = [1e-7, 3e-6], [3.0, 4.0], [0.5, 2.0]
    offset, x = 0.7, 0.7 + 1e-6  # x - offset is exact in the law, not in float64
    ball = log_tail_in_balls(w, k, delta, x, offset=offset)
    law = ib.laws.GeneralizedChi2(w, k, delta, offset)
    assert relative_error(law.logcdf(x), mpmath.mpf(ball.mid().str(40, radius=False))) < 1e-14


# --- closed forms and SciPy ----------------------------------------------------------------------


@pytest.mark.parametrize("x", [1e-300, 1e-20, 0.01, 1.0, 3.0, 50.0, 700.0, 1e5])
def test_two_degrees_of_freedom_are_exponential(x):
    law = ib.laws.GeneralizedChi2([0.5], [2], [0])
    assert relative_error(law.logcdf(x), mpmath.log(-mpmath.expm1(-mpmath.mpf(x)))) < 1e-14
    assert relative_error(law.logccdf(x), -mpmath.mpf(x)) < 1e-14
    assert law.logpdf(x) == pytest.approx(-x, rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("x", [1e-9, 1e-3, 0.5, 4.0, 30.0])
def test_distinct_weights_of_two_degrees_each_are_a_sum_of_exponentials(x):
    mpmath.mp.dps = 120  # the sum alternates and cancels
    w = [mpmath.mpf(a) for a in (0.125, 0.25, 0.375, 0.5, 1.0)]
    share = [mpmath.fprod(a / (a - b) for b in w if b != a) for a in w]
    ccdf = mpmath.fsum(
        s * mpmath.exp(-mpmath.mpf(x) / (2 * a)) for s, a in zip(share, w, strict=True)
    )
    law = ib.laws.GeneralizedChi2([float(a) for a in w], 2, 0)
    assert relative_error(law.logcdf(x), mpmath.log1p(-ccdf)) < 1e-13
    assert relative_error(law.logccdf(x), mpmath.log(ccdf)) < 1e-13


@pytest.mark.parametrize("df", [1, 1.5, 3, 40, 1e4])
def test_one_central_term_is_an_incomplete_gamma_function(df):
    mpmath.mp.dps = 50
    for x in df * np.array([1e-6, 0.01, 0.5, 0.99, 1.01, 2.0]):
        true = mpmath.log(
            mpmath.gammainc(mpmath.mpf(df) / 2, 0, mpmath.mpf(x) / 2, regularized=True)
        )
        assert relative_error(ib.laws.GeneralizedChi2([1.0], [df], [0]).logcdf(x), true) < 1e-13


def test_agrees_with_scipy_where_scipy_does_not_underflow():
    for df, nc in ((1, 0.3), (4, 10), (50, 200)):
        law = ib.laws.GeneralizedChi2([2.0], [df], [nc])
        reference = stats.ncx2(df, nc, scale=2.0)
        x = law.mean() + math.sqrt(law.variance()) * np.linspace(-1, 6, 40)
        x = x[x > 0]
        np.testing.assert_allclose(law.cdf(x), reference.cdf(x), rtol=1e-9)
        np.testing.assert_allclose(law.ccdf(x), reference.sf(x), rtol=1e-8)
        np.testing.assert_allclose(law.pdf(x), reference.pdf(x), rtol=1e-10)


def test_equal_weights_are_merged():
    rng = np.random.default_rng(0)
    k, delta = rng.integers(1, 5, 30), rng.uniform(0, 3, 30)
    many = ib.laws.GeneralizedChi2(np.full(30, 0.25), k, delta)
    one = ib.laws.GeneralizedChi2([0.25], [k.sum()], [delta.sum()])
    assert len(many.weights) == 1
    assert many.logcdf(3.0) == pytest.approx(one.logcdf(3.0), rel=1e-15)


# --- simulation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", range(0, 24, 4))
def test_within_six_standard_errors_of_tilted_importance_sampling(case):
    """Under weights exp(-t Q) each term stays noncentral chi-squared, and P is a tilted mean."""
    case = GOLDEN[case]
    w, k, delta = (np.array(case[name]) for name in ("w", "k", "lam"))
    law, x = ib.laws.GeneralizedChi2(w, k, delta), case["x"]
    if x > law.mean():
        pytest.skip("tilting is for the lower tail")
    t = math.exp(law.logpdf(x) - law.logcdf(x))  # about the saddle; any t > 0 is unbiased
    v = 1 + 2 * w * t
    log_mgf = -0.5 * (k * np.log(v) + delta * 2 * w * t / v).sum()
    q = np.random.default_rng(1).noncentral_chisquare(k, delta / v, (20_000, len(w))) @ (w / v)
    weights = np.exp(t * np.minimum(q - x, 0)) * (q <= x)
    estimate, error = weights.mean(), weights.std() / math.sqrt(len(q))
    assert abs(math.exp(law.logcdf(x) - t * x - log_mgf) - estimate) < 6 * error


def test_sample_has_the_laws_moments_and_distribution():
    law = ib.laws.GeneralizedChi2([0.1, 0.5, 2.0], [1, 3, 2.5], [4.0, 0.0, 1.0], offset=3.0)
    x = law.sample(50_000, seed=0)
    error = math.sqrt(law.variance() / len(x))
    assert abs(x.mean() - law.mean()) < 4 * error
    kurtosis = ((x - x.mean()) ** 4).mean() / x.var() ** 2
    assert abs(x.var() / law.variance() - 1) < 4 * math.sqrt((kurtosis - 1) / len(x))
    assert stats.kstest(x, law.cdf).pvalue > 1e-3


def law_of_many_terms(seed: int, count: int = 60) -> ib.laws.GeneralizedChi2:
    rng = np.random.default_rng(seed)
    w, delta = 10 ** rng.uniform(-3, 0, count), rng.exponential(2, count)
    return ib.laws.GeneralizedChi2(w, rng.integers(1, 11, count), delta, offset=2.0)


@pytest.mark.parametrize("seed", range(3))
def test_quantiles_of_normal_scores_have_that_rank(seed):
    """What `sample` interpolates, against the distribution function; up to the ends."""
    law = law_of_many_terms(seed)
    ends = law._quantile.polynomial.domain
    z = np.append(np.random.default_rng(seed).uniform(*ends, 200), ends)
    x = law._quantile(z)
    below = z < 0
    np.testing.assert_allclose(law.cdf(x[below]), stats.norm.cdf(z[below]), rtol=1e-9)
    np.testing.assert_allclose(law.ccdf(x[~below]), stats.norm.sf(z[~below]), rtol=1e-9)


@pytest.mark.parametrize(
    ("count", "least", "df"),
    [(20, 1e-2, 2), (30, 1e-2, 1), (50, 1e-3, 1), (80, 1e-5, 1), (50, 0.1, 9)],
)
def test_quantiles_keep_ten_digits_however_many_nodes_they_took(count, least, df):
    """With 65 nodes rounding errors were magnified: seven digits were left of ten."""
    law = ib.laws.GeneralizedChi2(np.geomspace(least, 1, count), df, 0)
    z = np.linspace(-4.5, 4.5, 19)
    exact = law.ilogcdf(stats.norm.logcdf(z))
    np.testing.assert_allclose(law._quantile(z), exact, rtol=2e-10)


def test_both_ways_of_sampling_have_one_distribution():
    law = law_of_many_terms(0)
    quickly = law.sample(20_000, seed=1)
    summed = law._sample_terms(20_000, np.random.default_rng(2))
    assert stats.ks_2samp(quickly, summed).pvalue > 1e-3
    assert stats.kstest(quickly[:2000], law.cdf).pvalue > 1e-3
    np.testing.assert_allclose(law.sample(5, seed=1), quickly[:5], rtol=1e-14)


def test_draws_beyond_the_nodes_are_exact(monkeypatch):
    monkeypatch.setattr("ibhelpers.laws._normal_scores._REACH", 1.0)
    law = law_of_many_terms(0)
    found = law.sample(50, seed=0)
    z = np.random.default_rng(0).standard_normal(50)
    assert (np.abs(z) > 1.2).any()
    np.testing.assert_allclose(law.cdf(found), stats.norm.cdf(z), rtol=1e-9)


def test_a_law_without_smooth_quantiles_is_sampled_by_its_terms():
    """A term of one degree of freedom above a bed of small ones: no polynomial follows both."""
    law = ib.laws.GeneralizedChi2([1.0, *np.geomspace(1e-8, 2e-8, 20)], [1, *[1000] * 20], 0.0)
    assert law._quantile is None
    assert stats.kstest(law.sample(1000, seed=0), law.cdf).pvalue > 1e-3


def test_sample_depends_on_the_seed_alone():
    law = ib.laws.GeneralizedChi2([0.1, 0.5], [1, 3], [4.0, 0.0])
    assert np.array_equal(law.sample(100, seed=3), law.sample(100, seed=3))
    assert not np.array_equal(law.sample(100, seed=3), law.sample(100, seed=4))


# --- properties ----------------------------------------------------------------------------------

parameters = st.lists(
    st.tuples(st.floats(1e-6, 1e3), st.floats(1, 100), st.floats(0, 1e4)), min_size=1, max_size=6
)
position = st.floats(-3, 6)  # of x, in units that reach both tails


def law_and_x(terms, position):
    w, k, delta = (np.array(column) for column in zip(*terms, strict=True))
    mean, sd = (w * (k + delta)).sum(), math.sqrt((2 * w**2 * (k + 2 * delta)).sum())
    x = mean + position * sd if position > 0 else mean * 10**position
    return w, k, delta, x


@settings(max_examples=40, deadline=None)
@given(parameters, position)
def test_monotone_and_complementary(terms, position):
    w, k, delta, x = law_and_x(terms, position)
    law = ib.laws.GeneralizedChi2(w, k, delta)
    lower = law.logcdf(x * np.array([0.9, 1.0, 1.1]))
    assert (np.diff(lower) > 0).all() or lower[-1] > -1e-12
    assert math.exp(law.logcdf(x)) + math.exp(law.logccdf(x)) == pytest.approx(1, abs=1e-13)


@settings(max_examples=40, deadline=None)
@given(parameters, position, st.sampled_from([2.0**-40, 0.5, 2.0**30]))
def test_scale_equivariant_and_blind_to_order(terms, position, factor):
    w, k, delta, x = law_and_x(terms, position)
    value = ib.laws.GeneralizedChi2(w, k, delta).logcdf(x)
    scaled = ib.laws.GeneralizedChi2(factor * w, k, delta).logcdf(factor * x)
    reverse = ib.laws.GeneralizedChi2(w[::-1].copy(), k[::-1].copy(), delta[::-1].copy()).logcdf(x)
    assert scaled == pytest.approx(value, rel=1e-13, abs=1e-14)
    assert reverse == pytest.approx(value, rel=1e-13, abs=1e-14)


@settings(max_examples=40, deadline=None)
@given(parameters, position, st.floats(0.1, 0.9))
def test_blind_to_splitting_a_term(terms, position, share):
    w, k, delta, x = law_and_x(terms, position)
    split = ib.laws.GeneralizedChi2(
        np.append(w, w[0]),
        np.append(k, share * k[0]) - np.eye(len(w) + 1)[0] * share * k[0],
        np.append(delta, delta[0]) - np.eye(len(w) + 1)[0] * delta[0],
    )
    value = ib.laws.GeneralizedChi2(w, k, delta).logcdf(x)
    assert split.logcdf(x) == pytest.approx(value, rel=1e-12, abs=1e-13)


@settings(max_examples=30, deadline=None)
@given(parameters, position)
def test_density_is_the_derivative(terms, position):
    w, k, delta, x = law_and_x(terms, position)
    law = ib.laws.GeneralizedChi2(w, k, delta)
    # Richardson's extrapolation of the slope of the smaller tail's logarithm; error of order h^4.
    tail, sign = (law.logcdf, 1) if x < law.mean() else (law.logccdf, -1)
    h = 2e-4 * min(x, math.sqrt(law.variance()))
    d1, d2 = ((tail(x + s) - tail(x - s)) / (2 * s) for s in (h, 2 * h))
    slope = sign * (4 * d1 - d2) / 3
    assert math.exp(law.logpdf(x) - tail(x)) == pytest.approx(slope, rel=2e-6)


@settings(max_examples=25, deadline=None)
@given(parameters, st.floats(-1e6, -1e-12))
def test_round_trips(terms, logp):
    w, k, delta, _ = law_and_x(terms, 0)
    law = ib.laws.GeneralizedChi2(w, k, delta)
    x = law.ilogcdf(logp)
    if x < 1e-280 * max(w):
        return  # smaller than float64 can resolve
    # x itself is rounded, which moves log P by its slope times the spacing of float64 at x.
    slope = math.exp(law.logpdf(x) - law.logcdf(x))
    assert abs(law.logcdf(x) - logp) <= 1e-12 * abs(logp) + 4 * slope * np.spacing(x) + 1e-15


def test_icdf_agrees_with_ilogcdf():
    law = ib.laws.GeneralizedChi2([0.3, 0.01], [4, 9], [0.5, 3.0])
    p = np.array([1e-300, 1e-5, 0.3, 0.5, 0.9, 1 - 1e-15])
    np.testing.assert_allclose(law.cdf(law.icdf(p)), p, rtol=1e-11)
    np.testing.assert_array_equal(law.icdf([0.0, 1.0]), [0.0, np.inf])


@pytest.mark.parametrize("df", [0.2, 1, 1.5, 3, 1000])
def test_quantiles_between_median_and_mean(df):
    """Half of the probability may lie far below the mean: 68 % of it for one degree of freedom."""
    p = np.array([0.45, 0.499999, 0.5, 0.500001, 0.55, 0.6, 0.68, 0.69, 0.8, 0.9])
    law = ib.laws.GeneralizedChi2([2.0], df, 0.0)
    np.testing.assert_allclose(law.icdf(p), 2 * stats.chi2(df).ppf(p), rtol=1e-12)


def test_a_quantile_too_close_to_the_floor_for_float64_is_rounded_to_it():
    assert ib.laws.GeneralizedChi2([1.0], [1], [0.0], offset=1.0).icdf(1e-300) == 1.0
    assert ib.laws.GeneralizedChi2([1.0], [1], [0.0]).ilogcdf(-1e5) == 0.0


# --- the edges ------------------------------------------------------------------------------------


def test_offset_is_the_floor_and_the_only_way_to_probability_zero():
    law = ib.laws.GeneralizedChi2([1.0], [3], [2.0], offset=0.5)
    np.testing.assert_array_equal(law.logcdf([-1.0, 0.5, -np.inf]), [-np.inf] * 3)
    np.testing.assert_array_equal(law.logccdf([-1.0, 0.5]), [0.0, 0.0])
    assert math.isfinite(law.logcdf(math.nextafter(0.5, 1.0)))
    assert (law.logcdf(np.inf), law.logccdf(np.inf)) == (0.0, -np.inf)
    assert law.ilogcdf(-np.inf) == 0.5


@pytest.mark.parametrize("df, at_floor", [(1, np.inf), (2, math.log(0.5)), (3, -np.inf)])
def test_density_at_the_floor(df, at_floor):
    law = ib.laws.GeneralizedChi2([1.0], [df], [0.0])
    assert law.logpdf(0.0) == pytest.approx(at_floor)
    assert law.logpdf(-1.0) == -np.inf


def test_shape_and_kind_are_kept():
    law = ib.laws.GeneralizedChi2([1.0, 2.0], [3, 1], [2.0, 0.0])
    assert type(law.logcdf(1.0)) is float
    assert type(law.logcdf(np.float32(1.0))) is float
    assert law.logcdf([[1.0, 2.0, 3.0]]).shape == (1, 3)
    assert law.logcdf(np.zeros((0, 2))).shape == (0, 2)
    tensor = law.logcdf(torch.ones(2, 2))
    assert isinstance(tensor, torch.Tensor)
    assert (tensor.shape, tensor.dtype) == ((2, 2), torch.float64)
    assert law.ilogcdf(np.full((2, 1), -3.0)).shape == (2, 1)


def test_many_x_at_once_equal_one_at_a_time():
    w = 10.0 ** np.random.default_rng(0).uniform(-6, 0, 300)
    law = ib.laws.GeneralizedChi2(w, 1, 5.0)
    x = law.mean() * np.geomspace(1e-3, 3, 40)
    single = np.array([law.logcdf(float(a)) for a in x])
    np.testing.assert_allclose(law.logcdf(x), single, rtol=1e-13, atol=1e-15)


def test_ten_thousand_terms():
    rng = np.random.default_rng(0)
    w = 10.0 ** rng.uniform(-25, 0, 10_000)
    delta = 10.0 ** rng.uniform(-2, 7, 10_000)
    law = ib.laws.GeneralizedChi2(w, 1, delta)
    x = law.mean() * np.array([1e-4, 0.3, 0.99999, 1.0001])
    whole = law.logcdf(x)
    halves = ib.laws.GeneralizedChi2(np.repeat(w, 2), 0.5, np.repeat(delta / 2, 2)).logcdf(x)
    np.testing.assert_allclose(whole, halves, rtol=1e-12, atol=1e-13)


def test_the_integrator_knows_when_it_fails(monkeypatch):
    law = ib.laws.GeneralizedChi2([1.0], [1], [0.0])
    monkeypatch.setattr(_contour, "_MOST_NODES", 8)
    with pytest.raises(_contour.TailIntegralError, match=r"x: at 0.5 .* 1 terms, weights 1 to 1"):
        law.logcdf(0.5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([], [], []), r"weights: found shape \(0,\)"),
        (([1.0, -1.0], 1, 0), "weights: found -1.0 at position 1"),
        (([0.0], 1, 0), "weights: found 0.0 at position 0; .* Leave out"),
        (([np.nan], 1, 0), "weights: found nan"),
        (([np.inf], 1, 0), "weights: found inf"),
        (([1.0], [0], 0), "df: found 0.0"),
        (([1.0], [-2], 0), "df: found -2.0"),
        (([1.0, 1.0], [1], 0), r"df: found shape \(1,\) for 2 weights"),
        (([1.0], 1, [-0.1]), "nc: found -0.1"),
        (([1.0], 1, [np.nan]), "nc: found nan"),
        (([1.0], 1, [1.0, 2.0]), r"nc: found shape \(2,\)"),
        (([[1.0]], 1, 0), r"weights: found shape \(1, 1\)"),
        ((["a"], 1, 0), "weights: found data of type"),
        (([1.0], 1, 0, np.nan), "offset: found nan"),
    ],
)
def test_bad_parameters_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ib.laws.GeneralizedChi2(*arguments)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda law: law.logcdf(np.nan), "x: found nan"),
        (lambda law: law.logcdf([1.0, np.nan]), "x: found nan"),
        (lambda law: law.logcdf("a"), "x: found data of type"),
        (lambda law: law.icdf(1.5), r"p: found 1.5; give values in \[0, 1\]"),
        (lambda law: law.icdf(-0.1), "p: found -0.1"),
        (lambda law: law.ilogcdf(0.1), "logp: found 0.1"),
        (lambda law: law.ilogcdf(np.nan), "logp: found nan"),
        (lambda law: law.sample(0, seed=0), "n: found 0"),
    ],
)
def test_bad_questions_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(ib.laws.GeneralizedChi2([1.0], [3], [2.0]))


# --- found by hunting for defects ---------------------------------------------------------------


def test_probabilities_near_one_are_answered():
    """Their logarithm is promised to 2e-13, not relatively."""
    for df in (0.01, 0.05):
        law, scipy_law = ib.laws.GeneralizedChi2([1.0], df, 0.0), stats.chi2(df)
        p = np.array([0.3, 0.9, 0.99])
        np.testing.assert_allclose(law.icdf(p), scipy_law.ppf(p), rtol=1e-9)
    law = ib.laws.GeneralizedChi2([1.0, 1e5], [1000, 0.03], 0.0)
    losses = stats.chi2(1000).rvs(200_000, random_state=0)
    losses += 1e5 * stats.chi2(0.03).rvs(200_000, random_state=1)
    p = (losses <= 1500.0).mean()
    assert abs(math.exp(law.logcdf(1500.0)) - p) < 4 * math.sqrt(p * (1 - p) / 200_000)


@pytest.mark.parametrize("df", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("noncentrality", [1e14, 1e17, 1e20])
def test_samples_of_huge_noncentralities(df, noncentrality):
    law = ib.laws.GeneralizedChi2([1.0, 2.0], df, noncentrality)
    x = law.sample(4000, seed=0)
    assert abs(x.mean() - law.mean()) < 4 * math.sqrt(law.variance() / 4000)
    assert x.var() == pytest.approx(law.variance(), rel=0.1)


def test_what_is_no_seed():
    seed = -1
    task = ib.tasks.load("digits", n_train=20, n_test=10)
    space, law = ib.GaussianSpace(ib.kernels.RBF(2.0)), ib.laws.GeneralizedChi2([1.0], 2.0, 0.0)
    for draw in (
        lambda: law.sample(3, seed=seed),
        lambda: ib.laws.Normal(0.0, 1.0).sample(3, seed=seed),
        lambda: space.sample_losses(task, 3, seed=seed),
        lambda: ib.rare_event_bias(space, task, loss="mse", target_error=0.1, seed=seed),
        lambda: ib.laws.tilted_importance_sampling(law, 0.1, seed=seed),
        lambda: ib.estimate_bias(np.arange(1.0, 20.0), 0.5, seed=seed),
        *(
            lambda name=name: ib.tasks.load(name, n_train=20, n_test=10, seed=seed)
            for name in ("digits", "mnist", "synthetic", "pendulum")
        ),
    ):
        with pytest.raises(ValueError, match=r"seed: found .*; give a whole number of at least 0"):
            draw()


@pytest.mark.parametrize(
    "target", [None, "0.1", [0.1, "a"], torch.tensor([0.1j])], ids=["None", "text", "mixed", "1j"]
)
def test_targets_that_are_no_real_numbers(target):
    law = ib.laws.GeneralizedChi2([1.0], 2.0, 0.0)
    with pytest.raises(
        ValueError, match=r"target_error: found data of type .*; give (real numbers|its real)"
    ):
        ib.inductive_bias(law, target)


def test_targets_of_any_kind():
    law = ib.laws.GeneralizedChi2([1.0], 2.0, 0.0)
    expected = ib.inductive_bias(law, 0.5).bits
    for target in (torch.tensor(0.5, requires_grad=True), torch.tensor(0.5, dtype=torch.bfloat16)):
        assert ib.inductive_bias(law, target).bits == expected


# --- near the mean --------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["logcdf", "logccdf", "logpdf"])
@pytest.mark.parametrize("dof", [0.2, 1.0, 30.0, 1e4, 1e5, 1e6, 1e7])
def test_no_accident_near_the_mean_breaks_the_promise(dof, part):
    """A difference of two sums that is zero by accident once passed for their error."""
    law, sd = ib.laws.GeneralizedChi2([1.0], dof, 0.0), math.sqrt(2 * dof)
    kind = {"upper": part == "logccdf", "density": part == "logpdf"}
    exact = Interpolated.between(
        lambda x: log_chi2_in_balls(dof, 0.0, x, **kind), max(0.1 * dof, dof - sd), dof + sd, sd
    )
    x = np.linspace(exact.low, exact.high, 500)[1:-1]
    found, true = getattr(law, part)(x), exact(x)
    least = 1.0 if part == "logpdf" else 0.2
    assert (np.abs(found - true) <= 1e-13 * np.maximum(np.abs(true), least)).all()


@pytest.mark.parametrize(
    "dof, part, x",
    [
        (1e5, "logccdf", 99922.6),
        (1e4, "logccdf", 9984.69),
        (1e6, "logpdf", 999979.44794),
        (1.0, "logpdf", 5.1262124974),
    ],
)
def test_where_two_sums_once_agreed_by_accident(dof, part, x):
    kind = {"upper": part == "logccdf", "density": part == "logpdf"}
    true = mpmath.mpf(log_chi2_in_balls(dof, 0.0, x, **kind).mid().str(40, radius=False))
    law = ib.laws.GeneralizedChi2([1.0], dof, 0.0)
    assert relative_error(getattr(law, part)(x), true) < 1e-14


@pytest.mark.parametrize("dof", [1.0, 1e4, 1e5, 1e7])
def test_neighbouring_floats_are_in_order_and_inverted(dof):
    law, sd = ib.laws.GeneralizedChi2([1.0], dof, 0.0), math.sqrt(2 * dof)
    for z in (-0.4, -0.21, -0.01, 0.3):
        x = max(dof + z * sd, 0.3) * (1 + np.arange(200) * 2.0**-52)
        log_p = law.logcdf(x)
        assert (np.diff(log_p) >= -2e-15).all()
        np.testing.assert_allclose(law.ilogcdf(log_p[::20]), x[::20], rtol=1e-12)


def test_a_quantile_that_the_integrals_error_once_hid():
    law = ib.laws.GeneralizedChi2([1.0], 1e5, 0.0)
    assert law.logcdf(law.ilogcdf(-0.8393085185156159)) == pytest.approx(
        -0.8393085185156159, rel=1e-12
    )


@pytest.mark.parametrize("upper, density", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("seed", range(12))
def test_the_error_of_a_coarse_sum_is_bounded(seed, upper, density):
    """With so few nodes that the error shows."""
    w, k, delta, _ = random_law(seed)
    law = ib.laws.GeneralizedChi2(w, k, delta)
    terms = law._terms
    mean, sd = terms.mean_hi[-1], law.variance() ** 0.5 / 2.0**terms.exponent
    x = mean * torch.linspace(0.02, 0.99, 30) if not upper else mean + sd * torch.linspace(0, 6, 30)
    saddle = find_saddle(terms, x, upper=upper)
    slope = exponent_at(terms, saddle.t, saddle.one_plus_u, x, torch.zeros_like(x))[1]
    curve = Curve.through(terms, saddle, slope, density=density)
    end = curve.end()
    series, bound = curve._bound(end)
    best, _ = curve.trapezoid(series, end, 3000)
    for nodes in (4, 5, 6, 7, 8, 10, 12):
        error = (curve.trapezoid(series, end, nodes)[0] - best).abs()
        shown = error > 1e-12 * best.abs()
        assert (torch.log(error) <= bound.log_error(end / nodes))[shown].all()


# --- the ends of the number line ------------------------------------------------------------------


def log_p_of_tiny_x(w, k, delta, x):
    """Two orders of P(Q <= x) as x tends to 0, with 40 digits."""
    mpmath.mp.dps = 40
    w, k, delta = ([mpmath.mpf(float(a)) for a in b] for b in (w, k, delta))
    half = mpmath.fsum(k) / 2
    out = half * mpmath.log(mpmath.mpf(x)) - mpmath.loggamma(half + 1)
    for a, b, c in zip(w, k, delta, strict=True):
        out -= b / 2 * mpmath.log(2 * a) + c / 2
    return out


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-9, 1.0, 1e200, 1e300])
def test_x_that_is_tiny_next_to_every_weight(scale):
    w, k, delta = scale * np.array([0.3, 1.0]), np.array([3.0, 4.5]), np.array([2.0, 0.0])
    law = ib.laws.GeneralizedChi2(w, k, delta)
    for x in (5e-324, 1e-320, 1e-305, 1e-300, 1e-250, 1e-100):
        if x < 1e-18 * scale:
            true = log_p_of_tiny_x(w, k, delta, x)
            assert relative_error(law.logcdf(x), true) < 1e-13
            assert law.logccdf(x) == pytest.approx(-float(mpmath.exp(true)), rel=1e-9, abs=1e-320)
            density = true + mpmath.log(mpmath.mpf(3.75)) - mpmath.log(mpmath.mpf(x))
            assert relative_error(law.logpdf(x), density) < 1e-13


def test_weights_that_are_600_decades_apart():
    """The small one is all that there is to x, and the large one only lets through so much."""
    law = ib.laws.GeneralizedChi2([1e-300, 1e300], [3.0, 2.0], [1.0, 0.0])
    for x in (1e-280, 1e-100, 1.0):  # E[(x - small)] / (2 large), and the small one is negligible
        assert relative_error(law.logcdf(x), mpmath.log(mpmath.mpf(x) / 2 / mpmath.mpf(1e300))) < (
            1e-13 if x > 1e-270 else 1e-2
        )


@pytest.mark.parametrize("scale", [2.0**-1030, 1e-200, 1e-9, 1.0, 1e200, 2.0**1000])
def test_any_scale_is_like_any_other(scale):
    w, k, delta = np.array([0.01, 0.2, 1.0]), [1.0, 5.0, 2.0], [3.0, 0.0, 1.0]
    if scale < 1:
        w = np.ldexp(w, 60) if scale < 2.0**-1022 else w  # no digit lost in subnormal numbers
    law, scaled = ib.laws.GeneralizedChi2(w, k, delta), ib.laws.GeneralizedChi2(scale * w, k, delta)
    x = law.mean() * np.array([1e-3, 0.5, 1.0, 3.0])
    for name in ("logcdf", "logccdf"):
        expected = getattr(law, name)(x)
        np.testing.assert_allclose(getattr(scaled, name)(scale * x), expected, rtol=1e-12)
    density = law.logpdf(x) - math.log(scale)
    np.testing.assert_allclose(scaled.logpdf(scale * x), density, rtol=1e-12)
    p = np.array([-1e5, -1e3, -50.0, -0.4, -1e-9])
    np.testing.assert_allclose(scaled.ilogcdf(p), scale * law.ilogcdf(p), rtol=1e-11, atol=1e-320)
    assert scaled.mean() == pytest.approx(scale * law.mean(), rel=1e-14)
    np.testing.assert_allclose(scaled.sample(9, seed=0), scale * law.sample(9, seed=0), rtol=1e-9)


def test_an_answer_below_float64_is_the_offset_and_spoils_no_other():
    for scale in (1.0, 5e-9, 1e-30, 1e-300):
        law = ib.laws.GeneralizedChi2([scale], [3.0], [1.0])
        found = law.ilogcdf([-1e5, -0.5, -3000.0, -2.0])
        assert found[0] == found[2] == 0
        np.testing.assert_allclose(law.logcdf(found[[1, 3]]), [-0.5, -2.0], rtol=1e-11)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_a_variance_that_float64_does_not_hold_is_refused(scale):
    law = ib.laws.GeneralizedChi2([scale], [3.0], [1.0])
    with pytest.raises(ArithmeticError, match=r"variance: about 1e-?[34]\d\d, which float64"):
        law.variance()
    assert ib.laws.GeneralizedChi2([1e-150], [3.0], [1.0]).variance() == pytest.approx(1e-299)
    with pytest.raises(ArithmeticError, match="mean: about 1e309"):
        ib.laws.GeneralizedChi2([1e308], [10.0], [0.0]).mean()


@pytest.mark.parametrize("w", [1e-300, 1e-9, 1.0, 1e200])
def test_upper_tails_however_far(w):
    """Exponential: log P(L > x) = -x/2w, to every digit once x is large."""
    law = ib.laws.GeneralizedChi2([0.1 * w, w], [3.0, 2.0], [2.0, 0.0])
    shift = law.logccdf(1e6 * w) + 1e6 / 2
    for x in (1e9, 1e50, 1e89, 1e91, 1e150, 1e250):
        if x * w < 1e308:
            assert law.logccdf(x * w) == pytest.approx(shift - x / 2, rel=1e-12)
            assert law.logcdf(x * w) == 0
            density = shift - x / 2 - math.log(2 * w)
            assert law.logpdf(x * w) == pytest.approx(density, rel=1e-12)


def test_the_largest_and_the_smallest_numbers():
    law = ib.laws.GeneralizedChi2([1.0], [2.0], [0.0])
    assert law.logccdf(1e308) == -5e307
    assert law.logcdf([1e308, np.inf]).tolist() == [0, 0]
    assert law.logcdf(5e-324) == pytest.approx(math.log(5e-324) - math.log(2), rel=1e-13)
    assert ib.laws.GeneralizedChi2([1e-9], [2.0], [0.0]).logccdf(1e308) == -np.inf  # -5e316


def test_many_x_take_little_memory():
    """The temporary arrays, not only the results, were of the size of x times the nodes."""
    law = ib.laws.GeneralizedChi2([1.0], 0.2, 0.0)
    x = np.geomspace(1e-6, 5, 40_000)
    tracked = []
    original = torch.exp
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "exp", lambda a: (tracked.append(a.numel()), original(a))[1])
        found = law.logcdf(x)
    assert max(tracked) < 2**20
    np.testing.assert_allclose(found, stats.chi2(0.2).logcdf(x), rtol=1e-9, atol=1e-12)


def test_next_to_no_degrees_of_freedom_are_answered_or_refused():
    """Where numbers cancel that are much larger than the tail, rounding errors are counted."""
    rng = np.random.default_rng(0)
    answered = 0
    for _ in range(40):
        dof = 10 ** rng.uniform(-9, -2)
        law = ib.laws.GeneralizedChi2([1.0], dof, 0.0)
        for x in dof * np.array([1e-3, 0.999, 1.001, 1e3]):
            for upper, tail in ((False, law.logcdf), (True, law.logccdf)):
                true = log_chi2_in_balls(dof, 0.0, x, upper=upper)
                try:
                    found = tail(x)
                except ib.laws.TailIntegralError:
                    continue
                answered += 1
                assert relative_error(found, mpmath.mpf(true.mid().str(30, radius=False))) < 2e-12
    assert answered > 100
    law = ib.laws.GeneralizedChi2([0.77, 0.96, 0.51], [2e-3, 2e-8, 2e-9], 0.0)
    with pytest.raises(ib.laws.TailIntegralError, match=r"x: at .*add up to 0.002 only"):
        law.logcdf([1e-3, 0.056])


def test_huge_noncentralities_are_answered():
    """Beyond 1e33 the saddle is narrower than float64; then its integral is far below a digit."""
    for delta in 10.0 ** np.arange(30, 44, 2):
        law = ib.laws.GeneralizedChi2([1.0], 1.0, delta)
        for x in delta * np.array([1e-4, 0.01, 0.3, 0.9, 1.1, 3.0, 1e3]):
            with mpmath.workdps(60):
                true = mpmath.log(mpmath.ncdf(-abs(mpmath.sqrt(x) - mpmath.sqrt(delta))))
            tail = law.logcdf if x < delta else law.logccdf
            assert relative_error(tail(x), true) < 1e-12


def test_no_probability_exceeds_one_and_none_is_nan():
    """Rounding made log P positive where P(L > x) is 1e-98, and its logarithm NaN."""
    law = ib.laws.GeneralizedChi2([1.0, 0.5], 5e-101, 0.0)
    assert law.logcdf(law.mean() / 2) <= 0
    with pytest.raises(ib.laws.TailIntegralError, match="P\\(L > x\\) has no twelve digits"):
        law.logccdf(law.mean() / 2)


def test_a_law_does_not_change():
    """What it was made of can be read; what is written to it would change some answers only."""
    law = ib.laws.GeneralizedChi2([1.0, 2.0], [1.0, 3.0], [1.0, 3.0], 0.1)
    before = law.logcdf(0.5), law.mean()
    for parameter in (law.weights, law.df, law.nc):
        parameter[0] = 50.0
    assert (law.logcdf(0.5), law.mean()) == before
    losses = law.sample(100, seed=0)
    laws = ib.laws
    for name, other in (
        ("offset", law),
        ("lowest", law),
        ("df", laws.ScaledChi2(4.0, 1.0)),
        ("scale", laws.ScaledNoncentralChi2.fit(losses)),
        ("log_likelihood", laws.ScaledNoncentralChi2.fit(losses)),
        ("standard_deviation", laws.Normal(1.0, 1.0)),
        ("threshold", laws.GeneralizedPareto.fit(losses)),
        ("lowest", laws.Empirical(losses)),
    ):
        before = other.logcdf(losses.min()), getattr(other, name)
        with pytest.raises(AttributeError):
            setattr(other, name, 2.5)
        assert (other.logcdf(losses.min()), getattr(other, name)) == before


@pytest.mark.parametrize(
    "law",
    [
        ib.laws.ScaledNoncentralChi2(df=0.1, nc=1e20, scale=1e300),
        ib.laws.ScaledChi2(df=1e6, scale=1e303),
    ],
    ids=repr,
)
def test_losses_beyond_float64_are_refused(law):
    """The median is 1e309 and more: it was an OverflowError, or inf, and so were samples."""
    for ask in (
        lambda: law.icdf(0.5),
        lambda: law.ilogcdf([-1e4, -1.0]),
        lambda: law.sample(3, seed=0),
    ):
        with pytest.raises((ib.laws.TailIntegralError, ArithmeticError)) as refusal:
            ask()
        assert type(refusal.value) in (ib.laws.TailIntegralError, ArithmeticError)
        assert "float64" in str(refusal.value) or "no digit is returned" in str(refusal.value)
