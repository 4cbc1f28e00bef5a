"""Two predictions, some of them LinearLogits, in chunks of events: no side has all of its scores.

The scores of a chunk are one product for each side, in a workspace of its own. The kernel for two
stored predictions finds the losses in them and, where what flows back is known, writes the
gradients over them; two more products a side carry these on. What that kernel does not do is the
formula's, of so few events at a time that what it makes is small beside the chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any, ClassVar, NamedTuple

from . import shards
from .chunked import LEAST_EVENTS, Chunk, Chunks, Sums, flowing, weightless
from .contract import Forward, Kernel
from .measure import Measure
from .scores import Projection, Scores, Versus

Array = Any
Side = Scores | Projection

# Both chunks take a 23rd of what all scores of one side would, each within these bounds.
_SHARE, _LEAST_BYTES, _MOST_BYTES = 46, 4 << 20, 16 << 20
# What the formula makes of an event is about so many float64 per class, and may take this much:
# more where each of its operations has to be launched.
_MADE, _MADE_BYTES, _LAUNCHED_BYTES = 24, 4 << 20, 64 << 20


class ChunkedPairs:
    """The kernel of two predictions that keeps the scores of some events.

    `inner` are the kernels for two stored predictions, the formula last.
    """

    name = "chunked"
    at_once: ClassVar = True

    def __init__(self, xp: Any, *inner: Kernel) -> None:
        self.xp, self.inner = xp, inner

    def refuses(self, measure: Any, scores: Any) -> str | None:
        sides = scores.sides() if isinstance(scores, Versus) else ()
        linear = [side for side in sides if isinstance(side, Projection)]
        if not linear:
            return "the chunked kernel of two predictions takes LinearLogits for one of them"
        refusals: list[str | None] = [self.xp.no_products(side.hidden) for side in linear]
        return next((why for why in refusals if why is not None), None)

    def forward(self, measure: Measure, scores: Versus, log_z: bool = False) -> Forward:
        with self.xp.exact(), self.xp.quiet():
            idle = None if log_z else weightless(self.xp, measure)
            both = _Both(self, measure, scores, idle)
            found = [
                part.kernel.forward(part.measure, part.pair, log_z) for part in both.parts(self)
            ]
            return both.whole(found, log_z)

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Any, ...]:
        with self.xp.exact(), self.xp.quiet():
            like = scores.arrays()[0]
            d_loss, d_log_z, idle = flowing(self.xp, measure, like, d_loss, d_log_z)
            both = _Both(self, measure, scores, idle, _needs(scores))
            for part in both.parts(self):
                here = d_loss[part.events][part.some], d_log_z[part.events][part.some]
                part.kernel.backward(part.measure, part.pair, None, *here, out=part.outs)
            return both.gradients()

    def fused(
        self,
        measure: Any,
        scores: Any,
        d_loss: Any,
        z_loss: float,
        out: Any = None,
        needs: Sequence[bool] | None = None,
    ) -> tuple[Forward, tuple[Any, ...]]:
        """Losses, and the gradients that are asked for: without `needs` those of Q's arrays."""
        with self.xp.exact(), self.xp.quiet():
            if needs is None:
                needs = _needs(replace(scores, wanted=(True, False)))
            idle = weightless(self.xp, measure)
            both = _Both(self, measure, scores.wanting(needs), idle, needs)
            found: list[Forward] = []
            for part in both.parts(self):
                # Beside a value a kernel makes Q's gradient, where nothing else is said.
                asked = {} if part.kernel is self.inner[-1] else {"needs": part.pair.wanted}
                given = part.measure, part.pair, d_loss, z_loss, part.outs
                found.append(part.kernel.fused(*given, **asked)[0])
            return both.whole(found, z_loss != 0), both.gradients()


def _needs(pair: Versus) -> list[bool]:
    """Which of the arrays have a gradient to be found, where a side has one or none."""
    sides = zip(pair.sides(), pair.wanted if pair.q is not None else (True,), strict=True)
    return [wanted for side, wanted in sides for _ in side.arrays()]


class _Part(NamedTuple):
    """Some events of a chunk as a kernel takes them, and what takes the gradients of both sides."""

    kernel: Kernel
    events: Any
    some: slice
    measure: Measure
    pair: Versus
    outs: tuple[Array | None, ...]


