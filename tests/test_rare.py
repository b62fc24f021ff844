"""Rare events by simulation, against the exact law, brute force, closed forms."""

import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
import torch
from scipy import stats

import ibhelpers as ib
from ibhelpers.tasks import mnist

GOLDEN = json.loads((Path(__file__).parent / "golden" / "generalized_chi2_logcdf.json").read_text())


# --- the saddlepoint approximation ---------------------------------------------------------------


@pytest.mark.parametrize("k", [3, 20, 1000])
def test_lugannani_and_rice_of_one_chi_squared_in_closed_form(k):
    """Both tails and the mean of chi2_k: w² = x - k - k log(x/k), u = (1 - k/x) sqrt(x²/2k)."""
    law = ib.laws.GeneralizedChi2([1.0], [k], [0.0])
    for ratio in (1e-3, 0.2, 0.9, 0.999, 1.001, 1.2, 3):
        with mpmath.workdps(40):
            x = mpmath.mpf(float(ratio * k))
            w = mpmath.sign(x - k) * mpmath.sqrt(x - k - k * mpmath.log(x / k))
            u = (1 - k / x) * mpmath.sqrt(x * x / (2 * k))
            true = mpmath.log(mpmath.ncdf(w) + mpmath.npdf(w) * (1 / w - 1 / u))
            assert abs(law.saddlepoint_logcdf(float(x)) - true) < 1e-10 * max(1, abs(true))
    at_mean = 0.5 + math.sqrt(8 / k) / (6 * math.sqrt(2 * math.pi))  # half plus a sixth of the skew
    assert law.saddlepoint_logcdf(float(k)) == pytest.approx(math.log(at_mean), rel=1e-12)


def test_lugannani_and_rice_with_1000_degrees_of_freedom():
    rng = np.random.default_rng(0)
    law = ib.laws.GeneralizedChi2(rng.exponential(size=100), 10, 3 * rng.exponential(size=100))
    sd = math.sqrt(law.variance())
    x = np.r_[law.mean() + sd * np.linspace(-10, 10, 81), 1e-9, 1e-3 * law.mean()]
    assert np.abs(law.saddlepoint_logcdf(x) - law.logcdf(x)).max() < 1e-3


def test_lugannani_and_rice_has_no_gap_at_the_mean():
    law = ib.laws.GeneralizedChi2([1.0, 0.3], [5.0, 9.0], [2.0, 1.0])
    near = law.mean() + math.sqrt(law.variance()) * np.array([-2e-6, -1e-9, 0, 1e-9, 2e-6])
    assert np.ptp(law.saddlepoint_logcdf(near) - law.logcdf(near)) < 1e-8


def test_lugannani_and_rice_at_the_ends():
    law = ib.laws.GeneralizedChi2([1.0], [3.0], [0.0], offset=1.0)
    assert law.saddlepoint_logcdf(1.0) == -math.inf
    assert law.saddlepoint_logcdf(math.inf) == 0.0
    assert law.saddlepoint_logcdf(torch.tensor([[2.0, 3.0]])).shape == (1, 2)


# --- tilted importance sampling ------------------------------------------------------------------


def lower_tail(case):
    mean = np.dot(case["w"], np.add(case["k"], case["lam"]))
    return case["x"] < mean


@pytest.mark.parametrize(
    "case", [*filter(lower_tail, GOLDEN)], ids=lambda case: f"{len(case['w'])}"
)
def test_tilted_sampling_agrees_with_40_digit_values_within_5_standard_errors(case):
    law = ib.laws.GeneralizedChi2(case["w"], case["k"], case["lam"])
    found = ib.laws.tilted_importance_sampling(law, case["x"], 20_000, seed=0)
    assert 0 < found.standard_error < 0.3
    assert abs(found.logcdf - float(case["logcdf"])) < 5 * found.standard_error


