"""Bits beside their ceiling, and how both grow with the test set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..._arguments import non_negative, several, whole
from ..._typed import typed
from ...laws import GeneralizedChi2
from ...spaces import GaussianSpace, Posterior, Spectrum
from ...tasks import Task
from ..inductive_bias import inductive_bias

if TYPE_CHECKING:
    import pandas as pd


@typed
def test_sizes(
    space: GaussianSpace,
    task: Task,
    target_error: float,
    sizes: Iterable[int] | None = None,
) -> pd.DataFrame:
    """Bits, their share of what the same space needs untrained, and bits a number of the test set.

    More test examples, and more outputs, are more numbers to get right: bits of different tasks
    compare only where that is taken out. The share asks how much of the way the training data left;
    bits a number settle down, if they do, as the test set grows.

    Parameters
    ----------
    space : GaussianSpace
        Whose hypotheses are asked.
    task : Task
        Of which the first test examples are taken.
    target_error : float
        ε ≥ 0, a mean squared error.
    sizes : iterable of int, optional
        Numbers of test examples; doubling up to all when not given.

    Returns
    -------
    pandas.DataFrame
        One row a size. Columns: ``n_test``; ``bits``; ``ceiling``, the bits of hypotheses drawn
        from the space before it has seen training data; ``share``, bits over ceiling (NaN where the
        ceiling is 0 or infinite); ``bits_per_number``, bits over test examples times outputs.

    Raises
    ------
    ValueError
        If a size is not between 1 and the number of test examples; and as for
        `GaussianSpace.loss_law`.

    Notes
    -----
    Conditioning is done once.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
    >>> space = ib.GaussianSpace.fit(task)
    >>> print(ib.compare.test_sizes(space, task, 0.01, [50, 100]).round(3).to_string(index=False))
     n_test    bits  ceiling  share  bits_per_number
         50 161.765  599.824  0.270            0.324
        100 284.720  959.498  0.297            0.285
    """
    import pandas as pd

    target = non_negative("target_error", target_error)
    if sizes is None:
        sizes = sorted({-(-task.n_test // 2**i) for i in range(6)})
    sizes = several("sizes", sizes, "whole numbers")
    sizes = [whole("sizes", size, at_least=1, at_most=task.n_test) for size in sizes]
    y_test = torch.tensor(task.y_test, dtype=torch.float64, device=space.device)
    trained, untrained = space.posterior(task), space.prior(task)
    rows = []
    for size in sizes:
        bits, ceiling = (
            float(inductive_bias(_law(whole_set, y_test, size), target).bits)
            for whole_set in (trained, untrained)
        )
        told = 0.0 < ceiling < np.inf
        rows.append(
            {
                "n_test": size,
                "bits": bits,
                "ceiling": ceiling,
                "share": bits / ceiling if told else np.nan,
                "bits_per_number": bits / (size * task.n_outputs),
            }
        )
    return pd.DataFrame(rows)


test_sizes.__test__ = False  # type: ignore[attr-defined]  # it is no test of pytest's


def _law(posterior: Posterior, y_test: torch.Tensor, size: int) -> GeneralizedChi2:
    """The law of the loss on the first test examples."""
    corner = replace(
        posterior,
        mean=posterior.mean[:size],
        covariance=posterior.covariance[:size, :size].clone(),
    )
    return Spectrum.of(corner).loss_law(y_test[:size])
