"""Run submissions apart: another process, without the checks, with limits, watched from outside.

A submission gets a folder of its own, a copy of the package without its checks, and Python's
libraries. It hands its answers back through a pipe, so that no file of its making is ever opened.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import site
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from .._shipped import PACKAGE_FOLDER, SHIPPED_FOLDER

_HERE = Path(__file__).resolve().parent
_ANSWERS = 4 * 2**20  # bytes of answers, all together
_PRINTED = 20_000  # characters of what is printed that are kept
_WRITTEN = 256 * 2**20  # bytes in files, all together
_FILES = 2000
_LOOK = 0.05  # seconds between two looks
_STUB = '''"""The checks are not here: answers are judged elsewhere."""


def check(exercise, answer):
    """Say that nothing is checked here."""
    print(f"{exercise}: judged after it is handed in.")
'''

_BURGLAR = """
import os, socket, subprocess, sys, tempfile
through = []
def attempt(words, act):
    try:
        act()
    except BaseException:
        return
    through.append(words)
for path in {paths!r}:
    attempt("it can read " + path, lambda: os.listdir(path) if os.path.isdir(path) else open(path))
attempt("it can write outside its folder", lambda: open(os.path.join("..", "here"), "w"))
attempt("it can start processes", lambda: subprocess.run([sys.executable, "-c", ""]))
attempt("it can reach other processes", lambda: os.kill(os.getppid(), 0))
attempt("it can open connections", lambda: socket.socket())
through = list(through)
"""


@dataclass(frozen=True)
class Limits:
    """What a submission may use: seconds on the clock, bytes of memory."""

    seconds: int = 120
    memory: int = 2 * 2**30


@dataclass
class Run:
    """What came of a submission.

    Attributes
    ----------
    answers : dict
        By name, as JSON had them.
    errors : list of (int, str)
        Cells that raised, counted from 1, and what.
    printed : str
        The first of what it printed.
    ended : str
        Why it did not come to its end; empty if it did.
    open : str
        Why there was no fence; empty if there was.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    errors: list[tuple[int, str]] = field(default_factory=list)
    printed: str = ""
    ended: str = ""
    open: str = ""


class Sandbox:
    """A place where submissions run, one after the other.

    Parameters
    ----------
    hidden : sequence of paths
        What nobody inside may read, though it may lie in a folder that can be read.
    limits : Limits
    fenced : bool
        Whether to refuse to run anything where the system has no fence.
    """

    def __init__(self, hidden: Sequence[Path], limits: Limits, *, fenced: bool = True) -> None:
        self.limits, self.fenced = limits, fenced
        self._folder = Path(tempfile.mkdtemp(prefix="ibhelpers-"))
        self._path = _libraries()
        shut = [Path(path).resolve() for path in (*hidden, PACKAGE_FOLDER)]
        open_ = [*_system(), *map(Path, self._path)]
        if os.environ.get("IBHELPERS_DATA"):
            open_.append(Path(os.environ["IBHELPERS_DATA"]))
        self._readable = sorted({str(p) for root in open_ for p in _but(root.resolve(), shut)})
        self._readable.append("/proc/self")  # whose it is, is seen inside

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        _remove(self._folder)

    def open_to(self, secrets: Sequence[Path]) -> list[str]:
        """What a submission could do here and should not: tried, not believed."""
        target = {name: str(Path(path).resolve()) for name, path in enumerate(secrets)}
        run = self.run([_BURGLAR.format(paths=list(target.values()))], {"through": []})
        if run.open or run.ended or not isinstance(run.answers.get("through"), list):
            return [run.open or run.ended or run.printed[-500:]]
        return [str(words) for words in run.answers["through"]]

    def run(
        self,
        cells: Sequence[str],
        answers: Mapping[str, list[list]],
        files: Mapping[str, bytes] | None = None,
        *,
        script: bool = False,
    ) -> Run:
        """Run cells, and collect answers; those that are functions are called as is said here.

        Parameters
        ----------
        cells : sequence of str
        answers : mapping from a name to lists of arguments
            A function is called with each; the list is empty where none is asked for.
        files : mapping from relative paths to contents, optional
            What lies beside the code.
        script : bool
            Whether the first thing that fails ends it.
        """
        place = Path(tempfile.mkdtemp(prefix="run-", dir=self._folder))
        try:
            work = place / "work"
            work.mkdir()
            for name, content in (files or {}).items():
                (work / name).parent.mkdir(parents=True, exist_ok=True)
                (work / name).write_bytes(content)
            library = place / "library"  # anew for each: what one does to it, no other sees
            _copy_without_checks(library)
            for name in ("_inside.py", "_fence.py"):
                shutil.copyfile(_HERE / name, place / name)
            order = dict(
                cells=list(cells),
                answers=dict(answers),
                script=script,
                path=[str(library), *self._path, str(work)],
                readable=[*self._readable, str(place)],
                writable=[str(work), os.devnull],
                memory=self.limits.memory,
                seconds=self.limits.seconds,
                fenced=self.fenced,
            )
            return _watched(place, work, order, self.limits, set(answers))
        finally:
            _remove(place)


