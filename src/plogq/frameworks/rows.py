"""The kernels that frameworks have, by what they read: a table of rows, loaded when asked for.

A kernel reads what P and Q come down to and not how they were written: a measure over classes or a
yes/no one, scores that are stored, that lead to scores, or that are split over ranks. So a target
that is defined elsewhere runs them all. The first candidate that does not refuse a pair runs.
Kernels are reached through loaders, so that a framework's are imported only for its arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ..algebra.contract import Kernel
from .versions import fitting

CLASSES, YES_NO = "classes", "yes/no"
STORED, LINEAR, SHARDED = "stored", "linear", "sharded"
# P and Q both as predictions: such as are stored, of which one or both are linear, over ranks.
PAIR, LINEAR_PAIR, SHARDED_PAIR = "pair", "linear pair", "sharded pair"


class Key(NamedTuple):
    """What a kernel is looked up by: what it reads of P and of Q, the framework, the device."""

    measure: str
    scores: str
    framework: str
    device: str


@dataclass(slots=True, eq=False, repr=False)
class Row:
    """One kernel and what it is a candidate for; `place` orders the candidates."""

    name: str
    measure: str
    scores: str
    framework: str
    devices: tuple[str, ...]
    place: int
    load: Callable[[], Kernel]

    def keys(self) -> Iterable[Key]:
        return (Key(self.measure, self.scores, self.framework, d) for d in self.devices)


# Loaders of the kernels of a module. The statement is one that torch.compile follows.
def _numpy(kernel: str) -> Callable[[], Kernel]:
    def load() -> Kernel:
        from .numpy import kernels

        return getattr(kernels, kernel)

    return load


def _torch(kernel: str) -> Callable[[], Kernel]:
    def load() -> Kernel:
        from .torch import kernels

        return getattr(kernels, kernel)

    return load


def _triton(kernel: str) -> Callable[[], Kernel]:
    def load() -> Kernel:
        from .torch.triton import binding

        return getattr(binding, kernel)

    return load


def _triton_linear() -> Kernel:
    from .torch.triton.linear_binding import linear

    return linear


def _triton_pairs() -> Kernel:
    from .torch.triton.pairs_binding import pairs

    return pairs


def _triton_chunked() -> Kernel:
    from .torch.triton.chunked import chunked

    return chunked


def _jax(kernel: str) -> Callable[[], Kernel]:
    def load() -> Kernel:
        from .jax import kernels

        return getattr(kernels, kernel)

    return load


def _tensorflow(kernel: str) -> Callable[[], Kernel]:
    def load() -> Kernel:
        from .tensorflow import kernels

        return getattr(kernels, kernel)

    return load


def _jax_pairs() -> Kernel:
    from .jax.pairs import pairs

    return pairs


def _jax_by_events() -> Kernel:
    from .jax.pairs import by_events

    return by_events


def _tensorflow_by_events() -> Kernel:
    from .tensorflow.by_events import by_events

    return by_events


_CPU, _HERE_AND_GPU = ("cpu",), ("cpu", "cuda", "mps", "xpu", "meta")
_ANY_TF = ("cpu", "gpu", "tpu")
_JAX = ("cpu", "gpu", "tpu", "cuda", "rocm")
ROWS = (
    Row("cpu", CLASSES, STORED, "numpy", _CPU, 0, _numpy("stored")),
    Row("cpu", YES_NO, STORED, "numpy", _CPU, 0, _numpy("binary")),
    Row("cpu", CLASSES, PAIR, "numpy", _CPU, 0, _numpy("pairs")),
    Row("chunked", CLASSES, LINEAR_PAIR, "numpy", _CPU, 0, _numpy("chunked_pairs")),
    Row("chunked", CLASSES, LINEAR, "numpy", _CPU, 0, _numpy("chunked")),
    Row("linear", CLASSES, LINEAR, "numpy", _CPU, 1, _numpy("linear")),
    Row("cpu", CLASSES, STORED, "torch", _CPU, 0, _torch("stored")),
    Row("cpu", YES_NO, STORED, "torch", _CPU, 0, _torch("binary")),
    Row("cpu", CLASSES, PAIR, "torch", _CPU, 0, _torch("pairs")),
    Row("chunked", CLASSES, LINEAR_PAIR, "torch", ("cpu", "cuda"), 0, _torch("chunked_pairs")),
    Row("chunked", CLASSES, LINEAR, "torch", _CPU, 0, _torch("chunked")),
    Row("linear", CLASSES, LINEAR, "torch", _HERE_AND_GPU, 2, _torch("linear")),
    # On the CPU they run under Triton's interpreter only, after the kernels that are made for it.
    Row("triton", CLASSES, STORED, "torch", ("cuda", "cpu"), 5, _triton("stored")),
    Row("triton", YES_NO, STORED, "torch", ("cuda", "cpu"), 5, _triton("binary")),
    Row("triton", CLASSES, PAIR, "torch", ("cuda", "cpu"), 5, _triton_pairs),
    Row("chunked", CLASSES, LINEAR, "torch", ("cuda",), 0, _triton_chunked),
    Row("triton", CLASSES, LINEAR, "torch", ("cuda",), 1, _triton_linear),
    Row("triton", CLASSES, LINEAR, "torch", _CPU, 5, _triton_linear),
    Row("cpu", CLASSES, STORED, "jax", _CPU, 0, _jax("stored")),
    Row("cpu", YES_NO, STORED, "jax", _CPU, 0, _jax("binary")),
    Row("cpu", CLASSES, PAIR, "jax", _CPU, 0, _jax_pairs),
    Row("linear", CLASSES, LINEAR, "jax", _JAX, 0, _jax("linear")),
    Row("chunked", CLASSES, LINEAR_PAIR, "jax", _JAX, 0, _jax_by_events),
    Row("cpu", CLASSES, STORED, "tensorflow", _CPU, 0, _tensorflow("stored")),
    Row("cpu", YES_NO, STORED, "tensorflow", _CPU, 0, _tensorflow("binary")),
    Row("cpu", CLASSES, PAIR, "tensorflow", _CPU, 0, _tensorflow("pairs")),
    Row("linear", CLASSES, LINEAR, "tensorflow", _CPU, 0, _tensorflow("linear")),
    Row("chunked", CLASSES, LINEAR_PAIR, "tensorflow", _CPU, 0, _tensorflow("chunked_pairs")),
    Row("chunked", CLASSES, LINEAR_PAIR, "tensorflow", _ANY_TF, 1, _tensorflow_by_events),
)


class Table:
    """Rows by key; each kernel is loaded once.

    Raises:
        ValueError: two kernels claim one place for one key.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        places: dict[Key, dict[int, Row]] = {}
        for row in rows:
            for key in row.keys():  # noqa: SIM118 - a row is no dictionary
                claimed = places.setdefault(key, {})
                if row.place in claimed:
                    raise ValueError(
                        f"kernels {claimed[row.place].name!r} and {row.name!r} both claim place "
                        f"{row.place} for {key}"
                    )
                claimed[row.place] = row
        self.rows = {key: tuple(held[i] for i in sorted(held)) for key, held in places.items()}
        self._loaded: dict[Key, list[Kernel]] = {}

    def candidates(self, key: Key) -> list[Kernel]:
        """The kernels for a key, in order."""
        loaded = self._loaded.get(key)
        if loaded is None:
            found = (fitting(row.load, row.framework) for row in self.rows.get(key, ()))
            loaded = self._loaded[key] = list(found)
        return loaded


TABLE = Table(ROWS)
