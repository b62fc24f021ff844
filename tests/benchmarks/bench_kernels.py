"""Kernel hypothesis spaces at full scale: beside scikit-learn and GPyTorch, and towards the limits.

Each library conditions one output on the same inputs with the same kernel and noise, in a process
of its own, of which the peak memory is asked afterwards. The law of the loss follows from what each
found, and all must agree before a time counts.

    python tests/benchmarks/bench_kernels.py LIBRARY N M OUT

is one such process; `bench_kernels.py convolutional` times the kernels of convolutional networks
alone; without arguments, everything.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[2]))

import ibhelpers as ib
from ibhelpers.spaces._conditioning import Conditioning
from ibhelpers.spaces.posterior import Posterior, Spectrum

WIDTH, LENGTHSCALE, NOISE = 100, 10.0, 0.01
SIZES, N_TEST = (1000, 4000, 8000), 500
LIBRARIES = ("ibhelpers", "scikit-learn", "gpytorch")


def rows() -> list[dict]:
    """Measured figures: what, value, unit, target, note."""
    return [
        *side_by_side(),
        *share_of_peak(),
        *growth(),
        *nested(),
        *drawing(),
        *end_to_end(),
        *convolutional(),
    ]


def row(what: str, value: float, unit: str, target: float | None = None, note: str = "") -> dict:
    return {"what": what, "value": value, "unit": unit, "target": target, "note": note}


def a_task(n: int, m: int, k: int = 1, d: int = WIDTH) -> ib.Task:
    """Inputs of a normal law; the targets are smooth functions of them."""
    rng = np.random.default_rng(0)
    X, W = rng.standard_normal((n + m, d)), rng.standard_normal((d, k)) / d**0.5
    y = np.tanh(X @ W)
    return ib.Task(X[:n], y[:n], X[n:], y[n:])


def best_of(times: int, ask: Callable) -> float:
    found = []
    for _ in range(times):
        start = time.perf_counter()
        ask()
        found.append(time.perf_counter() - start)
    return min(found)


# --- beside other libraries ----------------------------------------------------------------------


def side_by_side() -> list[dict]:
    libraries = [name for name in LIBRARIES if name != "gpytorch" or find_spec("gpytorch")]
    table = []
    for n in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            found = {name: in_a_process(name, n, N_TEST, folder) for name in libraries}
        ours = found.pop("ibhelpers")
        for name, theirs in found.items():
            np.testing.assert_allclose(theirs["mean"], ours["mean"], atol=1e-8, err_msg=name)
            np.testing.assert_allclose(theirs["bits"], ours["bits"], rtol=1e-6, err_msg=name)
        fastest = min(found, key=lambda name: found[name]["seconds"])
        leanest = min(found, key=lambda name: found[name]["memory"])
        note = "; ".join(
            f"{name} {f['seconds']:.2f} s, {f['memory'] / 2**20:.0f} MiB"
            for name, f in found.items()
        )
        what = f"conditioning and law, {n:,} training and {N_TEST} test examples"
        speed = found[fastest]["seconds"] / ours["seconds"]
        memory = found[leanest]["memory"] / ours["memory"]
        table += [
            row(what, ours["seconds"], "s", None, note),
            row(f"... as fast as {fastest}", speed, "times", 1.0),
            row(f"... peak memory, {leanest}'s over ours", memory, "times", 1.0),
        ]
    return table


def in_a_process(library: str, n: int, m: int, folder: str) -> dict:
    out = Path(folder) / f"{library}.json"
    subprocess.run([sys.executable, __file__, library, str(n), str(m), str(out)], check=True)
    return json.loads(out.read_text())


def one_library(library: str, n: int, m: int, out: str) -> None:
    """Condition and find the law, as often as time allows; write what was found."""
    warm_up, task = a_task(50, 20), a_task(n, m)
    condition = {
        "ibhelpers": by_us,
        "scikit-learn": by_scikit_learn,
        "gpytorch": by_gpytorch,
    }[library]
    law_of(warm_up, condition(warm_up))
    before = peak_memory(reset=True)
    found: list = []
    seconds = best_of(
        5 if n <= 1000 else 2,
        lambda: found.append((p := condition(task), law_of(task, p))[1]) or found.append(p.mean),
    )
    law, mean = found[0], found[1]
    targets = law.mean() * np.geomspace(0.1, 1.0, 20)
    Path(out).write_text(
        json.dumps(
            {
                "seconds": seconds,
                "memory": peak_memory() - before,
                "mean": mean.ravel().tolist(),
                "bits": ib.inductive_bias(law, targets).bits.tolist(),
            }
        )
    )


def law_of(task: ib.Task, posterior: Posterior) -> ib.laws.GeneralizedChi2:
    return Spectrum.of(posterior).loss_law(torch.tensor(task.y_test))


def by_us(task: ib.Task) -> Posterior:
    return ib.GaussianSpace(ib.kernels.RBF(LENGTHSCALE), noise=NOISE).posterior(task)


def by_scikit_learn(task: ib.Task) -> Posterior:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF

    regressor = GaussianProcessRegressor(RBF(LENGTHSCALE), alpha=NOISE, optimizer=None)
    regressor.fit(task.X_train, task.y_train[:, 0])
    mean, covariance = regressor.predict(task.X_test, return_cov=True)
    return as_posterior(task, torch.tensor(mean), torch.tensor(covariance))


def by_gpytorch(task: ib.Task) -> Posterior:
    """Exact: Cholesky at every size, no iterative solves, no low-rank roots."""
    import gpytorch

    class Model(gpytorch.models.ExactGP):
        def __init__(self, X, y, likelihood):
            super().__init__(X, y, likelihood)
            self.mean_module = gpytorch.means.ZeroMean()
            self.covar_module = gpytorch.kernels.RBFKernel()

        def forward(self, X):
            mean, covariance = self.mean_module(X), self.covar_module(X)
            return gpytorch.distributions.MultivariateNormal(mean, covariance)

    likelihood = gpytorch.likelihoods.GaussianLikelihood()
    X, y = torch.tensor(task.X_train), torch.tensor(task.y_train[:, 0])
    model = Model(X, y, likelihood).double().eval()
    model.covar_module.lengthscale, likelihood.noise = LENGTHSCALE, NOISE
    with (
        torch.no_grad(),
        gpytorch.settings.fast_computations(False, False, False),
        gpytorch.settings.max_cholesky_size(10**9),
        gpytorch.settings.fast_pred_var(False),
    ):
        found = model(torch.tensor(task.X_test))
        return as_posterior(task, found.mean, found.covariance_matrix)


def as_posterior(task: ib.Task, mean: torch.Tensor, covariance: torch.Tensor) -> Posterior:
    resolution = 2.2e-16 * (task.n_train + task.n_test)
    return Posterior(
        mean[:, None], (covariance + covariance.T) / 2, 0.0, 1.0, resolution, *[0.0] * 4
    )


def peak_memory(*, reset: bool = False) -> int:
    """Peak resident memory in bytes; ``reset`` makes it what is held now (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


# --- how near to what the machine can do, and how it grows ---------------------------------------


class NoWork(ib.kernels.Kernel):
    """The identity, so that what is timed is the elimination alone."""

    def _tile(self, A, B):
        return A.new_zeros(len(A), len(B))

    def _diagonal(self, A):
        return A.new_ones(len(A))


def share_of_peak(n: int = 8000) -> list[dict]:
    A = torch.randn(4000, 4000, dtype=torch.float64)
    product = 2 * 4000**3 / best_of(3, lambda: A @ A)
    points, y = torch.zeros(n, 1, dtype=torch.float64), torch.zeros(n, 1, dtype=torch.float64)
    took = best_of(
        2, lambda: Conditioning.of(NoWork(), points, y, noise=1.0, what="Cholesky factor")
    )
    share = n**3 / 3 / took / product
    note = f"{n**3 / 3 / took / 1e9:.0f} of {product / 1e9:.0f} GFlop/s"
    return [
        row(f"Cholesky factor, n = {n:,}: share of matrix products", 100 * share, "%", 50, note)
    ]


def growth() -> list[dict]:
    table = []
    for n, m in ((2000, 500), (4000, 500), (8000, 500), (2000, 1000), (2000, 2000)):
        task, space = a_task(n, m), ib.GaussianSpace(ib.kernels.RBF(LENGTHSCALE), noise=NOISE)
        seconds = best_of(1, lambda space=space, task=task: space.loss_law(task))
        note = f"needs {space.memory_needed(task) / 2**20:,.0f} MiB"
        table.append(row(f"law, {n:,} training and {m:,} test examples", seconds, "s", None, note))
    return table


def nested() -> list[dict]:
    task = a_task(4000, N_TEST)
    space = ib.GaussianSpace(ib.kernels.RBF(LENGTHSCALE), noise=NOISE)
    sizes = range(400, 4001, 400)
    curve = best_of(2, lambda: space.learning_curve(task, sizes))
    largest = best_of(2, lambda: space.learning_curve(task, [4000]))
    note = f"{curve:.2f} s and {largest:.2f} s"
    return [row("ten nested training sets, over the largest alone", curve / largest, "", 2.0, note)]


# --- drawing losses -------------------------------------------------------------------------------


def drawing(n: int = 10_000) -> list[dict]:
    task = ib.tasks.load("mnist", n_train=1000, n_test=500)
    space = ib.GaussianSpace(ib.kernels.RBF(5.0))
    law = space.loss_law(task)  # conditioned before any time counts
    hypotheses = best_of(2, lambda: space.sample_losses(task, n, seed=0))
    first = best_of(
        20, lambda: space.spectrum(task).loss_law(torch.tensor(task.y_test)).sample(n, seed=0)
    )
    again = best_of(3, lambda: law.sample(n, seed=0))
    test = stats.ks_2samp(law.sample(n, seed=1), space.sample_losses(task, n, seed=2))
    assert test.pvalue > 1e-3
    what = f"{n:,} losses of 500 test digits by the law over by hypotheses"
    return [
        row(f"{n:,} hypotheses of 500 test digits", hypotheses, "s"),
        row(f"{what}, first draw of a law", hypotheses / first, "times", 50, f"{first:.4f} s"),
        row(
            f"{what}, any other",
            hypotheses / again,
            "times",
            50,
            f"{again:.4f} s; Kolmogorov-Smirnov p = {test.pvalue:.2f}",
        ),
    ]


# --- the sizes that were promised ----------------------------------------------------------------

END_TO_END = """
import json, resource, sys, time
import numpy as np, torch, ibhelpers as ib
from tests.benchmarks.bench_kernels import a_task
n, m, device = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
task = a_task(n, m, k=10, d=784)
space = ib.GaussianSpace(ib.kernels.RBF(28.0), noise=0.01, device=device)
start = time.perf_counter()
law = space.loss_law(task)
bits = ib.inductive_bias(law, law.mean() * np.geomspace(0.01, 1, 20)).bits
seconds = time.perf_counter() - start
assert np.isfinite(bits).all() and (np.diff(bits) < 0).all()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
if device == "cuda":
    peak = torch.cuda.max_memory_allocated()
print(json.dumps([seconds, peak, space.memory_needed(task)]))
"""


def end_to_end() -> list[dict]:
    cases = [(10_000, 2_000, "cpu", 180, 4), (20_000, 2_000, "cpu", None, 24)]
    if torch.cuda.is_available() and torch.cuda.mem_get_info()[0] > 60e9:
        cases.append((60_000, 10_000, "cuda", None, 80))
    table = []
    for n, m, device, most_seconds, most_memory in cases:
        done = subprocess.run(
            [sys.executable, "-c", END_TO_END, str(n), str(m), device],
            cwd=Path(__file__).parents[2],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        seconds, peak, needed = json.loads(done.stdout)
        what = f"{n:,} training and {m:,} test examples, 784 inputs, 10 outputs, {device}"
        note = f"foretold {needed / 2**30:.2f} GiB, less what the process held before"
        table += [
            row(f"{what}: bits at 20 targets", seconds, "s", most_seconds),
            row("... peak memory of the process", peak / 2**30, "GiB", most_memory, note),
        ]
    return table


# --- convolutional networks -----------------------------------------------------------------------


def convolutional(n: int = 1000, m: int = 500) -> Iterator[dict]:
    """Kernels of digits of 28 x 28: all that conditioning on n and asking of m others takes."""
    shape, strided = (28, 28), {"stride": 2, "pooling": True}
    cases = {
        "one layer": (ib.kernels.ConvNNGP(shape, 1), 120),
        "one layer, trained": (ib.kernels.ConvNTK(shape, 1), 120),
        "three layers": (ib.kernels.ConvNNGP(shape, 3), 3 * 120),
        "two layers at stride 2, pooled": (ib.kernels.ConvNNGP(shape, 2, **strided), 600),
    }
    images = torch.rand(n + m, 784, generator=torch.Generator().manual_seed(0)).double()
    X, X_test = images[:n], images[n:]
    threads = torch.get_num_threads()
    for what, (kernel, most) in cases.items():
        seconds = best_of(1, lambda k=kernel: [k(X), k(X, X_test), k(X_test)])
        what = f"convolutional kernel, {n:,} and {m} images of 28 x 28: {what}"
        yield row(what, seconds, "s", most, f"{threads} threads")


if __name__ == "__main__":
    if len(sys.argv) == 5:
        one_library(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        for found in convolutional() if sys.argv[1:] == ["convolutional"] else rows():
            print(
                {name: value for name, value in found.items() if value not in (None, "")},
                flush=True,
            )
