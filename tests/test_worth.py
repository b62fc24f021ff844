"""What examples are worth, against conditioning anew and against the definition of the shares."""

import numpy as np
import pytest
import torch

import ibhelpers as ib
from tests.examples import law_of, posterior

rng = np.random.default_rng(5)


def a_task(n=24, m=15, k=2, d=3, seed=0):
    r = np.random.default_rng(seed)
    X = r.standard_normal((n + m, d))
    y = np.sin(X @ r.standard_normal((d, k))) + 0.1 * r.standard_normal((n + m, k))
    return ib.Task(X[:n], y[:n], X[n:], y[n:])


def bits_without(space, task, rows, target):
    kept = np.delete(np.arange(task.n_train), rows)
    found = posterior(space, task.X_train[kept], task.y_train[kept], task.X_test)
    return -law_of(*found, task.y_test).logcdf(target) / np.log(2)


SPACES = [
    ib.GaussianSpace(0.5 * ib.kernels.RBF(1.5), noise=0.01),
    ib.GaussianSpace(0.7 * ib.kernels.Matern(1.0, nu=1.5) + 0.1 * ib.kernels.Linear(), noise=1e-3),
    ib.GaussianSpace(ib.kernels.Matern(2.0, nu=0.5)),
]


@pytest.mark.parametrize("space", SPACES, ids=repr)
@pytest.mark.parametrize("share", [0.3, 0.7, 1.0, 1.4])
def test_worth_is_what_leaving_out_adds(space, share):
    task = a_task()
    target = share * space.loss_law(task).mean()
    found = ib.worth(space, task, target)
    anew = [bits_without(space, task, [i], target) for i in range(task.n_train)]
    whole = bits_without(space, task, [], target)
    assert found.bits == pytest.approx(whole, rel=1e-9, abs=1e-10)
    error = np.abs(found.training - (np.array(anew) - whole))
    assert error.max() <= 1e-9 * max(1.0, whole)
    assert 0 < found.error < 1e-6 * max(1.0, whole)


def test_examples_that_change_everything():
    """Two examples hold all the information: the contour of the whole law is none for the rest."""
    X = np.array([[0.0], [3.0], [40.0], [44.0]])
    y = np.outer([1.0, -2.0, 0.3, 0.1], np.linspace(0.5, 1, 20))
    X_test = np.concatenate([X[:2] + e for e in np.linspace(0.01, 0.3, 40)])
    y_test = np.tile(y[:2], (40, 1))
    task = ib.Task(X, y, X_test, y_test)
    space = ib.GaussianSpace(4 * ib.kernels.RBF(2.0), noise=1e-6)
    found = ib.worth(space, task, 1e-2)
    whole = bits_without(space, task, [], 1e-2)
    anew = np.array([bits_without(space, task, [i], 1e-2) for i in range(4)])
    assert found.training == pytest.approx(anew - whole, rel=1e-6, abs=1e-8)
    assert found.training[1] > 50  # bits, far beyond what a first order would say
    assert abs(found.training[3]) < 1e-6


def test_jitter_that_the_law_does_not_have_gives_no_worth():
    """Found by an attack: bits of 136,633 were told as 0.007, from a covariance with jitter."""
    X = np.linspace(0, 1, 20)[:, None]
    task = ib.Task(X[::2], np.sin(3 * X[::2]), X[1::2], np.sin(3 * X[1::2]))
    space = ib.GaussianSpace(ib.kernels.RBF(3.0))
    assert space.loss_law(task).mean() > 0  # with as many digits as it takes
    for ask in (ib.worth, ib.bias.bits_by_test_point):
        refused = pytest.raises(ValueError, match=r"space: the covariance.*Give noise > 0")
        with pytest.warns(UserWarning, match="singular to working precision"), refused:
            ask(space, task, 1e-12)


def test_groups_are_left_out_together():
    space, task = SPACES[0], a_task(seed=3)
    labels = np.array(["a", "b", "c"])[rng.integers(3, size=task.n_train)]
    target = 0.5 * space.loss_law(task).mean()
    found = ib.worth(space, task, target, groups=labels)
    for label, added in found.groups.items():
        anew = bits_without(space, task, labels == label, target) - found.bits
        assert added == pytest.approx(anew, rel=1e-8)
    assert list(found.groups.index) == ["a", "b", "c"]


