"""Mass that is left out, spread or weighted, as people ask for it: a test for each issue."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import plogq
from plogq.nn.torch import CrossEntropy

from ..together import for_each

NAN, INF = float("nan"), float("inf")
Z = np.array([[2.0, -1.0, 0.5, 0.0], [0.0, 3.0, 1.0, -2.0], [1.0, 1.0, -1.0, 4.0]])


def log_q(z: Any = Z) -> Any:
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def test_pytorch_12601_a_list_of_labels_is_ignored() -> None:
    y = torch.tensor([0, 3, 1])
    z = torch.tensor(Z, requires_grad=True)
    loss = plogq.cross_entropy(plogq.Labels(y, ignore=(3, 0)), plogq.Logits(z))
    assert loss.item() == pytest.approx(-log_q()[2, 1], rel=1e-12)
    loss.backward()
    assert not z.grad[:2].any()
    assert z.grad[2].any()


def test_keras_6118_padding_and_void_pixels_are_ignored_at_once() -> None:
    y = np.array([[0, 255, 3]], np.uint8)
    p = plogq.Labels(y, ignore=(255, 3))
    loss, grad = plogq.value_and_grad(p, plogq.Logits(Z[None]))
    assert loss == pytest.approx(-log_q()[0, 0], rel=1e-12)
    assert not grad.scores[0, 1:].any()


def test_mmsegmentation_1525_pixels_of_255_are_neither_yes_nor_no() -> None:
    y, z = np.array([0, 1, 255], np.uint8), np.array([0.5, 2.0, NAN])
    p = plogq.BinaryProbs(y, ignore=255)
    loss, grad = plogq.value_and_grad(p, plogq.BinaryLogits(z))
    right = np.log1p(np.exp([0.5, -2.0]))
    assert loss == pytest.approx(right.mean(), rel=1e-12)
    assert grad.scores[2] == 0
    with pytest.raises(plogq.errors.ProbabilityError, match=r"255 .*BinaryProbs\(y, ignore="):
        plogq.cross_entropy(plogq.BinaryProbs(y), plogq.BinaryLogits(z))


def test_modules_and_evaluations_take_marks_as_well() -> None:
    z = torch.tensor(Z, dtype=torch.float32)
    several = CrossEntropy(ignore=(3, 0))
    right = plogq.cross_entropy(plogq.Labels(torch.tensor([1])), plogq.Logits(z[1:2]))
    torch.testing.assert_close(several(z, torch.tensor([0, 1, 3])), right)
    assert "3, 0 ignored" in repr(several)
    yes_no = CrossEntropy(target="binary_probs", prediction="binary_logits", ignore=-1)
    y = torch.tensor([1.0, -1.0, 0.0])
    right = plogq.cross_entropy(plogq.BinaryProbs(y[::2]), plogq.BinaryLogits(z[::2, 0]))
    torch.testing.assert_close(yes_no(z[:, 0], y), right)
    report = plogq.evaluate(plogq.BinaryProbs(y.numpy(), ignore=-1), plogq.BinaryLogits(Z[:, 0]))
    assert (report.events, report.left_out) == (2, 1)
    with pytest.raises(ValueError, match="evaluate leaves out whole rows"):
        plogq.evaluate(plogq.BinaryProbs(y.numpy(), ignore=NAN), plogq.BinaryLogits(Z[:, 0]))


def test_image_segmentation_keras_52_rows_of_zeros_are_void_pixels() -> None:
    hot = np.eye(4, dtype=np.float32)[[1, 0, 2]]
    hot[1] = 0.0
    p = plogq.Weighted(plogq.Probs(hot), sample_weight=hot.sum(axis=-1))
    loss, grad = plogq.value_and_grad(p, plogq.Logits(Z))
    assert loss == pytest.approx(-(log_q()[0, 1] + log_q()[2, 2]) / 2, rel=1e-6)
    assert not grad.scores[1].any()


@for_each("junk", [0.0, NAN, -1.0])
def test_pytorch_11959_masked_rows_of_soft_targets(junk: float) -> None:
    soft = np.array([[0.5, 0.25, 0.25, 0.0], [junk] * 4, [0.0, 0.0, 0.5, 0.5]])
    mask = torch.tensor([True, False, True])
    z = torch.tensor(Z, requires_grad=True)
    p = plogq.Weighted(plogq.Probs(torch.tensor(soft)), sample_weight=mask)
    loss = plogq.cross_entropy(p, plogq.Logits(z))
    right = -(soft * log_q())[[0, 2]].sum() / 2
    assert loss.item() == pytest.approx(right, rel=1e-12)
    loss.backward()
    assert z.grad.isfinite().all()
    assert not z.grad[1].any()


def test_pytorch_63122_soft_targets_are_smoothed_weighted_and_ignored_at_once() -> None:
    """Smoothing goes with distributions, with weights of classes and with what is ignored."""
    w = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64)
    z = torch.tensor(Z, requires_grad=True)
    soft = torch.tensor([[0.5, 0.25, 0.25, 0.0], [NAN] * 4, [0.0, 0.0, 0.5, 0.5]])
    mask = torch.tensor([True, False, True])
    smooth = plogq.Smoothed(plogq.Probs(soft.double()), 0.1)
    p = plogq.Weighted(smooth, sample_weight=mask, class_weight=w)
    loss = plogq.cross_entropy(p, plogq.Logits(z), reduction="sum")
    theirs = torch.nn.functional.cross_entropy(
        z[mask], soft[mask].double(), weight=w, label_smoothing=0.1, reduction="sum"
    )
    torch.testing.assert_close(loss, theirs)
    slopes = [torch.autograd.grad(x, z)[0] for x in (loss, theirs)]
    torch.testing.assert_close(*slopes)
    y = torch.tensor([0, -100, 3])
    p = plogq.Weighted(plogq.Smoothed(plogq.Labels(y, ignore=-100), 0.1), class_weight=w)
    theirs = torch.nn.functional.cross_entropy(z, y, weight=w, label_smoothing=0.1, reduction="sum")
    torch.testing.assert_close(plogq.cross_entropy(p, plogq.Logits(z), reduction="sum"), theirs)


INDEX, TOP = np.array([[0, 2], [1, 2], [3, 0]]), np.array([[0.75, 0.125], [0.5, 0.25], [0.5, 0.5]])


def test_verl_7856_what_is_left_of_a_teacher_is_one_bucket() -> None:
    """KL = Σ p log(p / q) + r log(r / (1 - Σ q)): never below 0, and 0 where the two agree."""
    p = plogq.SparseProbs(INDEX, TOP, tail="bucket")
    listed = np.take_along_axis(np.exp(log_q()), INDEX, axis=-1)
    rest, left = 1 - TOP.sum(axis=-1), 1 - listed.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        right = (TOP * np.log(TOP / listed)).sum(axis=-1)
        right += np.where(rest > 0, rest * np.log(rest / left), 0.0)
    found = plogq.kl_divergence(p, plogq.Logits(Z), reduction="none")
    np.testing.assert_allclose(found, right, rtol=1e-12)
    own = plogq.SparseProbs(INDEX, listed, tail="bucket")
    found = plogq.kl_divergence(own, plogq.Logits(Z), reduction="none")
    np.testing.assert_allclose(found, 0.0, atol=1e-15)
    _, grad = plogq.value_and_grad(own, plogq.Logits(Z))
    np.testing.assert_allclose(grad.scores, 0.0, atol=1e-15)


def test_verl_7856_the_bucket_is_the_rest_in_proportion_to_q() -> None:
    q = np.exp(log_q())
    dense = q.copy()
    np.put_along_axis(dense, INDEX, 0.0, axis=-1)
    dense *= ((1 - TOP.sum(axis=-1)) / dense.sum(axis=-1))[:, None]
    np.put_along_axis(dense, INDEX, TOP, axis=-1)
    found = plogq.kl_divergence(plogq.SparseProbs(INDEX, TOP, tail="bucket"), plogq.Logits(Z))
    right = plogq.kl_divergence(plogq.Probs(dense), plogq.Logits(Z))
    assert found == pytest.approx(right, rel=1e-12)


def test_maxtext_3990_stored_top_k_targets_padded_or_with_an_even_tail() -> None:
    padded = plogq.SparseProbs(np.append(INDEX, [[-1]] * 3, 1), np.append(TOP, [[0.0]] * 3, 1))
    found = plogq.cross_entropy(padded, plogq.Logits(Z))
    assert found == plogq.cross_entropy(plogq.SparseProbs(INDEX, TOP), plogq.Logits(Z))
    dense = np.repeat((1 - TOP.sum(axis=-1, keepdims=True)) / 2, 4, axis=-1)
    np.put_along_axis(dense, INDEX, TOP, axis=-1)
    even = plogq.SparseProbs(INDEX, TOP, tail="even")
    for function in (plogq.cross_entropy, plogq.kl_divergence):
        right = function(plogq.Probs(dense), plogq.Logits(Z))
        assert function(even, plogq.Logits(Z)) == pytest.approx(right, rel=1e-12)
    too_much = plogq.SparseProbs(INDEX, TOP + 0.25, tail="even")
    with pytest.raises(plogq.errors.ProbabilityError, match=r"a tail outside \[0, 1\]"):
        plogq.cross_entropy(too_much, plogq.Logits(Z))


def test_timm_990_each_class_is_smoothed_as_its_own_row_says() -> None:
    """A target of [0.8, 0.15, 0.05] for one class, and of other numbers for the next."""
    rows = np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])
    y, z = np.array([0, 2, 1, 0]), np.random.default_rng(5).normal(size=(4, 3))
    rest = (rows - 0.8 * np.eye(3)) / 0.2
    p = plogq.Smoothed(plogq.Labels(y), 0.2, to=rest[y])
    found = plogq.cross_entropy(p, plogq.Logits(z), reduction="none")
    np.testing.assert_allclose(found, -(rows[y] * log_q(z)).sum(axis=-1), rtol=1e-12)
    _, grad = plogq.value_and_grad(p, plogq.Logits(z), reduction="sum")
    np.testing.assert_allclose(grad.scores, np.exp(log_q(z)) - rows[y], rtol=1e-9)


def test_a_share_is_spread_as_one_prior_says() -> None:
    y, prior = np.array([0, 1, 3]), np.array([0.5, 0.0, 0.25, 0.25])
    p = 0.9 * np.eye(4)[y] + 0.1 * prior
    found = plogq.cross_entropy(
        plogq.Smoothed(plogq.Labels(y), 0.1, to=prior), plogq.Logits(Z), reduction="none"
    )
    np.testing.assert_allclose(found, -(p * log_q()).sum(axis=-1), rtol=1e-12)
    with pytest.raises(plogq.errors.ProbabilityError, match="is a distribution over the classes"):
        plogq.Smoothed(plogq.Labels(y), 0.1, to=[1.0, 1.0, 1.0, 1.0])
    with pytest.raises(plogq.errors.ShapeError, match=r"over the 4 classes, shape \(4,\)"):
        plogq.cross_entropy(plogq.Smoothed(plogq.Labels(y), 0.1, to=[0.5, 0.5]), plogq.Logits(Z))


def test_pytext_1698_smoothing_leaves_out_what_is_ruled_out() -> None:
    z = torch.tensor(Z)
    z[0, 1] = z[2, 0] = -INF
    z.requires_grad_()
    y = torch.tensor([0, 1, 3])
    p = plogq.Smoothed(plogq.Labels(y), 0.1, to="possible")
    losses = plogq.cross_entropy(p, plogq.Logits(z), reduction="none")
    there = z.isfinite().double()
    soft = 0.9 * torch.eye(4, dtype=torch.float64)[y] + 0.1 * there / there.sum(-1, keepdim=True)
    logs = torch.log_softmax(z, -1)
    torch.testing.assert_close(losses, -torch.where(soft > 0, soft * logs, 0.0).sum(-1))
    losses.sum().backward()
    torch.testing.assert_close(z.grad, logs.exp() - soft)


def test_keras_16674_and_14126_class_weights_of_images_and_sequences() -> None:
    rng = np.random.default_rng(3)
    y, w = rng.integers(0, 4, (2, 3, 5)), np.array([0.1, 1.0, 2.0, 4.0])
    z = rng.normal(size=(2, 3, 5, 4))
    p = plogq.Weighted(plogq.Labels(y), class_weight=w)
    costs = -np.take_along_axis(log_q(z), y[..., None], -1)[..., 0]
    right = (w[y] * costs).sum() / w[y].sum()
    assert plogq.cross_entropy(p, plogq.Logits(z)) == pytest.approx(right, rel=1e-12)
    hot = plogq.Weighted(plogq.Probs(np.eye(4)[y]), class_weight=w)
    assert plogq.cross_entropy(hot, plogq.Logits(z)) == pytest.approx(right, rel=1e-12)


@for_each("axis", [0, 1, 2, 3, -1, -3])
def test_pytorch_29754_the_classes_are_on_any_axis(axis: int) -> None:
    rng = np.random.default_rng(4)
    y, z = rng.integers(0, 4, (2, 3, 5)), rng.normal(size=(2, 3, 5, 4))
    moved = torch.tensor(np.ascontiguousarray(np.moveaxis(z, -1, axis)))
    found = plogq.cross_entropy(plogq.Labels(torch.tensor(y)), plogq.Logits(moved, axis=axis))
    right = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))
    assert found.item() == pytest.approx(right, rel=1e-12)


@for_each("dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64"])
def test_pytorch_45540_and_842_labels_are_as_narrow_as_they_may_be(dtype: str) -> None:
    y = torch.tensor([0, 3, 1]).to(getattr(torch, dtype))
    z = torch.tensor(Z, dtype=torch.float32)
    right = torch.nn.functional.cross_entropy(z, y.long())
    torch.testing.assert_close(plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z)), right)


def _focal(losses: torch.Tensor) -> torch.Tensor:
    return torch.tensor([0.25, 0.75, 0.5]) * plogq.focal(losses, gamma=0.5)


def test_pytorch_41142_focal_with_alpha_and_any_gamma_for_every_target() -> None:
    """alpha stands on the result; a certain event and one that is ignored have finite slopes."""
    z = torch.tensor([[200.0, 0.0, 0.0], [1.0, 2.0, 3.0], [0.5, 0.25, 0.0]], requires_grad=True)
    y = torch.tensor([0, -1, 2])
    soft = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    mask = torch.tensor([1.0, 0.0, 1.0])
    q = torch.softmax(z.detach(), -1)[2, 2]
    right = 0.5 * (1 - q) ** 0.5 * -q.log()
    for p in (
        plogq.Labels(y, ignore=-1),
        plogq.Weighted(plogq.Probs(soft), sample_weight=mask),
        plogq.SparseProbs(y.clamp(min=0)[:, None], mask[:, None]),
    ):
        found = _focal(plogq.cross_entropy(p, plogq.Logits(z), reduction="none"))
        torch.testing.assert_close(found.detach(), torch.stack([0 * right, 0 * right, right]))
        (slope,) = torch.autograd.grad(found.sum(), z)
        assert slope.isfinite().all()
        assert not slope[:2].any()
    yes = plogq.BinaryProbs(torch.tensor([1.0, -1.0, 0.25]), ignore=-1)
    b = torch.tensor([200.0, 1.0, -1.0], requires_grad=True)
    found = _focal(plogq.cross_entropy(yes, plogq.BinaryLogits(b), reduction="none"))
    assert torch.autograd.grad(found.sum(), b)[0].isfinite().all()


def test_pytorch_91545_smoothing_of_yes_and_no() -> None:
    y, z = np.array([0.0, 1.0, 1.0]), np.array([0.5, -1.0, 3.0])
    for to, smooth in ((None, 0.9 * y + 0.05), (0.2, 0.9 * y + 0.02)):
        found = plogq.cross_entropy(
            plogq.Smoothed(plogq.BinaryProbs(y), 0.1, to=to), plogq.BinaryLogits(z)
        )
        right = (np.log1p(np.exp(-z)) * smooth + np.log1p(np.exp(z)) * (1 - smooth)).mean()
        assert found == pytest.approx(right, rel=1e-12)
