"""How every network of a hypothesis space is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._arguments import non_negative, one_of, positive, whole
from ..tasks import Task
from ._optimizers import OPTIMIZERS, SCHEDULES, Schedule, make_optimizer


@dataclass(frozen=True)
class Recipe:
    """Training loss, optimizer and schedule; see `NetworkSpace` for the arguments.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """

    optimizer: str = "adam"
    lr: float = 1e-3
    epochs: int = 20
    batch_size: int | None = 50
    loss: str = "mse"
    weight_decay: float = 0.0
    schedule: str | Schedule = "constant"
    stop_at: float | None = None
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Validate every argument."""
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("loss", self.loss, LOSSES)
        if not callable(self.schedule):
            one_of("schedule", self.schedule, SCHEDULES)
        checked = {
            "lr": positive("lr", self.lr),
            "epochs": whole("epochs", self.epochs, at_least=1),
            "weight_decay": non_negative("weight_decay", self.weight_decay),
        }
        if self.batch_size is not None:
            checked["batch_size"] = whole("batch_size", self.batch_size, at_least=1)
        if self.stop_at is not None:
            checked["stop_at"] = non_negative("stop_at", self.stop_at)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self.new_optimizer([torch.zeros(1, requires_grad=True)])  # raises for bad options

    def new_optimizer(
        self, parameters: list[Tensor], *, plain: bool = False
    ) -> torch.optim.Optimizer:
        """Return the optimizer for stacked parameters; a plain one steps one after another."""
        return make_optimizer(
            self.optimizer,
            parameters,
            lr=self.lr,
            weight_decay=self.weight_decay,
            options=self.optimizer_options,
            plain=plain,
        )

    def lr_at(self, progress: float) -> float:
        """Return the learning rate when a fraction in [0, 1) of the steps has been taken."""
        schedule = self.schedule if callable(self.schedule) else SCHEDULES[self.schedule]
        return self.lr * non_negative("schedule", schedule(progress))

    def check(self, task: Task) -> None:
        """Refuse a task that cannot be learned in this way."""
        self.batch_for(task.n_train)
        for name in ("y_train", "y_test") if self.loss == "cross_entropy" else ():
            y = getattr(task, name)
            if (y < 0).any() or not np.allclose(y.sum(1), 1.0, rtol=0.0, atol=1e-6):
                raise ValueError(
                    f"loss: found 'cross_entropy', but the rows of {name} are no probabilities "
                    "(none negative, their sum 1); give a task with classes, or loss='mse'."
                )

    def batch_for(self, n_train: int) -> int:
        """Return the batch size for a training set, or refuse one that is too small for it."""
        if self.batch_size is None:
            return n_train
        if self.batch_size > n_train:
            raise ValueError(
                f"batch_size: found {self.batch_size} for a training set of {n_train}; give at "
                f"most {n_train}, or None for the whole set in every step."
            )
        return self.batch_size

    def describe(self) -> dict[str, str]:
        """Return every setting as text, equal for two recipes that train in the same way."""
        rates = [self.lr_at(i / 64) / self.lr for i in range(64)]
        settings = {name: repr(getattr(self, name)) for name in self.__dataclass_fields__}
        settings["schedule"] = " ".join(f"{rate:.6g}" for rate in rates)
        settings["optimizer_options"] = repr(sorted(self.optimizer_options.items()))
        return settings


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of every example, (..., n, k) to (..., n)."""
    return (outputs - targets).square().mean(-1)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of every example in nats, of logits against one-hot rows."""
    return -(targets * torch.log_softmax(outputs, -1)).sum(-1)


LOSSES = {"mse": mse, "cross_entropy": cross_entropy}
