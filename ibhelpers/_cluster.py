"""Clients of a Dask cluster: known for what they are, and asked only where one is given."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ._progress import silenced
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


def answers_of(
    client: Any, task: Callable[[Any], Any], parts: Iterable[Any]
) -> Generator[tuple[int, Any]]:
    """The place of each part and what a task gives of it, in the order in which workers end.

    The task may be a function of a notebook. What a worker was doing when it died is done by
    another, and its errors are raised here. (Its warnings are told where it runs.) Whoever stops
    asking calls back what is left.
    """
    import cloudpickle
    from distributed import as_completed

    workers_of(client)
    with quiet_about_size():
        packed = client.submit(bytes, cloudpickle.dumps(task), pure=False)
        asked = {
            client.submit(_answer, packed, part, pure=False): i for i, part in enumerate(parts)
        }
    try:
        for done in as_completed(list(asked)):
            yield asked.pop(done), done.result()
    finally:
        client.cancel(list(asked))


def in_their_order(answers: Iterable[tuple[int, Any]]) -> Iterator[Any]:
    """Answers in the order of their parts; those that are early wait."""
    early: dict[int, Any] = {}
    place = 0
    for i, answer in answers:
        early[i] = answer
        while place in early:
            yield early.pop(place)
            place += 1


def _answer(packed: bytes, part: Any) -> Any:
    """What a task gives of a part, on a worker."""
    import cloudpickle

    with silenced():
        return cloudpickle.loads(packed)(part)
