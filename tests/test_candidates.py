"""What labels are worth before they are known: by integrals of tiny tasks, and by simulation."""

import mpmath
import numpy as np
import pytest

import ibhelpers as ib
from tests import oracles
from tests.examples import law_of, posterior

KERNEL, NOISE = 0.8 * ib.kernels.RBF(1.2), 0.05


def a_task(n=6, m=4, k=1, d=2, seed=0, **more):
    r = np.random.default_rng(seed)
    X = r.standard_normal((n + m, d))
    y = np.sin(X @ r.standard_normal((d, k))) + 0.1 * r.standard_normal((n + m, k))
    return ib.Task(X[:n], y[:n], X[n:], y[n:], **more)


def with_label(task, x, y):
    """The task with one more training example."""
    X, Y = np.vstack([task.X_train, x]), np.vstack([task.y_train, y])
    return ib.Task(X, Y, task.X_test, task.y_test)


def by_integration(task, x, target, points=32):
    """KL(p(y | good) || p(y)) of one output: 40 digits, conditioning anew at every label."""
    mpmath.mp.dps = 40
    given = {"amplitude": mpmath.mpf("0.8"), "lengthscale": mpmath.mpf("1.2"), "noise": NOISE}

    def probability(asked):
        w, _, delta = oracles.rbf_law(asked, **given)
        return mpmath.exp(float(oracles.log_tail_in_balls(w, [1] * len(w), delta, target)))

    at = ib.Task(task.X_train, task.y_train, x, np.zeros((1, 1)))
    mean, variance = oracles.rbf_posterior(at, **given)
    mean, deviation = float(mean[0]), float(variance[0] + NOISE) ** 0.5
    whole, step, total = probability(task), 9.0 / points * 2, mpmath.mpf(0)
    for z in (np.arange(points) - points / 2 + 0.5) * step:  # exact for what is smooth, and soon 0
        ratio = probability(with_label(task, x, [[mean + z * deviation]])) / whole
        total += step * mpmath.npdf(z) * ratio * mpmath.log(ratio)
    return float(total / mpmath.log(2))


