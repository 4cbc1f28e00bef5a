"""The kernels' threads are PyTorch's: as many as it was told, the same bits for any number."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest
import torch

import plogq
from plogq.frameworks.torch import small
from plogq.native import _cpu, processor

SHAPES = ((20_000, 2), (4_000, 10), (180, 100), (300, 200), (9, 5_000), (2, 70_000))


@pytest.fixture
def told() -> Generator[Callable[[int], None]]:
    """torch.set_num_threads, and as it was in the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def _pairs(shape: tuple[int, int]) -> dict[str, tuple[Any, Any]]:
    made = torch.Generator().manual_seed(3)
    z = (4 * torch.randn(shape, generator=made)).requires_grad_()
    p = torch.rand(shape, generator=made)
    y = torch.randint(0, shape[1], shape[:1], generator=made)
    smooth = plogq.Weighted(plogq.Smoothed(plogq.Labels(y), 0.1), class_weight=p[0])
    return {
        "labels": (plogq.Labels(y), plogq.Logits(z)),
        "smoothed": (smooth, plogq.Logits(z)),
        "soft": (plogq.Probs(p / p.sum(-1, keepdim=True)), plogq.Logits(z)),
        "yes/no": (plogq.BinaryProbs(p), plogq.BinaryLogits(z)),
    }


def _step(p: Any, q: Any) -> tuple[bytes, bytes]:
    loss = plogq.cross_entropy(p, q)
    (gradient,) = torch.autograd.grad(loss, q.scores)
    return loss.detach().numpy().tobytes(), gradient.numpy().tobytes()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_bits_are_the_same_for_any_number_of_threads(
    shape: tuple[int, int], told: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLOGQ_NUM_THREADS", raising=False)
    for name, (p, q) in _pairs(shape).items():
        found: set[tuple[bytes, bytes]] = set()
        for count in (1, 2, 3, 7):
            told(count)
            assert processor.threads(shape[0] * shape[1]) == count
            found.add(_step(p, q))
        # And with threads of our own.
        monkeypatch.setattr(processor, "_pool", None)
        monkeypatch.setenv("PLOGQ_NUM_THREADS", "2")
        found.add(_step(p, q))
        monkeypatch.undo()
        assert len(found) == 1, name


def test_plogq_num_threads_says_more_than_pytorch(
    told: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    told(1)
    monkeypatch.setenv("PLOGQ_NUM_THREADS", "3")
    assert processor.threads(1 << 20) == 3
    assert processor.threads(1 << 10) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
# JAX, if another test has loaded it, warns of every fork; the child runs none of it.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_child_of_a_fork_has_threads_of_its_own(told: Callable[[int], None]) -> None:
    told(2)
    p, q = _pairs((4_000, 10))["labels"]
    before = _step(p, q)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if plogq.cross_entropy(p, q).detach().numpy().tobytes() == before[0] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_losses_below_the_normal_numbers_survive_pytorchs_threads(
    told: Callable[[int], None],
) -> None:
    told(2)
    z = torch.tensor([[95.0, 0.0]]).repeat(40_000, 1)
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot take small numbers for 0")
    try:
        losses = plogq.cross_entropy(
            plogq.Labels(torch.zeros(len(z), dtype=torch.int64)), plogq.Logits(z), reduction="none"
        )
    finally:
        torch.set_flush_denormal(False)
    assert losses.numpy().min() > 0
    np.testing.assert_allclose(losses.numpy(), np.exp(-95.0), rtol=1e-3)


@pytest.mark.parametrize("shape", [(64, 10), (9, 5_000)])
def test_a_pytorch_that_has_no_function_of_c_for_tensors_is_asked_in_python(
    shape: tuple[int, int],
) -> None:
    exported = torch.Tensor.__dlpack_c_exchange_api__
    pairs = _pairs(shape)
    found = {name: _step(*pair) for name, pair in pairs.items()}
    _cpu.read_tensors(None, small._described, processor.threads)
    try:
        assert found == {name: _step(*pair) for name, pair in pairs.items()}
    finally:
        _cpu.read_tensors(exported, small._described, processor.threads)


def test_what_a_hook_gives_back_is_looked_at_again() -> None:
    for name, (p, q) in _pairs((64, 10)).items():
        expected = torch.autograd.grad(plogq.cross_entropy(p, q), q.scores)[0]
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x: x.double() if x.is_floating_point() else x,
            lambda x: x.float() if x.is_floating_point() else x,
        ):
            loss = plogq.cross_entropy(p, q)
        assert torch.equal(torch.autograd.grad(loss, q.scores)[0], expected), name


@pytest.mark.parametrize("name", ["labels", "smoothed", "soft", "yes/no"])
def test_what_flows_back_may_be_of_any_kind_and_layout(name: str) -> None:
    p, q = _pairs((70, 10))[name]
    losses = plogq.cross_entropy(p, q, reduction="none")

    def gradient(each: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(losses, q.scores, each, retain_graph=True)[0]

    each = torch.linspace(-1, 2, losses.numel()).reshape(losses.shape)
    exact = gradient(each.clone())
    strided = torch.stack((each, each), -1)[..., 0]
    assert not strided.is_contiguous()
    assert torch.equal(gradient(strided), exact)
    one = torch.tensor(0.3).expand(losses.shape)
    assert torch.equal(gradient(one), gradient(one.contiguous()))
