"""scikit-learn's classifiers, encoders and scalers."""

from __future__ import annotations

import re

from ....facts import Array, Made
from ...machine import Machine
from ...values import (
    Args,
    Native,
    Record,
    Unknown,
    Value,
)
from ..data import sets

_CLASSIFIER = re.compile(
    r"(Classifier|LogisticRegression(CV)?|SVC|NB|DiscriminantAnalysis|Pipeline|make_pipeline|"
    r"SearchCV|LabelPropagation|LabelSpreading)$"
)

# What has predict give scores, and no classes: XGBoost's, LightGBM's; CatBoost's is a word.
_RAW = ("output_margin", "raw_score", "prediction_type")


def sklearn_call(on: Machine, name: str, last: str, args: Args) -> Value:
    """A call of a name of scikit-learn's."""
    if name.startswith("sklearn.datasets"):
        found = sets.sklearn_data(on, last, args)
        return Unknown() if found is None else found
    if _CLASSIFIER.search(last):
        return classifier(on, args)
    encoders = {"LabelEncoder": Made.LABELS, "OneHotEncoder": Made.ONE_HOT,
                "LabelBinarizer": Made.ONE_HOT, "MultiLabelBinarizer": Made.MULTI_HOT}  # fmt: skip
    if last in encoders:
        return encoder(encoders[last])
    if last in ("StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler"):
        return Record("scaler")
    if name == "sklearn.preprocessing.label_binarize":
        return Array(Made.ONE_HOT, on.module.text(args.node), on.place(args.node), -1, kind="int",
                     low=0, high=1)  # fmt: skip
    if name == "sklearn.utils.class_weight.compute_class_weight":
        return Array(kind="float", shape=(None,), rising=False)
    return Unknown()


def encoder(made: Made) -> Record:
    """What turns labels into labels or rows."""

    def transform(on: Machine, args: Args) -> Value:
        y = args.get(0)
        of = y if isinstance(y, Array) else None
        rows = made is not Made.LABELS
        shape = None if of is None or of.shape is None else of.shape[:1]
        return Array(made, on.module.text(args.node), on.place(args.node), -1 if rows else None,
                     shape=(*shape, None) if rows and shape else shape,
                     kind="float" if rows else "int", low=0, high=1 if rows else
                     of.high if of else None)  # fmt: skip

    return Record("encoder", transform=Native(transform), fit_transform=Native(transform))


def classifier(on: Machine, args: Args) -> Record:
    """A classifier of scikit-learn's manner."""
    made = Record("classifier")

    def gives(kind: Made, axis: int | None, number: str) -> Native:
        def call(on: Machine, args: Args) -> Value:
            x = args.get(0, "X")
            n = x.shape[0] if isinstance(x, Array) and x.shape else None
            if kind is Made.HARD and any(name in args.kw for name in _RAW):
                raw = any(args.constant(None, name) is True for name in _RAW)
                return Array(Made.SCORES if raw else None, on.module.text(args.node),
                             on.place(args.node), kind="float", batched=True)  # fmt: skip
            return Array(kind, on.module.text(args.node), on.place(args.node), axis,
                         shape=(n,) if axis is None else (n, None), kind=number,
                         batched=True)  # fmt: skip

        return Native(call)

    made.slots.update(
        predict=gives(Made.HARD, None, "int"),
        predict_proba=gives(Made.PROBABILITIES, 1, "float"),
        predict_log_proba=gives(Made.LOG_SOFTMAX, 1, "float"),
        decision_function=gives(Made.SCORES, None, "float"),
        fit=Native(lambda on, args: made),
        set_params=Native(lambda on, args: made),
    )
    return made


def scaled(on: Machine, args: Args) -> Value:
    """Features that a scaler gave other ranges."""
    x = args.get(0)
    if isinstance(x, Array):
        return x.but(low=None, high=None, kind="float")
    return Unknown()
