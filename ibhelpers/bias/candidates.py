r"""What a label is worth before it is known: the bits that it saves on average, given success.

By Bayes' theorem, learning the targets y of one more input lowers the bits by

    log P(good | y) − log P(good) = log p(y | good) / p(y),

good being that the loss is at most ε. On average over the labels that hypotheses which reach the
target would see, that is KL(p(y | good) ‖ p(y)): the information that success gives about the
label, which is never negative.

On the nodes t of the contour for P(good), with complex weights ω whose real parts add up to 1, the
label is normal: with s = 2t/(mk), B = (I + sC)⁻¹, R = M − Y, c its covariances with the test
points, μ its mean and V its variance,

    p(y | good) = Re Σ_l ω_l N(y; μ + a_l, V_l I),   a_l = −s cᵀ B R,   V_l = V − s cᵀ B c.

Mean and covariance S of this mixture are sums over the nodes. Its divergence from p(y) is that of
the normal law of the same mean and covariance, in closed form, and its own divergence from that
one. The mixture is next to normal, so that the second is small: an integral over the few axes along
which a_l moves, by Gauss and Hermite's rule, and over the length of the rest, by Gauss and
Laguerre's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .._arguments import ArrayLike, as_array, non_negative
from .._progress import progress_bar
from .._typed import typed
from ..laws import Quadrature, TailIntegralError
from ..spaces import GaussianSpace
from ..spaces.removals import refuse_out_of_reach
from ..tasks import Task
from ._complex import times

_BLOCK = 2**21  # complex numbers in the largest temporary arrays
_AXES = 3  # at most, along which the integral follows the movement
_STILL = 3e-3  # standard deviations that are no movement
_ORDERS = (6, 10, 16, 24, 40, 64, 120, 200)  # of the rule, raised until two of them agree
_MOST_POINTS = 60_000
_ACCURACY, _LEAST = 1e-9, 1e-6  # in nats: asked for, and enough where there are no more points
_DOUBT = 1e-4  # of a label's variance: larger rounding errors of it are refused
_LOG2 = math.log(2)


@typed
def expected_worth(
    space: GaussianSpace, task: Task, target_error: float, X: ArrayLike
) -> np.ndarray:
    r"""Bits that the label of each candidate saves on average, given that the target is reached.

    .. math:: \mathrm{KL}\bigl(p(y \mid \mathrm{loss} \le \varepsilon) \,\|\, p(y)\bigr)
              = E_{y \mid \mathrm{loss} \le \varepsilon}\left[ I(\varepsilon)
              - I(\varepsilon \mid y) \right],

    y being the targets of the candidate with the space's noise, and I(ε | y) the bits that are left
    when the candidate is one more training example. Unlike the worth of a label that is known, it
    is never negative.

    Parameters
    ----------
    space : GaussianSpace
    task : Task
    target_error : float
        ε, a mean squared error. It has to be within reach.
    X : array_like, shape (c, d)
        Candidates: inputs without labels.

    Returns
    -------
    ndarray, shape (c,)
        Bits.

    Raises
    ------
    ValueError
        If the target is out of reach; if the candidates do not have the inputs of the task; if one
        is, without noise, so near a training input that its variance has no digits; if the space is
        none whose posterior is that of its kernel and noise; as for
        `GaussianSpace.posterior`.
    TailIntegralError
        If the law of a label has edges, as where a candidate is a test point, without noise.

    Notes
    -----
    Known as the specific information of an outcome: M. R. DeWeese and M. Meister, Network 10 (1999)
    325. Averaged over both outcomes it is the expected information gain of D. V. Lindley, Annals of
    Mathematical Statistics 27 (1956) 986.

    With more than three outputs, movement along more than three axes counts in the mean and the
    covariance of the label alone, which leaves out next to nothing.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
    >>> space = ib.GaussianSpace(0.1 * ib.kernels.RBF(2.0), noise=1e-3)
    >>> more = ib.tasks.load("digits", n_train=400, n_test=100).X_train[200:]
    >>> saved = ib.bias.expected_worth(space, task, 0.02, more)
    >>> print(f"{saved.min():.4f} to {saved.max():.2f} bits")
    0.0001 to 2.23 bits
    """
    target_error = non_negative("target_error", target_error)
    if type(space) is not GaussianSpace:
        raise ValueError(
            f"space: found {type(space).__name__}; what a label is worth is known for a "
            "GaussianSpace, in which it changes the hypotheses by conditioning."
        )
    candidates = as_array("X", X)
    if candidates.ndim != 2 or candidates.shape[1] != task.n_inputs or not len(candidates):
        raise ValueError(
            f"X: found shape {candidates.shape}; give one row of {task.n_inputs} inputs for each "
            "candidate, as in task.X_train."
        )
    labels = _labels(space, task, target_error, candidates)
    found = torch.cat([labels.divergence(rows) for rows in labels.blocks(space.progress)])
    return found.cpu().numpy() / _LOG2


@dataclass(frozen=True)
class _Labels:
    """The laws of labels, given that the target is reached: complex mixtures of normal ones.

    Attributes
    ----------
    rule : Quadrature
        Of P(good).
    cross : Tensor, shape (r, c)
        Covariances with the test outputs, in the directions in which these are independent.
    variance : Tensor, shape (c,)
        V, with the noise.
    damped : Tensor, shape (r, N)
        s b, b being the eigenvalues of B.
    pulled : Tensor, shape (r, k, N)
        s b R.
    """

    rule: Quadrature
    cross: Tensor
    variance: Tensor
    damped: Tensor
    pulled: Tensor

    def blocks(self, shown: bool) -> Iterator[Tensor]:
        """Some candidates at a time."""
        _, k, N = self.pulled.shape
        c = len(self.variance)
        with progress_bar("worth of labels", c * k * N * 2e4, shown=shown) as bar:
            for rows in torch.arange(c, device=self.cross.device).split(max(1, _BLOCK // (k * N))):
                yield rows
                bar.update(len(rows) * k * N * 2e4)

    def divergence(self, rows: Tensor) -> Tensor:
        """KL(p(y | good) ‖ p(y)) in nats, of some candidates."""
        h, V = self.cross[:, rows], self.variance[rows]
        a = -times(h.T, self.pulled.flatten(1)).unflatten(1, self.pulled.shape[1:])
        v = V[:, None] - times((h * h).T, self.damped)
        k, weighted = a.shape[1], a * self.rule.weights
        mean = weighted.sum(-1).real
        S = torch.einsum("cil,cjl->cij", weighted, a).real - mean[:, :, None] * mean[:, None]
        S.diagonal(dim1=1, dim2=2).add_(self.rule.average(v)[:, None])
        trace = S.diagonal(dim1=1, dim2=2).sum(1) + mean.square().sum(1)
        normal = (trace / V - k - torch.logdet(S) + k * torch.log(V)) / 2
        return normal + self._from_normal(a - mean[:, :, None], v, S)

    def _from_normal(self, a: Tensor, v: Tensor, S: Tensor) -> Tensor:
        """KL(p(y | good) ‖ its normal law), by the axes along which the mixture moves."""
        size = torch.einsum("cil,cjl->cij", a * self.rule.weights.abs(), a.conj()).real
        moved, axes = torch.linalg.eigh(size / v.real.amax(1)[:, None, None])
        count = min(_AXES, max(1, int((moved > _STILL**2).sum(1).max())))
        axes, rest = axes.flip(-1)[:, :, :count], a.shape[1] - count
        parts = [torch.einsum("cij,cil->cjl", axes, part) for part in (a.real, a.imag)]
        a, L = torch.complex(*parts), torch.linalg.cholesky(axes.mT @ S @ axes)
        out = v.real.new_full((len(a),), math.nan)
        left, before = torch.arange(len(a), device=a.device), None
        orders = [n for n in _ORDERS if math.prod(_orders(n, count, rest)) <= _MOST_POINTS]
        for order in orders:
            found, total = self._integral(order, a[left], v[left], L[left], rest)
            if before is not None:
                enough = _LEAST if order == orders[-1] else _ACCURACY
                agree = (found - before).abs() + (total - 1).abs() < enough
                out[left[agree]] = found[agree]
                left, found = left[~agree], found[~agree]
            if not len(left):
                return out
            before = found
        raise TailIntegralError(
            f"X: what the label of a candidate is worth has no {-math.log10(_LEAST):.0f} digits,"
            " for its law, given that the target is reached, has edges. Is a candidate a test "
            "point, and the space without noise? Leave it out, or give noise > 0."
        )

    def _integral(
        self, order: int, a: Tensor, v: Tensor, L: Tensor, rest: int
    ) -> tuple[Tensor, Tensor]:
        """The divergence by a rule of some order, and the sum of all probabilities."""
        r, N = a.shape[1:]
        z, u, p = (torch.from_numpy(x).to(a.device) for x in _points(order, r, rest))
        typical = self.rule.average(v)[:, None]
        logs = L.diagonal(dim1=1, dim2=2).log().sum(1)[:, None] - r / 2 * torch.log(v)
        logs = (logs - rest / 2 * torch.log(v / typical))[:, None]
        found, total = v.real.new_zeros(2, len(a))
        for part in torch.arange(len(p)).split(max(1, _BLOCK // (len(a) * N))):
            y = L @ z[:, part]  # (c, r, points)
            squares = (2 * typical * u[part])[:, :, None]
            for i in range(r):
                squares = squares + (y[:, i, :, None] - a[:, i, None]) ** 2
            normal = (z[:, part] ** 2).sum(0) / 2 + u[part]
            exponent = logs - squares / (2 * v[:, None]) + normal[:, None]
            w = (self.rule.weights * torch.exp(exponent)).sum(-1).real.clamp(min=0)
            found = found + (p[part] * (torch.special.xlogy(w, w) - w + 1)).sum(-1)
            total = total + (p[part] * w).sum(-1)
        return found, total


def _orders(order: int, r: int, rest: int) -> list[int]:
    """Of the rules along each axis, fewer where less moves, and along the rest."""
    return [order, 2 * order // 3, order // 2][:r] + [order // 2] * (rest > 0)


def _points(order: int, r: int, rest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standard normal points on r axes, half the squared length of the rest, and weights."""
    from scipy.special import roots_genlaguerre

    orders = _orders(order, r, rest)
    axes = [np.polynomial.hermite_e.hermegauss(n) for n in orders[:r]]
    axes += [roots_genlaguerre(n, rest / 2 - 1) for n in orders[r:]]
    *z, u = np.meshgrid(*(nodes for nodes, _ in axes), *([] if rest else [[0.0]]))
    weights = np.meshgrid(*(w / w.sum() for _, w in axes), *([] if rest else [[1.0]]))
    return np.stack([x.ravel() for x in z]), u.ravel(), np.prod(weights, axis=0).ravel()


