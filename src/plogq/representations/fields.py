"""What each representation is made of: its arrays, and what is the same for all of them.

Whatever takes a representation apart or makes another like it reads its fields here, so that none
is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any, cast

from .binary import BinaryLogits, BinaryProbs, SmoothedBinary, WeightedBinary
from .predictions import LinearLogits, Logits, LogProbs, ShardedLogits
from .targets import Labels, Probs, SparseProbs
from .wrappers import Smoothed, Weighted

# The names of what holds arrays, and of the options.
FIELDS: dict[type, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Labels: (("index",), ("ignore",)),
    Probs: (("probs",), ("axis", "tolerance")),
    SparseProbs: (("index", "probs"), ()),
    Smoothed: (("target",), ("epsilon",)),
    SmoothedBinary: (("target",), ("epsilon",)),
    Weighted: (("target", "sample_weight", "class_weight"), ()),
    WeightedBinary: (("target", "sample_weight", "class_weight"), ()),
    Logits: (("scores",), ("axis", "softcap")),
    LogProbs: (("log_probs",), ("axis",)),
    LinearLogits: (("hidden", "weight", "bias"), ("softcap", "gradient_filter", "group")),
    ShardedLogits: (("local",), ("axis", "softcap", "group")),
    BinaryProbs: (("probs",), ()),
    BinaryLogits: (("scores",), ()),
}


def held(r: Any) -> tuple[str, ...]:
    """The names of what holds arrays in this representation."""
    return next(FIELDS[kind][0] for kind in type(r).__mro__ if kind in FIELDS)


def like(r: Any, arrays: Iterable[Any]) -> Any:
    """A representation of r's own type with these in place of its arrays, all else as it is."""
    made = copy(r)
    for name, x in zip(held(r), arrays, strict=True):
        setattr(made, name, x)
    return made


def mapped(r: Any, change: Callable[[Any], Any]) -> Any:
    """r with every array in it, and in what it wraps, changed; numbers and None stay."""

    def each(x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(each, cast("tuple[Any, ...]", x)))
        if x is None or isinstance(x, int | float):
            return x
        return mapped(x, change) if isinstance(x, tuple(FIELDS)) else change(x)

    return like(r, [each(getattr(r, name)) for name in held(r)])
