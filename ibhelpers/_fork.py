"""A process that was forked after torch had started its threads would wait for them for ever."""

from __future__ import annotations

import os

import torch

_used = False  # whether this process has computed, so that torch may have threads
_orphaned = False  # whether it was forked from one that had


def refuse_orphans() -> None:
    """Say what to do instead of waiting for threads that stayed in the parent process.

    Everything that computes calls this first.

    Raises
    ------
    RuntimeError
        If the process was forked from one that had computed with several threads.
    """
    global _used
    if _orphaned and torch.get_num_threads() > 1:
        raise RuntimeError(
            "this process was forked from one that had computed with several threads already; they "
            "are not copied, and torch would wait for them for ever. Start processes with "
            "multiprocessing.get_context('spawn') (or joblib's default), or call "
            "torch.set_num_threads(1) first in each of them."
        )
    _used = True


def _in_child() -> None:
    global _orphaned
    _orphaned = _orphaned or (_used and torch.get_num_threads() > 1)


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_in_child)
