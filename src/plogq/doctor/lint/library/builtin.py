"""Python's own functions, as far as they matter to what is followed."""

from __future__ import annotations

from typing import Any

from ...facts import Array, Made
from .. import moves
from ..machine import Machine
from ..values import (
    NONE,
    Args,
    Const,
    Dict,
    Function,
    Instance,
    Iter,
    List,
    Loss,
    Native,
    Record,
    Ref,
    Tuple,
    Unknown,
    UserClass,
    Value,
    each_of,
    joined,
    of_length,
)


def _super(on: Machine, args: Args) -> Value:
    if args.pos and isinstance(args.pos[0], UserClass) and len(args.pos) > 1:
        return Record("super", cls=args.pos[0], receiver=args.pos[1])
    if on.owners and on.owners[-1][0] is not None:
        cls, receiver = on.owners[-1]
        return Record("super", cls=cls, receiver=receiver)
    return Unknown()


def _range(on: Machine, args: Args) -> Value:
    values = [a.value for a in args.pos if isinstance(a, Const) and isinstance(a.value, int)]
    if len(values) != len(args.pos) or not values or (len(values) == 3 and values[2] == 0):
        return Iter(Unknown("i"))
    return Const(range(*values[:3]))


def _len(on: Machine, args: Args) -> Value:
    x = args.get(0)
    if isinstance(x, Array) and x.shape:
        return of_length(x.shape[0])
    items = on.items(x) if x is not None and not isinstance(x, Iter) else None
    return Unknown("len") if items is None else Const(len(items))


def _enumerate(on: Machine, args: Args) -> Value:
    x = args.get(0) or Unknown()
    items = on.items(x) if not isinstance(x, Iter) else None
    if items is not None and len(items) <= 64:
        return List(tuple(Tuple((Const(i), item)) for i, item in enumerate(items)))
    node = args.first
    return Iter(Tuple((Unknown("i"), on.element(x, node))))


def _zip(on: Machine, args: Args) -> Value:
    several = [on.items(x) if not isinstance(x, Iter) else None for x in args.pos]
    if several and all(items is not None for items in several):
        rows = zip(*[items or () for items in several], strict=False)
        return List(tuple(Tuple(row) for row in rows))
    nodes = getattr(args.node, "args", [])
    known = [len(items) for items in several if items is not None]
    if known and min(known) <= 32:
        # Beside these, what is not known is as long: keys for each layer, say.
        columns = [
            items
            if items is not None
            else (on.element(x, nodes[i] if i < len(nodes) else args.node),) * min(known)
            for i, (x, items) in enumerate(zip(args.pos, several, strict=True))
        ]
        return List(tuple(Tuple(row) for row in zip(*columns, strict=False)))
    return Iter(Tuple(tuple(
        on.element(x, nodes[i] if i < len(nodes) else args.node) for i, x in enumerate(args.pos)
    )))  # fmt: skip


def passed_on(on: Machine, args: Args) -> Value:
    """What goes through a progress bar, iter or list."""
    x = args.get(0, "iterable")
    if x is None:
        return Unknown()
    if isinstance(x, Unknown):
        node = args.first
        element = on.element(x, node)
        return Iter(element) if isinstance(element, Array) else x
    if isinstance(x, Tuple) and getattr(getattr(args.node, "func", None), "id", "") == "list":
        return List(x.items)
    if isinstance(x, Const) and isinstance(x.value, range) and len(x.value) <= 64:
        return List(tuple(Const(i) for i in x.value))
    return x


def _next(on: Machine, args: Args) -> Value:
    x = args.get(0)
    node = args.first
    return Unknown() if x is None else on.element(x, node)


def _getattr(on: Machine, args: Args) -> Value:
    name = args.constant(1)
    if isinstance(name, str) and args.pos:
        return on.get_attribute(args.pos[0], name, args.node)
    return Unknown()


