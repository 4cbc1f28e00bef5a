"""Models that libraries' names make."""

from __future__ import annotations

from ....facts import Array, Made
from ...machine import Machine
from ...values import (
    Args,
    Model,
    Record,
    Tuple,
    Unknown,
    Value,
)
from .keras import application, keras_call
from .sklearn import classifier, sklearn_call
from .torch import timm_model, torchvision_model, transformers_model


def called(on: Machine, name: str, args: Args) -> Value:
    """A call of a library's name that is no layer, no loss and no verb."""
    head, _, last = name.rpartition(".")
    top = name.partition(".")[0]
    if name in ("keras.Model", "keras.models.Model", "keras.engine.training.Model"):
        output = args.get(1, "outputs", "output")
        return Unknown() if output is None else Model(output)
    if head.startswith("keras.applications") or (top == "keras" and "applications" in head):
        return application(on, args)
    if top == "keras":
        return keras_call(on, name, last, args)
    if top == "sklearn":
        return sklearn_call(on, name, last, args)
    if top in ("xgboost", "lightgbm", "catboost") and last.endswith("Classifier"):
        return classifier(on, args)
    if top == "torchvision" and head.startswith("torchvision.models"):
        return torchvision_model(on, head, last, args)
    if top == "timm" and last == "create_model":
        return timm_model(on, args)
    if top == "transformers":
        return transformers_model(on, name, args)
    if name in ("pandas.get_dummies",):
        return Array(Made.ONE_HOT, on.module.text(args.node), on.place(args.node), -1, kind="float")
    if last == "prepare":
        return args.pos[0] if len(args.pos) == 1 else Tuple(tuple(args.pos))
    if last in ("Accelerator", "Fabric"):
        return Record("accelerator")
    if last == "Trainer" and top == "lightning":
        return Record("trainer")
    if name == "tensorflow.constant_initializer":
        return Unknown()
    return Unknown()
