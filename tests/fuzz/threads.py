"""Many at once: threads, forks, imports, interruptions. Each trial is a process of its own.

A trial is a function that raises where it finds a fault. `python -m tests.fuzz.threads NAME SEED`
runs one; it must end with exit code 0, without a traceback and in time.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .notes import Notes

ROOT = Path(__file__).parents[2]
SECONDS = 120
Trial = Callable[[random.Random], None]


def check(seed: int, notes: Notes) -> None:
    """One trial, in a child."""
    name = list(TRIALS)[seed % len(TRIALS)]
    draw = random.Random(seed)
    counts = ("", "1", "2", "4", "64", "1024", "1000000")
    environment = {**os.environ, "PLOGQ_NUM_THREADS": draw.choice(counts)}
    command = [sys.executable, "-X", "faulthandler", "-m", __name__, name, str(seed)]
    try:
        end = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as late:
        notes.check(False, f"{name}: no end within {SECONDS} s", str(late.stderr)[-3000:])
        return
    detail = f"PLOGQ_NUM_THREADS={environment['PLOGQ_NUM_THREADS']}\n{end.stderr[-3000:]}"
    code = end.returncode
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    last = (end.stderr.strip().splitlines() or [""])[-1][:80] if code > 0 else ""
    notes.check(code == 0, f"{name}: {how} {last}".strip(), detail)
    if code == 0:
        notes.check("Traceback" not in end.stderr, f"{name}: traceback in a thread", detail)


def together(work: Callable[[int], None], count: int) -> None:
    """`work` in many threads at once; the first error of any is raised."""
    errors: list[BaseException] = []
    gate = threading.Barrier(count)

    def one(i: int) -> None:
        try:
            gate.wait()
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]


def large(draw: random.Random) -> tuple[Any, Any]:
    """Scores and labels that a call divides among threads."""
    import numpy as np

    rng = np.random.default_rng(draw.randrange(1 << 30))
    events, classes = draw.choice(((1 << 15, 64), (9, 1 << 17), (1 << 20, 2)))
    return rng.normal(size=(events, classes)).astype("f4"), rng.integers(0, classes, events)


def many_calls(draw: random.Random) -> None:
    """Many threads call; each result is that of one thread alone."""
    import plogq

    z, y = large(draw)
    expected, slope = plogq.value_and_grad(plogq.Labels(y), plogq.Logits(z))

    def work(i: int) -> None:
        for _ in range(2):
            loss, found = plogq.value_and_grad(plogq.Labels(y), plogq.Logits(z))
            assert loss == expected
            assert (found.scores == slope.scores).all()

    together(work, draw.choice((2, 8, 16)))


def first_calls(draw: random.Random) -> None:
    """The first call of this process, from many threads at once."""
    import numpy as np

    import plogq

    kinds: list[Callable[[], Any]] = [
        lambda: plogq.cross_entropy(plogq.Labels([1, 0]), plogq.Logits([[2.0, 5.0], [7.0, 1.0]])),
        lambda: plogq.entropy(plogq.Probs([[0.5, 0.5]])),
        lambda: plogq.kl_divergence(plogq.Probs([[0.5, 0.5]]), plogq.Logits(np.zeros((1, 2)))),
        lambda: plogq.cross_entropy(plogq.BinaryProbs([1.0]), plogq.BinaryLogits([0.0])),
    ]
    if draw.random() < 0.5:
        import torch

        y, z = torch.tensor([1, 0]), torch.zeros(2, 3)
        kinds.append(lambda: plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z)))
    together(lambda i: kinds[i % len(kinds)](), 32)


def changing_labels(draw: random.Random) -> None:
    """Threads write labels and scores while kernels read them: a number, NaN or a refusal."""
    import numpy as np

    import plogq

    z, y = large(draw)
    y = y.astype(draw.choice(("i1", "i4", "i8")))
    rng = np.random.default_rng(0)
    odd = np.array([-(2**31), -5, 1000, 2**31 - 1, 127, 0]).astype(y.dtype)
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            at = rng.integers(len(y), size=64)
            y[at] = rng.choice(odd, 64)
            z[at[0]] = rng.choice([np.nan, np.inf, -np.inf, 3e38, 0.0])
            y[at] = 0

    writers = [threading.Thread(target=write) for _ in range(2)]
    for w in writers:
        w.start()
    sparse = np.stack([y, y], -1) if len(y) < 100 else None
    probs = None if sparse is None else np.full(sparse.shape, 0.5)
    try:
        for _ in range(20):
            try:
                plogq.value_and_grad(plogq.Labels(y), plogq.Logits(z))
                plogq.value_and_grad(plogq.Smoothed(plogq.Labels(y), 0.1), plogq.Logits(z))
                if sparse is not None:
                    plogq.value_and_grad(plogq.SparseProbs(sparse, probs), plogq.Logits(z))
            except plogq.PlogqError:
                continue
    finally:
        over.set()
        for w in writers:
            w.join()


def changed_for_backward(draw: random.Random) -> None:
    """Labels that NumPy and PyTorch share become nonsense between forward and backward."""
    import numpy as np
    import torch

    import plogq

    for _ in range(20):
        classes = draw.choice((2, 10, 1000))
        a = np.zeros(draw.choice((1, 5, 3000)), draw.choice(("i4", "i8", "i2")))
        z = torch.randn(len(a), classes, requires_grad=True)
        y = torch.from_numpy(a)
        kind = draw.randrange(3)
        if kind == 0:
            loss = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))
        elif kind == 1:
            p = plogq.SparseProbs(y[:, None], torch.ones(len(a), 1))
            loss = plogq.cross_entropy(
                plogq.Weighted(p, sample_weight=torch.ones(len(a))), plogq.Logits(z)
            )
        else:
            hidden = torch.randn(len(a), 4)
            loss = plogq.cross_entropy(
                plogq.Labels(y),
                plogq.LinearLogits(hidden @ torch.eye(4), z.T[:, :1] @ torch.ones(1, 4)),
            )
        a[:] = draw.choice((1000, -5, 32767, -32768, classes))
        try:
            loss.backward()
        except (plogq.PlogqError, RuntimeError):
            continue
        assert z.grad is not None
        slope = z.grad.sum(1) if kind != 2 else z.grad.sum().reshape(1)
        # Each row of a gradient sums to 0, or the row is NaN: half of it would be a wrong one.
        assert bool((slope.isnan() | (slope.abs() < 1e-3)).all()), slope


def forks(draw: random.Random) -> None:
    """Forks while threads are inside kernels: the child calls too."""
    import plogq

    z, y = large(draw)
    expected = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))
    over = threading.Event()

    def call() -> None:
        while not over.is_set():
            plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))

    callers = [threading.Thread(target=call) for _ in range(2)]
    for c in callers:
        c.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                good = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z)) == expected
                os._exit(0 if good else 1)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0, os.waitstatus_to_exitcode(status)
    finally:
        over.set()
        for c in callers:
            c.join()


def daemons_at_exit(draw: random.Random) -> None:
    """Daemon threads are inside a kernel when the interpreter ends."""
    import plogq

    z, y = large(draw)

    def call() -> None:
        while True:
            plogq.value_and_grad(plogq.Labels(y), plogq.Logits(z))

    for _ in range(3):
        threading.Thread(target=call, daemon=True).start()
    time.sleep(draw.uniform(0.05, 0.5))


def imports_beside(draw: random.Random) -> None:
    """Calls with lists and arrays while another thread imports a framework."""
    import importlib

    import plogq

    name = draw.choice(("torch", "jax", "tensorflow"))
    failed: list[BaseException] = []

    def load() -> None:
        try:
            importlib.import_module(name)
        except BaseException as error:
            failed.append(error)

    loader = threading.Thread(target=load)
    loader.start()
    calls = 0
    while loader.is_alive():
        plogq.cross_entropy(plogq.Labels([1, 0]), plogq.Logits([[2.0, 5.0], [7.0, 1.0]]))
        calls += 1
    loader.join()
    if failed:
        raise failed[0]
    assert calls


def stub_modules(draw: random.Random) -> None:
    """A module of a framework's name that is not the framework."""
    import types

    name = draw.choice(("torch", "jax", "tensorflow", "jax.core", "triton"))
    sys.modules[name] = types.ModuleType(name)
    import plogq

    plogq.cross_entropy(plogq.Labels([1, 0]), plogq.Logits([[2.0, 5.0], [7.0, 1.0]]))


