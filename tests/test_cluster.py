"""Conditioning and draws on the workers of a Dask cluster: the numbers of one machine's memory."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import ibhelpers as ib
from ibhelpers.kernels import RBF, FunctionKernel, Matern
from ibhelpers.spaces import _tiles
from tests.examples import a_task

distributed = pytest.importorskip("distributed", reason="needs the extra: cluster")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def client():
    """Two workers in threads of this process."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setattr(_tiles, "tile_width", lambda place, n: 32)


def assert_alike(a, b):
    np.testing.assert_allclose(b.mean, a.mean, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(b.covariance, a.covariance, rtol=1e-10, atol=1e-10)
    assert torch.equal(b.covariance, b.covariance.T)
    for name in ("jitter", "condition", "resolution", "mean_error", "covariance_error"):
        assert getattr(b, name) == pytest.approx(getattr(a, name), rel=1e-5), name


# --- the same numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m", "k"), [(1, 70, 1), (31, 65, 1), (64, 61, 2), (150, 100, 3)])
@pytest.mark.parametrize("in_folder", [False, True])
def test_workers_give_what_memory_gives(client, n, m, k, in_folder, narrow, tmp_path):
    task = a_task(n, m, k, d=6, seed=n)
    kernel, noise = (Matern(1.0), 0.0) if n % 2 else (RBF(1.0), 0.1)
    here = ib.GaussianSpace(kernel, noise=noise)
    folder = tmp_path if in_folder else None
    there = ib.GaussianSpace(kernel, noise=noise, client=client, out_of_core=folder)
    assert_alike(here.posterior(task), there.posterior(task))
    evidence = here.log_marginal_likelihood(task)
    assert there.log_marginal_likelihood(task) == pytest.approx(evidence, rel=1e-10)
    assert len(list(tmp_path.rglob("*.tile"))) > 0 if in_folder else True


def test_nested_sizes_and_a_function_of_the_readers_own(client, narrow):
    def kernel(A, B):
        return torch.exp(-(A[:, None] - B).norm(dim=-1))

    task = a_task(100, 62)
    here = ib.GaussianSpace(FunctionKernel(kernel), noise=0.1)
    there = ib.GaussianSpace(FunctionKernel(kernel), noise=0.1, client=client)
    curve, nested = (space.learning_curve(task, [10, 50, 100]) for space in (here, there))
    for size, law in curve.items():
        assert nested[size].mean() == pytest.approx(law.mean(), rel=1e-10)
        assert nested[size].logcdf(law.mean() / 2) == pytest.approx(
            law.logcdf(law.mean() / 2), rel=1e-8
        )


@pytest.mark.filterwarnings("ignore:the covariance of the 70 training inputs")
def test_jitter_is_added_as_in_memory(client, narrow):
    task = a_task(70, 65)
    X, y = task.X_train.copy(), task.y_train.copy()
    X[50], y[50] = X[0], y[0]
    twice = ib.Task(X, y, task.X_test, task.y_test)
    there = ib.GaussianSpace(RBF(1.0), client=client).posterior(twice)
    assert there.jitter == ib.GaussianSpace(RBF(1.0)).posterior(twice).jitter > 0


def test_what_goes_wrong_on_a_worker_is_told_here(client, narrow):
    def kernel(A, B):
        raise ZeroDivisionError("of the reader's own")

    space = ib.GaussianSpace(RBF(1.0) + FunctionKernel(kernel), noise=0.1, client=client)
    with pytest.raises(ZeroDivisionError, match="of the reader's own"):
        space.posterior(a_task(70, 65))


# --- draws ----------------------------------------------------------------------------------------


def question(task):
    law = ib.GaussianSpace(RBF(1.0), noise=0.1).loss_law(task)
    return {"bits": ib.inductive_bias(law, law.mean() / 2).bits}


def test_draws_are_asked_of_workers(client, tmp_path):
    task = a_task(120, 90)
    here = ib.compare.draws(question, task, 3, processes=1)
    file = tmp_path / "draws.jsonl"
    there = ib.compare.draws(question, task, 3, client=client, checkpoint=file)
    np.testing.assert_allclose(there.values, here.values, rtol=1e-12)
    again = ib.compare.draws(question, task, 3, client=client, checkpoint=file)
    np.testing.assert_array_equal(again.values, there.values)
    with pytest.raises(ValueError, match="processes: found a client too"):
        ib.compare.draws(question, task, 3, client=client, processes=2)


# --- comparisons, networks, runs ------------------------------------------------------------------


def test_kernels_are_compared_by_workers(client):
    task = a_task(60, 40)
    candidates = {"short": RBF(1.0), "long": Matern(3.0), "own": lambda A, B: 1 + A @ B.T}
    here = ib.compare.kernels(task, candidates, [0.5, 0.2], noise=0.1)
    there = ib.compare.kernels(task, candidates, [0.5, 0.2], noise=0.1, client=client)
    assert list(there.candidate) == list(here.candidate)
    numbers = [c for c in here if c != "candidate"]
    np.testing.assert_allclose(
        there[numbers].astype(float), here[numbers].astype(float), rtol=1e-10
    )


def test_models_are_compared_by_workers(client):
    from sklearn.linear_model import Ridge

    task = a_task(40, 20)
    law = ib.GaussianSpace(RBF(1.0), noise=0.1).loss_law(task)
    models = {"networks": networks(), "ridge": Ridge()}
    here, there = (
        ib.compare.models(task, law, models, n_networks=3, seed=0, client=c).drop(columns="seconds")
        for c in (None, client)
    )
    assert list(there.candidate) == ["networks", "ridge"]
    np.testing.assert_allclose(there.iloc[:, 1:], here.iloc[:, 1:], rtol=1e-10)


def networks(**settings):
    return ib.NetworkSpace(
        ib.networks.mlp(4, 1), lr=0.01, epochs=3, batch_size=10, chunk=2, **settings
    )


def test_networks_are_trained_by_workers(client, tmp_path):
    task, file = a_task(40, 20), tmp_path / "networks.npz"
    here = networks().train(task, 7, seed=0, outputs=True)
    there = networks().train(task, 7, seed=0, outputs=True, client=client, checkpoint=file)
    for name in ("train_loss", "test_loss", "test_curve", "outputs"):
        np.testing.assert_array_equal(getattr(there, name), getattr(here, name))
    taken_up = networks().train(task, 9, seed=0, outputs=True, checkpoint=file)
    np.testing.assert_array_equal(taken_up.test_loss[:7], here.test_loss)
    fitted = networks(max_train_loss=float(np.median(here.train_loss)))
    losses = fitted.sample_losses(task, 3, seed=0)
    np.testing.assert_array_equal(fitted.sample_losses(task, 3, seed=0, client=client), losses)


def test_splitting_is_done_by_workers(client, tmp_path):
    task = a_task(30, 10)
    settings = {"loss": "mse", "seed": 0, "progress": False}
    space = ib.GaussianSpace(RBF(1.0), noise=0.1)
    targets = [0.8, 0.5]
    settings |= {"method": "splitting"}
    here, there = (
        ib.rare_event_bias(space, task, target_error=targets, particles=50, client=c, **settings)
        for c in (None, client)
    )
    np.testing.assert_array_equal(there.bits, here.bits)
    trained = networks()
    loss = float(np.quantile(trained.sample_losses(task, 20, seed=1), 0.3))
    few = {"target_error": loss, "particles": 20, "moves": 1}
    file = tmp_path / "runs.npz"
    here = ib.rare_event_bias(trained, task, **few, **settings)
    there = ib.rare_event_bias(trained, task, **few, **settings, client=client, checkpoint=file)
    again = ib.rare_event_bias(trained, task, **few, **settings, checkpoint=file)
    for found in (there, again):
        assert found.bits == here.bits
        np.testing.assert_array_equal(found.trace.log_p, here.trace.log_p)
        assert found.interval == here.interval and found.doubt == here.doubt


def test_a_bridge_takes_no_client(client):
    with pytest.raises(ValueError, match=r"client: found .*one stream of random numbers"):
        ib.rare_event_bias(
            ib.GaussianSpace(RBF(1.0), noise=0.1), a_task(30, 10), loss="zero_one",
            target_error=0.1, seed=0, client=client,
        )  # fmt: skip


# --- killed ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mortal():
    """Two workers that can be killed."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_worker_that_is_killed_costs_its_tiles(narrow, mortal):
    task = a_task(300, 64)
    kernel = Slow(1.0)
    killed = []

    def kill():
        while len(mortal.who_has()) < 20:
            time.sleep(0.01)
        info = mortal.run(os.getpid)
        killed.append(next(iter(info.values())))
        os.kill(killed[0], 9)

    thread = threading.Thread(target=kill)
    thread.start()
    posterior = ib.GaussianSpace(kernel, noise=0.1, client=mortal).posterior(task)
    thread.join()
    assert killed and killed[0] not in mortal.run(os.getpid).values()
    assert_alike(ib.GaussianSpace(RBF(1.0), noise=0.1).posterior(task), posterior)


def test_a_worker_that_is_killed_costs_its_task(mortal, tmp_path):
    """The second kernel kills the worker that first computes it."""

    def deadly(A, B, mark=tmp_path / "killed"):
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), 9)
        return torch.exp(-(A[:, None] - B).norm(dim=-1))

    task = a_task(40, 20)
    candidates = {"first": RBF(1.0), "deadly": deadly, "last": RBF(2.0)}
    there = ib.compare.kernels(task, candidates, 0.5, noise=0.1, client=mortal)
    assert (tmp_path / "killed").exists()
    here = ib.compare.kernels(task, candidates, 0.5, noise=0.1)
    np.testing.assert_allclose(there.bits, here.bits, rtol=1e-10)


class Slow(RBF):
    """Takes its time, so that a worker can be killed while it works."""

    def _tile(self, A, B):
        time.sleep(0.02)
        return super()._tile(A, B)


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [3, "localhost:8786", np.ones(2)])
def test_what_is_no_client_is_named(given):
    with pytest.raises(ValueError, match="client: found a"):
        ib.GaussianSpace(RBF(1.0), client=given)
    with pytest.raises(ValueError, match="client: found a"):
        ib.compare.draws(question, a_task(), 2, client=given)
    with pytest.raises(ValueError, match="client: found a"):
        ib.compare.kernels(a_task(), [RBF(1.0)], 0.5, client=given)
    with pytest.raises(ValueError, match="client: found a"):
        networks().train(a_task(), 2, seed=0, client=given)
    with pytest.raises(ValueError, match="client: found a"):
        ib.rare_event_bias(
            networks(), a_task(), loss="mse", target_error=1.0, seed=0, client=given
        )  # fmt: skip


def test_a_client_that_is_closed_is_named(client):
    other = distributed.Client(client.cluster)
    other.close()
    with pytest.raises(ValueError, match="client: it is closed"):
        ib.GaussianSpace(RBF(1.0), client=other)


def test_a_client_that_is_closed_before_it_is_asked_is_named(client):
    other = distributed.Client(client.cluster)
    space = ib.GaussianSpace(RBF(1.0), noise=0.1, client=other)
    other.close()
    with pytest.raises(ValueError, match="client: it is closed"):
        space.posterior(a_task(70, 65))


def test_waiting_for_workers_is_told():
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
        pytest.warns(UserWarning, match="client: it has no workers yet"),
    ):
        ib.GaussianSpace(RBF(1.0), client=client).memory_needed(a_task(70, 65))


def test_without_dask_nothing_is_imported_and_a_client_says_what_to_install():
    program = """
import sys
sys.modules["distributed"] = sys.modules["dask"] = None
import ibhelpers as ib
ib.GaussianSpace(ib.kernels.RBF(1.0), out_of_core="/tmp")
try:
    ib.GaussianSpace(ib.kernels.RBF(1.0), client=3)
except ImportError as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "pip install 'ibhelpers[cluster]'" in ran.stdout
