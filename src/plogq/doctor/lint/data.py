"""Arrays that a program makes up, data sets of libraries, and what hands out batches of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..facts import Array, Length, Made, Shape
from .values import (
    Args,
    Const,
    Dict,
    Function,
    Instance,
    Iter,
    List,
    Native,
    Record,
    Tuple,
    Unknown,
    Value,
    length_of,
    lengths_of,
    plain,
    several,
)  # fmt: skip
from .verbs import cast, kind_of

Maker = Callable[[Any, Args], Value]
MAKERS: dict[str, Maker] = {}  # by the last name, of the modules below
MAKER_MODULES = frozenset(
    [
        "torch",
        "numpy",
        "jax.numpy",
        "jax.random",
        "numpy.random",
        "tensorflow",
        "tensorflow.random",
        "keras.random",
        "keras.ops",
        "random",
        "tensorflow.compat.v1",
        "rng",
        "torch.random",
        "keras.backend",
        "jax.nn",
        "keras.initializers",
        "jax.nn.initializers",
    ]
)


def maker(names: str) -> Callable[[Maker], Maker]:
    """Enter a maker under its names."""

    def entered(f: Maker) -> Maker:
        for name in names.split():
            MAKERS[name] = f
        return f

    return entered


def _made(
    on: Any, args: Args, made: Made | None, shape: Shape | None, kind: str, **more: Any
) -> Array:
    return Array(made, on.module.text(args.node), on.place(args.node), shape=shape, kind=kind,
                 **more)  # fmt: skip


def _shape(args: Args, skip: int = 0, *names: str) -> Shape | None:
    """A shape given as numbers, or as one tuple."""
    given = args.get(None, "size", "shape", *names)
    if given is not None:
        found = lengths_of(given)
        if found is None and isinstance(given, Unknown):
            return None
        return found
    rest = args.pos[skip:]
    if not rest:
        return ()
    if len(rest) == 1 and not isinstance(rest[0], Const | Unknown):
        return lengths_of(rest[0])
    if args.open:
        return None
    return tuple(length_of(v) for v in rest)


@maker("randn standard_normal")
def randn(on: Any, args: Args) -> Value:
    return _made(on, args, Made.NORMAL, _shape(args), "float")


@maker("rand random random_sample sample")
def rand(on: Any, args: Args) -> Value:
    return _made(on, args, Made.UNIFORM, _shape(args), "float", low=0, high=1)


@maker("normal truncated_normal glorot_normal he_normal")
def normal(on: Any, args: Args) -> Value:
    first = args.get(0)
    if isinstance(first, Tuple | List) or (args.get(None, "shape") is not None):
        shape = _shape(args)  # tf.random.normal((8, 20)), keras.random.normal
    elif len(args.pos) >= 2 and isinstance(args.pos[1], Tuple | List):
        shape = lengths_of(args.pos[1])  # jax.random.normal(key, (8, 20))
    else:
        shape = _shape(args, 2)  # np.random.normal(0, 1, size)
    return _made(on, args, Made.NORMAL, shape, "float")


@maker("uniform")
def uniform(on: Any, args: Args) -> Value:
    if _whole(args):
        return randint(on, args)
    first = args.get(0)
    if isinstance(first, Tuple | List) or args.get(None, "shape") is not None:
        shape = _shape(args)
    elif len(args.pos) >= 2 and isinstance(args.pos[1], Tuple | List):
        shape = lengths_of(args.pos[1])
    else:
        shape = _shape(args, 2)
    low = args.constant(None, "low", "minval", default=0)
    high = args.constant(None, "high", "maxval", default=1)
    plain_range = low in (0, 0.0) and high in (1, 1.0) and len(args.pos) <= 2
    return _made(on, args, Made.UNIFORM if plain_range else Made.NORMAL, shape, "float")


def _whole(args: Args) -> bool:

    return any(kind_of(v) == "int" for v in (*args.pos[1:], *args.kw.values()))


@maker("randint integers random_integers randint_like")
def randint(on: Any, args: Args) -> Value:
    """randint(low, high, size), randint(high, size), jax' (key, shape, low, high), TensorFlow's."""
    pos = list(args.pos)
    low: Any = args.constant(None, "low", "minval", default=None)
    high: Any = args.constant(None, "high", "maxval", default=None)
    shape: Shape | None = ()
    given = args.get(None, "size", "shape")
    numbers: list[Any] = []
    seen_shape = given is not None
    if given is not None:
        shape = lengths_of(given)
    for i, p in enumerate(pos):
        if isinstance(p, Tuple | List):
            shape, seen_shape = lengths_of(p), True
        elif isinstance(p, Const) and isinstance(p.value, int):
            numbers.append(p.value)
        elif i == 0 and not isinstance(p, Const):
            if len(pos) > 1 and isinstance(pos[1], Tuple | List) and len(pos) > 3:
                continue  # a key
            numbers.append(...)
        else:
            numbers.append(...)
    if len(numbers) == 3 and not seen_shape:
        shape = (numbers.pop() if numbers[2] is not ... else None,)
        if shape == (None,):
            numbers = numbers[:2]
    elif len(numbers) == 3:
        numbers = numbers[1:] if numbers[0] is ... else numbers[:2]
    if low is None and high is None:
        if len(numbers) >= 2:
            low, high = numbers[0], numbers[1]
        elif len(numbers) == 1:
            low, high = 0, numbers[0]
    elif high is None:
        high = numbers[-1] if numbers else ...
        if len(numbers) >= 2:
            low = numbers[0]
    elif low is None:
        low = numbers[0] if numbers else 0
    if isinstance(low, int) and high is None:
        low, high = 0, low
    known = isinstance(low, int) and isinstance(high, int)
    closed = args.constant(None, "endpoint", default=False) is True or (
        _last(args) == "random_integers"
    )
    top = high - (not closed) if isinstance(high, int) and known else None
    if shape is not None and len(shape) >= 2 and known and (low, top) == (0, 1) and shape[-1] != 1:
        return _made(
            on, args, Made.MULTI_HOT, shape, "int", axis=-1, width=shape[-1], low=0, high=1
        )
    return _made(on, args, Made.LABELS, shape, "int", low=low if known else None, high=top)


def _last(args: Args) -> str:
    return getattr(getattr(args.node, "func", None), "attr", "")


@maker("choice")
def choice(on: Any, args: Args) -> Value:
    """A choice of numbers below n, or among those of a list."""
    pos = [p for p in args.pos if not (isinstance(p, Unknown) and p is args.pos[0])]
    of = args.get(None, "a") or (pos[0] if pos else None)
    size = args.get(None, "size", "shape") or (pos[1] if len(pos) > 1 else None)
    shape = lengths_of(size) if size is not None else ()
    known = plain(of) if of is not None else None
    if isinstance(of, Array):
        return of.but(shape=shape)
    if isinstance(known, int):
        return _made(on, args, Made.LABELS, shape, "int", low=0, high=known - 1)
    items = several(known)
    if items and all(isinstance(x, int | float) for x in items):
        if shape is not None and len(shape) >= 2 and set(items) == {0, 1} and shape[-1] != 1:
            return _made(on, args, Made.MULTI_HOT, shape, "int", axis=-1, width=shape[-1], low=0,
                         high=1)  # fmt: skip
        return _made(on, args, Made.LABELS, shape, "int", low=min(items), high=max(items))
    return _made(on, args, None, shape, "int")


@maker("bernoulli binomial")
def bernoulli(on: Any, args: Args) -> Value:
    size = args.get(None, "size", "shape")
    shape = lengths_of(size) if size is not None else None
    for p in args.pos:
        if shape is None and isinstance(p, Tuple | List):
            shape = lengths_of(p)
        if shape is None and isinstance(p, Array):
            shape = p.shape
    if _last(args) == "binomial" and args.constant(0, "n") != 1:
        return _made(on, args, None, shape, "int")
    if shape is not None and len(shape) >= 2 and shape[-1] != 1:
        return _made(
            on, args, Made.MULTI_HOT, shape, "int", axis=-1, width=shape[-1], low=0, high=1
        )
    return _made(on, args, Made.LABELS, shape, "int", low=0, high=1)


def _filled(value: float | None) -> Maker:
    def filled(on: Any, args: Args) -> Value:
        name = _last(args)
        if name.endswith("_like"):
            of = args.get(0)
            shape = of.shape if isinstance(of, Array) else None
            number = value if value is not None else args.constant(1, "fill_value")
        else:
            number = value
            if value is None:
                number = args.constant(1, "fill_value", "value")
                shape = lengths_of(args.pos[0]) if args.pos else None
            else:
                rest = args.pos[:1] if args.pos and isinstance(args.pos[0], Tuple | List) else [
                    p for p in args.pos if isinstance(p, Const | Unknown)
                ]  # fmt: skip
                shape = _shape(Args(list(rest), args.kw, args.node, args.open))

        kind = kind_of(args.get(None, "dtype")) or "float"
        n = number if isinstance(number, int | float) else None
        return Array(None, on.module.text(args.node), on.place(args.node), shape=shape, kind=kind,
                     low=n, high=n)  # fmt: skip

    return filled


for _name, _value in (("zeros", 0), ("ones", 1), ("full", None)):
    MAKERS[_name] = MAKERS[f"{_name}_like"] = _filled(_value)
MAKERS["empty"] = MAKERS["empty_like"] = _filled(...)  # type: ignore[arg-type]


@maker("eye identity")
def eye(on: Any, args: Args) -> Value:
    n = args.get(0, "n", "N", "num_rows")
    width: Length = length_of(n) if n is not None else None
    return Array(by="eye", shape=(width, width), kind="float", low=0, high=1)


@maker("arange linspace randperm permutation shuffle")
def arange(on: Any, args: Args) -> Value:
    given = args.pos[-1] if args.pos else args.get(None, "stop", "end", "n")
    if isinstance(given, Array):
        return given.but(shape=None if given.shape is None else (None, *given.shape[1:]))
    first = args.constant(0, "stop", "end", "n")
    one = len(args.pos) == 1 and isinstance(first, int)
    return Array(shape=(first,) if one else (None,), kind="int" if _last(args) != "linspace" else
                 "float", low=0 if one else None, high=first - 1 if one else None)  # fmt: skip


@maker("tensor array asarray as_tensor from_numpy convert_to_tensor constant Tensor FloatTensor "
       "LongTensor Variable Parameter stack_data ascontiguousarray asanyarray asfarray "
       "array_split_")  # fmt: skip
def of_numbers(on: Any, args: Args) -> Value:
    """An array of numbers in the code, or of another array."""

    given = args.get(0, "data", "object", "value", "initial_value")
    kind = kind_of(args.get(1, "dtype")) or kind_of(args.get(None, "dtype"))
    name = _last(args)
    if name == "LongTensor":
        kind = "int"
    if name in ("FloatTensor", "Tensor"):
        kind = "float"
    if isinstance(given, Array):
        out = given
        if name in ("Variable", "Parameter") and given.made in (Made.NORMAL, Made.UNIFORM, None):
            out = given.but(made=Made.PARAMETER)
        return out if kind is None else cast(on, out, kind, args)
    if isinstance(given, Iter) and isinstance(given.item, Array):
        from . import moves

        return moves.expand(given.item, 0, on.place(args.node)).but(shape=None)
    if isinstance(given, List | Tuple) and given.items:
        arrays = [i for i in given.items if isinstance(i, Array)]
        if len(arrays) == len(given.items) and all(a.shape == () for a in arrays):
            return Array(shape=(len(arrays),), kind="float")
    known = plain(given) if given is not None else None
    if known is None:
        return Array(kind=kind) if kind else Unknown()
    return _numbers(on, args, known, kind)


def _numbers(on: Any, args: Args, known: Any, kind: str | None) -> Value:
    shape: list[int] = []
    level = several(known)
    while level is not None:
        shape.append(len(level))
        level = several(level[0]) if level else None
    flat = list(_flat(known))
    if not all(isinstance(x, int | float) for x in flat) or len(flat) > 4096 or not flat:
        return Array(kind=kind)
    whole = all(isinstance(x, int) and not isinstance(x, bool) for x in flat)
    kind = kind or (
        "bool" if all(isinstance(x, bool) for x in flat) else "int" if whole else "float"
    )
    low, high = min(flat), max(flat)
    made = Made.NUMBERS
    axis = None
    if len(shape) == 2 and set(flat) <= {0, 1} and shape[1] > 1:
        rows = [sum(several(r) or ()) for r in several(known) or ()]
        made = Made.ONE_HOT if all(r == 1 for r in rows) else Made.MULTI_HOT
        axis = -1
    elif whole and len(shape) == 1 and kind == "int":
        made = Made.LABELS if len(shape) == 1 else Made.NUMBERS
    return _made(on, args, made, tuple(shape), kind, low=low, high=high, axis=axis,
                 width=shape[1] if axis is not None else None)  # fmt: skip


def _flat(value: Any) -> Iterator[Any]:
    items = several(value)
    if items is None:
        yield value
    for part in items or ():
        yield from _flat(part)


# Data sets


def _labels(on: Any, args: Args, shape: Shape, high: int) -> Array:
    return _made(on, args, Made.LABELS, shape, "int", low=0, high=high)


def _features(on: Any, args: Args, shape: Shape, high: int | None = None) -> Array:
    return _made(on, args, Made.DATA, shape, "float" if high is None else "int", low=None if
                 high is None else 0, high=high, batched=True)  # fmt: skip


_IMAGES: dict[str, tuple[Shape, Shape, int]] = {
    "mnist": ((60000, 28, 28), (60000,), 9),
    "fashion_mnist": ((60000, 28, 28), (60000,), 9),
    "cifar10": ((50000, 32, 32, 3), (50000, 1), 9),
    "cifar100": ((50000, 32, 32, 3), (50000, 1), 99),
}


def keras_data(on: Any, name: str, args: Args) -> Value:
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


def sklearn_data(on: Any, name: str, args: Args) -> Value | None:
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
        y = _made(on, args, Made.LABELS, (rows,), "int", low=0, high=high)
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
        y = _made(on, args, Made.MULTI_HOT, (rows, k), "int", low=0, high=1, axis=-1, width=k)
        return Tuple((_features(on, args, (rows, None)), y))
    return None


def split(on: Any, args: Args) -> Value:
    """train_test_split: of each array two parts."""
    out: list[Value] = []
    for value in args.pos:
        if isinstance(value, Array) and value.shape:
            part: Value = value.but(shape=(None, *value.shape[1:]))
        else:
            part = value if isinstance(value, Array) else Unknown()
        out += [part, part]
    return Tuple(tuple(out))


def padded(on: Any, args: Args) -> Value:
    """Sequences made one length: pad_sequence, Keras' pad_sequences."""
    value = args.constant(None, "padding_value", "value", default=0)
    given = args.get(0)
    items = on.items(given) if given is not None and not isinstance(given, Iter) else None
    item = given.item if isinstance(given, Iter) else items[0] if items else None
    kind = item.kind if isinstance(item, Array) else None
    number = value if isinstance(value, int | float) else None
    return _made(on, args, Made.PADDED, (None, None), kind or "int", low=number, batched=True)


