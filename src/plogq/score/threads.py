"""Work on one thing after the other, by several threads, with what comes of it in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import pyarrow as pa

_arrow: Any = pa
_Item = TypeVar("_Item")
_Done = TypeVar("_Done")

# More than these wait for what reads the file.
_MOST = 4


def in_order(
    items: Iterator[_Item], work: Callable[[_Item], _Done], *, alone: bool = False
) -> Generator[_Done, None, None]:
    """What `work` makes of each item, of which a few are worked on at once; one where it is to be
    `alone`. As many threads as pyarrow would use, which the work is done by. What is raised is
    raised in its turn."""
    threads = 1 if alone else min(_MOST, int(_arrow.cpu_count()))
    if threads < 2:
        for item in items:
            yield work(item)
        return
    waiting: deque[Future[_Done]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for future in _submitted(pool, items, work):
            waiting.append(future)
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _submitted(
    pool: ThreadPoolExecutor, items: Iterator[_Item], work: Callable[[_Item], _Done]
) -> Generator[Future[_Done], None, None]:
    try:
        for item in items:
            yield pool.submit(work, item)
    except Exception as error:
        # The file cannot be read on: that is said after what was read of it.
        failed: Future[_Done] = Future()
        failed.set_exception(error)
        yield failed
