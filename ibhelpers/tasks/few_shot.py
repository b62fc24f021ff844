"""Few-shot episodes from the digits that ship with the course."""

from __future__ import annotations

import numpy as np

from .._arguments import one_of, whole
from . import mnist
from ._episodes import Drawings, episode_task, shrink
from .task import Task

_SOURCES = {"mnist": mnist.shipped}


def load(
    *,
    source: str = "mnist",
    n_train: int = 1000,
    n_test: int = 500,
    ways: int = 5,
    side: int = 14,
    seed: int = 0,
) -> Task:
    """One-shot episodes of handwritten digits: 0 to 4 to train, 5 to 9 to test; shipped.

    The same kind of task as ``load("omniglot")``, without a download.

    Parameters
    ----------
    source : {"mnist"}
        Whose digits: the 5,000 of MNIST that ship with the course.
    n_train, n_test : int
        How many episodes of each side.
    ways : int
        How many characters an episode has to tell apart, 2 to 5.
    side : int
        Every drawing is shrunk to side x side pixels, 2 to 28.
    seed : int
        Seed of the draw.

    Returns
    -------
    Task
        Inputs (n, (ways + 1) side^2), ink in [0, 1], support drawings first; targets one-hot
        (n, ways), the position of the support drawing that the query matches.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the data file is missing or altered.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("few_shot", source="mnist", n_train=100, n_test=50)
    >>> task
    Task('few_shot': 100 training and 50 test examples, 1176 inputs, 5 outputs)
    >>> task.input_shape
    (6, 14, 14)
    """
    from PIL import Image

    images, digits = _SOURCES[one_of("source", source, _SOURCES)]()
    whole("side", side, at_least=2, at_most=images.shape[-1])
    drawings = np.stack([shrink(Image.fromarray(image), side) for image in images])
    low = digits < 5
    return episode_task(
        Drawings(drawings[low], digits[low]),
        Drawings(drawings[~low], digits[~low]),
        n_train=n_train,
        n_test=n_test,
        ways=ways,
        seed=seed,
        name="few_shot",
        source="episodes of MNIST (LeCun, Cortes, Burges): digits 0-4 to train, 5-9 to test",
    )
