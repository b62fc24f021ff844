"""All of MNIST exactly, out of core: time, peak memory, disk and bits, as one line of JSON.

    python scripts/large_run.py /a/folder/with/20/GB --n-train 60000 --n-test 10000

Started again after it was killed, it goes on from the tiles that it had finished; ``seconds`` are
then those of the last start alone. The space is chosen by the evidence of 2,000 examples.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import torch

import ibhelpers as ib

TARGETS = [0.05, 0.02, 0.01, 0.005]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n-train", type=int, default=60_000)
    parser.add_argument("--n-test", type=int, default=10_000)
    parser.add_argument("--n-fit", type=int, default=2_000)
    given = parser.parse_args()
    few = ib.tasks.load("mnist", n_train=given.n_fit, n_test=10, balanced=False)
    chosen = ib.GaussianSpace.fit(few)
    task = ib.tasks.load("mnist", n_train=given.n_train, n_test=given.n_test, balanced=False)
    space = ib.GaussianSpace(chosen.kernel, noise=chosen.noise, out_of_core=given.folder)
    began = time.perf_counter()
    law = space.loss_law(task)
    seconds = time.perf_counter() - began
    bits = ib.inductive_bias(law, TARGETS).bits
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    found = {
        "n_train": task.n_train,
        "n_test": task.n_test,
        "space": repr(space),
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 1),
        "peak_memory_gib": round(peak / 2**30, 2),
        "disk_gib": round(sum(f.stat().st_size for f in given.folder.rglob("*.tile")) / 2**30, 2),
        "bits": {str(x): float(b) for x, b in zip(TARGETS, bits, strict=True)},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
