"""The format of MNIST and its successors: four idx files, gzipped or not, training and test."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

from ._datafile import DataFile, Form
from ._draw import check_official, official_split
from ._files import content

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def published(
    folders: Sequence[str],
    sums: Sequence[tuple[str, str]],
    sizes: Sequence[int],
    bases: Sequence[str],
) -> tuple[DataFile, ...]:
    """The four files of a data set, in the order of `NAMES`.

    Parameters
    ----------
    folders : sequence of str
        Where in a data folder they lie, our own place first, then those of other libraries.
    sums : sequence of (str, str)
        SHA-256 of each file as published, and of what it unpacks into.
    sizes : sequence of int
        Bytes of each file as published.
    bases : sequence of str
        The addresses under which they are published.
    """
    return tuple(
        DataFile(
            f"{folders[0]}/{name}.gz",
            sha256,
            size,
            urls=tuple(f"{base}{name}.gz" for base in bases),
            content_sha256=content_sha256,
            forms=_forms(folders, name),
        )
        for name, (sha256, content_sha256), size in zip(NAMES, sums, sizes, strict=True)
    )


def _forms(folders: Sequence[str], name: str) -> tuple[Form, ...]:
    """Packed and plain, under the published name and the one with a dot that some copies have."""
    spellings = [f"{name}.gz", name]
    spellings += [spelling.replace("-idx", ".idx") for spelling in spellings]
    return tuple(
        Form(f"{folder}/{spelling}", unpack) for folder in folders for spelling in spellings
    )


def unpack(path: Path) -> bytes:
    """An idx file's bytes, whether it is gzipped or not, which its name need not say."""
    contents = path.read_bytes()
    return gzip.decompress(contents) if contents[:2] == b"\x1f\x8b" else contents


def official_sets(
    files: Sequence[DataFile], n_train: int, n_test: int, seed: int, *, balanced: bool = True
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Draw images (n, h, w) and labels (n,), uint8, from the published training and test sets."""
    check_official(n_train, n_test, 60_000, 10_000)
    images, labels, test_images, test_labels = (parse(content(file), file.path) for file in files)
    train, test = official_split(labels, test_labels, n_train, n_test, seed, balanced=balanced)
    return (images[train], labels[train]), (test_images[test], test_labels[test])


def parse(contents: bytes, what: str) -> np.ndarray:
    """The array in an idx file of bytes.

    Two zero bytes, a type (8 for uint8) and the number of dimensions; each dimension as a
    big-endian 32-bit number; then the entries in C order.

    Raises
    ------
    ValueError
        If the contents are not that.
    """
    n_dimensions = contents[3] if contents[:3] == b"\0\0\x08" and len(contents) > 3 else 0
    start = 4 + 4 * n_dimensions
    shape = np.frombuffer(contents[4:start][: 4 * n_dimensions], dtype=">u4").tolist()
    if not n_dimensions or len(contents) != start + prod(shape):
        raise ValueError(
            f"{what}: not an idx file of bytes: found {len(contents):,} bytes that begin "
            f"{contents[:4].hex()}. Get it again with `python -m ibhelpers data fetch`."
        )
    return np.frombuffer(contents, dtype=np.uint8, offset=start).reshape(shape)
