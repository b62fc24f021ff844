"""What is said of trained networks: against exact laws, guessing, and scikit-learn."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor

import ibhelpers as ib
from ibhelpers import networks
from ibhelpers.networks import guessing

torch.set_num_threads(1)


# Infinite width


@pytest.fixture(scope="module")
def round_task():
    """Inputs in many dimensions, of unit mean square, so that gradient descent fits them soon."""
    task = ib.tasks.load("synthetic", n_train=8, n_test=20, intrinsic=30, ambient=30)
    scale = np.sqrt(30)
    return ib.Task(task.X_train * scale, task.y_train, task.X_test * scale, task.y_test)


def trained(task, width, layers):
    """Test losses of 300 networks, trained by full-batch gradient descent until they fit."""
    space = ib.NetworkSpace(
        networks.mlp(width=width, depth=1, parameterisation="ntk", train=layers),
        optimizer="nesterov",
        lr=0.2,  # below 2 / curvature
        epochs=400,
        batch_size=None,
        stop_at=1e-6,
    )
    return space.train(task, 300, curves=False, seed=0).fitted(1e-5).test_loss


@pytest.mark.parametrize("layers", ["readout", "all"])
def test_trained_networks_approach_the_exact_law_as_they_grow_wider(round_task, layers):
    """Kolmogorov-Smirnov test of 300 losses at width 1024; fails for 1 seed in 1000."""
    space = {
        "readout": ib.GaussianSpace(ib.kernels.NNGP(depth=1)),
        "all": ib.InfiniteNetworkSpace(depth=1),
    }[layers]
    law = space.loss_law(round_task)
    narrow = ib.laws.distance(trained(round_task, 16, layers), law)
    wide = ib.laws.distance(trained(round_task, 1024, layers), law)
    assert wide.p_value > 1e-3
    assert narrow.ks > 2 * wide.ks and narrow.wasserstein > 2 * wide.wasserstein
    assert abs(wide.shift) < 4 / np.sqrt(300)  # 4 standard errors of the mean


def test_the_wide_ensemble_is_no_posterior_of_its_kernel(round_task):
    """So that the test above can fail: 300 losses tell the two laws apart."""
    law = ib.InfiniteNetworkSpace(depth=1).loss_law(round_task)
    posterior = ib.GaussianSpace(ib.kernels.NTK(depth=1)).loss_law(round_task)
    assert ib.laws.distance(posterior.sample(300, seed=0), law).p_value < 1e-3


def test_with_only_the_readout_trained_the_wide_ensemble_is_the_posterior(round_task):
    space, nngp = ib.InfiniteNetworkSpace(depth=2), ib.kernels.NNGP(depth=2)
    space._kernel = nngp  # not as a reader would: a space does not change
    ours, theirs = space.posterior(round_task), ib.GaussianSpace(nngp).posterior(round_task)
    torch.testing.assert_close(ours.mean, theirs.mean)
    torch.testing.assert_close(ours.covariance, theirs.covariance)


@pytest.mark.parametrize("channels", [(3,), (40, 40)])
def test_convolutional_networks_start_with_the_covariance_of_their_kernel(channels):
    """Of 3,000 networks, within 5 standard errors: at any width of one layer, else when wide."""
    task = ib.tasks.load("digits", n_train=3, n_test=1)
    X = torch.tensor(task.X_train)
    make = networks.cnn(channels=channels, parameterisation="ntk")
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        f = torch.stack([make(task).double()(X)[:, 0] for _ in range(3000)])
    kernel = ib.kernels.ConvNNGP(task.input_shape, len(channels), stride=2, padding=1)
    products = f[:, :, None] * f[:, None, :]
    errors = products.std(0) / 3000**0.5
    assert ((products.mean(0) - kernel(X)).abs() < 5 * errors).all()
    assert (kernel(X) > 15 * errors).all()


def test_a_task_that_no_wide_network_fits_is_refused():
    X = np.eye(3)
    task = ib.Task(np.vstack([X, X[:1]]), np.ones((4, 1)), X, np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"tangent kernel of its 4 .* singular.*inputs equal"):
        ib.InfiniteNetworkSpace(depth=1).loss_law(task)


def test_digits_lost_to_inputs_that_are_nearly_equal_are_told():
    rng = np.random.default_rng(0)
    X, y, Z = rng.normal(size=(10, 4)), rng.normal(size=(10, 1)), rng.normal(size=(6, 4))

    def mean_and_error(gap, order=slice(None)):
        near = np.vstack([X, X[:1] + gap])[order], np.vstack([y, -y[:1]])[order]
        posterior = ib.InfiniteNetworkSpace(depth=1).posterior(ib.Task(*near, Z, np.ones((6, 1))))
        return posterior.mean.numpy(), posterior.mean_error

    for gap in (1e-2, 1e-4, 1e-6):  # a warning is an error here
        mean, error = mean_and_error(gap)
        other, _ = mean_and_error(gap, rng.permutation(11))
        assert np.sqrt(np.mean((other - mean) ** 2)) < 3 * error
    with pytest.warns(UserWarning, match=r"under NTK.* nearly singular .*no more digits"):
        mean_and_error(1e-12)


def test_distances_against_scipy():
    x, y = (np.random.default_rng(s).gamma(3.0, size=200 + s) for s in (0, 1))
    found = ib.laws.distance(x, y)
    assert (found.ks, found.p_value) == tuple(stats.ks_2samp(x, y))[:2]
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(x, y))
    law = ib.laws.GeneralizedChi2([0.5], [6.0], [0.0])  # is gamma(3)
    found = ib.laws.distance(x, law)
    assert found.ks == pytest.approx(stats.kstest(x, stats.gamma(3).cdf).statistic)
    fine = stats.gamma(3).ppf((np.arange(10**5) + 0.5) / 10**5)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(x, fine), rel=0.05)
    assert found.shift == pytest.approx((x.mean() - 3) / 3**0.5)
    with pytest.raises(ValueError, match=r"losses: .* with 1 values that are NaN"):
        ib.laws.distance([0.1, np.nan], law)


# Bits from test losses


def test_bits_of_networks_agree_with_a_count_inside_the_sample_and_stop_beyond():
    """The count among 400 other networks has a standard error of 0.15 bits, the sample's 0.2."""
    task = ib.tasks.load("digits", n_train=50, n_test=200)
    space = ib.NetworkSpace(networks.mlp(width=8, depth=1), lr=0.02, epochs=20, batch_size=10)
    losses = space.sample_losses(task, 600, seed=3, progress=False)
    sample, rest = losses[:200], losses[200:]
    target = float(np.quantile(rest, 0.2))
    inside = ib.estimate_bias(sample, target, n_boot=0)
    assert (abs(inside.bits - np.log2(5)) < 1).all() and not inside.at_least.any()
    beyond = ib.estimate_bias(sample, 0.3 * losses.min(), n_boot=0).set_index("tail")
    assert beyond.at_least["Empirical"] and not beyond.at_least.drop("Empirical").any()
    supported = beyond.supported_bits["Empirical"]
    assert beyond.bits["Empirical"] == supported < np.log2(200)
    assert (beyond.bits.drop("Empirical") > supported).all()


