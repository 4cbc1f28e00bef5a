"""Which kernel runs: the first candidate for what P and Q came down to that does not refuse them.

Where all refuse, the formula runs in the framework's own operations.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..algebra.contract import Kernel
from ..errors import KernelRefused
from ..frameworks.rows import (
    CLASSES,
    LINEAR,
    LINEAR_PAIR,
    PAIR,
    ROWS,
    SHARDED,
    SHARDED_PAIR,
    STORED,
    YES_NO,
    Key,
    Row,
    Table,
)

# Types that others make, as they are written.
_WRITTEN = {"SmoothedBinary": "Smoothed(BinaryProbs)", "WeightedBinary": "Weighted(BinaryProbs)"}
# How what a kernel reads may be written.
_TARGETS = {
    CLASSES: ("Labels", "Probs", "SparseProbs", "Smoothed", "Weighted"),
    YES_NO: ("BinaryProbs", "Smoothed(BinaryProbs)", "Weighted(BinaryProbs)"),
}
# Where P is a prediction too.
_PAIRED = {
    PAIR: ("Logits",),
    LINEAR_PAIR: ("Logits", "LinearLogits"),
    SHARDED_PAIR: ("ShardedLogits", "LinearLogits"),
}
_PREDICTIONS = {
    (CLASSES, STORED): ("Logits", "LogProbs", "Probs"),
    (YES_NO, STORED): ("BinaryLogits", "BinaryProbs"),
    (CLASSES, PAIR): ("Logits",),
    (CLASSES, LINEAR_PAIR): ("LinearLogits",),
    (CLASSES, SHARDED_PAIR): ("ShardedLogits", "LinearLogits"),
    (CLASSES, LINEAR): ("LinearLogits",),
    (CLASSES, SHARDED): ("ShardedLogits", "LinearLogits"),
}


class Named(NamedTuple):
    """What a pair is called: the names of the two types, the framework, the device."""

    target: str
    prediction: str
    framework: str
    device: str

    def __str__(self) -> str:
        target = _WRITTEN.get(self.target, self.target)
        return f"{target} × {self.prediction} on {self.framework}"


def _over_ranks() -> Kernel:
    from ..ranks.kernel import sharded

    return sharded


def _pairs_over_ranks() -> Kernel:
    from ..ranks.pairs import pairs

    return pairs


ROWS_IN_ALL = (
    *ROWS,
    Row("sharded", CLASSES, SHARDED, "torch", ("cpu", "cuda", "xpu"), 9, _over_ranks),
    Row("sharded", CLASSES, SHARDED_PAIR, "torch", ("cpu", "cuda", "xpu"), 9, _pairs_over_ranks),
)


Refusal = tuple[str, str]
_TABLE = Table(ROWS_IN_ALL)
kernel_asked: ContextVar[str | None] = ContextVar("plogq_kernel", default=None)


@contextmanager
def using(name: str) -> Generator[None]:
    """Inside this block the kernel of this name runs, or KernelRefused says why it cannot."""
    token = kernel_asked.set(name)
    try:
        yield
    finally:
        kernel_asked.reset(token)


@dataclass(slots=True, eq=False, repr=False)
class Explanation:
    """Which kernel runs for a pair, and why the others do not."""

    pair: Named
    chosen: str
    refusals: tuple[Refusal, ...]
    note: str | None = None  # what else is to be said of the way that was chosen

    def __str__(self) -> str:
        lines = [f"{self.pair}, {self.pair.device}: {self.chosen}"]
        lines += [f"  {self.note}"] if self.note else []
        lines += [f"  {name} refused: {why}" for name, why in self.refusals]
        return "\n".join(lines)

    __repr__ = __str__


def choose(pair: Named, measure: Any, scores: Any, formula: Any) -> tuple[Kernel, list[Refusal]]:
    """The kernel that runs this pair, with the refusals of those before it.

    Raises:
        KernelRefused: the kernel that `using` asked for does not do this pair.
    """
    name = None if formula.xp.tracing() else kernel_asked.get()
    key = Key(measure.reads, scores.reads, pair.framework, pair.device)
    kernels = [*_TABLE.candidates(key), formula]
    refusals: list[Refusal] = []
    for kernel in kernels:
        if name is not None and kernel.name != name:
            continue
        why = kernel.refuses(measure, scores)
        if why is None:
            return kernel, refusals
        refusals.append((kernel.name, why))
    if refusals:
        raise KernelRefused("; ".join(f"kernel {name!r} refused: {why}" for name, why in refusals))
    names = ", ".join(sorted({kernel.name for kernel in kernels}))
    raise KernelRefused(f"there is no kernel {name!r} for {pair}; there are {names}")


def describe() -> dict[str, Any]:
    """The kernels of this machine: instruction set, threads, and the table as rows of text."""
    from ..native.processor import machine

    table = [
        {
            "kernel": row.name,
            "targets": ", ".join(_PAIRED.get(row.scores, _TARGETS[row.measure])),
            "predictions": ", ".join(_PREDICTIONS[row.measure, row.scores]),
            "framework": row.framework,
            "devices": ", ".join(row.devices),
        }
        for row in ROWS_IN_ALL
    ]
    return {**machine(), "table": table}
