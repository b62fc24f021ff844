"""Gaussian hypothesis spaces, against scikit-learn, 50-digit arithmetic and simulation."""

import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

import ibhelpers as ib
from tests.oracles import rbf_law, rbf_posterior


@pytest.fixture(scope="module")
def digits():
    return ib.tasks.load("digits", n_train=150, n_test=40, seed=0)


@pytest.fixture(scope="module")
def space():
    return ib.GaussianSpace(ib.kernels.RBF(lengthscale=2.0))


@pytest.fixture(scope="module")
def mnist_pixels():
    """The 5,000 shipped digits in their published order."""
    from ibhelpers.tasks import mnist

    images, labels = mnist.shipped()
    return images.reshape(5000, 784), labels


def smooth_task(n=6, m=5):
    """Inputs on a line, whose covariance has a rapidly falling spectrum."""
    x, z = np.linspace(0, 1, n)[:, None], np.linspace(0.05, 0.93, m)[:, None]
    return ib.Task(x, np.sin(5 * x), z, np.sin(5 * z) + 0.01 * np.cos(40 * z))


# --- the figures that were measured before ------------------------------------------------------


def test_the_exact_figures_of_a_thousand_mnist_digits(mnist_pixels):
    images, labels = mnist_pixels
    order = np.random.default_rng(0).permutation(5000)
    train, test, one_hot = order[:1000], order[1000:1500], np.eye(10)
    task = ib.Task(
        images[train] / 255, one_hot[labels[train]], images[test] / 255, one_hot[labels[test]]
    )
    law = ib.GaussianSpace(ib.kernels.RBF(5.0)).loss_law(task)
    nats = ib.inductive_bias(law, [0.09, 0.05, 0.01, 0.001]).nats
    assert [f"{n:.1f}" for n in nats] == ["1788.6", "2960.4", "6658.1", "12334.1"]


def test_the_exact_figures_of_fifty_mnist_digits(mnist_pixels):
    images, labels = mnist_pixels
    order = torch.randperm(5000, generator=torch.Generator().manual_seed(0)).numpy()
    x, one_hot = images.astype(np.float32) / 255 / 5, np.eye(10)
    train, test = order[:50], order[50:100]
    task = ib.Task(x[train], one_hot[labels[train]], x[test], one_hot[labels[test]])
    law = ib.GaussianSpace(ib.kernels.RBF(1.0)).loss_law(task)
    # Digits beyond these depend on how the float32 pixels were rounded.
    assert ib.inductive_bias(law, 0.05).nats == pytest.approx(422.93268, abs=1e-5)
    assert [f"{n:.3f}" for n in ib.inductive_bias(law, [0.5, 0.3]).nats] == ["18.828", "74.453"]


# --- conditioning -------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [1e-6, 0.1])
def test_posterior_agrees_with_scikit_learn(digits, noise):
    posterior = ib.GaussianSpace(ib.kernels.RBF(2.0), noise=noise).posterior(digits)
    reference = GaussianProcessRegressor(RBF(2.0), alpha=noise, optimizer=None)
    reference.fit(digits.X_train, digits.y_train)
    mean, covariance = reference.predict(digits.X_test, return_cov=True)
    np.testing.assert_allclose(posterior.mean, mean, atol=1e-10)
    np.testing.assert_allclose(posterior.covariance, covariance[..., 0], atol=1e-10)
    assert posterior.jitter == 0


def test_without_noise_hypotheses_pass_through_the_training_set(space, digits):
    same = ib.Task(digits.X_train, digits.y_train, digits.X_train[:20], digits.y_train[:20])
    posterior = space.posterior(same)
    np.testing.assert_allclose(posterior.mean, same.y_test, atol=1e-9)
    assert float(posterior.covariance.abs().max()) < posterior.resolution


def test_float32_tasks_are_computed_in_float64(space, digits):
    single = ib.Task(
        *(a.astype(np.float32) for a in (digits.X_train, digits.y_train, digits.X_test)),
        digits.y_test,
    )
    assert space.posterior(single).mean.dtype == torch.float64


# --- the law of the loss ------------------------------------------------------------------------


