"""Products of matrices with complex numbers on the nodes of a contour."""

from __future__ import annotations

import torch
from torch import Tensor


def times(real: Tensor, complex_: Tensor) -> Tensor:
    """The product of a real matrix and a complex one, in real arithmetic."""
    parts = torch.view_as_real(complex_).flatten(1)
    return torch.view_as_complex((real @ parts).unflatten(1, (-1, 2)))
