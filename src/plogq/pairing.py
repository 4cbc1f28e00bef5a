"""P and Q as a pair: checked against one another, lowered, and given to a kernel.

What does not fit is refused with a sentence that says which types or shapes would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import checks
from . import reduction as reductions
from .algebra.coarse import Coarse
from .algebra.contract import Kernel
from .algebra.formula import Formula
from .algebra.scores import Versus
from .errors import DeviceError, DtypeError, PairError, ShapeError
from .fits import reshaped, suggest
from .frameworks import Verbs, verbs
from .kernels.table import Named, Refusal, choose
from .ranks import agreement as sharded
from .ranks import dtensors as placements
from .ranks import two as pairs_over_ranks
from .representations import binary
from .representations.base import BinaryPrediction, Look, Prediction, mapped
from .representations.meeting import (
    Meeting,
    check_meeting,
    meeting,
    on_last_axis,
    predicted,
    refuse_side,
    split_alike,
    weights_of,
)
from .representations.predicted import Predicted, PredictedBinary, standing
from .representations.sparse import in_buckets
from .representations.targets import Labels, Probs, Target
from .representations.tempered import Divided
from .representations.wrappers import Smoothed, Weighted

P = Target | binary.BinaryTarget
Q = Prediction | BinaryPrediction


@dataclass(slots=True, eq=False, repr=False)
class Pair:
    """P and Q, checked against one another and lowered, with the kernel that runs them."""

    xp: Verbs
    p: P
    q: Q
    measure: Any
    scores: Any
    named: Named
    kernel: Kernel
    refusals: list[Refusal]
    events: tuple[int, ...]

    coarse: Coarse | None = None  # what Q has become where P lists some classes and a bucket
    scale: float = 1.0  # what `measure` is the mass of P times

    def divisor(self, reduction: str, normalizer: Any) -> Any:
        """What the sum of the losses is divided by, once P is scaled as suits it."""
        if normalizer is None and reduction in ("none", "sum"):
            return 1.0
        with self.xp.quiet():
            divisor = reductions.divisor(self.xp, self.measure, self.events, reduction, normalizer)
        self.scale = reductions.level(self.xp, divisor)
        if self.scale != 1.0:
            self.measure = self.measure.scaled(self.xp, self.scale)
            divisor = divisor * self.scale
        return divisor

    def of_q(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradients of Q's own arrays, among those of both where P is a prediction too, or from
        those of what the kernel was given."""
        if self.coarse is not None:
            return (self.coarse.carried(gradients[0]),)
        if not isinstance(self.scores, Versus) or self.scores.q is None:
            return gradients
        own = gradients[: len(self.scores.q.arrays())]
        return (own[0][..., 1],) if isinstance(self.q, BinaryPrediction) else own

    def judged(self) -> bool:
        """Whether the losses show that Q is no distribution, and can be looked at."""
        stored = getattr(self.scores, "kind", "") == "log_probs"
        return stored and checks.checked(self.xp, self.scores.array)

    def check(self, losses: Any) -> None:
        """Refuse log-probabilities above 0, as the losses show them."""
        if self.judged() and checks.known(self.xp, losses):
            checks.no_gain(self.xp, losses, lambda: self.measure.mass(self.xp))


def prepare(
    p: Any, q: Q, look: Look | None = None, of: str = "cross_entropy", share: float = 0.5
) -> Pair:
    """P and Q checked, lowered and given to a kernel. `look` is q.look(), where that is known.

    `of` is what is wanted of P and Q where both are predictions, and `share` the weight of P in
    their mixture.

    Raises:
        PairError, ShapeError, LabelError, ProbabilityError, DtypeError: as `cross_entropy` says.
    """
    if isinstance(q, Divided):
        look, q = look or q.look(), q.bare()
    if isinstance(p, _PERHAPS_PREDICTED) and predicted(p):
        refuse_side(q)
        met = meeting(p)
        if met is not None:
            return _prepare_meeting(p, met, q, look or q.look(), of, share)
    if isinstance(p, binary.BinaryTarget):
        return _prepare_binary(p, binary.require_binary(_not_categorical(q, p)), look)
    came: Any = p
    target: Target = came if isinstance(came, Target) else require_p(came, q)
    if not isinstance(q, Prediction):
        require_p(target, q)
        raise PairError(
            f"{target.needs()} is over exclusive classes and {type(q).__name__} over independent "
            "yes/no outcomes; write BinaryProbs(y) for the target, or Logits/Probs for Q"
        )
    look = look or q.look()
    if look.xp.name == "torch":
        target, local = placements.local(target, q)
        if sharded.over_ranks(local):
            return _prepare_over_ranks(target, local)
        if local is not q:
            q, look = local, local.look()
    xp = look.xp
    _one_framework(target, look)
    if look.classes.__class__ is not int or look.classes < 2:
        checks.class_count(look.classes, type(q).__name__)
    _check_shapes(target, q, look, look.classes)
    if target.__class__ is not Labels:
        target = target.beside(xp, q)
    listed = None if target.__class__ is Labels else target.bucket()
    with xp.quiet():
        measure = target.measure(xp, look.classes)
        scores = q.lower(xp, lambda: measure.mass(xp))
    if listed is None:
        return _with_kernel(target, q, measure, scores, look)
    found = in_buckets(formula_of(xp), target, measure, scores, look.classes)
    pair = _with_kernel(target, q, measure, found.scores, look)
    pair.coarse = found
    return pair


