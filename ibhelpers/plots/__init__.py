"""Figures that more than one chapter draws.

``show_...`` returns a matplotlib Figure with an attribute ``alt_text``: what it shows, for readers
who cannot see it. `show` displays a figure in a notebook together with that text. ``draw_...``
draws into the axes of a figure that the chapter itself makes and describes. `show_table` shows a
table with a caption, and its plain text beside it; `show_chart` a chart that answers to its
reader without a kernel.
"""

from .bridge import show_bridge
from .chart import picture, show_chart
from .laws import show_bias, show_quantiles, show_tails
from .line import draw_data, draw_hypotheses
from .splitting import show_splitting
from .style import COLOURS, MARKERS, show
from .table import show_table
from .task import show_task
from .waterfall import draw_waterfall

__all__ = [
    "COLOURS",
    "MARKERS",
    "draw_data",
    "draw_hypotheses",
    "draw_waterfall",
    "picture",
    "show",
    "show_bias",
    "show_bridge",
    "show_chart",
    "show_quantiles",
    "show_splitting",
    "show_table",
    "show_tails",
    "show_task",
]
