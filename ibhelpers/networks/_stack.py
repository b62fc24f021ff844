"""Networks of one architecture side by side, as one function of stacked parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, vmap

_ELEMENTWISE = (nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU, nn.Sigmoid, nn.ELU, nn.LeakyReLU, nn.Identity)
_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


class Stack:
    """S networks of one architecture: every parameter has a leading axis of networks.

    The networks never meet: row s of the outputs depends on row s of the parameters alone, so the
    gradient of the sum of S losses holds the S separate gradients.

    Parameters
    ----------
    modules : iterator of torch.nn.Module
        Of the same architecture. Each is copied and may be forgotten.
    count : int
        S, how many there are.
    device, dtype
        Where and in which precision the copies are held.
    skeleton : torch.nn.Module, optional
        Whose code runs; a copy of the first network where it is not given.

    Attributes
    ----------
    leaves : list of Tensor
        What an optimizer trains.

    Raises
    ------
    ValueError
        If the networks have other parameters and buffers than the first; the message names one.
    """

    def __init__(
        self,
        modules: Iterator[nn.Module],
        count: int,
        device: torch.device,
        dtype: torch.dtype,
        skeleton: nn.Module | None = None,
    ) -> None:
        first = next(modules)
        # Only its code runs, with parameters that functional_call lends it; a copy, because stacks
        # in other threads may have been made of the same parts.
        self.skeleton = copied(first) if skeleton is None else skeleton
        # The product x Wᵀ of nn.Linear has the gradient (xᵀ g)ᵀ. Held as Wᵀ, weights and gradients
        # have the same order in memory, and no gradient is ever transposed by copying, which
        # costs more than the product itself.
        self._transposed = {
            f"{name}.weight" if name else "weight"
            for name, module in first.named_modules()
            if isinstance(module, nn.Linear) and module.weight.dim() == 2
        }
        self._held: dict[str, Tensor] = {}
        for name, value in state_of(first):
            shape = value.mT.shape if name in self._transposed else value.shape
            kind = dtype if value.is_floating_point() else value.dtype
            self._held[name] = torch.empty((count, *shape), dtype=kind)
        self._put(0, first)
        for s, module in enumerate(modules, start=1):
            self._put(s, module)
        # All at once: a card takes as long for one network's bias as for all weights of all.
        self._held = {name: held.to(device) for name, held in self._held.items()}
        self._layers = _layers(first, self._held)
        trained = {name for name, value in first.named_parameters() if value.requires_grad}
        self.leaves = [
            held.requires_grad_() for name, held in self._held.items() if name in trained
        ]

    def __len__(self) -> int:
        """S."""
        return len(next(iter(self._held.values())))

    def __call__(self, X: Float[Tensor, "*b d"]) -> Float[Tensor, "s n k"]:
        """Outputs of every network, at shared inputs (n, d) or at its own (s, n, d)."""
        if self._layers and X.dim() == 3:
            return self._layer_by_layer(X)
        own = 0 if X.dim() == 3 else None
        run = vmap(self._one, in_dims=(0, own), randomness="error")
        outputs = run(self.parameters(), X)
        if outputs.dim() != 3 or outputs.shape[:2] != (len(self), X.shape[-2]):
            raise ValueError(  # which targets of another shape would be spread over
                f"architecture: for {X.shape[-2]} examples a network returned "
                f"{tuple(outputs.shape[1:])}; let it return one row an example for every number of "
                "examples (squeeze() without a dimension loses the axis of a single one)."
            )
        return outputs

    def parameters(self) -> dict[str, Tensor]:
        """Parameters and buffers by name, each with a leading axis of networks."""
        return {
            name: held.mT if name in self._transposed else held for name, held in self._held.items()
        }

    def witness(self, X: Float[Tensor, "n d"]) -> Callable[[], None]:
        """Return what refuses a network that computes something else when asked again later.

        The first one, as it is now, is shown a few examples both times. A state that it keeps
        beside its parameters may change it long after what is compared before training.
        """
        if self._layers:  # torch's own layers keep none
            return lambda: None
        first = {name: value[0].detach().clone() for name, value in self.parameters().items()}

        @torch.no_grad()
        def outputs() -> Tensor:
            return self._one({name: value.clone() for name, value in first.items()}, X.clone())

        before = outputs()

        def ask_again() -> None:
            size = float(before.nan_to_num(0.0, 0.0, 0.0).abs().max())
            within = torch.finfo(before.dtype).eps ** 0.5 * (size + 0.01)
            if not torch.allclose(outputs(), before, rtol=0.0, atol=within, equal_nan=True):
                raise ValueError(
                    "architecture: after training, a network gives other outputs for the same "
                    "inputs and parameters than before; it counts how often it is called, or reads "
                    "the clock or a global variable. A hypothesis must be a function of its "
                    "inputs, parameters and buffers: remove that state."
                )

        return ask_again

    def keep(self, rows: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """Forget all networks but those given by their rows, and their part of the optimizer."""
        for held in self._held.values():
            for key, value in optimizer.state.get(held, {}).items():
                if isinstance(value, Tensor) and value.shape == held.shape:  # not a step count
                    optimizer.state[held][key] = value[rows]
            held.grad = None
            held.data = held.data[rows]

    @torch.no_grad()
    def fill(self, count: int, values: Mapping[str, Tensor]) -> None:
        """Become so many networks, of parameters (S, ...) by name; all else is as in the first."""
        for name, held in self._held.items():
            new = values.get(name)
            if new is None:
                new = held[:1].expand(count, *held.shape[1:])
            elif name in self._transposed:
                new = new.mT
            held.data = held.new_empty((count, *held.shape[1:])).copy_(new)

    def _layer_by_layer(self, X: Tensor) -> Tensor:
        """What vmap would compute, with a small part of its overhead."""
        for name, layer in self._layers:
            if isinstance(layer, nn.Linear):
                weight, bias = self._held[f"{name}weight"], self._held.get(f"{name}bias")
                X = X @ weight if bias is None else torch.baddbmm(bias[:, None], X, weight)
            else:
                X = layer(X)
        return X

    def _one(self, parameters: dict[str, Tensor], X: Tensor) -> Tensor:
        return functional_call(self.skeleton, parameters, (X,))

    def _put(self, s: int, module: nn.Module) -> None:
        put = 0
        for name, value in state_of(module):
            value, held = value.detach(), self._held.get(name)
            value = value.mT if name in self._transposed else value
            if held is None or held.shape[1:] != value.shape:
                raise _other(name, value, held)
            held[s], put = value, put + 1
        if put < len(self._held):
            raise _other(next(iter(self._held.keys() - dict(state_of(module)).keys())), None, None)


def _other(name: str, value: Tensor | None, held: Tensor | None) -> ValueError:
    """Say what a network has and the first has not, or the other way round."""
    found = [
        "there is none" if tensor is None else f"it has shape {tuple(tensor.shape[axis:])}"
        for tensor, axis in ((held, 1), (value, 0))
    ]
    return ValueError(
        f"architecture: the parameters {name!r} of two networks cannot be stacked: in one "
        f"{found[0]}, in the other {found[1]}. Give all networks of a task the same parameters."
    )


def copied(module: nn.Module) -> nn.Module:
    """A deep copy, which shares no tensor, even of a module that keeps what it has computed.

    Raises
    ------
    ValueError
        If the module holds something that cannot be copied.
    """
    computed = {  # such as the weight that torch.nn.utils.weight_norm computes before each call
        id(value): value.detach().clone()
        for part in module.modules()
        for value in vars(part).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    try:
        return copy.deepcopy(module, computed)
    except Exception as error:  # of whatever the module holds
        raise ValueError(
            f"architecture: {type(module).__name__} cannot be copied ({type(error).__name__}: "
            f"{error}); let it hold parameters, buffers and plain attributes."
        ) from error


def _layers(module: nn.Module, held: dict[str, Tensor]) -> list[tuple[str, nn.Module]]:
    """The layers of a network that is a sequence of products and functions of single numbers.

    None where anything else has a say: a hook, a forward of one layer's own, a parameter that is
    held under the name of another layer.
    """
    children = module._modules.items() if type(module) is nn.Sequential else [("", module)]
    layers = [(f"{name}." if name else "", layer) for name, layer in children]
    plain = all(
        type(layer) in (*_ELEMENTWISE, nn.Linear)
        and all(f"{name}{own}" in held for own, _ in layer.named_parameters())
        for name, layer in layers
    )
    changed = any(
        "forward" in vars(part) or any(getattr(part, kind) for kind in _HOOKS)
        for part in module.modules()
    )
    return layers if plain and not changed else []


def state_of(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers by name, each once."""
    yield from module.named_parameters()
    yield from module.named_buffers()


Build = Callable[[int], nn.Module]
"""From the number of a hypothesis to its freshly initialised network."""
