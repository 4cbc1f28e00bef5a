"""Arrays made of chance, or of one number."""

from __future__ import annotations

from typing import Any

from ....facts import Array, Length, Made, Shape
from ...machine import Desk
from ...values import (
    Args,
    Const,
    List,
    Tuple,
    Unknown,
    Value,
    length_of,
    lengths_of,
    plain,
    several,
)
from ...verbs import kind_of
from .registry import MAKERS, Maker, last_name, made_here, maker, shape_in


@maker("randn standard_normal")
def randn(on: Desk, args: Args) -> Value:
    return made_here(on, args, Made.NORMAL, shape_in(args), "float")


@maker("rand random random_sample sample")
def rand(on: Desk, args: Args) -> Value:
    return made_here(on, args, Made.UNIFORM, shape_in(args), "float", low=0, high=1)


@maker("normal truncated_normal glorot_normal he_normal")
def normal(on: Desk, args: Args) -> Value:
    first = args.get(0)
    if isinstance(first, Tuple | List) or (args.get(None, "shape") is not None):
        shape = shape_in(args)  # tf.random.normal((8, 20)), keras.random.normal
    elif len(args.pos) >= 2 and isinstance(args.pos[1], Tuple | List):
        shape = lengths_of(args.pos[1])  # jax.random.normal(key, (8, 20))
    else:
        shape = shape_in(args, 2)  # np.random.normal(0, 1, size)
    return made_here(on, args, Made.NORMAL, shape, "float")


@maker("uniform")
def uniform(on: Desk, args: Args) -> Value:
    if _whole(args):
        return randint(on, args)
    first = args.get(0)
    if isinstance(first, Tuple | List) or args.get(None, "shape") is not None:
        shape = shape_in(args)
    elif len(args.pos) >= 2 and isinstance(args.pos[1], Tuple | List):
        shape = lengths_of(args.pos[1])
    else:
        shape = shape_in(args, 2)
    low = args.constant(None, "low", "minval", default=0)
    high = args.constant(None, "high", "maxval", default=1)
    plain_range = low in (0, 0.0) and high in (1, 1.0) and len(args.pos) <= 2
    return made_here(on, args, Made.UNIFORM if plain_range else Made.NORMAL, shape, "float")


def _whole(args: Args) -> bool:

    return any(kind_of(v) == "int" for v in (*args.pos[1:], *args.kw.values()))


@maker("randint integers random_integers randint_like")
def randint(on: Desk, args: Args) -> Value:
    """randint(low, high, size), randint(high, size), jax' (key, shape, low, high), TensorFlow's."""
    pos = list(args.pos)
    low: Any = args.constant(None, "low", "minval", default=None)
    high: Any = args.constant(None, "high", "maxval", default=None)
    shape: Shape | None = ()
    given = args.get(None, "size", "shape")
    numbers: list[Any] = []
    seen_shape = given is not None
    if given is not None:
        shape = lengths_of(given)
    for i, p in enumerate(pos):
        if isinstance(p, Tuple | List):
            shape, seen_shape = lengths_of(p), True
        elif isinstance(p, Const) and isinstance(p.value, int):
            numbers.append(p.value)
        elif i == 0 and not isinstance(p, Const):
            if len(pos) > 1 and isinstance(pos[1], Tuple | List) and len(pos) > 3:
                continue  # a key
            numbers.append(...)
        else:
            numbers.append(...)
    if len(numbers) == 3 and not seen_shape:
        shape = (numbers.pop() if numbers[2] is not ... else None,)
        if shape == (None,):
            numbers = numbers[:2]
    elif len(numbers) == 3:
        numbers = numbers[1:] if numbers[0] is ... else numbers[:2]
    if low is None and high is None:
        if len(numbers) >= 2:
            low, high = numbers[0], numbers[1]
        elif len(numbers) == 1:
            low, high = 0, numbers[0]
    elif high is None:
        high = numbers[-1] if numbers else ...
        if len(numbers) >= 2:
            low = numbers[0]
    elif low is None:
        low = numbers[0] if numbers else 0
    if isinstance(low, int) and high is None:
        low, high = 0, low
    known = isinstance(low, int) and isinstance(high, int)
    closed = args.constant(None, "endpoint", default=False) is True or (
        last_name(args) == "random_integers"
    )
    top = high - (not closed) if isinstance(high, int) and known else None
    if shape is not None and len(shape) >= 2 and known and (low, top) == (0, 1) and shape[-1] != 1:
        return made_here(
            on, args, Made.MULTI_HOT, shape, "int", axis=-1, width=shape[-1], low=0, high=1
        )
    return made_here(on, args, Made.LABELS, shape, "int", low=low if known else None, high=top)


