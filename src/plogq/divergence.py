"""Entropy, and the divergence of one distribution from another."""

from __future__ import annotations

from typing import Any, NamedTuple, Never

from . import elsewhere, options
from . import reduction as reductions
from .algebra.limits import self_information
from .algebra.scores import BinaryScores, Scores, Versus
from .definition import at_once, check_reduction, over_mesh
from .errors import PairError
from .frameworks import Verbs, autodiff, verbs
from .pairing import (
    P,
    Pair,
    Q,
    at_home,
    constants,
    kernel_for,
    prepare,
    prepare_alone,
    require_p,
)
from .representations import binary
from .representations.meeting import meeting
from .representations.predicted import standing
from .representations.targets import Probs
from .representations.wrappers import Smoothed, Weighted


def entropy(p: P | Q, *, reduction: str = "mean", normalizer: Any = None, **others: Never) -> Any:
    """The entropy of the target P, or of a prediction, in nats.

    H(P) = -Σ_j p_j log p_j per event, 0 for hard labels; a weight multiplies the terms that it
    multiplies in H(P, Q). Reductions are those of `cross_entropy`. The result is float64, of a
    prediction what its loss would be: log1p(R) + Σ_j p_j (m - s_j), of which no term is negative.

    Raises:
        PairError: something that is neither a target nor a prediction.
        ShapeError: smoothed labels, whose number of classes is not known.

    Examples:
        >>> import plogq
        >>> plogq.entropy(plogq.Probs([[0.5, 0.25, 0.25]])).round(6)
        np.float64(1.039721)
        >>> plogq.entropy(plogq.Logits([[0.0, 0.0]])).round(6)
        np.float64(0.693147)
    """
    if others:
        elsewhere.refuse("entropy", others)
    reductions.check(reduction, normalizer)
    came: Any = standing(p)
    met = meeting(came)
    if met is not None:
        return _reduced(prepare_alone(came, met), reduction, normalizer)
    p = came
    arrays = require_p(p, doing="entropy").arrays()
    like = next((x for x in arrays if verbs(x).name != "numpy"), arrays[0])
    xp = verbs(like)
    p = p if xp.name == "numpy" else constants(p, like, xp)
    losses, mass = _entropies(p, None, xp)
    divisor = reductions.divisor(xp, _Mass(mass), xp.shape(losses), reduction, normalizer)
    return losses if reduction == "none" else reductions.reduce(xp, losses, divisor)


def kl_divergence(
    p: P | Q, q: Q, *, reduction: str = "mean", normalizer: Any = None, **others: Never
) -> Any:
    """The Kullback-Leibler divergence of Q from P, in nats.

    KL(P ‖ Q) = H(P, Q) - H(P) = Σ_j p_j log(p_j / q_j) per event. Its gradient is that of
    `cross_entropy`. As a difference, it carries an absolute error of a few units in the last place
    of H(P, Q).

    P may be a prediction, such as a teacher's. Then it is Σ_j p_j (r_j - 1 - log r_j), r = q / p,
    of which no term is negative and each keeps its relative precision where P is near Q, with a
    gradient on both sides. The reverse divergence is that of the two in the other order.

    Raises:
        PlogqError: whatever `cross_entropy` raises.

    Examples:
        >>> import numpy as np, plogq
        >>> p = plogq.Probs([[0.5, 0.25, 0.25]])
        >>> plogq.kl_divergence(p, plogq.Logits(np.log([[0.25, 0.5, 0.25]]))).round(6)
        np.float64(0.173287)
        >>> teacher, student = plogq.Logits([[2.0, 1.0, 0.0]]), plogq.Logits([[1.0, 2.0, 0.0]])
        >>> t = 4.0  # both at a temperature
        >>> plogq.kl_divergence(plogq.Tempered(teacher, t), plogq.Tempered(student, t)).round(6)
        np.float64(0.023183)
    """
    if others:
        elsewhere.refuse("kl_divergence", others)
    check_reduction(reduction, normalizer, 0.0, q)
    p = at_home(p, q)
    came: Any = q
    look = came.look() if isinstance(came, Q) else None
    if look is not None and look.xp.name in autodiff.MESHES:
        given = {"reduction": reduction, "normalizer": normalizer}
        over = over_mesh(kl_divergence, p, q, look, given)
        if over is not None:
            return over
    pair = prepare(p, q, of="kl")
    if isinstance(pair.scores, Versus):
        return _reduced(pair, reduction, normalizer)
    divisor = pair.divisor(reduction, normalizer)
    losses, _ = autodiff.losses(pair.xp, pair.kernel, pair.measure, pair.scores)
    pair.check(losses)
    entropies = _against_itself(pair.p, pair)
    with pair.xp.quiet():
        divergence = pair.xp.cast_like(pair.xp.weights(losses) - pair.xp.weights(entropies), losses)
    return divergence if reduction == "none" else reductions.reduce(pair.xp, divergence, divisor)