def _isinstance(on: Machine, args: Args) -> Value:
    x, kinds = args.get(0), args.get(1)
    names = [kinds] if not isinstance(kinds, Tuple) else list(kinds.items)
    wanted = {getattr(k, "name", "") for k in names}
    if isinstance(x, Array | Loss | Function | Instance) and wanted <= {"tuple", "list", "dict"}:
        return Const(False)
    if isinstance(x, Tuple) and "tuple" in wanted:
        return Const(True)
    if isinstance(x, Dict) and "dict" in wanted:
        return Const(True)
    return Unknown()


def _dict(on: Machine, args: Args) -> Value:
    first = args.get(0)
    if first is None:
        return Dict(args.kw, args.open)
    if isinstance(first, Dict):
        return Dict({**first.slots, **args.kw}, first.open or args.open)
    items = on.items(first)
    made = Dict(args.kw, open=items is None)
    for item in items or ():
        if isinstance(item, Tuple) and len(item.items) == 2 and isinstance(item.items[0], Const):
            made.slots[item.items[0].value] = item.items[1]
        else:
            made.open = True
    return made


def _number(kind: type) -> Any:
    def number(on: Machine, args: Args) -> Value:
        x = args.get(0)
        if isinstance(x, Const) and isinstance(x.value, int | float | str):
            try:
                return Const(kind(x.value))
            except (ValueError, OverflowError):
                return Unknown()
        if isinstance(x, Array) and x.rank in (0, None) and x.made in (Made.LABELS, Made.NUMBERS):
            return x.but(kind=kind.__name__, shape=())  # one label of many
        return x if isinstance(x, Unknown) else Unknown()

    return number


def _map(on: Machine, args: Args) -> Value:
    f, x = args.get(0), args.get(1)
    if f is None or x is None:
        return Unknown()
    items = on.items(x) if not isinstance(x, Iter) else None
    if items is not None and len(items) <= 32:
        return List(tuple(on.call(f, Args([item], {}, args.node)) for item in items))
    return Iter(on.call(f, Args([on.element(x, args.node)], {}, args.node)))


def _reversed(on: Machine, args: Args) -> Value:
    x = args.get(0)
    items = on.items(x) if x is not None and not isinstance(x, Iter) else None
    return List(tuple(reversed(items))) if items is not None else Unknown()


def _extreme(which: Any) -> Any:
    def extreme(on: Machine, args: Args) -> Value:
        values = [a.value for a in args.pos if isinstance(a, Const)]
        if len(values) == len(args.pos) >= 2:
            try:
                return Const(which(values))
            except TypeError:
                return Unknown()
        return Unknown()

    return extreme


def _nothing(on: Machine, args: Args) -> Value:
    return NONE


def _sum(on: Machine, args: Args) -> Value:
    """Of scores they are scores; of anything else it is not known what."""
    over = on.items(args.pos[0]) if args.pos else None
    each = joined(over) if over is not None else each_of(args.pos[0]) if args.pos else None
    if isinstance(each, Array) and each.made is Made.SCORES:
        return moves.stepped(each, "scale", on.place(args.node))
    return Unknown()


BUILTINS: dict[str, Value] = {
    name: Native(call, name)
    for name, call in {
        "super": _super, "range": _range, "len": _len, "enumerate": _enumerate, "zip": _zip,
        "iter": passed_on, "list": passed_on, "sorted": passed_on, "next": _next,
        "getattr": _getattr, "isinstance": _isinstance, "dict": _dict, "float": _number(float),
        "int": _number(int), "map": _map, "reversed": _reversed, "print": _nothing,
        "max": _extreme(max), "min": _extreme(min), "sum": _sum, "tqdm": passed_on,
    }.items()
}  # fmt: skip
BUILTINS["tuple"] = Native(passed_on, "tuple")
BUILTINS["bool"] = Ref("builtins.bool")
BUILTINS["object"] = Ref("builtins.object")
BUILTINS["staticmethod"] = Native(lambda on, args: args.get(0) or Unknown(), "staticmethod")
BUILTINS["__file__"] = Unknown("__file__")
