"""Bits for error rates at the size of real tasks: the bridge, beside splitting and brute force.

A row's value is its time, its note the bits, the half width of their interval in per cent, and the
memory that the process had taken at most when the row was done. 50 hypotheses a run (30 where there
are many sweeps, a hundred where there are many steps) are enough for 3 %. CIFAR-10 and Omniglot
have to be downloaded first; where they are not, their rows are left out, and say so.
"""

import math
import resource
import time

import numpy as np
import torch

import ibhelpers as ib

SEED, SHORT = 0, torch.float32
SPLITTING = {"method": "splitting", "particles": 500, "dtype": SHORT}


def rows() -> list[dict]:
    """One row a measurement."""
    return [*digits(), *photographs_and_drawings()]


def digits() -> list[dict]:
    """MNIST, 1,000 digits to learn and 500 to judge: RBF(5), and networks of infinite width."""
    task = ib.tasks.load("mnist", n_train=1000, n_test=500, seed=0)
    kernel = ib.kernels.RBF(5.0)
    amplitude = evidence_amplitude(kernel, task)
    space = ib.GaussianSpace(amplitude * kernel)
    name = f"MNIST 1000/500, {amplitude:.3f} RBF(5)"
    brute = time_of(lambda: sampled(space, task, 0.075))
    return (
        [
            row(f"{name}, {target:.0%} error", space, task, target, limit)
            for target, limit in ((0.075, None), (0.05, 60), (0.02, 120), (0.0, 300))
        ]
        + [
            {"what": f"{name}, 7.5% error: 100,000 draws", "value": brute[0], "unit": "s"}
            | {"note": brute[1]}
        ]
        + [
            row(f"{name}, {target:.1%} error: splitting", space, task, target, None, **SPLITTING)
            for target in (0.075, 0.05)
        ]
        + [
            row(f"{name}, 5% error, float32", space, task, 0.05, None, dtype=torch.float32),
            row(
                "MNIST 1000/500, RBF(5), 10% error",
                ib.GaussianSpace(kernel),
                task,
                0.1,
                300,
                particles=120,
                dtype=SHORT,
            ),
            row(
                "MNIST 1000/500, infinite network of 2 layers, 5% error",
                ib.InfiniteNetworkSpace(depth=2),
                task,
                0.05,
                None,
                dtype=SHORT,
            ),
            depth_by_squares(space, task),
        ]
    )


def photographs_and_drawings() -> list[dict]:
    """CIFAR-10 and one-shot episodes of Omniglot, in the space that the training data choose."""
    found = []
    for name, targets, particles in (("cifar10", (0.6, 0.5), 100), ("omniglot", (0.5,), 30)):
        try:
            task = ib.tasks.load(name, n_train=1000, n_test=500, seed=0)
        except ValueError as error:
            why = str(error).splitlines()[0]
            found.append({"what": name, "value": math.nan, "unit": "s", "note": why})
            continue
        space = ib.GaussianSpace.fit(task)
        for target in targets:
            what = f"{name} 1000/500, {space.kernel!r}, noise {space.noise:.2g}, {target:.0%} error"
            found.append(row(what, space, task, target, 300, particles=particles, dtype=SHORT))
    return found


def depth_by_squares(space: ib.GaussianSpace, task: ib.Task) -> dict:
    """Squared errors of exactly known depth, in one walk."""
    depths = np.array([10.0, 100.0, 1000.0, 5000.0])
    targets = space.loss_law(task).ilogcdf(-depths * math.log(2))
    settings = {"particles": 150, "dtype": SHORT, "seed": SEED, "progress": False}
    seconds, bias = time_of(
        lambda: ib.rare_event_bias(space, task, loss="mse", target_error=targets, **settings)
    )
    low, high = bias.interval
    return {
        "what": "MNIST 1000/500, squared errors of 10, 100, 1,000 and 5,000 bits",
        "value": seconds,
        "unit": "s",
        "note": ", ".join(f"{a:.1f} to {b:.1f}" for a, b in zip(low, high, strict=True)),
    }


def evidence_amplitude(kernel: ib.kernels.Kernel, task: ib.Task) -> float:
    """The variance of the outputs of highest evidence, tr(Yᵀ K⁻¹ Y)/(n k)."""
    Y = torch.tensor(task.y_train, dtype=torch.float64)
    K = kernel(torch.tensor(task.X_train, dtype=torch.float64))
    return float((Y * torch.linalg.solve(K, Y)).sum()) / Y.numel()


def row(
    what: str,
    space: ib.GaussianSpace,
    task: ib.Task,
    target: float,
    limit: float | None,
    **settings,
) -> dict:
    seconds, bias = time_of(
        lambda: ib.rare_event_bias(
            space,
            task,
            loss="zero_one",
            target_error=target,
            seed=SEED,
            progress=False,
            **({"particles": 50} | settings),
        )
    )
    note = f"seed {SEED}, {bias!r}"
    if bias.interval is not None:
        low, high = bias.interval
        note += f", ±{50 * (high - low) / max(bias.bits, 1e-9):.1f} %"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "what": what,
        "value": seconds,
        "unit": "s",
        "target": limit,
        "note": f"{note}, {peak:.1f} GiB",
    }


def sampled(space: ib.GaussianSpace, task: ib.Task, target: float) -> str:
    """The bits of a target that plain draws reach, with their limits."""
    losses = space.sample_losses(task, 100_000, seed=SEED, loss="zero_one")
    return repr(ib.inductive_bias(ib.laws.Empirical.fit(losses), target))


def time_of(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result
