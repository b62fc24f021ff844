"""The first noun: a learning task, held as four validated arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._arguments import ArrayLike, one_of, several, whole
from .._arrays import real
from .._typed import refuse_others, typed
from ._frames import refuse_other_columns, refuse_other_rows

if TYPE_CHECKING:
    import pandas as pd

_ARRAYS = ("X_train", "y_train", "X_test", "y_test")
_LABELS = ("labels_train", "labels_test")
# How an example can be read, and how many dimensions its shape then has.
_DIMENSIONS = {"vector": (1,), "image": (2, 3), "episode": (3,), "trajectory": (2,)}


@dataclass(frozen=True, eq=False)
class Task:
    """A supervised learning task: a training set, a test set, and where they come from.

    Parameters
    ----------
    X_train, X_test : array_like, shapes (n, d) and (m, d)
        Inputs, one row an example: arrays, tensors, data frames, sparse matrices, nested lists.
    y_train, y_test : array_like, shapes (n, k) and (m, k), or (n,) and (m,)
        Real-valued targets, one row an example. Classification uses one-hot rows. A vector, such
        as a list or a column of a data frame, is one output, k = 1; it is kept as (n, 1).
    labels_train, labels_test : array_like of int, shapes (n,) and (m,), optional
        The class of each example, for tasks that have classes: the column of its one-hot row.
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
        If an array is empty, has the wrong number of dimensions, is not numeric, contains NaN,
        inf or masked or missing values, or if the arrays do not fit together: in their sizes, in
        the order of named columns and rows, or in labels that contradict one-hot rows. The message
        names the argument.

    Notes
    -----
    Arrays are stored as read-only NumPy arrays, in copies and unpickled tasks too; float32 stays
    float32, every other numeric type becomes float64.

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
    labels_train: ArrayLike = field(default=None, kw_only=True)
    labels_test: ArrayLike = field(default=None, kw_only=True)
    name: str = field(default="", kw_only=True)
    source: str = field(default="", kw_only=True)
    input_shape: tuple[int, ...] = field(default=(), kw_only=True)
    scaling: str = field(default="", kw_only=True)
    kind: str = field(default="", kw_only=True)
    input_names: Sequence[str] | None = field(default=None, kw_only=True)
    output_names: Sequence[str] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Validate every argument and store read-only arrays."""
        for name in ("name", "source", "scaling", "kind"):
            refuse_others(name, getattr(self, name), str)
        self._check_that_frames_fit()
        for name in _ARRAYS:
            object.__setattr__(self, name, _as_matrix(name, getattr(self, name)))
        for name in _LABELS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _as_labels(name, getattr(self, name)))
        self._check_that_arrays_fit()
        self._check_that_labels_fit()
        self._describe_inputs()
        self._check_names("input_names", self.input_shape[-1])
        self._check_names("output_names", self.n_outputs)

    def _describe_inputs(self) -> None:
        """Settle the shape of one example, and how it is to be read."""
        given = self.input_shape
        shape = () if given is None else several("input_shape", given, "whole numbers")
        shape = tuple(whole("input_shape", n, at_least=1) for n in shape) or (self.n_inputs,)
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
        names = several(argument, names, "names")
        if not all(isinstance(name, (str, Integral)) for name in names):
            raise ValueError(f"{argument}: found {names!r:.60}; give text.")
        if len(names) != needed:
            raise ValueError(
                f"{argument}: found {len(names)} names for {needed}; give one for each."
            )
        object.__setattr__(self, argument, tuple(str(name) for name in names))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the state of the original, and freeze its arrays: copies of them are not."""
        self.__dict__.update(state)
        for name in (*_ARRAYS, *_LABELS):
            if state[name] is not None:
                state[name].flags.writeable = False

    def _check_that_frames_fit(self) -> None:
        """Refuse data frames whose named columns or rows are in different orders."""
        for kind in ("X", "y"):
            train, test = f"{kind}_train", f"{kind}_test"
            refuse_other_columns(train, getattr(self, train), test, getattr(self, test))
        for part in ("train", "test"):
            inputs = f"X_{part}"
            for other in (f"y_{part}", f"labels_{part}"):
                refuse_other_rows(inputs, getattr(self, inputs), other, getattr(self, other))

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

    def _check_that_labels_fit(self) -> None:
        for part in ("train", "test"):
            labels, y = getattr(self, f"labels_{part}"), getattr(self, f"y_{part}")
            if labels is None:
                continue
            if len(labels) != len(y):
                raise ValueError(
                    f"labels_{part}: found {len(labels)} labels for {len(y)} examples; "
                    "give one label an example."
                )
            if labels.min() < 0 or labels.max() >= y.shape[1]:
                raise ValueError(
                    f"labels_{part}: found labels from {labels.min()} to {labels.max()}, but "
                    f"y_{part} has {y.shape[1]} columns; labels count the columns from 0."
                )
            contradict = np.flatnonzero(y[np.arange(len(y)), labels] < y.max(axis=1))
            if (one_hot(y) or one_hot(-y)) and len(contradict):
                row = int(contradict[0])
                raise ValueError(
                    f"labels_{part}: found {len(contradict)} labels that contradict the one-hot "
                    f"rows of y_{part}; the first is row {row}, labelled {labels[row]}, where "
                    f"column {y[row].argmax()} is the largest. Make both from the same labels, as "
                    "with y = numpy.eye(k)[labels]."
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

    @classmethod
    @typed
    def from_frame(
        cls,
        frame: Any,
        target: str | Sequence[str] | pd.Series,
        *,
        test_size: float | int = 0.25,
        seed: int = 0,
        classes: bool | None = None,
        impute: bool = False,
        groups: str | None = None,
        time: str | None = None,
        drop: Sequence[str] = (),
        name: str = "",
    ) -> Task:
        """A task of a table, whose columns are scaled and coded by the training rows alone.

        Columns of numbers lose their mean and are divided by their deviation; columns of anything
        else are categories, coded as 0 and 1. A target of numbers is scaled likewise, so that
        answering its mean has a loss of about 1; a target of anything else is classes, one-hot.
        `source` and `scaling` of the task say what was done.

        Parameters
        ----------
        frame : DataFrame or path
            A data frame of pandas, or of Arrow, Polars and the like; or the path of a parquet file
            (which needs the package pyarrow) or of a text file. Of such a file the separator, the
            encoding and decimal commas are found out, and said where they are not the usual ones.
        target : str, sequence of str, or Series
            The column that is to be learned; several columns of numbers; or a column of its own,
            in the order of the rows.
        test_size : float or int
            The share of the rows to test on, or their number; about so many where groups, or rows
            of one time, stay together.
        seed : int
            Of the split, in which every class has its share of both parts.
        classes : bool, optional
            Whether numbers in the target column are classes; not, by default.
        impute : bool
            Whether gaps are filled: with the median of a column of numbers, where a further column
            says so, and as a category of their own. By default gaps are refused.
        groups : str, optional
            A column whose groups, such as patients, are not to be torn apart by the split.
        time : str, optional
            A column by which the latest rows are tested on: numbers, or dates, also as text.
        drop : sequence of str
            Columns to leave out, such as an identifier.
        name : str
            What the task is called; that of the file by default.

        Raises
        ------
        ValueError
            If a file can be read in no way, or in more than one; if a column is not there, has gaps
            or infinite numbers, holds dates, lists, text among numbers, or as many values as names
            have; if the target is constant; or if too few rows are left.

        Examples
        --------
        >>> import ibhelpers as ib, pandas as pd
        >>> flats = {"area": [50, 80, 95, 120], "town": ["A", "B", "A", "B"], "price": [1, 2, 2, 3]}
        >>> task = ib.Task.from_frame(pd.DataFrame(flats), target="price", name="flats")
        >>> task
        Task('flats': 3 training and 1 test examples, 3 inputs, 1 output)
        >>> task.input_names
        ('area', 'town=A', 'town=B')
        """
        from .prepared import prepare  # whose pandas takes a second to import

        prepared = prepare(
            frame,
            target,
            test_size=test_size,
            seed=seed,
            classes=classes,
            impute=impute,
            groups=groups,
            time=time,
            drop=drop,
            name=name,
        )
        return cls(**prepared.arguments)

    def centred(self) -> Task:
        """The task whose targets are differences from the mean of the training targets.

        Of each output, in the training and the test set alike: no loss changes, for a hypothesis
        that is shifted too. For spaces whose hypotheses have mean zero. The training targets are no
        longer independent of one another, since their sum is 0, which no evidence knows of; the
        other way is a mean that is unknown: ``GaussianSpace.fit(task, mean="constant")``.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> task = ib.Task([[0.0], [1.0]], [[4.0], [6.0]], [[2.0]], [[9.0]]).centred()
        >>> task.y_train.tolist(), task.y_test.tolist()
        ([[-1.0], [1.0]], [[4.0]])
        """
        mean = self.y_train.mean(axis=0, dtype=np.float64)
        return replace(self, y_train=self.y_train - mean, y_test=self.y_test - mean)

    def __repr__(self) -> str:
        """Say what the task is in one line."""
        return (
            f"Task({self.name or 'unnamed'!r}: {self.n_train} training and {self.n_test} test "
            f"examples, {_count(self.n_inputs, 'input')}, {_count(self.n_outputs, 'output')})"
        )


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def one_hot(y: np.ndarray) -> bool:
    """Say whether each row has one of two values once, and the other, smaller one elsewhere."""
    low, high = y.min(), y.max()
    hot = y == high
    return y.shape[1] > 1 and bool((hot.sum(axis=1) == 1).all() and (hot | (y == low)).all())


def _as_matrix(name: str, value: Any) -> np.ndarray:
    """Check one array of examples and return it as a read-only, C-ordered float matrix."""
    array = _as_array(real(name, value))
    if array.ndim == 1 and name.startswith("y"):
        array = array[:, None]
    if array.ndim != 2:
        fix = (
            f"{name}[:, None], or .to_frame() of a series, if it holds one input for each example"
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
    with np.errstate(over="ignore"):  # numbers too large for float64 are refused as infinite
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


def _as_array(found: np.ndarray | torch.Tensor) -> np.ndarray:
    """Numbers as an array; NumPy lacks some of the types of tensors, and float64 holds all."""
    if not isinstance(found, torch.Tensor):
        return found
    known = found.dtype == torch.float32 or not found.dtype.is_floating_point
    return (found if known else found.to(torch.float64)).cpu().numpy()


def _as_labels(name: str, value: Any) -> np.ndarray:
    """Check a vector of class labels and return it as read-only int64."""
    array = _as_array(real(name, value))
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: found shape {array.shape} of type {array.dtype}; "
            "give one whole number an example, shape (n,)."
        )
    if len(array) and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name}: found the label {array.max()}; labels count columns from 0.")
    array = array.astype(np.int64)
    array.flags.writeable = False
    return array