@maker("choice")
def choice(on: Desk, args: Args) -> Value:
    """A choice of numbers below n, or among those of a list."""
    pos = [p for p in args.pos if not (isinstance(p, Unknown) and p is args.pos[0])]
    of = args.get(None, "a") or (pos[0] if pos else None)
    size = args.get(None, "size", "shape") or (pos[1] if len(pos) > 1 else None)
    shape = lengths_of(size) if size is not None else ()
    known = plain(of) if of is not None else None
    if isinstance(of, Array):
        return of.but(shape=shape)
    if isinstance(known, int):
        return made_here(on, args, Made.LABELS, shape, "int", low=0, high=known - 1)
    items = several(known)
    if items and all(isinstance(x, int | float) for x in items):
        if shape is not None and len(shape) >= 2 and set(items) == {0, 1} and shape[-1] != 1:
            return made_here(on, args, Made.MULTI_HOT, shape, "int", axis=-1, width=shape[-1],
                             low=0, high=1)  # fmt: skip
        return made_here(on, args, Made.LABELS, shape, "int", low=min(items), high=max(items))
    return made_here(on, args, None, shape, "int")


@maker("bernoulli binomial")
def bernoulli(on: Desk, args: Args) -> Value:
    size = args.get(None, "size", "shape")
    shape = lengths_of(size) if size is not None else None
    for p in args.pos:
        if shape is None and isinstance(p, Tuple | List):
            shape = lengths_of(p)
        if shape is None and isinstance(p, Array):
            shape = p.shape
    if last_name(args) == "binomial" and args.constant(0, "n") != 1:
        return made_here(on, args, None, shape, "int")
    if shape is not None and len(shape) >= 2 and shape[-1] != 1:
        return made_here(
            on, args, Made.MULTI_HOT, shape, "int", axis=-1, width=shape[-1], low=0, high=1
        )
    return made_here(on, args, Made.LABELS, shape, "int", low=0, high=1)


def _filled(value: float | None) -> Maker:
    def filled(on: Desk, args: Args) -> Value:
        name = last_name(args)
        if name.endswith("_like"):
            of = args.get(0)
            shape = of.shape if isinstance(of, Array) else None
            number = value if value is not None else args.constant(1, "fill_value")
        else:
            number = value
            if value is None:
                number = args.constant(1, "fill_value", "value")
                shape = lengths_of(args.pos[0]) if args.pos else None
            else:
                rest = args.pos[:1] if args.pos and isinstance(args.pos[0], Tuple | List) else [
                    p for p in args.pos if isinstance(p, Const | Unknown)
                ]  # fmt: skip
                shape = shape_in(Args(list(rest), args.kw, args.node, args.open))

        after = 2 if value is None else 1
        given = args.get(None, "dtype")
        if given is None and len(args.pos) > after and isinstance(args.pos[0], Tuple | List):
            given = args.pos[after]
        kind = kind_of(given) or "float"
        n = number if isinstance(number, int | float) else None
        return Array(None, on.module.text(args.node), on.place(args.node), shape=shape, kind=kind,
                     low=n, high=n)  # fmt: skip

    return filled


for _name, _value in (("zeros", 0), ("ones", 1), ("full", None)):
    MAKERS[_name] = MAKERS[f"{_name}_like"] = _filled(_value)
MAKERS["empty"] = MAKERS["empty_like"] = _filled(...)  # type: ignore[arg-type]


@maker("placeholder")
def placeholder(on: Desk, args: Args) -> Value:
    """tf.placeholder(dtype, shape): what a session is fed with."""
    given = args.get(1, "shape")
    shape = None if given is None else lengths_of(given)
    kind = kind_of(args.get(0, "dtype")) or "float"
    return made_here(on, args, Made.DATA, shape, kind, batched=True)


@maker("eye identity")
def eye(on: Desk, args: Args) -> Value:
    n = args.get(0, "n", "N", "num_rows")
    width: Length = length_of(n) if n is not None else None
    return Array(by="eye", shape=(width, width), kind="float", low=0, high=1)


@maker("arange linspace randperm permutation shuffle")
def arange(on: Desk, args: Args) -> Value:
    given = args.pos[-1] if args.pos else args.get(None, "stop", "end", "n")
    if isinstance(given, Array):
        return given.but(shape=None if given.shape is None else (None, *given.shape[1:]))
    numbers: list[Any] = [a.value if isinstance(a, Const) else None for a in args.pos]
    whole = bool(numbers) and all(isinstance(n, int) for n in numbers) and len(numbers) <= 2
    run = range(*numbers) if whole and last_name(args) != "linspace" else None
    return Array(
        by="arange" if last_name(args) == "arange" else "",
        place=on.place(args.node),
        shape=(len(run),) if run else (None,),
        kind="float" if last_name(args) == "linspace" else "int",
        low=run[0] if run else None,
        high=run[-1] if run else None,
    )
