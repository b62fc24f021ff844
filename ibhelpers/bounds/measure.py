"""The bound as a formula: bits = dimensions × bits for each dimension.

Hypotheses are sums of eigenfunctions of the Laplacian on a sphere of the task's intrinsic
dimension, up to the frequency that tells the classes apart. Each training example fixes as many
dimensions as it has outputs; the rest must be given, to a precision that the target error sets.

The formulas are evaluated in 40-digit arithmetic, whose exponents have no limit: binomials of
hundreds of dimensions neither overflow nor lose digits, and every digit of a float is right.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from .._arguments import at_least_one, positive, whole


@functools.cache
def _arithmetic() -> Any:
    """A context of our own, which leaves the precision of everyone else's alone."""
    from mpmath import MPContext

    mp = MPContext()
    mp.dps = 40
    return mp


class UpperBound:
    """So many bits of inductive bias are enough.

    Attributes
    ----------
    bits : float
        The bound; 0 when nothing is left to specify.
    log2_bits : float
        Its logarithm of base 2, for bounds that no float can hold; -inf for 0 bits.
    """

    def __init__(self, bits: Any) -> None:
        self._bits = bits  # of mpmath's type, whose exponents have no limit

    @property
    def bits(self) -> float:
        """The bound, or a ValueError where it is more than the largest float."""
        mp = _arithmetic()
        if self._bits >= mp.mpf(2) ** 1024:
            raise ValueError(
                f"bits: found 2^{self.log2_bits:.1f}, more than the largest float; ask for "
                "log2_bits."
            )
        return float(self._bits)

    @property
    def log2_bits(self) -> float:
        """log2 of the bound."""
        mp = _arithmetic()
        return float(mp.log(self._bits, 2)) if self._bits > 0 else -math.inf

    def __repr__(self) -> str:
        """Say the bound in one line."""
        mp = _arithmetic()
        small = self._bits < mp.mpf(2) ** 1024
        return f"at most {self.bits:.6g} bits" if small else f"at most 2^{self.log2_bits:.1f} bits"


def model_agnostic(
    *,
    n: float,
    max_norm: float,
    intrinsic_dim: float,
    resolution: float,
    target_error: float,
    n_classes: float | None = None,
    n_discrete: float | None = None,
    out_dim: float | None = None,
    out_bound: float = 1.0,
) -> UpperBound:
    """Bits of inductive bias that a task requires at most, in a very wide space of functions.

    The space is the bound's own, so this is no bound on the bits that another space needs.

    bits = out_dim (2 n_discrete E − n) × log2(√(out_dim n_discrete) out_bound L W / target_error)

    with m = intrinsic_dim and

    - M = 2π max_norm / resolution, the largest frequency;
    - K = (√((m − 1)² + 4M²) − (m − 1)) / 2, the degree of spherical harmonics that reaches it;
    - E = C(m + K, m) + C(m + K − 1, m), the number of eigenfunctions up to it, with binomials of
      real arguments;
    - L = K √out_dim / max_norm, the Lipschitz constant of a hypothesis;
    - W = max_norm √(m/6) (2 π^((m+1)/2) n_discrete / (n Γ((m+1)/2)))^(1/m), the distance
      between the test and the training distribution.

    Parameters
    ----------
    n : float
        Training examples, at least 1.
    max_norm : float
        Largest norm of an input.
    intrinsic_dim : float
        Dimensions in which the inputs vary, at least 1.
    resolution : float
        Smallest distance at which hypotheses must differ: that between two classes.
    target_error : float
        Error to reach on the test set.
    n_classes : int, optional
        Classes of a classification task, at least 2. Sets n_discrete to their number and
        out_dim to one less.
    n_discrete, out_dim : float, optional
        For other tasks, instead of ``n_classes``: the number of combinations of discrete
        features (1 if there are none), and of outputs.
    out_bound : float
        Largest absolute value of an output.

    Returns
    -------
    UpperBound
        With ``bits`` and ``log2_bits``; 0 bits when the examples fix all dimensions or every
        hypothesis meets the target.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Boopathy et al., ICML 2023, arXiv:2305.01034. Where this returns 0, the authors' code returns
    the product of the two factors, one of them negative, or both.

    Examples
    --------
    >>> mnist = dict(n=60000, max_norm=17.179045827183984, intrinsic_dim=14, n_classes=10)
    >>> model_agnostic(**mnist, resolution=2.3987084824335305, target_error=0.001)
    at most 1.4848e+16 bits
    >>> wide = dict(n=60000, max_norm=17.0, intrinsic_dim=784, n_classes=10, resolution=0.01)
    >>> model_agnostic(**wide, target_error=0.001)
    at most 2^4093.0 bits
    """
    bits = _model_agnostic(
        n,
        max_norm,
        intrinsic_dim,
        resolution,
        target_error,
        *_discrete_and_outputs(n_classes, n_discrete, out_dim),
        out_bound,
    )
    return UpperBound(bits)