def _watched(place: Path, work: Path, order: dict, limits: Limits, names: set[str]) -> Run:
    """Start the process, look at it until it ends, and end it where it goes too far."""
    command = [sys.executable, "-I", "-B", "-X", "utf8", str(place / "_inside.py")]
    with _orphans_come_here():
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=work,
            env=_environment(work),
            start_new_session=os.name == "posix",
        )
        assert process.stdin and process.stdout and process.stderr
        said, printed = _Kept(process.stdout, _ANSWERS), _Kept(process.stderr, 4 * _PRINTED)
        family: set[psutil.Process] = set()
        try:
            with contextlib.suppress(OSError):  # it may be gone
                process.stdin.write(json.dumps(order).encode() + b"\n")
                process.stdin.close()
            ended = _look(process, family, work, limits, said)
        finally:
            _end(process, family)
    run = Run(printed=printed.text()[:_PRINTED], ended=ended)
    finished = _read_answers(said.text(), names, run)
    if not run.ended and not finished:
        run.ended = f"It ended itself, with the code {process.returncode}, before it was done."
    return run


def _look(process, family: set[psutil.Process], work: Path, limits: Limits, said: _Kept) -> str:
    """Wait for the end; why it was not waited for, in words."""
    started = time.monotonic()
    while process.poll() is None:
        time.sleep(_LOOK)
        if time.monotonic() - started > limits.seconds:
            return f"It was stopped after {limits.seconds} seconds."
        if said.full:
            return "It was stopped: it handed back far more than answers."
        used, written = _used(process.pid, family)
        if used > limits.memory:
            return f"It was stopped: it used more than {limits.memory / 2**30:g} GiB of memory."
        if written > _WRITTEN or not _few_files(work):
            return "It was stopped: it wrote too many files, or too much."
    return ""


def _used(pid: int, family: set[psutil.Process]) -> tuple[int, int]:
    """Bytes of memory, and bytes written, of a process and of all that it started."""
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(pid)
        family |= {first, *first.children(recursive=True)}
    used = written = 0
    for member in family:
        with contextlib.suppress(psutil.Error, OSError):
            used += member.memory_info().rss
            counted = getattr(member, "io_counters", lambda: None)()  # macOS does not count
            if counted is not None:
                written += max(counted.write_bytes, getattr(counted, "write_chars", 0))
    return used, written


def _few_files(work: Path) -> bool:
    """Whether what lies in a folder is little; links are not followed."""
    size = count = 0
    folders = [str(work)]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                count += 1
                if count > _FILES:
                    return False
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        size += entry.stat(follow_symlinks=False).st_size
    return size <= _WRITTEN


def _end(process, family: set[psutil.Process]) -> None:
    """End a process and all that it started."""
    _used(process.pid, family)
    if os.name == "posix":
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    for member in family:
        with contextlib.suppress(psutil.Error):
            member.kill()  # unless it has ended, and another one has its number
    process.kill()
    process.wait()


@contextlib.contextmanager
def _orphans_come_here() -> Iterator[None]:
    """On Linux, what a submission starts and leaves behind becomes our child, and is ended."""
    if not sys.platform.startswith("linux"):
        yield
        return
    libc, ours = ctypes.CDLL(None), psutil.Process()
    before = set(ours.children())
    libc.prctl(36, 1, 0, 0, 0)
    try:
        yield
    finally:
        for orphan in set(ours.children()) - before:
            with contextlib.suppress(psutil.Error, ChildProcessError):
                for member in [orphan, *orphan.children(recursive=True)]:
                    member.kill()
                os.waitpid(orphan.pid, 0)
        libc.prctl(36, 0, 0, 0, 0)


