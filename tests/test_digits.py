"""How many digits of an exact answer are right, against mpmath in 150 digits."""

import math
import warnings
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch

import ibhelpers as ib
from ibhelpers.kernels import RBF, FunctionKernel, Laplace, Linear, Matern, RationalQuadratic
from ibhelpers.kernels.balls import in_balls
from ibhelpers.spaces import _precise
from tests.oracles import rbf_law, rbf_posterior


def as_function(amplitude, lengthscale):
    """An RBF kernel that the package takes for a reader's own: it stays in float64."""

    def values(A, B):
        squares = ((A[:, None] - B) ** 2).sum(-1)
        return amplitude * torch.exp(-squares / (2 * lengthscale**2))

    return FunctionKernel(values)


def true_law(task, amplitude, lengthscale, noise):
    """The law with every weight to its last digit, however small."""
    with mpmath.workdps(150):
        return ib.laws.GeneralizedChi2(*rbf_law(task, amplitude, lengthscale, noise))


def a_task(seed):
    """A few points, a smooth function with some noise, and a kernel smoother than it."""
    rng = np.random.default_rng(seed)
    n, m, d = int(rng.integers(3, 9)), int(rng.integers(3, 8)), int(rng.integers(1, 3))
    X = rng.uniform(0, 5, (n + m, d))
    y = np.sin(X.sum(1)) + rng.normal(size=n + m) * 10 ** rng.uniform(-3, 0)
    kernel = (10 ** rng.uniform(-1, 1), 10 ** rng.uniform(-0.2, 1.3))
    noise = 10 ** rng.uniform(-6, 0.3)
    return ib.Task(X[:n], y[:n], X[n:], y[n:]), kernel, noise


def targets_of(law, rng):
    """Between the mean and the offset, just above it, and below."""
    above = law.mean() - law.offset
    far = [law.offset + above * 10 ** rng.uniform(-3, 0) for _ in range(2)]
    return np.array([*far, 1.01 * law.offset + 1e-9 * above, 0.5 * law.offset + 1e-9 * above])


@pytest.fixture(scope="module")
def random_cases():
    """Two hundred tasks: how they are told, and the truth."""
    cases = []
    for seed in range(200):
        task, kernel, noise = a_task(seed)
        in_float64 = ib.GaussianSpace(as_function(*kernel), noise=noise).loss_law(task)
        ours = ib.GaussianSpace(kernel[0] * RBF(kernel[1]), noise=noise).loss_law(task)
        targets = targets_of(in_float64, np.random.default_rng(seed))
        true = true_law(task, *kernel, noise).logcdf(targets) / -math.log(2)
        cases.append(
            (ib.inductive_bias(in_float64, targets), ib.inductive_bias(ours, targets), true)
        )
    return cases


def reported_and_true_errors(found, true):
    some = ~found.at_least
    return 10.0 ** -found.digits[some] * true[some], np.abs(found.bits - true)[some]


def test_the_true_error_is_within_what_is_reported(random_cases):
    few, ratios = 0, []
    for found, _, true in random_cases:
        reported, error = reported_and_true_errors(found, true)
        assert (error <= reported).all()
        assert (found.bits[found.at_least] <= true[found.at_least] * (1 + 1e-9)).all()
        assert np.isfinite(found.bits).all()
        few += int((found.digits < 10).sum())
        felt = error > 1e-14 * true[~found.at_least]  # beyond the rounding of the bits themselves
        ratios.extend((reported / np.maximum(error, 1e-300))[felt])
    assert few > 100  # these tasks do lose digits
    assert np.median(ratios) < 100


def test_where_digits_are_few_more_are_had(random_cases):
    for _, found, true in random_cases:
        assert not found.at_least.any()
        assert (found.digits > 6).all()
        reported, error = reported_and_true_errors(found, true)
        assert (error <= reported).all()


