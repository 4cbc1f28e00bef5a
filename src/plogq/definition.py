"""Cross-entropy and its gradient: what a caller calls.

A pair (P, Q) is checked and lowered to a measure and scores, a kernel answers with one loss per
event, and the reduction makes one number of them.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any, Never

from . import checks, elsewhere, options, shaping
from . import reduction as reductions
from .algebra.plain import Plain
from .errors import PairError
from .frameworks import autodiff, verbs
from .frameworks.rows import LINEAR, LINEAR_PAIR, PAIR
from .kernels.table import Explanation, kernel_asked
from .native import _cpu
from .native.labelled import REDUCTIONS
from .pairing import P, Pair, Q, at_home, prepare
from .representations import binary, predictions
from .representations.base import BinaryPrediction, Look
from .representations.linear import LinearLogits
from .representations.targets import Labels, Probs
from .representations.tempered import Divided, gradient_of
from .representations.wrappers import Smoothed, Weighted


def cross_entropy(
    p: P | Q,
    q: Q,
    *,
    reduction: str = "mean",
    normalizer: Any = None,
    z_loss: float = 0.0,
    **others: Never,
) -> Any:
    """The cross-entropy of the target P, or of another prediction, and the prediction Q, in nats.

    H(P, Q) = -Σ_j p_j log q_j per event, then reduced: "mean" = Σ H / Σ mass, so that weights and
    ignored labels are right by construction (0 where the total mass is 0); "sum"; "none", one loss
    per event; "sum_over_batch_size" = Σ H / number of events. With `normalizer=n` the sum is
    divided by n instead. `z_loss=c` adds c · mass · log²Z to every event.

    The shapes of P and Q match exactly, less the class axis for labels; nothing is broadcast. The
    loss is float64 for float64 predictions and float32 for all others.

    Raises:
        PairError: P and Q are not representations of the same kind of outcomes.
        ShapeError: shapes that do not match.
        LabelError: a label outside the classes.
        ProbabilityError: a row that is no distribution.
        ValueError: a reduction that does not exist, a negative `z_loss`.
        TypeError: an option of another library's loss; the sentence says what stands for it here.

    Examples:
        >>> import numpy as np, plogq
        >>> scores = np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]])
        >>> plogq.cross_entropy(
        ...     plogq.Labels([1, 0]), plogq.Logits(scores), reduction="none"
        ... ).round(10)
        array([0.0658839 , 0.00397428])
    """
    if others:
        elsewhere.refuse("cross_entropy", others)
    if normalizer is None and z_loss.__class__ is float and z_loss == 0.0:
        done = _short(p, q, reduction)
        if done is not None:
            return done
    z_loss = check_reduction(reduction, normalizer, z_loss, q)
    came: Any = q
    look = came.look() if isinstance(came, Q) else None
    p = at_home(p, q, look)
    if look is not None and look.xp.name in autodiff.MESHES:
        options = {"reduction": reduction, "normalizer": normalizer, "z_loss": z_loss}
        over = over_mesh(cross_entropy, p, q, look, options)
        if over is not None:
            return over
    pair = prepare(p, q, look)
    if z_loss and pair.coarse is not None:
        _refuse_bucket("z_loss")
    divisor = pair.divisor(reduction, normalizer)
    judged = pair.judged()
    if reduction != "none" and not judged and pair.xp.name in autodiff.AT_ONCE:
        found = at_once(pair, reduction, z_loss, divisor)
        if found is not None:
            return found
    losses, log_z = autodiff.losses(pair.xp, pair.kernel, pair.measure, pair.scores, z_loss != 0)
    if judged:
        pair.check(losses)
    if not z_loss:
        return losses if reduction == "none" else reductions.reduce(pair.xp, losses, divisor)
    return _reduced(pair, losses, log_z, reduction, z_loss, divisor)


def value_and_grad(
    p: P | Q,
    q: Q,
    *,
    reduction: str = "mean",
    normalizer: Any = None,
    z_loss: float = 0.0,
    out: Any = None,
    **others: Never,
) -> tuple[Any, Any]:
    """The loss of `cross_entropy` and its gradient, for arrays without autodiff.

    ∂H/∂s_j = mass · q_j - p_j for scores s, in one pass over them. The gradient is a
    representation of Q's own type, its arrays replaced by their gradients in their own dtypes:
    `grad.scores`, `grad.log_probs`, `grad.probs`, or `grad.hidden`, `grad.weight`, `grad.bias`.
    With reduction "none" it is the gradient of the sum. `out` is an array that takes the gradient,
    of the shape and dtype of the scores; `out="scores"` overwrites the scores themselves.

    Raises:
        ValueError: an `out` that does not fit, that overlaps itself or, without being asked for by
            name, an input, or that autograd records; and whatever `cross_entropy` raises.

    Examples:
        >>> import numpy as np, plogq
        >>> loss, grad = plogq.value_and_grad(
        ...     plogq.Labels([1]), plogq.Logits(np.array([[0.0, 0.0]]))
        ... )
        >>> grad.scores
        array([[ 0.5, -0.5]])
    """
    if others:
        elsewhere.refuse("value_and_grad", others)
    if out is None and normalizer is None and z_loss.__class__ is float and z_loss == 0.0:
        done = _short(p, q, reduction, gradient=True)
        if done is not None:
            return done[0], gradient_of(q, done[1:])
    z_loss = check_reduction(reduction, normalizer, z_loss, q)
    came: Any = q
    look = came.look() if isinstance(came, Q) else None
    p = at_home(p, q, look)
    pair = prepare(p, q, look)
    if pair.coarse is not None and (z_loss or out is not None):
        _refuse_bucket("z_loss" if z_loss else "out")
    out = _output(p, q, out)
    divisor = pair.divisor(reduction, normalizer)
    d_loss = pair.xp.inverse(divisor)
    if out is not None:
        written_to: Any = pair.xp
        written_to.overwritten(out)
    forward, gradients = pair.kernel.fused(pair.measure, pair.scores, d_loss, z_loss, out)
    pair.check(forward.loss)
    loss = _reduced(pair, forward.loss, forward.log_z, reduction, z_loss, divisor)
    return loss, gradient_of(q, pair.of_q(gradients))


def log_normalizer(q: Q) -> Any:
    """log Z of the prediction Q, one number per event, in nats.

    log Z = log Σ_j exp s_j = m + log1p(R) for logits; log(1 + e^z) for binary logits.

    Raises:
        PairError: probabilities, which are taken as normalised and have no log Z.

    Examples:
        >>> import plogq
        >>> plogq.log_normalizer(plogq.Logits([[0.0, 0.0]])).round(6)
        array([0.693147])
    """
    if isinstance(q, Probs | predictions.LogProbs | binary.BinaryProbs):
        raise PairError(
            f"{type(q).__name__} is taken as it is, so it has no log-normaliser; "
            "log_normalizer takes Logits, LinearLogits, ShardedLogits or BinaryLogits"
        )
    came: Any = q
    look = came.look() if isinstance(came, Q) else None
    if look is not None and look.xp.name in autodiff.MESHES:
        over = over_mesh(_log_normalizer, None, q, look, {}, check=_log_normalizer)
        if over is not None:
            return over
    if isinstance(q, binary.BinaryLogits):
        xp = verbs(q.scores)
        p: Any = binary.BinaryProbs(xp.full(xp.shape(q.scores), 0.0, q.scores))
    else:
        look = predictions.require_prediction(q).look()
        xp, events, array = look.xp, look.events, look.array
        p = Labels(xp.indices(xp.full(events, 0.0, array)))
    pair = prepare(p, q)
    return autodiff.losses(pair.xp, pair.kernel, pair.measure, pair.scores, log_z=True)[1]


def _log_normalizer(_: None, q: Q) -> Any:
    return log_normalizer(q)


def explain(p: P | Q, q: Q) -> Explanation:
    """Which kernel runs for this pair, and why the kernels before it were refused.

    Raises:
        PlogqError: whatever `cross_entropy` raises for the pair.

    Examples:
        >>> import plogq
        >>> plogq.explain(plogq.Labels([1]), plogq.Logits([[2.0, 5.0, 1.0]]))
        Labels × Logits on numpy, cpu: cpu
    """
    pair = prepare(at_home(p, q), q)
    note = getattr(pair.kernel, "note", None)
    return Explanation(pair.named, pair.kernel.name, tuple(pair.refusals), note and note())


_cpu.read_options(kernel_asked, checks.level_now, REDUCTIONS)
# What P may be for the short way beside Logits: labels, what is made of them, and distributions.
_PLAIN = (Labels, Smoothed, Weighted, Probs)


def _short(p: Any, q: Any, reduction: Any, gradient: bool = False) -> Any | None:
    """The loss, or the loss and its gradient, where a short way leads to them; else None."""
    kind = q.__class__
    if kind is predictions.Logits:
        if p.__class__ not in _PLAIN:
            return None
    elif kind is not binary.BinaryLogits or p.__class__ is not binary.BinaryProbs:
        return None
    x = q.scores
    way = autodiff.SHORT.get(x.__class__) or autodiff.short(x)
    if way.tracing is None or way.tracing():
        return None
    if (plain := p.plain()) is None:
        return None
    done = None if way.whole is None else way.whole(plain, q, reduction, gradient)
    if done is not None:
        return done
    function = way.with_gradient if gradient else way.loss
    if function is None or reduction.__class__ is not str or reduction not in REDUCTIONS:
        return None
    level = checks.level_now.get()
    # Of distributions the short way looks at every row.
    looks = level == "on" or (level != "full" and plain.__class__ is Plain)
    if not looks or kernel_asked.get() is not None:
        return None
    told = (q.axis, q.softcap) if kind is predictions.Logits else (-1, None)
    return function(plain, x, *told, reduction)


def over_mesh(
    function: Any, p: Any, q: Q, look: Look, options: dict[str, Any], check: Any = prepare
) -> Any | None:
    """`function` of arrays whose types say how they lie over devices, or None for all others."""
    if p is not None and not isinstance(p, P):
        return None
    if isinstance(p, binary.BinaryTarget) and not isinstance(q, BinaryPrediction):
        return None
    axis = None if isinstance(p, binary.BinaryTarget) else look.axis
    return autodiff.MESHES[look.xp.name]().over_mesh(function, check, p, q, axis, options)


def check_reduction(name: str, normalizer: Any, z_loss: float, q: Any) -> float:
    """The z-loss, once no option is refused that does not fit the reduction or the prediction."""
    reductions.check(name, normalizer)
    if not isinstance(z_loss, float) or not 0.0 <= z_loss < inf:
        z_loss = options.not_negative(z_loss, "z_loss")
    if z_loss and isinstance(q, Probs | predictions.LogProbs | binary.BinaryProbs):
        raise PairError(
            f"z_loss penalises log Z, and {type(q).__name__} has none; it goes with Logits, "
            "LinearLogits, ShardedLogits or BinaryLogits"
        )
    return z_loss


def _reduced(
    pair: Pair, losses: Any, log_z: Any, reduction: str, z_loss: float, divisor: Any
) -> Any:
    if z_loss:
        with pair.xp.quiet():
            mass = pair.measure.mass(pair.xp)
        losses = shaping.add_z_loss(pair.xp, losses, log_z, mass, z_loss)
    return losses if reduction == "none" else reductions.reduce(pair.xp, losses, divisor)


# Where making the gradient beside the loss saves making, or reading, what both need.
_AT_ONCE = (LINEAR, PAIR, LINEAR_PAIR)


def at_once(pair: Pair, reduction: str, z_loss: float, divisor: Any) -> Any | None:
    """The loss as one step of autograd, or None where it is no quicker."""
    if pair.scores.reads in _AT_ONCE:
        # What autograd keeps until the way back holds no array of P or Q.
        kept: Any = replace(pair, p=None, q=None, scores=None)

        def reduced(losses: Any, log_z: Any) -> Any:
            return _reduced(kept, losses, log_z, reduction, z_loss, divisor)

        given = pair.kernel, pair.measure, pair.scores
        found = autodiff.at_once(pair.xp, *given, divisor, z_loss, reduced)
        if found is not None:
            return found
    if z_loss:
        return None
    return autodiff.summed(pair.xp, pair.kernel, pair.measure, pair.scores, divisor)


def _refuse_bucket(option: str) -> None:
    raise PairError(
        f"{option} needs the scores of all classes, and of a bucket there is one; leave it out, or "
        'write SparseProbs(index, p, tail="even")'
    )


def _output(p: Any, q: Any, out: Any) -> Any:
    """The array that takes the gradient, checked, or None for a fresh one."""
    if out is None:
        return None
    if isinstance(q, LinearLogits):
        raise ValueError(
            "out takes the gradient of stored scores; LinearLogits has three, leave it"
        )
    if isinstance(q, Divided):
        raise ValueError(
            "out takes the gradient of stored scores as they are; Tempered divides them first, "
            "leave it"
        )
    scores = q.look().array
    xp = verbs(scores)
    if isinstance(out, str):
        if out != "scores":
            raise ValueError(f'out takes an array or the word "scores", got {out!r}')
        return _taking(xp, scores, p, 'out="scores"')
    if type(out) is not type(scores) or out.shape != scores.shape or out.dtype != scores.dtype:
        raise ValueError(
            f"out must be an array like the scores, shape {tuple(scores.shape)} and dtype "
            f"{xp.dtype_name(scores)}, got {type(out).__name__} "
            f"{tuple(getattr(out, 'shape', ()))} {getattr(out, 'dtype', '')}".rstrip()
        )
    if xp.aliases(out, scores):
        raise ValueError(
            'out overlaps the scores; to overwrite the scores say so by name, out="scores"'
        )
    return _taking(xp, out, p, "out")


def _taking(xp: Any, out: Any, p: P, role: str) -> Any:
    """`out` as an array that the gradient can be written to."""
    why = xp.read_only(out)
    if why is None and xp.overlaps_itself(out):
        why = (
            f"several of its elements, shape {tuple(out.shape)}, lie on the same memory, and each "
            "of them has a gradient of its own: give an array whose elements lie apart"
        )
    if why is None and any(xp.aliases(out, x) for x in p.arrays()):
        why = "it overlaps an array of the target, which is still read then: give a copy of one"
    if why is not None:
        raise ValueError(f"{role} takes the gradient, and {why}")
    return out
