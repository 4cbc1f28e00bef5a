"""Distillation and divergences, as they were asked for in public."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import plogq

RNG = np.random.default_rng(20261130)


def log_softmax(z: np.ndarray) -> np.ndarray:
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def test_soup_719() -> None:
    """A student learns from labels and from a teacher at a temperature, padding left out."""
    t, z = torch.randn(2, 4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    z.requires_grad_()
    labels, temperature, alpha = torch.tensor([1, 5, -100, 0]), 4.0, 0.25
    mask = labels != -100
    teacher = plogq.Tempered(plogq.Logits(t), temperature)
    student = plogq.Tempered(plogq.Logits(z), temperature)
    soft = plogq.kl_divergence(plogq.Weighted(teacher, sample_weight=mask), student)
    hard = plogq.cross_entropy(plogq.Labels(labels, ignore=-100), plogq.Logits(z))
    loss = alpha * temperature**2 * soft + (1 - alpha) * hard
    f = torch.nn.functional
    want = alpha * temperature**2 * f.kl_div(
        f.log_softmax(z[mask] / temperature, -1),
        f.log_softmax(t[mask] / temperature, -1),
        reduction="batchmean",
        log_target=True,
    ) + (1 - alpha) * f.cross_entropy(z, labels, ignore_index=-100)
    torch.testing.assert_close(loss, want)
    torch.testing.assert_close(torch.autograd.grad(loss, z), torch.autograd.grad(want, z))


def test_skyrl_1841() -> None:
    """On-policy distillation wants the reverse divergence, over all classes and not a sample's."""
    t, z = RNG.normal(scale=3, size=(2, 5, 40))
    p, q = np.exp(log_softmax(t)), np.exp(log_softmax(z))
    found = plogq.kl_divergence(plogq.Logits(z), plogq.Logits(t), reduction="none")
    np.testing.assert_allclose(found, (q * np.log(q / p)).sum(-1), rtol=1e-12)
    assert (found >= 0).all()


def test_transformer_engine_1533() -> None:
    """Cross-entropy with soft targets that are a model's own scores, its gradient q - p."""
    t, z = RNG.normal(scale=3, size=(2, 5, 40)).astype(np.float32)
    p, q = (np.exp(log_softmax(x.astype(float))) for x in (t, z))
    loss, grad = plogq.value_and_grad(plogq.Logits(t), plogq.Logits(z), reduction="sum")
    assert loss == pytest.approx(-(p * np.log(q)).sum(), rel=1e-6)
    np.testing.assert_allclose(grad.scores, q - p, atol=1e-7)


def test_sentence_transformers_3228() -> None:
    """Scores of one query's passages are to follow a teacher's: listwise divergence, exact at 0."""
    teacher = RNG.normal(scale=5, size=(3, 7)).astype(np.float32)
    near = teacher + np.float32(2.0**-13) * RNG.integers(-3, 4, teacher.shape).astype(np.float32)
    found = plogq.kl_divergence(plogq.Logits(teacher), plogq.Logits(near), reduction="none")
    a, b = (log_softmax(x.astype(np.longdouble)) for x in (teacher, near))
    np.testing.assert_allclose(found, (np.exp(a) * (a - b)).sum(-1).astype(float), rtol=1e-5)
    assert plogq.kl_divergence(plogq.Logits(teacher), plogq.Logits(teacher)) == 0
    assert plogq.js_divergence(plogq.Logits(teacher), plogq.Logits(near), weight=0.1) > 0
