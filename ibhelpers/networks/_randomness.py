"""Random numbers that make hypothesis i a function of (seed, i) alone.

Every hypothesis has two streams of its own, one for the initial weights and one for the order of
the data, both derived by NumPy's SeedSequence, which mixes seed and position so that streams do
not overlap. All are drawn on the CPU, so that every device starts from the same numbers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_WEIGHTS, _ORDER = 0, 1
_STREAM = threading.RLock()  # torch has one stream of random numbers for all threads


@contextmanager
def weights_of(seed: int, i: int) -> Iterator[None]:
    """Let torch's initialisers draw the weights of hypothesis i, in float32, whoever else draws.

    Then torch's stream, and the type of its numbers, are put back.
    """
    state = np.random.SeedSequence(seed, spawn_key=(i, _WEIGHTS)).generate_state(1, np.uint64)
    with _STREAM, torch.random.fork_rng(devices=[]):
        kind = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        torch.random.default_generator.manual_seed(int(state[0]))
        try:
            yield
        finally:
            torch.set_default_dtype(kind)


class Ranks:
    """Data orders out of normal variables, one an example and epoch, by their ranks.

    Every order is as likely as any other, and a small change of the variables swaps neighbours.
    """

    def __init__(self, z: np.ndarray) -> None:
        self._z = z

    def permutation(self, n: int, /) -> np.ndarray:
        """The order of the next n variables."""
        now, self._z = self._z[:n], self._z[n:]
        return np.argsort(now, kind="stable")


def order_of(seed: int, i: int) -> np.random.Generator:
    """Return the generator whose permutations, one an epoch, are the data order of hypothesis i."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i, _ORDER)))
