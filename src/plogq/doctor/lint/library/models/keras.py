"""Keras' models: what one puts out, applications, and names of Keras that are no layers."""

from __future__ import annotations

from ....facts import Array, Made
from ...machine import Machine
from ...names import canonical
from ...values import (
    NONE,
    Args,
    Chain,
    Function,
    Instance,
    Model,
    Native,
    Record,
    Tuple,
    Unknown,
    Value,
)
from .. import keras_training
from ..data import batches, sets


def application(on: Machine, args: Args) -> Value:
    """A model of keras.applications."""
    top = args.constant(None, "include_top", default=args.constant(0, default=True))
    act = args.constant(None, "classifier_activation", default="softmax")
    k = args.constant(None, "classes", default=1000)
    text, place = on.module.text(args.node), on.place(args.node)
    if top is not True or args.open:
        return Model(Array(kind="float", batched=True))
    made = {"softmax": Made.SOFTMAX, None: Made.SCORES, "sigmoid": Made.SIGMOID}.get(act)
    if made is None:
        return Unknown()
    width = k if isinstance(k, int) else None
    return Model(Array(made, text, place, -1, width, shape=(None, width), kind="float",
                       batched=True))  # fmt: skip


def keras_call(on: Machine, name: str, last: str, args: Args) -> Value:
    """A call of a name of Keras that is no layer and no loss."""
    if last == "load_data":
        return sets.keras_data(on, name.split(".")[-2], args)
    if name in ("keras.metrics.BinaryAccuracy", "keras.metrics.Precision", "keras.metrics.Recall"):
        at = 2 if last == "BinaryAccuracy" else 0
        threshold = args.constant(at, "threshold", "thresholds", default=0.5)
        if threshold in (0.5, None):
            return Record("threshold metric")
        return Unknown()
    if last == "clone_model":
        return args.pos[0] if args.pos else Unknown()
    if last == "Concatenate" or last == "concatenate":
        return Native(lambda on, given: Array(kind="float"), last)
    if name == "keras.losses.get":
        found = keras_training.keras_loss(on, args.get(0) or NONE, args.node)
        return found or Unknown()
    return Unknown()


def is_keras(of: Value) -> bool:
    """Whether something is a model of Keras'."""
    if isinstance(of, Chain):
        return of.keras
    if isinstance(of, Instance):
        return any(canonical(r).startswith("keras.") for r in of.cls.roots())
    return isinstance(of, Model)


def output_of(on: Machine, of: Value, args: Args) -> Value:
    """What a model puts out, for data that is not known."""
    if isinstance(of, Model):
        return of.slots["output"]
    x = Array(Made.DATA, "data", None, batched=True)
    return on.call(of, Args([x], {}, args.node))


def own_step(on: Machine, of: Value, args: Args) -> None:
    """A train_step of its own, with the data that fit was given."""
    if not isinstance(of, Instance):
        return
    step = of.cls.find("train_step")
    x, y = args.get(0, "x"), args.get(1, "y")
    own = of.cls.find("compute_loss")
    if isinstance(own, Function) and not isinstance(step, Function):
        kw: dict[str, Value] = {"x": x or Unknown("x"), "y": y or Unknown("y"), "y_pred": output_of(
            on, of, args)}  # fmt: skip
        on.call_function(own, Args([], kw, args.node), of)
    if not isinstance(step, Function):
        return
    if x is None:
        return
    item = (
        batches.batched(batches.one(Tuple((x, y)))) if y is not None else getattr(x, "item", None)
    )
    if item is not None:
        on.call_function(step, Args([item], {}, args.node), of)
