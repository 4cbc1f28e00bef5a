"""N1: every loss within (8 + |ln L|) u of -Σ p log q, wherever the loss is representable."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import plogq

from . import bounds, oracle
from .bounds import BFLOAT16, DTYPES, NARROW, check_losses
from .gaps import GAPS
from .oracle import Real, mp
from .together import for_each

Array = npt.NDArray[Any]

pytestmark = pytest.mark.usefixtures("instructions")
every_dtype = for_each("dtype", DTYPES, ids=lambda d: d.name)
wide_dtype = for_each("dtype", DTYPES[:2], ids=lambda d: d.name)


def losses(scores: Array, y: npt.ArrayLike) -> Array:
    return plogq.cross_entropy(plogq.Labels(y), plogq.Logits(scores), reduction="none")


def check_rows(scores: Array, y: npt.ArrayLike) -> None:
    check_losses(losses(scores, y), oracle.label_costs(scores, np.asarray(y)), scores.dtype)


@for_each(
    ("dtype", "gaps"),
    [
        (np.dtype(np.float32), np.arange(86.0, 108.0, 0.09375)),
        (np.dtype(np.float64), np.arange(706.0, 750.0, 0.1875)),
    ],
    ids=["float32", "float64"],
)
def test_a_subnormal_loss_is_within_one_spacing(dtype: Any, gaps: Array) -> None:
    scores = np.stack([-gaps, np.zeros_like(gaps)], axis=-1).astype(dtype)
    check_rows(scores, np.ones(len(scores), int))


@every_dtype
@for_each("classes", [2, 3, 5, 64, 1000, 65536, 2**20])
def test_a_row_of_equal_scores_costs_log_k(classes: int, dtype: Any) -> None:
    for score in (0.0, -3.0, 1e4, -6e4):
        scores = np.full((1, classes), score, dtype)
        for y in (0, classes // 2, classes - 1):
            check_losses(losses(scores, [y]), [mp.log(classes)], dtype)


@cache
def _progression(classes: int, step: float) -> tuple[Real, Real]:
    """Σ exp(-step·j) without the greatest, and log1p of it, for scores in equal steps."""
    ratio = mp.exp(-oracle.real(step))
    others = ratio * (1 - ratio ** (classes - 1)) / (1 - ratio)
    return others, mp.log1p(others)


@wide_dtype
@for_each("classes", [1000, 4097, 65536, 2**20])
@for_each("order", ["ascending", "descending", "shuffled", "zigzag"])
def test_long_rows_in_any_order(classes: int, order: str, dtype: Any) -> None:
    """A maximum that moves at every class is the hardest for sums that are rescaled by it."""
    step = 16.0 / 2 ** math.ceil(math.log2(classes))
    rank = np.arange(classes)
    if order == "descending":
        rank = rank[::-1]
    elif order == "shuffled":
        rank = np.random.default_rng(classes).permutation(classes)
    elif order == "zigzag":
        rank = np.where(rank % 2 == 0, rank // 2, classes - 1 - rank // 2)
    scores = (rank * step).astype(dtype)[None]
    assert np.array_equal(scores[0].astype(float), rank * step), "the scores must be exact"
    _, offset = _progression(classes, step)
    for y in (0, 1, 63, classes // 2, classes - 1, int(rank.argmax()), int(rank.argmin())):
        truth = (classes - 1 - int(rank[y])) * oracle.real(step) + offset
        check_losses(losses(scores, [y]), [truth], dtype)


@wide_dtype
@for_each("classes", [65, 1000, 4097])
def test_long_columns_in_any_order(classes: int, dtype: Any) -> None:
    """Classes on the first axis, 37 events beside one another, each in an order of its own."""
    step = 16.0 / 2 ** math.ceil(math.log2(classes))
    rng = np.random.default_rng(classes)
    ranks = [rng.permutation(classes) for _ in range(35)]
    ranks += [np.arange(classes), np.arange(classes)[::-1]]
    rank = np.stack(ranks, axis=-1)
    y = rng.integers(0, classes, 37)
    y[::3] = rank.argmax(axis=0)[::3]
    _, offset = _progression(classes, step)
    truth = [(classes - 1 - int(r)) * oracle.real(step) + offset for r in rank[y, np.arange(37)]]
    q = plogq.Logits((rank * step).astype(dtype), axis=0)
    got, grad = plogq.value_and_grad(plogq.Labels(y), q, reduction="none")
    check_losses(got, truth, dtype)
    slopes = [mp.expm1(-t) for t in truth]
    bounds.check_hard_gradient(grad.scores[y, np.arange(37)], slopes, dtype)


@wide_dtype
@for_each("place", [0, 32767, 32768, 65535, 65536, 98303, 98304, 100_000])
def test_the_greatest_score_at_the_borders_of_chunks(place: int, dtype: Any) -> None:
    """Labels and soft targets whose shares of a long row are merged from several maxima."""
    classes = 100_001
    scores = np.full((1, classes), -3.25, dtype)
    scores[0, place] = 9.5
    scores[0, classes // 2] = 9.25
    tally = oracle.Tally(scores[0])
    places = sorted({place, (place + 1) % classes, 32767, 32768, classes // 2, classes - 1})
    for y in places:
        check_losses(losses(scores, [y]), [tally.cost(y)], dtype)
    p = np.zeros((1, classes), dtype)
    p[0, places] = 2.0**-4
    mass = len(places) * oracle.real(2.0**-4)
    truth = mp.fsum(tally.cost(y) for y in places) / 16
    with plogq.validation("off"):
        got = plogq.cross_entropy(plogq.Probs(p), plogq.Logits(scores), reduction="none")
    check_losses(got, [truth], dtype, [mass])
    weights = np.full((1, len(places)), 2.0**-4)
    sparse = plogq.SparseProbs(np.array([places]), weights)
    got = plogq.cross_entropy(sparse, plogq.Logits(scores), reduction="none")
    check_losses(got, [truth], dtype, [mass])


@every_dtype
@for_each("classes", [4096, 2**20])
def test_long_random_rows(classes: int, dtype: Any) -> None:
    grid = np.random.default_rng(classes).integers(-256, 257, classes) / 32
    scores = grid.astype(dtype)[None]
    tally = oracle.Tally(scores[0].astype(float))
    for y in (0, 1000, classes - 1, int(scores[0].argmax()), int(scores[0].argmin())):
        check_losses(losses(scores, [y]), [tally.cost(y)], dtype)


BORDERS = (1, 7, 8, 15, 16, 31, 32, 63, 64, 65, 127, 128, 255, 256, 511, 512, 1023, 1024, 1025)


@wide_dtype
@for_each("classes", [2, 17, 64, 65, 128, 129, 1023, 1024, 1025, 2048, 4096, 4097])
def test_the_greatest_score_may_stand_anywhere(classes: int, dtype: Any) -> None:
    """First, last, in the middle, and on either side of every border of lanes and blocks."""
    multiples = [n * m + e for n in (64, 1024) for m in range(1, 5) for e in (-1, 0)]
    places = sorted(
        {p for p in (0, classes // 2, classes - 1, *BORDERS, *multiples) if p < classes}
    )
    scores = np.full((len(places), classes), -1.75, dtype)
    scores[np.arange(len(places)), places] = 21.5
    others = (classes - 1) * mp.exp(oracle.real(-23.25))
    hit, miss = mp.log1p(others), oracle.real(23.25) + mp.log1p(others)
    check_losses(losses(scores, places), [hit] * len(places), dtype)
    after = [(p + 1) % classes for p in places]
    check_losses(losses(scores, after), [miss] * len(places), dtype)


@every_dtype
@for_each("classes", [100, 4096, 2**20])
def test_a_uniform_target_costs_the_mean_gap_and_log_z(classes: int, dtype: Any) -> None:
    """The sums over all classes of Probs and Smoothed, in a closed form of the oracle's."""
    levels = 33
    scores = np.resize(np.arange(levels) / 4, classes).astype(dtype)[None]
    tally = oracle.Tally(scores[0])
    mean_gap = mp.fsum(
        tally.gap(j) * len(range(j, classes, levels)) for j in range(levels)
    ) / oracle.real(classes)
    smoothed = plogq.Smoothed(plogq.Labels([5]), 1.0)
    every_class = mean_gap + tally.offset
    got = plogq.cross_entropy(smoothed, plogq.Logits(scores), reduction="none")
    check_losses(got, [every_class], dtype)
    # A power of two is a probability that every dtype holds; 100 classes have none.
    share = 2.0 ** -math.ceil(math.log2(classes))
    mass = share * oracle.real(classes)
    dense = np.full((1, classes), share).astype(dtype)
    with plogq.validation("off"):
        got = plogq.cross_entropy(plogq.Probs(dense), plogq.Logits(scores), reduction="none")
    check_losses(got, [mass * every_class], dtype, [mass])


