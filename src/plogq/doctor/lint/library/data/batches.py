"""What hands out items and batches: data sets, loaders, pipelines."""

from __future__ import annotations

from ....facts import Array, Made
from ...machine import Machine
from ...values import (
    Args,
    Const,
    Dict,
    Function,
    Index,
    Instance,
    Iter,
    List,
    Native,
    Tuple,
    Unknown,
    Value,
)


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


def dataset_item(on: Machine, dataset: Value, args: Args) -> Value:
    """One item of a data set."""
    if isinstance(dataset, Iter):
        return dataset.item
    if isinstance(dataset, Instance):
        get = dataset.cls.find("__getitem__") or dataset.cls.find("__iter__")
        if isinstance(get, Function):
            index = Args([Index("index")], {}, args.node)
            found = on.call_function(get, index, dataset)
            return found.item if isinstance(found, Iter) else found
    if isinstance(dataset, List) and dataset.items:
        return on.element(dataset, args.node)
    return Unknown()


def loader(on: Machine, args: Args) -> Value:
    """torch.utils.data.DataLoader."""
    dataset = args.get(0, "dataset")
    item = dataset_item(on, dataset, args) if dataset is not None else Unknown()
    collate = args.get(None, "collate_fn")
    if collate is not None and not (isinstance(collate, Const) and collate.value is None):
        return Iter(on.call(collate, Args([Iter(item)], {}, args.node)), batched=True)
    if isinstance(item, Unknown):
        found = Array(Made.DATA, on.module.text(args.node), on.place(args.node), batched=True)
        return Iter(found, batched=True)
    size = args.constant(1, "batch_size", default=1)
    return Iter(item if size is None else batched(item), batched=True)


def tensor_dataset(on: Machine, args: Args) -> Value:
    """TensorDataset(X, y): items (x, y)."""
    return Iter(Tuple(tuple(one(v) for v in args.pos)))


def slices(on: Machine, args: Args) -> Value:
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


def iter_method(on: Machine, of: Iter, name: str) -> Value:
    """Methods of what hands out items: tf.data's, and those of lists."""
    if name in _SAME:
        return Native(lambda on, args: of, name)
    if name in ("batch", "padded_batch"):
        return Native(lambda on, args: Iter(batched(of.item), batched=True), name)
    if name == "unbatch":
        return Native(lambda on, args: Iter(one(of.item)), name)
    if name == "map":

        def mapped(on: Machine, args: Args) -> Value:
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
