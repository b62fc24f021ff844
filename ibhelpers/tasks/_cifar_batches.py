"""CIFAR-10's six batches, in the forms in which they are published: for C, and for Python.

In the binary version a record is one byte of label and 3,072 of pixels: the red plane, then the
green, then the blue, each row by row. The version for Python holds the same bytes in pickles, which
are never unpickled here, since that can run any program: their labels and pixels are picked out of
the listing of their opcodes. Whatever the form, it is read into the records of the binary version.
"""

from __future__ import annotations

import pickletools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ._archive import tar_members
from ._datafile import Form

NAMES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
RECORD = 1 + 3072  # bytes


def forms(folders: Sequence[str]) -> tuple[Form, ...]:
    """Archives and unpacked folders, for C and for Python, in each of some folders."""
    known = {
        "cifar-10-binary.tar.gz": binary_archive,
        "cifar-10-batches-bin": binary_folder,
        "cifar-10-python.tar.gz": python_archive,
        "cifar-10-batches-py": python_folder,
    }
    return tuple(
        Form(f"{folder}/{name}", unpack) for folder in folders for name, unpack in known.items()
    )


def binary_archive(path: Path) -> bytes:
    """The records in an archive of the binary version."""
    return _joined(_members(path), ".bin")


def binary_folder(path: Path) -> bytes:
    """The records in the unpacked folder of the binary version."""
    return b"".join((path / f"{name}.bin").read_bytes() for name in NAMES)


def python_archive(path: Path) -> bytes:
    """The records in an archive of the version for Python."""
    members = _members(path)
    return _joined({name: records_of(members[name]) for name in NAMES}, "")


def python_folder(path: Path) -> bytes:
    """The records in the unpacked folder of the version for Python."""
    return b"".join(records_of((path / name).read_bytes()) for name in NAMES)


def records_of(pickled: bytes) -> bytes:
    """The records of the binary version, from a batch for Python.

    A batch is a dictionary: "labels" are a list of numbers up to 9, and "data" an array that is
    pickled as one string of bytes, longer than any other.

    Raises
    ------
    ValueError
        If it is no such pickle.
    """
    text, pixels = b"", b""
    labels: list[int] = []
    for opcode, value, _ in pickletools.genops(pickled):
        if isinstance(value, (str, bytes)):
            text = value.encode("latin-1") if isinstance(value, str) else value
            pixels = max(pixels, text, key=len)
        elif isinstance(value, int) and opcode.name == "BININT1" and text == b"labels":
            labels.append(value)  # one of the numbers that follow this key
    if not labels or len(pixels) != (RECORD - 1) * len(labels):
        raise ValueError(f"found {len(labels):,} labels and {len(pixels):,} bytes of pixels")
    rows = np.frombuffer(pixels, np.uint8).reshape(len(labels), -1)
    return np.insert(rows, 0, labels, axis=1).tobytes()


def _members(path: Path) -> dict[str, bytes]:
    """Contents of the files in an archive, by their names without folders."""
    return {name.rpartition("/")[2]: contents for name, contents in tar_members(path.read_bytes())}


def _joined(members: Mapping[str, bytes], ending: str) -> bytes:
    return b"".join(members[f"{name}{ending}"] for name in NAMES)
