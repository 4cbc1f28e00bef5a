"""N8: what is kept between forward and backward, and what either of them allocates."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
import torch
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile

import plogq
from plogq.kernels.table import using

from ..together import for_each
from .pairs import PAIRS, Call

Tensor = torch.Tensor


def kept(loss: Any) -> list[Tensor]:
    """Every tensor that the forward of `loss` hands over to its backward."""
    found: list[Tensor] = []

    def pack(x: Tensor) -> Tensor:
        found.append(x)
        return x

    with saved_tensors_hooks(pack, lambda x: x):
        loss().backward()
    return found


def storages(tensors: Any) -> set[int]:
    return {x.untyped_storage().data_ptr() for x in tensors}


TARGETS = {
    "labels": lambda n, k: plogq.Labels(torch.randint(0, k, (n,))),
    "ignored": lambda n, k: plogq.Labels(torch.randint(-1, k, (n,)), ignore=-1),
    "smoothed": lambda n, k: plogq.Smoothed(plogq.Labels(torch.randint(0, k, (n,))), 0.1),
    "weighted": lambda n, k: plogq.Weighted(
        plogq.Labels(torch.randint(0, k, (n,))), sample_weight=torch.rand(n)
    ),
    "sparse": lambda n, k: plogq.SparseProbs(torch.randint(0, k, (n, 2)), torch.rand(n, 2)),
    "soft": lambda n, k: plogq.Probs(torch.softmax(torch.randn(n, k), -1)),
}
N, K = 64, 4000


@for_each("reduction", ["mean", "sum", "none"])
@for_each("kind", TARGETS)
def test_only_the_inputs_and_a_few_numbers_per_event_are_kept(
    kind: str, reduction: str, way: str
) -> None:
    """No gradient, no probabilities, no gaps: nothing of the size of the scores but the scores."""
    torch.manual_seed(3)
    z = torch.randn(N, K, requires_grad=True)
    p = TARGETS[kind](N, K)
    inputs = storages([z, *(x for x in p.arrays() if isinstance(x, Tensor))])

    def loss() -> Tensor:
        return plogq.cross_entropy(p, plogq.Logits(z), reduction=reduction).sum()

    more = [x for x in kept(loss) if x.untyped_storage().data_ptr() not in inputs]
    # Labels as [N, 1] of int64, weights per event as float64, and the two numbers per event.
    assert max((x.numel() for x in more), default=0) <= 2 * N
    assert sum(x.numel() * x.element_size() for x in more) <= 6 * 8 * N


@for_each("kind", ["labels", "soft"])
def test_a_few_numbers_per_event_are_all_that_the_kernel_adds(kind: str) -> None:
    """Two floats; labels as checked, or the sums of the rows, which the check has made."""
    z = torch.randn(N, K, requires_grad=True)
    p = TARGETS[kind](N, K)
    known = storages([z, *p.arrays()])

    def loss() -> Tensor:
        # Asked for by name it goes the long way; the short one of labels keeps no tensor at all.
        with using("cpu"):
            return plogq.cross_entropy(p, plogq.Logits(z), reduction="none").sum()

    more = [x for x in kept(loss) if x.untyped_storage().data_ptr() not in known]
    floats = 2 if kind == "labels" else 3
    kinds = [torch.float64] * floats + [torch.int64] * (3 - floats)
    assert sorted(str(x.dtype) for x in more) == [str(x) for x in kinds]
    assert {x.numel() for x in more} == {N}


def test_what_is_kept_of_scores_is_the_scores_themselves() -> None:
    """A view or the tensor, never a copy: the storage is the caller's."""
    z = torch.randn(N, K, requires_grad=True)
    y = torch.randint(0, K, (N,))
    found = kept(lambda: plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z)))
    large = [x for x in found if x.numel() == N * K]
    assert len(large) == 1
    assert large[0].data_ptr() == z.data_ptr()


@for_each(("p", "q"), PAIRS[::3])
def test_what_is_kept_may_be_packed_away(p: str, q: str) -> None:
    """Saved-tensor hooks that copy, as offloading does: the same gradients."""
    call = Call(p, q)
    for reduction in ("mean", "none"):
        leaves = call.leaves()
        want = torch.autograd.grad(call(*leaves, reduction=reduction).sum(), leaves)
        for hooks in (saved_tensors_hooks(torch.clone, torch.clone), save_on_cpu()):
            with hooks:
                loss = call(*leaves, reduction=reduction).sum()
            got = torch.autograd.grad(loss, leaves)
            torch.testing.assert_close(got, want, rtol=0, atol=0)


def test_hooks_that_compress_are_asked_for_every_float() -> None:
    """A hook that rounds to bfloat16 is seen in the gradient: nothing is kept beside it."""
    z = torch.randn(8, 5, requires_grad=True)
    y = plogq.Labels(torch.arange(8) % 5)

    def pack(x: Tensor) -> Tensor:
        return x.to(torch.bfloat16) if x.is_floating_point() else x

    def unpack(x: Tensor) -> Tensor:
        return (
            x.float()
            if x.dtype is torch.bfloat16 and x.ndim == 2
            else x.to(torch.float64 if x.dtype is torch.bfloat16 else x.dtype)
        )

    with saved_tensors_hooks(pack, unpack):
        loss = plogq.cross_entropy(y, plogq.Logits(z))
    (rough,) = torch.autograd.grad(loss, z)
    (exact,) = torch.autograd.grad(plogq.cross_entropy(y, plogq.Logits(z)), z)
    assert not torch.equal(rough, exact)
    torch.testing.assert_close(rough, exact, rtol=0.1, atol=0.02)


def allocated(work: Any) -> int:
    """The bytes that PyTorch and NumPy give out in `work`; NumPy's at their peak."""
    # What the profiler imports when it is first used is none of ours.
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        tracemalloc.start()
        try:
            work()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return peak + sum(max(e.self_cpu_memory_usage, 0) for e in record.events())


@for_each("kind", TARGETS)
def test_forward_allocates_a_few_numbers_per_event(kind: str) -> None:
    torch.manual_seed(0)
    z = torch.randn(256, 3000, requires_grad=True)
    p, q = TARGETS[kind](256, 3000), plogq.Logits(z)
    for reduction in ("mean", "none"):
        plogq.cross_entropy(p, q, reduction=reduction)
        got = allocated(lambda r=reduction: plogq.cross_entropy(p, q, reduction=r))
        assert got <= z.nbytes / 20, f"{got} bytes for {z.nbytes} of scores"


@pytest.mark.parametrize("shape", [(2048, 8192), (256, 3000)], ids=str)
@pytest.mark.parametrize("kind", ["labels", "smoothed"])
def test_forward_and_backward_allocate_the_gradient_and_little_more(
    kind: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # No gradient lies where the one before it was, so that all of it is seen.
    monkeypatch.setenv("PLOGQ_KEEP_BYTES", "0")
    z = torch.zeros(shape, requires_grad=True)
    p = TARGETS[kind](*shape)

    def train(loss: Any) -> float:
        z.grad = None
        return allocated(lambda: loss().backward()) / z.nbytes

    for _ in range(2):
        ours = train(lambda: plogq.cross_entropy(p, plogq.Logits(z)))
    assert 1.0 <= ours <= 1.05
    # PyTorch makes the log-probabilities as well, which says that this would be seen.
    y = torch.zeros(shape[0], dtype=torch.int64)
    assert train(lambda: torch.nn.functional.cross_entropy(z, y)) >= 2.0