def test_its_standard_error_is_that_of_repeats():
    """30 repeats know a standard deviation to 13 %; 3 standard errors of that."""
    law = ib.laws.GeneralizedChi2([1.0, 0.2], [5.0, 20.0], [1.0, 0.0])
    runs = [ib.laws.tilted_importance_sampling(law, 1.0, 2000, seed=seed) for seed in range(30)]
    spread = np.std([run.logcdf for run in runs], ddof=1)
    assert spread == pytest.approx(np.mean([run.standard_error for run in runs]), rel=3 * 0.13)


# --- splitting, against the exact law ------------------------------------------------------------

SPACE = ib.GaussianSpace(ib.kernels.RBF(lengthscale=5.0))


@pytest.fixture(scope="module")
def digits50():
    """50 training and 50 test digits of MNIST, whose exact figures are known."""
    images, labels = mnist.shipped()
    order = torch.randperm(5000, generator=torch.Generator().manual_seed(0)).numpy()
    train, test = order[:50], order[50:100]
    X, Y = images.reshape(5000, 784) / 255.0, np.eye(10)[labels]
    return ib.Task(X[train], Y[train], X[test], Y[test], labels_test=labels[test].astype(int))


@pytest.fixture(scope="module")
def small():
    """A task on which a particle costs little: 8 test digits, the first two classes' outputs."""
    task = ib.tasks.load("digits", n_train=30, n_test=8, seed=0)
    return ib.Task(
        task.X_train, task.y_train[:, :2], task.X_test, task.y_test[:, :2],
        labels_test=(task.labels_test % 2),
    )  # fmt: skip


SMALL_SPACE = ib.GaussianSpace(ib.kernels.RBF(lengthscale=2.0))


def split(space, task, target, *, loss="mse", seed=0, **settings):
    return ib.rare_event_bias(
        space,
        task,
        loss=loss,
        target_error=target,
        method="splitting",
        seed=seed,
        progress=False,
        **settings,
    )


@pytest.mark.parametrize(("target", "nats", "particles"), [(0.5, 18.828, 200), (0.3, 74.453, 100)])
def test_splitting_agrees_with_the_exact_law(digits50, target, nats, particles):
    """The mean of 20 seeds within 3 standard errors, the coverage within 3 binomial ones. With
    1,000 particles and 10 moves, measured once: means 18.778 ± 0.038 and 74.451 ± 0.086 nats, 18
    and 17 of 20 intervals covered."""
    runs = [
        split(SPACE, digits50, target, seed=seed, particles=particles, moves=5)
        for seed in range(20)
    ]
    found = np.array([run.nats for run in runs])
    assert abs(found.mean() - nats) < 3 * found.std(ddof=1) / math.sqrt(20)
    trusted = [run.interval for run in runs if run.interval is not None]
    covered = sum(low <= nats / math.log(2) <= high for low, high in trusted)
    assert covered >= len(trusted) * 0.95 - 3 * math.sqrt(len(trusted) * 0.95 * 0.05)


def test_few_ancestors_are_told(digits50):
    """20 particles overstate these 107 bits by far, again and again, with narrow intervals."""
    bias = split(SPACE, digits50, 0.3, particles=20)
    assert bias.trace.ancestors[-1] < 10 and bias.interval is None
    assert "of the first 20 particles have descendants" in bias.doubt
    assert repr(bias).startswith("about ") and "not reliable" in repr(bias)


def test_exact_values_of_the_task(digits50):
    law = SPACE.loss_law(digits50)
    np.testing.assert_allclose(-law.logcdf([0.5, 0.3]), [18.828, 74.453], atol=6e-4)


