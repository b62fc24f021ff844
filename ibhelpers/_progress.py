"""A progress bar for work that takes long, and for no other."""

from __future__ import annotations

from tqdm.auto import tqdm

_LONG = 5e10  # multiplications: a second or two on two cores


def progress_bar(what: str, work: float, *, shown: bool = True) -> tqdm:
    """A bar that fills up as ``work`` multiplications are reported to its ``update``.

    It shows nothing if there are few of them, or it is not to be shown. It goes when it is closed.
    """
    return tqdm(
        total=work,
        desc=what,
        disable=not shown or work < _LONG,
        leave=False,
        bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed} (left: {remaining})",
    )
