"""What no Gaussian space answers, found before anything large is computed, and what it warns of.

A number that nothing stands behind is worse than none: each of these names what was found in the
task, the kernel or the memory, the likely cause, and what to do.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import NoReturn

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from .._memory import free_memory, in_words
from .._warnings import warn
from ..kernels import Kernel
from ..tasks import Task
from ._conditioning import JITTERS, Conditioned
from ._evidence import Evidence
from .posterior import EPS, TINY
from .removals import Removals, refuse_out_of_reach

_DOUBT = 1e-4  # relative error that is told
_LOST = 1e-6  # relative error beyond which no derivative is told
_LARGEST_VARIANCE = 1e100  # of a kernel; its inverse is the smallest


def refuse_what_has_no_answer(
    kernel: Kernel, task: Task, variance: Float64[Tensor, " n"], noise: float
) -> None:
    """Whatever conditions on a task asks this first, with the variances of its training inputs."""
    if noise == 0:
        _refuse_contradictions(task)
        refuse_certainties(kernel, variance, task)
    refuse_sizes(kernel, variance, noise)


def refuse_removals(kernel: Kernel, jitter: float) -> NoReturn:
    """With jitter it is another law than that of the loss, which small tasks have without."""
    raise ValueError(
        f"space: the covariance of the training inputs under {kernel!r} is singular to working "
        f"precision, so that what an example is worth has no digits (jitter of {jitter:.1e} would "
        "be needed). Give noise > 0, or a shorter lengthscale."
    )


def refuse_derivatives(kernel: Kernel, removals: Removals, target_error: float) -> None:
    """Derivatives of log P(loss <= ε) lose more digits than log P does."""
    law = removals.law
    refuse_out_of_reach(law, target_error, "the bits are infinite and have no derivative")
    at = torch.tensor([target_error], dtype=torch.float64, device=law.device)
    share = float(law.log_errors(at)) / max(1.0, abs(float(law.logcdf(target_error))))
    if removals.spectrum.jitter or not max(share, EPS * removals.condition) < _LOST:
        raise ValueError(
            f"space: the covariance of the training inputs under {kernel!r} has a condition number "
            f"of {removals.condition:.0e}, and rounding may put the log-probability off by "
            f"{share:.0e} of it: derivatives have no six digits. Give more noise, a shorter "
            "lengthscale, or a larger target."
        )


def _refuse_contradictions(task: Task) -> None:
    """Without noise no hypothesis fits two targets for one input."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums = task.X_train.sum(1)
    if len(np.unique(sums)) == len(sums):  # the usual case, short
        return
    _, which, counts = np.unique(sums, return_inverse=True, return_counts=True)
    rows: dict[bytes, int] = {}
    for row in np.flatnonzero(counts[which] > 1).tolist():  # equal inputs have equal sums
        # Zero is added because it makes -0.0 of one kind with 0.0.
        first = rows.setdefault((task.X_train[row] + 0.0).tobytes(), int(row))
        if first != row and (task.y_train[first] != task.y_train[row]).any():
            raise ValueError(
                f"task: training rows {first} and {row} have the same input and different targets, "
                "which no hypothesis fits without noise, and the kernel matrix is not positive "
                "definite. Remove one of them, or give noise > 0."
            )


def refuse_certainties(kernel: Kernel, variance: Float64[Tensor, " n"], task: Task) -> None:
    """Without noise no target but 0 is fitted where all hypotheses are 0, or all but."""
    certain = (variance.abs() < TINY).cpu().numpy() & (task.y_train != 0).any(axis=1)
    if certain.any():
        row = int(np.flatnonzero(certain)[0])
        raise ValueError(
            f"task: training row {row} has the variance {float(variance[row]):.1g} under "
            f"{kernel!r}, as blank inputs have without biases: all hypotheses are 0 there, and its "
            "target is not. Give noise > 0, a kernel with biases or an offset, or larger inputs."
        )


def refuse_sizes(kernel: Kernel, variance: Float64[Tensor, " n"], noise: float) -> None:
    """Conditioning squares covariances; no float holds the squares of these."""
    largest = float(variance.max()) + noise
    if largest > _LARGEST_VARIANCE or 0.0 < largest < 1.0 / _LARGEST_VARIANCE:
        raise ValueError(
            f"kernel: the variances of the training inputs under {kernel!r} are of the order of "
            f"{largest:.0e}, whose squares no float64 holds. Divide the inputs by their typical "
            "size, or multiply the kernel by a number."
        )


