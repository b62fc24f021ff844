"""Derivatives of the bits: by the kernel's parameters, the noise, the targets and the inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from .._arguments import positive
from .._typed import typed
from ..spaces import GaussianSpace
from ..tasks import Task

if TYPE_CHECKING:
    import pandas as pd

_LOG2 = math.log(2)


@dataclass(frozen=True, eq=False)
class Gradient:
    """The bits, and their derivatives.

    Attributes
    ----------
    bits : float
        I(ε).
    target_error : float
        ε.
    parameters : pandas.Series
        ∂I/∂θ for every free parameter θ of the kernel, by its name, amplitudes among them; in the
        order of ``kernel.free()``.
    noise : float
        ∂I/∂σ².
    y_train, y_test : ndarray, shapes (n, k) and (m, k)
        By every target.
    X_train, X_test : ndarray or None, shapes (n, d) and (m, d)
        By every input, if these were asked for.
    """

    bits: float
    target_error: float
    parameters: pd.Series
    noise: float
    y_train: np.ndarray
    y_test: np.ndarray
    X_train: np.ndarray | None
    X_test: np.ndarray | None

    def __repr__(self) -> str:
        """Say the bits, and the derivatives by parameters."""
        return f"{self.bits:.1f} bits at target error {self.target_error:g}; by parameters:\n" + (
            "\n".join(f"  {name} {slope:+.6g}" for name, slope in self.parameters.items())
            + f"\n  noise {self.noise:+.6g}"
        )


@typed
def gradient(
    space: GaussianSpace, task: Task, target_error: float, *, inputs: bool = False
) -> Gradient:
    r"""How the bits change with the kernel's parameters, the noise, the targets and the inputs.

    In closed form, at the price of a few laws, for all of them at once: on the nodes t of the
    contour for :math:`P(\mathrm{loss} \le \varepsilon)`, with weights :math:`\omega`,

    .. math:: \frac{\partial I}{\partial \theta} = -\frac{1}{\log 2} \operatorname{Re} \sum_l
              \omega_l \frac{\partial K(t_l)}{\partial \theta},

    K being the cumulant function of the loss.

    Parameters
    ----------
    space : GaussianSpace
    task : Task
    target_error : float
        ε, a mean squared error. It has to be within reach.
    inputs : bool
        Whether also by the inputs, such as pixels; for kernels that are smooth in them.

    Returns
    -------
    Gradient

    Raises
    ------
    ValueError
        If the target is not positive, or no loss is below it, as may be without noise; if the space
        is none whose kernel, noise and targets make its posterior; if rounding leaves the
        derivatives no six digits; if ``inputs`` are asked for and the kernel has no derivative in
        them, or none known; and as for `GaussianSpace.posterior`.

    Notes
    -----
    The test targets are used. Whoever changes a space or data by these derivatives needs a third
    set of data, on which the result is judged.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
    >>> space = ib.GaussianSpace(0.1 * ib.kernels.RBF(2.0), noise=1e-3)
    >>> found = ib.bias.gradient(space, task, 0.02)
    >>> print(found)
    61.5 bits at target error 0.02; by parameters:
      amplitude +1014.04
      lengthscale -137.219
      noise +3996.55
    """
    target_error = positive("target_error", target_error)
    if not isinstance(space, GaussianSpace):
        raise ValueError(
            f"space: found {type(space).__name__}; derivatives of the bits are known for a "
            "GaussianSpace."
        )
    import pandas as pd

    found = space.sensitivity(task, target_error, inputs=inputs)
    values = [value for _, value in space.kernel.free()]
    slopes = [-s / (_LOG2 * v) for (_, s), v in zip(found.parameters, values, strict=True)]
    names = pd.Index([name for name, _ in found.parameters], name="parameter")
    return Gradient(
        -found.log_probability / _LOG2,
        target_error,
        pd.Series(slopes, index=names, name="bits", dtype=float),
        -found.noise / _LOG2,
        _in_bits(found.y_train),
        _in_bits(found.y_test),
        None if found.X_train is None else _in_bits(found.X_train),
        None if found.X_test is None else _in_bits(found.X_test),
    )


def _in_bits(slope: Tensor) -> np.ndarray:
    """Derivatives of log P as those of the bits."""
    return -slope.cpu().numpy() / _LOG2
