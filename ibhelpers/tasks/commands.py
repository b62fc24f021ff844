"""The commands ``python -m ibhelpers data list | fetch | verify | where``.

Each returns 0 if all is well and 1 if not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from .._arguments import one_of
from . import california_housing, cifar10, fashion_mnist, mnist, omniglot
from ._datafile import DataFile
from ._files import (
    SHIPPED_FOLDER,
    cache_folder,
    content,
    copies,
    find,
    how_to_restore,
    is_intact,
    read,
    set_aside,
)

DATASETS: dict[str, tuple[DataFile, ...]] = {
    "mnist": mnist.FILES,
    "fashion_mnist": fashion_mnist.FILES,
    "cifar10": cifar10.FILES,
    "omniglot": omniglot.FILES,
    "california_housing": california_housing.FILES,
}


def list_() -> int:
    """List the files of every data set, and which of them are here."""
    for name, files in DATASETS.items():
        print(name)
        for file in files:
            state = "here" if copies(file) else "to be fetched" if file.urls else "missing"
            print(f"  {file.path:45} {file.size / 1e3:9,.0f} kB  {state}")
    return 0


def fetch(names: Sequence[str]) -> int:
    """Get the files of some data sets: keep what is intact, download the rest."""
    files = [file for name in names for file in DATASETS[one_of("NAME", name, DATASETS)]]
    all_well = True
    for file in files:
        own = cache_folder() / file.path
        try:
            path = find(file)
            if path is None and file.urls and own.exists():
                print(f"[--]   {own}: not the file that was published. {set_aside(own)}")
            if path is None:
                (content if file.forms else read)(file)
            print(f"[OK]   {path or find(file)}")
        except ValueError as error:
            print(f"[FAIL] {error}")
            all_well = False
    return 0 if all_well else 1


def verify() -> int:
    """Compare every file that is here with its checksum."""
    all_well = True
    for name, file in ((name, file) for name, files in DATASETS.items() for file in files):
        fetching = f"get it with `python -m ibhelpers data fetch {name}`"
        for path in copies(file):
            if is_intact(path, file):
                print(f"[OK]   {path}")
                continue
            remedy = fetching if file.urls else how_to_restore(path)
            print(f"[FAIL] {path}: not the file that was published; {remedy}")
            all_well = False
        if not copies(file) and file.urls:
            print(f"[--]   {file.path}: not fetched; {fetching}")
        elif not copies(file):
            remedy = how_to_restore(SHIPPED_FOLDER / file.path)
            print(f"[FAIL] {file.path}: missing, though it ships. {remedy}")
            all_well = False
    return 0 if all_well else 1


def where() -> int:
    """Say in which folders files are looked for, and which mirror is asked first."""
    chosen = "set by" if os.environ.get("IBHELPERS_DATA") else "to change it, set"
    print(f"downloads: {cache_folder()} ({chosen} IBHELPERS_DATA)")
    print(f"shipped:   {SHIPPED_FOLDER}")
    print(f"mirror:    {os.environ.get('IBHELPERS_MIRROR') or 'none (IBHELPERS_MIRROR)'}")
    return 0


def check_shipped() -> str:
    """One line on the data that ships with the course, or a ValueError with what to do."""
    files = [file for files in DATASETS.values() for file in files if not file.urls]
    size = sum(len(read(file)) for file in files)
    return f"{' and '.join(file.path for file in files)} intact, {size / 1e6:.1f} MB"
