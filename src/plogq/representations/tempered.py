"""Tempered: a change of Q, whatever Q is: its scores are divided by a temperature.

It comes down to a prediction of the kind that it wraps, with scores, and the cap on them, divided;
so it runs every kernel that there is, and its gradient is that of what it wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Any, Never

from .. import elsewhere, options
from ..errors import PairError
from ..frameworks import Verbs, verbs
from .base import BinaryPrediction, Look, Prediction, Representation, like
from .binary import BinaryLogits, BinaryProbs
from .linear import LinearLogits
from .predictions import Logits, LogProbs, ShardedLogits
from .targets import Probs

# What of a prediction its scores are linear in.
_DIVIDED: dict[type, tuple[str, ...]] = {
    Logits: ("scores",),
    LogProbs: ("log_probs",),
    ShardedLogits: ("local",),
    LinearLogits: ("hidden", "bias"),
    BinaryLogits: ("scores",),
}


class Divided(Representation):
    """What the two kinds of it share: the prediction, and what it comes down to."""

    __slots__ = ()
    prediction: Any
    temperature: float

    def _hold(self, prediction: Any, temperature: Any) -> None:
        temperature = check_temperature(temperature)
        if isinstance(prediction, Divided):
            temperature, prediction = temperature * prediction.temperature, prediction.prediction
        self.prediction = _with_scores(prediction)
        self.temperature = temperature

    def __repr__(self) -> str:
        return f"Tempered({self.prediction!r}, {self.temperature})"

    def look(self) -> Look:
        return self.prediction.look()

    def bare(self) -> Any:
        """The prediction that this comes down to, of the kind that it wraps."""
        q, t = self.prediction, self.temperature
        if isinstance(q, LogProbs):
            # Divided and renormalised they are scores like any other.
            return Logits(_over(q.log_probs, t, wide=True), axis=q.axis)
        wide, divided = not isinstance(q, LinearLogits), _names(q)
        named = {n: _over(x, t, wide) if n in divided else x for n, x in _held(q)}
        for setting in q.settings:
            x = getattr(q, setting)
            named[setting] = x / t if setting == "softcap" and x is not None else x
        # Made anew: torch.compile traces no copy.
        return type(q)(**named)

    def carried(self, gradients: Iterable[Any]) -> Any:
        """The gradients of the arrays of `bare()` as those of what is wrapped."""
        q, divided = self.prediction, _names(self.prediction)
        found: list[Any] = []
        for (name, x), g in zip(_held(q), gradients, strict=True):
            own = g
            if name in divided and g is not None:
                own = verbs(x).cast_like(_over(g, self.temperature, wide=False), x)
            found.append(own)
        return like(self, (like(q, found),))

    def lower(self, xp: Verbs, mass: Callable[[], Any]) -> Any:
        return self.bare().lower(xp, mass)


class Tempered(Divided, Prediction):
    """A prediction at a temperature: its scores are divided by T before the softmax.

    q_j ∝ exp(s_j / T), for scores of any kind: `Logits` (a soft cap comes first), `LinearLogits`,
    `ShardedLogits`, `BinaryLogits`, and `LogProbs`, which are renormalised: q_j ∝ q_j^(1/T).
    T > 1 flattens Q and T < 1 sharpens it. Stored scores are divided as float32 at the least, each
    rounded once, and so is T; hidden and bias of `LinearLogits` are divided in their own dtype. A
    power of two costs no precision at all. Gradients are those of what is wrapped, and
    `value_and_grad` gives one of the same type: `grad.prediction.scores`.

    Raises:
        PairError: something that has no scores.
        ValueError: a temperature that is not a positive number.

    Examples:
        >>> import plogq
        >>> q = plogq.Tempered(plogq.Logits([[2.0, 5.0, 1.0]]), 2.0)
        >>> plogq.cross_entropy(plogq.Labels([1]), q).round(6)
        np.float64(0.306356)
    """

    __slots__ = ("prediction", "temperature")
    holds = ("prediction",)
    settings = ("temperature",)

    # Copying and pickling call __new__ without arguments.
    def __new__(cls, prediction: Any = None, temperature: float = 1.0, **others: Never) -> Any:
        if others:
            elsewhere.refuse_of("Tempered", others, "Tempered(Q, T)", "temperature")
        if isinstance(prediction, BinaryPrediction):
            return TemperedBinary(prediction, temperature)
        return super().__new__(cls)

    def __init__(self, prediction: Any, temperature: float, **others: Never) -> None:
        self._hold(prediction, temperature)


class TemperedBinary(Divided, BinaryPrediction):
    """What `Tempered` makes of yes/no scores: q = 1 / (1 + e^(-z/T))."""

    __slots__ = ("prediction", "temperature")
    holds = ("prediction",)
    settings = ("temperature",)

    def __init__(self, prediction: Any, temperature: float) -> None:
        self._hold(prediction, temperature)


def gradient_of(q: Any, gradients: Iterable[Any]) -> Any:
    """A representation of q's own type with these in place of its arrays."""
    return q.carried(gradients) if isinstance(q, Divided) else like(q, gradients)


def check_temperature(temperature: Any) -> float:
    """A temperature as a positive number."""
    t = options.number(temperature, "temperature", "a positive number")
    if not 0.0 < t < inf:
        raise ValueError(f"temperature must be a positive number, got {t!r}")
    return t


def _with_scores(q: Any) -> Any:
    if isinstance(q, Probs | BinaryProbs):
        scores = "LogProbs(log(q))" if isinstance(q, Probs) else "BinaryLogits(z)"
        raise PairError(
            f"a temperature divides scores, and {type(q).__name__} has none: write "
            f"Tempered({scores}, T)"
        )
    if _names(q):
        return q
    raise PairError(
        "Tempered takes Logits, LogProbs, LinearLogits, ShardedLogits or BinaryLogits, got "
        f"{type(q).__name__}"
    )


def _names(q: Any) -> tuple[str, ...]:
    """What of q is divided."""
    return next((names for kind, names in _DIVIDED.items() if isinstance(q, kind)), ())


def _held(q: Any) -> Iterable[tuple[str, Any]]:
    return ((name, getattr(q, name)) for name in q.holds)


def _over(x: Any, temperature: float, wide: bool) -> Any:
    """x / T, in the dtype of its statistics or its own."""
    if x is None:
        return None
    xp = verbs(x)
    return (xp.statistics(x) if wide else x) / temperature
