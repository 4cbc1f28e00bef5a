"""The short way of labels and logits on a GPU: the numbers of the long one, in fewer launches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import plogq
from benchmarks import calls
from plogq.algebra.plain import Plain
from plogq.frameworks.torch import small_cuda
from plogq.frameworks.torch.triton import at_once

from .. import bounds, oracle
from ..on_torch.tensors import array
from .device import DEVICE, TAKEN, Launches, NoWaiting, leaf, put

Tensor = torch.Tensor

Y = np.array([0, 4, 2, 1, 1, 3])
SCORES = np.random.default_rng(3).normal(scale=3, size=(6, 5))


def short(y: Tensor, x: Tensor, ignore: int | None, mean: bool) -> Tensor | None:
    p = Plain(y, () if ignore is None else (ignore,))
    reduction = "mean" if mean else "sum"
    return small_cuda.short(p, x, -1, None, reduction)


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("ignore", [None, 1, 7])
@pytest.mark.parametrize("dtype", TAKEN, ids=lambda d: d.name)
def test_it_gives_the_loss_and_the_gradient(
    dtype: Any, ignore: int | None, mean: bool, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not small:
        monkeypatch.setattr(small_cuda, "_SMALL", 0)
    scores = SCORES.astype(dtype)
    x = leaf(scores)
    loss = short(put(Y), x, ignore, mean)
    assert loss is not None
    kept = np.ones(6, bool) if ignore is None else ignore != Y
    costs = oracle.label_costs(scores, Y)
    want = sum(c for c, k in zip(costs, kept, strict=True) if k) / (kept.sum() if mean else 1)
    assert loss.dtype is torch.float32
    assert loss.item() == pytest.approx(float(want), rel=1e-6)
    loss.backward()
    assert x.grad is not None
    rows = oracle.label_gradients(scores, Y)
    # As float32 has it, which is what flows back.
    share = (kept / np.float32(kept.sum() if mean else 1)).astype(np.float32)
    expected = [g * float(s) for row, s in zip(rows, share, strict=True) for g in row]
    bounds.check_hard_gradient(array(x.grad), expected, scores.dtype)


def test_where_nothing_counts_the_mean_and_its_gradient_are_0() -> None:
    x = leaf(SCORES.astype(np.float32))
    loss = short(put(np.full(6, -100)), x, -100, True)
    assert loss is not None
    assert loss.item() == 0
    loss.backward()
    assert (array(x.grad) == 0).all()


def test_a_label_out_of_range_is_nan() -> None:
    x = leaf(SCORES.astype(np.float32))
    loss = short(put(np.array([0, 5, 2, -1, 1, 3])), x, None, True)
    assert loss is not None
    assert loss.isnan()
    loss.backward()
    wrong = np.array([False, True, False, True, False, False])
    assert np.isnan(array(x.grad)[wrong]).all()
    assert np.isfinite(array(x.grad)[~wrong]).all()


def test_its_gradient_can_be_differentiated_again() -> None:
    def product(loss: Tensor, x: Tensor) -> Any:
        (slope,) = torch.autograd.grad(loss, x, create_graph=True)
        return array(torch.autograd.grad((slope * slope).sum(), x)[0])

    x, y = leaf(SCORES.astype(np.float32)), put(Y)
    loss = short(y, x, 1, True)
    assert loss is not None
    want = torch.nn.functional.cross_entropy(x, y, ignore_index=1)
    np.testing.assert_allclose(product(loss, x), product(want, x), rtol=1e-5, atol=1e-7)


def test_a_batch_of_sequences() -> None:
    x, y = put(SCORES.astype(np.float32).reshape(2, 3, 5)), put(Y.reshape(2, 3))
    loss = short(y, x, None, False)
    assert loss is not None
    want = plogq.cross_entropy(plogq.Labels(Y), plogq.Logits(SCORES), reduction="sum")
    assert loss.item() == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize(
    ("y", "x"),
    [
        (put(Y).to(torch.int32), put(SCORES.astype(np.float32))),
        (put(Y[:5]), put(SCORES.astype(np.float32))),
        (put(Y), put(SCORES)),
        (put(Y)[:0], put(SCORES.astype(np.float32))[:0]),
        (put(Y), torch.zeros(6, 1, device=DEVICE)),
        (torch.zeros(6, dtype=torch.int64, device="meta"), put(SCORES.astype(np.float32))),
    ],
    ids=["int32", "shapes", "float64", "empty", "one class", "two devices"],
)
def test_what_is_not_plain_goes_the_long_way(y: Tensor, x: Tensor) -> None:
    assert short(y, x, None, True) is None


@pytest.mark.parametrize(
    "more",
    [
        {"epsilon": 0.1},
        {"sample_weight": put(np.ones(6))},
        {"class_weight": put(np.ones(5))},
        {"ignore": (1, 7)},
    ],
    ids=["smoothed", "weighted", "weighted classes", "several ignored"],
)
def test_what_is_made_of_labels_goes_the_long_way(more: Any) -> None:
    p, x = Plain(put(Y), **more), put(SCORES.astype(np.float32))
    assert small_cuda.short(p, x, -1, None, "mean") is None
    assert small_cuda.short(Plain(put(Y)), x, -1, 5.0, "mean") is None
    assert small_cuda.short(Plain(put(Y)), x, -1, None, "none") is None
    assert small_cuda.short(Plain(put(Y)), x, 0, None, "mean") is None


def test_a_gradient_given_away_is_made_again() -> None:
    x = leaf(SCORES.astype(np.float32))
    loss = short(put(Y), x, 1, True)
    assert loss is not None
    (first,) = torch.autograd.grad(loss, x, retain_graph=True)
    (again,) = torch.autograd.grad(2 * loss, x)
    torch.testing.assert_close(2 * first, again)


@pytest.mark.parametrize(("ignore", "most"), [(None, 12), (1, 12)])
def test_a_small_step_is_one_launch_and_few_functions(
    ignore: int | None, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host overhead decides at 64×1000: the kernel is launched once for loss and gradient."""
    launches, p = Launches(), Plain(put(Y), () if ignore is None else (ignore,))
    monkeypatch.setattr(at_once, "fused", launches)
    # As of a tensor on a device.
    monkeypatch.setattr(small_cuda, "_taken", small_cuda.xp.ordinary)
    x = leaf(SCORES.astype(np.float32))

    def step() -> None:
        loss = small_cuda.short(p, x, -1, None, "mean")
        assert loss is not None
        loss.backward()

    entered = calls.entered(step)
    assert launches.count == 3  # three calls, of which one is counted
    assert entered <= most
    # What is not ordinary is looked at more closely: here a mode that looks at every operation.
    monkeypatch.setattr(small_cuda, "_taken", lambda x: True)
    with NoWaiting():
        step()
