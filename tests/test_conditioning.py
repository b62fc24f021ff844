"""Conditioning in blocks and in place: against dense linear algebra, and what it costs."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import weakref

import numpy as np
import psutil
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

import ibhelpers as ib
from ibhelpers import _memory, _progress
from ibhelpers.kernels import FunctionKernel, Laplace, Linear, Matern
from ibhelpers.spaces import _conditioning, _refusals
from ibhelpers.spaces.posterior import Posterior, Spectrum
from tests.examples import Counting, a_task

CPU = torch.device("cpu")


class Untouchable(ib.kernels.RBF):
    """May not be evaluated."""

    def _tile(self, A, B):
        raise AssertionError("evaluated before it was known to fit")


def dense(task, noise):
    """Mean, covariance and Cholesky factor as the formulas say them, for RBF(1.5)."""
    A, Z = task.X_train, task.X_test

    def kernel(a, b):
        return np.exp(-((a[:, None] - b) ** 2).sum(-1) / (2 * 1.5**2))

    K, cross = kernel(A, A) + noise * np.eye(len(A)), kernel(A, Z)
    gain = np.linalg.solve(K, cross)
    return gain.T @ task.y_train, kernel(Z, Z) - gain.T @ cross, np.linalg.cholesky(K)


@pytest.fixture
def space():
    return ib.GaussianSpace(ib.kernels.RBF(1.5), noise=0.01)


# --- the elimination ----------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [1, 7, 8, 39, 40, 512])
def test_blocks_of_any_width_give_what_the_formulas_say(space, columns, monkeypatch):
    monkeypatch.setitem(_conditioning._COLUMNS, "cpu", columns)
    task = a_task()
    mean, covariance, factor = dense(task, 0.01)
    posterior = space.posterior(task)
    np.testing.assert_allclose(posterior.mean, mean, atol=1e-12)
    np.testing.assert_allclose(posterior.covariance, covariance, atol=1e-12)
    assert torch.equal(posterior.covariance, posterior.covariance.T)
    conditioning = space._condition(task)
    np.testing.assert_allclose(conditioning.factor.tril(), factor, atol=1e-13)
    np.testing.assert_allclose(
        conditioning.whitened, np.linalg.solve(factor, task.y_train).T, atol=1e-11
    )


def test_one_example_of_each_kind():
    task = ib.Task([[0.0]], [[1.0]], [[1.0]], [[0.0]])
    posterior = ib.GaussianSpace(ib.kernels.RBF(1.0)).posterior(task)
    covariance = np.exp(-0.5)
    assert float(posterior.mean) == pytest.approx(covariance, rel=1e-15)
    assert float(posterior.covariance) == pytest.approx(1 - covariance**2, rel=1e-14)


def test_the_spectrum_takes_the_covariances_place():
    root = torch.tensor(np.random.default_rng(0).normal(size=(30, 30)))
    covariance = root @ root.T
    kept, place = covariance.clone(), covariance.data_ptr()
    spectrum = Spectrum.of(Posterior(root[:, :2], covariance, 0.0, 1.0, *[0.0] * 5))
    U, variance = spectrum.directions.numpy(), spectrum.variance.numpy()
    assert spectrum.directions.data_ptr() == place
    np.testing.assert_allclose(variance, np.linalg.eigvalsh(kept), atol=1e-12)
    np.testing.assert_allclose(U * variance @ U.T, kept, atol=1e-12)
    np.testing.assert_allclose(U.T @ U, np.eye(30), atol=1e-13)


# --- nested training sets -----------------------------------------------------------------------


@pytest.mark.parametrize("columns", [8, 512])
def test_learning_curve_has_the_law_of_every_smaller_task(space, columns, monkeypatch):
    monkeypatch.setitem(_conditioning._COLUMNS, "cpu", columns)
    task = a_task()
    laws = space.learning_curve(task, [40, 1, 15, 8, 15])
    assert list(laws) == [40, 1, 15, 8]
    for size, law in laws.items():
        part = ib.Task(task.X_train[:size], task.y_train[:size], task.X_test, task.y_test)
        alone = ib.GaussianSpace(space.kernel, noise=0.01).loss_law(part)
        targets = alone.mean() * np.array([0.1, 0.5, 1.0, 2.0])
        np.testing.assert_allclose(law.logcdf(targets), alone.logcdf(targets), rtol=1e-9)


def test_learning_curve_evaluates_the_kernel_for_its_largest_size_alone():
    task = a_task()
    Counting.evaluated = 0
    ib.GaussianSpace(Counting(1.5)).loss_law(task)
    once = Counting.evaluated
    ib.GaussianSpace(Counting(1.5)).learning_curve(task, range(1, 41))
    assert Counting.evaluated == 2 * once


def test_jitter_that_the_largest_size_needs_is_told_once():
    task = a_task()
    X, y = task.X_train.copy(), task.y_train.copy()
    X[39], y[39] = X[0], y[0]
    twice = ib.Task(X, y, task.X_test, task.y_test)
    space = ib.GaussianSpace(ib.kernels.RBF(1.5))
    with pytest.warns(
        UserWarning, match="1.0e-12 was added.* condition number of at least"
    ) as told:
        laws = space.learning_curve(twice, [20, 40])
    assert len(told) == 1 and len(laws) == 2
    space.learning_curve(twice, [20, 39])  # without the duplicate it needs none, and says nothing


@pytest.mark.parametrize("sizes", [[], [0], [41], [10, True]])
def test_bad_sizes_are_named(space, sizes):
    with pytest.raises(ValueError, match="sizes: found"):
        space.learning_curve(a_task(), sizes)


# --- evidence and leave-one-out -----------------------------------------------------------------


def test_evidence_and_leave_one_out_are_those_of_scikit_learn(space):
    task = a_task()
    regressor = GaussianProcessRegressor(RBF(1.5), alpha=0.01, optimizer=None)
    fitted = regressor.fit(task.X_train, task.y_train)
    evidence = fitted.log_marginal_likelihood_value_
    assert space.log_marginal_likelihood(task) == pytest.approx(evidence, rel=1e-11)
    left_out = space.leave_one_out(task)
    for i in (0, 7, 39):
        rest = np.arange(40) != i
        regressor.fit(task.X_train[rest], task.y_train[rest])
        mean, deviation = regressor.predict(task.X_train[i : i + 1], return_std=True)
        np.testing.assert_allclose(left_out.mean[i], mean[0], rtol=1e-9)
        variance = deviation[0, 0] ** 2 + 0.01
        assert float(left_out.variance[i]) == pytest.approx(variance, rel=1e-9)


def test_an_ensemble_of_networks_has_neither():
    ensemble = ib.InfiniteNetworkSpace(depth=1)
    for ask in (ensemble.log_marginal_likelihood, ensemble.leave_one_out):
        with pytest.raises(ValueError, match="ensemble of trained networks is no posterior"):
            ask(a_task())
    with pytest.raises(ValueError, match="ensemble of trained networks is no posterior"):
        ensemble.learning_curve(a_task(), [10])


def test_an_ensemble_that_does_not_fit_in_memory_is_refused(monkeypatch):
    ensemble, task = ib.InfiniteNetworkSpace(depth=1), a_task()
    assert ensemble.memory_needed(ib.Task(np.ones((1, 2)), [0.0], np.ones((1, 2)), [0.0])) > 0
    free = ensemble.memory_needed(task) - 1
    monkeypatch.setattr(_refusals, "free_memory", lambda device, **_: free)
    with pytest.raises(ValueError, match=r"training examples would fit|fewer test examples"):
        ensemble.loss_law(task)


# --- reuse --------------------------------------------------------------------------------------


def test_the_next_question_about_a_task_does_not_condition_again():
    space, task = ib.GaussianSpace(Counting(1.5)), a_task()
    space.loss_law(task)
    Counting.evaluated = 0
    law, losses = space.loss_law(task), space.sample_losses(task, 50, seed=0)
    space.sample_hypotheses(task, 2, seed=0)
    assert Counting.evaluated == 0
    other = a_task(seed=1)
    assert space.loss_law(other).mean() != law.mean()
    assert Counting.evaluated > 0
    assert space.loss_law(task).mean() == law.mean()
    fresh = ib.GaussianSpace(Counting(1.5))
    np.testing.assert_array_equal(fresh.sample_losses(task, 50, seed=0), losses)


def test_what_is_handed_out_can_be_changed_without_harm(space):
    task = a_task()
    law = space.loss_law(task)
    space.posterior(task).covariance.zero_()
    space.posterior(task).mean.zero_()
    assert space.loss_law(task).mean() == law.mean()


def test_a_spectrum_that_was_changed_in_place_is_not_kept():
    """It is handed out, and its arrays may be written to, by torch or by NumPy."""
    space, task = ib.GaussianSpace(Counting(1.5)), a_task()
    law = space.loss_law(task)
    for change in (
        lambda found: found.mean.add_(1.0),
        lambda found: found.variance.mul_(2.0),
        lambda found: found.directions.zero_(),
        lambda found: found.mean.numpy().__setitem__(0, 5.0),
    ):
        change(space.spectrum(task))
        assert space.loss_law(task).logcdf(0.5) == law.logcdf(0.5)
    Counting.evaluated = 0
    space.loss_law(task)
    assert Counting.evaluated == 0


LENGTH = {"of": 1.0}


class Own(ib.kernels.Kernel):
    """A reader's kernel that reads a global."""

    def _tile(self, A, B):
        return torch.exp(-torch.cdist(A, B) / LENGTH["of"])

    def _diagonal(self, A):
        return A.new_ones(len(A))


