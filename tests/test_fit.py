"""The space that the training data choose: against closed forms, mpmath and scikit-learn."""

import math
import warnings

import mpmath
import numpy as np
import pytest
import torch
from scipy import optimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as sk

import ibhelpers as ib
from ibhelpers.kernels import (
    NNGP,
    RBF,
    ArcCosine,
    Constant,
    FunctionKernel,
    Laplace,
    Linear,
    Matern,
    Polynomial,
    RationalQuadratic,
)
from ibhelpers.spaces import _refusals, _surface
from ibhelpers.spaces._descent import descend
from ibhelpers.spaces._fit import _split
from ibhelpers.spaces._surface import Model, Surface

RNG = np.random.default_rng(0)


def a_task(n=120, d=3, k=2, noise=0.1, seed=0, m=20):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n + m, d))
    f = np.sin(X @ rng.normal(size=(d, k))) + 0.5 * X[:, :1]
    Y = f + noise * rng.normal(size=f.shape)
    return ib.Task(X[:n], Y[:n], X[n:], Y[n:])


# --- derivatives ---------------------------------------------------------------------------------

KERNELS = [
    RBF(1.3),
    RBF((0.7, 1.3, 2.0)),
    Matern(1.1, nu=0.5),
    Matern((0.7, 1.3, 2.0), nu=0.5),
    Matern(1.1, nu=1.5),
    Matern((0.7, 1.3, 2.0), nu=1.5),
    Matern((0.7, 1.3, 2.0), nu=2.5),
    Laplace(1.7),
    Laplace((0.7, 1.3, 2.0)),
    RationalQuadratic(1.2, alpha=0.7),
    RationalQuadratic((0.7, 1.3, 2.0), alpha=3.0),
    Linear(0.4),
    Linear() + 0.5 * Constant(),
    Polynomial(3, scale=0.2, offset=0.6),
    ArcCosine(1),
    NNGP(2, bias_variance=0.1),
    FunctionKernel(lambda A, B: torch.exp(-torch.cdist(A, B))),
    RBF(1.3) + 0.3 * (Matern(0.8, nu=1.5) * (Linear(0.5) + 2.0 * RBF(3.0))),
]


@pytest.mark.parametrize("criterion", ["evidence", "leave_one_out"])
@pytest.mark.parametrize("profiled", [True, False])
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_gradients_are_those_of_differences(kernel, profiled, criterion, monkeypatch):
    monkeypatch.setattr(_surface, "_TILE", 11)  # several tiles, with a short last one
    X, Y = torch.tensor(RNG.normal(size=(30, 3))), torch.tensor(RNG.normal(size=(30, 2)))
    names = kernel.free()
    model = Model(kernel, tuple(range(len(names))), profiled, None)
    surface = Surface(model, X, Y, criterion)
    x = np.log([value for _, value in names] + [0.3])
    height = surface.at(x)
    for i, found in enumerate(height.gradient):

        def along(t, i=i):
            return surface(x + t * np.eye(len(x))[i])[0]

        h = 1e-3  # fourth order: errors of h⁴, and of rounding divided by h
        slope = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
        assert found == pytest.approx(slope, rel=1e-7, abs=1e-7), model.names[i]


