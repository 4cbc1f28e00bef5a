"""Scoring on all processors of this machine: processes, of which any may die."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .column import InputError
from .fragments import Piece

# A piece that takes its process with it so often will do so again.
_DEATHS = 3

_job: Callable[[Piece], Any] | None = None


@dataclass(frozen=True, slots=True)
class Processes:
    """Calls a function for pieces in so many processes, like `map`; in the order they are done.

    Where a process dies, what was not done is done again.

    Raises:
        InputError: a process has died several times.
    """

    workers: int

    def __call__(
        self, job: Callable[[Piece], Any], pieces: Sequence[Piece]
    ) -> Generator[Any, None, None]:
        waiting = dict(enumerate(pieces))
        deaths = 0
        while waiting:
            try:
                for k, found in self._round(job, waiting):
                    del waiting[k]
                    yield found
            except BrokenProcessPool:
                deaths += 1
                if deaths > _DEATHS:
                    raise InputError(
                        f"processes were ended from outside {deaths} times, the last time while "
                        f"{next(iter(waiting.values()))} or one after it was scored: they may need "
                        f"more memory than there is, and fewer --workers less"
                    ) from None

    def _round(
        self, job: Callable[[Piece], Any], waiting: dict[int, Piece]
    ) -> Generator[tuple[int, Any], None, None]:
        # Not forked: pyarrow has threads, and a lock that one of them holds would stay locked.
        context = multiprocessing.get_context("spawn")
        before = set(multiprocessing.active_children())
        workers = min(self.workers, len(waiting))
        pool = ProcessPoolExecutor(workers, context, _remember, (job,))
        try:
            with _uninterrupted():
                futures = {pool.submit(_run, piece): k for k, piece in waiting.items()}
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            # Nobody waits for what is still being read after an error or Ctrl-C, nor for an
            # interpreter to take leave of all that it has loaded.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - before:
                process.kill()


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _uninterrupted() -> Generator[None, None, None]:
    """Processes that are started here know no Ctrl-C: it goes to all of a terminal, and the first
    one ends the others."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _remember(job: Callable[[Piece], Any]) -> None:
    global _job
    _job = job
    # Where signals cannot be blocked, at least from here on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(piece: Piece) -> Any:
    assert _job is not None
    return _job(piece)
