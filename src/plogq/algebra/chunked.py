"""LinearLogits in chunks of events: all scores of some events at a time, in one workspace.

The scores of a chunk are one product. The kernel for stored scores finds the losses in them and,
where what flows back is known, writes their gradient over them; two more products carry that on. So
a loss with its gradients takes three products, where tiles take four: they make each score twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any, ClassVar, NamedTuple

from . import shards
from .contract import Forward, Kernel
from .measure import Measure
from .scores import Projection, Scores

Array = Any
# Which of the gradients of hidden, weight and bias are asked for.
Needs = tuple[bool, bool, bool]

# Products of fewer events than this take longer for their operands than for themselves.
LEAST_EVENTS = 64


class Chunked:
    """The linear kernel that keeps the scores of some events.

    `room` says how many bytes these may take where the caller has not, and `inner` is the kernel
    for stored scores. `own` says whether scores have the type of hidden; else only what is of their
    statistics' type is taken.
    """

    name = "chunked"
    at_once: ClassVar = True

    def __init__(
        self, xp: Any, inner: Kernel, room: Callable[[Projection, int], int], own: bool
    ) -> None:
        self.xp, self.inner, self.room, self.own = xp, inner, room, own

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, Projection):
            return "the chunked kernel takes LinearLogits"
        if scores.filter is not None:
            return "gradient_filter leaves out tiles of classes, and a chunk has all classes"
        if scores.workspace == 0:
            return "workspace=0 asks for the least memory, which tiles take"
        hidden, weight = scores.hidden, scores.weight
        if hidden.dtype != weight.dtype:
            return "hidden and weight are of two types, and this kernel takes them as they are"
        kind = self.xp.dtype_name(hidden)
        if kind == "float16":
            return (
                "hidden is float16, in which gradients of scores vanish before they are carried on"
            )
        if not self.own and kind == "bfloat16":
            return "hidden is bfloat16: products in float32 would take a whole copy of the weight"
        if not self.own and self.xp.tracing():
            return (
                "a recorded program makes losses before it knows what flows back: tiles do as well"
            )
        why = self.xp.no_products(hidden) or self.inner.refuses(measure, Scores("logits", hidden))
        return why or self._too_few(measure, scores)

    def _too_few(self, measure: Measure, q: Projection) -> str | None:
        events, classes = prod(measure.events), q.weight.shape[0]
        room = self._room(q, events)
        most = room // (classes * q.hidden.itemsize)
        if most >= LEAST_EVENTS or (not self.own and most >= events):
            return None
        return (
            f"a workspace of {room:,} bytes holds the scores of {most} events of {classes:,} "
            f"classes, and a product is worth its while from {LEAST_EVENTS} on: give a larger "
            "workspace, LinearLogits(…, workspace=bytes)"
        )

    def _room(self, q: Projection, events: int) -> int:
        return self.room(q, events) if q.workspace is None else q.workspace

    def _chunks(self, measure: Measure, q: Projection, idle: Array | None) -> Chunks:
        events = prod(measure.events)
        most = max(1, self._room(q, events) // max(1, q.weight.shape[0] * q.hidden.itemsize))
        return Chunks(measure, q, self.xp, most, idle)

    def forward(self, measure: Measure, scores: Projection, log_z: bool = False) -> Forward:
        with self.xp.exact(), self.xp.quiet():
            # The log Z of an event that counts nothing is asked for; and in a shard the mass is
            # what a kernel is told, while what it finds is asked for.
            every = log_z or measure.total is not None
            idle = None if every else weightless(self.xp, measure)
            chunks = self._chunks(measure, scores, idle)
            found = [
                self.inner.forward(chunk.measure, chunk.scores, log_z) for chunk in chunks.made()
            ]
            return chunks.whole(found, log_z)

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Any, ...]:
        xp, count = self.xp, prod(measure.events)
        with xp.exact(), xp.quiet():
            d_loss, d_log_z, idle = flowing(xp, measure, scores.hidden, d_loss, d_log_z)
            chunks = self._chunks(measure, scores, idle)
            greatest, rest = (x.reshape(count) for x in residual)
            sums = Sums(chunks, (True, True, True))
            for chunk in chunks.made():
                e, tile = chunk.events, chunk.scores.array
                residual = greatest[e], rest[e]
                self.inner.backward(
                    chunk.measure, chunk.scores, residual, d_loss[e], d_log_z[e], out=tile
                )
                sums.add(chunk)
            return sums.result()

    def fused(
        self,
        measure: Measure,
        scores: Projection,
        d_loss: Any,
        z_loss: float,
        out: Any = None,
        needs: Needs = (True, True, True),
    ) -> tuple[Forward, tuple[Any, ...]]:
        """The losses and the gradients that are asked for, from three products."""
        with self.xp.exact(), self.xp.quiet():
            chunks = self._chunks(measure, scores, weightless(self.xp, measure))
            found: list[Forward] = []
            sums = Sums(chunks, needs)
            for chunk in chunks.made():
                forward, _ = self.inner.fused(
                    chunk.measure, chunk.scores, d_loss, z_loss, out=chunk.scores.array
                )
                found.append(forward)
                sums.add(chunk)
            return chunks.whole(found, z_loss != 0), sums.result()


def weightless(xp: Any, measure: Measure) -> Array | None:
    """Which events have no mass; None where all have some by construction."""
    if measure.unit_mass():
        return None
    return xp.equal(measure.mass(xp).reshape(-1), 0.0)


def flowing(
    xp: Any, measure: Measure, like: Array, d_loss: Any, d_log_z: Any
) -> tuple[Array, Array, Array | None]:
    """What flows back as one number per event each, and which events nothing flows back to."""
    count = prod(measure.events)
    nothing = xp.full((count,), 0.0, like)
    d_loss, d_log_z = (shards.per_event(x, count, nothing, xp) for x in (d_loss, d_log_z))
    if measure.unit_mass():
        return d_loss, d_log_z, None
    of_losses = xp.times(measure.mass(xp).reshape(count), d_loss)
    return d_loss, d_log_z, xp.equal(of_losses, 0.0) & xp.equal(d_log_z, 0.0)


class Chunk(NamedTuple):
    """Some events: where they are, their hidden states, their part of P, and their scores."""

    events: Any
    hidden: Array
    measure: Any
    scores: Scores


class Chunks:
    """The events that count, as many at a time as the workspace has room for."""

    def __init__(
        self, measure: Measure, q: Projection, xp: Any, most: int, idle: Array | None
    ) -> None:
        self.q, self.xp, self.idle, self.shape = q, xp, idle, measure.events
        self.count = count = prod(measure.events)
        self.flat = shards.flat(measure, count, xp)
        self.hidden = q.hidden.reshape(count, q.weight.shape[1])
        # None where all count, or where that cannot be asked now.
        self.kept = None if idle is None else xp.counting(idle)
        self.events = count if self.kept is None else len(self.kept)
        if self.kept is not None and self.events == count:
            self.kept = self.idle = None
        # Even chunks, so that none is a remnant, of whole vectors of events, as products have them.
        even = -(-self.events // max(1, -(-self.events // most)))
        self.step = max(1, min(most, -(-even // 16) * 16))
        self.single = self.events <= self.step

    def places(self) -> Iterator[tuple[Any, int]]:
        """Where the events of each chunk are, a slice or indices, and how many."""
        for start in range(0, self.events, self.step):
            count = min(self.step, self.events - start)
            events = slice(start, start + count)
            yield events if self.kept is None else self.kept[events], count

    def made(self) -> Iterator[Chunk]:
        """Each chunk in turn, its scores in the workspace until the next is asked for."""
        classes = self.q.weight.shape[0]
        if not self.events:
            return
        work = self.xp.empty((self.step * classes,), self.q.hidden)
        weight = self.q.weight.T
        for events, count in self.places():
            hidden = self.hidden[events]
            if self.kept is None and self.idle is not None:
                # What nothing flows back to may be NaN, and 0 · NaN would be too.
                hidden = self.xp.where(self.xp.expand(self.idle[events]), 0.0, hidden)
            tile = work[: count * classes].reshape(count, classes)
            self.xp.product_into(tile, hidden, weight, self.q.bias)
            part = shards.of_events(self.flat, events, count)
            yield Chunk(events, hidden, part, Scores("logits", tile, 1, self.q.softcap))

    def whole(self, found: list[Forward], log_z: bool) -> Forward:
        """What the chunks' events have found, each in its event's place."""
        wide = self.xp.full((0,), 0.0, self.q.hidden)
        forward = self.losses(found, log_z, self.xp.statistics(self.q.hidden[:0]))
        forward.residual = tuple(self._placed([f.residual[i] for f in found], wide) for i in (0, 1))
        return forward

    def losses(self, found: list[Forward], log_z: bool, like: Array) -> Forward:
        """The same without the residual; losses are of the type of `like`."""
        loss = self._placed([f.loss for f in found], like)
        return Forward(loss, self._placed([f.log_z for f in found], like) if log_z else None)

    def _placed(self, parts: list[Array], like: Array) -> Array:
        xp = self.xp
        if self.kept is None and parts:
            return xp.joined(parts).reshape(self.shape)
        # What counts nothing has no loss, and nobody asks what its scores are.
        array = xp.zeros((self.count,), like)
        if parts:
            array[self.kept] = xp.joined(parts)
        return array.reshape(self.shape)


class Sums:
    """The gradients of hidden, weight and bias: what a chunk adds, in float32 at the least."""

    def __init__(self, chunks: Chunks, needs: Needs) -> None:
        self.chunks, self.q, self.xp = chunks, chunks.q, chunks.xp
        q, xp = self.q, self.xp
        wide = xp.statistics(q.hidden[:0])
        of_hidden, of_weight, of_bias = needs
        new = xp.empty if chunks.kept is None and chunks.events else xp.zeros
        self.hidden = new(tuple(chunks.hidden.shape), q.hidden) if of_hidden else None
        # One chunk is one product, which rounds once by itself.
        like = q.weight if chunks.single else wide
        new = xp.empty if chunks.events else xp.zeros
        self.weight = new(tuple(q.weight.shape), like) if of_weight else None
        self.bias: Any = None
        if q.bias is not None and of_bias:
            self.bias = xp.zeros(tuple(q.bias.shape), xp.full((0,), 0.0, q.hidden))
        self.first = True

    def add(self, chunk: Chunk) -> None:
        """Carry the gradient of a chunk's scores, which stands in their place, on."""
        xp, gradient = self.xp, chunk.scores.array
        if self.hidden is not None:
            if self.chunks.kept is None:
                xp.product_into(self.hidden[chunk.events], gradient, self.q.weight)
            else:
                carried = xp.empty(tuple(chunk.hidden.shape), self.q.hidden)
                xp.product_into(carried, gradient, self.q.weight)
                self.hidden[chunk.events] = carried
        if self.weight is not None:
            into = xp.product_into if self.first else xp.add_product
            into(self.weight, gradient.T, chunk.hidden)
        if self.bias is not None:
            self.bias += xp.column_sums(gradient)
        self.first = False

    def result(self) -> tuple[Array | None, Array | None, Array | None]:
        hidden, weight, bias = self.hidden, self.weight, self.bias
        if hidden is not None:
            hidden = hidden.reshape(tuple(self.q.hidden.shape))
        if weight is not None:
            weight = self.xp.cast_like(weight, self.q.weight)
        if bias is not None:
            bias = self.xp.cast_like(bias, self.q.bias)
        return hidden, weight, bias


# On a processor a chunk takes a 21st of what all scores would, within these bounds: below, a
# product is too small to run at full speed; above, its scores leave the cache before they are used.
_SHARE, _LEAST_BYTES, _MOST_BYTES = 21, 8 << 20, 32 << 20


def share_of_scores(q: Projection, events: int) -> int:
    """The room of a chunk where memory is to stay a small share of what all scores would take."""
    whole = events * q.weight.shape[0] * q.hidden.itemsize
    return min(max(whole // _SHARE, _LEAST_BYTES), _MOST_BYTES)
