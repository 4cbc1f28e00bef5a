"""Subscripts of arrays: rows, columns, new axes, classes looked up."""

from __future__ import annotations

import ast
from typing import Any

from ..facts import Array, Made, Step
from . import moves
from .machine import Desk, Machine
from .values import Const, Index, Iter, List, Tuple, Unknown, Value, plain, slice_of


def indexed(on: Machine, x: Array, index: ast.expr, node: ast.AST) -> Value:
    """x[index]."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    if x.by == "eye" and len(parts) == 1:
        return rows_of_eye(on, x, on.eval(parts[0]), node)
    if x.made is Made.DATA and x.shape is None:
        key = on.eval(parts[0]) if len(parts) == 1 and not isinstance(parts[0], ast.Slice) else None
        if isinstance(key, Const) and isinstance(key.value, str | int):
            return x
    place = on.place(node)
    keys: list[Any] = []
    for part in parts:
        if isinstance(part, ast.Slice):
            keys.append(sliced(on, part))
        elif isinstance(part, ast.Constant) and part.value is ...:
            keys.append(...)
        elif isinstance(part, ast.Constant) and part.value is None:
            keys.append(None)
        else:
            keys.append(on.eval(part))
    lists = [k for k in keys if isinstance(k, Array | List) or _is_range(k)]
    # Beside 0, 1, 2, … what is not known is the class of each event.
    if any(map(_is_range, lists)):
        lists = [k for k in keys if isinstance(k, Unknown) or k in lists]
    if len(lists) >= 2:
        return looked_up(x, lists, place)
    return by_parts(x, parts, keys, place)


def _is_range(key: Any) -> bool:
    if isinstance(key, Array):
        return key.by == "arange"
    return isinstance(key, Iter) or (isinstance(key, Const) and isinstance(key.value, range))


def by_parts(x: Array, parts: list[ast.expr], keys: list[Any], place: Any) -> Value:
    """One part after the other: an index drops its axis, a slice keeps it, None makes one."""
    out = x
    at = 0  # the axis of the array as it is by now
    from_end = False
    for i, (part, key) in enumerate(zip(parts, keys, strict=True)):
        if key is ...:
            behind = sum(k is not None for k in keys[i + 1 :])
            if out.rank is not None:
                at = out.rank - behind
            else:
                from_end, at = True, -behind
            continue
        if key is None or (isinstance(part, ast.Attribute) and part.attr == "newaxis"):
            out = moves.expand(out, at if not from_end or at != 0 else -1, place)
            at += 1
        elif isinstance(part, ast.Slice):
            out = _sliced(out, at, key, place)
            at += 1
        elif isinstance(key, Array | List):
            if isinstance(key, Array) and key.kind == "bool" and (key.rank or 1) > 1:
                kept = x.axis is None and x.made is not Made.PADDED
                return Array(kind=x.kind, made=x.made if kept else None)
            if isinstance(key, Array) and key.kind == "bool" and key.made is None:
                out = out.but(low=None, high=None)  # a comparison may leave labels out
            every = _of_every_event(out, at, key)
            out = _shortened(out, at, None, place) if every is None else every
            at += 1
        elif isinstance(key, Index):
            one = moves.pick(out, at, place)
            # Every item is asked for once: what they are together is what the whole is.
            out = one.but(path=out.path) if at == 0 else one
        elif isinstance(key, Const) and isinstance(key.value, int):
            yes_or_no = out.made is Made.COUNTS and out.rank == 1 and key.value in (0, 1)
            picked = moves.pick(out, at, place)
            out = moves.count_of(out, key.value) if yes_or_no else picked
        elif isinstance(key, Unknown):
            # A number, a list or a mask: which of them is not known.
            if out.made is Made.PADDED:
                return Array(kind=x.kind)
            if out.rank is not None and out.rank <= 1:
                return out.but(shape=None, path=out.path)
            if _axis_hit(out, at):
                return Array(kind=x.kind)
            out = _shortened(out, at, None, place).but(shape=None, batched=out.batched)
            if x.axis is not None and x.axis >= 0:
                out = out.but(axis=None)
            at += 1
        else:
            return Array(kind=x.kind)
    return out


def _of_every_event(x: Array, at: int, key: Array | List) -> Array | None:
    """p[:, y] with one y for each row: of every event the classes of all events."""
    if x.made not in (Made.SOFTMAX, Made.LOG_SOFTMAX) or x.shape is None or x.rank != 2 or at != 1:
        return None
    if not isinstance(key, Array) or key.made is not Made.LABELS or key.shape is None:
        return None
    n = x.shape[0]
    if n is None or key.shape != (n,) or n == x.shape[1] or not _axis_hit(x, 1):
        return None
    step = Step("columns", x.place)
    return x.but(axis=None, width=None, shape=(n, n), across=None, path=(*x.path, step))


def _axis_hit(x: Array, at: int) -> bool:
    here = moves.place_of(x.axis, x.rank)
    return here is not None and here == at


def _sliced(x: Array, at: int, key: Value, place: Any) -> Array:
    s = slice_of(key)
    if s is not None:
        if s.start is None and s.stop is None and s.step is None:
            return x
        n = None
        if x.shape is not None and 0 <= at < len(x.shape):
            length = x.shape[at]
            if isinstance(length, int):
                n = len(range(length)[s])
            elif isinstance(s.start, int | None) and isinstance(s.stop, int) and s.stop > 0:
                n = max(0, s.stop - (s.start or 0)) if (s.start or 0) >= 0 else None
        return _shortened(x, at, n, place)
    return _shortened(x, at, None, place)


def _shortened(x: Array, at: int, n: int | None, place: Any) -> Array:
    out = moves.stepped(x, "slice", place)
    here = moves.place_of(x.axis, x.rank)
    on_classes = x.axis is not None and (x.axis == at or (here is not None and here == at))
    if x.rank is None and x.axis is not None and x.axis < 0 <= at and at > 0:
        on_classes = on_classes or at == 1  # most arrays of unknown rank have two axes
    if x.shape is not None and 0 <= at < len(x.shape):
        out = out.but(shape=(*x.shape[:at], n, *x.shape[at + 1 :]))
    if on_classes and x.made in (Made.SOFTMAX, Made.LOG_SOFTMAX, Made.ONE_HOT):
        return out.but(made=None, axis=None, width=None)  # no distribution any more
    if on_classes:
        return out.but(width=n)
    return out


def looked_up(x: Array, lists: list[Any], place: Any) -> Array:
    """Rows and columns by two lists: of each event the class that is given."""
    out = moves.stepped(x, "slice", place)
    n = lists[0].shape if isinstance(lists[0], Array) else None
    counted = [at for at, key in enumerate(lists) if _is_range(key)]
    over = moves.place_of(x.axis, x.rank if x.rank is not None else 2)
    wrong = x.made in (Made.SOFTMAX, Made.LOG_SOFTMAX) and len(lists) == 2 and counted == [over]
    return out.but(axis=None, width=None, shape=n, across=over if wrong else None)


def rows_of_eye(on: Desk, x: Array, key: Value, node: ast.AST) -> Value:
    """np.eye(K)[y]: one-hot rows."""
    if isinstance(key, Const):
        return moves.pick(x.but(by="row of eye"), 0, on.place(node))
    shape = None
    if isinstance(key, Array) and key.shape is not None and x.shape is not None:
        shape = (*key.shape, x.shape[-1])
    elif isinstance(key, List | Tuple):
        known = plain(key)
        if known is not None and x.shape is not None:
            shape = (len(known), x.shape[-1])
    return Array(
        Made.ONE_HOT, on.module.text(node), on.place(node), -1,
        x.shape[-1] if x.shape is not None else None, shape=shape, kind="float", low=0, high=1,
        batched=isinstance(key, Array) and key.batched,
        source=key if isinstance(key, Array) else None,
    )  # fmt: skip


def sliced(on: Machine, node: ast.Slice) -> Value:
    """start:stop:step, where the code shows all three."""
    parts = [None if p is None else on.eval(p) for p in (node.lower, node.upper, node.step)]
    values = [p.value if isinstance(p, Const) else None for p in parts]
    if any(p is not None and not isinstance(p, Const) for p in parts):
        return Unknown()
    if any(v is not None and not isinstance(v, int) for v in values):
        return Unknown()
    return Const(slice(*values))
