"""A task of the reader's own table: what is a number, what a category, who is tested on what.

Whatever is estimated, such as the mean of a column, is estimated on the training part alone.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import generator_of, one_of, probability, whole
from ._frames import refuse_other_rows
from ._textfile import SUFFIXES, read_text
from .columns import (
    Inputs,
    Targets,
    counts_as_number,
    floats,
    is_number,
    moments,
    refuse_what_is_no_number_or_category,
)

if TYPE_CHECKING:
    import pandas as pd


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
    table, name, said = read(frame, name)
    table, outputs = _with_target(table.reset_index(drop=True), target, frame)
    columns = _named(table, "drop", drop)
    for argument, column in (("groups", groups), ("time", time)):
        if column is not None:
            columns += _named(table, argument, [column])
    if asked := [c for c in columns if c in outputs]:
        raise ValueError(
            f"target: column {asked[0]!r} is named as drop=, groups= or time= too; it can be one "
            "of them only."
        )
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
    for column in inputs:
        refuse_what_is_no_number_or_category("frame", column, table[column])
    for column in outputs:
        refuse_what_is_no_number_or_category("target", column, table[column])
    of_classes = classes or not all(map(counts_as_number, (table[c] for c in outputs)))
    strata = table[outputs[0]] if of_classes and len(outputs) == 1 else None
    train, test, how = _split(table, test_size, seed, groups, time, strata)
    source = "; ".join([f"a table of {len(table):,} rows", *said, how])
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


def read(frame: Any, name: str) -> tuple[pd.DataFrame, str, list[str]]:
    """A data frame of whatever holds a table, what it is called, and what was done to read it."""
    import pandas as pd

    said: list[str] = []
    if isinstance(frame, (str, os.PathLike)):
        path = Path(frame)
        table, said = _of_file(path)
        name = name or path.stem
    elif isinstance(frame, pd.DataFrame):
        table = frame.reset_index(drop=True)
    else:
        table = _of_another_library(frame)
    table = table.rename(columns=str)
    if len(table) < 4:
        raise ValueError(f"frame: found {len(table)} rows; give at least four.")
    if repeated := table.columns[table.columns.duplicated()].tolist():
        raise ValueError(f"frame: found two columns named {repeated[0]!r}; rename one.")
    table = table.apply(_as_numbers)
    infinite = [c for c in table if is_number(table[c]) and np.isinf(floats(table[c])).any()]
    if infinite:
        raise ValueError(
            f"frame: column {infinite[0]!r} holds infinite numbers; replace them, or drop the rows."
        )
    return table, name or "table", said


def _of_another_library(frame: Any) -> pd.DataFrame:
    """A data frame of Arrow, Polars and the like: as they convert it, or column by column."""
    import pandas as pd

    if hasattr(frame, "to_pandas"):
        try:
            return frame.to_pandas()
        except ImportError:  # Polars needs Arrow for it; its columns become arrays without
            pass
    try:
        return pd.DataFrame({name: frame[name].to_numpy() for name in frame.columns})
    except (AttributeError, TypeError, KeyError):
        raise ValueError(
            f"frame: found {type(frame).__name__}; give a data frame, or the path of a CSV or "
            "parquet file. Arrays make a task by Task(X_train, y_train, X_test, y_test)."
        ) from None


def _of_file(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """The table in a file of text, or in a parquet file."""
    import pandas as pd

    suffix = path.suffix.lower()
    if suffix not in (*SUFFIXES, ".parquet"):
        raise ValueError(
            f"frame: found {path.name!r}; give a text file ({', '.join(SUFFIXES)}) or a .parquet "
            "file. Spreadsheets save a table as CSV."
        )
    if not path.exists():
        raise ValueError(f"frame: there is no file {str(path)!r}.")
    cannot = f"frame: {str(path)!r} cannot be read as a table"
    if suffix == ".parquet":
        try:
            return pd.read_parquet(path).reset_index(drop=True), []  # rows count from 0
        except ImportError:
            raise ValueError(
                f"{cannot}: parquet files need the package pyarrow, which is not installed here. "
                "Install it, or save the table as CSV."
            ) from None
        except (OSError, ValueError) as error:
            raise ValueError(f"{cannot}: {error}") from None
    try:
        return read_text(path)
    except (OSError, csv.Error, pd.errors.ParserError) as error:
        raise ValueError(f"{cannot}: {error}") from None


def _as_numbers(values: pd.Series) -> pd.Series:
    """A column of objects that are all numbers, such as decimals, as the numbers that they are."""
    present = values[values.notna()]
    if values.dtype != object or not len(present):
        return values
    if not all(isinstance(v, (Real, Decimal)) and not isinstance(v, bool) for v in present):
        return values
    return values.where(values.notna(), np.nan).astype(np.float64)


def _with_target(table: pd.DataFrame, target: Any, frame: Any) -> tuple[pd.DataFrame, list[str]]:
    """The table with its target columns, and their names."""
    import pandas as pd

    if isinstance(target, pd.Index):  # as frame.columns[-1:] is
        target = target.tolist()
    if isinstance(target, np.ndarray) or hasattr(target, "to_numpy"):  # a column of its own
        label = str(getattr(target, "name", None) or "target")
        refuse_other_rows("frame", frame, "target", target)
        if np.ndim(target) != 1:
            raise ValueError(
                f"target: found {np.ndim(target)} dimensions; give one column, or the names of "
                "several columns of frame."
            )
        values = pd.Series(target if isinstance(target, pd.Series) else np.asarray(target))
        if len(values) != len(table):
            raise ValueError(f"target: found {len(values)} values for {len(table)} rows.")
        others = table.drop(columns=label, errors="ignore")
        return others.assign(**{label: _as_numbers(values.reset_index(drop=True))}), [label]
    names = _named(table, "target", target)
    if not names:
        raise ValueError("target: found no column; name one.")
    return table, names


def _named(table: pd.DataFrame, argument: str, names: Any) -> list[str]:
    """Names of columns that there are; one name, or several."""
    names = names.tolist() if hasattr(names, "tolist") else names  # an index, or an array
    several = isinstance(names, (Sequence, set)) and not isinstance(names, str)
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
    table: pd.DataFrame,
    test_size: float | int,
    seed: int,
    groups: str | None,
    time: str | None,
    strata: pd.Series | None,
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
        train, test = _whole(moments(time, table[time]), m, "time", time)
        how = f"tested on the {len(test):,} latest by {time}"
    elif groups is not None:
        _refuse_missing(table, [groups], "groups", "Drop these rows.")
        try:
            codes, names = table[groups].factorize()
        except TypeError:
            raise ValueError(
                f"groups: column {groups!r} holds {type(table[groups].iloc[0]).__name__}, which "
                "names no group; give text or whole numbers."
            ) from None
        place = rng.permutation(len(names))  # whole groups go to the test set, the last ones first
        train, test = _whole(place[codes], m, "groups", groups)
        how = (
            f"tested on the {len(test):,} rows of other groups by {groups}, drawn with seed {seed}"
        )
    else:
        order = rng.permutation(n)
        how = f"tested on {m:,}, drawn with seed {seed}"
        if strata is not None:
            order = order[np.argsort(_ranks(strata.factorize()[0][order]), kind="stable")]
            how += ", of each class in proportion"
        train, test = np.sort(order[: n - m]), np.sort(order[n - m :])
    return train, test, how


def _whole(key: np.ndarray, m: int, argument: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    """About m rows with the largest keys for testing; rows of one key stay together."""
    order = np.argsort(key, kind="stable")
    cuts = np.flatnonzero(np.diff(key[order]) > 0) + 1
    cuts = cuts[cuts >= 2]
    if not len(cuts):
        raise ValueError(
            f"{argument}: column {column!r} leaves no rows for training, or none for testing; give "
            "a column with more values."
        )
    cut = int(cuts[np.abs(cuts - (len(key) - m)).argmin()])
    return np.sort(order[:cut]), np.sort(order[cut:])


def _ranks(codes: np.ndarray) -> np.ndarray:
    """Of each row the place in its class, as a share of the class: sorted, all classes mix."""
    shares = np.empty(len(codes))
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        shares[members] = (np.arange(len(members)) + 0.5) / len(members)
    return shares
