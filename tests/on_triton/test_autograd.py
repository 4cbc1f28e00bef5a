"""Autograd around the kernels in Triton, and what they leave to PyTorch's own operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import plogq
from plogq.frameworks.torch import arrays as verbs
from plogq.frameworks.torch.triton import binding, layout
from plogq.frameworks.torch.triton import linear_binding as products
from plogq.kernels.table import using

from ..on_torch.pairs import Call
from .device import DEVICE, kernel_of, put

Tensor = torch.Tensor

PAIRS = [
    ("Labels-plain", "Logits"),
    ("Labels(ignore)-smoothed", "Logits(softcap)"),
    ("Probs-class_weight>smoothed", "Logits"),
    ("SparseProbs-both_weights", "Logits"),
    ("BinaryProbs(soft)-both_weights", "BinaryLogits"),
    ("Labels-both_weights", "LinearLogits(bias)"),
    ("Probs-smoothed", "LinearLogits(softcap)"),
]
every_pair = pytest.mark.parametrize(("p", "q"), PAIRS)


def call_of(p: str, q: str) -> Call:
    return Call(p, q, np.float32, (3,), 4, put)


def close(got: Any, want: Any) -> None:
    torch.testing.assert_close(got, want, rtol=2e-5, atol=2e-6)


@every_pair
def test_gradients_are_those_of_the_textbook(p: str, q: str) -> None:
    """With respect to every tensor of P and Q, for a loss per event and for their mean."""
    call = call_of(p, q)
    weight = torch.tensor([-1.0, 0.5, 2.0], device=DEVICE)
    for reduction in ("none", "mean"):
        ours, theirs = call.leaves(), call.leaves()
        with using("triton"):
            got = call(*ours, reduction=reduction)
        want = call.plainly(*theirs, reduction=reduction)
        close(got, want.to(got.dtype))
        if reduction == "none":
            got, want = (got * weight).sum(), (want * weight).sum()
        for a, b in zip(
            torch.autograd.grad(got, ours),
            torch.autograd.grad(want, theirs, materialize_grads=True),
            strict=True,
        ):
            close(a, b)


@every_pair
@pytest.mark.usefixtures("triton_first")
def test_higher_derivatives_and_forward_mode_run_in_pytorchs_operations(p: str, q: str) -> None:
    call = call_of(p, q)
    generator = torch.Generator().manual_seed(3)
    along = tuple(torch.randn(x.shape, generator=generator).to(x) for x in call.inputs)

    def product(loss: Any) -> Any:
        leaves = call.leaves()
        first = torch.autograd.grad(loss(*leaves), leaves, create_graph=True,
                                    materialize_grads=True)  # fmt: skip
        dot = sum((g * v).sum() for g, v in zip(first, along, strict=True))
        return torch.autograd.grad(dot, leaves, materialize_grads=True)

    close(product(call), product(call.plainly))
    leaves = tuple(x.detach() for x in call.inputs)
    close(torch.func.jvp(call, leaves, along)[1].double(),
          torch.func.jvp(call.plainly, leaves, along)[1].double())  # fmt: skip
    every = tuple(range(len(leaves)))
    for a, b in zip(torch.func.grad(call, every)(*leaves),
                    torch.func.grad(call.plainly, every)(*leaves), strict=True):  # fmt: skip
        close(a, b)
    many = [torch.stack([x, x]) for x in leaves]
    close(torch.func.vmap(call)(*many)[1], call(*leaves))


@pytest.mark.parametrize("reduction", ["mean", "none", "sum"])
def test_a_gradient_has_its_inputs_dtype_whatever_flows_back(reduction: str) -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        z = torch.randn(3, 4, device=DEVICE).to(dtype).requires_grad_()
        p = torch.full((3, 4), 0.25, device=DEVICE, requires_grad=True)
        with using("triton"):
            loss = plogq.cross_entropy(plogq.Probs(p), plogq.Logits(z), reduction=reduction)
        assert loss.dtype is torch.float32
        loss.double().sum().backward()
        assert z.grad.dtype is dtype
        assert p.grad.dtype is torch.float32


def test_the_z_loss() -> None:
    z = put(np.array([[0.5, -1.0, 2.0], [3.0, 3.0, 0.0]], np.float32)).requires_grad_()
    y = torch.tensor([0, 2], device=DEVICE)
    with using("triton"):
        loss = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z), z_loss=0.25)
    (got,) = torch.autograd.grad(loss, z)
    want = (
        torch.nn.functional.cross_entropy(z, y, reduction="none") + 0.25 * z.logsumexp(-1) ** 2
    ).mean()
    close(loss, want)
    close(got, torch.autograd.grad(want, z)[0])


class Unwatched(TorchDispatchMode):
    """Refuses what would wait for the device: a look at a value, or a shape that depends on one."""

    WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero", "equal")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__.partition(".")[0]
        assert name not in self.WAITS, f"{func} waits for the device"
        return func(*args, **(kwargs or {}))


@every_pair
def test_neither_forward_nor_backward_looks_at_a_value(p: str, q: str) -> None:
    call = call_of(p, q)
    pair = kernel_of(call.p, call.q)
    upstream = torch.ones(3, device=DEVICE)
    with Unwatched():
        forward = pair.kernel.forward(pair.measure, pair.scores, log_z=True)
        pair.kernel.backward(pair.measure, pair.scores, forward.residual, upstream, upstream)
        pair.kernel.fused(pair.measure, pair.scores, 0.5, 0.125)


OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"reduction": "none"},
    {"reduction": "sum_over_batch_size"},
    {"z_loss": 0.01},
    {"normalizer": 7},
)


@pytest.mark.parametrize("name", ["labels", "ignored", "smoothed", "soft", "weighted", "linear"])
def test_nothing_around_the_kernels_looks_at_a_value(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checks, reductions and autograd, told that nothing here can be read, as it is on a GPU."""
    monkeypatch.setattr(verbs, "plain", lambda *_: False)
    monkeypatch.setattr(verbs, "readable", lambda x, wait=False: False)
    # The guard itself is what would not be ordinary.
    monkeypatch.setattr(verbs, "ordinary", lambda _: True)
    monkeypatch.setattr(layout, "ordinary", lambda _: True)
    y, ones = torch.zeros(4, dtype=torch.int64, device=DEVICE), torch.ones(6, device=DEVICE)
    z = torch.zeros(4, 6, device=DEVICE, requires_grad=True)
    weight = torch.ones(6, 6, device=DEVICE, requires_grad=True)
    labels = plogq.Labels(y)
    p: Any = {
        "ignored": plogq.Labels(y, ignore=0),
        "smoothed": plogq.Smoothed(labels, 0.1),
        "soft": plogq.Probs(torch.full((4, 6), 1 / 6, device=DEVICE)),
        "weighted": plogq.Weighted(labels, class_weight=ones, sample_weight=ones[:4]),
    }.get(name, labels)
    q = plogq.LinearLogits(z, weight) if name == "linear" else plogq.Logits(z)
    for options in OPTIONS:
        with using("triton"), Unwatched():
            plogq.cross_entropy(p, q, **options).sum().backward()
    assert z.grad is not None


