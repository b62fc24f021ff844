"""Boolean functions: every corner of a cube is an example, and its sign the class."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from .._arguments import ArrayLike, as_array, generator_of, one_of, whole
from .task import Task

_MOST = 14  # inputs; 16,384 corners

_LANDMARKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": lambda X: np.ones(len(X)),
    "first": lambda X: X[:, 0],
    "and": lambda X: X.min(1),
    "majority": lambda X: X.sum(1) + 0.5,  # a tie counts as 1
    "parity": lambda X: X.prod(1),
}


def load(
    *,
    function: str | ArrayLike = "parity",
    inputs: int = 4,
    n_train: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
) -> Task:
    """A Boolean function of a few inputs, on the corners of the cube; made here.

    Parameters
    ----------
    function : {"constant", "first", "and", "majority", "parity", "random"} or array_like
        1 everywhere; the first input; 1 where all inputs are; where at least half are; the product
        of all; signs by chance. Or the 2^inputs signs at the corners, in the order of
        ``itertools.product([-1, 1], repeat=inputs)``.
    inputs : int
        From 1 to 14.
    n_train : int, optional
        How many corners are for training, drawn by chance; the others are for testing. All corners
        are for both when not given: then a loss of 0 says that a hypothesis computes the function.
    n_test : int, optional
        How many of these corners are for testing, drawn by chance; all when not given.
    seed : int
        Of the function by chance and of the split.

    Returns
    -------
    Task
        Inputs (n, inputs) of -1 and 1, targets one-hot (n, 2): the class is 1 where the function
        is 1, and 0 where it is -1. Corners of the test set are in order.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the function has no sign somewhere.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("boolean", function="parity", inputs=3)
    >>> task.X_test[1].tolist(), task.labels_test.tolist()
    ([-1.0, -1.0, 1.0], [0, 1, 1, 0, 1, 0, 0, 1])
    """
    inputs = whole("inputs", inputs, at_least=1, at_most=_MOST)
    X = np.array(list(itertools.product([-1.0, 1.0], repeat=inputs)))
    of_function, of_split = generator_of(seed).spawn(2)
    if isinstance(function, str):
        name = one_of("function", function, [*_LANDMARKS, "random"])
        f = of_function.choice([-1, 1], len(X)) if name == "random" else _LANDMARKS[name](X)
    else:
        name, f = "given", as_array("function", function)
        if f.shape != (len(X),) or not (np.abs(f) > 0).all():
            raise ValueError(
                f"function: found shape {f.shape}, or numbers that have no sign; give "
                f"{len(X)} positive or negative numbers, one for each corner of {inputs} inputs."
            )
    train, test = np.arange(len(X)), of_split.permutation(len(X))
    if n_train is not None:
        n_train = whole("n_train", n_train, at_least=1, at_most=len(X) - 1)
        train, test = test[:n_train], test[n_train:]
    if n_test is not None:
        test = test[: whole("n_test", n_test, at_least=1, at_most=len(test))]
    test = np.sort(test)
    labels = (f > 0).astype(np.int64)
    one_hot = np.eye(2)[labels]
    return Task(
        X[train],
        one_hot[train],
        X[test],
        one_hot[test],
        labels_train=labels[train],
        labels_test=labels[test],
        name="boolean",
        source=f"the {name} function of {inputs} inputs",
        scaling="inputs -1 and 1",
        output_names=("-1", "1"),
    )
