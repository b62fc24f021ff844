"""Everything that takes a device, on a pretended GPU: nothing of it stays behind on the CPU.

The numbers must be those of the CPU to the last bit, because the CPU computes both.
"""

import numpy as np
import pytest
import torch

import ibhelpers as ib
from ibhelpers import networks
from ibhelpers.networks import _training as training
from ibhelpers.networks import space as space_module
from tests.examples import ONE_OF_EACH, by_repr
from tests.pretend_device import CUDA, pretended_gpu

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def task():
    return ib.tasks.load("digits", n_train=40, n_test=25)


def on_both(compute):
    """What a function of a device gives on the CPU, and on a GPU."""
    here = compute("cpu")
    with pretended_gpu():
        there = compute("cuda")
    return here, there


def assert_same(compute):
    here, there = on_both(compute)
    for one, other in zip(np.atleast_1d(here), np.atleast_1d(there), strict=True):
        np.testing.assert_array_equal(one, other)


# --- Pretence ------------------------------------------------------------------------------------


def test_the_pretence_refuses_what_a_gpu_refuses():
    with pretended_gpu():
        there, here = torch.arange(3.0, device="cuda"), torch.arange(3.0)
        assert there.device == (there + 1).device == here.to("cuda").device == CUDA
        assert there[:2].device == torch.zeros_like(there).device == CUDA
        assert here.device == there.cpu().device == torch.device("cpu")
        assert (there + torch.tensor(1.0)).device == CUDA  # one number goes anywhere
        for mixed in (
            lambda: there + here,
            lambda: torch.stack([there, here]),
            lambda: torch.where(here > 1, there, there),
            lambda: torch.randn(3, device="cuda", generator=torch.Generator()),
            lambda: here[there > 1],
        ):
            with pytest.raises(RuntimeError, match="same device"):
                mixed()
        for host in (there.numpy, lambda: np.asarray(there)):
            with pytest.raises(TypeError, match="to numpy"):
                host()


# --- Gaussian spaces and their laws --------------------------------------------------------------


@pytest.mark.parametrize("kernel", ONE_OF_EACH, ids=by_repr)
def test_kernels(kernel):
    A, B = np.random.default_rng(0).normal(size=(2, 9, 5))
    assert_same(lambda device: kernel(torch.tensor(A, device=device), B).cpu().numpy())
    assert_same(lambda device: kernel.diagonal(torch.tensor(A, device=device)).cpu().numpy())


@pytest.mark.parametrize("make", [ib.GaussianSpace, ib.InfiniteNetworkSpace])
def test_gaussian_spaces(task, make):
    def space(device):
        first = ib.kernels.RBF(2.0) if make is ib.GaussianSpace else 2
        return make(first, device=device)

    with pretended_gpu():
        posterior = space("cuda").posterior(task)
        law = space("cuda").loss_law(task)
        places = [t.device for t in (posterior.mean, posterior.covariance, law.weights, law)]
    assert places == [CUDA] * 4
    assert_same(lambda device: space(device).posterior(task).covariance.cpu().numpy())
    assert_same(lambda device: space(device).sample_hypotheses(task, 3, seed=0).cpu().numpy())
    for loss in ("mse", "zero_one", lambda outputs, task: outputs.amax((1, 2))):
        assert_same(
            lambda device, loss=loss: space(device).sample_losses(task, 9, seed=0, loss=loss)
        )
    if make is ib.GaussianSpace:
        assert_same(lambda device: space(device).log_marginal_likelihood(task))
        assert_same(lambda device: space(device).leave_one_out(task).mse)
        curve = lambda device: space(device).learning_curve(task, [20, 40])  # noqa: E731
        assert_same(lambda device: [law.logcdf(0.05) for law in curve(device).values()])


def test_jitter_and_a_problem_that_does_not_fit(monkeypatch):
    task = ib.tasks.load("digits", n_train=40, n_test=25)
    X = np.repeat(task.X_train[:20], 2, 0)
    twice = ib.Task(X, np.repeat(task.y_train[:20], 2, 0), task.X_test, task.y_test)
    with pytest.warns(UserWarning, match="singular to working precision"):
        assert_same(
            lambda device: (
                ib.GaussianSpace(ib.kernels.RBF(2.0), device=device).loss_law(twice).mean()
            )
        )
    with pretended_gpu():
        space = ib.GaussianSpace(ib.kernels.RBF(2.0), device="cuda")
        monkeypatch.setattr("torch.cuda.mem_get_info", lambda device=None: (10**9, 10**9))
        with pytest.raises(ValueError, match="954 MiB are free on 'cuda'"):
            space.loss_law(task)


