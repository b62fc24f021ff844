"""Data frames carry names: arrays that are cut from them must agree in the order of the names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Any

from .._arrays import column_names


def refuse_other_columns(train: str, a: Any, test: str, b: Any) -> None:
    """Refuse two frames of several named columns that are not the same, or not in one order."""
    names, others = _columns(a), _columns(b)
    if len(names) != len(others) or names == others:
        return
    if Counter(names) == Counter(others):
        i = next(i for i, (p, q) in enumerate(zip(names, others, strict=True)) if p != q)
        arrow = hasattr(a, "column_names") and hasattr(b, "select")
        remedy = f".select({train}.column_names)" if arrow else f"[{train}.columns]"
        raise ValueError(
            f"{test}: found the columns of {train} in another order (column {i} is {others[i]!r}, "
            f"and {names[i]!r} there); give {test}{remedy}."
        )
    if not all(isinstance(name, str) for name in names + others):
        return  # numbers may have been counted anew, as pandas does
    strange = [name for name in others if name not in names]
    raise ValueError(
        f"{test}: found columns that {train} lacks, such as {strange[0] if strange else others!r}; "
        "both must have the same columns, in the same order."
    )


def refuse_other_rows(inputs: str, a: Any, other: str, b: Any) -> None:
    """Refuse two frames, or series, that index the same rows in another order."""
    if not (hasattr(a, "iloc") and hasattr(b, "iloc")) or len(a) != len(b):
        return
    if a.index.equals(b.index) or Counter(a.index) != Counter(b.index):
        return
    raise ValueError(
        f"{other}: found the rows of {inputs} in another order, going by their index; give "
        f"{other}.loc[{inputs}.index], or reset_index(drop=True) of both if row by row they "
        "belong together."
    )


def _columns(value: Any) -> list[Hashable]:
    """Names of the columns of a data frame of any library, if it has several."""
    found: Any = column_names(value)
    if found is None and hasattr(value, "iloc"):  # of pandas, whose names may be anything
        found = getattr(value, "columns", None)
    names = [] if found is None else list(found)
    return names if len(names) > 1 else []