def test_law_has_the_moments_of_sampled_losses(space, digits):
    law = space.loss_law(digits)
    losses = space.sample_losses(digits, 20_000, seed=0)
    assert abs(losses.mean() - law.mean()) < 4 * math.sqrt(law.variance() / len(losses))
    kurtosis = ((losses - losses.mean()) ** 4).mean() / losses.var() ** 2
    allowed = 4 * math.sqrt((kurtosis - 1) / len(losses))
    assert abs(losses.var() / law.variance() - 1) < allowed
    for p in (0.01, 0.5, 0.99):
        rate = (losses <= law.icdf(p)).mean()
        assert abs(rate - p) < 4 * math.sqrt(p * (1 - p) / len(losses))


@pytest.mark.parametrize(
    "lengthscale, noise, agreement", [(0.3, 1e-4, 1e-9), (1.5, 0.0, 1e-8), (2.0, 0.0, 1e-5)]
)
def test_law_of_a_smooth_problem_agrees_with_60_digits(lengthscale, noise, agreement):
    """Posterior variances fall over 30 decades, of which float64 resolves the first few.

    Reaching a small loss means going many standard deviations along the directions that hardly
    vary, so their variances and the residuals along them all count.
    """
    x, z = np.array([-0.8, 0.5, -0.2, 0.9, 0.15])[:, None], np.linspace(-1, 1, 12)[:, None]
    task = ib.Task(x, np.sin(3 * x), z, np.sin(3 * z))
    law = ib.GaussianSpace(ib.kernels.RBF(lengthscale), noise=noise).loss_law(task)
    with mpmath.workdps(60):
        exact = ib.laws.GeneralizedChi2(*rbf_law(task, 1.0, lengthscale, noise))
    targets = law.mean() * np.array([1.0, 0.3, 0.1])
    assert float(np.max(-exact.logcdf(targets))) > 1
    np.testing.assert_allclose(law.logcdf(targets), exact.logcdf(targets), rtol=agreement)


def test_directions_without_variance_become_the_offset(space, digits):
    """Half of the test inputs are training inputs with other targets: errors nobody can mend."""
    y = np.concatenate([1 - digits.y_train[:20], digits.y_test[:20]])
    task = ib.Task(
        digits.X_train, digits.y_train, np.concatenate([digits.X_train[:20], digits.X_test[:20]]), y
    )
    law = space.loss_law(task)
    assert law.offset == pytest.approx(0.5, abs=1e-9)  # every output of these 20 is wrong by 1
    assert ib.inductive_bias(law, 0.4999).bits == math.inf
    assert math.isfinite(ib.inductive_bias(law, 0.5001).bits)


def test_law_refuses_hypotheses_that_are_all_equal(space, digits):
    task = ib.Task(digits.X_train, digits.y_train, digits.X_train[:5], digits.y_train[:5])
    with pytest.raises(ValueError, match="task: the posterior has no variance at the 5 test"):
        space.loss_law(task)


# --- sampling -----------------------------------------------------------------------------------


def test_hypotheses_have_the_posteriors_moments(space, digits):
    posterior = space.posterior(digits)
    outputs = space.sample_hypotheses(digits, 4000, seed=1)
    assert outputs.shape == (4000, digits.n_test, 10)
    deviation = (outputs - posterior.mean).flatten(1)[:, ::10]  # the first output
    error = posterior.covariance.diagonal().sqrt() / math.sqrt(4000)
    assert bool((deviation.mean(0).abs() < 5 * error).all())
    covariance = deviation.T @ deviation / 4000
    d = posterior.covariance.diagonal()
    spread = ((d[:, None] * d + posterior.covariance**2) / 4000).sqrt()
    assert bool(((covariance - posterior.covariance).abs() < 6 * spread).all())


