"""Arrays that are not what they seem: read as what they hold, or refused in words."""

import array
import collections
import copy
import pickle
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from ibhelpers import Task
from ibhelpers._arrays import real

X = np.arange(8.0).reshape(4, 2)
TARGETS = np.array([1.5, -0.5, 0.25, 2.0])
HIDDEN = np.ma.array(X, mask=[[0, 0], [0, 1], [0, 0], [0, 0]])  # what is under the mask is a 3


def quietly(make):
    """Make a tensor of a kind that torch warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


CONVERTED = {
    "a list": X.tolist(),
    "tuples of ranges": tuple(range(i, i + 2) for i in range(0, 8, 2)),
    "a deque of buffers": collections.deque(array.array("d", row) for row in X),
    "float16": X.astype(np.float16),
    "longdouble": X.astype(np.longdouble),
    "big-endian": X.astype(">f8"),
    "little unsigned integers": X.astype(np.uint8),
    "Fortran order": np.asfortranarray(X),
    "a strided view": np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "a reversed view": X[::-1].copy()[::-1],
    "a matrix": np.matrix(X),
    "a masked array without a mask": np.ma.array(X, mask=False),
    "objects": X.astype(object),
    "fractions": [[Fraction(int(x)) for x in row] for row in X],
    "decimals": [[Decimal(int(x)) for x in row] for row in X],
    "a data frame": pd.DataFrame(X),
    "nullable columns": pd.DataFrame(X).convert_dtypes(),
    "columns of several types": pd.DataFrame({"a": X[:, 0].astype(int), "b": X[:, 1]}),
    "nullable and plain columns": pd.DataFrame({"a": pd.array(X[:, 0], "Int8"), "b": X[:, 1]}),
    "object columns": pd.DataFrame(X, dtype=object),
    "sparse columns": pd.DataFrame.sparse.from_spmatrix(scipy.sparse.csr_array(X)),
    "a list of series": [pd.Series(row) for row in X],
    "a sparse array": scipy.sparse.csr_array(X),
    "a sparse matrix": scipy.sparse.coo_matrix(X),
    "bfloat16": torch.tensor(X, dtype=torch.bfloat16),
    "float8": torch.tensor(X).to(torch.float8_e4m3fn),
    "requires grad": torch.tensor(X, requires_grad=True),
    "a parameter": torch.nn.Parameter(torch.tensor(X)),
    "a sparse tensor": torch.tensor(X).to_sparse(),
    "rows of compressed columns": quietly(lambda: torch.tensor(X).to_sparse_csc()),
    "a transposed tensor": torch.tensor(X.T.copy()).T,
    "a list of tensors that require grad": list(torch.tensor(X, requires_grad=True)),
}

REFUSED = {
    "masked": (HIDDEN, "1 masked entries.*filled"),
    "a list of masked rows": (list(HIDDEN), "1 masked entries"),
    "a masked number in a list": ([[0.0, 1.0], [2.0, np.ma.masked]] * 2, "1 masked entries"),
    "a masked tensor": (
        quietly(lambda: torch.masked.masked_tensor(torch.tensor(X), torch.tensor(X > 1))),
        "a masked tensor",
    ),
    "missing integers": (pd.DataFrame({"a": pd.array([1, None, 3, 4], "Int64")}), "'a'.*index 1"),
    "missing floats": (pd.DataFrame({"a": [1, np.nan, 3, 4]}), "column 'a': found 1 .*dropna"),
    "missing objects": (np.array([[1, None]] * 4, dtype=object), "None at position .*impute"),
    "not available": ([[1, pd.NA]] * 4, "<NA> at position .*impute"),
    "no time": ([[1, pd.NaT]] * 4, "NaT at position .*impute"),
    "mixed columns": (
        pd.DataFrame({"size": [1.0] * 4, "city": ["Ulm", "Bonn"] * 2}),
        "column 'city': .*get_dummies",
    ),
    "a category": (pd.DataFrame({"a": pd.Categorical([1, 2, 1, 2])}), "column 'a': .*get_dummies"),
    "dates": (pd.DataFrame({"a": pd.date_range("2020", periods=4)}), "column 'a': .*datetime64"),
    "complex columns": (pd.DataFrame(X + 1j), "column 0: found data of type complex128"),
    "text": (X.astype(str), "type <U.*text to numbers"),
    "text of variable length": (X.astype(str).astype(np.dtypes.StringDType()), "StringDType"),
    "text among numbers": ([[1.0, "2"]] * 4, "type <U"),
    "bytes": (b"abcdefgh", "type |S8"),
    "complex": (X + 0j, "complex128.*imaginary"),
    "a complex tensor": (torch.tensor(X + 0j), "complex128.*imaginary"),
    "dates and times": (np.zeros((4, 2), "M8[D]"), "datetime64.*subtract a date"),
    "durations": (np.zeros((4, 2), "m8[s]"), "timedelta64.*divide by a unit"),
    "records": (np.zeros(4, [("a", float), ("b", float)]), "structured_to_unstructured"),
    "ragged": ([[1.0, 2.0], [3.0]], "rows must have equal lengths"),
    "ragged objects": (np.array([X[0], X[0, :1]], dtype=object), "rows must have equal lengths"),
    "a nested tensor": (
        quietly(lambda: torch.nested.nested_tensor([torch.ones(1), torch.ones(2)])),
        "nested tensor; rows must have equal lengths",
    ),
    "a generator": ((row for row in X), "a generator, which is no array; .*list"),
    "a map": (map(float, X[:, 0]), "a map, which is no array; .*list"),
    "a dict": ({"a": [1, 2]}, "a dict, which is no array"),
    "a set": ({1.0, 2.0}, "a set, which is no array"),
    "nothing": (None, "None"),
    "no numbers": (torch.ones(4, 2, device="meta"), "meta device"),
    "too large": ([[10**400, 1]] * 4, "too large to convert to float"),
}


class Foreign:
    """An array of a library whose numbers cannot be had."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("the numbers are on a device")


