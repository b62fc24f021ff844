"""The draws of chapter 09, dimension, data, error. Ten minutes on one core.

python book/recorded/chapter_09.py            # all of them
python book/recorded/chapter_09.py digits     # one
"""

import sys
import time
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import recording

import ibhelpers as ib
from ibhelpers.kernels import NNGP, NTK, RBF, Laplace, Matern

# --- questions, as the chapter asks them ----------------------------------------------------------


def resized(task, side):
    def images(X):
        block = 28 // side
        shape = -1, side, block, side, block
        return X.reshape(shape).mean((2, 4)).reshape(-1, side**2)

    X_train, X_test = images(task.X_train), images(task.X_test)
    shape = side, side
    return replace(
        task,
        X_train=X_train,
        X_test=X_test,
        input_shape=shape,
    )


def bits_by_side(task):
    found = {}
    targets = [0.01, 0.04, 0.02, 0.005, 0.0025, 0.00125]
    for side in (7, 14, 28):
        small = resized(task, side)
        space = ib.GaussianSpace.fit(small)
        law = space.loss_law(small)
        bits = ib.inductive_bias(law, targets).bits
        found[f"bits: {side}"] = bits[0]
        found[f"noise: {side}"] = space.noise
        found[f"mean loss: {side}"] = law.mean()
    for target, value in zip(targets, bits, strict=True):
        found[f"bits at {target}: 28"] = value
    return found


def bits_of_teacher(task, target=0.05):
    found = {}
    fitted = ib.GaussianSpace.fit(task, starts=2)
    length = RBF.from_median(task.X_train).lengthscale
    noise = 0.01
    spaces = {
        "fitted": fitted,
        "median": ib.GaussianSpace(RBF(length), noise=noise),
        "length 1": ib.GaussianSpace(RBF(1.0), noise=noise),
    }
    for name, space in spaces.items():
        law = space.loss_law(task)
        bits = ib.inductive_bias(law, target).bits
        found[f"bits: {name}"] = bits
    law = fitted.loss_law(task)
    half = ib.inductive_bias(law, law.mean() / 2).bits
    size = [task.n_test]
    beside = ib.compare.test_sizes(fitted, task, target, size)
    found["half: fitted"] = half
    found["ceiling: fitted"] = beside.ceiling[0]
    return found


def fitted(task):
    with warnings.catch_warnings():
        # that the search ends at the least noise: there is none
        warnings.simplefilter("ignore", UserWarning)
        return ib.GaussianSpace.fit(task)


def bits_by_window(task):
    found = {}
    for T in (1, 2, 4, 16):
        width = T * task.input_shape[1]
        shape = T, task.input_shape[1]
        cut = replace(
            task,
            X_train=task.X_train[:, -width:],
            X_test=task.X_test[:, -width:],
            input_shape=shape,
        )
        space = fitted(cut)
        law = space.loss_law(cut)
        for target in (0.03, 0.01, 0.003, 0.001):
            bits = ib.inductive_bias(law, target).bits
            found[f"bits at {target}: {T}"] = bits
        found[f"mean loss: {T}"] = law.mean()
    return found


def bits_by_examples(task):
    found = {}
    for n in (50, 200, 1000):
        part = replace(
            task,
            X_train=task.X_train[:n],
            y_train=task.y_train[:n],
            labels_train=task.labels_train[:n],
        )
        for held in (None, 2.0, 10.0):
            kernel = RBF if held is None else RBF(held)
            hold = () if held is None else ("lengthscale",)
            space = ib.GaussianSpace.fit(
                part,
                kernel,
                hold=hold,
                starts=2,
            )
            law = space.loss_law(part)
            targets = [0.01, law.mean() / 2]
            bits, half = ib.inductive_bias(law, targets).bits
            name = f"{held or 'fitted'}: {n}"
            found[f"bits: {name}"] = bits
            found[f"half: {name}"] = half
    return found


def bits_of_truth(task):
    space = ib.GaussianSpace(RBF(1.0), noise=0.01)
    sizes = (25, 50, 100, 200, 500, 1000)
    laws = space.learning_curve(task, sizes)
    found = {}
    for n, law in laws.items():
        bits = ib.inductive_bias(law, 0.05).bits
        found[f"bits: {n}"] = bits
    return found


def with_best_amplitude(task, kernel):
    once = ib.GaussianSpace(kernel).assess(task)
    size = task.y_train.size  # nk
    s = once.quadratic / size
    gain = (once.quadratic - size - size * np.log(s)) / 2
    law = ib.laws.GeneralizedChi2(
        s * once.law.weights,
        once.law.df,
        once.law.nc / s,
        offset=once.law.offset,
    )
    evidence = once.log_marginal_likelihood + gain
    return s, law, evidence, once


def candidates(task):
    lengths = (2, 3, 4, 5, 6, 8, 10, 15)
    for length in lengths:
        yield f"ℓ = {length}", RBF(float(length))
    median = RBF.from_median(task.X_train).lengthscale
    yield "RBF", RBF(median)
    for nu in (2.5, 1.5, 0.5):
        yield f"Matérn {nu}", Matern(median, nu=nu)
    yield "Laplace", Laplace(100.0)
    for depth in (1, 3):
        yield f"NNGP, depth {depth}", NNGP(depth)
    for depth in (1, 3):
        yield f"NTK, depth {depth}", NTK(depth)


