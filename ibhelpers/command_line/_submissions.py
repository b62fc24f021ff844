"""Who is in the class, and what each has handed in, read without following anything anywhere."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import stat
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BYTES = 20 * 2**20  # of a submission, all together
_FILES = 200
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # of Windows


@dataclass
class Submission:
    """What somebody handed in: code, and what lay beside it; or why there is none."""

    cells: list[str] = field(default_factory=list)
    script: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    problem: str = ""
    everything: list[str] = field(default_factory=list)  # of a notebook: its text, too

    def under(self, heading: str) -> str:
        """What stands in the notebook from a heading on, up to the next one."""
        found: list[str] = []
        for source in self.everything:
            if source.startswith("### "):
                if found:
                    break
                if f"{source} ".startswith(f"### {heading} "):
                    found.append(source)
            elif found:
                found.append(source)
        return "\n\n".join(found)

    def digest(self) -> str:
        """Tells this one from any other."""
        found = hashlib.sha256(json.dumps([self.cells, self.script, self.problem]).encode())
        for name in sorted(self.files):
            found.update(json.dumps([name, len(self.files[name])]).encode() + self.files[name])
        return found.hexdigest()


def read_class(path: Path) -> dict[str, str]:
    """The names of a class, and under which name each hands in: its own if nothing else is said.

    One name a line; after a comma, the name of the file or folder that a platform made of it.

    Raises
    ------
    ValueError
        If a name cannot be that of a folder on every system, or stands there twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"students: {path} cannot be read as text: {error}.") from error
    found: dict[str, str] = {}
    seen: dict[str, str] = {}
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        if not row or not row[0].strip():
            continue
        name = unicodedata.normalize("NFC", row[0].strip())
        if not _is_safe(name):
            raise ValueError(
                f"students: {name!r} can be no folder's name on every system; write it without "
                'any of <>:"/\\|?* and without a dot at an end.'
            )
        for given in (name, row[1].strip() if len(row) > 1 and row[1].strip() else name):
            key = unicodedata.normalize("NFKC", given).casefold()
            if seen.setdefault(key, name) != name:
                raise ValueError(f"students: {given!r} stands for two; tell them apart.")
        if name in found:
            raise ValueError(f"students: {name!r} stands there twice.")
        found[name] = unicodedata.normalize("NFC", given)
    if not found:
        raise ValueError(f"students: {path} names nobody; write one name a line.")
    return found


def _is_safe(name: str) -> bool:
    """Whether a name is a name of a file or folder everywhere, and nothing else."""
    if not 0 < len(name) <= 100 or _DEVICES.fullmatch(name):
        return False
    bad = set('<>:"/\\|?*')
    return name.strip(". ") == name and not any(
        letter in bad or unicodedata.category(letter)[0] == "C" for letter in name
    )


def entries(folder: Path, students: Mapping[str, str]) -> tuple[dict[str, list[Path]], list[str]]:
    """Where each student's submission lies, and what lies there of nobody in the class."""
    if not folder.is_dir():
        raise ValueError(f"folder: no folder at {folder}.")
    owner = {given: name for name, given in students.items()}
    found: dict[str, list[Path]] = {}
    strangers = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        called = unicodedata.normalize("NFC", entry.name)
        stem = Path(called).stem if called.endswith((".ipynb", ".py")) else called
        name = owner.get(called) or owner.get(stem)
        if name is None:
            strangers.append(entry.name)
        else:
            found.setdefault(name, []).append(entry)
    return found, strangers


def read_submission(handed_in: Sequence[Path], assignment: str) -> Submission:
    """Read what one student handed in; a `problem` if it cannot be read, and never an error."""
    if not handed_in:
        return Submission(problem="Nothing was handed in.")
    if len(handed_in) > 1:
        listed = ", ".join(entry.name for entry in handed_in)
        return Submission(problem=f"Which is meant: {listed[:200]}?")
    try:
        files = _files(handed_in[0])
        name = _code_of(list(files), assignment)
        content = files.pop(name)
        if name.endswith(".py"):
            return Submission([content.decode("utf-8-sig")], True, files)
        code, everything = _cells(content)
        return Submission(code, False, files, everything=everything)
    except _Unreadable as error:
        return Submission(problem=str(error))
    except UnicodeDecodeError:
        return Submission(problem="The code is no text in UTF-8.")
    except OSError as error:
        return Submission(problem=f"It could not be read: {error.strerror}.")


class _Unreadable(Exception):
    pass


def _files(entry: Path) -> dict[str, bytes]:
    """Every file of a submission, by its path in it. Links, pipes and the like are no files."""
    if entry.is_symlink():
        raise _Unreadable("It is a link, and no file or folder.")
    if not entry.is_dir():
        return {entry.name: _content(entry, _BYTES)}
    found: dict[str, bytes] = {}
    left = _BYTES
    for folder, inner, names in os.walk(entry, followlinks=False):
        inner[:] = [n for n in inner if not n.startswith((".", "__")) and _is_safe(n)]
        for name in sorted(names):
            path = Path(folder, name)
            if name.startswith(".") or not _is_safe(name) or not stat.S_ISREG(path.lstat().st_mode):
                continue
            if len(found) == _FILES:
                raise _Unreadable(f"It has more than {_FILES} files.")
            found[path.relative_to(entry).as_posix()] = _content(path, left)
            left -= len(found[path.relative_to(entry).as_posix()])
    return found


def _content(path: Path, most: int) -> bytes:
    """What a regular file holds."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _Unreadable("It is no regular file.")
        content = file.read(most + 1)
    if len(content) > most:
        raise _Unreadable(f"It is larger than {_BYTES / 2**20:g} MiB.")
    return content


def _code_of(names: list[str], assignment: str) -> str:
    """Which of the files is the submission."""
    at_top = [n for n in names if n.endswith((".ipynb", ".py")) and "/" not in n]
    for candidates in (
        [n for n in at_top if Path(n).stem == f"assignment_{assignment}"],
        [n for n in at_top if n.endswith(".ipynb")],
        at_top,
    ):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            break
    if not at_top:
        raise _Unreadable("There is no notebook (.ipynb) and no script (.py) in it.")
    raise _Unreadable(
        f"Which is meant: {', '.join(sorted(at_top))[:200]}? Call it assignment_{assignment}.ipynb."
    )


def _cells(content: bytes) -> tuple[list[str], list[str]]:
    """The code of a notebook, and all that stands in it."""
    try:
        notebook: Any = json.loads(content)
        cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _Unreadable("It is no notebook that can be read.") from error
    return [source for kind, source in cells if kind == "code"], [source for _, source in cells]
