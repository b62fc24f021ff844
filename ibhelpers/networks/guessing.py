"""Guess and check: networks with random weights, kept if they happen to fit the training set."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from .._arguments import non_negative, seed_of, whole
from .._progress import steps
from .._typed import typed
from .._warnings import warn
from ..tasks import Task
from ._diagnosis import as_module, check_architecture, refuse_no_architecture
from ._randomness import weights_of
from ._stack import Stack
from ._training import examples, judge
from ._verification import verified
from .ensemble import TrainedEnsemble

_BLOCK = 512  # guesses judged at once


@typed
def guess_and_check(
    architecture: Callable[[Task], nn.Module],
    task: Task,
    n: int,
    *,
    max_train_loss: float | None = None,
    max_train_error_rate: float | None = None,
    max_guesses: int = 100_000,
    seed: int,
    progress: bool = True,
) -> TrainedEnsemble:
    """Draw random networks until n of them fit the training set, without any training.

    What is kept is an exact sample of the law of the initial weights, given that they fit; gradient
    descent reaches other networks that fit, and the difference is its own bias. With
    ``ensemble.fraction`` the fraction that fits, -log2(fraction) is what the training set tells
    about the hypothesis, in bits. Guess j is a function of (seed, j) alone.

    Parameters
    ----------
    architecture : callable
        As for `NetworkSpace`; its initialisation is the law that is guessed from.
    task : Task
        A small one: every training example may halve the fraction that fits.
    n : int
        Number of hypotheses wanted.
    max_train_loss : float, optional
        The largest mean squared error on the training set that counts as fitted.
    max_train_error_rate : float, optional
        The largest error rate on the training set, for tasks with labels; 0 is "classifies all
        correctly". At least one of the two must be given.
    max_guesses : int
        When to give up.
    seed : int
        Of the guesses.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    TrainedEnsemble
        With ``epochs`` 0, ``index`` the numbers of the guesses and ``drawn`` how many there were.

    Raises
    ------
    ValueError
        If an argument is out of its range, the architecture does not fit the task, or no guess
        fits: the message says how many bits the training set tells at least.

    Warns
    -----
    UserWarning
        If fewer than n guesses fit.

    Notes
    -----
    P. Chiang et al., "Loss landscapes are all you need: neural network generalization can be
    explained without the implicit bias of gradient descent", ICLR 2023.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("synthetic", n_train=4, n_test=50, outputs=1)
    >>> network = ib.networks.mlp(width=8, depth=1)
    >>> guesses = ib.networks.guess_and_check(network, task, n=5, max_train_loss=0.5, seed=0)
    >>> len(guesses), bool((guesses.train_loss <= 0.5).all())
    (5, True)
    """
    n, max_guesses = whole("n", n, at_least=1), whole("max_guesses", max_guesses, at_least=1)
    seed = seed_of(seed)
    refuse_no_architecture(architecture)
    limits = _limits(task, max_train_loss, max_train_error_rate)

    def build(j: int) -> nn.Module:
        with weights_of(seed, j):
            return as_module(architecture(task)).to(torch.float32)

    learn, test = (examples(task, p, torch.device("cpu"), torch.float32) for p in ("train", "test"))
    check_architecture(build, task, learn)
    started = time.perf_counter()
    found: list[dict[str, np.ndarray]] = []
    kept = drawn = 0
    with steps("guessing", n, "networks", shown=progress, leave=True) as bar:
        while kept < n and drawn < max_guesses:
            numbers = np.arange(drawn, min(drawn + _BLOCK, max_guesses))
            guesses = verified(
                (build(j) for j in numbers.tolist()),
                drawn,
                learn,
                None,
                learn.X.device,
                every=drawn == 0,
            )
            stack = Stack(guesses, len(numbers), learn.X.device, learn.X.dtype)
            part = (
                {"index": numbers} | _losses(stack, learn, "train") | _losses(stack, test, "test")
            )
            fits = np.logical_and.reduce([part[name] <= limit for name, limit in limits.items()])
            rows = np.flatnonzero(fits)[: n - kept]
            found.append({name: values[rows] for name, values in part.items()})
            kept += len(rows)
            # Guesses after the last that was needed were not drawn, whatever the block.
            drawn = int(numbers[rows[-1]] if kept == n else numbers[-1]) + 1
            bar.update(len(rows))
    columns = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    _report(kept, n, drawn)
    return TrainedEnsemble(
        **columns,
        epochs=np.zeros(kept, dtype=np.int64),
        drawn=drawn,
        seconds=time.perf_counter() - started,
    )


def _limits(task: Task, loss: float | None, error: float | None) -> dict[str, float]:
    limits = {}
    if loss is not None:
        limits["train_loss"] = non_negative("max_train_loss", loss)
    if error is not None:
        if task.labels_train is None:
            raise ValueError(
                "max_train_error_rate: the task has no labels to count errors by; give "
                "max_train_loss, or give the Task labels_train."
            )
        limits["train_error_rate"] = non_negative("max_train_error_rate", error)
    if not limits:
        raise ValueError(
            "max_train_loss, max_train_error_rate: found neither; say what counts as fitted."
        )
    return limits


def _losses(stack: Stack, data, part: str) -> dict[str, np.ndarray]:
    judged = judge(stack, data, "mse", rows=_BLOCK, outputs=False)
    losses = {f"{part}_loss": judged.loss.numpy()}
    if judged.error is not None:
        losses[f"{part}_error_rate"] = judged.error.numpy()
    return losses


def _report(kept: int, n: int, drawn: int) -> None:
    if not kept:
        raise ValueError(
            f"max_guesses: none of {drawn:,} guesses fits, so the training set tells more than "
            f"about {math.log2(drawn / 3):.1f} bits (95% confidence). Guess more often, take fewer "
            "training examples, or allow a larger training loss."
        )
    if kept < n:
        warn(
            f"only {kept} of the {n} hypotheses wanted were found in {drawn:,} guesses; give a "
            "larger max_guesses for more."
        )
