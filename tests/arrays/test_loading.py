"""A framework is met when it is loaded, not while it is: threads, first calls and namesakes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import os, sys, threading, time, traceback
import numpy as np, plogq
from plogq import BinaryLogits, BinaryProbs, Labels, LinearLogits, Logits, Probs, cross_entropy

wrong = []

def in_threads(calls):
    begin = threading.Barrier(len(calls))
    def run(call):
        begin.wait()
        try:
            call()
        except BaseException:
            wrong.append(traceback.format_exc())
    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads: thread.start()
    return threads

def ended(threads):
    for thread in threads: thread.join()
    if wrong: print(wrong[0])
    return len(wrong)
"""
# What is called while another thread imports a framework, until it has.
IMPORTING = (
    HEAD
    + """
done, counts = threading.Event(), []

def use(call):
    count = 0
    while not (done.is_set() and count):
        call()
        count += 1
        # An import that has to wait for all of them takes ten times as long, and is met no oftener.
        time.sleep(0.003)
    counts.append(count)

def load():
    try:
        __import__({framework!r})
    finally:
        done.set()

y, z = np.array([0, 1]), np.array([[1.0, 2.0], [0.0, 1.0]])
{earlier}
calls = [
    lambda: cross_entropy(Labels([0, 1]), Logits([[1.0, 2.0], [0.0, 1.0]])),
    lambda: cross_entropy(Labels(np.int64(1)), Logits(z[0])),
    lambda: plogq.value_and_grad(Labels(y), Logits(z)),
    lambda: plogq.focal(plogq.entropy(Probs([[0.25, 0.75]], ), reduction="none")),
    {more}
]
print(ended(in_threads([load, *(lambda call=call: use(call) for call in calls)])))
Labels([0])
assert len(counts) == len(calls) or wrong
assert min(counts, default=0) > 10 or wrong, counts
if {framework!r} == "jax":
    import jax
    assert [x.tolist() for x in jax.tree.leaves(Labels([0]))] == [[0]]
"""
)
FIRST = (
    HEAD
    + """
{make}
# Three times, and each is the first: nothing has been called before the process is doubled.
for _ in range(3):
    child = os.fork()
    if not child: break
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
else:
    print("three times none")
    sys.exit()
y, z = np.array([0, 1]), np.array([[1.0, 2.0], [0.0, 1.0]])
given = [(make(y), make(z)) for _ in range(16)]
calls = [
    lambda y, z: cross_entropy(Labels(y), Logits(z)),
    lambda y, z: plogq.value_and_grad(Labels(y), LinearLogits(z, z)),
    lambda y, z: cross_entropy(BinaryProbs(z * 0), BinaryLogits(z)),
    lambda y, z: plogq.entropy(Probs(z * 0 + 0.5)),
    {more}
]
wrong_ones = ended(in_threads([
    lambda call=calls[i % len(calls)], y=y, z=z: call(y, z) for i, (y, z) in enumerate(given)
]))
sys.stdout.flush()
os._exit(min(wrong_ones, 1))
"""
)
MAKE = {
    "numpy": "make = np.asarray",
    "torch": "import torch; make = torch.as_tensor",
    "jax": "import jax; make = jax.numpy.asarray",
    "tensorflow": "import tensorflow as tf; make = tf.constant",
}


def run(program: str, folder: Path | None = None) -> str:
    known = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=known if folder is None else known | {"PYTHONPATH": str(folder)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("earlier", "framework"),
    [("numpy", "torch"), ("numpy", "jax"), ("numpy", "tensorflow"), ("torch", "jax"),
     ("jax", "torch")],
)  # fmt: skip
def test_calls_while_another_thread_imports_a_framework(earlier: str, framework: str) -> None:
    """Of lists, numbers and arrays, and of another framework's tensors: all of them work."""
    more = "" if earlier == "numpy" else "lambda: cross_entropy(Labels(ty), Logits(tz)),"
    setup = "" if earlier == "numpy" else f"{MAKE[earlier]}; ty, tz = make(y), make(z)"
    program = IMPORTING.format(framework=framework, earlier=setup, more=more)
    assert run(program) == "0"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that can be doubled")
