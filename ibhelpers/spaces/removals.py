"""What becomes of the posterior when training examples are left out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import ArrayLike, whole
from .._arrays import real
from ..laws import GeneralizedChi2
from .posterior import Posterior, Spectrum


def refuse_out_of_reach(law: GeneralizedChi2, target_error: float, lost: str) -> None:
    """Below the smallest loss there is no contour, along which changes of the bits are reckoned."""
    if not target_error > law.offset:
        raise ValueError(
            f"target_error: {target_error:g} is out of reach, for no loss is below "
            f"{law.offset:.6g}, so that {lost}; give a larger target, or a space with noise."
        )


@dataclass(frozen=True)
class Removals:
    r"""The posterior of all training examples, and how each of them enters it.

    With A = (K + σ²I)⁻¹ and H = K_*n A, leaving out the examples i of a group changes the mean by
    −H_i A_ii⁻¹ (AY)_i and the covariance by H_i A_ii⁻¹ H_iᵀ, kernel, noise and jitter being kept.

    Attributes
    ----------
    spectrum : Spectrum
        Of the posterior given all examples.
    law : GeneralizedChi2
        Of the loss, given all examples.
    residual : Tensor, shape (m, k)
        R = Uᵀ(M − Y).
    influence : Tensor, shape (m, n)
        H, the weights of the training targets in the mean.
    precision : Tensor, shape (n, n)
        A.
    alpha : Tensor, shape (n, k)
        A Y.
    condition : float
        Lower bound of the condition number of the training covariance, and an estimate of it.
    """

    spectrum: Spectrum
    law: GeneralizedChi2
    residual: Float64[Tensor, "m k"]
    influence: Float64[Tensor, "m n"]
    precision: Float64[Tensor, "n n"]
    alpha: Float64[Tensor, "n k"]
    condition: float

    def law_without(self, rows: ArrayLike) -> GeneralizedChi2:
        """The law of the loss when the examples of some rows are left out together."""
        rows = self._checked(rows)
        U, variance = self.spectrum.directions, self.spectrum.variance
        H = self.influence[:, rows]
        factor = torch.linalg.cholesky(self.precision[rows][:, rows])
        half = torch.linalg.solve_triangular(factor, H.T, upper=False)  # A_ii^(-1/2) H_i^T
        seen = torch.linalg.solve_triangular(factor, self.alpha[rows], upper=False)
        covariance = (U * variance) @ U.T + half.T @ half
        spectrum = Spectrum.of(
            Posterior(
                mean=self.spectrum.mean - half.T @ seen,
                covariance=(covariance + covariance.T) / 2,
                jitter=self.spectrum.jitter,
                condition=1.0,
                resolution=self.spectrum.resolution,
                mean_error=self.spectrum.mean_error,
                covariance_error=self.spectrum.covariance_error,
                mean_error_together=self.spectrum.mean_error_together,
                covariance_error_together=self.spectrum.covariance_error_together,
            ),
            progress=False,
        )
        targets = self.spectrum.mean - U @ self.residual
        return spectrum.loss_law(targets)

    def _checked(self, rows: ArrayLike) -> Tensor:
        n = len(self.alpha)
        found = real("rows", rows).reshape(-1).tolist()
        found = [whole("rows", row, at_least=0, at_most=n - 1) for row in found]
        if not found or len(set(found)) < len(found):
            raise ValueError(f"rows: found {found}; give numbers of examples, each once.")
        return torch.tensor(found, device=self.alpha.device)
