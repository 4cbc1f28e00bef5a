"""Programs on TensorFlow's tensors: eagerly, in a tf.function, under XLA, and tapes in tapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from plogq.kernels import table

from . import build
from .allowed import Precision
from .checks import Outcome, Way, hold_second
from .draw import Limits
from .notes import Notes
from .on_torch import directions, floats, twice
from .program import Array, Program, names_of_q
from .reference import Truth, second_slope
from .values import Rng, pick

LIMITS = Limits(
    events=((), (0,), (3,), (2, 3), (17,)),
    event_shares=(1, 0.5, 5, 2, 2),
    classes=(2, 3, 5, 129),
    class_shares=(2, 3, 2, 1),
    narrow=True,
    siblings=4,
)
Given = dict[str, Any]


def softmax(x: Any) -> Any:
    return tf.nn.softmax(x, -1)


def constant(x: Array) -> Any:
    return tf.constant(x)


def total(value: Any) -> Any:
    return tf.reduce_sum(value)


def gradient(f: Callable[[Any], Any], at: Array, way: str) -> Array:
    """The gradient of a function that gives a number."""

    def slope(z: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = f(z)
        return tape.gradient(value, z)

    step = tf.function(slope, autograph=False) if way == "transformed" else slope
    return step(tf.constant(at)).numpy()


def ways(rng: Rng, program: Program) -> Iterator[Way]:
    name = pick(rng, {"eager": 5, "formula": 1, "graph": 4, "xla": 1})
    seed = int(rng.integers(1 << 30))
    given = {n: tf.constant(x) for n, x in program.arrays.items()}
    kernel = build.chosen(program, given) == "cpu" and name in ("eager", "graph")
    step = _step(program)
    if name in ("graph", "xla"):
        step = tf.function(step, autograph=False, jit_compile=name == "xla")

    def run(program: Program) -> Outcome:
        given = {n: tf.constant(x) for n, x in program.arrays.items()}
        if name == "formula":
            with table.using("formula"):
                value, slopes = step(given)
        else:
            value, slopes = step(given)
        return Outcome(value.numpy(), {n: g.numpy() for n, g in slopes.items() if g is not None})

    def more(notes: Notes, program: Program, true: Truth, kind: str) -> None:
        if name == "eager" and twice(program):
            _second(notes, program, true, kind, seed)

    # TensorFlow takes subnormal numbers for 0, as its page in docs/ says: what its threads work on,
    # and what it adds.
    added = program.reduction != "none"
    precision = Precision(formula=not kernel, flushed=name != "eager" or added)
    categories = {"formula": "formula", "xla": "XLA", "graph": "graph"}
    category = categories.get(name, "kernel" if kernel else "formula")
    yield Way(name, run, precision, category=category, more=more, sees=name == "eager")


def _step(program: Program) -> Callable[[Given], Any]:
    names = [] if program.function == "log_normalizer" else floats(program)

    def step(given: Given) -> Any:
        of = {n: given[n] for n in names}
        with tf.GradientTape() as tape:
            tape.watch(of)
            value = build.value(program, {**given, **of})
        found = tape.gradient(value, of) if of else {}
        return value, {n: g for n, g in found.items() if g is not None}

    return step


def _second(notes: Notes, program: Program, true: Truth, kind: str, seed: int) -> None:
    """∂/∂z of the gradient along a direction, by a tape in a tape."""
    name = names_of_q(program.q)[0]
    along = directions(seed, program.arrays[name].shape)
    given = {n: tf.constant(x) for n, x in program.arrays.items()}
    z = given[name]
    with tf.GradientTape() as outer:
        outer.watch(z)
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = build.value(program, {**given, name: z})
        slope = tape.gradient(value, z)
        product = tf.reduce_sum(slope * tf.constant(along.astype(z.numpy().dtype)))
    found = outer.gradient(product, z)
    if found is None:
        found = tf.zeros_like(z)
    hold_second(notes, program, true, found.numpy(), second_slope(program, along), kind)
