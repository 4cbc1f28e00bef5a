"""Q: what is predicted, over K exclusive classes (`Probs` serves both sides)."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Never

from .. import checks, elsewhere, options, softmax_twice
from ..algebra.scores import Scores
from ..errors import PairError
from ..frameworks import Verbs, as_array, ready, verbs
from .base import Look, Prediction, classes_on


class Logits(Prediction):
    """Scores whose softmax is Q: log q = s - log Σ exp s.

    `scores` has any floating dtype and the classes on `axis`. With `softcap=c` the scores are
    c · tanh(scores / c) (Gemma 2). A score of -∞ rules its class out.

    Raises:
        DtypeError: scores that are not floating point.
        ShapeError: no such axis, or fewer than two classes.

    Examples:
        >>> import numpy as np, plogq
        >>> images = np.zeros((2, 3, 4, 4))  # classes on axis 1
        >>> plogq.cross_entropy(
        ...     plogq.Labels(np.zeros((2, 4, 4), int)), plogq.Logits(images, axis=1)
        ... ).round(6)
        np.float64(1.098612)
    """

    __slots__ = ("axis", "scores", "softcap")
    holds = ("scores",)
    settings = ("axis", "softcap")

    def __init__(
        self, scores: Any, *, axis: int = -1, softcap: float | None = None, **others: Never
    ) -> None:
        if others:
            elsewhere.refuse_of("Logits", others, "Logits(z)", "axis", "softcap")
        self.softcap = None if softcap is None else check_softcap(softcap)
        if axis.__class__ is int and (xp := ready(scores, "float", axis)) is not None:
            self.scores, self.axis = scores, axis
            place = softmax_twice.due()
            if place is not None:
                softmax_twice.look_at(xp, scores, axis, place)
            return
        self.scores = as_array(scores, "Logits")
        checks.floating(
            verbs(self.scores), self.scores, "Logits", "write Logits(scores.astype(float))"
        )
        self.axis = checks.axis_number(axis, "Logits")
        xp = verbs(self.scores)
        shape = xp.shape(self.scores)
        checks.class_count(shape[checks.class_axis(shape, axis, "Logits")], "Logits")
        softmax_twice.look(xp, self.scores, axis)

    def __repr__(self) -> str:
        return f"Logits({self.scores!r}, axis={self.axis}, softcap={self.softcap})"

    def look(self) -> Look:
        return classes_on(self.scores, self.axis)

    def lower(self, xp: Verbs, mass: Callable[[], Any]) -> Scores:
        return _scores(xp, self.scores, self.axis, self.softcap, "Logits", mass)

    def possible(self, xp: Verbs) -> Any:
        return None if self.softcap is not None else xp.to_last(self.scores, self.axis) > -inf


class LogProbs(Prediction):
    """Log-probabilities, taken as they are: log q is what is stored, never renormalised.

    H(P, Q) = -Σ_j p_j log q_j. `log_probs` has any floating dtype and the classes on `axis`.

    Raises:
        DtypeError: log-probabilities that are not floating point.
        ShapeError: no such axis, or fewer than two classes.

    Examples:
        >>> import numpy as np, plogq
        >>> q = plogq.LogProbs(np.log([[0.1, 0.8, 0.1]]))
        >>> plogq.cross_entropy(plogq.Labels([1]), q).round(10)
        np.float64(0.2231435513)
    """

    __slots__ = ("axis", "log_probs")
    holds = ("log_probs",)
    settings = ("axis",)

    def __init__(self, log_probs: Any, *, axis: int = -1, **others: Never) -> None:
        if others:
            elsewhere.refuse_of("LogProbs", others, "LogProbs(x)", "axis")
        self.log_probs = as_array(log_probs, "LogProbs")
        checks.floating(
            verbs(self.log_probs), self.log_probs, "LogProbs", "write LogProbs(x.astype(float))"
        )
        self.axis = checks.axis_number(axis, "LogProbs")
        shape = verbs(self.log_probs).shape(self.log_probs)
        checks.class_count(shape[checks.class_axis(shape, axis, "LogProbs")], "LogProbs")

    def __repr__(self) -> str:
        return f"LogProbs({self.log_probs!r}, axis={self.axis})"

    def look(self) -> Look:
        return classes_on(self.log_probs, self.axis)

    def lower(self, xp: Verbs, mass: Callable[[], Any]) -> Scores:
        axis = self.axis % self.log_probs.ndim
        if checks.checked(xp, self.log_probs, "full"):
            sums, _ = xp.row_sums(xp.exp(xp.statistics(self.log_probs)), axis)
            role = "exp(LogProbs)"
            checks.distribution(xp, self.log_probs, axis, sums, sums, role, weight=mass)
        return Scores("log_probs", self.log_probs, axis)

    def possible(self, xp: Verbs) -> Any:
        return xp.to_last(self.log_probs, self.axis) > -inf


class ShardedLogits(Prediction):
    """Logits split over the ranks of a group, each of which has some of the classes.

    `local` is this rank's slice of the scores, a PyTorch tensor with its classes on `axis`, in rank
    order of `group` (None: the default group); the slices need not be of one size, and one may be
    empty. Q is the softmax over the classes of all ranks. Every rank is given the same target:
    labels and sparse targets count the classes of all ranks, and so do class weights; `Probs` are
    whole or this rank's slice of them. The loss is the same on every rank, and the gradient is
    that of `local`.

    What is wrong on one rank is raised on all of them, when P meets Q.

    Raises:
        DtypeError: not a tensor; on pairing, ranks that disagree on the dtype.
        ShapeError: on pairing, ranks that disagree on the events, or fewer than two classes.
        LabelError: on pairing, ranks whose targets differ.

    Examples:
        >>> import plogq, torch
        >>> import torch.distributed as dist
        >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        >>> local = torch.tensor([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]], dtype=torch.float64)
        >>> labels = torch.tensor([1, 0])
        >>> round(float(plogq.cross_entropy(plogq.Labels(labels), plogq.ShardedLogits(local))), 10)
        0.0349290936
        >>> dist.destroy_process_group()
    """

    __slots__ = ("axis", "group", "local", "softcap")
    holds = ("local",)
    settings = ("axis", "softcap", "group")

    def __init__(
        self,
        local: Any,
        group: Any = None,
        *,
        axis: int = -1,
        softcap: float | None = None,
        **others: Never,
    ) -> None:
        if others:
            known = ("group", "axis", "softcap")
            elsewhere.refuse_of("ShardedLogits", others, "ShardedLogits(z)", *known)
        self.local = as_array(local, "ShardedLogits")
        if verbs(self.local).name != "torch":
            raise checks.DtypeError(
                "ShardedLogits takes this rank's slice of the scores as a PyTorch tensor, got "
                f"{type(local).__name__}; for scores in one process write Logits(scores)"
            )
        self.group = group
        self.axis = checks.axis_number(axis, "ShardedLogits")
        self.softcap = check_softcap(softcap)

    def check(self) -> None:
        """Refuse scores that are not floating point, or that have no such axis."""
        checks.floating(
            verbs(self.local), self.local, "ShardedLogits", "write ShardedLogits(scores.float())"
        )
        checks.class_axis(tuple(self.local.shape), self.axis, "ShardedLogits")

    def __repr__(self) -> str:
        return (
            f"ShardedLogits({self.local!r}, {self.group}, axis={self.axis}, softcap={self.softcap})"
        )

    def look(self) -> Look:
        return classes_on(self.local, self.axis)

    def lower(self, xp: Verbs, mass: Callable[[], Any]) -> Scores:
        return _scores(xp, self.local, self.axis, self.softcap, "ShardedLogits", mass)


def _scores(
    xp: Verbs, x: Any, axis: int, softcap: float | None, role: str, mass: Callable[[], Any]
) -> Scores:
    """Stored logits, once no event that counts has a NaN where that is looked at."""
    axis %= x.ndim
    if checks.checked(xp, x, "full"):
        checks.no_nan(xp, x, role, mass, axis)
    return Scores("logits", x, axis, softcap)


def check_softcap(softcap: float | None) -> float | None:
    """A softcap as a positive number, or None."""
    if softcap is None:
        return None
    cap = options.number(softcap, "softcap", "a positive number")
    if not 0.0 < cap < inf:
        raise ValueError(f"softcap must be a positive number, got {cap!r}")
    return cap


def require_prediction(value: Any) -> Prediction:
    """`value`, or a sentence that says which types would fit."""
    if isinstance(value, Prediction):
        return value
    raise PairError(
        "Q takes Logits, LogProbs, Probs, LinearLogits or ShardedLogits, or for yes/no outcomes "
        f"BinaryLogits or BinaryProbs; got {type(value).__name__}"
    )