@every_dtype
def test_random_soft_targets(dtype: Any, rng: np.random.Generator) -> None:
    for classes in (2, 10, 130, 1500):
        scores = rng.normal(0, 6, (8, classes)).astype(dtype)
        p = rng.dirichlet(np.full(classes, 0.3), 8).astype(dtype)
        truth = oracle.soft_costs(p, scores)
        with plogq.validation("off"):
            got = plogq.cross_entropy(plogq.Probs(p), plogq.Logits(scores), reduction="none")
        check_losses(got, truth, dtype, [oracle.mass(w) for w in oracle.rows(p)])


@cache
def _all_values(name: str) -> Array:
    """The finite values ≥ 0 of a 16-bit dtype: all from 2⁻¹³ to 128, every 16th elsewhere.

    Further out e^-z is 1 or 0 in float32 and nothing can happen that does not happen nearby.
    """
    dtype = np.dtype(np.float16) if name == "float16" else BFLOAT16
    bits = np.arange(2**15, dtype=np.uint16)
    wide = bits.view(dtype).astype(np.float32)
    kept = np.isfinite(wide) & (((wide >= 2.0**-13) & (wide <= 128)) | (bits % 16 == 0))
    return bits[kept].view(dtype)


@cache
def _all_costs(name: str) -> tuple[list[Real], list[Real]]:
    """What a score z ≥ 0 costs where the outcome is no, and where it is yes."""
    costs = [oracle.of_yes(z).cost for z in oracle.row(_all_values(name))]
    return [c[0] for c in costs], [c[1] for c in costs]