def test_below_what_float64_resolves():
    """The bits were infinite; in float64 they are at least so many; with all digits they are."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 5, (28, 1))
    y = np.sin(X) + 0.1 * rng.normal(size=X.shape)
    task = ib.Task(X[:20], y[:20], X[20:], y[20:])
    law = ib.GaussianSpace(as_function(5.0, 10.0), noise=1.0).loss_law(task)
    target, above = 0.5 * law.offset, 1.5 * law.offset
    true = true_law(task, 5.0, 10.0, 1.0).logcdf([target, above]) / -math.log(2)
    told = ib.inductive_bias(law, target)
    assert told.at_least and told.digits == 0 and 1e-4 * true[0] < told.bits < true[0]
    assert "rounding hides how many more" in repr(told)
    near = ib.inductive_bias(law, above)
    assert near.digits < 4 and "rounding errors leave" in repr(near)
    exact = ib.GaussianSpace(5.0 * RBF(10.0), noise=1.0).loss_law(task)
    np.testing.assert_allclose(ib.inductive_bias(exact, [target, above]).bits, true, rtol=1e-9)
    assert ib.inductive_bias(exact, target).digits > 9
    assert repr(ib.inductive_bias(exact, above)).endswith("(exact)")


NEARLY_EQUAL = np.array([-0.55, -0.549995, -0.32, -1.26, -0.66])[:, None]
ELSEWHERE = np.array([0.75, -0.25, 1.75, -1.25])[:, None]


def test_singular_without_a_small_pivot():
    """No pivot gives it away, and float64 said 46.6 bits."""
    task = ib.Task(NEARLY_EQUAL, np.sin(NEARLY_EQUAL), ELSEWHERE, np.sin(ELSEWHERE))
    law = ib.GaussianSpace(RBF(5.0)).loss_law(task)  # a warning is an error here
    bits = true_law(task, 1.0, 5.0, 0.0).logcdf(0.01) / -math.log(2)
    assert bits == pytest.approx(2941.2, abs=0.1)
    assert ib.inductive_bias(law, 0.01).bits == pytest.approx(bits, rel=1e-9)
    own = ib.GaussianSpace(as_function(1.0, 5.0))
    with pytest.warns(UserWarning, match="is singular to working precision"):
        own.posterior(task)


@pytest.mark.parametrize("seed", range(40))
def test_nearly_equal_inputs(seed):
    rng = np.random.default_rng(seed)
    X, Z = rng.uniform(-2, 2, (6, 1)), rng.uniform(-2, 2, (3, 1))
    X[1] = X[0] + 10 ** rng.uniform(-11, -1)
    task, ell = ib.Task(X, np.sin(X), Z, np.sin(Z)), float(10 ** rng.uniform(-0.3, 1))
    with mpmath.workdps(150):
        mean, covariance = (np.array(a.tolist(), dtype=float) for a in rbf_posterior(task, 1, ell))
    posterior = ib.GaussianSpace(RBF(ell)).posterior(task)
    scale = math.sqrt(np.mean(mean**2) + np.trace(covariance) / 3)
    assert np.abs(posterior.mean.numpy() - mean).max() < 1e-4 * scale
    assert np.abs(posterior.covariance.numpy() - covariance).max() < 1e-4 * covariance.max()
    law, exact = ib.GaussianSpace(RBF(ell)).loss_law(task), true_law(task, 1, ell, 0.0)
    targets = exact.mean() * np.array([0.5, 0.05])
    found, true = ib.inductive_bias(law, targets), exact.logcdf(targets) / -math.log(2)
    assert (np.abs(found.bits - true) <= 10.0**-found.digits * true).all()


@pytest.mark.parametrize("apart", [0.0, 1e-15])
def test_errors_of_equal_test_inputs_add_up(apart):
    """Four hundred copies of one input share its rounding error, which does not average out.

    So do inputs that are nearly equal, of which no two are the same number.
    """
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X, z = rng.uniform(-2, 2, (6, 1)), rng.uniform(-2, 2, (1, 1))
        ell, noise = float(rng.uniform(0.5, 2)), float(10 ** rng.uniform(-12, -6))
        targets = np.sin(X), np.sin(z) + 0.1
        many = (np.repeat(a, 400, axis=0) for a in (z, targets[1]))
        Z, y = many
        Z = Z + apart * (np.arange(400.0)[:, None] - 199.5)
        law = ib.GaussianSpace(RBF(ell), noise=noise).loss_law(ib.Task(X, targets[0], Z, y))
        with mpmath.workdps(60):
            mean, variance = rbf_posterior(ib.Task(X, targets[0], z, targets[1]), 1, ell, noise)
            residual, deviation = abs(mean[0] - mpmath.mpf(targets[1].item())), variance[0] ** 0.5
            target = float(residual**2 + variance[0]) / 4
            ends = [(residual + s * mpmath.sqrt(mpmath.mpf(target))) / deviation for s in (-1, 1)]
            share = (
                mpmath.erfc(ends[0] / mpmath.sqrt(2)) - mpmath.erfc(ends[1] / mpmath.sqrt(2))
            ) / 2
            true = float(-mpmath.log(share, 2))
        found = ib.inductive_bias(law, target)
        assert abs(found.bits - true) <= 10.0**-found.digits * true
        assert found.digits < 11


def test_errors_of_equal_test_inputs_are_told_of_every_law():
    """Of a law without some examples, and of trained affine functions, as of the law with all."""
    task = ib.tasks.load("digits", n_train=30, n_test=40)
    same = replace(
        task,
        X_test=np.repeat(task.X_test[:1], 400, axis=0),
        y_test=np.repeat(task.y_test[:1], 400, axis=0),
        labels_test=None,
    )
    one = replace(task, X_test=task.X_test[:1], y_test=task.y_test[:1], labels_test=None)
    space = ib.GaussianSpace(0.1 * RBF(2.0), noise=1e-3)
    affine = ib.NetworkSpace(
        ib.networks.linear(std=0.1), optimizer="sgd", lr=0.3, epochs=5, batch_size=None
    )
    for law_of in (
        lambda task: space.removals(task).law_without([0, 1]),
        lambda task: ib.networks.linear_law(affine, task),
    ):
        alone, many = (law_of(t)._rounding for t in (one, same))
        assert many.root > 0.9 * alone.root  # it is a mean's, and equal errors do not average out


def test_the_digits_of_a_learning_curve_and_a_comparison():
    task, kernel, noise = a_task(3)
    space = ib.GaussianSpace(kernel[0] * RBF(kernel[1]), noise=noise)
    law = space.learning_curve(task, [task.n_train])[task.n_train]
    target = 0.2 * law.mean()
    asked = ib.inductive_bias(space.loss_law(task), target)
    assert ib.inductive_bias(law, target).digits == asked.digits
    (row,) = ib.compare.kernels(task, [space.kernel], target, noise=noise).itertuples()
    assert (row.bits, row.digits, row.at_least) == (asked.bits, asked.digits, asked.at_least)


@pytest.mark.parametrize(
    "kernel",
    [
        RBF(1.5),
        RBF((1.0, 2.0)),
        Laplace((1.0, 2.0)),
        Matern(0.7, nu=0.5),
        Matern(0.7, nu=1.5),
        Matern((0.7, 0.4), nu=2.5),
        RationalQuadratic(1.2, alpha=0.4),
        ib.kernels.Polynomial(3, scale=0.5, offset=2.0),
        2.5 * Linear(0.5) * RBF(1.0) + Laplace(2.0),
    ],
    ids=repr,
)
def test_kernels_in_balls_are_the_kernels(kernel):
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(4, 2)), rng.normal(size=(3, 2))
    B[0] = A[1]
    found = np.array([[float(x) for x in row] for row in in_balls(kernel, A, B).tolist()])
    np.testing.assert_allclose(found, kernel(A, B), rtol=1e-13)


def test_what_is_not_within_reach():
    task, _, _ = a_task(0)
    assert _precise.is_within_reach(RBF(1.0), task, 0.0)
    assert not _precise.is_within_reach(as_function(1.0, 1.0) + RBF(1.0), task, 0.0)
    assert not _precise.is_within_reach(ib.kernels.NTK(1), task, 0.0)
    twice = ib.Task(task.X_train[[0, 0]], np.ones(2), task.X_test, task.y_test)
    assert not _precise.is_within_reach(RBF(1.0), twice, 0.0)
    assert _precise.is_within_reach(RBF(1.0), twice, 0.1)


def test_jacobi_rotations_find_singular_values_of_every_size():
    """Of columns graded over 200 decades, against mpmath."""
    rng = np.random.default_rng(0)
    B = rng.normal(size=(5, 5)) * 10.0 ** np.array([0, -7, -40, -100, -140])
    U, lengths = _precise._singular_values(B)
    with mpmath.workdps(400):
        squares = mpmath.eigsy(mpmath.matrix(B.tolist()) * mpmath.matrix(B.T.tolist()))[0]
        true = sorted(float(mpmath.sqrt(s)) for s in squares)
    np.testing.assert_allclose(sorted(lengths), true, rtol=1e-13)
    np.testing.assert_allclose(U.T @ U, np.eye(5), atol=1e-14)


def test_the_offset_is_no_floor_but_equal_inputs_are():
    """Test inputs that are training inputs are fitted exactly: there the bits are infinite."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6, 2))
    y = rng.normal(size=6)
    task = ib.Task(X, y, np.concatenate([X[:2], rng.normal(size=(2, 2))]), np.r_[y[:2] + 1, 0, 0])
    law = ib.GaussianSpace(RBF(2.0)).loss_law(task)
    assert law.offset == pytest.approx(0.5)
    below = ib.inductive_bias(law, [0.4999, 0.0])
    assert (below.bits == math.inf).all() and not below.at_least.any()
    assert "inf bits at target error 0.4999 (exact)" in repr(below)
    assert (
        ib.inductive_bias(ib.GaussianSpace(RBF(2.0), noise=0.1).loss_law(task), 0.0).bits
        == math.inf
    )


