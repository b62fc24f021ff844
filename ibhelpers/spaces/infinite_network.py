"""The limit of infinite width: an exact law for trained networks, and distances from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float64
from torch import Tensor

from .._fork import refuse_orphans
from .._typed import typed
from ..kernels import NTK, ConvNTK, Kernel, OnDisk
from ..tasks import Task
from ._conditioning import inverse_norm, probes, workspace
from ._refusals import refuse_certainties, refuse_sizes, refuse_what_cannot_fit
from .gaussian import Eliminated, GaussianSpace
from .posterior import EPS, Errors, Posterior, norms, rounding_errors, warn_of_rounding


class InfiniteNetworkSpace(GaussianSpace):
    r"""ReLU networks of infinite width, all layers trained by gradient flow until they fit.

    Before training, the outputs are a Gaussian process with the kernel K of
    `ibhelpers.kernels.NNGP`. Gradient flow on the squared error adds to an initial function
    :math:`f_0` the least change, in the features of the kernel Θ of `ibhelpers.kernels.NTK`, that
    fits the targets,

    .. math:: f_*(X_*) = f_0(X_*) + \Theta_{*n} \Theta_{nn}^{-1} (Y - f_0(X)),

    so that with :math:`A = \Theta_{*n} \Theta_{nn}^{-1}` the trained outputs at the test points are
    normal with

    .. math:: M = A Y, \qquad C = K_{**} - A K_{n*} - K_{*n} A^T + A K_{nn} A^T.

    This is no posterior: it is the law of an ensemble. Everything that a `GaussianSpace` can do
    follows from M and C, the exact law of the test loss among them. When only the readout is
    trained, Θ is K and the ensemble is the posterior ``GaussianSpace(NNGP(depth))``.

    Parameters
    ----------
    depth : int
        Hidden layers.
    weight_variance, bias_variance : float
        As of the kernels; ``mlp(..., parameterisation="ntk")`` has their defaults.
    device : str or torch.device, optional
        Where to compute.
    progress : bool
        Whether work that takes long shows a progress bar.

    Notes
    -----
    J. Lee et al., "Wide neural networks of any depth evolve as linear models under gradient
    descent", NeurIPS 2019, arXiv:1902.06720, equations 14 and 15.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("synthetic", n_train=20, n_test=10, ambient=10, intrinsic=10)
    >>> law = ib.InfiniteNetworkSpace(depth=1).loss_law(task)
    >>> law.exact
    True
    """

    @typed
    def __init__(
        self,
        depth: int,
        *,
        weight_variance: float = 2.0,
        bias_variance: float = 0.0,
        device: str | torch.device | None = None,
        progress: bool = True,
    ) -> None:
        kernel = NTK(depth, weight_variance, bias_variance)
        super().__init__(kernel, device=device, progress=progress)
        self._at_start: Kernel = kernel.at_start

    @classmethod
    def of(
        cls,
        kernel: Kernel,
        *,
        device: str | torch.device | None = None,
        progress: bool = True,
    ) -> InfiniteNetworkSpace:
        """The space of the networks that a tangent kernel belongs to, such as convolutional ones.

        Parameters
        ----------
        kernel : NTK or ConvNTK
            Or one of these that is kept on disk.
        device : str or torch.device, optional
            Where to compute.
        progress : bool
            Whether work that takes long shows a progress bar.

        Raises
        ------
        ValueError
            If the kernel is no tangent kernel.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> task = ib.tasks.load("digits", n_train=40, n_test=20)
        >>> kernel = ib.kernels.ConvNTK(task.input_shape, depth=1)
        >>> ib.InfiniteNetworkSpace.of(kernel).loss_law(task).exact
        True
        """
        inner = kernel.kernel if isinstance(kernel, OnDisk) else kernel
        if not isinstance(inner, (NTK, ConvNTK)) or not isinstance(kernel, (NTK, ConvNTK, OnDisk)):
            raise ValueError(
                f"kernel: found {kernel!r}, which is no tangent kernel of a network; give "
                "ibhelpers.kernels.NTK(...) or ConvNTK(...), which know the kernel before training."
            )
        space = cls.__new__(cls)
        GaussianSpace.__init__(space, kernel, device=device, progress=progress)
        space._at_start = kernel.at_start
        return space

    def __repr__(self) -> str:
        """Say what the space is in one line."""
        if isinstance(self.kernel, NTK):
            return f"InfiniteNetworkSpace(depth={self.kernel.depth}, device='{self.device}')"
        return f"InfiniteNetworkSpace.of({self.kernel}, device='{self.device}')"

    @property
    def at_start(self) -> Kernel:
        """The kernel of the same networks before training."""
        return self._at_start

    @property
    def _prior_kernel(self) -> Kernel:
        return self._at_start

    @typed
    def posterior(self, task: Task) -> Posterior:
        """Mean and covariance of the trained outputs at the test points.

        Raises
        ------
        ValueError
            If the memory that is free does not suffice, or the tangent kernel of the training
            inputs is singular to working precision.

        Warns
        -----
        UserWarning
            If it is nearly so, as for `GaussianSpace.posterior`.
        """
        refuse_orphans()
        n, m, k, d = task.n_train, task.n_test, task.n_outputs, task.n_inputs
        refuse_what_cannot_fit(lambda n: self._bytes(n, m, k, d), n, m, self.device)
        X, Y, X_test = (self._tensor(a) for a in (task.X_train, task.y_train, task.X_test))
        variance = self.kernel.diagonal(X)
        refuse_certainties(self.kernel, variance, task)
        refuse_sizes(self.kernel, variance, 0.0)
        factor, condition = self._factorised(X)
        A = torch.cholesky_solve(self.kernel(X, X_test), factor).T
        mean = A @ Y
        prior, cross, start = self._at_start(X_test), self._at_start(X, X_test), self._at_start(X)
        errors = self._rounding(task, factor, A, cross, start, float(prior.diagonal().max()))
        across = A @ cross
        covariance = prior - across - across.T + A @ start @ A.T
        largest = float(prior.diagonal().max())
        posterior = Posterior(
            mean=mean,
            covariance=(covariance + covariance.T) / 2,
            jitter=0.0,
            condition=condition,
            resolution=max(EPS * (n + m) * largest, errors.variance),
            mean_error=errors.mean,
            covariance_error=EPS * largest + errors.variance / m**0.5,
            mean_error_together=errors.mean_together,
            covariance_error_together=errors.covariance_together,
        )
        warn_of_rounding(posterior, f"{self.kernel!r}")
        return posterior

    def _factorised(self, X: Float64[Tensor, "n d"]) -> tuple[Float64[Tensor, "n n"], float]:
        """The Cholesky factor of the tangent kernel, and its condition number."""
        factor, failed = torch.linalg.cholesky_ex(self.kernel(X))
        pivots, condition = factor.diagonal(), float("inf")
        if not failed:
            by_pivots = float(pivots.max() / pivots.min()) ** 2
            condition = max(by_pivots, float(pivots.max()) ** 2 * inverse_norm(factor))
        if not condition * len(X) * EPS < 1.0:
            raise ValueError(
                f"task: the tangent kernel of its {len(X)} training inputs is singular to working "
                f"precision (condition about {condition:.1g}), so that no network fits all "
                "targets. Are two inputs equal, or multiples of each other? Remove one, or give "
                "bias_variance > 0."
            )
        return factor, condition

    def _rounding(
        self,
        task: Task,
        factor: Float64[Tensor, "n n"],
        A: Float64[Tensor, "m n"],
        cross: Float64[Tensor, "n m"],
        start: Float64[Tensor, "n n"],
        prior_variance: float,
    ) -> Errors:
        """Rounding errors to expect, as of a posterior and more.

        An error δΘ moves A by -A δΘ Θ⁻¹, and the covariance by more than that of a posterior: by
        -A δΘ B and its transpose, B = Θ⁻¹ (K Aᵀ - K_n*), which a few of its products measure.
        """
        alpha = torch.cholesky_solve(self._tensor(task.y_train), factor).square().sum(0)

        def B(z: Tensor) -> Tensor:
            return torch.cholesky_solve(start @ (A.T @ z) - cross @ z, factor)

        def B_transposed(u: Tensor) -> Tensor:
            solved = torch.cholesky_solve(u, factor)
            return A @ (start @ solved) - cross.T @ solved

        unit, z = float(factor.diagonal().max()) ** 2, probes(len(A), A)
        of_A = norms(lambda u: A @ u, lambda z: A.T @ z, z)
        errors = rounding_errors(unit, prior_variance, of_A, float(alpha.mean()), task.X_test)
        squares, largest = (
            2 * EPS * unit * (a * b) ** 0.5
            for a, b in zip(of_A, norms(B_transposed, B, z), strict=True)
        )
        return replace(
            errors,
            variance=errors.variance + squares,
            covariance_together=errors.covariance_together + largest,
        )

    def _bytes(self, n: int, m: int, k: int, d: int, keep: bool = False) -> int:
        """Two matrices of the training inputs at a time, three between both, four of the others."""
        return 8 * (2 * n * n + 3 * n * m + 4 * m * m + (n + m) * (d + k)) + workspace(self.device)

    def _told(self, task: Task, eliminate: Callable[[], Eliminated]) -> Eliminated:
        raise ValueError(
            "space: an ensemble of trained networks is no posterior, so that it has no evidence, "
            "no leave-one-out error, no worth of single examples and no nested training sets; ask "
            "GaussianSpace(NNGP(...)) for these, or ask for the loss_law of a task of each size."
        )