def test_laws(task):
    def law(device):
        return ib.GaussianSpace(ib.kernels.RBF(2.0), device=device).loss_law(task)

    x, p = np.array([0.0, 0.02, 0.05, 0.1, 1.0]), np.array([1e-9, 0.3, 0.99])
    for name in ("cdf", "logcdf", "ccdf", "logccdf", "logpdf", "saddlepoint_logcdf"):
        assert_same(lambda device, name=name: getattr(law(device), name)(x))
    assert_same(lambda device: law(device).icdf(p))
    assert_same(lambda device: law(device).ilogcdf(np.array([-500.0, -1.0])))
    assert_same(lambda device: law(device).sample(20, seed=0))
    assert_same(lambda device: [law(device).mean(), law(device).variance()])
    assert_same(lambda device: ib.inductive_bias(law(device), [0.05, 0.02]).bits)
    tilted = ib.laws.tilted_importance_sampling
    assert_same(lambda device: tilted(law(device), 0.03, 500, seed=0).logcdf)
    losses = law("cpu").sample(300, seed=1)
    assert_same(lambda device: ib.paper.error_decomposition(law(device), losses, 0.03).total)


@pytest.mark.parametrize("method", ["splitting", "bridge"])
@pytest.mark.parametrize(("loss", "target"), [("mse", 0.06), ("zero_one", 0.2)])
def test_rare_events(task, loss, target, method):
    def bits(device):
        space = ib.GaussianSpace(ib.kernels.RBF(2.0), device=device)
        options = {"method": method, "particles": 60, "seed": 0, "progress": False}
        return ib.rare_event_bias(space, task, loss=loss, target_error=target, **options).bits

    assert_same(bits)


def test_sweep(task):
    def table(device):
        return ib.compare.kernels(task, [ib.kernels.RBF(2.0)], 0.03, noise=1e-3, device=device)

    here, there = on_both(table)
    assert here.equals(there)


# --- Networks ------------------------------------------------------------------------------------


@pytest.fixture
def one_thread(monkeypatch):
    """The pretence is of one thread."""

    def in_turn(work, parts, threads, progress, *, ahead=0):
        for part in parts:
            yield work(part, lambda amount: None)

    monkeypatch.setattr(space_module, "in_order", in_turn)


ARCHITECTURES = {
    "linear": networks.linear(),
    "mlp": networks.mlp(width=5, depth=2),
    "ntk": networks.mlp(width=5, depth=1, parameterisation="ntk"),
    "cnn": networks.cnn(channels=(2, 3)),
    "vit": networks.vit(patch=4, dim=4, depth=1, heads=2),
    "resnet": networks.resnet(channels=2, blocks=1),
}
SETTINGS = [
    {"optimizer": name} for name in ("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop")
] + [
    {"loss": "cross_entropy"},
    {"batch_size": None},
    {"stop_at": 0.105, "lr": 0.01, "epochs": 9},
    {"schedule": "cosine", "weight_decay": 0.01, "dtype": torch.float64},
]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures(task, one_thread, name):
    def losses(device):
        space = ib.NetworkSpace(
            ARCHITECTURES[name], epochs=1, batch_size=20, chunk=2, device=device
        )
        return space.train(task, 3, outputs=True, seed=0).outputs

    assert_same(losses)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_training(task, one_thread, settings):
    options = {"epochs": 2, "batch_size": 20, "chunk": 3} | settings

    def columns(device):
        ensemble = ib.NetworkSpace(ARCHITECTURES["mlp"], device=device, **options).train(
            task, 3, seed=0
        )
        return np.concatenate(
            [ensemble.test_curve.ravel(), ensemble.test_error_rate, ensemble.epochs]
        )

    assert_same(columns)


def test_losses_of_networks(task, one_thread, tmp_path):
    def space(device):
        return ib.NetworkSpace(ARCHITECTURES["mlp"], epochs=1, batch_size=20, device=device)

    for loss in ("zero_one", lambda outputs, task: outputs.amax((1, 2))):
        assert_same(
            lambda device, loss=loss: space(device).sample_losses(task, 3, seed=0, loss=loss)
        )
    with pretended_gpu():
        assert space("cuda").chunk_for(task).at_once == 1
        space("cuda").train(task, 2, checkpoint=tmp_path / "run.npz", seed=0)
    found = space("cpu").train(
        task, 3, checkpoint=tmp_path / "run.npz", seed=0
    )  # begun there, ended here
    np.testing.assert_array_equal(found.test_loss, space("cpu").train(task, 3, seed=0).test_loss)


def test_networks_are_really_trained_there(task, one_thread, monkeypatch):
    devices = set()

    def looking(stack, learn, *args, **options):
        devices.update(leaf.device for leaf in (*stack.leaves, learn.X, learn.y, learn.labels))
        return training.train(stack, learn, *args, **options)

    monkeypatch.setattr(space_module, "train", looking)
    with pretended_gpu():
        ib.NetworkSpace(ARCHITECTURES["mlp"], epochs=1, device="cuda", batch_size=20).train(
            task, 2, seed=0
        )
    assert devices == {CUDA}
