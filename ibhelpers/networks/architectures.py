"""Architectures: functions from a task to a network that fits its inputs and targets.

None has state that crosses examples (no batch normalisation, no dropout), so that many networks
can be trained at once and a hypothesis is a function of one input.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from .._arguments import one_of, positive, several, whole
from .._typed import typed
from ..tasks import Task

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


@dataclass(frozen=True)
class Architecture:
    """A function from a task to a freshly initialised network, which says what it is.

    Attributes
    ----------
    description : str
        The call that made it, such as ``mlp(width=128, depth=2, activation='relu')``.
    build : callable
        From a Task to a ``torch.nn.Module`` from inputs (b, d) to outputs (b, k). One that is
        defined in a module, and not inside a function, can be pickled.
    """

    description: str
    build: Callable[[Task], nn.Module] = field(repr=False)

    @typed
    def __call__(self, task: Task) -> nn.Module:
        """Return a network for the task, initialised by torch's random numbers."""
        return self.build(task)

    def __repr__(self) -> str:
        """Return the call that made it."""
        return self.description


def linear(std: float | None = None) -> Architecture:
    """Affine functions of the inputs.

    Parameters
    ----------
    std : float, optional
        Initial weights and biases are normal with this standard deviation, so that `linear_law`
        knows what becomes of them; torch's own, which are uniform, when not given.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> ib.networks.linear()(ib.tasks.load("digits"))
    Linear(in_features=64, out_features=10, bias=True)
    """
    said = "linear()" if std is None else f"linear(std={positive('std', std):g})"
    return Architecture(said, partial(_linear, std))


def _linear(std: float | None, task: Task) -> nn.Module:
    layer = nn.Linear(task.n_inputs, task.n_outputs)
    if std is not None:
        for parameter in layer.parameters():
            nn.init.normal_(parameter, std=std)
    return layer


def mlp(
    width: int = 128,
    depth: int = 2,
    activation: str = "relu",
    *,
    parameterisation: str = "standard",
    train: str = "all",
) -> Architecture:
    r"""Fully connected networks.

    Parameters
    ----------
    width : int
        Units in each hidden layer.
    depth : int
        Number of hidden layers; 0 gives affine functions.
    activation : {"relu", "tanh", "gelu", "silu"}
        After each hidden layer.
    parameterisation : {"standard", "ntk"}
        "standard" is torch's own initialisation. "ntk" is that of `ibhelpers.kernels.NNGP` and
        `NTK` with their defaults: no biases, and every layer is :math:`\sqrt{2/d}\, W x` with
        standard normal W and d inputs to the layer, so that the network has a limit as its width
        grows.
    train : {"all", "readout"}
        Which layers are trained. With "readout" the hidden layers stay as initialised.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> ib.networks.mlp(width=32, depth=1)
    mlp(width=32, depth=1, activation='relu')
    """
    width = whole("width", width, at_least=1)
    depth = whole("depth", depth, at_least=0)
    one_of("activation", activation, _ACTIVATIONS)
    one_of("parameterisation", parameterisation, _LAYERS)
    one_of("train", train, ("all", "readout"))
    said = f"mlp(width={width}, depth={depth}, activation={activation!r}"
    if parameterisation != "standard":
        said += f", parameterisation={parameterisation!r}"
    if train != "all":
        said += f", train={train!r}"
    return Architecture(
        said + ")", partial(_mlp, width, depth, activation, parameterisation, train == "all")
    )


def _mlp(
    width: int, depth: int, activation: str, parameterisation: str, train_all: bool, task: Task
) -> nn.Module:
    Layer, Activation = _LAYERS[parameterisation], _ACTIVATIONS[activation]
    sizes = [task.n_inputs] + depth * [width]
    hidden = [
        module
        for d_in, d_out in itertools.pairwise(sizes)
        for module in (Layer(d_in, d_out), Activation())
    ]
    body = nn.Sequential(*hidden).requires_grad_(train_all)
    return nn.Sequential(*body, Layer(sizes[-1], task.n_outputs))


