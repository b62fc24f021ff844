"""Bits for error rates at the size of real tasks, and what checks them: the records of chapter 12.

    python book/recorded/chapter_12.py              # the table, what is left of it
    python book/recorded/chapter_12.py rows 0 7     # these rows, each in a file of its own
    python book/recorded/chapter_12.py tasks CIFAR-10 0 1 2
    python book/recorded/chapter_12.py coverage     # or architectures, depths, draws, models,
                                                    # sizes

Every row runs in a process of its own, so that its peak of memory is its own; a run that was cut
short goes on where it was. The amplitude s* is that of the highest evidence.
"""

import json
import math
import multiprocessing
import resource
import sys
import time
from dataclasses import replace

import chapter_07
import chapter_10
import chapter_11
import numpy as np
import recording
import torch
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
    space = ib.GaussianSpace.fit(task)
    errors = ib.rare_event_bias(
        space,
        task,
        loss="zero_one",
        target_error=0.05,
        particles=50,
        seed=0,
    )
    low, high = errors.interval or (np.nan, np.nan)
    law = space.loss_law(task)
    return {
        "squared error 0.01": ib.inductive_bias(law, 0.01).bits,
        "error rate 5 %": errors.bits,
        "± bits": (high - low) / 2,
    }


def bits_by_errors(task, wrong):
    """Bits for the error rates that models reach, in one walk."""
    space = ib.GaussianSpace.fit(task)
    walk = ib.rare_event_bias(
        space,
        task,
        loss="zero_one",
        target_error=list(wrong.values()),
        particles=30,
        seed=0,
    )
    return dict(zip(wrong, walk.bits, strict=True))


def bits_by_size(task):
    """Bits for 5 % errors on 100, 200 and 400 test digits."""
    space, found = ib.GaussianSpace.fit(task, progress=False), {}
    for size in (100, 200, 400):
        fewer = replace(
            task,
            X_test=task.X_test[:size],
            y_test=task.y_test[:size],
            labels_test=task.labels_test[:size],
        )
        errors = ib.rare_event_bias(
            space,
            fewer,
            loss="zero_one",
            target_error=0.05,
            particles=50,
            seed=0,
            progress=False,
        )
        low, high = errors.interval or (np.nan, np.nan)
        found[f"{size} test digits"] = errors.bits
        found[f"{size}: ± bits"] = (high - low) / 2
    return found


def bits_of_half(task):
    """Bits for half a guess's mistakes, or a constant's squares."""
    space = ib.GaussianSpace.fit(task, progress=False)
    guess = 1 - 1 / task.n_outputs
    errors = ib.rare_event_bias(
        space,
        task,
        loss="zero_one",
        target_error=guess / 2,
        particles=30,
        seed=0,
        progress=False,
    )
    drawn = space.sample_losses(task, 200, seed=0, loss="zero_one")
    mean = task.y_train.mean(axis=0)
    constant = ((task.y_test - mean) ** 2).mean()
    squares = ib.inductive_bias(space.loss_law(task), constant / 2)
    return {
        "random hypothesis": drawn.mean(),
        "half the mistakes": errors.bits,
        "half the squares": squares.bits,
    }


CLOSED, CHOSEN, UNIT, NETWORK = "s* RBF(5)", "chosen", "RBF(5)", "infinite network"
BRIDGES = [  # task, space, target, particles, numbers
    ("mnist", CLOSED, 0.05, 50, "float64"),
    ("mnist", CLOSED, 0.05, 50, "float32"),
    ("mnist", CLOSED, 0.02, 50, "float32"),
    ("mnist", CLOSED, 0.0, 50, "float32"),
    ("mnist", UNIT, 0.1, 120, "float32"),
    ("mnist", CHOSEN, 0.0, 50, "float32"),
    ("cifar10", CHOSEN, 0.6, 50, "float32"),
    ("cifar10", CHOSEN, 0.5, 100, "float32"),
    ("omniglot", CHOSEN, 0.5, 30, "float32"),
    ("omniglot", CHOSEN, 0.5, 150, "float32"),
    ("mnist", NETWORK, 0.05, 50, "float32"),
]
SPLITTINGS = [("mnist", CHOSEN, 0.06, 500, "float32")]
DRAWS = [("mnist", CHOSEN, (0.08, 0.07, 0.064), 100_000)]


def task_of(name: str) -> ib.Task:
    if name == "mnist":
        return ib.tasks.load("mnist", n_train=1000, n_test=500, balanced=False)
    return ib.tasks.load(name, n_train=1000, n_test=500)


