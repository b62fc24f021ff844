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
def _law() -> GeneralizedChi2:
    """The law of the test loss on the chapter's task."""
    task = _task()
    return GaussianSpace.fit(task).loss_law(task)


def _task() -> Task:
    return tasks.load("mnist", n_train=1000, n_test=500, balanced=False)


def _reached(nats: float) -> float:
    return _law().ilogcdf(-nats)


@functools.cache
def _half(*, chosen_by_half: bool = True) -> float:
    """Bits at 0.01 with half of the training digits; all may have chosen the space."""
    task = _task()
    half = Task(task.X_train[:500], task.y_train[:500], task.X_test, task.y_test)
    space = GaussianSpace.fit(half if chosen_by_half else task)
    return inductive_bias(space.loss_law(half), 0.01).bits


def _required_bits(task: Task, target_error: float) -> float:
    law = GaussianSpace.fit(task).loss_law(task)
    return inductive_bias(law, target_error).bits


def _bits_at_amplitude_1(task: Task, target_error: float) -> float:
    return inductive_bias(GaussianSpace(kernels.RBF(5.0)).loss_law(task), target_error).bits


def _digits(n_train: int = 100) -> Task:
    return tasks.load("digits", n_train=n_train, n_test=50)


def one_in(hypotheses: int) -> Check:
    """How many bits one good hypothesis in so many takes."""
    return number(
        lambda: math.log2(hypotheses),
        decimals=1,
        unit="bits",
        slips={
            "That is the number of decimal digits; each bit halves what is left.": (
                math.log10(hypotheses)
            ),
            "That is log2 of the thousands alone: how much is a thousand?": (
                math.log2(hypotheses / 1000)
            ),
        },
    )


CHECKS: dict[str, Check] = {
    "00.1": one_in(1_000_000),
    "00.2": number(
        lambda: _reached(1000 * math.log(2)),
        decimals=4,
        between=(0, 10),
        slips={
            "That is what 1,000 nats buy; a bit is log 2 = 0.69 nats.": lambda: _reached(1000.0),
        },
    ),
    "00.3": number(
        _half,
        digits=3,
        between=(0, 1e7),
        unit="bits",
        slips={
            "That is with all 1,000 training digits.": (lambda: inductive_bias(_law(), 0.01).bits),
            "That is in the space that all 1,000 digits chose; let the 500 choose it.": (
                lambda: _half(chosen_by_half=False)
            ),
        },
    ),
    "00.4": callable_gives(
        _required_bits,
        [(_digits, 0.01), (lambda: _digits(150), 0.01), (_digits, 0.005)],
        decimals=2,
        slips={
            "That is at amplitude 1 and lengthscale 5; let the training data choose the space.": (
                _bits_at_amplitude_1
            ),
        },
    ),
}
