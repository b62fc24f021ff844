"""How the columns of a table become numbers, as the training rows say."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from numbers import Number
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_MOST_CATEGORIES = 50
MOST_CODES = 10  # different numbers that stand beside text as names, such as 0, 1, 2, 3+


@dataclass(frozen=True)
class Inputs:
    """How columns become numbers, as learnt from the training rows.

    Attributes
    ----------
    numbers : dict
        From the name of a column to its median, mean and standard deviation.
    categories : dict
        From the name of a column to its values, in the order of their columns.
    gaps : list
        Columns of numbers that have gaps, each of which gets a column that says where.
    said : list of str
        What was done.
    """

    numbers: dict[str, tuple[float, float, float]]
    categories: dict[str, list[str]]
    gaps: list[str]
    said: list[str]

    @classmethod
    def of(cls, table: pd.DataFrame) -> Inputs:
        """Look at the training rows."""
        import pandas as pd

        numbers, categories, gaps = {}, {}, []
        constant: list[str] = []
        for column in table.columns:
            values = table[column]
            if is_number(values):
                found = pd.Series(floats(values))
                mean, deviation = location_and_scale(found.to_numpy())
                if not deviation:
                    constant.append(column)
                    continue
                if not np.isfinite(deviation):
                    raise ValueError(
                        f"frame: the numbers in column {column!r} are too large, up to "
                        f"{found.abs().max():.3g}; give them in another unit."
                    )
                numbers[column] = (_middle(found.to_numpy()), mean, deviation)
                if found.isna().any():
                    gaps.append(column)
            else:
                known = sorted(_text(values).unique())
                if len(known) < 2:
                    constant.append(column)
                    continue
                if len(known) > _MOST_CATEGORIES:
                    raise ValueError(
                        f"frame: column {column!r} has {len(known):,} different values in "
                        f"{len(values):,} training rows, such as {known[0]!r}. If they name the "
                        f"rows, drop it: drop=[{column!r}]; if they are numbers, mend the entries "
                        "that are not."
                    )
                categories[column] = known
        if not numbers and not categories:
            raise ValueError("frame: no column varies in the training rows; nothing can be learnt.")
        said = []
        if numbers:
            said.append(
                f"{len(numbers)} columns of numbers: less their mean, divided by their deviation"
            )
        if gaps:
            said.append(f"gaps in {', '.join(gaps)} filled with the median, and marked")
        if categories:
            said.append(f"{len(categories)} columns of categories: coded as 0 and 1")
        if constant:
            said.append(f"left out, since constant in training: {', '.join(constant)}")
        return cls(numbers, categories, gaps, said)

    @property
    def names(self) -> list[str]:
        """Of the inputs."""
        coded = [f"{c}={value}" for c, known in self.categories.items() for value in known]
        return [*map(str, self.numbers), *(f"{c} missing" for c in self.gaps), *coded]

    def array(self, table: pd.DataFrame) -> np.ndarray:
        """The inputs of some rows, (rows, d); a category that training lacks is 0 everywhere."""
        parts = []
        for column, (median, mean, deviation) in self.numbers.items():
            values = floats(table[column])
            parts.append((np.where(np.isnan(values), median, values) - mean) / deviation)
        for column in self.gaps:
            parts.append(table[column].isna().to_numpy(dtype=np.float64))
        for column, known in self.categories.items():
            values = _text(table[column])
            parts.extend((values == value).to_numpy(dtype=np.float64) for value in known)
        return np.stack(parts, axis=1)


@dataclass(frozen=True)
class Targets:
    """How the target becomes numbers."""

    values: np.ndarray  # (rows, k), or the number of each row's class, (rows,)
    names: list[str]
    are_classes: bool
    said: list[str]

    @classmethod
    def of(cls, table: pd.DataFrame, train: np.ndarray, classes: bool | None) -> Targets:
        """Classes where the target is no number, or where that was asked for."""
        columns = [table[c] for c in table.columns]
        numbers = all(map(counts_as_number, columns))
        if classes is False and not numbers:
            raise ValueError("classes: found False for a target that is not all numbers.")
        if classes or not numbers:
            if len(columns) > 1:
                raise ValueError("target: found several columns of classes; give one column.")
            known, codes = np.unique(_text(columns[0]).to_numpy(dtype=str), return_inverse=True)
            unseen = known[np.setdiff1d(codes, codes[train])]
            few = 2 <= len(known) <= _MOST_CATEGORIES
            if not few or len(unseen):
                found = (
                    f"class {str(unseen[0])!r} has no training row"
                    if few
                    else (f"found {len(known):,} classes, such as {str(known[0])!r}")
                )
                raise ValueError(
                    f"target: {found}; give a column of numbers, or of 2 to {_MOST_CATEGORIES} "
                    "classes, each of them more than once."
                )
            return cls(codes, known.tolist(), True, [f"target: {len(known)} classes, one-hot"])
        values = np.stack([floats(c) for c in columns], axis=1)
        mean, deviation = np.array([location_and_scale(column) for column in values[train].T]).T
        if not deviation.all():
            raise ValueError("target: it is constant in the training rows; nothing can be learnt.")
        if not np.isfinite(deviation).all():
            raise ValueError("target: its numbers are too large; give them in another unit.")
        scaled = (values - mean) / deviation
        of = ", ".join(
            f"{c}: {m:.6g} and {s:.6g}"
            for c, m, s in zip(table.columns, mean, deviation, strict=True)
        )
        said = [f"target: less its mean, divided by its deviation ({of})"]
        return cls(scaled, [str(c) for c in table.columns], False, said)

    def labels(self, rows: np.ndarray) -> np.ndarray | None:
        """The class of each row."""
        return self.values[rows] if self.are_classes else None

    def array(self, rows: np.ndarray) -> np.ndarray:
        """The targets of some rows, (rows, k)."""
        if self.are_classes:
            return np.eye(len(self.names))[self.values[rows]]
        return self.values[rows]


def is_number(values: pd.Series) -> bool:
    """Whether a column holds real numbers, of whatever type; true and false are 1 and 0."""
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_complex_dtype(values):
        return False
    return pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)


def counts_as_number(values: pd.Series) -> bool:
    """Whether a target column is numbers by itself: true and false are classes."""
    import pandas as pd

    return is_number(values) and not pd.api.types.is_bool_dtype(values)


def floats(values: pd.Series) -> np.ndarray:
    """A column of numbers as float64; what is missing is NaN."""
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def location_and_scale(values: np.ndarray) -> tuple[float, float]:
    """Mean and deviation of the numbers that there are; a deviation of 0 where they are all one.

    Differences that rounding may have made do not count. An infinite deviation stands for numbers
    whose differences overflow.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 0.0
    size = float(np.abs(known).max())
    half = known / 2  # whose differences do not overflow
    if not half.max() - half.min() > 8 * np.finfo(np.float64).eps * size:
        return float(known[0]), 0.0
    with np.errstate(over="ignore"):
        mean = float((known / len(known)).sum())
        peak = float(np.abs(known - mean).max())
        if not np.isfinite(peak):
            return mean, np.inf
        return mean, float(peak * ((known - mean) / peak).std())  # no square over- or underflows


