r"""Conditioning beyond one machine's memory: the elimination of `_conditioning`, tile by tile.

The tall array is cut into tiles, and each is a task of its own (see `_work`). With T_jj Tⱼⱼᵀ the
Cholesky factorisation of the brackets at i = j,

    T_ij = ( K_ij − Σ_{l<j} T_il T_jlᵀ ) T_jj⁻ᵀ,

where the rows i are those of training examples, then of test examples, then the targets' own. What
stands above the diagonal is neither computed nor kept. Tasks are told column by column, so that a
column whose pivots are all rounding is the last.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from .._cluster import workers_of
from .._memory import free_memory
from .._progress import progress_bar
from ..kernels import Kernel
from ..kernels.on_disk import identity_of
from ._conditioning import (
    JITTERS,
    Conditioned,
    NotPositiveDefiniteError,
    are_pivots,
    is_certain,
    workspace,
)
from ._place import Place
from ._work import Handle, Work, folder_of, recorded, refuse_what_no_disk_holds, tensor

_WIDTHS = (512, 4096)  # of tiles out of core: where memory is short, and where it is not
_CLUSTER_WIDTH, _CLUSTER_TILES = 1024, 64  # on workers: at least so wide, or so many to a column
_HELD = 6  # tiles in memory at a time, of a task
_HEAD = 160  # bytes of a file beside its numbers
_TOGETHER = 4  # products that one task subtracts
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Tiles(Conditioned):
    """The tall array after elimination, in tiles; what can be asked is as of `Conditioning`."""

    work: Work
    blocks: list[slice]  # of the points: training examples first
    n_test: int
    jitter: float
    tiles: dict[tuple[int, int], Handle]
    diagonal: Float64[Tensor, " n"]  # of L
    _conditions: dict[int, float] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(
        cls,
        place: Place,
        kernel: Kernel,
        points: Float64[Tensor, "points d"],
        y: Float64[Tensor, "n k"],
        *,
        noise: float,
        what: str,
        sizes: tuple[int, ...] = (),
        progress: bool = True,
        jitters: tuple[float, ...] = (0.0, *JITTERS),
    ) -> Tiles:
        """As `Conditioning.of`; no tile reaches across a size that will be asked for.

        Raises
        ------
        NotPositiveDefiniteError
            As there.
        ValueError
            If the disk does not suffice, or no hash knows the kernel.
        """
        n, m = len(y), len(points) - len(y)
        mean_variance = float(kernel.diagonal(points[:n]).mean())
        for share in jitters:
            jitter = share * mean_variance
            work, blocks = _prepared(place, kernel, points, y, noise + jitter, sizes)
            with progress_bar(what, _work(blocks, n, y.shape[1]), shown=progress) as bar:
                grid = _Grid(work, kernel, points, y, noise + jitter, blocks)
                pivots = None if work.is_singular() else grid.eliminated(bar)
            if pivots is not None:
                done = cls(work, blocks, m, jitter, grid.tiles, pivots)
                if is_certain(done.condition(n), n):
                    return done
            work.give_up()
        raise NotPositiveDefiniteError

    @property
    def pivots(self) -> Float64[Tensor, " n"]:
        """The diagonal of L."""
        return self.diagonal

    @property
    def _test(self) -> list[tuple[int, slice]]:
        """Blocks of test examples: their place in the grid, and their rows."""
        n = self.n_train
        return [
            (i, slice(b.start - n, b.stop - n)) for i, b in enumerate(self.blocks) if b.start >= n
        ]

    def _columns(self, size: int, after: int = 0) -> list[int]:
        """The blocks of the first ``size`` examples, beyond the first few."""
        return [j for j, b in enumerate(self.blocks) if after <= b.start and b.stop <= size]

    @cached_property
    def whitened(self) -> Float64[Tensor, "k n"]:
        """Yᵀ L⁻ᵀ."""
        last = len(self.blocks)
        columns = self._columns(self.n_train)
        return torch.cat([self.work.answer(self.tiles[last, j]) for j in columns], dim=1)

    def mean(self, size: int) -> Float64[Tensor, "m k"]:
        """Mean at the test inputs, given the first ``size`` examples."""
        last, columns = len(self.blocks), self._columns(size)
        targets = [self.tiles[last, j] for j in columns]
        asked = [
            _less(self.work, None, [self.tiles[i, j] for j in columns], targets)
            for i, _ in self._test
        ]
        return -torch.cat([self.work.answer(handle) for handle in asked])

    def subtract_gram_(
        self, C: Float64[Tensor, "m m"], columns: slice, *, progress: bool = True
    ) -> None:
        """C − half halfᵀ in place, over some columns; symmetric to the last bit."""
        test, between = self._test, self._columns(columns.stop, columns.start)
        work = len(C) ** 2 * (columns.stop - columns.start) / 2
        what = f"covariance of {len(C):,} test examples"
        with progress_bar(what, work, shown=progress) as bar:
            for i, rows in test:
                left = [self.tiles[i, b] for b in between]
                others = [(j, c) for j, c in test if j <= i]
                asked = [
                    _less(self.work, None, left, [self.tiles[j, b] for b in between])
                    for j, _ in others
                ]
                for (_, c), handle in zip(others, asked, strict=True):
                    C[rows, c] += self.work.answer(handle)
                corner = C[rows, rows]
                corner.copy_((corner + corner.T) / 2)
                C[: rows.start, rows] = C[rows, : rows.start].T
                bar.update((rows.stop**2 - rows.start**2) / len(C) ** 2 * work)

    def largest_weight(self) -> float:
        """The largest entry of half."""
        columns = self._columns(self.n_train)
        asked = [self.work.ask(_largest, self.tiles[i, j]) for i, _ in self._test for j in columns]
        return max((float(self.work.answer(handle)) for handle in asked), default=0.0)

    def _half_times(self, sides: Float64[Tensor, "n r"]) -> Float64[Tensor, "m r"]:
        columns = self._columns(len(sides))
        rows = [_transposed(sides, self.blocks[j]) for j in columns]
        asked = [
            _less(self.work, None, [self.tiles[i, j] for j in columns], rows) for i, _ in self._test
        ]
        return -torch.cat([self.work.answer(handle) for handle in asked])

    def _half_transposed(
        self, sides: Float64[Tensor, "m r"], size: int
    ) -> Float64[Tensor, "size r"]:
        rows = [sides[rows].T.contiguous().numpy() for _, rows in self._test]
        asked = [
            _less(self.work, None, rows, [self.tiles[i, j] for i, _ in self._test], False)
            for j in self._columns(size)
        ]
        return -torch.cat([self.work.answer(handle) for handle in asked], dim=1).T

    def _solve(self, sides: Float64[Tensor, "size r"]) -> Float64[Tensor, "size r"]:
        """The sides, transposed, are one more block of rows."""
        done: list[Handle] = []
        for j in self._columns(len(sides)):
            rest = _transposed(sides, self.blocks[j])
            rest = _less(self.work, rest, done, [self.tiles[j, b] for b in range(j)])
            done.append(self.work.ask(_solved, rest, self.tiles[j, j]))
        return torch.cat([self.work.answer(handle) for handle in done], dim=1).T

    def _solve_transposed(self, sides: Float64[Tensor, "size r"]) -> Float64[Tensor, "size r"]:
        """The same from the right, with what stands below in each column."""
        done: list[Handle] = []
        for j in reversed(columns := self._columns(len(sides))):
            rest = _transposed(sides, self.blocks[j])
            below = [self.tiles[i, j] for i in reversed(columns) if i > j]
            rest = _less(self.work, rest, done, below, False)
            done.append(self.work.ask(_solved, rest, self.tiles[j, j], False))
        return torch.cat([self.work.answer(handle) for handle in reversed(done)], dim=1).T


class _Grid:
    """The tiles in the making."""

    def __init__(
        self,
        work: Work,
        kernel: Kernel,
        points: Float64[Tensor, "points d"],
        y: Float64[Tensor, "n k"],
        added: float,
        blocks: list[slice],
    ) -> None:
        self.work, self.kernel, self.added, self.y, self.blocks = work, kernel, added, y, blocks
        self.inputs = [work.hold(points[rows].numpy()) for rows in blocks]
        self.tiles: dict[tuple[int, int], Handle] = {}

    def eliminated(self, bar: Any) -> Float64[Tensor, " n"] | None:
        """Make all tiles; the pivots of L, or None at one that is all rounding."""
        n, pivots = len(self.y), self.y.new_empty(0)
        for j, columns in enumerate(self.blocks):
            if columns.start >= n:
                break
            corner = self._made(j, j, urgent=True)
            asked = self.work.ask(_diagonal, corner, urgent=True)
            pivots = torch.cat([pivots, self.work.answer(asked)])
            if not are_pivots(pivots, n):
                return None
            for i in range(j + 1, len(self.blocks) + 1):
                self._made(i, j)
                bar.update(_work_of(self._height(i), columns))
        return pivots

    def _height(self, i: int) -> int:
        return _rows(self.blocks[i]) if i < len(self.blocks) else self.y.shape[1]

    def _name(self, i: int) -> str:
        """By bounds: of two processes that begin at once, each may have tiles of its own width."""
        block = self.blocks[i] if i < len(self.blocks) else None
        return "targets" if block is None else f"{block.start}-{block.stop}"

    def _made(self, i: int, j: int, urgent: bool = False) -> Handle:
        """One tile, unless it is there."""
        name = f"{self._name(i)}_{self._name(j)}"
        tile: Handle = self.work.found(name)
        if tile is None:
            left, right = ([self.tiles[row, b] for b in range(j)] for row in (i, j))
            rest = _less(self.work, self._covariances(i, j), left, right)
            if i == j:
                tile = self.work.ask(_factored, rest, name=name, urgent=urgent)
            else:
                tile = self.work.ask(_solved, rest, self.tiles[j, j], name=name)
        self.tiles[i, j] = tile
        return tile

    def _covariances(self, i: int, j: int) -> Handle:
        if i == len(self.blocks):
            return _transposed(self.y, self.blocks[j])
        other = None if i == j else self.inputs[j]
        return self.work.ask(_covariances, self.kernel, self.inputs[i], other, self.added)


# --- tasks: of arrays or files of arrays, none of which they change -------------------------------


def _covariances(kernel: Kernel, A: Any, B: Any, added: float) -> np.ndarray:
    """K_ij; without B a corner, to whose diagonal something is added."""
    if B is not None:
        return kernel(tensor(A), tensor(B)).numpy()
    corner = kernel(tensor(A))
    corner.diagonal().add_(added)
    return corner.numpy()


def _subtracted(tile: Any, lefts: list[Any], rights: list[Any], transposed: bool) -> np.ndarray:
    """The tile, or 0 where there is none, less the products left rightᵀ, or left right."""
    found = None if tile is None else tensor(tile).clone()
    for left, right in zip(lefts, rights, strict=True):
        a, b = tensor(left), tensor(right)
        b = b.T if transposed else b
        found = -(a @ b) if found is None else found.addmm_(a, b, alpha=-1)
    assert found is not None
    return found.numpy()


def _factored(tile: Any) -> np.ndarray:
    """The Cholesky factor; where there is none, zeros on its diagonal."""
    factor, failed = torch.linalg.cholesky_ex(tensor(tile))
    return (torch.zeros_like(factor) if failed else factor).numpy()


def _solved(tile: Any, corner: Any, transposed: bool = True) -> np.ndarray:
    """The tile times L⁻ᵀ, or L⁻¹, of a corner L."""
    L = tensor(corner)
    factor = L.T if transposed else L
    found = torch.linalg.solve_triangular(factor, tensor(tile), upper=transposed, left=False)
    return found.contiguous().numpy()


def _diagonal(corner: Any) -> np.ndarray:
    return tensor(corner).diagonal().clone().numpy()


def _largest(tile: Any) -> np.ndarray:
    return tensor(tile).abs().max().numpy()


# --- how tasks are told, and how wide tiles are ---------------------------------------------------


def _less(
    work: Work, tile: Handle, lefts: list[Handle], rights: list[Handle], transposed: bool = True
) -> Handle:
    """The tile less all products, a few to a task."""
    for start in range(0, len(lefts), _TOGETHER):
        few = slice(start, start + _TOGETHER)
        tile = work.ask(_subtracted, tile, lefts[few], rights[few], transposed)
    return tile


def _transposed(sides: Float64[Tensor, "n r"], rows: slice) -> np.ndarray:
    return sides[rows].T.contiguous().numpy()


def _prepared(
    place: Place,
    kernel: Kernel,
    points: Float64[Tensor, "points d"],
    y: Float64[Tensor, "n k"],
    added: float,
    sizes: tuple[int, ...],
) -> tuple[Work, list[slice]]:
    """Where a computation is done, and the blocks that it is cut into."""
    n, m, k = len(y), len(points) - len(y), y.shape[1]
    width = tile_width(place, n)
    if place.folder is None:
        return Work(None, place.client), _blocks(n, m, width, sizes)
    identity = identity_of(kernel, points, y) | {
        "added to the diagonal": repr(added),
        "sizes": repr(sizes),
        "elimination": Path(__file__).read_text(encoding="utf-8"),
    }
    folder = folder_of(place.folder, identity)
    work = Work(folder, place.client)
    about = {"width": width, "kernel": repr(kernel), "n": n, "m": m, "added": added}
    blocks = _blocks(n, m, int(recorded(folder, about)["width"]), sizes)
    if not work.is_singular():
        what = f"{n:,} training and {m:,} test examples"
        refuse_what_no_disk_holds(folder, disk_needed(blocks, n, k), what)
    return work, blocks


def tile_width(place: Place, n: int) -> int:
    """How wide tiles are: for a task to fit where it runs, and for workers to have enough."""
    if place.client is None:
        fits = math.isqrt(free_memory(_CPU) // (8 * 2 * _HELD))
        return min(max(fits, _WIDTHS[0]), _WIDTHS[1])
    workers = workers_of(place.client)
    limits = [w["memory_limit"] / w["nthreads"] for w in workers if w["memory_limit"]]
    fits = math.isqrt(int(min(limits, default=2**40)) // (8 * 2 * (2 * _TOGETHER + _HELD)))
    return max(min(max(_CLUSTER_WIDTH, n // _CLUSTER_TILES), fits), 64)


def memory_needed(place: Place, n: int, m: int, k: int, d: int, columns: int = 0) -> int:
    """Bytes here, beside the workers': of what is given, of tiles, and of the test covariance.

    Where products with so many columns take the covariance's place, of these.
    """
    width = min(tile_width(place, n), n)
    given = 2 * (n + m) * (d + k)
    tiles = _HELD * width**2 if place.client is None else 2 * width * (m + d)
    rest = 8 * (n + m) * columns if columns else 3 * m * m
    return 8 * (given + max(tiles + (0 if columns else m * m), rest)) + workspace(_CPU)


def disk_needed(blocks: list[slice], n: int, k: int) -> int:
    """Bytes of all tiles."""
    heights = [_rows(b) for b in blocks] + [k]
    columns = [j for j, b in enumerate(blocks) if b.stop <= n]
    return sum(8 * sum(heights[j:]) * heights[j] + _HEAD * len(heights[j:]) for j in columns)


def _blocks(n: int, m: int, width: int, sizes: tuple[int, ...]) -> list[slice]:
    """Blocks of the points, none of which reaches across a size, or from training to test."""
    edges = sorted({0, *sizes, n, n + m})
    return [block for a, b in itertools.pairwise(edges) for block in _cut(a, b, width)]


def _cut(start: int, stop: int, width: int) -> Iterator[slice]:
    for a in range(start, stop, width):
        yield slice(a, min(a + width, stop))


def _rows(block: slice) -> int:
    return block.stop - block.start


def _work_of(height: int, columns: slice) -> float:
    return height * _rows(columns) * columns.stop


def _work(blocks: list[slice], n: int, k: int) -> float:
    """Multiplications of an elimination, for the progress bar."""
    heights = [_rows(b) for b in blocks] + [k]
    columns = [j for j, b in enumerate(blocks) if b.stop <= n]
    return sum(_work_of(sum(heights[j + 1 :]), blocks[j]) for j in columns)
