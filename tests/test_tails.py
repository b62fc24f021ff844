"""Fitted laws, against SciPy, 40-digit arithmetic, closed forms, simulation, the released code."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats

import ibhelpers as ib
from ibhelpers.laws._noncentral_density import log_density
from ibhelpers.laws.empirical import certified_bits
from tests.examples import noncentral

KINDS = (
    ib.laws.Empirical,
    ib.laws.Normal,
    ib.laws.ScaledChi2,
    ib.laws.GeneralizedPareto,
    ib.laws.ScaledNoncentralChi2,
)


# --- the noncentral chi-squared density ----------------------------------------------------------


@pytest.mark.parametrize("df", [0.01, 0.5, 1, 2, 5, 30, 101.99, 102, 150, 500, 4000])
def test_log_density_against_40_digits(df):
    for nc, position in itertools.product([0, 1e-8, 0.5, 40, 5000, 1e6], [-4, 0, 1, 6]):
        mean, sd = df + nc, math.sqrt(2 * (df + 2 * nc))
        x = mean + position * sd if position * sd > -mean else 0.01 * mean
        with mpmath.workdps(40):
            half_df, quarter = mpmath.mpf(df) / 2, mpmath.mpf(nc) * mpmath.mpf(x) / 4
            true = (half_df - 1) * mpmath.log(mpmath.mpf(x) / 2) - (mpmath.mpf(x) + nc) / 2
            true -= mpmath.loggamma(half_df) + mpmath.log(2)
            true += mpmath.log(mpmath.hyp0f1(half_df, quarter))
            assert abs(float(log_density(x, df, nc) - true)) < 1e-10


# --- maximum likelihood --------------------------------------------------------------------------

SHAPES = [(1, 0), (2, 4), (0.5, 1), (12, 30), (0.3, 50), (200, 100), (30, 3000)]


@pytest.mark.parametrize(("df", "nc"), SHAPES)
def test_fit_reaches_at_least_the_likelihood_that_scipy_reaches(df, nc):
    x = noncentral(df, nc, 500, scale=0.01)
    found, theirs = ib.laws.ScaledNoncentralChi2.fit(x), stats.ncx2.fit(x, floc=0)
    ours = stats.ncx2.logpdf(x, found.df, found.nc, scale=found.scale).sum()
    best = stats.ncx2.logpdf(x, *theirs).sum()
    assert ours >= best - 1e-6 * abs(best)
    assert found.log_likelihood == pytest.approx(ours, rel=1e-9, abs=1e-7)


@pytest.mark.parametrize(("df", "nc"), SHAPES)
def test_no_law_near_the_fitted_one_has_a_higher_likelihood(df, nc):
    x = noncentral(df, nc, 500)
    found = ib.laws.ScaledNoncentralChi2.fit(x)
    best = stats.ncx2.logpdf(x, found.df, found.nc, scale=found.scale).sum()
    factors = itertools.product([0.9, 0.99, 1, 1.01, 1.1], repeat=3)
    for a, b, c in [*factors, (0.5, 1.5, 1), (1.5, 0.5, 1)]:
        nc_there = b * max(found.nc, 0.01 * found.df)
        there = stats.ncx2.logpdf(x, a * found.df, nc_there, scale=c * found.scale).sum()
        # towards the end of the ridge, at a share of 0.9999, the likelihood may still rise
        assert there <= best + (1e-7 if found.profile.best[1] < 0.999 else 0.01)


def test_fit_does_not_depend_on_the_unit():
    x = noncentral(12, 30, 300)
    a, b = ib.laws.ScaledNoncentralChi2.fit(x), ib.laws.ScaledNoncentralChi2.fit(1e-9 * x)
    np.testing.assert_allclose([b.df, b.nc, 1e9 * b.scale], [a.df, a.nc, a.scale], rtol=1e-4)


def test_moments_of_from_moments():
    for df, nc in [(3, 1), (50, 400), (10, 0)]:
        mean, variance, skewness = (float(m) for m in stats.ncx2.stats(df, nc, moments="mvs"))
        law = ib.laws.ScaledNoncentralChi2.from_moments(mean, variance, skewness)
        np.testing.assert_allclose([law.df, law.nc, law.scale], [df, nc, 1], rtol=1e-6, atol=1e-6)
    # a skewness that no law has: the nearer end, with the other two moments kept
    for skewness, share in ((0.0, 0.9999), (9.0, 0.0)):
        law = ib.laws.ScaledNoncentralChi2.from_moments(2.0, 0.5, skewness)
        assert law.nc / (law.df + law.nc) == pytest.approx(share)
        assert (law.mean(), law.variance()) == pytest.approx((2.0, 0.5))


def test_the_closest_law_is_closest():
    member = ib.laws.ScaledNoncentralChi2(4.0, 8.0, 0.1)
    found = ib.laws.ScaledNoncentralChi2.closest_to(member.general)
    np.testing.assert_allclose([found.df, found.nc, found.scale], [4, 8, 0.1], rtol=1e-3)

    law = ib.laws.GeneralizedChi2([1.0, 0.2], [3.0, 8.0], [2.0, 5.0])
    found = ib.laws.ScaledNoncentralChi2.closest_to(law)

    x = np.linspace(law.icdf(1e-13), law.icdf(1 - 1e-13), 5001)
    density = law.pdf(x)

    def expected_log_density(df, nc, scale):
        return integrate.simpson(density * stats.ncx2.logpdf(x, df, nc, scale=scale), x=x)

    best = expected_log_density(found.df, found.nc, found.scale)
    for a, b, c in [(1.05, 1, 1), (0.95, 1, 1), (1, 1.05, 1), (1, 0.95, 1), (1, 1, 1.03)]:
        nc = b * max(found.nc, 0.1)
        assert expected_log_density(a * found.df, nc, c * found.scale) < best + 1e-9


# --- the ridge -----------------------------------------------------------------------------------


def test_a_flat_ridge_is_reported_and_holds_laws_that_losses_cannot_tell_apart():
    x = noncentral(2000, 2000, 2000, scale=1e-4)
    fitted = ib.laws.ScaledNoncentralChi2.fit(x)
    assert fitted.profile.is_flat
    assert fitted.profile.share_interval() == (0.0, 0.9999)
    best = fitted.logpdf(x).sum()  # by the contour integral; SciPy's density underflows
    limit = stats.chi2.ppf(0.95, 1) / 2
    bits = []
    for law in fitted.profile.laws():
        there = law.logpdf(x).sum()
        assert best - limit - 1e-6 <= there <= best + 1e-6
        bits.append(-law.logcdf(0.01) / math.log(2))
    assert fitted.profile.bits_interval(0.01) == (min(bits), max(bits))
    assert max(bits) > 1.5 * min(bits)


def test_losses_show_the_share_in_their_skewness_alone():
    for share, factor in ((0.0, 2.0), (0.9999, 1.5)):
        law = ib.laws.ScaledNoncentralChi2._from_shape(1.0, math.log(1e-3), share)
        skewness = float(stats.ncx2.stats(law.df, law.nc, moments="s"))
        assert skewness == pytest.approx(factor * math.sqrt(1e-3), rel=1e-4)


def test_share_interval_covers():
    """In 95 % of samples, within 3 standard errors of 100."""
    covered = 0
    for seed in range(100):
        ridge = ib.laws.ScaledNoncentralChi2.fit(noncentral(2, 4, 1000, seed)).profile
        low, high = ridge.share_interval()
        covered += low <= 4 / 6 <= high
    assert abs(covered - 95) <= 3 * math.sqrt(100 * 0.95 * 0.05)


def test_share_interval_ends_where_the_likelihood_has_fallen_by_its_limit():
    x = noncentral(2, 4, 2000)
    ridge = ib.laws.ScaledNoncentralChi2.fit(x).profile
    assert not ridge.is_flat
    low, high = ridge.share_interval()
    assert 0 < low < high < 0.9999
    best = ridge.log_likelihood.max()
    for share in (low, high):  # the best law of that share, by SciPy's density and search
        start = ib.laws.ScaledNoncentralChi2._from_shape(x.mean(), ridge.best[0], share)

        def minus(p, start=start):
            df, nc = start.df * math.exp(p[0]), start.nc * math.exp(p[0])
            return -stats.ncx2.logpdf(x, df, nc, scale=start.scale * math.exp(p[1])).sum()

        there = -optimize.minimize(minus, [0.0, 0.0], method="Nelder-Mead").fun
        assert best - there == pytest.approx(stats.chi2.ppf(0.95, 1) / 2, abs=0.01)


# --- the released code ---------------------------------------------------------------------------

# (target, df, nc, scale, nats), printed by the released utils.py, commit 1004025, with SciPy 1.17.1
RELEASED = [
    (0.3, 4.0, 8.0, 0.1, 3.313593298157495),
    (0.05, 2000.0, 2000.0, 1e-4, 1310.807285513213),
    (0.001, 1514.92, 1360.0, 0.000155528, 2520.5329389484987),
    (0.02, 3850.0, 0.0, 0.000116, 3601.8738732852207),
    (0.2, 410.0, 27.0, 0.0017, 122.69203776080182),
    (0.4, 1.5, 900.0, 0.001, 53.33372570332108),
]


@pytest.mark.parametrize(("target", "df", "nc", "scale", "nats"), RELEASED)
def test_released_bits_are_those_of_the_released_code(target, df, nc, scale, nats):
    law = ib.laws.ScaledNoncentralChi2(df, nc, scale)
    assert ib.paper.released_bits(law, target) == pytest.approx(nats / math.log(2), rel=1e-10)


def test_the_figures_of_the_design_are_those_of_one_law():
    """Its losses are unknown, but this law (found by least squares) has its exact tails, in nats,
    and from it the released code's rule gives the released code's figures."""
    law = ib.laws.ScaledNoncentralChi2(1768.95, 1569.71, 0.000133529)
    targets = [0.09, 0.05, 0.01, 0.001]
    np.testing.assert_allclose(-law.logcdf(targets), [832.1, 1311.7, 2706.3, 4738.5], atol=0.06)
    released = ib.paper.released_bits(law, targets) * math.log(2)
    np.testing.assert_allclose(released, [790.8, 1202.9, 2154.6, 2938.8], atol=0.06)


def test_the_search_of_the_released_code_stops_far_from_the_maximum():
    x = noncentral(3850, 0, 10_000, seed=1, scale=1.16e-4)
    released, fitted = ib.paper.released_fit(x), ib.laws.ScaledNoncentralChi2.fit(x)
    assert fitted.variance() == pytest.approx(x.var(), rel=0.01)
    assert released.log_likelihood < fitted.log_likelihood - 100
    assert released.variance() > 1.2 * x.var()
    theirs = stats.ncx2.logpdf(x, released.df, released.nc, scale=released.scale).sum()
    assert released.log_likelihood == pytest.approx(theirs, rel=1e-9)


# --- the other laws ------------------------------------------------------------------------------


def test_empirical_limits_are_those_of_clopper_and_pearson():
    x = noncentral(4, 0, 200)
    law = ib.laws.Empirical.fit(x)
    for target in [0.001, np.sort(x)[0], 1.0, 5.0, np.sort(x)[-1], 100.0]:
        exact = stats.binomtest(int((x <= target).sum()), 200).proportion_ci(0.95, "exact")
        low, high = (float(end) for end in law.log_limits(torch.tensor(target).double()))
        assert (math.exp(low), math.exp(high)) == pytest.approx((exact.low, exact.high))


def test_empirical_says_at_least_below_the_smallest_loss():
    law = ib.laws.Empirical.fit(np.linspace(1, 2, 1000))
    bias = ib.inductive_bias(law, [0.5, 1.5])
    assert bias.at_least.tolist() == [True, False]
    certified = -math.log2(stats.binomtest(0, 1000).proportion_ci(0.95, "exact").high)
    assert bias.bits == pytest.approx([certified, 1.0], abs=0.01)
    assert certified_bits(1000) == pytest.approx(certified)
    assert bias.interval[1][0] == math.inf and bias.interval[1][1] < 1.2
    assert repr(ib.inductive_bias(law, 0.5)) == "at least 8.1 bits at target error 0.5"


def test_empirical_law_of_a_discrete_loss():
    law = ib.laws.Empirical([0.0] * 3 + [0.5] * 5 + [1.0] * 2)
    np.testing.assert_allclose(law.cdf([-0.1, 0, 0.4, 0.5, 1]), [0, 0.3, 0.3, 0.8, 1])
    np.testing.assert_allclose(law.ccdf([-0.1, 0, 0.5, 1]), [1, 0.7, 0.2, 0])
    np.testing.assert_allclose(law.icdf([0, 0.3, 0.31, 0.8, 0.81, 1]), [0, 0, 0.5, 0.5, 1, 1])
    assert (law.mean(), law.variance()) == pytest.approx((0.45, 0.1225))
    assert set(law.sample(100, seed=0)) == {0.0, 0.5, 1.0}


def test_normal_against_scipy():
    law, theirs = ib.laws.Normal(0.4, 0.01), stats.norm(0.4, 0.01)
    x = np.array([-3.0, 0.1, 0.39, 0.4, 0.5])
    for name in ("logcdf", "logpdf", "cdf", "pdf"):
        np.testing.assert_allclose(getattr(law, name)(x), getattr(theirs, name)(x), rtol=1e-12)
    np.testing.assert_allclose(law.logccdf(x), theirs.logsf(x), rtol=1e-12)
    np.testing.assert_allclose(law.icdf([0.001, 0.7]), theirs.ppf([0.001, 0.7]), rtol=1e-12)
    assert law.ilogcdf(law.logcdf(-3.0)) == pytest.approx(-3.0, rel=1e-12)
    x = theirs.rvs(50, random_state=0)
    fitted = ib.laws.Normal.fit(x)
    assert (fitted.mean(), fitted.variance()) == pytest.approx((x.mean(), x.var(ddof=1)))


def test_scaled_chi2_is_satterthwaites():
    x = noncentral(6, 0, 1000, scale=0.5)
    law = ib.laws.ScaledChi2.fit(x)
    assert (law.mean(), law.variance()) == pytest.approx((x.mean(), x.var(ddof=1)))
    theirs = stats.chi2(law.df, scale=law.scale)
    np.testing.assert_allclose(law.logcdf([0.1, 1, 5]), theirs.logcdf([0.1, 1, 5]), rtol=1e-10)


def test_pareto_tail_against_scipy():
    x = noncentral(6, 0, 1000)
    law = ib.laws.GeneralizedPareto.fit(x)
    assert (x <= law.threshold).sum() == 100
    theirs = stats.genpareto(law.shape, scale=law.scale)
    at = np.array([0.9, 0.7, 0.3]) * law.threshold
    np.testing.assert_allclose(law.logcdf(at), math.log(0.1) + theirs.logsf(law.threshold - at))
    np.testing.assert_allclose(law.logpdf(at), math.log(0.1) + theirs.logpdf(law.threshold - at))
    np.testing.assert_allclose(law.ilogcdf(law.logcdf(at)), at)
    np.testing.assert_allclose(law.logccdf(at), np.log1p(-law.cdf(at)))
    above = law.threshold + 1
    assert law.cdf(above) == pytest.approx((x <= above).mean())
    sample = law.sample(100_000, seed=0)
    assert abs(sample.mean() - law.mean()) < 5 * math.sqrt(law.variance() / 1e5)
    assert sample.var() == pytest.approx(law.variance(), rel=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_pareto_fit_has_a_likelihood_that_scipy_does_not_exceed_above_the_floor(seed):
    x = np.sort(1 + np.random.default_rng(seed).beta(3, 2, 1000))  # endpoint 1, far above 0
    law = ib.laws.GeneralizedPareto.fit(x)
    excess = law.threshold - x[:100]
    shape, _, scale = stats.genpareto.fit(excess, floc=0)
    theirs = stats.genpareto.logpdf(excess, shape, scale=scale).sum()
    ours = stats.genpareto.logpdf(excess, law.shape, scale=law.scale).sum()
    assert ours >= theirs - 1e-6 or law.threshold + scale / shape < 0 or shape >= 0
    assert 0 <= law.lowest < x[0]


def test_pareto_endpoint_respects_the_floor():
    """These losses by themselves would put the endpoint below zero, where no error can be."""
    x = np.sort(noncentral(100, 0, 2000, seed=3))
    excess = (x[199] + x[200]) / 2 - x[:200]
    shape, _, scale = stats.genpareto.fit(excess, floc=0)
    law = ib.laws.GeneralizedPareto.fit(x, floor=float(x[0] - 1e-3))
    assert law.lowest >= x[0] - 1e-3
    assert (x[199] + x[200]) / 2 + scale / shape < x[0] - 1e-3
    free = ib.laws.GeneralizedPareto.fit(x)
    assert (free.shape, free.scale) == pytest.approx((shape, scale), rel=1e-2)
    assert ib.inductive_bias(free, 0.5 * free.lowest).bits == math.inf


@pytest.mark.parametrize("kind", KINDS)
def test_every_law_has_consistent_tails(kind):
    law = kind.fit(noncentral(12, 30, 400, scale=0.01))
    low = law.icdf([0.02, 0.06, 0.09])
    assert (np.diff(law.cdf(np.linspace(0.05, 0.8, 50))) >= 0).all()
    np.testing.assert_allclose(law.cdf(low), [0.02, 0.06, 0.09], rtol=0.06)
    np.testing.assert_allclose(law.cdf(low) + law.ccdf(low), 1)
    assert law.icdf(0.0) == law.lowest
    sample = law.sample(20_000, seed=1)
    np.testing.assert_array_equal(sample, law.sample(20_000, seed=1))
    assert abs(sample.mean() - law.mean()) < 4 * math.sqrt(law.variance() / 20_000)
    assert isinstance(law.logcdf(0.3), float)
    assert law.logcdf(torch.full((2, 3), 0.3)).shape == (2, 3)
    assert not law.exact and repr(law).startswith(kind.__name__)


# --- bad input -----------------------------------------------------------------------------------

GOOD = np.linspace(1, 2, 50)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("losses", "says"),
    [
        (GOOD[:9], "found shape (9,)"),
        (GOOD.reshape(5, 10), "found shape (5, 10)"),
        ([*GOOD, math.nan], "found nan at position 50"),
        ([*GOOD, math.inf], "found inf at position 50"),
        (["a"] * 20, "not numbers"),
    ],
    ids=["few", "matrix", "nan", "inf", "text"],
)
def test_bad_losses_are_refused(kind, losses, says):
    with pytest.raises(ValueError, match=r"^losses: ") as error:
        kind.fit(losses)
    assert says in str(error.value)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_equal_losses_are_refused(kind):
    with pytest.raises(ValueError, match=r"all 20 are 0\.5"):
        kind.fit([0.5] * 20)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ib.laws.ScaledChi2.fit([0.0, *GOOD]), "losses: found 0.0 at position 0"),
        (
            lambda: ib.laws.ScaledNoncentralChi2.fit([*GOOD, -1.0]),
            "losses: found -1.0 at position 50",
        ),
        (lambda: ib.paper.released_fit([*GOOD, -1.0]), "losses: found -1.0 at position 50"),
        (lambda: ib.laws.GeneralizedPareto.fit(GOOD[:15]), "at least 20"),
        (lambda: ib.laws.GeneralizedPareto.fit(GOOD, floor=1.5), "below floor=1.5"),
        (lambda: ib.laws.GeneralizedPareto.fit([0.0] * 20 + [1.0] * 20), "the 10 smallest are all"),
        (lambda: ib.laws.GeneralizedPareto(GOOD, 1.5, 0.5, 1.0), "shape: found 0.5"),
        (lambda: ib.laws.GeneralizedPareto(GOOD, 0.5, -0.5, 1.0), "threshold: found 0.5"),
        (
            lambda: ib.laws.GeneralizedPareto.fit(GOOD).logpdf(1.9),
            "x: found values above the threshold",
        ),
        (
            lambda: ib.laws.Empirical.fit(GOOD).logpdf(1.5),
            "logpdf: an empirical law has no density",
        ),
        (lambda: ib.laws.Normal(0.0, 0.0), "standard_deviation: found 0"),
        (lambda: ib.laws.Normal(math.nan, 1.0), "mean: found nan"),
        (lambda: ib.laws.ScaledChi2.from_moments(1.0, -1.0), "variance: found -1"),
        (
            lambda: ib.laws.ScaledNoncentralChi2.from_moments(1.0, 1.0, math.nan),
            "skewness: found nan",
        ),
        (
            lambda: ib.paper.released_bits(ib.laws.ScaledNoncentralChi2(1, 1, 1), -0.1),
            "target_error: found -0.1",
        ),
        (
            lambda: ib.laws.ScaledNoncentralChi2(1, 1, 1).wald_interval(0.1),
            "fitted: the like",
        ),
        (
            lambda: ib.laws.ScaledNoncentralChi2.closest_to(
                ib.laws.GeneralizedChi2([1], [1], [0], -0.5)
            ),
            "law: losses go down to -0.5",
        ),
        (
            lambda: ib.laws.ScaledNoncentralChi2.fit(GOOD).profile.share_interval(1.5),
            "confidence: found",
        ),
        (lambda: ib.laws.Normal(0.0, 1.0).sample(0, seed=0), "n: found 0"),
    ],
)
def test_bad_arguments_are_refused(call, says):
    with pytest.raises(ValueError) as error:
        call()
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("df", "offset"), [(1.0, 1e-6), (2.0, 1.0), (0.1, 0.0), (50.0, 1e-3)], ids=str
)
def test_the_closest_law_is_the_fit_of_many_losses(df, offset):
    """Within 5 standard errors of the log-likelihood per loss, for laws that begin steeply too."""
    law = ib.laws.GeneralizedChi2([1.0], df, 0.0, offset)
    closest = ib.laws.ScaledNoncentralChi2.closest_to(law)
    losses = law.sample(100_000, seed=0)
    fitted = ib.laws.ScaledNoncentralChi2.fit(losses)
    gain = fitted.logpdf(losses) - closest.logpdf(losses)
    assert gain.mean() > -1e-12
    assert gain.sum() < 10  # nats, of two or three fitted parameters


def test_an_endpoint_of_zero_is_zero():
    for seed in range(300):
        losses = np.random.default_rng(seed).gamma(20, 0.01, 60)
        law = ib.laws.GeneralizedPareto.fit(losses)
        assert law.lowest >= 0
        if law.lowest == 0:
            assert ib.inductive_bias(law, 0.0).bits == np.inf


@pytest.mark.parametrize(
    ("df", "nc", "scale", "name"), [(-1, 0, 1, "df"), (1, -1, 1, "nc"), (1, 0, 0, "scale")]
)
def test_parameters_are_refused_by_their_names(df, nc, scale, name):
    with pytest.raises(ValueError, match=f"{name}: found"):
        ib.laws.ScaledNoncentralChi2(df, nc, scale)


# --- fits on the edge -----------------------------------------------------------------------------

KINDS = [
    ib.laws.Empirical,
    ib.laws.ScaledNoncentralChi2,
    ib.laws.ScaledChi2,
    ib.laws.GeneralizedPareto,
    ib.laws.Normal,
]


def edge_losses(name: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    smooth = rng.gamma(2, 1, 200)
    return {
        "three zeros": np.append(smooth, np.zeros(3)),
        "one zero": np.append(smooth, 0.0),
        "every loss five times": np.repeat(smooth[:40], 5),
        "tenths": np.round(rng.random(203) * 10) / 10 + 0.1,
        "all but one equal": np.append(np.ones(199), 2.0),
        "two scales": np.append(smooth[:150], smooth[150:] * 1e-200),
        "equal to rounding": 1 + rng.random(200) * 1e-14,
        "negative": -smooth,
    }[name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    [
        "three zeros",
        "one zero",
        "every loss five times",
        "tenths",
        "all but one equal",
        "two scales",
        "equal to rounding",
        "negative",
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_fit_on_the_edge_is_a_law_or_a_refusal(kind, name):
    x = edge_losses(name)
    try:
        law = kind.fit(x)
    except ValueError as error:
        assert str(error).startswith("losses: ")
        return
    assert np.isfinite(law.logcdf(x)).all()
    assert math.isfinite(law.mean()) and law.variance() > 0
    assert (np.diff(law.logcdf(np.sort(x))) >= 0).all()
    tied = int((x == x.min()).sum())
    if kind is ib.laws.GeneralizedPareto and tied > 1:  # what was seen is not next to impossible
        assert stats.binom.sf(tied - 1, len(x), math.exp(law.logcdf(x.min()))) > 0.02


@pytest.mark.parametrize("zeros", [1, 3, 15])
def test_losses_at_the_floor_have_no_pareto_tail(zeros):
    x = np.append(np.random.default_rng(0).gamma(2, 1, 200), np.zeros(zeros))
    with pytest.raises(ValueError, match=rf"losses: {zeros} of the .* smallest are 0.0, too often"):
        ib.laws.GeneralizedPareto.fit(x)
    assert ib.laws.Empirical.fit(x).logcdf(0.0) == pytest.approx(math.log(zeros / len(x)))
    if zeros < 15:  # below 0 there is room, unless most of the tail is one number
        law = ib.laws.GeneralizedPareto.fit(x, floor=-1.0)
        assert -math.inf < law.logcdf(0.0) < math.log(0.1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [2.0**-1015, 2.0**-660, 2.0**660, 2.0**1020])
@pytest.mark.filterwarnings("error")
def test_a_fit_of_any_scale_is_like_any_other(kind, scale):
    """Squares of such losses are 0 or inf in float64."""
    x = np.random.default_rng(1).gamma(3, 1, 200)
    law, scaled = kind.fit(x), kind.fit(scale * x)
    quantiles = np.quantile(x, [0.01, 0.3, 0.7])
    np.testing.assert_allclose(
        scaled.logcdf(scale * quantiles), law.logcdf(quantiles), rtol=1e-5, atol=1e-9
    )
    assert scaled.mean() == pytest.approx(scale * law.mean(), rel=1e-9)
    assert (
        scaled._standard_deviation() == pytest.approx(scale * law._standard_deviation(), rel=1e-6)
        if kind in (ib.laws.ScaledNoncentralChi2, ib.laws.ScaledChi2, ib.laws.Normal)
        else True
    )
    with pytest.raises(ArithmeticError, match=r"variance: about 1e-?\d+, which float64"):
        scaled.variance()


@pytest.mark.parametrize("floor", [math.nan, math.inf, -math.inf])
def test_what_is_no_floor(floor):
    with pytest.raises(ValueError, match="floor: found"):
        ib.laws.GeneralizedPareto.fit(GOOD, floor=floor)


def test_moments_that_are_no_parameters():
    for mean, variance in ((1e-200, 1e-300), (1e200, 1e300), (1e-160, 1e-310)):
        law = ib.laws.ScaledChi2.from_moments(mean, variance)
        assert law.mean() == pytest.approx(mean, rel=1e-12)
    law = ib.laws.ScaledNoncentralChi2.from_moments(1e-200, 1e-300, 0.1)
    assert law.mean() == pytest.approx(1e-200, rel=1e-12)
    with pytest.raises(ValueError, match="threshold: found nan"):
        ib.laws.GeneralizedPareto(GOOD, math.nan, -0.5, 1.0)