def refuse_what_cannot_fit(
    bytes_of: Callable[[int], int], n: int, m: int, device: torch.device
) -> int:
    """The bytes that n training examples take, if so many are free.

    ``bytes_of`` says how many bytes any number of training examples takes.
    """
    needed = bytes_of(n)
    free = free_memory(device, enough=needed)
    if needed <= free:
        return needed
    fits = bisect_right(range(n), free, key=bytes_of)
    test = f" and {m:,} test" if m else ""
    raise ValueError(
        f"task: {n:,} training{test} examples take {in_words(needed)}, and "
        f"{in_words(free)} are free on '{device}'. "
        + (
            f"About {fits - 1:,} training examples would fit; or give a device with more."
            if fits > 1
            else f"Give fewer {'test ' if m else ''}examples, or a device with more memory."
        )
    )


def refuse_what_is_told_apart_by_rounding(
    kernel: Kernel, X: Float64[Tensor, "n d"], Y: Float64[Tensor, "n k"]
) -> None:
    """Without noise no hypothesis fits two targets for inputs that are one to the kernel."""
    variance, near = kernel.diagonal(X), EPS**0.5 * Y.abs().max()
    for start in range(0, len(X), 512):
        rows = slice(start, start + 512)
        together = variance[rows, None] + variance
        same = together - 2.0 * kernel(X[rows], X) <= 8.0 * EPS * together
        same &= torch.cdist(Y[rows], Y, p=float("inf")) > near
        if bool(same.any()):
            row, other = (int(i) for i in same.nonzero()[0])
            raise ValueError(
                f"task: training rows {start + row} and {other} have different targets, and inputs "
                f"that {kernel!r} cannot tell apart to working precision: no hypothesis fits both "
                "without noise. Give noise > 0, or a kernel that does; is the lengthscale far too "
                "large?"
            )


def not_positive_definite(kernel: Kernel, n: int) -> ValueError:
    """The error where no jitter helps."""
    return ValueError(
        f"kernel: the covariance of the {n} training inputs under {kernel!r} is not positive "
        f"definite to working precision, even with {JITTERS[-1]:g} of the mean variance added to "
        "its diagonal. Are inputs nearly equal, or the lengthscale far too large? Give noise > 0, "
        "or a kernel that tells the inputs apart."
    )


def warn_of_jitter(kernel: Kernel, conditioning: Conditioned, n: int) -> None:
    """Say what was added to the diagonal, and what that costs."""
    warn(
        f"the covariance of the {n} training inputs under {kernel!r} is singular to working "
        f"precision; {conditioning.jitter:.1e} was added to its diagonal, which leaves a condition "
        f"number of at least {conditioning.condition(n):.0e}, and hypotheses that miss the "
        f"training targets by up to {conditioning.miss():.1g}. Give noise > 0 to choose that "
        "number yourself."
    )


def warn_of_silence(kernel: Kernel, task: Task) -> None:
    """Say that the training set moves no test point by a digit."""
    size = max(np.abs(task.X_train).max(), np.abs(task.X_test).max())
    warn(
        f"the training data say nothing about the test points: under {kernel!r} every covariance "
        "between the two is 0 to working precision, and hypotheses are as likely as before any "
        f"training. The inputs are of size up to {size:.1g}: divide them by their typical size, or "
        "give a lengthscale as large as their distances."
    )


def errors_of_evidence(found: Evidence, conditioning: Conditioned) -> tuple[float, float]:
    """Rounding errors to expect, as shares: of the log evidence, and of what leaving out gives."""
    log_evidence = max(abs(found.log_marginal_likelihood), 1.0)
    error = conditioning.evidence_error() / log_evidence
    left_out = EPS * conditioning.condition(conditioning.n_train)
    return error, 0.0 if found.leave_one_out is None else left_out


def warn_of_evidence(kernel: Kernel, found: Evidence, conditioning: Conditioned) -> None:
    """Say so if rounding leaves fewer than four digits of the log evidence, or of the rest."""
    error, left_out = errors_of_evidence(found, conditioning)
    if error > _DOUBT:
        warn(
            f"the log evidence of the training targets under {kernel!r}, "
            f"{found.log_marginal_likelihood:.4g} nats, may be off by {error:.0e} of it from "
            "rounding: the targets lie where the kernel has next to no variance. Give noise > 0, "
            "or a rougher kernel."
        )
    if left_out > _DOUBT:
        warn(
            f"the covariance of the training inputs under {kernel!r} has a condition number of at "
            f"least {conditioning.condition(conditioning.n_train):.0e}: predictions of examples "
            f"left out may be off by {left_out:.0e} of their errors. Give noise > 0, or a kernel "
            "that tells the inputs apart."
        )
