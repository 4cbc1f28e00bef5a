"""Representations as pytrees: taken apart, put together, mapped, and carried by transforms."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import keystr, tree_flatten_with_path

import plogq
from plogq import (
    BinaryLogits,
    BinaryProbs,
    Labels,
    LinearLogits,
    Logits,
    LogProbs,
    Probs,
    Smoothed,
    SparseProbs,
    Weighted,
)

with jax.enable_x64(True):
    Y, W, C = jnp.array([0, 2]), jnp.array([1.0, 2.0]), jnp.array([1.0, 2.0, 3.0])
    Z = jnp.array([[1.0, 2.0, 0.0], [0.0, 0.5, 3.0]])
    P = jnp.array([[0.25, 0.5, 0.25], [0.5, 0.5, 0.0]])
    EYE = jnp.eye(4, 3)


def _every() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Each representation, and its leaves under their names (0: any)."""
    return {
        "Labels": (Labels(Y, ignore=-1), {".index": Y}),
        "Probs": (Probs(P), {".probs": P}),
        "SparseProbs": (SparseProbs(Y[:, None], W[:, None] / 2), {".index": 0, ".probs": 0}),
        "Smoothed": (Smoothed(Labels(Y), 0.1), {".target.index": Y}),
        "Weighted": (
            Weighted(Probs(P), sample_weight=W, class_weight=C),
            {".target.probs": P, ".sample_weight": W, ".class_weight": C},
        ),
        "Weighted by event": (
            Weighted(Labels(Y), sample_weight=W),
            {".target.index": Y, ".sample_weight": W},
        ),
        "Logits": (Logits(Z, axis=1, softcap=3.0), {".scores": Z}),
        "LogProbs": (LogProbs(jnp.log(P + 0.1), axis=0), {".log_probs": 0}),
        "LinearLogits": (
            LinearLogits(Z, EYE, softcap=2.0),
            {".hidden": Z, ".weight": 0},
        ),
        "LinearLogits with bias": (
            LinearLogits(Z, EYE, EYE[:, 0]),
            {".hidden": Z, ".weight": 0, ".bias": 0},
        ),
        "BinaryProbs": (BinaryProbs(P), {".probs": P}),
        "BinaryLogits": (BinaryLogits(Z), {".scores": Z}),
        "SmoothedBinary": (Smoothed(BinaryProbs(P), 0.1), {".target.probs": P}),
        "WeightedBinary": (
            Weighted(BinaryProbs(P), sample_weight=P, class_weight=(1.0, C)),
            {".target.probs": P, ".sample_weight": P, ".class_weight[0]": 0, ".class_weight[1]": C},
        ),
    }


with jax.enable_x64(True):
    EVERY = _every()
every = pytest.mark.parametrize("name", EVERY)


@every
def test_its_leaves_are_its_arrays_under_their_names(name: str) -> None:
    r, leaves = EVERY[name]
    found = {keystr(path): x for path, x in tree_flatten_with_path(r)[0]}
    assert list(found) == list(leaves)
    for key, x in leaves.items():
        assert x is found[key] or not hasattr(x, "shape") or np.array_equal(x, found[key])


@every
def test_it_is_put_together_again(name: str) -> None:
    r, _ = EVERY[name]
    leaves, tree = jax.tree.flatten(r)
    again = jax.tree.unflatten(tree, leaves)
    assert type(again) is type(r)
    assert jax.tree.structure(again) == tree
    assert all(a is b for a, b in zip(jax.tree.leaves(again), leaves, strict=True))
    for option in ("ignore", "softcap", "epsilon"):
        assert getattr(again, option, None) == getattr(r, option, None)
    doubled = jax.tree.map(lambda x: x * 2, r)
    for a, b in zip(jax.tree.leaves(doubled), leaves, strict=True):
        np.testing.assert_array_equal(a, b * 2)


@every
def test_placeholders_are_taken_as_they_come(name: str) -> None:
    """JAX puts objects, None and shapes where arrays were."""
    r, _ = EVERY[name]
    tree = jax.tree.structure(r)
    marks = [object() for _ in range(tree.num_leaves)]
    assert jax.tree.leaves(jax.tree.unflatten(tree, marks)) == marks
    shapes = jax.eval_shape(lambda x: x, r)
    assert jax.tree.structure(shapes) == tree


@every
def test_it_goes_through_jit_and_vmap(name: str) -> None:
    r, _ = EVERY[name]
    same = jax.jit(lambda x: x)(r)
    assert jax.tree.structure(same) == jax.tree.structure(r)
    jax.tree.map(np.testing.assert_array_equal, same, r)
    more = jax.tree.map(lambda x: jnp.stack([jnp.asarray(x)] * 2), r)
    back = jax.vmap(lambda x: x)(more)
    jax.tree.map(np.testing.assert_array_equal, back, more)


