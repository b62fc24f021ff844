"""Initial weights as functions of standard normal variables, whatever initialisers they come from.

An initialiser fills tensors with normal or uniform numbers, and makes weights of them. Here its
fills are served from given variables z: a normal one is μ + σz, a uniform one a + (b - a) Φ(z).
What is made of them (Kaiming's, Xavier's, truncated normal, orthogonal weights) follows, because
the initialiser itself runs; constants stay constants, and any other randomness is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ._stack import Stack, copied, state_of

Make = Callable[[], nn.Module]
"""A new network, as the reader's architecture returns it, whose weights torch draws."""

_NORMAL = {"normal_", "randn", "randn_like"}
_UNIFORM = {"uniform_", "rand", "rand_like"}
_IN_PLACE = {"normal_": ("mean", "std", 0.0, 1.0), "uniform_": ("from", "to", 0.0, 1.0)}
# Of the variables of networks on which what is filled directly must be what the initialiser makes:
# one that clamps, or draws again what is too large or too small, shows it at one of these.
_SPREADS = (1.0, 10.0, 0.01)


@dataclass(frozen=True)
class Fill:
    """One tensor of independent numbers: normal with mean and deviation, or uniform from, to."""

    normal: bool
    first: float
    second: float
    shape: tuple[int, ...]
    dtype: torch.dtype

    def __len__(self) -> int:
        """How many numbers."""
        return torch.Size(self.shape).numel()

    def of(self, z: Tensor) -> Tensor:
        """The numbers (..., *shape) that standard normal variables (..., len) stand for."""
        z = z.unflatten(-1, self.shape or (1,))
        z = z if self.shape else z.squeeze(-1)
        if self.normal:
            return (self.first + self.second * z).to(self.dtype)
        x = (self.first + (self.second - self.first) * torch.special.ndtr(z)).to(self.dtype)
        # Torch's uniform numbers are below the upper end, though rounding may reach it.
        ends = torch.tensor([self.second, self.first], dtype=self.dtype, device=z.device)
        return x.clamp(max=torch.nextafter(*ends))

    def variables(self, x: Tensor) -> Tensor:
        """The standard normal variables (len,) that these numbers stand for."""
        x = x.detach().double().flatten()
        spread = self.second if self.normal else self.second - self.first
        unit = (x - self.first) / spread if spread else torch.zeros_like(x)
        return unit if self.normal else torch.special.ndtri(unit)


class _Served(TorchDispatchMode):
    """Serves an initialiser's random numbers from z, or lets torch draw them, and keeps a list."""

    def __init__(self, z: Tensor | None = None) -> None:
        super().__init__()
        self.z, self.used = z, 0
        self.fills: list[Fill] = []
        self.tensors: list[Tensor] = []  # as they were filled last
        self.drawn: list[Tensor] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in func.tags or kwargs.get("generator"):
            return func(*args, **kwargs)
        fill = _fill_of(func, args, kwargs)
        tensor = func(*args, **kwargs)
        fill = Fill(*fill, tuple(tensor.shape), tensor.dtype)
        if not tensor.is_floating_point():
            raise _refusal(f"draws {func.overloadpacket.__name__} in {tensor.dtype}")
        if self.z is not None:
            z = self.z[self.used : self.used + len(fill)]
            if len(z) < len(fill):
                raise _refusal("draws more random numbers for some networks than for others")
            tensor.copy_(fill.of(z))
        self.used += len(fill)
        self.fills.append(fill)
        self.tensors.append(tensor)
        self.drawn.append(tensor.clone())
        return tensor


@contextmanager
def _serving(z: Tensor | None = None) -> Iterator[_Served]:
    """Serve random numbers from z; truncated normal ones by inversion.

    Torch draws those again that it rejects, so that nobody knows how many it takes.
    """
    own = getattr(nn.init, "_no_grad_trunc_normal_", None)
    try:
        if own is not None:
            nn.init._no_grad_trunc_normal_ = _truncated
        with _Served(z) as served:
            yield served
    finally:
        if own is not None:
            nn.init._no_grad_trunc_normal_ = own