class _Both:
    """Both sides, as many events at a time as both workspaces have room for."""

    def __init__(
        self,
        kernel: ChunkedPairs,
        measure: Measure,
        pair: Versus,
        idle: Array | None,
        needs: Sequence[bool] = (),
    ) -> None:
        self.pair, self.xp, events = pair, kernel.xp, prod(measure.events)
        sides = pair.sides()
        most = min(_most(self.xp, q, events) for q in sides if isinstance(q, Projection))
        needed = iter(needs)
        each = [(q, tuple(next(needed, False) for _ in q.arrays())) for q in sides]
        linear = {
            i: _Linear(q, own, Chunks(measure, _wide(self.xp, q), self.xp, most, idle))
            for i, (q, own) in enumerate(each)
            if isinstance(q, Projection)
        }
        self.chunks = next(iter(linear.values())).chunks
        self.sides: list[_Linear | _Stored] = [
            linear[i] if isinstance(q, Projection) else _Stored(q, any(own), self.chunks)
            for i, (q, own) in enumerate(each)
        ]

    def parts(self, kernels: ChunkedPairs) -> Iterator[_Part]:
        """What a kernel does at once; what `outs` hold is carried on once the next is asked for."""
        for chunks in zip(*(side.made() for side in self.sides), strict=True):
            measure = next(c.measure for c in chunks if c.measure is not None)
            outs = tuple(s.taking(c) for s, c in zip(self.sides, chunks, strict=True))
            scores = [c.scores for c in chunks]
            kernel = next(k for k in kernels.inner if k.refuses(measure, self._of(scores)) is None)
            count = step = measure.events[0]
            if kernel is kernels.inner[-1]:
                here = self.xp.device(scores[0].array) == "cpu"
                made = _MADE_BYTES if here else _LAUNCHED_BYTES
                step = max(1, made // (8 * _MADE * scores[0].array.shape[1]))
            for start in range(0, count, step):
                some = slice(start, min(start + step, count))
                part = shards.of_events(measure, some, some.stop - start)
                pair = self._of([replace(s, array=s.array[some]) for s in scores])
                into = tuple(None if out is None else out[some] for out in outs)
                yield _Part(kernel, chunks[0].events, some, part, pair, into)
            for side, chunk, out in zip(self.sides, chunks, outs, strict=True):
                if out is not None:
                    side.add(chunk, out)

    def _of(self, scores: list[Scores]) -> Versus:
        """The pair of these scores, Q's and then P's."""
        q = scores[0] if self.pair.q is not None else None
        return replace(self.pair, p=scores[-1], q=q)

    def whole(self, found: list[Forward], log_z: bool) -> Forward:
        first: Any = self.pair.arrays()[0]
        return self.chunks.losses(found, log_z, self.xp.statistics(first[:0]))

    def gradients(self) -> tuple[Array | None, ...]:
        return tuple(g for side in self.sides for g in side.result())


class _Linear:
    """A side whose scores are made, and overwritten by their gradient."""

    def __init__(self, q: Projection, needs: tuple[bool, ...], chunks: Chunks) -> None:
        self.q, self.chunks = q, chunks
        of_hidden, of_weight, of_bias = needs
        self.sums = Sums(chunks, (of_hidden, of_weight, of_bias)) if any(needs) else None

    def made(self) -> Iterator[Chunk]:
        return self.chunks.made()

    def taking(self, chunk: Chunk) -> Array | None:
        return None if self.sums is None else chunk.scores.array

    def add(self, chunk: Chunk, gradient: Array) -> None:
        if self.sums is not None:
            self.sums.add(chunk)

    def result(self) -> tuple[Array | None, ...]:
        if self.sums is None:
            return (None,) * 3
        found = zip(self.sums.result(), self.q.arrays(), strict=True)
        return tuple(None if g is None else self.chunks.xp.cast_like(g, x) for g, x in found)


class _Stored:
    """A side that is stored, beside one that is made."""

    def __init__(self, q: Scores, wanted: bool, beside: Chunks) -> None:
        self.q, self.beside, xp = q, beside, beside.xp
        rows = xp.to_last(q.array, q.axis)
        self.shape = tuple(rows.shape)
        self.rows = rows.reshape(beside.count, self.shape[-1])
        # What is left out has no gradient.
        new: Callable[..., Array] = xp.empty if beside.kept is None else xp.zeros
        self.gradient = new(tuple(self.rows.shape), q.array) if wanted else None

    def made(self) -> Iterator[Chunk]:
        for events, _ in self.beside.places():
            scores = Scores(self.q.kind, self.rows[events], 1, self.q.softcap)
            yield Chunk(events, None, None, scores)

    def taking(self, chunk: Chunk) -> Array | None:
        if self.gradient is None:
            return None
        return self.beside.xp.empty(tuple(chunk.scores.array.shape), self.q.array)

    def add(self, chunk: Chunk, gradient: Array) -> None:
        assert self.gradient is not None
        self.gradient[chunk.events] = gradient

    def result(self) -> tuple[Array | None, ...]:
        if self.gradient is None:
            return (None,)
        return (self.beside.xp.from_last(self.gradient.reshape(self.shape), self.q.axis),)


def _wide(xp: Any, q: Projection) -> Projection:
    """Hidden, weight and bias in the type of their statistics, in which products are summed."""
    return q.filled(tuple(None if x is None else xp.statistics(x) for x in q.arrays()))


def _most(xp: Any, q: Projection, events: int) -> int:
    """How many events of a side there may be at a time."""
    row = q.weight.shape[0] * xp.statistics(q.hidden[:0]).itemsize
    if q.workspace is not None:
        return max(1, q.workspace // row)
    share = events * row // _SHARE
    fit = min(max(share, _LEAST_BYTES), _MOST_BYTES) // row
    return max(1, fit, min(LEAST_EVENTS, share // row))