@pytest.mark.parametrize("share", [0.3, 1.1])
def test_the_worth_of_a_label_is_an_integral_over_its_values(share):
    task = a_task(seed=3)
    space = ib.GaussianSpace(KERNEL, noise=NOISE)
    target = share * space.loss_law(task).mean()
    x = task.X_test[:1] + 0.3
    found = ib.bias.expected_worth(space, task, target, x)
    assert found[0] == pytest.approx(by_integration(task, x, target), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize(("k", "share"), [(2, 0.5), (3, 1.0), (5, 0.7)])
def test_the_worth_of_a_label_is_the_mean_fall_of_the_bits(k, share):
    """Simulated: labels of hypotheses that reach the target, each one more training example."""
    task = a_task(n=12, m=8, k=k, seed=2)
    space = ib.GaussianSpace(KERNEL, noise=NOISE, progress=False)
    law = space.loss_law(task)
    target, x = share * law.mean(), task.X_test[2:3] + 0.2
    points = ib.Task(
        task.X_train,
        task.y_train,
        np.vstack([task.X_test, x]),
        np.vstack([task.y_test, np.zeros((1, k))]),
    )  # the last one is the candidate
    outputs = space.sample_hypotheses(points, 40_000, seed=0).numpy()
    losses = ((outputs[:, :-1] - task.y_test) ** 2).mean((1, 2))
    good = outputs[losses <= target, -1][:80]
    labels = good + NOISE**0.5 * np.random.default_rng(1).standard_normal(good.shape)
    assert len(labels) == 80

    def bits(X, y):
        return -law_of(*posterior(space, X, y, task.X_test), task.y_test).logcdf(target) / np.log(2)

    X = np.vstack([task.X_train, x])
    whole = bits(task.X_train, task.y_train)
    falls = [whole - bits(X, np.vstack([task.y_train, y])) for y in labels]
    found = ib.bias.expected_worth(space, task, target, x)[0]
    assert found > 0.005
    assert found == pytest.approx(np.mean(falls), abs=4 * np.std(falls) / len(falls) ** 0.5)


def test_what_the_rule_leaves_out_beyond_three_axes_is_little():
    from ibhelpers.bias import candidates

    task = a_task(n=40, m=30, k=6, seed=1)
    space = ib.GaussianSpace(KERNEL, noise=NOISE)
    target, X = 0.5 * space.loss_law(task).mean(), a_task(n=1, m=8, seed=9).X_test
    found = [ib.bias.expected_worth(space, task, target, X)]
    with pytest.MonkeyPatch.context() as patch:
        for axes in (2, 1):
            patch.setattr(candidates, "_AXES", axes)
            found.append(ib.bias.expected_worth(space, task, target, X))
    three, two, one = found
    assert 0 < np.abs(two - one).max() < 1e-3 * three.max()
    assert np.abs(three - two).max() < 1e-5 * three.max()
    assert (three >= 0).all() and three.max() > 0.1


def test_a_candidate_far_away_is_worth_nothing_and_a_hard_test_point_most():
    task = a_task(n=10, m=5, seed=2)
    space = ib.GaussianSpace(KERNEL, noise=NOISE)
    target = 0.4 * space.loss_law(task).mean()
    X = np.vstack([task.X_test, [[1e3, 1e3]], task.X_train[:1]])
    found = ib.bias.expected_worth(space, task, target, X)
    assert found[-2] == pytest.approx(0, abs=1e-9)
    assert found[:5].max() > found[-1] > 0
    again = ib.bias.expected_worth(space, task, target, X[::-1])
    np.testing.assert_allclose(again[::-1], found, rtol=1e-9, atol=1e-12)


def test_what_has_no_expected_worth_is_refused():
    task = a_task()
    space = ib.GaussianSpace(KERNEL, noise=NOISE)
    for X in ([1.0, 2.0], np.ones((3, 5)), np.empty((0, 2))):
        with pytest.raises(ValueError, match="X: found"):
            ib.bias.expected_worth(space, task, 0.1, X)
    with pytest.raises(ValueError, match="space: found InfiniteNetworkSpace"):
        ib.bias.expected_worth(ib.InfiniteNetworkSpace(1), task, 0.1, task.X_test)
    with pytest.raises(ValueError, match="target_error"):
        ib.bias.expected_worth(space, task, -1.0, task.X_test)
    with pytest.raises(ValueError, match="out of reach"):
        ib.bias.expected_worth(space, task, 0.0, task.X_test)
    one = ib.Task(task.X_train, task.y_train, task.X_test[:1], task.y_test[:1])
    sharp = ib.GaussianSpace(KERNEL)
    with pytest.raises(ib.laws.TailIntegralError, match=r"X: .*Is a candidate a test point"):
        ib.bias.expected_worth(sharp, one, sharp.loss_law(one).mean(), one.X_test)


@pytest.mark.parametrize("gap", [0.0, 1e-8, 1e-7])
def test_candidates_next_to_training_inputs_are_refused_without_noise(gap):
    """Of a variance of 1e-14 rounding leaves two digits: the worth was up to 5 % off."""
    task = a_task(n=20, m=1, d=1, seed=1)
    space = ib.GaussianSpace(ib.kernels.Matern(1.0, nu=1.5), progress=False)
    target, X = 0.5 * space.loss_law(task).mean(), np.vstack([[[9.0]], task.X_train[:1] + gap])
    with pytest.raises(ValueError, match=r"X: the label of candidate 1 .*a training input"):
        ib.bias.expected_worth(space, task, target, X)
    noisy = ib.GaussianSpace(space.kernel, noise=1e-6, progress=False)
    assert (ib.bias.expected_worth(noisy, task, target, X) >= 0).all()
