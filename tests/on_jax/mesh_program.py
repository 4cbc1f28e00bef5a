"""A program on a mesh of four CPUs: prints what each way of lying over it gives, as JSON.

Every line is {"name", "off" (the greatest difference from one device), "lies" (where the gradient
does)}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as Spec

import plogq
from plogq import BinaryLogits, BinaryProbs, Labels, LinearLogits, Logits, Probs, Smoothed, Weighted

RNG = np.random.default_rng(0)
N, K, D = 8, 12, 4
Y = RNG.integers(0, K, N).astype(np.int32)
Z = RNG.normal(size=(N, K)).astype(np.float32) * 5
P = RNG.dirichlet(np.ones(K), N).astype(np.float32)
W = RNG.random(N).astype(np.float32)
C = RNG.random(K).astype(np.float32)
H = RNG.normal(size=(N, D)).astype(np.float32)
A = RNG.normal(size=(K, D)).astype(np.float32)

LAYOUTS = {"events": ("x", None), "classes": (None, "x"), "both": ("x", "y"), "whole": (None, None)}
KINDS = {kind.name: kind for kind in (AxisType.Auto, AxisType.Explicit)}


def labels(y: Any, w: Any, z: Any) -> Any:
    p = Weighted(Smoothed(Labels(y, ignore=3), 0.1), sample_weight=w)
    return plogq.cross_entropy(p, Logits(z), z_loss=0.01)


def soft(p: Any, c: Any, z: Any) -> Any:
    return plogq.cross_entropy(Weighted(Probs(p), class_weight=c), Logits(z, softcap=20.0))


def binary(p: Any, w: Any, z: Any) -> Any:
    return plogq.cross_entropy(BinaryProbs(p), BinaryLogits(z), reduction="sum") + 0 * w.sum()


def each(y: Any, w: Any, z: Any) -> Any:
    p = Weighted(Labels(y), sample_weight=w)
    return (plogq.cross_entropy(p, Logits(z), reduction="none") ** 2).sum()


PAIRS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Callable[[Any, Any], Any]]] = {
    "labels": (labels, (Y, W, Z), lambda e, k: (Spec(e), Spec(e), Spec(e, k))),
    "soft": (soft, (P, C, Z), lambda e, k: (Spec(e, k), Spec(k), Spec(e, k))),
    "binary": (binary, (P, W, Z), lambda e, k: (Spec(e, k), Spec(e), Spec(e, k))),
    "each": (each, (Y, W, Z), lambda e, k: (Spec(e), Spec(e), Spec(e, k))),
}


# Each is a program of its own: one pair lies in every way, the others in the fullest.
CASES = [
    (kind, pair, layout)
    for kind in KINDS
    for pair in PAIRS
    for layout in LAYOUTS
    if pair == "labels" or layout == "both"
]


def report(name: str, got: Any, want: Any, lies: Any = None) -> None:
    off = [
        float(np.abs(np.asarray(x, float) - np.asarray(y, float)).max() / max(1, np.abs(y).max()))
        for x, y in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True)
    ]
    print(json.dumps({"name": name, "off": max(off), "lies": str(lies)}), flush=True)


def on_meshes() -> None:
    for name, kind in KINDS.items():
        mesh = jax.make_mesh((2, 2), ("x", "y"), (kind, kind))
        for pair, layout in [x[1:] for x in CASES if x[0] == name]:
            loss, arrays, specs = PAIRS[pair]
            want = jax.value_and_grad(loss, 2)(*map(jnp.asarray, arrays))
            with jax.set_mesh(mesh):
                given = [
                    jax.device_put(x, NamedSharding(mesh, s))
                    for x, s in zip(arrays, specs(*LAYOUTS[layout]), strict=True)
                ]
                got = jax.jit(jax.value_and_grad(loss, 2))(*given)
            report(f"{name} {pair} {layout}", got, want, got[1].sharding.spec)
        with jax.set_mesh(mesh):
            h = jax.device_put(H, NamedSharding(mesh, Spec("y", None)))
            a = jax.device_put(A, NamedSharding(mesh, Spec("x", None)))
            y = jax.device_put(Y, NamedSharding(mesh, Spec("y")))
            got = jax.jit(jax.value_and_grad(linear, (1, 2)))(y, h, a)
        want = jax.value_and_grad(linear, (1, 2))(*map(jnp.asarray, (Y, H, A)))
        report(f"{name} linear", got, want, got[1][1].sharding.spec)
        with jax.set_mesh(mesh):
            z = jax.device_put(Z, NamedSharding(mesh, Spec("x", None)))
            y = jax.device_put(Y, NamedSharding(mesh, Spec("x")))
            got = plogq.cross_entropy(Labels(y), Logits(z))
        report(
            f"{name} eager",
            got,
            plogq.cross_entropy(Labels(jnp.asarray(Y)), Logits(jnp.asarray(Z))),
        )


def linear(y: Any, h: Any, a: Any) -> Any:
    return plogq.cross_entropy(Labels(y), LinearLogits(h, a))


def manually() -> None:
    """shard_map over the events: each device has its own, and sums go over all of them."""
    mesh = jax.make_mesh((4,), ("x",), (AxisType.Auto,))

    def part(y: Any, w: Any, z: Any) -> Any:
        p = Weighted(Labels(y), sample_weight=w)
        total = jax.lax.psum(plogq.cross_entropy(p, Logits(z), reduction="sum"), "x")
        return total / jax.lax.psum(w.sum(), "x")

    whole = jax.shard_map(
        part, mesh=mesh, in_specs=(Spec("x"), Spec("x"), Spec("x", None)), out_specs=Spec()
    )
    given = [jnp.asarray(x) for x in (Y, W, Z)]

    def mean(y: Any, w: Any, z: Any) -> Any:
        return plogq.cross_entropy(Weighted(Labels(y), sample_weight=w), Logits(z))

    want = jax.value_and_grad(mean, 2)(*given)
    report("shard_map", jax.jit(jax.value_and_grad(whole, 2))(*given), want)
    report("shard_map eager", whole(*given), want[0])

    def shared(c: Any, a: Any, y: Any, h: Any) -> Any:
        p = Weighted(Labels(y), class_weight=c)
        return jax.lax.psum(plogq.cross_entropy(p, LinearLogits(h, a), reduction="sum"), "x")

    def total(c: Any, a: Any, y: Any, h: Any) -> Any:
        p = Weighted(Labels(y), class_weight=c)
        return plogq.cross_entropy(p, LinearLogits(h, a), reduction="sum")

    specs = (Spec(), Spec(), Spec("x"), Spec("x", None))
    of_all = jax.shard_map(shared, mesh=mesh, in_specs=specs, out_specs=Spec())
    given = [jnp.asarray(x) for x in (C, A, Y, H)]
    want = jax.value_and_grad(total, (0, 1, 3))(*given)
    report("shard_map shared", jax.jit(jax.value_and_grad(of_all, (0, 1, 3)))(*given), want)


def uneven() -> None:
    """Six events over four devices, where jit's own layout is free to be uneven."""
    mesh = jax.make_mesh((4,), ("x",), (AxisType.Auto,))

    def loss(y: Any, z: Any) -> Any:
        z = jax.lax.with_sharding_constraint(z, NamedSharding(mesh, Spec("x", None)))
        return plogq.cross_entropy(Labels(y), Logits(z))

    given = jnp.asarray(Y[:6]), jnp.asarray(Z[:6])
    want = jax.value_and_grad(lambda y, z: plogq.cross_entropy(Labels(y), Logits(z)), 1)(*given)
    report("uneven", jax.jit(jax.value_and_grad(loss, 1))(*given), want)


def refused() -> None:
    """Labels that are known are looked at, however they lie."""
    for kind in (AxisType.Auto, AxisType.Explicit):
        mesh = jax.make_mesh((4,), ("x",), (kind,))
        with jax.set_mesh(mesh):
            z = jax.device_put(Z, NamedSharding(mesh, Spec("x", None)))
            y = jax.device_put(Y + 5, NamedSharding(mesh, Spec("x")))
            try:
                plogq.cross_entropy(Labels(y), Logits(z))
                said = ""
            except plogq.LabelError as error:
                said = str(error)
        print(json.dumps({"name": f"{kind.name} refused", "off": 0.0, "lies": said}), flush=True)


if __name__ == "__main__":
    assert len(jax.devices()) == 4, sys.argv
    on_meshes()
    manually()
    uneven()
    refused()
