"""How complex a Boolean function is, by measures that have nothing to do with networks."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool

from .._arguments import ArrayLike, as_array
from .._typed import typed

Table = Bool[np.ndarray, "*functions corners"]


@typed
def lempel_ziv(signs: ArrayLike) -> float:
    r"""The complexity of a sequence of signs by Lempel and Ziv, in bits.

    The sequence is read from left to right and cut into words, each the shortest that did not occur
    before it ends. With N signs and W words, read forwards and backwards,

    .. math:: K = \log_2 N \; \frac{W_{\to} + W_{\leftarrow}}{2},

    and :math:`\log_2 N` of a constant sequence.

    Parameters
    ----------
    signs : array_like, shape (N,)
        Positive and negative numbers, at least two.

    Raises
    ------
    ValueError
        If a number is 0 or NaN, or there are fewer than two.

    Notes
    -----
    A. Lempel and J. Ziv, "On the complexity of finite sequences", IEEE Transactions on Information
    Theory 22 (1976) 75; scaled as by K. Dingle, C. Q. Camargo and A. A. Louis, Nature
    Communications 9 (2018) 761.

    Examples
    --------
    >>> lempel_ziv([1, 1, 1, 1, 1, 1, 1, 1]), lempel_ziv([1, -1, -1, 1, -1, 1, 1, -1])
    (3.0, 15.0)
    """
    s = as_array("signs", signs)
    if s.ndim != 1 or len(s) < 2 or not (np.abs(s) > 0).all():
        raise ValueError(
            f"signs: found shape {s.shape}, or numbers that have no sign; give at least two, "
            "positive or negative."
        )
    return _lempel_ziv(s > 0)


def _lempel_ziv(positive: Bool[np.ndarray, " n"]) -> float:
    text = positive.astype(np.uint8).tobytes()
    if len(set(text)) == 1:
        return math.log2(len(text))
    return math.log2(len(text)) * (_words(text) + _words(text[::-1])) / 2


def _words(text: bytes) -> int:
    count = start = 0
    while start < len(text):
        end = start + 1
        while end <= len(text) and text[start:end] in text[: end - 1]:
            end += 1
        count, start = count + 1, end
    return count


@typed
def complexity(functions: ArrayLike) -> dict[str, np.ndarray]:
    r"""Measures of the complexity of Boolean functions of n inputs.

    A function is the vector of its signs at the :math:`2^n` corners of the cube, in the order of
    ``itertools.product([-1, 1], repeat=n)``. It is a sum of products of inputs,
    :math:`f(x) = \sum_S \hat f(S) \prod_{i \in S} x_i`, and :math:`\sum_S \hat f(S)^2 = 1`.

    Parameters
    ----------
    functions : array_like, shape (..., 2^n)
        Positive and negative numbers, of which the signs count.

    Returns
    -------
    dict of ndarray, shape (...)
        - ``"lempel_ziv"``: `lempel_ziv` of the signs, which depends on the order of the inputs;
        - ``"degree"``: the largest number of inputs in a product whose :math:`\hat f(S)` is not 0;
        - ``"terms"``: how many :math:`\hat f(S)` are not 0;
        - ``"sensitivity"``: how many of the n inputs change the sign when one alone is flipped, on
          average over the corners, which is :math:`\sum_S |S| \hat f(S)^2`;
        - ``"binary_degree"``: the degree as a polynomial over {0, 1} modulo 2, in which the inputs
          and the value are 0 for -1: there the sum of all inputs, parity, has degree 1.

    Raises
    ------
    ValueError
        If the last axis is not :math:`2^n` long, or a number is 0 or NaN.

    Notes
    -----
    R. O'Donnell, Analysis of Boolean Functions, Cambridge 2014.

    Examples
    --------
    >>> import numpy as np
    >>> parity_of_two, majority_of_three = [1, -1, -1, 1], [-1, -1, -1, 1, -1, 1, 1, 1]
    >>> found = complexity(majority_of_three)
    >>> {name: float(value) for name, value in found.items()}
    {'lempel_ziv': 12.0, 'degree': 3.0, 'terms': 4.0, 'sensitivity': 1.5, 'binary_degree': 2.0}
    >>> int(complexity(parity_of_two)["degree"]), int(complexity(parity_of_two)["binary_degree"])
    (2, 1)
    """
    f = as_array("functions", functions)
    n = f.shape[-1].bit_length() - 1 if f.ndim else 0
    if n < 1 or f.shape[-1] != 2**n or not (np.abs(f) > 0).all():
        raise ValueError(
            f"functions: found shape {f.shape}, or numbers that have no sign; give 2, 4, 8, ... "
            "positive or negative numbers a function, one for each corner."
        )
    positive = f > 0
    order = np.array([k.bit_count() for k in range(2**n)])
    fourier, binary = _fourier(positive, n), _modulo_2(positive, n)
    texts = positive.reshape(-1, 2**n)
    return {
        "lempel_ziv": np.array([_lempel_ziv(text) for text in texts]).reshape(f.shape[:-1]),
        "degree": (order * (fourier != 0)).max(-1),
        "terms": (fourier != 0).sum(-1),
        "sensitivity": (order * (fourier / 2.0**n) ** 2).sum(-1),
        "binary_degree": (order * binary).max(-1),
    }


def _fourier(positive: Table, n: int) -> np.ndarray:
    """2^n f̂(S), whole numbers, by the fast Walsh-Hadamard transform."""
    values = np.where(positive, 1, -1).reshape(*positive.shape[:-1], *n * [2])
    for axis in range(-n, 0):
        low, high = (values.take([i], axis) for i in (0, 1))
        values = np.concatenate([low + high, high - low], axis)
    return values.reshape(positive.shape)


def _modulo_2(positive: Table, n: int) -> np.ndarray:
    """Coefficients, 0 or 1, of the polynomial modulo 2, by the Möbius transform."""
    values = positive.astype(np.int64).reshape(*positive.shape[:-1], *n * [2])
    for axis in range(-n, 0):
        low, high = (values.take([i], axis) for i in (0, 1))
        values = np.concatenate([low, low ^ high], axis)
    return values.reshape(positive.shape)
