"""Data sets that Keras and scikit-learn bring, and their parts."""

from __future__ import annotations

from ....facts import Array, Made, Shape
from ...machine import Machine
from ...values import (
    Args,
    Iter,
    Record,
    Tuple,
    Unknown,
    Value,
)
from .registry import made_here


def _labels(on: Machine, args: Args, shape: Shape, high: int) -> Array:
    return made_here(on, args, Made.LABELS, shape, "int", low=0, high=high)


def _features(on: Machine, args: Args, shape: Shape, high: int | None = None) -> Array:
    return made_here(on, args, Made.DATA, shape, "float" if high is None else "int", low=None if
                 high is None else 0, high=high, batched=True)  # fmt: skip


_IMAGES: dict[str, tuple[Shape, Shape, int]] = {
    "mnist": ((60000, 28, 28), (60000,), 9),
    "fashion_mnist": ((60000, 28, 28), (60000,), 9),
    "cifar10": ((50000, 32, 32, 3), (50000, 1), 9),
    "cifar100": ((50000, 32, 32, 3), (50000, 1), 99),
}


def keras_data(on: Machine, name: str, args: Args) -> Value:
    """keras.datasets.mnist.load_data()."""
    if name in _IMAGES:
        x, y, high = _IMAGES[name]
        pair = Tuple((_features(on, args, x, 255), _labels(on, args, y, high)))
        return Tuple((pair, pair))
    if name in ("imdb", "reuters"):
        pair = Tuple((_features(on, args, (None,)), _labels(on, args, (None,), 1 if name == "imdb"
                                                           else 45)))  # fmt: skip
        return Tuple((pair, pair))
    return Unknown()


_TABLES: dict[str, tuple[Shape, Shape, int]] = {
    "load_iris": ((150, 4), (150,), 2),
    "load_digits": ((1797, 64), (1797,), 9),
    "load_wine": ((178, 13), (178,), 2),
    "load_breast_cancer": ((569, 30), (569,), 1),
}


def sklearn_data(on: Machine, name: str, args: Args) -> Value | None:
    """sklearn.datasets."""
    if name in _TABLES:
        x, y, high = _TABLES[name]
        features, labels = _features(on, args, x), _labels(on, args, y, high)
        if args.constant(None, "return_X_y", default=False) is True:
            return Tuple((features, labels))
        return Record(
            "bunch", data=features, target=labels, images=_features(on, args, (None,) * 3)
        )
    n = args.constant(0, "n_samples", default=100)
    rows = n if isinstance(n, int) else None
    if name == "make_classification":
        k = args.constant(None, "n_classes", default=2)
        d = args.constant(1, "n_features", default=20)
        high = k - 1 if isinstance(k, int) else None
        y = made_here(on, args, Made.LABELS, (rows,), "int", low=0, high=high)
        if high is None:
            y = y.but(low=None)
        return Tuple((_features(on, args, (rows, d if isinstance(d, int) else None)), y))
    if name in ("make_moons", "make_circles"):
        return Tuple((_features(on, args, (rows, 2)), _labels(on, args, (rows,), 1)))
    if name == "make_blobs":
        k = args.constant(2, "centers", default=3)
        d = args.constant(1, "n_features", default=2)
        if not isinstance(k, int):
            return Unknown()
        return Tuple((_features(on, args, (rows, d if isinstance(d, int) else None)),
                      _labels(on, args, (rows,), k - 1)))  # fmt: skip
    if name == "make_multilabel_classification":
        k = args.constant(2, "n_classes", default=5)
        k = k if isinstance(k, int) else None
        y = made_here(on, args, Made.MULTI_HOT, (rows, k), "int", low=0, high=1, axis=-1, width=k)
        return Tuple((_features(on, args, (rows, None)), y))
    return None


def split(on: Machine, args: Args) -> Value:
    """train_test_split: of each array two parts."""
    out: list[Value] = []
    for value in args.pos:
        if isinstance(value, Array) and value.shape:
            part: Value = value.but(shape=(None, *value.shape[1:]))
        else:
            part = value if isinstance(value, Array) else Unknown()
        out += [part, part]
    return Tuple(tuple(out))


def padded(on: Machine, args: Args) -> Value:
    """Sequences made one length: pad_sequence, Keras' pad_sequences."""
    value = args.constant(None, "padding_value", "value", default=0)
    given = args.get(0)
    items = on.items(given) if given is not None and not isinstance(given, Iter) else None
    item = given.item if isinstance(given, Iter) else items[0] if items else None
    kind = item.kind if isinstance(item, Array) else None
    number = value if isinstance(value, int | float) else None
    return made_here(on, args, Made.PADDED, (None, None), kind or "int", low=number, batched=True)
