"""LinearLogits in chunks of events: the products of PyTorch, and one kernel for their scores."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

import plogq
from plogq.algebra import chunked as chunks
from plogq.frameworks import rows
from plogq.frameworks.torch.triton import at_once, binding
from plogq.frameworks.torch.triton.chunked import chunked, room
from plogq.kernels import table

from .. import bounds, makers
from ..kernels import test_linear as on_numpy
from ..on_torch.tensors import array
from .device import DEVICE, Launches, NoWaiting, leaf, on_device, put
from .test_contract import Named
from .test_linear import NAMES, TARGETS, on_device_32

FLOAT32 = bounds.DTYPES[1]
EVENTS, CLASSES, FEATURES = 24, 7, 5
TWO_CHUNKS = 14 * CLASSES * 4


@pytest.fixture(autouse=True)
def chunks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel of a device comes first, on the CPU under the interpreter as well."""
    row = table.Row(
        "chunked", rows.CLASSES, rows.LINEAR, "torch", ("cuda", "cpu"), -20, lambda: chunked
    )
    monkeypatch.setattr(table, "_TABLE", table.Table((*table.ROWS_IN_ALL, row)))
    # Few events, as the interpreter is slow.
    monkeypatch.setattr(chunks, "LEAST_EVENTS", 4)
    monkeypatch.setattr(binding, "_LEAST_EVENTS", 4)


def arrays(seed: int = 0) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    shapes = (EVENTS, FEATURES), (CLASSES, FEATURES), (CLASSES,)
    return tuple(rng.normal(size=s).astype(np.float32) for s in shapes)


def fused(p: Any, q: Any, d_loss: float = 1.0, z_loss: float = 0.0) -> tuple[Any, Named]:
    pair = plogq.pairing.prepare(p, q)
    assert pair.kernel is chunked
    forward, found = pair.kernel.fused(pair.measure, pair.scores, d_loss, z_loss)
    return forward.loss, Named(NAMES, found)


@pytest.mark.parametrize("target", TARGETS)
def test_chunks_give_what_stored_scores_give(target: str) -> None:
    """Two chunks, with a bias, a soft cap and a z-loss, against NumPy in float64."""
    hidden, weight, bias = arrays(len(target))
    p = on_numpy.TARGETS[target](np.random.default_rng(4), EVENTS, CLASSES)
    with plogq.validation("off"):
        wide = plogq.LinearLogits(*(x.astype(float) for x in (hidden, weight, bias)), softcap=3.0)
        want, slope = plogq.value_and_grad(p, wide, reduction="sum", z_loss=0.01)
        leaves = [leaf(x) for x in (hidden, weight, bias)]
        q = plogq.LinearLogits(*leaves, softcap=3.0, workspace=TWO_CHUNKS)
        p = on_device_32(p)
        assert plogq.explain(p, q).chosen == "chunked"
        loss = plogq.cross_entropy(p, q, reduction="sum", z_loss=0.01)
    assert loss.item() == pytest.approx(want, rel=1e-5)
    (2 * loss).backward()
    for name, x in zip(NAMES, leaves, strict=True):
        found, expected = array(x.grad), 2 * getattr(slope, name)
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("dtype", [FLOAT32, bounds.BFLOAT16], ids=lambda d: d.name)
def test_it_is_as_exact_as_its_scores(dtype: Any) -> None:
    """Scores of small integers, which bfloat16 holds: the contract of every number."""
    rng = np.random.default_rng(7)
    p = makers.TARGETS["Labels(ignore)-class_weight>smoothed"](rng, (20,), 4, dtype)
    q = makers.linear(True, None)(rng, (20,), 4, dtype)
    small = [np.round(np.asarray(x, float)).astype(dtype) for x in q.prediction.arrays()]
    exact = [x.astype(float) for x in small]
    wide = plogq.LinearLogits(*exact)
    want, slope = plogq.value_and_grad(p.target, wide, reduction="sum")
    loss, found = fused(on_device(p.target), plogq.LinearLogits(*(put(x) for x in small)))
    assert float(loss.double().sum()) == pytest.approx(float(want), rel=1e-5)
    off = 2.0**-7 if dtype is bounds.BFLOAT16 else 1e-5
    for name in NAMES:
        expected = getattr(slope, name)
        size = np.abs(expected).max()
        np.testing.assert_allclose(
            getattr(found, name).astype(float), expected, atol=off * size, rtol=off
        )