def _middle(values: np.ndarray) -> float:
    """The median of the numbers that there are; no sum of two overflows."""
    known = np.sort(values[~np.isnan(values)])
    return float(known[(len(known) - 1) // 2] / 2 + known[len(known) // 2] / 2)


def refuse_what_is_no_number_or_category(argument: str, column: str, values: pd.Series) -> None:
    """Raise a ValueError for dates, durations, lists, and numbers among which there is text."""
    import pandas as pd

    cannot = f"{argument}: column {column!r} holds"
    if pd.api.types.is_complex_dtype(values):
        raise ValueError(
            f"{cannot} complex numbers; give their real and imaginary parts as columns of "
            "their own."
        )
    if pd.api.types.is_timedelta64_dtype(values):
        raise ValueError(
            f"{cannot} durations; make numbers of them, such as "
            f"frame[{column!r}].dt.total_seconds()."
        )
    if is_number(values):
        return
    known = values[values.notna()]
    if isinstance(values.dtype, pd.CategoricalDtype):
        known = known.astype(known.cat.categories.dtype)
    if isinstance(known.dtype, pd.PeriodDtype) or pd.api.types.is_datetime64_any_dtype(known):
        found: type = datetime.date
    else:
        strange = (
            v for v in known if not isinstance(v, (str, bytes, bool, int, float, np.generic))
        )
        found = next((type(v) for v in strange if not isinstance(v, (Number, pd.Interval))), str)
    if issubclass(found, (datetime.date, datetime.time)):
        raise ValueError(
            f"{cannot} dates. Give time={column!r} to test on the latest rows, make numbers of it, "
            "or drop it: drop=[...]."
        )
    if found is not str:
        raise ValueError(
            f"{cannot} values of type {found.__name__}, which are neither numbers nor categories; "
            "give a column for each number in them, or drop it: drop=[...]."
        )
    _refuse_text_among_numbers(cannot, known)


def _refuse_text_among_numbers(cannot: str, known: pd.Series) -> None:
    """Raise a ValueError where a column of text is all dates, or numbers but for a few entries."""
    import pandas as pd

    texts = known.astype(str)
    numbers = pd.to_numeric(texts, errors="coerce")
    others = texts[numbers.isna()]
    if len(others) and numbers.nunique() > MOST_CODES:
        raise ValueError(
            f"{cannot} {len(texts) - len(others):,} numbers, and {len(others):,} entries that are "
            f"none: the first is {others.iloc[0]!r}, in row {others.index[0] + 1}. Mend these, or "
            "leave them empty."
        )
    if others.nunique() > MOST_CODES and _dated(others) is not None:
        raise ValueError(
            f"{cannot} dates, such as {others.iloc[0]!r}. Name it as time to test on the latest "
            "rows, make numbers of it, or drop it: drop=[...]."
        )


def moments(column: str, values: pd.Series) -> np.ndarray:
    """Numbers that are in the order of a column of times: dates, numbers, or text that is dates.

    Raises
    ------
    ValueError
        If it is none of these, or dates of which days and months cannot be told apart.
    """
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        if values.cat.ordered:
            return values.cat.codes.to_numpy(dtype=np.float64)
        values = values.astype(values.cat.categories.dtype)
    if is_number(values):
        return floats(values)
    if isinstance(values.dtype, pd.PeriodDtype):
        values = values.dt.to_timestamp()
    if pd.api.types.is_timedelta64_dtype(values):
        return values.astype("int64").to_numpy()
    if all(isinstance(value, datetime.date) for value in values):  # which dates with times are too
        return pd.to_datetime(pd.Series(list(values)), utc=True).astype("int64").to_numpy()
    found = _dated(values.astype(str))
    if found is None:
        raise ValueError(
            f"time: column {column!r} holds {str(values.iloc[0])!r}, which is no date; give "
            "numbers, or dates such as 2024-12-31."
        )
    if len(found) > 1:
        raise ValueError(
            f"time: the dates in column {column!r}, such as {str(values.iloc[0])!r}, may begin "
            "with the day or with the month; write them as 2024-12-31."
        )
    return found[0].astype("int64").to_numpy()


def _dated(texts: pd.Series) -> list[pd.Series] | None:
    """Dates of a column of text, in each of the ways in which all of it can be read, or None."""
    import pandas as pd

    ways = ["ISO8601"]
    for a in "-/.":
        ways += [f"%d{a}%m{a}%Y", f"%m{a}%d{a}%Y", f"%d{a}%m{a}%y", f"%m{a}%d{a}%y"]
    found: list[pd.Series] = []
    for way in ways:
        try:
            read = pd.to_datetime(texts, format=way, utc=True)
        except (ValueError, OverflowError):
            continue
        if not any((read.argsort() == other.argsort()).all() for other in found):
            found.append(read)
    return found or None


def _text(values: pd.Series) -> pd.Series:
    """Categories as text; a gap is one of them."""
    return values.astype(object).where(values.notna(), "missing").astype(str)
