"""Methods of models and of their like: compile, fit, apply, prepare, transform."""

from __future__ import annotations

from typing import Any

from ....facts import Array, Cut, Made
from ...machine import Machine
from ...slots import Slots
from ...values import (
    NONE,
    Args,
    Chain,
    Const,
    Function,
    Instance,
    Iter,
    List,
    Many,
    Model,
    Native,
    Record,
    Tuple,
    Unknown,
    Value,
)
from .. import keras_training
from ..modes import is_torch
from .keras import is_keras, output_of, own_step
from .sklearn import scaled

_HF_SAME = ("to", "cuda", "train", "eval", "half", "float", "cpu", "bfloat16")


def attribute(on: Machine, of: Value, name: str, node: Any) -> Value | None:
    """Methods of models: Keras' compile and fit, torch's and flax' apply."""
    keras = is_keras(of)
    if keras or isinstance(of, Model):
        if name == "compile":

            def compiled(on: Machine, args: Args) -> Value:
                found = keras_training.keras_compile(on, output_of(on, of, args), args)
                if isinstance(of, Slots):
                    on.write(of, "compiled", found or NONE)
                return NONE

            return Native(compiled, name)
        if name in ("fit", "train_on_batch", "evaluate", "test_on_batch"):

            def fitted(on: Machine, args: Args) -> Value:
                kept = of.slots.get("compiled") if isinstance(of, Slots) else None
                if isinstance(kept, Record):
                    keras_training.keras_fit(on, kept, args)
                own_step(on, of, args)
                return Unknown("history")

            return Native(fitted, name)
        if name in ("predict", "predict_on_batch", "__call__"):
            return Native(lambda on, args: on.call(of, Args(args.pos[:1], {}, args.node)), name)
        if name in ("output", "outputs") and isinstance(of, Chain | Model):
            return output_of(on, of, Args([], {}, node))
        if name in ("input", "inputs"):
            return Array(Made.DATA, name, on.place(node), batched=True)
    if isinstance(of, Chain):
        if name == "children":
            return Native(lambda on, args: List(of.slots["items"]), name)
        if name in ("add", "append"):

            def add(on: Machine, args: Args) -> Value:
                items = of.slots["items"]
                on.write(of, "items", None if items is None else (*items, args.get(0) or Unknown()))
                return of

            return Native(add, name)
        if name in ("add_module", "register_module", "extend", "insert", "pop"):

            def more(on: Machine, args: Args) -> Value:
                items = of.slots["items"]
                if name in ("add_module", "register_module") and items is not None:
                    on.write(of, "items", (*items, args.get(1) or Unknown()))
                elif name == "pop" and items and not isinstance(items[-1], Many):
                    on.write(of, "items", items[:-1])
                else:
                    on.write(of, "items", None)
                return of

            return Native(more, name)
        if name == "layers":
            items = of.slots["items"]
            return Unknown() if items is None else List(items)
    if name == "apply" and isinstance(of, Chain | Instance) and not is_torch(of):

        def apply(on: Machine, args: Args) -> Value:
            which = args.get(None, "method")
            kw = {k: v for k, v in args.kw.items() if k not in ("rngs", "mutable", "method")}
            if isinstance(which, Const) and isinstance(which.value, str):
                f = on.get_attribute(of, which.value, args.node)
            else:
                f = of
            out = on.call(f, Args(args.pos[1:], kw, args.node, args.open))
            return Tuple((out, Unknown())) if _mutable(args) else out

        return Native(apply, name)
    if name == "apply" and isinstance(of, Instance):
        return Native(lambda on, args: of, name)
    return None


def _mutable(args: Args) -> bool:
    given = args.get(None, "mutable")
    return given is not None and not (isinstance(given, Const) and given.value is False)


def of_record(on: Machine, of: Record, name: str) -> Value:
    """A method of an object of a library."""
    if of.name == "scaler" and name in ("transform", "fit_transform"):
        return Native(scaled, name)
    if of.name in ("scaler", "encoder") and name == "fit":
        return Native(lambda on, args: of, name)
    if of.name == "state" and name in ("replace", "apply_gradients"):
        return Native(lambda on, args: of, name)
    if of.name == "accelerator" and name.startswith(("prepare", "setup")):
        return Native(lambda on, args: args.pos[0] if len(args.pos) == 1 else
                      Tuple(tuple(args.pos)), name)  # fmt: skip
    if of.name == "trainer" and name in ("fit", "validate", "test"):
        return Native(_lightning_fit, name)
    if of.name == "threshold metric" and name in ("__call__", "update_state"):
        return Native(_metric_call, name)
    if of.name == "hf model" and name in _HF_SAME:
        return Native(lambda on, args: of, name)
    if of.name == "bunch":
        return Unknown(name)
    return Unknown(name)


def _metric_call(on: Machine, args: Args) -> Value:
    q = args.get(1, "y_pred")
    if isinstance(q, Array) and q.made is Made.SCORES:
        on.cuts.append(Cut(on.place(args.node), q, 0.5, on.module.text(args.node)))
    return Unknown()


def _lightning_fit(on: Machine, args: Args) -> Value:
    model = args.get(0, "model")
    loader = args.get(1, "train_dataloaders", "train_dataloader", "dataloaders")
    if isinstance(model, Instance) and isinstance(loader, Iter):
        step = model.cls.find("training_step")
        if isinstance(step, Function):
            on.call_function(step, Args([loader.item, Unknown("batch_idx")], {}, args.node), model)
    return NONE
