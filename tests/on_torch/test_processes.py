"""Threads and processes: the same bits for any number of either, and none hangs."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

import plogq

from .tensors import array

Tensor = torch.Tensor


def everything(p: Any, q: Any) -> list[bytes]:
    """Every result of a pair, forward and backward, as bytes."""
    name = "scores" if hasattr(q, "scores") else "probs"
    stored = getattr(q, name)
    found: list[bytes] = []
    for reduction in ("none", "mean"):
        leaf = stored.detach().requires_grad_()
        again = type(q)(leaf, axis=q.axis) if hasattr(q, "axis") else type(q)(leaf)
        loss = plogq.cross_entropy(p, again, reduction=reduction)
        loss.sum().backward()
        found += [array(x).tobytes() for x in (loss, leaf.grad)]
    return found


def scores(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return (torch.randint(-160, 161, shape, generator=generator) / 16).to(dtype)


PAIRS: dict[str, Any] = {
    "labels": lambda: (
        plogq.Labels(torch.arange(2048) * 7 % 700),
        plogq.Logits(scores((2048, 700), torch.float32)),
    ),
    "one row": lambda: (
        plogq.Labels(torch.tensor([12345])),
        plogq.Logits(scores((1, 2**20 + 17), torch.bfloat16)),
    ),
    "soft": lambda: (
        plogq.Probs(torch.softmax(scores((40, 40_009), torch.float32), -1)),
        plogq.Logits(scores((40, 40_009), torch.float32)),
    ),
    "columns": lambda: (
        plogq.Smoothed(plogq.Labels(torch.arange(150_001) % 11), 0.1),
        plogq.Logits(scores((11, 150_001), torch.float32), axis=0),
    ),
    "yes/no": lambda: (
        plogq.BinaryProbs(torch.arange(2**20 + 3) % 3 == 0),
        plogq.BinaryLogits(scores((2**20 + 3,), torch.float32)),
    ),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_the_same_bits_for_any_number_of_threads(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = PAIRS[kind]()
    monkeypatch.setenv("PLOGQ_NUM_THREADS", "1")
    alone = everything(*pair)
    for count in ("2", "3", "8"):
        monkeypatch.setenv("PLOGQ_NUM_THREADS", count)
        assert everything(*pair) == alone, f"{count} threads"
    # PyTorch's own number of threads is no part of it.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert everything(*pair) == alone
    finally:
        torch.set_num_threads(before)


def test_many_python_threads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLOGQ_NUM_THREADS", "2")
    pairs: list[Any] = []
    for n, (rows, classes) in enumerate([(64, 10), (1, 2**20), (1500, 700), (7, 33)] * 2):
        dtype = (torch.float32, torch.float64, torch.bfloat16)[n % 3]
        z = scores((rows, classes), dtype)
        pairs.append((plogq.Labels(torch.arange(rows) % classes), plogq.Logits(z)))
        pairs.append((plogq.BinaryProbs(z > 0), plogq.BinaryLogits(z)))
    alone = [everything(p, q) for p, q in pairs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda pair: everything(*pair), pairs * 2))
    assert together == alone * 2


def test_a_backward_in_another_thread_than_its_forward() -> None:
    z = torch.randn(6, 5, requires_grad=True)
    y = plogq.Labels(torch.arange(6) % 5)
    (want,) = torch.autograd.grad(plogq.cross_entropy(y, plogq.Logits(z)), z)
    loss = plogq.cross_entropy(y, plogq.Logits(z))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(loss.backward).result(30)
    assert torch.equal(z.grad, want)


def _in_child(answer: Any, pair: Any) -> None:
    answer.send(everything(*pair))


# JAX, if another test has loaded it, warns of every fork; the child runs none of it.
forks = pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")


@forks
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_after_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the workers of a DataLoader start: the parent has used its threads before."""
    monkeypatch.setenv("PLOGQ_NUM_THREADS", "3")
    # Made here: PyTorch's own threads do not outlive a fork, and making the scores may need them.
    pair = PAIRS["labels"]()
    want = everything(*pair)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    worker = context.Process(target=_in_child, args=(theirs, pair))
    with warnings.catch_warnings():
        # Python ≥ 3.12 warns of any fork beside threads; this is the case that it warns of.
        warnings.simplefilter("ignore", DeprecationWarning)
        worker.start()
    try:
        assert ours.poll(20), "the child hangs"
        assert ours.recv() == want
    finally:
        worker.join(10)
        if worker.is_alive():
            worker.kill()
    assert worker.exitcode == 0


class Losses(torch.utils.data.Dataset[Tensor]):
    """A data set whose every item is a loss that a worker computes."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> Tensor:
        z = scores((4, 5), torch.float32).requires_grad_()
        loss = plogq.cross_entropy(plogq.Labels(torch.arange(4) + i % 2), plogq.Logits(z))
        loss.backward()
        return torch.cat([loss.detach()[None], z.grad.flatten()])


@forks
def test_the_workers_of_a_data_loader() -> None:
    alone = torch.stack([Losses()[i] for i in range(6)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        loader = torch.utils.data.DataLoader(Losses(), batch_size=2, num_workers=2, timeout=60)
        together = torch.cat(list(loader))
    assert torch.equal(together, alone)


def test_a_tensor_in_shared_memory() -> None:
    """Storage of another kind, as between processes."""
    z = scores((8, 9), torch.float32)
    y = plogq.Labels(torch.arange(8))
    assert everything(y, plogq.Logits(z.clone().share_memory_())) == everything(y, plogq.Logits(z))
