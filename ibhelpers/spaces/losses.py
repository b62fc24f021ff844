r"""Losses of hypotheses on the test set: by name, as one of these classes, or the reader's own.

A loss is a callable of outputs (b, m, k) of b hypotheses, and the task. The classes here are means
of one cost a test point, by which a rare-event method can move single points. Outputs are
regressions of one-hot rows, and the class that a hypothesis predicts is that of its largest output.
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .._arguments import ArrayLike, as_array, as_float64, generator_of, positive, whole
from .._typed import typed
from ..tasks import Task

if TYPE_CHECKING:
    from .gaussian import GaussianSpace

__all__ = ["Costs", "CrossEntropy", "ErrorRate", "PointLoss", "SquaredError", "TopK", "WorstClass"]

Loss = str | Callable[[Tensor, Task], ArrayLike]  # what an argument `loss` may be


@typed
def loss_function(loss: Loss, task: Task) -> Callable[[Tensor], Tensor]:
    """The function from outputs (b, m, k) to losses (b,) that a name or a callable stands for."""
    if isinstance(loss, str) and loss == "mse":
        return lambda outputs: ((outputs - _like(task.y_test, outputs)) ** 2).mean((1, 2))
    if isinstance(loss, str) and loss == "zero_one":
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
    if isinstance(loss, PointLoss):
        of_points = _of_points(loss, task)
        return lambda outputs: _checked_losses(of_points(outputs), outputs)
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


class PointLoss(ABC):
    """The mean over the test points of one cost each, or the largest mean of groups of points."""

    non_negative = True
    whole_costs = False  # whether costs are whole numbers, so that losses come in steps
    curvature = 0.0  # c of a cost that is c/2 times the squared distance from the targets
    rivals = (
        0  # outputs ahead of the label's that make a cost 1, which is 0 before; 0: it is not so
    )

    def __init_subclass__(cls) -> None:
        """Costs of one's own keep none of the promises that another class made about its own."""
        super().__init_subclass__()
        if "costs" in vars(cls):
            for promise in ("whole_costs", "curvature", "rivals"):
                if promise not in vars(cls):
                    setattr(cls, promise, getattr(PointLoss, promise))

    @abstractmethod
    def answers(self, task: Task) -> np.ndarray:
        """What the costs compare outputs with, one row a test point."""

    @abstractmethod
    def costs(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """Costs (p, b) of the outputs (p, k, b) of b hypotheses at p test points."""

    def groups(self, task: Task) -> np.ndarray:
        """The group of each test point, from 0; one group but where the worst one counts."""
        return np.zeros(task.n_test, dtype=np.int64)

    @typed
    def __call__(self, outputs: Tensor, task: Task) -> Tensor:
        """Losses (b,) of the outputs (b, m, k) of b hypotheses."""
        return _of_points(self, task)(as_float64("outputs", outputs))


@dataclass(frozen=True)
class BoundLoss:
    """A loss of points, and the answers of a task, on a device."""

    loss: PointLoss
    answers: Tensor  # (m, ...)
    group: Tensor  # (m,), int64
    weight: Tensor  # (m,): one over the size of the point's group
    sizes: Tensor  # (groups,)

    @classmethod
    def of(cls, loss: PointLoss, task: Task, device: torch.device) -> BoundLoss:
        """Bind a loss to a task."""
        group = torch.as_tensor(loss.groups(task), device=device)
        sizes = torch.bincount(group).double()
        answers = torch.tensor(loss.answers(task), device=device)
        return cls(loss, answers, group, 1 / sizes[group], sizes)

    def costs(self, outputs: Tensor, points: slice = slice(None)) -> Tensor:
        """Costs (p, b), float64, of the outputs (p, k, b) at some of the points."""
        return self.loss.costs(outputs, self.answers[points]).to(torch.float64)

    def means(self, costs: Tensor) -> Tensor:
        """The mean cost of every group, (groups, b)."""
        if len(self.sizes) == 1 and len(costs) == len(self.group):  # the usual case, short
            return costs.sum(0, keepdim=True) / self.sizes
        sums = costs.new_zeros(len(self.sizes), costs.shape[1]).index_add_(0, self.group, costs)
        return sums / self.sizes[:, None]

    def total(self, costs: Tensor) -> Tensor:
        """Losses (b,) from the costs (m, b) of all points."""
        return self.means(costs).amax(0)


def _of_points(loss: PointLoss, task: Task) -> Callable[[Tensor], Tensor]:
    """Losses (b,) of outputs (b, m, k); the loss is bound to the task once for each device."""
    bound_on = functools.cache(lambda device: BoundLoss.of(loss, task, device))
    wanted = (task.n_test, task.n_outputs)

    def losses(outputs: Tensor) -> Tensor:
        if outputs.dtype != torch.float32:  # which whoever moves hypotheses in it has asked for
            outputs = as_float64("outputs", outputs)
        if outputs.ndim != 3 or tuple(outputs.shape[1:]) != wanted:
            raise ValueError(
                f"outputs: found shape {tuple(outputs.shape)}; give (hypotheses, "
                f"{wanted[0]}, {wanted[1]}), one number for each test point and output."
            )
        bound = bound_on(outputs.device)
        return bound.total(bound.costs(outputs.permute(1, 2, 0)))

    return losses


@dataclass(frozen=True)
class SquaredError(PointLoss):
    """The mean squared error over test points and outputs, "mse"."""

    curvature = 2.0  # of the sum over outputs; `costs` divides by their number

    def answers(self, task: Task) -> np.ndarray:
        """The targets."""
        return task.y_test

    def costs(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """Mean squared differences."""
        return (outputs - answers[:, :, None].to(outputs.dtype)).square().mean(1)


@dataclass(frozen=True)
class _OfLabels(PointLoss):
    """A cost that depends on the label."""

    def answers(self, task: Task) -> np.ndarray:
        """The labels."""
        if task.labels_test is None:
            raise ValueError(
                f"loss: {type(self).__name__} needs labels, and the task has none; give the Task "
                "labels_test."
            )
        if task.labels_test.max() >= task.n_outputs or task.labels_test.min() < 0:
            raise ValueError(
                f"loss: {type(self).__name__} takes labels from 0 to {task.n_outputs - 1}, one an "
                f"output; the task has {task.labels_test.min()} to {task.labels_test.max()}."
            )
        return task.labels_test


@dataclass(frozen=True)
class ErrorRate(_OfLabels):
    """The fraction of test points whose largest output is not the label's, "zero_one".

    Of equal outputs the first counts as the largest, as in argmax.
    """

    whole_costs = True
    rivals = 1

    def costs(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """1 where the label's output is not the largest."""
        largest = outputs.amax(1)
        wrong = largest > _own(outputs, answers)
        if bool(((outputs == largest[:, None]).sum(1) > 1).any()):  # argmax takes much longer
            return outputs.argmax(1) != answers[:, None]
        return wrong


@dataclass(frozen=True)
class TopK(_OfLabels):
    """The fraction of test points where at least k outputs are larger than the label's.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
    >>> space = ib.GaussianSpace(0.05 * ib.kernels.RBF(2.0))
    >>> for k in (1, 2, 3):
    ...     losses = space.sample_losses(task, 100, seed=0, loss=ib.losses.TopK(k))
    ...     print(f"{losses.mean():.2f}")
    0.07
    0.03
    0.02
    """

    k: int
    whole_costs = True

    def __post_init__(self) -> None:
        """Check k."""
        k = whole("k", self.k, at_least=1)
        if type(self).costs is TopK.costs:
            object.__setattr__(self, "rivals", k)

    def costs(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """1 where k rivals are ahead."""
        return (outputs > _own(outputs, answers)[:, None]).sum(1) >= self.k


@dataclass(frozen=True)
class WorstClass(ErrorRate):
    """The error rate of the class whose error rate is largest."""

    whole_costs = False  # the rates of classes of different sizes have different steps

    def groups(self, task: Task) -> np.ndarray:
        """The classes that are there, numbered."""
        return np.unique(self.answers(task), return_inverse=True)[1]


@dataclass(frozen=True, eq=False)
class Costs(_OfLabels):
    """The mean cost of the predictions, where mistakes cost differently.

    Parameters
    ----------
    matrix : array_like, shape (k, k)
        Of the prediction (column) where the label (row) is true.
    """

    matrix: ArrayLike

    def __post_init__(self) -> None:
        """Check the matrix."""
        matrix = as_array("matrix", self.matrix)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
            raise ValueError(
                f"matrix: found shape {matrix.shape}; give finite costs (k, k), the label's row, "
                "the prediction's column."
            )
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "non_negative", bool((matrix >= 0).all()))
        object.__setattr__(self, "whole_costs", bool((matrix == np.round(matrix)).all()))

    def answers(self, task: Task) -> np.ndarray:
        """The labels, if there are as many classes as costs."""
        if len(self.matrix) != task.n_outputs:
            raise ValueError(
                f"matrix: found costs of {len(self.matrix)} classes for {task.n_outputs} outputs."
            )
        return super().answers(task)

    def costs(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """The entry of the label and the largest output."""
        matrix = torch.tensor(self.matrix, device=outputs.device)
        return matrix[answers[:, None], outputs.argmax(1)]


@dataclass(frozen=True)
class CrossEntropy(_OfLabels):
    r"""The mean of :math:`-\log_2 \mathrm{softmax}(f / T)_{label}`, in bits a test point.

    Outputs that were trained to be 0 or 1 are no logits: at T = 1 even a perfect one-hot row of ten
    classes costs 2.1 bits. `fit` chooses the temperature T on the training data.

    Parameters
    ----------
    temperature : float
        T > 0, in units of the outputs.
    """

    temperature: float

    def __post_init__(self) -> None:
        """Check the temperature."""
        positive("temperature", self.temperature)

    @classmethod
    @typed
    def fit(cls, space: GaussianSpace, task: Task, *, seed: int) -> CrossEntropy:
        """With the temperature at which hypotheses of the other training examples do best on one.

        The outputs at each training example are drawn from what the space makes of all the others
        (`GaussianSpace.leave_one_out`): hypotheses that were trained on it repeat its target.

        Raises
        ------
        ValueError
            If the task has no training labels; where the space has no leave-one-out predictions.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
        >>> space = ib.GaussianSpace(0.05 * ib.kernels.RBF(2.0))
        >>> ib.losses.CrossEntropy.fit(space, task, seed=0)
        CrossEntropy(temperature=0.0999)
        """
        from scipy import optimize  # here, because it takes long to import

        if not callable(getattr(space, "leave_one_out", None)):
            raise ValueError(
                f"space: found a {type(space).__name__}; the temperature is chosen by what a "
                "GaussianSpace predicts of examples left out; give one, or a temperature."
            )
        if task.labels_train is None:
            raise ValueError(
                "loss: 'cross_entropy' chooses its temperature by training labels, and the task "
                "has none; give the Task labels_train, or a CrossEntropy(temperature)."
            )
        left_out = space.leave_one_out(task)
        deviation = (left_out.variance.cpu().numpy() - space.noise).clip(min=0) ** 0.5
        mean = left_out.mean.cpu().numpy()[:, :, None]
        z = generator_of(seed).standard_normal((*mean.shape[:2], 20))
        outputs = torch.tensor(mean + deviation[:, None, None] * z)
        labels = torch.tensor(task.labels_train)
        found = optimize.minimize_scalar(
            lambda log_t: float(cls(math.exp(log_t)).costs(outputs, labels).mean()),
            bounds=(math.log(1e-4), math.log(1e4)),
            method="bounded",
        )
        return cls(float(f"{math.exp(found.x):.3g}"))

    def costs(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """Surprise at the label, in bits."""
        logits = outputs / self.temperature
        return (logits.logsumexp(1) - _own(logits, answers)) / math.log(2)


def _own(outputs: Tensor, labels: Tensor) -> Tensor:
    """The label's output, (p, b) of (p, k, b)."""
    if len(labels) == 1:
        return outputs[:, int(labels[0])]
    return outputs[torch.arange(len(labels), device=outputs.device), labels]


NAMED: dict[str, type[PointLoss]] = {"mse": SquaredError, "zero_one": ErrorRate}
