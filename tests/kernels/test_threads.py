"""Threads: the same bits for any number of them, safe beside one another and after a fork."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import plogq
from plogq.native import processor

from .. import bounds, oracle

Array = npt.NDArray[Any]

# All above a million scores: few rows of many classes, many rows of few, and both.
SHAPES = [(1, 2**20 + 17), (2, 700_001), (3, 2**19), (40, 40_009), (2048, 1000), (150_001, 11)]
COUNTS = (1, 2, 3, 8)


def scores(shape: tuple[int, ...], dtype: Any) -> Array:
    """Multiples of 1/16, so that the oracle needs few exponentials for a long row."""
    rng = np.random.default_rng(sum(shape))
    return (rng.integers(-160, 161, shape) / 16).astype(dtype)


def everything(p: Any, q: Any) -> list[bytes]:
    """Every result that a call gives, as bytes."""
    loss, grad = plogq.value_and_grad(p, q, reduction="none")
    mean, _ = plogq.value_and_grad(p, q)
    arrays = [getattr(grad, n) for n in ("scores", "probs", "log_probs") if hasattr(grad, n)]
    found = [loss, mean, *arrays, plogq.cross_entropy(p, q, reduction="none")]
    if isinstance(q, plogq.Logits | plogq.BinaryLogits):
        found.append(plogq.log_normalizer(q))
    return [np.ascontiguousarray(a).tobytes() for a in found]


def same_for_any_count(p: Any, q: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLOGQ_NUM_THREADS", "1")
    alone = everything(p, q)
    for count in COUNTS[1:]:
        monkeypatch.setenv("PLOGQ_NUM_THREADS", str(count))
        assert everything(p, q) == alone, f"{count} threads"
    monkeypatch.delenv("PLOGQ_NUM_THREADS")
    assert everything(p, q) == alone, "as many threads as there are processors"


@pytest.mark.parametrize("dtype", [bounds.DTYPES[1], bounds.DTYPES[3]], ids=lambda d: d.name)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_labels_cost_the_same_bits_for_any_number_of_threads(
    shape: tuple[int, int], dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    z = scores(shape, dtype)
    y = np.arange(shape[0]) * 7919 % shape[1]
    same_for_any_count(plogq.Labels(y), plogq.Logits(z), monkeypatch)
    monkeypatch.setenv("PLOGQ_NUM_THREADS", "3")
    got = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z), reduction="none")
    for i in {0, shape[0] // 2, shape[0] - 1}:
        bounds.check_loss(got[i], oracle.Tally(z[i]).cost(int(y[i])), dtype)


@pytest.mark.parametrize("shape", [(1, 2**20 + 17), (40, 40_009), (150_001, 11)], ids=str)
@pytest.mark.parametrize("kind", ["soft", "smoothed", "sparse", "axis", "probs"])
def test_every_target_costs_the_same_bits_for_any_number_of_threads(
    kind: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    z = scores(shape, np.float32)
    rng = np.random.default_rng(1)
    p = rng.random(shape, np.float32)
    p /= p.sum(axis=-1, keepdims=True)
    y = rng.integers(0, shape[1], shape[0])
    pairs = {
        "soft": (plogq.Probs(p), plogq.Logits(z)),
        "smoothed": (plogq.Smoothed(plogq.Labels(y), 0.1), plogq.Logits(z)),
        "sparse": (
            plogq.SparseProbs(np.stack([y, y * 0], -1), np.full((shape[0], 2), 0.5)),
            plogq.Logits(z, softcap=20.0),
        ),
        "axis": (plogq.Labels(y), plogq.Logits(np.ascontiguousarray(z.T), axis=0)),
        "probs": (plogq.Labels(y), plogq.Probs(p)),
    }
    same_for_any_count(*pairs[kind], monkeypatch)


def test_yes_no_outcomes_cost_the_same_bits_for_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    z = scores((2**20 + 3,), np.float32)
    y = plogq.BinaryProbs(np.arange(len(z)) % 3 == 0)
    same_for_any_count(y, plogq.BinaryLogits(z), monkeypatch)


def test_a_long_row_is_right_for_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The merge of the threads' shares: the greatest score in the first, a middle, the last."""
    classes = 2**20 + 17
    row = scores((classes,), np.float32)
    for place in (0, classes // 2, classes - 1):
        z = row.copy()
        z[place] = 18.0
        tally = oracle.Tally(z)
        for count in COUNTS:
            monkeypatch.setenv("PLOGQ_NUM_THREADS", str(count))
            for y in (place, 5):
                got = plogq.cross_entropy(plogq.Labels([y]), plogq.Logits(z[None]))
                bounds.check_loss(got, tally.cost(y), np.float32)


@pytest.mark.parametrize("shape", [(1, 2**20 + 17), (2048, 1000)], ids=str)
def test_scores_are_overwritten_right_by_any_number_of_threads(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thread reads what it needs before anyone writes there."""
    z = scores(shape, np.float32)
    p = plogq.Smoothed(plogq.Labels(np.arange(shape[0]) % shape[1]), 0.1)
    monkeypatch.setenv("PLOGQ_NUM_THREADS", "1")
    loss, grad = plogq.value_and_grad(p, plogq.Logits(z))
    for count in COUNTS:
        monkeypatch.setenv("PLOGQ_NUM_THREADS", str(count))
        work = z.copy()
        again, _ = plogq.value_and_grad(p, plogq.Logits(work), out="scores")
        assert again.tobytes() == loss.tobytes()
        np.testing.assert_allclose(work, grad.scores, rtol=1e-6, atol=1e-12)


def test_infinities_merge_between_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = 2**20 + 17
    for count in COUNTS:
        monkeypatch.setenv("PLOGQ_NUM_THREADS", str(count))
        z = np.full((1, classes), -np.inf, np.float32)
        assert np.isnan(plogq.cross_entropy(plogq.Labels([3]), plogq.Logits(z)))
        z[0, -1] = 4.0
        assert plogq.cross_entropy(plogq.Labels([classes - 1]), plogq.Logits(z)) == 0
        z[0, 0] = np.inf
        assert plogq.cross_entropy(plogq.Labels([0]), plogq.Logits(z)) == 0
        z[0, classes // 2] = np.inf
        assert np.isnan(plogq.cross_entropy(plogq.Labels([0]), plogq.Logits(z)))


def test_the_number_of_threads_is_read_on_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a bad one is refused with a sentence, on the call that it would have governed."""
    from plogq.kernels import describe

    for count in (1, 5):
        monkeypatch.setenv("PLOGQ_NUM_THREADS", str(count))
        assert describe()["threads"] == count
    z = plogq.Logits(np.zeros((2, 2**20), np.float32))
    for bad in ("0", "-2", "two", "1.5"):
        monkeypatch.setenv("PLOGQ_NUM_THREADS", bad)
        with pytest.raises(ValueError, match=f"PLOGQ_NUM_THREADS must be a positive .*{bad}"):
            plogq.cross_entropy(plogq.Labels([0, 0]), z)
    monkeypatch.setenv("PLOGQ_NUM_THREADS", "2")
    got = plogq.cross_entropy(plogq.Labels([0, 0]), z)
    bounds.check_loss(got, oracle.mp.log(2**20), np.float32)


def test_many_python_threads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shared scratch space: 8 callers with 2 threads each, every result as if alone."""
    monkeypatch.setenv("PLOGQ_NUM_THREADS", "2")
    pairs: list[tuple[Any, Any]] = []
    for n, (rows, classes) in enumerate([(64, 10), (1, 2**20), (3000, 400), (7, 33)] * 3):
        z = scores((rows, classes), (np.float32, np.float64, np.float16)[n % 3]) + 0
        y = np.arange(rows) % classes
        pairs.append((plogq.Labels(y), plogq.Logits(z)))
        pairs.append((plogq.BinaryProbs(z > 0), plogq.BinaryLogits(z)))
    alone = [everything(p, q) for p, q in pairs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda pair: everything(*pair), pairs * 2))
    assert together == alone * 2


def test_validation_is_per_thread() -> None:
    """A block that turns checks off in one thread leaves them on in the others."""
    bad = plogq.Probs([[0.5, 0.6]])
    inside, done = threading.Event(), threading.Event()

    def unchecked() -> float:
        with plogq.validation("off"):
            inside.set()
            assert done.wait(10)
            return float(plogq.cross_entropy(plogq.Labels([0]), bad))

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(unchecked)
        assert inside.wait(10)
        with pytest.raises(plogq.ProbabilityError):
            plogq.cross_entropy(plogq.Labels([0]), bad)
        done.set()
        assert other.result(10) == pytest.approx(np.log(2))


def test_other_python_threads_run_while_a_kernel_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that held the interpreter would let this thread wake between calls at most."""
    monkeypatch.setenv("PLOGQ_NUM_THREADS", "1")
    # Zero strides: 400 million scores without the memory.
    shared = np.broadcast_to(np.zeros(4000, np.float32), (100_000, 4000))
    p, q = plogq.Labels(np.zeros(100_000, int)), plogq.Logits(shared)
    finished = threading.Event()

    def work() -> None:
        plogq.cross_entropy(p, q)
        finished.set()

    worker = threading.Thread(target=work)
    start = time.perf_counter()
    worker.start()
    wakes = 0
    while not finished.is_set():
        time.sleep(0.001)
        wakes += 1
    elapsed = time.perf_counter() - start
    worker.join()
    assert elapsed > 0.05, "too fast to tell"
    # Without the release it is a few wakes before the kernel starts; a loaded machine still gives
    # a tenth of the thousand a second that it could.
    assert wakes >= max(10, elapsed * 50), f"{wakes} wakes in {elapsed:.3f} s"


TASKS = Path("/proc/self/task")

if TASKS.exists():

    def test_no_thread_outlives_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PLOGQ_NUM_THREADS", "8")
        z = plogq.Logits(scores((40, 40_009), np.float32))
        y = plogq.Labels(np.zeros(40, int))
        before = len(os.listdir(TASKS))
        for _ in range(5):
            plogq.value_and_grad(y, z)
        # A joined thread may linger in the kernel's list for a moment.
        deadline = time.monotonic() + 5
        while len(os.listdir(TASKS)) > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(os.listdir(TASKS)) <= before


if hasattr(os, "fork"):
    # JAX, if another test has loaded it, warns of every fork; the child runs none of it.
    @pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_child_of_a_fork_computes_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
        """No pool whose threads the child would wait for in vain."""
        monkeypatch.setenv("PLOGQ_NUM_THREADS", "4")
        z = scores((40, 40_009), np.float32)
        p, q = plogq.Labels(np.arange(40)), plogq.Logits(z)
        expected = everything(p, q)
        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    code = 0 if everything(p, q) == expected else 2
                finally:
                    os._exit(code)
            children.append(child)
        deadline = time.monotonic() + 60
        for child in children:
            done, status = os.waitpid(child, os.WNOHANG)
            while not done and time.monotonic() < deadline:
                time.sleep(0.01)
                done, status = os.waitpid(child, os.WNOHANG)
            if not done:
                os.kill(child, 9)
                os.waitpid(child, 0)
            assert done, "the child hangs"
            assert os.waitstatus_to_exitcode(status) == 0
        assert everything(p, q) == expected


@pytest.mark.parametrize(("told", "expected"), [("3", 3), ("2,4", 2), ("", 4), ("many", 4)])
def test_omp_num_threads_counts_where_nobody_says_more(
    told: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLOGQ_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    monkeypatch.setattr(processor, "processors", lambda: 4)
    assert processor.threads(1 << 20, spawned=True) == expected
