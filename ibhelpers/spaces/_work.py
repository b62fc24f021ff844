"""Where the tasks of a long computation run, and where what they give is kept.

A task is a function of arrays that returns an array and changes none. `Work.ask` has it done and
returns a handle: the array; or, with a folder, the file that it was written to; or, with a Dask
client, a future of either. Handles are given to further tasks in the place of arrays.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from .._cluster import quiet_about_size
from .._memory import in_words
from .._warnings import warn

Handle = Any  # an array, a file that holds one, or a future of either
_SINGULAR = "singular"  # the name of the file that says so
_PART, _ABANDONED = ".part", 3600  # what is written to before it has a name; seconds


class Work:
    """Tasks done here or on a client's workers, and their results in memory or in a folder.

    Parameters
    ----------
    folder : Path, optional
        Where tasks that have a name leave what they gave, under that name: written whole or not at
        all, and not computed again. It belongs to one computation alone.
    client : dask.distributed.Client, optional
        Whose workers see the folder under the same name, if there is one.
    """

    def __init__(self, folder: Path | None = None, client: Any = None) -> None:
        self.folder, self.client = folder, client
        if folder is not None:
            with _telling(folder):
                folder.mkdir(parents=True, exist_ok=True)
            for part in folder.glob(f"*{_PART}"):  # left by what was killed as it wrote
                with contextlib.suppress(OSError):
                    if time.time() - part.stat().st_mtime > _ABANDONED:
                        part.unlink()

    def hold(self, array: np.ndarray) -> Handle:
        """A handle of an array, of which workers keep copies."""
        if self.client is None:
            return array
        with quiet_about_size():
            return self.client.submit(np.array, array, pure=False)

    def found(self, name: str) -> Path | None:
        """The file under a name, if there is one and nothing in it has changed."""
        file = self._file(name)
        if file is None or not file.exists():
            return None
        if _is_whole(file):
            return file
        warn(f"{file} is damaged; its part of the computation is done again.")
        return None

    def ask(
        self,
        task: Callable[..., np.ndarray],
        *given: Handle,
        name: str | None = None,
        urgent: bool = False,
    ) -> Handle:
        """A handle of what a task gives; with a name, it is kept in the folder, where there is one.

        An urgent one is done before others that wait.
        """
        file = None if name is None else self._file(name)
        if self.client is None:
            return _perform(file, task, *given)
        return self.client.submit(
            _perform, file, task, *given, pure=False, priority=10 if urgent else 0
        )

    def answer(self, handle: Handle) -> Tensor:
        """What a handle stands for, once it is there."""
        return tensor(handle.result() if hasattr(handle, "result") else handle)

    def is_singular(self) -> bool:
        """Whether an earlier run found that this computation cannot be done."""
        return self.folder is not None and (self.folder / _SINGULAR).exists()

    def give_up(self) -> None:
        """Keep that it cannot be done, and nothing else."""
        if self.folder is not None:
            (self.folder / _SINGULAR).touch()
            for file in self.folder.glob("*.tile"):
                file.unlink(missing_ok=True)

    def _file(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{name}.tile"


def tensor(handle: np.ndarray | Path) -> Tensor:
    """The array of a handle, which is no future, as a tensor that nobody changes."""
    array = np.load(handle) if isinstance(handle, Path) else handle
    return torch.from_numpy(np.require(array, requirements="W"))  # copied if it is read-only


def folder_of(parent: Path, identity: dict[str, str]) -> Path:
    """The folder, below another, of the computation that such an identity names."""
    return parent / hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]


def recorded(folder: Path, what: dict[str, Any]) -> dict[str, Any]:
    """What was written down when the folder was first used; what is given, if that is now."""
    file = folder / "about.json"
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found
    except (OSError, ValueError):
        with _replacing(file) as stream:
            stream.write(json.dumps(what, indent=1).encode())
        return what


def refuse_what_no_disk_holds(folder: Path, needed: int, what: str) -> None:
    """Raise a ValueError unless so many bytes, less what is there already, are free."""
    there = sum(file.stat().st_size for file in folder.glob("*.tile"))
    left, free = needed - there, shutil.disk_usage(folder).free
    if left > free:
        done = f", of which {in_words(there)} are there already" if there else ""
        raise ValueError(
            f"out_of_core: {what} take {in_words(needed)} on disk{done}, and {in_words(free)} are "
            f"free in {str(folder.parent)!r}. Give a folder on a larger disk, remove what earlier "
            "computations left there, or give fewer examples."
        )


def _perform(file: Path | None, task: Callable[..., np.ndarray], *given: Any) -> Handle:
    """What a task gives, or the file that it was written to."""
    result = task(*given)
    if file is None:
        return result
    with _replacing(file) as stream:
        np.save(stream, result)
        stream.write(_checksum(file, result))  # which NumPy does not read
    return file


def _is_whole(file: Path) -> bool:
    try:
        with open(file, "rb") as stream:
            array = np.lib.format.read_array(stream)
            return _checksum(file, array) == stream.read()
    except (OSError, ValueError):  # as NumPy says of what is no array
        return False


def _checksum(file: Path, array: np.ndarray) -> bytes:
    """Of the numbers, of what they are read as, and of the place that they belong to."""
    about = f"{file.parent.name}/{file.name} {array.dtype.str} {array.shape}"
    found = hashlib.sha256(about.encode())
    found.update(np.ascontiguousarray(array).data)
    return found.digest()


@contextlib.contextmanager
def _replacing(file: Path) -> Iterator[BinaryIO]:
    """A new file, which takes the name of another once it is whole.

    What had not reached the disk when the machine stopped is found by its checksum.
    """
    part = file.with_name(f"{file.name}.{secrets.token_hex(8)}{_PART}")
    try:
        with _telling(file), open(part, "xb") as stream:
            yield stream
            stream.flush()
            os.replace(part, file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _telling(place: Path) -> Iterator[None]:
    """Say what it means here that the system does not write."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"out_of_core: {place} cannot be written ({error}). Is the disk full, may this user "
            "write there, and is it a folder that all workers of a client see? Ask again once that "
            "is mended: what was finished is kept."
        ) from error
