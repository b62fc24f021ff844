"""Tables in text files as people have them: other separators, decimal commas, older encodings.

What can be read in one way only is read in that way, and said; what can be read in two is refused.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .columns import MOST_CODES

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".data")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LOOKED_AT = 200  # lines from which the separator is told
_MISSING = ("?",)  # beside what pandas takes for missing, such as NA
# 1.234,5 and 12,5 are numbers with a decimal comma; 1,234 may also be a thousand and more.
_DECIMAL_COMMA = re.compile(r"\s*[-+]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?([eE][-+]?\d+)?\s*")
_THOUSANDS = re.compile(r"\s*[-+]?[1-9]\d{0,2}(,\d{3})+\s*")


def read_text(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """The table in a text file, and what was done to read it; its index counts all rows from 0.

    Raises
    ------
    ValueError
        If the file holds no table, or one that can be read in more than one way.
    OSError
        If it cannot be opened.
    """
    import pandas as pd

    text, said = _decoded(path.read_bytes(), path)
    text = text.strip("\r\n")
    separator = _separator(text, path)
    names = _header(text, separator, path)
    options = {  # blank lines are kept until here, so that rows are counted as in a spreadsheet
        "sep": separator,
        "na_values": list(_MISSING),
        "skipinitialspace": True,
        "skip_blank_lines": False,
        "index_col": False,
    }
    table = pd.read_csv(io.StringIO(text), low_memory=False, **options)
    nameless = [c for c, name in zip(table.columns, names, strict=True) if not name]
    table.columns = [name or c for c, name in zip(table.columns, names, strict=True)]
    if separator != ",":
        said.append(f"columns are separated by {_SEPARATORS.get(separator, 'blanks')}")
    nameless = [c for c, name in zip(table.columns, names, strict=True) if not name]
    table, counted = _without_row_numbers(table, nameless)
    said += counted
    empty = [str(c) for c in table.columns if table[c].isna().all()]
    table = table.drop(columns=empty)
    if empty:
        said.append(f"left out, since empty: {', '.join(empty)}")
    blank = table.isna().all(axis=1)
    if blank.any():
        table = table[~blank]
        said.append(f"{int(blank.sum())} empty rows left out")
    commas = _with_decimal_commas(table)
    if commas:
        raw = pd.read_csv(io.StringIO(text), dtype=str, **options)
        raw.columns = [name or c for c, name in zip(raw.columns, names, strict=True)]
        _refuse_dots(raw, [c for c in table.columns if c not in commas])
        for column in commas:
            table[column] = _of_decimal_commas(table[column])
        said.append(f"decimal commas in {', '.join(map(str, commas))}")
    return table, said


def _decoded(contents: bytes, path: Path) -> tuple[str, list[str]]:
    """The text of a file, in whatever of the usual encodings."""
    if contents.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ("utf-16",)
    elif b"\x00" in contents or contents.startswith(b"PK\x03\x04"):
        raise ValueError(
            f"frame: {str(path)!r} holds no text, as a spreadsheet does; save it as CSV, in UTF-8."
        )
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = contents.decode(encoding)
        except UnicodeDecodeError:
            continue
        said = ["it is not in UTF-8 and was read as Windows-1252"] if encoding == "cp1252" else []
        return text, said
    raise ValueError(
        f"frame: {str(path)!r} is neither in UTF-8 nor in Windows-1252; save it in UTF-8."
    )


def _separator(text: str, path: Path) -> str:
    """What stands between the columns: what every line has as often as the first, and most often.

    Raises
    ------
    ValueError
        If no separator divides all lines alike.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        raise ValueError(f"frame: {str(path)!r} cannot be read as a table: it has no rows.")
    found = {}
    for separator in _SEPARATORS:
        counts = {len(row) for row in islice(_rows(text, separator), _LOOKED_AT)}
        if len(counts) == 1 and counts != {1}:
            found[separator] = counts.pop()
    likely = max(found or _SEPARATORS, key=lambda s: found.get(s, lines[0].count(s)))
    if likely in lines[0]:
        _refuse_torn(text, likely, path)
        return likely
    blanks = [line.split() for line in lines]
    if len({len(row) for row in blanks}) == 1 < len(blanks[0]) and all(
        _is_number(entry) for row in blanks[1:] for entry in row
    ):
        return r"\s+"
    raise ValueError(
        f"frame: {str(path)!r} has one column by its first line, {lines[0][:60]!r}: no comma, "
        "semicolon, tab or bar. Give a table with a column to learn from."
    )


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    """The entries of every row that is not blank."""
    return (row for row in csv.reader(io.StringIO(text), delimiter=separator) if any(row))