@cache
def _all_probability_costs(name: str) -> tuple[Array, list[Real]]:
    q = _all_values(name)
    q = q[q <= 1]
    return q, [oracle.of_yes_probability(x).cost[1] for x in oracle.row(q)]


@for_each("dtype", NARROW, ids=lambda d: d.name)
def test_every_binary_score_of_16_bits(dtype: Any) -> None:
    z = _all_values(dtype.name)
    no, yes = _all_costs(dtype.name)
    for y, sign, truth in ((0, 1, no), (1, 1, yes), (0, -1, yes), (1, -1, no)):
        p = plogq.BinaryProbs(np.full(len(z), y))
        got = plogq.cross_entropy(p, plogq.BinaryLogits((sign * z).astype(dtype)), reduction="none")
        check_losses(got, truth, dtype)


@for_each("dtype", NARROW, ids=lambda d: d.name)
def test_every_probability_of_16_bits(dtype: Any) -> None:
    q, truth = _all_probability_costs(dtype.name)
    yes = plogq.BinaryProbs(np.ones(len(q), bool))
    check_losses(plogq.cross_entropy(yes, plogq.BinaryProbs(q), reduction="none"), truth, dtype)
    rows = plogq.Probs(np.stack([q, np.zeros_like(q)], axis=-1))
    with plogq.validation("off"):
        got = plogq.cross_entropy(plogq.Labels(np.zeros(len(q), int)), rows, reduction="none")
    check_losses(got, truth, dtype)


@every_dtype
def test_log_probabilities_are_what_is_stored(dtype: Any) -> None:
    x = -np.concatenate([GAPS, [0.0, 1e-30, 1e4, 6e4]]).astype(dtype)
    rows = np.stack([x, np.zeros_like(x)], axis=-1)
    got = plogq.cross_entropy(
        plogq.Labels(np.zeros(len(x), int)), plogq.LogProbs(rows), reduction="none"
    )
    check_losses(got, [-v for v in oracle.row(x)], dtype)


@every_dtype
def test_weights_leave_the_relative_precision_alone(dtype: Any) -> None:
    """A weight is a factor, however small or great."""
    gaps = GAPS[::7]
    scores = np.stack([np.zeros_like(gaps), -gaps], axis=-1).astype(dtype)
    costs = oracle.label_costs(scores, np.zeros(len(gaps), int))
    for weight in (1e-6, 0.3, 7.0, 1e6):
        p = plogq.Weighted(
            plogq.Labels(np.zeros(len(gaps), int)), sample_weight=np.full(len(gaps), weight)
        )
        got = plogq.cross_entropy(p, plogq.Logits(scores), reduction="none")
        mass = oracle.real(weight)
        check_losses(got, [mass * c for c in costs], dtype, [mass] * len(costs))


@every_dtype
def test_capped_scores(dtype: Any, rng: np.random.Generator) -> None:
    """c · tanh(s / c), from scores far below the cap to scores far above it."""
    scores = np.concatenate(
        [rng.normal(0, spread, (25, 7)) for spread in (0.01, 1.0, 20.0, 60.0, 300.0)]
    ).astype(dtype)
    y = rng.integers(0, 7, len(scores))
    y[::2] = scores[::2].astype(float).argmax(axis=-1)
    for cap in (5.0, 30.0):
        truth = oracle.label_costs(scores, y, cap)
        got = plogq.cross_entropy(
            plogq.Labels(y), plogq.Logits(scores, softcap=cap), reduction="none"
        )
        # float64 has no wider type for the capped scores: u of the cap at both ends of a gap.
        slack = 4 * cap * bounds.unit(dtype) if dtype == np.float64 else 0
        # d(ln L) is at most the slack of the gap, so that the slack scales with L below 1.
        check_losses(got, truth, dtype, slack=[float(slack * min(1, t)) for t in truth])


@every_dtype
def test_log_z_is_as_exact_as_its_greatest_score(dtype: Any, rng: np.random.Generator) -> None:
    scores = np.concatenate([rng.normal(0, 9, (40, 23)), rng.normal(5e4, 9, (9, 23))])
    scores = scores.astype(dtype)
    for value, row in zip(
        plogq.log_normalizer(plogq.Logits(scores)), oracle.rows(scores), strict=True
    ):
        truth = oracle.of_logits(row).log_z
        size = max(abs(max(row)), mp.log(23))
        bounds.check(float(value), truth, 8 * bounds.unit(dtype) * size)