# What may have a prediction in it.
_PERHAPS_PREDICTED = (
    *(Predicted, Smoothed, Weighted),
    *(PredictedBinary, binary.SmoothedBinary, binary.WeightedBinary),
)


def _prepare_meeting(p: P, met: Meeting, q: Any, look: Look, of: str, share: float = 0.5) -> Pair:
    """P and Q as two predictions, for what is wanted of the two; P alone where q is None."""
    xp, mine = look.xp, met.p
    refuse_side(mine.prediction)
    if any(placements.is_placed(x) for r in (p, q) if r is not None for x in r.arrays()):
        raise PairError(
            "P is a prediction, and two of them do not meet as DTensors: write x.to_local() if "
            "each rank has its own events, x.full_tensor() if all have the same"
        )
    sides: list[Any] = [mine.bare()] if q is None else [q, mine.bare()]

    def check() -> Any:
        _one_framework(p, look)
        if q is not None:
            check_meeting(mine, q, look)
        with xp.quiet():
            return weights_of(xp, look.events, met.weight, look.array)

    named = mine if q is None else q
    if split_alike(sides):
        pair = pairs_over_ranks.meet(p, sides, of, share, check)
        return _with_kernel(p, named, check(), pair, look)
    measure = check()
    with xp.quiet():
        lowered = [on_last_axis(xp, r.lower(xp, lambda: measure.mass(xp))) for r in sides]
    of_q = None if q is None else lowered[0]
    return _with_kernel(p, named, measure, Versus(of, lowered[-1], of_q, share), look)


def prepare_alone(p: P, met: Meeting) -> Pair:
    """A prediction by itself, for its entropy."""
    return _prepare_meeting(p, met, None, met.p.look(), "entropy")


def at_home(p: Any, q: Any, look: Look | None = None) -> Any:
    """P, with its lists and NumPy arrays as constants of the framework and device that Q is on.

    A prediction in its place is what it predicts.

    What is of another framework than NumPy stays where it is.
    """
    if not isinstance(q, Q):
        return p
    if not isinstance(p, P):
        p = standing(p)
        if not isinstance(p, P):
            return p
    look = look or q.look()
    return p if look.xp.name == "numpy" else constants(p, look.array, look.xp)


def constants(p: Any, like: Any, xp: Verbs) -> Any:
    """P, with what is of NumPy in it as arrays of the framework xp and the device of `like`."""
    for a in p.arrays():
        if verbs(a) is not xp:
            return mapped(p, lambda a: xp.from_host(a, like) if verbs(a).name == "numpy" else a)
    return p


def _prepare_over_ranks(p: Target, q: Any) -> Pair:
    look = q.look()

    def check() -> None:
        _one_framework(p, look)
        base = _base(p)
        # How many classes there are in all is known once the ranks have met.
        own = base.class_count() if isinstance(base, Probs) else look.classes
        _check_shapes(p, q, q.look(), own)

    measure, scores = sharded.meet(p, q, check)
    return _with_kernel(p, q, measure, scores, q.look())


