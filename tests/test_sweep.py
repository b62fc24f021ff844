"""The table of kernels, against scikit-learn and against asking one by one."""

import math

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as sk

import ibhelpers as ib
from tests.examples import Counting, a_task

COLUMNS = [
    "candidate",
    "target_error",
    "bits",
    "digits",
    "at_least",
    "log_marginal_likelihood",
    "leave_one_out_loss",
    "test_loss",
    "test_error_rate",
    "jitter",
    "condition",
]
NOISE = 0.02


@pytest.fixture(scope="module")
def task():
    return a_task(n=60, m=25, k=2)


def test_every_column_says_what_asking_one_by_one_says(task):
    kernels = [ib.kernels.RBF(1.0), 2.0 * ib.kernels.Matern(3.0, nu=1.5)]
    table = ib.compare.kernels(task, kernels, [0.3, 0.1, 0.0], noise=NOISE)
    assert list(table) == COLUMNS
    assert list(table.candidate) == [repr(k) for k in kernels for _ in range(3)]
    assert list(table.target_error) == [0.3, 0.1, 0.0] * 2
    for kernel in kernels:
        rows, space = table[table.candidate == repr(kernel)], ib.GaussianSpace(kernel, noise=NOISE)
        bits = ib.inductive_bias(space.loss_law(task), [0.3, 0.1, 0.0]).bits
        np.testing.assert_allclose(rows.bits, bits, rtol=1e-10)
        assert bits[2] == math.inf
        assert set(rows.condition) == {space.posterior(task).condition}
        assert set(rows.jitter) == {0.0}


def test_predictions_and_evidence_are_those_of_scikit_learn(task):
    row = ib.compare.kernels(task, [ib.kernels.RBF(1.5)], 0.1, noise=NOISE).iloc[0]
    regressor = GaussianProcessRegressor(sk.RBF(1.5), alpha=NOISE, optimizer=None)
    X, y = task.X_train, task.y_train
    regressor.fit(X, y)
    assert row.log_marginal_likelihood == pytest.approx(regressor.log_marginal_likelihood_value_)
    error = ((regressor.predict(task.X_test) - task.y_test) ** 2).mean()
    assert row.test_loss == pytest.approx(error, rel=1e-9)
    errors = []
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        errors.append(regressor.fit(X[rest], y[rest]).predict(X[i : i + 1])[0] - y[i])
    assert row.leave_one_out_loss == pytest.approx(np.square(errors).mean(), rel=1e-8)


def test_names_can_be_given_and_functions_too(task):
    kernels = {"smooth": ib.kernels.RBF(2.0), "mine": lambda A, B: 1.0 + A @ B.T}
    table = ib.compare.kernels(task, kernels, [0.3], noise=NOISE)
    assert list(table.candidate) == ["smooth", "mine"]
    linear = 1.0 + sk.DotProduct(0.0, sigma_0_bounds="fixed")
    regressor = GaussianProcessRegressor(linear, alpha=NOISE, optimizer=None)
    evidence = regressor.fit(task.X_train, task.y_train).log_marginal_likelihood_value_
    assert table.log_marginal_likelihood[1] == pytest.approx(evidence, rel=1e-9)


def test_each_kernel_is_evaluated_once(task):
    Counting.evaluated = 0
    ib.GaussianSpace(Counting(1.5)).posterior(task)
    once = Counting.evaluated
    ib.compare.kernels(task, [Counting(1.5), Counting(2.0)], [0.1, 0.2, 0.3])
    assert Counting.evaluated == 3 * once


def test_jitter_is_reported_for_the_kernel_that_needs_it(task):
    X, y = task.X_train.copy(), task.y_train.copy()
    X[1], y[1] = X[0], y[0]
    twice = ib.Task(X, y, task.X_test, task.y_test)
    white = {"rough": ib.kernels.Laplace(0.5) + Nugget(), "singular": ib.kernels.Laplace(0.5)}
    with pytest.warns(UserWarning, match=r"under Laplace\(lengthscale=0.5\) is singular"):
        table = ib.compare.kernels(twice, white, 0.3).set_index("candidate")
    assert table.jitter["rough"] == 0.0
    assert table.jitter["singular"] == 1e-12
    assert table.condition["singular"] > 1e10 > table.condition["rough"]


class Nugget(ib.kernels.Kernel):
    """Tells every input from every other, as noise does: 1 on the diagonal of (A, A)."""

    def _tile(self, A, B):
        tile = A.new_zeros(len(A), len(B))
        if A.data_ptr() == B.data_ptr():
            tile.diagonal().fill_(1.0)
        return tile

    def _diagonal(self, A):
        return A.new_ones(len(A))


@pytest.mark.parametrize(
    "kernels, targets, message",
    [
        ([], 0.1, "kernels: found none"),
        ([ib.kernels.RBF(1.0)] * 2, 0.1, r"kernels: found two that are called RBF\(lengthscale=1"),
        ([ib.kernels.RBF(1.0)], [], r"target_error: found \[\]"),
        ([ib.kernels.RBF(1.0)], [0.1, -0.1], r"target_error: found \[0.1, -0.1\]"),
        ([ib.kernels.RBF(1.0)], math.nan, r"target_error: found \[nan\]"),
        ([lambda A, B: A[:, :1] * 0.0], 0.1, "kernel: .* returned shape"),
    ],
)
def test_bad_questions_are_named(task, kernels, targets, message):
    with pytest.raises(ValueError, match=message):
        ib.compare.kernels(task, kernels, targets, noise=NOISE)
