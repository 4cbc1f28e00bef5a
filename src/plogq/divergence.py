"""Entropy, and the divergence of one distribution from another."""

from __future__ import annotations

from typing import Any, NamedTuple, Never

from . import elsewhere
from . import reduction as reductions
from .algebra.limits import self_information
from .algebra.scores import BinaryScores, Scores
from .definition import check_reduction, over_mesh
from .errors import PairError
from .frameworks import Verbs, autodiff, verbs
from .pairing import P, Pair, Q, at_home, constants, kernel_for, prepare, require_p
from .representations import binary, predictions
from .representations.base import BinaryPrediction, Prediction
from .representations.targets import Probs
from .representations.wrappers import Smoothed, Weighted


def entropy(p: P, *, reduction: str = "mean", normalizer: Any = None, **others: Never) -> Any:
    """The entropy of the target P, in nats.

    H(P) = -Σ_j p_j log p_j per event, 0 for hard labels; a weight multiplies the terms that it
    multiplies in H(P, Q). Reductions are those of `cross_entropy`. The result is float64.

    Raises:
        PairError: something that is no target.
        ShapeError: smoothed labels, whose number of classes is not known.

    Examples:
        >>> import plogq
        >>> plogq.entropy(plogq.Probs([[0.5, 0.25, 0.25]])).round(6)
        np.float64(1.039721)
    """
    if others:
        elsewhere.refuse("entropy", others)
    reductions.check(reduction, normalizer)
    if isinstance(p, Prediction | BinaryPrediction):
        _require_distribution(p)
    arrays = require_p(p, doing="entropy").arrays()
    like = next((x for x in arrays if verbs(x).name != "numpy"), arrays[0])
    xp = verbs(like)
    p = p if xp.name == "numpy" else constants(p, like, xp)
    losses, mass = _entropies(p, None, xp)
    divisor = reductions.divisor(xp, _Mass(mass), xp.shape(losses), reduction, normalizer)
    return losses if reduction == "none" else reductions.reduce(xp, losses, divisor)


def kl_divergence(
    p: P, q: Q, *, reduction: str = "mean", normalizer: Any = None, **others: Never
) -> Any:
    """The Kullback-Leibler divergence of Q from P, in nats.

    KL(P ‖ Q) = H(P, Q) - H(P) = Σ_j p_j log(p_j / q_j) per event. Its gradient is that of
    `cross_entropy`. As a difference, it carries an absolute error of a few units in the last place
    of H(P, Q).

    Raises:
        PlogqError: whatever `cross_entropy` raises.

    Examples:
        >>> import numpy as np, plogq
        >>> p = plogq.Probs([[0.5, 0.25, 0.25]])
        >>> plogq.kl_divergence(p, plogq.Logits(np.log([[0.25, 0.5, 0.25]]))).round(6)
        np.float64(0.173287)
    """
    if others:
        elsewhere.refuse("kl_divergence", others)
    check_reduction(reduction, normalizer, 0.0, q)
    p = at_home(p, q)
    came: Any = q
    look = came.look() if isinstance(came, Q) else None
    if look is not None and look.xp.name in autodiff.MESHES:
        options = {"reduction": reduction, "normalizer": normalizer}
        over = over_mesh(kl_divergence, p, q, look, options)
        if over is not None:
            return over
    pair = prepare(p, q)
    divisor = pair.divisor(reduction, normalizer)
    losses, _ = autodiff.losses(pair.xp, pair.kernel, pair.measure, pair.scores)
    pair.check(losses)
    entropies = _against_itself(pair.p, pair)
    with pair.xp.quiet():
        divergence = pair.xp.cast_like(pair.xp.weights(losses) - pair.xp.weights(entropies), losses)
    return divergence if reduction == "none" else reductions.reduce(pair.xp, divergence, divisor)


def _against_itself(p: P, pair: Pair) -> Any:
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


def _entropies(p: P, classes: int | None, xp: Verbs) -> tuple[Any, Any]:
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


def _require_distribution(q: Q) -> None:
    """Refuse a prediction that is not itself a distribution, saying what makes it one."""
    if isinstance(q, Probs | binary.BinaryProbs):
        return
    if isinstance(q, binary.BinaryLogits):
        kind, way, x = "BinaryProbs", "sigmoid", q.scores
    else:
        x = q.look().array
        kind, way = "Probs", "exp" if isinstance(q, predictions.LogProbs) else "softmax"
    raise PairError(
        f"entropy takes a distribution, got {type(q).__name__}; write "
        f"entropy({kind}({verbs(x).words[way]}))"
    )