class Interchange:
    """A data frame that has the interchange protocol alone."""

    def __dataframe__(self):
        return self


class Polars:
    """A data frame whose array takes dates, durations and nulls for numbers, as that of Polars."""

    def __init__(self, columns: dict) -> None:
        self._columns = {name: np.asarray(values) for name, values in columns.items()}

    @property
    def columns(self):
        return list(self._columns)

    def __getitem__(self, name):
        return self._columns[name]

    def __array__(self, dtype=None, copy=None):
        return np.stack([values.astype(np.float64) for values in self._columns.values()], axis=1)


class Arrow(Polars):
    """A table whose columns are arrays, and whose names have a name of their own."""

    @property
    def columns(self):
        return list(self._columns.values())

    @property
    def column_names(self):
        return list(self._columns)

    def select(self, names):
        return Arrow({name: self[name] for name in names})


DAYS = np.arange("2020-01-01", "2020-01-05", dtype="datetime64[D]")


@pytest.mark.parametrize("library", [Polars, Arrow])
def test_frames_of_other_libraries_are_read_column_by_column(library):
    frame = library({"a": X[:, 0].astype(np.int8), "b": X[:, 1]})
    np.testing.assert_array_equal(Task(frame, TARGETS, X, TARGETS).X_train, X)
    np.testing.assert_array_equal(
        Task(X, library({"y": TARGETS}), X, TARGETS).y_train[:, 0], TARGETS
    )
    for days, told in ((DAYS, "datetime64"), (DAYS - DAYS[0], "timedelta64")):
        strange = library({"a": days, "b": X[:, 1]})
        with pytest.raises(
            ValueError, match=rf"X_train, column 'a': .*{told}.*timedelta64\(1, 'D'"
        ):
            Task(strange, TARGETS, X, TARGETS)
        with pytest.raises(ValueError, match=rf"y_test, column 'a': .*{told}"):
            Task(X, X, X, strange)
    with pytest.raises(ValueError, match=r"X_train, column 'a': .*text to numbers"):
        Task(library({"a": ["u"] * 4, "b": X[:, 1]}), TARGETS, X, TARGETS)


