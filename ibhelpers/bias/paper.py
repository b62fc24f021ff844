"""What the authors' released code does, with its faults, and where its error comes from.

`released_law`, `released_fit` and `released_bits` reproduce its estimator, step by step;
`error_decomposition` takes the error apart. Source: github.com/FieteLab/Exact-Inductive-Bias,
kernel_inductive_bias.py and utils.py, commit 1004025.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from .._arguments import ArrayLike, Values, as_array, number, seed_of, whole
from .._progress import progress_bar, steps
from .._typed import typed
from ..kernels import Kernel
from ..laws import GeneralizedChi2, Law, ScaledNoncentralChi2, checked_losses
from ..tasks import Task

__all__ = [
    "ErrorDecomposition",
    "error_decomposition",
    "released_bits",
    "released_fit",
    "released_law",
]

_BATCH = 5  # training examples a step, of the released program
_RATES = (1e-2, 1e-3)  # of its Adam, for the coefficients of the mean and of the covariance
_DENSITY = 1e4  # multiplications, about, that SciPy's noncentral density costs at one loss


@typed
def released_law(
    task: Task, kernel: Kernel, *, epochs: int = 10_000, seed: int, progress: bool = True
) -> GeneralizedChi2:
    r"""The law of the loss under the hypotheses that the released program draws.

    It conditions on the training data by training: where an exact program solves
    :math:`K_{nn} \alpha = Y` and :math:`K_{nn} a = K_{n*}`, it lowers the mean squares of
    :math:`K_{nn} \alpha - Y` and :math:`K_{nn} a - K_{n*}` by Adam from zero, in float32 and in
    batches of five. Its hypotheses are :math:`K_{*n} \alpha + S z`, with z standard normal and S
    the square root of the matrix :math:`K_{**} - K_{*n} a`, which is not quite symmetric. So their
    loss has an exact law too, with covariance :math:`S S^T`, and what training costs can be said
    without drawing any.

    Parameters
    ----------
    task : Task
        Costs grow with n² m epochs; 50 training and 50 test examples take some ten seconds.
    kernel : Kernel
        Of the released program: ``ib.kernels.RBF(lengthscale)``.
    epochs : int
        10,000 in the released program.
    seed : int
        Of the order of the batches.
    progress : bool
        Whether to show a progress bar once training has taken two seconds.

    Raises
    ------
    ValueError
        If the matrix has no real square root: training has not come near the solution, and the
        losses of the released program are no real numbers.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task, kernel = ib.tasks.load("digits", n_train=10, n_test=5), ib.kernels.RBF(2.0)
    >>> trained = ib.paper.released_law(task, kernel, epochs=500, seed=0)
    >>> exact = ib.GaussianSpace(kernel).loss_law(task)
    >>> bits = [ib.inductive_bias(law, 0.02).bits for law in (exact, trained)]
    >>> print(f"{bits[0]:.0f} bits, after short training {bits[1]:.0f}")
    89 bits, after short training 92
    """
    from scipy.linalg import sqrtm

    epochs, seed = whole("epochs", epochs, at_least=1), seed_of(seed)
    inputs = np.concatenate([task.X_train, task.X_test])
    gram = np.asarray(kernel(inputs, inputs), dtype=np.float64)
    n, (m, k) = task.n_train, task.y_test.shape
    within, across, among = gram[:n, :n], gram[n:, :n], gram[n:, n:]
    rng = np.random.default_rng(seed)
    with steps("training as released", 2 * epochs, "epochs", shown=progress) as bar:
        alpha = _trained(within, task.y_train, _RATES[0], epochs, rng, bar)
        a = _trained(within, across.T, _RATES[1], epochs, rng, bar)
    root = sqrtm(among - across @ a)
    if np.abs(np.imag(root)).max() > 1e-6 * np.abs(root).max():
        raise ValueError(
            f"epochs: after {epochs:,} the matrix of the test outputs has a negative eigenvalue, "
            "so that the released program's hypotheses are not real; train longer."
        )
    variance, directions = np.linalg.eigh(np.real(root) @ np.real(root).T)
    apart = directions.T @ (across @ alpha - task.y_test)
    return GeneralizedChi2(variance / (m * k), k, (apart**2).sum(axis=1) / variance)


def _trained(
    gram: np.ndarray,
    targets: np.ndarray,
    rate: float,
    epochs: int,
    rng: np.random.Generator,
    bar: tqdm,
) -> np.ndarray:
    """Coefficients a with gram @ a near targets, by Adam with PyTorch's settings, in float32."""
    gram, targets = gram.astype(np.float32), targets.astype(np.float32)
    a = np.zeros(targets.shape, dtype=np.float32)
    first, second, step = np.zeros_like(a), np.zeros_like(a), 0
    for _ in range(epochs):
        order = rng.permutation(len(gram))
        for i in range(0, len(gram), _BATCH):
            batch, step = order[i : i + _BATCH], step + 1
            rows = gram[batch]
            gradient = rows.T @ (rows @ a - targets[batch])
            gradient *= 2 / (len(batch) * targets.shape[1])
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient * gradient - second)
            spread = np.sqrt(second) / math.sqrt(1 - 0.999**step) + 1e-8
            a -= (rate / (1 - 0.9**step)) * first / spread
        bar.update()
    return a.astype(np.float64)


