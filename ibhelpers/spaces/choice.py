"""What the data chose, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass

from ..kernels import Kernel


@dataclass(frozen=True)
class Choice:
    """How `GaussianSpace.fit` came to a space.

    Attributes
    ----------
    kernel : Kernel
        The kernel without its amplitude.
    amplitude : float
        What it is multiplied by.
    noise : float
        σ², the variance of the noise.
    criterion : str
        ``"evidence"``, ``"leave_one_out"`` or ``"bits"``.
    value : float
        The log evidence, or the leave-one-out log predictive density, of all training data under
        the chosen space, in nats; or the bits that the validation data ask for.
    digits : float
        Digits that the condition number of the training covariance leaves of float64's sixteen.
    starts : tuple of float
        The criterion that each start reached, best first, on a part of ``n_start`` examples; or
        the bits where the search for fewer began.
    n_start : int
        Number of training examples in that part.
    evaluations : int
        How often the criterion and its gradient were evaluated on all training data.
    on_bound : tuple of str
        The parameters that ended on a bound of the search, and which.
    """

    kernel: Kernel
    amplitude: float
    noise: float
    criterion: str
    value: float
    digits: float
    starts: tuple[float, ...]
    n_start: int
    evaluations: int
    on_bound: tuple[str, ...]

    def __repr__(self) -> str:
        """Say what was chosen, and how well it explains the data."""
        named = {
            "evidence": f"log evidence {self.value:,.1f} nats",
            "leave_one_out": f"leave-one-out log density {self.value:,.1f} nats",
            "bits": f"{self.value:,.1f} bits on the validation data",
        }[self.criterion]
        lines = [
            f"{self.amplitude:.4g} * {self.kernel}, noise {self.noise:.4g}",
            f"{named}; {self.digits:.0f} digits left; {len(self.starts)} starts",
        ]
        if self.on_bound:
            lines.append("on a bound: " + ", ".join(self.on_bound))
        return "\n".join(lines)
