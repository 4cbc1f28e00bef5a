"""tf.data: the labels that a pipeline was made of, read without running it.

A turn of the pipeline would move its random state, so only what lies in memory is looked at: arrays
given to `from_tensor_slices`, behind steps that leave every number as it is.
"""

# TensorFlow types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from __future__ import annotations

import sys
from typing import Any

# Steps that hand on the numbers that they get, by the names of their classes.
_SAME = ("Shuffle", "Batch", "Prefetch", "Repeat", "Cache", "Take", "Skip", "Shard", "Options",
         "ParallelBatch", "PaddedBatch", "MemoryCache", "Rebatch", "Unbatch", "Snapshot",
         "AssertCardinality")  # fmt: skip
_MOST = 32  # steps


def labels_of(x: Any) -> Any:
    """What stands beside the features in a pipeline's arrays: a tensor, or None.

    The shape of one event is that of the labels; the first axis counts all events.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not isinstance(x, tensorflow.data.Dataset):
        return None
    spec = x.element_spec
    if not isinstance(spec, tuple) or len(spec) < 2:
        return None
    return _component(tensorflow, _source(x), 1)


def _source(x: Any) -> Any:
    """The pipeline's beginning, if nothing on the way changes a number."""
    for _ in range(_MOST):
        name = type(x).__name__.strip("_").removesuffix("Dataset").removesuffix("DatasetV2")
        if name not in _SAME:
            return x
        inputs = x._inputs()
        if len(inputs) != 1:
            return None
        x = inputs[0]
    return None


def _component(tensorflow: Any, x: Any, at: int) -> Any:
    """One array of several, where they were given as arrays."""
    name = type(x).__name__.strip("_")
    if name.startswith("ZipDataset"):
        parts = x._inputs()
        return _whole(tensorflow, _source(parts[at])) if len(parts) > at else None
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


def _whole(tensorflow: Any, x: Any) -> Any:
    tensors = getattr(x, "_tensors", None)
    if tensors is None or not type(x).__name__.strip("_").startswith("TensorSlice"):
        return None
    return tensors[0] if len(tensors) == 1 else None
