"""DTensors as what they stand for: a slice of the classes, a part of the events, or the whole.

A DTensor says itself how it lies over a mesh of ranks. Split on the class axis it becomes
`ShardedLogits`; split on other axes, every rank has its own events; and it is this rank's part that
is computed with, so that losses are plain tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import PairError
from ..frameworks import verbs
from ..representations.base import Prediction, like
from ..representations.linear import LinearLogits
from ..representations.predictions import (
    Logits,
    LogProbs,
    ShardedLogits,
)
from ..representations.sparse import SparseProbs
from ..representations.targets import Labels, Probs, Target
from ..representations.wrappers import Smoothed, Weighted
from .run_time import at_run_time


def is_placed(x: Any) -> bool:
    """Whether x is a DTensor, told without an import of what defines them."""
    return x.__class__.__name__ == "DTensor"


def local(p: Target, q: Prediction) -> tuple[Target, Prediction]:
    """P and Q with this rank's tensors in place of DTensors.

    Raises:
        PairError: a placement that says nothing about classes or events.
    """
    arrays = [q.look().array, *p.arrays()]
    if isinstance(q, LinearLogits):
        arrays += [q.weight, q.bias]
    if not any(map(is_placed, arrays)):
        return p, q
    return at_run_time(verbs(arrays[0]), _local, p, q)


def _local(p: Target, q: Prediction) -> tuple[Target, Prediction]:
    if isinstance(q, LinearLogits):
        mesh, over, q = _linear(q)
    else:
        mesh, over, q = _stored(q)
    return _target(p, mesh, over), q


# Over each dimension of the mesh: "classes", the event axis that is split, or None.
Over = tuple[Any, ...]


def _stored(q: Any) -> tuple[Any, Over, Any]:
    array = q.look().array
    kind = type(q).__name__
    if isinstance(q, ShardedLogits):
        raise PairError(
            "ShardedLogits takes this rank's slice as a plain tensor; a DTensor knows how it is "
            "split: write Logits(scores)"
        )
    if not is_placed(array):
        raise PairError(
            f"P is a DTensor and {kind} a plain tensor; write y.to_local() if each rank has "
            f"its own events, y.full_tensor() if all have the same, or give {kind} a DTensor too"
        )
    axis = q.look().axis or 0
    over = _read(array, axis, f"{kind} scores")
    if "classes" in over:
        if not isinstance(q, Logits):
            raise PairError(
                f"{kind} is split on its classes; over ranks Q is scores: write Logits(scores), "
                f"or {kind}(x.full_tensor())"
            )
        group = array.device_mesh.get_group(over.index("classes"))
        return (
            array.device_mesh,
            over,
            ShardedLogits(array.to_local(), group, axis=axis, softcap=q.softcap),
        )
    here = array.to_local()
    if isinstance(q, Logits):
        made: Any = Logits(here, axis=axis, softcap=q.softcap)
    elif isinstance(q, LogProbs):
        made = LogProbs(here, axis=axis)
    else:
        made = Probs(here, axis=axis, tolerance=q.tolerance)
    return array.device_mesh, over, made


def _linear(q: LinearLogits) -> tuple[Any, Over, LinearLogits]:
    """hidden whole or split by events, weight and bias whole or split by classes."""
    if q.group is not None:
        raise PairError(
            "LinearLogits(group=...) takes plain tensors, this rank's slices; a DTensor knows how "
            "it is split: leave the group out"
        )
    if not is_placed(q.weight) or (q.bias is not None and not is_placed(q.bias)):
        raise PairError(
            "DTensors stand beside a plain weight or bias of LinearLogits; make weight and bias "
            "DTensors of one placement, distribute_tensor(weight, mesh, [Shard(0)]), or write "
            "x.to_local()"
        )
    mesh, features = q.weight.device_mesh, q.hidden.ndim - 1
    rows = _read(q.weight, 0, "LinearLogits weight")
    if q.bias is not None and _read(q.bias, 0, "LinearLogits bias") != rows:
        raise PairError(
            f"LinearLogits bias is placed as {q.bias.placements} and weight as "
            f"{q.weight.placements}; split both on their first axis alike"
        )
    events: Over = (None,) * len(rows)
    if is_placed(q.hidden):
        _same_mesh(q.hidden, mesh, "LinearLogits hidden")
        events = _read(q.hidden, features, "LinearLogits hidden")
    over = tuple(_both(r, e, q) for r, e in zip(rows, events, strict=True))

    def own(x: Any) -> Any:
        """This rank's rows; where events are split, each rank has a part of the gradient."""
        if x is None or not any(isinstance(e, int) for e in events):
            return None if x is None else x.to_local()
        partial = _partial()
        split = [
            partial if isinstance(e, int) else placement
            for e, placement in zip(events, x.placements, strict=True)
        ]
        return x.to_local(grad_placements=split)

    hidden = q.hidden.to_local() if is_placed(q.hidden) else q.hidden
    group = mesh.get_group(over.index("classes")) if "classes" in over else None
    made = LinearLogits(
        hidden,
        own(q.weight),
        own(q.bias),
        softcap=q.softcap,
        gradient_filter=q.gradient_filter,
        workspace=q.workspace,
        group=group,
    )
    return mesh, over, made