class _Kept:
    """The beginning of what comes through a pipe; the rest is read and forgotten."""

    def __init__(self, pipe: IO[bytes], most: int) -> None:
        self.full = False
        self._parts: list[bytes] = []
        self._most = most
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def _read(self, pipe: IO[bytes]) -> None:
        left = self._most
        with pipe, contextlib.suppress(OSError):
            while part := os.read(pipe.fileno(), 65536):
                if left > 0:
                    self._parts.append(part[:left])
                left -= len(part)
                self.full = left < 0

    def text(self) -> str:
        self._reader.join(timeout=2)  # longer only if somebody else holds the pipe
        return b"".join(self._parts).decode("utf-8", errors="replace")


def _read_answers(said: str, names: set[str], run: Run) -> bool:
    """Put what came into the run, whatever it is; whether the end came, too."""
    finished = False
    for line in said.split("\n"):
        try:
            found = json.loads(line, parse_int=_whole)
        except (ValueError, RecursionError):
            continue
        if not isinstance(found, dict):
            continue
        if isinstance(found.get("name"), str) and found["name"] in names and "answer" in found:
            run.answers[found["name"]] = found["answer"]
        elif isinstance(found.get("error"), str) and isinstance(found.get("cell"), int):
            run.errors = [*run.errors, (found["cell"], writable(found["error"][:300]))][:20]
        elif isinstance(found.get("fence"), str) and not run.open:
            run.open = found["fence"]
        finished = finished or found.get("done") is True
    return finished


def writable(text: str) -> str:
    """A text that can be written down: JSON may hold halves of letters, which UTF-8 does not."""
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def _whole(digits: str) -> int:
    return int(digits) if len(digits) <= 310 else 10**310 * (-1 if digits[0] == "-" else 1)


def _environment(work: Path) -> dict[str, str]:
    """What is told to the process of where it is; nothing of what we were told."""
    kept = ("PATH", "SYSTEMROOT", "IBHELPERS_DATA", "LD_LIBRARY_PATH", "TZ")
    home = str(work)
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "HOME": home,
        "USERPROFILE": home,
        "TMPDIR": home,
        "TEMP": home,
        "TMP": home,
        "MPLCONFIGDIR": home,
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "JOBLIB_MULTIPROCESSING": "0",
        "LANG": "C.UTF-8",
    }


def _libraries() -> list[str]:
    """Where Python's own modules and installed ones are; no folder of a project's own."""
    installed = {*site.getsitepackages(), site.getusersitepackages()}
    own = [Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve()]
    return [
        path
        for path in sys.path
        if path
        and Path(path).exists()
        and (path in installed or any(Path(path).resolve().is_relative_to(p) for p in own))
    ]


def _system() -> list[Path]:
    """What a program needs of a system, to be read only."""
    named = "/usr /lib /lib64 /etc/ld.so.cache /etc/localtime /proc/cpuinfo /proc/meminfo"
    named += " /sys/devices/system /dev/urandom /dev/random /dev/zero"
    return [Path(sys.prefix), Path(sys.base_prefix), *map(Path, named.split())]


def _but(root: Path, shut: Sequence[Path]) -> Iterator[Path]:
    """A folder if nothing in it is shut, else what is in it, one by one."""
    if any(root.is_relative_to(path) for path in shut):
        return
    if not any(path.is_relative_to(root) for path in shut):
        yield root
    elif root.is_dir():
        for entry in root.iterdir():
            yield from _but(entry, shut)


def _copy_without_checks(library: Path) -> None:
    """The package, but for its checks and its command line."""
    library.mkdir()
    shutil.copytree(
        PACKAGE_FOLDER,
        library / "ibhelpers",
        ignore=lambda folder, names: [
            name
            for name in names
            if name == "__pycache__"
            or (Path(folder) == PACKAGE_FOLDER and name in ("exercises", "command_line", "data"))
        ],
    )
    stub = library / "ibhelpers" / "exercises"
    stub.mkdir()
    (stub / "__init__.py").write_text(_STUB, encoding="utf-8")
    shutil.copytree(SHIPPED_FOLDER, library / "data")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
