"""`plogq.diagnose(p, q)`: what two arrays may mean, each reading with its loss."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..definition import cross_entropy
from ..errors import PlogqError, ShapeError, SoftmaxTwiceWarning
from ..representations.binary import BinaryLogits, BinaryProbs
from ..representations.predictions import Logits, LogProbs
from ..representations.targets import Labels, Probs
from ..representations.wrappers import Smoothed, Weighted
from .contracts import EXCLUSIVE, YES_NO, Contract, Holds, Reduces, Takes
from .facts import Array, Place, Sighting
from .findings import Finding
from .rules import judge
from .watch.evidence import Evidence, Numbers, cut
from .watch.readings import prediction, target

_HERE = Place("diagnose", 1)
_TAKES = {
    Logits: Takes.SCORES, LogProbs: Takes.LOG_PROBABILITIES, Probs: Takes.PROBABILITIES,
    BinaryLogits: Takes.SCORES, BinaryProbs: Takes.PROBABILITIES,
}  # fmt: skip
_HOLDS = {Labels: Holds.INDEX, Probs: Holds.DISTRIBUTION, BinaryProbs: Holds.YES_NO}


@dataclass(frozen=True)
class Reading:
    """One way to read the two arrays: the call, its loss, and what to think of it."""

    call: str
    loss: float
    untrained: float  # of a model whose prediction says nothing: equal scores
    fits: int  # how well the numbers fit: a greater one comes first
    why: str
    findings: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        said = f"{self.call}\n  loss {self.loss:.6g}; an untrained model has {self.untrained:.6g}; "
        said += self.why
        for f in self.findings:
            said += f"\n  {f.rule} [{f.level.value}] {f.message}\n  help: {f.fix}"
        return said


@dataclass(frozen=True)
class Diagnosis:
    """The readings of a pair, the likeliest first."""

    readings: tuple[Reading, ...]
    refused: tuple[str, ...] = field(default=())  # what no reading was found for, and why

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules say of the likeliest reading."""
        return self.readings[0].findings if self.readings else ()

    def __str__(self) -> str:
        if not self.readings:
            return "no reading fits:\n  " + "\n  ".join(self.refused)
        return "\n".join(f"{i}. {r}" for i, r in enumerate(self.readings, 1))

    __repr__ = __str__


def diagnose(p: Any, q: Any, *, axis: int = -1) -> Diagnosis:
    """What a target and a prediction may mean, each reading with its loss, the likeliest first.

    `p` and `q` are arrays, or representations such as `Labels` and `Logits`, of which there is one
    reading alone. For arrays every reading that fits is tried: `q` as scores, probabilities or
    log-probabilities of exclusive classes on `axis`, or as scores or probabilities of independent
    yes/no outcomes; `p` as class indices, as distributions, or as yes/no. The rules of the doctor
    speak of each; `untrained` is the loss of a model that gives all outcomes the same score, which
    the loss of a real model should be compared with.

    Raises:
        PlogqError: representations that `cross_entropy` refuses.
        ShapeError: no such axis.

    Examples:
        >>> import numpy as np, plogq
        >>> probs = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
        >>> print(plogq.diagnose([0, 1], probs).readings[0])
        cross_entropy(Labels(p), Probs(q))
          loss 0.289909; an untrained model has 1.09861; every row lies in [0, 1] and sums to 1
    """
    if type(q) in _TAKES or isinstance(p, Labels | Probs | BinaryProbs | Weighted | Smoothed):
        return Diagnosis((_of_pair(p, q),))
    p, q = _numbers(p), _numbers(q)
    if q.ndim and not -q.ndim <= axis < q.ndim:
        raise ShapeError(f"q has {q.ndim} axes, so there is no axis {axis}")
    readings: list[Reading] = []
    refused: list[str] = []
    with warnings.catch_warnings():
        # Scores that look like the outputs of a softmax are what is being looked for.
        warnings.simplefilter("ignore", SoftmaxTwiceWarning)
        found = list(_readings(p, q, axis))
    for as_p, as_q, fits, why in found:
        call = f"cross_entropy({_call(as_p, 'p', axis)}, {_call(as_q, 'q', axis)})"
        try:
            readings.append(_read(as_p, as_q, call, fits, why))
        except PlogqError as error:
            refused.append(f"{call}: {str(error).splitlines()[0]}")
    if not readings and not refused:
        refused.append(f"p of shape {p.shape} and q of shape {q.shape} are no pair")
    return Diagnosis(tuple(sorted(readings, key=lambda r: -r.fits)), tuple(refused))


def _numbers(x: Any) -> Numbers:
    for name in ("detach", "cpu"):
        if hasattr(x, name):
            x = getattr(x, name)()
    return np.asarray(x)


def _call(x: Any, name: str, axis: int) -> str:
    classes = isinstance(x, Logits | LogProbs | Probs)
    more = f", axis={axis}" if classes and axis != -1 else ""
    return f"{type(x).__name__}({name}{more})"