@pytest.mark.parametrize("criterion", ["evidence", "leave_one_out"])
def test_value_and_gradient_against_forty_digits(criterion):
    """The evidence as a determinant and a quadratic form; leaving out by conditioning anew."""
    mpmath.mp.dps = 40
    X, Y, n = RNG.normal(size=(7, 2)), RNG.normal(size=(7, 2)), 7

    def squares(a, b):
        return sum((mpmath.mpf(p) - q) ** 2 for p, q in zip(a, b, strict=True))

    def minus(log_lengthscale, log_noise):
        scale, noise = mpmath.exp(log_lengthscale), mpmath.exp(log_noise)

        def covariance(rows):
            return mpmath.matrix(
                [
                    [
                        mpmath.exp(-squares(X[i], X[j]) / (2 * scale**2)) + noise * (i == j)
                        for j in rows
                    ]
                    for i in rows
                ]
            )

        y = mpmath.matrix(Y.tolist())
        everything = list(range(n))
        if criterion == "evidence":
            A = covariance(everything)
            inverse, det = A**-1, mpmath.det(A)
            s = sum((y[:, j].T * inverse * y[:, j])[0] for j in (0, 1)) / (2 * n)
            return n * (1 + mpmath.log(2 * mpmath.pi * s)) + mpmath.log(det)
        errors, shares = [], []
        A = covariance(everything)
        for i in everything:
            rest = [j for j in everything if j != i]
            inverse = covariance(rest) ** -1
            cross = mpmath.matrix([[A[i, j] for j in rest]])
            gain = cross * inverse
            shares.append(A[i, i] - (gain * cross.T)[0])
            for j in (0, 1):
                predicted = (gain * mpmath.matrix([y[r, j] for r in rest]))[0]
                errors.append((y[i, j] - predicted) ** 2 / shares[-1])
        s = sum(errors) / (2 * n)
        logs = sum(mpmath.log(share) for share in shares)
        return n * (1 + mpmath.log(2 * mpmath.pi * s)) + logs

    x = np.log([0.9, 0.05])
    surface = Surface(Model(RBF(0.9), (0,), True, None), *map(torch.tensor, (X, Y)), criterion)
    height = surface.at(x)
    assert height.value == pytest.approx(float(minus(*x)), rel=1e-12)
    exact = [mpmath.diff(minus, tuple(x), order) for order in ((1, 0), (0, 1))]
    np.testing.assert_allclose(height.gradient, [float(e) for e in exact], rtol=1e-11)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_a_pair_has_the_values_of_the_kernel(kernel):
    from ibhelpers.kernels.pair import Pair

    A, B = torch.tensor(RNG.normal(size=(9, 3))), torch.tensor(RNG.normal(size=(5, 3)))
    pair = Pair(A, B)
    for _ in range(2):  # what is kept has not been written to
        torch.testing.assert_close(kernel.value(pair), kernel(A, B), rtol=1e-14, atol=0)
    assert kernel.with_free(iter(v for _, v in kernel.free())) == kernel


def test_splitting_leaves_the_kernel_as_it_is():
    kernel = 2.0 * (3.0 * RBF(1.0) + 5.0 * Linear(1.0)) * (7.0 * Matern(1.0))
    factor, shape = _split(kernel)
    X = RNG.normal(size=(5, 2))
    torch.testing.assert_close(factor * shape(X), kernel(X), rtol=1e-14, atol=0)
    assert factor == 42.0
    assert [name for name, _ in shape.free()].count("amplitude") == 1


# --- the search ----------------------------------------------------------------------------------


def test_the_search_finds_minima_and_corners():
    def rosenbrock(x):
        return optimize.rosen(x), optimize.rosen_der(x)

    end = descend(rosenbrock, np.array([-1.2, 1.0]), *np.array([[-5.0] * 2, [5.0] * 2]))
    np.testing.assert_allclose(end.x, 1.0, atol=1e-2)
    end = descend(rosenbrock, np.array([-1.2, 1.0]), *np.array([[-5.0] * 2, [0.5] * 2]))
    oracle = optimize.minimize(
        optimize.rosen, [-1.2, 0.4], jac=optimize.rosen_der, bounds=[(-5, 0.5)] * 2
    )
    assert end.value == pytest.approx(oracle.fun, abs=1e-3)


