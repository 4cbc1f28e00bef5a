"""The C++ kernels on TensorFlow's tensors: eagerly on their own memory, in a graph as a node of it.

Labels of logits have operations of their own (`operation.py`); this is for everything else, and for
where there are none. What runs is the binding for NumPy. An eager tensor in main memory is a NumPy
array without a copy, and so is what comes back where it is large. In the graph of a tf.function the
same call is a tf.numpy_function, whose arguments and results share memory too, and which lets other
threads run. A graph for XLA, for another device or for a SavedModel holds the formula instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.saved_model.save_context import in_save_context

from ...algebra.contract import Forward, Kernel
from ...algebra.scores import BinaryScores, Projection, Scores, Versus
from ...algebra.yes_no import BinaryMeasure
from ...errors import ShapeError
from ..numpy import kernels as on_numpy
from ..pages import LARGE, pages
from . import arrays as verbs
from . import operation

Tensor = Any
Array = Any
Arrays = tuple[Any, ...]

# What TensorFlow's kernels ask of the memory that they are given.
_ALIGNED = 64


def aligned(shape: tuple[int, ...], dtype: Any) -> Array:
    """A new array that TensorFlow takes over without a copy if it is large."""
    kind = np.dtype(dtype)
    size = prod(shape) * kind.itemsize
    if size < LARGE:
        return np.empty(shape, kind)
    raw = pages(size + _ALIGNED)
    start = -raw.ctypes.data % _ALIGNED
    return raw[start : start + size].view(kind).reshape(shape)


def tensor(x: Array) -> Tensor:
    """An eager tensor of the values of x, on its memory where that is `aligned` and large."""
    if x.nbytes < LARGE or x.ctypes.data % _ALIGNED or not x.flags.c_contiguous:
        return tf.convert_to_tensor(x)
    narrow = x.dtype.name == "bfloat16"
    capsule = (x.view(np.uint16) if narrow else x).__dlpack__()
    found = tf.experimental.dlpack.from_dlpack(capsule)
    return tf.bitcast(found, tf.bfloat16) if narrow else found


def no_kernel(x: Tensor, role: str) -> str | None:
    """Why no kernel of this process can read x, or None."""
    if verbs.compiled():
        return (
            "XLA compiles this graph, where C++ of ours runs for labels, distributions and yes/no "
            "outcomes of known lengths alone: else its own operations are at work"
        )
    return not_here(x, role)


def not_here(x: Tensor, role: str) -> str | None:
    """Why x is not to be had in main memory as the program runs, or None."""
    if verbs.tracing() and in_save_context():
        return "a SavedModel holds TensorFlow's own operations only"
    if verbs.device(x) != "cpu":
        return f"{role} is on {verbs.device(x)}; these kernels are for the CPU"
    return None


class OnTensors:
    """A kernel for NumPy arrays, as one for tensors."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.name = kernel, kernel.name

    def refuses(self, measure: Any, scores: Any) -> str | None:
        why = no_kernel(scores.arrays()[0], "Q")
        # The kernel looks at dtypes and at which parts there are.
        return why or self.kernel.refuses(*_with(measure, scores, _empty(measure, scores)))

    def note(self) -> str | None:
        """What is to be said of how a graph reaches this kernel."""
        if operation.missing is None:
            return None
        return f"in graphs through Python, as there is no operation of its own: {operation.missing}"

    def forward(self, measure: Any, scores: Any, log_z: bool = False) -> Forward:
        count = 0 if isinstance(scores, BinaryScores | Versus) else 2
        wide = verbs.statistics_dtype(scores.arrays()[0])

        def run(*arrays: Array) -> list[Array]:
            result = self.kernel.forward(*_checked(_with(measure, scores, arrays)), log_z=log_z)
            first = (result.loss, result.log_z) if log_z else (result.loss,)
            return [*first, *((result.residual or ()) if count else ())]

        arrays = (*measure.arrays(), *scores.arrays())
        if not verbs.tracing():
            loss, *rest = run(*map(_seen, arrays))
            z = tensor(rest.pop(0)) if log_z else None
            return Forward(tensor(loss), z, tuple(rest) or None)
        kinds = [*[wide] * (1 + log_z), *[tf.float64] * count]
        events = verbs.static(_events(scores))
        loss, *rest = _node(run, arrays, kinds, [events] * len(kinds))
        return Forward(loss, rest.pop(0) if log_z else None, tuple(rest) or None)

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Tensor, ...]:
        each = zip(_asked(scores), scores.arrays(), strict=True)
        held = [x for asked, x in each if asked and x is not None]
        parts = len(measure.arrays()) + len(scores.arrays())
        # The residual of two arrays per event, or none of yes/no outcomes.
        extra = (*(residual or ()), d_loss, d_log_z)

        def run(*given: Array) -> list[Array]:
            p, q = _checked(_with(measure, scores, given[:parts]))
            *left, d, dz = given[parts:]
            x = q.arrays()[0]
            made = isinstance(q, Projection | Versus)
            whole = None if made else aligned(x.shape, x.dtype)
            found = self.kernel.backward(p, q, tuple(left) or None, d, dz, whole)
            return [x for x in found if x is not None]

        arrays = (*measure.arrays(), *scores.arrays(), *extra)
        if verbs.tracing():
            shapes = [x.shape for x in held]
            found = _node(run, arrays, [x.dtype for x in held], shapes)
        else:
            found = list(map(tensor, run(*map(_seen, arrays))))
        return tuple(
            found.pop(0) if asked and x is not None else None
            for asked, x in zip(_asked(scores), scores.arrays(), strict=True)
        )

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Tensor, ...]]:
        p, q = _with(measure, scores, tuple(map(_seen, (*measure.arrays(), *scores.arrays()))))
        x = q.arrays()[0]
        made = isinstance(q, Projection | Versus)
        whole = None if made else aligned(x.shape, x.dtype)
        forward, found = self.kernel.fused(p, q, d_loss, z_loss, whole)
        log_z = None if forward.log_z is None else tensor(forward.log_z)
        found = tuple(None if g is None else tensor(g) for g in found)
        return Forward(tensor(forward.loss), log_z), found