# What hands out batches


def batched(value: Value) -> Value:
    """A batch of such items."""
    if isinstance(value, Array):
        shape = None if value.shape is None else (None, *value.shape)
        axis = value.axis
        if axis is not None and axis >= 0:
            axis += 1
        return value.but(shape=shape, axis=axis, batched=True)
    if (
        isinstance(value, Const)
        and isinstance(value.value, int)
        and not isinstance(value.value, bool)
    ):
        return Array(shape=(None,), kind="int", batched=True)
    if isinstance(value, Tuple):
        return Tuple(tuple(batched(i) for i in value.items))
    if isinstance(value, Dict):
        return Dict({k: batched(v) for k, v in value.slots.items()}, value.open)
    return value


def one(value: Value) -> Value:
    """One item of a data set that holds such arrays."""
    if isinstance(value, Array):
        shape = None if not value.shape else value.shape[1:]
        axis = value.axis
        if axis is not None and axis >= 0:
            axis = axis - 1 if axis else None
        return value.but(shape=shape, axis=axis, batched=False)
    if isinstance(value, Tuple):
        return Tuple(tuple(one(i) for i in value.items))
    if isinstance(value, Dict):
        return Dict({k: one(v) for k, v in value.slots.items()}, value.open)
    return Unknown()


def dataset_item(on: Any, dataset: Value, args: Args) -> Value:
    """One item of a data set."""
    if isinstance(dataset, Iter):
        return dataset.item
    if isinstance(dataset, Instance):
        get = dataset.cls.find("__getitem__") or dataset.cls.find("__iter__")
        if isinstance(get, Function):
            index = Args([Unknown("index")], {}, args.node)
            found = on.call_function(get, index, dataset)
            return found.item if isinstance(found, Iter) else found
    if isinstance(dataset, List) and dataset.items:
        return on.element(dataset, args.node)
    return Unknown()


