"""Scores over ranks: the ranks agree on what they were given, and find the softmax together.

First every rank checks its own input and all tell one another what they have; then each looks at
its own classes. What one rank refuses is raised by all of them before anything is waited for.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from math import inf, nan, prod
from typing import Any, NamedTuple
from zlib import crc32

from .. import checks, errors
from ..algebra import shards
from ..errors import DtypeError, LabelError, PairError, PlogqError, ShapeError
from ..frameworks import Verbs, verbs
from ..representations.linear import LinearLogits
from ..representations.predicted import Predicted
from ..representations.predictions import ShardedLogits
from ..representations.sparse import SparseProbs
from ..representations.targets import Labels, Probs, Target
from ..representations.wrappers import Smoothed, Weighted
from .run_time import at_run_time
from .target import Cut, cut

OverRanks = ShardedLogits | LinearLogits


def over_ranks(q: Any) -> bool:
    """Whether each rank of a group has some of the classes of Q."""
    return isinstance(q, ShardedLogits) or (isinstance(q, LinearLogits) and q.group is not None)


def meet(p: Target, q: Any, check: Callable[[], Any]) -> tuple[Any, Any]:
    """P and Q as this rank's kernel takes them, once all ranks have met.

    `check` is what else this rank has to refuse. It takes one gather, one maximum and one sum over
    the ranks.

    Raises:
        PlogqError: this rank's own refusal, or another's, or what the ranks disagree on; on all
            ranks alike.
    """
    return at_run_time(q.look().xp, _meet, p, q, check)


def _ranks() -> Any:
    # An import statement, which torch.compile can trace.
    from . import collectives as ranks

    return ranks


def _kernel() -> Any:
    from . import kernel as sharded

    return sharded


def agreed(
    p: Target, q: OverRanks, check: Callable[[], Any], said: str = ""
) -> tuple[Any, Any, list[int]]:
    """The verbs, the group and how many classes each rank has, once all have the same of the rest.

    `said` is what else there is in words.
    """
    ranks, kernel = _ranks(), _kernel()
    array = q.look().array
    xp: Any = verbs(array)
    group = ranks.member(q.group)
    if xp.device(array) == "meta":
        raise DtypeError("scores over ranks need values, and these tensors are on the meta device")
    if xp.transformed(array):
        kernel.sharded.refuse_operations()
    mine, refused = attempt(lambda: _facts(p, q, xp, check, ranks, said))
    rows = ranks.gather(mine or _NOTHING, array, group)
    if any(row[0] for row in rows):
        raise refusal(refused, group, ranks)
    _require_agreement(rows)
    counts: list[int] = [row[1] for row in rows]
    checks.class_count(sum(counts), type(q).__name__)
    return xp, group, counts


def _meet(p: Target, q: OverRanks, check: Callable[[], Any]) -> tuple[Any, Any]:
    ranks, kernel = _ranks(), _kernel()
    xp, group, counts = agreed(p, q, check)
    array = q.look().array
    me: int = ranks.rank(group)
    classes = sum(counts)
    start, own = sum(counts[:me]), counts[me]

    def look() -> tuple[Cut, list[shards.Found], Any]:
        local = q.lower(xp, lambda: None)
        mine = cut(p, xp, classes, start, own)
        return mine, kernel.find(mine.parts, local), local

    looked, refused = attempt(look)
    events = q.look().events
    top = xp.full(events, -inf, array) if looked is None else looked[1][0].greatest
    m, stopped = ranks.greatest(top, looked is None, group)
    if looked is None or stopped:
        raise refusal(refused, group, ranks)
    mine, found, local = looked
    above = [shards.above(x, m, xp) for x in found]
    share, reaches, _ = above[0]
    expected = [x for _, _, x in above]
    share, reaches, *sums = ranks.sums([share, reaches, *expected, *mine.sums], group)
    measure, e = mine.finish(sums[: len(expected)], sums[len(expected) :])
    # Nothing is left of an event whose scores are all -∞ (N3).
    rest = xp.where(m == -inf, nan, shards.rest_of(m, share, reaches, xp))
    hidden = isinstance(q, LinearLogits) and ranks.recording(q.hidden)
    return measure, kernel.Shard(local, group, m, rest, e, hidden)


def attempt(step: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """What `step` returns, or what it raises: then the others are to hear of it."""
    try:
        return step(), None
    except Exception as refused:
        return None, refused


def refusal(own: Exception | None, group: Any, ranks: Any) -> Exception:
    """What to raise where some rank has refused its input: its own sentence, or another's."""
    said = None if own is None else (type(own).__name__, str(own))
    heard = ranks.sentences(said, group)
    if own is not None:
        return own
    rank, (name, sentence) = next((i, x) for i, x in enumerate(heard) if x is not None)
    kind: Any = getattr(errors, name, PlogqError)
    return kind(f"rank {rank} refused its input: {sentence}")


class Fact(NamedTuple):
    """Something that all ranks must have alike, in `length` integers."""

    what: str
    length: int
    show: Callable[[list[int]], str]
    error: type[PlogqError]
    instead: str


def _type(x: list[int]) -> str:
    return "LinearLogits" if x[0] else "ShardedLogits"


def _dtype(x: list[int]) -> str:
    return _DTYPES[x[0]]


