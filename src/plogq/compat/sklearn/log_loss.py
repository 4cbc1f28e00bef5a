"""scikit-learn's log loss, and a scorer for it that takes soft labels beside hard ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Hidden, validate_params
from sklearn.utils.metadata_routing import UNUSED

from ... import Labels, Probs, validation
from ..declared import EXCLUSIVE, declares
from . import inputs


@declares(
    "sklearn",
    "log_loss",
    outcomes=EXCLUSIVE,
    target="a label per event, of any kind that sorts; or rows of 0 and 1",
    prediction="probabilities, columns in the order of the sorted labels",
    reduction="mean, divided by Σ weights; sum with normalize=False",
    call="cross_entropy(Weighted(Labels(y_true), sample_weight=sample_weight), Probs(y_proba), "
    "reduction='mean' if normalize else 'sum')",
    quirks=(
        "probabilities are clipped to [eps, 1 - eps] of their dtype and not renormalised",
        "a vector or one column holds the probability of the second label",
        "rows that do not sum to 1 are a warning",
        "rows of 0 and 1 may have any number of ones, and the mean divides by the events",
    ),
    note="plogq takes class indices: np.unique(y, return_inverse=True)[1]. A probability of 0 at "
    "the label costs ∞ there.",
)
@validate_params(
    {
        "y_true": ["array-like"],
        "y_proba": ["array-like", Hidden(None)],
        "normalize": ["boolean"],
        "sample_weight": ["array-like", None],
        "labels": ["array-like", None],
        "y_pred": ["array-like", str],
    },
    prefer_skip_nested_validation=True,
)
def log_loss(
    y_true: Any,
    y_proba: Any = None,
    *,
    normalize: bool = True,
    sample_weight: Any = None,
    labels: Any = None,
    y_pred: Any = "deprecated",
) -> float:
    """`sklearn.metrics.log_loss`.

    `Labels(i)` with `Probs(q)`, i the index of the label among the sorted labels and q the
    probabilities, clipped to [eps, 1 - eps] of their dtype. A label indicator matrix is
    `Probs(rows)`. The mean divides by Σ weights, or by the number of events.

    Raises:
        ValueError: probabilities outside [0, 1] or NaN, lengths that differ, one label only, labels
            that are not as many as the columns, or weights that are all 0.
        ZeroDivisionError: weights of both signs that sum to 0.

    Examples:
        >>> from plogq.compat.sklearn import log_loss
        >>> rows = [[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]]
        >>> round(log_loss(["spam", "ham", "ham", "spam"], rows), 5)
        0.21616
    """
    p, q, weight = inputs.pair(inputs.renamed(y_proba, y_pred), y_true, sample_weight, labels)
    with validation("off"):
        return inputs.loss(p, q, weight, normalize)


class LogLossScorer(BaseEstimator):
    """A scorer of classifiers by -log loss: greater is better, 0 is best.

    -Σ H / Σ weights with the probabilities of `estimator.predict_proba(X)`, clipped to
    [eps, 1 - eps] as `log_loss` clips them, whose columns are `estimator.classes_`. `y` holds a
    label per event, or a distribution over the classes per event: soft labels, [N, K]. Where `y`
    has to be hard because the classifier trains on it, soft labels come beside it as metadata:
    `LogLossScorer().set_score_request(soft_labels=True)`, and
    `cross_val_score(…, params={"soft_labels": p})` cuts them as it cuts y.

    `classes` names the columns of soft labels; without it they are the classes of the estimator.
    A class among them that an estimator has not seen has probability 0 there, which clips to eps.

    Raises:
        ValueError: when called, for a label that is none of the classes, or soft labels of another
            shape, or weights that are all 0; as `ProbabilityError` for rows that are no
            distribution and for weights below 0.

    Examples:
        >>> import numpy as np
        >>> from sklearn.dummy import DummyClassifier
        >>> from plogq.compat.sklearn import LogLossScorer
        >>> x, y = np.zeros((4, 1)), ["ham", "spam", "ham", "ham"]
        >>> classifier = DummyClassifier(strategy="prior").fit(x, y)
        >>> round(LogLossScorer()(classifier, x, y), 6)
        -0.562335
        >>> soft = [[0.9, 0.1], [0.2, 0.8], [0.9, 0.1], [1.0, 0.0]]
        >>> round(LogLossScorer()(classifier, x, soft), 6)
        -0.562335
    """

    # scikit-learn makes `set_score_request` of the arguments of `score` besides these.
    __metadata_request__score = {"estimator": UNUSED}  # noqa: RUF012

    def __init__(self, classes: Any = None) -> None:
        self.classes = classes

    def score(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any = None, soft_labels: Any = None
    ) -> float:
        """-log loss of the classifier for these events."""
        return -inputs.loss(*self.pair(estimator, X, y, sample_weight, soft_labels), normalize=True)

    def pair(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any, soft_labels: Any
    ) -> tuple[Any, Any, Any]:
        """P, the probabilities of the classifier, and the weights of these events."""
        q = estimator.predict_proba(X)
        y = np.asarray(y if soft_labels is None else soft_labels)
        with inputs.in_numpy():
            q = inputs.as_columns(inputs.probabilities(q), warn=False)
            check_consistent_length(q, y, sample_weight)
            weight = inputs.weights(sample_weight)
        classes = np.asarray(estimator.classes_)
        if self.classes is not None:
            q, classes = inputs.widened(q, classes, inputs.listed(self.classes))
        if y.ndim > 1:
            if y.shape != q.shape:
                raise ValueError(
                    f"soft labels have a column for each of the {len(classes)} classes "
                    f"{classes.tolist()}, shape {q.shape}, got {y.shape}; if a fold has not seen "
                    "every class write LogLossScorer(classes), all of them in the order of the "
                    "columns"
                )
            p: Any = Probs(y.astype(q.dtype))
        else:
            p = Labels(inputs.places(y, classes, "y"))
        return p, q, weight

    __call__ = score


declares(
    "sklearn",
    "LogLossScorer",
    outcomes=EXCLUSIVE,
    target="a label per event, or rows of probabilities (soft labels)",
    prediction="probabilities of a classifier, columns as its classes_",
    reduction="minus the mean, divided by Σ weights",
    call="-cross_entropy(Weighted(Labels(y), sample_weight=sample_weight), "
    "Probs(estimator.predict_proba(X)))",
    quirks=("probabilities are clipped to [eps, 1 - eps] of their dtype",),
    note="It is scikit-learn's neg_log_loss for hard labels, which has no soft ones and reads the "
    "columns as sorted labels.",
)(LogLossScorer)
