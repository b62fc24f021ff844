"""Judge answers that came as JSON, by the checks of the course at a student's own numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..exercises.assignments import Assignment, Question
from ._sandbox import writable


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and what was said to it."""

    right: bool
    words: list[str]
    answer: str = ""


def calls(question: Question, numbers: Mapping[str, Any]) -> list[list]:
    """With what a function that answers a question is called; nothing for other questions."""
    return [
        [a.tolist() if isinstance(a, np.ndarray) else a for a in case]
        for case in numbers.get("cases", [])
    ]


def judge(
    assignment: Assignment, secret: bytes, student: str, answers: Mapping[str, Any]
) -> dict[str, Verdict]:
    """What every question's check says, by the question's name."""
    return {
        question.name: _verdict(question, question.numbers(secret, student), answers)
        for question in assignment.questions
    }


def _verdict(question: Question, numbers: dict[str, Any], answers: Mapping[str, Any]) -> Verdict:
    if question.answer not in answers:
        return Verdict(False, [f"There is no answer: nothing was called `{question.answer}`."])
    answer = _value(answers[question.answer])
    if answer is ...:
        return Verdict(False, ["There is no answer yet."])
    shown = _shown(answers[question.answer])
    check = question.variant.check(**numbers)  # if this fails, the assignment is wrong
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            words = check(answer)
    except Exception as error:
        words = [f"The check cannot read this answer ({type(error).__name__})."]
    return Verdict(not words, [writable(text[:500]) for text in words], writable(shown))


class _Other:
    """An answer that JSON cannot hold; only its type is known."""

    def __init__(self, kind: Any) -> None:
        self._kind = str(kind)[:60]

    def __repr__(self) -> str:
        return f"something of type {self._kind}"


def _value(plain: Any) -> Any:
    """An answer from what came of it."""
    if isinstance(plain, list):
        return [_value(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    kind = plain.get("type")
    if kind == "ellipsis":
        return ...
    if kind == "huge":
        return 10**400 * (-1 if plain.get("sign") == -1 else 1)
    if kind == "function":
        return _nothing
    if kind == "calls" and isinstance(plain.get("results"), list):
        return _replayed(plain["results"])
    return _Other(kind)


def _nothing(*arguments: Any) -> None:
    """A function that was never called."""


def _replayed(results: list) -> Callable[..., Any]:
    """A function that returns, call after call, what another one returned to the same calls."""
    left = iter(results)

    def replay(*arguments: Any) -> Any:
        result = next(left, None)
        if isinstance(result, dict) and result.get("type") == "raised":
            raise RuntimeError(str(result.get("words"))[:300])
        value = _value(result)
        # What came as a list of numbers was an array, or could be one.
        return np.array(value) if _is_numbers(value) else value

    return replay


def _is_numbers(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    try:
        return np.array(value).dtype.kind in "iuf"
    except (ValueError, OverflowError, TypeError):
        return False


def _shown(plain: Any) -> str:
    """An answer on one line."""
    if isinstance(plain, dict):
        kind = plain.get("type")
        return (
            "a function" if kind in ("calls", "function") else f"something of type {str(kind)[:60]}"
        )
    text = " ".join(repr(plain)[:2000].split())
    return text if len(text) <= 80 else text[:77] + "..."