class _NTKLinear(nn.Linear):
    """sqrt(2/d) W x with standard normal W: the layer of the kernels NNGP and NTK."""

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__(d_in, d_out, bias=False)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * math.sqrt(2.0 / self.in_features))


_LAYERS: dict[str, type[nn.Linear]] = {"standard": nn.Linear, "ntk": _NTKLinear}


def cnn(
    channels: Sequence[int] = (16, 32),
    activation: str = "relu",
    *,
    parameterisation: str = "standard",
) -> Architecture:
    """Convolutional networks: 3 x 3 convolutions of stride 2, then an affine readout.

    Parameters
    ----------
    channels : sequence of int
        Of each convolution; each halves the height and the width.
    activation : {"relu", "tanh", "gelu", "silu"}
        After each convolution.
    parameterisation : {"standard", "ntk"}
        As of `mlp`; "ntk" is that of ``ConvNNGP(task.input_shape, depth, stride=2, padding=1)`` and
        of `ibhelpers.kernels.ConvNTK` with the same arguments, one layer for each convolution.

    Raises
    ------
    ValueError
        If an argument is out of its range; when called, if the task's inputs are not images.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> network = ib.networks.cnn(channels=(4, 8))(ib.tasks.load("digits"))
    >>> sum(p.numel() for p in network.parameters())
    666
    """
    counts = several("channels", channels, "one number for each convolution")
    if not counts:
        raise ValueError(f"channels: found {channels!r}; give one number for each convolution.")
    channels = tuple(whole("channels", c, at_least=1) for c in counts)
    one_of("activation", activation, _ACTIVATIONS)
    one_of("parameterisation", parameterisation, _LAYERS)
    said = f"cnn(channels={channels}, activation={activation!r}"
    if parameterisation != "standard":
        said += f", parameterisation={parameterisation!r}"
    return Architecture(said + ")", partial(_cnn, channels, activation, parameterisation))


def _cnn(
    channels: tuple[int, ...], activation: str, parameterisation: str, task: Task
) -> nn.Module:
    c, h, w = _image_shape(task, "cnn")
    Convolution, Readout = _CONVOLUTIONS[parameterisation], _LAYERS[parameterisation]
    layers: list[nn.Module] = [nn.Unflatten(1, (c, h, w))]
    for c_in, c_out in itertools.pairwise((c, *channels)):
        layers += [Convolution(c_in, c_out, 3, stride=2, padding=1), _ACTIVATIONS[activation]()]
        h, w = (h + 1) // 2, (w + 1) // 2
    return nn.Sequential(*layers, nn.Flatten(), Readout(channels[-1] * h * w, task.n_outputs))


class _NTKConv2d(nn.Conv2d):
    """sqrt(2/d) times a convolution with standard normal weights, d of which meet in a unit."""

    def __init__(self, c_in: int, c_out: int, size: int, *, stride: int, padding: int) -> None:
        super().__init__(c_in, c_out, size, stride=stride, padding=padding, bias=False)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * math.sqrt(2.0 / self.weight[0].numel()))


_CONVOLUTIONS: dict[str, type[nn.Conv2d]] = {"standard": nn.Conv2d, "ntk": _NTKConv2d}


def resnet(channels: int = 16, blocks: int = 2) -> Architecture:
    """Residual networks: a strided convolution, blocks, the mean over positions, a readout.

    A block is x + conv(relu(norm(conv(relu(norm(x)))))) with 3 x 3 convolutions. The norm is over
    the channels and positions of one example, because batch normalisation ties examples together.

    Parameters
    ----------
    channels : int
        Of every convolution.
    blocks : int
        How many residual blocks.

    Raises
    ------
    ValueError
        If an argument is out of its range; when called, if the task's inputs are not images.
    """
    channels = whole("channels", channels, at_least=1)
    blocks = whole("blocks", blocks, at_least=1)

    return Architecture(
        f"resnet(channels={channels}, blocks={blocks})", partial(_resnet, channels, blocks)
    )


