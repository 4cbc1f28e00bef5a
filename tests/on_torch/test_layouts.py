"""N8: the same numbers however a tensor lies in memory, and no input is written to.

Rows and columns are summed in different orders, so "the same" is up to a few roundings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import plogq

from .. import bounds, makers
from ..together import for_each
from . import tensors
from .tensors import array, on_torch, recorded

Tensor = torch.Tensor


def transposed(x: Tensor) -> Tensor:
    return x.mT.contiguous().mT if x.ndim > 1 else x.clone()


def moved(x: Tensor) -> Tensor:
    """The last axis first in memory."""
    return x.movedim(-1, 0).contiguous().movedim(0, -1) if x.ndim else x.clone()


def spread(x: Tensor) -> Tensor:
    """Every other element of every axis of a larger tensor; the gaps hold NaN or 101."""
    gap = float("nan") if x.is_floating_point() else 1 if x.dtype is torch.bool else 101
    wide = torch.full([2 * n + 1 for n in x.shape], gap, dtype=x.dtype)
    cut = tuple(slice(1, 2 * n + 1, 2) for n in x.shape)
    wide[cut] = x
    return wide[cut]


def offset(x: Tensor) -> Tensor:
    """Contiguous, from the fourth element of its storage on."""
    storage = torch.zeros(x.numel() + 7, dtype=x.dtype)
    view = storage[3 : 3 + x.numel()].view(x.shape)
    view.copy_(x)
    return view


def misaligned(x: Tensor) -> Tensor:
    """One byte off, as a memory map may have it."""
    raw = torch.zeros(x.numel() * x.element_size() + 1, dtype=torch.uint8)
    # frombuffer is the one door that lets such an address in.
    view = torch.frombuffer(raw.numpy(), dtype=x.dtype, offset=1) if x.numel() else x.clone()
    view = view[: x.numel()].view(x.shape)
    view.copy_(x)
    return view


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": Tensor.clone,
    "transposed": transposed,
    "moved": moved,
    "spread": spread,
    "offset": offset,
    "misaligned": misaligned,
}


def results(p: Any, q: Any) -> list[Any]:
    """The losses, and the gradient of each leaf for weights of its own per event."""
    q = on_torch(q, lambda x: x.requires_grad_())
    loss = plogq.cross_entropy(p, q, reduction="none")
    weight = (1 + torch.arange(loss.numel(), dtype=loss.dtype)).view(loss.shape) / 4
    leaves = tensors.tensors(q)
    found = torch.autograd.grad(loss, leaves, weight)
    for x, g in zip(leaves, found, strict=True):
        assert (g.shape, g.dtype) == (x.shape, x.dtype)
    return [array(x) for x in (loss, *found)]


def same(got: Any, want: Any, dtype: Any) -> None:
    """The same up to a few roundings of the statistics and one of the dtype."""
    off = 32 * bounds.unit(dtype)
    if got.dtype in bounds.NARROW:
        off += 2 * bounds.rounding(got.dtype)
    np.testing.assert_allclose(got.astype(float), want.astype(float), rtol=off, atol=off)


layouts = st.sampled_from(sorted(LAYOUTS))
wrappers = st.sampled_from(["plain", "smoothed", "both_weights", "class_weight>smoothed"])
event_shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@settings(max_examples=70)
@given(
    st.sampled_from(list(makers.BASES)),
    wrappers,
    st.sampled_from(list(makers.STORED)),
    event_shapes,
    st.integers(2, 70),
    st.sampled_from(bounds.DTYPES),
    layouts,
    layouts,
    st.integers(0, 2**31),
)
def test_a_layout_changes_no_result_and_no_input(
    base: str,
    layers: str,
    prediction: str,
    events: tuple[int, ...],
    classes: int,
    dtype: Any,
    of_p: str,
    of_q: str,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    p = makers.TARGETS[f"{base}-{layers}"](rng, events, classes, dtype).target
    q = makers.STORED[prediction](rng, events, classes, dtype).prediction
    axis = int(rng.integers(-len(events) - 1, len(events) + 1))
    p, q = (on_torch(makers.turned(x, axis)) for x in (p, q))
    want = results(p, q)
    laid_p, laid_q = on_torch(p, LAYOUTS[of_p]), on_torch(q, LAYOUTS[of_q])
    inputs = [*tensors.tensors(laid_p), *tensors.tensors(laid_q)]
    before = [(x._version, array(x).tobytes()) for x in inputs]
    got = results(laid_p, laid_q)
    for a, b in zip(got, want, strict=True):
        same(a, b, dtype)
    assert [(x._version, array(x).tobytes()) for x in inputs] == before, "an input has changed"


@settings(max_examples=40)
@given(
    st.sampled_from(list(makers.BINARY_TARGETS)),
    st.sampled_from(list(makers.BINARY_PREDICTIONS)),
    event_shapes,
    st.sampled_from(bounds.DTYPES),
    layouts,
    layouts,
    st.integers(0, 2**31),
)
def test_a_layout_changes_no_result_of_yes_no_outcomes(
    target: str,
    prediction: str,
    events: tuple[int, ...],
    dtype: Any,
    of_p: str,
    of_q: str,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    p = on_torch(makers.BINARY_TARGETS[target](rng, events, 0, dtype).target)
    q = on_torch(makers.BINARY_PREDICTIONS[prediction](rng, events, 0, dtype).prediction)
    want = results(p, q)
    laid_p, laid_q = on_torch(p, LAYOUTS[of_p]), on_torch(q, LAYOUTS[of_q])
    inputs = [*tensors.tensors(laid_p), *tensors.tensors(laid_q)]
    before = [(x._version, array(x).tobytes()) for x in inputs]
    for a, b in zip(results(laid_p, laid_q), want, strict=True):
        same(a, b, dtype)
    assert [(x._version, array(x).tobytes()) for x in inputs] == before, "an input has changed"


@for_each("dtype", bounds.DTYPES, ids=lambda d: d.name)
@for_each("prediction", makers.STORED)
def test_expanded_tensors(prediction: str, dtype: Any, way: str) -> None:
    """Strides of 0: one row, one label, one weight stand for many."""
    rng = np.random.default_rng(5)
    q = on_torch(makers.STORED[prediction](rng, (1,), 6, dtype).prediction)
    p = plogq.Weighted(plogq.Labels(torch.tensor([2])), sample_weight=torch.tensor([1.5]))
    soft = on_torch(makers.probs(rng, (1,), 6, dtype).target)
    for target in (p, soft):
        want = results(target, q)
        many = on_torch(target, lambda x: x.expand(5, *x.shape[1:]))
        rows = on_torch(q, lambda x: x.detach().expand(5, 6).requires_grad_())
        loss = plogq.cross_entropy(many, rows, reduction="none")
        same(array(loss), np.repeat(want[0], 5), dtype)
        (leaf,) = tensors.tensors(rows)
        (gradient,) = torch.autograd.grad(loss.sum() / 4, leaf)
        # Each row has the gradient of the one, and none is added into another's memory.
        same(array(gradient), np.repeat(want[1], 5, axis=0), dtype)


def test_an_expanded_class_axis(way: str) -> None:
    """A stride of 0 along the classes: all equal scores cost log K."""
    scores = torch.tensor([[3.0], [-2.0]]).expand(2, 9).requires_grad_()
    loss = plogq.cross_entropy(plogq.Labels(torch.tensor([0, 8])), plogq.Logits(scores))
    assert loss.item() == pytest.approx(np.log(9), rel=1e-7)
    (gradient,) = torch.autograd.grad(loss, scores)
    want = np.full((2, 9), 1 / 18)
    want[0, 0] = want[1, 8] = 1 / 18 - 0.5
    np.testing.assert_allclose(array(gradient), want, rtol=1e-6)


def test_a_leaf_that_was_expanded_gathers_the_gradients_of_its_copies(way: str) -> None:
    row = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0, 1, 2, 0])
    plogq.cross_entropy(plogq.Labels(y), plogq.Logits(row.expand(4, 3)), reduction="sum").backward()
    q = torch.softmax(row.detach(), -1)
    torch.testing.assert_close(row.grad, 4 * q - torch.tensor([2.0, 1.0, 1.0], dtype=q.dtype))


@for_each("axis", [0, 1, 2, -1, -2, -3])
@for_each("base", makers.BASES)
def test_the_classes_on_any_axis(base: str, axis: int, way: str) -> None:
    rng = np.random.default_rng(3)
    dtype = np.dtype(np.float64)
    p = makers.BASES[base](rng, (2, 3), 5, dtype).target
    q = makers.logits(rng, (2, 3), 5, dtype).prediction
    want = results(on_torch(p), on_torch(q))
    # The last axis moved as a view, and once more in memory.
    for change in (lambda x: x, Tensor.contiguous):
        z = change(on_torch(q).scores.movedim(-1, axis))
        target = on_torch(p)
        if isinstance(target, plogq.Probs):
            target = plogq.Probs(change(target.probs.movedim(-1, axis)), axis=axis)
        loss, gradient = results(target, plogq.Logits(z, axis=axis))
        np.testing.assert_allclose(loss, want[0], rtol=1e-14)
        np.testing.assert_allclose(np.moveaxis(gradient, axis, -1), want[1], rtol=1e-12, atol=1e-15)


def test_a_backward_leaves_its_inputs_and_what_flows_back_alone(way: str) -> None:
    rng = np.random.default_rng(11)
    for target in ("Labels-both_weights", "Probs-smoothed", "SparseProbs-class_weight"):
        p = recorded(on_torch(makers.TARGETS[target](rng, (6,), 5, np.dtype(np.float32)).target))
        q = recorded(on_torch(makers.logits(rng, (6,), 5, np.dtype(np.float32)).prediction))
        loss = plogq.cross_entropy(p, q, reduction="none")
        upstream = torch.rand(6)
        inputs = [*tensors.tensors(p), *tensors.tensors(q), upstream]
        before = [(x._version, array(x).tobytes()) for x in inputs]
        loss.backward(upstream)
        assert [(x._version, array(x).tobytes()) for x in inputs] == before


def test_scores_changed_between_forward_and_backward_are_noticed(way: str) -> None:
    """Backward reads the scores again, so autograd must know of a change: no wrong gradient."""
    z = torch.randn(3, 4, requires_grad=True)
    stored = z * 1.0
    loss = plogq.cross_entropy(plogq.Labels(torch.tensor([0, 1, 2])), plogq.Logits(stored))
    stored.detach().add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@for_each("reduction", ["mean", "none"])
def test_tensors_whose_memory_is_not_their_value(reduction: str, way: str) -> None:
    """PyTorch negates, and writes zeros, only when asked: the values count, not the memory."""
    y = torch.tensor([0, 2, 1])
    stored = torch.linspace(-2, 3, 12).view(3, 4)
    strided = torch.complex(stored, -stored).conj().imag
    for z in (torch._neg_view(stored), strided, torch._efficientzerotensor((3, 4))):
        plain = z + 0.0
        assert not plain.is_neg()
        got = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z), reduction=reduction)
        want = torch.nn.functional.cross_entropy(plain, y, reduction=reduction)
        torch.testing.assert_close(got, want)
    p = torch.full((3, 4), 0.25)
    got = plogq.cross_entropy(plogq.Probs(torch._neg_view(-p)), plogq.Logits(stored))
    torch.testing.assert_close(got, plogq.cross_entropy(plogq.Probs(p), plogq.Logits(stored)))
    leaf = stored.clone().requires_grad_()
    loss = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(torch._neg_view(leaf)))
    loss.backward()
    again = stored.clone().requires_grad_()
    plogq.cross_entropy(plogq.Labels(y), plogq.Logits(-again)).backward()
    torch.testing.assert_close(leaf.grad, again.grad)