def _shape(x: list[int]) -> str:
    return str(tuple(x[1 : 1 + min(x[0], _AXES)]))


def _number(x: list[int]) -> str:
    return str(x[0])


def _softcap(x: list[int]) -> str:
    return str(struct.unpack("<d", struct.pack("<q", x[0]))[0] or None)


def _asked(x: list[int]) -> str:
    return "a gradient" if x[0] else "none"


def _fingerprint(x: list[int]) -> str:
    return f"fingerprint {x[0] & 0xFFFFFFFF:08x}"


_AXES = 8
_DTYPES = ("float64", "float32", "float16", "bfloat16")
_FACTS = (
    Fact("the type of Q", 1, _type, PairError, "call it alike on every rank"),
    Fact("the dtype of the scores", 1, _dtype, DtypeError, "cast them alike, scores.to(dtype)"),
    Fact(
        "the shape of the events",
        2 + _AXES,
        _shape,
        ShapeError,
        "every rank has the same events, and its own part of the classes",
    ),
    Fact(
        "the features of hidden",
        1,
        _number,
        ShapeError,
        "every rank has the whole of hidden [*events, D], and its own rows of weight [K, D]",
    ),
    Fact("the softcap", 1, _softcap, PairError, "write the same number on every rank"),
    Fact(
        "the gradient of hidden",
        1,
        _asked,
        PairError,
        "it is a sum over all ranks: set hidden.requires_grad alike",
    ),
    Fact(
        "the kind of target",
        1,
        _fingerprint,
        PairError,
        "give every rank the same target, wrapped in the same way with the same numbers",
    ),
    Fact(
        "the values of the target",
        1,
        _fingerprint,
        LabelError,
        "labels and weights are those of all classes, the same on every rank: broadcast them",
    ),
)
_NOTHING = [1] + [0] * (1 + sum(fact.length for fact in _FACTS))


def _facts(
    p: Target, q: OverRanks, xp: Verbs, check: Callable[[], Any], ranks: Any, said: str
) -> list[Any]:
    """What this rank tells the others, once it has nothing to refuse."""
    q.check()
    check()
    text, arrays = _described(p)
    # A prediction is told of by itself, and may have gradients.
    if ranks.recording(*(arrays if said else p.arrays())):
        raise PairError(
            "over ranks there are no gradients with respect to the target; write p.detach()"
        )
    linear = isinstance(q, LinearLogits)
    _, array, events, _, own = q.look()
    shape = [len(events), *(*events, *[0] * _AXES)[:_AXES], prod(events)]
    return [
        0,
        own,
        int(linear),
        _DTYPES.index(xp.dtype_name(array)),
        *shape,
        int(q.hidden.shape[-1]) if linear else 0,
        struct.unpack("<q", struct.pack("<d", q.softcap or 0.0))[0],
        int(linear and ranks.recording(q.hidden)),
        crc32((said + text).encode()),
        ranks.fold(arrays),
    ]


def _described(p: Target) -> tuple[str, list[Any]]:
    """P in words, and the arrays of it that every rank has whole."""
    if isinstance(p, Smoothed):
        text, arrays = _described(p.target)
        to = None if p.to is None else tuple(p.to.shape)
        if to is not None and len(to) > 1:
            raise PairError(
                "over ranks a share is spread as one distribution over all classes says, to=prior "
                f"of shape (K,), got one for every event, {to}"
            )
        more = [] if p.to is None else [p.to]
        return f"Smoothed({text}, {p.epsilon}, {to})", [*arrays, *more]
    if isinstance(p, Weighted):
        text, arrays = _described(p.target)
        weights = (p.sample_weight, p.class_weight)
        given = [None if w is None else tuple(w.shape) for w in weights]
        return f"Weighted({text}, {given})", [*arrays, *(w for w in weights if w is not None)]
    if isinstance(p, Labels):
        return f"Labels({p.ignore})", [p.index]
    if isinstance(p, SparseProbs):
        if p.tail == "bucket":
            raise PairError(
                "a bucket takes scores that are stored in one place, and these lie over ranks; "
                'write tail="even", or tail=None, which asks for the listed classes alone'
            )
        return f"SparseProbs({tuple(p.index.shape)}, {p.tail})", [p.index, p.probs]
    if isinstance(p, Probs):
        return "Probs", []
    if isinstance(p, Predicted):
        q = p.bare()
        whole = [q.hidden.shape[-1], _ranks().recording(q.hidden)] if hasattr(q, "hidden") else []
        return f"{type(q).__name__}({q.softcap}, {whole})", []
    raise PairError(f"{type(p).__name__} is no target for scores over ranks")


def _require_agreement(rows: list[list[int]]) -> None:
    """Refuse ranks that were given different things, with the same sentence on each."""
    at = 2
    for fact in _FACTS:
        found: dict[str, list[int]] = {}
        values = {tuple(row[at : at + fact.length]) for row in rows}
        for rank, row in enumerate(rows):
            found.setdefault(fact.show(row[at : at + fact.length]), []).append(rank)
        at += fact.length
        if len(values) > 1:
            have = "; ".join(
                f"{value} on rank{'s' * (len(on) > 1)} {', '.join(map(str, on))}"
                for value, on in found.items()
            )
            raise fact.error(f"the ranks disagree on {fact.what}: {have}; {fact.instead}")