class Inherited(ib.kernels.RBF):
    """The same, of a kernel of the package."""

    _tile = Own._tile


@pytest.mark.parametrize("kernel", [Own(), Inherited(1.0), 2.0 * Own() + ib.kernels.RBF(1.0)])
def test_a_kernel_class_of_the_reader_may_read_what_changes(kernel):
    space, task = ib.GaussianSpace(kernel, noise=0.1), a_task()
    assert not ib.kernels.is_fixed(kernel)
    found = []
    for LENGTH["of"] in (1.0, 3.0, 1.0):
        found.append(space.loss_law(task).logcdf(0.5))
        assert found[-1] == ib.GaussianSpace(kernel, noise=0.1).loss_law(task).logcdf(0.5)
    assert found[0] == found[2] != found[1]


def test_a_space_does_not_change(space):
    for name in ("kernel", "noise", "device"):
        with pytest.raises(AttributeError):
            setattr(space, name, getattr(space, name))


def test_nothing_is_kept_of_what_nobody_asks_about(space):
    task = a_task()
    space.loss_law(task)
    kept = weakref.ref(space.spectrum(task))
    del task
    gc.collect()
    assert kept() is None


def test_a_function_of_the_readers_is_asked_anew():
    """It may read what changes: a global variable, a file, an attribute."""
    scale = [1.0]
    own = FunctionKernel(lambda A, B: scale[0] * torch.exp(-torch.cdist(A, B)))
    task = a_task()
    for kernel in (own, 2.0 * own, own + ib.kernels.RBF(1.0)):
        space = ib.GaussianSpace(kernel, noise=0.1)
        scale[0] = 1.0
        before = space.loss_law(task).mean()
        scale[0] = 4.0
        assert space.loss_law(task).mean() != before
        anew = ib.GaussianSpace(kernel, noise=0.1).loss_law(task).mean()
        assert space.loss_law(task).mean() == anew
    known = ib.GaussianSpace(2.0 * ib.kernels.RBF(1.0))
    assert known.spectrum(task) is known.spectrum(task)


