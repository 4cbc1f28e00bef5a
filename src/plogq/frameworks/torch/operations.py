"""The arithmetic of the verbs in PyTorch: what the formula is made of; all differentiable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

Tensor = torch.Tensor


def statistics_dtype(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype is torch.float64 else torch.float32


def statistics(x: Tensor) -> Tensor:
    """x in the type that its statistics have; no copy where it has it."""
    return x.to(statistics_dtype(x))


def cast_like(x: Any, like: Tensor) -> Tensor:
    return x.to(like.dtype)


def wide_dtype(x: Tensor) -> torch.dtype:
    """float64, where the device has it."""
    return torch.float32 if x.device.type == "mps" else torch.float64


def weights(x: Any) -> Any:
    """Weights, masses and probabilities per event, as float64; numbers stay numbers."""
    return x.to(wide_dtype(x)) if isinstance(x, torch.Tensor) else x


def indices(x: Tensor) -> Tensor:
    return x.to(torch.int64)


def full(shape: tuple[int, ...], value: float, like: Tensor) -> Tensor:
    """A new array on the device of `like`."""
    return torch.full(shape, value, dtype=wide_dtype(like), device=like.device)


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
    dense = torch.zeros((*index.shape[:-1], classes), dtype=wide_dtype(value), device=value.device)
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


def product_into(out: Tensor, a: Tensor, b: Tensor, row: Tensor | None = None) -> None:
    """out = a · b, summed in the type of out or a wider one, with `row` added to every row."""
    if row is not None:
        torch.addmm(row, a, b, out=out)
    elif out.dtype is a.dtype:
        torch.mm(a, b, out=out)
    elif a.is_cuda and _INTO_WIDER:
        torch.ops.aten.mm.dtype_out(a, b, out.dtype, out=out)
    else:
        torch.mm(a.to(out.dtype), b.to(out.dtype), out=out)


def add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """total += a · b, summed in the type of total or a wider one."""
    if total.dtype is a.dtype:
        total.addmm_(a, b)
    elif a.is_cuda and _INTO_WIDER:
        torch.ops.aten.addmm.dtype_out(total, a, b, total.dtype, out=total)
    else:
        total.addmm_(a.to(total.dtype), b.to(total.dtype))


# Products of 16-bit matrices that stay in float32, which not every PyTorch has, and on GPUs alone.
_INTO_WIDER = hasattr(torch.ops.aten.addmm, "dtype_out")


def column_sums(x: Tensor) -> Tensor:
    """The sums of the columns, each of a type that has more digits than what it sums."""
    return x.sum(0, dtype=statistics_dtype(x)).to(wide_dtype(x))


def counting(idle: Tensor) -> Tensor | None:
    """The places of what is not idle: a device is waited for.

    None in what is captured as a CUDA graph, where nothing can be asked: all are taken to count.
    """
    if idle.is_cuda and torch.cuda.is_current_stream_capturing():
        return None
    return torch.nonzero(~idle).reshape(-1)


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
