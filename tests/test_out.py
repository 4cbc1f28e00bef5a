"""What takes a gradient: memory that is nobody else's, and whose elements lie apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import as_strided, sliding_window_view

import plogq
from plogq.frameworks.overlap import overlaps_itself

from .together import for_each

Y = np.array([0, 1, 2])
Z = np.array([[1.0, 2.0, 0.0], [0.0, 0.5, 3.0], [0.25, 0.5, 1.0]])

OVERLAPPING: dict[str, Callable[[], Any]] = {
    "NumPy, a sliding window": lambda: sliding_window_view(np.zeros(5), 3, writeable=True),
    "NumPy, one row for all": lambda: as_strided(np.zeros(3), (3, 3), (0, 8)),
    "NumPy, halves of elements": lambda: as_strided(np.zeros(12), (3, 3), (12, 4)),
    "torch, expanded": lambda: torch.zeros(3, dtype=torch.float64).expand(3, 3),
    "torch, unfolded": lambda: torch.zeros(5, dtype=torch.float64).unfold(0, 3, 1),
}


def pair(like: Any) -> tuple[Any, Any]:
    if isinstance(like, torch.Tensor):
        return plogq.Labels(torch.from_numpy(Y)), torch.from_numpy(Z.copy())
    return plogq.Labels(Y), Z.copy()


@for_each("name", OVERLAPPING)
def test_an_array_that_overlaps_itself_is_refused(name: str) -> None:
    out = OVERLAPPING[name]()
    p, z = pair(out)
    with pytest.raises(ValueError, match=r"out takes .* shape \(3, 3\), lie on the same memory"):
        plogq.value_and_grad(p, plogq.Logits(z), out=out)
    with pytest.raises(ValueError, match=r'out="scores" takes .* lie on the same memory'):
        plogq.value_and_grad(p, plogq.Logits(out), out="scores")
    assert not np.asarray(out).any()
    # Read, it is an array like others.
    plogq.value_and_grad(p, plogq.Logits(out))


def test_arrays_that_lie_apart_are_taken_however_they_lie() -> None:
    want = plogq.value_and_grad(plogq.Labels(Y), plogq.Logits(Z))[1].scores
    for out in (
        np.zeros((3, 3)).T,
        np.zeros((3, 6))[:, ::-2],
        np.zeros((7, 3))[::3],
        as_strided(np.zeros(9 * 9), (3, 3), (3 * 8, 10 * 8)),
        # Rows that reach into one another and never meet.
        as_strided(np.zeros(30), (3, 3), (4 * 8, 5 * 8)),
    ):
        plogq.value_and_grad(plogq.Labels(Y), plogq.Logits(Z), out=out)
        np.testing.assert_allclose(out, want, rtol=1e-12)
    empty = np.zeros((0, 3))
    plogq.value_and_grad(plogq.Labels(Y[:0]), plogq.Logits(empty), out=np.zeros((0, 3)))


@for_each("seed", range(50))
def test_overlaps_are_those_that_a_count_of_the_places_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(40):
        shape = tuple(int(n) for n in rng.integers(1, 5, size=rng.integers(1, 4)))
        strides = [int(n) for n in rng.integers(-9, 10, size=len(shape))]
        size = int(rng.integers(1, 4))
        touched = [
            sum(i * s for i, s in zip(place, strides, strict=True)) + byte
            for place in np.ndindex(shape)
            for byte in range(size)
        ]
        assert overlaps_itself(shape, strides, size) == (len(set(touched)) < len(touched))


def test_memory_of_the_target_is_refused() -> None:
    q = np.full((3, 3), 1 / 3)
    with pytest.raises(ValueError, match=r'out="scores" .* overlaps an array of the target'):
        plogq.value_and_grad(plogq.Probs(q), plogq.Probs(q), out="scores")
    # Two tensors may lie on one array without one storage.
    both = np.zeros((4, 3))
    z, out = torch.from_numpy(both[:3]), torch.from_numpy(both[1:])
    with pytest.raises(ValueError, match="out overlaps the scores"):
        plogq.value_and_grad(plogq.Labels(torch.from_numpy(Y)), plogq.Logits(z), out=out)


def test_a_pair_of_two_frameworks_is_refused_before_its_memory_is_looked_at() -> None:
    out = torch.zeros(Z.shape, dtype=torch.float64)
    with pytest.raises(TypeError, match="P is of torch and Q of numpy"):
        plogq.value_and_grad(plogq.Labels(torch.from_numpy(Y)), plogq.Logits(Z), out=out)


@for_each("made", ["labels", "probs", "weighted"])
@for_each("by_name", [False, True])
def test_autograd_hears_of_what_is_overwritten(by_name: bool, made: str) -> None:
    """A node that has saved the tensor says so, in place of a wrong gradient."""
    y = torch.from_numpy(Y)
    targets: dict[str, Any] = {
        "labels": plogq.Labels(y),
        "probs": plogq.Probs(torch.eye(3, dtype=torch.float64)),
        "weighted": plogq.Weighted(plogq.Labels(y), sample_weight=torch.ones(3)),
    }
    z = torch.from_numpy(Z.copy())
    taken = z if by_name else torch.ones_like(z)
    w = torch.ones_like(z, requires_grad=True)
    earlier = (w * taken).sum()
    out: Any = "scores" if by_name else taken
    plogq.value_and_grad(targets[made], plogq.Logits(z), out=out)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        earlier.backward()


def test_a_view_is_heard_of_by_what_it_is_a_view_of() -> None:
    base = torch.ones(3, 3, dtype=torch.float64)
    w = torch.ones_like(base, requires_grad=True)
    earlier = (w * base).sum()
    y, z = plogq.Labels(torch.from_numpy(Y)), torch.from_numpy(Z.copy())
    plogq.value_and_grad(y, plogq.Logits(z), out=base.t())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        earlier.backward()


def test_a_tensor_that_autograd_records_is_refused() -> None:
    y, z = plogq.Labels(torch.from_numpy(Y)), torch.from_numpy(Z.copy())
    leaf = torch.zeros_like(z, requires_grad=True)
    for out in (leaf, leaf * 2):
        with pytest.raises(ValueError, match=r"out .* while autograd records it .*x\.detach\(\)"):
            plogq.value_and_grad(y, plogq.Logits(z), out=out)
        with pytest.raises(ValueError, match=r'out="scores" .* while autograd records it'):
            plogq.value_and_grad(y, plogq.Logits(out), out="scores")


def test_what_nobody_saved_is_overwritten_as_before() -> None:
    """The gradient goes on from the scores that it has taken the place of."""
    y, x = plogq.Labels(torch.from_numpy(Y)), torch.from_numpy(Z.copy())
    w = torch.eye(3, dtype=torch.float64, requires_grad=True)
    z = x @ w
    _, grad = plogq.value_and_grad(y, plogq.Logits(z.detach()), out="scores")
    z.backward(grad.scores)
    other = torch.eye(3, dtype=torch.float64, requires_grad=True)
    plogq.cross_entropy(y, plogq.Logits(x @ other)).backward()
    torch.testing.assert_close(w.grad, other.grad)
    with torch.inference_mode():
        made = torch.zeros(3, 3, dtype=torch.float64)
        plogq.value_and_grad(y, plogq.Logits(x), out=made)
    assert made.any()
