"""Losses by hand with a logarithm too few, minus the mean of the probability of the label, or with
a sigmoid too many."""

from __future__ import annotations

import ast

from ..facts import PROBABILITIES, Array, HandWritten, Made
from .machine import Desk

PICKED = "the probability of the label"
_MEANS = ("sum", "mean")
_MOVES = frozenset({"slice", "squeeze", "unsqueeze", "reshape", "cast", "negate", "detach"})


def product(a: Array, b: Array, batched: bool) -> Array | None:
    """One-hot rows times probabilities: of each row one number is left."""
    for hot, q in ((a, b), (b, a)):
        if hot.made is Made.ONE_HOT and q.made is Made.SOFTMAX and not q.scaled:
            return Array(by=PICKED, source=q, shape=q.shape, kind="float", batched=batched,
                         path=tuple(s for s in hot.path if s.verb == "negate"))  # fmt: skip
    return None


def negated(on: Desk, value: Array, node: ast.AST) -> None:
    """-x: note a loss where x is such a mean."""
    if value.by not in _MEANS or value.made is not None:
        return
    x: Array | None = value
    while x is not None and x.made is None and x.by in _MEANS:
        x = x.source
    if x is not None and not _turned(x):
        _note(on, x, node)


def reduced(on: Desk, x: Array, node: ast.AST) -> None:
    """The mean of x: note a loss where x is minus such a probability."""
    if _turned(x):
        _note(on, x, node)


def _turned(x: Array) -> bool:
    return sum(step.verb == "negate" for step in x.path) % 2 == 1


def _note(on: Desk, x: Array, node: ast.AST) -> None:
    steps = {step.verb for step in x.path}
    picked = x.made is Made.SOFTMAX and x.axis is None and "slice" in steps and steps <= _MOVES
    of = x.source if x.by == PICKED else x if picked else None
    if of is not None:
        on.see(HandWritten(on.place(node), of, None), node)


def sigmoid_twice(on: Desk, logs: Array, target: Array | None, node: ast.AST) -> None:
    """y log of the sigmoid of what is a probability already: wrong, whatever it is summed with."""
    head = logs.source if logs.made is Made.LOG_SIGMOID else None
    if head is not None and head.made in PROBABILITIES:
        on.see(HandWritten(on.place(node), logs, target), node)
