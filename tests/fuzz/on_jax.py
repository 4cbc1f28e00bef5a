"""Programs on JAX's arrays: step by step, jit, grad, vmap, jvp, with 64 bits and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import plogq
from plogq.kernels import table

from . import build
from .allowed import Precision
from .checks import Outcome, Way, hold_second
from .draw import Limits
from .mapped import mapped
from .notes import Notes
from .on_torch import directions, floats, total, twice
from .program import Array, Arrays, Program, names_of_q
from .reference import Truth, second_slope
from .values import Rng, pick

# Every shape and type is a program that XLA compiles: few of them, so that caches are hit.
LIMITS = Limits(
    siblings=4,
    events=((), (0,), (3,), (2, 3)),
    event_shares=(1, 0.5, 5, 2),
    classes=(2, 3, 5, 129),
    class_shares=(2, 3, 2, 1),
    integers=tuple(map(np.dtype, ("i1", "i4", "i8", "u1", "u4"))),
    narrow=True,
)
Given = dict[str, Any]


def softmax(x: Any) -> Any:
    return jax.nn.softmax(x, -1)


def constant(x: Array) -> Any:
    return jnp.asarray(x)


def gradient(f: Callable[[Any], Any], at: Array, way: str) -> Array:
    """The gradient of a function that gives a number."""
    with jax.enable_x64(True):
        slope = jax.grad(f)
        return np.asarray((jax.jit(slope) if way == "transformed" else slope)(jnp.asarray(at)))


def narrowed(program: Program) -> Program:
    """The program as JAX holds it without 64 bits."""
    types = {"f8": "f4", "i8": "i4", "u8": "u4"}
    arrays, poison = (
        {n: x.astype(types.get(x.dtype.str[1:], x.dtype)) for n, x in held.items()}
        for held in (program.arrays, program.poison)
    )
    return replace(program, arrays=arrays, poison=poison)


def fits(program: Program) -> bool:
    """Whether every integer is one of 32 bits."""
    info = np.iinfo(np.int32)
    held = [*program.arrays.values(), *program.poison.values()]
    return all(
        bool(((x >= info.min) & (x <= info.max)).all()) for x in held if x.dtype.kind in "iu"
    )


def held(rng: Rng, program: Program) -> tuple[Program, bool]:
    """The program with its arrays as JAX is to hold them, and whether that is with 64 bits."""
    wide = rng.random() < 0.6 or not fits(program)
    return (program, True) if wide else (narrowed(program), False)


def ways(rng: Rng, program: Program) -> Iterator[Way]:
    program, wide = held(rng, program)
    name = pick(rng, {"eager": 3, "formula": 1, "jit": 5, "vmap": 2, "jvp": 1})
    if name == "vmap" and mapped(program) is None:
        name = "jit"
    if name == "jvp" and (program.function != "cross_entropy" or program.shape is not None):
        name = "eager"
    seed = int(rng.integers(1 << 30))
    with jax.enable_x64(wide):
        given = {n: jnp.asarray(x) for n, x in program.arrays.items()}
        kernel = build.chosen(program, given) == "cpu" and name in ("eager", "jit")
    precision = Precision(formula=not kernel, narrow=not wide, flushed=True)
    jit = once(jax.jit)
    runs = {"eager": _eager, "formula": _formula, "jit": lambda p: _run(p, jit), "vmap": _vmap}
    run = runs.get(name, lambda p: _jvp(p, seed))
    second = once(jax.jit) if name == "jit" else once(lambda f: f)

    def under(program: Program) -> Outcome:
        with jax.enable_x64(wide):
            return run(program)

    def more(notes: Notes, program: Program, true: Truth, kind: str) -> None:
        if name in ("eager", "jit") and twice(program):
            with jax.enable_x64(wide):
                _second(notes, program, true, kind, seed, second)

    category = {"vmap": "vmap", "jvp": "jvp", "formula": "formula"}.get(name, "")
    if not category:
        category = f"{'kernel' if kernel else 'formula'}{'' if wide else ', 32 bits'}"
    yield Way(name, under, precision, category=category, more=more, program=program, sees=False)


def once(wrap: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`wrap` of the first function for all that follow: they differ in their arrays alone."""
    made: list[Any] = []

    def again(f: Any) -> Any:
        if not made:
            made.append(wrap(f))
        return made[0]

    return again


