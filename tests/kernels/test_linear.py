"""LinearLogits: the numbers of stored scores, in tiles, without ever storing them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import plogq
from plogq.algebra import linear
from plogq.algebra.chunked import Chunked
from plogq.frameworks.numpy import operations

from .. import bounds, makers, oracle, slopes
from ..together import for_each

Array = npt.NDArray[Any]
Make = Callable[[np.random.Generator, int, int], Any]


def labels(rng: np.random.Generator, rows: int, classes: int) -> Any:
    return plogq.Labels(rng.integers(0, classes, rows))


def ignored(rng: np.random.Generator, rows: int, classes: int) -> Any:
    y = rng.integers(0, classes, rows)
    return plogq.Labels(np.where(rng.random(rows) < 0.3, -100, y), ignore=-100)


def soft(rng: np.random.Generator, rows: int, classes: int) -> Any:
    return plogq.Probs(rng.dirichlet(np.ones(classes), rows))


def soft_on_axis_0(rng: np.random.Generator, rows: int, classes: int) -> Any:
    return plogq.Probs(np.ascontiguousarray(rng.dirichlet(np.ones(classes), rows).T), axis=0)


def sparse(rng: np.random.Generator, rows: int, classes: int) -> Any:
    index = np.stack([rng.integers(0, classes, rows) for _ in range(3)], -1)
    return plogq.SparseProbs(index, rng.dirichlet(np.ones(3), rows))


def everything(rng: np.random.Generator, rows: int, classes: int) -> Any:
    weights = rng.random(rows), rng.random(classes)
    inner = plogq.Weighted(ignored(rng, rows, classes), sample_weight=weights[0])
    return plogq.Weighted(plogq.Smoothed(inner, 0.1), class_weight=weights[1])


def soft_weighted(rng: np.random.Generator, rows: int, classes: int) -> Any:
    inner = plogq.Smoothed(soft(rng, rows, classes), 0.1)
    return plogq.Weighted(inner, sample_weight=rng.random(rows), class_weight=rng.random(classes))


def twice_smoothed(rng: np.random.Generator, rows: int, classes: int) -> Any:
    """More backgrounds than the kernel for stored scores takes."""
    return plogq.Smoothed(everything(rng, rows, classes), 0.2)


TARGETS: dict[str, Make] = {
    f.__name__: f
    for f in (labels, ignored, soft, soft_on_axis_0, sparse, everything, soft_weighted)
} | {"twice_smoothed": twice_smoothed}


@pytest.fixture(autouse=True)
def tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where chunks of events would be taken, too."""
    monkeypatch.setattr(Chunked, "refuses", lambda *given: "tiles are tested")


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of a few events and a few classes, so that every border is crossed."""
    monkeypatch.setattr(linear, "_EVENTS", 4)
    monkeypatch.setattr(linear, "_LEAST_BYTES", 8 * 4 * 7)
    monkeypatch.setattr(linear, "_MOST_BYTES", 8 * 4 * 7)
    monkeypatch.setattr(operations, "_SUM_BYTES", 8 * 5 * 3)


@pytest.mark.usefixtures("small_tiles")
@for_each("reduction", ["mean", "sum"])
@for_each("softcap", [None, 3.0])
@for_each("with_bias", [False, True])
@for_each("target", TARGETS)
def test_tiles_give_what_stored_scores_give(
    target: str, with_bias: bool, softcap: float | None, reduction: str
) -> None:
    """11 events of 29 classes in float64, where the product's own rounding is small."""
    rng = np.random.default_rng(len(target))
    hidden, weight = rng.normal(size=(11, 5)), rng.normal(size=(29, 5))
    bias = rng.normal(size=29) if with_bias else None
    p = TARGETS[target](rng, 11, 29)
    scores = hidden @ weight.T + (0 if bias is None else bias)
    options: dict[str, Any] = {"reduction": reduction, "z_loss": 0.01}
    want, slope = plogq.value_and_grad(p, plogq.Logits(scores, softcap=softcap), **options)
    q = plogq.LinearLogits(hidden, weight, bias, softcap=softcap)
    loss, grad = plogq.value_and_grad(p, q, **options)
    close = {"rtol": 1e-11, "atol": 1e-13}
    np.testing.assert_allclose(loss, want, **close)
    np.testing.assert_allclose(plogq.cross_entropy(p, q, **options), want, **close)
    np.testing.assert_allclose(grad.hidden, slope.scores @ weight, **close)
    np.testing.assert_allclose(grad.weight, slope.scores.T @ hidden, **close)
    if bias is not None:
        np.testing.assert_allclose(grad.bias, slope.scores.sum(axis=0), **close)
    each = plogq.cross_entropy(p, q, reduction="none")
    stored = plogq.cross_entropy(p, plogq.Logits(scores, softcap=softcap), reduction="none")
    np.testing.assert_allclose(each, stored, **close)
    log_z = plogq.log_normalizer(plogq.Logits(scores, softcap=softcap))
    np.testing.assert_allclose(plogq.log_normalizer(q), log_z, **close)


