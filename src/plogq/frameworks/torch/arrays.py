"""The array verbs that the formula needs, in PyTorch: the same names as for NumPy.

Every verb is differentiable, and none of them waits for a device or looks at a value; what does
(`host`, `inverse`) is asked only of arrays that `readable` lets through.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from math import prod
from typing import Any

import torch

from ...errors import DtypeError
from ...native import sums
from .. import overlap
from ..pages import LARGE
from ..versions import require
from .labels import unread_labels as unread_labels
from .memory import FLOAT_NAMES, large, memory
from .memory import host as host
from .modes import PLAIN as PLAIN
from .modes import forward_mode as forward_mode
from .modes import ordinary as ordinary
from .modes import plain as plain
from .modes import tracing as tracing
from .modes import transformed as transformed
from .modes import wants_gradient as wants_gradient
from .operations import absolute as absolute
from .operations import add_product as add_product
from .operations import cast_like as cast_like
from .operations import column_sums as column_sums
from .operations import counting as counting
from .operations import equal as equal
from .operations import exceeding as exceeding
from .operations import exp as exp
from .operations import expand as expand
from .operations import expm1 as expm1
from .operations import from_last as from_last
from .operations import full as full
from .operations import gather as gather
from .operations import indices as indices
from .operations import inverse as inverse
from .operations import joined as joined
from .operations import log as log
from .operations import log1p as log1p
from .operations import matmul as matmul
from .operations import max_first as max_first
from .operations import places as places
from .operations import product_into as product_into
from .operations import ratio as ratio
from .operations import rows as rows
from .operations import scalar_like as scalar_like
from .operations import scatter as scatter
from .operations import span as span
from .operations import statistics as statistics
from .operations import statistics_dtype as statistics_dtype
from .operations import sum_classes as sum_classes
from .operations import sum_events as sum_events
from .operations import sum_to as sum_to
from .operations import take as take
from .operations import tanh as tanh
from .operations import times as times
from .operations import to_last as to_last
from .operations import weights as weights
from .operations import where as where
from .operations import wide_dtype as wide_dtype
from .operations import zeros as zeros
from .pool import lend_pool
from .ready import FLOATS as _FLOATS
from .ready import INTEGERS as _INTEGERS
from .ready import ready as ready
from .triton import sums_launched as triton_sums

require(torch)
lend_pool()

Tensor = torch.Tensor

name = "torch"
float_names = FLOAT_NAMES
# What to write, in this framework, where a sentence says so.
words = {
    "float": "{}.float()",
    "int": "{}.long()",
    "broadcast": "{}.expand_as(y)",
    "reshape": "y.reshape({})",
    "flat": "y.reshape(-1)",
    "softmax": "torch.softmax(z, dim=-1)",
    "sigmoid": "torch.sigmoid(z)",
    "exp": "x.exp()",
}
_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)


def as_array(value: Any, role: str) -> Tensor:
    """`value` as it is; a sentence says why a sparse or nested tensor is none."""
    if value.is_nested:
        raise DtypeError(
            f"{role} is a nested tensor; write torch.nested.to_padded_tensor(x, 0), and give the "
            "padding no mass: Labels(y, ignore=…), or a sample_weight of 0"
        )
    if value.layout is not torch.strided:
        raise DtypeError(
            f"{role} is a tensor of layout {value.layout}; write x.to_dense(), or "
            "SparseProbs(index, probs) for a target with few classes per event"
        )
    if value.is_quantized:
        raise DtypeError(f"{role} is a quantized tensor; write x.dequantize()")
    if not torch.compiler.is_compiling():
        # What these two kinds have in memory is not what they stand for.
        if value.is_neg():
            return value.resolve_neg()
        if value._is_zerotensor():
            return torch.zeros_like(value)
    return value


def dtype_name(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")


def shape(x: Tensor) -> tuple[int, ...]:
    """The lengths of the axes."""
    return tuple(x.shape)


def is_float(x: Tensor) -> bool:
    return x.dtype in _FLOATS


def is_integer(x: Tensor) -> bool:
    return x.dtype in _INTEGERS


def is_bool(x: Tensor) -> bool:
    return x.dtype is torch.bool


def device(x: Tensor) -> str:
    return x.device.type


def place(x: Tensor) -> str:
    """The device that x is on, to be compared with another's."""
    return str(x.device)


def readable(x: Tensor, wait: bool = False) -> bool:
    """Whether the values of x can be looked at, without waiting for a device unless `wait`."""
    if wait and not x.is_cpu and not x.is_meta and x.__class__ in PLAIN:
        return ordinary(x) and not torch.compiler.is_compiling()
    return plain(x)


def epsilon(x: Tensor) -> float:
    """The distance from 1 to the next number of x's type."""
    return torch.finfo(x.dtype).eps


def quiet() -> AbstractContextManager[Any]:
    """∞ - ∞ and log 0 have defined outcomes here (N3), and PyTorch does not warn of them."""
    return nullcontext()


def owned(x: Tensor) -> Tensor:
    """x in memory that nobody else writes to."""
    return x.clone()


def total(x: Tensor) -> Tensor:
    """The sum of everything in at least float32, the same for any number of threads (N6)."""
    if x.dtype in (torch.float64, torch.float32) and plain(x):
        return _Total.apply(x)
    return x.sum(dtype=wide_dtype(x))


