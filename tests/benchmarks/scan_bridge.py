"""Bits by the bridge, against what is known otherwise, on random small tasks.

    python tests/benchmarks/scan_bridge.py FILE FIRST LAST    # tasks FIRST to LAST - 1, a line each
    python tests/benchmarks/scan_bridge.py FILE ...           # what such files say together

Every third task is judged by counting a million hypotheses, drawn and judged by NumPy, at targets
from common to rare, under any loss; every third by SciPy's orthants, at no error and at one; every
third by the exact law of the squared error, as far as 300 bits, whose points the bridge moves as it
does those of any other loss or, up to 60 bits, along their law.
"""

import json
import math
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from scipy import special, stats

import ibhelpers as ib

RUNS_T = 2.13  # half a width of an interval from 16 runs, in standard errors
DRAWS = 1_000_000


class Squares(ib.losses.SquaredError):
    """As the squared error, but of points that are turned like those of any other loss."""

    curvature = 0.0


def random_task(rng: np.random.Generator, classes: int, m: int) -> ib.Task:
    """Clusters, some of whose test points have the label of another one."""
    n, inputs = int(rng.integers(2, 15)), int(rng.integers(1, 4))
    middles = 1.5 * rng.standard_normal((classes, inputs))
    labels = [rng.integers(classes, size=size) for size in (n, m)]
    X = [middles[one] + rng.standard_normal((len(one), inputs)) for one in labels]
    swapped = rng.random(m) < rng.choice([0.0, 0.3])
    labels[1] = np.where(swapped, rng.integers(classes, size=m), labels[1])
    Y = [np.eye(classes)[one] for one in labels]
    return ib.Task(X[0], Y[0], X[1], Y[1], labels_train=labels[0], labels_test=labels[1])


def random_space(rng: np.random.Generator) -> ib.GaussianSpace:
    """Any kernel, amplitude and noise; networks of infinite width among them."""
    length = float(np.exp(rng.uniform(-1, 1.5)))
    noise = float(rng.choice([0.0, 1e-4, 1e-2, 0.3]))
    if rng.random() < 0.2:
        return ib.InfiniteNetworkSpace(int(rng.integers(1, 4)), bias_variance=0.1)
    kernel = [
        ib.kernels.RBF(length),
        ib.kernels.Matern(length, nu=float(rng.choice([0.5, 1.5, 2.5]))),
        ib.kernels.RBF(length) + 0.1 * ib.kernels.Matern(0.3, nu=0.5),
        ib.kernels.NNGP(depth=2),
    ][int(rng.integers(4))]
    return ib.GaussianSpace(float(np.exp(rng.uniform(-3, 1))) * kernel, noise=noise)


# --- what is known otherwise ----------------------------------------------------------------------


def orthant(mean: np.ndarray, C: np.ndarray, labels: np.ndarray, of: list[int]) -> float:
    """P(these points are right): every rival's output lies below the label's."""
    k = mean.shape[1]
    pairs = [(i, r) for i in of for r in range(k) if r != labels[i]]
    if not pairs:
        return 1.0
    contrast = np.zeros((len(pairs), k))
    rows = np.array([i for i, _ in pairs])
    for j, (i, r) in enumerate(pairs):
        contrast[j, labels[i]], contrast[j, r] = 1.0, -1.0
    ahead = (contrast * mean[rows]).sum(1)
    covariance = C[np.ix_(rows, rows)] * (contrast @ contrast.T)
    law = stats.multivariate_normal(
        -ahead, covariance, allow_singular=True, maxpts=400_000, abseps=0, releps=2e-4, seed=0
    )
    return float(law.cdf(np.zeros(len(pairs))))


def by_orthants(space, task, rng):
    """P(no error), and P(at most one)."""
    posterior = space.posterior(task)
    mean, C = posterior.mean.numpy(), posterior.covariance.numpy()
    every, m = list(range(task.n_test)), task.n_test
    none = orthant(mean, C, task.labels_test, every)
    but_one = [orthant(mean, C, task.labels_test, every[:i] + every[i + 1 :]) for i in every]
    p = np.array([sum(but_one) - (m - 1) * none, none])
    told = p > 1e-25  # SciPy's relative error is not to be trusted much further
    unsure = 1e-3 * np.array([1 + sum(but_one) / max(p[0], 1e-300), 1.0])
    return "zero_one", np.array([1 / m, 0.0])[told], -np.log2(p[told]), unsure[told]


def by_squares(space, task, rng):
    """The exact law, which has no error."""
    along = rng.random() < 0.5
    bits = np.sort(np.exp(rng.uniform(math.log(2), math.log(300 if along else 60), 3)))
    targets = space.loss_law(task).ilogcdf(-bits * math.log(2))
    return "mse" if along else Squares(), targets, bits, np.zeros(3)