@pytest.mark.parametrize("steps", [None, 4], ids=["continuous", "ties"])
def test_the_product_of_the_fractions_is_unbiased(small, steps):
    """Mean of P_found / P over 200 runs of 20 particles, within 3 standard errors of 1. Rounded up
    to a grid the loss has ties, and still an exact law at the grid's points."""
    log_p = -8.0
    target, y = SMALL_SPACE.loss_law(small).ilogcdf(log_p), torch.tensor(small.y_test)

    def mse_on_a_grid(outputs, task):
        in_targets = ((outputs - y) ** 2).mean((1, 2)) / target
        return torch.ceil(steps * in_targets) / steps * target

    loss = "mse" if steps is None else mse_on_a_grid
    ratios = []
    for seed in range(200):
        run = split(SMALL_SPACE, small, target, loss=loss, seed=seed, particles=20)
        ratios.append(0.0 if run.at_least else math.exp(-run.trace.nats[-1] - log_p))
    assert abs(np.mean(ratios) - 1) < 3 * np.std(ratios, ddof=1) / math.sqrt(200)


def test_zero_one_splitting_against_a_million_draws(small):
    target = 0.0
    draws = SMALL_SPACE.sample_losses(small, 1_000_000, seed=0, loss="zero_one")
    hits = int((draws <= target + 1e-9).sum())
    assert 200 < hits < 20_000
    runs = [
        split(SMALL_SPACE, small, target, loss="zero_one", seed=seed, particles=200)
        for seed in range(20)
    ]
    found = np.array([math.exp(-run.trace.nats[-1]) for run in runs])
    error = math.hypot(found.std(ddof=1) / math.sqrt(20), math.sqrt(hits) / 1e6)
    assert abs(found.mean() - hits / 1e6) < 3 * error


def test_a_target_above_the_mean_costs_nothing(small):
    bias = split(SMALL_SPACE, small, 1e6, particles=10)
    assert bias.bits == 0 and not bias.at_least and bias.interval[0] == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [None, 7])
def test_dtype_and_batch_do_not_change_the_answer(small, dtype, batch):
    exact = ib.inductive_bias(SMALL_SPACE.loss_law(small), 0.3).bits
    bias = split(SMALL_SPACE, small, 0.3, particles=300, dtype=dtype, batch=batch)
    assert abs(bias.nats - exact * math.log(2)) < 3 * math.sqrt(bias.trace.variance)


def test_batches_bound_what_a_callable_sees(small):
    seen = []

    def loss(outputs, task):
        seen.append((len(outputs), outputs.dtype))
        return (outputs**2).mean((1, 2))

    split(SMALL_SPACE, small, 1e6, loss=loss, particles=20, batch=8, dtype=torch.float32)
    assert seen == [(8, torch.float32), (8, torch.float32), (4, torch.float32)]


def test_the_same_seed_gives_the_same_numbers(small):
    a, b, c = (split(SMALL_SPACE, small, 0.3, seed=s, particles=50, moves=2) for s in (1, 1, 2))
    assert a.bits == b.bits != c.bits
    np.testing.assert_array_equal(a.trace.threshold, b.trace.threshold)


def test_the_trace_tells_how_it_went(small):
    bias = split(SMALL_SPACE, small, 0.2, particles=300)
    trace = bias.trace
    np.testing.assert_allclose(trace.nats, -np.cumsum(np.log(trace.surviving)))
    assert (np.diff(trace.threshold) < 0).all() and trace.threshold[-1] == 0.2
    assert (trace.surviving[:-1] == 0.5).all() and trace.surviving[-1] >= 0.5
    assert (np.diff(trace.ancestors) <= 0).all() and trace.ancestors[0] <= 150
    assert trace.acceptance[1:-1].mean() == pytest.approx(0.3, abs=0.05)
    assert math.isnan(trace.acceptance[-1])
    assert bias.bits == pytest.approx((trace.nats[-1] - trace.variance / 2) / math.log(2))
    assert trace.why_it_stopped == "the target was reached"


def test_the_interval_grows_if_copies_do_not_part(small):
    """One move a level leaves relatives close, which the family tree must show."""
    few = np.mean(
        [split(SMALL_SPACE, small, 0.1, seed=s, moves=1).trace.variance for s in range(5)]
    )
    many = np.mean([split(SMALL_SPACE, small, 0.1, seed=s).trace.variance for s in range(5)])
    assert few > 1.3 * many