def test_a_space_is_copied_without_what_it_keeps(space):
    task = a_task()
    space.loss_law(task)
    for copied in (copy.deepcopy(space), pickle.loads(pickle.dumps(space))):
        assert repr(copied) == repr(space)
        assert copied.loss_law(task).mean() == space.loss_law(task).mean()


FORKED = """
import os, signal, sys, torch
import ibhelpers as ib
torch.set_num_threads(2)
task = ib.tasks.load("digits", n_train=600, n_test=300)
law = ib.GaussianSpace(ib.kernels.RBF(2.0)).loss_law(task)
asked = {
    "kernel": lambda: ib.GaussianSpace(ib.kernels.RBF(3.0)).loss_law(task),
    "law": lambda: law.logcdf(0.01),
    "after all": lambda: torch.set_num_threads(1) or asked["kernel"]() and None,
}
for name, ask in asked.items():
    if os.fork() == 0:
        signal.alarm(60)  # what hangs is killed
        try:
            ask()
            print(name, "answered", flush=True)
        except RuntimeError as error:
            print(name, error, flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_that_would_wait_for_ever_is_refused():
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, check=True
    )
    lines = run.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["kernel", "law", "after"], run.stdout
    assert all("get_context('spawn')" in line for line in lines[:2])
    assert lines[2] == "after all answered"


# --- memory -------------------------------------------------------------------------------------

# Each question in turn, in a process of its own: the peak of its memory above what it held before.
PEAKS = """
import numpy as np, torch, ibhelpers as ib
def peak(): return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024
def held(): return int(open("/proc/self/status").read().split("VmRSS:")[1].split()[0]) * 1024
torch.set_num_threads(1)
rng = np.random.default_rng(0)
def task(n, m):
    X, Z = rng.normal(size=(n, 4)), rng.normal(size=(m, 4))
    return ib.Task(X, X[:, :2], Z, Z[:, :2])
