"""How many networks to train together: enough to be fast, few enough for the memory there is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from .._memory import free_memory
from ._recipe import LOSSES, Recipe
from ._training import Examples

MIB = 2**20
# What a chunk may take while it is trained. On a CPU more is slower, because the numbers that a
# step touches should stay near the cores; on a GPU less leaves it idle.
_CPU_BUDGET = 32 * MIB
_GPU_BUDGET = 8192 * MIB
_MOST = 8192
# A card trains one chunk while the CPU builds the next: the first should be ready soon.
_PARTS, _ENOUGH = 8, 512
# What libraries say in a RuntimeError when memory could not be had.
_SIGNS = ("can't allocate", "can't start new thread", "bad_alloc")


@dataclass(frozen=True)
class Chunk:
    """How many networks are trained together, and an estimate of the memory that it takes.

    Attributes
    ----------
    size : int
        Networks in a chunk.
    at_once : int
        Chunks that are trained at the same time: one a thread on a CPU, one on a GPU.
    bytes_per_network : int
        Parameters, gradients, the optimizer's state, and what one step remembers for gradients.
    rows : int
        Examples that are evaluated at a time; sized so that evaluation takes no more memory than
        the training budget (32 MiB on a CPU), or than the chunk if that is larger.
    """

    size: int
    at_once: int
    bytes_per_network: int
    rows: int

    @property
    def bytes(self) -> int:
        """Estimated memory of the chunks in training, beyond the data and the results."""
        return self.at_once * self.size * self.bytes_per_network


def choose_chunk(
    module: nn.Module,
    data: Examples,
    recipe: Recipe,
    size: int | None,
    device: torch.device,
    n: int | None = None,
) -> Chunk:
    """Return the chunk asked for, or the largest within the budget, at least 1.

    Parameters
    ----------
    module : torch.nn.Module
        One network, on the CPU.
    data : Examples
        The training set, on the CPU.
    recipe : Recipe
        How the network is trained.
    size : int or None
        Networks in a chunk, if the caller has chosen.
    device : torch.device
        Where they are trained.
    n : int, optional
        Networks in all; few are spread over the threads.
    """
    batch = recipe.batch_for(len(data.X))
    probe = min(batch, 8)
    number = data.X.element_size()
    parameters = sum(p.numel() for p in module.parameters()) * number
    remembered = _remembered(module, data, recipe, probe) / probe
    inputs = data.X.shape[1] * number
    # An activation may come with its gradient, and with a copy that some product needs.
    example = int(inputs + 2 * remembered)
    network = 4 * parameters + batch * example
    budget = _budget(device)
    at_once = torch.get_num_threads() if device.type == "cpu" else 1
    if size is None:
        most = _MOST
        if n is not None:
            most = -(-n // at_once) if device.type == "cpu" else max(_ENOUGH, -(-n // _PARTS))
        size = max(1, min(_MOST, most, budget // network))
    elif free := free_memory(device):  # a chunk of the caller's may be as large as the memory
        at_once = max(1, min(at_once, free // (2 * size * network)))
    rows = max(1, max(budget, size * network) // (size * example))
    return Chunk(size, at_once, network, rows)


def _remembered(module: nn.Module, data: Examples, recipe: Recipe, examples: int) -> int:
    """Bytes that a forward pass over some examples keeps for its gradient, parameters excepted."""
    own = {p.untyped_storage().data_ptr() for p in module.parameters()}
    sizes: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    X = data.X[:examples].clone()
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        # The loss is held until the sizes are read, so that no two storages share an address.
        loss = LOSSES[recipe.loss](module(X), data.y[:examples]).mean()
    del loss
    return sum(sizes.values())


def _budget(device: torch.device) -> int:
    if device.type != "cuda":
        return _CPU_BUDGET
    free, _ = torch.cuda.mem_get_info(device)
    return min(_GPU_BUDGET, free // 4)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had, on a GPU or on the CPU."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)
    )
