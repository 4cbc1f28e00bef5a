"""The kernels of two predictions as PyTorch operators, as `compiled.py` has those of a target.

An operator is given the arrays that there are of the weights of the events, of Q and of P, their
places among those that there might be, what each side is, and the numbers besides in one tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.library import register_autograd

from ...algebra.derivatives import Call, of_target
from ...algebra.measure import Measure
from ...algebra.scores import Projection, Scores, Versus
from . import arrays as xp
from .operators import again, operator
from .uncompiled_derivatives import formula

# What a weight of the events may be made of comes first.
_PARTS = len(Measure((), 1).arrays())


class Layout(NamedTuple):
    """What two predictions are besides their arrays; a side is "linear", or as its scores are."""

    kernel: str
    of: str
    q: str  # "" where there is none
    axis_q: int
    p: str
    axis_p: int
    numbered: int  # which numbers there are besides the share, as bits: see `_NUMBERS`
    log_z: bool


# The share of P comes first. Of a number in the layout that is still open the compiler might keep
# the first it saw, so all of them are one tensor.
_NUMBERS = (("q", "softcap"), ("p", "softcap"), ("q", "workspace"), ("p", "workspace"))


def recorded(
    kernel: Any, measure: Measure, scores: Versus, wants_log_z: bool
) -> tuple[Tensor, Tensor | None]:
    """The loss and log Z per event, as one operator in the program that is being recorded."""
    every = (*measure.arrays(), *scores.arrays())
    places = [i for i, x in enumerate(every) if x is not None]
    arrays = [x for x in every if x is not None]
    each = [getattr(getattr(scores, side), name, None) for side, name in _NUMBERS]
    numbers = [scores.share, *(x for x in each if x is not None)]
    arrays.append(torch.tensor(numbers, dtype=torch.float64))
    bits = sum(1 << i for i, x in enumerate(each) if x is not None)
    forms = *_form(scores.q), *_form(scores.p)
    layout = Layout(kernel.name, scores.of, *forms, bits, wants_log_z)
    loss, log_z, _ = losses(arrays, places, *layout)
    return loss, log_z if wants_log_z else None


def _form(side: Any) -> tuple[str, int]:
    if side is None:
        return "", 0
    return ("linear", -1) if isinstance(side, Projection) else (side.kind, side.axis)


def _bare(kind: str, axis: int, softcap: Any, room: Any) -> Any:
    if kind == "linear":
        return Projection(None, None, None, softcap, workspace=room)
    return Scores(kind, None, axis, softcap) if kind else None


def _rebuilt(
    arrays: Sequence[Tensor], places: Sequence[int], layout: Layout, known: bool = False
) -> tuple[Call, tuple[Any, ...]]:
    """The kernel with bare weights, Q and P, and every array or None in its place.

    `known` says that values can be looked at, as they cannot while a program is recorded.
    """
    *arrays, held = arrays
    given: Any = iter(held.tolist() if known else held.unbind())
    share: Any = next(given)
    of_q, of_p, room_q, room_p = (
        next(given) if layout.numbered >> i & 1 else None for i in range(4)
    )
    if known:
        room_q, room_p = (None if x is None else int(x) for x in (room_q, room_p))
    q = _bare(layout.q, layout.axis_q, of_q, room_q)
    p = _bare(layout.p, layout.axis_p, of_p, room_p)
    scores = Versus(layout.of, p, q, share)
    found: list[Any] = [None] * (_PARTS + len(scores.arrays()))
    for place, x in zip(places, arrays, strict=True):
        found[place] = x
    bare = Measure(_events(layout, found[_PARTS]), 1)
    return Call(_kernel(layout), bare, scores, _PARTS, layout.log_z), tuple(found)


def _kernel(layout: Layout) -> Any:
    if layout.kernel == "triton":
        from .triton.pairs_binding import pairs

        return pairs
    from .kernels import chunked_pairs, pairs

    return chunked_pairs if layout.kernel == "chunked" else pairs


def _events(layout: Layout, first: Tensor) -> tuple[int, ...]:
    kind, axis = (layout.q, layout.axis_q) if layout.q else (layout.p, layout.axis_p)
    shape = tuple(first.shape)
    return shape[:-1] if kind == "linear" else (*shape[:axis], *shape[axis + 1 :])


@operator(
    "plogq::losses_of_two", Layout, "Tensor[] arrays, SymInt[] places", "(Tensor, Tensor, Tensor)"
)
def losses(
    arrays: Sequence[Tensor],
    places: Sequence[int],
    *fields: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, log Z, and what the kernel keeps for the gradient."""
    layout = Layout(*fields)
    call, found = _rebuilt(arrays, places, layout, known=True)
    result = call.kernel.forward(*call.filled(found), log_z=layout.log_z)
    # No two outputs of an operator may be one tensor.
    known = result.residual[0] if result.residual else result.loss.new_empty(0, dtype=torch.float64)
    return result.loss, result.log_z if layout.log_z else result.loss.new_empty(0), known


