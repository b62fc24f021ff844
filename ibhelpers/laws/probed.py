r"""The law of the loss from products with the covariance alone, for test sets too large for more.

With W the covariance and r the residuals, in units of the loss, the law is known by

.. math:: K(t) = -\tfrac k2 \operatorname{tr} \log(I + 2tW) - t \sum_o r_o^T (I + 2tW)^{-1} r_o .

Lanczos' recurrence from a vector v gives nodes θ and weights τ² with
:math:`v^T f(W) v \approx |v|^2 \sum \tau^2 f(\theta)`, for every f at once: Gauss' rule. From the
residuals that is the second part; from random vectors of entries ±1, on average, the first. Both
together are again a generalized chi-squared law, with as many degrees of freedom at a node as its
weights say, whole or not. What the probes scatter by is its error.

Sources: G. H. Golub and G. Meurant, Matrices, Moments and Quadrature with Applications (Princeton
University Press, 2010); S. Ubaru, J. Chen and Y. Saad, SIAM J. Matrix Anal. Appl. 38 (2017) 1075.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import as_float64, probability
from .generalized_chi2 import GeneralizedChi2
from .law import Law
from .rounding import Rounding

Product = Callable[[Float64[Tensor, "m r"]], Float64[Tensor, "m r"]]

_GROUPS = 16  # of probes, each left out in turn
_TINY = torch.finfo(torch.float64).tiny
_NO_FREEDOM = 1e-10  # degrees of freedom of what has noncentrality alone, all together


@dataclass(frozen=True)
class Resolution:
    """Rounding errors to expect in products with a covariance, and in the residuals.

    Attributes
    ----------
    variance : float
        Variances below this cannot be told from 0.
    covariance_error, mean_error : float
        Of an entry of the covariance, and of the residuals.
    """

    variance: float = 0.0
    covariance_error: float = 0.0
    mean_error: float = 0.0


class ProbedChi2(Law):
    r"""An estimate of the exact law of the mean squared error, with an error bar.

    Made by ``GaussianSpace.probed_law``. All answers are those of one generalized chi-squared law;
    `log_limits` says how far its log-probabilities may be off, and refuses where it cannot, and
    `inductive_bias` gives them as the interval.

    Parameters
    ----------
    product : callable
        Gives C V for a block of vectors V, shape (m, r), C being the covariance of the outputs.
    residual : Tensor, shape (m, k)
        The mean of the hypotheses less the test targets.
    generator : torch.Generator
        Of the probes, on the residual's device.
    probes : int
        How many; the error bar shrinks with their square root.
    steps : int
        Of the recurrence: so many products with C, each with ``probes + k`` vectors.
    resolution : Resolution
        What rounding hides.
    """

    exact = False

    def __init__(
        self,
        product: Product,
        residual: Float64[Tensor, "m k"],
        *,
        generator: torch.Generator,
        probes: int,
        steps: int,
        resolution: Resolution,
    ) -> None:
        m, k = residual.shape
        self.device, self.steps, self.probes = residual.device, steps, probes
        self._size, self._resolution = (m, k), resolution
        signs = torch.randint(0, 2, (m, probes), generator=generator, device=self.device)
        start = torch.cat([2.0 * signs.to(torch.float64) - 1.0, residual], dim=1)
        self._squares = start.square().sum(0)
        self._diagonal, self._beside = _lanczos(product, start, steps)
        everything = torch.ones(probes, dtype=torch.bool)
        self._law = self._made(everything, steps)
        self.lowest = self._law.lowest

    def _made(self, used: Tensor, steps: int) -> GeneralizedChi2:
        """The law that some of the probes and the first few steps give."""
        (m, k), resolution = self._size, self._resolution
        nodes, weights = _gauss(self._diagonal[:steps], self._beside[: steps - 1])
        squares = weights * self._squares[:, None]
        count = int(used.sum())
        of_probes, of_residual = squares[: len(used)][used] / count, squares[len(used) :]
        where = nodes[: len(used)][used].reshape(-1), nodes[len(used) :].reshape(-1)
        df, parts = k * of_probes.reshape(-1), of_residual.reshape(-1) / (m * k)
        free = tuple(at > max(resolution.variance, 0.0) for at in where)
        if not bool((free[0] & (df > 0)).any()):
            raise ValueError(
                f"task: the posterior has no variance at the {m} test points, so all hypotheses "
                "are equal and the loss has no law. Are the test inputs training inputs?"
            )
        hidden, rest = float(df[~free[0]].sum()) / k, float(parts[~free[1]].sum())
        left_out = max(round(hidden), int(rest > 0))
        w = torch.cat([at[kept] for at, kept in zip(where, free, strict=True)]) / (m * k)
        nothing = df.new_full((int(free[1].sum()),), _NO_FREEDOM / max(1, len(parts)))
        nc = parts[free[1]] / (where[1][free[1]] / (m * k))
        df, nc = (
            torch.cat([df[free[0]], nothing]),
            torch.cat([df.new_zeros(int(free[0].sum())), nc]),
        )
        kept = df > 0
        return GeneralizedChi2(
            w[kept],
            df[kept],
            nc[kept],
            offset=rest,
            rounding=Rounding(
                weight=resolution.covariance_error / (m * k),
                root=resolution.mean_error / (m * k) ** 0.5,
                df=float(k),
                weights_left_out=df.new_full((left_out,), resolution.variance / (m * k)),
                squares_left_out=df.new_full((left_out,), rest / max(left_out, 1)),
            ),
        )

    @functools.cached_property
    def _others(self) -> list[GeneralizedChi2]:
        """The laws without one group of probes each."""
        groups = torch.arange(self.probes) % min(_GROUPS, self.probes)
        return [self._made(groups != g, self.steps) for g in range(int(groups.max()) + 1)]

    @functools.cached_property
    def _shorter(self) -> GeneralizedChi2:
        """The law of fewer steps: Gauss' rule converges geometrically."""
        return self._made(torch.ones(self.probes, dtype=torch.bool), -(-3 * self.steps // 4))

    def log_limits(self, x: Tensor, confidence: float = 0.95) -> tuple[Tensor, Tensor]:
        """Limits of log P(L <= x), of the shape of x: of probes, steps and rounding together.

        Student's interval of the jackknife over groups of probes, of log(−log P), which scatters
        evenly even where one direction has nearly all variance; widened by what a quarter of the
        steps changes, and by the rounding errors that are to be expected.

        Raises
        ------
        ValueError
            If the steps change more than the probes' interval is wide, so that nothing says by how
            much more would.
        """
        from scipy import special

        x = as_float64("x", x)
        share = 0.5 + probability("confidence", confidence) / 2
        log_p = self._law._logcdf(x.reshape(-1))
        others = torch.stack([law._logcdf(x.reshape(-1)) for law in self._others])
        n, others = len(others), (-others).clamp(min=_TINY).log()
        scatter = ((n - 1) / n * (others - others.mean(0)).square().sum(0)).sqrt()
        factor = (float(special.stdtrit(n - 1, share)) * scatter).exp()
        by_steps = (self._shorter._logcdf(x.reshape(-1)) - log_p).abs()
        below = (x.reshape(-1) <= self._law.offset) & torch.isneginf(log_p)
        self._refuse(x.reshape(-1), by_steps, log_p / factor - log_p, log_p, below)
        margin = by_steps + self._law.log_errors(x.reshape(-1))
        low, high = log_p * factor - margin, (log_p / factor + margin).clamp(max=0.0)
        never = torch.full_like(low, -torch.inf)
        low, high = torch.where(below, never, low), torch.where(below, never, high)
        return low.reshape(x.shape), high.reshape(x.shape)

    def _refuse(
        self, x: Tensor, by_steps: Tensor, margin: Tensor, log_p: Tensor, below: Tensor
    ) -> None:
        honest = (by_steps <= margin + 1e-6 * log_p.abs()) | (below & (x <= 0))
        if bool(honest.all()):
            return
        at = int((~honest).nonzero()[0])
        raise ValueError(
            f"x: at {float(x[at]):g} the last quarter of the {self.steps} steps changes log P by "
            f"{float(by_steps[at]):.2g}, more than the {self.probes} probes scatter by "
            f"({float(margin[at]):.2g}): nothing says by how much more steps would. Give more "
            "steps, a larger target error, or a space with noise."
        )

    def __repr__(self) -> str:
        """Say what the law is in one line."""
        m, k = self._size
        return f"ProbedChi2({m:,} test examples, {k} outputs, {self.probes} probes)"

    def _logcdf(self, x: Tensor) -> Tensor:
        return self._law._logcdf(x)

    def _logccdf(self, x: Tensor) -> Tensor:
        return self._law._logccdf(x)

    def _logpdf(self, x: Tensor) -> Tensor:
        return self._law._logpdf(x)

    def _ilogcdf(self, logp: Tensor) -> Tensor:
        return self._law._ilogcdf(logp)

    def mean(self) -> float:
        """E[L], of which the trace of the covariance is an estimate."""
        return self._law.mean()

    def variance(self) -> float:
        """Var[L], an estimate."""
        return self._law.variance()

    def sample(self, n: int, *, seed: int) -> np.ndarray:
        """Draw n independent losses of the estimate, shape (n,)."""
        return self._law.sample(n, seed=seed)


def _lanczos(
    product: Product, start: Float64[Tensor, "m r"], steps: int
) -> tuple[Float64[Tensor, "s r"], Float64[Tensor, "t r"]]:
    """Diagonals and subdiagonals of the recurrence from every column; three vectors of each held.

    Vectors lose their orthogonality, which makes copies of nodes and leaves their rule as good.
    Where a recurrence ends early, what follows has no weight.
    """
    length = start.norm(dim=0)
    v = start / torch.where(length > 0, length, 1.0)
    before, beta = torch.zeros_like(v), v.new_zeros(v.shape[1])
    diagonal, beside = [], []
    for step in range(steps):
        u = product(v) - beta * before
        alpha = (u * v).sum(0)
        u -= alpha * v
        diagonal.append(alpha)
        beta = u.norm(dim=0)
        scale = torch.stack(diagonal).abs().amax(0)
        beta = torch.where(beta > 1e-14 * scale, beta, 0.0)
        if step < steps - 1:
            beside.append(beta)
        before, v = v, torch.where(beta > 0, u / torch.where(beta > 0, beta, 1.0), 0.0)
    return torch.stack(diagonal), torch.stack(beside) if beside else v.new_empty(0, v.shape[1])


def _gauss(
    diagonal: Float64[Tensor, "s r"], beside: Float64[Tensor, "t r"]
) -> tuple[Float64[Tensor, "r s"], Float64[Tensor, "r s"]]:
    """Nodes and weights of every rule."""
    matrices = torch.diag_embed(diagonal.T) + torch.diag_embed(beside.T, -1)
    nodes, vectors = torch.linalg.eigh(matrices)  # which reads the lower triangle
    return nodes, vectors[:, 0, :].square()
