"""What moves data without changing it, and where the class axis and the shape go."""

from __future__ import annotations

from collections.abc import Sequence

from ..facts import PROBABILITIES, Array, Length, Made, Place, Shape, Step, place_of


def stepped(x: Array, verb: str, place: Place | None) -> Array:
    """The same, one step further."""
    if len(x.path) >= 16:
        return x
    return x.but(path=(*x.path, Step(verb, place)))


def product(lengths: Sequence[Length]) -> Length:
    """The product of lengths, None where one is not known."""
    total = 1
    for n in lengths:
        if not isinstance(n, int) or n < 0:
            return n if len(lengths) == 1 else None
        total *= n
    return total


def reshape(x: Array, dims: Sequence[Length], place: Place | None) -> Array:
    """x in a new shape; the class axis stays where what lies behind or before it is unchanged."""
    shape = _filled(x, tuple(dims))
    out = stepped(x, "reshape", place).but(shape=shape)
    if x.axis is None:
        return out.but(batched=False)
    width = x.width if x.width is not None else _at(x.shape, x.axis)
    at = place_of(x.axis, x.rank)
    kept = _kept(x, at, width, shape)
    if kept is not None:
        return out.but(axis=kept)
    if width == 1:
        return out.but(axis=None, width=None)
    torn = None
    if x.rank is not None and x.rank >= 3 and at is not None and width is not None:
        behind = product(x.shape[at + 1 :]) if x.shape is not None else None
        if width in shape and _torn(shape, width, behind, at == x.rank - 1):
            torn = Step("reshape", place)
    return out.but(axis=None, scrambled=torn or x.scrambled)