@typed
def released_fit(losses: ArrayLike, *, progress: bool = True) -> ScaledNoncentralChi2:
    """The law that the released code fits: where ``scipy.stats.ncx2.fit(losses, floc=0)`` stops.

    SciPy's search starts from df = nc = 1 and gives up after a fixed number of steps. With df + nc
    in the thousands, as on MNIST, it stops hundreds of nats below the maximum of the likelihood,
    at a law whose variance may be twice that of the losses, and somewhere else for every draw of
    them. `ScaledNoncentralChi2.fit` finds the maximum.

    Parameters
    ----------
    losses : array_like, shape (S,)
        At least 10 positive losses, not all equal.
    progress : bool
        Whether to show a progress bar where it takes long: three seconds for 10,000 losses.

    Returns
    -------
    ScaledNoncentralChi2
        With ``log_likelihood``, and without ``profile``.

    Raises
    ------
    ValueError
        If there are fewer than 10 losses, one is NaN, inf, zero or negative, or all are equal.
    """
    from scipy import optimize, stats

    x = checked_losses(losses)
    most, work = 200 * 3, _DENSITY * len(x)  # evaluations, at which SciPy gives up on three numbers

    def search(lack: Callable[..., float], start: Sequence[float], **options: Any) -> Any:
        """SciPy's own, which also says how far it is."""

        def seen(*given: Any) -> float:
            bar.update(work)
            return lack(*given)

        return optimize.fmin(seen, start, **options)

    with (
        warnings.catch_warnings(),
        progress_bar("released search", most * work, shown=progress) as bar,
    ):
        warnings.simplefilter("ignore", RuntimeWarning)  # of densities it overflows on its way
        df, nc, _, scale = stats.ncx2.fit(x, floc=0, optimizer=search)
    law = ScaledNoncentralChi2(df, nc, scale)
    law._log_likelihood = law.log_likelihood_of(x)
    return law


@typed
def released_bits(fitted: ScaledNoncentralChi2, target_error: ArrayLike) -> Values:
    r"""The inductive bias in bits as the released code computes it from a fitted law.

    SciPy's ``-ncx2.logcdf``, and where that is infinite z²/2 with Sankaran's z, over log 2:

    .. math:: z = \frac{(x/(k + \lambda))^h - (1 + hp (h - 1 - (2 - h) m p / 2))}
                       {h \sqrt{2p} \, (1 + m p / 2)},

    h = 1 - 2(k + λ)(k + 3λ) / (3 (k + 2λ)²), p = (k + 2λ)/(k + λ)², m = (h - 1)(1 - 3h),
    for x = target error / scale, k = df and λ = nc.

    Parameters
    ----------
    fitted : ScaledNoncentralChi2
        Any law of the kind; `released_fit` gives that of the released code.
    target_error : float or array_like
        In units of the loss.

    Returns
    -------
    float or ndarray
        In bits, of the shape of ``target_error``.

    Raises
    ------
    ValueError
        If the law is of another kind, or the target error is negative or NaN.

    Notes
    -----
    The normal approximation is good near the mean and used far from it, and z²/2 leaves out the
    logarithm of z√2π. So the figure jumps where SciPy's underflows, and is short beyond.

    Source: M. Sankaran, On the Non-Central Chi-Square Distribution, Biometrika 46 (1959) 235.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> law = ib.laws.ScaledNoncentralChi2(df=2000, nc=2000, scale=1e-4)
    >>> exact = ib.inductive_bias(law, 0.01)
    >>> print(f"{ib.paper.released_bits(law, 0.01):.1f} bits, exactly {exact.bits:.1f}")
    3502.0 bits, exactly 4329.9
    """
    from scipy import stats

    x = as_array("target_error", target_error) / fitted.scale
    if not (x >= 0).all():
        raise ValueError(f"target_error: found {target_error!r}; give values of at least 0.")
    with np.errstate(divide="ignore"):
        nats = -stats.ncx2.logcdf(x, fitted.df, fitted.nc)
    z = _sankaran(x, fitted.df, fitted.nc)
    return np.where(np.isinf(nats), z * z / 2, nats)[()] / math.log(2)


def _sankaran(x: Values, k: float, lam: float) -> Values:
    h = 1 - 2 / 3 * (k + lam) * (k + 3 * lam) / (k + 2 * lam) ** 2
    p = (k + 2 * lam) / (k + lam) ** 2
    m = (h - 1) * (1 - 3 * h)
    centre = 1 + h * p * (h - 1 - 0.5 * (2 - h) * m * p)
    return ((x / (k + lam)) ** h - centre) / (h * math.sqrt(2 * p) * (1 + 0.5 * m * p))