def _truncated(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any = None
) -> Tensor:
    """Fill a tensor with normal numbers from a to b, by the inverse of their distribution."""
    ends = torch.special.ndtr((torch.tensor([a, b], dtype=torch.float64) - mean) / std)
    with torch.no_grad():
        u = torch.empty_like(tensor, dtype=torch.float64)
        u.uniform_(*ends.tolist(), generator=generator)
        return tensor.copy_(mean + std * torch.special.ndtri(u)).clamp_(a, b)


def _fill_of(func: Any, args: Any, kwargs: dict[str, Any]) -> tuple[bool, float, float]:
    """Whether it is a normal fill, and its two numbers; or refuse what it is, by name."""
    name = func.overloadpacket.__name__
    if func is torch.ops.aten.normal.float_float:
        return True, float(args[0]), float(args[1])
    if name in _IN_PLACE:
        one, two, default_one, default_two = _IN_PLACE[name]
        given = [*args[1:3]]
        first = given[0] if given else kwargs.get(one, default_one)
        second = given[1] if len(given) > 1 else kwargs.get(two, default_two)
        return name in _NORMAL, float(first), float(second)
    if name in _NORMAL | _UNIFORM:
        return name in _NORMAL, 0.0, 1.0
    raise _refusal(f"draws from torch's {name}")


def _refusal(what: str) -> ValueError:
    return ValueError(
        f"architecture: its initialiser {what}, which is no function of normal variables that "
        "splitting could move. Use nn.init.normal_, nn.init.uniform_ or what is made of them "
        "(kaiming_*, xavier_*, trunc_normal_, orthogonal_), torch.randn or torch.rand; or count: "
        "estimate_bias(space.sample_losses(task, ...), target_error)."
    )