def interrupted(draw: random.Random) -> None:
    """Ctrl-C ends a long call soon, and the next call works."""
    import numpy as np

    import plogq

    z = np.broadcast_to(np.float32(0.5), (1 << 21, 1 << 10))
    y = np.zeros(1 << 21, "i4")
    os.environ["PLOGQ_NUM_THREADS"] = draw.choice(("1", "2"))
    sent: list[float] = []

    def send() -> None:
        time.sleep(0.3)
        sent.append(time.time())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=send, daemon=True).start()
    try:
        plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))
    except KeyboardInterrupt:
        took = time.time() - sent[0]
        assert took < 1.5, f"Ctrl-C waited for {took:.1f} s"
    small = plogq.cross_entropy(plogq.Labels([0]), plogq.Logits([[0.0, 0.0]]))
    assert abs(small - 0.6931471805599453) < 1e-12


def thread_counts(draw: random.Random) -> None:
    """PLOGQ_NUM_THREADS of all kinds: the same bits, or a sentence."""
    import plogq

    z, y = large(draw)
    os.environ["PLOGQ_NUM_THREADS"] = "1"
    expected = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))
    for asked in ("", "2", "3", "7", "999999", "0", "-1", "two", "1.5", "²", " 2", "9" * 5000):
        os.environ["PLOGQ_NUM_THREADS"] = asked
        said = ""
        try:
            found = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))
        except ValueError as error:
            said, found = str(error), expected
        assert found == expected, asked
        assert not said or "PLOGQ_NUM_THREADS" in said, said


