"""Bits averaged over spaces, against a dense sum over lengthscale, amplitude and noise."""

import math

import numpy as np
import pytest
from scipy import special, stats

import ibhelpers as ib
from ibhelpers.bias import averaged_bias


def a_task(n=40, m=1, seed=0, noise=0.2):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, size=(n + m, 1))
    Y = np.sin(2 * X) + noise * rng.normal(size=X.shape)
    return ib.Task(X[:n], Y[:n], X[n:], Y[n:])


def test_against_a_dense_sum():
    """One test number: P(loss ≤ ε) is a difference of two normal probabilities."""
    task, target = a_task(), 1e-5
    space = ib.GaussianSpace.fit(task)
    found = averaged_bias(space, task, target)
    choice = space.choice
    X, Y, x, y = task.X_train, task.y_train[:, 0], task.X_test, task.y_test[0, 0]
    share = math.log(choice.noise / choice.amplitude)
    lengths = math.log(choice.kernel.lengthscale) + np.linspace(-4.6, 4.6, 240)
    shares = np.linspace(math.log(1e-8), share + 4.6, 160)
    amplitudes = math.log(choice.amplitude) + np.linspace(-5, 12, 200)
    log_p, log_q = [], []
    for length in np.exp(lengths):
        K = np.exp(-((X - X.T) ** 2) / (2 * length**2))
        cross = np.exp(-((X[:, 0] - x[0, 0]) ** 2) / (2 * length**2))
        values, vectors = np.linalg.eigh(K)
        a, c = vectors.T @ Y, vectors.T @ cross
        total = values.clip(0) + np.exp(shares)[:, None]
        quadratic, log_det = (a**2 / total).sum(1), np.log(total).sum(1)
        mean, left = (a * c / total).sum(1), (1 - (c**2 / total).sum(1)).clip(1e-14)
        s = np.exp(amplitudes)[:, None]
        evidence = -quadratic / (2 * s) - len(Y) / 2 * np.log(2 * math.pi * s) - log_det / 2
        deviation = np.sqrt(s * left)
        ends = [(y + way * math.sqrt(target) - mean) / deviation for way in (-1, 1)]
        flipped = ends[0] > 0  # differences of the tail that is small
        low = np.where(flipped, stats.norm.logsf(ends[1]), stats.norm.logcdf(ends[0]))
        high = np.where(flipped, stats.norm.logsf(ends[0]), stats.norm.logcdf(ends[1]))
        good = high + np.log1p(-np.exp(np.minimum(low - high, -1e-16)))
        log_p.append(special.logsumexp(evidence))
        log_q.append(special.logsumexp(evidence + good))
    oracle = (special.logsumexp(log_p) - special.logsumexp(log_q)) / math.log(2)
    assert found.bits == pytest.approx(oracle, abs=0.02)


def test_it_says_what_the_choice_is_worth():
    task = a_task(m=10)
    space = ib.GaussianSpace.fit(task)
    found = averaged_bias(space, task, 0.05)
    assert found.chosen == ib.inductive_bias(space.loss_law(task), 0.05).bits
    assert found.low < found.chosen < found.high
    assert found.bits < found.high
    assert "averaged over spaces" in repr(found)


def test_bad_arguments():
    task = a_task(n=20)
    with pytest.raises(ValueError, match="space: it was not chosen by the data"):
        averaged_bias(ib.GaussianSpace(ib.kernels.RBF(1.0)), task, 0.1)
    space = ib.GaussianSpace.fit(task)
    with pytest.raises(ValueError, match=r"target_error: found 0\.0"):
        averaged_bias(space, task, 0.0)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 4))
    wide = ib.Task(X[:20], X[:20, :1], X[20:], X[20:, :1])
    with pytest.warns(UserWarning, match="on a bound"):
        space = ib.GaussianSpace.fit(wide, ard=True, bounds={"lengthscale": (0.01, 1.0)})
    with pytest.raises(ValueError, match="it has 5 numbers besides its amplitude, more than 3"):
        averaged_bias(space, wide, 0.1)
