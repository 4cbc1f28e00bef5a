"""tf.data: the labels that a pipeline was made of, read without running it.

A turn of the pipeline would move its random state, so only what lies in memory is looked at: arrays
given to `from_tensor_slices`, behind steps that leave every number as it is or change it in a way
that can be repeated; and what a generator yields anyway, as it passes.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .evidence import Numbers
from .store import Store

Change = Callable[[Numbers], Numbers]
# Steps that hand on the numbers that they get, by the names of their classes.
_SAME = ("Shuffle", "Batch", "Prefetch", "Repeat", "Cache", "Take", "Skip", "Shard", "Options",
         "ParallelBatch", "PaddedBatch", "MemoryCache", "Rebatch", "Unbatch", "Snapshot",
         "AssertCardinality")  # fmt: skip
_MAPS = ("Map", "ParallelMap")
_MOST = 32  # steps
_KEPT = 4096  # events of a generator
_LARGE = 1 << 16
_yielded = Store()


def labels_of(x: Any) -> Any:
    """What stands beside the features in a pipeline: an array, `Yielded`, or None.

    The shape of one event is that of the labels; the first axis counts all events.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not isinstance(x, tensorflow.data.Dataset):
        return None
    spec = x.element_spec
    if not isinstance(spec, tuple) or len(spec) < 2:
        return None
    at, changes = 1, list[Change]()
    for _ in range(_MOST):
        name = type(x).__name__.strip("_").removesuffix("Dataset").removesuffix("DatasetV2")
        if name not in _SAME and name not in _MAPS:
            break
        inputs = x._inputs()
        if len(inputs) != 1:
            return None
        if name in _MAPS:
            found = _through(tensorflow, x, at)
            if found is None:
                return None
            at, change = found
            changes.append(change)
        x = inputs[0]
    yielded = _yielded.get(x)
    if yielded is not None:
        return Yielded(yielded, at, tuple(reversed(changes)))
    labels = _component(tensorflow, x, at)
    if labels is None or not changes:
        return labels
    return _changed(labels.numpy(), reversed(changes))


@dataclass(frozen=True)
class Yielded:
    """What a generator gave while the pipeline ran, and what was done with it since."""

    items: list[Any]
    at: int
    changes: tuple[Change, ...]

    def numbers(self) -> Numbers | None:
        """The labels so far, in one array."""
        several = [i[self.at] for i in self.items if isinstance(i, tuple) and len(i) > self.at]
        try:
            found = np.stack([np.asarray(y) for y in several])
        except ValueError:
            return None  # none, or of several shapes
        return _changed(found, self.changes) if found.dtype.kind in "biuf" else None


def watch_generators(watch: Any) -> None:
    """Keep what generators yield to pipelines, as it passes."""
    tensorflow = sys.modules["tensorflow"]
    for holder in {tensorflow.data.Dataset, tensorflow.compat.v1.data.Dataset}:
        _watch_generators(watch, holder)


def _watch_generators(watch: Any, holder: Any) -> None:
    made = holder.__dict__.get("from_generator")
    if not isinstance(made, staticmethod):
        return
    before = made.__func__

    @functools.wraps(before)
    def from_generator(generator: Any, *args: Any, **kwargs: Any) -> Any:
        items: list[Any] = []

        def kept(*given: Any) -> Any:
            for item in generator(*given):
                if watch.active and len(items) < _KEPT and isinstance(item, tuple):
                    items.append(tuple(x if np.size(x) <= _LARGE else None for x in item[:2]))
                yield item

        out = before(kept if callable(generator) else generator, *args, **kwargs)
        _yielded.set(out, items)
        return out

    watch.replace(holder, "from_generator", staticmethod(from_generator))


def _changed(numbers: Numbers, changes: Iterable[Change]) -> Numbers:
    for change in changes:
        numbers = change(numbers)
    return numbers


def _through(tensorflow: Any, x: Any, at: int) -> tuple[int, Change] | None:
    """From which part of what a map gets a part of its result comes, and how it is changed."""
    graph = x._map_func.function.graph
    outputs = [len(tensorflow.nest.flatten(part)) for part in x.element_spec]
    spec = x._inputs()[0].element_spec
    if outputs[at] != 1 or not isinstance(spec, tuple):
        return None
    changes: list[Change] = []
    t = graph.outputs[sum(outputs[:at])]
    for _ in range(_MOST):
        op = t.op
        if op.type == "Placeholder":
            places = [i for i, part in enumerate(spec) for _ in tensorflow.nest.flatten(part)]
            here = next((i for i, given in enumerate(graph.inputs) if given is t), len(places))
            if here >= len(places) or places.count(places[here]) != 1:
                return None
            return places[here], lambda y: _changed(y, reversed(changes))
        change = _change(tensorflow, op)
        if change is None:
            return None
        changes.append(change)
        t = op.inputs[0]
    return None


def _change(tensorflow: Any, op: Any) -> Change | None:
    """What one operation does to labels; None where that is not known."""
    constants = [tensorflow.get_static_value(t) for t in op.inputs[1:]]
    if any(c is None for c in constants):
        return None
    if op.type == "Identity":
        return lambda y: y
    if op.type == "Cast":
        return lambda y: y.astype(op.outputs[0].dtype.as_numpy_dtype)
    if op.type in ("Sub", "Add", "AddV2", "Mul"):
        do = {"Sub": np.subtract, "Mul": np.multiply}.get(op.type, np.add)
        return lambda y: do(y, constants[0])
    if op.type == "OneHot" and constants[1] == 1 and constants[2] == 0:
        return lambda y: (y[..., None] == np.arange(constants[0])).astype(np.float32)
    if op.type == "ExpandDims" and constants[0] == -1:
        return lambda y: y[..., None]
    return None


def _component(tensorflow: Any, x: Any, at: int) -> Any:
    """One array of several, where they were given as arrays."""
    name = type(x).__name__.strip("_")
    if name.startswith("ZipDataset"):
        parts = x._inputs()
        return _whole(_source(parts[at])) if len(parts) > at else None
    tensors = getattr(x, "_tensors", None)
    if not name.startswith("TensorSlice") or tensors is None:
        return None
    spec = x.element_spec
    if not isinstance(spec, tuple) or len(spec) <= at:
        return None
    leaves = [len(tensorflow.nest.flatten(part)) for part in spec]
    if leaves[at] != 1 or sum(leaves) != len(tensors):
        return None
    return tensors[sum(leaves[:at])]


def _source(x: Any) -> Any:
    """The beginning of a part of a pipeline, if nothing on the way changes a number."""
    for _ in range(_MOST):
        name = type(x).__name__.strip("_").removesuffix("Dataset").removesuffix("DatasetV2")
        if name not in _SAME:
            return x
        inputs = x._inputs()
        if len(inputs) != 1:
            return None
        x = inputs[0]
    return None


def _whole(x: Any) -> Any:
    tensors = getattr(x, "_tensors", None)
    if tensors is None or not type(x).__name__.strip("_").startswith("TensorSlice"):
        return None
    return tensors[0] if len(tensors) == 1 else None
