"""All of MNIST exactly, out of core: time, peak memory, disk and bits, as one line of JSON.

    python scripts/large_run.py /a/folder/with/20/GB --n-train 60000 --n-test 10000

Started again after it was killed, it goes on from the tiles that it had finished; ``starts`` says
what was there each time, and ``seconds`` are those of the last start alone. The space is chosen by
the evidence of 2,000 examples, unless ``--rbf AMPLITUDE LENGTHSCALE NOISE`` gives it.
The page of results shows what is kept in ``book/out_of_core``, with a word on the machine added as
``"machine"``.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

import ibhelpers as ib
from ibhelpers.spaces import Posterior, Spectrum

TARGETS = [0.02, 0.01, 0.005, 0.0025]
SHARES = np.geomspace(0.3, 0.9, 20)  # of the mean loss, as on a graphics card


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n-train", type=int, default=60_000)
    parser.add_argument("--n-test", type=int, default=10_000)
    parser.add_argument("--n-fit", type=int, default=2_000)
    parser.add_argument("--rbf", type=float, nargs=3, metavar=("AMPLITUDE", "LENGTHSCALE", "NOISE"))
    parser.add_argument("--block", type=int, default=500, help="test examples of a part")
    given = parser.parse_args()
    sizes = {"n_train": given.n_train, "n_test": given.n_test}
    task = ib.tasks.load("mnist", **sizes, balanced=False, full=True)
    kernel, noise = chosen(given)
    space = ib.GaussianSpace(kernel, noise=noise, out_of_core=given.folder)
    starts = started(given.folder)
    began, worked = time.perf_counter(), time.process_time()
    posterior = space.posterior(task)
    conditioning = time.perf_counter() - began
    blocks = list(in_blocks(posterior, task, given.block))  # before its memory is overwritten
    law = Spectrum.of(posterior).loss_law(torch.tensor(task.y_test))
    mean = float(law.mean())
    targets = [*TARGETS, *mean * SHARES]
    bits = np.asarray(ib.inductive_bias(law, targets).bits).tolist()
    found = {
        **sizes,
        "source": task.source,
        "space": repr(space),
        "threads": torch.get_num_threads(),
        "starts": starts,
        "seconds_of_conditioning": round(conditioning, 1),
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - worked, 1),
        "peak_memory_gib": round(peak_memory() / 2**30, 2),
        "disk_gib": round(on_disk(given.folder) / 2**30, 2),
        "condition": posterior.condition,
        "mean_loss": mean,
        "bits": dict(zip(map(repr, TARGETS), bits, strict=False)),
        "bits_at_shares_of_the_mean_loss": dict(
            zip(map("{:.3f}".format, SHARES), bits[len(TARGETS) :], strict=True)
        ),
        "blocks": blocks,
    }
    print(json.dumps(found))


def chosen(given: argparse.Namespace) -> tuple[ib.kernels.Kernel, float]:
    """Kernel and noise."""
    if given.rbf:
        amplitude, lengthscale, noise = given.rbf
        return amplitude * ib.kernels.RBF(lengthscale), noise
    few = ib.tasks.load("mnist", n_train=given.n_fit, n_test=10, balanced=False, full=True)
    space = ib.GaussianSpace.fit(few)
    return space.kernel, space.noise


def in_blocks(posterior: Posterior, task: ib.Task, size: int) -> Iterator[dict[str, float]]:
    """What is found of disjoint parts of the test set."""
    assert task.labels_test is not None
    for start in range(0, task.n_test, size):
        rows = slice(start, start + size)
        mean = posterior.mean[rows]
        part = replace(posterior, mean=mean, covariance=posterior.covariance[rows, rows].clone())
        law = Spectrum.of(part, progress=False).loss_law(torch.tensor(task.y_test[rows]))
        wrong = mean.argmax(1).numpy() != task.labels_test[rows]
        bits = np.asarray(ib.inductive_bias(law, TARGETS).bits).tolist()
        yield {
            "mean loss": float(law.mean()),
            "errors of the mean": float(wrong.mean()),
            **{f"bits at {x!r}": b for x, b in zip(TARGETS, bits, strict=True)},
        }


def started(folder: Path) -> list[dict[str, object]]:
    """When this was started, and what was on the disk by then; this time too."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "starts.jsonl"
    now = {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}", "tiles": len([*tiles(folder)])}
    with open(file, "a", encoding="utf-8") as stream:
        stream.write(json.dumps(now) + "\n")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def tiles(folder: Path) -> Iterator[Path]:
    return folder.rglob("*.tile")


def on_disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in tiles(folder))


def peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)  # bytes there, KiB on Linux


if __name__ == "__main__":
    main()