def test_losses_are_those_of_the_hypotheses_with_the_same_seed(space, digits):
    outputs = space.sample_hypotheses(digits, 30, seed=5).numpy()
    mse = ((outputs - digits.y_test) ** 2).mean((1, 2))
    wrong = (outputs.argmax(2) != digits.labels_test).mean(1)
    np.testing.assert_allclose(space.sample_losses(digits, 30, seed=5), mse, rtol=1e-13)
    np.testing.assert_array_equal(space.sample_losses(digits, 30, seed=5, loss="zero_one"), wrong)

    def largest(outputs, task):
        return (outputs - torch.tensor(task.y_test)).abs().amax((1, 2))

    expected = np.abs(outputs - digits.y_test).max((1, 2))
    np.testing.assert_allclose(
        space.sample_losses(digits, 30, seed=5, loss=largest), expected, rtol=1e-13
    )


def test_more_hypotheses_begin_with_the_same_ones(space, digits, monkeypatch):
    few = space.sample_losses(digits, 7, seed=2)
    many = space.sample_losses(digits, 25_000, seed=2)  # more than one block
    np.testing.assert_array_equal(few, many[:7])
    assert len(np.unique(many)) == 25_000


# --- bad input ----------------------------------------------------------------------------------


def test_contradictory_rows_are_named(space, digits):
    X, y = digits.X_train.copy(), digits.y_train.copy()
    X[70], y[70] = X[11], 1 - y[11]
    task = ib.Task(X, y, digits.X_test, digits.y_test)
    with pytest.raises(ValueError, match="training rows 11 and 70 have the same input"):
        space.posterior(task)
    ib.GaussianSpace(space.kernel, noise=0.1).posterior(task)  # with noise they agree to differ


def test_jitter_is_never_silent(space, digits):
    X, y = digits.X_train.copy(), digits.y_train.copy()
    X[70], y[70] = X[11], y[11]
    with pytest.warns(UserWarning, match="is singular to working precision; 1.0e-12 was added"):
        posterior = space.posterior(ib.Task(X, y, digits.X_test, digits.y_test))
    assert posterior.jitter == 1e-12
    assert posterior.condition > 1e10


def test_bits_that_jitter_may_have_decided_say_so(space, digits):
    X, y = digits.X_train.copy(), digits.y_train.copy()
    X[70], y[70] = X[11], y[11]
    with pytest.warns(UserWarning, match="1.0e-12 was added"):
        law = space.loss_law(ib.Task(X, y, digits.X_test, digits.y_test))
    bias = ib.inductive_bias(law, [0.01, 0.02])
    doubt = "1.0e-12 was added to the noise, which may decide it"
    assert bias.doubt == doubt and list(bias.to_frame().doubt) == [doubt, doubt]
    assert repr(bias).count("about ") == repr(bias).count(f"(not reliable: {doubt})") == 2
    plain = ib.inductive_bias(space.loss_law(digits), 0.01)
    assert plain.doubt == "" and "(exact)" in repr(plain)


def on_a_line(seed, n=16, m=8):
    """A task of few inputs, close together on a line, with noise that no smooth function has."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 4, n + m)[:, None]
    y = np.sin(2 * x) + 0.1 * rng.normal(size=x.shape)
    return ib.Task(x[:n], y[:n], x[n:], y[n:])


def posterior_in_60_digits(task):
    with mpmath.workdps(60):
        return (np.array(a.tolist(), dtype=np.float64) for a in rbf_posterior(task))


@pytest.mark.parametrize("seed, n", [(2, 10), (2, 11), (3, 11), (4, 12)])
def test_residuals_far_smaller_than_the_mean_have_digits_of_their_own(seed, n):
    """The mean of the hypotheses has six digits, what it misses the targets by had none."""
    task = on_a_line(seed, n=n)
    mean, covariance = posterior_in_60_digits(task)
    deviations = np.sqrt(covariance.diagonal())[:, None]
    near = mean + deviations * np.random.default_rng(seed).normal(size=mean.shape)
    law = ib.GaussianSpace(ib.kernels.RBF(1.0)).loss_law(replace(task, y_test=near))
    expected = (covariance.trace() + ((mean - near) ** 2).sum()) / mean.size
    assert law.mean() == pytest.approx(expected, rel=1e-8)


def own_rbf(A, B):
    """RBF(1) as a reader's own function, whose digits nobody can have more of."""
    return torch.exp(-((A[:, None] - B) ** 2).sum(-1) / 2)


