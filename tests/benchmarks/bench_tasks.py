"""How long tasks take to load, and how much memory the largest one needs.

The full CIFAR-10 is measured on the published data where they are here, and otherwise on one of
the same layout and size made of the images that ship.
"""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np

from ibhelpers import tasks
from ibhelpers.tasks import cifar10, omniglot
from ibhelpers.tasks._files import find

# Measured in a process of its own, of which the peak memory is asked afterwards.
FULL_CIFAR10 = """
import dataclasses, resource, sys, time
from ibhelpers.tasks import cifar10
cifar10.PUBLISHED = dataclasses.replace(cifar10.PUBLISHED, content_sha256=sys.argv[1])
start = time.perf_counter()
task = cifar10.load(n_train=50_000, n_test=10_000)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def rows() -> list[dict]:
    """One row a measurement."""
    found = [row(f"load {name}, shipped", seconds(name), "s", 1.0) for name in ("mnist", "cifar10")]
    found.append(
        row("10,000 pendulum examples", seconds("pendulum", n_train=9000, n_test=1000), "s", 5.0)
    )
    if find(omniglot.SMALL_1) and find(omniglot.SMALL_2):
        sizes = {"n_train": 4000, "n_test": 1000}
        first, again = seconds("omniglot", **sizes), seconds("omniglot", **sizes)
        found.append(row("5,000 Omniglot episodes, preparation included", first, "s", None))
        found.append(row("5,000 Omniglot episodes, prepared", again, "s", 10.0))
    took, peak, what = full_cifar10()
    found.append(row(f"all 60,000 of CIFAR-10 to a Task ({what})", took, "s", 15.0))
    found.append(row("its peak memory, imports included", peak, "GiB", 2.5))
    return found


def row(what: str, value: float, unit: str, target: float | None) -> dict:
    return {"what": what, "value": value, "unit": unit, "target": target}


def seconds(name: str, **options) -> float:
    start = time.perf_counter()
    tasks.load(name, **options)
    return time.perf_counter() - start


def full_cifar10() -> tuple[float, float, str]:
    """Seconds, GiB, and which archive."""
    if find(cifar10.PUBLISHED):
        return *measure(cifar10.PUBLISHED.content_sha256, {}), "published batches"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / cifar10.PUBLISHED.path
        path.parent.mkdir()
        batch = records_of_a_batch()
        path.write_bytes(stand_in(batch))
        sha256 = hashlib.sha256(6 * batch).hexdigest()
        return *measure(sha256, {"IBHELPERS_DATA": folder}), "stand-in of its size"


def measure(content_sha256: str, more: dict[str, str]) -> tuple[float, float]:
    command = [sys.executable, "-c", FULL_CIFAR10, content_sha256]
    done = subprocess.run(
        command, env={**os.environ, **more}, check=True, capture_output=True, text=True
    )
    took, peak = map(float, done.stdout.split())
    return took, peak


def records_of_a_batch() -> bytes:
    """A batch of the binary version's layout: 10,000 records of 3,073 bytes."""
    images, labels = cifar10.shipped()
    records = np.column_stack([labels, images.reshape(2000, -1)])
    return np.tile(records, (5, 1)).tobytes()


def stand_in(batch: bytes) -> bytes:
    """An archive of the binary version's layout: six batches."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            member.size = len(batch)
            archive.addfile(member, io.BytesIO(batch))
    return buffer.getvalue()


if __name__ == "__main__":
    for found in rows():
        target = "" if found["target"] is None else f"(at most {found['target']:g})"
        print(f"{found['what']:60} {found['value']:8.3f} {found['unit']} {target}")
