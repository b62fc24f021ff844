"""Conditioning in memory, on tiles of a disk, and by the workers of a Dask cluster on this machine.

    python tests/benchmarks/bench_cluster.py [limited]

Two workers of one thread beside two threads in memory. Means and covariances are checked equal
first. ``limited`` is the run whose workers may hold 1 GiB each, of which their imports take a
third: tiles that do not fit wait on a disk. It prints one line of JSON; the page of results shows
what is kept in ``book/cluster``, with a word on the machine added as ``"machine"``.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

import ibhelpers as ib
from ibhelpers.spaces import Posterior, Spectrum

WORKERS, LIMIT = 2, "1GiB"
KERNEL, NOISE = 0.06 * ib.kernels.RBF(5.4), 1e-4
AGREE = 1e-10  # relative to the largest


def rows() -> list[dict]:
    """Measured figures: what, value, unit, target, note."""
    task = digits(10_000)
    posterior, memory = conditioned(task)
    with tempfile.TemporaryDirectory() as folder:
        on_disk, disk = conditioned(task, out_of_core=folder)
    with cluster() as client:
        by_workers, spread = conditioned(task, client=client)
    for other in (on_disk, by_workers):
        refuse_another(posterior, other)
    what = "conditioning on 10,000 digits, 1,000 of the test"
    return [
        {"what": f"{what}, in memory", "value": memory, "unit": "s"},
        {"what": "with tiles on a disk, over that", "value": disk / memory, "unit": "ratio"},
        {
            "what": "by two workers of a cluster, over that",
            "value": spread / memory,
            "unit": "ratio",
            "target": 1.5,
        },
    ]


def limited(n: int = 20_000) -> dict[str, Any]:
    """What workers of little memory need, in time, memory and disk."""
    task = digits(n)
    with cluster(memory_limit=LIMIT) as client:
        found, seconds = conditioned(task, client=client)
        held = client.run(about).values()
    posterior, in_memory = conditioned(task)
    differ = refuse_another(posterior, found)
    law = Spectrum.of(found).loss_law(torch.tensor(task.y_test))
    return {
        "n_train": n,
        "n_test": task.n_test,
        "space": repr(ib.GaussianSpace(KERNEL, noise=NOISE)),
        "workers": WORKERS,
        "limit of each": LIMIT,
        "tiles, GiB": round(8 * (n * n / 2 + n * task.n_test) / 2**30, 2),
        "seconds": round(seconds, 1),
        "processor seconds": [round(each["processor seconds"], 1) for each in held],
        "peak of memory, GiB": [round(each["peak"] / 2**30, 3) for each in held],
        "in one memory, seconds": round(in_memory, 1),
        "threads in one memory": torch.get_num_threads(),
        "differs by": differ,
        "bits at 0.01": float(ib.inductive_bias(law, 0.01).bits),
    }


def digits(n: int) -> ib.Task:
    return ib.tasks.load("mnist", n_train=n, n_test=1000, balanced=False, full=True)


def conditioned(task: ib.Task, **place: Any) -> tuple[Posterior, float]:
    """The posterior, and how long that took."""
    space = ib.GaussianSpace(KERNEL, noise=NOISE, **place)
    begun = time.perf_counter()
    return space.posterior(task), time.perf_counter() - begun


@contextmanager
def cluster(**settings: Any) -> Iterator[Any]:
    """A client of two workers, which have imported what they need."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            dashboard_address=":0",
            silence_logs=logging.ERROR,
            **settings,
        ) as workers,
        Client(workers) as client,
    ):
        conditioned(digits(100), client=client)
        yield client


def about() -> dict[str, float]:
    """Of the worker that is asked."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "processor seconds": time.process_time(),
        "peak": peak * (1 if sys.platform == "darwin" else 1024),
    }


def refuse_another(one: Posterior, other: Posterior) -> float:
    """By how much two posteriors differ, relative to the largest entry."""
    pairs = ((one.mean, other.mean), (one.covariance, other.covariance))
    off = max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)
    if not off <= AGREE:
        raise RuntimeError(f"the same posterior differs by {off:.1e}; {AGREE:.0e} is allowed")
    return off


if __name__ == "__main__":
    if sys.argv[1:] == ["limited"]:
        print(json.dumps(limited()))
    else:
        for found in rows():
            print(found)
