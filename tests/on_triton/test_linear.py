"""LinearLogits in Triton: events left out, gradients filtered, chunks of classes, and memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import plogq
from plogq.frameworks.torch.triton import linear
from plogq.frameworks.torch.triton import linear_binding as products
from plogq.kernels.table import using

from .. import bounds, makers, oracle, slopes
from ..kernels import test_filter as filtered
from ..kernels import test_linear as on_numpy
from ..on_torch.tensors import array, on_torch
from .device import DEVICE, LINEAR, allowing_16_bits, kernel_of, leaf, on_device, put
from .test_contract import Named

Array = npt.NDArray[Any]
Tensor = torch.Tensor

NAMES = ("hidden", "weight", "bias")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 16 events, classes and features; no more than a block of classes in a chunk."""
    monkeypatch.setattr(products, "_sizes", lambda *given: products._Sizes(16, 16, 16, 4, 1))
    monkeypatch.setattr(products, "_LEAST_BYTES", 1)
    monkeypatch.setattr(products, "_SHARE", 1 << 30)


def fused(p: Any, q: Any, d_loss: float = 1.0, z_loss: float = 0.0) -> tuple[Tensor, Named]:
    pair = kernel_of(p, q)
    forward, found = pair.kernel.fused(pair.measure, pair.scores, d_loss, z_loss)
    return forward.loss, Named(NAMES, found)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("dtype", LINEAR, ids=lambda d: d.name)
@pytest.mark.parametrize("base", makers.BASES)
def test_many_tiles_are_as_exact_as_one(base: str, dtype: Any) -> None:
    """18 events of 29 classes: two blocks of each, and as many chunks."""
    rng = np.random.default_rng(7)
    p = makers.TARGETS[f"{base}-class_weight>smoothed"](rng, (6, 3), 29, dtype)
    for softcap in (None, 4.0):
        q = makers.linear(True, softcap)(rng, (6, 3), 29, dtype)
        loss, found = fused(on_device(p.target), on_device(q.prediction))
        truth = [oracle.cross_entropy(w, c) for w, c in zip(p.truth, q.costs, strict=True)]
        bounds.check_losses(array(loss), truth, dtype, [oracle.mass(w) for w in p.truth])
        allowing_16_bits(slopes.Slopes(p, q, dtype, (1.0,) * 18)).check(found)


TARGETS = [t for t in on_numpy.TARGETS if t != "twice_smoothed"]