def _prepare_binary(p: binary.BinaryTarget, q: BinaryPrediction, look: Look | None) -> Pair:
    look = look or q.look()
    xp, events = look.xp, look.events
    _one_framework(p, look)
    if xp.shape(p.arrays()[0]) != events:
        y = p.arrays()[0]
        instead = verbs(y).words["reshape"].format("z.shape")
        raise ShapeError(
            f"yes/no outcomes are elementwise, so P and Q have one shape; got {tuple(y.shape)} "
            f"and {events}; nothing is broadcast, write {instead} if they hold the same outcomes"
        )
    with xp.quiet():
        measure = p.measure(xp)
        scores = q.lower(xp, lambda: measure.mass(xp))
    return _with_kernel(p, q, measure, scores, look)


def _with_kernel(p: Any, q: Any, measure: Any, scores: Any, look: Look) -> Pair:
    xp = look.xp
    inner = p.prediction if isinstance(p, Predicted | PredictedBinary) else p
    named = Named(type(inner).__name__, type(q).__name__, xp.name, xp.device(look.array))
    kernel, refusals = choose(named, measure, scores, _FORMULAS.get(xp.name) or formula_of(xp))
    return Pair(xp, p, q, measure, scores, named, kernel, refusals, look.events)


_FORMULAS: dict[str, Formula] = {}


def formula_of(xp: Verbs) -> Formula:
    """The formula in the framework's own operations."""
    found = _FORMULAS.get(xp.name)
    if found is None:
        found = _FORMULAS[xp.name] = Formula(xp)
    return found


def kernel_for(xp: Verbs, p: P, q: Any, measure: Any, scores: Any) -> Kernel:
    """The kernel for a pair that is checked and lowered."""
    named = Named(type(p).__name__, type(q).__name__, xp.name, xp.device(scores.array))
    return choose(named, measure, scores, formula_of(xp))[0]


def _not_categorical(q: Any, p: binary.BinaryTarget) -> Any:
    if isinstance(q, Prediction):
        raise PairError(
            f"BinaryProbs is over independent yes/no outcomes and {type(q).__name__} over "
            "exclusive classes; write Labels(y) or Probs(p) for the target, or BinaryLogits(z) or "
            "BinaryProbs(q) for Q"
        )
    if not isinstance(q, BinaryPrediction):
        raise PairError(suggest(p, q))
    return q


def require_p(p: Any, q: Any = None, doing: str = "cross_entropy") -> Any:
    """P, or a sentence that says which types would fit what came."""
    known = q is None or isinstance(q, Prediction | BinaryPrediction)
    if isinstance(p, Target | binary.BinaryTarget) and known:
        return p
    raise PairError(suggest(p, q, doing))


def _one_framework(p: Any, look: Look) -> None:
    xp, q_array, place = look.xp, look.array, None
    for i, x in enumerate(p.arrays()):
        other = verbs(x)
        if xp is not other:
            role = "P is" if i == 0 else "a weight or an array of P is"
            lost = ", and Q would have no gradient" if xp.name == "numpy" else ""
            raise DtypeError(
                f"{role} of {other.name} and Q of {xp.name}; nothing is moved silently between "
                f"frameworks{lost}, convert one of them"
            )
        place = place or xp.place(q_array)
        if xp.place(x) != place:
            raise DeviceError(
                f"P has an array on {xp.place(x)} and Q is on {place}; nothing is moved silently "
                "between devices, write x.to(device)"
            )


def _check_shapes(p: Target, q: Any, look: Look, classes: Any) -> None:
    p_events, events, axis = p.events(), look.events, look.axis or 0
    if p_events == events and (
        p.__class__ is Labels or not isinstance(_base(p), Probs | Predicted)
    ):
        return
    shape = (*events[:axis], classes, *events[axis:])
    q_name = f"{type(q).__name__} of shape {shape}, classes on axis {axis},"
    hint = "nothing is broadcast"
    if p_events != events:
        if isinstance(_base(p), Labels):
            hint = reshaped(p, events, shape, axis) or hint
        checks.events_match(p_events, p.needs(), events, q_name, hint)
    base = _base(p)
    if isinstance(base, Probs | Predicted) and base.class_count() != classes:
        own = base.needs()
        if isinstance(base, Probs):
            own += f", classes on axis {base.axis % base.probs.ndim}"
        raise ShapeError(
            f"P has {base.class_count()} classes ({own}) and Q has {classes} ({q_name[:-1]})"
        )


def _base(p: Target) -> Target:
    while isinstance(p, Smoothed | Weighted):
        p = p.target
    return p
