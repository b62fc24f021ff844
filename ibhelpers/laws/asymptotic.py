"""Standard errors of the fitted tail from the curvature of the likelihood."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from .._arguments import ArrayLike, Values
from ._likelihood import STEP
from .noncentral import ScaledNoncentralChi2

_UNIT = np.eye(3) * STEP


def asymptotic_interval(
    fitted: ScaledNoncentralChi2, target_error: ArrayLike
) -> tuple[Values, Values]:
    r"""95 % limits of the bits from Fisher's information, by the delta method.

    .. math:: I \pm 1.96 \sqrt{g^T H^{-1} g}

    where H is the observed information on the mean, the squared coefficient of variation and the
    noncentral share, and g the derivative of the bits with respect to them.

    Parameters
    ----------
    fitted : ScaledNoncentralChi2
        Fitted by maximum likelihood.
    target_error : float or array_like
        In units of the loss.

    Raises
    ------
    ValueError
        If the law was not fitted by maximum likelihood, or the theory does not hold for it: where
        the highest likelihood is at an end of the ridge, or not curved in every direction.

    Notes
    -----
    Where the ridge is flat the likelihood is no parabola, and the interval means little; see
    `Ridge.bits_interval` then. Source: A. C. Davison, Statistical Models, Cambridge University
    Press 2003, section 4.4; B. Efron and D. V. Hinkley, Biometrika 65 (1978) 457, for the observed
    information.
    """
    if fitted.ridge is None or not fitted.ridge.is_regular:
        raise ValueError(
            f"fitted: the likelihood of {fitted} has no curved maximum to compute a standard error "
            "from: it was not fitted by maximum likelihood, or that lies at an end of the ridge. "
            "Use fitted.ridge.bits_interval, or the bootstrap."
        )
    at = np.array([0.0, *fitted.ridge.best])
    mean = fitted.ridge.likelihood.mean

    def bits(p: Float[np.ndarray, 3]) -> Values:
        law = fitted._from_shape(mean * math.exp(p[0]), *p[1:])
        return -law.logcdf(target_error) / math.log(2)

    gradient = np.array([(bits(at + h) - bits(at - h)) / (2 * STEP) for h in _UNIT])
    inverse = np.linalg.inv(fitted.ridge.information())
    variance = np.einsum("i...,ij,j...", gradient, inverse, gradient)
    centre, margin = bits(at), 1.959964 * np.sqrt(variance)
    return centre - margin, centre + margin
