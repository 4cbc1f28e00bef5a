"""What a kernel is given, apart from the arrays, as data that JAX can compare.

Two calls that are alike are equal, so that JAX finds what it has compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ...algebra.formula import Formula
from ...algebra.measure import Measure
from ...algebra.scores import BinaryScores, Projection, Scores, Versus
from ...algebra.yes_no import BinaryMeasure
from . import arrays as xp

Array = Any
Arrays = Sequence[Array]

formula = Formula(xp)


class Call(NamedTuple):
    """A kernel and what it is given, without the arrays: two alike are equal, so that JAX finds
    what it has compiled."""

    kernel: Any
    measure: tuple[Any, ...]
    scores: tuple[Any, ...]
    present: tuple[bool, ...]  # which of the arrays there are, P's first
    parts: int  # how many of them, present or not, are P's

    def pair(self, arrays: Arrays) -> tuple[Any, Any]:
        """P and Q with these arrays, which are those that are present."""
        given = iter(arrays)
        found = tuple(next(given) if there else None for there in self.present)
        p, q = found[: self.parts], found[self.parts :]
        kind, *rest = self.measure
        bare: Any = kind(None, *rest) if kind is BinaryMeasure else kind(*rest)
        return bare.filled(p), _SCORES[self.scores[0]](*self.scores[1:]).filled(q)

    def own(self, changes: Arrays) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """What belongs to P's and to Q's arrays, None for those that are absent."""
        given = iter(changes)
        found = tuple(next(given) if there else None for there in self.present)
        return found[: self.parts], found[self.parts :]

    def wanting(self, of_q: Sequence[Any]) -> Call:
        """The same where these of Q's arrays have a gradient that is asked for: of two predictions
        a kernel leaves out a side."""
        if self.scores[0] != "versus":
            return self
        pair = _SCORES["versus"](*self.scores[1:])
        wanted = pair.wanting([bool(x) for x in of_q]).wanted
        return self._replace(scores=(*self.scores[:-1], wanted))

    def of_p(self) -> int:
        """How many of the arrays that are present are P's."""
        return sum(self.present[: self.parts])

    def outputs(self, arrays: Arrays) -> list[Any]:
        """Loss, log Z and the residual, as `losses` gives them."""
        p, q = self.pair(arrays)
        events = tuple(p.target.shape) if isinstance(p, BinaryMeasure) else p.events
        like = xp.statistics_dtype(q.arrays()[0])
        return [jax.ShapeDtypeStruct(events, like)] * 2 + [
            jax.ShapeDtypeStruct(events, xp.wide())
        ] * 2


_SCORES: dict[str, Callable[..., Any]] = {
    "stored": lambda *options: Scores(options[0], None, *options[1:]),
    "binary": lambda kind: BinaryScores(kind, None),
    "linear": lambda *options: Projection(None, None, None, *options),
    "versus": lambda of, p, q, *rest: Versus(of, _bare(p), _bare(q), *rest),
}


def taken_apart(kernel: Any, measure: Any, scores: Any) -> tuple[Call, list[Array]]:
    """What a kernel is given, as its arrays and what it is besides."""
    if isinstance(measure, Measure):
        p: tuple[Any, ...] = (Measure, measure.events, measure.classes, None, None, None)
        p = (*p, measure.axis)
    else:
        sides = (tuple(None if hasattr(x, "shape") else x for x in s) for s in _sides(measure))
        p = (BinaryMeasure, *sides)
    stored = isinstance(scores, Scores)
    q = ("stored", scores.kind, scores.axis, scores.softcap) if stored else _form(scores)
    of_p = measure.arrays()
    present: list[bool] = []
    held: list[Array] = []
    for x in (*of_p, *scores.arrays()):
        present.append(x is not None)
        if x is not None:
            held.append(jnp.asarray(x))
    kernel = formula if kernel.name == "formula" else kernel
    return Call(kernel, p, q, tuple(present), len(of_p)), held


def _form(scores: Any) -> tuple[Any, ...]:
    """Scores without their arrays."""
    if isinstance(scores, Scores):
        return "stored", scores.kind, scores.axis, scores.softcap
    if isinstance(scores, Projection):
        return "linear", scores.softcap, scores.filter
    if isinstance(scores, Versus):
        of_q = None if scores.q is None else _form(scores.q)
        return "versus", scores.of, _form(scores.p), of_q, scores.share, scores.wanted
    return "binary", scores.kind


def _bare(form: tuple[Any, ...] | None) -> Any:
    return None if form is None else _SCORES[form[0]](*form[1:])


def _sides(measure: BinaryMeasure) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    return measure.yes, measure.no
