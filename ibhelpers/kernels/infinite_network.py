"""Infinitely wide ReLU networks: at initialisation (NNGP) and trained by gradient descent (NTK)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import non_negative, positive, whole
from .arc_cosine import angles, polar, relu_angle
from .kernel import Kernel


@dataclass(frozen=True)
class InfiniteNetwork(Kernel):
    """A fully connected network of ``depth`` ReLU layers and an affine readout, infinitely wide.

    Each layer's input is an affine map with weights of variance weight_variance / width and
    biases of variance bias_variance. Written for two inputs a, b with angle θ between their
    preactivations, q and q' their variances and Σ their covariance, one layer is

        Σ ← bias_variance + (weight_variance/2) √(q q') J(θ)/π,   J = sin θ + (π − θ) cos θ,

    starting from Σ = bias_variance + weight_variance a·b/d; q and q' are Σ at θ = 0.
    """

    depth: int
    weight_variance: float = 2.0
    bias_variance: float = 0.0

    def __post_init__(self) -> None:
        """Validate the architecture."""
        object.__setattr__(self, "depth", whole("depth", self.depth, at_least=1))
        object.__setattr__(
            self, "weight_variance", positive("weight_variance", self.weight_variance)
        )
        object.__setattr__(self, "bias_variance", non_negative("bias_variance", self.bias_variance))

    def _first_layer(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, "n e"]:
        """Return vectors whose dot products are the first layer's covariances."""
        biases = A.new_full((len(A), 1), math.sqrt(self.bias_variance))
        return torch.cat([A * math.sqrt(self.weight_variance / A.shape[1]), biases], dim=1)

    def _variances(self, A: Float64[Tensor, "n d"]) -> list[Float64[Tensor, " n"]]:
        """Return κ(a, a) of each affine layer, from the first to the readout."""
        _, s = polar(self._first_layer(A))
        variances = [s.square()]
        for _ in range(self.depth):
            s = self._next_deviation(s)
            variances.append(s.square())
        return variances

    def _next_deviation(self, s: Float64[Tensor, " n"]) -> Float64[Tensor, " n"]:
        """Return √q of the next layer from √q of this one, which no square can overflow."""
        half, bias = math.sqrt(0.5 * self.weight_variance), math.sqrt(self.bias_variance)
        return torch.hypot(s * half, s.new_tensor(bias))

    def _next_angle(
        self, theta: Float64[Tensor, "n m"], s: Float64[Tensor, " n"], t: Float64[Tensor, " m"]
    ) -> Float64[Tensor, "n m"]:
        """Return the angle after one more layer, from the angle and deviations s, t before it.

        The deviations of the weighted sum and of the bias are the legs of a right triangle, with
        an angle ψ for one input and ω for the other. With it

            1 − cos θ' = 1 − cos(ψ − ω) + sin ψ sin ω (1 − J(θ)/π).

        Both terms are positive and written without a difference, so that small angles keep their
        digits: the NTK feels an error in θ itself, not in cos θ.
        """
        half, bias = math.sqrt(0.5 * self.weight_variance), math.sqrt(self.bias_variance)
        next_s, next_t = self._next_deviation(s), self._next_deviation(t)
        (sin_s, cos_s), (sin_t, cos_t) = (
            (x * half / next_x, x.new_tensor(bias) / next_x)
            for x, next_x in ((s, next_s), (t, next_t))
        )
        s, sin_s, cos_s = s[:, None], sin_s[:, None], cos_s[:, None]
        # sin(ψ − ω) from the difference of the deviations, relative to the larger one.
        larger = torch.maximum(s, t)
        unequal = (s - t).div_(larger.masked_fill_(larger == 0, 1.0))
        unequal.mul_(torch.maximum(sin_s, sin_t)).mul_(torch.maximum(cos_s, cos_t))
        versine = unequal.square_().div_(1.0 + cos_s * cos_t + sin_s * sin_t)
        # 1 − J(θ)/π with 1 − cos θ = 2 sin²(θ/2).
        turned = 2.0 * torch.sin(0.5 * theta).square() - relu_angle(theta) / math.pi
        versine.addcmul_(turned, sin_s * sin_t).clamp_(0.0, 2.0)
        # An input that is zero, without biases, stays zero: perpendicular to all, as in angles().
        versine.masked_fill_((next_s == 0)[:, None] | (next_t == 0), 1.0)
        return torch.asin(versine.mul_(0.5).sqrt_()).mul_(2.0)

    def _layers(
        self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]
    ) -> Iterator[tuple[Float64[Tensor, "n m"], Float64[Tensor, "n m"]]]:
        """Yield, for each affine layer, Σ and the φ = π − θ of the ReLU layer that feeds it.

        The first layer is fed by the inputs; its φ is not used.
        """
        U, V = self._first_layer(A), self._first_layer(B)
        first = U @ V.T
        (U, s), (V, t) = polar(U), polar(V)
        theta, phi = angles(U, V)
        yield first, phi
        for layer in range(self.depth):
            if layer > 0:
                theta = self._next_angle(theta, s, t)
                phi = math.pi - theta
                s, t = self._next_deviation(s), self._next_deviation(t)
            scale = (0.5 * self.weight_variance / math.pi * s)[:, None] * t
            yield relu_angle(phi).mul_(scale).add_(self.bias_variance), phi


