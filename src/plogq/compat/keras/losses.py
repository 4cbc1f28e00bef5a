"""Keras' loss classes, each the function of the same name with a reduction.

They are real subclasses of `keras.losses.Loss` where Keras is installed: for `model.compile`, and
for saved models.
"""

from __future__ import annotations

from typing import Any

from ...frameworks import Verbs
from ..declared import EXCLUSIVE, YES_NO, declares
from . import classes, elementwise
from .inputs import registered
from .loss import LossOfFunction

_REDUCTION = "mean over the batch"
_CAST = "both inputs are cast to the dtype, float32 where none is given"
_DIVIDED = "probabilities are divided by their sum, then kept 1e-7 away from 0 and from 1"
_MASKED = "a Keras mask leaves samples out of sums and means"


@registered()
@declares(
    "keras",
    "BinaryCrossentropy",
    outcomes=YES_NO,
    target="the probability of yes, of the shape of y_pred",
    prediction="the probability of yes; scores with from_logits=True",
    reduction=_REDUCTION,
    call="cross_entropy(BinaryProbs(y_true), BinaryProbs(y_pred), reduction='sum_over_batch_size')",
    quirks=("probabilities are kept 1e-7 away from 0 and from 1", _CAST, _MASKED),
    note="reduction='mean_with_sample_weight' divides by Σ w, as plogq's mean does.",
)
class BinaryCrossentropy(LossOfFunction):
    """`keras.losses.BinaryCrossentropy`.

    `binary_crossentropy` of every sample, the mean over `axis`, then the mean over the batch or
    what `reduction` says: one number of the dtype, or one per sample.

    Raises:
        ValueError: a reduction that does not exist; on a call, shapes that do not fit.

    Examples:
        >>> from plogq.compat.keras import BinaryCrossentropy
        >>> loss = BinaryCrossentropy()([[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]])
        >>> round(float(loss), 4)
        0.8149
    """

    function = staticmethod(elementwise.binary_crossentropy)
    options = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            name,
            reduction,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