def _resnet(channels: int, blocks: int, task: Task) -> nn.Module:
    shape = _image_shape(task, "resnet")
    return nn.Sequential(
        nn.Unflatten(1, shape),
        nn.Conv2d(shape[0], channels, 3, stride=2, padding=1),
        *(_ResidualBlock(channels) for _ in range(blocks)),
        nn.GroupNorm(1, channels),
        nn.ReLU(),
        _MeanOver((2, 3)),
        nn.Linear(channels, task.n_outputs),
    )


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(
            *(
                layer
                for _ in range(2)
                for layer in (
                    nn.GroupNorm(1, channels),
                    nn.ReLU(),
                    nn.Conv2d(channels, channels, 3, padding=1),
                )
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inside(x)


class _MeanOver(nn.Module):
    def __init__(self, dims: tuple[int, ...]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.dims)


def vit(patch: int = 7, dim: int = 32, depth: int = 2, heads: int = 2) -> Architecture:
    """Vision transformers: patches, pre-norm encoder layers, the mean over patches, a readout.

    Parameters
    ----------
    patch : int
        Side of a square patch, in pixels; it divides the image's height and width.
    dim : int
        Length of a token; the feed-forward layers have 2 dim hidden units.
    depth : int
        How many encoder layers.
    heads : int
        Attention heads; they divide dim.

    Raises
    ------
    ValueError
        If an argument is out of its range; when called, if the task's inputs are not images or
        the patches do not tile them.

    Notes
    -----
    A. Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021, arXiv:2010.11929.
    """
    patch, dim = whole("patch", patch, at_least=1), whole("dim", dim, at_least=1)
    depth, heads = whole("depth", depth, at_least=1), whole("heads", heads, at_least=1)
    if dim % heads:
        raise ValueError(f"heads: found {heads} for dim={dim}; give a number that divides dim.")

    return Architecture(
        f"vit(patch={patch}, dim={dim}, depth={depth}, heads={heads})",
        partial(_vit, patch, dim, depth, heads),
    )


def _vit(patch: int, dim: int, depth: int, heads: int, task: Task) -> nn.Module:
    c, h, w = _image_shape(task, "vit")
    if h % patch or w % patch:
        raise ValueError(
            f"patch: found {patch} for images of {h} x {w}; give a number that divides both."
        )
    return nn.Sequential(
        nn.Unflatten(1, (c, h, w)),
        _Patches(patch),
        nn.Linear(c * patch**2, dim),
        _Positions(h * w // patch**2, dim),
        *(_EncoderLayer(dim, heads) for _ in range(depth)),
        nn.LayerNorm(dim),
        _MeanOver((1,)),
        nn.Linear(dim, task.n_outputs),
    )


class _Patches(nn.Module):
    """Images (b, c, h, w) as their patches (b, patches, c p p)."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        p = self.side
        tiles = x.unflatten(3, (-1, p)).unflatten(2, (-1, p))  # (b, c, rows, p, columns, p)
        return tiles.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


class _Positions(nn.Module):
    """Adds a learned vector to each token, so that order is not lost."""

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(0.02 * torch.randn(tokens, dim))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.positions


class _EncoderLayer(nn.Module):
    """x + attention(norm(x)), then the same with a feed-forward network."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.queries_keys_values = nn.Linear(dim, 3 * dim)
        self.mix = nn.Linear(dim, dim)
        self.forward_part = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm(x))
        return x + self.forward_part(x)

    def attention(self, x: Tensor) -> Tensor:
        # Written out: torch's fused attention has no batching rule on the CPU.
        q, k, v = self.queries_keys_values(x).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        q, k, v = (t.transpose(-3, -2) for t in (q, k, v))  # (b, heads, tokens, dim / heads)
        weights = torch.softmax((q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1), dim=-1)
        return self.mix((weights @ v).transpose(-3, -2).flatten(-2))


def _image_shape(task: Task, architecture: str) -> tuple[int, int, int]:
    """Return (channels, height, width) of the task's images, or say that it has none."""
    if task.kind != "image":
        raise ValueError(
            f"architecture: {architecture}() needs images, but the inputs of task {task.name!r} "
            f"are of kind {task.kind!r}; use mlp(), or give the Task input_shape=(h, w) or "
            "(channels, h, w)."
        )
    channels, height, width = (1, *task.input_shape)[-3:]
    return channels, height, width
