"""Tables that are tables for every reader: on paper, on a telephone, by a screen reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from .._typed import typed
from .style import in_notebook

if TYPE_CHECKING:
    import pandas as pd

Formats = Sequence[Callable] | Mapping[str, Callable]


@typed
def show_table(
    frame: pd.DataFrame | pd.Series,
    caption: str,
    *,
    index: bool = True,
    float_format: Callable[[float], str] | None = None,
    formatters: Formats | None = None,
) -> None:
    """Show a table with a caption in a notebook, and its plain text beside it.

    Where there is no notebook the plain text is printed.

    Parameters
    ----------
    frame : pandas.DataFrame or pandas.Series
        What to show; round it first.
    caption : str
        What the numbers are and in which unit, in one sentence.
    index : bool
        Whether the index is a column of the table.
    float_format, formatters : optional
        As for `pandas.DataFrame.to_string`.

    Examples
    --------
    >>> import pandas as pd
    >>> import ibhelpers as ib
    >>> needed = pd.DataFrame({"target": [0.09, 0.05], "bits": [2580.4, 4271.0]})
    >>> ib.plots.show_table(needed, "Bits by target error.", index=False)
    Bits by target error.
     target   bits
       0.09 2580.4
       0.05 4271.0
    """
    if not hasattr(frame, "to_string"):
        raise ValueError(f"frame: found a {type(frame).__name__}; give a data frame or a series.")
    if not hasattr(frame, "columns"):
        frame = frame.to_frame()
    options = {"index": index, "float_format": float_format, "formatters": formatters}
    text = f"{caption}\n{frame.to_string(**options)}"
    if not in_notebook():
        print(text)
        return
    from IPython.display import display

    html = _html(frame.to_html(border=0, **options), caption)
    display({"text/html": html, "text/plain": text}, raw=True)


def _html(table: str, caption: str) -> str:
    """Give the table of pandas a caption, headers that say what they head, and room to scroll."""
    from html import escape

    head, body = table.split("</thead>")
    head = re.sub(r"<th>\s*</th>", "<td></td>", head)
    head = re.sub(r"<th(?=[ >])", '<th scope="col"', head)
    body = re.sub(r"<th(?=[ >])", '<th scope="row"', body)
    label = f'aria-label="{escape(caption, quote=True)}"'
    head = head.replace("<table ", f"<table {label} ")
    # A table wider than a telephone scrolls, by keyboard too; its caption stays and is broken into
    # lines. A <caption> would be as wide as the table, and JupyterLab removes any style against it.
    return (
        f'<figure style="margin: 0">\n<figcaption>{escape(caption)}</figcaption>\n'
        f'<div role="region" {label} tabindex="0" style="overflow-x: auto">\n'
        f"{head}</thead>{body}\n</div>\n</figure>"
    )
