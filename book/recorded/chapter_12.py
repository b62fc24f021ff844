"""Bits for error rates at the size of real tasks, and what checks them: the records of chapter 12.

Every row runs in a process of its own, so that its peak of memory is its own; a run that was cut
short goes on where it was. The amplitude s* is that of the highest evidence.
"""

import json
import math
import multiprocessing
import resource
import sys
import time

import numpy as np
import recording
from scipy import stats

import ibhelpers as ib


def bits_of(space, task, targets, seed=0, **settings):
    """Bits, and limits, of error rates."""
    return ib.rare_event_bias(
        space,
        task,
        loss="zero_one",
        target_error=targets,
        seed=seed,
        progress=False,
        **settings,
    )


def bits_of_task(task):
    """Bits for a squared error of 0.01, and for 5 % errors."""
    space = ib.GaussianSpace.fit(task, progress=False)
    errors = ib.rare_event_bias(
        space,
        task,
        loss="zero_one",
        target_error=0.05,
        particles=30,
        seed=0,
        progress=False,
    )
    low, high = errors.interval
    law = space.loss_law(task)
    return {
        "squared error 0.01": ib.inductive_bias(law, 0.01).bits,
        "error rate 5 %": errors.bits,
        "± bits": (high - low) / 2,
    }


CLOSED, CHOSEN = "s* RBF(5)", "chosen"
BRIDGES = [  # task, space, target, particles
    ("mnist", CHOSEN, 0.05, 100),
    ("mnist", CLOSED, 0.05, 100),
    ("cifar10", CHOSEN, 0.6, 50),
]
DRAWS = [("mnist", CHOSEN, (0.08, 0.07, 0.064), 100_000)]


def task_of(name: str) -> ib.Task:
    if name == "mnist":
        return ib.tasks.load("mnist", n_train=1000, n_test=500, balanced=False)
    return ib.tasks.load(name, n_train=1000, n_test=500)


def space_of(name: str, task: ib.Task) -> ib.GaussianSpace:
    if name == CLOSED:
        return ib.GaussianSpace.fit(
            task, ib.kernels.RBF(5.0), hold=("kernel",), noise=0.0, progress=False
        )
    return ib.GaussianSpace.fit(task, progress=False)


def bridge(name: str, which: str, target: float, particles: int) -> dict:
    """One row of the table, and the curve of all error rates on the way."""
    task = task_of(name)
    space = space_of(which, task)
    with timed() as spent:
        bias = bits_of(space, task, target, particles=particles)
    trace = bias.trace
    curve = [
        {"task": name, "space": which, "deepest": target, "error": error}
        | {"bits": bits, "low": low, "high": high}
        for error, bits, low, high in zip(
            trace.threshold, trace.bits, trace.low, trace.high, strict=True
        )
    ]
    row = described(name, which, target, task, space, "bridge", bias) | spent
    row |= {"particles": trace.particles, "runs": trace.runs, "steps": len(trace.s)}
    row |= {"sweeps": int(trace.sweeps.sum()), "doublings": trace.doublings}
    return {"rows": [row], "curve": curve}


def brute_force(name: str, which: str, targets: tuple[float, ...], draws: int) -> dict:
    """Hypotheses drawn from the space, and counted."""
    task = task_of(name)
    space = space_of(which, task)
    with timed() as spent:
        losses = space.sample_losses(task, draws, seed=0, loss="zero_one")
    found = []
    for target in targets:
        bias = ib.inductive_bias(ib.laws.Empirical.fit(losses), target + 1e-9)
        row = described(name, which, float(target), task, space, "counting", bias) | spent
        found.append(
            row | {"particles": draws, "runs": 1, "steps": 0, "sweeps": 0} | {"doublings": 0}
        )
    return {"rows": found, "curve": []}


def described(name, which, target, task, space, method, bias) -> dict:
    low, high = (None, None) if bias.interval is None else map(float, bias.interval)
    return {
        "task": name,
        "space": which,
        "kernel": repr(space.kernel),
        "noise": space.noise,
        "evidence": float(space.log_marginal_likelihood(task)),
        "target": target,
        "method": method,
        "seed": 0,
        "bits": float(bias.bits),
        "low": low,
        "high": high,
        "at_least": bool(bias.at_least),
        "doubt": str(bias.doubt),
    }


class timed:
    """Seconds by the wall and of computing, and the peak of memory, filled in at the end."""

    def __enter__(self) -> dict:
        self.spent: dict = {}
        self.start = time.perf_counter(), time.process_time()
        return self.spent

    def __exit__(self, *_: object) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        self.spent |= {
            "seconds": round(time.perf_counter() - self.start[0], 1),
            "cpu_seconds": round(time.process_time() - self.start[1], 1),
            "peak_gib": round(peak, 2),
        }


