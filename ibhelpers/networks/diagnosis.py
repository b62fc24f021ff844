"""Whether an architecture's networks can be trained side by side, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..tasks import Task
from .recipe import Recipe
from .stack import Build, Stack
from .training import Examples

# What an error of torch.func.vmap contains, what the module does then, and what to do instead.
_ADVICE = (
    (("random operation",), "draws random numbers as it computes", "leave that out"),
    (
        ("data-dependent control flow",),
        "takes a branch that depends on the data",
        "use torch.where, which computes both branches",
    ),
    ((".item()",), "reads a number out of a tensor", "keep it a tensor"),
    (
        ("in-place", "inplace", "broadcast shape"),
        "changes a tensor in place that all networks share",
        "use operations that return a new tensor",
    ),
)


def check_architecture(
    build: Build, task: Task, data: Examples, recipe: Recipe | None = None
) -> nn.Module:
    """Try an architecture on a few examples, and return hypothesis 0 as initialised.

    Parameters
    ----------
    build : callable
        From the number of a hypothesis to its network.
    task : Task
        What it is to learn.
    data : Examples
        The task's training set, on the CPU.
    recipe : Recipe, optional
        How the networks are trained, if they are.

    Raises
    ------
    ValueError
        If a network is not a module with parameters to train, ties examples together, changes its
        own state, draws random numbers, has outputs of another shape than the targets, is not
        reproducible, or cannot be evaluated with stacked parameters. The message names the module
        within the network, where it is known.
    """
    module, again = build(0), build(0)
    _check_modules(module)
    _check_reproducible(module, again)
    _check_different(module, build(1), data, recipe)
    _check_outputs(module, data.X[:3], task)
    _check_stacked(build, data)
    _check_examples_apart(module, data.X[:3])
    return module


def as_module(found: object) -> nn.Module:
    """Return what an architecture returned, or say that it is no network."""
    if not isinstance(found, nn.Module):
        raise ValueError(
            f"architecture: returned {type(found).__name__}; it must return a torch.nn.Module "
            "for a task, such as ibhelpers.networks.mlp() does."
        )
    return found


def _check_modules(module: nn.Module) -> None:
    if not any(p.requires_grad for p in module.parameters()):
        raise ValueError(
            "architecture: the network has no parameters to train; give it some, or leave "
            "requires_grad on for those it has."
        )
    for name, part in module.named_modules():
        what = f"{type(part).__name__}{f' {name!r}' if name else ''}"
        if isinstance(part, nn.modules.batchnorm._NormBase) and (
            part.track_running_stats or isinstance(part, nn.modules.batchnorm._BatchNorm)
        ):
            raise ValueError(
                f"architecture: {what} ties the examples of a batch together or keeps running "
                "averages of them, so that the network is no function of one example; use "
                "nn.GroupNorm or nn.LayerNorm instead."
            )
        if isinstance(part, nn.modules.dropout._DropoutNd) and part.p > 0:
            raise ValueError(
                f"architecture: {what} draws random numbers as it computes, so that a hypothesis "
                "would depend on those trained beside it; use weight_decay= instead."
            )


def _check_reproducible(module: nn.Module, again: nn.Module) -> None:
    first, second = dict(module.named_parameters()), dict(again.named_parameters())
    for name, value in first.items():
        if name not in second or not torch.equal(value, second[name]):
            raise ValueError(
                f"architecture: parameter {name!r} differs between two networks that were "
                "initialised from the same seed; initialise by torch's random numbers alone (no "
                "generator of your own, no numpy.random), in a function that makes a new network "
                "each time."
            )


def _check_different(
    module: nn.Module, other: nn.Module, data: Examples, recipe: Recipe | None
) -> None:
    """Networks of equal weights may still be shown the data in different orders."""
    pairs = zip(module.parameters(), other.parameters(), strict=False)
    ordered = recipe is not None and recipe.batch_for(len(data.X)) < len(data.X)
    if module is other or (not ordered and all(torch.equal(a, b) for a, b in pairs)):
        raise ValueError(
            "architecture: all networks are the same; make a new one in each call, initialised by "
            "torch's random numbers without a seed of your own."
        )


@torch.no_grad()
def _check_outputs(module: nn.Module, X: Tensor, task: Task) -> None:
    before = {name: value.clone() for name, value in module.named_buffers()}
    with _naming("cannot be evaluated", module):
        outputs = module(X)
    for name, value in module.named_buffers():
        if not torch.equal(value, before[name]):
            raise ValueError(
                f"architecture: the buffer {name!r} changes as the network computes; a hypothesis "
                "must not depend on what it was shown. Remove that state."
            )
    wanted = (len(X), task.n_outputs)
    if not isinstance(outputs, Tensor) or tuple(outputs.shape) != wanted:
        found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(
            f"architecture: for {len(X)} examples the network returned {found}, but the targets "
            f"of the task have shape {wanted}; let its last layer have {task.n_outputs} outputs."
        )


@torch.no_grad()
def _check_examples_apart(module: nn.Module, X: Tensor) -> None:
    together, alone = module(X), module(X[:1])
    if not torch.allclose(together[:1], alone, rtol=1e-3, atol=1e-4, equal_nan=True):
        raise ValueError(
            "architecture: the outputs for an example change with the other examples in its batch; "
            "use layers that treat every example by itself (nn.LayerNorm, not nn.BatchNorm)."
        )


def _check_stacked(build: Build, data: Examples) -> None:
    """Evaluate two networks side by side, and ask for gradients."""
    stack = Stack((build(i) for i in range(2)), 2, data.X.device, data.X.dtype)
    names = [n for n, p in stack.skeleton.named_parameters() if p.requires_grad]
    with _naming("cannot be evaluated with stacked parameters", stack.skeleton):
        outputs = stack(data.X[:2].expand(2, -1, -1))
        gradients = torch.autograd.grad(outputs.sum(), stack.leaves, allow_unused=True)
    for name, gradient in zip(names, gradients, strict=True):
        if gradient is None:
            raise ValueError(
                f"architecture: the outputs do not depend on parameter {name!r}; use it, or set "
                "requires_grad_(False)."
            )


@contextmanager
def _naming(problem: str, module: nn.Module) -> Iterator[None]:
    """Turn an error inside a network into one that names the module, and a way out."""
    inside: list[str] = []
    names = {part: name for name, part in module.named_modules()}

    def enter(part: nn.Module, args: object) -> None:
        inside.append(f"{type(part).__name__}{f' {names[part]!r}' if names[part] else ''}")

    def leave(part: nn.Module, args: object, output: object) -> None:
        inside.pop()

    hooks = [
        hook
        for part in module.modules()
        for hook in (part.register_forward_pre_hook(enter), part.register_forward_hook(leave))
    ]
    try:
        yield
    except Exception as error:
        said = str(error).splitlines()[0] if str(error) else ""
        where = inside[-1] if inside else type(module).__name__
        for signs, does, instead in _ADVICE:
            if any(sign in str(error) for sign in signs):
                raise ValueError(f"architecture: {where} {does}; {instead}. ({said})") from error
        raise ValueError(
            f"architecture: {where} {problem} ({type(error).__name__}: {said}); use operations "
            "that torch.func.vmap supports, on inputs of shape (examples, task.n_inputs)."
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
