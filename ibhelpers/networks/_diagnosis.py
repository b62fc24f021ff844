"""Whether an architecture's networks can be trained side by side, and if not, why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..tasks import Task
from ._recipe import Recipe
from ._stack import Build, Stack, state_of
from ._training import Examples

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
    (
        ("same dtype", "scalar type", "have the same dtype"),
        "brings together numbers of different types",
        "hold constants with register_buffer() and layers with nn.ModuleList, so that they follow "
        "the type of the parameters, or make them of type x.dtype",
    ),
    (
        ("autograd.Function",),
        "is an autograd.Function that knows no stacks",
        "give it setup_context() and generate_vmap_rule = True",
    ),
    (
        ("Batching rule not implemented",),
        "is one of those for which torch has no version for stacks",
        "write its equations out, in linear layers and functions such as torch.sigmoid (of "
        "recurrent cells nn.GRUCell and nn.RNNCell can be used as they are)",
    ),
)

_AT_REST = 1e-3  # relative error of what eval() computes by another way, in float32 at that


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
    module, again, X = build(0), build(0), data.X[:3].cpu()
    _check_modules(module)
    _check_reproducible(module, again)
    outputs = _check_outputs(module, X, task)
    _check_different(module, build(1), data, recipe)
    _check_unmoved(module, X, outputs)
    _check_at_rest(again, X, outputs)
    _check_stacked(build, X)
    _check_examples_apart(again, X)
    return module


def refuse_no_architecture(architecture: object) -> None:
    """Raise a ValueError unless it can be called, and is no network itself."""
    if not callable(architecture) or isinstance(architecture, nn.Module):
        raise ValueError(
            f"architecture: found {architecture!r}; give a function from a task to a new "
            "network, such as ibhelpers.networks.mlp()."
        )


def as_module(found: object) -> nn.Module:
    """Return what an architecture returned, or say why that is no network to train."""
    if not isinstance(found, nn.Module):
        raise ValueError(
            f"architecture: returned {type(found).__name__}; it must return a torch.nn.Module "
            "for a task, such as ibhelpers.networks.mlp() does."
        )
    for name, part in found.named_modules():
        _check_is_python(part, in_words(part, name))
        for kind, tensors in (("parameter", part._parameters), ("buffer", part._buffers)):
            for own, tensor in tensors.items():
                if tensor is not None:
                    _check_holds_numbers(tensor, f"{kind} {own!r} of {in_words(part, name)}")
    _check_memory_apart(found)
    return found


def in_words(part: nn.Module, name: str) -> str:
    """What an error calls a layer: ``Linear '2'``."""
    return f"{type(part).__name__}{f' {name!r}' if name else ''}"


def _check_is_python(part: nn.Module, what: str) -> None:
    if isinstance(part, torch.jit.ScriptModule):
        raise ValueError(
            f"architecture: {what} is compiled by torch.jit, and its code takes no parameters but "
            "its own; return the module as it was before torch.jit.script or torch.jit.trace."
        )
    if hasattr(part, "_orig_mod"):
        raise ValueError(
            f"architecture: {what} is compiled by torch.compile, and its code takes no parameters "
            "but its own; return the module as it was before (its _orig_mod)."
        )


def _check_holds_numbers(tensor: Tensor, what: str) -> None:
    if nn.parameter.is_lazy(tensor):
        raise ValueError(
            f"architecture: {what} has no shape yet, because lazy modules wait for their first "
            "inputs; call the network once before it is returned, "
            "network(torch.zeros(1, task.n_inputs)), or use modules that are not lazy."
        )
    if tensor.is_meta:
        raise ValueError(
            f"architecture: {what} is on the device 'meta', which keeps shapes without numbers; "
            "make the network on the CPU."
        )
    if tensor.is_complex():
        raise ValueError(
            f"architecture: {what} is complex; hold the real and the imaginary part as two "
            "parameters, and join them with torch.complex() in forward()."
        )


def _check_memory_apart(module: nn.Module) -> None:
    """Refuse parameters and buffers that share memory without being the same one."""
    holders: dict[int, list[tuple[str, Tensor]]] = {}
    for name, tensor in state_of(module):
        if tensor.numel():
            holders.setdefault(tensor.untyped_storage().data_ptr(), []).append((name, tensor))
    for sharing in holders.values():
        if len(sharing) == 1 and sharing[0][1].is_contiguous():
            continue
        taken: Tensor = torch.empty(0, dtype=torch.int64)
        for name, tensor in sharing:
            size = tensor.untyped_storage().nbytes() // tensor.element_size()
            places = torch.arange(size).as_strided(
                tensor.shape, tensor.stride(), tensor.storage_offset()
            )
            taken = torch.cat([taken, places.flatten()])
            if len(taken.unique()) < len(taken):
                others = [other for other, _ in sharing if other != name]
                shares = f"with {others[0]!r}" if others else "among its own entries (expand())"
                raise ValueError(
                    f"architecture: the numbers of {name!r} share memory {shares}, so that a step "
                    "of an optimizer would move some of them twice; give it numbers of its own "
                    "with clone(), or, to tie two layers, let both hold the same parameter."
                )


def _check_modules(module: nn.Module) -> None:
    if not any(p.requires_grad for p in module.parameters()):
        raise ValueError(
            "architecture: the network has no parameters to train; give it some, or leave "
            "requires_grad on for those it has."
        )
    for name, parameter in module.named_parameters():
        if parameter._backward_hooks or parameter._post_accumulate_grad_hooks:
            raise ValueError(
                f"architecture: a hook changes the gradient of parameter {name!r}, which a stack "
                "does not know; put into forward() or the loss what it is to do."
            )
    for name, part in module.named_modules():
        what = in_words(part, name)
        if part._backward_hooks or part._backward_pre_hooks:
            raise ValueError(
                f"architecture: a hook changes the gradients of {what}, which a stack does not "
                "know; put into forward() or the loss what it is to do."
            )
        if not part.training:  # no layer draws random numbers or looks at a batch then
            continue
        if isinstance(part, nn.modules.batchnorm._NormBase) and (
            part.track_running_stats or isinstance(part, nn.modules.batchnorm._BatchNorm)
        ):
            raise ValueError(
                f"architecture: {what} ties the examples of a batch together or keeps running "
                "averages of them, so that the network is no function of one example; use "
                "nn.GroupNorm or nn.LayerNorm instead, or eval(), in which it keeps what it has."
            )
        if isinstance(part, nn.modules.dropout._DropoutNd) and part.p > 0:
            raise ValueError(
                f"architecture: {what} draws random numbers as it computes, so that a hypothesis "
                "would depend on those trained beside it; use weight_decay= instead, or eval(), in "
                "which it drops nothing."
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
    shared = {id(p) for p in other.parameters()}
    for name, p in module.named_parameters():
        if id(p) in shared and p.requires_grad and module is not other:
            raise ValueError(
                f"architecture: all networks hold the same parameter {name!r}, which each would "
                "train after the other; make a new one in each call, or freeze it with "
                "requires_grad_(False)."
            )
    if module is other or (not ordered and all(torch.equal(a, b) for a, b in pairs)):
        raise ValueError(
            "architecture: all networks are the same; make a new one in each call, initialised by "
            "torch's random numbers without a seed of your own."
        )


@torch.no_grad()
def _check_outputs(module: nn.Module, X: Tensor, task: Task) -> Tensor:
    before = {name: value.clone() for name, value in module.named_buffers()}
    given = X.clone()
    with naming("cannot be evaluated", module):
        outputs, seen = _watched(module, given)
        _, seen_again = _watched(module, X.clone())
    if not torch.equal(given, X):
        raise ValueError(
            "architecture: the network changes its inputs in place, which all networks share; "
            "leave out inplace=True of its first layer, and write x = 2 * x, not x *= 2."
        )
    for name, value in module.named_buffers():
        if not torch.equal(value, before[name]):
            raise ValueError(
                f"architecture: the buffer {name!r} changes as the network computes; a hypothesis "
                "must not depend on what it was shown. Remove that state, or use eval(), if it "
                "rests then."
            )
    _check_shape(outputs, len(X), task)
    for (what, shown, found), (_, shown_again, found_again) in zip(seen, seen_again, strict=False):
        if _equal(shown, shown_again) and not _equal(found, found_again):
            raise ValueError(
                f"architecture: {what} gives other outputs when it is evaluated again; it draws "
                "random numbers as it computes (of NumPy or of torch), or keeps a state. A "
                "hypothesis must be a function of its inputs: draw in the constructor, from torch, "
                "and hold what was drawn with register_buffer()."
            )
    with naming("cannot be evaluated on a single example", module):
        _check_shape(module(X[:1].clone()), 1, task)
    return outputs


@torch.no_grad()
def _check_unmoved(module: nn.Module, X: Tensor, outputs: Tensor) -> None:
    """Compare with the outputs before another network was made."""
    if not _equal(outputs, module(X.clone())):
        raise ValueError(
            "architecture: the outputs of a network change when another is made; let no "
            "constructor change a global variable, an attribute of a class, or a part of another "
            "network, and hold what it draws with register_buffer()."
        )


def _check_at_rest(module: nn.Module, X: Tensor, outputs: Tensor) -> None:
    """A hypothesis is one function, which is trained and judged as the architecture returns it."""
    modes = {part: part.training for part in module.modules()}
    try:
        with naming("cannot be evaluated after eval()", module):
            at_rest = module.eval()(X.clone()).detach()
    finally:
        for part, mode in modes.items():
            part.training = mode
    size = float(outputs.abs().max())
    if at_rest.shape != outputs.shape or not torch.allclose(
        at_rest, outputs, rtol=_AT_REST, atol=_AT_REST * size, equal_nan=True
    ):
        raise ValueError(
            "architecture: the network computes something else after eval() than before, and a "
            "hypothesis is one function, judged as it was trained. Let forward() not look at "
            "self.training, or return the network after eval(), to train it in that state."
        )


_Seen = list[tuple[str, list[Tensor], list[Tensor]]]


def _watched(module: nn.Module, X: Tensor) -> tuple[Tensor, _Seen]:
    """Outputs; and what went into every layer and came out, in the order in which it came."""
    seen: _Seen = []

    def watch(name: str) -> Callable[..., None]:
        def see(part: nn.Module, args: object, output: object) -> None:
            seen.append((in_words(part, name), _tensors(args), _tensors(output)))

        return see

    hooks = [part.register_forward_hook(watch(name)) for name, part in module.named_modules()]
    try:
        return module(X), seen
    finally:
        for hook in hooks:
            hook.remove()


def _tensors(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value.clone()]
    return [t for part in value for t in _tensors(part)] if isinstance(value, tuple) else []


def _equal(some: list[Tensor] | Tensor, others: list[Tensor] | Tensor) -> bool:
    """Whether all numbers are the same, NaNs included."""
    some, others = (list([x] if isinstance(x, Tensor) else x) for x in (some, others))
    return len(some) == len(others) and all(
        a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all())
        for a, b in zip(some, others, strict=True)
    )


def _check_shape(outputs: object, examples: int, task: Task) -> None:
    wanted = (examples, task.n_outputs)
    if not isinstance(outputs, Tensor) or tuple(outputs.shape) != wanted:
        found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        advice = (
            f"let its last layer have {task.n_outputs} outputs"
            if examples > 1
            else "squeeze() without a dimension loses the axis of a single example"
        )
        raise ValueError(
            f"architecture: for {examples} example{'s' if examples > 1 else ''} the network "
            f"returned {found}, but the targets of the task have shape {wanted}; {advice}."
        )
    if not outputs.is_floating_point():
        raise ValueError(
            f"architecture: the network returned outputs of type {outputs.dtype}; return real "
            "numbers (.real or .abs() of complex ones)."
        )


@torch.no_grad()
def _check_examples_apart(module: nn.Module, X: Tensor) -> None:
    """Evaluate examples together and one by one, in float64."""
    kind = X.dtype
    try:
        with naming("cannot be evaluated in float64", module):
            together = module.double()(X.double())
            alone = torch.cat([module(x[None].double()) for x in X])
    finally:
        module.to(kind)  # what the networks share is left as it was
    if not torch.allclose(together, alone, rtol=1e-8, atol=1e-10, equal_nan=True):
        raise ValueError(
            "architecture: the outputs for an example change with the other examples in its batch; "
            "use layers that treat every example by itself (nn.LayerNorm, not nn.BatchNorm)."
        )


def _check_stacked(build: Build, X: Tensor) -> None:
    """Evaluate two networks side by side, and ask for gradients."""
    alone = build(0)
    stack = Stack((build(i) for i in range(2)), 2, X.device, X.dtype)
    trained = {name: p for name, p in alone.named_parameters() if p.requires_grad}
    with naming("cannot be evaluated with stacked parameters", stack.skeleton):
        outputs = stack(X[:2].expand(2, -1, -1))
        gradients = _gradients(outputs, stack.leaves)
    with naming("has no gradient", alone):
        gradients_alone = _gradients(alone(X[:2].clone()), list(trained.values()))
    for name, gradient, found_alone in zip(trained, gradients, gradients_alone, strict=True):
        if found_alone is None:
            raise ValueError(
                f"architecture: the outputs do not depend on parameter {name!r}; use it, or set "
                "requires_grad_(False)."
            )
        if gradient is None:
            raise ValueError(
                f"architecture: the outputs depend on parameter {name!r} in the network alone, but "
                "not in a stack, which lends the module other parameters; let forward() find it "
                "under its name, and not in a list or a closure."
            )


def _gradients(outputs: Tensor, parameters: list[Tensor]) -> Sequence[Tensor | None]:
    if not outputs.requires_grad:
        return [None] * len(parameters)
    return torch.autograd.grad(outputs.sum(), parameters, allow_unused=True)


@contextmanager
def naming(problem: str, module: nn.Module) -> Iterator[None]:
    """Turn an error inside a network into one that names the module, and a way out."""
    inside: list[str] = []
    names = {part: name for name, part in module.named_modules()}

    def enter(part: nn.Module, args: object) -> None:
        inside.append(in_words(part, names[part]))

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
        if str(error).startswith("architecture: "):
            raise
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
