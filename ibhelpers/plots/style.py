"""Colours, markers and the way figures are shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = tuple(  # seaborn's palette "colorblind", told apart with any common colour vision
    tuple(int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))
    for colour in ("0173b2 de8f05 029e73 d55e00 cc78bc ca9161 fbafe4 949494 ece133 56b4e9".split())
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")  # colour is not the only sign


def describe(figure: Any, alt_text: str) -> Figure:
    """Give a figure its ``alt_text``: what it shows, for readers who cannot see it."""
    figure.alt_text = alt_text
    return figure


def show(figure: Any) -> None:
    """Display a figure in a notebook and close it.

    Its alt text goes into the output's metadata, under "image/png" and "alt".
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    if not isinstance(getattr(figure, "alt_text", None), str):
        raise ValueError(
            f"figure: found a {type(figure).__name__} without alt_text; give what a function "
            "show_... returns, or set figure.alt_text."
        )
    display(figure, metadata={"image/png": {"alt": figure.alt_text}})
    plt.close(figure)


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, which can show more than text."""
    if "IPython" not in sys.modules:
        return False
    from IPython.core.getipython import get_ipython

    return hasattr(get_ipython(), "kernel")
