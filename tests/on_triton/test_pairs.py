"""Two stored predictions in Triton: the oracle's numbers, and the formula's gradients anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import plogq
from plogq import Logits
from plogq.frameworks.torch import compiled_pairs
from plogq.kernels import table

from .. import bounds, oracle
from ..on_torch.tensors import array
from ..together import for_each
from .device import DEVICE, TAKEN, put

OF = (plogq.cross_entropy, plogq.kl_divergence)


def rows(shape: tuple[int, ...], step: float, dtype: Any) -> tuple[Any, Any]:
    """Two predictions that lie `step` apart, with classes that both rule out."""
    rng = np.random.default_rng(20261205)
    t = (4 * rng.normal(size=shape)).astype(dtype)
    z = (t + step * rng.normal(size=shape)).astype(dtype)
    t[0, 0] = z[0, 0] = t[-1, 1] = -np.inf
    return t, z


@for_each("dtype", TAKEN, ids=lambda d: d.name)
@for_each("step", [3.0, 2.0**-7, 2.0**-14])
def test_the_numbers_are_those_of_60_digits(step: float, dtype: Any) -> None:
    u = bounds.unit(dtype)
    for classes in (2, 67):
        t, z = rows((3, classes), step, dtype)
        p, q = ([oracle.of_logits(r) for r in oracle.rows(x)] for x in (t, z))
        a, b = Logits(put(t)), Logits(put(z))
        with table.using("triton"):
            assert plogq.explain(a, b).chosen == "triton"
            loss, kl = (array(of(a, b, reduction="none")) for of in OF)
        assert (kl >= 0).all()
        want = np.array([float(oracle.divergence(x, y)) for x, y in zip(p, q, strict=True)])
        np.testing.assert_allclose(kl, want, rtol=48 * u, atol=2.0**-52 * u)
        own = [
            float(oracle.cross_entropy(oracle.probability(x), y)) for x, y in zip(p, q, strict=True)
        ]
        np.testing.assert_allclose(loss, own, rtol=24 * u, atol=2.0**-52 * u)


def found(kernel: str, of: Any, t: Any, z: Any, axis: int, weight: Any) -> list[Any]:
    """Losses, and the gradients of P's and Q's scores, each event with a weight of its own."""
    a, b = (x.detach().clone(memory_format=torch.preserve_format) for x in (t, z))
    a.requires_grad_()
    b.requires_grad_()
    p = plogq.Weighted(Logits(a), sample_weight=weight) if weight is not None else Logits(a)
    with table.using(kernel):
        loss = of(p, Logits(b, axis=axis), reduction="none")
        along = torch.linspace(-1, 2, loss.numel(), device=DEVICE).reshape(loss.shape)
        return [loss.detach(), *torch.autograd.grad((loss * along).sum(), (a, b))]


@pytest.mark.usefixtures("small_tiles")
@for_each("of", OF, ids=lambda f: f.__name__)
def test_gradients_are_those_of_the_formula_in_any_layout(of: Any) -> None:
    """Several tiles a row, classes on another axis, two dtypes, and weights of which one is 0."""
    t, z = rows((6, 150), 1.0, np.float32)
    t[2], z[2] = np.nan, np.inf
    weight = torch.arange(6.0, device=DEVICE).roll(3)
    weight[2] = 0.0
    across = put(z).T
    for into, axis, w in ((put(z), 1, None), (across, 0, weight), (put(z[:, ::2]), 1, weight)):
        p = put(t[:, : into.shape[axis]])[:, : into.shape[axis]]
        both = [found(k, of, p, into, axis, w) for k in ("triton", "formula")]
        for got, want in zip(*both, strict=True):
            assert got.stride() == want.stride()
            torch.testing.assert_close(got, want, rtol=1e-5, atol=2e-6, equal_nan=True)
    wide = [found(k, of, put(t).double().to(torch.bfloat16), put(z), 1, weight)
            for k in ("triton", "formula")]  # fmt: skip
    for got, want in zip(*wide, strict=True):
        assert got.dtype == want.dtype
        torch.testing.assert_close(got, want, rtol=2e-2 if got.dtype != z.dtype else 1e-5,
                                   atol=1e-4, equal_nan=True)  # fmt: skip


@for_each("of", OF, ids=lambda f: f.__name__)
def test_rows_next_to_infinities_are_the_formulas(of: Any) -> None:
    """Certainty on either side, what Q alone rules out, no class left, two that are certain."""
    inf = np.inf
    t = np.array([[inf, 0, 1], [inf, 0, 1], [1, 2, 3], [-inf, -inf, -inf], [0, inf, inf]])
    z = np.array([[inf, 5, 1], [1, 2, 3], [inf, 0, 1], [1, 2, 3], [1, 2, 3]])
    t, z = (np.concatenate([x, [[1, 2, -inf]]]).astype(np.float32) for x in (t, z))
    z[-1] = [1, -inf, 2]
    got, want = (found(k, of, put(t), put(z), 1, None) for k in ("triton", "formula"))
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, equal_nan=True)


def test_what_is_asked_for_is_made_and_nothing_else() -> None:
    """One side alone, what flows back to log Z, an array to write to, and no events."""
    t, z = map(put, rows((4, 9), 1.0, np.float32))
    leaf = z.clone().requires_grad_()
    with table.using("triton"):
        plogq.kl_divergence(Logits(t), Logits(leaf), reduction="sum").backward()
        value, found = plogq.value_and_grad(Logits(t), Logits(z), reduction="sum", z_loss=0.125)
    with table.using("formula"):
        other = z.clone().requires_grad_()
        plogq.kl_divergence(Logits(t), Logits(other), reduction="sum").backward()
        want = plogq.value_and_grad(Logits(t), Logits(z), reduction="sum", z_loss=0.125)
    torch.testing.assert_close(leaf.grad, other.grad)
    torch.testing.assert_close((value, found.scores), (want[0], want[1].scores))
    scores = z.clone()
    with table.using("triton"):
        plogq.value_and_grad(Logits(t), Logits(scores), reduction="sum", z_loss=0.125, out="scores")
        none = plogq.kl_divergence(Logits(t[:0]), Logits(z[:0]), reduction="none")
    assert torch.equal(scores, found.scores)
    assert none.shape == (0,)


def test_what_the_kernels_do_not_take_is_a_sentence() -> None:
    t, z = map(put, rows((2, 5), 1.0, np.float32))
    with table.using("triton"):
        with pytest.raises(plogq.KernelRefused, match="P is no plain logits"):
            plogq.kl_divergence(Logits(t, softcap=3.0), Logits(z))
        with pytest.raises(plogq.KernelRefused, match="cross-entropy and the divergence"):
            plogq.js_divergence(Logits(t), Logits(z))
        with pytest.raises(plogq.KernelRefused, match="P is float64"):
            plogq.kl_divergence(Logits(t.double()), Logits(z))


@pytest.mark.slow
@pytest.mark.usefixtures("triton_first")
def test_a_compiled_program_calls_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both functions in one graph, and the gradients on both sides."""
    names: list[str] = []
    kernel = compiled_pairs._kernel
    monkeypatch.setattr(
        compiled_pairs, "_kernel", lambda layout: names.append(layout.kernel) or kernel(layout)
    )

    def run(t: Any, z: Any) -> Any:
        return sum(of(Logits(t), Logits(z), reduction="sum") for of in OF)

    results = []
    for f in (torch.compile(run, fullgraph=True, backend="aot_eager"), run):
        a, b = (put(x).requires_grad_() for x in rows((3, 5), 1.0, np.float32))
        results.append((f(a, b), *torch.autograd.grad(f(a, b), (a, b))))
    torch.testing.assert_close(*results)
    assert set(names) == {"triton"}
