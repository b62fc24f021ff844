"""Kernels of the distance between two inputs: RBF, Laplace, Matérn, rational quadratic."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import ArrayLike, Values, positive, whole
from .._arrays import real, unit_of
from ._inputs import as_inputs
from .distances import log_squared_distances, squared_distances
from .kernel import Kernel
from .pair import Pair


@dataclass(frozen=True)
class Stationary(Kernel):
    """A kernel of the distance between inputs in units of a lengthscale, with κ(a, a) = 1.

    Parameters
    ----------
    lengthscale : float, or one float for each input dimension
        The distance over which hypotheses change, in the units of the inputs. Several values
        are kept as a tuple.

    Raises
    ------
    ValueError
        If a lengthscale is not positive and finite; on evaluation, if there are several and not
        one for each input dimension.
    """

    lengthscale: Values  # kept as a float, or as a tuple of floats

    def __post_init__(self) -> None:
        """Validate the lengthscale and keep it as a float or a tuple of floats."""
        found = real("lengthscale", self.lengthscale)
        if found.ndim > 1 or 0 in found.shape:
            raise ValueError(
                f"lengthscale: found shape {tuple(found.shape)}; give one number, or a vector of "
                "one for each input dimension."
            )
        kept: Values = positive("lengthscale", self.lengthscale) if found.ndim == 0 else None
        if found.ndim == 1:
            kept = tuple(positive("lengthscale", value) for value in found.tolist())
        object.__setattr__(self, "lengthscale", kept)

    def _unit(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " l"]:
        """Return the lengthscales as a tensor of one entry, or one for each column of A."""
        unit = torch.atleast_1d(
            torch.tensor(self.lengthscale, dtype=torch.float64, device=A.device)
        )
        if isinstance(self.lengthscale, tuple) and len(unit) != A.shape[1]:
            raise ValueError(
                f"lengthscale: found {len(unit)} values for inputs of width {A.shape[1]}; "
                "give one value, or one for each input dimension."
            )
        return unit

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        self._unit(A)  # inputs of the wrong width have no diagonal either
        return torch.ones(len(A), dtype=torch.float64, device=A.device)

    def free(self) -> list[tuple[str, float]]:
        """The lengthscale, or lengthscales with their columns."""
        if isinstance(self.lengthscale, tuple):
            return [(f"lengthscale[{c}]", value) for c, value in enumerate(self.lengthscale)]
        return [("lengthscale", self.lengthscale)]

    def with_free(self, values: Iterator[float]) -> Kernel:
        """Return the kernel with the next values as lengthscales."""
        if isinstance(self.lengthscale, tuple):
            return replace(self, lengthscale=tuple(next(values) for _ in self.lengthscale))
        return replace(self, lengthscale=next(values))


@dataclass(frozen=True)
class Isotropic(Stationary):
    """A kernel of u, the squared Euclidean distance in units of the lengthscale.

    It is ``_shape(u)``, and ``_slope(u)`` is −2 dκ/du: the derivative with respect to the log of a
    lengthscale is the slope times that input's share of u. Both may use the memory of u.
    """

    @abstractmethod
    def _shape(self, u: Float64[Tensor, "n m"]) -> Float64[Tensor, "n m"]:
        """Return κ."""

    @abstractmethod
    def _slope(self, u: Float64[Tensor, "n m"]) -> Float64[Tensor, "n m"]:
        """Return −2 dκ/du; any finite number where u is 0."""

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        return self._shape(squared_distances(A, B, self._unit(A)))

    def value(self, pair: Pair) -> Float64[Tensor, "n m"]:
        """Return κ over the rows of a pair of short matrices, as a new array."""
        return self._shape(pair.squared_distances(self._unit(pair.A)))

    def pull_back(self, pair: Pair, W: Float64[Tensor, "n m"]) -> list[float]:
        """Return Σ_ij W_ij ∂κ_ij/∂ log θ for every lengthscale."""
        unit = self._unit(pair.A)
        u = pair.squared_distances(unit)
        if len(unit) == 1:
            weights = self._slope(u.clone()).mul_(W)
            return [float(torch.dot(weights.view(-1), u.view(-1)))]
        # Σ_ij G_ij (p_i − q_j)² for each column, without an array of its own for any of them.
        centre = pair.B.mean(dim=0)
        P, Q = (pair.A - centre) / unit, (pair.B - centre) / unit
        G = self._slope(u).mul_(W)
        squares = G.sum(1) @ P.square() + G.sum(0) @ Q.square()
        return (squares - 2.0 * (P * (G @ Q)).sum(0)).tolist()

    def pull_back_inputs(self, pair: Pair, W: Float64[Tensor, "n m"]) -> Float64[Tensor, "n d"]:
        """Return Σ_j W_ij slope_ij (b_j − a_i) / lengthscale²."""
        unit = self._unit(pair.A)
        G = self._slope(pair.squared_distances(unit)).mul_(W)
        centre = pair.B.mean(dim=0)  # a shift changes no difference, but makes what cancels small
        P, Q = pair.A - centre, pair.B - centre
        return (G @ Q - G.sum(1)[:, None] * P) / unit.square()


@dataclass(frozen=True)
class RBF(Isotropic):
    """The radial basis function (squared exponential, Gaussian) kernel.

    κ(a, b) = exp(−‖a − b‖² / (2 lengthscale²)), where each coordinate of a − b is divided by its
    own lengthscale when there are several. Its hypotheses are infinitely smooth.

    Parameters
    ----------
    lengthscale : float, or one float for each input dimension

    Raises
    ------
    ValueError
        If a lengthscale is not positive and finite; on evaluation, if there are several and not
        one for each input dimension.

    Notes
    -----
    Rasmussen and Williams, *Gaussian Processes for Machine Learning* (MIT Press, 2006), eq. 4.9.

    Examples
    --------
    >>> import numpy as np
    >>> kernel = RBF(lengthscale=1.0)
    >>> kernel(np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]]))
    tensor([[1.0000, 0.1353],
            [0.6065, 0.6065]], dtype=torch.float64)
    """

    def _shape(self, u: Float64[Tensor, "n m"]) -> Float64[Tensor, "n m"]:
        return u.mul_(-0.5).exp_()

    _slope = _shape

    @classmethod
    def from_median(cls, X: ArrayLike, *, max_rows: int = 2000) -> RBF:
        """Return the kernel whose lengthscale is the median distance between two rows of X.

        Parameters
        ----------
        X : tensor or array_like, shape (n, d)
            Inputs, at least two.
        max_rows : int
            Larger sets are thinned to so many rows, evenly spaced.

        Raises
        ------
        ValueError
            If X is not a finite matrix of at least two rows, or if the median distance is zero.

        Examples
        --------
        >>> import numpy as np
        >>> RBF.from_median(np.array([[0.0], [1.0], [3.0]]))
        RBF(lengthscale=2.0)
        """
        X = as_inputs("X", X)
        if len(X) < 2:
            raise ValueError("X: found one row; give at least two, to have a distance.")
        chosen = torch.linspace(0, len(X) - 1, min(len(X), whole("max_rows", max_rows, at_least=2)))
        X = X[chosen.round().long()]
        unit = unit_of(X)
        D = squared_distances(X / unit, X / unit, X.new_ones(1))
        i, j = torch.triu_indices(len(X), len(X), offset=1, device=X.device)
        # NumPy's median is the mean of the two middle values when their number is even.
        median = float(np.median(D[i, j].sqrt().cpu().numpy())) * unit
        if median == 0.0:
            raise ValueError(
                "X: found that more than half of the pairs of rows are identical, so their median "
                "distance is 0; remove repeated inputs or give a lengthscale."
            )
        return cls(median)


@dataclass(frozen=True)
class Laplace(Stationary):
    """The Laplace kernel, of the sum of absolute differences.

    κ(a, b) = exp(−Σ_c abs(a_c − b_c) / lengthscale), as
    ``sklearn.metrics.pairwise.laplacian_kernel`` with gamma = 1 / lengthscale. Its hypotheses
    are continuous and nowhere smooth. The kernel exp(−‖a − b‖ / lengthscale) of the Euclidean
    distance, which some authors call by the same name, is ``Matern(lengthscale, nu=0.5)``.

    Parameters
    ----------
    lengthscale : float, or one float for each input dimension

    Raises
    ------
    ValueError
        If a lengthscale is not positive and finite; on evaluation, if there are several and not
        one for each input dimension.

    Examples
    --------
    >>> import numpy as np
    >>> Laplace(lengthscale=2.0)(np.array([[0.0, 0.0]]), np.array([[1.0, 1.0]]))
    tensor([[0.3679]], dtype=torch.float64)
    """

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        return self.value(Pair(A, B))

    def value(self, pair: Pair) -> Float64[Tensor, "n m"]:
        """Return κ over the rows of a pair of short matrices, as a new array."""
        return pair.absolute_distances(self._unit(pair.A)).neg_().exp_()

    def pull_back(self, pair: Pair, W: Float64[Tensor, "n m"]) -> list[float]:
        """Return Σ_ij W_ij ∂κ_ij/∂ log θ for every lengthscale."""
        unit = self._unit(pair.A)
        distances = pair.absolute_distances(unit)
        weights = distances.neg().exp_().mul_(W)
        if len(unit) == 1:
            return [float(torch.dot(weights.view(-1), distances.view(-1)))]
        apart = torch.empty_like(weights)
        found = []
        for a, b, scale in zip(pair.A.T, pair.B.T, unit.tolist(), strict=True):
            torch.sub(a[:, None], b, out=apart)
            found.append(float(torch.dot(weights.view(-1), apart.abs_().view(-1))) / scale)
        return found


@dataclass(frozen=True)
class Matern(Isotropic):
    """The Matérn kernel, whose hypotheses are as rough as one chooses.

    With r = ‖a − b‖ / lengthscale, κ(a, b) is

    - exp(−r) for nu = 0.5: continuous hypotheses;
    - (1 + √3 r) exp(−√3 r) for nu = 1.5: differentiable once;
    - (1 + √5 r + 5r²/3) exp(−√5 r) for nu = 2.5: differentiable twice.

    Parameters
    ----------
    lengthscale : float, or one float for each input dimension
    nu : 0.5, 1.5 or 2.5

    Raises
    ------
    ValueError
        If a lengthscale is not positive and finite, or ``nu`` none of the three; on evaluation,
        if there are several lengthscales and not one for each input dimension.

    Notes
    -----
    Rasmussen and Williams, *Gaussian Processes for Machine Learning* (MIT Press, 2006), eq. 4.17.

    Examples
    --------
    >>> import numpy as np
    >>> Matern(lengthscale=1.0, nu=1.5)(np.array([[0.0]]), np.array([[1.0]]))
    tensor([[0.4834]], dtype=torch.float64)
    """

    nu: float = 2.5

    def __post_init__(self) -> None:
        """Validate the lengthscale and nu."""
        super().__post_init__()
        object.__setattr__(self, "nu", positive("nu", self.nu))
        if self.nu not in (0.5, 1.5, 2.5):
            raise ValueError(f"nu: found {self.nu}; give 0.5, 1.5 or 2.5, or use RBF, its limit.")

    def _root(self, u: Float64[Tensor, "n m"]) -> Float64[Tensor, "n m"]:
        """√(2ν u), with a limit: exp(−1000) is 0, and infinity would meet it as NaN."""
        return u.mul_(2 * self.nu).sqrt_().clamp_(max=1000.0)

    def _shape(self, u: Float64[Tensor, "n m"]) -> Float64[Tensor, "n m"]:
        s = self._root(u)
        if self.nu == 0.5:
            return s.neg_().exp_()
        polynomial = 1.0 + s if self.nu == 1.5 else 1.0 + s + s.square() / 3.0
        return polynomial.mul_(s.neg_().exp_())

    def _slope(self, u: Float64[Tensor, "n m"]) -> Float64[Tensor, "n m"]:
        s = self._root(u)
        if self.nu == 0.5:  # which is infinite at 0, where nothing has a share of u
            return torch.where(s > 0, s.neg().exp_().div_(s), 0.0)
        polynomial = 3.0 if self.nu == 1.5 else 5.0 / 3.0 * (1.0 + s)
        return s.neg().exp_().mul_(polynomial)

    def pull_back_inputs(self, pair: Pair, W: Float64[Tensor, "n m"]) -> Float64[Tensor, "n d"]:
        """Return what every isotropic kernel does, unless nu is 0.5 and two inputs are equal."""
        if self.nu == 0.5:
            equal = pair.squared_distances(self._unit(pair.A)) == 0
            if pair.A is pair.B:  # an input's variance does not depend on where it is
                equal.fill_diagonal_(False)
            if bool(equal.any()):
                row, other = (int(i) for i in equal.nonzero()[0])
                raise ValueError(
                    f"kernel: {self} has a kink where two inputs are equal, as rows {row} and "
                    f"{other} are, and no derivative in them; take nu=1.5, or remove one of them."
                )
        return super().pull_back_inputs(pair, W)


@dataclass(frozen=True)
class RationalQuadratic(Isotropic):
    """The rational quadratic kernel: RBF kernels of many lengthscales at once.

    κ(a, b) = (1 + ‖a − b‖² / (2 alpha lengthscale²))^(−alpha), a mixture of RBF kernels whose
    inverse squared lengthscales are gamma distributed; it tends to RBF as alpha grows.

    Parameters
    ----------
    lengthscale : float, or one float for each input dimension
    alpha : float
        The smaller, the wider the mixture and the heavier the kernel's tail.

    Raises
    ------
    ValueError
        If a lengthscale or ``alpha`` is not positive and finite; on evaluation, if there are
        several lengthscales and not one for each input dimension.

    Notes
    -----
    Rasmussen and Williams, *Gaussian Processes for Machine Learning* (MIT Press, 2006), eq. 4.19.

    Examples
    --------
    >>> import numpy as np
    >>> RationalQuadratic(lengthscale=1.0, alpha=0.5)(np.array([[0.0]]), np.array([[1.0]]))
    tensor([[0.7071]], dtype=torch.float64)
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        """Validate the lengthscale and alpha."""
        super().__post_init__()
        object.__setattr__(self, "alpha", positive("alpha", self.alpha))

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        unit = self._unit(A)
        u = squared_distances(A, B, unit)
        overflowed = torch.isinf(u / 2.0 / self.alpha)
        values = self._shape(u)
        if bool(overflowed.any()):  # the tail may be so heavy that κ is far from 0 there
            logs = log_squared_distances(A, B, unit, overflowed.nonzero())
            logs.sub_(math.log(2.0)).sub_(math.log(self.alpha))
            values[overflowed] = logs.mul_(-self.alpha).exp_()
        return values

    def _shape(self, u: Float64[Tensor, "n m"]) -> Float64[Tensor, "n m"]:
        return u.div_(2.0).div_(self.alpha).log1p_().mul_(-self.alpha).exp_()

    def _slope(self, u: Float64[Tensor, "n m"]) -> Float64[Tensor, "n m"]:
        return u.div_(2.0 * self.alpha).log1p_().mul_(-self.alpha - 1.0).exp_()

    def free(self) -> list[tuple[str, float]]:
        """The lengthscales, then alpha."""
        return [*super().free(), ("alpha", self.alpha)]

    def with_free(self, values: Iterator[float]) -> Kernel:
        """Return the kernel with the next values as lengthscales and alpha."""
        kernel = super().with_free(values)
        assert isinstance(kernel, RationalQuadratic)
        return replace(kernel, alpha=next(values))

    def pull_back(self, pair: Pair, W: Float64[Tensor, "n m"]) -> list[float]:
        """Return Σ_ij W_ij ∂κ_ij/∂ log θ for every lengthscale, and for alpha."""
        v = pair.squared_distances(self._unit(pair.A)).div_(2.0 * self.alpha)
        log = v.log1p()
        share = v.div_(1.0 + v).sub_(log).mul_(self.alpha)
        of_alpha = share.mul_(log.mul_(-self.alpha).exp_()).mul_(W).sum()
        return [*super().pull_back(pair, W), float(of_alpha)]
