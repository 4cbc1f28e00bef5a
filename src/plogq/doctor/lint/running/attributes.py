"""Attributes of objects of the program, of its modules, and of what libraries made."""

from __future__ import annotations

import ast

from ...facts import Array
from ..machine import Machine
from ..slots import Slots
from ..values import (
    Args,
    Const,
    Dict,
    Function,
    Instance,
    List,
    Method,
    Model,
    Native,
    Partial,
    Record,
    Ref,
    Unknown,
    UserClass,
    Value,
)


def force(on: Machine, lazy: Record) -> Value:
    """What an import inside the project brings, once it is needed."""
    if lazy.slots.get("loading"):
        return Unknown()  # two files that import from each other
    lazy.slots["loading"] = True
    try:
        return lazy.slots["load"](on)
    finally:
        lazy.slots["loading"] = False


def get_attribute(on: Machine, of: Value, name: str, node: ast.expr) -> Value:
    """of.name, wherever it comes from."""
    if name in ("__name__", "__qualname__") and isinstance(of, Function | UserClass):
        return Const(of.node.name if isinstance(of, UserClass) else of.name)
    if isinstance(of, Ref):
        return Ref(f"{of.name}.{name}")
    if isinstance(of, Instance):
        return _of_instance(on, of, name, node)
    if isinstance(of, Record) and of.name == "module":
        found = of.slots["module"].scope.slots.get(name)
        if found is None:
            found = of.slots["submodule"](name)
        if isinstance(found, Record) and found.name == "lazy":
            return on.force(found)
        return Unknown(name) if found is None else found
    if isinstance(of, UserClass):
        found = of.find(name)
        if isinstance(found, Function) and "classmethod" in found.decorators:
            return Method(found, of)
        if found is not None:
            return found
        if name == "apply" and "torch.autograd.Function" in of.roots():
            return Native(lambda on, args: _applied(on, of, args), name)
    if isinstance(of, Record) and of.name == "super":
        return _of_super(on, of, name, node)
    return on.library.attribute(on, of, name, node)


def _applied(on: Machine, of: UserClass, args: Args) -> Value:
    """An autograd.Function of what it gives as it is; any other may have a gradient of its own."""
    forward = of.find("forward")
    if not isinstance(forward, Function):
        return Unknown()
    given = Args([Unknown("ctx"), *args.pos], args.kw, args.node, args.open)
    out = on.call_function(forward, given)
    same = [
        x
        for x in args.pos
        if isinstance(x, Array)
        and isinstance(out, Array)
        and ((x.made, x.place, x.axis, x.shape) == (out.made, out.place, out.axis, out.shape))
    ]
    return same[0] if same and same[0].made is not None else Unknown()


def _of_instance(on: Machine, of: Instance, name: str, node: ast.expr) -> Value:
    found = of.slots.get(name)
    if found is not None:
        return found
    found = of.cls.find(name)
    if isinstance(found, Function):
        if found.decorators & {"property", "cached_property"}:
            return on.call_function(found, Args([], {}, node), of)
        if "staticmethod" in found.decorators:
            return found
        return Method(found, of.cls if "classmethod" in found.decorators else of)
    if isinstance(found, Native):
        return Partial(found, (of,), {})
    if found is not None:
        return found
    return on.library.attribute(on, of, name, node)


def _of_super(on: Machine, of: Record, name: str, node: ast.expr) -> Value:
    cls, receiver = of.slots["cls"], of.slots["receiver"]
    for base in cls.bases:
        if isinstance(base, UserClass):
            found = base.find(name)
            if isinstance(found, Function):
                return Method(found, receiver)
    return on.library.base_method(on, cls, receiver, name)


def set_attribute(on: Machine, of: Value, name: str, value: Value) -> None:
    """of.name = value; a head that is replaced changes what its model puts out."""
    if isinstance(of, Model) and name in of.heads:
        on.write(of, "output", on.library.replaced_head(on, of, value))
    if isinstance(of, Slots) and not isinstance(of, Dict | List):
        on.write(of, name, value)
