"""The pieces that checks are made of: each takes an answer and returns complaints in words.

Wherever a piece takes an expected value it also takes a function without arguments that computes
it: nothing is computed before somebody asks, and nothing for an answer that cannot be right.
Every piece says in `Check.asks` what kind of answer it wants and to which precision; the
exercise's text says the same words.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .._arguments import as_array

_LOG2 = math.log(2)
# A number that is rounded as asked is at most half a unit of its last digit off; a little more is
# allowed, because an answer may be rounded from one that was rounded.
_OF_A_UNIT = 0.6
_MOST = 1_000_000  # numbers in a list or range, which may be longer than the memory
WORDS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Check:
    """What an exercise asks for, in words, and what is wrong with an answer, in words."""

    asks: str
    complain: Callable[[Any], list[str]]
    slips: tuple[str, ...] = ()  # what it says to wrong answers that it knows

    def __call__(self, answer: Any) -> list[str]:
        """Return what is wrong with an answer, or an empty list."""
        return self.complain(answer)


Expected: TypeAlias = float | Callable[[], float]


def number(
    expected: Expected,
    *,
    decimals: int | None = None,
    digits: int | None = None,
    unit: str = "",
    between: tuple[float, float] = (-math.inf, math.inf),
    slips: Mapping[str, Expected] | None = None,
) -> Check:
    """Check one number, to the precision that is asked for.

    Parameters
    ----------
    expected : float or function
        The right answer; may be infinite.
    decimals : int, optional
        Asked for to so many decimals; 0 means to the nearest whole number.
    digits : int, optional
        Asked for to so many significant digits instead. Without either: exactly.
    unit : {"", "bits", "nats", "probability"} or another word
        What it is measured in; the first three named are recognised when they are mixed up.
    between : pair of floats, optional
        What lies outside is refused before anything is computed.
    slips : mapping from words to a number or function, optional
        Wrong answers that are easily found, each with what to say about it.
    """
    exact = decimals is None and digits is None

    def complain(answer: Any) -> list[str]:
        value = _one_number(answer)
        if isinstance(value, str):
            return [value]
        if math.isfinite(value) and not between[0] <= value <= between[1]:
            return [_far_off(value, between, unit)]
        right = _value(expected)
        within = _tolerance(right, decimals, digits)
        if value == right or abs(value - right) <= within:
            return []
        for words, slip in (slips or {}).items():
            wrong = _value(slip)
            # A slip that is no whole number, where one is asked for, may have been rounded.
            if abs(value - wrong) <= (0.06 if exact and wrong % 1 else max(within, 1e-9)):
                return [words]
        return [_wrong_number(value, right, within, unit)]

    return Check(_asks_number(decimals, digits, unit), complain, tuple(slips or ()))


def array(
    expected: Any | Callable[[], Any],
    *,
    decimals: int,
    slips: Mapping[str, Any | Callable[[], Any]] | None = None,
) -> Check:
    """Check the shape and the entries of an array or tensor, to so many decimals."""
    within = _OF_A_UNIT * 10.0**-decimals

    def complain(answer: Any) -> list[str]:
        right = np.asarray(_as_array(_value(expected)))
        found = _as_array(answer)
        if found is None:
            return [f"Give an array of shape {right.shape}; found {_kind(answer)}."]
        if found.shape != right.shape:
            turned = " Is it transposed?" if found.T.shape == right.shape else ""
            return [f"The shape should be {right.shape}; found {found.shape}.{turned}"]
        if np.isnan(found).any():
            return ["It contains NaN: did something overflow, or was 0 divided by 0?"]
        wrong = ~(np.abs(found - right) <= within)
        if not wrong.any():
            return []
        for words, slip in (slips or {}).items():
            if _close(found, _as_array(_value(slip)), within):
                return [words]
        if _close(-found, right, within):
            return ["The sign is the wrong way round."]
        return [f"The shape is right; {wrong.sum()} of the {wrong.size} entries are not."]

    return Check(f"an array, {_to_decimals(decimals)}", complain, tuple(slips or ()))


def choice(expected: str | Callable[[], str], options: Sequence[str]) -> Check:
    """Check that the right one of a few words was chosen."""

    def complain(answer: Any) -> list[str]:
        if not isinstance(answer, str) or answer not in options:
            listed = ", ".join(repr(option) for option in options)
            return [f"Give one of {listed}; found {_brief(answer)}."]
        return [] if answer == _value(expected) else [f"It is not {answer!r}."]

    return Check(f"one of the {WORDS[len(options)]} words", complain)


def callable_gives(
    reference: Callable[..., Any],
    cases: Sequence[tuple],
    *,
    decimals: int = 8,
    slips: Mapping[str, Callable[..., Any]] | None = None,
) -> Check:
    """Check a function: on every case, a tuple of arguments, it must give what another one gives.

    The reference, and any case that is itself a function, runs only when somebody asks, and only
    once the answer has returned something that could be right. A slip is a function that does
    what is easily done instead; it is named when the answer agrees with it on every case where
    the answer is wrong.
    """

    def complain(answer: Any) -> list[str]:
        if not callable(answer):
            return [f"Give the function itself, not what it returns; found {_kind(answer)}."]
        for case in cases:
            arguments = tuple(_value(argument) for argument in case)
            given = f"For the arguments {', '.join(_brief(a) for a in arguments)}: "
            found = _result(answer, arguments)
            if isinstance(found, str):
                return [given + found]
            wrong = _piece(reference(*arguments), decimals)(found)
            for words, slip in (slips or {}).items():
                if wrong and _agrees(found, slip, arguments, decimals):
                    return [words]
            if wrong:
                return [given + words for words in wrong]
        return []

    return Check(f"a function, right {_to_decimals(decimals)}", complain, tuple(slips or ()))


def satisfies(predicate: Callable[[Any], bool], words: str, *, asks: str) -> Check:
    """Check a property: say the words unless the predicate holds (or when it cannot be tried)."""

    def complain(answer: Any) -> list[str]:
        try:
            return [] if bool(predicate(answer)) else [words]
        except Exception:
            return [words]

    return Check(asks, complain)


def all_of(*checks: Check) -> Check:
    """Apply checks in turn, up to the first that complains; the first says what is asked for."""

    def complain(answer: Any) -> list[str]:
        return next(filter(None, (piece(answer) for piece in checks)), [])

    return Check(checks[0].asks, complain)


def _asks_number(decimals: int | None, digits: int | None, unit: str) -> str:
    what = {"": "a number", "probability": "a probability"}.get(unit, f"a number of {unit}")
    if digits is not None:
        return f"{what}, to {WORDS[digits]} significant digits"
    return f"{what}, exactly" if decimals is None else f"{what}, {_to_decimals(decimals)}"


def _to_decimals(decimals: int) -> str:
    if decimals == 0:
        return "to the nearest whole one"
    return f"to {WORDS[decimals]} decimal{'s' if decimals > 1 else ''}"


def _tolerance(right: float, decimals: int | None, digits: int | None) -> float:
    """How far from the right number an answer may be."""
    if not math.isfinite(right):
        return 0.0
    if digits is not None:
        decimals = digits - 1 - math.floor(math.log10(abs(right)))
    return 0.0 if decimals is None else _OF_A_UNIT * 10.0**-decimals


def _far_off(value: float, between: tuple[float, float], unit: str) -> str:
    """Say how a number is absurd."""
    if unit == "probability" and not 0 <= value <= 1:
        return "A probability lies between 0 and 1."
    if value < 0 <= between[0]:
        return "It should not be negative. Is the sign the wrong way round?"
    return f"It is far too {'small' if value < between[0] else 'large'}."


def _result(function: Callable, arguments: tuple) -> Any:
    """What a function returns; if that is nothing, or an error, the words for it."""
    try:
        found = function(*copy.deepcopy(arguments))  # it may write into them
    except Exception as error:
        return f"it raised {type(error).__name__}: {error}"
    if found is None or found is Ellipsis:
        return "it returned nothing. Is there a `return`?"
    if isinstance(found, str):
        return f"it returned the text {found[:40]!r}; numbers are asked for."
    return found


def _agrees(found: Any, slip: Callable, arguments: tuple, decimals: int) -> bool:
    """Whether a result is the one of a slip, which need not work for every argument."""
    try:
        return not _piece(slip(*arguments), decimals)(found)
    except (ArithmeticError, ValueError):
        return False


def _piece(right: Any, decimals: int) -> Check:
    """The check of one result."""
    return array(right, decimals=decimals) if np.ndim(right) else number(right, decimals=decimals)


def _value(given: Any) -> Any:
    return given() if callable(given) else given


def _one_number(answer: Any) -> float | str:
    """Return the answer as a float, or what is wrong with it."""
    if answer is None or answer is Ellipsis:
        return "There is no answer yet: give one number."
    if callable(answer):
        return "Give the number that the function returns, not the function."
    if isinstance(answer, (str, bool)):
        return f"Give one number; found {_brief(answer)}."
    found = _as_array(answer)
    if found is None and isinstance(answer, int):
        return f"It is far too {'small' if answer < 0 else 'large'}."  # beyond 1e308
    if found is None or found.size != 1:
        return f"Give one number; found {_kind(answer)}."
    value = float(found.ravel()[0])
    return "It is NaN, which is no number." if math.isnan(value) else value


def _wrong_number(value: float, right: float, within: float, unit: str) -> str:
    """Say how a number is wrong, as far as that helps and does not give it away."""
    if unit == "probability" and not 0 <= value <= 1:
        return "A probability lies between 0 and 1."
    if math.isinf(right) or math.isinf(value):
        return f"It should {'not ' if math.isinf(value) else ''}be infinite."
    if abs(-value - right) <= within:
        return "The sign is the wrong way round."
    factor = {"bits": _LOG2, "nats": 1 / _LOG2}.get(unit)
    if factor is not None and abs(value - right * factor) <= within:
        found, divided = ("nats", "divide") if unit == "bits" else ("bits", "multiply")
        return f"The size is right in {found}; {divided} by log 2 to have {unit}."
    if value < 0 <= right:
        return "It should not be negative. Is the sign the wrong way round?"
    if abs(value - right) <= 0.02 * abs(right):
        return "Nearly: give more digits, or look for what is slightly off."
    return f"It is too {'small' if value < right else 'large'}."


def _as_array(answer: Any) -> np.ndarray | None:
    """The real numbers of an answer; None where it is none, or more than any exercise asks for."""
    try:
        if isinstance(answer, Sequence) and len(answer) > _MOST:
            return None
        return as_array("answer", answer)
    except (ValueError, OverflowError):  # the latter for lengths beyond an int of C
        return None


def _close(a: np.ndarray, b: np.ndarray | None, within: float) -> bool:
    return b is not None and a.shape == b.shape and bool((np.abs(a - b) <= within).all())


def _kind(answer: Any) -> str:
    found = None if isinstance(answer, str) else _as_array(answer)
    if callable(answer):
        return "a function"
    if found is None or answer is None:
        return _brief(answer)
    return f"an array of shape {found.shape}" if found.ndim else "a single number"


def _brief(argument: Any) -> str:
    """An answer or argument as it is shown: on one line, and short."""
    try:
        text = " ".join(repr(argument).split())
    except Exception:  # such as that of a whole number of 5,000 digits
        return f"something of type {type(argument).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."
