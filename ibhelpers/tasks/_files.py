"""Data files: where they lie, and proof that they are the right ones.

A file is looked for in the cache folder, which `cache_folder` names, and then among those that
ship with the package. What is in neither is downloaded into the cache. Only contents with the
expected SHA-256 are ever handed on.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pooch

from ._datafile import DataFile
from ._download import download

_PACKAGE = Path(__file__).resolve().parents[1]
# A wheel has the folder inside the package, a clone beside it.
SHIPPED_FOLDER = next(
    (folder for folder in (_PACKAGE / "data", _PACKAGE.parent / "data") if folder.is_dir()),
    _PACKAGE / "data",
)


def cache_folder() -> Path:
    """Where downloads go: the folder in ``IBHELPERS_DATA``, else the user's cache folder."""
    return Path(os.environ.get("IBHELPERS_DATA") or pooch.os_cache("ibhelpers")).expanduser()


def copies(file: DataFile) -> list[Path]:
    """Where a file lies, in the order of looking; contents are not looked at."""
    places = (cache_folder() / file.path, SHIPPED_FOLDER / file.path)
    return [path for path in places if path.is_file()]


def find(file: DataFile) -> Path | None:
    """Where an intact file lies; else where one lies that is not; else None."""
    here = copies(file)
    return next((path for path in here if is_intact(path, file)), here[0] if here else None)


def is_intact(path: Path, file: DataFile) -> bool:
    """Whether the contents at a path are those that were published or shipped."""
    return hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256


def read(file: DataFile) -> bytes:
    """Contents of a data file, verified; downloaded first if it is published and not here.

    Raises
    ------
    ValueError
        If the file is nowhere to be had, or is not the file that was published. A published file
        with the wrong contents is set aside, so that the next attempt downloads it again.
    """
    faults = []
    for path in copies(file):
        contents = path.read_bytes()
        found = hashlib.sha256(contents).hexdigest()
        if found == file.sha256:
            return contents
        faults.append(
            f"{path}: the file has SHA-256 {found}, but {file.sha256} was expected; it was altered "
            f"or only partly copied ({len(contents):,} of {file.size:,} bytes), and is not loaded. "
            + (set_aside(path) if file.urls else how_to_restore(path))
        )
    if file.urls and not faults:
        return download(file, cache_folder()).read_bytes()
    missing = SHIPPED_FOLDER / file.path
    if not file.urls and not missing.is_file():
        faults.append(f"{missing}: not found, though it ships. {how_to_restore(missing)}")
    raise ValueError("\n".join(faults))


def how_to_restore(path: Path) -> str:
    """What brings a damaged or missing copy of a shipped file back, by where it should lie."""
    if not path.is_relative_to(SHIPPED_FOLDER):
        return "Delete this copy; the one that ships with the course is used then."
    if (SHIPPED_FOLDER.parent / ".git").exists():
        return "Restore it with `git checkout -- data`."
    if path.is_relative_to(_PACKAGE):
        return (
            "Install the package again, with pip's options --force-reinstall and --no-deps, from "
            "where you have it."
        )
    return "Copy the folder data again from where you have the course."


def set_aside(path: Path) -> str:
    """Rename a bad file, so that its place is free for a good one, and say so."""
    kept = path.with_name(f"{path.name}.bad")
    try:
        os.replace(path, kept)
    except OSError as error:
        return f"It could not be set aside ({error.strerror}): replace it by hand."
    return f"It is kept as {kept.name}; the next attempt downloads the file again."
