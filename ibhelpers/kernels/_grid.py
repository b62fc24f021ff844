"""Where a convolution reads: positions of one axis of an image, strides, padding, and lags.

Two positions p and p + lag of a layer read the positions s p + δ − low and s (p + lag) + δ − low of
the layer before, for the same offset δ: these are s · lag apart. So pairs of positions at one lag
need nothing but pairs at one lag of the layer before, and each lag is a computation of its own.
Without pooling only the lag 0 is needed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

PADDINGS = ("circular", "same", "valid")


@dataclass(frozen=True)
class Axis:
    """One axis of a convolution.

    Attributes
    ----------
    size, length : int
        Positions before and after.
    kernel, stride, low : int
        Filter size, step, and positions of padding before the first.
    wraps : bool
        Whether what lies beyond one end is the other end; else it is 0.
    """

    size: int
    length: int
    kernel: int
    stride: int
    low: int
    wraps: bool

    @classmethod
    def of(cls, size: int, kernel: int, stride: int, padding: str | int) -> Axis:
        """The axis of a convolution over ``size`` positions.

        "same" and "circular" are as of JAX and TensorFlow, with ⌈size / stride⌉ positions after;
        a number is what torch's Conv2d adds at both ends.
        """
        low, added = 0, 0
        if padding in ("same", "circular"):
            added = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            low = added // 2
        elif isinstance(padding, int):
            low, added = padding, 2 * padding
        if size + added < kernel:
            raise ValueError(
                f"kernel_size: found {kernel} where a layer has {size} positions and a padding of "
                f"{added}; give a smaller one, fewer layers, or padding='same'."
            )
        wraps = padding == "circular"
        if wraps and size % stride:
            raise ValueError(
                f"stride: found {stride} for a circle of {size} positions; give one that divides "
                "it, or padding='same'."
            )
        return cls(size, (size + added - kernel) // stride + 1, kernel, stride, low, wraps)

    def reads(self, offset: int) -> list[tuple[slice, slice]]:
        """Positions after, and the positions before that they read at one offset."""
        return _reads(self, offset, 0)

    def reads_at(self, offset: int, lag: int) -> list[tuple[slice, slice]]:
        """The same among the pairs at a lag, each counted from the first that there is."""
        return _reads(self, offset, lag)

    def lags(self) -> range:
        """Every lag of two positions after."""
        return range(self.length) if self.wraps else range(1 - self.length, self.length)

    def pairs(self, lag: int) -> range:
        """The positions p after, such that p and p + lag are positions."""
        return _pairs(self.length, lag, self.wraps)


def _pairs(length: int, lag: int, wraps: bool) -> range:
    return range(length) if wraps else range(max(0, -lag), max(0, -lag, min(length, length - lag)))


@functools.lru_cache(maxsize=4096)
def _reads(axis: Axis, offset: int, lag: int) -> list[tuple[slice, slice]]:
    after = _pairs(axis.length, lag, axis.wraps)
    before = _pairs(axis.size, axis.stride * lag, axis.wraps)
    found = []
    for i, p in enumerate(after):
        q = axis.stride * p + offset - axis.low
        q = q % axis.size if axis.wraps else q
        if q in before:
            found.append((i, q - before.start))
    return list(_runs(found, axis.stride))


def _runs(found: list[tuple[int, int]], step: int) -> Iterator[tuple[slice, slice]]:
    """Slices of pairs (i, j) in which i grows by 1 and j by ``step``."""
    start = 0
    for end in range(1, len(found) + 1):
        if end == len(found) or found[end] != (found[end - 1][0] + 1, found[end - 1][1] + step):
            (i, j), (last_i, last_j) = found[start], found[end - 1]
            yield slice(i, last_i + 1), slice(j, last_j + 1, step)
            start = end