# --- splitting that cannot reach the target ------------------------------------------------------


def test_it_stops_at_max_bits(small):
    bias = split(SMALL_SPACE, small, 1e-4, particles=50, max_bits=10)
    assert bias.at_least and 10 <= bias.trace.nats[-1] / math.log(2) < 11
    assert bias.bits == bias.interval[0] < 10 and bias.interval[1] == math.inf
    assert repr(bias).startswith("at least") and "max_bits reached" in repr(bias)


def test_it_stops_when_all_losses_are_equal(small):
    bias = split(SMALL_SPACE, small, 0.5, loss=lambda o, task: torch.ones(len(o)), particles=100)
    certified = -math.log2(stats.binomtest(0, 100).proportion_ci(0.95, "exact").high)
    assert bias.at_least and bias.bits == pytest.approx(certified)
    assert "no particle was left below a loss of 1" in repr(bias)


def test_it_stops_when_no_particle_moves(small):
    calls = iter(range(10**9))

    def loss(outputs, task):  # the first hypotheses are good, and no other is
        return torch.linspace(1, 2, len(outputs)) if next(calls) == 0 else torch.full_like(
            outputs[:, 0, 0], torch.inf
        )  # fmt: skip

    bias = split(SMALL_SPACE, small, 0.5, loss=loss, particles=20)
    assert bias.at_least and "no particle moved" in repr(bias)
    assert bias.bits <= 1


def test_it_stops_where_there_is_no_headway(small):
    def loss(outputs, task):
        return 1 + (outputs**2).mean((1, 2))

    bias = split(SMALL_SPACE, small, 0.5, loss=loss, particles=20, moves=1)
    assert bias.at_least and "no headway" in repr(bias)
    assert bias.trace.threshold[-1] > 1


# --- bad input -----------------------------------------------------------------------------------


def nan_for_the_fourth(outputs, task):
    losses = outputs.mean((1, 2))
    losses[3] = math.nan
    return losses


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"particles": 1}, "particles: found 1"),
        ({"moves": 0}, "moves: found 0"),
        ({"batch": 0}, "batch: found 0"),
        ({"max_bits": -1}, "max_bits: found -1"),
        ({"target_error": -0.1}, "target_error: found -0.1"),
        ({"target_error": math.nan}, "target_error: found nan"),
        ({"dtype": torch.int64}, "dtype: found torch.int64"),
        ({"loss": "hinge"}, "loss: found 'hinge'"),
        ({"method": "bridges"}, "Did you mean 'bridge'?"),
        ({"target_error": [0.1, -0.1]}, "target_error: found -0.1"),
        ({"target_error": []}, "target_error: found none"),
        ({"loss": lambda o, task: o}, "loss: the callable returned shape (20, 8, 2)"),
        ({"loss": nan_for_the_fourth}, "NaN for hypothesis 3"),
        ({"loss": nan_for_the_fourth, "batch": 10}, "particles 0 to 9"),
    ],
)
def test_bad_arguments_are_refused(small, arguments, says):
    settings = {"loss": "mse", "target_error": 0.3, "particles": 20, "method": "splitting"}
    with pytest.raises(ValueError) as error:
        ib.rare_event_bias(SMALL_SPACE, small, seed=0, progress=False, **(settings | arguments))
    assert says in str(error.value)


LAW = ib.laws.GeneralizedChi2([1.0], [4.0], [0.0], offset=0.5)


@pytest.mark.parametrize(
    ("x", "n", "says"),
    [
        (4.6, 100, "x: found 4.6; only the lower tail"),
        (0.5, 100, "x: found 0.5"),
        (math.nan, 100, "x: found nan"),
        (1.0, 1, "n: found 1"),
    ],
)
def test_tails_above_the_mean_are_refused(x, n, says):
    with pytest.raises(ValueError) as error:
        ib.laws.tilted_importance_sampling(LAW, x, n, seed=0)
    assert says in str(error.value)