def space_of(name: str, task: ib.Task) -> ib.GaussianSpace:
    if name == UNIT:
        return ib.GaussianSpace(ib.kernels.RBF(5.0))
    if name == NETWORK:
        return ib.InfiniteNetworkSpace(depth=2)
    if name == CLOSED:
        return ib.GaussianSpace.fit(
            task, ib.kernels.RBF(5.0), hold=("kernel",), noise=0.0, progress=False
        )
    return ib.GaussianSpace.fit(task, progress=False)


def bridge(name: str, which: str, target: float, particles: int, numbers: str) -> dict:
    """One row of the table, and the curve of all error rates on the way."""
    task = task_of(name)
    space = space_of(which, task)
    settings = {"particles": particles, "dtype": getattr(torch, numbers)}
    with timed() as spent:
        bias = bits_of(space, task, target, **settings)
    trace = bias.trace
    curve = [
        {"task": name, "space": which, "deepest": target, "error": error}
        | {"bits": bits, "low": low, "high": high}
        for error, bits, low, high in zip(
            trace.threshold, trace.bits, trace.low, trace.high, strict=True
        )
    ]
    row = described(name, which, target, task, space, "bridge", bias) | spent
    row |= {
        "numbers": numbers,
        "particles": trace.particles,
        "runs": trace.runs,
        "steps": len(trace.s),
    }
    row |= {"sweeps": int(trace.sweeps.sum()), "doublings": trace.doublings}
    return {"rows": [row], "curve": curve}


def splitting(name: str, which: str, target: float, particles: int, numbers: str) -> dict:
    """The same by splitting, where it reaches."""
    task = task_of(name)
    space = space_of(which, task)
    settings = {"particles": particles, "dtype": getattr(torch, numbers)}
    with timed() as spent:
        bias = bits_of(space, task, target, method="splitting", **settings)
    row = described(name, which, target, task, space, "splitting", bias) | spent
    row |= {"numbers": numbers, "particles": particles, "runs": 1}
    row |= {"steps": len(bias.trace.threshold), "sweeps": 0, "doublings": 0}
    return {"rows": [row], "curve": []}


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
        row |= {"numbers": "float64", "particles": draws, "runs": 1}
        found.append(row | {"steps": 0, "sweeps": 0, "doublings": 0})
    return {"rows": found, "curve": []}