def test_a_table_whose_columns_are_arrays_has_an_order_of_names():
    table = Arrow({"a": X[:, 0], "b": X[:, 1]})
    with pytest.raises(ValueError, match=r"X_test.select\(X_train.column_names\)"):
        Task(table, TARGETS, table.select(["b", "a"]), TARGETS)
    frame = pd.DataFrame(X, columns=["a", "b"])
    with pytest.raises(ValueError, match=r"X_test: .*another order.*X_test\[X_train.columns\]"):
        Task(frame, TARGETS, table.select(["b", "a"]), TARGETS)
    np.testing.assert_array_equal(Task(table, TARGETS, frame, TARGETS).X_test, X)


@pytest.mark.parametrize("given", CONVERTED.values(), ids=CONVERTED)
def test_converted_by_a_task(given):
    task = Task(given, TARGETS, X, TARGETS)
    np.testing.assert_array_equal(task.X_train, X)
    assert task.X_train.dtype == np.float64 and task.X_train.dtype.isnative
    assert type(task.X_train) is np.ndarray and task.X_train.flags.c_contiguous


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_by_a_task(given, message):
    with pytest.raises(ValueError, match=f"(?s)X_train.*{message}"):
        Task(given, TARGETS, X, TARGETS)


@pytest.mark.parametrize("foreign", [Foreign(), Interchange()])
def test_a_foreign_container(foreign):
    with pytest.raises(ValueError, match=r"x: .*give a list, an array or a tensor of numbers"):
        real("x", foreign)


