"""Finished hypotheses on disk, so that a run that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from .._warnings import warn
from ..tasks import Task
from .training import Columns

_FORMAT = "ibhelpers networks 1"

Identity = dict[str, str | list[float]]
"""Everything that a hypothesis depends on beside its number: text, or numbers equal to rounding."""


class Checkpoint:
    """One npz file that at every moment is a whole checkpoint, or is not there.

    It holds arrays and text only, and is never read as pickle.

    Parameters
    ----------
    path : path-like
        The file; its folder must exist.
    identity : dict
        What the hypotheses depend on. A file of another identity is refused.

    Raises
    ------
    ValueError
        If the path cannot be a file.
    """

    def __init__(self, path: str | os.PathLike[str], identity: Identity) -> None:
        self.path, self.identity = Path(path), identity
        if not self.path.parent.is_dir() or self.path.is_dir():
            raise ValueError(
                f"checkpoint: found {str(path)!r}, which cannot be written as a file; give a file "
                "name in a folder that exists."
            )
        self._scratch = self.path.with_name(self.path.name + ".tmp")
        self._works = True

    def load(self) -> tuple[Columns, float]:
        """Finished hypotheses and the seconds they took; nothing and 0 if there is no file.

        Raises
        ------
        ValueError
            If the file is truncated or damaged, is no checkpoint, or belongs to another run; the
            message names the difference.
        """
        if not self.path.exists():
            return {}, 0.0
        try:
            with open(self.path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
                found = {name: file[name] for name in file.files}  # zip checksums are verified
            if str(found.pop("format")) != _FORMAT:
                raise KeyError("format")
            identity, seconds = json.loads(str(found.pop("identity"))), float(found.pop("seconds"))
        except Exception as error:  # a damaged file may raise anything
            raise ValueError(
                f"checkpoint: {str(self.path)!r} is truncated, damaged, or no checkpoint of "
                f"networks ({type(error).__name__}); remove it, or give another file name."
            ) from None
        self._refuse_another(identity)
        return found, seconds

    def save(self, columns: Columns, seconds: float) -> None:
        """Write finished hypotheses, all or nothing; if that fails, warn once and go on.

        Warns
        -----
        UserWarning
            If the file cannot be written, as when the disk is full.
        """
        try:
            with open(self._scratch, "wb") as file:
                arrays: dict[str, Any] = dict(columns)
                np.savez(
                    file,
                    format=np.array(_FORMAT),
                    identity=np.array(json.dumps(self.identity)),
                    seconds=np.array(seconds),
                    **arrays,
                )
                file.flush()
                os.fsync(file.fileno())  # the contents are on the disk before the name is
            os.replace(self._scratch, self.path)
        except OSError as error:
            self._scratch.unlink(missing_ok=True)
            if self._works:
                warn(
                    f"checkpoint: {str(self.path)!r} could not be written ({error}); the run goes "
                    "on in memory and tries again after each chunk. Free some space."
                )
            self._works = False

    def _refuse_another(self, theirs: Identity) -> None:
        differences = [
            _difference(name, theirs.get(name), self.identity.get(name))
            for name in {**self.identity, **theirs}
            if not _same(theirs.get(name), self.identity.get(name))
        ]
        if differences:
            raise ValueError(
                f"checkpoint: {str(self.path)!r} belongs to another run: {'; '.join(differences)}. "
                "Give another file name, or the configuration and task that it was made with."
            )


def task_identity(task: Task) -> Identity:
    """Checksums of the task's arrays, under names that a message can show."""
    arrays = ("X_train", "y_train", "X_test", "y_test", "labels_train", "labels_test")
    identity: Identity = {}
    for name in arrays:
        array = getattr(task, name)
        identity[f"task.{name}"] = "None" if array is None else _checksum(array)
    identity["task.input_shape"] = repr(task.input_shape)
    return identity


def _checksum(array: np.ndarray) -> str:
    content = hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()[:16]
    return f"{array.dtype} {array.shape} sha256 {content}"


def _same(a: str | list[float] | None, b: str | list[float] | None) -> bool:
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return np.allclose(a, b, rtol=1e-3, atol=1e-5, equal_nan=True)
    return a == b


def _difference(name: str, theirs: object, ours: object) -> str:
    shown = [
        text if len(text := str(value)) <= 60 else text[:57] + "..." for value in (theirs, ours)
    ]
    if shown[0] == shown[1]:
        return f"{name} differs"
    return f"{name} is {shown[0]} there and {shown[1]} here"
