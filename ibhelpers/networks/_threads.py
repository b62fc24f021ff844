"""Work on the parts of a whole at the same time, one part to a thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")
Tick = Callable[[int], None]
"""Says how much has been done since; must be called often, because it is where work is stopped."""

_GLANCE = 0.1  # seconds between two looks at what is done, which Ctrl-C waits for at most


def in_order(
    work: Callable[[Part, Tick], Result],
    parts: Iterable[Part],
    threads: int,
    progress: Callable[[int], object],
    *,
    ahead: int = 0,
) -> Generator[Result]:
    """Yield the results of the parts in their order, ``threads`` of them in the making.

    Torch's operations on small tensors gain little from several threads, and lose much where other
    programs want the same cores, because the threads wait for each other in every operation. Here
    each thread computes a part by itself, so that they never wait; and what comes out does not
    depend on how many there are.

    Parameters
    ----------
    work : callable
        From a part, and a function to tell its progress to, to its result.
    parts : iterable
        What is to be done.
    threads : int
        How many parts to work on at a time.
    progress : callable
        Told, in the thread of the caller, how much has been done since it was last told.
    ahead : int
        How many more parts to take beforehand, so that a thread need not wait for the next one.

    Raises
    ------
    Exception
        Whatever work raises; like an interruption, it stops the other parts at their next tick.

    Notes
    -----
    Why not joblib (1.6 was tried): its threads keep the order, but after Ctrl-C they work on to the
    end of their parts, no bar can move before a part is done, because the caller's thread waits in
    joblib, and finished parts pile up while the caller is busy.
    """
    stopped, told = threading.Event(), deque[int]()

    def tick(amount: int) -> None:
        if stopped.is_set():
            raise _Stopped
        told.append(amount)

    def tell() -> None:
        progress(sum(told.popleft() for _ in range(len(told))))

    parts = iter(parts)
    with _one_thread_an_operation(), ThreadPoolExecutor(threads, initializer=_alone) as pool:
        making = deque[Future[Result]]()
        try:
            while True:
                wanted = islice(parts, threads + ahead - len(making))  # no list of them is kept
                making.extend(pool.submit(work, part, tick) for part in wanted)
                if not making:
                    return
                while not making[0].done():
                    tell()
                    running = [future for future in making if not future.done()]
                    if any(future.exception() for future in set(making) - set(running)):
                        break
                    wait(running, _GLANCE, FIRST_COMPLETED)
                tell()
                yield _first_or_failed(making).result()
        finally:
            stopped.set()
            # The traceback of an error keeps this function's variables: with the lists empty, the
            # other parts' results are not kept as well.
            making.clear()
            running = []


def _first_or_failed(making: deque[Future[Result]]) -> Future[Result]:
    """Take out the first part if it is done, and else one that has failed."""
    done = (future for future in making if future.done())
    chosen = next(f for f in done if f is making[0] or f.exception())
    making.remove(chosen)
    return chosen


class _Stopped(Exception):
    """Raised in a thread whose part is no longer wanted."""


def _alone() -> None:
    torch.set_num_threads(1)


@contextmanager
def _one_thread_an_operation() -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)  # since MKL takes a thread's own number for all threads
