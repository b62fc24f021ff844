r"""What examples are worth: the bits that each training example saves, and each test point costs.

With C and M the covariance and mean at the test points given all training examples, leaving out
example i adds h_i h_iᵀ/A_ii to C and −h_i α_i/A_ii to M; A is the inverse of the training
covariance, h_i a column of H = K_*n A, α_i a row of A Y. With s = 2t/(mk), B = (I + sC)⁻¹,
R = M − Y, p = h_iᵀ B h_i and q = Rᵀ B h_i, the determinant lemma and the formula of Sherman and
Morrison give how the cumulant function of the loss changes,

    D_i(t) = −k/2 log(1 + s p/A_ii) + s/2 [2 q v − p v² + (s/A_ii) (q − p v)²/(1 + s p/A_ii)],

v = α_i/A_ii, with sums over the outputs. On the nodes of the contour for P(loss <= ε) that is a sum
for each example, for all of them at once; no example is conditioned anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .._arguments import non_negative
from .._progress import progress_bar
from .._typed import typed
from ..laws import Quadrature
from ..spaces import GaussianSpace, Removals
from ..spaces.removals import refuse_out_of_reach
from ..tasks import Task
from ._complex import times
from .inductive_bias import inductive_bias

if TYPE_CHECKING:
    import pandas as pd

_BLOCK = 2**22  # complex numbers in the largest temporary arrays
_ACCURACY = 1e-10  # of log P, relative: where sums may be farther off, a law is made
_STEPS = 32  # of the Gauss-Legendre rule along the bits
_LOG2 = math.log(2)


@dataclass(frozen=True, eq=False)
class Worth:
    """What training examples are worth.

    Attributes
    ----------
    bits : float
        I(ε), required with all training examples.
    target_error : float
        ε.
    training : ndarray, shape (n,)
        Bits that are added when an example is left out; negative where it misleads.
    groups : pandas.Series or None
        Bits that are added when a whole group is left out, by its label.
    error : float
        Bits by which rounding in the training covariance may put each of these numbers off.
    """

    bits: float
    target_error: float
    training: np.ndarray
    groups: pd.Series | None = None
    error: float = 0.0

    def __repr__(self) -> str:
        """Say the range in one line."""
        low, high = self.training.min(), self.training.max()
        return (
            f"{self.bits:.1f} bits at target error {self.target_error:g}; leaving out one of "
            f"{len(self.training)} training examples adds {low:.2f} to {high:.2f} bits, "
            f"{self.training.mean():.2f} on average"
        )


@typed
def worth(
    space: GaussianSpace,
    task: Task,
    target_error: float,
    *,
    groups: Sequence[Any] | np.ndarray | None = None,
) -> Worth:
    """How many bits each training example saves: those that leaving it out adds.

    Exact, not to first order, for all examples at the price of about one law. Kernel, noise and
    jitter are kept as they are.

    Parameters
    ----------
    space : GaussianSpace
    task : Task
    target_error : float
        ε, a mean squared error. It has to be within reach.
    groups : sequence of n labels, optional
        Groups of training examples, such as classes or writers; each is also left out as a whole.

    Returns
    -------
    Worth

    Raises
    ------
    ValueError
        If the target is out of reach with all examples; if the space is none whose kernel, noise
        and targets make its posterior; if the labels are not one for each training example; and
        as for `GaussianSpace.posterior`.

    Notes
    -----
    The test targets are used. Whoever chooses examples by their worth needs a third set of data,
    on which the choice is judged.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
    >>> space = ib.GaussianSpace(0.1 * ib.kernels.RBF(2.0), noise=1e-3)
    >>> found = ib.worth(space, task, 0.02)
    >>> print(f"{found.bits:.2f} bits; first example: {found.training[0]:+.3f}")
    61.51 bits; first example: +0.400
    """
    target_error = non_negative("target_error", target_error)
    removals, rule, bits = _prepared(space, task, target_error)
    change, doubtful = _log_ratios(removals, rule, bits)
    for i in torch.nonzero(doubtful)[:, 0].tolist():
        without = removals.law_without(torch.tensor([i], device=change.device))
        change[i] = (bits - float(inductive_bias(without, target_error).bits)) * _LOG2
    training = -change.cpu().numpy() / _LOG2
    together = None if groups is None else _of_groups(removals, groups, bits, target_error)
    at = torch.tensor([target_error], dtype=torch.float64, device=change.device)
    error = float(removals.law.log_errors(at)) / _LOG2
    return Worth(bits, target_error, training, together, error)


@typed
def bits_by_test_point(space: GaussianSpace, task: Task, target_error: float) -> np.ndarray:
    r"""How many of the required bits each test point asks for; shape (m,), they add up to I(ε).

    The shares of Aumann and Shapley: the weights of all test points in the loss are raised together
    from 0 to 1, and each point gets what raising its own weight costs on the way. As bits B are
    paid, the loss y(B) that they buy comes down to ε, and each of them is shared as the loss is:

    .. math:: \text{share}_p = \int_0^{I(\varepsilon)}
              \frac{E[\,e_p^2 \mid \text{loss} = y(B)\,]}{m k\, y(B)} \, dB,

    with e_p² the squared error at point p, summed over its outputs.

    Parameters
    ----------
    space : GaussianSpace
    task : Task
    target_error : float
        ε, a mean squared error. It has to be within reach.

    Raises
    ------
    ValueError
        As for `worth`.

    Notes
    -----
    Source: R. J. Aumann and L. S. Shapley, Values of Non-Atomic Games (1974).

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
    >>> space = ib.GaussianSpace(0.1 * ib.kernels.RBF(2.0), noise=1e-3)
    >>> shares = ib.bias.bits_by_test_point(space, task, 0.02)
    >>> print(f"{shares.sum():.2f} bits; the hardest digit asks for {shares.max():.2f}")
    61.51 bits; the hardest digit asks for 2.81
    """
    removals, _, bits = _prepared(space, task, non_negative("target_error", target_error))
    law, m, k = removals.law, task.n_test, task.n_outputs
    v, weights = np.polynomial.legendre.leggauss(_STEPS)
    v, weights = (v + 1) / 2, weights / 2
    # Most happens while the first bits are paid: B = I v³ has more nodes there.
    bought = np.asarray(law.ilogcdf(-bits * v**3 * _LOG2)).tolist()
    shares = torch.zeros(m, dtype=torch.float64, device=space.device)
    with progress_bar("sharing the bits", len(v) * m * m, shown=space.progress) as bar:
        for y, weight in zip(bought, 3 * bits * v**2 * weights, strict=True):
            rule = law.quadrature(y, density=True)
            shares += weight * _squared_errors(removals, rule) / (m * k * y)
            bar.update(m * m)
    return shares.cpu().numpy()


def _prepared(
    space: GaussianSpace, task: Task, target_error: float
) -> tuple[Removals, Quadrature, float]:
    """What leaving out needs, the contour at the target, and the bits that all examples leave."""
    removals = space.removals(task)
    law = removals.law
    refuse_out_of_reach(law, target_error, "no example is worth a number of bits")
    return removals, law.quadrature(target_error), float(inductive_bias(law, target_error).bits)


def _log_ratios(removals: Removals, rule: Quadrature, bits: float) -> tuple[Tensor, Tensor]:
    """log P_i − log P for every example i left out, and where that has too few digits; (n,)."""
    H = removals.spectrum.directions.T @ removals.influence
    a = removals.precision.diagonal()
    out, error = torch.empty_like(a), torch.empty_like(a)
    (m, n), k, N = H.shape, removals.alpha.shape[1], len(rule.nodes)
    s, b = removals.spectrum.damping(rule)
    # R B for every output and node, in real numbers: (m, 2 k N).
    rb = torch.view_as_real(removals.residual[:, :, None] * b[:, None]).reshape(m, -1)
    for rows in torch.arange(n, device=a.device).split(max(1, _BLOCK // ((k + 1) * N))):
        h, a_, v = H[:, rows], a[rows, None], (removals.alpha / a[:, None])[rows, :, None]
        p = times((h * h).T, b)
        q = torch.view_as_complex((h.T @ rb).reshape(len(rows), k, N, 2))
        u = s * p / a_
        missed = ((q - p[:, None] * v) ** 2).sum(1)
        quadratic = (2 * q * v - p[:, None] * v * v).sum(1) + s / a_ * missed / (1 + u)
        ratio, error[rows] = rule.ratio(s / 2 * quadratic - k / 2 * torch.log1p(u))
        out[rows] = torch.log(ratio)
        # A sum that is not positive has no digit, however small its error is said to be.
        error[rows] = torch.where(ratio > 0, error[rows] / ratio, torch.inf)
    return out, ~(error <= _ACCURACY * max(1.0, bits))


def _squared_errors(removals: Removals, rule: Quadrature) -> Tensor:
    """E[e_p²] given the loss, at every test point, summed over the outputs; (m,).

    Under weights exp(−tL) the errors are normal with the covariance C B and the mean B R.
    """
    U, k = removals.spectrum.directions, removals.residual.shape[1]
    _, b = removals.spectrum.damping(rule)
    spread = k * times(U * U, removals.spectrum.variance.clamp(min=0)[:, None] * b)
    mean = times(U, (removals.residual[:, :, None] * b[:, None]).flatten(1))
    return rule.average(spread + (mean**2).unflatten(1, (k, -1)).sum(1))


def _of_groups(
    removals: Removals, groups: Sequence[Any] | np.ndarray, bits: float, target_error: float
) -> pd.Series:
    """Bits that leaving out a whole group adds, by its label."""
    import pandas as pd

    n_train = len(removals.alpha)
    if isinstance(groups, (list, tuple)):  # tensors are equal only to themselves
        groups = [label.item() if isinstance(label, Tensor) else label for label in groups]
    try:
        labels = pd.Series(groups)
        rows_of = labels.groupby(labels).indices
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"groups: found what holds no labels ({error}); give one label for each training "
            "example, such as a list of names."
        ) from None
    if len(labels) != n_train or labels.isna().any():
        raise ValueError(
            f"groups: found {len(labels)} labels, {labels.isna().sum()} of them missing, for "
            f"{n_train} training examples; give one label for each."
        )
    found = {}
    for label, rows in rows_of.items():
        if len(rows) == n_train:
            raise ValueError("groups: all examples are in one group, so nothing would be left.")
        without = removals.law_without(torch.as_tensor(rows, device=removals.alpha.device))
        found[label] = float(inductive_bias(without, target_error).bits) - bits
    return pd.Series(found, name="bits").rename_axis("group")