def described(name, which, target, task, space, method, bias) -> dict:
    low, high = (None, None) if bias.interval is None else map(float, bias.interval)
    return {
        "task": name,
        "space": which,
        "kernel": repr(space.kernel),
        "noise": space.noise,
        "evidence": None if which == NETWORK else float(space.log_marginal_likelihood(task)),
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


def table(numbers: list[int] | None = None) -> None:
    """Do these rows, or all, that are not done yet; when none is left, write the records.

    Rows that are asked for by their numbers take the place of those that the records hold.
    """
    asked = [(bridge, row) for row in BRIDGES] + [(splitting, row) for row in SPLITTINGS]
    asked += [(brute_force, row) for row in DRAWS]
    recording.FOLDER.mkdir(exist_ok=True)
    parts = [recording.FOLDER / f"12_error_rates_{i}.part" for i in range(len(asked))]
    for i in range(len(asked)) if numbers is None else numbers:
        if not parts[i].exists():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found = pool.apply(*asked[i])
            parts[i].write_text(json.dumps(found))
            print(found["rows"], flush=True)
    done = [json.loads(part.read_text()) for part in parts if part.exists()]
    if numbers is None and len(done) < len(parts):
        return
    records = {
        name: in_place_of([] if numbers is None else rows_of(name), found)
        for name, found in (
            ("12_error_rates", [row for part in done for row in part["rows"]]),
            ("12_curves", [row for part in done for row in part["curve"]]),
        )
    }
    for name, rows in records.items():
        recording.write(
            name,
            {column: [row[column] for row in rows] for column in rows[0]},
            of="1,000 training and 500 test examples, seed 0 of the draw and of the run",
            seconds=sum({row["seconds"] for row in records["12_error_rates"]}),  # one a run
        )
    for part in parts:
        part.unlink(missing_ok=True)


def rows_of(name: str) -> list[dict]:
    """Those of a record."""
    kept = json.loads((recording.FOLDER / f"{name}.json").read_text())["values"]
    return [dict(zip(kept, row, strict=True)) for row in zip(*kept.values(), strict=True)]


def in_place_of(kept: list[dict], rows: list[dict]) -> list[dict]:
    """The kept rows, with what was found anew in the place of what was asked the same."""

    def question(row: dict) -> tuple:
        asked = ("task", "space", "target", "deepest", "method", "particles", "numbers")
        return tuple(row.get(name) for name in asked)

    anew = {question(row) for row in rows}
    first = next((i for i, row in enumerate(kept) if question(row) in anew), len(kept))
    others = [row for row in kept if question(row) not in anew]
    return others[:first] + rows + others[first:]


TASKS, DRAWN = ["MNIST", "CIFAR-10"], 3
OF_TASKS = (
    "1,000 training and 500 test examples a draw; disjoint draws, the chapter's own and others"
)


def tasks(name: str, numbers: list[int]) -> None:
    """Chapter 07's draws of a task, judged by mistakes; when none is left, the record of all."""
    part = {(task, i): recording.FOLDER / f"12_tasks_{task}_{i}.part"
            for task in TASKS for i in range(DRAWN)}  # fmt: skip
    for i in numbers:
        if not part[name, i].exists():
            begun = time.perf_counter()
            found = bits_of_half(chapter_07.draws_of(name, 10)[i])
            found = {key: float(value) for key, value in found.items()}
            found |= {"seconds": time.perf_counter() - begun}
            part[name, i].write_text(json.dumps(found))
            print(name, i, found, flush=True)
    if not all(path.exists() for path in part.values()):
        return
    done = {key: json.loads(path.read_text()) for key, path in part.items()}
    seconds = sum(found.pop("seconds") for found in done.values())
    columns = {
        f"{task}, {what}": [done[task, i][what] for i in range(DRAWN)]
        for task in TASKS
        for what in done[task, 0]
    }
    recording.write("12_tasks", columns, of=OF_TASKS, seconds=seconds)
    for path in part.values():
        path.unlink()


OF_DIGITS = (
    "1,000 training and 500 test digits of MNIST, dealt at random: the chapter's own, and others "
    "of the full set"
)


def digits() -> list[ib.Task]:
    """Ten disjoint draws, the chapter's own among them."""
    pool = ib.tasks.load("mnist", n_train=60_000, n_test=10_000, full=True)
    return recording.first_and_others(task_of("mnist"), pool, 10, balanced=False)


def draws() -> None:
    """The two losses side by side."""
    recording.keep("12_draws", bits_of_task, digits(), of=OF_DIGITS)


def sizes() -> None:
    """The same error rate, on more and more test digits."""
    recording.keep("12_sizes", bits_by_size, digits(), of=OF_DIGITS)


def depths() -> None:
    """Squared errors at the size of real tasks, whose bits the exact law knows."""
    task = task_of("mnist")
    space = space_of(CHOSEN, task)
    exact = np.array([10.0, 100.0, 1000.0, 5000.0])
    with timed() as spent:
        bias = ib.rare_event_bias(
            space,
            task,
            loss="mse",
            target_error=space.loss_law(task).ilogcdf(-exact * math.log(2)),
            particles=150,
            seed=0,
            dtype=torch.float32,
            progress=False,
        )
    low, high = bias.interval
    recording.write(
        "12_depths",
        {
            "squared error": list(bias.target_error),
            "exact bits": list(exact),
            "bits": list(bias.bits),
            "low": [None if math.isnan(x) else x for x in low],
            "high": [None if math.isnan(x) else x for x in high],
            "cpu_seconds": [spent["cpu_seconds"]] * len(exact),
            "peak_gib": [spent["peak_gib"]] * len(exact),
        },
        of="1,000 training and 500 test digits of MNIST, one walk to all of them",
        seconds=spent["seconds"],
    )


def models() -> None:
    """What chapter 10's models provide by errors: on its ten draws, for the rates they reached."""
    of = "ten disjoint draws of 200 training and 500 test digits of MNIST, 14 × 14 pixels"
    by_errors("12_models", "networks_provided", chapter_10.digits(), of=of)


def architectures() -> None:
    """The same of chapter 11's architectures."""
    of = "ten disjoint draws of 100 and 79 digits"
    by_errors("12_architectures", "training_architectures", chapter_11.digits(), 10, of=of)


def by_errors(name, reached, tasks, n=None, *, of) -> None:
    """Ask for the bits of the error rates in another record of the same draws."""
    values = ib.compare.recorded(reached).values
    columns = {c: c.removeprefix("wrong: ") for c in values if c.startswith("wrong: ")}
    rates = iter(values[[*columns]].rename(columns=columns).to_dict("records"))
    begun = time.perf_counter()
    found = ib.compare.draws(
        lambda task: bits_by_errors(task, next(rates)), tasks, n, processes=1, progress=False
    )
    seconds = time.perf_counter() - begun
    recording.write(name, found.values.to_dict("list"), of=of, seconds=seconds)


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
    what, *rest = sys.argv[1:] or ["rows"]
    if what == "rows":
        table([int(i) for i in rest] or None)
    elif what == "tasks":
        tasks(rest[0], [int(i) for i in rest[1:]])
    else:
        {f.__name__: f for f in (architectures, coverage, depths, draws, models, sizes)}[what]()