@pytest.mark.parametrize("share", [0.4, 1.2])
def test_shares_are_those_of_aumann_and_shapley(share):
    space, task = SPACES[0], a_task(n=12, m=6)
    mean, covariance = posterior(space, task.X_train, task.y_train, task.X_test)
    target = share * space.loss_law(task).mean()
    shares = ib.bias.bits_by_test_point(space, task, target)
    assert shares.sum() == pytest.approx(ib.inductive_bias(space.loss_law(task), target).bits)
    for point in (3,):

        def price(all_weights, point=point, h=1e-4):
            """The derivative of the bits by the weight of one point, all being raised."""
            sides = []
            for step in (-h, h):
                weights = np.full(task.n_test, all_weights)
                weights[point] *= 1 + step
                law = law_of(mean, covariance, task.y_test, weights)
                sides.append(-law.logcdf(target) / np.log(2))
            return (sides[1] - sides[0]) / (2 * h * all_weights)

        v, w = np.polynomial.legendre.leggauss(24)
        v = (v + 1) / 2
        anew = sum(w / 2 * 3 * v**2 * [price(s) for s in v**3])
        assert shares[point] == pytest.approx(anew, rel=1e-4, abs=1e-6)


def test_shares_of_points_that_are_alike_are_equal_and_a_hard_one_costs_most():
    task = a_task(n=12, m=5)
    X_test, y_test = task.X_test.copy(), task.y_test.copy()
    X_test[1], y_test[1] = X_test[0] * (1 + 1e-12), y_test[0]
    y_test[4] += 3.0
    space = SPACES[0]
    shares = ib.bias.bits_by_test_point(
        space, ib.Task(task.X_train, task.y_train, X_test, y_test), 1.0
    )
    assert shares[0] == pytest.approx(shares[1], rel=1e-6)
    assert shares.argmax() == 4


def test_a_rule_of_nodes_gives_neighbouring_laws():
    w, k, nc = rng.gamma(1.0, size=30), np.ones(30), rng.gamma(1.0, size=30)
    law = ib.laws.GeneralizedChi2(w, k, nc)
    other = ib.laws.GeneralizedChi2([*w, 0.3], [*k, 2], [*nc, 1.5])

    def one_more(t):
        """The cumulant function of the term that is added."""
        u = 0.6 * t
        return -torch.log1p(u) - 0.75 * u / (1 + u)

    for x in law.mean() * np.array([0.05, 0.5, 1.0, 2.0]):
        rule = law.quadrature(x)
        ratio, error = rule.ratio(one_more(rule.nodes))
        wanted = np.exp(other.logcdf(x) - law.logcdf(x))
        assert float(ratio) == pytest.approx(wanted, rel=1e-11)
        assert float(error) < 1e-11 * wanted
        density = law.quadrature(x, density=True)
        ratio, _ = density.ratio(one_more(density.nodes))
        assert float(ratio) == pytest.approx(np.exp(other.logpdf(x) - law.logpdf(x)), rel=1e-10)
    with pytest.raises(ValueError, match=r"x: found -1\.0"):
        law.quadrature(-1.0)


def test_what_has_no_worth_is_refused():
    task, space = a_task(), SPACES[0]
    with pytest.raises(ValueError, match="target_error"):
        ib.worth(space, task, -0.1)
    with pytest.raises(ValueError, match="space: an ensemble of trained networks"):
        ib.worth(ib.InfiniteNetworkSpace(depth=1), task, 0.1)
    with pytest.raises(ValueError, match="groups: found 3 labels, 1 of them missing"):
        ib.worth(space, task, 0.5, groups=["a", None, "b"])
    with pytest.raises(ValueError, match="groups: all examples"):
        ib.worth(space, task, 0.5, groups=["a"] * task.n_train)
    inside = ib.Task(task.X_train, task.y_train, task.X_train[:9], -task.y_train[:9])
    mixed = ib.Task(
        task.X_train,
        task.y_train,
        np.concatenate([task.X_train[:9], task.X_test]),
        np.concatenate([-task.y_train[:9], task.y_test]),
    )
    with pytest.raises(ValueError):
        ib.worth(SPACES[2], inside, 1e-3)
    with pytest.raises(ValueError, match=r"target_error: 0\.001 is out of reach"):
        ib.worth(SPACES[2], mixed, 1e-3)