def plain_total(x: Tensor) -> float:
    """The sum of what is plain."""
    return sums.total(memory, x.detach().contiguous())


class _Total(torch.autograd.Function):
    """The sum of everything: PyTorch's own depends on how many threads there are."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.like = x.shape, x.dtype
        return torch.full((), plain_total(x), dtype=torch.float64, device="cpu")

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> Tensor:
        shape, dtype = ctx.like
        return d.to(dtype).expand(shape)


@contextmanager
def exact() -> Generator[None]:
    """Inside, products are what they say: nothing is recorded, cast or summed in 16 bits."""
    how = torch.backends.cuda.matmul
    reduced = how.allow_bf16_reduced_precision_reduction
    how.allow_bf16_reduced_precision_reduction = False
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            yield
    finally:
        how.allow_bf16_reduced_precision_reduction = reduced


def autocast(*arrays: Any) -> tuple[Any, ...]:
    """The arrays as a matrix product is to take them here: cast, where autocast is on."""
    kind = arrays[0].device.type
    if kind == "meta" or not torch.is_autocast_enabled(kind):
        return arrays
    dtype = torch.get_autocast_dtype(kind)
    return tuple(
        x.to(dtype) if isinstance(x, torch.Tensor) and x.dtype in _FLOATS[:3] else x for x in arrays
    )


def no_products(x: Tensor) -> str | None:
    """Why products of x cannot be made in place, or None."""
    if transformed(x):
        return "under forward mode and torch.func PyTorch's own operations are at work"
    return None


def empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A new array of the type of `like`."""
    if like.is_cpu and prod(shape) * like.element_size() >= LARGE and plain(like):
        return large(shape, like.dtype)
    return like.new_empty(shape)


def row_sums(x: Tensor, axis: int, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The sum along the class axis, each class times its weight, and the least entry."""
    found = _known_sums(x, axis, weight)
    if found is not None:
        return found
    least = x.amin(dim=axis) if x.shape[axis] else x.sum(dim=axis)
    if weight is None:
        return x.sum(dim=axis, dtype=wide_dtype(x)), least
    # A NaN shows in its row's sum, and in no derivative by a class's weight.
    rows = x.movedim(axis, -1).to(weight.dtype)
    known = torch.where(rows.isfinite(), rows, 0.0)
    return times(known, weight).sum(dim=-1) + (0.0 * rows.detach()).sum(dim=-1), least


def _known_sums(x: Tensor, axis: int, weight: Any) -> tuple[Tensor, Tensor] | None:
    """The sums and the least entries of the rows by a kernel, or None where there is none."""
    if _recorded(x, weight) or tracing():
        return None
    if plain(x):
        return sums.row_sums(memory, x, axis, weight)
    return triton_sums.row_sums(x, axis, weight) if x.shape[axis] else None


def _recorded(*arrays: Any) -> bool:
    """Whether a gradient with respect to any of these is to flow through what is done now."""
    recording = torch.is_grad_enabled() and any(map(wants_gradient, arrays))
    return recording or forward_mode()


def value_range(x: Tensor) -> tuple[float, float]:
    """The least and the greatest element; both NaN where there is one."""
    found = sums.value_range(memory, x) if plain(x) else None
    if found is not None:
        return found
    x = x.detach()
    # Of unsigned integers PyTorch has neither.
    low, high = (x.to(torch.float64) if x.dtype in _UNSIGNED else x).aminmax()
    return float(low), float(high)


def aliases(x: Any, y: Any) -> bool:
    """Whether writing to x could change y."""
    (first, one), (second, other) = _memory(x), _memory(y)
    return first == second or (x.device == y.device and first < other and second < one)


def _memory(x: Tensor) -> tuple[int, int]:
    """Where the memory begins that x is a view of, and where it ends."""
    storage = x.untyped_storage()
    return storage.data_ptr(), storage.data_ptr() + storage.nbytes()


def read_only(x: Tensor) -> str | None:
    """Why x cannot be written to, or None."""
    if x.requires_grad:
        return "it is read-only while autograd records it (requires_grad): write x.detach()"
    return None


def overlaps_itself(x: Tensor) -> bool:
    """Whether two elements of x lie on the same memory."""
    size = x.element_size()
    return overlap.overlaps_itself(tuple(x.shape), [n * size for n in x.stride()], size)


def overwritten(x: Tensor) -> None:
    """Let autograd know that x is written to: whoever has saved it for a backward is told there."""
    if not x.is_inference():
        torch.autograd.graph.increment_version(x)


def to_dtype(x: Tensor, dtype: str) -> Tensor:
    """x in the dtype of this name."""
    return x.to(getattr(torch, dtype))


def from_host(x: Any, like: Tensor) -> Tensor:
    """An array of NumPy, in this framework and on the device of `like`."""
    if torch.compiler.is_compiling():
        # What torch.compile records of NumPy is tensors already.
        return torch.as_tensor(x, device=like.device)
    if x.dtype.name == "bfloat16":
        return from_host(x.astype("float32"), like).to(torch.bfloat16)
    if like.device.type == "mps" and x.dtype.name == "float64":
        x = x.astype("float32")
    # PyTorch takes arrays that it may write to, in the machine's own order of bytes.
    own = x.astype(x.dtype.newbyteorder("="), order="C", copy=not x.flags.writeable)
    return torch.as_tensor(own, device=like.device)
