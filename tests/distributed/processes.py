"""Real processes that talk over gloo: a few of them run every case, one case after another.

A fork server imports PyTorch once, so that a world of four costs little more than one of one. What
a case raises on a rank, or returns there, comes back; after one that fails the ranks stop.
"""

from __future__ import annotations

import multiprocessing
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from typing import Any

Case = Callable[[int, int], Any]
TIMEOUT = 30.0

_FORKS = "forkserver" in multiprocessing.get_all_start_methods()
context = multiprocessing.get_context("forkserver" if _FORKS else "spawn")
if _FORKS:
    context.set_forkserver_preload(
        [f"tests.distributed.{name}" for name in ("exact", "options", "placed", "refusing")]
    )


class Outcome:
    """What a case returned on one rank, or the traceback of what it raised."""

    def __init__(self, value: Any = None, failure: str | None = None) -> None:
        self.value, self.failure = value, failure


def start(rank: int, world: int, port: int, seconds: float) -> Any:
    """The process group of a world on this rank, and the store where its ranks have met."""
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    timeout = timedelta(seconds=seconds)
    store = dist.TCPStore("127.0.0.1", port, is_master=False, timeout=timeout)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=world, timeout=timeout)
    return store


@contextmanager
def meeting_place() -> Iterator[int]:
    """The port of a store in this process, where the ranks of a world find one another."""
    import torch.distributed as dist

    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    yield store.port
    del store


def _work(
    rank: int, world: int, port: int, seconds: float, cases: list[Case], answer: Connection
) -> None:
    import torch.distributed as dist

    warnings.simplefilter("error")
    store = start(rank, world, port, seconds)
    for case in cases:
        try:
            outcome = Outcome(case(rank, world))
        except BaseException:
            outcome = Outcome(failure=f"rank {rank} of {world}\n{traceback.format_exc()}")
        answer.send((case.__name__, outcome))
        if case is cases[-1]:
            break
        store.set(f"{case.__name__}/{rank}", "bad" if outcome.failure else "good")
        said = [store.get(f"{case.__name__}/{other}") for other in range(world)]
        if b"bad" in said:
            break
    answer.close()
    dist.destroy_process_group()


def run(cases: list[Case], world: int, seconds: float = TIMEOUT) -> dict[str, list[Outcome]]:
    """Every case on every rank of a world: its outcomes, in rank order.

    What takes more than `seconds` to arrive from another rank is given up.
    """
    found: dict[str, dict[int, Outcome]] = {}
    with meeting_place() as port:
        ends = [context.Pipe(duplex=False) for _ in range(world)]
        processes = [
            context.Process(target=_work, args=(rank, world, port, seconds, cases, ends[rank][1]))
            for rank in range(world)
        ]
        for process in processes:
            process.start()
        for _, sender in ends:
            sender.close()
        waiting = {receiver: rank for rank, (receiver, _) in enumerate(ends)}
        while waiting:
            # Whoever is ready: a rank whose pipe is full would keep the others waiting.
            for receiver in wait(list(waiting)):
                assert isinstance(receiver, Connection)
                try:
                    name, outcome = receiver.recv()
                except EOFError:
                    del waiting[receiver]
                    continue
                found.setdefault(name, {})[waiting[receiver]] = outcome
        for process in processes:
            process.join()
    return {name: [ranks[r] for r in sorted(ranks)] for name, ranks in found.items()}
