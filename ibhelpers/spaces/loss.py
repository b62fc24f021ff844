"""Losses of sampled hypotheses on the test set, by name or as the reader's own function."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .._arguments import ArrayLike, as_float64
from ..tasks import Task

Loss = str | Callable[[Tensor, Task], ArrayLike]


def loss_function(loss: Loss, task: Task) -> Callable[[Tensor], Tensor]:
    """The function from outputs (b, m, k) to losses (b,) that a name or a callable stands for."""
    if loss == "mse":
        return lambda outputs: ((outputs - _like(task.y_test, outputs)) ** 2).mean((1, 2))
    if loss == "zero_one":
        if task.labels_test is None:
            raise ValueError(
                "loss: 'zero_one' needs labels, and the task has none; give the Task labels_test."
            )
        labels = torch.tensor(task.labels_test)
        return lambda outputs: (
            (outputs.argmax(2) != labels.to(outputs.device)).to(torch.float64).mean(1)
        )
    if not callable(loss):
        raise ValueError(
            f"loss: found {loss!r}; give 'mse', 'zero_one', or a callable of (outputs, task)."
        )
    return lambda outputs: _checked_losses(loss(outputs, task), outputs)


def _checked_losses(losses: ArrayLike, outputs: Tensor) -> Tensor:
    losses = as_float64("loss", losses).to(outputs.device)
    if losses.shape != outputs.shape[:1]:
        raise ValueError(
            f"loss: the callable returned shape {tuple(losses.shape)} for {len(outputs)} "
            "hypotheses; it must return one number a hypothesis."
        )
    if bool(losses.isnan().any()):
        i = int(torch.nonzero(losses.isnan())[0])
        raise ValueError(f"loss: the callable returned NaN for hypothesis {i} of its block.")
    return losses


def _like(array: np.ndarray, tensor: Tensor) -> Tensor:
    return torch.tensor(array, dtype=tensor.dtype, device=tensor.device)