def few_shot(
    *,
    n: float,
    max_norm: float,
    within_dim: float,
    across_dim: float,
    resolution: float,
    target_error: float,
    n_ways: int = 20,
) -> UpperBound:
    """Bits of inductive bias that few-shot classification requires at most.

    An input is one image of each of ``n_ways`` characters of an alphabet, an output the classifier
    to use for that alphabet. The measure is ``model_agnostic`` with intrinsic_dim =
    across_dim + (n_ways − 1) within_dim, max_norm √n_ways for the norm, n_discrete = 1,
    out_dim = 2 n_ways (n_ways − 1) E and out_bound = √(n_ways (n_ways − 1)), where E counts the
    eigenfunctions in within_dim dimensions.

    Parameters
    ----------
    n : float
        Training tasks (sets of n_ways images), at least 1.
    max_norm : float
        Largest norm of one image.
    within_dim, across_dim : float
        Intrinsic dimension of the images of one alphabet, and of all, at least 1.
    resolution, target_error : float
        As for ``model_agnostic``.
    n_ways : int
        Characters to tell apart, at least 2.

    Returns
    -------
    UpperBound
        With ``bits`` and ``log2_bits``; 0 bits when the examples fix all dimensions or every
        hypothesis meets the target.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Boopathy et al., ICML 2023, arXiv:2305.01034. As in the authors' code, the frequency in E
    comes from max_norm, that in the number of dimensions from max_norm √n_ways.

    Examples
    --------
    >>> bound = few_shot(
    ...     n=1e6, max_norm=49.4, within_dim=22, across_dim=29, resolution=5.48, target_error=0.01
    ... )
    >>> f"{bound.bits:.3g}"
    '1.46e+145'
    """
    bits = _few_shot(n, max_norm, within_dim, across_dim, resolution, target_error, n_ways)
    return UpperBound(bits)


def cart_pole(
    *,
    n_observations: int,
    n: float = 10_000,
    resolution: float = 0.001,
    target_error: float = 0.001,
) -> UpperBound:
    """Bits of inductive bias that balancing a pole requires at most.

    A policy sees T = n_observations observations of two numbers each, so 2T dimensions, and

        bits = (2 (2π/resolution)^(2T) π^T / T! − n)
               × log2(4π² √T / (√3 resolution n^(1/(2T)) target_error)).

    Parameters
    ----------
    n_observations : int
        Observations that the policy sees, at least 1.
    n : float
        Training examples, at least 1.
    resolution : float
        Smallest distance of observations at which policies must differ, in radians.
    target_error : float
        Share of wrong actions to reach.

    Returns
    -------
    UpperBound
        With ``bits`` and ``log2_bits``; 0 bits when the examples fix all dimensions or every
        policy meets the target.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Boopathy et al., ICML 2023, arXiv:2305.01034.

    Examples
    --------
    >>> cart_pole(n_observations=1)
    at most 4.41468e+09 bits
    >>> round(cart_pole(n_observations=100).log2_bits, 1)
    2169.6
    """
    return UpperBound(_cart_pole(n_observations, n, resolution, target_error))


def _model_agnostic(
    n: float,
    max_norm: float,
    intrinsic_dim: float,
    resolution: float,
    target_error: float,
    n_discrete: float,
    out_dim: float,
    out_bound: float,
) -> Any:
    """The bound of ``model_agnostic``, after checking the arguments."""
    mp = _arithmetic()
    return _bound(
        n=at_least_one("n", n),
        R=mp.mpf(positive("max_norm", max_norm)),
        m=mp.mpf(at_least_one("intrinsic_dim", intrinsic_dim)),
        delta=positive("resolution", resolution),
        epsilon=positive("target_error", target_error),
        n_discrete=n_discrete,
        D=out_dim,
        B=positive("out_bound", out_bound),
    )


