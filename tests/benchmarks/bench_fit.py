"""`GaussianSpace.fit` beside scikit-learn and GPyTorch: what evidence, and how soon.

All choose the same numbers, the lengthscales, amplitude and noise of an RBF kernel, within the same
bounds, from the same number of starts, by the same targets; GPyTorch with Cholesky factors and the
L-BFGS of SciPy, which scikit-learn has too. An evidence counts as the evaluation of the space that
was found by one formula.

    python tests/benchmarks/bench_fit.py [large | case NUMBER ...]

``large`` is the one process that chooses on 10,000 examples, of which the peak memory is asked;
without arguments, everything.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from scipy import optimize

sys.path.insert(0, str(Path(__file__).parents[2]))

import ibhelpers as ib

STARTS = 4
LENGTHS, AMPLITUDES, NOISES = (1e-2, 1e3), (1e-4, 1e4), (1e-8, 1e2)  # the noise as a share
# Examples, inputs, outputs, a lengthscale for each input: 20 data sets.
CASES = [
    *[(200, d, k, ard) for ard in (False, True) for d in (2, 8, 20) for k in (1, 10)],
    *[(500, d, k, True) for d, k in ((2, 1), (20, 10))],
    *[(500, 8, k, False) for k in (1, 10)],
    *[(1000, 8, k, ard) for k, ard in ((1, False), (10, True))],
    *[(2000, 8, k, ard) for k, ard in ((10, False), (1, True))],
]
LARGE = 10_000


def rows() -> list[dict]:
    """Measured figures: what, value, unit, target, note."""
    found = [one_case(i, case) for i, case in enumerate(CASES)]
    speeds, behind = np.array([f["speed"] for f in found]), max(f["behind"] for f in found)
    return [
        *[f["row"] for f in found],
        row("median of these", float(np.median(speeds)), "times", 2.0),
        row("the slowest of these", float(speeds.min()), "times", 2.0),
        row("evidence behind the best other one, at most", behind, "nats", 0.01),
        *large(),
    ]


def row(what: str, value: float, unit: str, target: float | None = None, note: str = "") -> dict:
    return {"what": what, "value": value, "unit": unit, "target": target, "note": note}


def a_task(n: int, d: int, k: int, seed: int) -> ib.Task:
    """Smooth functions of some of the inputs, with noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n + 10, d))
    W = rng.standard_normal((d, k)) * np.linspace(1.5, 0.0, d)[:, None] / d**0.5
    y = np.sin(2 * X @ W) + 0.1 * rng.standard_normal((n + 10, k))
    return ib.Task(X[:n], y[:n], X[n:], y[n:])


def one_case(seed: int, case: tuple) -> dict:
    n, d, k, ard = case
    libraries = {"scikit-learn": by_scikit_learn}
    if find_spec("gpytorch"):
        libraries["gpytorch"] = by_gpytorch
    task = a_task(n, d, k, seed)
    ours, seconds = timed(by_us, task, ard)
    if ard and n > 200:  # its array of derivatives, n x n x inputs, takes minutes a data set
        libraries = {name: other for name, other in libraries.items() if name != "scikit-learn"}
    theirs = {name: timed(choose, task, ard) for name, choose in libraries.items()}
    # One formula for all: its own words would be each library's.
    evidence = {name: evidence_of(task, found) for name, (found, _) in theirs.items()}
    behind = max(evidence.values()) - evidence_of(task, ours)
    fastest = min(took for _, took in theirs.values())
    note = "; ".join(
        f"{name} {took:.2f} s, {evidence[name] - evidence_of(task, ours):+.3g} nats"
        for name, (_, took) in theirs.items()
    )
    which = "a lengthscale an input" if ard else "one lengthscale"
    what = f"chosen as fast as the faster other: {n:,} x {d} inputs, {k} outputs, {which}"
    speed = fastest / seconds
    return {
        "row": row(what, speed, "times", 2.0, f"{seconds:.2f} s; {note}"),
        "speed": speed,
        "behind": behind,
    }


