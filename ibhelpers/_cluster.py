"""Clients of a Dask cluster: known for what they are, and asked for only where one is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ._warnings import warn


def refuse_what_is_no_client(client: Any) -> None:
    """Raise an error unless this is a ``dask.distributed.Client`` that is connected.

    Raises
    ------
    ImportError
        If Dask is not installed.
    ValueError
        If it is something else, or closed.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ImportError(
            "client: Dask is not installed, which runs tasks on a cluster; "
            "pip install 'ibhelpers[cluster]', or leave client out."
        ) from None
    if not isinstance(client, Client) or client.asynchronous:
        raise ValueError(
            f"client: found a {type(client).__name__}; give a dask.distributed.Client, such as "
            "Client(LocalCluster(n_workers=2, threads_per_worker=1)), and not an asynchronous one."
        )
    if client.status != "running":
        raise ValueError(
            f"client: it is {client.status}; give one that is connected to its scheduler."
        )


def workers_of(client: Any) -> list[dict[str, Any]]:
    """What the scheduler knows of each worker; told if there is none, for then tasks wait.

    Raises
    ------
    ImportError, ValueError
        As above: a client may have been closed since it was given.
    """
    refuse_what_is_no_client(client)
    workers = list(client.scheduler_info(n_workers=-1)["workers"].values())
    if not workers:
        warn(
            "client: it has no workers yet, and whatever is asked waits until it has; start some, "
            "as with client.cluster.scale(2)."
        )
    return workers


@contextmanager
def quiet_about_size() -> Iterator[None]:
    """No warning of arrays that are part of a task's recipe.

    Scattered arrays would be lost with the worker that holds them; a recipe is not.
    """
    from dask import config

    with config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
        yield
