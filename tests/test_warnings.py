"""A warning names the line of the reader, not one of the package."""

import warnings

import numpy as np

import ibhelpers as ib
from ibhelpers import networks


def test_warnings_point_at_the_line_that_called_the_package():
    task = ib.tasks.load("digits", n_train=40, n_test=20)
    linear = networks.linear()
    diverging = ib.NetworkSpace(linear, optimizer="sgd", lr=1e30, epochs=9, batch_size=20)
    rng = np.random.default_rng(0)
    X, y, Z = rng.normal(size=(10, 4)), rng.normal(size=(10, 1)), rng.normal(size=(6, 4))
    nearly_equal = ib.Task(
        np.vstack([X, X[:1] + 1e-12]), np.vstack([y, -y[:1]]), Z, np.ones((6, 1))
    )
    calls = {
        "diverged": lambda: diverging.train(task, 2, seed=0),
        "diverged ": lambda: diverging.sample_losses(task, 2, seed=0),
        "only": lambda: networks.guess_and_check(
            linear, task, 500, max_train_loss=9.0, max_guesses=30, seed=0
        ),
        "singular": lambda: ib.InfiniteNetworkSpace(depth=1).posterior(nearly_equal),
    }
    for what, call in calls.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        said = [w for w in caught if what.strip() in str(w.message)]
        assert said, what
        assert {w.filename for w in said} == {__file__}, what