def test_the_guard_sees_a_look_at_a_value() -> None:
    with Unwatched(), pytest.raises(AssertionError, match="waits for the device"):
        torch.ones(2, device=DEVICE).sum().item()


@pytest.mark.parametrize("ignore", [None, -100])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_labels_that_the_kernel_reads_itself(ignore: int | None, dtype: torch.dtype) -> None:
    """Ignored ones have no loss, those out of range NaN, and the rest what checked ones have."""
    y = torch.tensor([0, 4, 7, -1, -100, 2**40, 2], device=DEVICE)
    z = torch.linspace(-2, 3, 35, device=DEVICE).view(7, 5).to(dtype)
    for softcap in (None, 2.0):
        q = plogq.Logits(z, softcap=softcap)
        raw = binding.Unread((7,), 5, y[:, None], ignore=ignore)
        scores = kernel_of(plogq.Labels(y.clamp(0, 4)), q).scores
        result = binding.stored.forward(raw, scores)
        (found,) = binding.stored.backward(raw, scores, result.residual, 0.5, 0.0)
        wrong = [2, 3, 5] if ignore is not None else [2, 3, 4, 5]
        good = [0, 1, 6]
        assert result.loss[wrong].isnan().all()
        assert found[wrong].isnan().all()
        if ignore is not None:
            assert result.loss[4] == 0
            assert (found[4] == 0).all()
        checked = kernel_of(plogq.Labels(y[good]), plogq.Logits(z[good], softcap=softcap))
        forward, (want,) = checked.kernel.fused(checked.measure, checked.scores, 0.5, 0.0)
        assert torch.equal(result.loss[good], forward.loss)
        assert torch.equal(found[good], want)


def test_the_same_call_gives_the_same_bits() -> None:
    z = torch.randn(6, 300, device=DEVICE)
    p = plogq.Smoothed(plogq.Labels(torch.arange(6, device=DEVICE)), 0.1)
    pair = kernel_of(p, plogq.Logits(z))
    runs = [pair.kernel.fused(pair.measure, pair.scores, 1.0, 0.01) for _ in range(2)]
    assert torch.equal(runs[0][0].loss, runs[1][0].loss)
    assert torch.equal(runs[0][1][0], runs[1][1][0])
    assert products.linear.name == binding.stored.name == binding.binary.name