def on_device_32(p: Any) -> Any:
    """P where the kernels run, its dense probabilities in float32."""

    def change(x: Array) -> Tensor:
        return put(x.astype(np.float32) if x.ndim > 1 and x.dtype == np.float64 else x)

    return on_torch(p, change)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("target", "with_bias", "softcap"),
    [(t, bool(i % 2 + j == 1), (None, 3.0)[j]) for i, t in enumerate(TARGETS) for j in (0, 1)],
)
def test_tiles_give_what_stored_scores_give(
    target: str, with_bias: bool, softcap: float | None
) -> None:
    """20 events of 37 classes and 19 features, with z-loss, against NumPy in float64."""
    rng = np.random.default_rng(len(target))
    hidden, weight = (rng.normal(size=s).astype(np.float32) for s in ((20, 19), (37, 19)))
    bias = rng.normal(size=37).astype(np.float32) if with_bias else None
    p = on_numpy.TARGETS[target](rng, 20, 37)
    wide = [None if x is None else x.astype(float) for x in (hidden, weight, bias)]
    plain = plogq.LinearLogits(*wide, softcap=softcap)
    with plogq.validation("off"):
        q = plogq.LinearLogits(put(hidden), put(weight), None if bias is None else put(bias),
                               softcap=softcap)  # fmt: skip
        want, slope = plogq.value_and_grad(p, plain, reduction="sum", z_loss=0.01)
        pair = kernel_of(on_device_32(p), q)
        forward, found = pair.kernel.fused(pair.measure, pair.scores, 1.0, 0.01)
    mass = pair.measure.mass(pair.xp)
    total = (forward.loss + 0.01 * mass * forward.log_z**2).sum()
    assert total.item() == pytest.approx(want, rel=1e-5)
    for name, x in zip(NAMES, found, strict=True):
        expected = getattr(slope, name)
        if expected is None:
            assert x is None
            continue
        np.testing.assert_allclose(array(x), expected, rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kept", [0, 1, 17, 40])
def test_ignored_events_are_left_out(kept: int) -> None:
    """No tile is made for them: what they hold is not read, and their gradient is 0."""
    rng = np.random.default_rng(kept)
    y = np.full(40, -100)
    where = np.sort(rng.permutation(40)[:kept])
    y[where] = rng.integers(0, 21, kept)
    hidden = rng.integers(-4, 5, (40, 3)).astype(np.float32)
    weight = rng.integers(-4, 5, (21, 3)).astype(np.float32) / 4
    spoiled = hidden.copy()
    spoiled[y < 0] = np.nan
    p = plogq.Labels(put(y), ignore=-100)
    loss, found = fused(p, plogq.LinearLogits(put(spoiled), put(weight), put(weight[:, 0])))
    assert (array(loss)[y < 0] == 0).all()
    assert (found.hidden[y < 0] == 0).all()
    if not kept:
        assert not found.weight.any()
        assert not found.bias.any()
        return
    alone = plogq.LinearLogits(put(hidden[where]), put(weight), put(weight[:, 0]))
    want, slope = fused(plogq.Labels(put(y[where])), alone)
    np.testing.assert_allclose(array(loss)[where], array(want), rtol=1e-6)
    np.testing.assert_allclose(found.hidden[where], slope.hidden, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.weight, slope.weight, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.bias, slope.bias, rtol=1e-5, atol=1e-5)


def test_log_z_is_that_of_ignored_events_too() -> None:
    q = plogq.LinearLogits(put(np.eye(3, dtype=np.float32)), put(np.eye(3, dtype=np.float32)))
    p = plogq.Labels(torch.tensor([-1, 2, -1], device=DEVICE), ignore=-1)
    pair = kernel_of(p, q)
    log_z = pair.kernel.forward(pair.measure, pair.scores, log_z=True).log_z
    np.testing.assert_allclose(array(log_z), np.log(2 + np.e), rtol=1e-6)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("target", "least"),
    [("labels", 0.0), *((t, 0.25) for t in ("labels", "ignored", "weighted", "soft"))],
)
def test_what_is_left_out_is_within_the_bound(
    target: str, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_SHARE", 1)
    # Two blocks of events, and five blocks of classes of the fourteen, as the interpreter is slow;
    # of weighted events and of soft targets there would then be no tile in which nothing counts.
    if target != "weighted":
        monkeypatch.setattr(filtered, "EVENTS", 20)
    if target != "soft":
        monkeypatch.setattr(filtered, "CLASSES", 75)
    hidden, weight, y = filtered.sharp(3)
    hidden, weight = hidden.astype(np.float32), weight.astype(np.float32)
    bias = np.linspace(-1, 1, filtered.CLASSES).astype(np.float32)
    p, w = filtered.pairs(y, np.random.default_rng(5))[target]
    p = on_device_32(p)
    arrays = [put(x) for x in (hidden, weight, bias)]
    with plogq.validation("off"):
        loss, exact = fused(p, plogq.LinearLogits(*arrays))
        again, found = fused(p, plogq.LinearLogits(*arrays, gradient_filter=least))
    assert torch.equal(again, loss)
    slack = 2e-5
    off_hidden = np.abs(found.hidden - exact.hidden)
    assert (off_hidden <= least * w[:, None] * np.abs(weight).sum(0) + slack).all()
    off_weight = np.abs(found.weight - exact.weight)
    assert (off_weight <= least * (w @ np.abs(hidden)) + slack).all()
    assert np.array_equal(found.bias, exact.bias)
    if least:
        assert not np.array_equal(found.weight, exact.weight)
    else:
        assert np.array_equal(found.weight, exact.weight)


@pytest.mark.usefixtures("small")
def test_a_filter_skips_the_tiles_in_which_nothing_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 5 × 5 tiles only those of the labels' classes are multiplied."""
    monkeypatch.setattr(products, "_SHARE", 1)
    y = np.arange(80) // 16 * 16
    hidden, weight = np.eye(5, dtype=np.float32)[y // 16] * 40, np.zeros((80, 5), np.float32)
    weight[::16] = np.eye(5)
    # Each label is likely but not certain: its gradient counts, and that of no other tile does.
    hidden *= 0.2
    flags: list[Tensor] = []
    product = linear.product

    class Spied:
        def __getitem__(self, grid: Any) -> Any:
            def run(*arguments: Any, **options: Any) -> None:
                flags.append(arguments[8].clone())
                product[grid](*arguments, **options)

            return run

    monkeypatch.setattr(linear, "product", Spied())
    q = plogq.LinearLogits(put(hidden), put(weight), gradient_filter=2.0**-8)
    _, found = fused(plogq.Labels(put(y)), q)
    assert len(flags) == 10
    for each in (flags[::2], flags[1::2]):
        assert torch.cat(each, 1).tolist() == np.eye(5, dtype=int).tolist()
    rows = np.flatnonzero(np.abs(found.weight).any(axis=1))
    assert set(rows // 16) == set(range(5))


def test_a_filter_keeps_what_is_no_number() -> None:
    hidden = put(np.array([[np.nan], [1.0]], np.float32))
    q = plogq.LinearLogits(hidden, put(np.ones((3, 1), np.float32)), gradient_filter=0.5)
    loss, found = fused(plogq.Labels(put(np.array([0, 1]))), q)
    assert loss.isnan().tolist() == [True, False]
    assert np.isnan(found.weight).all()


def test_gradients_of_16_bits_are_summed_in_float32() -> None:
    """600 equal shares of the weight's gradient: a bfloat16 sum would stop growing at 256."""
    rows = 600
    ones = torch.ones(rows, 1, device=DEVICE, dtype=torch.bfloat16)
    zeros = torch.zeros(2, 1, device=DEVICE, dtype=torch.bfloat16)
    q = plogq.LinearLogits(ones, zeros, zeros[:, 0])
    pair = kernel_of(plogq.Labels(torch.zeros(rows, dtype=torch.int64, device=DEVICE)), q)
    forward, (_, weight, bias) = pair.kernel.fused(pair.measure, pair.scores, 1.0, 0.0)
    assert weight.dtype is torch.bfloat16
    assert weight[:, 0].tolist() == bias.tolist() == [-300.0, 300.0]
    assert forward.loss.sum().item() == pytest.approx(rows * np.log(2), rel=1e-6)


@pytest.mark.usefixtures("small")
def test_the_weights_gradient_is_rounded_about_as_if_once() -> None:
    """In bfloat16 its error is near that of rounding the exact gradient, however long the sum."""
    rng = np.random.default_rng(8)
    rows, classes, features = 200, 8, 4
    hidden = rng.normal(size=(rows, features)).astype(bounds.BFLOAT16)
    weight = rng.normal(size=(classes, features)).astype(bounds.BFLOAT16)
    y = rng.integers(0, classes, rows)
    _, found = fused(plogq.Labels(put(y)), plogq.LinearLogits(put(hidden), put(weight)))
    wide = plogq.LinearLogits(hidden.astype(float), weight.astype(float))
    _, exact = plogq.value_and_grad(plogq.Labels(y), wide, reduction="sum")
    once = np.abs(exact.weight.astype(bounds.BFLOAT16).astype(float) - exact.weight)
    ours = np.abs(found.weight.astype(float) - exact.weight)
    assert np.sqrt((ours**2).mean()) < 2 * np.sqrt((once**2).mean())


@pytest.mark.usefixtures("small")
def test_the_same_call_gives_the_same_bits() -> None:
    rng = np.random.default_rng(2)
    p = on_device(makers.TARGETS["Labels(ignore)-class_weight>smoothed"](
        rng, (40,), 37, np.float32).target)  # fmt: skip
    q = plogq.LinearLogits(
        put(rng.normal(size=(40, 9)).astype(bounds.BFLOAT16)),
        put(rng.normal(size=(37, 9)).astype(bounds.BFLOAT16)),
        put(rng.normal(size=37).astype(bounds.BFLOAT16)),
        softcap=5.0,
    )

    def bits() -> list[bytes]:
        loss, found = fused(p, q)
        return [array(loss).tobytes(), *(getattr(found, n).tobytes() for n in NAMES)]

    first = bits()
    assert bits() == first


class Largest(TorchDispatchMode):
    """How many bytes the largest tensor has that PyTorch's operations make."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for x in made if isinstance(made, tuple | list) else (made,):
            if isinstance(x, torch.Tensor):
                self.bytes = max(self.bytes, x.untyped_storage().nbytes())
        return made


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_array_of_events_times_classes_is_ever_made(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workspace is a 25th of the weights, or enough for a product, whatever N and K are."""
    monkeypatch.setattr(products, "_LEAST_BYTES", 1 << 14)
    events, classes, features = 128, 640, 8
    y = torch.arange(events, device=DEVICE) % classes
    hidden = torch.ones(events, features, device=DEVICE, dtype=dtype)
    weight = torch.zeros(classes, features, device=DEVICE, dtype=dtype)
    p = plogq.Labels(y) if dtype is torch.bfloat16 else plogq.Smoothed(plogq.Labels(y), 0.1)
    pair = kernel_of(p, plogq.LinearLogits(hidden, weight))
    upstream = torch.ones(events, device=DEVICE)
    with Largest() as largest:
        forward = pair.kernel.forward(pair.measure, pair.scores, log_z=True)
        pair.kernel.backward(pair.measure, pair.scores, forward.residual, upstream, upstream)
    whole = events * classes * dtype.itemsize
    assert (
        0
        < largest.bytes
        <= max(events * 128 * dtype.itemsize, classes * features * 4, events * features * 4)
    ), largest.bytes
    assert largest.bytes < whole / 4


def test_autograd_carries_the_gradients_on() -> None:
    rng = np.random.default_rng(9)
    hidden, weight = (rng.normal(size=s).astype(np.float32) for s in ((5, 4), (7, 4)))
    y = np.array([0, 6, 3, 3, 1])
    leaves = [leaf(x) for x in (hidden, weight)]
    with using("triton"):
        plogq.cross_entropy(plogq.Labels(put(y)), plogq.LinearLogits(*leaves)).backward()
    wide = plogq.LinearLogits(hidden.astype(float), weight.astype(float))
    _, slope = plogq.value_and_grad(plogq.Labels(y), wide)
    for x, want in zip(leaves, (slope.hidden, slope.weight), strict=True):
        np.testing.assert_allclose(array(x.grad), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("most", "tiles", "slots", "found"),
    [(29, 18, 264, 29), (26, 32, 264, 24), (1, 5, 264, 1), (9, 1, 1, 9), (40, 264, 264, 40)],
)
def test_a_chunk_leaves_no_multiprocessor_idle_at_the_end(
    most: int, tiles: int, slots: int, found: int
) -> None:
    """At most `most` blocks: as many of them as fill whole rounds best."""
    assert products.even_blocks(most, tiles, slots) == found
