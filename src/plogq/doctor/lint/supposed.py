"""What was not seen and can be supposed: by the name of an array, or on one way of a branch.

`criterion(probs, y)` with a `probs` from elsewhere fits the pattern of a softmax before the loss.
What the rules say of it then is a finding of the level unknown: nothing decides it but a name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..facts import Array, Made, Place, Sighting
from ..findings import Finding, Level
from ..rules import judge
from .values import Unknown, Value

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PROBABILITIES = frozenset(
    ["prob", "probs", "proba", "probas", "probability", "probabilities", "softmax", "softmaxed"]
)
_LOGS = frozenset(["logprob", "logprobs", "logproba", "logsoftmax", "logp", "lprobs"])
# What leaves numbers as they are, and says nothing of them.
_PASSING = frozenset(
    ["view", "reshape", "squeeze", "unsqueeze", "flatten", "float", "double", "half", "to", "cpu",
     "cuda", "type", "astype", "contiguous", "transpose", "permute", "T", "numpy", "clone",
     "detach"]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Supposed:
    """A sighting with a prediction that is supposed, and why."""

    seen: Sighting
    if_so: str  # how its sentence begins
    reason: str

    def findings(self) -> Iterator[Finding]:
        """What the rules would call an error if it were so."""
        for f in judge(self.seen):
            if f.level is Level.ERROR:
                yield replace(
                    f, level=Level.UNKNOWN, message=f"{self.if_so}: {f.message}",
                    evidence=(self.reason,), head=None, option=None,
                )  # fmt: skip


def suppose(
    seen: Sighting, value: Value | None, node: ast.expr | None, place: Place
) -> Iterator[Supposed]:
    """Where a loss got what nobody saw being made: what its ways or its name say it may be."""
    q = value if isinstance(value, Array) else None
    if q is not None and q.made not in (None, Made.DATA):
        return
    for way in () if q is None else q.ways:
        line = "" if way.place is None else f" (line {way.place.line})"
        yield Supposed(
            replace(seen, prediction=way),
            "On one of the ways that the code can take",
            f"on one way the prediction is `{way.by}`{line}, on another it is not",
        )
    if (q is not None and q.ways) or node is None:
        return
    name = _name(node)
    kind = said_by(name)
    if kind is None and isinstance(value, Unknown):
        name = value.name
        kind = said_by(name)
    if kind is not None:
        made = Array(kind, name, place, -1, kind="float")
        yield Supposed(
            replace(seen, prediction=made),
            f"If `{name}` is what its name says (what made it was not seen)",
            f"`{name}` is a name for {_meaning(kind)}; what made it was not seen",
        )


def said_by(name: str) -> Made | None:
    """What the last word of a name says: "student_logits" are scores."""
    words = [w.lower() for w in _WORDS.findall(name)]
    while words and words[-1].isdigit():
        words.pop()
    if not words:
        return None
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if before == "neg" or words[0] == "neg":
        return None
    if last in _LOGS or (before == "log" and (last in _PROBABILITIES or last == "p")):
        return Made.LOG_SOFTMAX
    if last in _PROBABILITIES:
        return Made.PROBABILITIES
    if last in ("logit", "logits"):
        return Made.SCORES
    return Made.SIGMOID if last == "sigmoid" else None


def _name(node: ast.expr) -> str:
    """The name under which an expression is known: that of a variable, a field or a function."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return _name(node.value) if node.attr in _PASSING else node.attr
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in _PASSING:
            return _name(node.func.value)
        return _name(node.func)
    if isinstance(node, ast.Subscript):
        key = node.slice
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            return key.value
        return _name(node.value)
    return ""


def _meaning(kind: Made) -> str:
    if kind in (Made.LOG_SOFTMAX, Made.SCORES):
        return "scores" if kind is Made.SCORES else "log-probabilities"
    return "probabilities"
