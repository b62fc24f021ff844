"""Estimates from sampled losses and their errors, against simulation and SciPy."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from scipy import stats

import ibhelpers as ib
from tests.examples import noncentral

TRUE = ib.laws.ScaledNoncentralChi2(2.0, 4.0, 1.0)
TARGET = TRUE.icdf(1e-6)
TRUE_BITS = -TRUE.logcdf(TARGET) / math.log(2)


# --- the table -----------------------------------------------------------------------------------


def test_table_has_a_row_for_every_target_and_tail():
    table = ib.estimate_bias(noncentral(12, 30, 500), [5.0, 10.0], n_boot=3)
    assert table["target_error"].tolist() == [5.0] * 5 + [10.0] * 5
    assert table["tail"].tolist()[:5] == [
        "Empirical", "ScaledNoncentralChi2", "ScaledChi2", "GeneralizedPareto", "Normal",
    ]  # fmt: skip
    certified = -math.log2(stats.binomtest(0, 500).proportion_ci(0.95, "exact").high)
    np.testing.assert_allclose(table["supported_bits"], certified)
    np.testing.assert_allclose(table["extrapolated_bits"][1:3], table["bits"][1:3] - certified)
    empirical = table.iloc[0]
    assert empirical["at_least"] and empirical["bits"] == pytest.approx(certified)
    assert empirical["extrapolated_bits"] == 0 and empirical["upper"] == math.inf
    assert not table["at_least"][1:5].any()
    inside = table.iloc[[1, 2, 4]]
    assert (inside["lower"] < inside["upper"]).all()


def test_distances_are_those_of_scipy():
    x = noncentral(12, 30, 300)
    table = ib.estimate_bias(x, 5.0, tails=(ib.laws.Normal, ib.laws.ScaledChi2), n_boot=0)
    normal, chi2 = table.iloc[0], table.iloc[1]
    mean, sd = x.mean(), x.std(ddof=1)
    assert normal["anderson_darling"] == pytest.approx(
        stats.goodness_of_fit(
            stats.norm, x, known_params={"loc": mean, "scale": sd}, statistic="ad", n_mc_samples=1
        ).statistic
    )
    assert normal["log_likelihood"] == pytest.approx(stats.norm.logpdf(x, mean, sd).sum())
    df, scale = 2 * mean**2 / sd**2, sd**2 / mean / 2
    theirs = stats.kstest(x, lambda x: stats.chi2.cdf(x, df, scale=scale)).statistic
    assert chi2["kolmogorov_smirnov"] == pytest.approx(theirs)
    assert math.isnan(normal["lower"])


def test_the_bootstrap_repeats_itself_and_depends_on_the_seed():
    x = noncentral(12, 30, 100)
    a, b, c = (
        ib.estimate_bias(x, 5.0, tails=(ib.laws.Normal,), n_boot=20, seed=seed)
        for seed in (0, 0, 1)
    )
    assert a.equals(b) and not a.equals(c)


def test_the_table_shows_a_flat_ridge():
    x = noncentral(2000, 2000, 1000, scale=1e-4)
    row = ib.estimate_bias(x, 0.01, tails=(ib.laws.ScaledNoncentralChi2,), n_boot=0).iloc[0]
    assert row["profile_upper"] > 1.5 * row["profile_lower"]


# --- errors --------------------------------------------------------------------------------------


def test_asymptotic_intervals_cover():
    """The true bits in 95 % of 100 samples, within 3 standard errors."""
    covered = []
    for seed in range(100):
        fitted = ib.laws.ScaledNoncentralChi2.fit(noncentral(2, 4, 2000, seed))
        low, high = fitted.wald_interval(TARGET)
        covered.append(low <= TRUE_BITS <= high)
    assert abs(np.mean(covered) - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / 100)


def test_bootstrap_intervals_cover():
    """In 20 samples; 39 resamples give (39 - 1)/40 of confidence; within 3 standard errors."""
    covered = 0
    for seed in range(20):
        table = ib.estimate_bias(
            noncentral(2, 4, 400, seed),
            TRUE.icdf(1e-3),
            tails=(ib.laws.ScaledNoncentralChi2,),
            n_boot=39,
            seed=seed,
        )
        row = table.iloc[0]
        covered += row["lower"] <= -math.log2(1e-3) <= row["upper"]
    assert covered / 20 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 20)


def test_the_error_falls_as_one_over_the_root_of_the_number_of_losses():
    """A root mean square of 60 errors is known to 9 %, so the slope over a factor 16 to 0.047;
    3 standard errors of that."""
    sizes, errors = np.array([500, 2000, 8000]), []
    for n in sizes:
        found = [
            ib.laws.ScaledNoncentralChi2.fit(noncentral(2, 4, n, seed)).logcdf(TARGET)
            / -math.log(2)
            for seed in range(60)
        ]
        errors.append(np.sqrt(np.mean((np.array(found) - TRUE_BITS) ** 2)))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope == pytest.approx(-0.5, abs=3 * 0.047)


# --- the decomposition ---------------------------------------------------------------------------


def test_the_parts_of_the_error_add_up():
    law = ib.laws.GeneralizedChi2([1e-4, 3e-4], [1000.0, 500.0], [200.0, 0.0])
    losses = law.sample(1000, seed=0)
    used = ib.laws.ScaledNoncentralChi2(1500.0, 100.0, 1.8e-4)
    for given in (None, used):
        parts = ib.paper.error_decomposition(law, losses, 0.01, used=given)
        total = ib.paper.released_bits(parts.used, 0.01) + law.logcdf(0.01) / math.log(2)
        assert parts.model + parts.sample + parts.search + parts.approximation == pytest.approx(
            total, abs=1e-9
        )
        assert parts.total == pytest.approx(total, abs=1e-9)
        assert parts.exact == ib.inductive_bias(law, 0.01).bits
    nats = parts.fitted.logcdf(0.01) - used.logcdf(0.01)
    assert parts.used is used and parts.search == pytest.approx(nats / math.log(2), rel=1e-9)
    assert ib.paper.error_decomposition(law, losses, 0.01).search == 0


def test_each_part_vanishes_without_its_cause():
    """A law of the family has no model error; where SciPy's tail does not underflow there is no
    approximation; with many losses the sample error is small."""
    parts = ib.paper.error_decomposition(TRUE.general, noncentral(2, 4, 100_000), TRUE.icdf(0.01))
    assert abs(parts.model) < 1e-3
    assert abs(parts.approximation) < 1e-6
    assert 0 < abs(parts.sample) < 0.1


def test_other_hypotheses_are_a_part_of_the_error():
    law = ib.laws.GeneralizedChi2([1e-4, 3e-4], [1000.0, 500.0], [200.0, 0.0])
    drawn = ib.laws.GeneralizedChi2([1e-4, 3.2e-4], [1000.0, 500.0], [210.0, 0.0])
    losses = drawn.sample(1000, seed=0)
    alone = ib.paper.error_decomposition(drawn, losses, 0.01)
    parts = ib.paper.error_decomposition(law, losses, 0.01, conditioned=drawn)
    between = ib.inductive_bias(drawn, 0.01).bits - ib.inductive_bias(law, 0.01).bits
    assert alone.conditioning == 0 and "conditioning" not in repr(alone)
    assert parts.conditioning == pytest.approx(between, rel=1e-12) and abs(between) > 1
    assert parts.exact + parts.total == pytest.approx(alone.exact + alone.total, rel=1e-12)
    assert (parts.model, parts.sample) == (alone.model, alone.sample)
    assert f"= conditioning {between:+.1f}, model" in repr(parts)


# --- the released conditioning -------------------------------------------------------------------


def few_digits(n):
    return ib.tasks.load("digits", n_train=n, n_test=6), ib.kernels.RBF(2.0)


def test_long_training_conditions_as_the_exact_solution_does():
    task, kernel = few_digits(7)
    exact = ib.GaussianSpace(kernel).loss_law(task)
    short, long = (
        ib.paper.released_law(task, kernel, epochs=epochs, seed=0) for epochs in (300, 4000)
    )
    bits = [ib.inductive_bias(law, 0.05).bits for law in (exact, short, long)]
    assert abs(bits[2] - bits[0]) < 0.002 * bits[0] < 0.02 * bits[0] < abs(bits[1] - bits[0])
    assert long.mean() == pytest.approx(exact.mean(), rel=1e-3)


def test_the_law_is_that_of_the_losses_of_the_released_steps():
    """Its steps in PyTorch: five examples are one batch, whose order does not matter."""
    task, kernel = few_digits(5)
    inputs = np.concatenate([task.X_train, task.X_test])
    gram = torch.tensor(np.asarray(kernel(inputs, inputs)), dtype=torch.float32)
    within, across, among = gram[:5, :5], gram[5:, :5], gram[5:, 5:]
    y = torch.tensor(task.y_train, dtype=torch.float32)
    solved = []
    for targets, rate in ((y, 1e-2), (across.T, 1e-3)):
        a = torch.zeros(targets.shape, requires_grad=True)
        adam = torch.optim.Adam([a], lr=rate)
        for _ in range(400):
            adam.zero_grad()
            torch.nn.functional.mse_loss(within @ a, targets).backward()
            adam.step()
        solved.append(a.detach())
    alpha, a = solved
    root = scipy.linalg.sqrtm((among - across @ a).numpy())
    z = np.random.default_rng(0).standard_normal((20_000, 6, 10))
    outputs = (across @ alpha).numpy() + np.einsum("ij,sjk->sik", np.real(root), z)
    losses = ((outputs - task.y_test) ** 2).mean(axis=(1, 2))
    law = ib.paper.released_law(task, kernel, epochs=400, seed=0)
    exact = ib.GaussianSpace(kernel).loss_law(task)
    error = np.sqrt(law.variance() / len(losses))
    assert losses.mean() == pytest.approx(law.mean(), abs=4 * error)
    assert abs(exact.mean() - law.mean()) > 8 * error  # training has not ended
    assert losses.var() == pytest.approx(law.variance(), rel=4 * np.sqrt(2.5 / len(losses)))
    below = law.icdf(0.1)
    assert (losses <= below).mean() == pytest.approx(0.1, abs=4 * 0.3 / np.sqrt(len(losses)))


# --- bad input -----------------------------------------------------------------------------------

GOOD = np.linspace(1, 2, 50)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ib.estimate_bias(GOOD, 1.5), "target_error: found 1.5"),
        (lambda: ib.paper.released_law(*few_digits(5), epochs=0, seed=0), "epochs: found 0"),
        (lambda: ib.paper.released_law(*few_digits(5), seed=-1), "seed: found -1"),
        (lambda: ib.estimate_bias(GOOD, [0.1, 1.6]), "target_error: found 1.6"),
        (lambda: ib.estimate_bias(GOOD, math.nan), "target_error: found nan"),
        (lambda: ib.estimate_bias(GOOD, -0.1), "target_error: found -0.1"),
        (lambda: ib.estimate_bias([*GOOD, math.nan], 0.5), "losses: found nan at position 50"),
        (lambda: ib.estimate_bias([*GOOD, math.inf], 0.5), "losses: found inf at position 50"),
        (lambda: ib.estimate_bias(GOOD, 0.5, n_boot=-1), "n_boot: found -1"),
        (lambda: ib.paper.error_decomposition(TRUE.general, GOOD, 6.5), "target_error: found 6.5"),
        (lambda: ib.paper.error_decomposition(TRUE.general, GOOD, 0.0), "target_error: found 0.0"),
        (
            lambda: ib.paper.error_decomposition(TRUE.general, GOOD[:5], 0.5),
            "losses: found shape (5,)",
        ),
    ],
)
def test_bad_arguments_are_refused(call, says):
    with pytest.raises(ValueError) as error:
        call()
    assert says in str(error.value)


@pytest.mark.parametrize("seed", range(5))
def test_resamples_that_cannot_be_fitted_leave_no_interval(seed):
    losses = np.random.default_rng(0).binomial(50, 0.1, size=100) / 50 + 0.02  # with many ties
    (row,) = ib.estimate_bias(
        losses, 0.02, tails=[ib.laws.GeneralizedPareto], n_boot=100, seed=seed
    ).itertuples()
    assert row.bits > 0
    assert np.isnan(row.lower) == np.isnan(row.upper)
    assert np.isnan(row.lower) or row.lower <= row.upper


def test_one_loss_far_from_all_others_does_not_cost_the_table():
    losses = np.r_[np.random.default_rng(0).gamma(20, 0.01, 99), 1e3]
    assert len(ib.estimate_bias(losses, 0.05, n_boot=20)) == 5


def test_no_tails():
    with pytest.raises(ValueError, match="tails: found none"):
        ib.estimate_bias(np.arange(1.0, 20.0), 0.5, tails=[])
