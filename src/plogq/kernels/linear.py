"""LinearLogits in tiles: the scores of a few events at a time, never all of them.

A tile of scores is one matrix product, the kernel for stored logits turns it into its own
gradient in place, and two more products carry that to hidden and weight.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import numpy as verbs
from ..formula import Formula
from .contract import Background, Forward, Kernel, Measure, Projection, Scores
from .cpu.binding import Stored
from .numpy import memory

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

# A tile takes a 25th of what all scores would take, but at least this much: BLAS packs the weight
# anew for every tile, which costs more than the arithmetic where a tile has few events.
_TILE_SHARE, _TILE_BYTES = 25, 8 << 20
_SUM_BYTES = 2 << 20


class Tiled:
    """The linear kernel: tiles of events over NumPy's matrix product and an inner kernel.

    The inner kernel is the one for stored logits, or the formula where that refuses the target.
    """

    name = "linear"

    def __init__(self, stored: Kernel, formula: Kernel) -> None:
        self.stored, self.formula = stored, formula

    def refuses(self, measure: Any, scores: Any) -> str | None:
        return None if isinstance(scores, Projection) else "the linear kernel takes LinearLogits"

    def _inner(self, tiles: _Tiles) -> Kernel:
        refused = self.stored.refuses(tiles.flat, Scores("logits", tiles.work))
        return self.stored if refused is None else self.formula

    def forward(self, measure: Measure, scores: Projection, log_z: bool = False) -> Forward:
        tiles = _Tiles(measure, scores)
        inner = self._inner(tiles)
        for rows in tiles:
            result = inner.forward(tiles.measure(rows), tiles.scores(rows), log_z=log_z)
            tiles.keep(rows, result)
        return tiles.result()

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Any, ...]:
        tiles = _Tiles(measure, scores, gradients=True)
        inner = self._inner(tiles)
        d_loss = np.broadcast_to(np.asarray(d_loss, np.float64), measure.events).reshape(-1)
        d_log_z = np.broadcast_to(np.asarray(d_log_z, np.float64), measure.events).reshape(-1)
        for rows in tiles:
            part, tile = tiles.measure(rows), tiles.scores(rows)
            result = inner.forward(part, tile)
            inner.backward(part, tile, result.residual, d_loss[rows], d_log_z[rows], out=tile.array)
            tiles.accumulate(rows, tile.array)
        return tiles.gradients()

    def fused(
        self, measure: Measure, scores: Projection, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Any, ...]]:
        tiles = _Tiles(measure, scores, gradients=True)
        inner = self._inner(tiles)
        for rows in tiles:
            part, tile = tiles.measure(rows), tiles.scores(rows)
            result, _ = inner.fused(part, tile, d_loss, z_loss, out=tile.array)
            tiles.keep(rows, result)
            tiles.accumulate(rows, tile.array)
        return tiles.result(), tiles.gradients()


class _Tiles:
    """The workspace, the outputs and the slices of one call; events are flat inside."""

    def __init__(self, measure: Measure, scores: Projection, gradients: bool = False) -> None:
        self.whole, self.q = measure, scores
        wide = np.float64 if scores.hidden.dtype.name == "float64" else np.float32
        self.dtype = np.dtype(wide)
        classes, features = scores.weight.shape
        count = int(np.prod(measure.events, dtype=np.int64))
        self.hidden = scores.hidden.reshape(count, features)
        self.weight = scores.weight.astype(wide, copy=False)
        row = classes * self.dtype.itemsize
        tile = max(_TILE_BYTES, min(count * row // _TILE_SHARE, features * row))
        self.rows = max(1, min(count, tile // row))
        self.work = np.empty((self.rows, classes), wide)
        self.loss, self.log_z = np.empty(count, wide), np.empty(count, wide)
        self.flat = _flat(measure, count)
        if gradients:
            self.d_hidden: Any = np.empty((count, features), wide)
            self.d_weight = np.zeros((classes, features), wide)
            self.d_bias = np.zeros(classes, np.float64)
            self.step = max(1, _SUM_BYTES // (features * self.dtype.itemsize))
            self.sum = np.empty((min(self.step, classes), features), wide)

    def __iter__(self) -> Any:
        for start in range(0, len(self.loss), self.rows):
            yield slice(start, min(start + self.rows, len(self.loss)))

    def scores(self, rows: slice) -> Scores:
        """hidden · weightᵀ + bias of these events, in the workspace."""
        tile = self.work[: rows.stop - rows.start]
        np.matmul(self.hidden[rows].astype(self.dtype, copy=False), self.weight.T, out=tile)
        if self.q.bias is not None:
            tile += self.q.bias
        return Scores("logits", tile, 1, self.q.softcap)

    def measure(self, rows: slice) -> Measure:
        """P of these events."""

        def cut(x: Any) -> Any:
            return None if x is None else x[rows]

        m = self.flat
        return replace(
            m,
            events=(rows.stop - rows.start,),
            index=cut(m.index),
            value=cut(m.value),
            dense=cut(m.dense),
            event=cut(m.event),
            sums=cut(m.sums),
            background=tuple(Background(b.factor[rows], b.classes) for b in m.background),
        )

    def keep(self, rows: slice, result: Forward) -> None:
        """Put the losses of a tile, and its log Z where there is one, in their places."""
        self.loss[rows] = result.loss
        if result.log_z is not None:
            self.log_z[rows] = result.log_z

    def accumulate(self, rows: slice, d_scores: Array) -> None:
        """Carry the gradient of a tile of scores to hidden, weight and bias."""
        np.matmul(d_scores, self.weight, out=self.d_hidden[rows])
        hidden = self.hidden[rows].astype(self.dtype, copy=False)
        for start in range(0, len(self.weight), self.step):
            stop = min(start + self.step, len(self.weight))
            # A block of the sum at a time, so that it is added while it is still in cache.
            part = np.matmul(d_scores[:, start:stop].T, hidden, out=self.sum[: stop - start])
            self.d_weight[start:stop] += part
        if self.q.bias is not None:
            self.d_bias += d_scores.sum(axis=0)

    def result(self) -> Forward:
        events = self.whole.events
        return Forward(self.loss.reshape(events), self.log_z.reshape(events))

    def gradients(self) -> tuple[Any, Any, Any]:
        """The gradients of hidden, weight and bias, in their own dtypes."""
        q = self.q
        hidden: Any = q.hidden
        d_bias: Any = None if q.bias is None else self.d_bias.astype(q.bias.dtype, copy=False)
        return (
            self.d_hidden.reshape(hidden.shape).astype(hidden.dtype, copy=False),
            self.d_weight.astype(q.weight.dtype, copy=False),
            d_bias,
        )


def _flat(m: Measure, count: int) -> Measure:
    """The same measure with one axis of events."""

    def flat(x: Any) -> Any:
        return None if x is None else x.reshape(count)

    def rows(x: Any) -> Any:
        return None if x is None else x.reshape(count, x.shape[-1])

    dense = None if m.dense is None else rows(np.moveaxis(m.dense, m.axis, -1))
    return replace(
        m,
        events=(count,),
        index=rows(m.index),
        value=rows(m.value),
        dense=dense,
        axis=1,
        event=flat(m.event),
        sums=flat(m.sums),
        background=tuple(Background(flat(b.factor), b.classes) for b in m.background),
    )


tiled = Tiled(Stored(memory, flush=True), Formula(verbs))
