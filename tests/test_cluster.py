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


# --- killed ---------------------------------------------------------------------------------------


def test_a_worker_that_is_killed_costs_its_tiles(narrow):
    task = a_task(300, 64)
    kernel = Slow(1.0)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        killed = []

        def kill():
            while len(client.who_has()) < 20:
                time.sleep(0.01)
            info = client.run(os.getpid)
            killed.append(next(iter(info.values())))
            os.kill(killed[0], 9)

        thread = threading.Thread(target=kill)
        thread.start()
        posterior = ib.GaussianSpace(kernel, noise=0.1, client=client).posterior(task)
        thread.join()
        assert killed and killed[0] not in client.run(os.getpid).values()
    assert_alike(ib.GaussianSpace(RBF(1.0), noise=0.1).posterior(task), posterior)


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
