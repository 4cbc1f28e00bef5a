"""Watching JAX, TensorFlow, Keras and scikit-learn: no number changes, and callbacks begin it."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import plogq

from .. import unoptimised
from ..forked import KERAS as LOADED
from ..forked import PROGRAM, commands

# A training, run alone and under watch in processes of their own: what it prints are bits.
JAX = """import jax, jax.numpy as jnp, optax
def net(p, x):
    return jax.nn.softmax(jnp.tanh(x @ p["a"]) @ p["b"])
def loss_fn(p, x, y):
    return optax.softmax_cross_entropy_with_integer_labels(net(p, x), y).mean()
k = jax.random.split(jax.random.key(0), 3)
p = {"a": jax.random.normal(k[0], (5, 8)), "b": jax.random.normal(k[1], (8, 3))}
tx = optax.adam(1e-2)
s = tx.init(p)
x = jax.random.normal(k[2], (16, 5))
y = jnp.arange(16) % 3
for step in (jax.value_and_grad(loss_fn), jax.jit(jax.value_and_grad(loss_fn))):
    for _ in range(3):
        l, g = step(p, x, y)
        u, s = tx.update(g, s)
        p = optax.apply_updates(p, u)
        print(float(l).hex(), [float(v.sum()).hex() for v in jax.tree.leaves(g)])
print(jax.random.key_data(jax.random.split(k[0])))
"""
TENSORFLOW = """import tensorflow as tf
tf.random.set_seed(1)
w = tf.Variable(tf.random.normal((6, 4)))
def step(x, y):
    with tf.GradientTape() as tape:
        q = tf.nn.softmax(tf.nn.dropout(x @ w, 0.1))
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, q))
    g = tape.gradient(loss, w)
    w.assign_sub(0.1 * g)
    return loss, g
for f in (step, tf.function(step)):
    for _ in range(3):
        l, g = f(tf.random.normal((8, 6)), tf.random.uniform((8,), 0, 4, tf.int32))
        print(float(l).hex(), float(tf.reduce_sum(g)).hex())
print(tf.random.uniform((3,)).numpy())
"""
KERAS = """import keras, numpy as np
keras.utils.set_random_seed(2)
x, y = np.random.randn(64, 6), np.random.randint(0, 4, 64)
m = keras.Sequential([keras.Input((6,)), keras.layers.Dense(16, "relu"), keras.layers.Dropout(0.3),
                      keras.layers.Dense(4, activation="softmax"), keras.layers.Reshape((4,))])
m.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
h = m.fit(x, y, epochs=3, batch_size=16, verbose=0)
print([float(v).hex() for v in h.history["loss"]])
print([float(np.sum(w)).hex() for w in m.get_weights()], np.random.rand())
"""


def bits(text: str, misuses: int, watched: bool, tmp_path: Path, backend: str) -> str:
    (tmp_path / "train.py").write_text(text, encoding="utf-8")
    env = unoptimised.environment(KERAS_BACKEND=backend, TF_CPP_MIN_LOG_LEVEL="3")
    if watched:
        run = subprocess.run(
            [sys.executable, "-m", "plogq", "doctor", "train.py"],
            capture_output=True, text=True, cwd=tmp_path, check=False, env=env,
        )  # fmt: skip
    else:
        run = commands(LOADED).run("train.py", code=PROGRAM, env=env, folder=tmp_path)
    assert run.returncode == (1 if watched else 0), run.stderr[-3000:]
    if watched:
        # What tf.function runs stands once, where it was written.
        assert run.stderr.count("PQ001 softmax-before-scores-loss") == misuses
        assert run.stderr.count("--> train.py:") == misuses
        assert "fault" not in run.stderr
    return run.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "before"), [("jax", JAX), ("tensorflow", TENSORFLOW), ("torch", "")]
)
def test_a_training_has_the_bits_that_it_has_alone(
    backend: str, before: str, tmp_path: Path
) -> None:
    """The framework's own, where it is one that is watched here, and then that of Keras on it."""
    for name in {backend, "keras"}:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    text, misuses = before + KERAS, 1 + bool(before)
    alone = bits(text, misuses, False, tmp_path, backend)
    assert alone.count("0x") >= 6 * misuses
    assert bits(text, misuses, True, tmp_path, backend) == alone


