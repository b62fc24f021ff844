"""Data files: where they lie, and proof that they are the right ones.

A file is looked for in the cache folder, which `cache_folder` names, and then among those that
ship with the package. What is in neither is downloaded into the cache. Only contents with the
expected SHA-256 are ever handed on.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from pathlib import Path

from .._shipped import PACKAGE_FOLDER, SHIPPED_FOLDER
from ._datafile import DataFile, Form
from ._download import download

# What unpacking a file raises that is damaged, or something else.
_CANNOT_UNPACK = (OSError, EOFError, ValueError, KeyError, zlib.error, tarfile.TarError)


def cache_folder() -> Path:
    """Where downloads go: the folder in ``IBHELPERS_DATA``, else the user's cache folder."""
    folder = os.environ.get("IBHELPERS_DATA")
    if not folder:
        import pooch  # needed only where no folder is named

        folder = pooch.os_cache("ibhelpers")
    return Path(folder).expanduser().absolute()


def copies(file: DataFile) -> list[Path]:
    """Where a file lies, in all its forms, in the order of looking; contents are not looked at."""
    if file.forms:
        return [path for path, _ in _present(file)]
    places = (cache_folder() / file.path, SHIPPED_FOLDER / file.path)
    return [path for path in places if path.is_file()]


def find(file: DataFile) -> Path | None:
    """Where an intact copy of a file lies, or None."""
    return next((path for path in copies(file) if is_intact(path, file)), None)


def is_intact(path: Path, file: DataFile) -> bool:
    """Whether what lies at a path is what was published or shipped, packed in whatever form."""
    for candidate, form in _present(file):
        if candidate == path:
            return _unpacked(path, form, file) is not None
    return sha256_of(path.read_bytes()) == file.sha256


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
        if sha256_of(contents) == file.sha256:
            return contents
        faults.append(_fault(path, file))
    if file.urls and not faults:
        return download(file, cache_folder()).read_bytes()
    missing = SHIPPED_FOLDER / file.path
    if not file.urls and not missing.is_file():
        faults.append(f"{missing}: not found, though it ships. {how_to_restore(missing)}")
    raise ValueError("\n".join(faults))


def content(file: DataFile) -> bytes:
    """What a published container unpacks into, verified, from any form that is here.

    Only the content has to be what was published. So plain files, files that were packed again, and
    what other libraries keep on disk will do; what is in no form here is downloaded.

    Raises
    ------
    ValueError
        As `read` does.
    """
    own = cache_folder() / file.path
    others = []
    for path, form in _present(file):
        unpacked = _unpacked(path, form, file)
        if unpacked is not None:
            return unpacked
        if path != own:
            others.append(f"\nFound too, but not used, as its content is another: {path}")
    if own.is_file():
        raise ValueError(_fault(own, file))
    try:
        path = download(file, cache_folder())
    except ValueError as error:
        raise ValueError(f"{error}{''.join(others)}") from error
    unpacked = _unpacked(path, file.forms[0], file)
    assert unpacked is not None, "a file of the published sum has the published content"
    return unpacked


def how_to_restore(path: Path) -> str:
    """What brings a damaged or missing copy of a shipped file back, by where it should lie."""
    if not path.is_relative_to(SHIPPED_FOLDER):
        return "Delete this copy; the one that ships with the course is used then."
    if (SHIPPED_FOLDER.parent / ".git").exists():
        return "Restore it with `git checkout -- data`."
    if path.is_relative_to(PACKAGE_FOLDER):
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


def sha256_of(contents: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(contents).hexdigest()


def _present(file: DataFile) -> list[tuple[Path, Form]]:
    """What lies where a form of the file would, the file's own form first."""
    places = [
        (folder / form.path, form)
        for form in file.forms
        for folder in (cache_folder(), SHIPPED_FOLDER)
    ]
    return [(path, form) for path, form in places if path.exists()]


def _unpacked(path: Path, form: Form, file: DataFile) -> bytes | None:
    """What lies at a path, unpacked; None if that is not what was published."""
    try:
        unpacked = form.unpack(path)
    except _CANNOT_UNPACK:
        return None
    return unpacked if sha256_of(unpacked) == file.content_sha256 else None


def _fault(path: Path, file: DataFile) -> str:
    """Say what is wrong with a file; a published one is set aside."""
    contents = path.read_bytes()
    return (
        f"{path}: the file has SHA-256 {sha256_of(contents)}, but {file.sha256} was expected; it "
        f"was altered or only partly copied ({len(contents):,} of {file.size:,} bytes), and is not "
        f"loaded. {set_aside(path) if file.urls else how_to_restore(path)}"
    )
