"""Training a stack of networks, each on its own order of the data, and judging each by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..tasks import Task
from ._randomness import Ranks
from ._recipe import LOSSES, Recipe
from ._stack import Stack

Columns = dict[str, np.ndarray]
"""What is known of some hypotheses: named arrays whose first axis counts the hypotheses."""


class Examples(NamedTuple):
    """Inputs (n, d), targets (n, k), and the classes (n,) if the task has them."""

    X: Tensor
    y: Tensor
    labels: Tensor | None

    def to(self, device: torch.device) -> Examples:
        """The same on another device, and not copied where they are there."""
        labels = None if self.labels is None else self.labels.to(device)
        return Examples(self.X.to(device), self.y.to(device), labels)


def examples(task: Task, part: str, device: torch.device, dtype: torch.dtype) -> Examples:
    """Return the "train" or "test" part of a task as tensors."""
    X, y, labels = (getattr(task, f"{name}_{part}") for name in ("X", "y", "labels"))
    return Examples(
        torch.tensor(X, dtype=dtype, device=device),
        torch.tensor(y, dtype=dtype, device=device),
        None if labels is None else torch.tensor(labels, device=device),
    )


class Judgement(NamedTuple):
    """Of every network: loss (s,), error rate (s,) or None, outputs (s, n, k) or None."""

    loss: Tensor
    error: Tensor | None
    outputs: Tensor | None


@torch.no_grad()
def judge(stack: Stack, data: Examples, loss: str, *, rows: int, outputs: bool) -> Judgement:
    """Judge every network on all examples, ``rows`` of them at a time, with sums in float64."""
    total = torch.zeros(len(stack), dtype=torch.float64, device=data.X.device)
    wrong = torch.zeros(len(stack), dtype=torch.int64, device=data.X.device)
    seen = []
    for start in range(0, len(data.X), rows):
        part = slice(start, start + rows)
        out = stack(data.X[part])
        total += LOSSES[loss](out, data.y[part]).sum(1, dtype=torch.float64)
        if data.labels is not None:
            wrong += (out.argmax(2) != data.labels[part]).sum(1)
        if outputs:  # in the units of the targets: logits become probabilities
            seen.append((out.softmax(-1) if loss == "cross_entropy" else out).cpu())
    # NaN is no class, though argmax finds one: a network that diverged is wrong everywhere.
    loss_of_each = (total / len(data.X)).cpu()
    error = None
    if data.labels is not None:
        error = (wrong.double() / len(data.X)).cpu().masked_fill(~loss_of_each.isfinite(), 1.0)
    return Judgement(loss_of_each, error, torch.cat(seen, 1) if outputs else None)


def train(
    stack: Stack,
    learn: Examples,
    test: Examples,
    recipe: Recipe,
    orders: Sequence[np.random.Generator | Ranks],
    *,
    rows: int,
    curves: bool = False,
    outputs: bool = False,
    tick: Callable[[int], object] = lambda epochs: None,
) -> Columns:
    """Train the networks of a stack and return what became of each.

    A network that reaches ``recipe.stop_at`` is recorded as it is then, and leaves the stack; so
    does one whose loss is no longer a number.

    Parameters
    ----------
    stack : Stack
        Networks as initialised; trained in place.
    learn, test : Examples
        Training and test set.
    recipe : Recipe
        How to train.
    orders : sequence of numpy.random.Generator or Ranks
        One a network; its permutations are the network's data order, one an epoch.
    rows : int
        How many examples to evaluate at a time.
    curves, outputs : bool
        Whether to judge after every epoch, and whether to keep the outputs at the test points.
    tick : callable
        Told how many epochs of one network have been finished, before every step as well; it may
        raise to end the training.

    Raises
    ------
    ValueError
        If the networks' code computes something else after training than before.
    """
    optimizer = recipe.new_optimizer(stack.leaves)
    columns = _empty_columns(len(stack), learn, test, recipe.epochs, curves, outputs)
    alive = np.arange(len(stack))
    ask_again = stack.witness(learn.X[:3])
    for epoch in range(1, recipe.epochs + 1):
        train_epoch(
            stack, optimizer, learn, recipe, [orders[int(s)] for s in alive], epoch - 1, tick
        )
        tick(len(alive))
        last = epoch == recipe.epochs
        if not (last or curves or recipe.stop_at is not None):
            continue
        fit = judge(stack, learn, recipe.loss, rows=rows, outputs=False)
        done = np.full(len(alive), last)
        if recipe.stop_at is not None:
            done |= ((fit.loss <= recipe.stop_at) | ~fit.loss.isfinite()).numpy()
        if not (curves or done.any()):
            continue
        found = judge(stack, test, recipe.loss, rows=rows, outputs=outputs and bool(done.any()))
        _record(columns, alive, done, fit, found, epoch)
        if done.any() and not last:
            tick(int(done.sum()) * (recipe.epochs - epoch))
            alive = alive[~done]
            if not len(alive):
                break
            stack.keep(torch.from_numpy(np.flatnonzero(~done)).to(learn.X.device), optimizer)
    ask_again()
    return columns


def train_epoch(
    stack: Stack,
    optimizer: torch.optim.Optimizer,
    data: Examples,
    recipe: Recipe,
    orders: Sequence[np.random.Generator | Ranks],
    epoch: int,
    tick: Callable[[int], object],
) -> None:
    """Show every network the training set once, in its own order."""
    n = len(data.X)
    batch = recipe.batch_for(n)
    starts = range(0, n, batch)
    whole_set = batch == n  # then the order is of no consequence, and all networks share the inputs
    if not whole_set:
        order = torch.from_numpy(np.stack([rng.permutation(n) for rng in orders]))
        order = order.to(data.X.device)
    for number, start in enumerate(starts):
        tick(0)
        if whole_set:
            X, y = data.X, data.y
        else:
            chosen = order[:, start : start + batch]
            X, y = (_rows(tensor, chosen) for tensor in (data.X, data.y))
        rate = recipe.lr_at((epoch + number / len(starts)) / recipe.epochs)
        for group in optimizer.param_groups:
            group["lr"] = rate
        step(stack, optimizer, X, y, recipe.loss)


def step(stack: Stack, optimizer: torch.optim.Optimizer, X: Tensor, y: Tensor, loss: str) -> None:
    """Move every network one step against the gradient of its loss."""
    losses = LOSSES[loss](stack(X), y).mean(1)
    gradients = torch.autograd.grad(losses.sum(), stack.leaves)
    for leaf, gradient in zip(stack.leaves, gradients, strict=True):
        # Fused optimizers run through the memory of both: the order must be the parameter's.
        leaf.grad = gradient.contiguous()
    optimizer.step()


def _rows(tensor: Float[Tensor, "n d"], chosen: Tensor) -> Float[Tensor, "s b d"]:
    """Return the rows that each network has chosen, (s, b) of them; faster than tensor[chosen]."""
    return tensor.index_select(0, chosen.reshape(-1)).unflatten(0, chosen.shape)


def _empty_columns(
    count: int, learn: Examples, test: Examples, epochs: int, curves: bool, outputs: bool
) -> Columns:
    columns = {name: np.full(count, np.nan) for name in ("train_loss", "test_loss")}
    columns["epochs"] = np.zeros(count, dtype=np.int64)
    if learn.labels is not None:
        columns["train_error_rate"] = np.full(count, np.nan)
    if test.labels is not None:
        columns["test_error_rate"] = np.full(count, np.nan)
    if curves:
        columns["train_curve"] = np.full((count, epochs), np.nan)
        columns["test_curve"] = np.full((count, epochs), np.nan)
    if outputs:
        columns["outputs"] = np.full((count, *test.y.shape), np.nan, dtype=_numpy_type(test.y))
    return columns


def _record(
    columns: Columns,
    alive: np.ndarray,
    done: np.ndarray,
    fit: Judgement,
    found: Judgement,
    epoch: int,
) -> None:
    """Write down how the networks stand after an epoch, and for good if they are done."""
    if "train_curve" in columns:  # up to the last epoch, where one that is done stays
        columns["train_curve"][alive, epoch - 1 :] = fit.loss[:, None]
        columns["test_curve"][alive, epoch - 1 :] = found.loss[:, None]
    finished = alive[done]
    columns["epochs"][finished] = epoch
    for name, values in (
        ("train_loss", fit.loss),
        ("test_loss", found.loss),
        ("train_error_rate", fit.error),
        ("test_error_rate", found.error),
        ("outputs", found.outputs),
    ):
        if name in columns and values is not None:
            columns[name][finished] = values.numpy()[done]


def _numpy_type(tensor: Tensor) -> np.dtype:
    return torch.empty(0, dtype=tensor.dtype).numpy().dtype