@pytest.mark.parametrize(
    "given",
    [
        TARGETS,
        TARGETS.tolist(),
        pd.Series(TARGETS, index=[7, 8, 9, 10]),
        pd.Series(TARGETS, dtype="Float64"),
        pd.Index(TARGETS),
        pd.DataFrame({"y": TARGETS}),
        torch.tensor(TARGETS),
        np.matrix(TARGETS).T,
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_vector_of_targets_is_one_output(given):
    task = Task(X, given, X, TARGETS)
    np.testing.assert_array_equal(task.y_train, TARGETS[:, None])
    assert task.n_outputs == 1


def test_columns_in_another_order():
    train = pd.DataFrame(X, columns=["age", "size"])
    with pytest.raises(ValueError, match=r"X_test: .*another order.*X_test\[X_train.columns\]"):
        Task(train, TARGETS, train[["size", "age"]], TARGETS)
    with pytest.raises(ValueError, match="X_test: found columns that X_train lacks, such as 'sex'"):
        Task(train, TARGETS, train.rename(columns={"size": "sex"}), TARGETS)
    with pytest.raises(ValueError, match=r"y_test: .*another order"):
        Task(X, train, X, train[["size", "age"]])
    Task(train, TARGETS, pd.DataFrame(X), TARGETS)  # which has no names to compare


NAMES = [
    [0, 1, 2],
    [1.5, 2.5, 3.5],
    ["age", 1, 2],
    [(0, "a"), (0, "b"), (1, "a")],
    list(pd.date_range("2020-01-01", periods=3)),
    pd.MultiIndex.from_product([["u"], ["a", "b", "c"]]),
]


@pytest.mark.parametrize("names", NAMES, ids=lambda names: repr(names[0]))
def test_columns_of_any_names_in_another_order(names):
    values = np.arange(12.0).reshape(4, 3)
    train = pd.DataFrame(values, columns=names)
    with pytest.raises(ValueError, match=r"X_test: .*another order.*X_test\[X_train.columns\]"):
        Task(train, TARGETS, train.iloc[:, [1, 0, 2]], TARGETS)
    with pytest.raises(ValueError, match=r"y_test: .*another order"):
        Task(X, train, X, train.iloc[:, ::-1])
    Task(train, TARGETS, train.copy(), TARGETS)
    Task(train, TARGETS, pd.DataFrame(values, columns=[7, 8, 9]), TARGETS)  # counted anew


def test_rows_in_another_order():
    train, y = pd.DataFrame(X), pd.Series(TARGETS)
    shuffled = y.loc[[2, 0, 1, 3]]
    with pytest.raises(ValueError, match=r"y_train: .*another order.*y_train.loc\[X_train.index\]"):
        Task(train, shuffled, X, TARGETS)
    task = Task(train, shuffled.reset_index(drop=True), X, TARGETS)
    np.testing.assert_array_equal(task.y_train[:, 0], TARGETS[[2, 0, 1, 3]])
    with pytest.raises(ValueError, match=r"labels_test: .*another order"):
        Task(X, np.eye(2)[[0, 1, 0, 1]], train, np.eye(2)[[0, 1, 0, 1]], labels_test=shuffled)


def test_labels_of_rows_that_are_one_cold():
    """A class whose column is the smallest: the largest output would never be right."""
    labels = [0, 2, 1, 0]
    for code in (-np.eye(3), 1 - np.eye(3)):
        with pytest.raises(ValueError, match=r"labels_train: .*column \d is the largest"):
            Task(X, code[labels], X, np.eye(3)[labels], labels_train=labels)
    Task(X, 1 - np.eye(3)[labels], X, np.eye(3)[labels], labels_train=[2, 1, 0, 1])  # two labels
    Task(X, -np.eye(2)[[0, 1, 1, 0]], X, TARGETS[:, None] * [1, 1], labels_train=[1, 0, 0, 1])


@pytest.mark.parametrize("code", [np.eye(3), 2 * np.eye(3) - 1, 0.1 + 0.8 * np.eye(3)])
def test_labels_that_contradict_one_hot_rows(code):
    labels = [0, 2, 1, 0]
    task = Task(X, code[labels], X, code[labels], labels_train=labels)
    assert task.labels_train.tolist() == labels
    with pytest.raises(ValueError, match=r"labels_test: found 2 .*contradict.*row 1, labelled 1"):
        Task(X, code[labels], X, code[labels], labels_test=[0, 1, 2, 0])


def test_labels_beside_targets_that_are_no_one_hot_rows():
    """Soft targets, and two ones in a row, leave the labels free."""
    for soft, labels in (
        (np.full((4, 2), 0.5), [0, 1, 0, 1]),
        ([[0.9, 0.1], [0.4, 0.6]] * 2, [1, 0, 0, 1]),
    ):
        task = Task(X, soft, X, np.ones((4, 2)), labels_train=labels)
        assert task.labels_train.tolist() == labels


@pytest.mark.parametrize(
    "given",
    [
        pd.Series([0, 1, 1, 0], dtype="Int64"),
        torch.tensor([0, 1, 1, 0]),
        np.array([0, 1, 1, 0], "O"),
    ],
)
def test_labels_in_other_containers(given):
    task = Task(X, np.eye(2)[[0, 1, 1, 0]], X, X, labels_train=given)
    assert task.labels_train.tolist() == [0, 1, 1, 0] and task.labels_train.dtype == np.int64


@pytest.mark.parametrize(
    "given",
    [
        np.ma.array([0, 1, 1, 0], mask=[0, 1, 0, 0]),
        pd.Series([0, None, 1, 0], dtype="Int64"),
        ["cat", "dog", "dog", "cat"],
        np.array([2**63, 0, 0, 0], dtype=np.uint64),  # negative as an int64
        [10**30, 0, 0, 0],
        [True, False, False, True],
    ],
)
def test_labels_that_are_none(given):
    with pytest.raises(ValueError, match="labels_train: found"):
        Task(X, np.eye(2)[[0, 1, 1, 0]], X, X, labels_train=given)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda task: pickle.loads(pickle.dumps(task))]
)
def test_copies_are_frozen(copied):
    y = np.eye(2)[[0, 1, 1, 0]]
    task = Task(X, y, X, y, labels_train=[0, 1, 1, 0], name="mine")
    twin = copied(task)
    assert repr(twin) == repr(task)
    for name in ("X_train", "y_train", "X_test", "y_test", "labels_train"):
        np.testing.assert_array_equal(getattr(twin, name), getattr(task, name))
        with pytest.raises(ValueError, match="read-only"):
            getattr(twin, name)[0] = 1