def _losses(program: Program, given: Given) -> Callable[[Given], Any]:
    def loss(of: Given) -> tuple[Any, Any]:
        value = build.value(program, {**given, **of})
        return total(value), value

    return loss


def _run(program: Program, wrap: Callable[[Any], Any]) -> Outcome:
    given = {n: jnp.asarray(x) for n, x in program.arrays.items()}
    names = floats(program)
    if not names or program.function not in ("cross_entropy", "kl_divergence"):
        value = wrap(lambda g: build.value(program, g))(given)
        return Outcome(np.asarray(value))

    def both(of: Given, rest: Given) -> Any:
        return jax.value_and_grad(_losses(program, rest), has_aux=True)(of)

    of = {n: given[n] for n in names}
    rest = {n: x for n, x in given.items() if n not in of}
    (_, value), found = wrap(both)(of, rest)
    return Outcome(np.asarray(value), {n: np.asarray(g) for n, g in found.items()})


def _eager(program: Program) -> Outcome:
    return _run(program, lambda f: f)


def _formula(program: Program) -> Outcome:
    with table.using("formula"):
        return _run(program, lambda f: f)


def _vmap(program: Program) -> Outcome:
    """Each event of the first axis on its own, and its gradient."""
    found = mapped(program)
    assert found is not None
    inner, axes = found
    given = {n: jnp.asarray(x) for n, x in program.arrays.items()}
    names = [n for n in names_of_q(program.q) if axes[n] is not None]

    def one(of: Given) -> Any:
        return build.value(inner, of)

    value = jax.vmap(one, in_axes=(axes,))(given)
    gradients: Arrays = {}
    if program.function == "cross_entropy":

        def slope(of: Given) -> Any:
            return jax.grad(lambda q: total(one({**of, **q})))({n: of[n] for n in names})

        out = {n: axes[n] for n in names}
        each = jax.vmap(slope, in_axes=(axes,), out_axes=out)(given)
        gradients = {n: np.asarray(g) for n, g in each.items()}
    return Outcome(np.asarray(value), gradients)


def _jvp(program: Program, seed: int) -> Outcome:
    rng = np.random.default_rng(seed)
    given = {n: jnp.asarray(x) for n, x in program.arrays.items()}
    name = names_of_q(program.q)[0]
    x = program.arrays[name]
    at = tuple(int(rng.integers(n)) for n in x.shape) if x.size else ()
    along = np.zeros(x.shape)
    if x.size:
        along[at] = 1.0
    direction = jnp.asarray(along, given[name].dtype)
    value, change = jax.jvp(
        lambda z: build.value(program, {**given, name: z}), (given[name],), (direction,)
    )
    return Outcome(np.asarray(value), {f"{name}@{at}": np.asarray(total(change))} if x.size else {})


def _second(notes: Notes, program: Program, true: Truth, kind: str, seed: int, wrap: Any) -> None:
    """∂/∂z of the gradient along a direction, forward over reverse."""
    name = names_of_q(program.q)[0]
    along = directions(seed, program.arrays[name].shape)
    given = {n: jnp.asarray(x) for n, x in program.arrays.items()}

    def change(of: Given, v: Any) -> Any:
        slope = jax.grad(lambda z: total(build.value(program, {**of, name: z})))
        return jax.jvp(slope, (of[name],), (v,))[1]

    direction = jnp.asarray(along, given[name].dtype)
    with plogq.validation("off"):
        found = wrap(change)(given, direction)
    hold_second(notes, program, true, np.asarray(found), second_slope(program, along), kind)