def _labels(space: GaussianSpace, task: Task, target_error: float, X: np.ndarray) -> _Labels:
    """The laws of the labels of candidates, from a posterior at the test points and at these."""
    law, spectrum = space.loss_law(task), space.spectrum(task)
    refuse_out_of_reach(law, target_error, "no label is worth a number of bits")
    m, y = task.n_test, np.concatenate([task.y_test, np.zeros((len(X), task.n_outputs))])
    both = replace(task, X_test=np.concatenate([task.X_test, X]), y_test=y, labels_test=None)
    posterior = space.posterior(both)
    covariance, variance = posterior.covariance, posterior.covariance.diagonal()[m:] + space.noise
    lost = ~(_DOUBT * variance > posterior.covariance_error)
    if bool(lost.any()):
        row = int(lost.nonzero()[0])
        raise ValueError(
            f"X: the label of candidate {row} has a variance of {float(variance[row]):.1e}, of "
            f"which rounding errors of {posterior.covariance_error:.0e} leave no four digits, so "
            "that what it is worth has none. Is it a training input, or next to one? Leave it "
            "out, or give noise > 0."
        )
    free = spectrum.variance > spectrum.resolution
    U = spectrum.directions[:, free]
    y_test = torch.tensor(task.y_test, dtype=torch.float64, device=space.device)
    R = U.T @ (spectrum.mean - y_test)
    rule = law.quadrature(target_error)
    s, b = spectrum.damping(rule)
    damped = s * b[free]
    return _Labels(
        rule,
        U.T @ covariance[:m, m:],
        variance,
        damped,
        R[:, :, None] * damped[:, None],
    )
