"""Clients of a Dask cluster: known for what they are, and asked for only where one is given."""

from __future__ import annotations

from typing import Any


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
