"""What `plogq doctor` costs: a step alone, under its eyes, and after it has left.

Each contender is a process of its own: it trains for some steps, then times the steps that follow.
While it looks, it is kept looking for longer than it would, numbers of every call included.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

from .case import OURS, Case, Contender, Run, Work
from .targets import Within

_STEPS = {
    "mlp": """
import torch
torch.set_num_threads(1)
net = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.01)
x, y = torch.randn(64, 784), torch.randint(0, 10, (64,))
criterion = torch.nn.CrossEntropyLoss()
def step():
    opt.zero_grad()
    loss = criterion(net(x), y)
    loss.backward()
    opt.step()
""",
    "gpt": """
import torch
from torch import nn
torch.set_num_threads(1)
class GPT(nn.Module):
    def __init__(self, v=512, d=128):
        super().__init__()
        self.emb = nn.Embedding(v, d)
        layer = nn.TransformerEncoderLayer(d, 4, 4 * d, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 4)
        self.head = nn.Linear(d, v)
    def forward(self, ids):
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        return self.head(self.body(self.emb(ids), mask=mask, is_causal=True))
net = GPT()
opt = torch.optim.AdamW(net.parameters())
ids = torch.randint(0, 512, (8, 65))
def step():
    opt.zero_grad()
    logits = net(ids[:, :-1])
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    opt.step()
""",
    "keras": """
import keras, numpy as np
net = keras.Sequential([keras.Input((64,)), keras.layers.Dense(128, "relu"),
                        keras.layers.Dense(10, activation="softmax")])
net.compile("adam", "sparse_categorical_crossentropy")
x, y = np.random.randn(2048, 64).astype("float32"), np.random.randint(0, 10, 2048)
def step():
    net.fit(x, y, batch_size=64, verbose=0)
""",
    "optax": """
import jax, jax.numpy as jnp, optax
k = jax.random.split(jax.random.key(0), 4)
p = {"a": jax.random.normal(k[0], (784, 128)) * 0.1, "b": jax.random.normal(k[1], (128, 10)) * 0.1}
x, y = jax.random.normal(k[2], (64, 784)), jax.random.randint(k[3], (64,), 0, 10)
tx = optax.sgd(0.01)
s = tx.init(p)
def loss_fn(p):
    logits = jax.nn.relu(x @ p["a"]) @ p["b"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
@jax.jit
def update(p, s):
    u, s = tx.update(jax.grad(loss_fn)(p), s)
    return optax.apply_updates(p, u), s
def step():
    global p, s
    p, s = jax.block_until_ready(update(p, s))
""",
}
_WATCH = """
from plogq.doctor.watch.session import Session
session = Session().start()
"""
_KEEP = """
from plogq.doctor.watch import sightings
sightings.LOOKS = sightings.LABELS = 10**9
"""
# Before the watch begins, which reads this when it does.
_KEEP_TORCH = """
import torch
from plogq.doctor.watch import torch_watch
torch_watch._STEPS = torch_watch._MOST = 10**9
"""
_SECONDS = 5  # of steps that are timed: of slow ones fewer
_CLOCK = """
from time import perf_counter
for _ in range({warm}):
    step()
times = []
end = perf_counter() + {seconds}
while len(times) < {steps} and (len(times) < 4 or perf_counter() < end):
    start = perf_counter()
    step()
    times.append(perf_counter() - start)
print(sorted(times)[len(times) // 2])
"""


def _timed(program: str, backend: str, quick: bool) -> Run:
    def run() -> float:
        env = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=env
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return float(done.stdout.splitlines()[-1])

    return run


def _case(name: str, title: str, what: str, needs: tuple[str, ...], backend: str = "") -> Case:
    slow = what == "keras"
    kept = _KEEP + (_KEEP_TORCH if "torch" in needs else "")

    def work(quick: bool) -> Work:
        steps, warm = (4, 2) if slow else (40 if quick else 200, 40)

        def contender(key: str, said: str, before: str, after: int) -> Contender:
            clock = _CLOCK.format(warm=after, steps=steps, seconds=_SECONDS)
            program = f"{before}\n{_STEPS[what]}\n{clock}"
            return Contender(
                key, said, lambda: _timed(program, backend, quick), needs, own_clock=True
            )

        return Work(
            (
                contender(OURS, "after the doctor has left", _WATCH, warm),
                contender("looking", "while it looks", kept + _WATCH, 3 if not slow else 1),
                contender("alone", "without it", "", warm),
            ),
            elements=0,
        )

    def absent() -> str | None:
        missing = [n for n in needs if find_spec(n) is None]
        return f"{name}: {missing[0]} is not installed" if missing else None

    return Case(
        name, title, work, (Within("alone", 1.02), Within("alone", 2, "looking")), memory=False,
        absent=absent,
    )  # fmt: skip


_START = """
import sys
from time import perf_counter
{import_first}
start = perf_counter()
{body}
print(perf_counter() - start)
"""


def _start(quick: bool) -> Work:
    """From nothing to a script's first line under `plogq doctor`, beside Python alone."""
    alone = _START.format(import_first="", body="import torch")
    watched = _START.format(import_first="", body=_WATCH + "import torch")
    return Work(
        (
            Contender(OURS, "`import torch` under the doctor", lambda: _timed(watched, "", quick),
                      ("torch",), own_clock=True),
            Contender("alone", "`import torch`", lambda: _timed(alone, "", quick), ("torch",),
                      own_clock=True),
        ),
        elements=0,
    )  # fmt: skip


CASES = (
    _case("doctor-mlp", "A step of a small network in PyTorch", "mlp", ("torch",)),
    _case("doctor-gpt", "A step of a small GPT in PyTorch", "gpt", ("torch",)),
    _case("doctor-keras-tensorflow", "`fit` of Keras on TensorFlow", "keras",
          ("keras", "tensorflow"), "tensorflow"),
    _case("doctor-keras-torch", "`fit` of Keras on PyTorch", "keras", ("keras", "torch"), "torch"),
    _case("doctor-keras-jax", "`fit` of Keras on JAX", "keras", ("keras", "jax"), "jax"),
    _case("doctor-optax", "A jitted step with optax", "optax", ("optax",)),
    Case("doctor-start", "`import torch` under the doctor", _start, (Within("alone", 1.2),),
         memory=False),
)  # fmt: skip
