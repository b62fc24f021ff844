"""``python -m ibhelpers assign`` and ``grade``: hand out assignments, and mark what comes back.

Every student gets numbers of their own. What they hand in runs in a sandbox without the checks, and
its answers are judged here. What was judged is kept, so that a run that was interrupted goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .._console import printable
from ..exercises.assignments import Assignment, read_assignment
from . import _handout, _marks
from ._judge import calls, judge
from ._sandbox import Limits, Run, Sandbox, writable
from ._submissions import Submission, entries, read_class, read_submission

_SHORTEST = 16  # characters of a secret
_TRIES = 2  # after which a submission that ends the grader is not run again


def assign(which: str, students: str, secret: str, output: str) -> int:
    """Write a notebook for each student; make the secret if there is none yet."""
    try:
        assignment = read_assignment(which)
        key = _secret(secret, make=True)
        names = read_class(Path(students))
        changed = [name for name in names if not _hand_out(assignment, key, name, Path(output))]
    except (ValueError, OSError) as error:
        print(printable(str(error)), file=sys.stderr)
        return 1
    print(printable(f"{len(names) - len(changed)} notebooks: {output}"))
    if changed:
        words = "somebody has worked in them, or they were drawn from another secret"
        print(printable(f"Left as they are, {words}: {', '.join(changed)}."), file=sys.stderr)
    return 0


def _hand_out(assignment: Assignment, key: bytes, name: str, output: Path) -> bool:
    """Write a student's notebook; whether it is there, and nobody has changed it."""
    text = _handout.notebook(assignment, key, name)
    path = output / name / f"assignment_{assignment.name}.ipynb"
    if path.exists():
        return path.read_text(encoding="utf-8") == text
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, text)
    return True


def grade(
    folder: str,
    which: str,
    students: str,
    secret: str,
    output: str,
    *,
    points: str | None = None,
    by_hand: str | None = None,
    seconds: int = 120,
    memory: float = 2.0,
    fenced: bool = True,
) -> int:
    """Run, judge and mark what a class handed in; write a table, and a page for each student.

    Returns
    -------
    int
        0 if everybody was judged, 1 if something stands in the way; it is printed.
    """
    try:
        limits = _limits(seconds, memory)
        assignment = read_assignment(which)
        names = read_class(Path(students))
        key = _secret(secret)
        place = _output(output, folder, assignment)
        worth = _marks.read_points(assignment, points)
        table = place / _marks.TO_READ
        filled_in = _marks.read_by_hand(assignment, names, table if table.exists() else None)
        marked = _marks.read_by_hand(assignment, names, by_hand)
        handed_in, strangers = entries(Path(folder), names)
        hidden = [Path(folder), place, Path(students)]
        hidden += [Path(path) for path in (secret, points, by_hand) if path and path != "-"]
        with Sandbox(hidden, limits, fenced=fenced) as sandbox:
            _try_fence(sandbox, [Path(folder), *([Path(secret)] if secret != "-" else [])], fenced)
            records = {
                name: _record(sandbox, assignment, key, name, handed_in.get(name, []), place)
                for name in names
            }
        _marks.write(assignment, records, worth, {**filled_in, **marked}, place)
        _write(table, _marks.to_read(assignment, records, filled_in, marked), "utf-8-sig")
    except (ValueError, OSError) as error:
        print(printable(str(error)), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on where this one stopped.", file=sys.stderr)
        return 1
    for stranger in strangers:
        print(printable(f"{stranger}: of nobody on the list; not looked at."), file=sys.stderr)
    print(printable(f"{place / 'grades.csv'}, and a page for each student beside it"))
    if assignment.written:
        print(printable(f"{table}: the written answers; fill in points, and repeat the command"))
    return 0


def _limits(seconds: int, memory: float) -> Limits:
    if not (seconds >= 1 and 0.25 <= memory <= 1024):
        raise ValueError("limits: give at least one second, and memory of 0.25 to 1024 GiB.")
    return Limits(int(seconds), int(memory * 2**30))


def _secret(path: str, *, make: bool = False) -> bytes:
    """The secret in a file outside every repository, or from standard input."""
    if path == "-":
        found = sys.stdin.buffer.readline().strip()
    else:
        place = Path(path).resolve()
        if any((parent / ".git").exists() for parent in place.parents):
            raise ValueError(f"secret: {path} lies in a repository; keep it elsewhere.")
        if make and not place.exists():
            handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(32) + "\n")
            print(printable(f"A new secret: {path}. Without it nothing can be graded; keep it."))
        if not place.is_file():
            raise ValueError(f"secret: no file at {path}; give the one of the handing out.")
        found = place.read_bytes().strip()
    if len(found) < _SHORTEST:
        raise ValueError(f"secret: it has fewer than {_SHORTEST} characters; anybody guesses it.")
    return found


