"""How the columns of a table become numbers, as the training rows say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_MOST_CATEGORIES = 50


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
            if values.dtype.kind == "c":
                raise ValueError(
                    f"frame: column {column!r} holds complex numbers; give their real and "
                    "imaginary parts as columns of their own."
                )
            if values.dtype.kind == "m":
                raise ValueError(
                    f"frame: column {column!r} holds durations; make numbers of them, such as "
                    f"frame[{column!r}].dt.total_seconds()."
                )
            if pd.api.types.is_datetime64_any_dtype(values):
                raise ValueError(
                    f"frame: column {column!r} holds dates. Give time={column!r} to test on the "
                    "latest rows, make numbers of it, or drop it: drop=[...]."
                )
            if is_number(values):
                found = values.astype(np.float64)
                mean, deviation = float(found.mean()), float(found.std(ddof=0))
                if found.isna().all() or not deviation > 1e-12 * abs(mean):
                    constant.append(column)
                    continue
                numbers[column] = (float(found.median()), mean, deviation)
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
            values = table[column].astype(np.float64).to_numpy(dtype=np.float64, na_value=np.nan)
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
        import pandas as pd

        columns = [table[c] for c in table.columns]
        numbers = all(is_number(c) and not pd.api.types.is_bool_dtype(c) for c in columns)
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
        values = table.to_numpy(dtype=np.float64)
        mean, deviation = values[train].mean(axis=0), values[train].std(axis=0)
        if not (deviation > 1e-12 * np.abs(mean)).all():
            raise ValueError("target: it is constant in the training rows; nothing can be learnt.")
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
    """Whether a column holds real numbers, of whatever type."""
    import pandas as pd

    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_complex_dtype(values)


def _text(values: pd.Series) -> pd.Series:
    """Categories as text; a gap is one of them."""
    return values.astype(object).where(values.notna(), "missing").astype(str)