@pytest.mark.parametrize("size", [1.0, 1e6, 1e13])
def test_mean_losses_keep_their_digits_or_say_so(size):
    """Targets near the mean of the hypotheses, which is far larger than their spread."""
    rng = np.random.default_rng(0)
    X, Z = rng.uniform(0, 5, (8, 1)), rng.uniform(0, 5, (4, 1))
    y = size * np.sin(X[:, 0])
    space = ib.GaussianSpace(as_function(1.0, 1.0))
    near = space.posterior(ib.Task(X, y, Z, np.zeros(4))).mean.numpy()
    task = ib.Task(X, y, Z, near)
    with mpmath.workdps(150):
        w, k, delta = (np.array(a) for a in rbf_law(task, 1.0, 1.0, 0.0)[:3])
        true = float((w * (k + delta)).sum())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = [space.loss_law(task).mean(), space.assess(task).law.mean()]
    lost = max(abs(f / true - 1) for f in found)
    assert lost < 1e-4 or len(told) >= 2
    if size == 1.0:
        assert not told
    if size > 1e8:
        assert lost > 1e-4
        assert "lie so near the mean" in str(told[-1].message)


def test_covariances_that_change_no_digit_are_told():
    """The training data say nothing where covariances are 1e-17 of the variance, too."""
    X = np.arange(3.0)[:, None]
    task = ib.Task(X, np.ones(3), X + 100.0, np.ones(3))
    with pytest.warns(UserWarning, match="say nothing about the test points"):
        ib.GaussianSpace(RBF(11.0), noise=1e-3).posterior(task)


