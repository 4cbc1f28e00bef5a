"""A clock for one device: events around each call on a GPU, the processor's own clock elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from statistics import median
from time import perf_counter
from typing import Any, Protocol

import torch

from .case import Reading, Run

_WARM_UPS = 2  # compiling, tuning and filling the allocator's cache
_SAMPLE_SECONDS = 0.02  # a sample is the median of calls that last this long together
_MOST_CALLS = 100
_LEAD_BYTES = 1 << 30


class Watch(Protocol):
    """`start` and `stop` around one call; `stop` says its seconds and its peak of memory."""

    def start(self) -> None: ...

    def stop(self) -> tuple[float, int | None]: ...


class Wall:
    """The processor's own clock, for calls that are over when they return."""

    began = 0.0

    def start(self) -> None:
        self.began = perf_counter()

    def stop(self) -> tuple[float, int | None]:
        return perf_counter() - self.began, None


class Events:
    """Two events in the stream, and what the allocator has handed out between them at most.

    With a `lead`, the GPU first fills that array, which is larger than its caches: they are cold,
    and the call is queued before the fill is done, as in a training step, so that what is timed is
    the GPU's work. Without one the GPU is idle when the call begins, and getting it started counts.
    """

    def __init__(self, lead: torch.Tensor | None, cuda: Any = torch.cuda) -> None:
        self.lead, self.cuda = lead, cuda
        self.first, self.last = (cuda.Event(enable_timing=True) for _ in range(2))
        self.before = 0

    def start(self) -> None:
        self.cuda.synchronize()
        self.cuda.reset_peak_memory_stats()
        self.before = self.cuda.memory_allocated()
        if self.lead is not None:
            self.lead.zero_()
        self.first.record()

    def stop(self) -> tuple[float, int | None]:
        self.last.record()
        self.last.synchronize()
        peak = self.cuda.max_memory_allocated() - self.before
        return self.first.elapsed_time(self.last) / 1e3, peak


@dataclass(frozen=True, slots=True)
class Clock:
    """Turns calls into contenders that read their own time."""

    device: str
    watch: Watch

    def timed(self, call: Callable[[Any], Any], ready: Callable[[], Any] = lambda: None) -> Run:
        """A function that times `call(ready())`, the call alone, until it has a sample."""
        calls = 0

        def once() -> Reading:
            state = ready()
            self.watch.start()
            result = call(state)
            return Reading(*self.watch.stop(), result)

        def sample() -> Reading:
            nonlocal calls
            if not calls:
                for _ in range(_WARM_UPS):
                    once()
                calls = min(_MOST_CALLS, math.ceil(_SAMPLE_SECONDS / float(once())))
            # Only the last result is kept, or two of them would be in memory at a time.
            seconds = [float(once()) for _ in range(calls - 1)]
            last = once()
            return Reading(median([*seconds, last.seconds]), last.memory, last.result)

        return sample


@cache
def clock(device: str, lead: bool) -> Clock:
    if device == "cpu":
        return Clock(device, Wall())
    cold = torch.empty(_LEAD_BYTES, dtype=torch.int8, device=device) if lead else None
    return Clock(device, Events(cold))


def forget() -> None:
    """Let go of the clocks' arrays and of what the allocator keeps for later."""
    clock.cache_clear()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