@pytest.mark.parametrize("framework", MAKE)
def test_many_first_calls_at_once(framework: str) -> None:
    """JAX's representations are registered once, and nobody goes on before they are."""
    more = (
        "lambda y, z: jax.jit(lambda q: cross_entropy(Labels(y), q))(Logits(z)),"
        if framework == "jax"
        else ""
    )
    assert run(FIRST.format(make=MAKE[framework], more=more)) == "three times none"


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["torch", "jax", "tensorflow"])
def test_plogq_is_imported_while_a_framework_is(framework: str) -> None:
    program = """
import threading
ways = [threading.Thread(target=__import__, args=(name,)) for name in ({framework!r}, "plogq")]
for way in ways: way.start()
for way in ways: way.join()
import {framework}, plogq
print(float(plogq.cross_entropy(plogq.Labels([1]), plogq.Logits([[0.0, 0.0]]))) > 0)
"""
    assert run(program.format(framework=framework)) == "True"


@pytest.mark.slow
def test_an_import_that_calls_plogq_on_its_way(tmp_path: Path) -> None:
    """A framework that is half imported, in this very thread, is left alone."""
    (tmp_path / "plugin.py").write_text(
        "import plogq, sys\n"
        "assert sys.modules['jax'].__spec__._initializing\n"
        "plogq.cross_entropy(plogq.Labels([1]), plogq.Logits([[0.0, 0.0]]))\n"
    )
    program = """
import sys, importlib.abc
import plogq

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "jax.numpy" and "plugin" not in sys.modules:
            import plugin

sys.meta_path.insert(0, Finder())
import jax
assert "plugin" in sys.modules
plogq.Labels([0])
print(len(jax.tree.leaves(plogq.Labels([0]))))
"""
    assert run(program, tmp_path) == "1"


FRAMEWORKS = ("torch", "jax", "tensorflow", "keras")
NAMESAKES = {
    "a file without anything": "",
    "a file with a class of that name": "class Tensor: pass\nclass Array: pass\n",
    "a file with a function of that name": "def Tensor(): pass\ndef Array(): pass\n",
}


@pytest.mark.parametrize("text", NAMESAKES)
def test_a_file_of_that_name_is_not_the_framework(text: str, tmp_path: Path) -> None:
    """One process for each framework's namesake, doubled from one that has loaded NumPy alone."""
    for framework in FRAMEWORKS:
        (tmp_path / f"{framework}.py").write_text(NAMESAKES[text])
    program = f"""
import importlib, os, numpy as np
for framework in {FRAMEWORKS}:
    if child := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, framework
    else: break
else:
    raise SystemExit
module = importlib.import_module(framework)
import plogq
assert module.__file__.startswith({str(tmp_path)!r})
loss = plogq.cross_entropy(plogq.Labels([1]), plogq.Logits(np.zeros((1, 2))))
for stranger in (object(), getattr(module, "Array", object)()):
    try:
        plogq.Logits(stranger)
    except plogq.DtypeError as error:
        assert "must be an array, got" in str(error), error
    else:
        raise AssertionError
print(framework, round(float(loss), 4))
"""
    assert run(program, tmp_path).splitlines() == [f"{name} 0.6931" for name in FRAMEWORKS]


def test_a_folder_of_that_name_is_not_the_framework(tmp_path: Path) -> None:
    for framework in FRAMEWORKS:
        (tmp_path / framework).mkdir()
        (tmp_path / framework / "__init__.py").write_text("")
    program = """
import jax, keras, plogq, tensorflow, torch
print(round(float(plogq.cross_entropy(plogq.Labels([1]), plogq.Logits([[0.0, 0.0]]))), 4))
"""
    assert run(program, tmp_path) == "0.6931"