@pytest.mark.usefixtures("small_tiles", "instructions")
@for_each("dtype", bounds.DTYPES, ids=lambda d: d.name)
@for_each("base", makers.BASES)
def test_tiles_are_as_exact_as_stored_scores(base: str, dtype: Any) -> None:
    """Against the oracle, with products that are exact in float32; 9 events over many tiles."""
    rng = np.random.default_rng(7)
    p = makers.TARGETS[f"{base}-class_weight>smoothed"](rng, (3, 3), 29, dtype)
    q = makers.linear(bias=True)(rng, (3, 3), 29, dtype)
    losses, grad = plogq.value_and_grad(p.target, q.prediction, reduction="none")
    truth = [oracle.cross_entropy(w, c) for w, c in zip(p.truth, q.costs, strict=True)]
    bounds.check_losses(losses, truth, dtype, [oracle.mass(w) for w in p.truth])
    slopes.Slopes(p, q, dtype, (1.0,) * 9).check(grad)


@pytest.mark.usefixtures("small_tiles")
@for_each("events", [(), (1,), (2, 3), (2, 2, 3), (0,), (3, 0)])
def test_events_of_any_shape(events: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    for base in makers.BASES:
        p = makers.BASES[base](rng, events, 6, np.float64)
        q = makers.linear(bias=True)(rng, events, 6, np.float64)
        losses, grad = plogq.value_and_grad(p.target, q.prediction, reduction="none")
        assert losses.shape == events
        truth = [oracle.cross_entropy(w, c) for w, c in zip(p.truth, q.costs, strict=True)]
        bounds.check_losses(losses, truth, np.float64, [oracle.mass(w) for w in p.truth])
        assert grad.hidden.shape == q.prediction.hidden.shape
        if truth:
            slopes.Slopes(p, q, np.float64, (1.0,) * len(truth)).check(grad)


@for_each("layout", ["transposed", "reversed", "spread", "read_only", "misaligned"])
def test_hidden_and_weight_of_any_layout(layout: str) -> None:
    from .test_layouts import LAYOUTS

    rng = np.random.default_rng(3)
    p = makers.labels(rng, (4,), 6, np.float64)
    q = makers.linear(bias=True)(rng, (4,), 6, np.float32)
    inputs = [LAYOUTS[layout](getattr(q.prediction, n)) for n in ("hidden", "weight", "bias")]
    before = [x.tobytes() for x in inputs]
    relaid = plogq.LinearLogits(*inputs)
    losses, grad = plogq.value_and_grad(p.target, relaid, reduction="none")
    truth = [oracle.cross_entropy(w, c) for w, c in zip(p.truth, q.costs, strict=True)]
    bounds.check_losses(losses, truth, np.float32)
    slopes.Slopes(p, q, np.float32, (1.0,) * 4).check(grad)
    assert [x.tobytes() for x in inputs] == before


@for_each("dtype", bounds.NARROW, ids=lambda d: d.name)
def test_gradients_of_16_bits_are_summed_in_float32(dtype: Any) -> None:
    """2000 equal shares of the weight's gradient: a 16-bit sum would stop growing at 256."""
    rows = 2000
    hidden = np.ones((rows, 1), dtype)
    weight = np.zeros((2, 1), dtype)
    bias = np.zeros(2, dtype)
    q = plogq.LinearLogits(hidden, weight, bias)
    p = plogq.Labels(np.zeros(rows, int))
    loss, grad = plogq.value_and_grad(p, q, reduction="sum")
    assert grad.weight.dtype == dtype
    assert grad.weight[:, 0].astype(float).tolist() == [-1000.0, 1000.0]
    assert grad.bias.astype(float).tolist() == [-1000.0, 1000.0]
    assert loss == pytest.approx(rows * np.log(2), rel=1e-6)


def peak(call: Callable[[], Any]) -> int:
    """The greatest extra memory, in bytes, that NumPy and Python held during a call."""
    call()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@for_each("dtype", [np.float32, bounds.BFLOAT16], ids=["float32", "bfloat16"])
@for_each("gradient", [False, True])
def test_no_array_of_events_times_classes_is_ever_made(gradient: bool, dtype: Any) -> None:
    """Four times the events cost hardly more: O(N + D·K), a tile, and nothing else."""
    classes, features = 20_000, 4
    weight = np.zeros((classes, features), dtype)
    sizes = []
    for rows in (500, 2000):
        hidden = np.ones((rows, features), dtype)
        p = plogq.Smoothed(plogq.Labels(np.arange(rows)), 0.1)
        q = plogq.LinearLogits(hidden, weight)
        call = plogq.value_and_grad if gradient else plogq.cross_entropy
        sizes.append(peak(lambda call=call, p=p, q=q: call(p, q)))
    whole = 2000 * classes * 4
    assert max(sizes) < whole / 8, f"{max(sizes)} of {whole} bytes"
    assert sizes[1] - sizes[0] < whole / 50


def test_stored_scores_cost_their_gradient_and_no_more() -> None:
    """N8: value_and_grad holds the gradient besides the inputs, a loss none of either."""
    z = np.zeros((300, 20_000), np.float32)
    y = plogq.Labels(np.arange(300))
    assert peak(lambda: plogq.cross_entropy(y, plogq.Logits(z))) < z.nbytes / 50
    assert peak(lambda: plogq.value_and_grad(y, plogq.Logits(z))) < 1.05 * z.nbytes
    out = np.empty_like(z)
    assert peak(lambda: plogq.value_and_grad(y, plogq.Logits(z), out=out)) < z.nbytes / 50
    turned = np.asfortranarray(z)
    assert peak(lambda: plogq.cross_entropy(y, plogq.Logits(turned))) < z.nbytes / 20
    half = z.astype(np.float16)
    assert peak(lambda: plogq.cross_entropy(y, plogq.Logits(half))) < z.nbytes / 50
