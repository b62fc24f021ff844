"""How much memory is free, and how to say it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import torch

_GROUPS = "/sys/fs/cgroup"
# The limit and the use of a control group, by the name of its hierarchy: version 2, version 1.
_FILES = {
    "": ("memory.max", "memory.current"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes"),
}


def free_memory(device: torch.device, *, enough: float = math.inf) -> int:
    """Bytes that new arrays can take on a device; of more than ``enough`` perhaps not all.

    On a CPU, what can be had without swapping; less where the process is in a control group (a
    container, a batch job) whose limit is nearer.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    import psutil

    available = psutil.virtual_memory().available
    return min([available, *_left_in_control_groups(min(enough, available))])


def in_words(size: float) -> str:
    """A number of bytes in a unit that suits it, such as ``"1.2 GiB"``."""
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.0f} MiB"


def _left_in_control_groups(enough: float = math.inf) -> Iterator[int]:
    """What is left in each group, with a limit, that this process is in; psutil knows none.

    Where that is ``enough`` the files that are kept in memory, and would go, are not counted too:
    asking for them takes long.
    """
    for folder, limit, used in _control_groups():
        try:
            left = int(_text(folder, limit)) - int(_text(folder, used))
            statistics = _text(folder, "memory.stat").split() if left < enough else []
        except (OSError, ValueError):  # no such group here, or its limit is "max"
            continue
        cached = dict(zip(statistics[::2], statistics[1::2], strict=False))
        yield max(0, left + int(cached.get("inactive_file", 0)))


def _control_groups() -> Iterator[tuple[str | Path, str, str]]:
    """Every group that this process is in, from the innermost out, and the names of its files."""
    try:
        lines = _text("/proc/self", "cgroup").splitlines()
    except OSError:  # not Linux
        return
    for _, hierarchy, path in (line.split(":", 2) for line in lines):
        if hierarchy in _FILES:
            top = os.path.join(_GROUPS, hierarchy).rstrip("/")
            folder = os.path.join(top, path.strip("/")).rstrip("/")
            while folder.startswith(top):
                yield folder, *_FILES[hierarchy]
                folder = os.path.dirname(folder)


def _text(folder: str | Path, name: str) -> str:
    with open(os.path.join(folder, name)) as file:
        return file.read()
