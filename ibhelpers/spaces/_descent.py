"""Minimise a smooth function in a box, from its values and gradients: projected BFGS.

The functions minimised here cost a Cholesky factorisation each and have few arguments, so that the
whole matrix of second derivatives is kept. It is a result too: the one that was learnt on a part of
the data, times the ratio of the sizes, is where the search on all of them begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]

_LONGEST = 2.0  # step in any argument, all of them logarithms: a factor of seven
_FLAT = 3e-3  # a gradient that needs no further step
_HALVINGS = 12


@dataclass
class Descent:
    """Where a search stands: the point, the value and gradient there, second derivatives."""

    x: np.ndarray
    value: float
    gradient: np.ndarray
    curvature: np.ndarray


def descend(
    function: Function,
    x: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    *,
    curvature: np.ndarray | None = None,
    gain: float = 1e-4,
    steps: int = 200,
) -> Descent:
    """Walk downhill from x until a step promises less than ``gain``.

    The function is infinite where it cannot be evaluated; x must be a point where it can. Bounded
    arguments that want to leave the box stay; the others take a quasi-Newton step, shortened until
    the value falls in proportion to the slope.

    Notes
    -----
    D. P. Bertsekas, SIAM J. Control Optim. 20 (1982) 221-246; the update is damped as in J. Nocedal
    and S. Wright's book (2nd edition, Springer, 2006), procedure 18.2, so that it stays positive
    definite.
    """
    x = np.clip(x, lower, upper)
    value, gradient = function(x)
    known = curvature is not None
    if curvature is None:
        curvature = np.diag(np.maximum(np.abs(gradient), 1.0))
    here = Descent(x, value, gradient, curvature)
    if not np.isfinite(value) or len(x) == 0:
        return here
    for _ in range(steps):
        direction = _direction(here, lower, upper)
        promised = -0.5 * float(direction @ here.gradient)
        steep = np.abs(here.gradient[direction != 0]).max(initial=0.0)
        if promised < 1e-3 * gain or (promised < gain and steep < _FLAT):
            break
        there = _search(function, here, direction, lower, upper)
        if there is None:
            if known:  # second derivatives learnt elsewhere mislead: forget them
                here.curvature, known = np.diag(np.maximum(np.abs(here.gradient), 1.0)), False
                continue
            break
        step, change = there.x - here.x, there.gradient - here.gradient
        if not known and (along := float(step @ change)) > 0:
            here.curvature = here.curvature * (along / float(step @ here.curvature @ step))
        known = True
        there.curvature = _updated(here.curvature, step, change)
        here = there
    return here


def _direction(here: Descent, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The quasi-Newton step of the arguments that may move, and 0 for the others."""
    held = ((here.x <= lower) & (here.gradient >= 0)) | ((here.x >= upper) & (here.gradient <= 0))
    direction = np.zeros_like(here.x)
    free = np.flatnonzero(~held)
    if len(free):
        B = here.curvature[np.ix_(free, free)]
        direction[free] = -np.linalg.solve(B, here.gradient[free])
        direction *= min(1.0, _LONGEST / max(np.abs(direction).max(), 1e-300))
    return direction


def _search(
    function: Function,
    here: Descent,
    direction: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> Descent | None:
    """The first point of the projected step and its shortenings where the value falls enough."""
    length = 1.0
    for _ in range(_HALVINGS):
        x = np.clip(here.x + length * direction, lower, upper)
        slope = float(here.gradient @ (x - here.x))
        if slope >= 0:
            return None
        value, gradient = function(x)
        if value <= here.value + 1e-4 * slope:
            return Descent(x, value, gradient, here.curvature)
        # The lowest point of the parabola through both values and the slope.
        bend = 2.0 * (value - here.value - slope)
        length *= float(np.clip(-slope / bend, 0.1, 0.5)) if np.isfinite(value) else 0.2
    return None


def _updated(B: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Damped BFGS: B maps the step to the change of the gradient, as far as it can."""
    Bs = B @ step
    expected, found = float(step @ Bs), float(step @ change)
    if expected <= 0:
        return B
    if found < 0.2 * expected:
        share = 0.8 * expected / (expected - found)
        change = share * change + (1.0 - share) * Bs
        found = float(step @ change)
    return B - np.outer(Bs, Bs) / expected + np.outer(change, change) / found
