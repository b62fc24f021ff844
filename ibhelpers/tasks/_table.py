"""A task of the reader's own table: what is a number, what a category, who is tested on what.

Whatever is estimated, such as the mean of a column, is estimated on the training part alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import generator_of, one_of, probability, whole
from ._columns import Inputs, Targets, is_number

if TYPE_CHECKING:
    import pandas as pd

_READERS = {".csv": "read_csv", ".tsv": "read_table", ".parquet": "read_parquet"}


@dataclass(frozen=True)
class Prepared:
    """A table that was split and made numbers: arguments of `Task`, and the rows of both parts."""

    arguments: dict[str, Any]
    train: np.ndarray
    test: np.ndarray


def prepare(
    frame: Any,
    target: str | Sequence[str] | pd.Series,
    *,
    test_size: float | int,
    seed: int,
    classes: bool | None = None,
    impute: bool = False,
    groups: str | None = None,
    time: str | None = None,
    drop: Sequence[str] = (),
    name: str = "",
) -> Prepared:
    """What `Task` is made of, from a table; see `Task.from_frame`."""
    table, name = read(frame, name)
    table, outputs = _with_target(table, target)
    columns = _named(table, "drop", drop)
    for argument, column in (("groups", groups), ("time", time)):
        if column is not None:
            columns += _named(table, argument, [column])
    inputs = [c for c in table.columns if c not in (*columns, *outputs)]
    if not inputs:
        raise ValueError("frame: found no column beside the target to learn from.")
    _refuse_missing(table, outputs, "target", "Drop these rows: frame.dropna(subset=[...]).")
    if not impute:
        _refuse_missing(
            table,
            inputs,
            "frame",
            "Drop these rows or columns, or give impute=True, which fills in.",
        )
    train, test, how = _split(table, test_size, seed, groups, time)
    source = f"a table of {len(table):,} rows; {how}"
    arguments = arguments_of(table, inputs, outputs, train, test, classes)
    return Prepared({**arguments, "name": name, "source": source}, train, test)


def arguments_of(
    table: pd.DataFrame,
    inputs: Sequence[str],
    outputs: Sequence[str],
    train: np.ndarray,
    test: np.ndarray,
    classes: bool | None = None,
) -> dict[str, Any]:
    """What `Task` is made of, from columns and rows: scaled and coded by the training rows."""
    X = Inputs.of(table[list(inputs)].iloc[train])
    y = Targets.of(table[list(outputs)], train, classes)
    return {
        "X_train": X.array(table.iloc[train]),
        "y_train": y.array(train),
        "X_test": X.array(table.iloc[test]),
        "y_test": y.array(test),
        "labels_train": y.labels(train),
        "labels_test": y.labels(test),
        "scaling": ". ".join([*X.said, *y.said]),
        "input_names": X.names,
        "output_names": y.names,
    }


def read(frame: Any, name: str) -> tuple[pd.DataFrame, str]:
    """A data frame of whatever holds a table, and what it is called."""
    import pandas as pd

    if isinstance(frame, (str, os.PathLike)):
        path = Path(frame)
        one_of("frame", path.suffix.lower(), _READERS)
        try:
            table = getattr(pd, _READERS[path.suffix.lower()])(path)
        except FileNotFoundError:
            raise ValueError(f"frame: there is no file {str(path)!r}.") from None
        except (ValueError, OSError, ImportError) as error:
            raise ValueError(f"frame: {str(path)!r} cannot be read as a table: {error}") from None
        name = name or path.stem
    elif isinstance(frame, pd.DataFrame):
        table = frame
    elif hasattr(frame, "to_pandas"):  # tables of Arrow, Polars and others
        table = frame.to_pandas()
    else:
        raise ValueError(
            f"frame: found {type(frame).__name__}; give a data frame, or the path of a CSV or "
            "parquet file. Arrays make a task by Task(X_train, y_train, X_test, y_test)."
        )
    table = table.rename(columns=str)
    if len(table) < 4:
        raise ValueError(f"frame: found {len(table)} rows; give at least four.")
    if repeated := table.columns[table.columns.duplicated()].tolist():
        raise ValueError(f"frame: found two columns named {repeated[0]!r}; rename one.")
    table = table.apply(_as_numbers)
    infinite = [
        c for c in table if is_number(table[c]) and np.isinf(table[c].astype(np.float64)).any()
    ]
    if infinite:
        raise ValueError(
            f"frame: column {infinite[0]!r} holds infinite numbers; replace them, or drop the rows."
        )
    return table.reset_index(drop=True), name or "table"


def _as_numbers(values: pd.Series) -> pd.Series:
    """A column of objects that are all numbers, such as decimals, as the numbers that they are."""
    present = values[values.notna()]
    if values.dtype != object or not len(present):
        return values
    if not all(isinstance(v, (Real, Decimal)) and not isinstance(v, bool) for v in present):
        return values
    return values.where(values.notna(), np.nan).astype(np.float64)


def _with_target(table: pd.DataFrame, target: Any) -> tuple[pd.DataFrame, list[str]]:
    """The table with its target columns, and their names."""
    import pandas as pd

    if isinstance(target, pd.Series):
        if len(target) != len(table):
            raise ValueError(f"target: found {len(target)} values for {len(table)} rows.")
        label = str(target.name or "target")
        return table.drop(columns=label, errors="ignore").assign(**{label: target.to_numpy()}), [
            label
        ]
    names = _named(table, "target", target)
    if not names:
        raise ValueError("target: found no column; name one.")
    return table, names


def _named(table: pd.DataFrame, argument: str, names: Any) -> list[str]:
    """Names of columns that there are; one name, or several."""
    several = isinstance(names, Sequence) and not isinstance(names, str)
    return [
        one_of(argument, str(name) if isinstance(name, Integral) else name, table.columns)
        for name in (names if several else [names])
    ]


def _refuse_missing(table: pd.DataFrame, columns: list[str], argument: str, remedy: str) -> None:
    missing = table[columns].isna().sum()
    missing = missing[missing > 0]
    if len(missing):
        found = ", ".join(f"{n} in {column!r}" for column, n in missing.items())
        raise ValueError(f"{argument}: found missing values: {found}. {remedy}")


def _split(
    table: pd.DataFrame, test_size: float | int, seed: int, groups: str | None, time: str | None
) -> tuple[np.ndarray, np.ndarray, str]:
    """Rows for training and for testing, and how they were chosen, in words."""
    n, rng = len(table), generator_of(seed)
    if isinstance(test_size, Integral) and not isinstance(test_size, bool):
        m = whole("test_size", test_size, at_least=1)
    else:
        m = max(1, round(n * probability("test_size", test_size)))
    if m > n - 2:
        raise ValueError(f"test_size: {m} of {n} rows leave fewer than two for training.")
    if groups is not None and time is not None:
        raise ValueError("groups: found a column beside time=; give one of them.")
    if time is not None:
        _refuse_missing(table, [time], "time", "Drop these rows.")
        order = np.argsort(table[time].to_numpy(), kind="stable")
        how = f"tested on the {m:,} latest by {time}"
    elif groups is not None:
        _refuse_missing(table, [groups], "groups", "Drop these rows.")
        codes, names = table[groups].factorize()
        if len(names) < 2:
            raise ValueError(f"groups: found one group in column {groups!r}; give several.")
        place = rng.permutation(len(names))  # whole groups go to the test set, the last ones first
        order = np.argsort(place[codes], kind="stable")
        cuts = np.flatnonzero(np.diff(place[codes][order])) + 1
        m = n - int(cuts[np.abs(cuts - (n - m)).argmin()])
        how = f"tested on the {m:,} rows of other groups by {groups}, drawn with seed {seed}"
    else:
        order = rng.permutation(n)
        how = f"tested on {m:,}, drawn with seed {seed}"
    return np.sort(order[: n - m]), np.sort(order[n - m :]), how
