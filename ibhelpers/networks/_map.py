"""A trained network as a function of normal variables: its initial weights and its data order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import torch
from torch import Tensor

from ..spaces import Hypotheses
from ._initialisers import InitialWeights
from ._memory import Chunk
from ._randomness import Ranks
from ._recipe import Recipe
from ._stack import Stack
from ._threads import Tick, in_order
from ._training import Columns, Examples, train
from ._verification import verified

_VERIFIED = 4  # networks that are compared in a stack and alone


def _untold(epochs: int) -> None:
    """Nobody asks how far a population is."""


def hypotheses_of(
    weights: InitialWeights,
    learn: Examples,
    test: Examples,
    recipe: Recipe,
    chunk: Chunk,
    *,
    limit: float | None,
) -> Hypotheses:
    """Trained outputs at the test points, and whether the training loss is within the limit."""
    device, dtype = learn.X.device, learn.X.dtype
    n, batch = len(learn.X), recipe.batch_for(len(learn.X))
    orders = 0 if batch == n else n * recipe.epochs
    networks = (network.to(dtype) for network in weights.some(_VERIFIED))
    for _ in verified(networks, 0, learn, recipe, device):
        pass

    def stacks(z: Tensor) -> Iterator[tuple[Stack, list[Ranks]]]:
        size = max(1, min(chunk.size, -(-len(z) // chunk.at_once)))
        for part in z.split(size):
            own, order = part[:, : weights.dimension], part[:, weights.dimension :]
            ranks = [Ranks(row) for row in order.cpu().numpy()]
            yield weights.stack(own, device, dtype), ranks

    def work(part: tuple[Stack, list[Ranks]], tick: Tick) -> Columns:
        stack, ranks = part
        return train(stack, learn, test, recipe, ranks, rows=chunk.rows, outputs=True, tick=tick)

    def draw(z: Tensor) -> tuple[Tensor, Tensor]:
        if chunk.at_once == 1:  # a thread would cost more than it does
            parts = [work(part, _untold) for part in stacks(z)]
        else:
            with closing(in_order(work, stacks(z), chunk.at_once, _untold)) as finished:
                parts = list(finished)
        loss, outputs = (
            np.concatenate([part[name] for part in parts]) for name in ("train_loss", "outputs")
        )
        fitted = np.isfinite(outputs).all((1, 2)) & (loss <= (math.inf if limit is None else limit))
        fitted &= np.isfinite(loss)
        outputs[~fitted] = 0.0  # as good as any number, and equal to itself
        there = torch.from_numpy(outputs).to(device, torch.float64)
        return there, torch.from_numpy(fitted).to(device)

    return Hypotheses(weights.dimension + orders, draw, device)
