"""Evidence and leave-one-out against scikit-learn, SciPy and leaving each example out."""

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as sk

from ibhelpers.kernels import RBF, Linear
from ibhelpers.spaces import _evidence as evidence
from ibhelpers.spaces._evidence import leave_one_out, log_marginal_likelihood

NOISE = 0.1
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 3))
Y = np.column_stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]]) + 0.3 * RNG.normal(size=(30, 2))
KERNEL = 2.0 * RBF(1.5) + Linear()


@pytest.fixture
def covariance():
    return KERNEL(X) + NOISE * torch.eye(30, dtype=torch.float64)


@pytest.fixture
def factor(covariance):
    return torch.linalg.cholesky(covariance)


def test_evidence_is_that_of_scikit_learn(factor):
    kernel = 2.0 * sk.RBF(1.5) + sk.DotProduct(0.0, sigma_0_bounds="fixed")
    regressor = GaussianProcessRegressor(kernel, alpha=NOISE, optimizer=None).fit(X, Y)
    oracle = regressor.log_marginal_likelihood_value_
    assert log_marginal_likelihood(factor, torch.tensor(Y)) == pytest.approx(oracle, rel=1e-12)


def test_evidence_is_a_normal_density(factor, covariance):
    normal = scipy.stats.multivariate_normal(cov=covariance.numpy())
    oracle = normal.logpdf(Y.T).sum()
    assert log_marginal_likelihood(factor, torch.tensor(Y)) == pytest.approx(oracle, rel=1e-12)


@pytest.mark.parametrize("columns", [512, 7])
def test_leaving_each_example_out(factor, covariance, columns, monkeypatch):
    monkeypatch.setattr(evidence, "_COLUMNS", columns)
    found = leave_one_out(factor, torch.tensor(Y))
    C, means, variances, densities = covariance.numpy(), [], [], []
    for i in range(30):
        rest = np.arange(30) != i
        gain = np.linalg.solve(C[np.ix_(rest, rest)], C[rest, i])
        means.append(gain @ Y[rest])
        variances.append(C[i, i] - gain @ C[rest, i])
        densities.append(scipy.stats.norm.logpdf(Y[i], means[-1], np.sqrt(variances[-1])).sum())
    np.testing.assert_allclose(found.mean, means, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found.variance, variances, rtol=1e-11)
    assert found.mse == pytest.approx(np.mean((np.array(means) - Y) ** 2), rel=1e-11)
    assert found.log_predictive_density == pytest.approx(np.sum(densities), rel=1e-11)


def test_evidence_adds_up_predictions_one_after_another(covariance):
    """log p(y) = Σ log p(y_i | y_1 … y_{i−1}), with each prediction by leaving one out."""
    total = 0.0
    for i in range(1, 31):
        factor = torch.linalg.cholesky(covariance[:i, :i])
        last = leave_one_out(factor, torch.tensor(Y[:i]))
        mean, scale = last.mean[-1].numpy(), last.variance[-1].sqrt().item()
        total += scipy.stats.norm.logpdf(Y[i - 1], mean, scale).sum()
    factor = torch.linalg.cholesky(covariance)
    assert log_marginal_likelihood(factor, torch.tensor(Y)) == pytest.approx(total, rel=1e-11)


def test_the_factor_is_only_read(factor):
    upper = torch.triu(torch.full_like(factor, torch.nan), diagonal=1)
    dirty = factor + upper  # an in-place factorisation leaves the upper triangle as it was
    before = dirty.clone()
    y = torch.tensor(Y)
    assert log_marginal_likelihood(dirty, y) == log_marginal_likelihood(factor, y)
    assert torch.equal(leave_one_out(dirty, y).mean, leave_one_out(factor, y).mean)
    torch.testing.assert_close(dirty, before, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("function", [log_marginal_likelihood, leave_one_out])
def test_bad_input(function, factor):
    y = torch.tensor(Y)
    with pytest.raises(ValueError, match=r"y: found shape \(29, 2\) for 30 examples; give finite"):
        function(factor, y[:29])
    with pytest.raises(ValueError, match=r"y: found shape \(30, 2\) .* with NaN or infinity"):
        function(factor, torch.where(y > 0, torch.nan, y))
    with pytest.raises(ValueError, match=r"factor: found shape \(30, 30\), diagonal from -"):
        function(-factor, y)
    with pytest.raises(ValueError, match="factor: found shape"):
        function(torch.where(factor > 0, torch.nan, factor), y)
