"""The truth of a program in 80-bit arithmetic: its losses, and the gradient by every array.

H = mass · log1p(R) + Σ p d with gaps d from the greatest score: no term is negative, so 64 bits of
mantissa leave an error of some 2⁻⁶⁰, a hundredth of the unit of float64 and less. The one place
where a formula would lose that, the gap of two capped scores, has a closed form of its own.
`test_reference.py` holds all of it against 60 digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .measures import Found, Wide, distribution, masses, rows, times, unrows, wide
from .program import Array, Arrays, Linear, Program, Stored, YesNoScores, base, wrappers

if np.finfo(np.longdouble).nmant < 63:  # pragma: no cover
    raise ImportError(
        "the reference computes in np.longdouble, which has 64 bits of mantissa or more on Linux; "
        f"here it has {np.finfo(np.longdouble).nmant + 1}"
    )


@dataclass
class Costs:
    """-log q_j [N, K], q_j and 1 - q_j, log Z [N], and the size of the terms that log Z is of."""

    cost: Wide
    q: Wide
    not_q: Wide
    log_z: Wide
    size: Wide
    slope: Wide | None = None  # of a soft cap
    noise: Any = 0.0  # what products in the input's own type may move a score by, in u


@dataclass
class Slope:
    """A gradient: its values, and per component what the contract lets its error be relative to."""

    value: Wide
    size: Wide
    relative: bool
    roundings: float = 0.0  # sums of products add one per term


@dataclass
class Truth:
    """One number per event, what they come to, and the gradients by name."""

    losses: Wide
    mass: Wide
    costs: Costs | None
    divisor: Any
    value: Wide
    terms: Wide  # the size of what each loss is a sum or difference of
    of_q: dict[str, Slope] = field(default_factory=dict)
    of_p: dict[str, Slope] = field(default_factory=dict)


def truth(program: Program) -> Truth:
    """The losses and gradients of a program."""
    with np.errstate(all="ignore"):
        return _truth(program)


def _truth(program: Program) -> Truth:
    n = int(np.prod(program.events, dtype=int))
    classes, arrays = program.classes, program.arrays
    costs = None if program.q is None else costs_of(program.q, arrays)
    if program.p is None:  # log_normalizer
        assert costs is not None
        return Truth(costs.log_z, np.ones(n), costs, 1.0, _shaped(costs.log_z, program), costs.size)
    mass_of, back = masses(program.p, arrays, program.events, classes)
    mass = mass_of.sum(1)
    own = np.zeros(n, np.longdouble)
    if program.function in ("kl_divergence", "entropy"):
        own = times(mass_of, -np.log(distribution(program.p, arrays, program.events, classes)))
        own = own.sum(1)
    if costs is None:
        losses = terms = own
    else:
        losses = terms = times(mass_of, costs.cost).sum(1)
        if program.function == "kl_divergence":
            losses, terms = losses - own, np.fmax(losses, abs(own))
    z, log_z = np.longdouble(program.z_loss), 0.0
    if z:
        assert costs is not None
        log_z = costs.log_z
        losses = losses + z * times(mass, log_z * log_z)
    shaped, bend = _bent(losses, program)
    divisor = _divisor(program, mass, n)
    scale = np.longdouble(1) / divisor if divisor != 0 else np.longdouble(0)
    value = _shaped(shaped, program)
    if program.reduction != "none":
        value = shaped.sum() / divisor if divisor != 0 else np.longdouble(0)
    found = Truth(shaped, mass, costs, divisor, value, terms)
    if program.function != "entropy":
        assert costs is not None
        d_loss = scale * bend
        d_log_z = 2 * z * d_loss * times(mass, log_z) if z else np.zeros(n, np.longdouble)
        _slopes_of_q(program, found, mass_of, d_loss, d_log_z)
        if program.function == "cross_entropy":
            by_mass = d_loss * z * log_z * log_z if z else np.zeros(n, np.longdouble)
            parts = abs(by_mass)
            if program.reduction == "mean" and program.normalizer is None:
                by_mass, parts = by_mass - value * scale, parts + abs(value * scale)
            each = d_loss[:, None] * costs.cost + by_mass[:, None]
            # The costs here come from the formula, which is good to u in absolute terms.
            off = 1 + costs.noise + (getattr(program.q, "softcap", None) or 0.0)
            size = abs(d_loss)[:, None] * (costs.cost.T + off).T + parts[:, None]
            arrived: Found = {}
            back(each, size, arrived)
            found.of_p = {name: Slope(g, s, False) for name, (g, s) in arrived.items()}
    return found


def _shaped(x: Wide, program: Program) -> Wide:
    return x.reshape(program.events)


def _bent(losses: Wide, program: Program) -> tuple[Wide, Wide]:
    """focal or poly of every loss, and its derivative."""
    shape = program.shape
    if shape is None:
        return losses, np.ones_like(losses)
    wrong, right = -np.expm1(-losses), np.exp(-losses)
    amount = np.longdouble(shape.amount)
    if shape.name == "poly":
        return losses + amount * wrong, 1 + amount * right
    factor = wrong**amount
    # Where the loss is 0, γ · L · wrong^(γ-1) has the limit γ · L^γ, and where it is ∞, 0.
    bent = np.where(wrong > 0, amount * factor / wrong * times(right, losses), amount == 0)
    return times(factor, losses), factor + np.where(wrong > 0, bent, 0)


def _divisor(program: Program, mass: Wide, n: int) -> Any:
    if program.normalizer is not None:
        return np.longdouble(program.normalizer)
    if program.reduction == "mean":
        return mass.sum()
    return np.longdouble(n) if program.reduction == "sum_over_batch_size" else np.longdouble(1)


def costs_of(q: Any, arrays: Arrays) -> Costs:
    """-log q of every class of every event."""
    if isinstance(q, Linear):
        h, w = rows(arrays[q.hidden], -1), wide(arrays[q.weight])
        scores, size = h @ w.T, abs(h) @ abs(w).T
        if q.bias is not None:
            scores, size = scores + wide(arrays[q.bias]), size + abs(wide(arrays[q.bias]))
        found = softmax(scores, q.softcap)
        found.noise = 2 * (h.shape[1] + 2) * size.max(1, initial=0.0)
        return found
    if isinstance(q, YesNoScores):
        x = wide(arrays[q.array]).reshape(-1)
        if q.kind == "BinaryLogits":
            return softmax(np.stack([np.zeros_like(x), x], 1), None)
        return _as_stored(np.stack([-np.log1p(-x), -np.log(x)], 1))
    x = rows(arrays[q.array], q.axis)
    if q.kind == "Logits":
        return softmax(x, q.softcap)
    return _as_stored(-x if q.kind == "LogProbs" else -np.log(x))


def _as_stored(cost: Wide) -> Costs:
    nothing = np.zeros(len(cost), np.longdouble)
    cost = np.where(cost == 0, np.longdouble(0), cost)
    return Costs(cost, np.exp(-cost), -np.expm1(-cost), nothing, nothing)


def softmax(scores: Wide, cap: float | None) -> Costs:
    """The softmax of rows of scores; NaN where there is none (N3)."""
    greatest = scores.max(1, keepdims=True)
    first = np.zeros(scores.shape, bool)
    first[np.arange(len(scores)), np.nan_to_num(scores.argmax(1))] = True
    undefined = np.isnan(scores).any(1)
    if cap is None:
        undefined |= (scores == np.inf).sum(1) > 1
        undefined |= greatest[:, 0] == -np.inf
        gaps, top, slope = greatest - scores, greatest[:, 0], None
    else:
        gaps, top, slope = _capped(scores, greatest, np.longdouble(cap))
    gaps = np.where(first, 0, gaps)
    share = np.where(first, 0, np.exp(-gaps))
    rest = share.sum(1, keepdims=True)
    total = 1 + rest
    offset = np.log1p(rest)
    found = Costs(
        gaps + offset,
        np.where(first, 1, share) / total,
        np.where(first, rest, total - share) / total,
        top + offset[:, 0],
        np.maximum(abs(top), offset[:, 0]),
        slope,
    )
    for x in (found.cost, found.q, found.not_q, found.log_z, found.slope):
        if x is not None:
            x[undefined] = np.nan
    return found


def _capped(scores: Wide, greatest: Wide, cap: Any) -> tuple[Wide, Wide, Wide]:
    """Gaps of c · tanh(s / c), the greatest of them, and the slope 1 - tanh².

    tanh a - tanh b = sinh(a - b) / (cosh a · cosh b), and with e^-2|a| in place of cosh nothing
    overflows and nothing cancels.
    """
    a, b = greatest / cap, scores / cap
    apart = np.where(greatest == scores, 0, (greatest - scores) / cap)
    same = np.sign(a) * np.sign(b) > 0
    exponent = np.where(same, -2 * np.minimum(abs(a), abs(b)), 0)
    below = (1 + np.exp(-2 * abs(a))) * (1 + np.exp(-2 * abs(b)))
    gaps = 2 * cap * np.exp(exponent) * -np.expm1(-2 * apart) / below
    slope = 4 * np.exp(-2 * abs(b)) / (1 + np.exp(-2 * abs(b))) ** 2
    return gaps, cap * np.tanh(a[:, 0]), slope


def score_slopes(mass_of: Wide, costs: Costs, d_loss: Wide, d_log_z: Wide) -> Wide:
    """∂/∂s_j of d_loss · H + d_log_z · log Z: (mass - p_j) q_j - p_j (1 - q_j) cancels nowhere."""
    whole = mass_of.sum(1, keepdims=True)
    by_loss = times(whole - mass_of, costs.q) - times(mass_of, costs.not_q)
    found = times(d_loss[:, None], by_loss) + times(d_log_z[:, None], costs.q)
    return found if costs.slope is None else times(found, costs.slope)


def _slopes_of_q(
    program: Program, found: Truth, mass_of: Wide, d_loss: Wide, d_log_z: Wide
) -> None:
    q, arrays, costs = program.q, program.arrays, found.costs
    assert costs is not None
    assert program.p is not None
    # log Z may cancel: it is as good as the terms that it is of.
    twice = 2 * np.longdouble(program.z_loss) * times(abs(d_loss) * found.mass, costs.size)
    weight = abs(d_loss) * found.mass + (twice if program.z_loss else 0)
    hard = type(base(program.p)).__name__ == "Labels" and "Smoothed" not in wrappers(program.p)
    plain = hard and not program.z_loss and not getattr(q, "softcap", None)
    if isinstance(q, Linear):
        each = score_slopes(mass_of, costs, d_loss, d_log_z)
        h, w = rows(arrays[q.hidden], -1), wide(arrays[q.weight])
        by_hidden = times(weight[:, None], (abs(w).sum(0))[None, :])
        made = {
            q.hidden: (each @ w, by_hidden, len(w)),
            q.weight: (each.T @ h, np.ones((len(w), 1)) * (weight @ abs(h)), len(h)),
        }
        if q.bias is not None:
            made[q.bias] = (each.sum(0), weight.sum() * np.ones(len(w)), len(h))
        found.of_q = {
            name: Slope(g.reshape(arrays[name].shape), s.reshape(arrays[name].shape), False, r)
            for name, (g, s, r) in made.items()
        }
        return
    assert q is not None
    like = arrays[q.array]
    if isinstance(q, YesNoScores):
        found.of_q = {q.array: _yes_no_slope(q, program, found, mass_of, (d_loss, d_log_z), weight)}
        return
    if q.kind == "Logits":
        each = score_slopes(mass_of, costs, d_loss, d_log_z)
        size = np.broadcast_to(weight[:, None], each.shape)
    else:
        each = -d_loss[:, None] * mass_of
        if q.kind == "Probs":
            each = times(each, 1 / rows(like, q.axis))
        size, plain = abs(each), True
    found.of_q = {q.array: Slope(unrows(each, like, q.axis), unrows(size, like, q.axis), plain)}


def _yes_no_slope(
    q: YesNoScores,
    program: Program,
    found: Truth,
    mass_of: Wide,
    upstream: tuple[Wide, Wide],
    weight: Wide,
) -> Slope:
    costs, like, (d_loss, d_log_z) = found.costs, program.arrays[q.array], upstream
    assert costs is not None
    no, yes = mass_of[:, 0], mass_of[:, 1]
    if q.kind == "BinaryLogits":
        by_loss = times(no, costs.q[:, 1]) - times(yes, costs.q[:, 0])
        each = times(d_loss, by_loss) + times(d_log_z, costs.q[:, 1])
        certain = bool(((no == 0) | (yes == 0)).all()) and not program.z_loss
        return Slope(each.reshape(like.shape), weight.reshape(like.shape), certain)
    x = wide(like).reshape(-1)
    parts = times(no, 1 / (1 - x)), times(yes, 1 / x)
    each, size = times(d_loss, parts[0] - parts[1]), abs(d_loss) * (parts[0] + parts[1])
    return Slope(each.reshape(like.shape), size.reshape(like.shape), False)


def second_slope(program: Program, along: Array) -> Slope:
    """The Hessian of the loss by the scores, times `along`; without a cap and without z-loss.

    mass · (q v - q (q · v)) for exclusive classes, mass · q (1 - q) v for yes/no outcomes.
    """
    q = program.q
    assert isinstance(q, Stored | YesNoScores)
    assert program.p is not None
    with np.errstate(all="ignore"):
        found = _truth(program)
        assert found.costs is not None
        like, costs = program.arrays[q.array], found.costs
        scale = found.mass / found.divisor if found.divisor != 0 else 0 * found.mass
        if isinstance(q, YesNoScores):
            v = wide(along).reshape(-1)
            each = times(scale, costs.q[:, 0] * costs.q[:, 1] * v)
            return Slope(each.reshape(like.shape), (scale * abs(v)).reshape(like.shape), False)
        v = rows(along, q.axis)
        inner = times(costs.q, v).sum(1, keepdims=True)
        each = times(scale[:, None], costs.q * (v - inner))
        size = times(scale[:, None], np.ones_like(v) * abs(v).max(1, keepdims=True, initial=0))
        return Slope(unrows(each, like, q.axis), unrows(size, like, q.axis), False)
