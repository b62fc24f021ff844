"""Whether networks that run side by side are those that run one by one, before any is trained.

A stack runs the code of its first network with the parameters and buffers of all. That is what
each network computes by itself if nothing else has a say: no number that a constructor has drawn
and kept beside the parameters, no copy of a parameter, no hook on a gradient, no kernel that
mistakes the order of numbers in memory. Instead of a list of what might, a few examples go both
ways, in float64, and the results are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from ._diagnosis import in_words, naming
from ._recipe import LOSSES, Recipe
from ._stack import Stack, copied, state_of
from ._training import Examples, step

_EXAMPLES, _STEPS = 3, 2
_STEPPED = 4  # networks that are trained in both ways, though they be alike
_GROUP, _PAIR = 32, 2  # networks compared at a time: their outputs; their steps, which take memory
_LENGTH = 1e-3  # about how far a step goes
_OUTPUTS_RTOL, _STEPS_RTOL = 1e-10, 1e-8  # of the outputs; of a step, which is 1e-11 of a parameter
_LOW_PRECISION = 1e-3  # relative errors up to here are those of float32 or float16
_TINY = 1e-300
_NUMBERS = ("_parameters", "_buffers", "_modules")  # compared by what is computed with them


def verified(
    networks: Iterable[nn.Module],
    start: int,
    data: Examples,
    recipe: Recipe | None,
    device: torch.device,
    *,
    every: bool = True,
) -> Iterator[nn.Module]:
    """Pass networks on to a stack, and then compare what a stack makes of them with each alone.

    Compared are the outputs of all, and two steps of training of the first few, and of every one
    that differs from the first in more than the numbers of its parameters and buffers; the others
    are the same function in the same code.

    Parameters
    ----------
    networks : iterable of torch.nn.Module
        Each is passed on as it is, and may be changed as soon as the next is asked for.
    start : int
        The number of the first.
    data : Examples
        The training set.
    recipe : Recipe or None
        How they are trained; None if they are not.
    device : torch.device
        Where the stack runs. The networks alone run on the CPU.
    every : bool
        Whether all are compared, or only those that differ from the first.

    Raises
    ------
    ValueError
        If a network computes or learns something else in a stack; the message says which, and why.
    """
    numbered = enumerate(networks, start)
    comparison = None
    while group := dict(islice(numbered, _GROUP)):
        if comparison is None:
            comparison = _Comparison(group[start], data, recipe, device)
        yield from group.values()
        own = {i: difference(comparison.first, network) for i, network in group.items()}
        chosen = [i for i in group if every or own[i]]
        stepped = [i for i in chosen if own[i] or i < start + _STEPPED]
        kinds = {i: next(group[i].parameters()).dtype for i in chosen}
        try:
            comparison.of_outputs({i: group[i].double() for i in chosen}, own)
            if recipe is None:
                continue
            for k in range(0, len(stepped), _PAIR):
                comparison.of_steps({i: group[i] for i in stepped[k : k + _PAIR]}, own, recipe)
        finally:
            for i, kind in kinds.items():
                group[i].to(kind)  # whatever the networks share is left as it was


class _Comparison:
    """What a stack makes of networks, by the code of the first, against each alone."""

    def __init__(
        self, first: nn.Module, data: Examples, recipe: Recipe | None, device: torch.device
    ) -> None:
        self.first, self.skeleton = first, copied(first)
        self.device = device
        self.whole_set = recipe is not None and recipe.batch_for(len(data.X)) == len(data.X)
        few = slice(0, _STEPS * _EXAMPLES)
        self.X, self.y = (tensor[few].cpu().double() for tensor in (data.X, data.y))

    def of_outputs(self, networks: Mapping[int, nn.Module], own: Mapping[int, str]) -> None:
        """Compare outputs, for inputs that all share and for the same as each network's own."""
        if not networks:
            return
        stack, X = self._stack(networks), self.X[:_EXAMPLES]
        shared = X.to(self.device)
        with torch.no_grad(), naming("cannot be evaluated with stacked parameters", self.skeleton):
            ways = [stack(x).cpu() for x in (shared, shared.expand(len(networks), -1, -1))]
        found = []
        for network in networks.values():
            with torch.no_grad(), naming("cannot be evaluated in float64", network):
                found.append(network(X))
        alone = torch.stack(found)
        # Large numbers that cancel leave some of their rounding errors behind.
        units = _finite(alone).abs().amax((1, 2)) + 0.01
        errors = torch.stack([_apart(way, alone).amax((1, 2)) for way in ways]).amax(0) / units
        for i, error in zip(networks, errors.tolist(), strict=True):
            if not error <= _OUTPUTS_RTOL:
                raise _refusal(f"the outputs of network {i} differ", error, own[i])

    def of_steps(
        self, networks: Mapping[int, nn.Module], own: Mapping[int, str], recipe: Recipe
    ) -> None:
        """Compare parameters and buffers after two steps of training."""
        stack, rows = self._stack(networks), self._rows(len(networks))
        before = {name: value.detach().cpu() + 0.0 for name, value in stack.parameters().items()}
        size = self._size_of_gradients(stack, rows[0], recipe)
        optimizer = _gentle(recipe.new_optimizer(stack.leaves), size)
        for chosen in rows[:, 0] if self.whole_set else rows:
            X, y = (tensor[chosen].to(self.device) for tensor in (self.X, self.y))
            step(stack, optimizer, X, y, recipe.loss)
        after = {name: value.detach().cpu() for name, value in stack.parameters().items()}
        for s, (i, network) in enumerate(networks.items()):
            trained: list[Tensor] = [p for p in network.parameters() if p.requires_grad]
            optimizer = _gentle(recipe.new_optimizer(trained, plain=True), size)
            for chosen in rows[:, s]:
                optimizer.zero_grad()
                LOSSES[recipe.loss](network(self.X[chosen]), self.y[chosen]).mean().backward()
                optimizer.step()
            alone = {name: value.detach() for name, value in state_of(network) if value.numel()}
            moved = max(_size(alone[name] - before[name][s]) for name in alone)
            for name, value in alone.items():
                unit = moved + 1e-5 * _size(value) + _TINY
                error = float(_apart(after[name][s], value).max()) / unit
                if not error <= _STEPS_RTOL:
                    what = f"{name!r} of network {i}, after two steps of training, differs"
                    raise _refusal(what, error, own[i])

    def _stack(self, networks: Mapping[int, nn.Module]) -> Stack:
        return Stack(
            iter(networks.values()), len(networks), self.device, torch.float64, self.skeleton
        )

    def _rows(self, networks: int) -> Tensor:
        """The examples of every step and network; if all see the whole set, they see the same."""
        first = torch.arange(_STEPS)[:, None, None] * _EXAMPLES + torch.arange(_EXAMPLES)
        apart = torch.arange(networks)[:, None] * (not self.whole_set)
        return (first + apart) % len(self.X)

    def _size_of_gradients(self, stack: Stack, rows: Tensor, recipe: Recipe) -> float:
        X, y = (tensor[rows].to(self.device) for tensor in (self.X, self.y))
        losses = LOSSES[recipe.loss](stack(X), y).mean(1)
        return max(_size(g) for g in torch.autograd.grad(losses.sum(), stack.leaves)) or 1.0