# Guess and check


@pytest.fixture(scope="module")
def two_classes():
    """Ten points, two classes; the first five are for training."""
    rng = np.random.default_rng(0)
    labels = np.arange(10) % 2
    X = rng.standard_normal((10, 4)) + 1.5 * (2 * labels[:, None] - 1)
    y = np.eye(2)[labels]
    return ib.Task(
        X[:5], y[:5], X[5:], y[5:], labels_train=labels[:5], labels_test=labels[5:], name="two"
    )


def test_guessing_finds_what_brute_force_finds(two_classes):
    """Against networks drawn one by one in the plain way, from the documented streams."""
    architecture, fits, tests = networks.mlp(width=3, depth=1), [], []
    for j in range(400):
        state = np.random.SeedSequence(7, spawn_key=(j, 0)).generate_state(1, np.uint64)
        torch.manual_seed(int(state[0]))
        net = architecture(two_classes)
        for found, part in ((fits, "train"), (tests, "test")):
            X = torch.tensor(getattr(two_classes, f"X_{part}"), dtype=torch.float32)
            wrong = net(X).argmax(1).numpy() != getattr(two_classes, f"labels_{part}")
            found.append(wrong.mean())
    accepted = np.flatnonzero(np.array(fits) == 0)[:12]
    assert len(accepted) == 12
    found = networks.guess_and_check(architecture, two_classes, 12, max_train_error_rate=0, seed=7)
    np.testing.assert_array_equal(found.index, accepted)
    np.testing.assert_allclose(found.test_error_rate, np.array(tests)[accepted])
    assert (found.drawn, len(found)) == (accepted[-1] + 1, 12)
    assert not found.epochs.any()


def test_guesses_do_not_depend_on_the_block(two_classes, monkeypatch):
    def guess():
        return networks.guess_and_check(
            networks.mlp(width=3, depth=1), two_classes, 20, max_train_loss=0.5, seed=0
        )

    whole = guess()
    monkeypatch.setattr(guessing, "_BLOCK", 7)
    blocks = guess()
    np.testing.assert_array_equal(blocks.index, whole.index)
    np.testing.assert_allclose(blocks.test_loss, whole.test_loss, rtol=1e-5)
    assert blocks.drawn == whole.drawn


