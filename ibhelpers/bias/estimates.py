"""What samples of the loss say about the bias: several tails side by side, with their errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from tqdm.auto import tqdm

from .._arguments import ArrayLike, as_array, seed_of, several, whole
from .._progress import steps
from .._typed import typed
from ..laws import (
    Empirical,
    GeneralizedPareto,
    Normal,
    ScaledChi2,
    ScaledNoncentralChi2,
    checked_losses,
)
from ..laws.empirical import certified_bits
from ..laws.law import FittedLaw, Law
from .inductive_bias import inductive_bias

if TYPE_CHECKING:
    import pandas as pd

TAILS = (Empirical, ScaledNoncentralChi2, ScaledChi2, GeneralizedPareto, Normal)


@typed
def estimate_bias(
    losses: ArrayLike,
    target_error: ArrayLike,
    *,
    tails: Sequence[type[FittedLaw]] = TAILS,
    n_boot: int = 200,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """The inductive bias from sampled losses, under several laws, as a tidy table.

    Parameters
    ----------
    losses : array_like, shape (S,)
        At least 10 (20 for `GeneralizedPareto`).
    target_error : float or array_like
        Below the mean of the losses, in their units.
    tails : sequence of law classes
        Anything with ``fit(losses)`` that returns a law.
    n_boot : int
        Resamples for the bootstrap; 0 leaves its limits out.
    seed : int
        Of the resampling.
    progress : bool
        Whether to show a progress bar where it takes long.

    Returns
    -------
    pandas.DataFrame
        A row for every target and tail. All limits are at 95 %.

        ``target_error``, ``tail``, ``bits``
            In units of the loss, the name of the class, -log2 P under the fitted law.
        ``at_least``
            Whether ``bits`` is no estimate but what the losses certify.
        ``lower``, ``upper``
            Limits of the bits: Clopper and Pearson's for `Empirical`, else percentiles of the
            bootstrap. They hold the error of sampling, not that of the law's form; NaN where a
            resample cannot be fitted, as with many ties.
        ``wald_lower``, ``wald_upper``
            See `ScaledNoncentralChi2.wald_interval`; NaN for other laws, and where the highest
            likelihood is at an end of the profile.
        ``profile_lower``, ``profile_upper``
            See `ProfileLikelihood.bits_interval`; NaN for other laws.
        ``log_likelihood``, ``kolmogorov_smirnov``, ``anderson_darling``
            Of the fit, in nats and without unit; NaN for a law without a density for all losses.
        ``supported_bits``, ``extrapolated_bits``
            What so many losses can certify, about log2 S, and how many bits lie beyond.

    Raises
    ------
    ValueError
        If a target is negative, NaN, or not below the mean of the losses, where the tail is not a
        lower one; if n_boot is not a whole number; and as the ``fit`` of the tails.

    Notes
    -----
    Source of the distances: M. A. Stephens, Journal of the American Statistical Association 69
    (1974) 730. With fitted parameters they rank laws, and test none.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> losses = ib.laws.ScaledNoncentralChi2(df=12, nc=30, scale=0.01).sample(1000, seed=0)
    >>> table = ib.estimate_bias(losses, 0.05, n_boot=20)
    >>> print(table[["tail", "bits", "at_least", "supported_bits"]].round(1).to_string(index=False))
                    tail  bits  at_least  supported_bits
               Empirical   8.1      True             8.1
    ScaledNoncentralChi2  20.2     False             8.1
              ScaledChi2  25.8     False             8.1
       GeneralizedPareto  26.8     False             8.1
                  Normal  10.2     False             8.1
    """
    import pandas as pd

    x = checked_losses(losses, positive=False, spread=False)
    targets = as_array("target_error", target_error).reshape(-1)
    if (targets >= x.mean()).any():
        raise ValueError(
            f"target_error: found {targets.max():g}, and the losses have the mean {x.mean():g}; "
            "only the lower tail is estimated, so give smaller targets."
        )
    n_boot, seed = whole("n_boot", n_boot, at_least=0), seed_of(seed)
    tails = several("tails", tails, "kinds of laws")
    if not tails:
        raise ValueError("tails: found none; give at least one kind of law.")
    for kind in tails:
        if not (isinstance(kind, type) and issubclass(kind, FittedLaw)):
            raise ValueError(f"tails: found {kind!r:.60}; give kinds of law, such as laws.Normal.")
    with steps("resamples", n_boot * len(tails), "fits", shown=progress) as bar:
        tables = []
        for kind in tails:
            tables.append(_rows(kind, x, targets, n_boot, seed, bar))
            bar.update(n_boot * len(tables) - bar.n)  # also those that were not needed
    return pd.concat(tables).sort_index(kind="stable").reset_index(drop=True)


def _rows(
    kind: type[FittedLaw],
    x: np.ndarray,
    targets: Float[np.ndarray, " T"],
    n_boot: int,
    seed: int,
    bar: tqdm,
) -> pd.DataFrame:
    """One row for every target, of one kind of law."""
    import pandas as pd

    law: Any = kind.fit(x)
    bias = inductive_bias(law, targets)
    lower, upper = bias.interval or _bootstrap_limits(kind, x, targets, n_boot, seed, bar)
    nowhere = (np.full(targets.shape, np.nan),) * 2
    profile = law.profile if isinstance(law, ScaledNoncentralChi2) else None
    wald = law.wald_interval(targets) if profile and profile.is_regular else nowhere
    along_profile = profile.bits_interval(targets) if profile else nowhere
    supported = certified_bits(len(x))
    return pd.DataFrame(
        {
            "target_error": targets,
            "tail": kind.__name__,
            "bits": bias.bits,
            "at_least": bias.at_least,
            "lower": lower,
            "upper": upper,
            "wald_lower": wald[0],
            "wald_upper": wald[1],
            "profile_lower": along_profile[0],
            "profile_upper": along_profile[1],
            **_distances(law, x),
            "supported_bits": supported,
            "extrapolated_bits": np.where(
                bias.at_least, 0.0, np.maximum(bias.bits - supported, 0.0)
            ),
        }
    )


def _bootstrap_limits(
    kind: type[FittedLaw],
    x: np.ndarray,
    targets: Float[np.ndarray, " T"],
    n_boot: int,
    seed: int,
    bar: tqdm,
) -> tuple[Float[np.ndarray, " T"], Float[np.ndarray, " T"]]:
    """Percentiles of the bits under laws fitted to resamples; the same resamples for every kind."""
    if n_boot == 0:
        return (np.full(targets.shape, np.nan),) * 2
    rng = np.random.default_rng(seed)
    fits = []
    try:
        for _ in range(n_boot):
            fits.append(kind.fit(rng.choice(x, len(x))))
            bar.update()
    except ValueError:  # a resample may have too many ties, where the losses have not
        return (np.full(targets.shape, np.nan),) * 2
    bits = np.array([inductive_bias(law, targets).bits for law in fits])
    # Order statistics themselves, because between infinite ones nothing can be interpolated
    low, high = np.quantile(bits, [0.025, 0.975], axis=0, method="inverted_cdf")
    return low, high


def _distances(law: Law, x: np.ndarray) -> dict[str, float]:
    """Log-likelihood, Kolmogorov-Smirnov and Anderson-Darling distance of the losses."""
    from scipy import stats

    names = ("log_likelihood", "kolmogorov_smirnov", "anderson_darling")
    if not law.has_density:
        return dict.fromkeys(names, np.nan)
    x, n = np.sort(x), len(x)
    log_cdf, log_ccdf = law.logcdf(x), law.logccdf(x)
    odd = 2 * np.arange(n) + 1
    found = (
        law.logpdf(x).sum(),
        stats.kstest(np.exp(log_cdf), "uniform").statistic,
        -n - float(odd @ (log_cdf + log_ccdf[::-1])) / n,
    )
    return dict(zip(names, map(float, found), strict=True))
