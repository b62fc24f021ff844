"""Points for what was judged: a table of the class, and a page for each student."""

from __future__ import annotations

import csv
import io
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..exercises.assignments import Assignment

ByHand = Mapping[tuple[str, str], tuple[float, str]]
TO_READ = "to_read.csv"


def read_points(assignment: Assignment, path: str | None) -> dict[str, float]:
    """What each question gives: as the assignment says, or a file in its place.

    The file is TOML: under ``[points]``, lines such as ``"1.2" = 3``.

    Raises
    ------
    ValueError
        If the file cannot be read, names a question that is not there, or gives no number.
    """
    points = dict(assignment.points)
    if path is None:
        return points
    try:
        given = tomllib.loads(Path(path).read_text(encoding="utf-8"))["points"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"points: {path} has no [points] that can be read: {error}.") from error
    for name, value in given.items():
        if name not in points:
            raise ValueError(f"points: no question {name!r}; there are {', '.join(points)}.")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
            raise ValueError(f"points: question {name} gives {value!r}; give a number from 0 on.")
        points[name] = float(value)
    return points


def read_by_hand(
    assignment: Assignment, names: Mapping[str, str], path: str | Path | None
) -> dict[tuple[str, str], tuple[float, str]]:
    """Points that somebody gave: a table with the columns student, question, points, words.

    They take the place of what a check says, too. A line without points and words says nothing yet.

    Raises
    ------
    ValueError
        If a line names no student or question of these, or no number of points.
    """
    if path is None:
        return {}
    found: dict[tuple[str, str], tuple[float, str]] = {}
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"by hand: {path} cannot be read as UTF-8: {error}.") from error
    parted = ";" if ";" in text.partition("\n")[0] else ","  # as some countries' spreadsheets do
    for line in csv.DictReader(io.StringIO(text), skipinitialspace=True, delimiter=parted):
        student, question = line.get("student") or "", line.get("question") or ""
        student = student if student in names else student.removeprefix("'")  # of `_no_formula`
        given = (line.get("points") or "").strip()
        if not given and not line.get("words"):
            continue
        if student not in names or question not in assignment.points:
            raise ValueError(
                f"by hand: in {path} stands question {question!r} of a student {student!r}; the "
                f"class or the assignment has none. Mend the line, or delete it."
            )
        try:
            points = float(given.replace(",", "."))
        except ValueError:
            points = math.nan
        if not 0 <= points < 1e6:
            raise ValueError(f"by hand: in {path} {question} of {student} has {given!r} points.")
        if (student, question) in found:
            raise ValueError(f"by hand: in {path} {question} of {student} stands twice.")
        found[student, question] = points, line.get("words") or ""
    return found


def write(
    assignment: Assignment,
    records: Mapping[str, dict[str, Any]],
    worth: Mapping[str, float],
    by_hand: ByHand,
    place: Path,
) -> None:
    """Write ``grades.csv``, ``class.html`` and ``pages/NAME.html``."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("ibhelpers.command_line", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    (place / "pages").mkdir(exist_ok=True)
    rows = {name: _lines(assignment, records[name], worth, by_hand) for name in records}
    _write_table(assignment, records, rows, worth, place / "grades.csv")
    student = pages.get_template("_student.html")
    for name, lines in rows.items():
        page = student.render(
            assignment=assignment, record=records[name], lines=lines, total=_total(lines)
        )
        (place / "pages" / f"{name}.html").write_text(page, encoding="utf-8")
    overview = pages.get_template("_class.html").render(
        assignment=assignment,
        rows=rows,
        records=records,
        totals={name: _total(lines) for name, lines in rows.items()},
        found={
            question.name: [r["checks"][question.name]["right"] for r in records.values()]
            for question in assignment.questions
        },
    )
    (place / "class.html").write_text(overview, encoding="utf-8")


def _lines(
    assignment: Assignment, record: dict[str, Any], worth: Mapping[str, float], by_hand: ByHand
) -> dict[str, dict[str, Any]]:
    """For every question: its points, or None while nobody has read the answer; what was said."""
    lines: dict[str, dict[str, Any]] = {}
    for name, most in worth.items():
        check = record["checks"].get(name)
        given = by_hand.get((record["student"], name))
        if given is not None:
            points, words, answer = given[0], [given[1]] if given[1] else [], ""
        elif check is not None:
            points, words = most if check["right"] else 0.0, check["words"]
            answer = check["answer"]
        elif record["problem"] == "Nothing was handed in.":
            points, words, answer = 0.0, [], ""
        else:
            points, words, answer = None, ["Your instructor reads this one."], ""
        lines[name] = {"points": points, "of": most, "words": words, "answer": answer}
    return lines


def _total(lines: Mapping[str, dict[str, Any]]) -> dict[str, float]:
    """Points so far, of how many, and how many questions are still to be read."""
    return {
        "points": sum(line["points"] or 0.0 for line in lines.values()),
        "of": sum(line["of"] for line in lines.values()),
        "open": sum(line["points"] is None for line in lines.values()),
    }


def _write_table(assignment, records, rows, worth: Mapping[str, float], path: Path) -> None:
    header = ["student", *worth, "points", "of", "still to be read", "handed in", "remark"]
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(header)
    for name, lines in rows.items():
        total = _total(lines)
        points = [
            "" if line["points"] is None else f"{line['points']:g}" for line in lines.values()
        ]
        sums = [f"{total['points']:g}", f"{total['of']:g}", total["open"]]
        record = records[name]
        told = [_no_formula(record[what]) for what in ("handed_in", "problem")]
        table.writerow([_no_formula(name), *points, *sums, *told])
    path.write_text(text.getvalue(), encoding="utf-8-sig", newline="")  # spreadsheets ask for it


def to_read(
    assignment: Assignment,
    records: Mapping[str, dict[str, Any]],
    filled_in: ByHand,
    elsewhere: ByHand,
) -> str:
    """A table of the written answers, with room for points and words; what is there, stays."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["student", "question", "points", "words", "answer"])
    written = [question.name for question in assignment.written]
    for question in assignment.points:
        for name, record in records.items():
            mark = filled_in.get((name, question))
            asked = question in written and record["handed_in"]
            if mark is None and (not asked or (name, question) in elsewhere):
                continue
            given = ["", ""] if mark is None else [f"{mark[0]:g}", mark[1]]
            answer = _no_formula(record["written"].get(question, ""))
            table.writerow([_no_formula(name), question, *given, answer])
    return text.getvalue()


def are_of(path: Path, assignment: Assignment) -> bool:
    """Whether a table of grades, if there is one, has the questions of this assignment."""
    if not path.exists():
        return True
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), [])
    return header[1 : 1 + len(assignment.points)] == list(assignment.points)


def _no_formula(text: str) -> str:
    """A text that no spreadsheet takes for something to be computed."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
