"""What only a GPU can show: real shapes, CUDA graphs, and that no call waits for the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

import plogq

from .device import DEVICE

Tensor = torch.Tensor

pytestmark = pytest.mark.skipif(DEVICE != "cuda", reason="there is no CUDA device to run on")


@contextmanager
def without_waiting() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def pairs(n: int, k: int, dtype: torch.dtype) -> dict[str, Any]:
    """Calls of one argument, the scores or the hidden states."""
    y = torch.arange(n, device=DEVICE) * 7919 % k
    ignored = torch.where(y % 3 == 0, -100, y)
    p = torch.softmax(torch.randn(n, k, device=DEVICE), -1).to(dtype)
    weight = torch.randn(k, 64, device=DEVICE).to(dtype)
    return {
        "labels": lambda z: (plogq.Labels(y), plogq.Logits(z)),
        "ignored": lambda z: (plogq.Labels(ignored, ignore=-100), plogq.Logits(z)),
        "smoothed": lambda z: (plogq.Smoothed(plogq.Labels(y), 0.1), plogq.Logits(z)),
        "soft": lambda z: (plogq.Probs(p), plogq.Logits(z)),
        "yes or no": lambda z: (plogq.BinaryProbs(p), plogq.BinaryLogits(z)),
        "linear": lambda z: (
            plogq.Labels(ignored, ignore=-100),
            plogq.LinearLogits(z[:, :64].contiguous(), weight),
        ),
        "tiles": lambda z: (
            plogq.Labels(ignored, ignore=-100),
            plogq.LinearLogits(z[:, :64].contiguous(), weight, workspace=0),
        ),
    }


NAMES = ("labels", "ignored", "smoothed", "soft", "yes or no", "linear", "tiles")
every_pair = pytest.mark.parametrize("name", NAMES)


@every_pair
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_real_shapes_against_pytorch_in_float64(name: str, dtype: torch.dtype) -> None:
    n, k = 64, 128256
    make = pairs(n, k, dtype)[name]
    z = (4 * torch.randn(n, k, device=DEVICE)).to(dtype).requires_grad_()
    p, q = make(z)
    with plogq.validation("off"):
        assert plogq.explain(p, q).chosen == ("chunked" if name == "linear" else "triton")
        loss = plogq.cross_entropy(p, q, reduction="none")
        (got,) = torch.autograd.grad(loss.sum(), z)
        wide = z.detach().double().requires_grad_()
        p_wide, q_wide = make(wide)
        if name in ("linear", "tiles"):
            made = wide[:, :64] @ q.weight.double().T
            if name == "linear":
                # What a chunk holds are scores of the type of hidden.
                made = made + (made.to(dtype).double() - made).detach()
            q_wide = plogq.Logits(made)
        with plogq.kernels.table.using("formula"):
            want = plogq.cross_entropy(p_wide, q_wide, reduction="none")
        (slope,) = torch.autograd.grad(want.sum(), wide)
    product = name in ("linear", "tiles")
    losses_off = {"rtol": 1e-4 if product else 2e-6, "atol": 0.0}
    off = {"rtol": 2**-6, "atol": 2e-3} if product else {"rtol": 2**-8, "atol": 1e-6}
    if name != "linear":
        torch.testing.assert_close(loss.double(), want, **losses_off)
        torch.testing.assert_close(got.double(), slope, **off)
        return
    # A score in some thousands lies where sums of float32 round it to the other side.
    right = torch.isclose(loss.double(), want, **losses_off)
    assert right.double().mean() > 0.9
    torch.testing.assert_close(got.double()[right], slope[right], **off)


def test_more_than_2_to_the_31_elements() -> None:
    """Addresses of 64 bits, on the first event and on the last."""
    n, k = 4, 600_000_000
    free, _ = torch.cuda.mem_get_info()
    if free < 12e9:
        pytest.skip(f"12 GB of device memory are needed, {free / 1e9:.1f} GB are free")
    z = torch.zeros(n, k, device=DEVICE, dtype=torch.float16)
    z[:, -1] = 20.0
    y = torch.tensor([0, k - 1, 5, k - 1], device=DEVICE)
    with plogq.validation("off"):
        loss, grad = plogq.value_and_grad(
            plogq.Labels(y), plogq.Logits(z), reduction="none", out="scores"
        )
    top = torch.tensor(k - 1.0, dtype=torch.float64)
    log_z = 20.0 + torch.log1p(top * torch.exp(torch.tensor(-20.0, dtype=torch.float64)))
    want = torch.where(y.cpu() == k - 1, log_z - 20.0, log_z)
    torch.testing.assert_close(loss.cpu().double(), want, rtol=1e-5, atol=0)
    assert grad.scores[3, -1] < 0
    assert grad.scores[2, 5] == -1


@every_pair
def test_forward_and_backward_are_captured_in_a_cuda_graph(name: str) -> None:
    make = pairs(32, 1000, torch.bfloat16)[name]
    z = torch.randn(32, 1000, device=DEVICE).bfloat16().requires_grad_()

    def step() -> tuple[Tensor, Tensor]:
        loss = plogq.cross_entropy(*make(z))
        return loss, torch.autograd.grad(loss, z)[0]

    with plogq.validation("off"):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            captured = step()
        for _ in range(2):
            with torch.no_grad():
                z.copy_(torch.randn(32, 1000, device=DEVICE))
            graph.replay()
            for a, b in zip(captured, step(), strict=True):
                assert torch.equal(a, b)


@every_pair
def test_no_call_waits_for_the_device(name: str) -> None:
    make = pairs(32, 1000, torch.bfloat16)[name]
    z = torch.randn(32, 1000, device=DEVICE).bfloat16().requires_grad_()
    # The first call compiles, which may wait.
    plogq.cross_entropy(*make(z)).backward()
    for options in ({}, {"reduction": "none"}, {"z_loss": 0.01}):
        plogq.cross_entropy(*make(z), **options).sum().backward()
        if name == "linear":
            # How many events count is asked once, which says how large the products are.
            continue
        with without_waiting():
            plogq.cross_entropy(*make(z), **options).sum().backward()


@every_pair
def test_the_same_call_gives_the_same_bits(name: str) -> None:
    make = pairs(64, 20_000, torch.bfloat16)[name]
    z = torch.randn(64, 20_000, device=DEVICE).bfloat16().requires_grad_()

    def once() -> tuple[Tensor, Tensor]:
        loss = plogq.cross_entropy(*make(z))
        return loss, torch.autograd.grad(loss, z)[0]

    first = once()
    for _ in range(3):
        for a, b in zip(first, once(), strict=True):
            assert torch.equal(a, b)