def evidence_of_hundred_digits(task, scale, noise):
    """Log evidence, and leaving one out by its definition, of one output under RBF(scale)."""
    n = task.n_train
    with mpmath.workdps(100):
        K = mpmath.matrix(n)
        for i, j in np.ndindex(n, n):
            gaps = [
                mpmath.mpf(a) - mpmath.mpf(b) for a, b in zip(*task.X_train[[i, j]], strict=True)
            ]
            K[i, j] = mpmath.exp(-sum(g * g for g in gaps) / (2 * mpmath.mpf(scale) ** 2))
            K[i, j] += noise if i == j else 0
        y = mpmath.matrix(task.y_train.tolist())
        quadratic = (y.T * mpmath.lu_solve(K, y))[0]
        log_evidence = -(quadratic + mpmath.log(mpmath.det(K)) + n * mpmath.log(2 * mpmath.pi)) / 2
        squares, log_density = mpmath.mpf(0), mpmath.mpf(0)
        for i in range(n):
            rest = [j for j in range(n) if j != i]
            C = mpmath.matrix([[K[a, b] for b in rest] for a in rest])
            c = mpmath.matrix([K[i, a] for a in rest])
            weights = mpmath.lu_solve(C, c).T
            error = y[i] - (weights * mpmath.matrix([y[a] for a in rest]))[0]
            variance = K[i, i] - (weights * c)[0]
            squares += error**2
            log_density -= (error**2 / variance + mpmath.log(2 * mpmath.pi * variance)) / 2
        return float(log_evidence), float(squares / n), float(log_density)


