"""What one conditioning tells of a space: the law of its test loss, and the judges beside it."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float64
from torch import Tensor

from ..laws import GeneralizedChi2
from ._evidence import LeaveOneOut


@dataclass(frozen=True)
class Assessment:
    """What speaks for and against a Gaussian space on a task.

    Attributes
    ----------
    law : GeneralizedChi2
        Of the mean squared error on the test set.
    mean : Tensor, shape (m, k)
        Of the hypotheses at the test points: the space's own prediction.
    log_marginal_likelihood : float
        Log evidence of the training targets, in nats.
    quadratic : float
        tr(Yᵀ K⁻¹ Y) for the covariance K of the training targets, the part of the evidence that an
        amplitude scales.
    leave_one_out : LeaveOneOut or None
        How well each training example is predicted from all others; None if it was not asked for.
    jitter : float
        Added to the variances. Small tasks go without, with as many digits as it takes.
    condition : float
        As of `Posterior`.
    """

    law: GeneralizedChi2
    mean: Float64[Tensor, "m k"]
    log_marginal_likelihood: float
    quadratic: float
    leave_one_out: LeaveOneOut | None
    jitter: float
    condition: float