def loader(on: Any, args: Args) -> Value:
    """torch.utils.data.DataLoader."""
    dataset = args.get(0, "dataset")
    item = dataset_item(on, dataset, args) if dataset is not None else Unknown()
    collate = args.get(None, "collate_fn")
    if collate is not None and not (isinstance(collate, Const) and collate.value is None):
        return Iter(on.call(collate, Args([Iter(item)], {}, args.node)), batched=True)
    if isinstance(item, Unknown):
        data = Array(Made.DATA, on.module.text(args.node), on.place(args.node), batched=True)
        return Iter(data, batched=True)
    size = args.constant(1, "batch_size", default=1)
    return Iter(item if size is None else batched(item), batched=True)


def tensor_dataset(on: Any, args: Args) -> Value:
    """TensorDataset(X, y): items (x, y)."""
    return Iter(Tuple(tuple(one(v) for v in args.pos)))


def slices(on: Any, args: Args) -> Value:
    """tf.data.Dataset.from_tensor_slices((X, y))."""
    return Iter(one(args.pos[0] if args.pos else Unknown()))


_SAME = frozenset(
    [
        "shuffle",
        "prefetch",
        "cache",
        "repeat",
        "take",
        "skip",
        "shard",
        "with_options",
        "enumerate_",
        "apply",
        "unbatch_",
        "as_numpy_iterator",
        "rebatch",
        "filter",
        "interleave",
        "ignore_errors",
        "snapshot",
        "with_format",
        "set_format",
    ]
)


def iter_method(on: Any, of: Iter, name: str) -> Value:
    """Methods of what hands out items: tf.data's, and those of lists."""
    if name in _SAME:
        return Native(lambda on, args: of, name)
    if name in ("batch", "padded_batch"):
        return Native(lambda on, args: Iter(batched(of.item), batched=True), name)
    if name == "unbatch":
        return Native(lambda on, args: Iter(one(of.item)), name)
    if name == "map":

        def mapped(on: Any, args: Args) -> Value:
            f = args.get(0, "map_func", "function")
            if f is None:
                return Unknown()
            pos: list[Value] = [of.item]
            if isinstance(of.item, Tuple):
                pos = list(of.item.items)
            return Iter(on.call(f, Args(pos, {}, args.node)), of.batched)

        return Native(mapped, name)
    if name == "dataset":
        return of
    return Unknown()
