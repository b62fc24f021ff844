"""Choose kernel parameters, amplitude and noise by the training data alone.

Many points are tried on a part of the training examples, the best few are improved there, and what
they reach is improved on ever larger parts until all are in: most steps cost a small share of the
last few, which begin near the end and with second derivatives that are known already.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import by_name, non_negative, one_of, positive, several, whole
from .._progress import counter
from .._warnings import warn
from ..kernels import Constant, FunctionKernel, Kernel, Laplace, Product, Scaled, Sum
from ..kernels.distances import absolute_distances, squared_distances
from ..kernels.stationary import Stationary
from ._conditioning import JITTERS
from ._descent import Descent, descend
from ._refusals import refuse_what_cannot_fit
from ._surface import Height, Model, Surface, memory_needed
from .choice import Choice
from .posterior import EPS

CRITERIA = ("evidence", "leave_one_out", "bits")
MEANS = ("zero", "constant")

_PART, _RATIO = 400, 4  # examples to start on, and the growth from one part to the next
_SHORT = (0.05, 0.15, 0.5, 1.5, 5.0)  # lengthscales tried, in units of a typical distance
_QUIET = (1e-6, 1e-3, 1e-1)  # noises tried, as shares of the prior variance
_FIRST_STEPS, _FINALISTS = 15, 2  # of every start, and how many starts go on from there
_NEAR = 3.0  # nats: ends of searches on a part that are also tried on all examples
_TOLD = 0.1  # nats for a factor e: a bound that costs less is not warned of
_CHECKED = 500  # rows whose distances say what is typical

# Bounds, in units of what is typical: wide, but such that the covariance keeps some digits.
_BOUNDS = {
    "lengthscale": (1e-2, 1e2),
    "alpha": (1e-2, 1e3),
    "amplitude": (1e-6, 1e6),
    "bias_variance": (1e-6, 1e6),
    "weight_variance": (1e-2, 1e2),
    "offset": (1e-6, 1e6),
    "noise": (1e-8, 1e2),
}
_EACH = (1e-2, 1e3)  # of an input's own lengthscale: at the upper bound, the input says nothing


@dataclass(frozen=True)
class Question:
    """What `GaussianSpace.fit` was asked to choose, checked.

    Attributes
    ----------
    shape : Kernel
        Without a factor in front, and with a factor of its own for every summand but the first.
    factor : float or None
        The amplitude; None if it is to be chosen.
    noise : float or None
        σ²; None if it is to be chosen.
    """

    shape: Kernel
    factor: float | None
    noise: float | None
    hold: frozenset[str]
    criterion: str
    bounds: Mapping[str, tuple[float, float]]
    starts: int

    @classmethod
    def of(
        cls,
        X: Float64[Tensor, "n d"],
        kernel: Kernel | Callable[..., Any],
        *,
        ard: bool,
        amplitude: float | None,
        noise: float | None,
        hold: Collection[str],
        criterion: str,
        mean: str,
        bounds: Mapping[str, tuple[float, float]] | None,
        starts: int,
    ) -> Question:
        """Check the arguments of `GaussianSpace.fit`."""
        factor, shape = _split(_instance(kernel, X))
        if ard:
            shape = _over_leaves(shape, lambda leaf: _one_an_input(leaf, X.shape[1]))
        if one_of("mean", mean, MEANS) == "constant":
            shape = Sum(shape, Scaled(1.0, Constant()))
        if amplitude is not None:
            factor *= positive("amplitude", amplitude)
        names = {_family(name) for name, _ in shape.free()}
        hold = [hold] if isinstance(hold, str) else several("hold", hold, "names of parameters")
        hold = {one_of("hold", name, names | {"kernel"}) for name in hold}
        example = "{'noise': (1e-6, 1.0)}"
        bounds = by_name("bounds", {} if bounds is None else bounds, example)
        for name, pair in bounds.items():
            one_of("bounds", name, names | {"noise", "amplitude"})
            if len(pair := several("bounds", pair, "a lower and an upper bound")) != 2:
                raise ValueError(f"bounds: found {pair} for {name}; give two numbers.")
            low, high = pair
            if not positive("bounds", low) < positive("bounds", high):
                raise ValueError(f"bounds: found {name} from {low} to {high}; give low < high.")
        return cls(
            shape=shape,
            factor=None if amplitude is None else factor,
            noise=None if noise is None else non_negative("noise", noise),
            hold=frozenset(names if "kernel" in hold else hold),
            criterion=one_of("criterion", criterion, CRITERIA),
            bounds=bounds,
            starts=whole("starts", starts, at_least=1),
        )

    def model(self, variance: float, jitter: float, *, closed: bool = True) -> Model:
        """The parameters to be searched; ``variance`` is the shape's prior one.

        ``closed`` says that the best amplitude is known in closed form.
        """
        profiled = closed and self.factor is None and not self.noise
        kernel = self.shape if profiled else Scaled(self.factor or 1.0, self.shape)
        places = range(len(kernel.free()))
        names = [_family(name) for name, _ in kernel.free()]
        outer = 0 if profiled else 1  # the factor in front is no parameter of the shape
        searched = [i for i in places if i >= outer and names[i] not in self.hold]
        if not profiled and self.factor is None:
            searched.insert(0, 0)
        noise = None if self.noise is None else self.noise + jitter * variance
        return Model(kernel, tuple(searched), profiled, noise)


def choose(
    X: Float64[Tensor, "n d"],
    Y: Float64[Tensor, "n k"],
    question: Question,
    *,
    progress: bool = True,
) -> Choice:
    """Answer a question by the training data.

    Raises
    ------
    ValueError
        If the memory that is free does not suffice, all targets are 0, or no covariance that was
        tried is positive definite.
    """
    d, k, criterion, device = X.shape[1], Y.shape[1], question.criterion, X.device
    refuse_what_cannot_fit(lambda n: memory_needed(n, d, k, criterion, device), len(X), 0, device)
    if not bool(Y.any()):
        raise ValueError(
            "task: all training targets are 0, so that the best amplitude is 0 and the space is a "
            "single hypothesis; give a task whose targets vary."
        )
    typical = _over_leaves(question.shape, lambda leaf: _typical(leaf, X))
    variance = float(typical.diagonal(X).mean())
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(X))).to(X.device)
    sizes = _sizes(len(X))
    for jitter in (0.0, *JITTERS) if question.noise == 0 else (0.0,):
        model = question.model(variance, jitter)
        box = _Box.of(model, question, typical, variance, float(Y.square().mean()))
        first = _surface(model, X, Y, order[: sizes[0]], question)
        ends = _from_all_starts(first, box, question.starts)
        if ends:
            break
    else:
        raise ValueError(
            f"kernel: the covariance of the {len(X)} training inputs under {question.shape!r} is "
            "not positive definite to working precision. Are inputs equal, or nearly? Let the "
            "noise be chosen, or give more."
        )
    reached = tuple(-end.value for end in ends)
    surface, size = first, sizes[0]
    for larger in sizes[1:]:
        ratio, size = larger / size, larger
        surface = _surface(model, X, Y, order[:size], question)
        with _telling(surface, progress and size == len(X)):
            ends = _improved(surface, box, ends, ratio)
    if not ends:
        raise ValueError(
            f"kernel: the covariance of all {len(X)} training inputs under {question.shape!r} is "
            "not positive definite to working precision where that of a part is. Let the noise be "
            "chosen, or give more."
        )
    return _told(question, model, box, surface, ends[0], reached, sizes[0])


def box_of(
    model: Model, question: Question, X: Float64[Tensor, "n d"], Y: Float64[Tensor, "n k"]
) -> _Box:
    """Bounds of a model's parameters."""
    typical = _over_leaves(question.shape, lambda leaf: _typical(leaf, X))
    variance = float(typical.diagonal(X).mean())
    return _Box.of(model, question, typical, variance, float(Y.square().mean()))


