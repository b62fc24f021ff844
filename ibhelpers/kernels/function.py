"""A kernel made of the reader's own covariance function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import as_float64
from .._typed import typed
from .kernel import Kernel

_ROWS = 256  # of the small matrices whose diagonals are the kernel's diagonal


@dataclass(frozen=True)
class FunctionKernel(Kernel):
    """A kernel of any function of two sets of inputs, checked wherever it is evaluated.

    Parameters
    ----------
    function : callable
        Takes float64 tensors (n, d) and (m, d) and returns the (n, m) matrix of κ over their rows,
        as a tensor or an array. It must be symmetric, κ(a, b) = κ(b, a). It is called on short
        pieces of the inputs, so an entry may depend on its own two rows alone.

    Raises
    ------
    ValueError
        On evaluation, if the result is no matrix of that shape, not finite, or not symmetric.

    Examples
    --------
    >>> import numpy as np, torch
    >>> kernel = FunctionKernel(lambda A, B: torch.exp(-torch.cdist(A, B)))
    >>> kernel(np.array([[0.0], [1.0]]))
    tensor([[1.0000, 0.3679],
            [0.3679, 1.0000]], dtype=torch.float64)
    """

    function: Callable[..., Any]

    def __post_init__(self) -> None:
        """Refuse what cannot be called."""
        if not callable(self.function):
            raise ValueError(
                f"function: found a {type(self.function).__name__}; give a function of two arrays "
                "of inputs."
            )

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        found = self.function(A, B)
        try:
            values = as_float64("its values", found).to(A.device)
        except ValueError as error:
            raise ValueError(
                f"kernel: {self} returned {type(found).__name__}; it must return real numbers "
                f"({error})"
            ) from None
        if values.shape != (len(A), len(B)):
            raise ValueError(
                f"kernel: {self} returned shape {tuple(values.shape)} for {len(A)} and {len(B)} "
                f"inputs; it must return one number for each pair, ({len(A)}, {len(B)})."
            )
        return values.clone()  # ours to write to, whatever the function keeps

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        diagonals = []
        for rows in A.split(_ROWS):
            values = self._checked_tile(rows, rows)
            uneven = (values - values.T).abs()
            if bool((uneven > 1e-10 * values.abs().max()).any()):
                i, j = divmod(int(uneven.argmax()), len(rows))
                raise ValueError(
                    f"kernel: {self} gave {values[i, j]} for two inputs and {values[j, i]} with "
                    "the two exchanged; a covariance function is symmetric."
                )
            diagonals.append(values.diagonal())
        return torch.cat(diagonals)

    def __repr__(self) -> str:
        """Return the name of the function."""
        return f"FunctionKernel({getattr(self.function, '__name__', self.function)})"


@typed
def is_fixed(kernel: Kernel) -> bool:
    """Whether a kernel always gives the same values.

    Kernels of this package do. A function of the reader's own, or a class, may read what changes.

    Examples
    --------
    >>> from ibhelpers.kernels import RBF
    >>> is_fixed(2.0 * RBF(1.0)), is_fixed(2.0 * FunctionKernel(lambda A, B: A @ B.T))
    (True, False)
    """
    parts = (part for part in vars(kernel).values() if isinstance(part, Kernel))
    own = type(kernel).__module__.startswith(f"{__package__}.")
    return own and not isinstance(kernel, FunctionKernel) and all(map(is_fixed, parts))