def by_counting(space, task, rng):
    """A million hypotheses; the rarest target is one that a hundred of them reach."""
    k, labels = task.n_outputs, task.labels_test
    loss, judge = random_loss(rng, k, labels)
    posterior = space.posterior(task)
    values, vectors = np.linalg.eigh(posterior.covariance.numpy())
    root, mean = vectors * np.sqrt(values.clip(min=0)), posterior.mean.numpy()
    found = []
    for _ in range(DRAWS // 20_000):
        z = rng.standard_normal((20_000, task.n_test, k))
        found.append(judge(mean + np.einsum("ij,njk->nik", root, z)))
    losses = np.sort(np.concatenate(found))
    targets = np.unique(losses[[100, 3_000, 100_000]])[::-1]
    targets = targets[targets < losses[-1]]
    p = np.searchsorted(losses, targets + 1e-9, "right") / DRAWS
    return loss, targets, -np.log2(p), np.sqrt((1 - p) / (p * DRAWS)) / math.log(2)


def random_loss(rng: np.random.Generator, k: int, labels: np.ndarray):
    """A loss of the package, and the same by NumPy."""
    points = np.arange(len(labels))

    def ahead(f):
        return (f > f[:, points, labels][:, :, None]).sum(2)

    matrix = rng.integers(0, 4, (k, k)) * (1 - np.eye(k))
    temperature = float(np.exp(rng.uniform(-2, 1)))

    def surprise(f):
        logits = f / temperature
        own = special.logsumexp(logits, axis=2) - logits[:, points, labels]
        return own.mean(1) / math.log(2)

    def worst(f):
        wrong = ahead(f) > 0
        return np.max([wrong[:, labels == c].mean(1) for c in np.unique(labels)], axis=0)

    def margin(f, task=None):
        f = np.asarray(f)
        return (f.max(2) - f[:, points, labels]).max(1)

    top = int(rng.integers(1, k))
    return [
        ("zero_one", lambda f: (ahead(f) > 0).mean(1)),
        (ib.losses.TopK(top), lambda f: (ahead(f) >= top).mean(1)),
        (ib.losses.WorstClass(), worst),
        (ib.losses.Costs(matrix), lambda f: matrix[labels, f.argmax(2)].mean(1)),
        (ib.losses.CrossEntropy(temperature), surprise),
        (margin, margin),
    ][int(rng.integers(6))]


# --- the scan -------------------------------------------------------------------------------------


def one(number: int) -> list[dict]:
    """What the bridge says of a random task, and what is known."""
    rng = np.random.default_rng([16, number])
    known = [by_counting, by_orthants, by_squares][number % 3]
    classes = int(rng.integers(2, 5))
    most = 12 if known is not by_orthants else max(3, 10 // (classes - 1))
    task = random_task(rng, classes, int(rng.integers(3, most + 1)))
    space = random_space(rng)
    loss, targets, bits, unsure = known(space, task, rng)
    if len(targets) == 0:
        return []
    begun = time.process_time()
    found = ib.rare_event_bias(
        space, task, loss=loss, target_error=targets, seed=number, method="bridge",
        particles=60, progress=False,
    )  # fmt: skip
    low, high = (np.full(len(targets), math.nan),) * 2 if found.interval is None else found.interval
    return [
        {
            "task": number, "known": known.__name__, "space": repr(space)[:60],
            "loss": loss if isinstance(loss, str) else getattr(loss, "__name__", repr(loss)[:20]),
            "target": float(targets[i]), "exact": float(bits[i]), "unsure": float(unsure[i]),
            "bits": float(found.bits[i]), "low": float(low[i]), "high": float(high[i]),
            "doubt": str(found.doubt[i]), "reached": not bool(found.at_least[i]),
            "seconds": time.process_time() - begun,
        }
        for i in range(len(targets))
    ]  # fmt: skip


def told(rows: list[dict]) -> None:
    """Coverage of the intervals, their errors in standard errors, and what was refused."""
    trusted = [row for row in rows if row["reached"] and row["doubt"] == ""]
    print(f"{len({row['task'] for row in rows})} tasks, {len(rows)} targets: ", end="")
    print(f"{len(trusted)} with an interval, {len(rows) - len(trusted)} refused, with the reason")
    for name in ("by_counting", "by_orthants", "by_squares"):
        some = [row for row in trusted if row["known"] == name]
        inside = [
            row["low"] - 2 * row["unsure"] <= row["exact"] <= row["high"] + 2 * row["unsure"]
            for row in some
        ]
        strict = sum(row["low"] <= row["exact"] <= row["high"] for row in some)
        print(f"{name}: {strict} of {len(some)} inside, {sum(inside)} with the oracle's own error")
    z = np.array([standard(row) for row in trusted])
    counts, edges = np.histogram(z, np.r_[-np.inf, np.arange(-4, 4.5), np.inf])
    for count, low, high in zip(counts, edges, edges[1:], strict=False):
        print(
            f"{low:5.0f} to {high:4.0f}: {count:4d}  {'#' * (60 * count // max(counts.max(), 1))}"
        )
    for row in sorted(trusted, key=lambda row: -abs(standard(row)))[:8]:
        print(f"{standard(row):6.1f}", {k: row[k] for k in list(row)[:9]})


def standard(row: dict) -> float:
    """The error in standard errors, of both."""
    error = (row["high"] - row["low"]) / 2 / RUNS_T
    return (row["bits"] - row["exact"]) / max(math.hypot(error, row["unsure"]), 1e-3)


def main() -> None:
    if len(sys.argv) == 4 and sys.argv[2].isdigit():
        for number in range(int(sys.argv[2]), int(sys.argv[3])):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    rows = one(number)
                except ValueError as error:  # a task that a space refuses, in words
                    print(number, "refused:", str(error)[:100], flush=True)
                    continue
            with Path(sys.argv[1]).open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
    else:
        told([json.loads(line) for name in sys.argv[1:] for line in Path(name).open()])


if __name__ == "__main__":
    main()