def sixty_five_axes(draw: random.Random) -> None:
    """More axes than any kernel has room for, in every framework that has so many."""
    import jax.numpy as jnp
    import numpy as np
    import torch

    import plogq

    for axes in (62, 63, 64, 65, 70):
        shape = (1,) * (axes - 1) + (3,)
        for xp, whole in ((np, np.int64), (torch, torch.int64), (jnp, jnp.int32)):
            try:
                y, x = xp.zeros(shape[:-1], dtype=whole), xp.zeros(shape)
            except (ValueError, RuntimeError, TypeError):
                continue  # the framework itself has no such array
            try:
                found = float(plogq.cross_entropy(plogq.Labels(y), plogq.Logits(x)))
            except (plogq.PlogqError, ValueError):
                continue
            assert abs(found - 1.0986) < 1e-3


def flushed(draw: random.Random) -> None:
    """PyTorch's flushed mode around calls changes no bit, and is as it was afterwards."""
    import numpy as np
    import torch

    import plogq

    if not torch.set_flush_denormal(True):
        return
    p = np.zeros((3, 20000), np.float16)
    p += np.float16(1 / 20000)
    p[:, 0] += np.float16(1.0) - p.sum(1, dtype=np.float64).astype(np.float16)
    cases: list[Callable[[], Any]] = [
        lambda: plogq.cross_entropy(
            plogq.Probs(torch.from_numpy(p)), plogq.Logits(torch.zeros(3, 20000))
        ),
        lambda: plogq.cross_entropy(plogq.Probs(p), plogq.Logits(np.zeros((3, 20000), "f4"))),
        lambda: plogq.entropy(plogq.Probs(p)),
    ]
    found = [float(case()) for case in cases]
    # Arithmetic on what NumPy read before is PyTorch's to flush: the mode is still on.
    tiny = np.full(16, 1e-40, np.float32)
    assert not (tiny * np.float32(1.0)).any(), "the mode was not put back"
    torch.set_flush_denormal(False)
    assert found == [float(case()) for case in cases], found


TRIALS: dict[str, Trial] = {
    f.__name__: f
    for f in (
        many_calls,
        first_calls,
        changing_labels,
        changed_for_backward,
        forks,
        daemons_at_exit,
        imports_beside,
        stub_modules,
        interrupted,
        thread_counts,
        sixty_five_axes,
        flushed,
    )
}


if __name__ == "__main__":
    TRIALS[sys.argv[1]](random.Random(int(sys.argv[2])))
