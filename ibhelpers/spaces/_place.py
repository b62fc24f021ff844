"""Where tiles are made and kept, as the reader says it: out of core, on a client's workers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .._arguments import file_name
from .._cluster import refuse_what_is_no_client


@dataclass(frozen=True)
class Place:
    """Where tiles are made and kept: a folder, a client's workers, or both.

    Attributes
    ----------
    folder : Path, optional
        Below which every computation has a folder of its own, named by all that it depends on.
    client : dask.distributed.Client, optional
        On whose workers tasks run.
    """

    folder: Path | None
    client: Any


def place_of(
    out_of_core: str | os.PathLike[str] | None, client: Any, device: torch.device
) -> Place | None:
    """The place that was asked for, once it is known to be one; None for memory."""
    if out_of_core is None and client is None:
        return None
    if device.type != "cpu":
        raise ValueError(
            f"device: found '{device}' with out_of_core or client, whose tiles are computed on "
            "CPUs; leave out one or the other."
        )
    if client is not None:
        refuse_what_is_no_client(client)
    folder = None
    if out_of_core is not None:
        folder = file_name("out_of_core", out_of_core).resolve()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"out_of_core: found {str(out_of_core)!r}, which cannot be made ({error}); give a "
                "path to a folder that may be written to."
            ) from None
    return Place(folder, client)
