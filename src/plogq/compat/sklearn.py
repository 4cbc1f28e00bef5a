"""scikit-learn's log loss, and a scorer for it that takes soft labels beside hard ones."""

# scikit-learn says no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUntypedFunctionDecorator=false, reportUntypedBaseClass=false

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_array as _check_array
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Hidden, validate_params
from sklearn.utils.metadata_routing import UNUSED

from .. import Labels, Probs, Weighted, cross_entropy, validation
from .declared import EXCLUSIVE, declares

__all__ = ["LogLossScorer", "log_loss"]

# Its defaults, which are all that a type checker sees, are not all that it takes.
check_array: Any = _check_array


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
    y_proba = _renamed(y_proba, y_pred)
    with _in_numpy():
        q = _probabilities(y_proba)
        check_consistent_length(q, y_true, sample_weight)
        weight = _weight(sample_weight)
        rows, classes = _binarized(y_true, labels)
    q = _as_columns(q)
    if len(classes) != q.shape[1]:
        raise ValueError(
            "y_true and y_prob contain different number of classes: "
            f"{len(classes)} vs {q.shape[1]}. Please provide the true labels explicitly through "
            f"the labels argument. Classes found in y_true: {classes}"
            if labels is None
            else "The number of classes in labels is different from that in y_prob. Classes found "
            f"in labels: {classes}"
        )
    p = Labels(rows) if rows.ndim == 1 else Probs(rows.astype(q.dtype))
    with validation("off"):
        return _loss(p, q, weight, normalize)


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
        q = estimator.predict_proba(X)
        y = np.asarray(y if soft_labels is None else soft_labels)
        with _in_numpy():
            q = _as_columns(_probabilities(q), warn=False)
            check_consistent_length(q, y, sample_weight)
            weight = _weight(sample_weight)
        classes = np.asarray(estimator.classes_)
        if self.classes is not None:
            q, classes = _widened(q, classes, _listed(self.classes))
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
            p = Labels(_places(y, classes, "y"))
        return -_loss(p, q, weight, normalize=True)

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


def _in_numpy() -> Any:
    """Read arrays of other libraries as scikit-learn does where it is not to compute in them.

    The loss is one number, whatever it is computed in.
    """
    return config_context(array_api_dispatch=False)


def _renamed(y_proba: Any, y_pred: Any) -> Any:
    """The probabilities, which scikit-learn called y_pred before 1.9."""
    if isinstance(y_pred, str) and y_pred == "deprecated":
        return y_proba
    if y_proba is not None:
        raise ValueError(
            "Cannot use both `y_pred` and `y_proba`. `y_pred` is deprecated, use `y_proba` instead."
        )
    warnings.warn(
        "`y_pred` was renamed to `y_proba` in version 1.9 and will be removed in 1.11. Use "
        "`y_proba` instead.",
        FutureWarning,
        stacklevel=4,
    )
    return y_pred


def _probabilities(y_proba: Any) -> Any:
    """Probabilities as an array of floating-point numbers in [0, 1], with one or two axes."""
    q = check_array(y_proba, ensure_2d=False, dtype=(np.float64, np.float32, np.float16))
    if q.max() > 1:
        raise ValueError(f"y_prob contains values greater than 1: {q.max()}")
    if q.min() < 0:
        raise ValueError(f"y_prob contains values lower than 0: {q.min()}")
    return q


def _as_columns(q: Any, warn: bool = True) -> Any:
    """A column for each class: one column alone is the probability of the second."""
    q = q[:, None] if q.ndim == 1 else q
    q = np.concatenate((1 - q, q), axis=1) if q.shape[1] == 1 else q
    if warn and not np.isclose(q.sum(axis=1), 1, rtol=np.finfo(q.dtype).eps ** 0.5).all():
        warnings.warn(
            "The y_prob values do not sum to one. Make sure to pass probabilities.",
            UserWarning,
            stacklevel=4,
        )
    return q


def _weight(sample_weight: Any) -> Any:
    """Weights as a vector of finite numbers, or None."""
    if sample_weight is None:
        return None
    w = check_array(sample_weight, ensure_2d=False, dtype=None, input_name="sample_weight")
    if w.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, got {w.ndim}D array of shape {w.shape}"
        )
    if not (w != 0).any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return w


def _binarized(y_true: Any, labels: Any) -> tuple[Any, Any]:
    """The class index of every event, or rows of 0 and 1, and the labels of the classes."""
    binarizer = LabelBinarizer(sparse_output=True).fit(y_true if labels is None else labels)
    classes = binarizer.classes_
    if labels is not None:
        if not np.array_equal(classes, labels):
            warnings.warn(
                f"Labels passed were {labels}. But this function assumes labels are ordered "
                f"lexicographically. Pass the ordered labels={classes.tolist()} and ensure that "
                "the columns of y_prob correspond to this ordering.",
                UserWarning,
                stacklevel=4,
            )
        unknown = set(np.setdiff1d(y_true, labels).tolist())
        if unknown:
            raise ValueError(
                f"y_true contains values {unknown} not belonging to the passed labels {labels}."
            )
    if len(classes) == 1:
        raise ValueError(
            f"y_true contains only one label ({classes[0]}). Please provide the list of all "
            "expected class labels explicitly through the labels argument."
            if labels is None
            else f"The labels array needs to contain at least two labels, got {classes}."
        )
    rows: Any = binarizer.transform(y_true)
    if binarizer.y_type_.startswith("multilabel"):
        return rows.toarray(), classes
    return rows.toarray()[:, 0] if rows.shape[1] == 1 else rows.indices, classes


def _places(values: Any, classes: Any, role: str) -> Any:
    """The place of every value among the classes, which need not be sorted."""
    order = np.argsort(classes)
    place = order[np.searchsorted(classes, values, sorter=order).clip(max=len(classes) - 1)]
    unknown = values[classes[place] != values]
    if unknown.size:
        raise ValueError(
            f"{role} has the labels {np.unique(unknown).tolist()}, which are none of the classes "
            f"{classes.tolist()}; use folds that have every class (StratifiedKFold), or write "
            "LogLossScorer(classes) with all of them: one that a classifier has not seen then has "
            "probability 0"
        )
    return place


def _widened(q: Any, known: Any, classes: Any) -> tuple[Any, Any]:
    """The probabilities of all classes in the order of `classes`: 0 for those not known."""
    wide = np.zeros((len(q), len(classes)), q.dtype)
    wide[:, _places(known, classes, "estimator.classes_")] = q
    return wide, classes


def _listed(classes: Any) -> Any:
    """The classes that were given, an array with one axis."""
    found = np.asarray(classes)
    if found.ndim != 1 or isinstance(classes, str | bytes):
        raise ValueError(
            "classes of LogLossScorer is a list of all classes, in the order of the columns of "
            f"soft labels, got {type(classes).__name__}"
        )
    return found


def _loss(p: Any, q: Any, weight: Any, normalize: bool) -> float:
    """The loss with clipped probabilities, over Σ weights, the number of events or nothing."""
    eps = np.finfo(q.dtype).eps
    clipped = Probs(np.clip(q, eps, 1 - eps))
    if not normalize:
        return float(cross_entropy(Weighted(p, sample_weight=weight), clipped, reduction="sum"))
    if weight is None:
        return float(cross_entropy(p, clipped, reduction="sum_over_batch_size"))
    total = weight.sum()
    if total == 0:
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    return float(cross_entropy(Weighted(p, sample_weight=weight), clipped, normalizer=total))
