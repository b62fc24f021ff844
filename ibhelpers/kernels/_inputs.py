"""What every kernel accepts as inputs."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import ArrayLike
from .._arrays import real


def as_inputs(
    name: str, X: ArrayLike, *, like: Float64[Tensor, "n d"] | None = None
) -> Float64[Tensor, "m d"]:
    """Return X as a finite float64 matrix, one row an input.

    Parameters
    ----------
    name : str
        What to call X in an error.
    X : tensor or array_like, shape (m, d)
        A tensor stays on its device; anything else goes to the device of ``like``.
    like : tensor, shape (n, d), optional
        Inputs that X must match in width and device.

    Raises
    ------
    ValueError
        If X is not a matrix of finite numbers, or does not match ``like``.
    """
    device = None if like is None else like.device
    X = real(name, X)
    if not isinstance(X, Tensor):
        with np.errstate(over="ignore"):  # numbers too large for float64 are refused as infinite
            # A tensor shares memory with an array only when the array may be written to.
            if min(X.strides, default=0) < 0:  # of a single row, too, which counts as in order
                X = X.copy()
            X = torch.from_numpy(np.require(X, np.float64, ["C", "W"])).to(device or "cpu")
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(
            f"{name}: found shape {tuple(X.shape)}; give a matrix (n, d) of n inputs of width d, "
            "both at least 1; X[:, None] makes n inputs of width 1 from a vector."
        )
    if like is not None and X.shape[1] != like.shape[1]:
        raise ValueError(
            f"{name}: found inputs of width {X.shape[1]}, but A has width {like.shape[1]}; "
            "give both the same columns."
        )
    if device is not None and X.device != device:
        raise ValueError(
            f"{name}: found a tensor on {X.device}, but A is on {device}; "
            f"move it with {name}.to('{device}')."
        )
    X = X.to(torch.float64)
    if torch.isfinite(X.sum()):  # one pass, which NaN and infinity do not survive
        return X
    finite = torch.isfinite(X).all(dim=1)
    if not finite.all():
        row = int((~finite).nonzero()[0])
        raise ValueError(
            f"{name}: found NaN or infinity in row {row}; remove or repair such inputs."
        )
    return X
