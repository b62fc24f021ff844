"""Many kernels on one task: required bias beside what else is said for and against a kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..._arguments import ArrayLike, as_array, several
from ..._cluster import answers_of, in_their_order
from ..._progress import progress_bar
from ..._typed import typed
from ...kernels import Kernel
from ...spaces import GaussianSpace, loss_function
from ...tasks import Task
from ..inductive_bias import inductive_bias

if TYPE_CHECKING:
    import pandas as pd


@typed
def kernels(
    task: Task,
    kernels: Iterable[Kernel | Callable[..., Any]] | Mapping[Any, Kernel | Callable[..., Any]],
    target_error: ArrayLike,
    *,
    noise: float = 0.0,
    device: str | torch.device | None = None,
    progress: bool = True,
    client: Any = None,
) -> pd.DataFrame:
    """Bits for every kernel and target, with the evidence for the kernel and how well it predicts.

    Low required bias, high evidence and good prediction are three things. Bits ask whether a
    *typical* hypothesis is good on the test set; the test loss asks it of the mean of all
    hypotheses; the evidence and the leave-one-out loss judge by the training set alone, so that
    only these two may choose a kernel.

    Parameters
    ----------
    task : Task
        What to learn.
    kernels : iterable of kernels, or mapping of names to kernels
        Without names, a kernel is called what it prints as.
    target_error : float or array_like
        Target errors ε ≥ 0, in units of the mean squared error.
    noise : float
        Variance of the noise of the training targets, for all kernels.
    device : str or torch.device, optional
        Where to compute.
    progress : bool
        Whether to show a progress bar where it takes long.
    client : dask.distributed.Client, optional
        On whose workers to evaluate, a kernel to a task. A worker that dies costs the kernels that
        it had. Needs ``pip install ibhelpers[cluster]``.

    Returns
    -------
    pandas.DataFrame
        One row for each kernel and target, in the order given. Columns: ``candidate``, the name of
        the kernel; ``target_error``; ``bits``, their ``digits`` and whether they are ``at_least``
        so many, as of `InductiveBias`; ``log_marginal_likelihood`` in nats;
        ``leave_one_out_loss`` on the training set and ``test_loss`` of the posterior mean, both
        mean squared errors; ``test_error_rate`` of the posterior mean, NaN without labels;
        ``jitter`` and ``condition`` as of `GaussianSpace.posterior`.

    Raises
    ------
    ValueError
        If there are no kernels, two have the same name, or a target error is negative; and as for
        `GaussianSpace.loss_law`, naming the kernel.
    ImportError
        If a client is given and Dask is not installed.

    Notes
    -----
    Each kernel is evaluated once, and factorised once.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
    >>> kernels = {"short": ib.kernels.RBF(1.0), "long": ib.kernels.RBF(4.0)}
    >>> table = ib.compare.kernels(task, kernels, target_error=[0.05, 0.02], noise=0.01)
    >>> print(table[["candidate", "target_error", "bits", "test_loss"]].round(3).to_string())
      candidate  target_error      bits  test_loss
    0     short          0.05  1196.332      0.020
    1     short          0.02  1820.322      0.020
    2      long          0.05     0.000      0.018
    3      long          0.02   115.679      0.018
    """
    import pandas as pd

    named, targets = _named(kernels), _checked(target_error)
    work = task.n_train**2 * (task.n_train + task.n_test)
    ask = partial(_table, task=task, targets=targets, noise=noise, device=device)
    pairs = list(named.items())
    tables = map(ask, pairs) if client is None else in_their_order(answers_of(client, ask, pairs))
    found = []
    with progress_bar(f"{len(named)} kernels", work * len(named), shown=progress) as bar:
        for table in tables:
            found.append(table)
            bar.update(work)
    return pd.concat(found, ignore_index=True)


def _table(
    named: tuple[Any, Kernel | Callable[..., Any]],
    *,
    task: Task,
    targets: np.ndarray,
    noise: float,
    device: str | torch.device | None,
) -> pd.DataFrame:
    """The rows of one kernel."""
    import pandas as pd

    name, kernel = named
    space = GaussianSpace(kernel, noise=noise, device=device, progress=False)
    facts = _facts(space, task, targets)
    return pd.DataFrame({"candidate": name, "target_error": targets} | facts)


def _facts(space: GaussianSpace, task: Task, targets: np.ndarray) -> dict[str, Any]:
    """Everything that one factorisation tells, by column."""
    found = space.assess(task)
    assert found.leave_one_out is not None
    bias = inductive_bias(found.law, targets)
    return {
        "bits": bias.bits,
        "digits": bias.digits,
        "at_least": bias.at_least,
        "log_marginal_likelihood": found.log_marginal_likelihood,
        "leave_one_out_loss": found.leave_one_out.mse,
        "test_loss": float(loss_function("mse", task)(found.mean[None])),
        "test_error_rate": _error_rate(found.mean, task),
        "jitter": found.jitter,
        "condition": found.condition,
    }


def _error_rate(outputs: torch.Tensor, task: Task) -> float:
    if task.labels_test is None:
        return float("nan")
    return float(loss_function("zero_one", task)(outputs[None]))


def _named(
    kernels: Iterable[Kernel | Callable[..., Any]] | Mapping[Any, Kernel | Callable[..., Any]],
) -> dict[str, Kernel | Callable[..., Any]]:
    """The kernels by name, in order."""
    if isinstance(kernels, Mapping):
        pairs = list(kernels.items())
    else:
        pairs = [(repr(k), k) for k in several("kernels", kernels, "kernels")]
    named: dict[str, Any] = {}
    for name, kernel in pairs:
        if name in named:
            raise ValueError(
                f"kernels: found two that are called {name}; leave one out, or give a mapping of "
                "names to kernels."
            )
        named[name] = kernel
    if not named:
        raise ValueError("kernels: found none; give at least one, such as [RBF(1.0), RBF(2.0)].")
    return named


def _checked(targets: ArrayLike) -> np.ndarray:
    values = as_array("target_error", targets).reshape(-1)
    if len(values) == 0 or not (values >= 0).all():
        raise ValueError(
            f"target_error: found {values.tolist()}; give at least one, each at least 0."
        )
    return values
