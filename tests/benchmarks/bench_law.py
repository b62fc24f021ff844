"""How long the exact answer takes, from the import to the bits.

Results are checked before they are timed: the law of 5,000 terms against the same law with every
term split in two, MNIST against its known figures.
"""

import subprocess
import sys
import time

import numpy as np
import torch

import ibhelpers as ib
from ibhelpers.tasks import mnist


def rows() -> list[dict]:
    """One row a measurement."""
    return [*law_of_5000_terms(), *whole_answers(), *start()]


def law_of_5000_terms() -> list[dict]:
    rng = np.random.default_rng(0)
    found = []
    for name, w, delta in (
        ("9 decades", 10 ** rng.uniform(-9, -3, 5000), 10 ** rng.uniform(-2, 4, 5000)),
        ("25 decades", 10 ** rng.uniform(-25, 0, 5000), 10 ** rng.uniform(-2, 7, 5000)),
    ):
        law = ib.laws.GeneralizedChi2(w, 1, delta)
        targets = law.mean() * np.geomspace(1e-3, 0.999, 50)
        split = ib.laws.GeneralizedChi2(np.repeat(w, 2), 0.5, np.repeat(delta / 2, 2))
        np.testing.assert_allclose(law.logcdf(targets), split.logcdf(targets), rtol=1e-12)
        for count, x, target in ((1, targets[20], 100), (50, targets, 1000)):
            took = best_of(5, lambda law=law, x=x: law.logcdf(x))
            what = f"logcdf, 5,000 distinct weights over {name}, {count} target(s)"
            found.append(row(what, 1000 * took, "ms", target))
    return found


def whole_answers() -> list[dict]:
    def mnist_bits():
        task = ib.tasks.load("mnist", n_train=1000, n_test=500, balanced=False)
        law = ib.GaussianSpace(ib.kernels.RBF(5.0)).loss_law(task)
        return ib.inductive_bias(law, [0.09, 0.05, 0.01, 0.001])

    images, labels = mnist.shipped()
    order = torch.randperm(5000, generator=torch.Generator().manual_seed(0)).numpy()[:100]
    x, y = images.reshape(5000, 784)[order].astype(np.float32) / 255 / 5, np.eye(10)[labels[order]]
    fifty = ib.Task(x[:50], y[:50], x[50:], y[50:])

    def fifty_bits():
        return ib.inductive_bias(ib.GaussianSpace(ib.kernels.RBF(1.0)).loss_law(fifty), 0.05)

    assert [f"{n:.1f}" for n in mnist_bits().nats] == ["1788.6", "2960.4", "6658.1", "12334.1"]
    assert abs(fifty_bits().nats - 422.93268) < 1e-5
    return [
        row("MNIST 1,000/500, load to bits at four targets", best_of(3, mnist_bits), "s", 2.0),
        row(
            "MNIST 50/50, the case that took the released code 470 s",
            1000 * best_of(10, fifty_bits),
            "ms",
            50,
        ),
    ]


def start() -> list[dict]:
    def in_a_new_process(*arguments: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begin

    empty = min(in_a_new_process("-c", "pass") for _ in range(3))
    everything = "import ibhelpers as ib; [getattr(ib, name) for name in ib.__all__]"
    loaded = min(in_a_new_process("-c", everything) for _ in range(3))
    return [row("import ibhelpers, and every public name", loaded - empty, "s", 3.0)]


def best_of(times: int, function) -> float:
    function()
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        function()
        took.append(time.perf_counter() - begin)
    return min(took)


def row(what: str, value: float, unit: str, target: float) -> dict:
    return {"what": what, "value": value, "unit": unit, "target": target}
