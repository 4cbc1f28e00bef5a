"""The array verbs that the formula needs, in PyTorch: the same names as for NumPy.

Every verb is differentiable, and none of them waits for a device or looks at a value; what does
(`host`, `inverse`) is asked only of arrays that `readable` lets through.
"""

# PyTorch types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportIncompatibleMethodOverride=false
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from math import prod
from typing import Any

import torch
from torch.autograd import forward_ad

from ..errors import DtypeError
from . import overlap
from .pages import LARGE, pages
from .versions import require

require(torch)

Tensor = torch.Tensor

name = "torch"
float_names = ("float64", "float32", "float16", "bfloat16")
# What to write, in this framework, where a sentence says so.
words = {
    "float": "{}.float()",
    "int": "{}.long()",
    "broadcast": "{}.expand_as(y)",
    "softmax": "torch.softmax(z, dim=-1)",
    "sigmoid": "torch.sigmoid(z)",
    "exp": "x.exp()",
}
_FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
_INTEGERS = (
    torch.int64,
    torch.uint8,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
)
_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
_PLAIN = (torch.Tensor, torch.nn.Parameter)


def large(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A new tensor in memory that the last one of its kind may have left behind."""
    raw = pages(prod(shape) * dtype.itemsize)
    return torch.from_numpy(raw).view(dtype).view(shape)


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


def tracing() -> bool:
    """Whether values are unknown for now, because a program is being recorded."""
    return torch.compiler.is_compiling()


def forward_mode() -> bool:
    """Whether derivatives are carried along with values."""
    return forward_ad._current_level >= 0


_legacy = torch._C._functorch.is_legacy_batchedtensor  # autograd.grad(is_grads_batched=True)
_functorch_active = torch._C._are_functorch_transforms_active
_modes = torch._C._len_torch_dispatch_stack


def _intercepted() -> bool:
    """Whether something else looks at every operation now: a transform, or a dispatch mode."""
    return forward_ad._current_level >= 0 or _functorch_active() or _modes() > 0


def transformed(x: Tensor) -> bool:
    """Whether forward mode or a transform of torch.func is at work on x."""
    if forward_mode() or torch._C._are_functorch_transforms_active():
        return True
    return not torch.compiler.is_compiling() and _legacy(x)


def ordinary(x: Tensor) -> bool:
    """Whether x is a tensor as such, and not one of the kinds that stand for something else."""
    return x.__class__ in _PLAIN and not _intercepted() and not _legacy(x)


def plain(*arrays: Tensor) -> bool:
    """Whether these are ordinary tensors in this process's memory, whose values can be read."""
    if torch.compiler.is_compiling() or _intercepted():
        return False
    for x in arrays:  # noqa: SIM110 - a generator takes longer than the checks
        if x.__class__ not in _PLAIN or not x.is_cpu or _legacy(x):
            return False
    return True


def readable(x: Tensor, wait: bool = False) -> bool:
    """Whether the values of x can be looked at, without waiting for a device unless `wait`."""
    if wait and not x.is_cpu and not x.is_meta and x.__class__ in _PLAIN:
        return ordinary(x) and not torch.compiler.is_compiling()
    return plain(x)


def wants_gradient(x: Any) -> bool:
    """Whether a gradient with respect to x is asked for."""
    return isinstance(x, torch.Tensor) and x.requires_grad


def epsilon(x: Tensor) -> float:
    """The distance from 1 to the next number of x's type."""
    return torch.finfo(x.dtype).eps


def quiet() -> AbstractContextManager[Any]:
    """∞ - ∞ and log 0 have defined outcomes here (N3), and PyTorch does not warn of them."""
    return nullcontext()


def statistics_dtype(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype is torch.float64 else torch.float32


def statistics(x: Tensor) -> Tensor:
    """x in the type that its statistics have; no copy where it has it."""
    return x.to(statistics_dtype(x))


def cast_like(x: Any, like: Tensor) -> Tensor:
    return x.to(like.dtype)


def _wide(x: Tensor) -> torch.dtype:
    """float64, where the device has it."""
    return torch.float32 if x.device.type == "mps" else torch.float64


def weights(x: Any) -> Any:
    """Weights, masses and probabilities per event, as float64; numbers stay numbers."""
    return x.to(_wide(x)) if isinstance(x, torch.Tensor) else x


def indices(x: Tensor) -> Tensor:
    return x.to(torch.int64)


def owned(x: Tensor) -> Tensor:
    """x in memory that nobody else writes to."""
    return x.clone()


def full(shape: tuple[int, ...], value: float, like: Tensor) -> Tensor:
    """A new array on the device of `like`."""
    return torch.full(shape, value, dtype=_wide(like), device=like.device)


def to_last(x: Tensor, axis: int) -> Tensor:
    return x.movedim(axis, -1)


def from_last(x: Tensor, axis: int) -> Tensor:
    return x.movedim(-1, axis)


def expand(x: Tensor) -> Tensor:
    """A class axis of length one at the end."""
    return x.unsqueeze(-1)


def max_first(x: Tensor) -> tuple[Tensor, Tensor]:
    """The greatest score with the class axis kept, and a mask that is True at its first place."""
    place = x.argmax(dim=-1, keepdim=True)
    classes = torch.arange(x.shape[-1], device=x.device)
    return x.gather(-1, place), classes == place


def sum_classes(x: Tensor) -> Tensor:
    return x.sum(dim=-1)


def sum_events(x: Tensor) -> Tensor:
    """The sum over everything but the classes."""
    return x.sum(dim=tuple(range(x.ndim - 1))) if x.ndim > 1 else x


def sum_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The sum over the axes along which an array of `shape` was broadcast."""
    return x.sum_to_size(shape)


def times(weight: Any, x: Any) -> Any:
    """weight · x, and 0 where the weight is 0, whatever x is (0 · log 0 = 0)."""
    if not isinstance(x, torch.Tensor):
        return weight * x
    # The factor and not the product is chosen, so that the derivatives are finite too.
    return weight * torch.where((weight == 0) & ~x.isfinite(), 0.0, x)


def span(x: Tensor, start: int, count: int, axis: int) -> Tensor:
    """The `count` entries of x from `start` on along an axis."""
    return x[(slice(None),) * axis + (slice(start, start + count),)]


def gather(x: Tensor, index: Tensor) -> Tensor:
    """x at `index` [..., T] along the class axis."""
    return x.gather(-1, index)


def take(x: Tensor, index: Tensor) -> Tensor:
    """x [K] at every index."""
    return x[index]


def scatter(index: Tensor, value: Tensor, classes: int) -> Tensor:
    """A dense [..., K] array that has `value` at `index` [..., T]; equal indices add up."""
    dense = torch.zeros((*index.shape[:-1], classes), dtype=_wide(value), device=value.device)
    return dense.scatter_add(-1, index, value.to(dense.dtype))


def places(index: Tensor) -> Tensor:
    """A number below T for every entry of a row [..., T], the same for equal entries alone."""
    order = index.argsort(dim=-1, stable=True)
    ordered = index.gather(-1, order)
    steps = (ordered[..., 1:] != ordered[..., :-1]).cumsum(-1)
    found = torch.cat((torch.zeros_like(order[..., :1]), steps), dim=-1)
    return found.gather(-1, order.argsort(dim=-1))


where = torch.where
exp = torch.exp
log = torch.log
log1p = torch.log1p
tanh = torch.tanh
expm1 = torch.expm1
equal = torch.eq


def absolute(x: Tensor) -> Tensor:
    return x.abs()


def total(x: Tensor) -> Tensor:
    """The sum of everything, pairwise, in at least float32, in a fixed order."""
    return x.sum(dtype=_wide(x))


def host(x: Tensor) -> Any:
    """x where NumPy can read it."""
    x = x.detach().cpu()
    return (x.float() if x.dtype is torch.bfloat16 else x).numpy()


@contextmanager
def exact() -> Generator[None]:
    """Inside, products are what they say: nothing is recorded and nothing cast."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        yield


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


def zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A new array of the type of `like`, all 0."""
    return like.new_zeros(shape)


def joined(parts: Iterable[Tensor]) -> Tensor:
    """The parts one after another along the first axis."""
    return torch.cat(list(parts))


def rows(x: Tensor) -> Tensor:
    """x as [events, classes], whatever axes the events have."""
    return x.reshape(-1, x.shape[-1])


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """a · b, not cast by autocast."""
    if a.is_meta:
        return a @ b
    with torch.autocast(a.device.type, enabled=False):
        return a @ b


def product_into(out: Tensor, a: Tensor, b: Tensor) -> None:
    """out = a · b."""
    torch.mm(a, b, out=out)


def add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """total += a · b."""
    total.addmm_(a, b)


def exceeding(x: Tensor, least: Tensor) -> Tensor:
    """Which columns of x have an entry whose size exceeds its row's `least`."""
    return (x.abs() > least.to(x.dtype).unsqueeze(1)).any(dim=0)


def inverse(x: Any) -> float:
    """1 / x as a number, and 0 where x is 0."""
    return 0.0 if x == 0 else 1.0 / float(x)


def scalar_like(value: Any, like: Tensor) -> Tensor:
    """A number of the type of `like`."""
    return value.to(like.dtype)


def ratio(x: Tensor, divisor: Any) -> Tensor:
    """x / divisor, and 0 where the divisor is 0 (N6)."""
    if not isinstance(divisor, torch.Tensor):
        return x / divisor if divisor else x * 0.0
    nothing = divisor == 0
    return torch.where(nothing, 0.0, x / torch.where(nothing, 1.0, divisor))


def row_sums(x: Tensor, axis: int, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The sum along the class axis, each class times its weight, and the least entry."""
    least = x.amin(dim=axis) if x.shape[axis] else x.sum(dim=axis)
    if weight is None:
        return x.sum(dim=axis, dtype=_wide(x)), least
    # A NaN shows in its row's sum, and in no derivative by a class's weight.
    rows = x.movedim(axis, -1).to(weight.dtype)
    known = torch.where(rows.isfinite(), rows, 0.0)
    return times(known, weight).sum(dim=-1) + (0.0 * rows.detach()).sum(dim=-1), least


def value_range(x: Tensor) -> tuple[float, float]:
    """The least and the greatest element; both NaN where there is one."""
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
    if x.dtype.name == "bfloat16":
        return from_host(x.astype("float32"), like).to(torch.bfloat16)
    if like.device.type == "mps" and x.dtype.name == "float64":
        x = x.astype("float32")
    # PyTorch takes arrays that it may write to, in the machine's own order of bytes.
    own = x.astype(x.dtype.newbyteorder("="), order="C", copy=not x.flags.writeable)
    return torch.as_tensor(own, device=like.device)
