"""Bits beside test-set evidence, divergences and ceilings: against closed forms and SciPy."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats

import ibhelpers as ib
from ibhelpers.bias import divergences, evidence_bound
from ibhelpers.spaces import Spectrum

RNG = np.random.default_rng(0)


def a_task(n=20, m=8, k=2):
    X = RNG.normal(size=(n + m, 3))
    Y = np.sin(X @ RNG.normal(size=(3, k)))
    return ib.Task(X[:n], Y[:n], X[n:], Y[n:])


def test_the_bound_is_the_evidence_of_the_test_set():
    """By dense normal densities and a search over t."""
    task, space, target = a_task(), ib.GaussianSpace(ib.kernels.RBF(2.0), noise=0.01), 0.002
    posterior = space.posterior(task)
    M, C, (m, k) = posterior.mean.numpy(), posterior.covariance.numpy(), task.y_test.shape

    def exponent(log_t):
        noise = m * k / (2 * math.exp(log_t))
        law = stats.multivariate_normal(cov=C + noise * np.eye(m))
        density = law.logpdf((task.y_test - M).T).sum()
        return math.exp(log_t) * target + density + m * k / 2 * math.log(2 * math.pi * noise)

    oracle = optimize.minimize_scalar(exponent, bracket=(5.0, 10.0), options={"xtol": 1e-10})
    found = evidence_bound(space, task, target)
    assert found.bits == pytest.approx(-oracle.fun / math.log(2), rel=1e-10)
    assert found.noise == pytest.approx(m * k / (2 * math.exp(oracle.x)), rel=1e-5)
    exact = ib.inductive_bias(space.loss_law(task), target).bits
    assert 0.5 * exact < found.bits < exact


def test_mnist_as_it_was_measured():
    task = ib.tasks.load("mnist", n_train=1000, n_test=500, balanced=False)
    space = ib.GaussianSpace(ib.kernels.RBF(5.0))
    assert evidence_bound(space, task, 0.05).bits == pytest.approx(4264.2, abs=0.05)


def test_one_weight_in_closed_form():
    """Q = w χ²_k: the exponent is least at t = k/2ε − 1/2w."""
    for w, k, target in [(0.5, 2.0, 0.001), (0.1, 7.0, 0.3), (2.0, 40.0, 1e-9)]:
        law = ib.laws.GeneralizedChi2([w], [k], [0.0])
        exponent = k / 2 - target / (2 * w) - k / 2 * math.log(k * w / target)
        found = divergences(law, target)
        assert found.on_average == pytest.approx(-exponent / math.log(2), rel=1e-12)
        assert found.always > found.on_average


def test_divergence_of_the_good_part_by_quadrature():
    """A hypothesis is one normal number h, its loss (h − 1)² / 2: both laws have densities."""
    target = 0.02
    law = ib.laws.GeneralizedChi2([0.5], [1.0], [1.0])
    low, high = 1 - math.sqrt(2 * target), 1 + math.sqrt(2 * target)
    p = stats.norm.pdf
    inside = integrate.quad(p, low, high)[0]
    always = integrate.quad(lambda h: p(h) / inside * math.log(1 / inside), low, high)[0]

    def of_tilt(t):  # normal again: mean t/(1+t), variance 1/(1+t)
        tilted = stats.norm(t / (1 + t), (1 + t) ** -0.5)
        loss = integrate.quad(lambda h: tilted.pdf(h) * (h - 1) ** 2 / 2, -10, 10, points=[1])[0]

        def integrand(h):
            return tilted.pdf(h) * (tilted.logpdf(h) - stats.norm.logpdf(h))

        return loss, integrate.quad(integrand, -10, 10, points=[1])[0]

    t = optimize.brentq(lambda t: of_tilt(t)[0] - target, 0.1, 100)
    found = divergences(law, target)
    assert found.always * math.log(2) == pytest.approx(always, rel=1e-9)
    assert found.on_average * math.log(2) == pytest.approx(of_tilt(t)[1], rel=1e-7)


def test_evidence_of_the_test_set_and_divergence_on_average_are_one_number():
    task = a_task()
    space = ib.GaussianSpace(ib.kernels.Matern(1.5), noise=0.1)
    law = space.loss_law(task)
    for target in (0.01, 0.1, 0.9) * np.array(law.mean()):
        bound = evidence_bound(space, task, target)
        assert bound.bits == pytest.approx(divergences(law, target).on_average, rel=1e-9)


def test_targets_that_ask_for_nothing_or_for_too_much():
    task, space = a_task(), ib.GaussianSpace(ib.kernels.RBF(2.0), noise=0.01)
    law = space.loss_law(task)
    above = 1.01 * law.mean()
    assert evidence_bound(space, task, above).bits == 0
    assert divergences(law, above).on_average == 0
    floor = ib.laws.GeneralizedChi2([1.0], [2.0], [0.0], offset=0.5)
    assert divergences(floor, 0.4) == ib.bias.Divergences(math.inf, math.inf)
    assert evidence_bound(space, task, 0.0).bits == math.inf
    with pytest.raises(ValueError, match=r"target_error: found -1\.0"):
        evidence_bound(space, task, -1.0)
    with pytest.raises(ValueError, match="law: found a Normal; give a GeneralizedChi2"):
        divergences(ib.laws.Normal(0.0, 1.0), 0.1)


# --- ceilings ------------------------------------------------------------------------------------


def test_the_ceiling_is_that_of_hypotheses_that_saw_nothing():
    """Their loss is a quadratic form in normal variables; its lower tail by simulation."""
    task, space = a_task(m=3, k=1), ib.GaussianSpace(0.5 * ib.kernels.RBF(2.0), noise=0.01)
    table = ib.compare.test_sizes(space, task, 0.1).set_index("n_test")
    K = space.kernel(task.X_test).numpy()
    drawn = RNG.multivariate_normal(np.zeros(3), K, size=200_000)
    for size, row in table.iterrows():
        losses = ((drawn[:, :size] - task.y_test[:size, 0]) ** 2).mean(1)
        share = (losses <= 0.1).mean()
        error = math.sqrt(share * (1 - share) / len(drawn))
        assert 2 ** -row["ceiling"] == pytest.approx(share, abs=4 * error)


def test_shares_and_bits_a_number():
    task, space = a_task(), ib.GaussianSpace(ib.kernels.RBF(2.0), noise=0.01)
    table = ib.compare.test_sizes(space, task, 0.002, [3, 8])
    y = torch.tensor(task.y_test)
    for row, size in zip(table.itertuples(), (3, 8), strict=True):
        part = ib.Task(task.X_train, task.y_train, task.X_test[:size], task.y_test[:size])
        bits = ib.inductive_bias(space.loss_law(part), 0.002).bits
        law = Spectrum.of(space.prior(part)).loss_law(y[:size])
        ceiling = ib.inductive_bias(law, 0.002).bits
        assert row.bits == pytest.approx(bits, rel=1e-9)
        assert row.ceiling == pytest.approx(ceiling, rel=1e-9)
        assert row.share == pytest.approx(bits / ceiling, rel=1e-9)
        assert row.bits_per_number == pytest.approx(bits / (2 * size), rel=1e-9)
    assert ib.compare.test_sizes(space, task, 1e3)["share"].isna().all()
    with pytest.raises(ValueError, match="sizes: found 9; give a whole number from 1 to 8"):
        ib.compare.test_sizes(space, task, 0.1, [9])


def test_infinite_networks_start_from_their_initialisation():
    task, space = a_task(), ib.InfiniteNetworkSpace(1)
    torch.testing.assert_close(space.prior(task).covariance, space.at_start(task.X_test))
