"""Two sets of inputs, and what kernels need to know of them, computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch
from jaxtyping import Float64
from torch import Tensor

from .._arrays import unit_of
from .distances import absolute_distances, squared_distances


class Pair:
    """Rows of two input matrices, with their distances and dot products kept for the next kernel.

    A search evaluates kernels of many lengthscales on the same inputs: distances in units of one
    lengthscale are those in any other unit, divided. Of distances with a lengthscale for each input
    only the latest are kept.

    Parameters
    ----------
    A, B : float64 tensors, shapes (n, d) and (m, d)
        Inputs.
    """

    def __init__(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> None:
        self.A, self.B = A, B
        # Near the size of the inputs, so that squares neither overflow nor vanish.
        self._unit = A.new_tensor([max(unit_of(A), unit_of(B))])
        self._kept: dict[str, tuple[Tensor | None, Float64[Tensor, "n m"]]] = {}
        self._of_kernel: tuple[Hashable, Float64[Tensor, "n m"]] | None = None

    def squared_distances(self, lengthscale: Float64[Tensor, " l"]) -> Float64[Tensor, "n m"]:
        """Σ_c ((A[i, c] − B[j, c]) / lengthscale[c])², as a new array."""
        if len(lengthscale) == 1:
            return (
                self._of("squares", squared_distances, None) / (lengthscale / self._unit).square()
            )
        return self._of("squares, scaled", squared_distances, lengthscale).clone()

    def absolute_distances(self, lengthscale: Float64[Tensor, " l"]) -> Float64[Tensor, "n m"]:
        """Σ_c |A[i, c] − B[j, c]| / lengthscale[c], as a new array."""
        if len(lengthscale) == 1:
            return self._of("absolutes", absolute_distances, None) / (lengthscale / self._unit)
        return self._of("absolutes, scaled", absolute_distances, lengthscale).clone()

    def dot_products(self) -> Float64[Tensor, "n m"]:
        """Σ_c A[i, c] B[j, c], as a new array."""
        return self._of("products", lambda A, B, _: A @ B.T, None).clone()

    def of_kernel(
        self, kernel: Hashable, compute: Callable[[Tensor, Tensor], Tensor]
    ) -> Float64[Tensor, "n m"]:
        """The values of a kernel that take long to compute; those of the latest one are kept."""
        if self._of_kernel is None or self._of_kernel[0] != kernel:
            self._of_kernel = (kernel, compute(self.A, self.B))
        return self._of_kernel[1]

    def forget(self) -> None:
        """Free what is kept."""
        self._kept.clear()
        self._of_kernel = None

    def _of(
        self, what: str, compute: Callable[..., Tensor], lengthscale: Tensor | None
    ) -> Float64[Tensor, "n m"]:
        known = self._kept.get(what)
        same = known is not None and (
            lengthscale is None or (known[0] is not None and torch.equal(known[0], lengthscale))
        )
        if known is None or not same:
            unit = self._unit if lengthscale is None else lengthscale
            known = (lengthscale, compute(self.A, self.B, unit))
            self._kept[what] = known
        return known[1]
