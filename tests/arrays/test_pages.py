"""Memory for large gradients is kept for the next of its size, and never shared or overgrown."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import plogq
from plogq.frameworks import pages

SIZE = pages.LARGE


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    gc.collect()
    pages._kept.clear()


def address(x: np.ndarray) -> int:
    return x.__array_interface__["data"][0]


def test_a_block_comes_back_once_the_array_and_its_views_are_gone() -> None:
    first = pages.pages(SIZE)
    place, view = address(first), first[10:]
    del first
    assert not pages._kept
    del view
    assert len(pages._kept) == 1
    again = pages.pages(SIZE)
    assert address(again) == place
    assert again.flags.writeable
    assert not pages._kept


def test_two_arrays_never_share_a_block() -> None:
    a, b = pages.pages(SIZE), pages.pages(SIZE)
    assert not np.shares_memory(a, b)


def test_another_size_lets_the_block_go() -> None:
    pages.pages(SIZE)
    assert len(pages._kept) == 1
    other = pages.pages(2 * SIZE)
    assert other.nbytes == 2 * SIZE
    assert not pages._kept


def test_only_the_last_block_is_kept() -> None:
    a, b = pages.pages(SIZE), pages.pages(SIZE)
    del a, b
    assert len(pages._kept) == 1


@pytest.mark.parametrize("most", ["0", str(SIZE - 1)])
def test_keep_bytes_bounds_what_is_kept(most: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLOGQ_KEEP_BYTES", most)
    pages.pages(SIZE)
    assert not pages._kept


@pytest.mark.parametrize("most", ["-1", "1 GiB", "x"])
def test_keep_bytes_that_is_no_number_is_refused(
    most: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLOGQ_KEEP_BYTES", most)
    with pytest.raises(ValueError, match="PLOGQ_KEEP_BYTES must be a number of bytes"):
        pages.pages(SIZE)


def test_a_gradient_that_is_held_is_not_overwritten_by_the_next() -> None:
    z = np.zeros((2, SIZE // 8), np.float32)
    p = [plogq.Labels([k, k]) for k in (0, 1, 2)]
    first = plogq.value_and_grad(p[0], plogq.Logits(z))[1].scores
    kept = first.copy()
    plogq.value_and_grad(p[1], plogq.Logits(z))
    plogq.value_and_grad(p[2], plogq.Logits(z))
    np.testing.assert_array_equal(first, kept)
