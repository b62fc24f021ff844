"""Many networks at once against one after another with a DataLoader, side by side in one run.

The loop is timed as anyone would run it, on all threads, and on one thread too, because products
as small as these may be slower on two. Beside the ratio stands the highest one possible on this
machine: that of a training which takes only the time of its products, at the rate of a large one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

import ibhelpers as ib
from ibhelpers import networks

ROUNDS = 3
# What is trained, batch size, epochs, times faster that it has to be.
CASES = (
    (networks.mlp(width=32, depth=2), 20, 10, 15.0),
    (networks.mlp(width=128, depth=2), 100, 10, 8.0),
    (networks.cnn(channels=(8, 16)), 20, 3, 3.0),
    (networks.vit(patch=7, dim=32, depth=2, heads=2), 20, 3, 3.0),
    (networks.resnet(channels=8, blocks=1), 20, 3, None),
)


def rows() -> list[dict]:
    """Measured figures: what, value, unit, target, note."""
    task = ib.tasks.load("mnist", n_train=1000, n_test=500)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    a = torch.rand(4096, 4096, device=device)
    peak = 2 * 4096**3 / _fastest(lambda: a @ a)  # products and sums a second
    table = [_row("float32 matrix product, 4096 x 4096", peak / 1e9, "GFLOP/s", note=device)]
    for case in CASES:
        table += _against_plain_loop(task, *case, device, peak)
    table += _share_of_peak(task, device, peak)
    if device == "cuda":
        table += _ten_thousand(task)
    return table


def _against_plain_loop(task, architecture, batch_size, epochs, target, device, peak) -> list[dict]:
    space = _space(architecture, batch_size, epochs, device)
    chunk = space.chunk_for(task)
    n = chunk.size * chunk.at_once

    def side_by_side(seed: int = 0) -> np.ndarray:
        return space.train(task, n, seed=seed, curves=False, progress=False).test_loss

    def one_after_another(count: int = 1) -> np.ndarray:
        return np.array(
            [_plain(task, architecture, batch_size, epochs, device) for _ in range(count)]
        )

    fast, slow = _fastest(side_by_side) / n, _fastest(one_after_another)
    with _threads(1):
        slow_alone = _fastest(one_after_another)
        expected = one_after_another(20)
    with FlopCounterMode(display=False) as counter:
        one_after_another()
    possible = min(slow, slow_alone) * peak / counter.get_total_flops()
    found = np.concatenate([side_by_side(seed) for seed in range(1, 2 + 40 // n)])
    p_value = stats.ks_2samp(expected, found).pvalue
    name, unit = f"{architecture!r}, batch {batch_size}", "ms/network/epoch"
    at_once = f"{chunk.at_once} x {chunk.size} at once"
    return [
        _row(f"{name}: one after another", 1e3 * slow / epochs, unit),
        _row(f"{name}: one after another, one thread", 1e3 * slow_alone / epochs, unit),
        _row(f"{name}: side by side", 1e3 * fast / epochs, unit, note=f"{at_once}, {device}"),
        _row(f"{name}: faster", slow / fast, "times", target, f"{possible:.1f} at most"),
        _row(f"{name}: faster than the loop on one thread", slow_alone / fast, "times"),
        _row(
            f"{name}: same law of the test loss, Kolmogorov-Smirnov p-value",
            100 * p_value,
            "%",
            0.1,
            f"20 plain, {len(found)} stacked",
        ),
    ]


def _plain(task, architecture, batch_size, epochs, device) -> float:
    """Train one network the way every tutorial does, and return its test loss."""
    X, y, X_test, y_test = (
        torch.tensor(a, dtype=torch.float32, device=device)
        for a in (task.X_train, task.y_train, task.X_test, task.y_test)
    )
    loader = DataLoader(TensorDataset(X, y), batch_size=batch_size, shuffle=True)
    network = architecture(task).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss_function = torch.nn.MSELoss()
    for _ in range(epochs):
        for X_batch, y_batch in loader:
            optimizer.zero_grad()
            loss = loss_function(network(X_batch), y_batch)
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return loss_function(network(X_test), y_test).item()


def _share_of_peak(task, device, peak) -> list[dict]:
    """How much of the machine's rate of matrix products training reaches, width 512."""
    width, epochs, d, k = 512, 3, task.n_inputs, task.n_outputs
    space = _space(networks.mlp(width=width, depth=2), 100, epochs, device)
    chunk = space.chunk_for(task)
    n = 2 * chunk.size * chunk.at_once
    seconds = _fastest(lambda: space.train(task, n, curves=False, progress=False, seed=0))
    # Forward and weight gradients in every layer; input gradients in all but the first.
    training = 2 * (2 * d * width + 3 * width**2 + 3 * width * k) * task.n_train * epochs
    evaluation = 2 * (d * width + width**2 + width * k) * (task.n_train + task.n_test)
    rate = n * (training + evaluation) / seconds
    name = "mlp(width=512, depth=2), batch 100"
    return [
        _row(f"{name}: training", rate / 1e9, "GFLOP/s", note=device),
        _row(f"{name}: share of the rate of the product", 100 * rate / peak, "%", 45.0),
    ]


def _ten_thousand(task) -> list[dict]:
    space = ib.NetworkSpace(networks.mlp(width=128, depth=2), epochs=20, device="cuda")
    seconds = space.train(task, 10_000, curves=False, progress=False, seed=0).seconds
    return [_row("10,000 mlp(width=128), 20 epochs, batch 50", seconds, "s", 600.0, "cuda")]


def _space(architecture, batch_size, epochs, device) -> ib.NetworkSpace:
    return ib.NetworkSpace(architecture, epochs=epochs, batch_size=batch_size, device=device)


def _fastest(call: Callable[[], object]) -> float:
    """Seconds of the fastest of several calls: others on the machine can only add to them."""
    call()
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


class _threads:
    """A number of threads for a while."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __enter__(self) -> None:
        self.before = torch.get_num_threads()
        torch.set_num_threads(self.count)

    def __exit__(self, *error: object) -> None:
        torch.set_num_threads(self.before)


def _row(what: str, value: float, unit: str, target: float | None = None, note: str = "") -> dict:
    return {"what": what, "value": float(value), "unit": unit, "target": target, "note": note}