def js_divergence(
    p: P | Q,
    q: Q,
    *,
    weight: float = 0.5,
    reduction: str = "mean",
    normalizer: Any = None,
    **others: Never,
) -> Any:
    """The Jensen-Shannon divergence of two predictions, in nats.

    JS(P, Q) = weight · KL(P ‖ M) + (1 - weight) · KL(Q ‖ M) per event, with the mixture
    M = weight · P + (1 - weight) · Q; 0 where P is Q, and at most the entropy of the weights,
    log 2 for halves. P and Q are scores or log-probabilities of one kind; weights of events stand
    around P. Gradients are on both sides. Reductions are those of `cross_entropy`.

    Raises:
        PairError: P or Q that is no prediction.
        ValueError: a weight outside (0, 1).
        ShapeError: shapes that do not match.

    Examples:
        >>> import plogq
        >>> p, q = plogq.Logits([[2.0, 1.0, 0.0]]), plogq.Logits([[1.0, 2.0, 0.0]])
        >>> plogq.js_divergence(p, q).round(6)
        np.float64(0.100956)
    """
    if others:
        elsewhere.refuse("js_divergence", others)
    check_reduction(reduction, normalizer, 0.0, q)
    share = options.number(weight, "weight", "a number between 0 and 1")
    if not 0.0 < share < 1.0:
        raise ValueError(
            f"weight is that of P in the mixture, between 0 and 1, got {share!r}; at either end "
            "the divergence is 0"
        )
    came: Any = q
    p = at_home(p, q)
    if not isinstance(came, Q) or meeting(p) is None:
        raise PairError(
            "js_divergence takes two predictions: Logits, LogProbs, LinearLogits, BinaryLogits or "
            f"Tempered; got {type(p).__name__} and {type(q).__name__}; for rows of probabilities "
            "write LogProbs(log(p))"
        )
    look = came.look()
    if look.xp.name in autodiff.MESHES:
        given = {"reduction": reduction, "normalizer": normalizer, "weight": share}
        over = over_mesh(js_divergence, p, q, look, given)
        if over is not None:
            return over
    return _reduced(prepare(p, q, look, "js", share), reduction, normalizer)


def _reduced(pair: Pair, reduction: str, normalizer: Any) -> Any:
    """The loss of a pair as one number, or one each."""
    divisor = pair.divisor(reduction, normalizer)
    if reduction != "none" and pair.xp.name in autodiff.AT_ONCE:
        found = at_once(pair, reduction, 0.0, divisor)
        if found is not None:
            return found
    losses, _ = autodiff.losses(pair.xp, pair.kernel, pair.measure, pair.scores)
    return losses if reduction == "none" else reductions.reduce(pair.xp, losses, divisor)


def _against_itself(p: Any, pair: Pair) -> Any:
    """H(P, P) per event: by a kernel where P's own distribution is stored, else term by term."""
    base: Any = p
    while isinstance(base, Weighted | binary.WeightedBinary):
        base = base.target
    scores: Any = None
    if pair.kernel.name == "sharded":
        whole = base
        while isinstance(whole, Smoothed | Weighted):
            whole = whole.target
        if isinstance(whole, Probs) and whole.class_count() != pair.measure.classes:
            raise PairError(
                f"over ranks the entropy of P needs all {pair.measure.classes} classes of it, and "
                f"these Probs are this rank's {whole.class_count()}: give kl_divergence whole rows"
            )
    if isinstance(base, Probs):
        scores = Scores("probs", _as_wide(base.probs, pair), base.axis % base.probs.ndim)
    elif isinstance(base, binary.BinaryProbs) and pair.xp.is_float(base.probs):
        scores = BinaryScores("probs", _as_wide(base.probs, pair))
    if scores is None or pair.kernel.name == "sharded":
        classes = None if isinstance(p, binary.BinaryTarget) else pair.measure.classes
        if pair.coarse is not None:
            classes = pair.xp.shape(pair.coarse.others)[-1]
        return pair.scale * _entropies(p, classes, pair.xp)[0]
    kernel = kernel_for(pair.xp, p, base, pair.measure, scores)
    return autodiff.losses(pair.xp, kernel, pair.measure, scores)[0]


def _as_wide(x: Any, pair: Pair) -> Any:
    """x in float64 where Q is: the two sides of a difference are rounded alike."""
    wide = pair.xp.dtype_name(pair.scores.arrays()[0]) == "float64"
    return pair.xp.to_dtype(x, "float64") if wide else x


class _Mass(NamedTuple):
    """The mass per event, as what a reduction asks."""

    each: Any

    def total_mass(self, xp: Verbs) -> Any:
        return xp.total(self.each)


def _entropies(p: Any, classes: int | None, xp: Verbs) -> tuple[Any, Any]:
    """-Σ p log p and the mass, per event."""
    with xp.quiet():
        if isinstance(p, binary.BinaryTarget):
            yes, no = p.measure(xp).masses(xp)
            y, not_y = p.probabilities(xp)
            cost_yes, cost_no = self_information(xp, y, not_y), self_information(xp, not_y, y)
            mass = yes + no
            cost_yes, cost_no = (xp.where(xp.equal(mass, 0.0), 0.0, c) for c in (cost_yes, cost_no))
            return xp.times(yes, cost_yes) + xp.times(no, cost_no), mass
        measure, cost = p.entropy_terms(xp, classes)
        mass = measure.mass(xp)
        # What has no mass may be no number, and is not to show in any slope.
        cost = xp.where(xp.expand(xp.equal(mass, 0.0)), 0.0, cost)
        if measure.index is not None and measure.dense is None and not measure.background:
            return xp.sum_classes(xp.times(measure.values(xp), cost)), mass
        return measure.expect(cost, xp), mass