@registered()
@declares(
    "keras",
    "BinaryFocalCrossentropy",
    outcomes=YES_NO,
    target="the probability of yes, of the shape of y_pred",
    prediction="the probability of yes; scores with from_logits=True",
    reduction=_REDUCTION,
    call="focal(cross_entropy(BinaryProbs(y_true), BinaryProbs(y_pred), reduction='none'), gamma)"
    ".mean()",
    quirks=(
        "probabilities are kept 1e-7 away from 0 and from 1, though not in the focal factor",
        _CAST,
        _MASKED,
    ),
    note="For labels 0 and 1.",
)
class BinaryFocalCrossentropy(LossOfFunction):
    """`keras.losses.BinaryFocalCrossentropy`.

    `binary_focal_crossentropy` of every sample, the mean over `axis`, then the mean over the batch
    or what `reduction` says: one number of the dtype, or one per sample.

    Raises:
        ValueError: a reduction that does not exist; on a call, shapes that do not fit.

    Examples:
        >>> from plogq.compat.keras import BinaryFocalCrossentropy
        >>> loss = BinaryFocalCrossentropy()([[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]])
        >>> round(float(loss), 4)
        0.2678
    """

    function = staticmethod(elementwise.binary_focal_crossentropy)
    options = ("apply_class_balancing", "alpha", "gamma", "from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: Any = 0.25,
        gamma: Any = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            name,
            reduction,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


@registered()
@declares(
    "keras",
    "CategoricalCrossentropy",
    outcomes=EXCLUSIVE,
    target="a distribution per event, classes on axis",
    prediction="probabilities, classes on axis; scores with from_logits=True",
    reduction=_REDUCTION,
    call="cross_entropy(Probs(y_true), Probs(y_pred), reduction='sum_over_batch_size')",
    quirks=(_DIVIDED, _CAST, _MASKED),
)
class CategoricalCrossentropy(LossOfFunction):
    """`keras.losses.CategoricalCrossentropy`.

    `categorical_crossentropy` of every sample, then the mean over the batch or what `reduction`
    says: one number of the dtype, or one per sample.

    Raises:
        ValueError: a reduction that does not exist; on a call, shapes that do not fit.

    Examples:
        >>> from plogq.compat.keras import CategoricalCrossentropy
        >>> round(float(CategoricalCrossentropy()([[0, 1, 0]], [[0.05, 0.95, 0.0]])), 4)
        0.0513
    """

    function = staticmethod(classes.categorical_crossentropy)
    options = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            name,
            reduction,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


@registered()
@declares(
    "keras",
    "CategoricalFocalCrossentropy",
    outcomes=EXCLUSIVE,
    target="a distribution per event, classes on axis",
    prediction="probabilities, classes on axis; scores with from_logits=True",
    reduction=_REDUCTION,
    call="(alpha * focal(cross_entropy(Probs(y_true), Probs(y_pred), reduction='none'), gamma))"
    ".mean()",
    quirks=(_DIVIDED, _CAST, _MASKED),
    note="For one-hot labels.",
)
class CategoricalFocalCrossentropy(LossOfFunction):
    """`keras.losses.CategoricalFocalCrossentropy`.

    `categorical_focal_crossentropy` of every sample, then the mean over the batch or what
    `reduction` says: one number of the dtype, or one per sample.

    Raises:
        ValueError: a reduction that does not exist; on a call, shapes that do not fit.

    Examples:
        >>> from plogq.compat.keras import CategoricalFocalCrossentropy
        >>> round(float(CategoricalFocalCrossentropy()([[0, 1, 0]], [[0.1, 0.8, 0.1]])), 4)
        0.0022
    """

    function = staticmethod(classes.categorical_focal_crossentropy)
    options = ("alpha", "gamma", "from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: Any = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            name,
            reduction,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


@registered()
@declares(
    "keras",
    "SparseCategoricalCrossentropy",
    outcomes=EXCLUSIVE,
    target="a class index per event",
    prediction="probabilities, classes on axis; scores with from_logits=True",
    reduction=_REDUCTION,
    call="cross_entropy(Labels(y_true), Probs(y_pred))",
    quirks=(_DIVIDED, "y_pred is cast to the dtype, float32 where none is given", _MASKED),
    note="ignore_class=i is Labels(y_true, ignore=i), with plogq's mean.",
)
class SparseCategoricalCrossentropy(LossOfFunction):
    """`keras.losses.SparseCategoricalCrossentropy`.

    `sparse_categorical_crossentropy` of every sample, then the mean over the batch, without what is
    ignored, or what `reduction` says: one number of the dtype, or one per sample. Labels are not
    cast to the dtype, which could not hold all of them.

    Raises:
        LabelError: a label outside the classes.
        ValueError: a reduction that does not exist; on a call, shapes that do not fit.

    Examples:
        >>> from plogq.compat.keras import SparseCategoricalCrossentropy
        >>> loss = SparseCategoricalCrossentropy()([1, 2], [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]])
        >>> round(float(loss), 4)
        1.1769
    """

    function = staticmethod(classes.sparse_categorical_crossentropy)
    options = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            name,
            reduction,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )

    def mean(self, xp: Verbs, y_true: Any, y_pred: Any) -> Any | None:
        plain = type(self).call is LossOfFunction.call and self.ignore_class is None
        if not (plain and self.from_logits):
            return None
        return classes.mean_of_labels(xp, y_true, y_pred, self.axis)

    def _cast(self, xp: Verbs, y_true: Any) -> Any:
        return y_true


@registered()
@declares(
    "keras",
    "KLDivergence",
    outcomes=EXCLUSIVE,
    target="a distribution per event, classes last",
    prediction="probabilities, classes last",
    reduction=_REDUCTION,
    call="kl_divergence(Probs(y_true), Probs(y_pred), reduction='sum_over_batch_size')",
    quirks=("both are kept at 1e-7 at least and at 1 at most", _CAST, _MASKED),
)
class KLDivergence(LossOfFunction):
    """`keras.losses.KLDivergence`.

    `kl_divergence` of every sample, then the mean over the batch or what `reduction` says: one
    number of the dtype, or one per sample.

    Raises:
        ValueError: a reduction that does not exist; on a call, shapes that do not fit.

    Examples:
        >>> from plogq.compat.keras import KLDivergence
        >>> round(float(KLDivergence()([[0.5, 0.25, 0.25]], [[0.25, 0.5, 0.25]])), 4)
        0.1733
    """

    function = staticmethod(classes.kl_divergence)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            name,
            reduction,
            dtype,
        )
