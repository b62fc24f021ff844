"""What the bits of a table mean for whoever has it: more rows, another model, or other columns.

Everything is said in shares of what varies: 1 less the loss over that of answering the mean, which
is R² on rows that were not learnt from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_CLEAR = 0.02  # of what varies: less than that is no difference worth a sentence
_LARGEST = 20  # one row in so many: whether these alone make most of what varies
_NEAR = 0.15  # of what can be explained: so close to the noise, the rest is noise


@dataclass(frozen=True)
class Reached:
    """What is explained of the target, as shares of what varies; arrays have one entry a split.

    Attributes
    ----------
    n_train : int
        Training rows of the first split.
    typical, average, halved : ndarray
        By a random hypothesis, by the average of all, and by that of half the rows.
    noise : float
        What the space takes for noise.
    best : ndarray
        By that standard model whose loss is smallest on average.
    best_name, best_bits : str, float
        Its name, and the bits that it provides on average.
    misses : ndarray or None
        Typical misses of the average, in the unit of the target; None for classes.
    wrong : ndarray or None
        Error rates of the average; None for numbers.
    answers : ndarray or None
        The target of the training rows of the first split, in its unit; None for classes.
    """

    n_train: int
    typical: np.ndarray
    average: np.ndarray
    halved: np.ndarray
    noise: float
    best: np.ndarray
    best_name: str
    best_bits: float
    misses: np.ndarray | None
    wrong: np.ndarray | None
    answers: np.ndarray | None


def advice(target: str, found: Reached, suspects: Sequence[int]) -> list[str]:
    """Sentences for somebody who has a table and a deadline."""
    mean, least, most = found.average.mean(), found.average.min(), found.average.max()
    said = []
    if mean < _CLEAR:
        said.append(
            f"These columns say next to nothing about {target}: on rows that were not learnt from, "
            "answering its mean is as good. Look for other columns, or for a mistake in these."
        )
    else:
        miss = "" if found.misses is None else f", with a typical miss of {found.misses.mean():.3g}"
        if found.wrong is not None:
            miss = f"; {found.wrong.mean():.1%} of the rows get a wrong class"
        said.append(
            f"{found.n_train:,} rows are enough to explain {_percent(mean)} of what varies in "
            f"{target} ({_percent(least)} to {_percent(most)}, by the split){miss}. That is what "
            "the average of all hypotheses does that agree with the rows. A single one of them, "
            f"drawn at random, explains {_percent(found.typical.mean())}: for that, less than one "
            "bit is needed."
        )
    said.append(_about_rows(found))
    said.append(_about_models(found))
    if found.noise > _CLEAR and mean >= _CLEAR:  # what nothing was learnt of may not be noise
        said.append(_about_noise(found))
    if found.answers is not None:
        said += _about_size(target, found.answers)
    if suspects:
        it = "them" if len(suspects) > 1 else "it"
        said.append(
            f"Check {'rows' if len(suspects) > 1 else 'row'} "
            f"{', '.join(f'{row:,}' for row in suspects)} first: without {it} the rest predicts "
            f"unseen rows better, and it expects something else of {it}. See below what."
        )
    return said


def _about_rows(found: Reached) -> str:
    gain = _above_the_mean(found.average) - _above_the_mean(found.halved)
    spans = f"{_points(gain.min())} to {_points(gain.max())} by the split"
    begin = f"More rows? Doubling them, from {found.n_train // 2:,} to {found.n_train:,},"
    if gain.min() > 0 and gain.mean() > _CLEAR:
        return (
            f"{begin} explained {_points(gain.mean())} points more ({spans}), so more rows of the "
            "same kind will probably help again, though less."
        )
    if gain.mean() > _CLEAR:
        return f"{begin} helped on average, by {_points(gain.mean())} points, not always: {spans}."
    if gain.mean() < -_CLEAR:
        return (
            f"{begin} did not help: less was explained on {(gain < 0).sum()} of {len(gain)} splits."
        )
    return (
        f"{begin} changed little: {_points(gain.mean())} points ({spans}). More rows of the same "
        "kind will hardly help."
    )


def _about_models(found: Reached) -> str:
    best, average = _above_the_mean(found.best), _above_the_mean(found.average)
    gain = best - average
    both = f"{_percent(best.mean())} for {_percent(average.mean())} on average"
    name, better = f"{found.best_name}, untuned,", f"{(gain > 0).sum()} of {len(gain)} splits"
    if gain.min() > 0 and gain.mean() > _CLEAR:
        bits = f"{found.best_bits:,.1f}" if np.isfinite(found.best_bits) else "infinitely many"
        return (
            f"Another model? Yes: {name} does better than the average of the hypotheses on every "
            f"split, {both}. It provides {bits} bits: it knows something of this table that the "
            "hypotheses do not."
        )
    if gain.mean() > _CLEAR:
        return (
            f"Another model? Perhaps: {name} does better than the average of the hypotheses, "
            f"{both}, but on {better} only."
        )
    if gain.mean() < -_CLEAR:
        return (
            f"Another model? The best of the standard models, {name} does worse than the average "
            f"of the hypotheses, {both}. That average is a model, too: a Gaussian process."
        )
    return (
        f"Another model? The best of the standard models, {name} is as good as the average of the "
        f"hypotheses: {both}. The choice of model matters little here."
    )


def _about_noise(found: Reached) -> str:
    # What is explained is no noise.
    limit = max(1 - found.noise, found.average.mean(), found.best.mean())
    said = (
        f"About {_percent(1 - limit)} of what varies looks like noise: rows that are alike have "
        f"different answers. Do not expect a model to explain more than {_percent(limit)} of it."
    )
    if limit - found.average.mean() < _NEAR * limit:
        said += " That is nearly reached: only other columns can bring much more."
    return said


def _about_size(target: str, answers: np.ndarray) -> list[str]:
    """A sentence, if few large answers make most of what varies, and their logarithms do not."""
    if answers.min() < 0:
        return []
    logarithm = "log" if answers.min() > 0 else "log1p"
    share = _share_of_the_largest(answers)
    if share < 0.5 or _share_of_the_largest(getattr(np, logarithm)(answers)) > 0.5:
        return []
    return [
        f"The largest twentieth of {target} makes {_percent(share)} of what varies: everything "
        "here hangs on a few rows. If it matters by what factor you miss, learn "
        f"{logarithm}({target}): give it as a column of its own, and drop {target}."
    ]


def _share_of_the_largest(values: np.ndarray) -> float:
    """Of the squares about the mean, the share of the largest twentieth of the values."""
    squares = (np.sort(values) - values.mean()) ** 2
    return float(squares[-max(1, len(squares) // _LARGEST) :].sum() / squares.sum())


def _above_the_mean(explained: np.ndarray) -> np.ndarray:
    """Who does worse than the mean of the target answers the mean: no comparison goes below 0."""
    return np.maximum(explained, 0)


def _percent(share: float) -> str:
    return f"{share:z.0%}"


def _points(share: float) -> str:
    return f"{100 * share:z.1f}"