@dataclass(frozen=True)
class NNGP(InfiniteNetwork):
    """The kernel of an infinitely wide, randomly initialised ReLU network.

    The outputs of such a network are a Gaussian process; this is its covariance (neural network
    Gaussian process), as of ``neural_tangents.stax.serial(Dense, Relu, ..., Dense)``:

        Σ₀ = bias_variance + weight_variance a·b/d,
        Σₗ = bias_variance + weight_variance E[max(u, 0) max(v, 0)],   (u, v) ~ N(0, Σₗ₋₁),

    and κ(a, b) = Σ_depth.

    Parameters
    ----------
    depth : int
        Hidden ReLU layers, at least 1, each fed by an affine layer; an affine readout follows.
    weight_variance : float
        Variance of a layer's weights times its width, positive; at 2, variances neither grow
        nor shrink with depth.
    bias_variance : float
        Variance of the biases, at least 0.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    J. Lee et al., "Deep neural networks as Gaussian processes", ICLR 2018, arXiv:1711.00165.

    Examples
    --------
    >>> import numpy as np
    >>> NNGP(depth=1)(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    tensor([[1.0000, 0.3183]], dtype=torch.float64)
    """

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        *_, (covariance, _) = self._layers(A, B)
        return covariance

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        *_, variance = self._variances(A)
        return variance


@dataclass(frozen=True)
class NTK(InfiniteNetwork):
    """The neural tangent kernel of an infinitely wide ReLU network.

    The dot product of the gradients of the network's output at two inputs, with respect to all
    weights and biases, at initialisation. Gradient descent on the squared error trains the
    infinitely wide network as a linear model of these features. In the NTK parameterisation, as of
    ``neural_tangents.stax.serial(Dense, Relu, ..., Dense)``, with Σₗ as in ``NNGP``:

        Θ₀ = Σ₀,   Θₗ = Σₗ + Θₗ₋₁ weight_variance P[u > 0 and v > 0],   (u, v) ~ N(0, Σₗ₋₁),

    and κ(a, b) = Θ_depth.

    Parameters
    ----------
    depth : int
        Hidden ReLU layers, at least 1, each fed by an affine layer; an affine readout follows.
    weight_variance : float
        Variance of a layer's weights times its width, positive.
    bias_variance : float
        Variance of the biases, at least 0.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    A. Jacot, F. Gabriel and C. Hongler, "Neural tangent kernel", NeurIPS 2018, arXiv:1806.07572.

    Examples
    --------
    >>> import numpy as np
    >>> NTK(depth=1)(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    tensor([[2.0000, 0.3183]], dtype=torch.float64)
    """

    @property
    def at_start(self) -> NNGP:
        """The kernel of the same network before training."""
        return NNGP(self.depth, self.weight_variance, self.bias_variance)

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        layers = self._layers(A, B)
        tangent, _ = next(layers)
        for covariance, phi in layers:
            both_positive = phi / (2.0 * math.pi)
            tangent = covariance.addcmul_(tangent, both_positive, value=self.weight_variance)
        return tangent

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        tangent, *variances = self._variances(A)
        for variance in variances:
            tangent = variance + 0.5 * self.weight_variance * tangent
        return tangent