def scikit_learn(task, kernel, restarts=3):
    regressor = GaussianProcessRegressor(
        kernel, alpha=0.0, n_restarts_optimizer=restarts, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bounds and convergence
        return regressor.fit(task.X_train, task.y_train).log_marginal_likelihood_value_


@pytest.mark.parametrize("ard", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_evidence_is_as_high_as_scikit_learn_finds_it(ard, seed):
    task = a_task(seed=seed)
    lengths = np.ones(3) if ard else 1.0
    kernel = sk.ConstantKernel(1.0, (1e-4, 1e4)) * sk.RBF(lengths, (1e-2, 1e3))
    oracle = scikit_learn(task, kernel + sk.WhiteKernel(0.1, (1e-9, 1e2)))
    space = ib.GaussianSpace.fit(task, ard=ard)
    assert space.choice.value >= oracle - 0.01
    assert space.log_marginal_likelihood(task) == pytest.approx(space.choice.value, rel=1e-9)


def test_sums_have_an_amplitude_each():
    task = a_task(k=1)
    kernel = sk.ConstantKernel(1.0, (1e-6, 1e6)) * sk.RBF(1.0, (1e-2, 1e3))
    kernel += sk.ConstantKernel(1.0, (1e-6, 1e6)) * sk.DotProduct(0.0, sigma_0_bounds="fixed")
    oracle = scikit_learn(task, kernel + sk.WhiteKernel(0.1, (1e-9, 1e2)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a bound, which it may end on
        space = ib.GaussianSpace.fit(task, RBF(1.0) + Linear())
    assert space.choice.value >= oracle - 0.01
    assert space.log_marginal_likelihood(task) == pytest.approx(space.choice.value, rel=1e-9)


@pytest.mark.parametrize("ard", [False, True])
def test_a_part_of_the_data_is_a_good_beginning(ard):
    """Searched on parts first, and searched on all from the best point: the same height."""
    task = a_task(n=900, k=1)
    space = ib.GaussianSpace.fit(task, ard=ard)
    assert space.choice.n_start < 900
    model = Model(RBF((1.0,) * 3) if ard else RBF(1.0), (0, 1, 2) if ard else (0,), True, None)
    surface = Surface(model, *map(torch.tensor, (task.X_train, task.y_train)), "evidence")
    x = np.log([1.5] * (3 if ard else 1) + [0.01])
    oracle = optimize.minimize(surface, x, jac=True, method="BFGS", options={"gtol": 1e-3})
    assert space.choice.value >= -oracle.fun - 0.01


def test_the_best_amplitude_is_closed():
    task = a_task(noise=0.0)
    space = ib.GaussianSpace.fit(task, RBF(1.0), noise=0, hold="kernel")
    K, Y = RBF(1.0)(task.X_train).numpy(), task.y_train
    assert space.choice.amplitude == pytest.approx(
        np.trace(Y.T @ np.linalg.solve(K, Y)) / Y.size, rel=1e-8
    )
    assert space.noise == 0
    assert space.kernel == space.choice.amplitude * RBF(1.0)


def test_leaving_one_out_is_a_criterion():
    task = a_task()
    by_evidence = ib.GaussianSpace.fit(task)
    space = ib.GaussianSpace.fit(task, criterion="leave_one_out")
    found = space.leave_one_out(task).log_predictive_density
    assert found == pytest.approx(space.choice.value, rel=1e-9)
    assert found > by_evidence.leave_one_out(task).log_predictive_density
    assert space.choice.criterion == "leave_one_out"


@pytest.mark.parametrize(
    "held", [{"amplitude": 0.7}, {"noise": 0.05}, {"amplitude": 0.7, "noise": 0.05}]
)
def test_what_is_held_stays_and_the_rest_is_at_its_best(held):
    task = a_task()
    space = ib.GaussianSpace.fit(task, RBF(1.0), **held)
    assert {name: getattr(space.choice, name) for name in held} == held

    def minus(x):
        searched = [n for n in ("lengthscale", "amplitude", "noise") if n not in held]
        logs = dict(zip(searched, x, strict=True))
        values = held | {name: math.exp(log) for name, log in logs.items()}
        kernel = values["amplitude"] * RBF(values["lengthscale"])
        return -ib.GaussianSpace(kernel, noise=values["noise"]).log_marginal_likelihood(task)

    x = np.zeros(3 - len(held))
    oracle = optimize.minimize(minus, x, method="Nelder-Mead", options={"maxiter": 150})
    assert space.choice.value >= -oracle.fun - 0.01


def test_an_unknown_mean():
    task = a_task(k=1)
    shifted = ib.Task(task.X_train, task.y_train + 100.0, task.X_test, task.y_test + 100.0)
    zero = ib.GaussianSpace.fit(shifted, bounds={"lengthscale": (0.1, 10.0)})
    constant = ib.GaussianSpace.fit(shifted, mean="constant")
    assert constant.choice.value > zero.choice.value + 10
    assert "Constant()" in repr(constant.kernel)


def test_centring_is_by_the_training_targets_alone():
    """The posterior mean is what an explicit subtraction gives, and the law of the loss as well."""
    task = a_task(n=40)
    shifted = ib.Task(task.X_train, task.y_train + 5.0, task.X_test, task.y_test + 5.0)
    space, mean = ib.GaussianSpace(RBF(1.0), noise=0.1), shifted.y_train.mean(0)
    centred = shifted.centred()
    np.testing.assert_allclose(centred.y_train.mean(0), 0.0, atol=1e-12)
    np.testing.assert_allclose(centred.y_test, shifted.y_test - mean, atol=1e-12)
    K, cross = RBF(1.0)(task.X_train).numpy(), RBF(1.0)(task.X_test, task.X_train).numpy()
    weights = np.linalg.solve(K + 0.1 * np.eye(40), shifted.y_train - mean)
    np.testing.assert_allclose(space.posterior(centred).mean, cross @ weights, atol=1e-10)


# --- what it must not do -------------------------------------------------------------------------


class Blind(ib.Task):
    """A task whose test set nobody may look at, once it is made."""

    def __getattribute__(self, name):
        if name.endswith("_test") and object.__getattribute__(self, "__dict__").get("shut"):
            raise AssertionError(f"fit asked for {name}")
        return object.__getattribute__(self, name)


def test_test_data_are_never_looked_at():
    task = a_task()
    other = ib.Task(task.X_train, task.y_train, task.X_test + 3.0, task.y_test * 1e6)
    blind = Blind(task.X_train, task.y_train, task.X_test, task.y_test)
    blind.__dict__["shut"] = True
    with pytest.raises(AssertionError, match="fit asked for y_test"):
        _ = blind.y_test
    spaces = [ib.GaussianSpace.fit(t) for t in (task, other, blind)]
    assert spaces[0].choice == spaces[1].choice == spaces[2].choice
    assert spaces[0].kernel == spaces[1].kernel == spaces[2].kernel


def test_a_bound_is_told():
    with pytest.warns(UserWarning, match="lengthscale at its upper bound 0.1"):
        space = ib.GaussianSpace.fit(a_task(), bounds={"lengthscale": (0.01, 0.1)})
    assert space.choice.on_bound[0] == "lengthscale at its upper bound 0.1"
    assert "on a bound" in repr(space.choice)


def test_bad_arguments():
    task = a_task(n=20)
    fit = ib.GaussianSpace.fit
    with pytest.raises(ValueError, match=r"kernel: found <class 'int'>; give a kernel or a"):
        fit(task, int)
    with pytest.raises(ValueError, match="kernel: Polynomial needs arguments"):
        fit(task, Polynomial)
    with pytest.raises(ValueError, match="hold: found 'alpha'; known are kernel, lengthscale"):
        fit(task, hold="alpha")
    with pytest.raises(ValueError, match="criterion: found 'loo'"):
        fit(task, criterion="loo")
    with pytest.raises(ValueError, match="mean: found 'centred'"):
        fit(task, mean="centred")
    with pytest.raises(ValueError, match=r"bounds: found lengthscale from 2.0 to 1.0"):
        fit(task, bounds={"lengthscale": (2.0, 1.0)})
    with pytest.raises(ValueError, match="starts: found 0"):
        fit(task, starts=0)
    with pytest.raises(ValueError, match="InfiniteNetworkSpace: an ensemble of trained networks"):
        ib.InfiniteNetworkSpace.fit(task)
    zeros = ib.Task(task.X_train, 0.0 * task.y_train, task.X_test, task.y_test)
    with pytest.raises(ValueError, match="all training targets are 0"):
        fit(zeros)
    twice = np.vstack([task.X_train, task.X_train])
    same = ib.Task(twice, np.vstack([task.y_train] * 2), task.X_test, task.y_test)
    with pytest.raises(ValueError, match="is not positive definite"):
        fit(same, FunctionKernel(lambda A, B: -(A @ B.T)), noise=0)
    with pytest.warns(UserWarning, match="noise at its lower bound"):  # targets come twice, alike
        assert fit(same).noise > 0


# --- memory -------------------------------------------------------------------------------------


class Untouchable(RBF):
    """May not be evaluated."""

    def value(self, pair):
        raise AssertionError("evaluated before it was known to fit")


@pytest.mark.parametrize("criterion", ["evidence", "leave_one_out"])
def test_what_cannot_fit_is_refused_before_it_starts(criterion, monkeypatch):
    free = _surface.memory_needed(2000, 3, 2, criterion, torch.device("cpu"))
    monkeypatch.setattr(_refusals, "free_memory", lambda device, **_: free)
    X = np.random.default_rng(0).standard_normal((2500, 3))
    task = ib.Task(X, X[:, :2], X[:1], X[:1, :2])
    message = (
        r"task: 2,500 training examples take \d+ MiB, and \d+ MiB are free on 'cpu'. About 2,000"
    )
    with pytest.raises(ValueError, match=message):
        ib.GaussianSpace.fit(task, Untouchable(1.0), criterion=criterion)


def test_memory_counts_the_arrays():
    """Ten thousand examples hold two arrays of 763 MiB, three to leave each out; 3 GiB suffice."""
    sizes = [10, 400, 4000, 4096, 4097, 5000, 10_000]
    needed = [_surface.memory_needed(n, 20, 1, "evidence", torch.device("cpu")) for n in sizes]
    assert needed == sorted(needed)
    assert 2 * 8 * 10_000**2 < needed[-1] < 3 * 2**30
    assert _surface.memory_needed(10_000, 20, 1, "leave_one_out", torch.device("cpu")) < 3 * 2**30