def _few_shot(
    n: float,
    max_norm: float,
    within_dim: float,
    across_dim: float,
    resolution: float,
    target_error: float,
    n_ways: int,
) -> Any:
    """The bound of ``few_shot``, after checking the arguments."""
    mp = _arithmetic()
    R, delta = mp.mpf(positive("max_norm", max_norm)), positive("resolution", resolution)
    within = mp.mpf(at_least_one("within_dim", within_dim))
    across = mp.mpf(at_least_one("across_dim", across_dim))
    ways = whole("n_ways", n_ways, at_least=2)
    _, E = _eigenfunctions(within, 2 * mp.pi * R / delta)
    return _bound(
        n=at_least_one("n", n),
        R=R * mp.sqrt(ways),
        m=across + (ways - 1) * within,
        delta=delta,
        epsilon=positive("target_error", target_error),
        n_discrete=1,
        D=2 * ways * (ways - 1) * E,
        B=mp.sqrt(ways * (ways - 1)),
    )


def _bound(
    *,
    n: float,
    R: Any,
    m: Any,
    delta: float,
    epsilon: float,
    n_discrete: float,
    D: Any,
    B: Any,
) -> Any:
    """Bits, in the paper's symbols: R = max_norm, m = intrinsic_dim, D = out_dim, B = out_bound."""
    mp = _arithmetic()
    K, E = _eigenfunctions(m, 2 * mp.pi * R / delta)
    L = K * mp.sqrt(D) / R
    sphere = 2 * mp.pi ** ((m + 1) / 2) / mp.gamma((m + 1) / 2)
    W = R * mp.sqrt(m / 6) * (sphere * n_discrete / n) ** (1 / m)
    dimensions = D * (2 * n_discrete * E - n)
    return _product(dimensions, mp.log(mp.sqrt(D * n_discrete) * B * L * W / epsilon, 2))


def _cart_pole(n_observations: int, n: float, resolution: float, target_error: float) -> Any:
    """The bound of ``cart_pole``, after checking the arguments."""
    mp = _arithmetic()
    T, n = whole("n_observations", n_observations, at_least=1), at_least_one("n", n)
    delta, epsilon = positive("resolution", resolution), positive("target_error", target_error)
    dimensions = 2 * (2 * mp.pi / delta) ** (2 * T) * mp.pi**T / mp.factorial(T) - n
    scale = 4 * mp.pi**2 * mp.sqrt(T) / (mp.sqrt(3) * delta * mp.mpf(n) ** (mp.mpf(1) / (2 * T)))
    return _product(dimensions, mp.log(scale / epsilon, 2))


def _discrete_and_outputs(
    n_classes: float | None, n_discrete: float | None, out_dim: float | None
) -> tuple[float, float]:
    """Return n_discrete and out_dim, given themselves or by the number of classes."""
    if n_classes is None and n_discrete is not None and out_dim is not None:
        return positive("n_discrete", n_discrete), positive("out_dim", out_dim)
    if n_classes is None or n_discrete is not None or out_dim is not None:
        raise ValueError(
            f"n_classes: found {n_classes!r} with n_discrete={n_discrete!r}, out_dim={out_dim!r}; "
            "give n_classes alone, or both others without it."
        )
    n_classes = whole("n_classes", n_classes, at_least=2)
    return float(n_classes), float(n_classes - 1)


def _eigenfunctions(m: Any, M: Any) -> tuple[Any, Any]:
    """Return the degree K of the spherical harmonics up to frequency M, and their number E."""
    mp = _arithmetic()
    K = (mp.sqrt((m - 1) ** 2 + 4 * M**2) - (m - 1)) / 2
    return K, mp.binomial(m + K, m) + mp.binomial(m + K - 1, m)


def _product(dimensions: Any, bits_per_dimension: Any) -> Any:
    """Return the bits, 0 where a factor is not positive."""
    mp = _arithmetic()
    # Two negative factors must not make a positive answer: where no dimension is left, or no
    # hypothesis misses the target, there is nothing to specify.
    return max(dimensions, mp.mpf(0)) * max(bits_per_dimension, mp.mpf(0))
