"""Hypotheses of one input, drawn into the axes of a figure that the chapter makes and describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._arguments import ArrayLike, as_array
from .._typed import typed
from .style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@typed
def draw_hypotheses(
    ax: Axes,
    x: ArrayLike,
    outputs: ArrayLike,
    *,
    label: str | None = None,
    colour: str | tuple = COLOURS[0],
    strength: float = 0.35,
) -> None:
    """Draw hypotheses as thin lines, with one entry in the legend for all of them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x : array_like, shape (m,)
        Inputs, in increasing order.
    outputs : array_like, shape (n, m)
        One row a hypothesis.
    label : str, optional
        What the legend calls them.
    colour : colour
        Of the lines.
    strength : float
        Of the lines, above 0; 1 is opaque.
    """
    x, outputs = as_array("x", x), as_array("outputs", outputs)
    if x.ndim != 1 or outputs.ndim != 2 or outputs.shape[1] != len(x):
        raise ValueError(
            f"outputs: found shape {outputs.shape} for x of shape {x.shape}; give one row of "
            "len(x) numbers a hypothesis."
        )
    ax.plot(x, outputs.T, color=colour, linewidth=0.8, alpha=strength)
    if label:
        ax.plot([], [], color=colour, linewidth=1.5, label=label)


def draw_data(
    ax: Axes,
    x_train: ArrayLike,
    y_train: ArrayLike,
    x: ArrayLike | None = None,
    truth: ArrayLike | None = None,
) -> None:
    """Draw training examples as dots, and the truth at x as a dashed line when given."""
    if x is not None:
        x = as_array("x", x)
    if truth is not None:
        x, truth = as_array("x", x), as_array("truth", truth)
        _refuse_unequal("truth", truth, x)
        ax.plot(x, truth, color="black", linestyle="--", linewidth=1.5, label="truth")
    x_train, y_train = as_array("x_train", x_train), as_array("y_train", y_train)
    _refuse_unequal("y_train", y_train, x_train)
    ax.plot(x_train, y_train, "o", color="black", label="training examples", zorder=3)


def _refuse_unequal(name: str, y: np.ndarray, x: np.ndarray) -> None:
    if x.ndim == 0 or y.ndim == 0 or len(y) != len(x):
        raise ValueError(
            f"{name}: found shape {y.shape} for inputs of shape {x.shape}; give one for each."
        )
