"""A progress bar for work that takes long, and a count where nobody knows how long."""

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


def counter(what: str, unit: str, *, shown: bool = True) -> tqdm:
    """A count of what was done so far. It goes when it is closed."""
    form = "{desc}: {n_fmt}{unit} in {elapsed}{postfix}"
    return tqdm(desc=what, unit=f" {unit}", disable=not shown, leave=False, bar_format=form)
