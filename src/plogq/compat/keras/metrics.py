"""Keras' metrics of these losses: real subclasses of `keras.metrics.Mean` where Keras is installed.

A metric is the mean of its function over all samples that it has seen, weighted where there are
sample weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from ...frameworks import Verbs, verbs
from ..declared import EXCLUSIVE, YES_NO, declares
from . import classes, elementwise
from .inputs import KERAS, PACKAGE, mask_of, own_framework, registered
from .plain import Mean as PlainMean
from .quirks import count, mean, shaped
from .reduction import masked, same_rank

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "KLDivergence",
    "SparseCategoricalCrossentropy",
]

_Mean: Any = KERAS.metrics.Mean if KERAS else PlainMean
_NAMED = PACKAGE + ".metrics"
_REDUCTION = "mean over all samples so far"
_CLIPPED = "probabilities are kept 1e-7 away from 0 and from 1"
_DIVIDED = "probabilities are divided by their sum, then kept 1e-7 away from 0 and from 1"


class MeanOfFunction(_Mean):
    """The mean of a loss function of this package."""

    function: ClassVar[Callable[..., Any]]
    options: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str, dtype: Any, **options: Any) -> None:
        super().__init__(name=name, dtype=dtype)
        for option, value in options.items():
            setattr(self, option, value)
        self._direction = "down"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch in."""
        mask = mask_of(y_pred)
        given = {option: getattr(self, option) for option in self.options}
        values = type(self).function(y_true, y_pred, **given)
        xp = verbs(values)
        total, number = _samples(xp, values, sample_weight, mask)
        for state, more in ((self.total, total), (self.count, number)):
            state.assign_add(_as_state(xp, more, self.dtype))

    def merge_state(self, metrics: Iterable[Any]) -> None:
        """Take in what other metrics of this kind have seen."""
        for other in metrics:
            self.total.assign_add(float(other.total))
            self.count.assign_add(float(other.count))

    def get_config(self) -> dict[str, Any]:
        given = {option: getattr(self, option) for option in self.options}
        return {"name": self.name, "dtype": self.dtype, **given}


def _samples(xp: Verbs, values: Any, sample_weight: Any, mask: Any) -> tuple[Any, Any]:
    """The sum of the losses and what it is divided by, as Keras has them.

    The mask of what is ignored counts where there are weights, or another mask, and only there.
    """
    own = mask_of(values)
    values = xp.statistics(values)
    weight = masked(xp, sample_weight, mask, values, as_mean=False)
    if weight is not None:
        weight = masked(xp, weight, own, values, as_mean=False)
        values, weight = same_rank(values, weight)
        if values.ndim > weight.ndim:
            values = mean(xp, values, tuple(range(weight.ndim, values.ndim)))
        weight = shaped(xp, weight, values)
        values = values * weight
        if weight.ndim > 1:
            weight = mean(xp, weight, tuple(range(1, weight.ndim)))
    if values.ndim > 1:
        values = mean(xp, values, tuple(range(1, values.ndim)))
    return xp.total(values), count(xp, values) if weight is None else xp.total(weight)


def _as_state(xp: Verbs, more: Any, dtype: str) -> Any:
    """A number that the state of a metric takes: of Keras' backend, or a plain one."""
    if isinstance(more, int | float):
        return more
    if KERAS and own_framework(xp):
        return KERAS.ops.cast(more, dtype)
    return float(xp.host(more))


@registered(_NAMED)
@declares(
    "keras",
    "metrics.BinaryCrossentropy",
    outcomes=YES_NO,
    target="the probability of yes, of the shape of y_pred",
    prediction="the probability of yes; scores with from_logits=True",
    reduction=_REDUCTION,
    call="cross_entropy(BinaryProbs(y_true), BinaryProbs(y_pred), reduction='sum_over_batch_size')",
    quirks=(_CLIPPED,),
)
class BinaryCrossentropy(MeanOfFunction):
    """`keras.metrics.BinaryCrossentropy`: the mean of `binary_crossentropy` over samples.

    Raises:
        ValueError: on an update, shapes that do not fit.

    Examples:
        >>> from plogq.compat.keras import metrics
        >>> metric = metrics.BinaryCrossentropy()
        >>> metric.update_state([[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]])
        >>> round(float(metric.result()), 4)
        0.8149
    """

    function = staticmethod(elementwise.binary_crossentropy)
    options = ("from_logits", "label_smoothing")

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


@registered(_NAMED)
@declares(
    "keras",
    "metrics.CategoricalCrossentropy",
    outcomes=EXCLUSIVE,
    target="a distribution per event, classes on axis",
    prediction="probabilities, classes on axis; scores with from_logits=True",
    reduction=_REDUCTION,
    call="cross_entropy(Probs(y_true), Probs(y_pred), reduction='sum_over_batch_size')",
    quirks=(_DIVIDED,),
)
class CategoricalCrossentropy(MeanOfFunction):
    """`keras.metrics.CategoricalCrossentropy`: the mean of `categorical_crossentropy`.

    Raises:
        ValueError: on an update, shapes that do not fit.

    Examples:
        >>> from plogq.compat.keras import metrics
        >>> metric = metrics.CategoricalCrossentropy()
        >>> metric.update_state([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]])
        >>> round(float(metric.result()), 4)
        1.1769
    """

    function = staticmethod(classes.categorical_crossentropy)
    options = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


@registered(_NAMED)
@declares(
    "keras",
    "metrics.SparseCategoricalCrossentropy",
    outcomes=EXCLUSIVE,
    target="a class index per event",
    prediction="probabilities, classes on axis; scores with from_logits=True",
    reduction=_REDUCTION,
    call="cross_entropy(Labels(y_true), Probs(y_pred))",
    quirks=(_DIVIDED, "without sample weights, ignored labels count as losses of 0"),
    note="ignore_class=i is Labels(y_true, ignore=i); plogq's mean leaves ignored labels out.",
)
class SparseCategoricalCrossentropy(MeanOfFunction):
    """`keras.metrics.SparseCategoricalCrossentropy`: the mean of its function over samples.

    Raises:
        LabelError: on an update, a label outside the classes.
        ValueError: on an update, shapes that do not fit.

    Examples:
        >>> from plogq.compat.keras import metrics
        >>> metric = metrics.SparseCategoricalCrossentropy()
        >>> metric.update_state([1, 2], [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]])
        >>> round(float(metric.result()), 4)
        1.1769
    """

    function = staticmethod(classes.sparse_categorical_crossentropy)
    options = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)


@registered(_NAMED)
@declares(
    "keras",
    "metrics.KLDivergence",
    outcomes=EXCLUSIVE,
    target="a distribution per event, classes last",
    prediction="probabilities, classes last",
    reduction=_REDUCTION,
    call="kl_divergence(Probs(y_true), Probs(y_pred), reduction='sum_over_batch_size')",
    quirks=("both are kept at 1e-7 at least and at 1 at most",),
)
class KLDivergence(MeanOfFunction):
    """`keras.metrics.KLDivergence`: the mean of `kl_divergence` over samples.

    Raises:
        ValueError: on an update, shapes that do not broadcast.

    Examples:
        >>> from plogq.compat.keras import metrics
        >>> metric = metrics.KLDivergence()
        >>> metric.update_state([[0.5, 0.25, 0.25]], [[0.25, 0.5, 0.25]])
        >>> round(float(metric.result()), 4)
        0.1733
    """

    function = staticmethod(classes.kl_divergence)

    def __init__(self, name: str = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(name, dtype)
