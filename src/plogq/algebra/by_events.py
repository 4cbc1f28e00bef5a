"""Two predictions of which some are LinearLogits, by some events at a time in a loop of a program.

Their scores are one product a side, a kernel for two stored predictions finds losses or gradients
in them, and two more products a side carry these on. So no side has an N×K array in the program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple, Protocol

from .contract import Forward, Kernel, in_steps
from .measure import Measure
from .scores import Projection, Scores, Versus

Array = Any
Arrays = tuple[Any, ...]
Step = Callable[[Arrays, Arrays], tuple[Arrays, Arrays]]

# A block takes such a share of what all scores of one side would, but no less than this.
_LEAST_BYTES = 1 << 20


class Loop(Protocol):
    """What a framework's programs have for this, beside its verbs."""

    xp: Any

    def product(self, a: Array, b: Array) -> Array:
        """a · b, with sums in float32 at the least."""
        ...

    def transposed(self, x: Array) -> Array: ...

    def reshaped(self, x: Array, shape: tuple[int, ...]) -> Array: ...

    def zeros(self, x: Array) -> Array:
        """As many as there are in x, in the type of its statistics."""
        ...

    def no_pair(self, measure: Any, pair: Any) -> str | None:
        """Why `stored` is no kernel for these kinds of scores, whatever their arrays are."""
        ...

    def itemsize(self, x: Array) -> int:
        """That of the statistics of x."""
        ...

    def each(self, x: Any, events: Any) -> Array:
        """A number, or one per event, as one per event."""
        ...

    def scan(self, step: Step, sums: Arrays, blocks: int, rows: Arrays) -> tuple[Arrays, Arrays]:
        """Sums as every block of rows leaves them, and what is found of the blocks."""
        ...


class ByEvents:
    """The kernel, around one for two stored predictions or, where that refuses, the formula.

    `share` is that of all scores which those of a block take, `of_formula` where the formula runs,
    which makes several arrays of the size of a block.
    """

    name = "chunked"
    in_turn = True  # so of no use in a program whose events are divided over devices

    def __init__(
        self, loop: Loop, formula: Kernel, stored: Kernel | None, share: int, of_formula: int
    ) -> None:
        self.loop, self.formula, self.stored = loop, formula, stored
        self.share, self.of_formula = share, of_formula

    @property
    def elsewhere(self) -> ByEvents:
        """The same for programs in which the kernel for stored predictions does not run."""
        return ByEvents(self.loop, self.formula, None, self.share, self.of_formula)

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if isinstance(scores, Versus) and any(isinstance(s, Projection) for s in scores.sides()):
            return None
        return "this kernel of two predictions takes LinearLogits for one of them"

    def forward(self, measure: Measure, scores: Versus, log_z: bool = False) -> Forward:
        def step(nothing: Arrays, block: _Block) -> tuple[Arrays, Arrays]:
            found = block.kernel.forward(block.measure, block.pair, True)
            return nothing, (found.loss, found.log_z)

        _, found = _Blocks(self, measure, scores).over(step, (), ())
        first: Any = scores.arrays()[0]
        events, xp = measure.events, self.loop.xp
        like = xp.statistics(first[..., :0])
        return Forward(*(xp.cast_like(self.loop.reshaped(x, events), like) for x in found))

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Any, ...]:
        loop, xp = self.loop, self.loop.xp
        blocks = _Blocks(self, measure, scores)
        given = (loop.each(x, measure.events) for x in (d_loss, d_log_z))
        upstream = tuple(loop.reshaped(x, (blocks.count,)) for x in given)
        sides = scores.sides()
        wanted = scores.wanted if len(sides) > 1 else (True,)

        def step(sums: Arrays, block: _Block) -> tuple[Arrays, Arrays]:
            d, d_z = block.given
            slopes = block.kernel.backward(block.measure, block.pair, None, d, d_z)
            # What nothing flows back to may be NaN, and 0 · NaN would be too.
            idle = xp.equal(xp.times(block.measure.mass(xp), d), 0.0)
            idle = xp.expand(idle & xp.equal(d_z, 0.0))
            so_far = list(sums)
            later: list[Any] = []
            rows: list[Any] = []
            for side, held, slope, asked in zip(sides, block.held, slopes, wanted, strict=True):
                if not asked:
                    continue
                if not isinstance(side, Projection):
                    rows.append(slope)
                    continue
                kept = xp.where(idle, 0.0, held)
                later.append(so_far.pop(0) + loop.product(loop.transposed(slope), kept))
                if side.bias is not None:
                    later.append(so_far.pop(0) + xp.sum_events(slope))
                rows.append(xp.cast_like(loop.product(slope, side.weight), side.hidden))
            return tuple(later), tuple(rows)

        asked = [side for side, asked in zip(sides, wanted, strict=True) if asked]
        none = tuple(
            loop.zeros(x)
            for side in asked
            if isinstance(side, Projection)
            for x in (side.weight, side.bias)
            if x is not None
        )
        sums, rows = map(list, blocks.over(step, none, upstream))
        gradients: list[Any] = []
        for side, needed in zip(sides, wanted, strict=True):
            if not needed:
                gradients += [None] * len(side.arrays())
            elif isinstance(side, Projection):
                gradients.append(loop.reshaped(rows.pop(0), xp.shape(side.hidden)))
                gradients.append(xp.cast_like(sums.pop(0), side.weight))
                bias: Any = side.bias
                gradients.append(None if bias is None else xp.cast_like(sums.pop(0), bias))
            else:
                shape = xp.shape(xp.to_last(side.array, side.axis))
                gradients.append(xp.from_last(loop.reshaped(rows.pop(0), shape), side.axis))
        return tuple(gradients)

    def fused(
        self, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Any, ...]]:
        scores = replace(scores, wanted=(True, False))
        return in_steps(self, self.loop.xp, measure, scores, d_loss, z_loss)