def _told(
    question: Question,
    model: Model,
    box: _Box,
    surface: Surface,
    end: Descent,
    reached: tuple[float, ...],
    n_start: int,
) -> Choice:
    """The choice, with a warning where it ends on a bound."""
    x = _quiet(surface, box, end) if model.noise is None else end.x
    height = surface.at(x, condition=True)
    assert height is not None  # the search has been there
    kernel, noise = model.at(x)
    amplitude, shape = height.amplitude, kernel
    if not model.profiled:
        assert isinstance(kernel, Scaled)
        amplitude, shape = float(kernel.factor), kernel.kernel
    bounds = box.reached(x, model.names)
    on_bound = tuple(bounds.values())
    steep = any(abs(height.gradient[i]) > _TOLD for i in bounds)
    if question.noise == 0 and model.searched and not _conditioned(height, len(surface.X)):
        on_bound = (*on_bound, "the precision of float64, beyond which the matrix is singular")
        steep = True
    choice = Choice(
        kernel=shape,
        amplitude=amplitude,
        noise=height.amplitude * noise if question.noise is None else question.noise,
        criterion=question.criterion,
        value=-height.value,
        digits=max(0.0, -math.log10(EPS * height.condition)),
        starts=reached,
        n_start=n_start,
        evaluations=surface.evaluations,
        on_bound=on_bound,
    )
    if steep:
        warn(
            f"the search ended on a bound: {', '.join(on_bound)}. The training data may want more; "
            "give wider bounds=, or hold what they cannot tell."
        )
    return choice


