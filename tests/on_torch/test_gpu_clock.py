"""The clock of the cases for a GPU, on streams and watches that only say what was asked of them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch

from benchmarks import device
from benchmarks.case import Reading


class Stream:
    """Stands in for torch.cuda: events tell in which order things were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.held = self.most = 100

    def Event(self, *, enable_timing: bool) -> Any:
        assert enable_timing
        stream = self

        class Event:
            def record(self) -> None:
                stream.asked.append("record")

            def synchronize(self) -> None:
                stream.asked.append("wait")

            def elapsed_time(self, last: Any) -> float:
                assert self is not last
                return 250.0  # milliseconds

        return Event()

    def synchronize(self) -> None:
        self.asked.append("synchronize")

    def reset_peak_memory_stats(self) -> None:
        self.most = self.held

    def memory_allocated(self) -> int:
        return self.held

    def max_memory_allocated(self) -> int:
        return self.most


def test_the_clock_of_a_gpu_times_the_call_alone_behind_a_fill() -> None:
    stream = Stream()

    class Lead:
        def zero_(self) -> None:
            stream.asked.append("fill")

    def ready() -> int:
        stream.asked.append("ready")
        stream.held, stream.most = 400, 5000  # none of it is the call's
        return 7

    def call(state: int) -> int:
        stream.asked.append("call")
        stream.most = max(stream.most, 1000)
        return state + 1

    clock = device.Clock("cpu", device.Events(Lead(), stream))
    reading = clock.timed(call, ready)()
    assert (float(reading), reading.memory, reading.result) == (0.25, 600, 8)
    one = ["ready", "synchronize", "fill", "record", "call", "record", "wait"]
    assert stream.asked == one * (device._WARM_UPS + 2)  # one more to see how long it takes


def test_torch_cuda_has_what_the_clock_asks_for() -> None:
    asked = [name for name in vars(Stream) if not name.startswith("_")]
    assert len(asked) == 5
    for name in asked:
        assert callable(getattr(torch.cuda, name))
    assert "enable_timing" in inspect.signature(torch.cuda.Event.__new__).parameters


def test_short_calls_are_repeated_and_their_median_taken() -> None:
    class Watch:
        ticks: Iterator[float]

        def start(self) -> None:
            return None

        def stop(self) -> tuple[float, int | None]:
            return next(self.ticks), None

    watch = Watch()
    watch.ticks = iter([9.0, 9.0, device._SAMPLE_SECONDS / 3, 1.0, 3.0, 2.0, 5.0, 4.0, 6.0])
    run = device.Clock("cpu", watch).timed(lambda _: "result")
    assert float(run()) == 2.0
    assert run() == Reading(5.0, None, "result")  # no warming up again