def test_options_tell_two_of_them_apart() -> None:
    """Static: another option is another program."""
    structure = jax.tree.structure
    assert structure(Labels(Y)) != structure(Labels(Y, ignore=0))
    assert structure(Logits(Z)) != structure(Logits(Z, softcap=3.0))
    assert structure(Logits(Z)) != structure(Logits(Z, axis=0))
    assert structure(Logits(Z)) == structure(Logits(Z, axis=1))
    assert structure(Smoothed(Labels(Y), 0.1)) != structure(Smoothed(Labels(Y), 0.2))
    traces = []

    @jax.jit
    def loss(p: Any, q: Any) -> Any:
        traces.append(p.ignore)
        return plogq.cross_entropy(p, q, reduction="none")

    for _ in range(2):
        assert loss(Labels(Y), Logits(Z))[0] > 0
        assert loss(Labels(Y, ignore=0), Logits(Z))[0] == 0
    assert traces == [None, 0]


def test_the_gradient_with_respect_to_a_representation_is_one() -> None:
    """Of Q's own type, as value_and_grad gives it; of P's weights too."""
    p, q = Weighted(Probs(P), sample_weight=W), Logits(Z, softcap=5.0)

    def loss(p: Any, q: Any) -> Any:
        return plogq.cross_entropy(p, q)

    value, (of_p, of_q) = jax.jit(jax.value_and_grad(loss, (0, 1)))(p, q)
    assert isinstance(of_q, Logits)
    assert isinstance(of_p, Weighted)
    assert of_p.target.probs.shape == P.shape
    want, gradient = plogq.value_and_grad(p, q)
    np.testing.assert_allclose(value, want)
    np.testing.assert_allclose(of_q.scores, gradient.scores, rtol=1e-12)
    linear = LinearLogits(Z, EYE)
    gradient = jax.grad(lambda q: plogq.cross_entropy(Labels(Y), q))(linear)
    assert gradient.bias is None
    assert gradient.weight.shape == (4, 3)


def test_a_step_of_gradient_descent_on_a_representation() -> None:
    q = Logits(Z)
    step = jax.jit(jax.value_and_grad(lambda q: plogq.cross_entropy(Labels(Y), q)))
    before, gradient = step(q)
    q = jax.tree.map(lambda x, g: x - 0.5 * g, q, gradient)
    assert step(q)[0] < before


def test_representations_are_carried_and_stacked_by_scan() -> None:
    batches = Weighted(Labels(jnp.stack([Y, Y[::-1]])), sample_weight=jnp.stack([W, W]))

    def step(q: Any, p: Any) -> Any:
        loss, g = jax.value_and_grad(lambda q: plogq.cross_entropy(p, q))(q)
        return jax.tree.map(lambda x, g: x - g, q, g), loss

    end, losses = jax.lax.scan(step, Logits(Z, axis=-1), batches)
    assert isinstance(end, Logits)
    assert losses.shape == (2,)
    q = Logits(Z)
    for i in range(2):
        q, loss = step(q, jax.tree.map(lambda x, i=i: x[i], batches))
        np.testing.assert_allclose(losses[i], loss)
    np.testing.assert_allclose(end.scores, q.scores)


def test_arrays_of_numpy_become_jaxs_on_the_way_in() -> None:
    p, q = Labels(np.array([0, 2])), Logits(np.asarray(Z))
    got = jax.jit(lambda p, q: plogq.cross_entropy(p, q))(p, q)
    assert isinstance(got, jax.Array)
    np.testing.assert_allclose(got, plogq.cross_entropy(p, q), rtol=1e-12)


PROGRAM = """
import sys
import numpy as np
{first}
p = plogq.Weighted(plogq.Labels(np.array([0, 1])), sample_weight=np.ones(2, np.float32))
q = plogq.Logits(np.zeros((2, 3), np.float32))
assert {loaded} == ("jax" in sys.modules)
import jax
{then}
assert len(jax.tree.leaves((p, q))) == 3
gradient = jax.jit(jax.grad(lambda q: plogq.cross_entropy(p, q)))(q)
assert type(gradient) is plogq.Logits
print(gradient.scores.shape)
"""


@pytest.mark.parametrize(
    ("first", "loaded", "then"),
    [
        ("import plogq", False, "plogq.Labels(np.array([0]))"),
        ("import jax, plogq", True, ""),
        ("import plogq, jax", True, ""),
    ],
    ids=["made before jax is imported", "jax first", "plogq first"],
)
def test_whenever_jax_is_imported(first: str, loaded: bool, then: str) -> None:
    """Representations of NumPy arrays are pytrees as soon as plogq sees that JAX is there."""
    program = PROGRAM.format(first=first, loaded=loaded, then=then).replace(
        "cross_entropy(p, q)", "cross_entropy(jax.tree.map(jax.numpy.asarray, p), q)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(2, 3)"
