"""Which kernel runs: a table from (P, Q, framework, device) to candidates, in order.

The first candidate that does not refuse the pair runs; where all refuse, the formula runs in the
framework's own operations. Kernels are reached through loader functions, so that a framework's
kernels are imported only for arrays of that framework.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..arrays.versions import fitting
from ..errors import KernelRefused
from .contract import Kernel

CATEGORICAL = ("Labels", "Probs", "SparseProbs", "Smoothed", "Weighted")
BINARY = ("BinaryProbs", "SmoothedBinary", "WeightedBinary")
# Types that others make, as they are written.
_WRITTEN = {"SmoothedBinary": "Smoothed(BinaryProbs)", "WeightedBinary": "Weighted(BinaryProbs)"}


class Key(NamedTuple):
    """What a kernel is looked up by: the names of the two types, the framework, the device."""

    target: str
    prediction: str
    framework: str
    device: str


@dataclass(slots=True, eq=False, repr=False)
class Row:
    """One kernel and the pairs that it is a candidate for; `place` orders the candidates."""

    name: str
    targets: tuple[str, ...]
    predictions: tuple[str, ...]
    framework: str
    device: str
    place: int
    load: Callable[[], Kernel]


def _numpy_cpu() -> Kernel:
    from .numpy import stored

    return stored


def _numpy_cpu_binary() -> Kernel:
    from .numpy import binary

    return binary


def _numpy_linear() -> Kernel:
    from .numpy import linear

    return linear


def _torch_cpu() -> Kernel:
    from .torch import stored

    return stored


def _torch_cpu_binary() -> Kernel:
    from .torch import binary

    return binary


def _torch_triton() -> Kernel:
    from .triton.binding import stored

    return stored


def _torch_triton_binary() -> Kernel:
    from .triton.binding import binary

    return binary


def _torch_triton_linear() -> Kernel:
    from .triton.products import linear

    return linear


def _torch_sharded() -> Kernel:
    from .sharded import sharded

    return sharded


_OVER_RANKS = ("ShardedLogits", "LinearLogits")


def _torch_linear() -> Kernel:
    from .torch import linear

    return linear


def _tensorflow_cpu() -> Kernel:
    from .tensorflow import stored

    return stored


def _tensorflow_cpu_binary() -> Kernel:
    from .tensorflow import binary

    return binary


def _tensorflow_linear() -> Kernel:
    from .tensorflow import linear

    return linear


def _jax_cpu() -> Kernel:
    from .jax import stored

    return stored


def _jax_cpu_binary() -> Kernel:
    from .jax import binary

    return binary


def _jax_linear() -> Kernel:
    from .jax import linear

    return linear


_STORED, _YES_NO = ("Logits", "LogProbs", "Probs"), ("BinaryLogits", "BinaryProbs")
ROWS = (
    Row("cpu", CATEGORICAL, ("Logits", "LogProbs", "Probs"), "numpy", "cpu", 0, _numpy_cpu),
    Row("cpu", BINARY, ("BinaryLogits", "BinaryProbs"), "numpy", "cpu", 0, _numpy_cpu_binary),
    Row("cpu", CATEGORICAL, ("Logits", "LogProbs", "Probs"), "torch", "cpu", 0, _torch_cpu),
    Row("cpu", BINARY, ("BinaryLogits", "BinaryProbs"), "torch", "cpu", 0, _torch_cpu_binary),
    Row("cpu", CATEGORICAL, _STORED, "tensorflow", "cpu", 0, _tensorflow_cpu),
    Row("cpu", BINARY, _YES_NO, "tensorflow", "cpu", 0, _tensorflow_cpu_binary),
    Row("linear", CATEGORICAL, ("LinearLogits",), "tensorflow", "cpu", 0, _tensorflow_linear),
    Row("linear", CATEGORICAL, ("LinearLogits",), "numpy", "cpu", 0, _numpy_linear),
    Row("cpu", CATEGORICAL, _STORED, "jax", "cpu", 0, _jax_cpu),
    Row("cpu", BINARY, _YES_NO, "jax", "cpu", 0, _jax_cpu_binary),
    *(
        Row("linear", CATEGORICAL, ("LinearLogits",), "jax", device, 0, _jax_linear)
        for device in ("cpu", "gpu", "tpu", "cuda", "rocm")
    ),
    # On the CPU they run under Triton's interpreter only, after the kernels that are made for it.
    *(
        row
        for device in ("cuda", "cpu")
        for row in (
            Row("triton", CATEGORICAL, ("Logits",), "torch", device, 5, _torch_triton),
            Row("triton", BINARY, ("BinaryLogits",), "torch", device, 5, _torch_triton_binary),
        )
    ),
    *(
        Row("triton", CATEGORICAL, ("LinearLogits",), "torch", device, place, _torch_triton_linear)
        for device, place in (("cuda", 0), ("cpu", 5))
    ),
    *(
        Row("linear", CATEGORICAL, ("LinearLogits",), "torch", device, 1, _torch_linear)
        for device in ("cpu", "cuda", "mps", "xpu", "meta")
    ),
    *(
        Row("sharded", CATEGORICAL, _OVER_RANKS, "torch", device, 9, _torch_sharded)
        for device in ("cpu", "cuda", "xpu")
    ),
)


def build(rows: tuple[Row, ...]) -> dict[Key, tuple[Row, ...]]:
    """The table of `rows`.

    Raises:
        ValueError: two kernels claim one place for one key.
    """
    table: dict[Key, dict[int, Row]] = {}
    for row in rows:
        for target in row.targets:
            for prediction in row.predictions:
                key = Key(target, prediction, row.framework, row.device)
                places = table.setdefault(key, {})
                if row.place in places:
                    raise ValueError(
                        f"kernels {places[row.place].name!r} and {row.name!r} both claim place "
                        f"{row.place} for {key}"
                    )
                places[row.place] = row
    return {key: tuple(places[i] for i in sorted(places)) for key, places in table.items()}


def _written(target: str) -> str:
    return _WRITTEN.get(target, target)


Refusal = tuple[str, str]
_TABLE = build(ROWS)
_LOADED: dict[Key, list[Kernel]] = {}
_asked: ContextVar[str | None] = ContextVar("plogq_kernel", default=None)


@contextmanager
def using(name: str) -> Generator[None]:
    """Inside this block the kernel of this name runs, or KernelRefused says why it cannot."""
    token = _asked.set(name)
    try:
        yield
    finally:
        _asked.reset(token)


def asked() -> str | None:
    """The name of the kernel that has to run, if one was asked for."""
    return _asked.get()


@dataclass(slots=True, eq=False, repr=False)
class Explanation:
    """Which kernel runs for a pair, and why the others do not."""

    key: Key
    chosen: str
    refusals: tuple[Refusal, ...]

    def __str__(self) -> str:
        k = self.key
        lines = [
            f"{_written(k.target)} × {k.prediction} on {k.framework}, {k.device}: {self.chosen}"
        ]
        lines += [f"  {name} refused: {why}" for name, why in self.refusals]
        return "\n".join(lines)

    __repr__ = __str__


def choose(key: Key, measure: Any, scores: Any, formula: Any) -> tuple[Kernel, list[Refusal]]:
    """The kernel that runs this pair, with the refusals of those before it.

    Raises:
        KernelRefused: the kernel that `using` asked for does not do this pair.
    """
    name = None if formula.xp.tracing() else asked()
    refusals: list[Refusal] = []
    for kernel in candidates(key, formula):
        if name is not None and kernel.name != name:
            continue
        why = kernel.refuses(measure, scores)
        if why is None:
            return kernel, refusals
        refusals.append((kernel.name, why))
    if refusals:
        raise KernelRefused("; ".join(f"kernel {name!r} refused: {why}" for name, why in refusals))
    names = sorted({kernel.name for kernel in candidates(key, formula)})
    pair = f"{_written(key.target)} × {key.prediction}"
    raise KernelRefused(
        f"there is no kernel {name!r} for {pair} on {key.framework}; there are {', '.join(names)}"
    )


def candidates(key: Key, formula: Kernel) -> list[Kernel]:
    """The kernels of a key in order, the formula last; each is loaded once."""
    loaded = _LOADED.get(key)
    if loaded is None:
        loaded = _LOADED[key] = [fitting(row.load, row.framework) for row in _TABLE.get(key, ())]
    return [*loaded, formula]


def describe() -> dict[str, Any]:
    """The kernels of this machine: instruction set, threads, and the table as rows of text."""
    from .cpu.processor import machine

    table = [
        {
            "kernel": row.name,
            "targets": ", ".join(map(_written, row.targets)),
            "predictions": ", ".join(row.predictions),
            "framework": row.framework,
            "device": row.device,
        }
        for row in ROWS
    ]
    return {**machine(), "table": table}