def three_judges(task):
    found = {}
    for name, kernel in candidates(task):
        s, law, evidence, once = with_best_amplitude(task, kernel)
        bits = ib.inductive_bias(law, [0.01, 0.001]).bits
        error = once.mean.numpy() - task.y_test
        found[f"amplitude: {name}"] = s
        found[f"bits: {name}"] = bits[0]
        found[f"bits at 0.001: {name}"] = bits[1]
        found[f"evidence: {name}"] = evidence
        found[f"left out: {name}"] = once.leave_one_out.mse
        found[f"mean's error: {name}"] = (error**2).mean()
    return found


def difficulty(task):
    found = {}
    constant = task.y_test - task.y_train.mean(axis=0)
    space = fitted(task)
    size = [task.n_test]
    for part in (0.5, 0.1, 0.01):
        target = part * (constant**2).mean()
        row = ib.compare.test_sizes(space, task, target, size)
        found[f"bits: {part}"] = row.bits[0]
        found[f"a number: {part}"] = row.bits_per_number[0]
        found[f"ceiling: {part}"] = row.ceiling[0]
    return found


# --- draws ----------------------------------------------------------------------------------------

DIMENSIONS = [2**i for i in range(1, 9)]
NOISES = (0.3, 1.0)


def digits() -> list[ib.Task]:
    first = ib.tasks.load("mnist", n_train=1000, n_test=500, balanced=False)
    pool = ib.tasks.load("mnist", n_train=60_000, n_test=1, balanced=False, full=True)
    return recording.first_and_others(first, pool, 10, balanced=False)


def photographs() -> list[ib.Task]:
    first = ib.tasks.load("cifar10", n_train=1000, n_test=500)
    pool = ib.tasks.load("cifar10", n_train=50_000, n_test=10, full=True)
    return recording.first_and_others(first, pool, 10, balanced=True)


def teachers(teacher: str, d: int, *, n: int = 200, noise: float = 0.01) -> list[ib.Task]:
    made = {"teacher": teacher, "intrinsic": d, "ambient": d, "noise": noise}
    sizes = {"n_train": n, "n_test": 200}
    return [ib.tasks.load("synthetic", **made, **sizes, seed=seed) for seed in range(25)]


def poles(observed: str, *, T: int, n: int) -> list[ib.Task]:
    made = {"observed": observed, "observations": T}
    sizes = {"n_train": n, "n_test": 300}
    return [ib.tasks.load("pendulum", **made, **sizes, seed=seed) for seed in range(10)]


def episodes(seed: int) -> ib.Task:
    return ib.tasks.load("omniglot", n_train=1000, n_test=500, seed=seed)


def together(name, parts, *, of):
    """Several questions' answers in one table, `part; column`, one row a draw."""
    begun, values = time.perf_counter(), {}
    for part, (question, tasks) in parts.items():
        found = ib.compare.draws(question, tasks, processes=1, progress=False).values
        print(f"{name}: {part}, {time.perf_counter() - begun:.0f} s", flush=True)
        values |= {f"{part}; {column}": found[column].to_list() for column in found}
    recording.write(name, values, of=of, seconds=time.perf_counter() - begun)


def record_digits():
    parts = {
        "side": (bits_by_side, digits()),
        "examples": (bits_by_examples, digits()),
        "judges": (three_judges, digits()),
    }
    together(
        "dimension_digits",
        parts,
        of="ten disjoint draws of 1,000 training and 500 test digits of MNIST",
    )


def record_teachers():
    parts = {}
    for teacher in ("gp", "network"):
        for d in DIMENSIONS:
            parts[f"{teacher}; {d}; 0.1"] = (bits_of_teacher, teachers(teacher, d))
        for noise in NOISES if teacher == "gp" else ():
            for d in (2, 8, 32):
                asked = partial(bits_of_teacher, target=0.04 + noise**2)
                parts[f"gp; {d}; {noise}"] = (asked, teachers("gp", d, noise=noise**2))
    for d in (2, 8, 64):
        parts[f"examples; {d}; 0.1"] = (bits_of_truth, teachers("gp", d, n=1000))
    together("dimension_teachers", parts, of="25 teachers a point, 200 test points each")


def record_tasks():
    parts = {
        "window; full": (bits_by_window, poles("full", T=16, n=200)),
        "window; partial": (bits_by_window, poles("partial", T=16, n=200)),
        "full": (difficulty, poles("full", T=4, n=500)),
        "partial": (difficulty, poles("partial", T=4, n=500)),
        "MNIST": (difficulty, digits()),
        "CIFAR-10": (difficulty, photographs()),
        "few-shot": (
            difficulty,
            [episodes(seed) for seed in range(10)],
        ),
    }
    together("dimension_tasks", parts, of="ten draws of every task")


RECORDS = {"teachers": record_teachers, "digits": record_digits, "tasks": record_tasks}

if __name__ == "__main__":
    for record in sys.argv[1:] or RECORDS:
        RECORDS[record]()