def _filled(x: Array, dims: Shape) -> Shape:
    """The new shape with -1 worked out where that can be done."""
    if dims.count(-1) != 1:
        return dims
    at = dims.index(-1)
    total = None if x.shape is None else product(x.shape)
    rest = product([n for i, n in enumerate(dims) if i != at]) if len(dims) > 1 else 1
    if isinstance(total, int) and isinstance(rest, int) and rest > 0 and total % rest == 0:
        return (*dims[:at], total // rest, *dims[at + 1 :])
    if x.shape is not None:
        # What is named on both sides cancels.
        left = list(x.shape)
        for n in dims:
            if n != -1 and n in left and n is not None:
                left.remove(n)
            elif n not in (-1, 1):
                break
        else:
            if len(left) == 1:
                return (*dims[:at], left[0], *dims[at + 1 :])
    return (*dims[:at], None, *dims[at + 1 :])


def _at(shape: Shape | None, axis: int) -> Length:
    at = place_of(axis, None if shape is None else len(shape))
    return None if shape is None or at is None else shape[at]


def _kept(x: Array, at: int | None, width: Length, shape: Shape) -> int | None:
    """Where the class axis is after the reshape, if it is still one axis."""
    if not shape:
        return None
    last = x.axis == -1 or (x.rank is not None and at == x.rank - 1)
    if last:
        if width is not None and shape[-1] == width:
            return -1
        # Axes of length 1 behind the classes are no harm.
        trimmed = list(shape)
        while len(trimmed) > 1 and trimmed[-1] == 1:
            trimmed.pop()
        if width is not None and width != 1 and trimmed[-1] == width:
            return len(trimmed) - 1
        if x.rank is not None and x.rank == len(shape) == 2 and shape[0] == _at(x.shape, 0):
            return -1
        return None
    if at is not None and x.shape is not None:
        before, behind = x.shape[: at + 1], x.shape[at + 1 :]
        was, now = product(behind), product(shape[at + 1 :])
        if isinstance(was, int) and isinstance(now, int) and was != now:
            pass  # lengths that are not known look alike
        elif shape[: at + 1] == before or (
            len(shape) > at and shape[at] == width and shape[:at] == before[:at]
        ):
            return at
        if all(n == 1 for n in behind) and width is not None and shape[-1] == width:
            return -1
    return None


def _torn(shape: Shape, width: Length, behind: Length, last: bool) -> bool:
    """Whether classes and events are surely mixed: K stands where other numbers lie behind it."""
    if shape.count(width) != 1:
        return False
    tail = shape[shape.index(width) + 1 :]
    now = product(tail) if tail else 1
    if last:
        return bool(tail) and now != 1
    return isinstance(behind, int) and isinstance(now, int) and behind != now


def permute(x: Array, order: Sequence[int | None], place: Place | None) -> Array:
    """x with its axes in another order."""
    out = stepped(x, "transpose", place)
    n = len(order)
    if any(i is None for i in order) or (x.rank is not None and x.rank != n):
        return out.but(shape=None, axis=None)
    axes = [i % n if i is not None and n else 0 for i in order]
    if sorted(axes) != list(range(n)):
        return out.but(shape=None, axis=None)
    shape = None if x.shape is None else tuple(x.shape[i] for i in axes)
    at = place_of(x.axis, n)
    return out.but(
        shape=shape if shape is not None else (None,) * n,
        axis=None if at is None else axes.index(at),
        batched=x.batched and axes[0] == 0,
    )


def swap(x: Array, a: int | None, b: int | None, place: Place | None) -> Array:
    """x with two axes exchanged."""
    out = stepped(x, "transpose", place)
    if a is None or b is None:
        return out.but(shape=None, axis=None)
    if x.rank is not None:
        i, j = place_of(a, x.rank), place_of(b, x.rank)
        if i is None or j is None:
            return out.but(shape=None, axis=None)
        order = list(range(x.rank))
        order[i], order[j] = order[j], order[i]
        return permute(x, order, place)
    axis = b if x.axis == a else a if x.axis == b else None
    if axis is None and x.axis is not None and _apart(x.axis, a, b):
        axis = x.axis
    return out.but(axis=axis, batched=x.batched and 0 not in (a, b))


def _apart(axis: int, a: int, b: int) -> bool:
    """Whether an axis is surely neither of two others."""
    return (axis < 0) == (a < 0) == (b < 0) and axis not in (a, b)


def squeeze(x: Array, axis: int | None, place: Place | None) -> Array:
    """x without an axis of length 1, or without all of them."""
    out = stepped(x, "squeeze", place)
    if axis is None:
        if x.shape is None:
            return out.but(axis=None if x.width in (1, None) else x.axis, batched=x.batched)
        keep = [i for i, n in enumerate(x.shape) if n != 1]
        at = place_of(x.axis, x.rank)
        shape = tuple(x.shape[i] for i in keep)
        if any(not isinstance(x.shape[i], int) for i in keep) and x.width != 1:
            pass
        return out.but(shape=shape, axis=keep.index(at) if at in keep else None)
    if x.rank is None:
        gone = x.axis == axis and x.width == 1
        moved = x.axis if x.axis is not None and x.axis >= 0 and axis < 0 else None
        if x.axis is not None and x.axis < 0 and axis < 0:
            moved = x.axis if axis < x.axis else x.axis + 1 if x.axis < -1 else None
        return out.but(axis=None if gone else moved)
    at = place_of(axis, x.rank)
    if at is None or x.shape is None:
        return out.but(shape=None, axis=None)
    if isinstance(x.shape[at], int) and x.shape[at] != 1:
        return out  # PyTorch leaves a longer axis as it is
    here = place_of(x.axis, x.rank)
    moved = None if here is None or here == at else here - (at < here)
    return out.but(shape=x.shape[:at] + x.shape[at + 1 :], axis=moved)


def expand(x: Array, axis: int | None, place: Place | None) -> Array:
    """x with a new axis of length 1."""
    out = stepped(x, "unsqueeze", place)
    if axis is None:
        return out.but(shape=None, axis=None)
    if x.rank is None or x.shape is None:
        if x.axis is not None and x.axis < 0 <= axis:
            return out.but(batched=x.batched and axis != 0)
        moved = x.axis - 1 if x.axis is not None and axis == -1 and x.axis < 0 else None
        return out.but(axis=moved, batched=x.batched and axis != 0)
    at = axis + x.rank + 1 if axis < 0 else axis
    here = place_of(x.axis, x.rank)
    moved = None if here is None else here + (at <= here)
    shape = (*x.shape[:at], 1, *x.shape[at:])
    return out.but(shape=shape, axis=moved, batched=x.batched and at != 0)


def flatten(x: Array, start: int, end: int, place: Place | None) -> Array:
    """x with the axes from start to end made one."""
    if x.shape is None or x.rank is None:
        return stepped(x, "reshape", place).but(axis=None)
    i, j = place_of(start, x.rank), place_of(end, x.rank)
    if i is None or j is None or j <= i:
        return x if x.rank == 2 and start == 1 else stepped(x, "reshape", place)
    merged = product(x.shape[i : j + 1])
    dims = (*x.shape[:i], merged, *x.shape[j + 1 :])
    here = place_of(x.axis, x.rank)
    axis = x.axis
    if here is not None:
        if i <= here <= j:
            others = [n for k, n in enumerate(x.shape) if i <= k <= j and k != here]
            axis = i if all(n == 1 for n in others) else None
        else:
            axis = here if here < i else here - (j - i)
    return stepped(x, "reshape", place).but(shape=dims, axis=axis)


def pick(x: Array, axis: int, place: Place | None) -> Array:
    """x at one index of an axis."""
    out = stepped(x, "slice", place)
    at, here = place_of(axis, x.rank), place_of(x.axis, x.rank)
    shape = None
    if x.shape is not None and at is not None:
        shape = x.shape[:at] + x.shape[at + 1 :]
    on_classes = x.axis is not None and (x.axis == axis or (here is not None and here == at))
    batched = x.batched and axis != 0
    if on_classes:
        made = Made.PROBABILITIES if x.made in PROBABILITIES else x.made
        if x.made in (Made.LOG_SOFTMAX, Made.ONE_HOT):
            made = None
        return out.but(shape=shape, axis=None, width=None, made=made, batched=batched, across=None)
    moved = x.axis
    if here is not None and at is not None:
        moved = here - (at < here)
    elif x.axis is not None and x.axis >= 0 and axis >= 0:
        moved = x.axis - (axis < x.axis)
    elif x.axis is not None and (x.axis < 0) == (axis < 0):
        moved = x.axis if axis < x.axis else None
    return out.but(shape=shape, axis=moved, batched=batched)


def broadcast(a: Shape | None, b: Shape | None) -> Shape | None:
    """The shape of a ∘ b."""
    if a is None or b is None:
        return None
    if len(a) < len(b):
        a, b = b, a
    out = list(a)
    for i in range(1, len(b) + 1):
        m, n = a[-i], b[-i]
        out[-i] = n if m == 1 else m if n == 1 or m == n else m if isinstance(m, int) else n
    return tuple(out)


def column_and_row(a: Shape | None, b: Shape | None) -> bool:
    """(N, 1) and (N,), N not 1."""
    if a is None or b is None or {len(a), len(b)} != {1, 2}:
        return False
    long, short = (a, b) if len(a) == 2 else (b, a)
    return long[1] == 1 and short[0] != 1


def count_of(x: Array, at: int) -> Array:
    """How often no, the first of two classes, or yes occurs, of the counts of both."""
    return x.but(shape=(), rising=bool(at))
