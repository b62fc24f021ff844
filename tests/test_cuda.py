"""A card gives what the CPU gives; `make gpu` runs this file where there is one."""

import numpy as np
import pytest
import torch

import ibhelpers as ib
from ibhelpers import _memory
from ibhelpers.kernels import RBF
from ibhelpers.spaces import _conditioning
from tests.examples import ONE_OF_EACH, by_repr

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(12, 5)), RNG.normal(size=(9, 5))


@pytest.mark.parametrize("kernel", ONE_OF_EACH, ids=by_repr)
def test_kernels(kernel):
    on_device = kernel(torch.tensor(A, device="cuda"), B)
    assert on_device.device.type == "cuda"
    torch.testing.assert_close(on_device.cpu(), kernel(A, B), rtol=1e-13, atol=1e-14)
    K = kernel(torch.tensor(A, device="cuda"))
    assert torch.equal(K, K.T)


@pytest.mark.parametrize("columns", [128, 2048])
def test_spaces_and_laws(columns, monkeypatch):
    monkeypatch.setitem(_conditioning._COLUMNS, "cuda", columns)
    task = ib.tasks.load("digits", n_train=500, n_test=200)
    kernel, noise = ib.kernels.RBF(2.0), 1e-3
    cpu = ib.GaussianSpace(kernel, noise=noise)
    gpu = ib.GaussianSpace(kernel, noise=noise, device="cuda")
    for one, other in ((cpu.posterior(task), gpu.posterior(task)),):
        np.testing.assert_allclose(one.mean, other.mean.cpu(), atol=1e-10)
        np.testing.assert_allclose(one.covariance, other.covariance.cpu(), atol=1e-10)
    targets = [0.05, 0.02, 0.01]
    bits = [ib.inductive_bias(space.loss_law(task), targets).bits for space in (cpu, gpu)]
    np.testing.assert_allclose(*bits, rtol=1e-8)
    curves = [space.learning_curve(task, [100, 500]) for space in (cpu, gpu)]
    np.testing.assert_allclose(*[[law.mean() for law in c.values()] for c in curves], rtol=1e-10)
    evidence = [space.log_marginal_likelihood(task) for space in (cpu, gpu)]
    assert evidence[0] == pytest.approx(evidence[1], rel=1e-10)
    left_out = [space.leave_one_out(task).mse for space in (cpu, gpu)]
    assert left_out[0] == pytest.approx(left_out[1], rel=1e-8)
    law, losses = cpu.loss_law(task), gpu.sample_losses(task, 2000, seed=0)
    assert abs(losses.mean() - law.mean()) < 4 * (law.variance() / 2000) ** 0.5
    tables = [
        ib.compare.kernels(task, [kernel], 0.02, noise=noise, device=d) for d in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(tables[0].bits, tables[1].bits, rtol=1e-8)
    assert gpu.memory_needed(task) < _memory.free_memory(gpu.device)


def test_rare_events():
    task = ib.tasks.load("mnist", n_train=110, n_test=20)
    cpu, gpu = (ib.GaussianSpace(0.06 * RBF(5.4), device=place) for place in ("cpu", "cuda"))
    law = cpu.loss_law(task)
    target = 0.4 * law.mean()
    exact = ib.inductive_bias(law, target).bits
    for method in ("bridge", "splitting"):
        found = ib.rare_event_bias(
            gpu, task, loss="mse", target_error=target, method=method, seed=0, progress=False
        )
        low, high = found.interval
        assert abs(found.bits - exact) < high - low  # 3.9 standard errors


@pytest.mark.parametrize("make", [ib.networks.mlp(width=16), ib.networks.cnn(channels=(4, 8))])
def test_networks(make):
    """In float64, and for two steps: training amplifies the last digit."""
    task = ib.tasks.load("digits", n_train=60, n_test=20)
    here, there = (
        ib.NetworkSpace(
            make, epochs=1, batch_size=30, dtype=torch.float64, device=place, chunk=3
        ).train(task, 3, seed=0, curves=False, outputs=True, progress=False)
        for place in ("cpu", "cuda")
    )
    np.testing.assert_allclose(there.outputs, here.outputs, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(there.test_loss, here.test_loss, rtol=1e-9)