@dataclass(frozen=True)
class ErrorDecomposition:
    """The error of a figure for the bias, in bits, in five parts that add up to it.

    Attributes
    ----------
    target_error : float
        In units of the loss.
    exact : float
        -log2 P under the exact law.
    conditioning : float
        Of drawing other hypotheses than those that fit the training data: the law of the loss under
        them against the exact one; 0 if none was given.
    model : float
        Of the family: its law closest in Kullback-Leibler divergence to the law of the loss that is
        sampled, against that one. More samples do not lessen it.
    sample : float
        Of having finitely many losses: the law of highest likelihood against the closest one.
    search : float
        Of stopping elsewhere: the law given against the one of highest likelihood; 0 for that.
    approximation : float
        Of Sankaran's normal approximation, where the released code uses it: against the exact tail
        of the same law.
    closest, fitted, used : ScaledNoncentralChi2
        The law closest to the exact one, that of highest likelihood, and the one given.
    """

    target_error: float
    exact: float
    conditioning: float
    model: float
    sample: float
    search: float
    approximation: float
    closest: ScaledNoncentralChi2
    fitted: ScaledNoncentralChi2
    used: ScaledNoncentralChi2

    @property
    def total(self) -> float:
        """The released code's figure for the law used, against the exact one, bits."""
        fitting = self.model + self.sample + self.search + self.approximation
        return self.conditioning + fitting

    def __repr__(self) -> str:
        """Say the parts in one line."""
        conditioning = f"conditioning {self.conditioning:+z.1f}, " if self.conditioning else ""
        return (
            f"exact {self.exact:.1f} bits at target error {self.target_error:g}; error "
            f"{self.total:+z.1f} = {conditioning}model {self.model:+z.1f}, "
            f"sample {self.sample:+z.1f}, search {self.search:+z.1f}, "
            f"approximation {self.approximation:+z.1f}"
        )


@typed
def error_decomposition(
    law: GeneralizedChi2,
    losses: ArrayLike,
    target_error: float,
    *,
    used: ScaledNoncentralChi2 | None = None,
    conditioned: GeneralizedChi2 | None = None,
) -> ErrorDecomposition:
    """The error of the paper's estimator of the bias, taken apart.

    Parameters
    ----------
    law : GeneralizedChi2
        The exact law of the loss.
    losses : array_like, shape (S,)
        Sampled from it, or from `conditioned`.
    target_error : float
        Between the lowest loss and the mean of the law, in units of the loss.
    used : ScaledNoncentralChi2, optional
        The law whose tail is extrapolated: that of highest likelihood when not given;
        `released_fit` gives the one that the released code uses.
    conditioned : GeneralizedChi2, optional
        The law of the loss under the hypotheses that are drawn, where these are not quite those
        that fit the training data: `released_law` gives that of the released program.

    Returns
    -------
    ErrorDecomposition
        In bits.

    Raises
    ------
    ValueError
        If the target is not between the lowest loss and the mean, or as
        `ScaledNoncentralChi2.fit` does.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> law = ib.laws.GeneralizedChi2(weights=[1e-4, 3e-4], df=[1000, 500], nc=[200, 0])
    >>> losses = law.sample(10_000, seed=0)
    >>> ib.paper.error_decomposition(law, losses, 0.05)
    exact 883.7 bits at target error 0.05; error -112.1 = model -100.9, sample -11.2, search +0.0,
    approximation +0.0
    """
    x, target = checked_losses(losses), number("target_error", target_error)
    drawn = law if conditioned is None else conditioned
    for one in (law, drawn):
        if not one.lowest < target < one.mean():
            raise ValueError(
                f"target_error: found {target_error!r}; the lower tail of this law is between "
                f"{one.lowest:g} and its mean, {one.mean():g}."
            )
    closest, fitted = _closest(drawn), ScaledNoncentralChi2.fit(x)
    used = fitted if used is None else used

    def bits(of: Law) -> float:
        return -float(of.logcdf(target)) / math.log(2)

    return ErrorDecomposition(
        target,
        bits(law),
        conditioning=bits(drawn) - bits(law),
        model=bits(closest) - bits(drawn),
        sample=bits(fitted) - bits(closest),
        search=bits(used) - bits(fitted),
        approximation=float(released_bits(used, target)) - bits(used),
        closest=closest,
        fitted=fitted,
        used=used,
    )


@functools.lru_cache(maxsize=2)
def _closest(law: GeneralizedChi2) -> ScaledNoncentralChi2:
    """What endless losses of a law would give: the same for every sample and target."""
    return ScaledNoncentralChi2.closest_to(law)
