"""The first noun: a learning task, held as four validated arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import one_of, whole

_ARRAYS = ("X_train", "y_train", "X_test", "y_test")
# How an example can be read, and how many dimensions its shape then has.
_DIMENSIONS = {"vector": (1,), "image": (2, 3), "episode": (3,), "trajectory": (2,)}


@dataclass(frozen=True, eq=False)
class Task:
    """A supervised learning task: a training set, a test set, and where they come from.

    Parameters
    ----------
    X_train, X_test : array_like, shapes (n, d) and (m, d)
        Inputs, one row an example.
    y_train, y_test : array_like, shapes (n, k) and (m, k)
        Real-valued targets, one row an example. Classification uses one-hot rows. Targets have
        two dimensions even when k = 1, so that (n,) is never read as one example with n outputs.
    labels_train, labels_test : array_like of int, shapes (n,) and (m,), optional
        The class of each example, for tasks that have classes.
    name, source : str
        What the task is called, and where its data come from.
    input_shape : tuple of int, optional
        The shape of one example before it was flattened to d numbers, such as (28, 28); (d,)
        when not given.
    scaling : str
        What was done to the raw inputs, such as ``"pixels / 255"``.
    kind : {"vector", "image", "episode", "trajectory"}, optional
        How one example is to be read, and drawn: a plain vector (the default); an image (h, w) or
        (channels, h, w) (the default where ``input_shape`` has two or three dimensions); a
        few-shot episode of drawings (ways + 1, h, w); observations over time (times, quantities).
    input_names, output_names : sequence of str, optional
        What the last axis of ``input_shape`` and the columns of the targets are called, such as
        the quantities observed and the names of the classes.

    Raises
    ------
    ValueError
        If an array is empty, has the wrong number of dimensions, is not numeric, contains NaN or
        inf, or if the arrays do not fit together. The message names the argument.

    Notes
    -----
    Arrays are stored as read-only NumPy arrays; float32 stays float32, every other numeric type
    becomes float64.

    Examples
    --------
    >>> import numpy as np, ibhelpers as ib
    >>> x = np.linspace(0, 1, 6)[:, None]
    >>> ib.Task(x[:4], np.sin(x[:4]), x[4:], np.sin(x[4:]), name="sine")
    Task('sine': 4 training and 2 test examples, 1 input, 1 output)
    """

    X_train: ArrayLike
    y_train: ArrayLike
    X_test: ArrayLike
    y_test: ArrayLike
    labels_train: ArrayLike | None = field(default=None, kw_only=True)
    labels_test: ArrayLike | None = field(default=None, kw_only=True)
    name: str = field(default="", kw_only=True)
    source: str = field(default="", kw_only=True)
    input_shape: tuple[int, ...] | None = field(default=None, kw_only=True)
    scaling: str = field(default="", kw_only=True)
    kind: str = field(default="", kw_only=True)
    input_names: Sequence[str] | None = field(default=None, kw_only=True)
    output_names: Sequence[str] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Validate every argument and store read-only arrays."""
        for name in _ARRAYS:
            object.__setattr__(self, name, _as_matrix(name, getattr(self, name)))
        for name in ("labels_train", "labels_test"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _as_labels(name, getattr(self, name)))
        self._check_that_arrays_fit()
        self._describe_inputs()
        self._check_names("input_names", self.input_shape[-1])
        self._check_names("output_names", self.n_outputs)

    def _describe_inputs(self) -> None:
        """Settle the shape of one example, and how it is to be read."""
        shape = (self.n_inputs,) if self.input_shape is None else self.input_shape
        if not isinstance(shape, Iterable):
            raise ValueError(f"input_shape: found {shape!r}; give a tuple, such as (28, 28).")
        shape = tuple(whole("input_shape", n, at_least=1) for n in shape)
        if math.prod(shape) != self.n_inputs:
            raise ValueError(
                f"input_shape: {shape} has {math.prod(shape)} entries, but each example has "
                f"{self.n_inputs}; give the shape of one example."
            )
        kind = self.kind or ("image" if len(shape) in (2, 3) else "vector")
        if one_of("kind", kind, _DIMENSIONS) and len(shape) not in _DIMENSIONS[kind]:
            raise ValueError(
                f"kind: {kind!r} does not go with the input shape {shape}; it needs "
                f"{' or '.join(str(n) for n in _DIMENSIONS[kind])} dimensions."
            )
        object.__setattr__(self, "input_shape", shape)
        object.__setattr__(self, "kind", kind)

    def _check_names(self, argument: str, needed: int) -> None:
        names = getattr(self, argument)
        if names is None:
            return
        if len(names) != needed:
            raise ValueError(
                f"{argument}: found {len(names)} names for {needed}; give one for each."
            )
        object.__setattr__(self, argument, tuple(str(name) for name in names))

    def _check_that_arrays_fit(self) -> None:
        for a, b, axis, what in (
            ("X_train", "y_train", 0, "examples (rows)"),
            ("X_test", "y_test", 0, "examples (rows)"),
            ("X_train", "X_test", 1, "inputs (columns)"),
            ("y_train", "y_test", 1, "outputs (columns)"),
        ):
            n_a, n_b = getattr(self, a).shape[axis], getattr(self, b).shape[axis]
            if n_a != n_b:
                raise ValueError(
                    f"{b}: found {n_b} {what} where {a} has {n_a}; the two must be equal. "
                    "Check that both were cut from the same data set."
                )
        for part in ("train", "test"):
            labels, y = getattr(self, f"labels_{part}"), getattr(self, f"y_{part}")
            if labels is not None and len(labels) != len(y):
                raise ValueError(
                    f"labels_{part}: found {len(labels)} labels for {len(y)} examples; "
                    "give one label an example."
                )
            if labels is not None and (labels.min() < 0 or labels.max() >= y.shape[1]):
                raise ValueError(
                    f"labels_{part}: found labels from {labels.min()} to {labels.max()}, but "
                    f"y_{part} has {y.shape[1]} columns; labels count the columns from 0."
                )

    @property
    def n_train(self) -> int:
        """Number of training examples, n."""
        return len(self.X_train)

    @property
    def n_test(self) -> int:
        """Number of test examples, m."""
        return len(self.X_test)

    @property
    def n_inputs(self) -> int:
        """Number of inputs of each example, d."""
        return self.X_train.shape[1]

    @property
    def n_outputs(self) -> int:
        """Number of outputs of each example, k."""
        return self.y_train.shape[1]

    def __repr__(self) -> str:
        """Say what the task is in one line."""
        return (
            f"Task({self.name or 'unnamed'!r}: {self.n_train} training and {self.n_test} test "
            f"examples, {_count(self.n_inputs, 'input')}, {_count(self.n_outputs, 'output')})"
        )


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _as_matrix(name: str, value) -> np.ndarray:
    """Check one array of examples and return it as a read-only, C-ordered float matrix."""
    if hasattr(value, "detach"):  # a torch tensor, on any device
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"{name}: could not be read as an array ({error}); rows must have equal lengths."
        ) from None
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"{name}: found data of type {array.dtype}; give real numbers "
            "(convert categories to one-hot rows, and text to numbers)."
        )
    if array.ndim != 2:
        fix = (
            f"{name}[:, None] for one output or input, or a one-hot matrix for class labels"
            if array.ndim == 1
            else f"{name}.reshape(len({name}), -1), and say input_shape="
        )
        raise ValueError(
            f"{name}: found shape {array.shape}, which is ambiguous; "
            f"two dimensions are needed (examples, columns). Use {fix}."
        )
    if array.size == 0:
        raise ValueError(f"{name}: found shape {array.shape}, which is empty; give some examples.")
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    # The caller's array may change later, so it is copied; not so one that owns its data and is
    # read-only, because a large data set should not be in memory twice.
    lasting = array.flags.owndata and not array.flags.writeable
    array = np.array(array, dtype=dtype, order="C", copy=None if lasting else True)
    bad = ~np.isfinite(array)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name}: found {int(bad.sum())} entries that are NaN or inf, the first "
            f"({array[row, column]}) in row {row}, column {column}; remove or impute them."
        )
    array.flags.writeable = False
    return array


def _as_labels(name: str, value) -> np.ndarray:
    """Check a vector of class labels and return it as read-only int64."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: found shape {array.shape} of type {array.dtype}; "
            "give one whole number an example, shape (n,)."
        )
    array = array.astype(np.int64)
    array.flags.writeable = False
    return array