class InitialWeights:
    """The map from standard normal variables to the weights that networks start from.

    Parameters
    ----------
    make : callable
        A new network, whose random numbers torch draws in float32.
    start : callable
        From 0 or 1 to a context in which torch's random numbers are those of that hypothesis.

    Attributes
    ----------
    dimension : int
        How many variables one network takes.
    direct : dict
        Parameters that are a fill, number by number, and where its variables are; None if the
        initialiser has to run for every network.

    Raises
    ------
    ValueError
        If weights are drawn in another way than by normal and uniform numbers, or if torch's random
        numbers are seeded anew inside the architecture.
    """

    def __init__(self, make: Make, start: Callable[[int], Any]) -> None:
        self._make, self._start = make, start
        first, recorded = self._record(0)
        _, other = self._record(1)
        _check_same_fills(recorded, other)
        self.fills = recorded.fills
        self.of_first = torch.cat(
            [fill.variables(x) for fill, x in zip(recorded.fills, recorded.drawn, strict=True)]
            or [torch.zeros(0, dtype=torch.float64)]
        )
        self._ends = torch.tensor([0, *(len(fill) for fill in self.fills)]).cumsum(0).tolist()
        self._check_replayed(first)
        self.direct = self._find_direct()
        self._skeleton = copied(first)
        if self.direct is not None:  # variables that are overwritten have no say
            used = [torch.arange(*place) for place in self.direct.values()]
            self.of_first = self.of_first[torch.cat(used)] if used else self.of_first[:0]
        self.dimension = len(self.of_first)

    def stack(self, z: Tensor, device: torch.device, dtype: torch.dtype) -> Stack:
        """The networks of variables (S, dimension), side by side."""
        if self.direct is None:
            modules = (self._built(row).to(dtype) for row in z.cpu())
            return Stack(modules, len(z), device, dtype)
        stack = Stack(iter([self._skeleton]), 1, device, dtype)  # copies: threads share none
        stack.fill(len(z), self._filled(z))
        return stack

    def module(self, z: Tensor) -> nn.Module:
        """The network of variables (dimension,), as its initialiser makes it."""
        if self.direct is None:
            return self._built(z)
        everything = torch.zeros(self._ends[-1], dtype=torch.float64)
        used = 0
        for start, end in self.direct.values():
            everything[start:end] = z[used : used + end - start]
            used += end - start
        return self._built(everything)

    def some(self, n: int) -> Iterator[nn.Module]:
        """Random networks, each as its initialiser makes it, whatever it makes of its numbers."""
        return (self._built(self._random(seed)) for seed in range(n))

    def law(self) -> dict[str, Fill]:
        """The fill of every parameter that is one; empty if the initialiser does more than that."""
        fill_at = dict(zip(self._ends, self.fills, strict=False))
        return {name: fill_at[start] for name, (start, _) in (self.direct or {}).items()}

    def _filled(self, z: Tensor) -> dict[str, Tensor]:
        values, used = {}, 0
        for name, fill in self.law().items():
            values[name] = fill.of(z[:, used : used + len(fill)])
            used += len(fill)
        return values

    def _record(self, i: int) -> tuple[nn.Module, _Served]:
        with self._start(i), _serving() as served:
            return self._make(), served

    def _built(self, z: Tensor) -> nn.Module:
        return self._served(z)[0]

    def _served(self, z: Tensor) -> tuple[nn.Module, _Served]:
        with self._start(0), _serving(z) as served:
            module = self._make()
        if served.fills != self.fills:
            raise _refusal("draws other random numbers for some networks than for others")
        return module, served

    def _random(self, seed: int) -> Tensor:
        """Variables of every fill, those that are overwritten among them."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(self._ends[-1], generator=generator, dtype=torch.float64)

    def _check_replayed(self, first: nn.Module) -> None:
        """Whether hypothesis 0, as torch draws it, is the network of its own variables."""
        again = dict(state_of(self._built(self.of_first)))
        for name, value in state_of(first):
            if not torch.allclose(value, again[name], rtol=1e-3, atol=1e-5, equal_nan=True):
                raise _refusal(f"gives {name!r} random numbers that torch's generator has not made")

    def _find_direct(self) -> dict[str, tuple[int, int]] | None:
        """For every random parameter the range of its variables; None if one is made of others."""
        found: dict[str, tuple[int, int]] = {}
        constants: dict[str, Tensor] = {}
        for seed, spread in enumerate(_SPREADS):
            module, served = self._served(spread * self._random(seed))
            places = {name: self._place(value, served) for name, value in state_of(module)}
            random = {name: place for name, place in places.items() if place is not None}
            fixed = {n: v.detach().clone() for n, v in state_of(module) if n not in random}
            if seed == 0:
                found, constants = random, fixed
            elif random != found or any(not _equal(v, constants[n]) for n, v in fixed.items()):
                return None
        return found

    def _place(self, value: Tensor, served: _Served) -> tuple[int, int] | None:
        """Where in z the fill stands that a parameter still is, if any."""
        for i in reversed(range(len(served.fills))):
            same = served.tensors[i].data_ptr() == value.data_ptr()
            if same and len(served.fills[i]) == value.numel() and value.numel():
                if served.fills[i].shape != value.shape or not _equal(value, served.drawn[i]):
                    return None
                return self._ends[i], self._ends[i + 1]
        return None


def _equal(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a.detach().nan_to_num(), b.detach().nan_to_num())


def _check_same_fills(one: _Served, two: _Served) -> None:
    """Whether two networks draw the same kinds of numbers, and different ones."""
    if one.fills != two.fills:
        raise _refusal("draws other random numbers for some networks than for others")
    for fill, a, b in zip(one.fills, one.drawn, two.drawn, strict=True):
        if fill.second != (0.0 if fill.normal else fill.first) and len(fill) and torch.equal(a, b):
            raise _refusal("seeds torch's random numbers itself")
