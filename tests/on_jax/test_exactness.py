"""N1 and N2 on arrays of JAX: confident predictions, ties and shifts, by kernel and by formula.

In XLA's own operations subnormal numbers are 0, in each term of a sum; nothing else is allowed for.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest

import plogq

from .. import bounds, oracle
from ..bounds import DTYPES
from ..oracle import mp
from ..test_exactness import EDGES, GAPS
from .arrays import PROGRAMS, by

Array = npt.NDArray[Any]
FLOAT32 = DTYPES[1]

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
as_programs = pytest.mark.parametrize("way", PROGRAMS)


def reached(way: str, check: Any, classes: int = 2) -> Any:
    """The bound that this way is held to."""
    if way != "cpu":
        normal = classes * float(np.finfo(bounds.loss_dtype(check.dtype)).tiny)
        check.allowed = np.where(check.allowed > 0, check.allowed + normal, 0.0)
    return check


def with_gradient(way: str, p: Any, scores: Array) -> tuple[Array, Array]:
    def run(z: Any, p: Any) -> Any:
        losses, back = jax.vjp(
            lambda z: plogq.cross_entropy(p, plogq.Logits(z), reduction="none"), z
        )
        return losses, back(jnp.ones_like(losses))[0]

    with by(way):
        losses, gradient = jax.jit(run)(jnp.asarray(scores), p)
    return np.asarray(losses), np.asarray(gradient)


def check_labels(scores: Array, y: npt.ArrayLike, way: str) -> None:
    y = np.asarray(y)
    losses, gradient = with_gradient(way, plogq.Labels(jnp.asarray(y)), scores)
    classes = scores.shape[-1]
    truth = oracle.label_costs(scores, y)
    reached(way, bounds.Losses(truth, scores.dtype), classes).check(losses)
    truth = [g for row in oracle.label_gradients(scores, y) for g in row]
    reached(way, bounds.Gradient(truth, scores.dtype, True), classes).check(gradient)


@every_dtype
@as_programs
def test_a_confident_prediction_keeps_its_relative_precision(dtype: Any, way: str) -> None:
    """Gaps from 1 to 100: where log_softmax rounds the loss to 0 and q - 1 to nothing."""
    gaps = np.concatenate([GAPS, EDGES])
    two = np.stack([np.zeros_like(gaps), -gaps], axis=-1).astype(dtype)
    for y in (0, 1):
        check_labels(two, np.full(len(two), y), way)


@pytest.mark.usefixtures("narrow")
@as_programs
def test_without_64_bits_as_well(way: str) -> None:
    two = np.stack([np.zeros_like(GAPS), -GAPS], axis=-1).astype(np.float32)
    check_labels(two, np.zeros(len(two), int), way)


def test_optax_and_jax_themselves_lose_what_is_kept_here() -> None:
    """The comparison that the tests above are worth their cost for."""
    scores = jnp.array([[0.0, -40.0]], jnp.float32)
    assert jax.nn.log_softmax(scores)[0, 0] == 0
    ours = plogq.cross_entropy(plogq.Labels(jnp.array([0])), plogq.Logits(scores))
    assert float(ours) == pytest.approx(np.exp(-40.0), rel=1e-6)


@as_programs
def test_many_classes_ties_shifts_and_extremes(way: str, rng: np.random.Generator) -> None:
    """Rows of one shape, so that it is one program."""
    top = bounds.largest(FLOAT32)
    others = np.linspace(0, 3, 36)
    confident = [[0.0, *(-(gap + others))] for gap in GAPS[::6]]
    ties = [np.where(np.arange(37) % step == 0, 1.25, -2.5) for step in (2, 5, 12, 36)]
    shifted = [shift + rng.normal(0, 8, 37) for shift in (1e4, -1e4, 1e30, -1e30)]
    extremes = [[top, -top, *np.zeros(35)], [-top] * 37, [top / 4, -top / 4, *np.ones(35)]]
    spread = [rng.normal(0, s, 37) for s in (1.0, 5.0, 30.0)]
    rows = np.array([*confident, *ties, *shifted, *extremes, *spread]).astype(np.float32)
    check_labels(rows, np.zeros(len(rows), int), way)
    check_labels(rows, np.arange(len(rows)) % 37, way)
    check_labels(rows, rows.astype(float).argmax(axis=-1), way)


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=lambda d: d.name)
@as_programs
def test_long_rows(dtype: Any, way: str) -> None:
    """A quarter of a million classes: XLA sums in runs here, as one run would round too often."""
    classes = 2**18
    grid = np.random.default_rng(classes).integers(-256, 257, classes) / 32
    tally = oracle.Tally(grid)
    top = int(grid.argmax())
    scores = np.stack([grid, grid, np.zeros(classes)]).astype(dtype)
    y = plogq.Labels(jnp.array([0, top, classes - 1]))
    losses, gradient = with_gradient(way, y, scores)
    truth = [tally.cost(0), tally.cost(top), mp.log(classes)]
    reached(way, bounds.Losses(truth, dtype)).check(losses)
    for row, label in ((0, 0), (1, top)):
        places = sorted({0, 1, 63, 64, 1023, 1024, classes - 1, top})
        slopes = [tally.gradient(label, j) for j in places]
        reached(way, bounds.Gradient(slopes, dtype, True)).check(gradient[row, places])


@pytest.mark.parametrize("dtype", DTYPES[1:3], ids=lambda d: d.name)
@as_programs
def test_soft_gradients_are_within_8_u_of_the_mass(
    dtype: Any, way: str, rng: np.random.Generator
) -> None:
    scores = rng.normal(0, 6, (8, 130)).astype(dtype)
    p = rng.dirichlet(np.full(130, 0.4), 8).astype(dtype)
    losses, gradient = with_gradient(way, plogq.Probs(jnp.asarray(p)), scores)
    masses = [oracle.mass(w) for w in oracle.rows(p)]
    check = bounds.Losses(oracle.soft_costs(p, scores), dtype, masses)
    reached(way, check).check(losses)
    truth = [g for row in oracle.soft_gradients(p, scores) for g in row]
    sizes = np.repeat([float(m) for m in masses], 130)
    reached(way, bounds.Gradient(truth, dtype, False, sizes)).check(gradient)


@pytest.mark.parametrize("dtype", [DTYPES[0], DTYPES[1]], ids=lambda d: d.name)
@as_programs
def test_binary_scores(dtype: Any, way: str) -> None:
    """Both signs of every gap; one of the two costs is e^-|z| and less."""
    z = np.concatenate([GAPS, -GAPS, EDGES, -EDGES, [0.0, -0.0, 1e4, -1e4]]).astype(dtype)
    truth = [oracle.of_yes(x) for x in oracle.row(z)]

    def run(z: Any, y: Any) -> Any:
        p = plogq.BinaryProbs(y)
        losses, back = jax.vjp(
            lambda z: plogq.cross_entropy(p, plogq.BinaryLogits(z), reduction="none"), z
        )
        return losses, back(jnp.ones_like(losses))[0]

    with by(way):
        program = jax.jit(run)
        for y in (0, 1):
            losses, slopes = program(jnp.asarray(z), jnp.full(len(z), y))
            check = bounds.Losses([c.cost[y] for c in truth], dtype)
            reached(way, check).check(np.asarray(losses))
            want = [c.q[1] if y == 0 else -c.q[0] for c in truth]
            reached(way, bounds.Gradient(want, dtype, True)).check(np.asarray(slopes))


@as_programs
def test_probabilities_near_0_and_near_1(way: str, rng: np.random.Generator) -> None:
    near = 1 - np.arange(1, 40) * bounds.rounding(FLOAT32)
    q = np.concatenate([near, rng.random(60), 2.0 ** -np.arange(0, 24)]).astype(np.float32)
    truth = [oracle.of_yes_probability(x).cost for x in oracle.row(q)]
    with by(way):
        for y in (0, 1):
            p = plogq.BinaryProbs(jnp.full(len(q), y))
            got = plogq.cross_entropy(p, plogq.BinaryProbs(jnp.asarray(q)), reduction="none")
            check = bounds.Losses([c[y] for c in truth], FLOAT32)
            reached(way, check).check(np.asarray(got))
