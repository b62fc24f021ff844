"""Distances between inputs, accurate however close the inputs are."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

# |p - q|² = |p|² + |q|² - 2 p·q loses digits when the result is small beside |p|² + |q|². Below
# this share of it, the distance is computed from the differences themselves instead.
_CANCELLATION = 0.125

# Differences held at a time (numbers): 4 MB stay in a CPU's cache; a GPU wants more work at once.
_DIFFERENCES = {"cpu": 2**19, "cuda": 2**26}


def squared_distances(
    A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"], lengthscale: Float64[Tensor, " l"]
) -> Float64[Tensor, "n m"]:
    """Return D[i, j] = Σ_c ((A[i, c] − B[j, c]) / lengthscale[c])².

    Every entry is accurate to a few units in the last place, zero for identical rows. Most
    entries cost one multiply-add per input dimension, in a matrix product.

    Parameters
    ----------
    A, B : float64 tensors, shapes (n, d) and (m, d)
    lengthscale : float64 tensor, shape (d,) or (1,)
        The unit of length, in each dimension or in all.
    """
    centre = B.mean(dim=0)  # a shift changes no distance, but makes what cancels small
    P, Q = (A - centre) / lengthscale, (B - centre) / lengthscale
    squares = P.square().sum(dim=1)[:, None] + Q.square().sum(dim=1)
    D = torch.addmm(squares, P, Q.T, alpha=-2.0)
    # Written so that NaN (infinity minus infinity, from huge inputs) counts as doubtful too.
    doubtful = ~(D >= squares.mul_(_CANCELLATION))
    return _replace(D, doubtful, A, B, lengthscale)


def _replace(
    D: Float64[Tensor, "n m"],
    doubtful: Bool[Tensor, "n m"],
    A: Float64[Tensor, "n d"],
    B: Float64[Tensor, "m d"],
    lengthscale: Float64[Tensor, " l"],
) -> Float64[Tensor, "n m"]:
    """Recompute the doubtful entries of D from differences, in place."""
    pairs = doubtful.nonzero()
    held = _DIFFERENCES["cpu" if A.device.type == "cpu" else "cuda"]
    for rows, columns in (p.unbind(dim=1) for p in pairs.split(max(1, held // A.shape[1]))):
        differences = _differences(A[rows], B[columns], lengthscale)
        D[rows, columns] = differences.square_().sum(dim=1)
    return D


def _differences(
    A: Float64[Tensor, ...], B: Float64[Tensor, ...], unit: Float64[Tensor, ...]
) -> Float64[Tensor, ...]:
    """Return (A − B) / unit, which may be infinite only where the result is."""
    differences = A - B
    if not torch.isfinite(differences.sum()):  # numbers near the largest float
        return (A / 4.0 - B / 4.0).div_(unit).mul_(4.0)
    return differences.div_(unit)


def absolute_distances(
    A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"], lengthscale: Float64[Tensor, " l"]
) -> Float64[Tensor, "n m"]:
    """Return D[i, j] = Σ_c |A[i, c] − B[j, c]| / lengthscale[c].

    Every entry is accurate to a few units in the last place. No matrix product gives this: it
    costs about ten times as much as ``squared_distances``.

    Parameters
    ----------
    A, B : float64 tensors, shapes (n, d) and (m, d)
    lengthscale : float64 tensor, shape (d,) or (1,)
        The unit of length, in each dimension or in all.
    """
    if len(lengthscale) == 1:
        D = torch.cdist(A, B, p=1.0)
        if bool(torch.isfinite(D).all()):
            return D.div_(lengthscale)
    # Inputs that are divided first would lose the digits in which close ones differ.
    D = A.new_zeros(len(A), len(B))
    for a, b, unit in zip(A.T, B.T, lengthscale.expand(A.shape[1]), strict=True):
        D.add_(_differences(a[:, None], b[None], unit).abs_())
    return D


def log_squared_distances(
    A: Float64[Tensor, "n d"],
    B: Float64[Tensor, "m d"],
    lengthscale: Float64[Tensor, " l"],
    pairs: Int64[Tensor, "p 2"],
) -> Float64[Tensor, " p"]:
    """Return log D[i, j], of `squared_distances`, for some pairs (i, j) where D overflows."""
    held = max(1, _DIFFERENCES["cpu" if A.device.type == "cpu" else "cuda"] // A.shape[1])
    found = [A.new_empty(0)]
    for rows, columns in (p.unbind(dim=1) for p in pairs.split(held)):
        logs = (A[rows] / 4.0 - B[columns] / 4.0).abs_().log_() - lengthscale.log()
        found.append(torch.logsumexp(logs.mul_(2.0), dim=1).add_(math.log(16.0)))
    return torch.cat(found)
