"""Tasks, kernels, losses, posteriors and laws that several tests use."""

import numpy as np
import torch

import ibhelpers as ib
from ibhelpers.kernels import (
    NNGP,
    NTK,
    RBF,
    ArcCosine,
    Laplace,
    Linear,
    Matern,
    Polynomial,
    RationalQuadratic,
)

LENGTHSCALES = (0.5, 1.0, 2.0, 4.0, 8.0)
ONE_OF_EACH = [
    RBF(1.5),
    RBF(LENGTHSCALES),
    Laplace(2.0),
    Matern(1.5, nu=0.5),
    Matern(1.5, nu=1.5),
    Matern(1.5),
    RationalQuadratic(1.5, alpha=0.7),
    Linear(bias_variance=0.5),
    Polynomial(3, scale=0.2),
    ArcCosine(0),
    ArcCosine(1),
    ArcCosine(2),
    NNGP(2, bias_variance=0.1),
    NTK(3),
    2.0 * RBF(1.0) + Linear() * RBF(3.0),
]


def by_repr(kernel):
    return repr(kernel)


class Counting(ib.kernels.RBF):
    """Counts the covariances that are evaluated."""

    evaluated = 0
    __module__ = ib.kernels.RBF.__module__  # of the package, whose kernels are known not to change

    def _tile(self, A, B):
        Counting.evaluated += len(A) * len(B)
        return super()._tile(A, B)


def a_task(n=40, m=17, k=3, d=4, seed=0) -> ib.Task:
    rng = np.random.default_rng(seed)
    X, Z, W = rng.normal(size=(n, d)), rng.normal(size=(m, d)), rng.normal(size=(d, k))
    return ib.Task(X, np.sin(X @ W), Z, np.sin(Z @ W) + 0.1)


def noncentral(df, nc, n, seed=0, scale=1.0):
    """A sample by NumPy's generator, which shares no code with the package."""
    return scale * np.random.default_rng(seed).noncentral_chisquare(df, nc, n)


def posterior(space, X, y, X_test):
    """Mean and covariance at the test points, by solving anew."""
    kernel = lambda a, b: space.kernel(torch.tensor(a), torch.tensor(b)).numpy()  # noqa: E731
    K = kernel(X, X) + space.noise * np.eye(len(X))
    weights = np.linalg.solve(K, kernel(X, X_test)).T
    return weights @ y, kernel(X_test, X_test) - weights @ kernel(X, X_test)


def law_of(mean, covariance, y, shares=None):
    """The law of the mean squared error, whose test points may have other weights than 1."""
    m, k = y.shape
    root = np.sqrt(np.ones(m) if shares is None else shares)
    variance, U = np.linalg.eigh(root[:, None] * covariance * root)
    R = U.T @ (root[:, None] * (mean - y))
    keep = variance > 1e-13 * variance[-1]
    return ib.laws.GeneralizedChi2(
        variance[keep] / (m * k),
        k,
        (R**2).sum(1)[keep] / variance[keep],
        (R[~keep] ** 2).sum() / (m * k),
    )
