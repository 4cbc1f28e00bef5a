"""Training and evaluation: what `self.training` is in a PyTorch module, as the program goes on."""

from __future__ import annotations

from ..machine import Machine
from ..slots import Slots
from ..values import Args, Chain, Const, Instance, List, Native, Tuple, Unknown, Value

_MODE = "__training__"
_DEPTH = 8


def is_torch(of: Value) -> bool:
    """Whether something is an object of a class that comes from nn.Module."""
    return isinstance(of, Instance) and any(
        r.startswith(("torch.", "lightning", "pytorch_lightning")) for r in of.cls.roots()
    )


def training(on: Machine, of: Instance) -> Value:
    """of.training: True from the start, unless the function at work was called by nobody."""
    if on.alone:
        return Unknown("training")
    return of.slots.get(_MODE) or Const(True)


def switch(of: Value, name: str) -> Native:
    """of.train and of.eval."""

    def switched(on: Machine, args: Args) -> Value:
        given = args.get(0, "mode") if name == "train" else Const(False)
        _write(on, of, Const(True) if given is None else given, _DEPTH)
        return of

    return Native(switched, name)


def _write(on: Machine, of: Value, mode: Value, depth: int) -> None:
    if depth == 0 or not isinstance(of, Slots | Tuple):
        return
    if is_torch(of) and isinstance(of, Instance):
        on.write(of, _MODE, mode)
    if isinstance(of, Chain | List):
        several = of.slots["items"] or ()
    else:
        several = of.items if isinstance(of, Tuple) else tuple(of.slots.values())
    for inner in several:
        _write(on, inner, mode, depth - 1)
