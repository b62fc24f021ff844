"""Draws of data for the chapters' questions, and the files that keep what was found.

A chapter asks its question of one draw; a program beside this file asks the same question, word
for word, of that draw and of others, and writes the answers to data/draws/, from where the chapter
reads them with `ib.compare.recorded`. It needs the full data sets, which `python -m ibhelpers data
where` looks for.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

import ibhelpers as ib

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "data" / "draws"


def first_and_others(
    first: ib.Task, pool: ib.Task, n: int, *, balanced: bool, seed: int = 0
) -> list[ib.Task]:
    """A task, and n - 1 others of its size that share no example with it or with one another.

    The others are dealt from the training examples of `pool`, without those of `first` and without
    repeated images; balanced, every class is dealt equally often.
    """
    rows = pool.X_train
    assert pool.labels_train is not None and first.labels_train is not None
    _, kept = np.unique(_keys(rows), return_index=True)
    taken = set(_keys(first.X_train)) | set(_keys(first.X_test))
    keys = _keys(rows[kept])
    kept = kept[[key not in taken for key in keys]]
    kept = np.random.default_rng(seed).permutation(kept)
    if balanced:  # one of each class in turn
        classes = [kept[pool.labels_train[kept] == c] for c in np.unique(pool.labels_train)]
        shortest = min(map(len, classes))
        kept = np.stack([members[:shortest] for members in classes], axis=1).ravel()
    size = first.n_train + first.n_test
    return [first] + [_dealt(first, pool, kept[i * size : (i + 1) * size]) for i in range(n - 1)]


def _keys(rows: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in np.round(rows * 255).astype(np.uint8)]


def _dealt(first: ib.Task, pool: ib.Task, rows: np.ndarray) -> ib.Task:
    if len(rows) < first.n_train + first.n_test:
        raise ValueError("n: the pool has too few examples for so many draws.")
    assert pool.labels_train is not None
    train, test = rows[: first.n_train], rows[first.n_train :]
    return replace(
        first,
        X_train=pool.X_train[train],
        y_train=pool.y_train[train],
        labels_train=pool.labels_train[train],
        X_test=pool.X_train[test],
        y_test=pool.y_train[test],
        labels_test=pool.labels_train[test],
    )


def keep(
    name: str,
    question: Callable[[ib.Task], dict[str, float]],
    tasks: Iterable[ib.Task],
    *,
    of: str,
    processes: int = 1,
) -> ib.compare.Draws:
    """Ask a question of all draws, resume what was cut short, and write data/draws/NAME.json.

    `of` says in words of which draws: it stands beside the numbers on the page of results.
    """
    FOLDER.mkdir(exist_ok=True)
    unfinished = FOLDER / f"{name}.part"
    begun = time.perf_counter()
    found = ib.compare.draws(question, tasks, checkpoint=unfinished, processes=processes)
    write(name, found.values.to_dict("list"), of=of, seconds=time.perf_counter() - begun)
    unfinished.unlink()
    return found


def keep_several(
    name: str,
    question: Callable[[ib.Task], dict[str, float]],
    tasks: Mapping[str, Callable[[], Iterable[ib.Task]]],
    *,
    of: str,
) -> ib.compare.Draws:
    """As `keep`, of draws of several tasks, each made when its turn comes.

    The columns are the question's, with "TASK, " before them: "MNIST, bits".
    """
    FOLDER.mkdir(exist_ok=True)
    begun, columns, unfinished = time.perf_counter(), {}, []
    for number, (task, draws) in enumerate(tasks.items()):
        unfinished.append(FOLDER / f"{name}_{number}.part")
        found = ib.compare.draws(question, draws(), checkpoint=unfinished[-1], processes=1)
        columns |= {f"{task}, {column}": v.to_list() for column, v in found.values.items()}
    write(name, columns, of=of, seconds=time.perf_counter() - begun)
    for part in unfinished:
        part.unlink()
    return ib.compare.recorded(name)


def write(name: str, values: dict[str, list], *, of: str, seconds: float) -> None:
    """Write a table, column by column, with what it was made of and on."""
    record = {
        "of": of,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "seconds": round(seconds, 1),
        "cores": os.cpu_count(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "ibhelpers": ib.__version__,
        },
        "values": values,
    }
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
