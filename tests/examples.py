"""Tasks, kernels and losses that several tests use."""

import numpy as np

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