@pytest.mark.parametrize("seed, n", [(4, 14), (5, 14), (6, 13)])
def test_digits_that_are_lost_in_a_nearly_singular_matrix_are_told_or_had(seed, n):
    task = on_a_line(seed, n=n)
    mean, covariance = posterior_in_60_digits(task)
    with pytest.warns(UserWarning, match=r"nearly singular .* no more digits in a law of the loss"):
        posterior = ib.GaussianSpace(own_rbf).posterior(task)
    error = np.sqrt(np.mean((posterior.mean.numpy() - mean) ** 2))
    lost = np.linalg.norm(posterior.covariance.numpy() - covariance, 2)
    assert error > 1e-4 * np.sqrt(np.mean(mean**2)) or lost > 1e-4 * covariance.max()
    assert error < 100 * posterior.mean_error and lost < 100 * posterior.resolution
    posterior = ib.GaussianSpace(ib.kernels.RBF(1.0)).posterior(task)  # a warning is an error here
    np.testing.assert_allclose(posterior.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(posterior.covariance, covariance, atol=1e-15 * covariance.max())


@pytest.mark.parametrize("n", [4, 6, 8])
def test_and_only_there(n):
    task = on_a_line(0, n=n)
    mean, covariance = posterior_in_60_digits(task)
    posterior = ib.GaussianSpace(ib.kernels.RBF(1.0)).posterior(task)  # a warning is an error here
    np.testing.assert_allclose(posterior.mean, mean, rtol=1e-3, atol=100 * posterior.mean_error)
    np.testing.assert_allclose(posterior.covariance, covariance, atol=100 * posterior.resolution)
    assert posterior.mean_error < 1e-4 * np.abs(mean).max()
    assert posterior.resolution < 1e-4 * covariance.max()


def test_noise_does_not_hide_the_directions_that_vary(digits):
    """With much noise the posterior is the prior, whatever the noise."""
    prior = ib.kernels.RBF(0.3)(torch.tensor(digits.X_test))
    for noise in (1e6, 1e13, 1e30):
        space = ib.GaussianSpace(ib.kernels.RBF(0.3), noise=noise)
        np.testing.assert_allclose(space.posterior(digits).covariance, prior, atol=1e-5)
        law = space.loss_law(digits)
        assert law.offset == 0 and law.df.sum() == digits.n_test * digits.n_outputs


def test_a_hopeless_matrix_is_refused(digits):
    linear = ib.kernels.Linear()  # 64 inputs: a matrix of rank 64 for 150 examples
    task = ib.Task(digits.X_train * 1e8, digits.y_train, digits.X_test, digits.y_test)

    class Negative(type(linear)):
        def _tile(self, A, B):
            return -super()._tile(A, B)

    with pytest.raises(ValueError, match="not positive definite to working precision, even with"):
        ib.GaussianSpace(Negative()).posterior(task)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ib.GaussianSpace(ib.kernels.RBF(1.0), noise=-1.0), "noise: found -1.0"),
        (lambda: ib.GaussianSpace(ib.kernels.RBF(1.0), noise=np.nan), "noise: found nan"),
        (
            lambda: ib.GaussianSpace(ib.kernels.RBF(1.0), device="cuda:99"),
            "device: found 'cuda:99'",
        ),
        (lambda: ib.GaussianSpace(ib.kernels.RBF(1.0), device="gpu"), "device: found 'gpu'"),
    ],
)
def test_bad_spaces_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n": 0}, "n: found 0; give a whole number of at least 1"),
        ({"loss": "mean"}, "loss: found 'mean'; give 'mse', 'zero_one', or a callable"),
        ({"loss": lambda outputs, task: outputs[:, 0]}, r"returned shape \(3, 10\) for 3"),
        ({"loss": lambda outputs, task: outputs[:, 0, 0] * np.nan}, "NaN for hypothesis 0"),
    ],
)
def test_bad_questions_are_named(space, digits, options, message):
    with pytest.raises(ValueError, match=message):
        space.sample_losses(digits, **({"n": 3, "seed": 0} | options))


def test_zero_one_needs_labels(space):
    with pytest.raises(ValueError, match="'zero_one' needs labels"):
        space.sample_losses(smooth_task(), 3, seed=0, loss="zero_one")
