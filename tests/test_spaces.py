"""The protocol of hypothesis spaces, and the check of a reader's own."""

import numpy as np
import pytest
import torch
from scipy import stats

import ibhelpers as ib
from tests.examples import a_task


@pytest.fixture(scope="module")
def task():
    return a_task(n=30, m=12, k=2)


@pytest.mark.parametrize(
    "space",
    [ib.GaussianSpace(ib.kernels.RBF(1.5), noise=0.01), ib.InfiniteNetworkSpace(depth=1)],
    ids=["Gaussian", "infinite network"],
)
def test_spaces_of_the_package_do_what_the_protocol_says(space, task):
    assert isinstance(space, ib.HypothesisSpace)
    ib.spaces.check_space(space, task, seed=0)
    z = torch.randn(4000, space.hypotheses(task).dimension, dtype=torch.float64)
    outputs, fitted = space.hypotheses(task).draw(z)
    assert bool(fitted.all())
    losses = ((outputs.numpy() - task.y_test) ** 2).mean(axis=(1, 2))
    assert stats.kstest(losses, space.loss_law(task).cdf).pvalue > 1e-6


class Constants:
    """Hypotheses that are constant; what is wrong with them is chosen."""

    def __init__(self, wrong="", fitted_below=np.inf):
        self.wrong, self.fitted_below = wrong, fitted_below

    def hypotheses(self, task):
        def draw(z):
            shift = torch.rand(1).item() if self.wrong == "random" else 0.0
            outputs = (z + shift)[:, :, None].expand(len(z), task.n_test, task.n_outputs)
            fitted = z[:, 0].abs() < self.fitted_below
            return (outputs[:, :-1] if self.wrong == "shape" else outputs), fitted

        return ib.spaces.Hypotheses(1, draw)

    def sample_losses(self, task, n, *, seed, loss="mse", progress=True):
        factor = 4.0 if self.wrong == "law" else 1.0
        return factor * ib.spaces.sample_losses(self, task, n, seed=seed, loss=loss)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("shape", r"space: draw gave outputs of shape \(200, 11, 2\)"),
        ("random", "space: draw gave other outputs for the same variables"),
        ("law", "both must sample the same hypotheses"),
    ],
)
def test_what_is_wrong_with_a_space_is_said(wrong, message, task):
    ib.spaces.check_space(Constants(), task, seed=0)
    with pytest.raises(ValueError, match=message):
        ib.spaces.check_space(Constants(wrong), task, seed=0)


def test_only_fitted_hypotheses_belong_to_a_space(task):
    space = Constants(fitted_below=0.1)
    ib.spaces.check_space(space, task, seed=0)
    losses = space.sample_losses(task, 50, seed=1)
    assert losses.shape == (50,)
    assert losses.max() <= ((np.abs(task.y_test) + 0.1) ** 2).mean()
    with pytest.raises(ValueError, match="count as fitted, too few"):
        Constants(fitted_below=0.0).sample_losses(task, 5000, seed=1)


def test_splitting_takes_a_space_of_the_readers_own(task):
    """Constants near 0 reach a small loss where a normal variable lies in an interval."""
    middle = task.y_test.mean()
    least = ((task.y_test - middle) ** 2).mean()
    far = ib.Task(task.X_train, task.y_train, task.X_test, task.y_test - middle + 4.0)
    half = 0.01
    target = least + half**2  # |z - 4| <= half
    exact = -np.log2(stats.norm.cdf(4 + half) - stats.norm.cdf(4 - half))
    found = ib.rare_event_bias(
        Constants(), far, loss="mse", target_error=target, seed=0, progress=False
    )
    assert found.trace.method == "splitting" and found.trace.fitted == 1.0
    low, high = found.interval
    assert low - 1 < exact < high + 1 and high - low < 4
    with pytest.raises(ValueError, match="method: found 'bridge' for a Constants"):
        ib.rare_event_bias(
            Constants(), far, loss="mse", target_error=target, seed=0, method="bridge"
        )


def test_splitting_stays_among_the_fitted(task):
    """Given |z| <= 2: P(|z - 1.9| <= 0.05 and |z| <= 2) / P(|z| <= 2)."""
    middle = task.y_test.mean()
    near = ib.Task(task.X_train, task.y_train, task.X_test, task.y_test - middle + 1.9)
    target = ((task.y_test - middle) ** 2).mean() + 0.05**2
    inside = stats.norm.cdf(1.95) - stats.norm.cdf(1.85)
    given = stats.norm.cdf(2) - stats.norm.cdf(-2)
    found = ib.rare_event_bias(
        Constants(fitted_below=2.0), near, loss="mse", target_error=target, seed=1, progress=False
    )
    assert found.trace.fitted == pytest.approx(given, abs=5 * (given * (1 - given) / 1000) ** 0.5)
    assert abs(found.bits + np.log2(inside / given)) < 0.6


def test_bars_can_be_silenced(monkeypatch, task, capsys):
    monkeypatch.setattr("ibhelpers._progress._LONG", 0.0)
    ib.GaussianSpace(ib.kernels.RBF(1.5)).sample_losses(task, 10, seed=0)
    assert capsys.readouterr().err
    quiet = ib.GaussianSpace(ib.kernels.RBF(1.5), progress=False)
    quiet.sample_losses(task, 10, seed=0)
    quiet.learning_curve(task, [10, 20])
    quiet.assess(task)
    ib.GaussianSpace.fit(task, progress=False).loss_law(task)
    assert not capsys.readouterr().err