def _gentle(optimizer: torch.optim.Optimizer, size: float) -> torch.optim.Optimizer:
    """Let an optimizer take steps of a known length, which do not enlarge rounding errors.

    Adam divides a gradient by its own size, so that one which is zero but for rounding errors would
    move a parameter all the way; eps, in proportion to the largest gradient, forbids that.
    """
    for group in optimizer.param_groups:
        if "eps" in group:
            group["lr"], group["eps"] = _LENGTH, max(group["eps"], 1e-4 * size)
        else:
            group["lr"] = _LENGTH / size
    return optimizer


def difference(first: nn.Module, other: nn.Module) -> str:
    """Name what differs between two networks beside numbers; "" if nothing does.

    What cannot be compared counts as different.
    """
    parts, others = dict(first.named_modules()), dict(other.named_modules())
    if parts.keys() != others.keys():
        return "which layers there are"
    for name, part in parts.items():
        if _kind(part) is not _kind(others[name]):
            return f"the class of layer {name!r}"
        mine, theirs = vars(part), vars(others[name])
        for attribute in mine.keys() | theirs.keys():
            if attribute in _NUMBERS:
                continue
            if not _same(mine.get(attribute), theirs.get(attribute), attribute.endswith("_hooks")):
                return f"{attribute!r} of {in_words(part, name)}"
    frozen, others_frozen = (
        {name for name, value in module.named_parameters() if not value.requires_grad}
        for module in (first, other)
    )
    return "which parameters are trained" if frozen != others_frozen else ""


def _kind(part: nn.Module) -> type:
    """The class of a layer; torch makes a new one for each that is parametrized."""
    return type(part).__mro__[1] if is_parametrized(part) else type(part)


def _same(a: Any, b: Any, are_hooks: bool = False) -> bool:
    """Whether two attributes are equal; hooks, whatever the number under which each stands."""
    if are_hooks:
        a, b = (list(hooks.values()) if hooks else [] for hooks in (a, b))
    try:
        return _equal(a, b)
    except Exception:  # of a comparison that is the reader's own, or that has no end
        return False


def _equal(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b) or isinstance(a, nn.Module):
        return False
    if isinstance(a, Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, FunctionType):
        return a.__code__ is b.__code__ and _equal(_kept_by(a), _kept_by(b))
    return bool(a == b)


def _kept_by(function: FunctionType) -> list[Any]:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return [*cells, function.__defaults__, function.__kwdefaults__]


def _finite(value: Tensor) -> Tensor:
    return value.detach().double().nan_to_num(0.0, 0.0, 0.0)


def _size(value: Tensor) -> float:
    """The largest absolute value among those that are finite."""
    return float(_finite(value).abs().max()) if value.numel() else 0.0


def _apart(a: Tensor, b: Tensor) -> Tensor:
    """Absolute differences; 0 between values that are both NaN, or the same infinity."""
    a, b = a.double(), b.double()
    return torch.where((a == b) | (a.isnan() & b.isnan()), 0.0, (a - b).abs())


def _refusal(what: str, error: float, own: str) -> ValueError:
    if own:
        reason = (
            f"{own} differs from network to network, and a stack runs with that of the first. Make "
            "it the same in all, or let register_buffer() hold the numbers"
        )
    elif error < _LOW_PRECISION:
        reason = (
            "it may compute in a lower precision than that of its inputs. Leave out .float() and "
            ".half(), and make new tensors of type x.dtype"
        )
    else:
        reason = (
            "something beside its parameters and buffers has a say, such as a copy of a parameter "
            "in a list or a closure, or a global variable; or torch's version for stacks of one of "
            "its operations computes something else. Use the module's own parameters alone, and "
            "other operations"
        )
    return ValueError(
        f"architecture: {what} in a stack from what the network alone gives (relative error "
        f"{error:.1g}); {reason}."
    )
