"""The pieces that checks are made of: each takes an answer and returns complaints in words.

Wherever a piece takes an expected value it also takes a function without arguments that computes
it: nothing is computed before somebody asks.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

Check: TypeAlias = Callable[[Any], list[str]]
"""Takes an answer; returns what is wrong with it, in words, or an empty list."""

_LOG2 = math.log(2)


def number(
    expected: float | Callable[[], float],
    *,
    within: float,
    unit: str = "",
    slips: Mapping[str, float | Callable[[], float]] | None = None,
) -> Check:
    """Check one number, to an absolute tolerance.

    Parameters
    ----------
    expected : float or function
        The right answer; may be infinite.
    within : float
        How far from it an answer may be.
    unit : {"", "bits", "nats", "probability"} or another word
        What it is measured in; the first three named are recognised when they are mixed up.
    slips : mapping from words to a number or function, optional
        Wrong answers that are easily found, each with what to say about it.
    """

    def check(answer: Any) -> list[str]:
        value = _one_number(answer)
        if isinstance(value, str):
            return [value]
        right = _value(expected)
        if value == right or abs(value - right) <= within:
            return []
        for words, slip in (slips or {}).items():
            if abs(value - _value(slip)) <= within:
                return [words]
        return [_wrong_number(value, right, within, unit)]

    return check


def array(
    expected: Any | Callable[[], Any],
    *,
    within: float,
    slips: Mapping[str, Any | Callable[[], Any]] | None = None,
) -> Check:
    """Check the shape and the entries of an array or tensor, to an absolute tolerance."""

    def check(answer: Any) -> list[str]:
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

    return check


def choice(expected: str | Callable[[], str], options: Sequence[str]) -> Check:
    """Check that the right one of a few words was chosen."""

    def check(answer: Any) -> list[str]:
        if not isinstance(answer, str) or answer not in options:
            listed = ", ".join(repr(option) for option in options)
            return [f"Give one of {listed}; found {answer!r}."]
        return [] if answer == _value(expected) else [f"It is not {answer!r}."]

    return check


def callable_gives(
    reference: Callable[..., Any], cases: Sequence[tuple], *, within: float = 1e-9
) -> Check:
    """Check a function: on every case, a tuple of arguments, it must give what another one gives.

    The reference, and any case that is itself a function, runs only when somebody asks.
    """

    def check(answer: Any) -> list[str]:
        if not callable(answer):
            return [f"Give the function itself, not what it returns; found {_kind(answer)}."]
        for case in cases:
            arguments = tuple(_value(argument) for argument in case)
            given = f"For the arguments {', '.join(_brief(a) for a in arguments)}: "
            right = reference(*arguments)
            try:
                found = answer(*copy.deepcopy(arguments))  # it may write into them
            except Exception as error:
                return [f"{given}it raised {type(error).__name__}: {error}"]
            if found is None:
                return [f"{given}it returned nothing. Is there a `return`?"]
            piece = array if np.ndim(right) else number
            wrong = piece(right, within=within)(found)
            if wrong:
                return [given + words for words in wrong]
        return []

    return check


def satisfies(predicate: Callable[[Any], bool], words: str) -> Check:
    """Check a property: say the words unless the predicate holds (or when it cannot be tried)."""

    def check(answer: Any) -> list[str]:
        try:
            return [] if bool(predicate(answer)) else [words]
        except Exception:
            return [words]

    return check


def all_of(*checks: Check) -> Check:
    """Apply checks in turn, up to the first that complains."""

    def check(answer: Any) -> list[str]:
        return next(filter(None, (piece(answer) for piece in checks)), [])

    return check


def _value(given: Any) -> Any:
    return given() if callable(given) else given


def _one_number(answer: Any) -> float | str:
    """Return the answer as a float, or what is wrong with it."""
    if answer is None or answer is Ellipsis:
        return "There is no answer yet: give one number."
    if callable(answer):
        return "Give the number that the function returns, not the function."
    if isinstance(answer, (str, bool)):
        return f"Give one number; found {answer!r}."
    found = _as_array(answer)
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
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().cpu().numpy()
    try:
        return np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _close(a: np.ndarray, b: np.ndarray | None, within: float) -> bool:
    return b is not None and a.shape == b.shape and bool((np.abs(a - b) <= within).all())


def _kind(answer: Any) -> str:
    found = None if isinstance(answer, str) else _as_array(answer)
    if callable(answer):
        return "a function"
    if found is None or answer is None:
        return repr(answer)[:60]
    return f"an array of shape {found.shape}" if found.ndim else "a single number"


def _brief(argument: Any) -> str:
    text = " ".join(repr(argument).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
