"""Calls: functions of the program with their parameters bound, classes and their objects."""

from __future__ import annotations

import ast

from ...facts import Array, Made
from ..machine import DEPTH, UNGRADED, Machine
from ..slots import Scope
from ..values import (
    NONE,
    Args,
    Dict,
    Function,
    Instance,
    Iter,
    Loss,
    Method,
    Native,
    Partial,
    Record,
    Tuple,
    Unknown,
    UserClass,
    Value,
    joined,
)


def call(on: Machine, f: Value, args: Args) -> Value:
    """What calling something gives."""
    if isinstance(f, Function):
        return on.call_function(f, args)
    if isinstance(f, Method):
        return on.call_function(f.function, args, f.receiver)
    if isinstance(f, Native):
        return f.call(on, args)
    if isinstance(f, UserClass):
        special = on.library.made_class(on, f, args)
        return on.instantiate(f, args) if special is None else special
    if isinstance(f, Partial):
        merged = Args([*f.pos, *args.pos], {**f.kw, **args.kw}, args.node, args.open)
        return on.call(f.function, merged)
    return on.library.called(on, f, args)


def call_function(on: Machine, f: Function, args: Args, receiver: Value | None = None) -> Value:
    """Run a function of the program: what it returns, or an iterator of what it yields."""
    if len(on.stack) >= DEPTH or on.stack.count(f.node) >= 2:
        return Unknown()
    on.entered.add(f.node)
    scope = Scope(f.scope)
    _bind(on, f, scope, args, receiver)
    outer, module = on.scope, on.module
    on.scope, on.module = scope, f.module
    on.stack.append(f.node)
    on.owners.append((f.owner, receiver))
    on.returns.append([])
    on.yields.append([])
    graded = on.graded
    on.graded = graded and not f.decorators & UNGRADED
    try:
        if isinstance(f.node, ast.Lambda):
            return on.eval(f.node.body)
        on.block(f.node.body)
        given = on.returns[-1]
        if f.generator:
            return Iter(joined(on.yields[-1]))
        return joined(given) if given else NONE
    finally:
        on.scope, on.module, on.graded = outer, module, graded
        on.stack.pop()
        on.owners.pop()
        on.returns.pop()
        on.yields.pop()


def _bind(on: Machine, f: Function, scope: Scope, args: Args, receiver: Value | None) -> None:
    """Give the parameters their values; those that nobody gave are not known."""
    a = f.node.args
    names = [p.arg for p in (*a.posonlyargs, *a.args)]
    given = list(args.pos)
    if receiver is not None and "staticmethod" not in f.decorators:
        given.insert(0, receiver)
    slots = scope.slots
    first = len(names) - len(f.defaults)
    for i, name in enumerate(names):
        if i < len(given):
            slots[name] = given[i]
        elif name in args.kw:
            slots[name] = args.kw[name]
        elif (i >= first and not args.open) or (
            i >= first and isinstance(f.defaults[i - first], Loss | Function)
        ):
            slots[name] = f.defaults[i - first]
        else:
            slots[name] = _parameter(on, f, name, i)
    if a.vararg is not None:
        extra = given[len(names) :]
        slots[a.vararg.arg] = (
            Unknown(a.vararg.arg) if args.open and not extra else Tuple(tuple(extra))
        )
    for p, default in zip(a.kwonlyargs, f.kw_defaults, strict=True):
        if p.arg in args.kw:
            slots[p.arg] = args.kw[p.arg]
        elif default is not None and (not args.open or isinstance(default, Loss | Function)):
            slots[p.arg] = default
        else:
            slots[p.arg] = Unknown(p.arg)
    if a.kwarg is not None:
        known = {*names, *(p.arg for p in a.kwonlyargs)}
        more = {k: v for k, v in args.kw.items() if k not in known}
        slots[a.kwarg.arg] = Dict(more, open=args.open)


def _parameter(on: Machine, f: Function, name: str, at: int) -> Value:
    """A parameter that nobody gave: in a trainer's step, a batch of data."""
    steps = ("training_step", "validation_step", "test_step", "train_step", "predict_step")
    if f.owner is not None and f.name in steps and at == 1 and name not in ("state", "params"):
        return Array(made=Made.DATA, by=name, place=f.module.place(f.node), batched=True)
    return Unknown(name)


def instantiate(on: Machine, cls: UserClass, args: Args) -> Value:
    """An object of a class of the program, its constructor run."""
    if len(on.stack) >= DEPTH:
        return Unknown()
    made = Instance(cls)
    on.instances.setdefault(cls, []).append(made)
    init = cls.find("__init__")
    if isinstance(init, Function):
        on.call_function(init, args, made)
    else:
        _fields(on, cls, made, args)
    for name in ("setup", "__post_init__"):
        more = cls.find(name)
        if isinstance(more, Function) and not (name == "setup" and _is_lightning(cls)):
            on.call_function(more, Args([], {}, args.node), made)
    made.made = dict(made.slots)
    return made


def _fields(on: Machine, cls: UserClass, made: Instance, args: Args) -> None:
    """The fields of a dataclass, which flax modules and named tuples are as well."""
    names: list[str] = []
    order: list[UserClass] = [cls]
    for base in cls.bases:
        if isinstance(base, UserClass):
            order.insert(0, base)
    for c in order:
        names += [
            s.target.id
            for s in c.node.body
            if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        ]
    chain = on.library.chain_of(cls, args)
    if chain is not None:
        on.write(made, "__chain__", chain)
    for i, name in enumerate(names):
        if i < len(args.pos):
            on.write(made, name, args.pos[i])
        elif name in args.kw:
            on.write(made, name, args.kw[name])
        elif args.open:
            on.write(made, name, Unknown(name))
        else:
            default = cls.find(name)
            if isinstance(default, Record) and default.name == "field":
                on.write(made, name, on.call(default.slots["make"], Args([], {}, args.node)))


def _is_lightning(cls: UserClass) -> bool:
    return any(root.startswith(("lightning", "pytorch_lightning")) for root in cls.roots())
