"""A progress bar for work that takes long, and a count where nobody knows how long."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tqdm.auto import tqdm

_LONG = 1e10  # multiplications, with what goes with them: about a second of one core
_PATIENCE = 2  # seconds that anyone waits without a bar
_SILENT = ContextVar("silent", default=False)


def progress_bar(what: str, work: float, *, shown: bool = True) -> tqdm:
    """A bar that fills up as ``work`` multiplications are reported to its ``update``.

    With many of them it shows at once, with fewer after two seconds, and with few, or if it is not
    to be shown, never. It goes when it is closed.
    """
    if work < _LONG / 10 or not visible(shown):
        return _no_bar()
    return tqdm(
        total=work,
        desc=what,
        delay=0 if work >= _LONG else _PATIENCE,
        leave=False,
        bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed} (left: {remaining})",
    )


@functools.cache
def _no_bar() -> tqdm:
    """One for all work that is short, where making a bar would take a part of the time."""
    return tqdm(disable=True)


def steps(what: str, total: int, unit: str, *, shown: bool = True, **more: Any) -> tqdm:
    """A bar of so many steps, which shows once they have taken two seconds, and goes at the end."""
    options = {"leave": False, "delay": _PATIENCE, "disable": not visible(shown)} | more
    return tqdm(total=total, desc=what, unit=f" {unit}", **options)


def counter(what: str, unit: str, *, shown: bool = True) -> tqdm:
    """A count of what was done so far, shown after two seconds. It goes when it is closed."""
    form = "{desc}: {n_fmt}{unit} in {elapsed}{postfix}"
    return tqdm(
        desc=what,
        unit=f" {unit}",
        delay=_PATIENCE,
        disable=not visible(shown),
        leave=False,
        bar_format=form,
    )


def visible(shown: bool) -> bool:
    """Whether a bar shows that is to be ``shown``: where no longer bar stands for it."""
    return shown and not _SILENT.get()


@contextmanager
def silenced() -> Iterator[None]:
    """No bar shows for what happens inside, because one outside stands for all of it."""
    before = _SILENT.set(True)
    try:
        yield
    finally:
        _SILENT.reset(before)