def main(most: int) -> None:
    """Do so many rows that are not done yet; when none is left, write the records."""
    asked = [(bridge, row) for row in BRIDGES] + [(brute_force, row) for row in DRAWS]
    part = recording.FOLDER / "12_error_rates.part"
    recording.FOLDER.mkdir(exist_ok=True)
    kept = json.loads(part.read_text()) if part.exists() else {}
    left = [(ask, row) for ask, row in asked if f"{ask.__name__} {row}" not in kept]
    for ask, row in left[:most]:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found = pool.apply(ask, row)
        kept[f"{ask.__name__} {row}"] = found
        part.write_text(json.dumps(kept))
        print(found["rows"], flush=True)
    if len(left) > most:
        return
    done = [kept[f"{ask.__name__} {row}"] for ask, row in asked]
    for name, what in (("12_error_rates", "rows"), ("12_curves", "curve")):
        rows = [row for found in done for row in found[what]]
        recording.write(
            name,
            {column: [row[column] for row in rows] for column in rows[0]},
            of="1,000 training and 500 test examples, seed 0 of the draw and of the run",
            seconds=sum(found["rows"][0]["seconds"] for found in done),
        )
    part.unlink()


def draws() -> None:
    """The two losses side by side, on six disjoint draws of digits."""
    first = task_of("mnist")
    pool = ib.tasks.load("mnist", n_train=60_000, n_test=10_000, full=True)
    recording.keep(
        "12_draws",
        bits_of_task,
        recording.first_and_others(first, pool, 6, balanced=False),
        of="1,000 training and 500 test digits of MNIST, dealt at random: the chapter's own, and "
        "others of the full set",
    )


def coverage() -> None:
    """How often the interval holds the truth, where the truth is known otherwise."""
    known = [(squares, 20), (independent_points, 20), (orthant, 20)]
    begun, rows = time.perf_counter(), []
    for case, seeds in known:
        space, task, loss, targets, exact = case()
        for method, particles in (("bridge", 40), ("splitting", 400)):
            for seed in range(seeds):
                for target, bits in zip(targets, exact, strict=True):
                    if method == "splitting" and bits > 50:
                        continue
                    found = ib.rare_event_bias(
                        space,
                        task,
                        loss=loss,
                        target_error=target,
                        seed=seed,
                        method=method,
                        particles=particles,
                        progress=False,
                    )
                    low, high = found.interval or (None, None)
                    rows.append(
                        {"case": case.__doc__, "method": method, "exact": bits, "seed": seed}
                        | {"bits": float(found.bits), "low": low, "high": high}
                    )
            print(case.__doc__, method, f"{time.process_time():.0f} s", flush=True)
    recording.write(
        "12_coverage",
        {column: [row[column] for row in rows] for column in rows[0]},
        of="small tasks whose bits are known otherwise, by 20 seeds each",
        seconds=time.perf_counter() - begun,
    )


def squares():
    """squared error, exact law"""
    task = ib.tasks.load("digits", n_train=30, n_test=10)
    space = ib.GaussianSpace(ib.kernels.RBF(2.0))
    exact = [10.0, 100.0]
    return space, task, "mse", space.loss_law(task).ilogcdf(-np.log(2) * np.array(exact)), exact


def independent_points():
    """error rate of independent points, binomial law"""
    X, labels = 1000.0 * np.arange(19)[:, None], np.arange(19) % 4
    Y = np.eye(4)[labels]
    task = ib.Task(X[:10], Y[:10], X[10:], Y[10:], labels_test=labels[10:])
    errors = np.array([2])
    exact = -stats.binom(9, 3 / 4).logcdf(errors) / math.log(2)
    return ib.GaussianSpace(ib.kernels.RBF(2.0)), task, "zero_one", errors / 9, list(exact)


def orthant():
    """no error in two classes, orthant"""
    digits = ib.tasks.load("digits", n_train=30, n_test=8)
    odd = digits.labels_train % 2, digits.labels_test % 2
    Y = [np.eye(2)[labels] for labels in odd]
    task = ib.Task(digits.X_train, Y[0], digits.X_test, Y[1], labels_test=odd[1])
    space = ib.GaussianSpace(ib.kernels.RBF(2.0))
    posterior = space.posterior(task)
    sign = 1.0 - 2 * odd[1]  # of the difference of the outputs, when it is right
    mean = sign * (posterior.mean[:, 0] - posterior.mean[:, 1]).numpy()
    covariance = 2 * np.outer(sign, sign) * posterior.covariance.numpy()
    law = stats.multivariate_normal(-mean, covariance, maxpts=10**6, abseps=0, releps=1e-4, seed=0)
    return space, task, "zero_one", [0.0], [-math.log2(law.cdf(np.zeros(8)))]


if __name__ == "__main__":
    if sys.argv[1:] == ["coverage"]:
        sys.exit(coverage())
    if sys.argv[1:] == ["draws"]:
        sys.exit(draws())
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
