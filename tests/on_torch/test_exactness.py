"""N1 and N2 on tensors: confident predictions, ties and shifts, by the kernel and by the formula.

Both keep the contract. Among the subnormals PyTorch's exp is off by up to three spacings, which
the formula inherits; the kernels in Triton add such terms up in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import plogq

from .. import bounds, oracle
from ..bounds import BFLOAT16, DTYPES
from ..oracle import mp
from ..test_exactness import EDGES, GAPS
from .tensors import array, leaf, tensor

Array = npt.NDArray[Any]

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
wide_dtype = pytest.mark.parametrize("dtype", DTYPES[:2], ids=lambda d: d.name)


def reached(way: str, check: Any) -> Any:
    """The bound that this way is held to."""
    if way in ("formula", "triton"):
        more = 3 * bounds.least(bounds.loss_dtype(check.dtype))
        check.allowed = np.where(check.allowed > 0, check.allowed + more, 0.0)
    return check


def check_labels(scores: Array, y: npt.ArrayLike, way: str, device: str = "cpu") -> None:
    """Losses, and the gradient of each as a backward gives it."""
    y = np.asarray(y)
    q = plogq.Logits(leaf(scores, device))
    loss = plogq.cross_entropy(plogq.Labels(tensor(y, device)), q, reduction="none")
    costs = oracle.label_costs(scores, y)
    reached(way, bounds.Losses(costs, scores.dtype)).check(array(loss))
    loss.sum().backward()
    truth = [g for row in oracle.label_gradients(scores, y) for g in row]
    reached(way, bounds.Gradient(truth, scores.dtype, True)).check(array(q.scores.grad))


@every_dtype
@pytest.mark.parametrize("gaps", [GAPS, EDGES], ids=["gaps", "edges"])
def test_a_confident_prediction_keeps_its_relative_precision(
    gaps: Array, dtype: Any, way: str
) -> None:
    """Gaps from 1 to 100: where log_softmax rounds the loss to 0 and q - 1 to nothing."""
    two = np.stack([np.zeros_like(gaps), -gaps], axis=-1).astype(dtype)
    check_labels(two, np.zeros(len(two), int), way)
    check_labels(two, np.ones(len(two), int), way)


def test_pytorch_itself_loses_what_is_kept_here() -> None:
    """The comparison that the line above is worth its cost for; if PyTorch mends it, look again."""
    scores = torch.tensor([[0.0, -40.0]])
    assert torch.nn.functional.cross_entropy(scores, torch.tensor([0])) == 0
    ours = plogq.cross_entropy(plogq.Labels(torch.tensor([0])), plogq.Logits(scores))
    assert ours.item() == pytest.approx(np.exp(-40.0), rel=1e-6)


@every_dtype
def test_a_confident_prediction_is_exact_among_many_classes(dtype: Any, way: str) -> None:
    gaps = GAPS[::3]
    others = np.linspace(0, 3, 36)
    scores = np.concatenate([np.zeros((len(gaps), 1)), -(gaps[:, None] + others)], axis=-1)
    scores = scores.astype(dtype)
    check_labels(scores, np.zeros(len(scores), int), way)
    check_labels(scores, np.arange(len(scores)) % 37, way)


@every_dtype
@pytest.mark.parametrize("ties", [2, 3, 8, 17])
def test_ties_for_the_greatest_score(ties: int, dtype: Any, way: str) -> None:
    scores = np.full((38, 19), -2.5)
    for i, row in enumerate(scores):
        row[(np.arange(ties) + i) % 19] = 1.25
    check_labels(scores.astype(dtype), np.arange(38) % 19, way)


@every_dtype
@pytest.mark.parametrize("classes", [2, 5, 64, 1000, 20011])
def test_a_row_of_equal_scores_costs_log_k(classes: int, dtype: Any, way: str) -> None:
    for score in (0.0, -3.0, -6e4):
        scores = torch.full((1, classes), score, dtype=tensor(np.zeros(0, dtype)).dtype)
        for y in (0, classes // 2, classes - 1):
            p = plogq.Labels(torch.tensor([y]))
            got = plogq.cross_entropy(p, plogq.Logits(scores), reduction="none")
            reached(way, bounds.Losses([mp.log(classes)], dtype)).check(array(got))


@every_dtype
@pytest.mark.parametrize("shift", [1e4, -1e4, 1e30, -1e30])
def test_shifted_scores(shift: float, dtype: Any, way: str, rng: np.random.Generator) -> None:
    shift = float(np.clip(shift, -6e4, 6e4)) if dtype == np.float16 else shift
    with np.errstate(over="ignore"):
        scores = (shift + rng.normal(0, 8, (22, 11))).astype(dtype)
        base = np.asarray(shift, dtype)
        for i, row in enumerate(scores):
            row[i % 11] = np.nextafter(base, np.asarray(0, dtype))
            row[(i + 3) % 11] = base
    check_labels(scores, np.arange(22) % 11, way)


@every_dtype
def test_scores_of_opposite_extremes(dtype: Any, way: str) -> None:
    top = bounds.largest(dtype)
    scores = np.array([[top, -top, 0.0], [top / 4, -top / 4, 1.0], [-top, -top, -top]])
    for y in range(3):
        check_labels(scores.astype(dtype), [y] * 3, way)


@every_dtype
def test_random_rows(dtype: Any, way: str, rng: np.random.Generator) -> None:
    for classes, spread in ((2, 1.0), (2, 30.0), (10, 5.0), (33, 20.0)):
        scores = rng.normal(0, spread, (24, classes)).astype(dtype)
        check_labels(scores, rng.integers(0, classes, 24), way)
        check_labels(scores, scores.astype(float).argmax(axis=-1), way)


@wide_dtype
@pytest.mark.parametrize("classes", [4097, 2**18])
def test_long_rows(classes: int, dtype: Any, way: str) -> None:
    """Components at the ends, at block borders, at the label and at the greatest score."""
    grid = np.random.default_rng(classes).integers(-256, 257, classes) / 32
    tally = oracle.Tally(grid)
    top = int(grid.argmax())
    for y in (0, top):
        q = plogq.Logits(leaf(grid[None].astype(dtype)))
        loss = plogq.cross_entropy(plogq.Labels(torch.tensor([y])), q, reduction="none")
        reached(way, bounds.Losses([tally.cost(y)], dtype)).check(array(loss))
        loss.sum().backward()
        places = sorted({0, 1, 63, 64, 1023, 1024, classes - 1, top, y})
        truth = [tally.gradient(y, j) for j in places]
        got = array(q.scores.grad)[0, places]
        reached(way, bounds.Gradient(truth, dtype, True)).check(got)


@every_dtype
def test_soft_gradients_are_within_8_u_of_the_mass(
    dtype: Any, way: str, rng: np.random.Generator
) -> None:
    for classes in (2, 10, 130):
        scores = rng.normal(0, 6, (8, classes)).astype(dtype)
        p = rng.dirichlet(np.full(classes, 0.4), 8).astype(dtype)
        q = plogq.Logits(leaf(scores))
        loss = plogq.cross_entropy(plogq.Probs(tensor(p)), q, reduction="none")
        masses = [oracle.mass(w) for w in oracle.rows(p)]
        losses = bounds.Losses(oracle.soft_costs(p, scores), dtype, masses)
        reached(way, losses).check(array(loss))
        loss.sum().backward()
        truth = [g for row in oracle.soft_gradients(p, scores) for g in row]
        sizes = np.repeat([float(m) for m in masses], classes)
        reached(way, bounds.Gradient(truth, dtype, False, sizes)).check(array(q.scores.grad))


@every_dtype
def test_binary_scores(dtype: Any, way: str) -> None:
    """Both signs of every gap; one of the two costs is e^-|z| and less."""
    z = np.concatenate([GAPS, -GAPS, EDGES, -EDGES, [0.0, -0.0, 1e4, -1e4]]).astype(dtype)
    truth = [oracle.of_yes(x) for x in oracle.row(z)]
    for y in (0, 1):
        q = plogq.BinaryLogits(leaf(z))
        p = plogq.BinaryProbs(torch.full((len(z),), y))
        loss = plogq.cross_entropy(p, q, reduction="none")
        reached(way, bounds.Losses([c.cost[y] for c in truth], dtype)).check(array(loss))
        loss.sum().backward()
        slopes = [c.q[1] if y == 0 else -c.q[0] for c in truth]
        reached(way, bounds.Gradient(slopes, dtype, True)).check(array(q.scores.grad))


@pytest.mark.parametrize("dtype", [*DTYPES[:2], BFLOAT16], ids=lambda d: d.name)
def test_probabilities_near_0_and_near_1(dtype: Any, way: str, rng: np.random.Generator) -> None:
    near = 1 - np.arange(1, 40) * bounds.rounding(dtype)
    tiny = bounds.least(dtype) * np.arange(1, 40)
    q = np.concatenate([near, tiny, rng.random(60), 2.0 ** -np.arange(0, 24)]).astype(dtype)
    binary = [oracle.of_yes_probability(x).cost for x in oracle.row(q)]
    for outcome in (0, 1):
        p = plogq.BinaryProbs(torch.full((len(q),), outcome))
        got = plogq.cross_entropy(p, plogq.BinaryProbs(tensor(q)), reduction="none")
        reached(way, bounds.Losses([c[outcome] for c in binary], dtype)).check(array(got))
    rows = np.stack([q, (1 - q.astype(float)).astype(dtype)], axis=-1)
    truth = [oracle.of_probs(r).cost[0] for r in oracle.rows(rows)]
    y = plogq.Labels(torch.zeros(len(q), dtype=torch.int64))
    got = plogq.cross_entropy(y, plogq.Probs(tensor(rows)), reduction="none")
    reached(way, bounds.Losses(truth, dtype)).check(array(got))


@pytest.mark.parametrize("weight", [1e-30, 1e-6, 1e6, 1e30])
def test_weights_leave_the_relative_precision_of_a_gradient_alone(weight: float, way: str) -> None:
    gaps = np.array([0.0, 0.5, 3.0, 17.0, 40.0])
    scores = np.stack([np.zeros_like(gaps), -gaps, -gaps - 1], axis=-1).astype(np.float32)
    y = np.zeros(len(gaps), int)
    p = plogq.Weighted(plogq.Labels(tensor(y)), sample_weight=torch.full((len(gaps),), weight))
    q = plogq.Logits(leaf(scores))
    plogq.cross_entropy(p, q, reduction="sum").backward()
    factor = oracle.real(np.float32(weight))
    truth = [factor * g for row in oracle.label_gradients(scores, y) for g in row]
    check = bounds.Gradient(truth, scores.dtype, True, float(factor))
    reached(way, check).check(array(q.scores.grad))
