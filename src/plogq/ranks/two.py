"""Two predictions over ranks: the ranks agree on what they were given, and find both softmaxes."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import Any

from ..algebra import shards
from ..algebra.measure import Measure
from ..algebra.scores import Versus
from ..representations.linear import LinearLogits
from ..representations.targets import Target
from .agreement import agreed, attempt, refusal
from .run_time import at_run_time


def meet(p: Any, sides: list[Any], of: str, share: float, check: Callable[[], Any]) -> Versus:
    """Q and then P as this rank takes them, once all ranks have met; P alone for its entropy.

    `p` is P as it was written, weights and all, and `check` is what else this rank has to refuse.

    Raises:
        PlogqError: this rank's own refusal, or another's, or what the ranks disagree on; on all
            ranks alike.
    """
    return at_run_time(sides[0].look().xp, _meet, p, sides, of, share, check)


def _meet(p: Target, sides: list[Any], of: str, share: float, check: Callable[[], Any]) -> Versus:
    from . import collectives as ranks
    from . import kernel
    from .pairs import Over

    xp, group, _ = agreed(p, sides[0], check, f"{of} {share} ")
    _, array, events, *_ = sides[0].look()

    def look() -> tuple[list[Any], list[shards.Found]]:
        local = [side.lower(xp, lambda: None) for side in sides]
        none = xp.expand(xp.full(events, 0.0, array))
        part = Measure(events, 1, xp.indices(none), none)
        return local, [kernel.find([part], x)[0] for x in local]

    looked, refused = attempt(look)
    tops = [xp.full(events, -inf, array)] * len(sides)
    if looked is not None:
        tops = [found.greatest for found in looked[1]]
    most, stopped = ranks.greatest(xp.joined([x[None] for x in tops]), looked is None, group)
    if looked is None or stopped:
        raise refusal(refused, group, ranks)
    local, found = looked
    above = [shards.above(x, m, xp)[:2] for x, m in zip(found, most, strict=True)]
    sums = ranks.sums([x for each in above for x in each], group)
    known = tuple(
        (m, xp.where(m == -inf, nan, shards.rest_of(m, share_of, reaching, xp)))
        for m, share_of, reaching in zip(most, sums[::2], sums[1::2], strict=True)
    )
    hidden = tuple(isinstance(q, LinearLogits) and ranks.recording(q.hidden) for q in sides)
    of_q = local[0] if len(sides) > 1 else None
    return Versus(of, local[-1], of_q, share, known=known, over=Over(group, hidden))
