"""A kernel that runs stops for Ctrl-C, and lets the interpreter end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

LONG = """
import os, signal, threading, time
import numpy as np, plogq
# A row is read again and again: much to do, little memory.
z = np.lib.stride_tricks.as_strided(np.zeros(1 << 20, np.float32), (20_000, 1 << 20), (0, 4))
y = np.zeros(20_000, int)
"""


def run(program: str, threads: int) -> tuple[subprocess.CompletedProcess[str], float]:
    began = time.monotonic()
    found = subprocess.run(
        [sys.executable, "-c", LONG + program],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PLOGQ_NUM_THREADS": str(threads)},
    )
    return found, time.monotonic() - began


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal to send")
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_is_answered_within_the_call(threads: int) -> None:
    program = f"""
# What a shell starts in the background begins with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Timer(0.5, lambda: os.kill(os.getpid(), {int(signal.SIGINT)})).start()
began = time.monotonic()
try:
    plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))
except KeyboardInterrupt:
    print("interrupted after", time.monotonic() - began)
# What comes after is computed whole.
assert plogq.cross_entropy(plogq.Labels([0]), plogq.Logits([[0.0, 0.0]])) == np.log(2)
"""
    found, _ = run(program, threads)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("interrupted after"), found.stdout
    assert float(found.stdout.split()[-1]) < 10


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interpreter_ends_while_daemon_threads_compute(threads: int) -> None:
    program = """
def work():
    while True:
        plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.5)
print("done")
"""
    found, _ = run(program, threads)
    assert (found.returncode, found.stdout, found.stderr) == (0, "done\n", "")


def test_many_short_calls_of_daemon_threads_at_the_end() -> None:
    program = """
small = np.zeros((64, 10), np.float32)
few = np.zeros(64, int)
def work():
    while True:
        plogq.value_and_grad(plogq.Labels(few), plogq.Logits(small))
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
print("done")
"""
    for _ in range(5):
        found, _ = run(program, 1)
        assert (found.returncode, found.stdout, found.stderr) == (0, "done\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_the_child_of_a_fork_ends_too() -> None:
    program = """
threading.Thread(target=lambda: plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z)),
                 daemon=True).start()
time.sleep(0.3)
child = os.fork()
if child == 0:
    assert plogq.cross_entropy(plogq.Labels([0]), plogq.Logits([[0.0, 0.0]])) == np.log(2)
    raise SystemExit(7)
began = time.monotonic()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    found, _ = run(program, 1)
    assert found.returncode == 0, found.stderr
    assert found.stdout == "7\n", found.stderr
