"""The second noun: what every hypothesis space can do, a reader's own among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from .._arguments import torch_generator_of, whole
from .._typed import typed
from ..tasks import Task
from .losses import Loss, loss_function

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Hypotheses:
    """A map from independent standard normal variables to hypotheses, for rare events.

    A hypothesis is a function of its variables: what a Gaussian posterior makes of white noise, or
    what training makes of initial weights. Rare-event methods move the variables and look at what
    becomes of them.

    Attributes
    ----------
    dimension : int
        D, the number of variables of one hypothesis.
    draw : callable
        Takes variables (b, D), float64; returns outputs (b, m, k) at the test points, and whether
        each hypothesis counts as fitted to the training set, bool (b,). Hypotheses that do not are
        no members of the space.
    device : torch.device
        Of the variables.
    """

    dimension: int
    draw: Callable[[Tensor], tuple[Tensor, Tensor]]
    device: torch.device = _CPU


@runtime_checkable
class HypothesisSpace(Protocol):
    """What could explain a task: a law of hypotheses that fit its training set.

    A space that knows its law exactly has ``loss_law(task)`` besides, as `GaussianSpace` does. A
    reader's own space needs no base class, only these two methods; `check_space` says whether they
    do what they promise.

    Examples
    --------
    Lines through the origin, whose slope is uncertain by 0.1:

    >>> import ibhelpers as ib, numpy as np, torch
    >>> class Lines:
    ...     def hypotheses(self, task):
    ...         X = torch.tensor(task.X_test)
    ...         def draw(z):
    ...             outputs = (1 + 0.1 * z)[:, None, :] * X
    ...             return outputs, torch.ones(len(z), dtype=torch.bool)
    ...         return ib.spaces.Hypotheses(dimension=1, draw=draw)
    ...     def sample_losses(self, task, n, *, seed, loss="mse", progress=True):
    ...         return ib.spaces.sample_losses(self, task, n, seed=seed, loss=loss)
    >>> x = np.linspace(0, 1, 5)[:, None]
    >>> task = ib.Task(x, x, x, 1.3 * x)
    >>> ib.spaces.check_space(Lines(), task, seed=0)
    >>> ib.rare_event_bias(Lines(), task, loss="mse", target_error=0.02, seed=0, progress=False)
    2.0 bits at target error 0.02 (between 1.9 and 2.1)
    """

    def hypotheses(self, task: Task) -> Hypotheses:
        """The map from normal variables to hypotheses."""

    def sample_losses(
        self, task: Task, n: int, *, seed: int, loss: Loss = "mse", progress: bool = True
    ) -> np.ndarray:
        """Test losses of n hypotheses; the same seed gives the same numbers."""


@typed
def sample_losses(
    space: HypothesisSpace, task: Task, n: int, *, seed: int, loss: Loss = "mse"
) -> np.ndarray:
    """Test losses of n fitted hypotheses of any space, by its map from normal variables.

    Raises
    ------
    ValueError
        If fewer than one hypothesis in a thousand counts as fitted.
    """
    _refuse_without(space, "hypotheses")
    n, found = whole("n", n, at_least=1), space.hypotheses(task)
    evaluate = loss_function(loss, task)
    generator = torch_generator_of(seed, found.device)
    losses: list[Tensor] = []
    have = drawn = 0
    while have < n:
        z = torch.randn(
            n, found.dimension, generator=generator, dtype=torch.float64, device=found.device
        )
        outputs, fitted = found.draw(z)
        losses.append(evaluate(outputs[fitted]))
        have, drawn = have + int(fitted.sum()), drawn + n
        if have < drawn / 1000 and drawn > 10_000:
            raise ValueError(
                f"space: {have} of {drawn:,} hypotheses count as fitted, too few to sample from; "
                "let more of them count, or train for longer."
            )
    return torch.cat(losses)[:n].cpu().numpy()


def _refuse_without(space: object, method: str) -> None:
    if not callable(getattr(space, method, None)):
        raise ValueError(f"space: {type(space).__name__} has no method {method}; give it one.")


@typed
def check_space(space: HypothesisSpace, task: Task, *, seed: int, n: int = 200) -> None:
    """Raise a ValueError unless a space does what `HypothesisSpace` promises, and say what not.

    It draws hypotheses twice from the same variables and in parts, looks at the shapes, and
    compares what ``sample_losses`` gives with the losses of such draws, by a Kolmogorov-Smirnov
    test at one in a million.
    """
    from scipy import stats

    for name in ("hypotheses", "sample_losses"):
        _refuse_without(space, name)
    n = whole("n", n, at_least=2)
    found = space.hypotheses(task)
    generator = torch_generator_of(seed, found.device)
    z = torch.randn(
        n, found.dimension, generator=generator, dtype=torch.float64, device=found.device
    )
    outputs, fitted = found.draw(z)
    wanted = (n, task.n_test, task.n_outputs)
    if tuple(outputs.shape) != wanted or tuple(fitted.shape) != (n,) or fitted.dtype != torch.bool:
        raise ValueError(
            f"space: draw gave outputs of shape {tuple(outputs.shape)} and {fitted.dtype} of shape "
            f"{tuple(fitted.shape)} for {n} hypotheses; it must give outputs {wanted}, and "
            "for each hypothesis whether it counts as fitted, bool."
        )
    again, part = found.draw(z)[0], found.draw(z[n // 2 :])[0]
    if not torch.equal(again, outputs) or not torch.allclose(part, outputs[n // 2 :]):
        raise ValueError(
            "space: draw gave other outputs for the same variables, or for a part of them; all "
            "randomness must be in the variables, each hypothesis a function of its own."
        )
    losses = space.sample_losses(task, n, seed=seed)
    if not np.array_equal(losses, space.sample_losses(task, n, seed=seed)):
        raise ValueError("space: sample_losses gave other numbers for the same seed.")
    ours = loss_function("mse", task)(outputs[fitted]).cpu().numpy()
    if stats.ks_2samp(ours, losses).pvalue < 1e-6:
        raise ValueError(
            f"space: sample_losses gives losses about {np.median(losses):.4g}, the map from normal "
            f"variables about {np.median(ours):.4g}; both must sample the same hypotheses."
        )
