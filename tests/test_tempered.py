"""Temperature: one wrapper, of every Q, in every framework, and in few places."""

from __future__ import annotations

import ast
import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch

import plogq

from . import bounds, oracle
from .together import for_each

Y = np.array([0, 3, 1, 2, 4])
Z = np.random.default_rng(20261128).normal(scale=4, size=(5, 5)).astype(np.float32)
T = 3.0


def truth(z: Any, t: float = T) -> list[oracle.Real]:
    rows = [oracle.of_logits([s / oracle.real(t) for s in r]) for r in oracle.rows(z)]
    return [c.cost[j] for c, j in zip(rows, Y, strict=True)]


def loss(y: Any, z: Any) -> Any:
    q = plogq.Tempered(plogq.Logits(z), T)
    return plogq.cross_entropy(plogq.Labels(y), q, reduction="none")


WAYS: dict[str, Callable[[], Any]] = {
    "numpy": lambda: loss(Y, Z),
    "torch": lambda: loss(torch.tensor(Y), torch.tensor(Z)),
    "torch.compile": lambda: torch.compile(loss, fullgraph=True, backend="aot_eager")(
        torch.tensor(Y), torch.tensor(Z)
    ),
    "torch.func.vmap": lambda: torch.func.vmap(loss)(torch.tensor(Y), torch.tensor(Z)),
    "jax.jit of the prediction": lambda: jax.jit(
        lambda y, q: plogq.cross_entropy(plogq.Labels(y), q, reduction="none")
    )(jnp.asarray(Y), plogq.Tempered(plogq.Logits(jnp.asarray(Z)), T)),
    "jax.vmap": lambda: jax.vmap(loss)(jnp.asarray(Y), jnp.asarray(Z)),
    "tf.function": lambda: tf.function(loss)(tf.constant(Y), tf.constant(Z)),
}


@for_each("way", WAYS)
def test_every_way_divides_the_scores(way: str) -> None:
    """Scores and temperature are rounded once each before what the kernels are off by."""
    more = 4 * bounds.unit(np.float32) * np.ptp(Z, axis=1) / T
    want = truth(Z)
    error = np.abs(np.asarray(WAYS[way](), float) - np.array(want, float))
    assert (error <= more + 8 * bounds.unit(np.float32) * np.array(want, float)).all()


@for_each("dtype", bounds.DTYPES, ids=lambda d: d.name)
@for_each("t", [0.25, 4.0])
def test_a_power_of_two_costs_no_precision(t: float, dtype: Any) -> None:
    z = Z.astype(dtype)
    losses, grad = plogq.value_and_grad(
        plogq.Labels(Y), plogq.Tempered(plogq.Logits(z), t), reduction="none"
    )
    bounds.check_losses(losses, truth(z, t), dtype)
    assert grad.prediction.scores.dtype == dtype


def test_what_it_is_made_of_stays_as_it_is() -> None:
    """A kernel, a gradient of its own type, copies; the scores are not written to."""
    kept = Z.copy()
    q = plogq.Tempered(plogq.Logits(Z, softcap=6.0), T)
    assert plogq.explain(plogq.Labels(Y), q).chosen == "cpu"
    _, grad = plogq.value_and_grad(plogq.Labels(Y), q)
    assert type(grad) is plogq.Tempered
    assert grad.temperature == T
    assert np.array_equal(kept, Z)
    for same in (copy.copy(q), copy.deepcopy(q), pickle.loads(pickle.dumps(q))):
        assert repr(same) == repr(q)
    twice = plogq.Tempered(plogq.Tempered(plogq.Logits(Z), 2.0), 4.0)
    assert (twice.temperature, type(twice.prediction)) == (8.0, plogq.Logits)
    capped = plogq.Logits(6.0 * np.tanh(Z.astype(float) / 6.0) / T)
    want = plogq.cross_entropy(plogq.Labels(Y), capped)
    assert plogq.cross_entropy(plogq.Labels(Y), q) == pytest.approx(want, rel=1e-6)
    assert plogq.log_normalizer(q) == pytest.approx(plogq.log_normalizer(capped), rel=1e-6)


def test_scores_over_ranks_have_one_too() -> None:
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    try:
        z = torch.tensor(Z, requires_grad=True)
        q = plogq.Tempered(plogq.ShardedLogits(z), T)
        found = plogq.cross_entropy(plogq.Labels(torch.tensor(Y)), q, reduction="sum")
        found.backward()
        _, want = plogq.value_and_grad(plogq.Labels(Y), plogq.Logits(Z / T), reduction="sum")
        assert found.item() == pytest.approx(loss(Y, Z).sum(), rel=1e-6)
        assert z.grad is not None
        np.testing.assert_allclose(z.grad.numpy(), want.scores / T, atol=1e-6)
    finally:
        torch.distributed.destroy_process_group()


@for_each("t", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_is_a_positive_number(t: float) -> None:
    with pytest.raises(ValueError, match=f"temperature must be a positive number, got {t!r}"):
        plogq.Tempered(plogq.Logits(Z), t)


def test_what_has_no_scores_is_told_what_has() -> None:
    with pytest.raises(plogq.PairError, match=r"divides scores, and Probs has none: write Temp"):
        plogq.Tempered(plogq.Probs([[0.5, 0.5]]), T)
    with pytest.raises(plogq.PairError, match=r"none: write Tempered\(BinaryLogits\(z\), T\)"):
        plogq.Tempered(plogq.BinaryProbs([0.5]), T)
    with pytest.raises(plogq.PairError, match=r"Tempered takes Logits, .* got ndarray"):
        plogq.Tempered(Z, T)
    with pytest.raises(plogq.DtypeError, match=r"a positive number, got .*; write float"):
        plogq.Tempered(plogq.Logits(Z), np.ones(2))
    with pytest.raises(TypeError, match=r"Tempered takes no T=; its options are temperature="):
        plogq.Tempered(plogq.Logits(Z), T=T)
    with pytest.raises(TypeError, match=r"a change of Q; write .*Tempered\(Q, 2\.0\)"):
        plogq.cross_entropy(plogq.Labels(Y), plogq.Logits(Z), temperature=2.0)
    with pytest.raises(ValueError, match=r"Tempered divides them first, leave it"):
        plogq.value_and_grad(
            plogq.Labels(Y), plogq.Tempered(plogq.Logits(Z), T), out=np.empty_like(Z)
        )


def test_it_is_known_in_four_files() -> None:
    """No kernel, no framework and no formula has heard of a temperature."""
    package, knowing = Path(plogq.__file__).parent, set[str]()
    for path in package.rglob("*.py"):
        names = {
            getattr(node, field, None)
            for node in ast.walk(ast.parse(path.read_text()))
            for field in ("id", "name", "attr", "module")
        }
        if names & {"Tempered", "Divided", "TemperedBinary", "representations.tempered"}:
            knowing.add(str(path.relative_to(package)))
    assert knowing == {
        *("__init__.py", "definition.py", "pairing.py", "representations/tempered.py"),
    }
