"""A pretended GPU: tensors that say they are on "cuda", and refuse what a GPU's would refuse.

They are computed on the CPU, so that their numbers are those of the CPU to the last bit, and a test
that follows them through the package finds what fails first on a real GPU: tensors of two devices
in one operation, a generator of another device, `numpy()` without `cpu()`. What it cannot find is
what only a real GPU shows: other rounding, and the limits of its libraries. Tensors inside
`torch.func.vmap` carry no mark, and go with any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor
from torch.func import vmap
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten

CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")
_MARK = "_pretended"
_MOVES = {Tensor.to, Tensor.cpu, Tensor.cuda, Tensor.copy_}
_INDEXING = {Tensor.__getitem__, Tensor.__setitem__}
_TO_HOST = {Tensor.numpy, Tensor.__array__}


@contextmanager
def pretended_gpu() -> Iterator[None]:
    """Pretend that there is a GPU, with 80 GB of memory."""
    with (
        _Pretend(),
        patch("torch.Generator", _Generator),
        patch("ibhelpers.networks._stack.vmap", _vmap),
        patch("torch.cuda.mem_get_info", lambda device=None: (80 * 10**9, 80 * 10**9)),
        patch("torch.cuda.memory_reserved", lambda device=None: 0),
        patch("torch.cuda.memory_allocated", lambda device=None: 0),
    ):
        yield


class _Pretend(TorchFunctionMode):
    """Keeps the books: which tensor says that it is where."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func == Tensor.device.__get__:
            return _where(args[0])
        if func == Tensor.is_cuda.__get__:
            return _where(args[0]) == CUDA
        if func in _TO_HOST and _where(args[0]) == CUDA:
            raise TypeError("can't convert cuda:0 device type tensor to numpy; use Tensor.cpu()")
        asked, args, kwargs = _asked_for(func, args, kwargs)
        found = _common_device(func, args, kwargs, asked)
        result = func(*args, **kwargs)
        if asked is not None and args and result is args[0] and _where(result) != asked:
            result = result.clone()  # a device is never changed in place
        if func is Tensor.copy_ or func is Tensor.__setitem__:
            return result  # the destination stays where it is
        return _marked(result, asked or found)


def _asked_for(func, args, kwargs):
    """The device that a call names, if any; and the call without it."""
    if func is Tensor.cpu:
        return CPU, args, kwargs
    if func is Tensor.to and len(args) > 1:
        named = [a for a in args[1:] if isinstance(a, (str, torch.device))]
        like = [_where(a) for a in args[1:] if isinstance(a, Tensor)]
        others = tuple(a for a in args[1:] if not isinstance(a, (str, torch.device)))
        if named or like:
            return _normal([*named, *like][0]), (args[0], *others), kwargs
    device = kwargs.pop("device", None)
    return None if device is None else _normal(device), args, kwargs


def _common_device(func, args, kwargs, asked):
    """Where all tensors of a call are, or an error as of torch."""
    flat = tree_flatten((args, kwargs))[0]
    tensors = [a for a in flat if isinstance(a, Tensor)]
    generators = [a for a in flat if isinstance(a, torch._C.Generator)]
    if func in _INDEXING and tensors and _where(tensors[0]) == CUDA:
        return CUDA  # indices and values may be on the CPU
    marked = [_where(t) for t in tensors if _known(t)]
    places = {_where(t) for t in tensors if _known(t) and t.dim()}
    if generators:
        places |= {_where(g) for g in generators} | ({asked} if asked else set())
    if len(places) > 1 and func not in _MOVES:
        raise RuntimeError(
            f"Expected all tensors to be on the same device ({getattr(func, '__name__', func)}), "
            "but found cuda:0 and cpu!"
        )
    return CUDA if CUDA in marked or CUDA in places else CPU


def _known(tensor):
    """Whether a tensor's place is known: not that of one that vmap or grad has wrapped."""
    return not torch._C._functorch.is_functorch_wrapped_tensor(tensor)


def _where(thing):
    return CUDA if getattr(thing, _MARK, False) else CPU


def _marked(result, device):
    if device == CUDA:
        for tensor in tree_flatten(result)[0]:
            if isinstance(tensor, Tensor):
                setattr(tensor, _MARK, True)
    return result


def _normal(device):
    return CUDA if torch.device(device).type == "cuda" else torch.device(device)


class _Generator(torch.Generator):
    """A generator that says where it is."""

    def __new__(cls, device="cpu"):
        generator = super().__new__(cls)
        setattr(generator, _MARK, _normal(device) == CUDA)
        return generator


def _vmap(function, **options):
    """What comes out of vmap carries no mark: it is where what went in was."""
    run = vmap(function, **options)

    def marked(*args):
        tensors = [a for a in tree_flatten(args)[0] if isinstance(a, Tensor)]
        places = {_where(t) for t in tensors}
        assert len(places) == 1, places
        return _marked(run(*args), places.pop())

    return marked
