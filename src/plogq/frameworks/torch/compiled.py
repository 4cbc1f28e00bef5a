"""The kernels as PyTorch operators, for programs that are recorded before they run.

torch.compile and torch.export see one operator of a known shape, not its inside. An operator is
given the arrays of P and Q that there are, their places among those that there might be, and the
few numbers that say how they are laid out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.library import register_autograd

from ...algebra.derivatives import Call, of_target
from ...algebra.measure import Background, Measure
from ...algebra.scores import BinaryScores, Projection, Scores
from ...algebra.yes_no import BinaryMeasure
from . import arrays as xp
from .operators import again, operator
from .uncompiled_derivatives import formula


class Layout(NamedTuple):
    """What a pair is besides its arrays, in numbers that an operator can be given."""

    kernel: str
    kind: str  # of the scores; "linear" for those still to be made
    parts: int  # how many of the places are P's
    axis: int
    dense_axis: int
    yes_no: bool  # whether P is a yes/no target, of four coefficients
    capped: bool
    filtered: bool  # whether gradients up to a least size are left out
    limited: bool  # whether the caller has said how much the scores may take at a time
    log_z: bool  # whether log Z is asked for

    @property
    def numbered(self) -> bool:
        """Whether there are numbers besides, all in one tensor, which is the last array.

        Of a number in the layout that is still open the compiler might keep the first it saw.
        """
        return self.yes_no or self.capped or self.filtered or self.limited


def recorded(
    kernel: Any, measure: Any, scores: Any, wants_log_z: bool
) -> tuple[Tensor, Tensor | None]:
    """The loss and log Z per event, as one operator in the program that is being recorded."""
    p, q = measure.arrays(), scores.arrays()
    places = [i for i, x in enumerate((*p, *q)) if x is not None]
    arrays = [x for x in (*p, *q) if x is not None]
    sides = (*measure.yes, *measure.no) if isinstance(measure, BinaryMeasure) else ()
    softcap, least, room = (getattr(scores, x, None) for x in ("softcap", "filter", "workspace"))
    layout = Layout(
        kernel.name,
        getattr(scores, "kind", "linear"),
        len(p),
        getattr(scores, "axis", -1),
        getattr(measure, "axis", -1),
        bool(sides),
        softcap is not None,
        least is not None,
        room is not None,
        wants_log_z,
    )
    numbers = [x for x in (*sides, softcap, least, room) if x is not None]
    if numbers:
        arrays.append(torch.tensor(numbers, dtype=torch.float64))
    loss, log_z, _, _ = losses(arrays, places, *layout)
    return loss, log_z if wants_log_z else None


def _kernel(layout: Layout, cuda: bool) -> Any:
    if layout.kernel == "chunked" and cuda:
        from .triton.chunked import chunked

        return chunked
    if layout.kernel == "triton":
        from .triton import binding
        from .triton import linear_binding as products

        stored, binary, linear = binding.stored, binding.binary, products.linear
    else:
        from .kernels import binary, chunked, linear, stored

        linear = chunked if layout.kernel == "chunked" else linear
    if layout.kind == "linear":
        return linear
    return binary if layout.yes_no else stored


def _rebuilt(
    arrays: Sequence[Tensor], places: Sequence[int], layout: Layout, known: bool = False
) -> tuple[Call, tuple[Any, ...]]:
    """The kernel with a bare P and Q, and every array or None in its place.

    `known` says that values can be looked at, as they cannot while a program is recorded.
    """
    numbers: list[Any] = []
    if layout.numbered:
        *arrays, held = arrays
        numbers = held.tolist() if known else list(held.unbind())
    count = layout.parts + (3 if layout.kind == "linear" else 1)
    found: list[Any] = [None] * count
    for place, x in zip(places, arrays, strict=True):
        found[place] = x
    first = found[layout.parts]
    kernel = _kernel(layout, first.is_cuda)
    if layout.yes_no:
        yes_1, yes_0, no_1, no_0 = numbers
        binary = BinaryMeasure(None, (yes_1, yes_0), (no_1, no_0))
        scores: Any = BinaryScores(layout.kind, None)
        return Call(kernel, binary, scores, layout.parts, layout.log_z), tuple(found)
    room = numbers.pop() if layout.limited else None
    if known and room is not None:
        room = int(room)
    least = numbers.pop() if layout.filtered else None
    softcap = numbers.pop() if layout.capped else None
    if layout.kind == "linear":
        events, classes = tuple(first.shape[:-1]), found[layout.parts + 1].shape[0]
        scores = Projection(None, None, None, softcap, least, room)
    else:
        shape, axis = tuple(first.shape), layout.axis
        events, classes = (*shape[:axis], *shape[axis + 1 :]), shape[axis]
        scores = Scores(layout.kind, None, axis, softcap)
    bare = Measure(events, classes, axis=layout.dense_axis)
    spread = (layout.parts - len(bare.arrays())) // 2
    bare.background = tuple(Background(None) for _ in range(spread))
    return Call(kernel, bare, scores, layout.parts, layout.log_z), tuple(found)


@operator(
    "plogq::losses", Layout, "Tensor[] arrays, SymInt[] places", "(Tensor, Tensor, Tensor, Tensor)"
)
def losses(
    arrays: Sequence[Tensor],
    places: Sequence[int],
    *fields: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Loss, log Z, and the two numbers per event that the gradient needs."""
    layout = Layout(*fields)
    call, found = _rebuilt(arrays, places, layout, known=True)
    result = call.kernel.forward(*call.filled(found), log_z=layout.log_z)
    nothing = result.loss.new_empty(0)
    # No two outputs of an operator may be one tensor.
    greatest, rest = result.residual or (
        torch.empty_like(nothing, dtype=torch.float64) for _ in range(2)
    )
    found_log_z = result.log_z if layout.log_z else torch.empty_like(nothing)
    return result.loss, found_log_z, greatest, rest


