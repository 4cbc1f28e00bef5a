"""A loss function as a class: a `keras.losses.Loss`, or what stands in for it without Keras.

A class reduces what its function returns. It casts both inputs to its dtype, and lets y_true,
y_pred and sample weights differ by a last axis of length 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ...frameworks import Verbs
from .inputs import KERAS, mask_of, symbolic, together
from .plain import Loss as PlainLoss
from .reduction import reduced, same_rank
from .symbolic import reduced_later

# These are the mean of all losses, where there are neither weights nor a mask.
_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")

_Loss: Any = KERAS.losses.Loss if KERAS else PlainLoss


class LossOfFunction(_Loss):
    """A loss function of this package, reduced as Keras reduces."""

    function: ClassVar[Callable[..., Any]]
    options: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str, reduction: str | None, dtype: Any, **options: Any) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self._given_dtype = None if dtype is None else self.dtype
        for option, value in options.items():
            setattr(self, option, value)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if symbolic(y_true, y_pred, sample_weight):
            return reduced_later(self, y_true, y_pred, sample_weight)
        mask = mask_of(y_pred)
        xp, y_true, y_pred = together(y_true, y_pred)
        y_true, y_pred = self._cast(xp, y_true), xp.to_dtype(y_pred, self.dtype)
        if sample_weight is None and mask is None and self.reduction in _MEANS:
            loss = self.mean(xp, y_true, y_pred)
            if loss is not None:
                return xp.to_dtype(loss, self.dtype)
        losses = self.call(y_true, y_pred)
        own = mask_of(losses)
        if own is not None:
            mask = own if mask is None else mask & own
        return reduced(xp, losses, sample_weight, mask, self.reduction, self.dtype)

    def mean(self, xp: Verbs, y_true: Any, y_pred: Any) -> Any | None:
        """The mean over the batch where that is one step for plogq, else None."""
        return None

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of every sample."""
        y_true, y_pred = same_rank(y_true, y_pred)
        given = {option: getattr(self, option) for option in self.options}
        return type(self).function(y_true, y_pred, **given)

    def get_config(self) -> dict[str, Any]:
        """The arguments; the dtype too, where one was given."""
        config: dict[str, Any] = {
            **super().get_config(),
            **{o: getattr(self, o) for o in self.options},
        }
        return config if self._given_dtype is None else {**config, "dtype": self._given_dtype}

    def _cast(self, xp: Verbs, y_true: Any) -> Any:
        return xp.to_dtype(y_true, self.dtype)
