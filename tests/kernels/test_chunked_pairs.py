"""Two predictions in chunks of events: what all scores give, and no array of all scores."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import plogq
from plogq import LinearLogits, Logits, Tempered
from plogq.kernels.table import using

EVENTS, CLASSES = 50, 9
RNG = np.random.default_rng(20261202)
# A teacher that is wider than its student, chunks of seven and of nine events.
TEACHER = RNG.normal(size=(EVENTS, 6)), RNG.normal(size=(CLASSES, 6)), RNG.normal(size=CLASSES)
STUDENT = RNG.normal(size=(EVENTS, 4)), RNG.normal(size=(CLASSES, 4)), None
ROOM = {"p": 9 * CLASSES * 8, "q": 7 * CLASSES * 8}

Make = Callable[..., Any]
SIDES: dict[str, tuple[Make, Make]] = {
    "both": (
        lambda t: Tempered(LinearLogits(*t, workspace=ROOM["p"]), 2.0),
        lambda s: LinearLogits(*s, workspace=ROOM["q"]),
    ),
    "a cap": (
        lambda t: LinearLogits(*t, workspace=ROOM["p"]),
        lambda s: Tempered(LinearLogits(*s, softcap=3.0, workspace=ROOM["q"]), 0.5),
    ),
    "a stored student": (
        lambda t: LinearLogits(*t, workspace=ROOM["p"]),
        lambda s: Logits((s[0] @ s[1].T).T, axis=0),
    ),
    "a stored teacher": (
        lambda t: plogq.LogProbs(torch.log_softmax(t[0] @ t[1].T, -1)),
        lambda s: LinearLogits(*s, workspace=ROOM["q"]),
    ),
}
FUNCTIONS: dict[str, Make] = {
    "cross_entropy": plogq.cross_entropy,
    "kl": plogq.kl_divergence,
    "reverse kl": lambda p, q, **how: plogq.kl_divergence(q, p, **how),
    "js": lambda p, q, **how: plogq.js_divergence(p, q, weight=0.25, **how),
    "entropy": lambda p, q, **how: plogq.entropy(p, **how),
}


def tensors(layer: tuple[Any, ...], dtype: Any = torch.float64) -> tuple[Any, ...]:
    return tuple(
        None if x is None else torch.tensor(x, dtype=dtype, requires_grad=True) for x in layer
    )


def all_gradients(loss: Any, *layers: tuple[Any, ...]) -> list[Any]:
    held = [x for layer in layers for x in layer if x is not None]
    return [loss, *torch.autograd.grad(loss, held, allow_unused=True)]


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("of", FUNCTIONS)
@pytest.mark.parametrize("sides", SIDES)
def test_chunks_give_what_all_scores_give(sides: str, of: str, reduction: str) -> None:
    """Values and gradients on both sides, at once with the loss and after it."""
    found = []
    for kernel in ("chunked", "formula"):
        t, s = tensors(TEACHER), tensors(STUDENT)
        p, q = SIDES[sides][0](t), SIDES[sides][1](s)
        if of == "entropy" and sides == "a stored teacher":
            return
        with using(kernel):
            loss = FUNCTIONS[of](p, q, reduction=reduction)
            found.append(all_gradients((loss * torch.arange(1.0, 1 + loss.numel())).sum(), t, s))
    for got, want in zip(*found, strict=True):
        if want is None:
            assert got is None
        else:
            torch.testing.assert_close(got, want, rtol=1e-11, atol=1e-12)


def test_weights_of_0_take_events_out_before_anything_is_made() -> None:
    weight = torch.tensor(np.where(np.arange(EVENTS) % 3, 0.5, 0.0))
    t, s = tensors(TEACHER), tensors(STUDENT)
    with torch.no_grad():
        t[0][0], s[0][3] = torch.nan, torch.nan
    p = plogq.Weighted(SIDES["both"][0](t), sample_weight=weight)
    for reduction in ("sum", "none"):
        loss = plogq.kl_divergence(p, SIDES["both"][1](s), reduction=reduction).sum()
        found = all_gradients(loss, t, s)
        assert all(torch.isfinite(x).all() for x in found)
    here = weight > 0
    kept = plogq.kl_divergence(
        Tempered(LinearLogits(t[0][here], *t[1:]), 2.0), LinearLogits(s[0][here], *s[1:])
    )
    torch.testing.assert_close(found[0], 0.5 * here.sum() * kept, rtol=1e-12, atol=0)


def test_a_teacher_without_gradients_takes_no_product_for_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One product of the teacher, three of the student, for each chunk."""
    from plogq.frameworks.torch import kernels

    made: list[str] = []
    for name in ("product_into", "add_product"):
        own = getattr(kernels.verbs, name)
        monkeypatch.setattr(
            kernels.verbs, name, lambda *x, own=own, name=name: (made.append(name), own(*x))
        )
    t, s = tensors(TEACHER), tensors(STUDENT)
    p = LinearLogits(*(x.detach() for x in t))
    plogq.kl_divergence(p, LinearLogits(*s)).backward()
    assert made == ["product_into"] * 4


def test_16_bits_are_multiplied_in_32() -> None:
    t, s = tensors(TEACHER, torch.bfloat16), tensors(STUDENT, torch.bfloat16)
    p, q = LinearLogits(*t), LinearLogits(*s)
    wide = (LinearLogits(*(None if x is None else x.float() for x in side)) for side in (t, s))
    found = all_gradients(plogq.kl_divergence(p, q), t, s)
    for got, want in zip(found, all_gradients(plogq.kl_divergence(*wide), t, s), strict=True):
        torch.testing.assert_close(got, want, rtol=2**-7, atol=1e-3)


def test_numpy_gives_q_its_gradient() -> None:
    p, q = LinearLogits(*TEACHER, workspace=ROOM["p"]), LinearLogits(*STUDENT)
    assert plogq.explain(p, q).chosen == "chunked"
    for z_loss in (0.0, 0.1):
        loss, grad = plogq.value_and_grad(p, q, z_loss=z_loss)
        with using("formula"):
            want, slope = plogq.value_and_grad(p, q, z_loss=z_loss)
        assert loss == pytest.approx(want, rel=1e-12)
        np.testing.assert_allclose(grad.hidden, slope.hidden, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(grad.weight, slope.weight, rtol=1e-10, atol=1e-13)
    nothing = LinearLogits(TEACHER[0][:0], *TEACHER[1:]), LinearLogits(STUDENT[0][:0], STUDENT[1])
    assert plogq.kl_divergence(*nothing) == 0
    assert plogq.value_and_grad(*nothing)[1].weight.shape == STUDENT[1].shape


@pytest.mark.parametrize("of", ["js", "entropy"])
def test_what_the_formula_makes_of_a_chunk_is_small(of: str) -> None:
    """Of all scores at once it would make more than ten arrays of float64."""
    p, q = (
        LinearLogits(np.zeros((48, 1), np.float32), np.zeros((16000, 1), np.float32)) for _ in "pq"
    )
    tracemalloc.start()
    FUNCTIONS[of](p, q)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 16 << 20
