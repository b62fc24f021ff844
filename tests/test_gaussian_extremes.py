"""Conditioning on blank, tiny, huge and equivalent inputs: the targets are met, or refused."""

import warnings

import numpy as np
import pytest

import ibhelpers as ib
from ibhelpers.kernels import NNGP, NTK, RBF, ArcCosine, Laplace, Linear, Matern, Polynomial

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
BLANK = np.vstack([X[:2], np.zeros((1, 3)), X[3:]])
KERNELS = (
    *(ArcCosine(0), ArcCosine(1), ArcCosine(2), NNGP(2), NTK(2), NNGP(2, bias_variance=0.1)),
    *(Polynomial(3), RBF(1.0), Matern(1.0), Laplace(1.0)),
)


def mean_at_training_inputs(kernel, X, Y, noise=0.0):
    return ib.GaussianSpace(kernel, noise=noise).posterior(ib.Task(X, Y, X, Y)).mean.numpy()


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e-100, 1e-40, 1.0, 1e40, 1e100, 1e200, 1e300])
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_the_targets_are_met_or_refused(kernel, size):
    try:
        mean = mean_at_training_inputs(kernel, X * size, Y)
    except ValueError as error:
        assert str(error).startswith(("task: training row", "kernel: "))
        assert kernel != ArcCosine(0) and size != 1.0
    else:
        np.testing.assert_allclose(mean, Y, rtol=1e-9)


@pytest.mark.parametrize("kernel", [ArcCosine(0), NNGP(2, bias_variance=0.1), RBF(1.0)], ids=repr)
def test_a_blank_input_is_an_input(kernel):
    np.testing.assert_allclose(mean_at_training_inputs(kernel, BLANK, Y), Y, rtol=1e-12)


@pytest.mark.parametrize("kernel", [ArcCosine(1), NNGP(1), NTK(2), Linear()], ids=repr)
def test_a_blank_input_where_all_hypotheses_are_zero(kernel):
    with pytest.raises(ValueError, match=r"task: training row 2 has the variance 0 .*noise > 0"):
        mean_at_training_inputs(kernel, BLANK, Y)
    mean = mean_at_training_inputs(kernel, BLANK, Y, noise=0.1)
    np.testing.assert_array_equal(mean[2], 0.0)
    zero = np.where(np.arange(6)[:, None] == 2, 0.0, 0.1 * (X @ RNG.normal(size=(3, 2))))
    with pytest.warns(UserWarning, match="is singular to working precision"):
        np.testing.assert_allclose(mean_at_training_inputs(kernel, BLANK, zero), zero, atol=1e-6)


def test_a_blank_input_of_an_infinite_network():
    with pytest.raises(ValueError, match="task: training row 2 has the variance 0"):
        ib.InfiniteNetworkSpace(depth=2).posterior(ib.Task(BLANK, Y, X, Y))


def test_inputs_that_are_one_to_the_kernel():
    """Multiples, to a kernel of angles; all inputs, to a function that varies too slowly."""
    multiples = np.vstack([X, 2.0 * X[:1]])
    targets = np.vstack([Y, -Y[:1]])
    with pytest.raises(ValueError, match=r"task: training rows 0 and 6 .*cannot tell apart"):
        mean_at_training_inputs(ArcCosine(0), multiples, targets)
    with pytest.raises(ValueError, match=r"task: training rows 0 and 1 .*cannot tell apart"):
        mean_at_training_inputs(lambda A, B: (-((A[:, None] - B) ** 2).sum(-1) / 2e20).exp(), X, Y)
    # To more digits than float64 has, the package's own kernel can.
    np.testing.assert_allclose(mean_at_training_inputs(RBF(1e10), X, Y), Y, rtol=1e-12)
    same = np.vstack([Y, Y[:1]])
    with pytest.warns(UserWarning, match="miss the training targets by up to [0-9]e-1[0-9]"):
        mean = mean_at_training_inputs(ArcCosine(0), multiples, same)
    np.testing.assert_allclose(mean, same, rtol=1e-8)


def test_more_examples_than_hypotheses_can_fit():
    """The warning says how far the mean is from the targets, as least squares leaves it."""
    left = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mean = mean_at_training_inputs(Linear(), X, Y)
    np.testing.assert_allclose(Y - mean, left, rtol=1e-3, atol=1e-3)
    assert f"by up to {np.abs(left).max():.1g}" in str(caught[0].message)


def test_a_loss_without_an_exact_law_names_the_call_that_reaches_it():
    task = ib.tasks.load("digits", n_train=30, n_test=10)
    space = ib.GaussianSpace(RBF(2.0))
    assert space.loss_law(task, loss="mse").mean() == space.loss_law(task).mean()
    for loss in ("zero_one", "mae", lambda outputs, task: outputs[:, 0, 0]):
        with pytest.raises(ValueError, match=r"loss: found .*sample_losses.*rare_event_bias"):
            space.loss_law(task, loss=loss)


def test_hypotheses_that_vary_by_nothing_beside_the_targets_are_named():
    """The refusal spoke of an argument nc, which nobody had given."""
    rng = np.random.default_rng(0)
    X, Z = 1e-150 * rng.normal(size=(2, 5, 2))
    task = ib.Task(X, 1e6 * rng.normal(size=5), Z, 1e6 * rng.normal(size=5))
    space = ib.GaussianSpace(1e-6 * ib.kernels.ArcCosine(1), noise=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of digits, which are not the matter
        with pytest.raises(ValueError, match=r"^task: the hypotheses vary by .* miss the targets"):
            space.loss_law(task)
