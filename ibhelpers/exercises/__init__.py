"""Checks of the exercises: ``ibhelpers.check("01.1", answer)`` says in words whether it is right.

The checks of a chapter stand in a module of its own, ``chapter_01.py`` and so on, as a dict
``CHECKS`` from the exercise's name to a `Check`; a new chapter is one new module. They are built
from the small pieces in ``blocks.py``, and compute what they expect when they are asked.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
from collections.abc import Iterable
from typing import Any

from .._console import printable
from .blocks import Check

__all__ = ["Check", "asked", "check", "complaints", "known", "slips", "yours_or_ours"]


def check(exercise: str, answer: Any) -> None:
    """Say whether an answer is right, and if not, what is wrong with it; never the solution.

    Parameters
    ----------
    exercise : str
        Its name: chapter and number, such as ``"01.2"``.
    answer : object
        What the exercise asks for: a number, an array, a function.

    Raises
    ------
    ValueError
        If there is no exercise of that name.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> ib.check("01.1", -3.0)
    01.1: not yet.
      - It should not be negative. Is the sign the wrong way round?
    """
    check_of = _check_of(exercise)
    if _is_open(answer):
        print(f"{exercise}: no answer yet. Asked for: {check_of.asks}.")
    elif found := check_of(answer):
        lines = [f"{exercise}: not yet.", *(f"  - {words}" for words in found)]
        print(printable("\n".join(lines)))
    else:
        print(f"{exercise}: right.")


def yours_or_ours(exercise: str, answer: Any) -> Any:
    """The answer if it is right, and otherwise the course's own, so that a chapter can go on.

    Parameters
    ----------
    exercise : {"02.4", "04.3"}
        An exercise that asks for a function with which its chapter goes on.
    answer : object
        The reader's function, or ``...``.

    Raises
    ------
    ValueError
        If there is no exercise of that name, or none with whose answer a chapter goes on.
    """
    from .chapter_02 import losses_from
    from .chapter_04 import phi_sum

    ours = {"02.4": losses_from, "04.3": phi_sum}
    if exercise not in ours:
        raise ValueError(f"exercise: found {exercise!r}; give one of {', '.join(ours)}.")
    if not _is_open(answer) and not complaints(exercise, answer):
        print("With your function.")
        return answer
    print(f"With the course's function, as exercise {exercise} has no right answer yet.")
    return ours[exercise]


def complaints(exercise: str, answer: Any) -> list[str]:
    """What is wrong with an answer, in words; an empty list when it is right.

    Raises
    ------
    ValueError
        If there is no exercise of that name.
    """
    return _check_of(exercise)(answer)


def asked(exercise: str) -> str:
    """What kind of answer an exercise asks for, and to which precision."""
    return _check_of(exercise).asks


def slips(exercise: str) -> tuple[str, ...]:
    """What the check of an exercise says to the wrong answers that it knows."""
    return _check_of(exercise).slips


def _nearest(exercise: Any, known: Iterable[str]) -> str:
    """Suggest the exercise that is meant by "5.1", 5.1 or "Exercise 05.1", if there is one."""
    meant = [int(number) for number in re.findall(r"\d+", str(exercise))]
    for name in known:
        if meant == [int(number) for number in name.split(".")]:
            return f" Did you mean {name!r}?"
    return ""


def known() -> list[str]:
    """Names of all exercises that have a check, in the order of the course."""
    return sorted(_checks())


def _check_of(exercise: str) -> Check:
    checks = _checks()
    if not isinstance(exercise, str) or exercise not in checks:
        raise ValueError(
            f"exercise: found {exercise!r}; the exercises are {', '.join(sorted(checks))}."
            + _nearest(exercise, checks)
        )
    return checks[exercise]


def _is_open(answer: Any) -> bool:
    """Whether an answer is the ``...`` of an empty answer cell, or holds one."""
    if isinstance(answer, (list, tuple)):
        return any(item is Ellipsis for item in answer)
    return answer is Ellipsis


@functools.cache
def _checks() -> dict[str, Check]:
    """Collect the checks of every chapter there is."""
    collected: dict[str, Check] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("chapter_"):
            collected |= importlib.import_module(f"{__name__}.{module.name}").CHECKS
    return collected