def timed(choose, task: ib.Task, ard: bool) -> tuple[dict, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bounds, which inputs that say nothing end on
        begin = time.perf_counter()
        found = choose(task, ard)
        return found, time.perf_counter() - begin


def evidence_of(task: ib.Task, found: dict) -> float:
    kernel = found["amplitude"] * ib.kernels.RBF(found["lengthscale"])
    return ib.GaussianSpace(kernel, noise=found["noise"]).log_marginal_likelihood(task)


def by_us(task: ib.Task, ard: bool) -> dict:
    choice = ib.GaussianSpace.fit(
        task, ard=ard, starts=STARTS, bounds={"lengthscale": LENGTHS, "noise": NOISES}
    ).choice
    return {
        "lengthscale": choice.kernel.lengthscale,
        "amplitude": choice.amplitude,
        "noise": choice.noise,
    }


def by_scikit_learn(task: ib.Task, ard: bool) -> dict:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    lengths = np.ones(task.n_inputs) if ard else 1.0
    kernel = ConstantKernel(1.0, AMPLITUDES) * (RBF(lengths, LENGTHS) + WhiteKernel(1e-2, NOISES))
    regressor = GaussianProcessRegressor(
        kernel, alpha=0.0, n_restarts_optimizer=STARTS - 1, random_state=0
    )
    chosen = regressor.fit(task.X_train, task.y_train).kernel_
    amplitude = chosen.k1.constant_value
    return {
        "lengthscale": np.asarray(chosen.k2.k1.length_scale),
        "amplitude": amplitude,
        "noise": amplitude * chosen.k2.k2.noise_level,
    }


def by_gpytorch(task: ib.Task, ard: bool) -> dict:
    import gpytorch

    X, Y = (torch.tensor(a, dtype=torch.float64) for a in (task.X_train, task.y_train.T))
    n_lengths = task.n_inputs if ard else 1
    lower = np.log([AMPLITUDES[0], *[LENGTHS[0]] * n_lengths, NOISES[0]])
    upper = np.log([AMPLITUDES[1], *[LENGTHS[1]] * n_lengths, NOISES[1]])
    kernel = gpytorch.kernels.RBFKernel(ard_num_dims=n_lengths if ard else None).double()

    def minus(x):
        logs = torch.tensor(x, requires_grad=True)
        amplitude, lengths, noise = logs[0].exp(), logs[1:-1].exp(), logs[-1].exp()
        shape = kernel(X / lengths).to_dense()  # its own lengthscale is 1
        covariance = amplitude * (shape + noise * torch.eye(len(X), dtype=torch.float64))
        law = gpytorch.distributions.MultivariateNormal(torch.zeros_like(Y), covariance)
        value = -law.log_prob(Y).sum()
        value.backward()
        return float(value), logs.grad.numpy()

    kernel.lengthscale = 1.0
    rng, found = np.random.default_rng(0), []
    with (
        gpytorch.settings.max_cholesky_size(10**6),
        gpytorch.settings.fast_computations.log_prob(False),
    ):
        for start in range(STARTS):
            first = np.array([0.0, *[0.0] * n_lengths, np.log(1e-2)])
            x = rng.uniform(lower, upper) if start else first
            bounds = list(zip(lower, upper, strict=True))
            try:
                found.append(optimize.minimize(minus, x, jac=True, bounds=bounds))
            except Exception as error:  # a covariance that is not positive definite ends a start
                print(f"gpytorch: {error}", file=sys.stderr)
    x = np.exp(min(found, key=lambda end: end.fun).x)
    lengths = x[1:-1] if ard else x[1]
    return {"lengthscale": lengths, "amplitude": x[0], "noise": x[0] * x[-1]}


def large() -> list[dict]:
    """Ten thousand examples, in a process of its own."""
    out = subprocess.run(
        [sys.executable, __file__, "large"], check=True, capture_output=True, text=True
    ).stdout
    found = json.loads(out.splitlines()[-1])
    what = f"chosen by {LARGE:,} examples of 20 inputs"
    note = f"{found['evaluations']} evaluations in full; {found['processor']:.0f} s of processors"
    return [
        row(what, found["seconds"], "s", 600.0, note),
        row("... memory beyond what the libraries take", found["memory"], "GiB", 3.0),
    ]


def one_large() -> None:
    task = a_task(LARGE, 20, 1, 0)
    ib.GaussianSpace.fit(a_task(50, 20, 1, 0))  # what is loaded only once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin, busy = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        choice = ib.GaussianSpace.fit(task).choice
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - begin,
                "processor": time.process_time() - busy,
                "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20,
                "evaluations": choice.evaluations,
            }
        )
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["large"]:
        one_large()
    elif sys.argv[1:2] == ["case"]:
        for number in map(int, sys.argv[2:]):
            print(json.dumps({"case": number} | one_case(number, CASES[number])), flush=True)
    else:
        for found in rows():
            print(found)
