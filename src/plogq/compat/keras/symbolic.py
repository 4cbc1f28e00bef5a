"""Losses of tensors that are not there yet: nodes in a model that is being built."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from .inputs import KERAS, registered, symbolic

_FUNCTIONS: dict[str, Callable[..., Any]] = {}


def of_symbols(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, and of Keras' symbolic tensors the operation that calls it later."""
    _FUNCTIONS[function.__name__] = function
    signature = inspect.signature(function)

    @wraps(function)
    def named(*args: Any, **options: Any) -> Any:
        if (args and symbolic(*args[:2])) or symbolic(*options.values()):
            given = signature.bind(*args, **options).arguments
            arrays = given.pop("y_true"), given.pop("y_pred")
            return LossOperation(function.__name__, dict(given))(*arrays)
        return function(*args, **options)

    return named


def reduced_later(loss: Any, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
    """The operation that calls a loss class once its tensors are there."""
    return ReducedLossOperation(loss)(y_true, y_pred, sample_weight)


if KERAS:

    @registered()
    class LossOperation(KERAS.Operation):
        """One of the loss functions, with its options, as a node of a model."""

        def __init__(self, function: str, options: dict[str, Any], *, name: str | None = None):
            super().__init__(name=name)
            self.function, self.options = function, options

        def call(self, y_true: Any, y_pred: Any) -> Any:
            return _FUNCTIONS[self.function](y_true, y_pred, **self.options)

        def get_config(self) -> dict[str, Any]:
            return {"name": self.name, "function": self.function, "options": self.options}

    @registered()
    class ReducedLossOperation(KERAS.Operation):
        """One of the loss classes, with its reduction, as a node of a model."""

        def __init__(self, loss: Any, *, name: str | None = None):
            super().__init__(name=name)
            self.loss = loss

        def call(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            return self.loss(y_true, y_pred, sample_weight)

        def get_config(self) -> dict[str, Any]:
            return {"name": self.name, "loss": KERAS.saving.serialize_keras_object(self.loss)}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            loss = KERAS.saving.deserialize_keras_object(config["loss"])
            return cls(loss, name=config["name"])
