"""Attributes of arrays, losses, layers and models: methods, shapes, parameters."""

from __future__ import annotations

from typing import Any

from ...facts import Array, Made
from ..machine import Machine
from ..values import (
    Args,
    Chain,
    Const,
    Dict,
    Function,
    Instance,
    Iter,
    List,
    Loss,
    Method,
    Model,
    Native,
    Partial,
    Record,
    Ref,
    Terms,
    Tuple,
    Unknown,
    Value,
    of_length,
)
from ..verbs import VERBS, method
from . import data, models
from .containers import of_dict, of_list, of_text
from .data import batches
from .modes import is_torch, switch, training
from .passing import SAME


def attribute(on: Machine, of: Value, name: str, node: Any) -> Value:
    """of.name for what is no name of a library and no object of the program's own attribute."""
    if isinstance(of, Array):
        return _of_array(on, of, name, node)
    if isinstance(of, Terms):
        verb = VERBS.get(name)
        if verb is None:
            return Unknown()
        return Native(lambda on, args: verb(on, Args([of, *args.pos], args.kw, args.node)), name)
    if isinstance(of, Loss):
        if name == "forward":
            return of
        return Native(lambda on, args: of, name) if name in SAME else Unknown()
    if isinstance(of, Dict):
        return of_dict(on, of, name)
    if isinstance(of, List):
        return of_list(on, of, name)
    if isinstance(of, Iter):
        return batches.iter_method(on, of, name)
    if isinstance(of, Const) and isinstance(of.value, str):
        return of_text(of.value, name)
    if isinstance(of, Record):
        return _of_record(on, of, name)
    if isinstance(of, Model | Chain | Instance):
        found = models.attribute(on, of, name, node)
        if found is not None:
            return found
        if name in ("train", "eval"):
            return switch(of, name)
        if name == "training" and isinstance(of, Instance) and is_torch(of):
            return training(on, of)
        if name in SAME:
            return of if name == "module" else Native(lambda on, args: of, name)
        if name in of.slots and name not in ("output", "items"):
            return of.slots[name]
        if name == "forward" and isinstance(of, Chain | Model):
            return of
        return Unknown(name)
    if isinstance(of, Native):
        if name in SAME:
            return Native(lambda on, args: of, name)
        if name in ("weight", "kernel", "bias"):
            return Array(Made.PARAMETER, name, on.place(node), kind="float")
        return Unknown(name)
    if isinstance(of, Function | Method | Partial):
        if name in ("lower", "trace"):
            return Unknown()
        return Unknown(name)
    if isinstance(of, Unknown):
        return _of_unknown(on, of, name, node)
    return Unknown(name)


def _of_unknown(on: Machine, of: Unknown, name: str, node: Any) -> Value:
    """An attribute of what is not known: the same one each time, so lengths can be compared."""
    if name in ("item", "backward", "step", "zero_grad"):
        return Unknown()
    if name in ("reshape", "view"):
        return Native(
            lambda on, args: VERBS["reshape"](on, Args([of, *args.pos], args.kw, args.node)), name
        )
    if name in ("softmax", "log_softmax", "sigmoid"):

        def head(on: Machine, args: Args) -> Value:
            """x.softmax(1), or F.softmax(x, 1) of an F that was not seen."""
            own = not args.pos or isinstance(args.pos[0], Const)
            pos = [Array(), *args.pos] if own else args.pos
            return VERBS[name](on, Args(pos, args.kw, args.node, args.open))

        return Native(head, name)
    return Unknown(tag=f"{of.tag}.{name}")


def _of_array(on: Machine, of: Array, name: str, node: Any) -> Value:
    if name == "shape":
        if of.shape is None:
            return Unknown("shape")
        return Tuple(tuple(of_length(n) for n in of.shape))
    if name == "ndim":
        return Unknown() if of.rank is None else Const(of.rank)
    if name in ("T", "mT", "H", "mH"):
        return VERBS["T"](on, Args([of], {}, node))
    if name in ("data", "values", "real", "value", "array"):
        return of
    if name == "at":
        return Unknown()
    if name == "dtype":
        return Unknown() if of.kind is None else Ref(f"numpy.{of.kind}")
    found = method(of, name)
    if found is not None:
        return found
    if name in ("new_tensor",):
        return Ref("torch.tensor")
    if of.made is Made.DATA and of.shape is None:
        if name in ("items", "keys", "get", "pop"):
            return Native(lambda on, args: of, name)
        return of  # a field of a batch
    return Unknown(name)


def _of_record(on: Machine, of: Record, name: str) -> Value:
    found = of.slots.get(name)
    if found is not None:
        return found
    if of.name == "rng":
        if name in data.MAKERS:
            return Native(data.MAKERS[name], name)
        return Unknown(name)
    return models.of_record(on, of, name)