def test_guesses_that_do_not_fit(two_classes):
    architecture = networks.mlp(width=3, depth=1)
    with pytest.raises(ValueError, match=r"none of 600 guesses fits, .* more than about 7.6 bits"):
        networks.guess_and_check(
            architecture, two_classes, 1, max_train_loss=1e-9, max_guesses=600, seed=0
        )
    with pytest.warns(UserWarning, match=r"only \d+ of the 500 .* found in 600 guesses"):
        found = networks.guess_and_check(
            architecture, two_classes, 500, max_train_error_rate=0, max_guesses=600, seed=0
        )
    assert found.drawn == 600 and found.fraction == len(found) / 600
    with pytest.raises(ValueError, match="found neither; say what counts as fitted"):
        networks.guess_and_check(architecture, two_classes, 1, seed=0)
    unlabelled = ib.tasks.load("synthetic", n_train=4, n_test=4)
    with pytest.raises(ValueError, match="max_train_error_rate: the task has no labels"):
        networks.guess_and_check(architecture, unlabelled, 1, max_train_error_rate=0, seed=0)


# Model classes


@pytest.fixture(scope="module")
def digits():
    return ib.tasks.load("digits", n_train=80, n_test=40)


@pytest.fixture(scope="module")
def law(digits):
    return ib.GaussianSpace(ib.kernels.RBF(2.0)).loss_law(digits)


def test_models_reach_what_scikit_learn_says_and_bits_are_those_of_the_law(digits, law):
    models = {"ridge": Ridge(0.1), "3 neighbours": KNeighborsRegressor(3)}
    table = ib.compare.models(digits, law, models, seed=0).set_index("candidate")
    for name, model in models.items():
        model.fit(digits.X_train, digits.y_train)
        for part in ("train", "test"):
            predicted = model.predict(getattr(digits, f"X_{part}"))
            mse = ((predicted - getattr(digits, f"y_{part}")) ** 2).mean()
            assert table.loc[name, f"{part}_loss"] == pytest.approx(mse)
            wrong = predicted.argmax(1) != getattr(digits, f"labels_{part}")
            assert table.loc[name, f"{part}_error_rate"] == pytest.approx(wrong.mean())
        bits = -law.logcdf(table.loc[name, "test_loss"]) / np.log(2)
        assert table.loc[name, "bits"] == pytest.approx(bits)
    assert (table.bits_lower == table.bits).all() and (table.hypotheses == 1).all()


def test_a_network_space_is_judged_by_its_median_hypothesis(digits, law):
    space = ib.NetworkSpace(networks.mlp(width=16), epochs=30, batch_size=10)
    row = ib.compare.models(digits, law, {"network": space}, n_networks=9, seed=3).iloc[0]
    ensemble = space.train(digits, 9, seed=3)
    assert row.test_loss == pytest.approx(np.median(ensemble.test_loss))
    assert row.train_loss == pytest.approx(np.median(ensemble.train_loss))
    assert row.bits_lower < row.bits < row.bits_upper
    assert (row.hypotheses, row.diverged) == (9, 0)


def test_the_standard_models_all_run_on_one_output():
    task = ib.tasks.load("synthetic", n_train=60, n_test=30)
    law = ib.GaussianSpace(ib.kernels.RBF(1.0), noise=0.01).loss_law(task)
    table = ib.compare.models(task, law, seed=0)
    assert list(table.candidate) == list(ib.compare.standard_models(seed=0))
    assert np.isfinite(table[["train_loss", "test_loss", "bits"]]).all(axis=None)
    assert table.test_error_rate.isna().all()


def test_models_that_cannot_be_compared(digits, law):
    class Lost(BaseEstimator):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.full((len(X), 10), np.nan)

    with pytest.raises(ValueError, match=r"models: 'lost' .* or NaN.; give a NetworkSpace"):
        ib.compare.models(digits, law, {"lost": Lost()}, seed=0)
    with pytest.raises(ValueError, match=r"models: 'logistic' .LogisticRegression. could not be"):
        ib.compare.models(digits, law, {"logistic": LogisticRegression()}, seed=0)
    space = ib.NetworkSpace(networks.linear(), loss="cross_entropy")
    with pytest.raises(ValueError, match="'net' is trained on 'cross_entropy'"):
        ib.compare.models(digits, law, {"net": space}, seed=0)