space = ib.GaussianSpace(ib.kernels.RBF(1.0), noise=0.1)
small = task(600, 100)
questions = (
    space.posterior, space.log_marginal_likelihood, space.leave_one_out,
    lambda task: space.learning_curve(task, [task.n_train // 2, task.n_train]),
)
for ask in questions: ask(small)
large = task(4000, 100)
print(space.memory_needed(large))
for ask in questions:
    open("/proc/self/clear_refs", "w").write("5")
    before = held()
    answer = ask(large)
    print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak of memory")
def test_the_training_covariance_is_held_once_and_foretold():
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    needed, *peaks = map(int, done.stdout.split())
    once = 8 * 4000**2
    assert len(peaks) == 4
    for peak in peaks:
        # It can be less than once: above its diagonal the array is never touched.
        assert 0.5 * once < peak < min(needed, 1.6 * once)


def test_memory_needed_counts_the_arrays():
    """10,000 by 12,010 numbers dominate; MNIST's 60,000 digits fit a card of 80 GB."""
    needed = _conditioning.memory_needed(10_000, 2_000, 10, 784, CPU)
    assert 8 * 10_000 * 12_010 < needed < 1.4 * 8 * 10_000 * 12_010
    cuda = torch.device("cuda")
    assert _conditioning.memory_needed(60_000, 10_000, 10, 784, cuda) < 45e9
    assert _conditioning.memory_needed(20_000, 2_000, 10, 784, CPU) < 5 * 2**30
    # Where the test set is the larger one, its covariance is held three times.
    assert _conditioning.memory_needed(10, 10_000, 1, 1, CPU) > 3 * 8 * 10_000**2


def test_what_cannot_fit_is_refused_before_it_starts(monkeypatch):
    task, space = a_task(n=3000, m=50), ib.GaussianSpace(Untouchable(1.0))
    free = _conditioning.memory_needed(2000, 50, 3, 4, CPU)
    monkeypatch.setattr(_refusals, "free_memory", lambda device, **_: free)
    message = r"task: 3,000 training and 50 test examples take \d+ MiB, and \d+ MiB are free on "
    for ask in (space.posterior, space.loss_law, lambda task: space.sample_losses(task, 1, seed=0)):
        with pytest.raises(ValueError, match=message + "'cpu'. About 2,000 training examples"):
            ask(task)
    with pytest.raises(ValueError, match="task: 3,000 training examples take"):
        space.leave_one_out(task)
    with pytest.raises(ValueError, match=message):
        ib.compare.kernels(task, [space.kernel], 0.1)
    monkeypatch.setattr(_refusals, "free_memory", lambda device, **_: 1000)
    with pytest.raises(ValueError, match="Give fewer test examples, or a device with more memory"):
        space.posterior(task)


def test_free_memory_minds_the_nearest_limit(tmp_path, monkeypatch):
    assert 2**20 < _memory.free_memory(CPU) <= psutil.virtual_memory().total
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    (tmp_path / "memory.stat").write_text("anon 300000\ninactive_file 50000\n")
    group = (tmp_path, "memory.max", "memory.current")
    monkeypatch.setattr(_memory, "_control_groups", lambda: [group])
    assert _memory.free_memory(CPU) == 650_000
    (tmp_path / "memory.max").write_text("max\n")
    assert list(_memory._left_in_control_groups()) == []


# --- progress -----------------------------------------------------------------------------------


def test_long_work_shows_its_progress_and_its_memory(space, monkeypatch, capsys):
    space.sample_losses(a_task(), 10, seed=0)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(_progress, "_LONG", 0)
    space.sample_losses(a_task(), 10, seed=0)
    shown = capsys.readouterr().err
    assert "conditioning on 40 examples (128 MiB):   0%" in shown
    for what in ("covariance of 17 test examples", "diagonalising 17 x 17", "drawing 10 hypo"):
        assert what in shown


# --- inputs far larger than the lengthscale -----------------------------------------------------


@pytest.mark.parametrize(
    "kernel", [ib.kernels.RBF(1.0), 2.0 * Matern(1.0, nu=1.5), Laplace(1.0) * ib.kernels.RBF(3.0)]
)
@pytest.mark.parametrize("n", [12, 130])  # conditioned with all digits, and in float64
def test_a_training_set_that_says_nothing_is_told(kernel, n):
    X = 1e6 * np.random.default_rng(0).standard_normal((n + 5, 2))
    y = np.sin(X[:, :1])
    space, task = ib.GaussianSpace(kernel, noise=0.1), ib.Task(X[:n], y[:n], X[n:], y[n:])
    with pytest.warns(UserWarning, match="say nothing about the test points"):
        posterior = space.posterior(task)
    assert torch.equal(posterior.covariance, kernel(torch.tensor(task.X_test)))
    assert not posterior.mean.any()
    # Here a warning is an error.
    wide = ib.GaussianSpace(ib.kernels.RBF(1e6), noise=0.1).posterior(task)
    assert wide.mean.abs().max() > 1e-3


def test_much_noise_is_no_reason_for_it():
    posterior = ib.GaussianSpace(ib.kernels.RBF(1.5), noise=1e30).posterior(a_task())
    assert posterior.covariance.diagonal() == pytest.approx(np.ones(17))


# --- nearly singular, and functions of one's own -------------------------------------------------


def test_condition_is_told_and_never_above_the_true_one():
    scales = np.array([1.0, 1e-1, 1e-2, 1e-5])
    X = np.diag(scales)  # under the linear kernel, a diagonal covariance
    task = ib.Task(X, np.ones((4, 1)), X[:1] + 1, np.ones((1, 1)))
    assert ib.GaussianSpace(Linear()).posterior(task).condition == pytest.approx(1e10, rel=1e-9)
    posterior = ib.GaussianSpace(ib.kernels.RBF(1.5), noise=1e-6).posterior(a_task())
    _, _, factor = dense(a_task(), 1e-6)
    assert 1 < posterior.condition <= np.linalg.cond(factor) ** 2 * (1 + 1e-9)


@pytest.mark.parametrize("variance", [1e-99, 1e-78, 1e90, 1e99])
def test_condition_does_not_change_with_the_unit_of_the_targets(variance):
    """Small variances were called singular: the square of their inverse is beyond float64."""
    task = a_task(n=100)
    found = [
        ib.GaussianSpace(v * ib.kernels.RBF(0.5), noise=1e-3 * v).posterior(task).condition
        for v in (1.0, variance)
    ]
    assert found[1] == pytest.approx(found[0], rel=1e-6)


@pytest.mark.parametrize("as_array", [False, True])
def test_any_function_can_be_a_kernel(space, as_array):
    def similarity(A, B):
        values = torch.exp(-(torch.cdist(A, B) ** 2) / (2 * 1.5**2))
        return values.numpy() if as_array else values

    own, task = ib.GaussianSpace(similarity, noise=0.01), a_task()
    found, expected = own.posterior(task), space.posterior(task)
    np.testing.assert_allclose(found.covariance, expected.covariance, atol=1e-7)
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-7)
    assert repr(own).startswith("GaussianSpace(FunctionKernel(similarity)")


def test_a_functions_own_arrays_are_left_alone():
    kept = torch.ones(300, 300, dtype=torch.float64)
    kernel = 3.0 * FunctionKernel(lambda A, B: kept[: len(A), : len(B)])
    X = np.arange(300.0)[:, None]
    assert float(kernel(X).min()) == float(kernel.diagonal(X).min()) == 3.0
    assert float(kept.min()) == float(kept.max()) == 1.0


@pytest.mark.parametrize(
    "function, message",
    [
        (lambda A, B: torch.full((len(A), len(B)), torch.nan), "gave nan for finite inputs"),
        (lambda A, B: torch.cdist(A, B)[0], r"returned shape \(40,\) for 40 and 40 inputs"),
        (lambda A, B: (A @ B.T)[:, :1], r"returned shape \(40, 1\) for 40"),
        (lambda A, B: A[:, :1] + 2 * B[:, 0], "two exchanged; a covariance function is symmetric"),
        (lambda A, B: "near", "returned str; it must return real numbers"),
        (lambda A, B: -(A @ B.T), "not positive definite to working precision, even with 1e-08"),
    ],
)
def test_functions_that_are_no_kernels_are_named(function, message):
    with pytest.raises(ValueError, match=f"kernel: .*{message}"):
        ib.GaussianSpace(function).loss_law(a_task())
