"""Calls of what is no function of the program: names of libraries, layers, losses, models."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...contracts import CONTRACTS
from ..machine import Machine
from ..names import array_function, canonical
from ..values import (
    Args,
    Chain,
    Const,
    Dict,
    Function,
    Instance,
    Iter,
    List,
    Loss,
    Model,
    Native,
    Partial,
    Record,
    Ref,
    Tuple,
    Unknown,
    Value,
)
from ..verbs import VERBS
from . import data, losses, models, transforms
from .builtin import passed_on
from .data import batches, sets
from .layers import LAYERS, chained


def called(on: Machine, f: Value, args: Args) -> Value:
    """What calling something that is no function of the program gives."""
    if isinstance(f, Ref):
        found = _named(on, f.name, args)
        named = not isinstance(found, Unknown) or found.name
        # What an unseen function is called may say what it gives.
        return found if named else Unknown(f.name.rpartition(".")[2])
    if isinstance(f, Loss):
        return losses.called(on, f, args)
    if isinstance(f, Chain):
        return chained(on, f, args)
    if isinstance(f, Model):
        return f.slots["output"]
    if isinstance(f, Instance):
        return _instance(on, f, args)
    if isinstance(f, Record):
        do = f.slots.get("__call__")
        if isinstance(do, Native):
            return do.call(on, args)
    return Unknown(f.name if isinstance(f, Unknown) else "")


def _instance(on: Machine, f: Instance, args: Args) -> Value:
    for name in ("__call__", "forward", "call"):
        found = f.cls.find(name)
        if isinstance(found, Function):
            return on.call_function(found, args, f)
    chain = f.slots.get("__chain__")
    if isinstance(chain, Model):
        return chain.slots["output"]
    if isinstance(chain, Chain):
        return chained(on, chain, args)
    if isinstance(chain, Loss):
        return losses.called(on, chain, args)
    return Unknown()


def _named(on: Machine, written: str, args: Args) -> Value:
    """A call of a name of a library."""
    name = canonical(written)
    contract = CONTRACTS.get(name)
    if contract is not None:
        return losses.made(on, contract, args) if contract.module else losses.function(
            on, contract, args
        )  # fmt: skip
    if name in LAYERS:
        return LAYERS[name](on, args)
    known = _CALLS.get(name)
    if known is not None:
        return known(on, args)
    short = array_function(name)
    if short is not None and short in VERBS and not (short in data.MAKERS and _makes(name)):
        return VERBS[short](on, args)
    head, _, last = name.rpartition(".")
    if last in data.MAKERS and (head in data.MAKER_MODULES):
        return data.MAKERS[last](on, args)
    return models.called(on, name, args)


def _makes(name: str) -> bool:
    """Whether a name that is a verb too makes an array here: numpy.random.permutation."""
    return name.rpartition(".")[0].endswith("random")


_LAYERS_OF_TF1 = {
    "dense": "Dense", "conv2d": "Conv2D", "conv1d": "Conv1D", "dropout": "Dropout",
    "flatten": "Flatten", "max_pooling2d": "MaxPooling2D",
    "average_pooling2d": "AveragePooling2D", "batch_normalization": "BatchNormalization",
}  # fmt: skip


def _at_once(name: str, on: Machine, args: Args) -> Value:
    """tf.layers.dense(x, …): a layer that is made and called."""
    x = args.get(0, "inputs") or Unknown()
    kw = {k: v for k, v in args.kw.items() if k != "inputs"}
    pos = args.pos[1:] if args.pos else []
    made = LAYERS[f"keras.layers.{name}"](on, Args(pos, kw, args.node, args.open))
    return on.call(made, Args([x], {}, args.node))


def _parser(on: Machine, args: Args) -> Value:
    """argparse.ArgumentParser: its arguments, as they are where nobody gives them."""
    parser, given = Record("parser"), Record("namespace")

    def add_argument(on: Machine, args: Args) -> Value:
        flags = [a.value for a in args.pos if isinstance(a, Const) and isinstance(a.value, str)]
        default = args.get(None, "default")
        name = args.constant(None, "dest") or max(flags, key=len, default="").lstrip("-")
        action = args.constant(None, "action")
        if action in ("store_true", "store_false") and default is None:
            default = Const(action == "store_false")
        if isinstance(name, str) and isinstance(default, Const):
            on.write(given, name.replace("-", "_"), on.given(default.value))
        return Unknown()

    for name in ("add_argument_group", "add_mutually_exclusive_group"):
        parser.slots[name] = Native(lambda on, args: parser, name)
    parser.slots["add_argument"] = Native(add_argument, "add_argument")
    parser.slots["parse_args"] = Native(lambda on, args: given, "parse_args")
    parser.slots["parse_known_args"] = Native(
        lambda on, args: Tuple((given, Unknown("rest"))), "parse_known_args"
    )

    def set_defaults(on: Machine, args: Args) -> Value:
        for name, value in args.kw.items():
            if isinstance(value, Const):
                on.write(given, name, on.given(value.value))
        return Unknown()

    parser.slots["set_defaults"] = Native(set_defaults, "set_defaults")
    return parser


def _parser_of_classes(on: Machine, args: Args) -> Value:
    """transformers.HfArgumentParser: objects of dataclasses, as they are where nobody gives any."""
    given = args.get(0, "dataclass_types")
    classes = given.items if isinstance(given, Tuple | List) else (given,)
    empty = Args([], {}, args.node)
    made = tuple(Unknown() if c is None else on.call(c, empty) for c in classes or ())
    parser = Record("parser")
    for name in ("parse_args_into_dataclasses", "parse_dict", "parse_json_file"):
        parser.slots[name] = Native(lambda on, args: Tuple(made), name)
    return parser


def _field(on: Machine, args: Args) -> Value:
    """A field of a dataclass: its default, or what makes one for each object."""
    make = args.get(None, "default_factory", "factory")
    if make is not None:
        return Record("field", make=make)
    return args.get(None, "default") or Unknown()


def _table_of(on: Machine, args: Args) -> Value:
    """pandas.DataFrame({…}): its columns."""
    given = args.get(0, "data")
    return Dict(given.slots, given.open) if isinstance(given, Dict) else Unknown()


def _partial(on: Machine, args: Args) -> Value:
    if not args.pos:
        return Unknown()
    return Partial(args.pos[0], tuple(args.pos[1:]), dict(args.kw))


def _rng(on: Machine, args: Args) -> Value:
    return Record("rng")


def _first(on: Machine, args: Args) -> Value:
    return args.pos[0] if args.pos else Unknown()


_CALLS: dict[str, Callable[[Machine, Args], Any]] = {
    "functools.partial": _partial,
    "jax.tree_util.Partial": _partial,
    "numpy.random.default_rng": _rng,
    "numpy.random.RandomState": _rng,
    "numpy.random.Generator": _rng,
    "torch.utils.data.DataLoader": batches.loader,
    "torch_geometric.loader.DataLoader": batches.loader,
    "torch.utils.data.TensorDataset": batches.tensor_dataset,
    "torch.utils.data.random_split": lambda on, args: List((args.pos[0],) * 3)
    if args.pos else Unknown(),
    "torch.utils.data.Subset": _first,
    "torch.utils.data.dataset.TensorDataset": batches.tensor_dataset,
    "tensorflow.data.Dataset.from_tensor_slices": batches.slices,
    "tensorflow.data.Dataset.from_tensors": lambda on, args: Iter(_first(on, args)),
    "tensorflow.data.Dataset.zip": lambda on, args: Iter(
        Tuple(tuple(on.element(i, args.node) for i in on.items(args.pos[0]) or ()))
    ) if args.pos else Unknown(),
    "sklearn.model_selection.train_test_split": sets.split,
    "torch.nn.utils.rnn.pad_sequence": sets.padded,
    "keras.utils.pad_sequences": sets.padded,
    "keras.preprocessing.sequence.pad_sequences": sets.padded,
    "tqdm.tqdm": passed_on,
    "tqdm.auto.tqdm": passed_on,
    "tqdm.notebook.tqdm": passed_on,
    "tqdm.trange": lambda on, args: Iter(Unknown("i")),
    "rich.progress.track": passed_on,
    "copy.deepcopy": _first,
    "copy.copy": _first,
    "typing.cast": lambda on, args: args.get(1) or Unknown(),
    "collections.OrderedDict": lambda on, args: args.pos[0] if args.pos else Dict(args.kw),
    "collections.deque": lambda on, args: List(()),
    "itertools.chain": passed_on,
    "itertools.cycle": passed_on,
    "itertools.islice": passed_on,
    "types.SimpleNamespace": lambda on, args: Record("namespace", **args.kw),
    "dataclasses.field": _field,
    "flax.struct.field": _field,
    "attr.ib": _field,
    "attrs.field": _field,
    "pydantic.Field": lambda on, args: args.pos[0] if args.pos else _field(on, args),
    "argparse.Namespace": lambda on, args: Record("namespace", **args.kw),
    "torch.nn.functional.embedding": lambda on, args: Unknown(),
    "argparse.ArgumentParser": _parser,
    "transformers.HfArgumentParser": _parser_of_classes,
    "optax.apply_updates": _first,
    "pandas.DataFrame": _table_of,
    **{
        f"tensorflow.layers.{name}": partial(_at_once, layer)
        for name, layer in _LAYERS_OF_TF1.items()
    },
    **transforms.CALLS,
}  # fmt: skip
