r"""Conditioning with as many digits as it takes, for tasks small enough: in ball arithmetic.

Mean and covariance are computed by the textbook formulae in balls (python-flint's Arb) whose
precision is raised until they are narrow. A law needs the variance of every direction to a few
digits of its own, though it be 10⁻¹⁰⁰ of the largest, which rounding the covariance to float64
would destroy. So the covariance is factorised first, in balls and by the largest pivots,
P C Pᵀ = L D Lᵀ; the columns of L are well conditioned, and all the grading is in the diagonal D.
One-sided Jacobi rotations of the columns of L D^½ then find its singular values in float64, each to
nearly all its digits.

Source: J. Demmel et al., "Computing the singular value decomposition with high relative accuracy",
Linear Algebra and its Applications 299 (1999) 21.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..kernels import Kernel
from ..kernels.balls import in_balls
from ..laws import GeneralizedChi2, Rounding
from ..tasks import Task
from ._evidence import Evidence, LeaveOneOut
from .posterior import EPS, Posterior

if TYPE_CHECKING:
    from flint import arb, arb_mat

_MOST_EXAMPLES, _MOST_TESTED = 120, 60  # training and test examples together; the latter alone
_MOST_PRODUCTS = 3_000_000  # of numbers in the distances or dot products
_PRECISIONS = (256, 1024, 4096)  # bits
_GUARD = 80  # bits that are left in a narrow ball
_NOTHING = 2.0**-180  # a variance, in units of the prior's, that is 0 for all that a mean can tell
_TINY = -1000  # the exponent of 2 at which a variance, in units of the largest, counts as 0
_SWEEPS = 60


@dataclass(frozen=True)
class _Moments:
    """Mean and covariance of the outputs at the test points, in balls."""

    mean: arb_mat  # (m, k)
    covariance: arb_mat  # (m, m)
    prior: float  # the largest prior variance
    training: arb_mat  # (n, n), the training covariance


def is_within_reach(kernel: Kernel, task: Task, noise: float) -> bool:
    """Whether conditioning in balls takes seconds at most, and knows the kernel's formula.

    Not where two training inputs are equal and there is no noise: then no precision suffices.
    """
    n = task.n_train + task.n_test
    small = n <= _MOST_EXAMPLES and task.n_test <= _MOST_TESTED
    if not small or n * n * task.n_inputs > _MOST_PRODUCTS:
        return False
    if noise == 0 and len(np.unique(task.X_train, axis=0)) < task.n_train:
        return False
    one = np.ones((1, task.n_inputs))
    return in_balls(kernel, one, one) is not None


def precise_posterior(
    kernel: Kernel, task: Task, noise: float, device: torch.device
) -> Posterior | None:
    """The posterior with all its digits; None where no precision is enough."""
    for bits in _PRECISIONS:
        moments = _moments(kernel, task, noise, bits)
        if moments is not None and _are_narrow(moments):
            mean, covariance = _floats(moments.mean), _floats(moments.covariance)
            largest, nothing = float(covariance.diagonal().max()), _NOTHING * moments.prior
            return Posterior(
                mean=torch.from_numpy(mean).to(device),
                covariance=torch.from_numpy((covariance + covariance.T) / 2).to(device),
                jitter=0.0,
                condition=_condition(moments.training, bits),
                resolution=max(EPS * task.n_test * largest, 2 * task.n_test * nothing),
                mean_error=EPS * float(np.sqrt(np.mean(mean**2))),
                covariance_error=EPS * largest,
                mean_error_together=EPS * float(np.sqrt(np.sum(mean**2))),
                covariance_error_together=EPS * largest * task.n_test,
            )
    return None


def precise_law(kernel: Kernel, task: Task, noise: float, floor: float) -> GeneralizedChi2 | None:
    """The law of the loss with every weight to nearly all its digits; None as above."""
    for bits in _PRECISIONS:
        moments = _moments(kernel, task, noise, bits)
        if moments is None:
            continue
        factor = _graded_factor(moments, bits)
        if factor is not None:
            return _law(moments, *factor, task, floor)
    return None


def precise_evidence(
    kernel: Kernel, task: Task, noise: float, device: torch.device, *, left_out: bool
) -> Evidence | None:
    """The evidence, and each example predicted from the others, with all digits; None as above."""
    for bits in _PRECISIONS:
        found = _evidence(kernel, task, noise, bits)
        if found is not None:
            log_evidence, quadratic, variance, errors, log_density = found
            others = LeaveOneOut(
                mean=torch.from_numpy(task.y_train - errors).to(device),
                variance=torch.from_numpy(variance).to(device),
                mse=float(np.square(errors).mean()),
                log_predictive_density=log_density,
            )
            return Evidence(log_evidence, quadratic, others if left_out else None, 0.0)
    return None


def _evidence(
    kernel: Kernel, task: Task, noise: float, bits: int
) -> tuple[float, float, np.ndarray, np.ndarray, float] | None:
    """Log evidence, tr(Yᵀ C⁻¹ Y), variances and errors of what is left out, and its log density."""
    from flint import arb, arb_mat, ctx

    n, k = task.y_train.shape
    with ctx.workprec(bits):
        C = in_balls(kernel, task.X_train, task.X_train)
        assert C is not None  # within reach
        for i in range(n):
            C[i, i] = C[i, i] + noise
        try:
            A = C.inv()
        except ZeroDivisionError:
            return None
        y = arb_mat(task.y_train.tolist())
        alpha, log_2pi = A * y, (2 * arb.pi()).log()
        quadratic = sum((a * b for a, b in zip(y.entries(), alpha.entries(), strict=True)), arb(0))
        precision = [A[i, i] for i in range(n)]
        if not all(p > 0 for p in precision):
            return None
        log_evidence = -(quadratic + k * C.det().log() + n * k * log_2pi) / 2
        errors = [[alpha[i, j] / p for j in range(k)] for i, p in enumerate(precision)]
        squares = [sum((e * e for e in row), arb(0)) for row in errors]
        log_density = sum(
            (k * (p.log() - log_2pi) - p * s for p, s in zip(precision, squares, strict=True)),
            arb(0),
        )
        largest = max((abs(e) for row in errors for e in row), key=lambda e: e.mid())
        told = [log_evidence, quadratic, log_density / 2]
        if not all(x.rad() <= 2.0**-_GUARD * (1 + abs(x.mid())) for x in told):
            return None
        if not all(e.rad() <= 2.0**-_GUARD * largest.mid() for row in errors for e in row):
            return None
        numbers = [float(x.mid()) for x in told]
        variance = np.array([float((1 / p).mid()) for p in precision])
        return numbers[0], numbers[1], variance, _floats(arb_mat(errors)), numbers[2]


def _moments(kernel: Kernel, task: Task, noise: float, bits: int) -> _Moments | None:
    """Mean and covariance at a precision; None if the training covariance may be singular there."""
    from flint import arb, arb_mat, ctx

    X, Z = task.X_train, task.X_test
    m, k = len(Z), task.n_outputs
    with ctx.workprec(bits):
        K, cross, prior = in_balls(kernel, X, X), in_balls(kernel, Z, X), in_balls(kernel, Z, Z)
        assert K is not None and cross is not None and prior is not None  # within reach
        for i in range(len(X)):
            K[i, i] = K[i, i] + noise
        targets = task.y_train.tolist()
        sides = [
            [cross[i, j] for i in range(m)] + [arb(y) for y in targets[j]] for j in range(len(X))
        ]
        try:
            solved = K.solve(arb_mat(sides))
        except ZeroDivisionError:
            return None
        both = cross * solved
        covariance = prior - arb_mat([[both[i, j] for j in range(m)] for i in range(m)])
        mean = arb_mat([[both[i, m + j] for j in range(k)] for i in range(m)])
        return _Moments(mean, covariance, max(float(prior[i, i].mid()) for i in range(m)), K)


def _condition(K: arb_mat, bits: int) -> float:
    """The largest variance times the norm of K⁻¹, from below, by two steps of power iteration."""
    from flint import arb_mat, ctx

    n = K.nrows()
    with ctx.workprec(bits):
        once = K.solve(arb_mat(np.random.default_rng(0).standard_normal((n, 1)).tolist()))
        twice = K.solve(once)
        squares: list[Any] = [sum(x * x for x in v.entries()) for v in (twice, once)]
        largest = max((K[i, i] for i in range(n)), key=lambda x: x.mid())
        return float((largest * (squares[0] / squares[1]).sqrt()).mid())


def _are_narrow(moments: _Moments) -> bool:
    """Whether float64 is all that rounds mean and covariance."""

    def narrow(matrix: arb_mat, least: float) -> bool:
        entries = matrix.entries()
        largest = max(abs(float(x.mid())) for x in entries)
        return math.isfinite(largest) and all(
            float(x.rad()) <= max(2.0**-_GUARD * largest, least) for x in entries
        )

    return narrow(moments.mean, 0.0) and narrow(moments.covariance, _NOTHING * moments.prior)


def _graded_factor(moments: _Moments, bits: int) -> tuple[np.ndarray, np.ndarray, float] | None:
    """The columns of L, the roots of D, and a limit of the variance that is left in any direction.

    None if the precision does not tell a pivot from 0.
    """
    from flint import ctx

    with ctx.workprec(bits):
        m = moments.covariance.nrows()
        C = [[moments.covariance[i, j] for j in range(i + 1)] for i in range(m)]
        left = list(range(m))
        columns: list[Any] = []
        roots: list[float] = []
        negligible = moments.prior * 2.0**_TINY
        while left:
            pivot = max(left, key=lambda i: C[i][i].mid())
            most = sum(_upper(C[i][i]) for i in left)
            if most < negligible:
                return _columns(columns, m), np.array(roots), most
            d = C[pivot][pivot]
            if not d > 0 or float(d.rad() / d.mid()) > 2.0**-_GUARD:
                return None
            left.remove(pivot)
            entries = {i: C[max(i, pivot)][min(i, pivot)] / d for i in left}
            for i in left:
                for j in left:
                    if j <= i:
                        C[i][j] -= entries[i] * entries[j] * d
            columns.append({pivot: 1.0} | {i: float(x.mid()) for i, x in entries.items()})
            roots.append(float(d.sqrt().mid()))
        return _columns(columns, m), np.array(roots), 0.0


def _upper(x: arb) -> float:
    return max(0.0, float(x.mid()) + float(x.rad()))


def _columns(columns: list[dict[int, float]], m: int) -> np.ndarray:
    L = np.zeros((m, len(columns)))
    for j, column in enumerate(columns):
        L[list(column), j] = list(column.values())
    return L


def _law(
    moments: _Moments, L: np.ndarray, roots: np.ndarray, most_left: float, task: Task, floor: float
) -> GeneralizedChi2 | None:
    from flint import arb_mat

    m, k = task.n_test, task.n_outputs
    residual = _floats(moments.mean - arb_mat(task.y_test.tolist()))
    directions, deviations = _singular_values(L * roots)
    if not len(deviations):
        return None
    squares = ((directions.T @ residual) ** 2).sum(1)
    rest = residual - directions @ (directions.T @ residual)
    left_out = m - len(deviations)
    weights = deviations**2 / (m * k)
    offset = float((rest**2).sum()) / (m * k) if left_out else 0.0
    return GeneralizedChi2(
        weights,
        float(k),
        squares / (m * k) / weights,
        offset=offset,
        rounding=Rounding(
            weight=0.0,
            root=EPS * float(np.sqrt((residual**2).mean() / (m * k))),
            df=float(k),
            weights_left_out=torch.full((left_out,), most_left / (m * k), dtype=torch.float64),
            squares_left_out=torch.full(
                (left_out,), offset / max(left_out, 1), dtype=torch.float64
            ),
            floor=floor,
            relative=16 * EPS * m**0.5,
        ),
    )


def _singular_values(B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left singular vectors and singular values, by one-sided Jacobi rotations of the columns.

    Columns are rotated in pairs, all disjoint pairs of a round at once, until every two are
    orthogonal to working precision beside their lengths, however small these are.
    """
    B = B.copy()
    r = B.shape[1]
    players = r + r % 2
    order = np.arange(players)
    for _ in range(_SWEEPS):
        largest = 0.0
        for _ in range(players - 1):
            first, second = order[: players // 2], order[players // 2 :][::-1]
            real = (first < r) & (second < r)
            i, j = first[real], second[real]
            largest = max(largest, _rotate(B, i, j))
            order = np.concatenate([order[:1], order[-1:], order[1:-1]])  # a round-robin tournament
        if largest < 4 * EPS:
            break
    lengths = np.linalg.norm(B / np.abs(B).max(0), axis=0) * np.abs(B).max(0)
    return B / lengths, lengths


def _rotate(B: np.ndarray, i: np.ndarray, j: np.ndarray) -> float:
    """Make pairs of columns orthogonal; the largest cosine of an angle between two of them."""
    if not len(i):
        return 0.0
    unit = np.maximum(np.abs(B[:, i]).max(0), np.abs(B[:, j]).max(0))  # nothing underflows
    a, b = B[:, i] / unit, B[:, j] / unit
    scale = np.abs(b).max(0)
    scale_a = np.abs(a).max(0)
    na, nb = np.linalg.norm(a / scale_a, axis=0), np.linalg.norm(b / scale, axis=0)
    cosine = ((a / scale_a) * (b / scale)).sum(0) / (na * nb)
    ratio = scale_a * na / (scale * nb)
    with np.errstate(divide="ignore", over="ignore"):
        zeta = (1 / ratio - ratio) / (2 * cosine)
        t = np.sign(zeta) / (np.abs(zeta) + np.hypot(1.0, zeta))
    t = np.where(np.isfinite(zeta), np.where(zeta == 0, 1.0, t), 0.0)
    c = 1 / np.hypot(1.0, t)
    s = c * t
    B[:, i], B[:, j] = c * B[:, i] - s * B[:, j], s * B[:, i] + c * B[:, j]
    return float(np.abs(cosine).max())


def _floats(matrix: arb_mat) -> np.ndarray:
    rows = [[float(x.mid()) for x in row] for row in matrix.tolist()]
    return np.array(rows)
