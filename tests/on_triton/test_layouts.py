"""N8 by the kernels in Triton: a layout changes no number, and nothing beside it is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import plogq
from plogq.algebra.measure import Measure
from plogq.algebra.scores import Scores
from plogq.frameworks.torch.triton import binding, sums_launched
from plogq.frameworks.torch.triton.layout import Runs, runs

from .. import bounds, makers
from ..on_torch import test_layouts as on_torch
from ..on_torch.tensors import array
from ..on_torch.tensors import on_torch as changed
from .device import DEVICE, kernel_of, on_device

Tensor = torch.Tensor


def around(x: Tensor) -> Tensor:
    """Every other element of every axis of a larger tensor; between them NaN, or a wild label."""
    gap: Any = float("nan") if x.is_floating_point() else 1 if x.dtype is torch.bool else 2**30
    wide = torch.full([2 * n + 1 for n in x.shape], gap, dtype=x.dtype, device=x.device)
    cut = tuple(slice(1, 2 * n + 1, 2) for n in x.shape)
    wide[cut] = x
    return wide[cut]


LAYOUTS = {
    "transposed": on_torch.transposed,
    "moved": on_torch.moved,
    "around": around,
}


def results(p: Any, q: Any) -> list[Tensor]:
    """Losses and gradients with a weight of its own for every event."""
    pair = kernel_of(p, q)
    forward = pair.kernel.forward(pair.measure, pair.scores)
    loss = forward.loss
    weight = (1 + torch.arange(loss.numel(), device=DEVICE)).view(loss.shape) / 4
    found = pair.kernel.backward(pair.measure, pair.scores, forward.residual, weight, 0.0)
    return [loss, *(x for x in found if x is not None)]


def same(got: list[Tensor], want: list[Tensor], dtype: Any) -> None:
    for a, b in zip(got, want, strict=True):
        on_torch.same(array(a), array(b), dtype)


@pytest.mark.parametrize(
    ("base", "axis", "layout"),
    # Each two of the three together.
    [(b, a, [*LAYOUTS][(i + a) % 3]) for i, b in enumerate(makers.BASES) for a in range(3)],
)
def test_a_layout_changes_no_result_and_no_input(base: str, axis: int, layout: str) -> None:
    for dtype, softcap in ((np.dtype(np.float32), None), (bounds.BFLOAT16, 3.0)):
        rng = np.random.default_rng(7)
        p = makers.TARGETS[f"{base}-class_weight>smoothed"](rng, (2, 3), 5, dtype).target
        scores = makers.logits(rng, (2, 3), 5, dtype).prediction.scores
        plain = plogq.Logits(scores, softcap=softcap)
        want = results(*map(on_device, (p, plain)))
        p, q = (on_device(makers.turned(x, axis)) for x in (p, plain))
        laid = [changed(x, LAYOUTS[layout]) for x in (p, q)]
        before = [[x.clone() for x in on_torch.tensors.tensors(r)] for r in laid]
        loss, gradient = results(*laid)
        same([loss, gradient.movedim(axis, -1)], want, dtype)
        # As torch.empty_like has it, which is what a gradient of autograd is to be.
        assert gradient.stride() == torch.empty_like(laid[1].scores).stride()
        for old, r in zip(before, laid, strict=True):
            for x, y in zip(old, on_torch.tensors.tensors(r), strict=True):
                assert torch.equal(x, y)


@pytest.mark.usefixtures("small_tiles")
def test_three_runs_of_events_are_copied_and_come_back_as_they_lay() -> None:
    """Events that lie in more ways than the kernels have steps for."""
    rng = np.random.default_rng(3)
    dtype = np.dtype(np.float32)
    p = makers.TARGETS["Probs-both_weights"](rng, (2, 3, 2), 5, dtype).target
    q = makers.logits(rng, (2, 3, 2), 5, dtype).prediction
    want = results(*map(on_device, (p, q)))
    laid = [changed(on_device(x), around) for x in (p, q)]
    assert runs(laid[1].scores, 3) is None
    loss, gradient = results(*laid)
    same([loss, gradient], want, dtype)
    assert gradient.stride() == torch.empty_like(laid[1].scores).stride()
    pair = kernel_of(*laid)
    out = around(torch.zeros_like(laid[1].scores))
    forward = pair.kernel.forward(pair.measure, pair.scores)
    (found,) = pair.kernel.backward(pair.measure, pair.scores, forward.residual, 1.0, 0.0, out)
    assert found is out
    (fresh,) = pair.kernel.backward(pair.measure, pair.scores, forward.residual, 1.0, 0.0)
    assert torch.equal(found, fresh)
    assert not torch.equal(found, torch.zeros_like(found))


def test_channels_last() -> None:
    """Images with the classes next to one another, as convolutions leave them."""
    rng = np.random.default_rng(5)
    dtype = np.dtype(np.float32)
    p = makers.labels(rng, (2, 3, 4), 5, dtype).target
    q = makers.logits(rng, (2, 3, 4), 5, dtype).prediction
    want = results(*map(on_device, (p, q)))
    z = on_device(q).scores.movedim(-1, 1).contiguous(memory_format=torch.channels_last)
    assert z.stride(1) == 1
    loss, gradient = results(on_device(p), plogq.Logits(z, axis=1))
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    same([loss, gradient.movedim(1, -1)], want, dtype)


def test_expanded_tensors() -> None:
    """Strides of 0: one row, one label, one weight stand for many."""
    rng = np.random.default_rng(5)
    dtype = np.dtype(np.float32)
    q = on_device(makers.logits(rng, (1,), 6, dtype).prediction)
    p = plogq.Weighted(
        plogq.Labels(torch.tensor([2], device=DEVICE)),
        sample_weight=torch.tensor([1.5], device=DEVICE),
    )
    for target in (p, on_device(makers.probs(rng, (1,), 6, dtype).target)):
        want = results(target, q)
        many = changed(target, lambda x: x.expand(5, *x.shape[1:]))
        rows = plogq.Logits(q.scores.expand(5, 6))
        loss, gradient = results(many, rows)
        for i in range(5):
            same([loss[i : i + 1], gradient[i : i + 1] / (i + 1)], want, dtype)
    column = torch.tensor([[3.0], [-2.0]], device=DEVICE).expand(2, 9)
    loss, _ = results(plogq.Labels(torch.tensor([0, 8], device=DEVICE)), plogq.Logits(column))
    torch.testing.assert_close(loss.cpu(), torch.full((2,), 9.0).log())


def test_nothing_outside_a_row_is_read_or_written() -> None:
    """Rows inside a larger buffer of NaN, of a length that fills no tile."""
    rng = np.random.default_rng(5)
    for events, classes in (((3,), 5), ((1,), 17)):
        for base in makers.BASES:
            p = on_device(makers.TARGETS[f"{base}-both_weights"](rng, events, classes, np.float32)
                          .target)  # fmt: skip
            q = on_device(makers.logits(rng, events, classes, np.float32).prediction)
            want = results(p, q)
            around_q = torch.full((events[0] + 2, classes + 8), float("nan"), device=DEVICE)
            inside = around_q[1:-1, 4:-4]
            inside.copy_(q.scores)
            got = results(p, plogq.Logits(inside))
            for a, b in zip(got, want, strict=True):
                assert torch.equal(a, b)
            pair = kernel_of(p, plogq.Logits(inside))
            pair.kernel.fused(pair.measure, pair.scores, 1.0, 0.0, inside)
            around_q[1:-1, 4:-4] = float("nan")
            assert around_q.isnan().all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_hidden_and_weight_of_any_layout(layout: str) -> None:
    rng = np.random.default_rng(3)
    for dtype in (np.dtype(np.float32), bounds.BFLOAT16):
        p = on_device(makers.TARGETS["Probs-class_weight>smoothed"](rng, (2, 3), 6, dtype).target)
        q = on_device(makers.linear(bias=True)(rng, (2, 3), 6, dtype).prediction)
        want = results(p, q)
        laid = [changed(x, LAYOUTS[layout]) for x in (p, q)]
        got = results(*laid)
        same(got, want, dtype)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_yes_no_outcomes_of_any_layout(layout: str) -> None:
    rng = np.random.default_rng(3)
    p = on_device(makers.BINARY_TARGETS["BinaryProbs(soft)-both_weights"](
        rng, (2, 3, 4), 0, np.float32).target)  # fmt: skip
    q = on_device(makers.binary_logits(rng, (2, 3, 4), 0, np.float32).prediction)
    want = results(p, q)
    laid = [changed(x, LAYOUTS[layout]) for x in (p, q)]
    same(results(*laid), want, np.float32)
    pair = kernel_of(*laid)
    out = LAYOUTS[layout](torch.zeros_like(q.scores))
    (found,) = pair.kernel.backward(pair.measure, pair.scores, None, 1.0, 0.0, out)
    assert found is out
    (fresh,) = pair.kernel.backward(pair.measure, pair.scores, None, 1.0, 0.0)
    assert torch.equal(found, fresh)


@pytest.mark.parametrize(
    ("x", "axis", "found"),
    [
        (torch.empty(4, 5), 1, Runs(5, 1, 0)),
        (torch.empty(4, 5), 0, Runs(1, 1, 0)),
        (torch.empty(2, 3, 5), 2, Runs(5, 1, 0)),
        (torch.empty(2, 5, 3), 1, Runs(15, 3, 1)),
        (torch.empty(5), 0, Runs(0, 1, 0)),
        (torch.empty(5, 2, 3).transpose(1, 2), 0, Runs(1, 2, 3)),
        (torch.empty(8, 9, 10, 5)[::2, ::3, ::2], 3, None),
    ],
)
def test_runs_of_events(x: Tensor, axis: int, found: Runs | None) -> None:
    """Where event e begins: (e // length) · outer + (e % length) · inner."""
    assert runs(x, axis) == found
    if found is not None:
        begins = (x.movedim(axis, -1)[..., 0].flatten() if x.ndim > 1 else x[:1]).numel()
        at = [(e // found.length) * found.outer + (e % found.length) * found.inner
              for e in range(begins)]  # fmt: skip
        numbered = torch.arange(x.untyped_storage().nbytes() // 4).as_strided(x.shape, x.stride())
        assert at == numbered.movedim(axis, -1)[..., 0].flatten().tolist()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_mass_of_soft_targets_is_summed_where_it_lies(axis: int, weighted: bool) -> None:
    """Σ over any axis in float64, class weights with gaps between them; and the least entry."""
    p = torch.rand(3, 5, 4, device=DEVICE, generator=torch.Generator(DEVICE).manual_seed(2))
    weight = torch.rand(p.shape[axis], 2, device=DEVICE).double()[:, 0] if weighted else None
    sums, least = sums_launched.row_sums(p, axis, weight)
    wide = p.double().movedim(axis, -1)
    want = wide.sum(-1) if weight is None else (wide * weight).sum(-1)
    torch.testing.assert_close(sums, want, rtol=1e-15, atol=0)
    assert torch.equal(least, p.amin(axis))


def test_numbers_flow_back_as_tensors_do() -> None:
    z, y = torch.linspace(-2, 3, 15, device=DEVICE).view(3, 5), torch.tensor([[0], [4], [2]])
    measure, scores = Measure((3,), 5, y.to(DEVICE)), Scores("logits", z, 1)
    forward = binding.stored.forward(measure, scores, log_z=True)
    one = torch.ones(3, device=DEVICE)
    got = binding.stored.backward(measure, scores, forward.residual, 0.5, 0.25)
    want = binding.stored.backward(measure, scores, forward.residual, 0.5 * one, 0.25 * one)
    assert torch.equal(got[0], want[0])


@pytest.mark.parametrize(("classes", "block"), [(5, 8), (1 << 20, 16), (600_000_000, 2048)])
def test_no_grid_is_longer_than_devices_allow(classes: int, block: int) -> None:
    tiles = binding.tiles_each(classes, block)
    assert -(-classes // (block * tiles)) <= 65535
    span, splits = binding.spans(classes, 4, block, block * binding._RUN)
    assert splits <= 65535
    assert span % block == 0
    assert (splits - 1) * span < classes <= splits * span