@pytest.mark.parametrize("kept", [0, 1, 17, EVENTS])
def test_ignored_events_are_left_out(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products are made of the others alone: what they hold is not read."""
    hidden, weight, bias = arrays(kept)
    rng = np.random.default_rng(kept)
    y = np.full(EVENTS, -100)
    where = np.sort(rng.permutation(EVENTS)[:kept])
    y[where] = rng.integers(0, CLASSES, kept)
    spoiled = hidden.copy()
    spoiled[y < 0] = np.nan
    made: list[int] = []
    product = chunked.xp.product_into

    def counted(out: Any, a: Any, *more: Any) -> None:
        made.append(len(a))
        product(out, a, *more)

    monkeypatch.setattr(chunked.xp, "product_into", counted)
    p = plogq.Labels(put(y), ignore=-100)
    q = partial(plogq.LinearLogits, workspace=TWO_CHUNKS)
    loss, found = fused(p, q(put(spoiled), put(weight), put(bias)))
    assert sum(n for n in made if n != CLASSES) == 2 * kept, made
    assert (array(loss)[y < 0] == 0).all()
    assert (found.hidden[y < 0] == 0).all()
    if not kept:
        assert not found.weight.any()
        return
    want, slope = fused(plogq.Labels(put(y[where])), q(put(hidden[where]), put(weight), put(bias)))
    np.testing.assert_allclose(array(loss)[where], array(want), rtol=1e-6)
    np.testing.assert_allclose(found.hidden[where], slope.hidden, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.weight, slope.weight, rtol=1e-5, atol=1e-5)


def test_what_is_captured_takes_all_events_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be asked, ignored events are multiplied too, with 0 in place of theirs."""
    hidden, weight, bias = arrays()
    y = np.where(np.arange(EVENTS) % 3 == 0, -100, np.arange(EVENTS) % CLASSES)
    p = plogq.Labels(put(y), ignore=-100)
    hidden[y < 0] = np.nan
    q = plogq.LinearLogits(put(hidden), put(weight), put(bias), workspace=TWO_CHUNKS)
    loss, found = fused(p, q)
    monkeypatch.setattr(chunked.xp, "counting", lambda idle: None)
    again, captured = fused(p, q)
    np.testing.assert_allclose(array(again), array(loss), rtol=1e-6)
    for name in NAMES:
        np.testing.assert_allclose(
            getattr(captured, name), getattr(found, name), rtol=1e-5, atol=1e-6
        )


def test_nothing_is_asked_of_what_is_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the products to the gradients no number is looked at: a CUDA graph can hold it all."""
    hidden, weight, bias = arrays()
    p = plogq.Labels(put(np.where(np.arange(EVENTS) % 3, 1, -100)), ignore=-100)
    q = plogq.LinearLogits(put(hidden), put(weight), put(bias), workspace=TWO_CHUNKS)
    pair = plogq.pairing.prepare(p, q)
    monkeypatch.setattr(chunked.xp, "counting", lambda idle: None)
    launches = Launches()
    monkeypatch.setattr(at_once, "fused", launches)
    share = torch.ones((), device=DEVICE)
    with NoWaiting():
        chunked.fused(pair.measure, pair.scores, share, 0.01)
    assert launches.count == 2


def test_a_gradient_given_away_is_made_again() -> None:
    hidden, weight, _ = (leaf(x) for x in arrays())
    p = plogq.Labels(put(np.arange(EVENTS) % CLASSES))
    loss = plogq.cross_entropy(p, plogq.LinearLogits(hidden, weight))
    first = torch.autograd.grad(loss, (hidden, weight), retain_graph=True)
    again = torch.autograd.grad(3 * loss, (hidden, weight))
    for a, b in zip(first, again, strict=True):
        torch.testing.assert_close(3 * a, b)


def test_only_what_is_asked_for_is_made() -> None:
    """A frozen weight takes no product."""
    hidden, weight, _ = arrays()
    states = leaf(hidden)
    p = plogq.Labels(put(np.arange(EVENTS) % CLASSES))
    made: list[Any] = []
    product = chunked.xp.product_into
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunked.xp, "product_into", lambda *given: (made.append(1), product(*given)))
        plogq.cross_entropy(p, plogq.LinearLogits(states, put(weight))).backward()
        assert len(made) == 2
        plogq.cross_entropy(p, plogq.LinearLogits(states, leaf(weight))).backward()
        assert len(made) == 5
    assert states.grad is not None


def test_it_can_be_differentiated_again() -> None:
    def product(p: Any, kernel: str) -> Any:
        hidden, weight, _ = (leaf(x[:9]) for x in arrays())
        with table.using(kernel):
            loss = plogq.cross_entropy(p, plogq.LinearLogits(hidden, weight), z_loss=0.1)
        (slope,) = torch.autograd.grad(loss, weight, create_graph=True)
        return [array(x) for x in torch.autograd.grad((slope * slope).sum(), (hidden, weight))]

    p = plogq.Labels(put(np.arange(9) % CLASSES))
    for a, b in zip(product(p, "chunked"), product(p, "formula"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_one_kernel_goes_from_scores_to_their_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the gradient stands where the scores stood."""
    launched: list[Any] = []
    kernel = at_once.fused

    class Spied:
        def __getitem__(self, grid: Any) -> Any:
            launched.append(grid)
            return kernel[grid]

    monkeypatch.setattr(at_once, "fused", Spied())
    x = torch.randn(9, 9, device=DEVICE)
    p = plogq.Labels(torch.arange(9, device=DEVICE))
    with table.using("triton"):
        pair = plogq.pairing.prepare(p, plogq.Logits(x))
        want, (slope,) = pair.kernel.fused(pair.measure, pair.scores, 0.5, 0.1)
        with monkeypatch.context() as patch:
            patch.setattr(binding, "_LEAST_EVENTS", 1000)
            steps, (expected,) = pair.kernel.fused(pair.measure, pair.scores, 0.5, 0.1)
        _, (taken,) = pair.kernel.fused(pair.measure, pair.scores, 0.5, 0.1, out=x)
    assert len(launched) == 2
    torch.testing.assert_close(slope, expected, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(want.loss, steps.loss, rtol=1e-6, atol=0)
    assert taken is x
    assert torch.equal(x, slope)


def test_what_it_does_not_take_it_says() -> None:
    hidden, weight, _ = (put(x) for x in arrays())
    p = plogq.Labels(put(np.arange(EVENTS) % CLASSES))
    for says, more in (
        ("workspace=0 asks for the least memory", {"workspace": 0}),
        ("holds the scores of 3 events", {"workspace": 3 * CLASSES * 4}),
        ("leaves out tiles", {"gradient_filter": 0.1}),
    ):
        explained = plogq.explain(p, plogq.LinearLogits(hidden, weight, **more))
        assert explained.chosen != "chunked"
        assert says in str(explained)
    half = plogq.LinearLogits(hidden.half(), weight.half())
    assert "gradients of scores vanish" in str(plogq.explain(p, half))


def test_the_room_holds_all_scores_where_they_take_no_more_than_a_sum_of_weights() -> None:
    """Then there is one chunk, and no float32 sum beside the gradient of the weight."""
    q = plogq.LinearLogits(
        torch.empty(1, 4096, device="meta", dtype=torch.bfloat16),
        torch.empty(128256, 4096, device="meta", dtype=torch.bfloat16),
    )
    assert room(q.lower(chunked.xp, lambda: None), 8192) // (2 * 128256) == 8192