def _output(output: str, folder: str, assignment: Assignment) -> Path:
    place = Path(output)
    if place.resolve().is_relative_to(Path(folder).resolve()):
        raise ValueError("output: it lies among the submissions; give a folder elsewhere.")
    if not _marks.are_of(place / "grades.csv", assignment):
        raise ValueError(
            f"output: {output} has the grades of another assignment; give --output another folder."
        )
    (place / "records").mkdir(parents=True, exist_ok=True)
    return place


def _try_fence(sandbox: Sandbox, keys: list[Path], fenced: bool) -> None:
    """Let a burglar of our own try the sandbox, on this machine, now."""
    found = sandbox.open_to(keys)
    if found and fenced:
        raise ValueError(
            f"The sandbox does not hold here: {'; '.join(found)}. Grade on Linux 6.2 or later (in "
            "a container or WSL, too), or, if you trust the class, add --unfenced: time, memory "
            "and output are limited all the same."
        )
    if found:
        print(printable(f"Without a fence: {'; '.join(found)}."), file=sys.stderr)


def _record(
    sandbox: Sandbox,
    assignment: Assignment,
    key: bytes,
    name: str,
    found: Sequence[Path],
    place: Path,
) -> dict[str, Any]:
    """What was found of one student: from before if nothing has changed, else anew."""
    submission = read_submission(found, assignment.name)
    asked = {q.answer: calls(q, q.numbers(key, name)) for q in assignment.questions}
    numbers = repr([(q.name, q.like, q.numbers(key, name)) for q in assignment.questions])
    parts = [submission.digest(), numbers, repr(sandbox.limits)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    path = place / "records" / f"{name}.json"
    record: dict[str, Any] | None = _kept(path, digest)
    if record is None:
        started = time.monotonic()
        run = _run(sandbox, submission, asked, path.with_suffix(".running"))
        checks = {q: asdict(v) for q, v in judge(assignment, key, name, run.answers).items()}
        record = {
            "student": name,
            "digest": digest,
            "handed_in": writable(", ".join(entry.name for entry in found)),
            "problem": writable(submission.problem or run.ended),
            "errors": run.errors,
            "printed": run.printed,
            "fence": run.open or "closed",
            "seconds": round(time.monotonic() - started, 1),
            "checks": checks,
        }
        _write(path, json.dumps(record, indent=1))
        path.with_suffix(".running").unlink(missing_ok=True)
    record["written"] = {
        written.name: writable(_handout.answered(written, submission.under(written.name)))
        for written in assignment.written
    }
    right = [check["right"] for check in record["checks"].values()]
    words = f"{name}: {sum(right)} of {len(right)} right. {record['problem']}"
    print(printable(words.rstrip()), flush=True)
    return record


def _run(sandbox: Sandbox, submission: Submission, asked: Mapping[str, list], running: Path) -> Run:
    """Run a submission, unless it has ended the grader before, again and again."""
    if submission.problem:
        return Run()
    tries = int(running.read_text()) + 1 if running.exists() else 1
    if tries > _TRIES:
        return Run(ended="Twice, the grader itself ended while this ran; it is not run again.")
    _write(running, str(tries))
    try:
        return sandbox.run(submission.cells, asked, submission.files, script=submission.script)
    except KeyboardInterrupt:  # of the instructor, and no fault of the submission
        running.unlink(missing_ok=True)
        raise


def _kept(path: Path, digest: str) -> dict[str, Any] | None:
    """A record of before, if it is of the same submission and question."""
    with contextlib.suppress(OSError, ValueError):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["digest"] == digest:
            return record
    return None


def _write(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a file as a whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(text, encoding=encoding, newline="")
    os.replace(draft, path)
