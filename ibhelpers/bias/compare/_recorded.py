"""Draws that were asked once, with the full data sets, and ship with the course."""

from __future__ import annotations

import json

from ..._arguments import one_of
from ..._shipped import SHIPPED_FOLDER
from ._draws import Draws


def recorded(name: str) -> Draws:
    """What a chapter's question found on all of its draws, from a run that was recorded.

    The chapters recompute the first of their draws, which needs nothing but what ships; the others
    are from the full data sets. The programs that made the records are in ``book/recorded/``.

    Parameters
    ----------
    name : str
        Of a record, such as the one that a chapter names.

    Returns
    -------
    Draws
        Whose ``values.attrs`` say of which draws, when, on what, and in how many seconds.

    Raises
    ------
    ValueError
        If there is no record of that name.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> try:
    ...     ib.compare.recorded("nothing")
    ... except ValueError as error:
    ...     print(str(error)[:22])
    name: found 'nothing';
    """
    import pandas as pd

    folder = SHIPPED_FOLDER / "draws"
    one_of("name", name, sorted(path.stem for path in folder.glob("*.json")))
    record = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    values = pd.DataFrame(record.pop("values")).rename_axis("draw")
    values.attrs = record
    return Draws(values)
