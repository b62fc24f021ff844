"""Assignments: questions of the chapters with numbers of each student's own, and their points.

A question is an exercise's check at other numbers. They are drawn for each student from a secret of
the instructor and the student's name, so that an answer that is copied answers another question.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import math
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._variants import VARIANTS, Variant

__all__ = ["Assignment", "Question", "Variant", "Written", "read_assignment"]

_OURS = {str(n): Path(__file__).with_name(f"assignment_{n}.toml") for n in (1, 2, 3, 4)}


@dataclass(frozen=True)
class Question:
    """A question of which every student gets a variant.

    Attributes
    ----------
    name : str
        Such as ``"1.2"``; its answer is called ``answer_1_2``.
    like : str
        The exercise that it is a variant of.
    text : str
        In Markdown; ``{n}`` stands for the number of that name.
    points : float
        What a right answer gives.
    variant : Variant
        Draws the numbers, and checks.
    """

    name: str
    like: str
    text: str
    points: float
    variant: Variant

    @property
    def answer(self) -> str:
        """The name of the answer in a student's code."""
        return "answer_" + self.name.replace(".", "_")

    def numbers(self, secret: bytes, student: str) -> dict[str, Any]:
        """The numbers of one student: the same for the same secret and name."""
        message = f"{self.name}\0{unicodedata.normalize('NFC', student)}".encode()
        seed = hmac.new(secret, message, hashlib.sha256).digest()
        return self.variant.draw(np.random.default_rng(int.from_bytes(seed, "big")))

    def asks(self, numbers: Mapping[str, Any]) -> str:
        """The text with these numbers in it."""
        text = self.text
        for name, value in numbers.items():
            text = text.replace("{" + name + "}", _shown(value))
        return text


@dataclass(frozen=True)
class Written:
    """A question that somebody reads and marks: by its levels, from points to what takes them."""

    name: str
    text: str
    levels: Mapping[int, str]

    @property
    def points(self) -> float:
        """The most that it gives."""
        return float(max(self.levels))


@dataclass(frozen=True)
class Assignment:
    """Questions that are handed out and marked together."""

    name: str
    title: str
    opening: str
    questions: Sequence[Question]
    written: Sequence[Written]

    @property
    def points(self) -> dict[str, float]:
        """What each question gives at most, in the order of the assignment."""
        return {question.name: question.points for question in self.questions} | {
            written.name: written.points for written in self.written
        }


def read_assignment(which: str | Path) -> Assignment:
    """One of the course's four, or the one that a file says.

    Parameters
    ----------
    which : {"1", "2", "3", "4"} or path
        Of a file in TOML, such as ``assignment_1.toml`` beside this one. A line ``code =
        "mine.py"`` in it names a file of Python beside it with a dict ``VARIANTS`` of more.

    Raises
    ------
    ValueError
        If there is no such assignment, or the file is not what it should be.

    Examples
    --------
    >>> first = read_assignment("1")
    >>> numbers = first.questions[0].numbers(b"a secret", "Ada")
    >>> first.questions[0].asks(numbers)
    'One hypothesis in 661,826 is good enough. How many bits is that?'
    """
    path = _OURS.get(str(which), Path(which))
    if not path.is_file():
        raise ValueError(
            f"assignment: found {str(which)!r}; give {', '.join(_OURS)}, or the path of a file."
        )
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        variants = dict(VARIANTS)
        if "code" in found:
            variants |= _theirs(path.with_name(found["code"]))
        name = path.stem.removeprefix("assignment_")
        questions = [_question(entry, variants) for entry in found["question"]]
        written = [_written(entry) for entry in found.get("written", [])]
        whole = Assignment(name, found["title"], found.get("opening", ""), questions, written)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, AttributeError) as error:
        raise ValueError(f"assignment: {path} cannot be read: {error}.") from error
    except KeyError as error:
        raise ValueError(f"assignment: {path} lacks {error}, or has no such exercise.") from error
    if len(whole.points) < len(questions) + len(written):
        raise ValueError(f"assignment: two questions of {path} have one name.")
    return whole


def _question(entry: Mapping[str, Any], variants: Mapping[str, Variant]) -> Question:
    name, points = entry["name"], float(entry["points"])
    if not all(piece.isalnum() for piece in name.split(".")):
        raise ValueError(f"assignment: question {name!r}; call it as in 1.2.")
    if not (math.isfinite(points) and points >= 0):
        raise ValueError(f"assignment: question {name} gives {points} points.")
    like = entry["like"]
    return Question(name, like, " ".join(entry["text"].split()), points, variants[like])


def _written(entry: Mapping[str, Any]) -> Written:
    levels = {int(points): words for points, words in entry["levels"].items()}
    return Written(entry["name"], " ".join(entry["text"].split()), levels)


def _theirs(path: Path) -> Mapping[str, Variant]:
    """The variants in a file of Python of the instructor's own."""
    spec = importlib.util.spec_from_file_location("variants_of_your_own", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ValueError(f"assignment: no file of Python at {path}.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.VARIANTS


def _shown(value: Any) -> str:
    """A number, or several, as a text shows it."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value))
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