def _readings(p: Numbers, q: Numbers, axis: int) -> Iterator[tuple[Any, Any, int, str]]:
    """Every pair of representations that the shapes and the numbers allow."""
    if q.dtype.kind != "f" or p.dtype.kind not in "biuf" or not q.size or not p.size:
        return
    seen = Evidence()
    seen.add(q, axis if q.ndim >= 2 else None)
    inside = not seen.bad and (seen.low or 0) >= 0 and (2 if seen.high is None else seen.high) <= 1
    targets = list(_targets(p, q, axis))
    k = q.shape[axis] if q.ndim else 0
    for as_p, hint in targets:
        if isinstance(as_p, BinaryProbs):
            if inside:
                yield as_p, BinaryProbs(q), 4 + hint, "every value lies in [0, 1]"
                yield (
                    as_p,
                    BinaryLogits(q),
                    1 + hint,
                    "but all values lie in [0, 1]: probabilities?",
                )
            else:
                yield as_p, BinaryLogits(q), 4 + hint, "values leave [0, 1], so they are scores"
        elif k >= 2:
            if seen.all_soft:
                yield as_p, Probs(q, axis=axis), 5 + hint, "every row lies in [0, 1] and sums to 1"
                yield as_p, Logits(q, axis=axis), 2 + hint, "but every row is a distribution"
            elif seen.rows and seen.log_rows == seen.rows:
                yield (
                    as_p,
                    LogProbs(q, axis=axis),
                    5 + hint,
                    "every row is the log of a distribution",
                )
                yield (
                    as_p,
                    Logits(q, axis=axis),
                    3 + hint,
                    ("the same, as log_softmax of log-probabilities gives them back"),
                )
            else:
                yield as_p, Logits(q, axis=axis), 4 + hint, "the rows are no distributions: scores"


def _targets(p: Numbers, q: Numbers, axis: int) -> Iterator[tuple[Any, int]]:
    """The readings of a target beside q, and how likely each is."""
    whole = p.dtype.kind != "f" or bool(np.isfinite(p).all() and (p == np.trunc(p)).all())
    k = q.shape[axis] if q.ndim else 0
    events = q.shape[: axis % q.ndim] + q.shape[axis % q.ndim + 1 :] if q.ndim else ()
    if whole and p.shape == events and q.ndim:
        yield Labels(p.astype(np.int64)), 2
    elif (
        whole and q.ndim and p.ndim == q.ndim and k > 1 and p.shape[axis] == 1
        and np.squeeze(p, axis).shape == events
    ):  # fmt: skip
        yield Labels(np.squeeze(p, axis).astype(np.int64)), 1
    if p.shape != q.shape:
        return
    rows = Evidence()
    rows.add(p, axis if p.ndim >= 2 else None)
    if rows.all_soft and k >= 2:
        yield Probs(p.astype(np.float64), axis=axis), 2
    if rows.low is not None and rows.high is not None and rows.low >= 0 and rows.high <= 1:
        yield BinaryProbs(p), 0 if rows.all_soft and k > 2 else 1


def _of_pair(p: Any, q: Any) -> Reading:
    """The one reading of two representations."""
    return _read(p, q, f"cross_entropy({type(p).__name__}, {type(q).__name__})", 0, "as given")


def _read(p: Any, q: Any, call: str, fits: int, why: str) -> Reading:
    loss = float(cross_entropy(p, q))
    return Reading(call, loss, float(cross_entropy(p, _flat(q))), fits, why, _judged(p, q))


def _flat(q: Any) -> Any:
    """The prediction of a model that has learnt nothing: equal scores."""
    values = _array(q)
    zeros = np.zeros(values.shape, np.float64 if values.dtype == np.float64 else np.float32)
    if isinstance(q, BinaryLogits | BinaryProbs):
        return BinaryLogits(zeros)
    return Logits(zeros, axis=q.axis)


def _array(x: Any) -> Numbers:
    """The numbers of a representation."""
    for name in ("scores", "log_probs", "probs", "index"):
        found = getattr(x, name, None)
        if found is not None:
            return _numbers(found)
    raise ShapeError(
        f"diagnose reads arrays, and representations that hold one, not {type(x).__name__}"
    )


def _judged(p: Any, q: Any) -> tuple[Finding, ...]:
    """What the rules say of a pair."""
    inner: Any = p
    while isinstance(inner, Weighted | Smoothed):
        inner = inner.target
    if type(q) not in _TAKES or type(inner) not in _HOLDS:
        return ()
    classes = not isinstance(q, BinaryLogits | BinaryProbs)
    values, labels = _array(q), _array(inner)
    axis = q.axis % values.ndim if classes else None
    contract = Contract(
        f"{type(q).__name__}", "plogq", "cross_entropy", EXCLUSIVE if classes else YES_NO,
        _TAKES[type(q)], _HOLDS[type(inner)], axis, Reduces.MEAN,
    )  # fmt: skip
    scores, seen = Evidence(), Evidence()
    scores.add(cut(values), axis)
    seen.add(cut(labels), axis if labels.ndim == values.ndim else None)
    facts = prediction(contract, _facts(values), _facts(labels), scores)
    truth = target(contract, facts, _facts(labels), seen, {})
    return tuple(judge(Sighting(contract, _HERE, facts, truth.but(place=_HERE))))


def _facts(values: Numbers) -> Array:
    kind = {"b": "bool", "f": "float"}.get(values.dtype.kind, "int")
    return Array(shape=values.shape, kind=kind)
