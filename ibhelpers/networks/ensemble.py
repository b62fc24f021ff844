"""What training many networks gave: their losses, and whether they were fitted at all."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from .._arguments import Values, non_negative


@dataclass(frozen=True, eq=False)
class TrainedEnsemble:
    """Networks that were trained, or guessed, on one task: one entry a hypothesis.

    A loss is that of the whole set, in the loss the networks were trained with. A network whose
    loss is not finite has diverged: its losses are reported as they are, and `diverged` counts it.

    Attributes
    ----------
    index : ndarray of int, shape (n,)
        The numbers i of the hypotheses; each is a function of the seed and its number.
    train_loss, test_loss : ndarray, shape (n,)
        When training stopped.
    train_error_rate, test_error_rate : ndarray, shape (n,), or None
        Rates in [0, 1] at which the largest output is not the label's; None without labels.
    epochs : ndarray of int, shape (n,)
        After which training stopped.
    train_curve, test_curve : ndarray, shape (n, epochs), or None
        Losses after every epoch; constant once training has stopped.
    outputs : ndarray, shape (n, m, k), or None
        At the test points, if they were asked for; probabilities for networks trained by
        cross-entropy.
    drawn : int
        How many hypotheses were drawn to get these n; more than n after `fitted`.
    seconds : float
        Time that training took, those drawn and dropped included.
    """

    index: np.ndarray
    train_loss: np.ndarray
    test_loss: np.ndarray
    epochs: np.ndarray
    drawn: int
    seconds: float
    train_error_rate: Values = None
    test_error_rate: Values = None
    train_curve: Values = None
    test_curve: Values = None
    outputs: Values = None

    def __len__(self) -> int:
        """n, the number of hypotheses."""
        return len(self.index)

    @property
    def fraction(self) -> float:
        """n / drawn: the fraction of hypotheses drawn that are here."""
        return len(self) / self.drawn

    @property
    def diverged(self) -> np.ndarray:
        """The numbers i of the hypotheses whose training or test loss is not finite."""
        return self.index[~(np.isfinite(self.train_loss) & np.isfinite(self.test_loss))]

    def fitted(self, max_train_loss: float) -> TrainedEnsemble:
        """The hypotheses that fit the training set, those of p_h; `fraction` says how many do.

        Parameters
        ----------
        max_train_loss : float
            The largest training loss that counts as fitted, in units of the loss.

        Raises
        ------
        ValueError
            If no hypothesis is fitted, or the limit is negative or not a number.
        """
        limit = non_negative("max_train_loss", max_train_loss)
        fits = (self.train_loss <= limit) & np.isfinite(self.test_loss)  # NaN fits nothing
        if not fits.any():
            finite = self.train_loss[np.isfinite(self.train_loss)]
            lowest = f"{finite.min():.4g}" if len(finite) else "none, all diverged"
            raise ValueError(
                f"max_train_loss: found {limit:g}, which none of {len(self)} hypotheses reaches "
                f"(lowest training loss: {lowest}); train for more epochs, or raise the limit."
            )
        return self._select(fits)

    def _select(self, rows: np.ndarray | slice) -> TrainedEnsemble:
        kept: dict[str, Any] = {
            field.name: value[rows]
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
        }
        return replace(self, **kept)

    def __repr__(self) -> str:
        """Say how well the networks fit, how well they do, and how many diverged."""
        ok = ~np.isin(self.index, self.diverged)
        lines = [f"{len(self)} of {self.drawn} hypotheses drawn ({self.fraction:.1%})"]
        if ok.any():
            for part in ("train", "test"):
                lines.append(f"  {part:5} loss {_spread(getattr(self, f'{part}_loss')[ok])}")
                if (error := getattr(self, f"{part}_error_rate")) is not None:
                    lines[-1] += f", error rate {_spread(error[ok])}"
        if not ok.all():
            lines.append(f"  {(~ok).sum()} diverged, and are not in these figures")
        return "\n".join(lines)


def _spread(values: np.ndarray) -> str:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{middle:.4g} (5% to 95%: {low:.4g} to {high:.4g})"