def _quiet(surface: Surface, box: _Box, end: Descent) -> np.ndarray:
    """The end of the search, with the least noise if the data cannot tell it from what was found.

    Where they see no noise, the search stops anywhere in a plain.
    """
    x = end.x.copy()
    x[-1] = box.lower[-1]
    near = 0.0 < end.x[-1] - x[-1] < math.log(1e4)
    return x if near and surface(x)[0] < end.value + 1e-3 else end.x


def _from_all_starts(surface: Surface, box: _Box, starts: int) -> list[Descent]:
    """Where searches end that begin at the best of many points, best first."""
    tried = [(surface(x)[0], x) for x in box.grid()]
    tried = sorted(((v, x) for v, x in tried if math.isfinite(v)), key=lambda found: found[0])
    if not tried:
        return []
    if len(box.lower) == 0:
        return [descend(surface, tried[0][1], box.lower, box.upper)]
    chosen = [x for _, x in tried[: max(1, (starts + 1) // 2)]]
    rng = np.random.default_rng(0)
    while len(chosen) < starts:  # around the best: summands and inputs that begin alike stay alike
        chosen.append(np.clip(chosen[0] + rng.standard_normal(len(box.lower)), *box.ends))
    ends = [descend(surface, x, *box.ends, steps=_FIRST_STEPS) for x in chosen]
    ends = sorted((e for e in ends if math.isfinite(e.value)), key=lambda end: end.value)
    finished = [
        descend(surface, end.x, *box.ends, curvature=end.curvature) for end in ends[:_FINALISTS]
    ]
    return sorted([*finished, *ends[_FINALISTS:]], key=lambda end: end.value)


def _improved(surface: Surface, box: _Box, ends: list[Descent], ratio: float) -> list[Descent]:
    """The ends of searches on fewer examples, searched on from there."""
    found: list[Descent] = []
    for end in _distinct(ends):
        if found and (len(surface.X) > 2500 or surface(end.x)[0] > found[0].value + _NEAR * ratio):
            continue  # unlikely to become the best
        better = descend(
            surface, end.x, box.lower, box.upper, curvature=ratio * end.curvature, steps=60
        )
        if math.isfinite(better.value):
            found = sorted([*found, better], key=lambda end: end.value)
    return found


def _distinct(ends: list[Descent]) -> list[Descent]:
    """Ends that are no repetition of a better one, three at most."""
    kept: list[Descent] = []
    for end in ends:
        if all(np.abs(end.x - other.x).max(initial=0.0) > 0.1 for other in kept):
            kept.append(end)
    return kept[:3]


class _telling:
    """A count of a surface's evaluations, for the length of a with statement."""

    def __init__(self, surface: Surface, wanted: bool) -> None:
        self.surface = surface
        what = f"choosing on {len(surface.X):,} examples"
        self.count = counter(what, "evaluations", shown=wanted)

    def __enter__(self) -> None:
        self.surface.evaluated = self.count.update

    def __exit__(self, *_: object) -> None:
        self.surface.evaluated = None
        self.count.close()


@dataclass(frozen=True)
class _Box:
    """Bounds of the searched numbers, and what is typical of them; all logarithms."""

    lower: np.ndarray
    upper: np.ndarray
    middle: np.ndarray
    given: np.ndarray
    is_length: np.ndarray
    noise: float | None  # the logarithm of the prior variance, where noise is searched

    @classmethod
    def of(
        cls, model: Model, question: Question, typical: Kernel, variance: float, square: float
    ) -> _Box:
        """Bounds by what is typical, or as the reader gave them."""
        given = [value for _, value in model.kernel.free()]
        usual = [value for _, value in typical.free()]
        if not model.profiled:
            usual = [square / variance, *usual]
        rows = []
        for i in model.searched:
            name = model.kernel.free()[i][0]
            low, high = _EACH if "[" in name else _BOUNDS[_family(name)]
            unit = usual[i] if _family(name) in ("lengthscale", "amplitude") else 1.0
            low, high = question.bounds.get(_family(name), (low * unit, high * unit))
            rows.append((low, high, usual[i], given[i], _family(name) == "lengthscale"))
        if model.noise is None:
            unit = variance * (1.0 if model.profiled else question.factor or square / variance)
            low, high = (end * unit for end in _BOUNDS["noise"])
            low, high = question.bounds.get("noise", (low, high))
            rows.append((low, high, unit, unit * 1e-2, False))
        table = np.array(rows).reshape(len(rows), 5).T
        noise = float(np.log(rows[-1][2])) if model.noise is None else None
        lower, upper, middle, given = np.log(table[:4])
        return cls(lower, upper, middle, given, table[4] > 0, noise)

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Both bounds."""
        return self.lower, self.upper

    def grid(self) -> list[np.ndarray]:
        """Points to begin with: what was given, and many lengthscales and noises."""
        points = [self.given]
        for factor in _SHORT if self.is_length.any() else (1.0,):
            for share in _QUIET if self.noise is not None else (1.0,):
                x = self.middle + np.where(self.is_length, math.log(factor), 0.0)
                if self.noise is not None:
                    x[-1] = self.noise + math.log(share)
                points.append(x)
        return [np.clip(x, *self.ends) for x in points]

    def reached(self, x: np.ndarray, names: list[str]) -> dict[int, str]:
        """The places of the numbers that are on a bound, with their names and which bound."""
        found = {}
        for i, name in enumerate(names):
            for side, end in (("lower", self.lower[i]), ("upper", self.upper[i])):
                if abs(x[i] - end) < 1e-3:
                    found[i] = f"{name} at its {side} bound {math.exp(end):.3g}"
        return found


def _surface(
    model: Model,
    X: Float64[Tensor, "n d"],
    Y: Float64[Tensor, "n k"],
    chosen: Tensor,
    question: Question,
) -> Surface:
    if len(chosen) == len(X):
        return Surface(model, X, Y, question.criterion)
    return Surface(model, X[chosen], Y[chosen], question.criterion)


def _conditioned(height: Height, n: int) -> bool:
    return height.condition * n * EPS < 1e-2


def _sizes(n: int) -> list[int]:
    """Numbers of examples to search on, the last one all."""
    sizes = [n]
    while sizes[0] > _PART:
        sizes.insert(0, max(sizes[0] // _RATIO, min(_PART, sizes[0] // 2)))
    return sizes


def _instance(kernel: Kernel | Callable[..., Any], X: Float64[Tensor, "n d"]) -> Kernel:
    """A kernel object of a class or an object."""
    if isinstance(kernel, type) and issubclass(kernel, Stationary):
        return _typical(kernel(1.0), X)
    if isinstance(kernel, type) and issubclass(kernel, Kernel):
        try:
            return kernel()
        except TypeError:
            raise ValueError(
                f"kernel: {kernel.__name__} needs arguments; give an object of it, whose "
                "parameters are where the search begins."
            ) from None
    if isinstance(kernel, Kernel):
        return kernel
    if isinstance(kernel, type) or not callable(kernel):
        raise ValueError(
            f"kernel: found {kernel!r}; give a kernel or a class of kernels, such as "
            "ibhelpers.kernels.RBF."
        )
    return FunctionKernel(kernel)


def _split(kernel: Kernel) -> tuple[float, Kernel]:
    """A factor, and the kernel without it; every summand but the first has a factor of its own."""
    if isinstance(kernel, Scaled):
        factor, shape = _split(kernel.kernel)
        return float(kernel.factor) * factor, shape
    if isinstance(kernel, Product):
        (a, left), (b, right) = _split(kernel.left), _split(kernel.right)
        return a * b, Product(left, right)
    if isinstance(kernel, Sum):
        (a, left), (b, right) = _split(kernel.left), _split(kernel.right)
        return a, Sum(left, Scaled(b / a, right))
    return 1.0, kernel


def _over_leaves(kernel: Kernel, change: Callable[[Kernel], Kernel]) -> Kernel:
    """The same expression of changed kernels."""
    if isinstance(kernel, Scaled):
        return Scaled(kernel.factor, _over_leaves(kernel.kernel, change))
    if isinstance(kernel, (Sum, Product)):
        left, right = _over_leaves(kernel.left, change), _over_leaves(kernel.right, change)
        return type(kernel)(left, right)
    return change(kernel)


def _one_an_input(kernel: Kernel, n_inputs: int) -> Kernel:
    if isinstance(kernel, Stationary) and not isinstance(kernel.lengthscale, tuple):
        return replace(kernel, lengthscale=(kernel.lengthscale,) * n_inputs)
    return kernel


def _typical(kernel: Kernel, X: Float64[Tensor, "n d"]) -> Kernel:
    """The kernel with typical distances as its lengthscales."""
    if not isinstance(kernel, Stationary):
        return kernel
    rows = X[torch.linspace(0, len(X) - 1, min(len(X), _CHECKED)).round().long()]
    one, sums = rows.new_ones(1), isinstance(kernel, Laplace)
    D = absolute_distances(rows, rows, one) if sums else squared_distances(rows, rows, one).sqrt()
    apart = D[D > 0]
    distance = float(apart.median()) if len(apart) else 1.0
    if not isinstance(kernel.lengthscale, tuple):
        return replace(kernel, lengthscale=distance)
    # As if all inputs had an equal share in the distance.
    spread = rows.std(0, correction=0).cpu().numpy()
    equal = (2.0 * len(spread)) ** 0.5 if not sums else 2.0 * len(spread) / math.pi**0.5
    each = np.where(spread > 0, spread * equal, distance)
    return replace(kernel, lengthscale=tuple(each.tolist()))


def _family(name: str) -> str:
    """``lengthscale[3]`` is a lengthscale."""
    return name.partition("[")[0]
