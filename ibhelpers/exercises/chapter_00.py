"""Checks of chapter 00, start here."""

from __future__ import annotations

import functools
import math

from .. import kernels, tasks
from ..bias.inductive_bias import inductive_bias
from ..laws.generalized_chi2 import GeneralizedChi2
from ..spaces.gaussian import GaussianSpace
from ..tasks import Task
from .blocks import Check, callable_gives, number


@functools.cache
def _law(lengthscale: float) -> GeneralizedChi2:
    """The law of the test loss on the chapter's task."""
    task = tasks.load("mnist", n_train=1000, n_test=500, balanced=False)
    return GaussianSpace(kernels.RBF(lengthscale)).loss_law(task)


def _reached(nats: float) -> float:
    return _law(5.0).ilogcdf(-nats)


def _required_bits(task: Task, lengthscale: float, target_error: float) -> float:
    law = GaussianSpace(kernels.RBF(lengthscale)).loss_law(task)
    return inductive_bias(law, target_error).bits


def _digits() -> Task:
    return tasks.load("digits", n_train=100, n_test=50)


CHECKS: dict[str, Check] = {
    "00.1": number(
        lambda: math.log2(1e6),
        decimals=1,
        unit="bits",
        slips={
            "That is the number of decimal digits; each bit halves what is left.": 6.0,
            "That is log2 of a thousand: how many thousands has a million?": math.log2(1000),
        },
    ),
    "00.2": number(
        lambda: _reached(1000 * math.log(2)),
        decimals=3,
        between=(0, 10),
        slips={
            "That is what 1,000 nats buy; a bit is log 2 = 0.69 nats.": lambda: _reached(1000.0),
        },
    ),
    "00.3": number(
        lambda: inductive_bias(_law(10.0), 0.05).bits,
        decimals=0,
        between=(0, 1e7),
        unit="bits",
        slips={
            "That is for lengthscale 5.": lambda: inductive_bias(_law(5.0), 0.05).bits,
            "That is for lengthscale 2.5: half, not twice.": (
                lambda: inductive_bias(_law(2.5), 0.05).bits
            ),
        },
    ),
    "00.4": callable_gives(
        _required_bits,
        [(_digits, 2.0, 0.05), (_digits, 1.0, 0.05), (_digits, 2.0, 0.01)],
        decimals=2,
    ),
}
