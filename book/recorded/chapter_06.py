"""Recorded for chapter 06: what intervals hold, over many samples, and what training costs."""

import time

import numpy as np
import recording

import ibhelpers as ib

easy = ib.laws.ScaledNoncentralChi2(df=12, nc=30, scale=0.01)


# fmt: off
def held_by(seed, truth=easy, target=0.05, size=10_000):
    bits = ib.inductive_bias(truth, target).bits
    row = ib.estimate_bias(
        truth.sample(size, seed=seed),
        target,
        tails=[ib.laws.ScaledNoncentralChi2],
        n_boot=100,
    ).iloc[0]
    return {
        "ridge": row.profile_lower <= bits <= row.profile_upper,
        "Fisher": row.wald_lower <= bits <= row.wald_upper,
        "Fisher exists": not np.isnan(row.wald_lower),
        "bootstrap": row.lower <= bits <= row.upper,
    }


def trained_and_exact(n, epochs=10_000, target=0.05):
    task = ib.tasks.load(
        "mnist", n_train=n, n_test=n, balanced=False
    )
    kernel = ib.kernels.RBF(lengthscale=5.0)
    exact = ib.GaussianSpace(kernel).loss_law(task)
    trained = ib.paper.released_law(
        task, kernel, epochs=epochs, seed=0
    )
    return {
        "n": n,
        "exact": ib.inductive_bias(exact, target).bits,
        "trained": ib.inductive_bias(trained, target).bits,
    }
# fmt: on


def record(name, question, asked, of):
    begun = time.perf_counter()
    rows = [question(one) for one in asked]
    values = {key: [float(row[key]) for row in rows] for key in rows[0]}
    recording.write(name, values, of=of, seconds=time.perf_counter() - begun)


if __name__ == "__main__":
    record(
        "06_coverage",
        held_by,
        range(100),
        "100 samples of 10,000 losses of a law of the paper's family",
    )
    record(
        "06_conditioning",
        trained_and_exact,
        (20, 50, 100),
        "20 to 100 training digits of MNIST and as many test digits",
    )
