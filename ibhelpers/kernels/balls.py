"""Kernels in ball arithmetic: each entry an interval that holds it, to as many digits as asked for.

Inputs and parameters are taken as the float64 numbers that they are, exactly. The formulae are
those of the kernels' own files, written once more, as plainly as they can be: no cancellation
matters here. Arb's balls (python-flint) carry their own error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .dot_product import Linear, Polynomial
from .kernel import Kernel, Product, Scaled, Sum
from .stationary import RBF, Laplace, Matern, RationalQuadratic, Stationary

if TYPE_CHECKING:
    from flint import arb, arb_mat

Entry = Callable[["arb"], "arb"]  # from what a kernel sees of two inputs to its value
Formula = TypeVar("Formula", bound=Callable[..., "arb_mat | None"])


def in_balls(kernel: Kernel, A: np.ndarray, B: np.ndarray) -> arb_mat | None:
    """Return the (n, m) matrix of κ over the rows of A and B, at flint's current precision.

    None for a kernel whose formula is not known here, such as a function of the reader's own.

    Examples
    --------
    >>> import numpy as np
    >>> from ibhelpers.kernels import RBF
    >>> found = in_balls(RBF(1.0), np.array([[0.0]]), np.array([[2.0]]))
    >>> print(f"{float(found[0, 0].mid()):.12f}")
    0.135335283237
    """
    formula = _FORMULAE.get(type(kernel))  # a class derived from a kernel may be another kernel
    return None if formula is None else formula(kernel, A, B)


_FORMULAE: dict[type[Kernel], Callable[..., arb_mat | None]] = {}


def _of(kind: type[Kernel]) -> Callable[[Formula], Formula]:
    """Say which kernels a formula is of."""

    def note(formula: Formula) -> Formula:
        _FORMULAE[kind] = formula
        return formula

    return note


@_of(Sum)
def _sum(kernel: Sum, A: np.ndarray, B: np.ndarray) -> arb_mat | None:
    left, right = in_balls(kernel.left, A, B), in_balls(kernel.right, A, B)
    return None if left is None or right is None else left + right


@_of(Product)
def _product(kernel: Product, A: np.ndarray, B: np.ndarray) -> arb_mat | None:
    left, right = in_balls(kernel.left, A, B), in_balls(kernel.right, A, B)
    if left is None or right is None:
        return None
    products = (a * b for a, b in zip(left.entries(), right.entries(), strict=True))
    return type(left)(len(A), len(B), list(products))


@_of(Scaled)
def _scaled(kernel: Scaled, A: np.ndarray, B: np.ndarray) -> arb_mat | None:
    inner = in_balls(kernel.kernel, A, B)
    return None if inner is None else inner * float(kernel.factor)


@_of(Linear)
def _linear(kernel: Linear, A: np.ndarray, B: np.ndarray) -> arb_mat:
    return _each(lambda dot: dot + float(kernel.bias_variance), _dots(A, B))


@_of(Polynomial)
def _polynomial(kernel: Polynomial, A: np.ndarray, B: np.ndarray) -> arb_mat:
    scale, offset, degree = float(kernel.scale), float(kernel.offset), int(kernel.degree)
    return _each(lambda dot: (dot * scale + offset) ** degree, _dots(A, B))


@_of(RBF)
def _rbf(kernel: RBF, A: np.ndarray, B: np.ndarray) -> arb_mat:
    return _each(lambda square: (-square / 2).exp(), _squared_distances(kernel, A, B))


@_of(Matern)
def _matern(kernel: Matern, A: np.ndarray, B: np.ndarray) -> arb_mat:
    def value(square: arb) -> arb:
        s = (square * (2 * float(kernel.nu))).sqrt()
        polynomials: dict[float, Any] = {0.5: 1, 1.5: 1 + s, 2.5: 1 + s + s * s / 3}
        return polynomials[float(kernel.nu)] * (-s).exp()

    return _each(value, _squared_distances(kernel, A, B))


@_of(RationalQuadratic)
def _rational_quadratic(kernel: RationalQuadratic, A: np.ndarray, B: np.ndarray) -> arb_mat:
    alpha = float(kernel.alpha)
    return _each(
        lambda square: (-alpha * (1 + square / (2 * alpha)).log()).exp(),
        _squared_distances(kernel, A, B),
    )


@_of(Laplace)
def _laplace(kernel: Laplace, A: np.ndarray, B: np.ndarray) -> arb_mat:
    from flint import arb, arb_mat

    units = _units(kernel, A)
    rows, columns = _exactly(A), _exactly(B)
    sums = [
        [
            sum((abs(x - y) / u for x, y, u in zip(a, b, units, strict=True)), arb(0))
            for b in columns
        ]
        for a in rows
    ]
    return _each(lambda total: (-total).exp(), arb_mat(sums))


def _each(value: Entry, matrix: arb_mat) -> arb_mat:
    """Apply a function to every entry."""
    return type(matrix)(matrix.nrows(), matrix.ncols(), [value(x) for x in matrix.entries()])


def _exactly(A: np.ndarray) -> list[list[arb]]:
    from flint import arb

    return [[arb(x) for x in row] for row in A.tolist()]


def _dots(A: np.ndarray, B: np.ndarray) -> arb_mat:
    from flint import arb_mat

    return arb_mat(_exactly(A)) * arb_mat(_exactly(B)).transpose()


def _units(kernel: Stationary, A: np.ndarray) -> list[arb]:
    from flint import arb

    found = kernel.lengthscale
    values = found if isinstance(found, tuple) else (found,) * A.shape[1]
    return [arb(float(value)) for value in values]


def _squared_distances(kernel: Stationary, A: np.ndarray, B: np.ndarray) -> arb_mat:
    """Squares of the distances in units of the lengthscale, exactly zero for equal inputs."""
    from flint import arb, arb_mat

    units = _units(kernel, A)
    P, Q = (
        [[x / u for x, u in zip(row, units, strict=True)] for row in _exactly(C)] for C in (A, B)
    )
    p, q = ([sum((x * x for x in row), arb(0)) for row in C] for C in (P, Q))
    dots, equal = arb_mat(P) * arb_mat(Q).transpose(), (A[:, None] == B).all(-1)
    return arb_mat(
        [
            [arb(0) if equal[i, j] else p[i] + q[j] - 2 * dots[i, j] for j in range(len(B))]
            for i in range(len(A))
        ]
    )
