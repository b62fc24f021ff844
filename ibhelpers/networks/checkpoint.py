"""Finished hypotheses on disk, so that a run that was killed goes on where it was."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import nn

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None  # type: ignore[assignment]

from .._arguments import file_name
from .._warnings import warn
from ..tasks import Task
from ._training import Columns

_FORMAT = "ibhelpers networks 1"
_SAME = 1e-5  # relative; weights are drawn in float32, which another processor may round otherwise

Identity = dict[str, str | list[float]]
"""Everything that a hypothesis depends on beside its number: text, or numbers equal to rounding."""


class Checkpoint:
    """One npz file that at every moment is a whole checkpoint, or is not there.

    It holds arrays and text only, and is never read as pickle. Every process writes to a file of
    its own beside it, which then takes its name; of two runs the last to finish a chunk stays.

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
        self.path, self.identity = file_name("checkpoint", path), identity
        self._file = Path(os.path.realpath(self.path))  # a link stays a link
        if not self._file.parent.is_dir() or self._file.is_dir():
            raise ValueError(
                f"checkpoint: found {str(path)!r}, which cannot be written as a file; give a file "
                "name in a folder that exists."
            )
        self._works = True
        self._remove_abandoned()

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
            with self._replacing() as file:
                arrays: dict[str, Any] = dict(columns)
                np.savez(
                    file,
                    format=np.array(_FORMAT),
                    identity=np.array(json.dumps(self.identity)),
                    seconds=np.array(seconds),
                    **arrays,
                )
        except OSError as error:
            if self._works:
                warn(
                    f"checkpoint: {str(self.path)!r} could not be written ({error}); the run goes "
                    "on in memory and tries again after each chunk. Free some space."
                )
            self._works = False

    @contextlib.contextmanager
    def _replacing(self) -> Iterator[BinaryIO]:
        """A new file, which takes the name of the checkpoint once it is whole."""
        scratch, file = self._new_scratch()
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())  # the contents are on the disk before the name is
            os.replace(scratch, self._file)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise

    def _new_scratch(self) -> tuple[Path, BinaryIO]:
        """A file of this process alone, locked as long as it is open."""
        while True:
            scratch = self._file.with_name(f"{self._file.name}.{secrets.token_hex(8)}.tmp")
            file = open(scratch, "xb")
            if fcntl is not None:
                with contextlib.suppress(OSError):  # some file systems know no locks
                    fcntl.flock(file, fcntl.LOCK_EX)
            if scratch.exists():  # another process may have found it before it was locked
                return scratch, file
            file.close()

    def _remove_abandoned(self) -> None:
        """Remove what runs that were killed as they wrote have left: files that nobody holds."""
        for scratch in self._file.parent.glob(f"{glob.escape(self._file.name)}.*.tmp"):
            with contextlib.suppress(OSError):
                if fcntl is None:
                    scratch.unlink()
                else:
                    with open(scratch, "rb") as file:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        scratch.unlink()

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


def fingerprint(network: nn.Module, X: torch.Tensor) -> list[float]:
    """Outputs of a network, once its weights were moved: equal to rounding if it is the same.

    Two architectures may print the same and compute differently; and where the last layer starts
    at zero, nothing of that is seen in the outputs before it is moved.

    Parameters
    ----------
    network : torch.nn.Module
        Hypothesis 0; its trained parameters are changed.
    X : Tensor, shape (b, d)
        Some inputs; they and the network in float64, so that small differences are seen.
    """
    rng = np.random.default_rng(0)
    with torch.no_grad():
        before = network(X)
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.as_tensor(rng.normal(0.0, 0.3, tuple(parameter.shape))))
        return torch.cat([before, network(X)]).flatten().tolist()


def _checksum(array: np.ndarray) -> str:
    content = hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()[:16]
    return f"{array.dtype} {array.shape} sha256 {content}"


def _same(a: str | list[float] | None, b: str | list[float] | None) -> bool:
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        largest = np.nanmax(np.abs(b), initial=0.0)
        return np.allclose(a, b, rtol=_SAME, atol=_SAME * largest, equal_nan=True)
    return a == b


def _difference(name: str, theirs: object, ours: object) -> str:
    shown = [
        text if len(text := str(value)) <= 60 else text[:57] + "..." for value in (theirs, ours)
    ]
    if shown[0] == shown[1]:
        return f"{name} differs"
    return f"{name} is {shown[0]} there and {shown[1]} here"