class _Block(NamedTuple):
    """Some events: their weights, both sides' scores, what these are of, and what else is given."""

    kernel: Kernel
    measure: Measure
    pair: Versus
    held: Arrays
    given: Arrays


class _Blocks:
    """Both sides with one axis of events, some of them at a time."""

    def __init__(self, owner: ByEvents, measure: Measure, pair: Versus) -> None:
        self.owner, self.pair, self.loop = owner, pair, owner.loop
        self.count: Any = prod(measure.events)
        xp = self.loop.xp
        self.weight: Arrays = ()
        if measure.value is not None:
            weight = self.loop.each(measure.value[..., 0], measure.events)
            self.weight = (self.loop.reshaped(weight, (self.count,)),)
        self.held = tuple(self._rows(side) for side in pair.sides())
        # A number of events that is left open (jax.export) is taken for one block.
        self.known = isinstance(self.count, int)
        linear = next(side for side in pair.sides() if isinstance(side, Projection))
        row = xp.shape(linear.weight)[0] * self.loop.itemsize(linear.hidden)
        least = max(_LEAST_BYTES // row, 1)
        bare = self._of([self._scores(side, None) for side in pair.sides()])
        native = owner.stored is not None and owner.loop.no_pair(measure, bare) is None
        share = owner.share if native else owner.of_formula
        self.step: Any = max(least, self.count // share) if self.known else self.count

    def _kernel(self, measure: Measure, scores: list[Scores]) -> Kernel:
        stored = self.owner.stored
        fits = stored is not None and stored.refuses(measure, self._of(scores)) is None
        return stored if fits and stored is not None else self.owner.formula

    def _of(self, scores: list[Scores]) -> Versus:
        """The pair of these scores, Q's and then P's."""
        q = scores[0] if self.pair.q is not None else None
        return replace(self.pair, p=scores[-1], q=q)

    def _rows(self, side: Any) -> Array:
        xp = self.loop.xp
        x = side.hidden if isinstance(side, Projection) else xp.to_last(side.array, side.axis)
        return self.loop.reshaped(x, (self.count, xp.shape(x)[-1]))

    def over(
        self,
        step: Callable[[Arrays, _Block], tuple[Arrays, Arrays]],
        sums: Arrays,
        given: Arrays,
    ) -> tuple[Arrays, Arrays]:
        """`step` with every block: those of full size in a loop, and then what is left."""
        loop, xp, sides = self.loop, self.loop.xp, self.pair.sides()
        each = (*self.held, *given, *self.weight)

        def one(sums: Arrays, rows: Arrays) -> tuple[Arrays, Arrays]:
            held, given = rows[: len(sides)], rows[len(sides) : len(rows) - len(self.weight)]
            weight = rows[-1] if self.weight else None
            events = xp.shape(held[0])[:1]
            index = xp.indices(xp.full((*events, 1), 0.0, held[0]))
            value = None if weight is None else xp.expand(weight)
            measure = Measure(events, 1, index, value)
            scores = [self._scores(side, x) for side, x in zip(sides, held, strict=True)]
            kernel = self._kernel(measure, scores)
            return step(sums, _Block(kernel, measure, self._of(scores), held, given))

        if not self.known or self.count <= self.step:
            return one(sums, each)
        blocks, left = divmod(self.count, self.step)
        whole = blocks * self.step

        def cut(x: Array) -> Array:
            return loop.reshaped(x[:whole], (blocks, self.step, *xp.shape(x)[1:]))

        sums, found = loop.scan(one, sums, blocks, tuple(map(cut, each)))
        found = tuple(loop.reshaped(y, (whole, *xp.shape(y)[2:])) for y in found)
        if not left:
            return sums, found
        sums, last = one(sums, tuple(x[whole:] for x in each))
        return sums, tuple(xp.joined(both) for both in zip(found, last, strict=True))

    def _scores(self, side: Any, x: Any) -> Scores:
        """The scores of some events, or without these what they are besides."""
        if not isinstance(side, Projection):
            return Scores(side.kind, x, 1, side.softcap)
        if x is None:
            return Scores("logits", None, 1, side.softcap)
        z = self.loop.product(x, self.loop.transposed(side.weight))
        if side.bias is not None:
            z = z + self.loop.xp.cast_like(side.bias, z)
        return Scores("logits", z, 1, side.softcap)