@losses.register_fake
def _(
    arrays: Sequence[Tensor],
    places: Sequence[int],
    *fields: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    layout = Layout(*fields)
    first = arrays[list(places).index(layout.parts)]
    events = list(first.shape)
    if layout.kind == "linear":
        events = events[:-1]
    elif not layout.yes_no:
        del events[layout.axis]
    loss = first.new_empty(events, dtype=xp.statistics_dtype(first))
    each = first.new_empty([0] if layout.yes_no else events, dtype=torch.float64)
    found = torch.empty_like(loss) if layout.log_z else loss.new_empty([0])
    return loss, found, each, torch.empty_like(each)


@operator(
    "plogq::gradients",
    Layout,
    "Tensor[] arrays, Tensor greatest, Tensor rest, Tensor d_loss, Tensor d_log_z, SymInt[] places",
    "Tensor[]",
)
def gradients(
    arrays: Sequence[Tensor],
    greatest: Tensor,
    rest: Tensor,
    d_loss: Tensor,
    d_log_z: Tensor,
    places: Sequence[int],
    *fields: Any,
) -> list[Tensor]:
    """The gradients of Q's arrays."""
    layout = Layout(*fields)
    call, found = _rebuilt(arrays, places, layout, known=True)
    residual = None if layout.yes_no else (greatest, rest)
    made = call.kernel.backward(*call.filled(found), residual, d_loss, d_log_z)
    return [x for x in made if x is not None]


@gradients.register_fake
def _(
    arrays: Sequence[Tensor],
    greatest: Tensor,
    rest: Tensor,
    d_loss: Tensor,
    d_log_z: Tensor,
    places: Sequence[int],
    *fields: Any,
) -> list[Tensor]:
    parts = Layout(*fields).parts
    held = arrays[: len(places)]
    return [torch.empty_like(x) for i, x in zip(places, held, strict=True) if i >= parts]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    arrays, ctx.places, *layout = inputs
    ctx.layout = Layout(*layout)
    ctx.save_for_backward(*arrays, output[2], output[3])


# No gradient for `places` and the layout.
_NONE = (None,) * (1 + len(Layout._fields))


def _backward(ctx: Any, d_loss: Tensor, d_log_z: Tensor, *_: Any) -> Any:
    *arrays, greatest, rest = ctx.saved_tensors
    layout, places = ctx.layout, ctx.places
    if not layout.log_z:
        d_log_z = d_loss.new_zeros(())
    call, found = _rebuilt(arrays, places, layout)
    needs = [x is not None and x.requires_grad for x in found]
    grads: list[Any] = [None] * len(found)
    if any(needs[: layout.parts]):
        grads[: layout.parts] = of_target(formula, *call.filled(tuple(found)), needs, d_loss)
    if any(needs[layout.parts :]):
        made = gradients(arrays, greatest, rest, d_loss, d_log_z, places, *layout)
        there = [i for i in places if i >= layout.parts]
        for i, g in zip(there, made, strict=True):
            grads[i] = g
    of_arrays = [grads[i] if needs[i] else None for i in places]
    return ([*of_arrays, None] if layout.numbered else of_arrays, *_NONE)


register_autograd("plogq::losses", _backward, setup_context=_keep)


def _keep_gradients(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    arrays, _, _, d_loss, d_log_z, ctx.places, *layout = inputs
    ctx.layout = Layout(*layout)
    ctx.save_for_backward(*arrays, d_loss, d_log_z)


def _again(ctx: Any, upstream: list[Tensor]) -> Any:
    def rebuilt(arrays: Sequence[Tensor]) -> Any:
        call, found = _rebuilt(arrays, ctx.places, ctx.layout)
        return call, found, [i >= ctx.layout.parts and x is not None for i, x in enumerate(found)]

    of_arrays, of_loss, of_log_z = again(ctx.saved_tensors, rebuilt, upstream)
    return (of_arrays, None, None, of_loss, of_log_z, *_NONE)


register_autograd("plogq::gradients", _again, setup_context=_keep_gradients)
