"""Infinitely wide convolutional ReLU networks: at initialisation (NNGP) and trained (NTK)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, TypeAlias

import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import non_negative, one_of, positive, whole
from ._grid import PADDINGS, Axis
from ._propagation import OF_VARIANCES, TANGENT, Layer, Seen, at_lag, lags_of, see
from .kernel import Kernel
from .pair import Pair

Shape: TypeAlias = Any  # a tuple of two or three numbers; `_image_shape` checks it
OneALayer: TypeAlias = Any  # a number or a tuple of them; `_one_a_layer` checks it

# Images that are prepared at a time, and positions times pairs of images held at a time in each of
# about ten arrays: few enough for a CPU's cache; a GPU wants more work at once.
_IMAGES = {"cpu": 64, "cuda": 256}
_NUMBERS = {"cpu": 2**17, "cuda": 2**24}


@dataclass(frozen=True)
class ConvolutionalNetwork(Kernel):
    """``depth`` convolutional ReLU layers and an affine readout, with infinitely many channels.

    Each layer's input is an affine map of a patch, with weights of variance weight_variance / (the
    number of weights that meet in one unit) and biases of variance bias_variance.
    """

    shape: Shape
    depth: int
    kernel_size: OneALayer = 3
    stride: OneALayer = 1
    padding: str | int = "same"
    pooling: bool = False
    weight_variance: float = 2.0
    bias_variance: float = 0.0

    def __post_init__(self) -> None:
        """Validate the architecture."""
        depth = whole("depth", self.depth, at_least=1)
        checked = {
            "shape": _image_shape(self.shape),
            "depth": depth,
            "padding": _padding(self.padding),
            "pooling": _yes_or_no("pooling", self.pooling),
            "weight_variance": positive("weight_variance", self.weight_variance),
            "bias_variance": non_negative("bias_variance", self.bias_variance),
        }
        for name in ("kernel_size", "stride"):
            checked[name] = _one_a_layer(name, getattr(self, name), depth)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._layers  # noqa: B018  (which refuses what does not fit)

    def __repr__(self) -> str:
        """Return the call that makes the kernel, without what is as by default."""
        said = [f"{self.shape}, depth={self.depth}"]
        for field in fields(self)[2:]:
            value = getattr(self, field.name)
            said += [f"{field.name}={value!r}"] if value != field.default else []
        return f"{type(self).__name__}({', '.join(said)})"

    @cached_property
    def _layers(self) -> list[Layer]:
        _, *sizes = _three(self.shape)
        layers = []
        for kernel, stride in zip(
            _each(self.kernel_size, self.depth), _each(self.stride, self.depth), strict=True
        ):
            rows, columns = (Axis.of(size, kernel, stride, self.padding) for size in sizes)
            layers.append((rows, columns))
            sizes = [rows.length, columns.length]
        return layers

    @property
    def _n_positions(self) -> int:
        """Of the last layer."""
        rows, columns = self._layers[-1]
        return rows.length * columns.length

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        return self._blocks(A, B, self._sources)[-1]

    @property
    def _sources(self) -> tuple[str, ...]:
        """Tangents that the kernel is made of."""
        return ()

    def _blocks(
        self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"], sources: tuple[str, ...]
    ) -> Float64[Tensor, "values n m"]:
        """Covariance and tangents, a block of pairs of images at a time."""
        same = A.shape == B.shape and A.data_ptr() == B.data_ptr()
        size = self._images_at_a_time(A)
        values = A.new_empty(1 + len(sources), len(A), len(B))
        for i in range(0, len(A), size):
            rows = slice(i, i + size)
            a = self._see(A[rows], sources)
            for j in range(0, min(i + 1, len(B)) if same else len(B), size):
                columns = slice(j, j + size)
                b = a if same and i == j else self._see(B[columns], sources)
                values[:, rows, columns] = self._block(a, b, sources)
        if same:  # what stands above the diagonal was not all computed
            values = values.tril() + values.tril(-1).mT
        return values

    def _block(
        self, a: list[Seen], b: list[Seen], sources: tuple[str, ...]
    ) -> Float64[Tensor, "values n m"]:
        """Covariance and tangents of all pairs, a few rows at a time."""
        n, m = (x[0].deviations.shape[-1] for x in (a, b))
        pairs = max(1, self._numbers(a[0].deviations) // a[0].deviations[..., 0].numel())
        width = min(m, pairs)
        height = pairs // width
        values = a[0].deviations.new_empty(1 + len(sources), n, m)
        for j in range(0, m, width):
            columns = [x.placed((..., None, slice(j, j + width))) for x in b]
            for i in range(0, n, height):
                rows = [x.placed((..., slice(i, i + height), None)) for x in a]
                found = torch.stack(self._readout(rows, columns, sources))
                values[:, i : i + height, j : j + width] = found
        return values

    def _images_at_a_time(self, A: Tensor) -> int:
        """So many that what the layers see of them is a few arrays' worth."""
        seen = [
            rows.length * columns.length * (rows.kernel * columns.kernel + 1)
            for rows, columns in self._layers
        ]
        seen[0] *= _three(self.shape)[0]
        return max(1, min(_IMAGES[A.device.type], 32 * self._numbers(A) // sum(seen)))

    def _numbers(self, A: Tensor) -> int:
        return _NUMBERS[A.device.type]

    def _see(self, A: Float64[Tensor, "n d"], sources: tuple[str, ...]) -> list[Seen]:
        channels, height, width = _three(self.shape)
        if A.shape[1] != channels * height * width:
            raise ValueError(
                f"kernel: found inputs of width {A.shape[1]}, but {self} is for images of "
                f"{' x '.join(map(str, self.shape))} = {channels * height * width:,} numbers; give "
                "the shape of the task's images, shape=task.input_shape."
            )
        images = A.T.contiguous().view(channels, height, width, len(A))
        w, b = self.weight_variance, self.bias_variance
        return see(images, self._layers, w, b, growth=sources == OF_VARIANCES)

    def _readout(
        self, a: list[Seen], b: list[Seen], sources: tuple[str, ...]
    ) -> list[Float64[Tensor, "n m"]]:
        """Covariance and tangents of the readout."""
        lags = list(lags_of(self._layers[-1])) if self.pooling else [(0, 0)]
        of_pairs = self._n_positions ** (2 if self.pooling else 1)
        totals: list[Tensor] = []
        for lag in lags:
            covariance, tangents = at_lag(a, b, self._layers, lag, sources)
            found = [covariance, *tangents]
            totals = [t.add_(f) for t, f in zip(totals, found, strict=True)] if totals else found
        covariance, *tangents = (t.mul_(self.weight_variance / 2 / of_pairs) for t in totals)
        own = {"tangent": covariance + self.bias_variance, "weight_variance": covariance}
        for source, tangent in zip(sources, tangents, strict=True):
            tangent.add_(own.get(source, self.bias_variance))
        return [covariance + self.bias_variance, *tangents]

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        found = []
        for images in A.split(self._images_at_a_time(A)):
            seen = self._see(images, self._sources)
            a = [layer.placed((..., None)) for layer in seen]
            found.append(self._readout(a, a, self._sources)[-1][:, 0])
        return torch.cat(found)


@dataclass(frozen=True, repr=False)
class ConvNNGP(ConvolutionalNetwork):
    """The kernel of an infinitely wide, randomly initialised convolutional ReLU network.

    The outputs of such a network are a Gaussian process as its channels grow in number; this is its
    covariance, as of ``neural_tangents.stax.serial(Conv, Relu, ..., Flatten or GlobalAvgPool,
    Dense)``. With p + δ the positions that the filter at p sees, zero or wrapped beyond the ends,

        Σ₀(p, p') = bias_variance + weight_variance mean_δ,c x_c(p + δ) x'_c(p' + δ),
        Σₗ(p, p') = bias_variance + weight_variance mean_δ K(p + δ, p' + δ),
        K = E[max(u, 0) max(v, 0)],   (u, v) ~ N(0, Σₗ₋₁),

    and κ = bias_variance + weight_variance mean K, over pairs of equal positions; with pooling,
    over all pairs of positions, which takes about as many times as long as there are positions.

    Parameters
    ----------
    shape : tuple of int
        (height, width) or (channels, height, width) of the images, ``task.input_shape``; inputs
        are their numbers in this order, as of any task.
    depth : int
        Convolutional layers, at least 1, each followed by ReLU; an affine readout follows the last.
    kernel_size, stride : int or tuple of int
        Side of the square filters, and how many positions apart they are; one for each layer, or
        one for all.
    padding : {"same", "valid", "circular"} or int
        "same" adds zeros, so that ⌈size / stride⌉ positions are left (JAX's and TensorFlow's
        convention); "circular" adds the other end instead; "valid" adds nothing; a number is
        how many zeros are added at each end, as ``torch.nn.Conv2d(padding=...)``.
    pooling : bool
        Whether the readout sees only the mean over all positions (global average pooling) or every
        position with weights of its own.
    weight_variance : float
        Variance of a layer's weights times the number that meet in a unit, positive.
    bias_variance : float
        Variance of the biases, at least 0.

    Raises
    ------
    ValueError
        If an argument is out of its range, or filters do not fit; when called, if the inputs are
        not of that shape.

    Notes
    -----
    R. Novak et al., "Bayesian deep convolutional networks with many channels are Gaussian
    processes", ICLR 2019, arXiv:1810.05148. A. Garriga-Alonso et al., "Deep convolutional networks
    as shallow Gaussian processes", ICLR 2019, arXiv:1808.05587.

    `GaussianSpace.fit` chooses both variances by the evidence; without biases the weights'
    variance is a factor of the kernel, its amplitude.

    Examples
    --------
    >>> import numpy as np
    >>> left, right = np.eye(9)[[3, 5]]  # 3 x 3 images with one pixel at the edge
    >>> for pooling in (False, True):
    ...     kernel = ConvNNGP((3, 3), depth=1, padding="circular", pooling=pooling)
    ...     print(f"{kernel([left], [right]).item():.4f} {kernel([left], [left]).item():.4f}")
    0.0707 0.2222
    0.0876 0.0876
    """

    def free(self) -> list[tuple[str, float]]:
        """Both variances, unless there are no biases: then one is a power of the amplitude."""
        names = OF_VARIANCES if self.bias_variance else ()
        return [(name, getattr(self, name)) for name in names]

    def with_free(self, values: Iterator[float]) -> Kernel:
        """Return the kernel with the next values as variances, if there are biases."""
        chosen: dict[str, Any] = {name: next(values) for name, _ in self.free()}
        return replace(self, **chosen)

    def value(self, pair: Pair) -> Float64[Tensor, "n m"]:
        """Return κ over the rows of a pair of short matrices, as a new array."""
        return pair.of_kernel(self, self._checked_tile).clone()

    def pull_back(self, pair: Pair, W: Float64[Tensor, "n m"]) -> list[float]:
        """Return Σ W ∂κ/∂ log of both variances, if they are free."""
        if not self.bias_variance:
            return []
        _, *derivatives = self._blocks(pair.A, pair.B, OF_VARIANCES)
        return [float(torch.sum(derivative.mul_(W))) for derivative in derivatives]


@dataclass(frozen=True, repr=False)
class ConvNTK(ConvolutionalNetwork):
    """The neural tangent kernel of an infinitely wide convolutional ReLU network.

    The dot product of the gradients of the network's output at two images, with respect to all
    weights and biases, at initialisation and in the NTK parameterisation, as of
    ``neural_tangents.stax.serial(Conv, Relu, ..., Flatten or GlobalAvgPool, Dense)``. With Σₗ as
    in `ConvNNGP`,

        Θ₀ = Σ₀,   Θₗ(p, p') = Σₗ(p, p') + weight_variance mean_δ Θₗ₋₁ P[u > 0 and v > 0],

    where Θₗ₋₁ and (u, v) ~ N(0, Σₗ₋₁) are those at p + δ and p' + δ; the readout does the same with
    its own mean.

    Parameters
    ----------
    shape, depth, kernel_size, stride, padding, pooling, weight_variance, bias_variance
        As of `ConvNNGP`.

    Raises
    ------
    ValueError
        As `ConvNNGP`.

    Notes
    -----
    S. Arora et al., "On exact computation with an infinitely wide neural net", NeurIPS 2019,
    arXiv:1904.11955.

    Examples
    --------
    >>> import numpy as np
    >>> ConvNTK((3, 3), depth=1)(np.eye(9)[[3]], np.eye(9)[[3, 4]])
    tensor([[0.2963, 0.0472]], dtype=torch.float64)
    """

    @property
    def _sources(self) -> tuple[str, ...]:
        return TANGENT

    def value(self, pair: Pair) -> Float64[Tensor, "n m"]:
        """Return κ over the rows of a pair of short matrices, as a new array."""
        return pair.of_kernel(self, self._checked_tile).clone()

    @property
    def at_start(self) -> ConvNNGP:
        """The kernel of the same network before training."""
        return ConvNNGP(**{field.name: getattr(self, field.name) for field in fields(self)})


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    channels, height, width = (1, *shape)[-3:]
    return channels, height, width


def _each(value: int | tuple[int, ...], depth: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * depth


def _image_shape(shape: Shape) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, Sequence) and not isinstance(shape, str) else ()
    if len(sizes) not in (2, 3):
        raise ValueError(
            f"shape: found {shape!r}; give (height, width) or (channels, height, width) of the "
            "images, such as task.input_shape."
        )
    return tuple(whole("shape", size, at_least=1) for size in sizes)


def _one_a_layer(name: str, value: OneALayer, depth: int) -> int | tuple[int, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return whole(name, value, at_least=1)
    if len(value) != depth:
        raise ValueError(
            f"{name}: found {len(value)} numbers for depth={depth}; give one for each layer, or "
            "one for all."
        )
    return tuple(whole(name, v, at_least=1) for v in value)


def _padding(padding: str | int) -> str | int:
    if isinstance(padding, str):
        return one_of("padding", padding, PADDINGS)
    return whole("padding", padding, at_least=0)


def _yes_or_no(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name}: found {value!r}; give True or False.")
    return value