@losses.register_fake
def _(
    arrays: Sequence[Tensor],
    places: Sequence[int],
    *fields: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    layout = Layout(*fields)
    first = arrays[list(places).index(_PARTS)]
    events = _events(layout, first)
    loss = first.new_empty(events, dtype=xp.statistics_dtype(first))
    kept = (0,) if layout.kernel == "chunked" else (*events, _kernel(layout).kept)
    known = first.new_empty(kept, dtype=torch.float64)
    return loss, torch.empty_like(loss) if layout.log_z else loss.new_empty(0), known


@operator(
    "plogq::gradients_of_two",
    Layout,
    "Tensor[] arrays, Tensor known, Tensor d_loss, Tensor d_log_z, SymInt[] wanted, "
    "SymInt[] places",
    "Tensor[]",
)
def gradients(
    arrays: Sequence[Tensor],
    known: Tensor,
    d_loss: Tensor,
    d_log_z: Tensor,
    wanted: Sequence[int],
    places: Sequence[int],
    *fields: Any,
) -> list[Tensor]:
    """The gradients of the arrays of Q and P that are wanted, by their places."""
    layout = Layout(*fields)
    call, found = _rebuilt(arrays, places, layout, known=True)
    measure, pair = call.filled(found)
    pair = pair.wanting([i + _PARTS in wanted for i in range(len(found) - _PARTS)])
    residual = (known,) if known.numel() else None
    made = call.kernel.backward(measure, pair, residual, d_loss, d_log_z)
    return [_laid_out(made[i - _PARTS], found[i]) for i in wanted]


def _laid_out(g: Tensor, x: Tensor) -> Tensor:
    """A gradient as the program has been told that it lies."""
    like = torch.empty_like(x, device="meta")
    return g if g.stride() == like.stride() else torch.empty_like(x).copy_(g)


@gradients.register_fake
def _(
    arrays: Sequence[Tensor],
    known: Tensor,
    d_loss: Tensor,
    d_log_z: Tensor,
    wanted: Sequence[int],
    places: Sequence[int],
    *fields: Any,
) -> list[Tensor]:
    held = dict(zip(places, arrays, strict=False))
    return [torch.empty_like(held[i]) for i in wanted]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    arrays, ctx.places, *layout = inputs
    ctx.layout = Layout(*layout)
    ctx.save_for_backward(*arrays, output[2])


# No gradient for `places` and the layout.
_NONE = (None,) * (1 + len(Layout._fields))


def _backward(ctx: Any, d_loss: Tensor, d_log_z: Tensor, *_: Any) -> Any:
    *arrays, known = ctx.saved_tensors
    layout, places = ctx.layout, ctx.places
    if not layout.log_z:
        d_log_z = d_loss.new_zeros(())
    call, found = _rebuilt(arrays, places, layout)
    needs = [x is not None and x.requires_grad for x in found]
    grads: list[Any] = [None] * len(found)
    if any(needs[:_PARTS]):
        grads[:_PARTS] = of_target(formula, *call.filled(found), needs, d_loss)
    wanted = [i for i, need in enumerate(needs) if need and i >= _PARTS]
    if wanted:
        made = gradients(arrays, known, d_loss, d_log_z, wanted, places, *layout)
        for i, g in zip(wanted, made, strict=True):
            grads[i] = g
    return ([*(grads[i] if needs[i] else None for i in places), None], *_NONE)


register_autograd("plogq::losses_of_two", _backward, setup_context=_keep)


def _keep_gradients(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    arrays, _, d_loss, d_log_z, ctx.wanted, ctx.places, *layout = inputs
    ctx.layout = Layout(*layout)
    ctx.save_for_backward(*arrays, d_loss, d_log_z)


def _again(ctx: Any, upstream: list[Tensor]) -> Any:
    def rebuilt(arrays: Sequence[Tensor]) -> Any:
        call, found = _rebuilt(arrays, ctx.places, ctx.layout)
        return call, found, [i in ctx.wanted for i in range(len(found))]

    of_arrays, of_loss, of_log_z = again(ctx.saved_tensors, rebuilt, upstream)
    return (of_arrays, None, of_loss, of_log_z, None, *_NONE)


register_autograd("plogq::gradients_of_two", _again, setup_context=_keep_gradients)
