"""One comparison over several draws of data: means, standard errors, paired differences."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..._arguments import file_name, generator_of, number, one_of, probability, several, whole
from ..._cluster import answers_of, workers_of
from ..._progress import silenced, steps
from ..._typed import typed
from ...networks.checkpoint import task_identity
from ...tasks import Task

if TYPE_CHECKING:
    import pandas as pd

Question = Callable[[Task], Mapping[str, float]]
_FORMAT = "ibhelpers draws 1"


@dataclass(frozen=True, eq=False)
class Draws:
    """What a comparison found on every draw of data.

    Attributes
    ----------
    values : pandas.DataFrame
        One row a draw, one column for each number that the comparison gave.
    """

    values: pd.DataFrame

    def summary(self, confidence: float = 0.95) -> pd.DataFrame:
        """Mean and spread of every number, one row each.

        Parameters
        ----------
        confidence : float
            Of both intervals.

        Returns
        -------
        pandas.DataFrame
            Columns ``mean``; ``standard_error`` of the mean; ``low`` and ``high``, an interval for
            the mean; ``next_low`` and ``next_high``, in which another draw falls with that
            probability; ``draws``, how many there are. Intervals are Student's: they hold if the
            numbers are roughly normal over draws, and are NaN for a single draw.
        """
        import pandas as pd

        rows = {str(name): _student(column, confidence) for name, column in self.values.items()}
        return pd.DataFrame(rows).T.astype({"draws": int})

    @typed
    def difference(self, a: str, b: str, confidence: float = 0.95) -> pd.Series:
        """Mean of a − b over draws, paired: each draw is compared with itself.

        Parameters
        ----------
        a, b : str
            Names of columns of ``values``.
        confidence : float
            Of both intervals.

        Returns
        -------
        pandas.Series
            As a row of `summary`, and ``positive``, the number of draws where a > b.

        Raises
        ------
        ValueError
            If there is no column of a name.
        """
        import pandas as pd

        names = [str(name) for name in self.values]
        columns = [self.values[one_of(what, name, names)] for what, name in (("a", a), ("b", b))]
        apart = columns[0] - columns[1]
        found = _student(apart, confidence) | {"positive": float((apart > 0).sum())}
        return pd.Series(found, name=f"{a} - {b}")

    def __repr__(self) -> str:
        """Return the summary as a table."""
        return self.summary().to_string(float_format=lambda value: f"{value:.4g}")


@typed
def draws(
    question: Question,
    tasks: Task | Iterable[Task],
    n: int | None = None,
    *,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    processes: int | None = None,
    progress: bool = True,
    client: Any = None,
) -> Draws:
    """Ask one question of several independent draws of training and test data.

    A number from one draw says nothing of how it would come out on another. Draws that share
    examples are not independent, and their standard errors are too small: they are refused.

    Parameters
    ----------
    question : callable
        Takes a `Task` and returns numbers by name, such as ``{"bits": 12.3, "evidence": 45.6}``; a
        function of your own, also one that was defined in a notebook.
    tasks : Task, or iterable of Task
        One large task, which is cut into ``n`` smaller ones: its training examples are shuffled and
        dealt, and so are its test examples. Or tasks that have no example in common, such as those
        of a simulation with different seeds.
    n : int
        Into how many draws a single task is cut.
    seed : int
        Of the shuffling.
    checkpoint : path-like, optional
        A file to which every finished draw is added, so that a run that was killed goes on where it
        was. A file of another question, or of other data, is refused.
    processes : int, optional
        Draws asked at a time, each in a process and on one thread; as many as there are cores when
        not given. With 1, all happens in this process, on its threads. A script that asks for more
        does so below ``if __name__ == "__main__":``, as all scripts that start processes.
    progress : bool
        Whether to show a progress bar. It stands for those of the question, which do not show.
    client : dask.distributed.Client, optional
        On whose workers to ask, in the place of processes of this machine. A worker that dies costs
        the draws that it was asked. Needs ``pip install ibhelpers[cluster]``.

    Returns
    -------
    Draws

    Raises
    ------
    ValueError
        If two draws have an example in common, a task is too small to be cut, the question returns
        something other than numbers by name, or NaN, or not the same names for all draws; or if the
        checkpoint is of something else; if both processes and a client are given.
    ImportError
        If a client is given and Dask is not installed.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> def bits(task):
    ...     law = ib.GaussianSpace(0.06 * ib.kernels.RBF(2.0), noise=1e-4).loss_law(task)
    ...     return {f"bits at {e}": ib.inductive_bias(law, e).bits for e in (0.03, 0.02)}
    >>> task = ib.tasks.load("digits", n_train=600, n_test=300)
    >>> found = ib.compare.draws(bits, task, 3, processes=1)
    >>> found.summary().index.tolist(), len(found.values)
    (['bits at 0.03', 'bits at 0.02'], 3)
    """
    import pandas as pd

    if not callable(question):
        raise ValueError(f"question: found {question!r}; give a function of a Task.")
    if client is not None:
        workers_of(client)
        if processes is not None:
            raise ValueError("processes: found a client too, which has its workers; give one.")
    parts = _parts(tasks, n, seed)
    names = [_checksum(task) for task in parts]
    book = _Book(checkpoint, question)
    known = book.read()
    if strangers := set(known) - set(names):
        raise ValueError(
            f"checkpoint: {str(checkpoint)!r} holds {len(strangers)} draws of other data; give "
            "another file name, or the tasks that it was made with."
        )
    left = [i for i, name in enumerate(names) if name not in known]
    done = len(parts) - len(left)
    with steps("draws", len(parts), "draws", shown=progress, initial=done, leave=True) as bar:
        unasked = [parts[i] for i in left]
        asked = (
            _asked(question, unasked, processes)
            if client is None
            else _asked_of(client, question, unasked)
        )
        for i, values in asked:
            known[names[left[i]]] = values
            book.add(names[left[i]], values)
            bar.update()
    table = [known[name] for name in names]
    if any(set(row) != set(table[0]) for row in table):
        raise ValueError("question: it gave other names for one draw than for another.")
    return Draws(pd.DataFrame(table).rename_axis("draw"))


def _parts(tasks: Task | Iterable[Task], n: int | None, seed: int) -> list[Task]:
    """Tasks that have no example in common."""
    if isinstance(tasks, Task):
        return _cut(tasks, whole("n", n, at_least=1), seed)
    parts = several("tasks", tasks, "Tasks")
    if n is not None:
        raise ValueError("n: several tasks are not cut; give one task with n, or tasks without.")
    if not parts or not all(isinstance(part, Task) for part in parts):
        raise ValueError("tasks: found none, or something else; give a Task, or several.")
    _refuse_overlap(parts)
    return parts


def _cut(task: Task, n: int, seed: int) -> list[Task]:
    """Deal a task's shuffled examples to n tasks, whose sizes are all the same."""
    if min(task.n_train, task.n_test) < n:
        raise ValueError(
            f"n: found {n} draws for {task.n_train} training and {task.n_test} test examples; give "
            "a larger task, such as n times what one draw needs."
        )
    rng = generator_of(seed)
    train, test = (
        rng.permutation(size)[: size // n * n].reshape(n, -1)
        for size in (task.n_train, task.n_test)
    )
    return [_rows(task, *rows) for rows in zip(train, test, strict=True)]


def _rows(task: Task, train: np.ndarray, test: np.ndarray) -> Task:
    changed: dict[str, Any] = {}
    for part, rows in (("train", train), ("test", test)):
        for what in ("X", "y", "labels"):
            array = getattr(task, f"{what}_{part}")
            changed[f"{what}_{part}"] = None if array is None else array[rows]
    return replace(task, **changed)


def _refuse_overlap(parts: list[Task]) -> None:
    """Raise a ValueError if an example, its input and targets alike, is in two of the tasks."""
    seen: dict[bytes, int] = {}
    for i, task in enumerate(parts):
        for part in ("train", "test"):
            X, y = getattr(task, f"X_{part}"), getattr(task, f"y_{part}")
            for row, (x, target) in enumerate(zip(X, y, strict=True)):
                key = hashlib.blake2b(x.tobytes() + target.tobytes(), digest_size=16).digest()
                if seen.setdefault(key, i) != i:
                    raise ValueError(
                        f"tasks: draw {i} has an example (row {row} of X_{part}) that draw "
                        f"{seen[key]} has too. Draws that overlap make standard errors too small; "
                        "give one large task with n, which is cut into draws that do not."
                    )


def _asked(
    question: Question, tasks: list[Task], processes: int | None
) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield the place of each task, and what was found, in the order in which they end."""
    if processes is None:
        processes = _cores()
    processes = min(whole("processes", processes, at_least=1), max(1, len(tasks)))
    if processes == 1:
        for i, task in enumerate(tasks):
            with silenced():
                found = question(task)
            yield i, _checked(found, i)
        return
    import cloudpickle  # which takes functions of a notebook, too

    packed = cloudpickle.dumps(question)
    pool = ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), initializer=_one_thread
    )
    try:
        asked = {pool.submit(_ask, packed, task): i for i, task in enumerate(tasks)}
        for done in as_completed(asked):
            yield asked[done], _checked(done.result(), asked[done])
    except BrokenProcessPool:
        raise RuntimeError(
            "a process of draws() ended before its answer. In a script, call it below "
            "if __name__ == '__main__':; if memory ran out, give fewer processes."
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _asked_of(
    client: Any, question: Question, tasks: list[Task]
) -> Iterator[tuple[int, dict[str, float]]]:
    """The same, of a client's workers."""
    for i, found in answers_of(client, question, tasks):
        yield i, _checked(found, i)


def _ask(packed: bytes, task: Task) -> Mapping[str, float]:
    import cloudpickle

    with silenced():
        return cloudpickle.loads(packed)(task)


def _one_thread() -> None:
    torch.set_num_threads(1)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _checked(found: Any, draw: int) -> dict[str, float]:
    """What a question returned, as floats by name."""
    if not isinstance(found, Mapping) or not found:
        raise ValueError(
            f"question: it returned {type(found).__name__}; it must return numbers by name, such "
            "as {'bits': 12.3}."
        )
    try:
        values = {str(name): number("question", value) for name, value in found.items()}
    except ValueError:
        raise ValueError(f"question: found {found!r} for a draw; give one number a name.") from None
    if missing := [name for name, value in values.items() if math.isnan(value)]:
        raise ValueError(f"question: it gave NaN for {missing[0]!r} in draw {draw}.")
    return values


class _Book:
    """Finished draws on disk, one line each; a line that was cut short by the end is none."""

    def __init__(self, path: str | os.PathLike[str] | None, question: Question) -> None:
        self.path = None if path is None else file_name("checkpoint", path)
        self.head = {"format": _FORMAT, "question": _described(question)}
        if self.path is not None and (self.path.is_dir() or not self.path.parent.is_dir()):
            raise ValueError(
                f"checkpoint: found {str(path)!r}, which cannot be written as a file; give a file "
                "name in a folder that exists."
            )

    def read(self) -> dict[str, dict[str, float]]:
        """Numbers by the checksum of their task."""
        if self.path is None:
            return {}
        text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else ""
        lines = text.split("\n")[:-1]  # what follows the last newline was not finished
        if not lines:
            if text and not json.dumps(self.head).startswith(text):
                self._refuse("is no checkpoint of draws")
            self._write(json.dumps(self.head), mode="w")
            return {}
        try:
            head, *entries = [json.loads(line) for line in lines]
            found = {entry["task"]: dict(entry["values"]) for entry in entries}
            form = head.get("format")
        except (ValueError, TypeError, KeyError, AttributeError):
            self._refuse("is damaged, or no checkpoint of draws")
        if form != _FORMAT:
            self._refuse("is no checkpoint of draws")
        if head != self.head:
            self._refuse("belongs to another question, or to another version of it")
        if text != (whole_lines := "\n".join(lines) + "\n"):
            self._write(whole_lines.removesuffix("\n"), mode="w")
        return found

    def add(self, name: str, values: dict[str, float]) -> None:
        """Write one draw, and see it to the disk."""
        if self.path is not None:
            self._write(json.dumps({"task": name, "values": values}), mode="a")

    def _write(self, line: str, mode: str) -> None:
        assert self.path is not None
        with open(self.path, mode, encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _refuse(self, why: str) -> None:
        raise ValueError(
            f"checkpoint: {str(self.path)!r} {why}; remove it, or give another file name."
        )


def _described(question: Any) -> str:
    """What tells one question from another, the same in every session: names and source text."""
    if isinstance(question, partial):
        inner = [_described(question.func), repr(question.args), repr(question.keywords)]
        return f"partial({', '.join(inner)})"
    name = f"{getattr(question, '__qualname__', type(question).__qualname__)}"
    try:
        source = inspect.getsource(question if inspect.isroutine(question) else type(question))
    except (OSError, TypeError):
        source = ""
    return f"{name} {hashlib.sha256(source.encode()).hexdigest()[:16]}"


def _checksum(task: Task) -> str:
    return hashlib.sha256(json.dumps(task_identity(task)).encode()).hexdigest()[:24]


def _student(column: pd.Series, confidence: float) -> dict[str, float]:
    """Mean, its standard error, its interval, and that of the next value."""
    from scipy import stats

    values, n = column.to_numpy(dtype=np.float64), len(column)
    level = probability("confidence", confidence)
    mean, deviation, quantile = float(values.mean()), math.nan, math.nan
    if n > 1 and np.isfinite(values).all():
        deviation = float(values.std(ddof=1))
        quantile = float(stats.t.ppf(0.5 + level / 2, n - 1))
    error = deviation / math.sqrt(n)
    apart = quantile * deviation * math.sqrt(1 + 1 / n)
    return {
        "mean": mean,
        "standard_error": error,
        "low": mean - quantile * error,
        "high": mean + quantile * error,
        "next_low": mean - apart,
        "next_high": mean + apart,
        "draws": n,
    }
