"""What a class of the program inherits from a library's, and heads that are replaced."""

from __future__ import annotations

from ...contracts import CONTRACTS
from ...facts import Array
from ..machine import NOWHERE, Machine
from ..names import canonical
from ..slots import Slots
from ..values import (
    NONE,
    Args,
    Chain,
    Dict,
    Instance,
    List,
    Loss,
    Model,
    Native,
    Tuple,
    Unknown,
    UserClass,
    Value,
)
from . import losses
from .layers import LAYERS


def chain_of(cls: UserClass, args: Args) -> Value | None:
    """What a class without a constructor of its own inherits: the layers of an nn.Sequential."""
    roots = {canonical(r) for r in cls.roots()}
    if roots & {"torch.nn.Sequential", "keras.Sequential"} and args.pos:
        return Chain(tuple(args.pos), keras="keras.Sequential" in roots)
    return _functional(roots, args)


def _functional(roots: set[str], args: Args) -> Value | None:
    """What a functional model of Keras of a class of its own puts out."""
    output = args.get(1, "outputs", "output")
    if "keras.Model" not in roots or output is None:
        return None
    return Model(output)


def made_class(on: Machine, cls: UserClass, args: Args) -> Value | None:
    """An object of a class that is something else to us; None: an ordinary one."""
    for root in cls.roots():
        contract = CONTRACTS.get(canonical(root))
        overrides = any(
            cls.find(n) is not None for n in ("forward", "call", "__init__", "__call__")
        )
        if contract is not None and contract.module and not overrides:
            return losses.made(on, contract, args)
    return None


def base_method(on: Machine, cls: UserClass, receiver: Value, name: str) -> Value:
    """super().name of a class of a library."""
    roots = {canonical(r) for r in cls.roots()}
    if name == "__init__":

        def init(on: Machine, args: Args) -> Value:
            if not isinstance(receiver, Slots):
                return NONE
            if roots & {"torch.nn.Sequential", "keras.Sequential"}:
                made = LAYERS["torch.nn.Sequential"](on, args)
                if isinstance(made, Chain):
                    on.write(receiver, "__chain__", made)
            functional = _functional(roots, args)
            if functional is not None:
                on.write(receiver, "__chain__", functional)
            for root in roots:
                contract = CONTRACTS.get(root)
                if contract is not None and contract.module:
                    on.write(receiver, "__chain__", losses.made(on, contract, args))
            return NONE

        return Native(init, name)
    if name in ("forward", "call", "__call__") and isinstance(receiver, Instance):
        chain = receiver.slots.get("__chain__")
        if isinstance(chain, Chain | Loss):
            return chain
    if name in ("train", "eval", "build"):
        return Native(lambda on, args: receiver, name)
    return Unknown(name)


def replaced_head(on: Machine, model: Model, head: Value) -> Value:
    """The output of a library's model whose head was replaced."""
    if isinstance(head, List | Tuple | Dict | Unknown):
        return Unknown()
    node = head.facts["node"] if isinstance(head, Native) and "node" in head.facts else None
    features = Array(shape=(None, None), kind="float", batched=True)
    return on.call(head, Args([features], {}, node or NOWHERE))