stored = OnTensors(on_numpy.stored)
binary = OnTensors(on_numpy.binary)
linear = OnTensors(on_numpy.linear)
pairs = OnTensors(on_numpy.pairs)
chunked_pairs = OnTensors(on_numpy.chunked_pairs)


def _asked(scores: Any) -> list[bool]:
    """Of which of the arrays of Q, or of Q and P, a gradient is asked for."""
    if not isinstance(scores, Versus):
        return [True] * len(scores.arrays())
    sides = zip(scores.sides(), scores.wanted, strict=False)
    return [wanted for side, wanted in sides for _ in side.arrays()]


def _seen(x: Any) -> Any:
    """An eager tensor as the array on its memory; numbers and arrays as they are."""
    return verbs.seen(x) if isinstance(x, tf.Tensor) else x


def _events(scores: Any) -> tuple[Any, ...]:
    """The lengths of the events, as the arrays of Q have them."""
    if isinstance(scores, Versus):
        return _events(scores.sides()[0])
    x = scores.arrays()[0]
    lengths = x.shape if isinstance(x, np.ndarray) else verbs.shape(x)
    if isinstance(scores, BinaryScores):
        return lengths
    if isinstance(scores, Scores):
        return (*lengths[: scores.axis], *lengths[scores.axis + 1 :])
    return lengths[:-1]


def _with(measure: Any, scores: Any, arrays: Arrays) -> tuple[Any, Any]:
    """The pair with NumPy arrays in place of the tensors, and with the lengths that they have."""
    parts = len(measure.arrays())
    p, q = measure.filled(arrays[:parts]), scores.filled(arrays[parts:])
    if isinstance(p, BinaryMeasure):
        return p, q
    if isinstance(q, Versus):
        return replace(p, events=_events(q)), q
    classes = q.array.shape[q.axis] if isinstance(q, Scores) else len(q.weight)
    return replace(p, events=_events(q), classes=classes), q


def _checked(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    """The pair, once its lengths are known to fit: a graph runs its assertions in no order."""
    (p, q), events = pair, _events(pair[1])
    if isinstance(p, BinaryMeasure):
        expected = [(p.target, events), (p.event, events)]
    else:
        whole = (*events[: p.axis], p.classes, *events[p.axis :])
        spread = [(b.factor, events) for b in p.background]
        by_class = [(x, (p.classes,)) for x in (p.class_weight, *(b.classes for b in p.background))]
        index = [(x, (*events, x.shape[-1])) for x in (p.index, p.value) if x is not None]
        expected = [*index, (p.dense, whole), (p.event, events), *spread, *by_class]
        classes = p.classes
        if isinstance(q, Versus):
            side = q.sides()[0]
            linear = isinstance(side, Projection)
            classes = len(side.weight) if linear else side.array.shape[side.axis]
        for side in q.sides() if isinstance(q, Versus) else (q,):
            if isinstance(side, Projection):
                width = side.weight.shape[1]
                expected += [(side.hidden, (*events, width)), (side.weight, (classes, width))]
                expected += [(side.bias, (classes,))]
            elif isinstance(q, Versus):
                whole = (*events[: side.axis], classes, *events[side.axis :])
                expected += [(side.array, whole)]
    for x, lengths in expected:
        if x is not None and x.shape != lengths:
            raise ShapeError(
                f"P and Q must describe the same events: an array of shape {x.shape} came where "
                f"Q, whose events are {events}, takes {lengths}"
            )
    return pair


def _empty(measure: Any, scores: Any) -> Arrays:
    """Arrays of the dtypes and ranks of the tensors, with nothing in them."""
    return tuple(
        None if x is None else np.empty((0,) * x.shape.rank, x.dtype.as_numpy_dtype)
        for x in (*measure.arrays(), *scores.arrays())
    )


def _node(run: Callable[..., list[Array]], given: Arrays, kinds: Any, shapes: Any) -> list[Tensor]:
    """`run` on the values of the tensors among `given`, as one node of the graph."""
    places = [i for i, x in enumerate(given) if isinstance(x, tf.Tensor)]

    def filled(*values: Array) -> list[Array]:
        arguments = list(given)
        for i, x in zip(places, values, strict=True):
            arguments[i] = np.asarray(x)
        return run(*arguments)

    # Without state: what is not asked for is left out of the graph.
    found = tf.numpy_function(filled, [given[i] for i in places], kinds, stateful=False)
    for x, known in zip(found, shapes, strict=True):
        x.set_shape(known)
    return list(found)
