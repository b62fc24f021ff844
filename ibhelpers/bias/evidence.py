r"""Bits and evidence: what the required bias has to do with predicting the test set.

With Q the mean squared error over the mk numbers of the test set and τ² = mk / 2t, the average
E exp(−tQ) over hypotheses is the density that the space gives the test targets if they carry noise
of variance τ², times (2πτ²)^(mk/2). So Chernoff's bound

    P(Q ≤ ε) ≤ min over t of exp(tε) E exp(−tQ)

says: a space under which the test targets were probable needs few bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .._arguments import non_negative
from .._typed import typed
from ..laws import GeneralizedChi2
from ..spaces import GaussianSpace
from ..tasks import Task
from .inductive_bias import inductive_bias


@dataclass(frozen=True)
class EvidenceBound:
    """A lower bound of the required bias, from the density of the test targets.

    Attributes
    ----------
    bits : float
        At least as many are needed; infinite where no hypothesis reaches the target.
    target_error : float
        ε.
    noise : float
        τ², the noise of the test targets at which the bound is best; infinite where the bound is 0.
    log_evidence : float
        log N(Y; M, C + τ² I) over the test targets, in nats.
    """

    bits: float
    target_error: float
    noise: float
    log_evidence: float


@typed
def evidence_bound(space: GaussianSpace, task: Task, target_error: float) -> EvidenceBound:
    r"""Chernoff's bound of the required bias, as the predictive evidence of the test set.

    .. math:: I(\varepsilon) \log 2 \ge -\min_t \Bigl[ t\varepsilon + \log N(Y; M, C + \tau^2 I)
              + \frac{mk}{2} \log 2\pi\tau^2 \Bigr], \qquad \tau^2 = \frac{mk}{2t}

    Parameters
    ----------
    space : GaussianSpace
    task : Task
    target_error : float
        ε ≥ 0, a mean squared error.

    Returns
    -------
    EvidenceBound

    Raises
    ------
    ValueError
        If the target error is negative or not finite; and as for `GaussianSpace.posterior`.

    Notes
    -----
    The least is where hypotheses, weighted by exp(−tQ), have the mean loss ε.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
    >>> space = ib.GaussianSpace(ib.kernels.RBF(lengthscale=2.0))
    >>> bound = ib.bias.evidence_bound(space, task, 0.02)
    >>> exact = ib.inductive_bias(space.loss_law(task), 0.02)
    >>> print(f"{bound.bits:.1f} of {exact.bits:.1f} bits")
    776.8 of 782.3 bits
    """
    target = non_negative("target_error", target_error)
    spectrum = space.spectrum(task)
    m, k = spectrum.mean.shape
    variance = spectrum.variance.clamp(min=0)
    y_test = torch.tensor(task.y_test, dtype=torch.float64, device=spectrum.mean.device)
    apart = spectrum.directions.T @ (spectrum.mean - y_test)
    squares = apart.square().sum(1)

    def mean_loss(log_noise: float) -> float:
        """Of hypotheses weighted by their likelihood under test targets with that noise."""
        noise = math.exp(log_noise)
        share = noise / (variance + noise)
        return float((k * variance * share + squares * share.square()).sum()) / (m * k)

    def log_evidence(noise: float) -> float:
        total = variance + noise
        return -0.5 * float((squares / total + k * (2 * math.pi * total).log()).sum())

    if target >= float((k * variance + squares).sum()) / (m * k):
        return EvidenceBound(0.0, target, math.inf, -math.inf)
    # The loss falls with the noise, and is between nothing and all where it is far from all
    # variances.
    largest = float(variance.max()) + float(squares.max())
    low, high = math.log(largest) - 80.0, math.log(largest) + 80.0
    if target <= mean_loss(low):
        return EvidenceBound(math.inf, target, 0.0, -math.inf)
    from scipy.optimize import brentq

    noise = math.exp(brentq(lambda x: mean_loss(x) - target, low, high, xtol=1e-13, rtol=1e-14))
    tilt, evidence = m * k / (2 * noise), log_evidence(noise)
    exponent = tilt * target + evidence + m * k / 2 * math.log(2 * math.pi * noise)
    return EvidenceBound(max(0.0, -exponent / math.log(2)), target, noise, evidence)


@dataclass(frozen=True)
class Divergences:
    """What it costs to be good, in bits of Kullback-Leibler divergence from p_h.

    Attributes
    ----------
    always : float
        KL(p_h given loss ≤ ε ‖ p_h), the least of any law of hypotheses that are all good. It is
        the required bias I(ε).
    on_average : float
        The least of any law of hypotheses whose mean loss is ε, as PAC-Bayes bounds want it: that
        of the tilt exp(−tQ). It is Chernoff's bound of I(ε), and so never more.
    """

    always: float
    on_average: float


@typed
def divergences(law: GeneralizedChi2, target_error: float) -> Divergences:
    r"""The divergences from p_h of the hypotheses that are good, and of those good on average.

    A law g of hypotheses that are all in the good set G has
    :math:`KL(g \| p_h) = KL(g \| p_h(\cdot | G)) - \log P(G)`, which is least, and the required
    bias, at :math:`p_h(\cdot | G)`. Where only the mean loss must be ε, the least is

    .. math:: \max_t \, [-t\varepsilon - K(t)], \qquad K(t) = \log E \exp(-tQ).

    Parameters
    ----------
    law : GeneralizedChi2
        Of the loss under p_h, as of `GaussianSpace.loss_law`.
    target_error : float
        ε ≥ 0.

    Returns
    -------
    Divergences

    Raises
    ------
    ValueError
        If law is not of that kind, or the target error negative or not finite.

    Notes
    -----
    I. Csiszár, Annals of Probability 3 (1975) 146-158.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> law = ib.laws.GeneralizedChi2(weights=[0.5], df=[2], nc=[0])
    >>> found = ib.bias.divergences(law, 0.001)
    >>> print(f"{found.always:.2f} bits always, {found.on_average:.2f} on average")
    9.97 bits always, 8.52 on average
    """
    target = non_negative("target_error", target_error)
    always = float(inductive_bias(law, target).bits)
    if target >= law.mean():
        return Divergences(always, 0.0)
    if target <= law.offset:
        return Divergences(always, math.inf)
    w, k, delta = law.weights, law.df, law.nc

    def tilted(t: float) -> tuple[Tensor, float]:
        v = 1 + 2 * w * t
        return v, law.offset + float((w / v * (k + delta / v)).sum())

    from scipy.optimize import brentq

    # All degrees of freedom at the largest weight, and more: beyond, the mean is below the target.
    most = (float(k.sum()) + float(delta.sum())) / (target - law.offset)
    t = brentq(lambda t: tilted(t)[1] - target, 0.0, most, xtol=1e-300, rtol=1e-14)
    v, _ = tilted(t)
    cumulant = -0.5 * float((k * torch.log1p(2 * w * t) + 2 * delta * w * t / v).sum())
    exponent = t * (target - law.offset) + cumulant
    return Divergences(always, max(0.0, -exponent / math.log(2)))