def _refuse_torn(text: str, separator: str, path: Path) -> None:
    """Raise a ValueError at the first row that has more or fewer columns than the first line."""
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    wanted = 0
    for row in rows:
        wanted = wanted or len(row)
        if any(row) and len(row) != wanted:
            raise ValueError(
                f"frame: {str(path)!r} is torn: its first line has {wanted} columns, divided by "
                f"{_SEPARATORS[separator]}, and line {rows.line_num} has {len(row)}: "
                f"{separator.join(row)[:60]!r}. Mend that line; text that holds the separator"
                f"{', and numbers with decimal commas,' if separator == ',' else ''} must stand in "
                "quotes."
            )


def _header(text: str, separator: str, path: Path) -> list[str]:
    """The names in the first line, each of them once."""
    first = next(line for line in text.splitlines() if line.strip())
    names = first.split() if separator == r"\s+" else next(csv.reader([first], delimiter=separator))
    names = [name.strip() for name in names]
    if all(map(_is_number, names)):
        raise ValueError(
            f"frame: the first line of {str(path)!r} holds numbers, {first[:60]!r}, and no names "
            "of columns; put a line of names above it."
        )
    twice = [name for name, n in Counter(names).items() if n > 1 and name]
    if twice:
        raise ValueError(f"frame: found two columns named {twice[0]!r}; rename one.")
    return names


def _without_row_numbers(
    table: pd.DataFrame, nameless: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Leave out a column without a name that numbers the rows, as pandas writes its index."""
    for column in nameless:
        values = table[column]
        if values.dtype.kind in "iu" and values.is_unique:
            return table.drop(columns=column), ["a nameless column that numbers rows left out"]
    return table, []


def _with_decimal_commas(table: pd.DataFrame) -> list[str]:
    """Columns whose numbers have decimal commas.

    Raises
    ------
    ValueError
        If the commas may as well divide thousands, or there is text among the numbers.
    """
    found: list[str] = []
    doubtful: list[str] = []
    for column in table.columns:
        texts = _texts(table[column])
        if not len(texts) or not texts.str.contains(",", regex=False).any():
            continue
        if texts.str.fullmatch(_DECIMAL_COMMA).all():
            with_comma = texts[texts.str.contains(",", regex=False)]
            (doubtful if with_comma.str.fullmatch(_THOUSANDS).all() else found).append(column)
        elif texts.str.fullmatch(rf"{_THOUSANDS.pattern}|\s*[-+]?\d+(\.\d+)?\s*").all():
            doubtful.append(column)
        else:
            _refuse_text_among_commas(column, texts)
    if doubtful and not found:
        raise ValueError(
            f"frame: column {doubtful[0]!r} holds numbers with commas, such as "
            f"{_texts(table[doubtful[0]])[lambda v: v.str.contains(',')].iloc[0]!r}, which may "
            "divide thousands or be decimal; take the commas out, or write decimal points."
        )
    return [c for c in table.columns if c in found or c in doubtful]


def _refuse_text_among_commas(column: str, texts: pd.Series) -> None:
    """Refuse numbers with decimal commas but for a few entries: they are no categories."""
    plain = texts.str.fullmatch(_DECIMAL_COMMA)
    commas = texts[plain & texts.str.contains(",", regex=False)]
    if commas.nunique() > MOST_CODES:
        others = texts[~plain]
        raise ValueError(
            f"frame: column {column!r} holds {plain.sum():,} numbers with commas, and "
            f"{len(others):,} entries that are none: the first is {others.iloc[0]!r}, in row "
            f"{others.index[0] + 1}. Mend these, or leave them empty."
        )


def _refuse_dots(raw: pd.DataFrame, columns: list[str]) -> None:
    """Refuse dots that may divide thousands, in a file whose decimals have commas."""
    for column in columns:
        texts = _texts(raw[column])
        dots = texts[texts.str.contains(".", regex=False)]
        if len(dots) and dots.str.fullmatch(r"\s*[-+]?[1-9]\d{0,2}(\.\d{3})+\s*").all():
            raise ValueError(
                f"frame: column {column!r} holds numbers with dots, such as {dots.iloc[0]!r}, in a "
                "file whose decimals have commas; take the dots out if they divide thousands."
            )


def _of_decimal_commas(values: pd.Series) -> pd.Series:
    plain = values.str.strip().str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    return plain.astype(object).where(values.notna(), np.nan).astype(np.float64)


def _texts(values: pd.Series) -> pd.Series:
    """The entries of a column that are text."""
    present = values[values.notna()]
    if values.dtype.kind in "biufcmM":
        return present.iloc[:0].astype(str)
    return present[[isinstance(value, str) for value in present]].astype(str)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