def test_log_loss_is_watched_and_left_alone() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    before = metrics.log_loss
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 50), rng.random(50)
    alone = metrics.log_loss(y, p)
    with plogq.doctor(quiet=True) as seen:
        assert metrics.log_loss is not before
        assert metrics.log_loss(y, p) == alone
        assert metrics.log_loss(y, y_proba=p) == alone
        with pytest.raises(TypeError):
            metrics.log_loss()
        assert not seen.findings
        metrics.log_loss(y, (p > 0.5).astype(int))
    assert metrics.log_loss is before
    assert [f.rule for f in seen.findings] == ["PQ012"]


def test_optax_is_watched_and_left_alone() -> None:
    optax = pytest.importorskip("optax")
    jax: Any = pytest.importorskip("jax")
    before = optax.softmax_cross_entropy, jax.nn.softmax, jax._src.core.Primitive.bind
    w = jax.random.normal(jax.random.key(0), (5, 3))
    x = jax.random.normal(jax.random.key(1), (8, 5))
    y = jax.nn.one_hot(np.arange(8) % 3, 3)

    def loss(w: Any) -> Any:
        return optax.softmax_cross_entropy(jax.nn.softmax(x @ w), y).mean()

    alone = jax.grad(loss)(w)
    with plogq.doctor(quiet=True) as seen:
        watched = jax.grad(loss)(w)
    assert np.array_equal(alone, watched)
    assert [f.rule for f in seen.findings] == ["PQ001"]
    after = optax.softmax_cross_entropy, jax.nn.softmax, jax._src.core.Primitive.bind
    assert after == before


@pytest.mark.slow
def test_keras_callback_watches_a_fit(capsys: pytest.CaptureFixture[str]) -> None:
    keras: Any = pytest.importorskip("keras")
    from plogq.doctor.keras import Doctor

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    doctor = Doctor()
    x, y = np.random.default_rng(0).normal(size=(32, 4)), np.arange(32) % 3
    model.fit(x, y, verbose=0, callbacks=[doctor])
    assert [f.rule for f in doctor.findings] == ["PQ003"]
    assert "PQ003 scores-for-probabilities [error]" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_lightning_callback_watches_a_fit(capsys: pytest.CaptureFixture[str]) -> None:
    pl: Any = pytest.importorskip("pytorch_lightning")
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from plogq.doctor.lightning import Doctor

    class Lit(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Linear(4, 3)

        def training_step(self, batch: Any, index: int) -> Any:
            x, y = batch
            return torch.nn.functional.nll_loss(self.net(x), y)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    data = DataLoader(TensorDataset(torch.randn(16, 4), torch.randint(0, 3, (16,))), batch_size=8)
    doctor = Doctor()
    pl.Trainer(max_epochs=1, logger=False, enable_checkpointing=False, callbacks=[doctor],
               enable_progress_bar=False, enable_model_summary=False,
               accelerator="cpu").fit(Lit(), data)  # fmt: skip
    assert [f.rule for f in doctor.findings] == ["PQ005"]
    assert "PQ005" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_transformers_callback_watches_a_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transformers: Any = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    import torch

    from plogq.doctor.transformers import Doctor

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 3)

        def forward(self, x: Any, labels: Any) -> Any:
            q = self.fc(x).softmax(-1)
            return {"loss": torch.nn.functional.cross_entropy(q, labels), "logits": q}

    rows = [{"x": torch.randn(4), "labels": i % 3} for i in range(16)]
    doctor = Doctor()
    options = transformers.TrainingArguments(
        str(tmp_path), num_train_epochs=1, report_to=[], save_strategy="no", use_cpu=True,
        disable_tqdm=True,
    )  # fmt: skip
    transformers.Trainer(Net(), options, train_dataset=rows, callbacks=[doctor]).train()
    assert [f.rule for f in doctor.findings] == ["PQ001"]
    assert "PQ001" in capsys.readouterr().err
