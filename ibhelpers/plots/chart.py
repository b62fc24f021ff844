"""Charts that answer to their reader without a kernel: in JupyterLab, and in the book."""

from __future__ import annotations

import csv
import json
from io import StringIO
from numbers import Number
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

from .._typed import typed
from .style import COLOURS, in_notebook

if TYPE_CHECKING:
    import altair
    from numpy.typing import ArrayLike

VEGALITE = "application/vnd.vegalite.v5+json"  # the newest kind that JupyterLab draws by itself
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
VERSION = "6.4"  # of Vega-Lite, which draws the still picture and the charts of the book
DIGITS = 6  # significant ones, of every number that is drawn


@typed
def show_chart(chart: altair.TopLevelMixin, alt_text: str) -> None:
    """Display a Vega-Altair chart in a notebook: alive, as a still picture, and in words.

    JupyterLab and the book draw the chart, sliders and all, without a kernel or a network. Where
    that cannot be (on paper, on a code host, without scripts) its picture stands, as the chart is
    before anybody touches it. Data are rounded to six significant digits, so that a notebook stays
    small and the same on every machine. Where there is no notebook the words are printed.

    A text mark in a view named "readout" is also read aloud in the book whenever it changes.

    Parameters
    ----------
    chart : altair chart
        Of any kind; its data are part of it, not an address.
    alt_text : str
        What the chart shows and what moves, for readers who cannot see it.

    Raises
    ------
    ValueError
        If there is no text, or if `chart` is no chart.

    Examples
    --------
    >>> import altair as alt
    >>> import pandas as pd
    >>> import ibhelpers as ib
    >>> table = pd.DataFrame({"target": [0.09, 0.05], "bits": [2580.4, 4271.0]})
    >>> chart = alt.Chart(table).mark_line().encode(x="target:Q", y="bits:Q")
    >>> ib.plots.show_chart(chart, "Bits fall from 4,271 to 2,580 as the target grows.")
    Bits fall from 4,271 to 2,580 as the target grows.
    """
    import altair

    if not isinstance(chart, altair.TopLevelMixin):
        raise ValueError(
            f"chart: found a {type(chart).__name__}; give a chart of altair, as "
            "altair.Chart(frame).mark_line().encode(...)."
        )
    if not alt_text.strip():
        raise ValueError("alt_text: found nothing; say what the chart shows and what moves.")
    spec = _spec(chart, alt_text)
    if not in_notebook():
        print(alt_text)
        return
    import vl_convert
    from IPython.display import display

    picture = vl_convert.vegalite_to_png(spec, vl_version=VERSION, scale=2)
    width = int.from_bytes(picture[16:20]) // 2  # a PNG begins with its size
    data = {VEGALITE: spec, "image/png": picture, "text/plain": alt_text}
    display(data, raw=True, metadata={"image/png": {"alt": alt_text, "width": width}})


def picture(ink: ArrayLike) -> str:
    """An image as an address, which a chart can draw with ``mark_image`` and the channel "url".

    It is not compressed, so that it is the same on every machine.

    Parameters
    ----------
    ink : array of shape (height, width)
        From 0, which is white, to 1, which is black.

    Returns
    -------
    str
        A data address that holds a PNG of 8 bits a pixel.

    Raises
    ------
    ValueError
        If `ink` is no matrix of numbers from 0 to 1.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> ib.plots.picture([[0.0, 1.0], [0.5, 0.5]])[:22]
    'data:image/png;base64,'
    """
    from base64 import b64encode
    from io import BytesIO

    from PIL import Image

    ink = np.asarray(ink, dtype=float)
    if ink.ndim != 2 or not ink.size or not ((ink >= 0) & (ink <= 1)).all():
        raise ValueError(
            f"ink: found an array of shape {ink.shape}; give a matrix of numbers from 0 to 1, such "
            "as a row of inputs reshaped to the sides of the image."
        )
    file = BytesIO()
    pixels = np.round(255 * (1 - ink)).astype(np.uint8)
    Image.fromarray(pixels).save(file, "png", compress_level=0)
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"


def _spec(chart: Any, alt_text: str) -> dict:
    """What Vega-Lite draws: the chart with rounded data, the course's colours, and its words."""
    spec = chart.to_dict()
    tables = spec.pop("datasets", {})
    text, datasets = json.dumps(spec), {}
    for number, (name, rows) in enumerate(tables.items()):  # altair's names hold all their digits
        format, datasets[f"data {number}"] = _as_csv(rows)
        found = {"name": f"data {number}", "format": format}
        text = text.replace(json.dumps({"name": name}), json.dumps(found))
    own = {"$schema": SCHEMA, "description": alt_text, "config": _config(), "datasets": datasets}
    return json.loads(text) | own


def _as_csv(rows: list[dict]) -> tuple[dict, str]:
    """How to read a table, and its text: as rows of JSON it takes a notebook several times as long.

    Floats have so many digits as are drawn, and what is missing is empty.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    kinds = {
        name: "number" if all(isinstance(x, Number | NoneType) for x in column) else "string"
        for name, column in columns.items()
    }
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*(map(_cell, column) for column in columns.values()), strict=True))
    return {"type": "csv", "parse": kinds}, file.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}"
    return int(value) if isinstance(value, bool) else value


def _config() -> dict:
    """Colours and sizes, those of the course's other figures."""
    palette = ["#" + "".join(f"{round(255 * part):02x}" for part in colour) for colour in COLOURS]
    return {
        "background": "white",
        "view": {"stroke": None, "continuousWidth": 560, "continuousHeight": 300},
        "range": {"category": palette},
        "mark": {"color": palette[0]},
        "axis": {"grid": False, "labelFontSize": 12, "titleFontSize": 13}
        | {"titleFontWeight": "normal"},
        "legend": {"orient": "top", "title": None, "labelFontSize": 12, "labelLimit": 0},
        "title": {"fontSize": 13, "fontWeight": "normal", "anchor": "start"},
        "text": {"fontSize": 13, "color": "#222"},
        "rule": {"color": "#666"},
    }
