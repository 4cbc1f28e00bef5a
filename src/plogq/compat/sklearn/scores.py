"""Scores beside the log loss: how much of it is explained, and the loss of several labels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_consistent_length
from sklearn.utils.metadata_routing import UNUSED

from ... import BinaryProbs, Weighted, cross_entropy, validation
from ..declared import EXCLUSIVE, YES_NO, declares
from . import inputs
from .log_loss import LogLossScorer


@declares(
    "sklearn",
    "d2_log_loss_score",
    outcomes=EXCLUSIVE,
    target="as log_loss",
    prediction="as log_loss",
    reduction="1 - Σ H / Σ H of the proportions of the labels",
    call="1 - cross_entropy(Labels(y_true), Probs(y_proba)) "
    "/ cross_entropy(Labels(y_true), Probs(proportions))",
    quirks=("those of log_loss", "NaN and a warning for fewer than two events"),
)
def d2_log_loss_score(
    y_true: Any,
    y_proba: Any = None,
    *,
    sample_weight: Any = None,
    labels: Any = None,
    y_pred: Any = "deprecated",
) -> float:
    """`sklearn.metrics.d2_log_loss_score`.

    1 - Σ H(P, Q) / Σ H(P, Q₀), where Q₀ is the same for every event: the proportions of the labels.
    1 is best, 0 no better than they, both losses clipped as `log_loss` clips them.

    Raises:
        ValueError: whatever `log_loss` raises.

    Examples:
        >>> from plogq.compat.sklearn import d2_log_loss_score
        >>> rows = [[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]]
        >>> round(d2_log_loss_score(["spam", "ham", "ham", "spam"], rows), 5)
        0.68814
    """
    y_proba = inputs.renamed(y_proba, y_pred)
    check_consistent_length(y_proba, y_true, sample_weight)
    if len(y_true) < 2:
        warnings.warn(
            "D^2 score is not well-defined with less than two samples.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return float("nan")
    with validation("off"):
        return _explained(*inputs.pair(y_proba, y_true, sample_weight, labels))


class D2LogLossScorer(LogLossScorer):
    """A scorer of classifiers by the share of log loss that they explain: 1 is best.

    1 - Σ H(P, Q) / Σ H(P, Q₀), where Q₀ are the proportions of the classes among the events that
    are scored. It takes hard and soft labels, weights and `classes` as `LogLossScorer` does.

    Raises:
        ValueError: as `LogLossScorer`.

    Examples:
        >>> import numpy as np
        >>> from sklearn.dummy import DummyClassifier
        >>> from plogq.compat.sklearn import D2LogLossScorer
        >>> x, y = np.zeros((4, 1)), ["ham", "spam", "ham", "ham"]
        >>> D2LogLossScorer()(DummyClassifier(strategy="prior").fit(x, y), x, y)
        0.0
    """

    def score(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any = None, soft_labels: Any = None
    ) -> float:
        """The share of log loss that the classifier explains."""
        return _explained(*self.pair(estimator, X, y, sample_weight, soft_labels))

    __call__ = score


declares(
    "sklearn",
    "D2LogLossScorer",
    outcomes=EXCLUSIVE,
    target="as LogLossScorer",
    prediction="as LogLossScorer",
    reduction="1 - Σ H / Σ H of the proportions of the labels",
    call="1 - cross_entropy(Labels(y), Probs(estimator.predict_proba(X))) "
    "/ cross_entropy(Labels(y), Probs(proportions))",
    quirks=("probabilities are clipped to [eps, 1 - eps] of their dtype",),
)(D2LogLossScorer)


def _explained(p: Any, q: Any, weight: Any) -> float:
    """1 - Σ H(P, Q) / Σ H(P, proportions of P)."""
    classes = q.shape[1]
    rows = np.eye(classes, dtype=q.dtype)[p.index] if hasattr(p, "index") else p.probs
    null = np.broadcast_to(np.average(rows, axis=0, weights=weight).astype(q.dtype), q.shape)
    found, least = (inputs.loss(p, x, weight, normalize=False) for x in (q, null))
    return float(1.0 - found / least)


def multilabel_log_loss(y_true: Any, y_proba: Any, *, sample_weight: Any = None) -> float:
    """The mean log loss of every label of every event, each a yes or a no, in nats.

    H(BinaryProbs(y), BinaryProbs(q)), q clipped to [eps, 1 - eps] of its dtype as `log_loss` clips:
    what `log_loss` of a label indicator matrix is not, which reads its columns as exclusive classes
    (scikit-learn issue 10157). `y_proba` is [N, L], or what `predict_proba` of a classifier of
    several outputs gives: a list of L arrays [N, 2]. `y_true` is 0, 1 or a probability.

    Raises:
        ValueError: shapes that differ, probabilities outside [0, 1], weights that are all 0; as
            `ProbabilityError` for labels outside [0, 1].

    Examples:
        >>> from plogq.compat.sklearn import multilabel_log_loss
        >>> round(multilabel_log_loss([[0, 1], [1, 1]], [[0.2, 0.9], [0.6, 0.5]]), 5)
        0.38312
    """
    with inputs.in_numpy():
        q = inputs.probabilities(_of_each_label(y_proba))
        y = inputs.check_array(y_true, ensure_2d=False, dtype=None)
        check_consistent_length(q, y, sample_weight)
        weight = inputs.weights(sample_weight)
    if y.shape != q.shape:
        raise ValueError(
            f"y_true and y_proba have a column for each label, got shapes {y.shape} and {q.shape}; "
            "for exclusive classes write log_loss"
        )
    eps = np.finfo(q.dtype).eps
    p: Any = BinaryProbs(y)
    if weight is not None:
        weight = weight.reshape((-1,) + (1,) * (y.ndim - 1))
        p = Weighted(p, sample_weight=np.broadcast_to(weight, y.shape))
    return float(cross_entropy(p, BinaryProbs(np.clip(q, eps, 1 - eps))))


declares(
    "sklearn",
    "multilabel_log_loss",
    outcomes=YES_NO,
    target="a label indicator matrix [N, L], or probabilities",
    prediction="probabilities [N, L], or a list of L arrays [N, 2]",
    reduction="mean over events and labels, divided by Σ weights",
    call="cross_entropy(BinaryProbs(y_true), BinaryProbs(y_proba))",
    quirks=("probabilities are clipped to [eps, 1 - eps] of their dtype",),
    note="scikit-learn has none: its log_loss reads the columns as exclusive classes.",
)(multilabel_log_loss)


class MultilabelLogLossScorer(BaseEstimator):
    """A scorer of multi-label classifiers by `-multilabel_log_loss`: greater is better, 0 is best.

    The probabilities are those of `estimator.predict_proba(X)`, [N, L] or a list of L arrays
    [N, 2].

    Raises:
        ValueError: when called, as `multilabel_log_loss`.

    Examples:
        >>> import numpy as np
        >>> from sklearn.dummy import DummyClassifier
        >>> from plogq.compat.sklearn import MultilabelLogLossScorer
        >>> x, y = np.zeros((2, 1)), np.array([[0, 1], [1, 1]])
        >>> classifier = DummyClassifier(strategy="uniform").fit(x, [[0, 1], [1, 0]])
        >>> round(MultilabelLogLossScorer()(classifier, x, y), 6)
        -0.693147
    """

    __metadata_request__score = {"estimator": UNUSED}  # noqa: RUF012

    def score(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """-multilabel_log_loss of the classifier for these events."""
        proba = estimator.predict_proba(X)
        if isinstance(proba, list):
            # A label that was never seen, or always, has one column alone.
            proba = [_yes(q, c) for q, c in zip(proba, estimator.classes_, strict=True)]
            proba = np.stack(proba, axis=1)
        return -multilabel_log_loss(y, proba, sample_weight=sample_weight)

    __call__ = score


declares(
    "sklearn",
    "MultilabelLogLossScorer",
    outcomes=YES_NO,
    target="a label indicator matrix [N, L], or probabilities",
    prediction="probabilities of a classifier, [N, L] or a list of L arrays [N, 2]",
    reduction="minus the mean over events and labels, divided by Σ weights",
    call="-cross_entropy(BinaryProbs(y), BinaryProbs(estimator.predict_proba(X)))",
    quirks=("probabilities are clipped to [eps, 1 - eps] of their dtype",),
)(MultilabelLogLossScorer)


def _yes(q: Any, classes: Any) -> Any:
    """The probability of 1, of the columns of the classes 0 and 1 that were seen."""
    known = dict(zip(np.asarray(classes).tolist(), np.asarray(q).T, strict=True))
    return known.get(1, np.zeros(len(q)))


def _of_each_label(y_proba: Any) -> Any:
    """The probabilities of yes [N, L], of a list of arrays [N, 2] too."""
    several = isinstance(y_proba, list) and len(y_proba) and np.ndim(y_proba[0]) == 2
    return np.stack([np.asarray(q)[:, -1] for q in y_proba], axis=1) if several else y_proba