@pytest.mark.parametrize("seed", range(1, 6))
def test_evidence_and_leaving_out_of_small_tasks_have_their_digits(seed):
    """Some need jitter in float64, others none, but lose all digits: up to 3 %, with no word."""
    rng = np.random.default_rng(seed)
    n, d, scale = int(rng.integers(8, 12)), int(rng.integers(1, 3)), rng.choice([1.0, 2.5, 6.0])
    X, noise = rng.uniform(0, 3, (n, d)), [0.0, 1e-14][seed % 2]
    task = ib.Task(X, rng.normal(size=n), X[:2] + 6, np.zeros(2))
    space = ib.GaussianSpace(RBF(scale), noise=noise)
    true = evidence_of_hundred_digits(task, scale, noise)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_evidence, left_out = space.log_marginal_likelihood(task), space.leave_one_out(task)
        found = space.assess(task)
    assert found.jitter == 0
    for evidence, others in (
        (log_evidence, left_out),
        (found.log_marginal_likelihood, found.leave_one_out),
    ):
        told = [evidence, others.mse, others.log_predictive_density]
        np.testing.assert_allclose(told, true, rtol=1e-6)
        assert float((others.mean - torch.tensor(task.y_train)).square().mean()) == pytest.approx(
            true[1], rel=1e-6
        )


@pytest.mark.parametrize("seed", range(6))
def test_evidence_of_larger_tasks_keeps_its_digits_or_says_so(seed):
    """So many test points that no digits are added."""
    rng = np.random.default_rng(seed)
    X, scale = rng.uniform(0, 3, (9, 1)), [0.3, 0.7, 1.8][seed % 3]
    task = ib.Task(X, rng.normal(size=9), rng.uniform(6, 9, (120, 1)), np.zeros(120))
    space, noise = ib.GaussianSpace(RBF(scale), noise=1e-13), 1e-13
    true = evidence_of_hundred_digits(task, scale, noise)
    for ask in (
        lambda: [space.log_marginal_likelihood(task)],
        lambda: [
            space.log_marginal_likelihood(task),
            space.leave_one_out(task).mse,
            space.leave_one_out(task).log_predictive_density,
        ],
    ):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = ask()
        off = np.abs(np.array(found) / true[: len(found)] - 1).max()
        words = ("log evidence", "left out", "singular")
        assert off < 1e-4 or any(word in str(w.message) for w in told for word in words)
        assert scale > 0.3 or not told


def test_assessments_of_small_tasks_have_the_digits_of_the_law():
    """Where float64 would need jitter: what loss_law gives, by mpmath."""
    X = np.array([-0.55, -0.549995, -0.32, -1.26, -0.66])[:, None]
    Z = np.array([0.75, -0.25, 1.75, -1.25])[:, None]
    task, space = ib.Task(X, np.sin(X), Z, np.sin(Z)), ib.GaussianSpace(RBF(5.0))
    with mpmath.workdps(150):
        w, k, delta = (np.array(a) for a in rbf_law(task, 1.0, 5.0, 0.0)[:3])
        true = [float((w * (k + delta)).sum()), float((2 * w**2 * (k + 2 * delta)).sum())]
    found = space.assess(task)
    np.testing.assert_allclose([found.law.mean(), found.law.variance()], true, rtol=1e-8)
    assert found.jitter == 0
    (bits,) = ib.compare.kernels(task, [RBF(5.0)], 0.01).bits
    assert bits == pytest.approx(2941.2, abs=0.05)


@pytest.mark.parametrize("target", [5e-324, 1e-320, 1e-310, 1e-300, 1e-200, 1e-100])
def test_digits_next_to_zero(target):
    """There P(L <= x) is a power of x, to all digits: its first term."""
    task = ib.tasks.load("digits", n_train=40, n_test=20)
    law = ib.GaussianSpace(0.1 * RBF(2.0), noise=1e-3).loss_law(task)
    half = mpmath.mpf(float(law.df.sum())) / 2
    log_p = half * mpmath.log(mpmath.mpf(target) / 2) - mpmath.loggamma(half + 1)
    for w, k, nc in zip(law.weights.tolist(), law.df.tolist(), law.nc.tolist(), strict=True):
        log_p -= mpmath.mpf(k) / 2 * mpmath.log(w) + mpmath.mpf(nc) / 2
    bias = ib.inductive_bias(law, target)
    assert bias.digits > 9
    assert float(abs(-log_p / mpmath.log(2) / bias.bits - 1)) < 10.0**-bias.digits


@pytest.mark.parametrize("target", [1e60, 1e100, 1e200, 1e308])
def test_far_above_the_mean_nothing_is_in_doubt(target):
    task = ib.tasks.load("digits", n_train=40, n_test=20)
    space = ib.GaussianSpace(0.1 * RBF(2.0), noise=1e-3)
    bias = ib.inductive_bias(space.loss_law(task), target)
    assert (bias.bits, bias.digits) == (0.0, 16.0)
    assert ib.inductive_bias(space.probed_law(task, seed=0), target).interval == (0.0, 0.0)