def _both(rows: Any, events: Any, q: LinearLogits) -> Any:
    if rows not in (None, "classes") or events == "classes" or (rows and events is not None):
        raise PairError(
            f"LinearLogits weight is placed as {q.weight.placements} and hidden as "
            f"{getattr(q.hidden, 'placements', 'a plain tensor')}; over one dimension of the mesh "
            "either the weight is split on its classes, Shard(0), or hidden on its events: write "
            "x.redistribute(placements=...)"
        )
    return rows if events is None else events


def _partial() -> Any:
    from .collectives import partial

    return partial()


def _read(x: Any, axis: int, role: str) -> Over:
    """What each dimension of the mesh has split of a DTensor with its classes on `axis`."""
    over: list[Any] = []
    for placement in x.placements:
        if placement.is_replicate():
            over.append(None)
        elif type(placement).__name__ == "Shard":
            at = placement.dim % x.ndim
            over.append("classes" if at == axis else at - (at > axis))
        else:
            raise PairError(
                f"{role} is a DTensor placed as {x.placements}; it takes Replicate() and Shard(dim)"
                ": write x.redistribute(placements=[...]) first"
            )
    if over.count("classes") > 1:
        raise PairError(
            f"{role} is split on its classes over {over.count('classes')} dimensions of the mesh, "
            "which is done over one: write x.redistribute(placements=[...]), or flatten them into "
            "one dimension"
        )
    return tuple(over)


def _same_mesh(x: Any, mesh: Any, role: str) -> None:
    if x.device_mesh != mesh:
        raise PairError(f"{role} is on another mesh than Q: write x.redistribute(mesh, ...)")


def _target(p: Target, mesh: Any, over: Over) -> Target:
    """P with this rank's tensors, each of which must be split as Q is."""
    whole = tuple(None if x == "classes" else x for x in over)

    def take(x: Any, role: str, *expected: Over, axis: int | None = None) -> Any:
        if not is_placed(x):
            return x
        _same_mesh(x, mesh, role)
        has = _read(x, x.ndim if axis is None else axis % x.ndim, role)
        if has not in expected:
            raise PairError(
                f"{role} is a DTensor placed as {x.placements}, which does not fit how Q is split; "
                "split it on the events as Q is and keep it whole elsewhere: write "
                "x.redistribute(placements=[...]), or give this rank's part as a plain tensor"
            )
        return x.to_local()

    return _with(p, take, over, whole)


def _with(p: Target, take: Callable[..., Any], over: Over, whole: Over) -> Target:
    if isinstance(p, Smoothed):
        to = take(p.to, "to", (None,) * len(over))
        return like(p, (_with(p.target, take, over, whole), to))
    if isinstance(p, Weighted):
        nothing = (None,) * len(over)
        return Weighted(
            _with(p.target, take, over, whole),
            sample_weight=take(p.sample_weight, "sample_weight", whole),
            class_weight=take(p.class_weight, "class_weight", nothing),
        )
    if isinstance(p, Labels):
        return Labels(take(p.index, "Labels", whole), ignore=p.ignore)
    if isinstance(p, SparseProbs):
        return SparseProbs(
            take(p.index, "SparseProbs index", whole),
            take(p.probs, "SparseProbs probs", whole),
            tail=p.tail,
        )
    if isinstance(p, Probs):
        here = take(p.probs, "Probs", over, whole, axis=p.axis)
        return Probs(here, axis=p.axis, tolerance=p.tolerance)
    return p
