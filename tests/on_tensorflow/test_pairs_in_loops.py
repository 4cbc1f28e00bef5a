"""Two last layers under XLA: in a loop by blocks of events, so that no side has all its scores."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import plogq
from plogq import LinearLogits, Logits, Tempered
from plogq.algebra import by_events

RNG = np.random.default_rng(20261128)
# 90 events make 12 blocks of 7 and 6 that are left.
LAYERS = tuple(RNG.normal(size=s) for s in ((90, 3), (8, 3), (90, 5), (8, 5), (8,), (90, 8)))


def distilled(held: Any) -> list[Any]:
    """A teacher and its student of another width with a bias, and that beside stored scores."""
    h, w, g, v, b, z = held
    with tf.GradientTape() as tape:
        tape.watch(held)
        q = Tempered(LinearLogits(g, v, b, softcap=3.0), 2.0)
        value = plogq.kl_divergence(LinearLogits(h, w), q)
        value = value + plogq.js_divergence(Logits(z), q, weight=0.25)
    return [value, *tape.gradient(value, held)]


@pytest.mark.slow
def test_it_is_what_the_formula_makes_of_all_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_events, "_LEAST_BYTES", 7 * 8 * 8)
    held = [tf.constant(x) for x in LAYERS]
    found = tf.function(distilled, jit_compile=True)(held)
    for got, want in zip(found, distilled(held), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-14)


@pytest.mark.slow
def test_the_program_has_no_array_of_all_scores() -> None:
    """2048 events of 16000 classes: nothing in the program is a twentieth of that."""
    events, classes = 2048, 16000
    shapes = ((events, 8), (classes, 8), (events, 4), (classes, 4))
    held = [tf.constant(RNG.normal(size=s), tf.float32) for s in shapes]

    def step(held: Any) -> Any:
        h, w, g, v = held
        with tf.GradientTape() as tape:
            tape.watch(held)
            value = plogq.kl_divergence(LinearLogits(h, w), LinearLogits(g, v))
        return value, tape.gradient(value, held)

    program = tf.function(step, jit_compile=True).experimental_get_compiler_ir(held)
    text = program(stage="optimized_hlo")
    sizes = [np.prod([int(n) for n in s.split(",")]) for s in re.findall(r"\[([\d,]+)\]", text)]
    assert max(sizes) <= events * classes // 20
