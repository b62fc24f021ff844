"""Derivatives of the bits: against differences of values with proved digits, and of kernels."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch

import ibhelpers as ib
from ibhelpers.kernels import (
    NNGP,
    RBF,
    Constant,
    FunctionKernel,
    Laplace,
    Linear,
    Matern,
    Polynomial,
    RationalQuadratic,
)
from ibhelpers.kernels.pair import Pair
from tests import oracles

ARRAYS = ("X_train", "y_train", "X_test", "y_test")


def a_task(n=6, m=4, k=1, d=2, seed=0):
    r = np.random.default_rng(seed)
    X = r.standard_normal((n + m, d))
    y = np.sin(X @ r.standard_normal((d, k))) + 0.1 * r.standard_normal((n + m, k))
    return ib.Task(X[:n], y[:n], X[n:], y[n:])


def slope(f, h):
    """The derivative at 0, by a difference of fourth order."""
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


def moved(task, name, row, column):
    """t -> the task with t added to one of its numbers."""

    def at(t):
        array = np.array(getattr(task, name))
        array[row, column] += t
        return replace(task, **{name: array})

    return at


@pytest.mark.parametrize("share", [0.25, 1.1])
def test_gradients_are_those_of_differences_of_forty_digits(share):
    mpmath.mp.dps = 40
    task = a_task(seed=4)
    given = {"amplitude": 0.8, "lengthscale": 1.2, "noise": 0.05}
    space = ib.GaussianSpace(0.8 * RBF(1.2), noise=0.05)
    target = share * space.loss_law(task).mean()

    def bits(task, **change):
        parameters = given | {name: given[name] + t for name, t in change.items()}
        w, _, delta = oracles.rbf_law(task, **parameters)
        log_p = oracles.log_tail_in_balls(w, [1] * len(w), delta, target)
        return -float(log_p / np.log(2))

    found = ib.bias.gradient(space, task, target, inputs=True)
    assert found.bits == pytest.approx(bits(task), rel=1e-10)
    assert found.bits == ib.inductive_bias(space.loss_law(task), target).bits
    assert list(found.parameters.index) == ["amplitude", "lengthscale"]
    by_name = dict(found.parameters) | {"noise": found.noise}
    for name, value in by_name.items():
        exact = slope(lambda t, name=name: bits(task, **{name: t}), 1e-4)
        assert value == pytest.approx(exact, rel=1e-8), name
    for name in ARRAYS:
        at = moved(task, name, 2, 0)
        exact = slope(lambda t, at=at: bits(at(t)), 1e-4)
        assert getattr(found, name)[2, 0] == pytest.approx(exact, rel=1e-8), name


KERNELS = [
    RBF(1.3),
    RBF((0.7, 1.3, 2.0)),
    Matern(1.1, nu=0.5),
    Matern((0.7, 1.3, 2.0), nu=1.5),
    Matern(1.1, nu=2.5),
    RationalQuadratic((0.7, 1.3, 2.0), alpha=3.0),
    Linear(0.4),
    0.5 * Constant() + 0.2 * Linear(),
    Polynomial(3, scale=0.2, offset=0.6),
    RBF(1.3) + 0.3 * (Matern(0.8, nu=1.5) * (Linear(0.5) + 2.0 * RBF(3.0))),
]


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_kernels_pull_back_to_their_inputs(kernel):
    r = np.random.default_rng(1)
    A, B = torch.tensor(r.standard_normal((5, 3))), torch.tensor(r.standard_normal((4, 3)))
    W, V = torch.tensor(r.standard_normal((5, 4))), torch.tensor(r.standard_normal((5, 5)))
    V = V + V.T
    across, within = (kernel.pull_back_inputs(Pair(*p), w) for p, w in (((A, B), W), ((A, A), V)))
    for row, column in ((0, 0), (3, 1), (4, 2)):
        E = torch.zeros_like(A)
        E[row, column] = 1.0
        exact = slope(lambda t, E=E: float((W * kernel(A + t * E, B)).sum()), 1e-3)
        assert float(across[row, column]) == pytest.approx(exact, rel=1e-8, abs=1e-9)
        exact = slope(lambda t, E=E: float((V * kernel(A + t * E)).sum()), 1e-3)
        assert 2 * float(within[row, column]) == pytest.approx(exact, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("kernel", [0.7 * KERNELS[3], 0.1 * KERNELS[7] + KERNELS[9]], ids=repr)
def test_gradients_are_those_of_differences(kernel):
    task = a_task(n=30, m=20, k=3, d=3, seed=2)
    space = ib.GaussianSpace(kernel, noise=0.02)
    target = 0.4 * space.loss_law(task).mean()
    found = ib.bias.gradient(space, task, target, inputs=True)

    def bits(space, task=task):
        return ib.inductive_bias(space.loss_law(task), target).bits

    values = np.array([value for _, value in kernel.free()])
    for i, value in enumerate(found.parameters):
        unit = np.eye(len(values))[i]
        exact = slope(
            lambda t, unit=unit: bits(
                ib.GaussianSpace(kernel.with_free(iter(values + t * unit)), noise=0.02)
            ),
            1e-3,
        )
        assert value == pytest.approx(exact, rel=1e-7, abs=1e-7), found.parameters.index[i]
    exact = slope(lambda t: bits(ib.GaussianSpace(kernel, noise=0.02 + t)), 1e-4)
    assert found.noise == pytest.approx(exact, rel=1e-7)
    for name in ARRAYS:
        at = moved(task, name, 7, 2)
        exact = slope(lambda t, at=at: bits(space, at(t)), 1e-3)
        assert getattr(found, name)[7, 2] == pytest.approx(exact, rel=1e-7, abs=1e-8), name


def test_noise_of_nothing_has_a_derivative_too():
    task, kernel = a_task(n=8, m=6), Matern(1.0, nu=1.5)
    target = 0.5 * ib.GaussianSpace(kernel).loss_law(task).mean()
    found = ib.bias.gradient(ib.GaussianSpace(kernel), task, target)
    assert found.X_train is None
    bits = [
        ib.inductive_bias(ib.GaussianSpace(kernel, noise=s).loss_law(task), target).bits
        for s in (0.0, 1e-6, 2e-6)
    ]
    assert found.noise == pytest.approx((4 * bits[1] - bits[2] - 3 * bits[0]) / 2e-6, rel=1e-5)


def test_a_step_against_the_gradient_saves_what_it_promises():
    task = ib.tasks.load("digits", n_train=100, n_test=60)
    space = ib.GaussianSpace(0.1 * RBF(2.0), noise=1e-3, progress=False)
    found = ib.bias.gradient(space, task, 0.02, inputs=True)
    X = task.X_train - 1e-4 * found.X_train
    promised = 1e-4 * (found.X_train**2).sum()
    after = ib.inductive_bias(space.loss_law(replace(task, X_train=X)), 0.02).bits
    assert found.bits - after == pytest.approx(promised, rel=0.05)
    assert "lengthscale" in repr(found)


def test_what_has_no_derivative_is_refused():
    task, space = a_task(), ib.GaussianSpace(RBF(1.2), noise=0.05)
    for kernel in (Laplace(1.0), NNGP(1), FunctionKernel(lambda A, B: A @ B.T), RBF(1.0) * NNGP(2)):
        other = ib.GaussianSpace(kernel, noise=0.05)
        assert np.isfinite(ib.bias.gradient(other, task, 0.5).noise)
        with pytest.raises(ValueError, match=r"kernel: .*has no derivative in its inputs"):
            ib.bias.gradient(other, task, 0.5, inputs=True)
    twice = replace(task, X_test=task.X_train[:4])
    rough = ib.GaussianSpace(Matern(1.0, nu=0.5), noise=0.05)
    with pytest.raises(ValueError, match="has a kink where two inputs are equal, as rows"):
        ib.bias.gradient(rough, twice, 0.5, inputs=True)
    assert ib.bias.gradient(space, twice, 0.5, inputs=True).X_test.shape == (4, 2)
    for target in (0.0, -1.0):
        with pytest.raises(ValueError, match=f"target_error: found {target}"):
            ib.bias.gradient(space, task, target)
    with pytest.raises(ValueError, match="space: an ensemble of trained networks"):
        ib.bias.gradient(ib.InfiniteNetworkSpace(1), task, 0.5)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_derivatives_without_digits_are_refused():
    X = np.linspace(0, 1, 24)[:, None]
    task = ib.Task(X[::2], np.sin(3 * X[::2]), X[1::2], np.sin(3 * X[1::2]) + 0.1)
    for noise in (0.0, 1e-13):
        with pytest.raises(ValueError, match="space: the covariance of the training inputs"):
            ib.bias.gradient(ib.GaussianSpace(RBF(0.5), noise=noise), task, 0.01)
