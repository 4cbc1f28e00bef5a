"""What scikit-learn takes as labels, probabilities and weights, read as it reads them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_array as _check_array
from sklearn.utils import check_consistent_length

from ... import Labels, Probs, Weighted, cross_entropy

# Its defaults, which are all that a type checker sees, are not all that it takes.
check_array: Any = _check_array


def in_numpy() -> Any:
    """Read arrays of other libraries as scikit-learn does where it is not to compute in them.

    The loss is one number, whatever it is computed in.
    """
    return config_context(array_api_dispatch=False)


def renamed(y_proba: Any, y_pred: Any) -> Any:
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
        stacklevel=5,
    )
    return y_pred


def probabilities(y_proba: Any) -> Any:
    """Probabilities as an array of floating-point numbers in [0, 1], with one or two axes."""
    q = check_array(y_proba, ensure_2d=False, dtype=(np.float64, np.float32, np.float16))
    if q.max() > 1:
        raise ValueError(f"y_prob contains values greater than 1: {q.max()}")
    if q.min() < 0:
        raise ValueError(f"y_prob contains values lower than 0: {q.min()}")
    return q


def as_columns(q: Any, warn: bool = True) -> Any:
    """A column for each class: one column alone is the probability of the second."""
    q = q[:, None] if q.ndim == 1 else q
    q = np.concatenate((1 - q, q), axis=1) if q.shape[1] == 1 else q
    if warn and not np.isclose(q.sum(axis=1), 1, rtol=np.finfo(q.dtype).eps ** 0.5).all():
        warnings.warn(
            "The y_prob values do not sum to one. Make sure to pass probabilities.",
            UserWarning,
            stacklevel=5,
        )
    return q


def weights(sample_weight: Any) -> Any:
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


def pair(y_proba: Any, y_true: Any, sample_weight: Any, labels: Any) -> tuple[Any, Any, Any]:
    """P, probabilities with a column for each class, and weights."""
    with in_numpy():
        q = probabilities(y_proba)
        check_consistent_length(q, y_true, sample_weight)
        weight = weights(sample_weight)
        rows, classes = binarized(y_true, labels)
    q = as_columns(q)
    if len(classes) != q.shape[1]:
        raise ValueError(
            "y_true and y_prob contain different number of classes: "
            f"{len(classes)} vs {q.shape[1]}. Please provide the true labels explicitly through "
            f"the labels argument. Classes found in y_true: {classes}"
            if labels is None
            else "The number of classes in labels is different from that in y_prob. Classes found "
            f"in labels: {classes}"
        )
    return (Labels(rows) if rows.ndim == 1 else Probs(rows.astype(q.dtype))), q, weight


def binarized(y_true: Any, labels: Any) -> tuple[Any, Any]:
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
                stacklevel=5,
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


def places(values: Any, classes: Any, role: str) -> Any:
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


def widened(q: Any, known: Any, classes: Any) -> tuple[Any, Any]:
    """The probabilities of all classes in the order of `classes`: 0 for those not known."""
    wide = np.zeros((len(q), len(classes)), q.dtype)
    wide[:, places(known, classes, "estimator.classes_")] = q
    return wide, classes


def listed(classes: Any) -> Any:
    """The classes that were given, an array with one axis."""
    found = np.asarray(classes)
    if found.ndim != 1 or isinstance(classes, str | bytes):
        raise ValueError(
            "classes of LogLossScorer is a list of all classes, in the order of the columns of "
            f"soft labels, got {type(classes).__name__}"
        )
    return found


def loss(p: Any, q: Any, weight: Any, normalize: bool) -> float:
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
