"""What is to be learned: tasks by name, such as ``load("mnist")``, or of the reader's own arrays.

A `Task` holds arrays for training and testing; there is one file here for each source of data,
whose function `load`, or functions, `_LOADERS` names. `with_noise_inputs` and its neighbours make
a task harder, by one knob each.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from .._arguments import one_of
from . import (
    boolean,
    california_housing,
    cifar10,
    digits,
    fashion_mnist,
    few_shot,
    mnist,
    omniglot,
    pendulum,
    synthetic,
    tables,
)
from .complexity import complexity, lempel_ziv
from .dimension import IntrinsicDimension, intrinsic_dimension
from .harder import (
    partly_observed,
    union,
    with_classes,
    with_fewer_examples,
    with_label_noise,
    with_noise_inputs,
    with_occlusion,
)
from .task import Task

__all__ = [
    "IntrinsicDimension",
    "Task",
    "available",
    "complexity",
    "intrinsic_dimension",
    "lempel_ziv",
    "load",
    "partly_observed",
    "union",
    "with_classes",
    "with_fewer_examples",
    "with_label_noise",
    "with_noise_inputs",
    "with_occlusion",
]

_LOADERS: dict[str, Callable[..., Task]] = {
    "boolean": boolean.load,
    "breast_cancer": tables.breast_cancer,
    "california_housing": california_housing.load,
    "cifar10": cifar10.load,
    "diabetes": tables.diabetes,
    "digits": digits.load,
    "fashion_mnist": fashion_mnist.load,
    "few_shot": few_shot.load,
    "mnist": mnist.load,
    "omniglot": omniglot.load,
    "pendulum": pendulum.load,
    "synthetic": synthetic.load,
    "wine": tables.wine,
}


def available() -> dict[str, str]:
    """Names that `load` understands, each with a line on what it is.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> ib.tasks.available()["digits"]
    '8x8 handwritten digits, 1,797 images, from scikit-learn.'
    """
    return {name: (loader.__doc__ or "").splitlines()[0] for name, loader in _LOADERS.items()}


def load(name: str, **options) -> Task:
    """Load a task by name.

    Parameters
    ----------
    name : str
        One of the names in `available`.
    **options
        What the loader of that task takes; every loader takes ``n_train``, ``n_test`` and
        ``seed``. See ``help(ibhelpers.tasks.mnist.load)`` and its neighbours.

    Raises
    ------
    ValueError
        If there is no task of that name, or an option does not fit it.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> ib.tasks.load("digits", n_train=100, n_test=50, seed=0)
    Task('digits': 100 training and 50 test examples, 64 inputs, 10 outputs)
    """
    loader = _LOADERS[one_of("name", name, _LOADERS)]
    known = inspect.signature(loader).parameters
    for option in options:
        one_of(f"option of {name!r}", option, known)
    return loader(**options)
