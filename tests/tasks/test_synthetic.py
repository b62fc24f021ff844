"""The synthetic teacher: dimension, distances, variance and noise are what was asked for."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from ibhelpers import tasks


@pytest.mark.parametrize(("intrinsic", "ambient"), [(1, 1), (2, 20), (7, 10), (10, 10)])
def test_inputs_lie_in_a_space_of_the_intrinsic_dimension(intrinsic, ambient):
    task = tasks.load("synthetic", n_train=300, n_test=200, intrinsic=intrinsic, ambient=ambient)
    X = np.concatenate([task.X_train, task.X_test])
    assert X.shape == (500, ambient)
    assert np.linalg.matrix_rank(X) == intrinsic
    # |x|^2 d is chi-squared with d degrees of freedom: mean 1, variance 2/d.
    squares = (X**2).sum(axis=1)
    assert abs(squares.mean() - 1) < 4 * np.sqrt(2 / intrinsic / 500)


def test_only_the_embedding_changes_with_the_ambient_dimension():
    low, high = (tasks.load("synthetic", intrinsic=3, ambient=D, seed=4) for D in (3, 50))
    np.testing.assert_allclose(pdist(low.X_train), pdist(high.X_train), rtol=1e-10)
    np.testing.assert_array_equal(low.y_train, high.y_train)


def test_noise_is_what_it_adds():
    quiet, noisy = (tasks.load("synthetic", n_train=2000, noise=v, seed=1) for v in (0.0, 0.09))
    added = noisy.y_train - quiet.y_train
    assert abs(added.mean()) < 4 * 0.3 / np.sqrt(2000)
    assert abs(added.std() - 0.3) < 4 * 0.3 / np.sqrt(2 * 2000)


@pytest.mark.parametrize("intrinsic", [1, 5, 50])
def test_the_networks_targets_have_variance_one(intrinsic):
    task = tasks.load(
        "synthetic", n_train=20_000, intrinsic=intrinsic, ambient=50, outputs=3, noise=0.0
    )
    assert task.n_outputs == 3
    # 20,000 targets and the 10,000 that set the scale; the fourth moment is at most about 3.
    assert abs(task.y_train.mean(axis=0)).max() < 4 * np.sqrt(1 / 20_000 + 1 / 10_000)
    assert abs(task.y_train.var(axis=0) - 1).max() < 4 * np.sqrt(2 / 20_000 + 2 / 10_000)


def test_the_gaussian_process_has_its_covariance():
    """Between few inputs, over many outputs: each is a draw of its own."""
    k = 20_000
    task = tasks.load("synthetic", n_train=6, n_test=1, teacher="gp", outputs=k, noise=0.0)
    expected = np.exp(-((task.X_train[:, None] - task.X_train[None]) ** 2).sum(axis=-1) / 2)
    found = task.y_train @ task.y_train.T / k
    assert abs(found - expected).max() < 4 * np.sqrt(2 / k)


def test_seeds():
    first, again, other = (tasks.load("synthetic", seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.y_train, again.y_train)
    assert (first.y_train != other.y_train).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"intrinsic": 0}, "intrinsic: found 0"),
        ({"intrinsic": 21}, "ambient: found 20; give a whole number of at least 21"),
        ({"outputs": 0}, "outputs: found 0"),
        ({"noise": -0.1}, "noise: found -0.1; give a finite number of at least 0"),
        ({"teacher": "GP"}, "teacher: found 'GP'; known are gp, network"),
        ({"teacher": "gp", "n_train": 10_000}, r"n_train \+ n_test: asked for 10,500 .*10,000"),
        ({"n_test": 0}, "n_test: found 0"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        tasks.load("synthetic", **options)
