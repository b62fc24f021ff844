"""What is known of a data file before it is here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Form:
    """One form in which people may have a file's contents already, and how to unpack it."""

    path: str  # inside a data folder
    unpack: Callable[[Path], bytes]


@dataclass(frozen=True)
class DataFile:
    """One file: its path inside a data folder, what it must contain, and where it is published.

    A file without ``urls`` ships with the repository. A file with ``forms``, its own first, is a
    container: what counts is what it unpacks into, which ``content_sha256`` names.
    """

    path: str
    sha256: str
    size: int  # bytes
    urls: tuple[str, ...] = ()
    content_sha256: str = ""
    forms: tuple[Form, ...] = ()
